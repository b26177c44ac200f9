/* No operation of ops.def hides a NaN, but those whose meaning is to compare, and pow where the
 * other operand decides alone: from the rows, for float32 and float64. */
#include <criterion/criterion.h>
#include <math.h>

#include "compiler/evaluate/scalar.h"

enum { ELEMENTS = 40 };

static const double others[] = {0.0, -0.0, 1.0, -2.5, INFINITY, -INFINITY, (double)NAN};
enum { OTHERS = sizeof others / sizeof *others };

/* 1 to any power, and anything to the power 0. */
static bool decides_alone(enum op op, double other, bool is_first) {
    return op == OP_POW && other == (is_first ? 1.0 : 0.0);
}

static double element(int place, int nan_at) {
    return place == nan_at ? (double)NAN : others[place % (OTHERS - 1)];
}

#define CHECK_UNARY_OF(id, short, op, name, result)                                                \
    if (op_accepts(op, DTYPE_##id))                                                                \
        cr_expect(isnan(scalar_##name##_##short((type_##short)NAN)), #name " of " #id);
#define CHECK_BINARY_OF(id, short, op, name, result)                                               \
    for (int i = 0; op_accepts(op, DTYPE_##id) && op_facts[op].gives == GIVES_SAME && i < OTHERS;  \
         i++) {                                                                                    \
        const type_##short other = (type_##short)others[i], nan = (type_##short)NAN;               \
        cr_expect(isnan((double)scalar_##name##_##short(nan, other)) ||                            \
                      decides_alone(op, others[i], false),                                         \
                  #name " of " #id ": NaN, %g", others[i]);                                        \
        cr_expect(isnan((double)scalar_##name##_##short(other, nan)) ||                            \
                      decides_alone(op, others[i], true),                                          \
                  #name " of " #id ": %g, NaN", others[i]);                                        \
    }
/* From the identity on, in one lane: a value, or whether the next element is the better one. */
#define CHECK_REDUCE_OF(id, short, op, name, result)                                               \
    for (int nan_at = 0; nan_at < ELEMENTS; nan_at++) {                                            \
        type_##short all = (type_##short)IDENTITY_##name(short);                                   \
        int position = 0;                                                                          \
        for (int i = 0; i < ELEMENTS; i++) {                                                       \
            const type_##short next = (type_##short)element(i, nan_at);                            \
            const double joined = (double)scalar_##name##_##short(all, next);                      \
            if (op_facts[op].gives == GIVES_SAME) {                                                \
                all = (type_##short)joined;                                                        \
            } else if (joined != 0) {                                                              \
                all = next;                                                                        \
                position = i;                                                                      \
            }                                                                                      \
        }                                                                                          \
        cr_expect(isnan((double)all), #name " of " #id ", NaN at %d", nan_at);                     \
        cr_expect(op_facts[op].gives == GIVES_SAME || position == nan_at,                          \
                  #name " of " #id ": found at %d, NaN is at %d", position, nan_at);               \
    }

#define CHECK_LEAF(...)
#define CHECK_MOVEMENT(...)
#define CHECK_JOIN(...)
#define CHECK_CONVERT(...)
#define CHECK_TERNARY(...)
#define CHECK_CONTRACT(...)
#define CHECK_SORT(...)
#define CHECK_SCATTER(...)
#define CHECK_SCAN(...)
#define CHECK_UNARY(...) FOR_FLOAT_DTYPES(CHECK_UNARY_OF, __VA_ARGS__)
#define CHECK_BINARY(...) FOR_FLOAT_DTYPES(CHECK_BINARY_OF, __VA_ARGS__)
#define CHECK_REDUCE(...) FOR_FLOAT_DTYPES(CHECK_REDUCE_OF, __VA_ARGS__)

Test(nan, no_row_of_the_table_hides_it) {
#define OP(id, name, class, sources, accepts, gives, ...)                                          \
    if (OP_##id < OP_STORED_COUNT) {                                                               \
        CHECK_##class(OP_##id, name, gives)                                                        \
    }
#include "compiler/graph/ops.def"
#undef OP
}
