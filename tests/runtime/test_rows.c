/* Every elementwise row operation for every target, with every kind of stride, against its form in
 * ops.def (conversions: against the interpreter) one element at a time. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/evaluate/evaluate.h"
#include "runtime/kernels/kernels.h"
#include "tests/support/random_rows.h"

/* DTYPE_OF(f32) and so on: dtypes by short name. */
enum {
#define DTYPE(id, name, type, arithmetic, ones, safetensors, npy, letter, short, ...)              \
    dtype_##short = DTYPE_##id,
#include "compiler/graph/dtypes.def"
#undef DTYPE
};
#define DTYPE_OF(short) (enum dtype) dtype_##short

/* ---- One element, computed apart ---- */

typedef void element_function(void *result, const void *a, const void *b, const void *c);

#define UNUSED __attribute__((unused))
#define ELEMENT(name)                                                                              \
    static void element_##name(void *result, const void *a, const void *b UNUSED,                  \
                               const void *c UNUSED)
#define DEFINE_UNARY(row, short, name, gives)                                                      \
    ELEMENT(row) {                                                                                 \
        *(RESULT_##gives(short) *)result = scalar_##name##_##short(*(const type_##short *)a);      \
    }
#define DEFINE_BINARY(row, short, name, gives)                                                     \
    ELEMENT(row) {                                                                                 \
        *(RESULT_##gives(short) *)result =                                                         \
            scalar_##name##_##short(*(const type_##short *)a, *(const type_##short *)b);           \
    }
#define DEFINE_WHERE(row, short)                                                                   \
    ELEMENT(row) {                                                                                 \
        memcpy(result, *(const uint8_t *)a ? b : c, sizeof(type_##short));                         \
    }
#define DEFINE_COPY(row, short)                                                                    \
    ELEMENT(row) {                                                                                 \
        memcpy(result, a, sizeof(type_##short));                                                   \
    }
#define DEFINE_CANON(row, short)                                                                   \
    ELEMENT(row) {                                                                                 \
        memcpy(result, a, sizeof(type_##short));                                                   \
        quiet_nans(DTYPE_OF(short), result, 1);                                                    \
    }
#define DEFINE_CONVERT(row, from, to)                                                              \
    ELEMENT(row) {                                                                                 \
        convert_element(DTYPE_OF(from), DTYPE_OF(to), result, a);                                  \
    }

static void convert_element(enum dtype from, enum dtype to, void *result, const void *a) {
    const struct node node = {.op = OP_CAST, .dtype = to};
    _Alignas(8) char operand[8];
    memcpy(operand, a, dtype_facts[from].bytes);
    const struct view source = {.data = operand, .dtype = from};
    const struct view target = {.data = result, .dtype = to};
    evaluate_convert(&node, &source, NULL, &target);
}

#define ROW(kind, name, op, dtype, ...) DEFINE_##kind(name, __VA_ARGS__)
#include "runtime/kernels/rows_elementwise.def"
#undef ROW

/* ---- What there is to test ---- */

struct subject {
    const char *name;
    enum op op;
    enum dtype dtype;
    element_function *element;
    bool exact; /* NaNs too: elements are moved */
    int operands;
    enum dtype result, sources[3];
};

#define GIVES_DTYPE_SAME(short) DTYPE_OF(short)
#define GIVES_DTYPE_BOOL(short) DTYPE_OF(b8)
#define FACTS_UNARY(short, name, gives)                                                            \
    false, 1, GIVES_DTYPE_##gives(short), {                                                        \
        DTYPE_OF(short)                                                                            \
    }
#define FACTS_BINARY(short, name, gives)                                                           \
    false, 2, GIVES_DTYPE_##gives(short), {                                                        \
        DTYPE_OF(short), DTYPE_OF(short)                                                           \
    }
#define FACTS_WHERE(short)                                                                         \
    true, 3, DTYPE_OF(short), {                                                                    \
        DTYPE_OF(b8), DTYPE_OF(short), DTYPE_OF(short)                                             \
    }
#define FACTS_COPY(short)                                                                          \
    true, 1, DTYPE_OF(short), {                                                                    \
        DTYPE_OF(short)                                                                            \
    }
#define FACTS_CANON(short)                                                                         \
    true, 1, DTYPE_OF(short), {                                                                    \
        DTYPE_OF(short)                                                                            \
    }
#define FACTS_CONVERT(from, to)                                                                    \
    false, 1, DTYPE_OF(to), {                                                                      \
        DTYPE_OF(from)                                                                             \
    }

/* They come first among the row operations, in this order. */
static const struct subject subjects[] = {
#define ROW(kind, name, op, dtype, ...)                                                            \
    {#name, OP_##op, DTYPE_##dtype, element_##name, FACTS_##kind(__VA_ARGS__)},
#include "runtime/kernels/rows_elementwise.def"
#undef ROW
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

/* ---- Calls ---- */

/* A tensor in the middle of a room, as parameters of a row operation say it. */
enum { ROOM = 32768 }; /* elements */
struct tensor {
    enum dtype dtype;
    long row, step;
    char *room;
};

static char *element_at(const struct tensor *tensor, long row, long column) {
    long place = ROOM / 2 + row * tensor->row + column * tensor->step;
    cr_assert(place >= 0 && place < ROOM);
    return tensor->room + place * (long)dtype_facts[tensor->dtype].bytes;
}

#define PARAMETER_TYPES const void *, long, long
typedef void row_1(long, long, void *, long, long, PARAMETER_TYPES);
typedef void row_2(long, long, void *, long, long, PARAMETER_TYPES, PARAMETER_TYPES);
typedef void row_3(long, long, void *, long, long, PARAMETER_TYPES, PARAMETER_TYPES,
                   PARAMETER_TYPES);
#define PARAMETERS(tensor) element_at(tensor, 0, 0), (tensor)->row, (tensor)->step

static void call(row_function *function, int operands, long rows, long columns,
                 const struct tensor *t) {
    if (operands == 1)
        ((row_1 *)function)(rows, columns, PARAMETERS(&t[0]), PARAMETERS(&t[1]));
    else if (operands == 2)
        ((row_2 *)function)(rows, columns, PARAMETERS(&t[0]), PARAMETERS(&t[1]), PARAMETERS(&t[2]));
    else
        ((row_3 *)function)(rows, columns, PARAMETERS(&t[0]), PARAMETERS(&t[1]), PARAMETERS(&t[2]),
                            PARAMETERS(&t[3]));
}

static _Alignas(64) char rooms[4][ROOM * 8], expected[ROOM * 8];

static void fill_room(enum dtype dtype, char *room) {
    for (long i = 0; i < ROOM; i++)
        random_element(dtype, room + i * (long)dtype_facts[dtype].bytes);
}

/* Runs the operation on tensors with those strides, the result in the place of operand `alias`
 * unless that is 0, and compares the result's whole room. */
static void check(int index, const struct target *target, long rows, long columns, struct tensor *t,
                  int alias) {
    const struct subject *subject = &subjects[index];
    size_t bytes = ROOM * dtype_facts[subject->result].bytes;
    t[0].room = rooms[alias];
    if (alias) {
        t[0].row = t[alias].row;
        t[0].step = t[alias].step;
    }
    memcpy(expected, t[0].room, bytes);
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < columns; c++) {
            const void *sources[3] = {0};
            for (int i = 0; i < subject->operands; i++)
                sources[i] = element_at(&t[1 + i], r, c);
            struct tensor target = t[0];
            target.room = expected;
            subject->element(element_at(&target, r, c), sources[0], sources[1], sources[2]);
        }
    call(kernels_for(target)->rows[index], subject->operands, rows, columns, t);
    if (!subject->exact) {
        quiet_nans(subject->result, t[0].room, ROOM);
        quiet_nans(subject->result, expected, ROOM);
    }
    cr_assert_arr_eq(t[0].room, expected, bytes,
                     "%s at %s: %ld x %ld, result %ld %ld, a %ld %ld, b %ld %ld, alias %d",
                     subject->name, target->name, rows, columns, t[0].row, t[0].step, t[1].row,
                     t[1].step, t[2].row, t[2].step, alias);
}

/* A stride of rows: just behind one another, apart, backwards; for operands also the same row. */
static long random_row_stride(long columns, long step, bool operand) {
    long length = columns * labs(step) + (step == 0);
    switch (random_below(operand ? 4 : 3)) {
    case 0:
        return step ? columns * step : length;
    case 1:
        return length + 1 + random_below(5);
    case 2:
        return -length - random_below(3);
    default:
        return 0;
    }
}

/* Random strides around the given steps, then the same in place of each operand it can replace. */
static void check_steps(int index, const struct target *target, long rows, long columns,
                        const long steps[4]) {
    const struct subject *subject = &subjects[index];
    struct tensor t[4];
    for (int i = 0; i <= subject->operands; i++)
        t[i] = (struct tensor){.dtype = i ? subject->sources[i - 1] : subject->result,
                               .step = steps[i],
                               .row = random_row_stride(columns, steps[i], i > 0),
                               .room = rooms[i]};
    for (int i = subject->operands + 1; i < 4; i++)
        t[i] = (struct tensor){0};
    check(index, target, rows, columns, t, 0);
    for (int i = 1; i <= subject->operands; i++) {
        struct tensor copies[4];
        memcpy(copies, t, sizeof t);
        bool writable = labs(t[i].row) >= columns * labs(t[i].step) && t[i].step != 0;
        if (subject->sources[i - 1] != subject->result || !writable)
            continue;
        check(index, target, rows, columns, copies, i);
        for (long e = 0; e < 64; e++) /* or the operation wears its operand out */
            random_element(t[i].dtype,
                           element_at(&t[i], random_below(rows), random_below(columns)));
    }
}

/* Rows from columns, and columns from rows. */
static void check_turned(int index, const struct target *target) {
    const struct subject *subject = &subjects[index];
    for (int round = 0; round < 40; round++) {
        const bool whole = round % 4 == 0; /* squares alone, in one piece */
        long rows = whole ? 16 * (1 + random_below(4)) : 1 + random_below(70);
        long columns = 1 + random_below(70);
        struct tensor along = {subject->result, columns + random_below(3), 1, rooms[0]};
        struct tensor across = {subject->result, 1, rows + (whole ? 0 : random_below(3)), rooms[1]};
        bool swaps = random_below(2);
        struct tensor t[4] = {swaps ? across : along, swaps ? along : across};
        t[0].room = rooms[0];
        t[1].room = rooms[1];
        check(index, target, rows, columns, t, 0);
    }
}

enum { STEPS = 4, LONGEST = 70 };
static const long some_steps[STEPS] = {1, 0, 3, -2};

static void check_subject(int index, const struct target *target) {
    const struct subject *subject = &subjects[index];
    fill_room(subject->result, rooms[0]);
    for (int i = 0; i < subject->operands; i++)
        fill_room(subject->sources[i], rooms[1 + i]);
    for (int result = 0; result < STEPS; result++)
        for (int a = 0; a < STEPS; a++)
            for (int b = 0; b < (subject->operands > 1 ? STEPS : 1); b++) {
                long steps[4] = {some_steps[result], some_steps[a], some_steps[b],
                                 some_steps[random_below(STEPS)]};
                if (steps[0] != 0)
                    check_steps(index, target, 3, 37, steps);
            }
    for (long columns = 1; columns <= LONGEST; columns++)
        check_steps(index, target, 1 + random_below(3), columns, (long[]){1, 1, 1, 1});
    if (subject->exact && subject->operands == 1)
        check_turned(index, target);
    check_steps(index, target, 2, 1300, (long[]){1, 1, 1, 0});
    check_steps(index, target, 2, 1300, (long[]){1, 0, 1, 1});
    check_steps(index, target, 2, 1300, (long[]){3, 1, 0, -2});
    check_steps(index, target, 300, 7, (long[]){-2, 3, 0, 1});
}

static void check_target(const struct target *target) {
    if (!cpu_runs(target))
        cr_skip_test("this CPU lacks %s", target->name);
    random_state = 1 + (uint64_t)(target - targets);
    for (int i = 0; i < SUBJECTS; i++)
        if (op_accepts(subjects[i].op, subjects[i].dtype))
            check_subject(i, target);
}

Test(rows, baseline_is_the_form, .timeout = 120) {
    check_target(&targets[TARGET_BASELINE]);
}

Test(rows, avx2_is_the_form, .timeout = 120) {
    check_target(&targets[TARGET_AVX2]);
}

Test(rows, avx512_is_the_form, .timeout = 120) {
    check_target(&targets[TARGET_AVX512]);
}

/* ---- Sine and cosine: what is near is reduced in another way than what is far ---- */

static float near_number(void) {
    return (float)(random_below(131071) - 65535) / (float)(1 << random_below(20));
}

static void check_waves(const char *name, const struct target *target) {
    static const float far[] = {65536, -65537, 1e30F, INFINITY, -INFINITY, NAN};
    float *numbers = (float *)rooms[1] + ROOM / 2;
    struct tensor t[4] = {{DTYPE_FLOAT32, 0, 1, rooms[0]}, {DTYPE_FLOAT32, 0, 1, rooms[1]}};
    for (long columns = 1; columns <= 200; columns++) {
        for (long i = 0; i < columns; i++)
            numbers[i] = near_number();
        check(row_find(name), target, 1, columns, t, 0);
        numbers[random_below(columns)] = far[random_below(sizeof far / sizeof *far)];
        check(row_find(name), target, 1, columns, t, 0);
        check(row_find(name), target, 1, columns, t, 1);
    }
}

Test(rows, waves_of_near_and_far) {
    for (int i = 0; i < TARGET_COUNT; i++)
        if (cpu_runs(&targets[i])) {
            check_waves("row_f32_sin", &targets[i]);
            check_waves("row_f32_cos", &targets[i]);
        }
}

Test(rows, nothing_to_do) {
    float result = 7, a = 1;
    for (long rows = 0; rows < 2; rows++)
        ((row_1 *)kernels_for(&targets[TARGET_BASELINE])->rows[row_find("row_f32_neg")])(
            rows, 1 - rows, &result, 1, 1, &a, 1, 0);
    cr_assert_eq(result, 7);
}

/* A row operation is found exactly where ops.def defines the operation. */
Test(rows, names) {
    static const char *const all[ROW_COUNT] = {
#define ROW(kind, name, ...) #name,
#include "runtime/kernels/rows.def"
#undef ROW
    };
    for (int op = 0; op < OP_COUNT; op++)
        for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
            enum op_class class = op_facts[op].class;
            if (class == CLASS_LEAF || class == CLASS_MOVEMENT || class == CLASS_JOIN ||
                class == CLASS_CONVERT || class == CLASS_SORT || class == CLASS_SCATTER ||
                class == CLASS_SCAN)
                continue;
            char name[64];
            snprintf(name, sizeof name, "row_%s_%s", dtype_facts[dtype].short_name,
                     op_facts[op].name);
            int found = row_find(name);
            cr_assert_eq(found >= 0, op_accepts((enum op)op, (enum dtype)dtype), "%s", name);
            if (found >= 0)
                cr_assert_str_eq(all[found], name);
        }
    for (int i = 0; i < SUBJECTS; i++)
        if (op_accepts(subjects[i].op, subjects[i].dtype))
            cr_assert_eq(row_find(subjects[i].name), i, "%s", subjects[i].name);
    for (int i = 0; i < ROW_COUNT; i++)
        for (int target = 0; target < TARGET_COUNT && row_find(all[i]) >= 0; target++)
            cr_assert(kernels_for(&targets[target])->rows[i], "%s", all[i]);
    cr_assert_neq(row_find("row_convert_bf16_f64"), -1);
    cr_assert_neq(row_find("row_f16_canonical"), -1);
    cr_assert_neq(row_find("row_i8_reduce_max_along_end"), -1);
    cr_assert_neq(row_find("row_bf16_gather_i64"), -1);
    cr_assert_neq(row_find("row_i64_iota"), -1);
    cr_assert_eq(row_find("row_b8_reduce_sum_begin"), -1);
    cr_assert_eq(row_find("row_f32"), -1);
    cr_assert_eq(row_find("row_zzz"), -1);
    cr_assert_eq(row_find(""), -1);
}
