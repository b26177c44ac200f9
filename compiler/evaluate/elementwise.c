/* Unary, binary and ternary operations: one loop an operation and dtype, made from ops.def. */
#include "compiler/evaluate/evaluate.h"
#include "compiler/evaluate/scalar.h"

typedef void row_function(const struct rows *rows);

/* Row-major results have stride 1. Sources that do too, or that stay at one element, get loops of
 * their own, which compilers turn into vectors. */
#define UNARY_LOOP(SA, scalar)                                                                     \
    for (int64_t i = 0; i < count; i++)                                                            \
    result[i] = scalar(a[i * (SA)])

#define UNARY_ROW(id, short, name, gives)                                                          \
    static void row_##name##_##short(const struct rows *rows) {                                    \
        RESULT_##gives(short) *result = rows->data[0];                                             \
        const type_##short *a = rows->data[1];                                                     \
        const int64_t count = rows->length, sa = rows->stride[1];                                  \
        if (sa == 1)                                                                               \
            UNARY_LOOP(1, scalar_##name##_##short);                                                \
        else                                                                                       \
            UNARY_LOOP(sa, scalar_##name##_##short);                                               \
    }

#define BINARY_LOOP(SA, SB, scalar)                                                                \
    for (int64_t i = 0; i < count; i++)                                                            \
    result[i] = scalar(a[i * (SA)], b[i * (SB)])

#define BINARY_ROW(id, short, name, gives)                                                         \
    static void row_##name##_##short(const struct rows *rows) {                                    \
        RESULT_##gives(short) *result = rows->data[0];                                             \
        const type_##short *a = rows->data[1], *b = rows->data[2];                                 \
        const int64_t count = rows->length, sa = rows->stride[1], sb = rows->stride[2];            \
        if (sa == 1 && sb == 1)                                                                    \
            BINARY_LOOP(1, 1, scalar_##name##_##short);                                            \
        else if (sa == 1 && sb == 0)                                                               \
            BINARY_LOOP(1, 0, scalar_##name##_##short);                                            \
        else                                                                                       \
            BINARY_LOOP(sa, sb, scalar_##name##_##short);                                          \
    }

#define ROW_LEAF(...)
#define ROW_MOVEMENT(...)
#define ROW_JOIN(...)
#define ROW_SORT(...)
#define ROW_SCATTER(...)
#define ROW_SCAN(...)
#define ROW_CONVERT(...)
#define ROW_TERNARY(...)
#define ROW_REDUCE(...)
#define ROW_CONTRACT(...)
#define ROW_UNARY(name, gives) FOR_COMPUTING_DTYPES(UNARY_ROW, name, gives)
#define ROW_BINARY(name, gives) FOR_COMPUTING_DTYPES(BINARY_ROW, name, gives)
#define OP(id, name, class, sources, accepts, gives, ...) ROW_##class(name, gives)
#include "compiler/graph/ops.def"
#undef OP
#undef ROW_UNARY
#undef ROW_BINARY

#define TABLE_ENTRY(id, short, name) [DTYPE_##id] = row_##name##_##short,
#define ROW_UNARY(name) FOR_COMPUTING_DTYPES(TABLE_ENTRY, name)
#define ROW_BINARY(name) FOR_COMPUTING_DTYPES(TABLE_ENTRY, name)
#define OP(id, name, class, ...) [OP_##id] = {ROW_##class(name)},
static row_function *const row_functions[OP_COUNT][DTYPE_COUNT] = {
#include "compiler/graph/ops.def"
};
#undef OP

/* where moves elements and computes nothing. */
#define WHERE_ROW(type)                                                                            \
    static void row_where_##type(const struct rows *rows) {                                        \
        type *result = rows->data[0];                                                              \
        const type_b8 *mask = rows->data[1];                                                       \
        const type *yes = rows->data[2], *no = rows->data[3];                                      \
        for (int64_t i = 0; i < rows->length; i++)                                                 \
            result[i] =                                                                            \
                mask[i * rows->stride[1]] ? yes[i * rows->stride[2]] : no[i * rows->stride[3]];    \
    }
WHERE_ROW(bytes_1)
WHERE_ROW(bytes_2)
WHERE_ROW(bytes_4)
WHERE_ROW(bytes_8)

static row_function *where_function(enum dtype dtype) {
    switch (dtype_facts[dtype].bytes) {
    case 1:
        return row_where_bytes_1;
    case 2:
        return row_where_bytes_2;
    case 4:
        return row_where_bytes_4;
    default:
        return row_where_bytes_8;
    }
}

void evaluate_elementwise(const struct node *node, const struct view *sources, struct stop *stop,
                          const struct view *result) {
    row_function *row = op_facts[node->op].class == CLASS_TERNARY
                            ? where_function(node->dtype)
                            : row_functions[node->op][sources[0].dtype];
    const struct view *views[MAX_OPERANDS] = {result};
    for (int i = 0; i < node->source_count; i++)
        views[1 + i] = &sources[i];
    struct rows rows = rows_until(stop, 1 + node->source_count, views);
    do
        row(&rows);
    while (rows_next(&rows));
}
