/* One set of row operations: included by rows_NAME.c, which defines SET as that name.
 *
 * An operation is one loop over neighbouring elements, which the compiler turns into vectors.
 * Operands with other steps are first copied into a stage of neighbouring elements. */
#include "compiler/evaluate/cast.h"
#include "runtime/kernels/rows.h"
#include "runtime/kernels/sets.h"

#include <string.h>

#include "runtime/kernels/rows_vector.h"
#include "templates/transpose.h"

/* One tensor of a call; strides in elements of `bytes`. The result is the first. */
struct operand {
    char *data;
    long row, step, bytes;
};

/* An operation where every step is 1. */
typedef void block_function(long rows, long columns, const struct operand *operands);

/* Short rows that lie apart are no stream that caches would recognise. */
enum { ROWS_AHEAD = 8, LINE_BYTES = OF_SET(SET_, _LINE), SHORT_BYTES = 4 * LINE_BYTES };
static inline void fetch_row(const void *row, long bytes) {
    for (long at = 0; bytes <= SHORT_BYTES && at < bytes; at += LINE_BYTES)
        __builtin_prefetch((const char *)row + at);
}

/* One row: neighbours, every other element, one repeated, or any steps. (The last as it stands:
 * gathers and scatters are slower.) */
#define COPY(type)                                                                                 \
    static void copy_##type(long rows, long columns, const struct operand *to,                     \
                            const struct operand *from) {                                          \
        for (long row = 0; row < rows; row++) {                                                    \
            type *result = (type *)to->data + row * to->row;                                       \
            const type *a = (const type *)from->data + row * from->row;                            \
            const long result_step = to->step, a_step = from->step;                                \
            if (result_step == 1 && a_step == 1) {                                                 \
                fetch_row(a + ROWS_AHEAD * from->row, columns * (long)sizeof *a);                  \
                INDEPENDENT                                                                        \
                for (long i = 0; i < columns; i++)                                                 \
                    result[i] = a[i];                                                              \
            } else if (result_step == 1 && a_step == 2) {                                          \
                INDEPENDENT                                                                        \
                for (long i = 0; i < columns; i++)                                                 \
                    result[i] = a[2 * i];                                                          \
            } else if (result_step == 1 && a_step == 0) {                                          \
                const type same = *a;                                                              \
                for (long i = 0; i < columns; i++)                                                 \
                    result[i] = same;                                                              \
            } else {                                                                               \
                for (long i = 0; i < columns; i++) {                                               \
                    result[i * result_step] = a[i * a_step];                                       \
                    __asm__("" : "+r"(a));                                                         \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
COPY(bytes_1)
COPY(bytes_2)
COPY(bytes_4)
COPY(bytes_8)

/* Whether rows are made of columns that are worth to be turned in registers. */
enum { LEAST_TURNED = 8 };
static bool turns_floats(long rows, long columns, const struct operand *to,
                         const struct operand *from) {
    return to->bytes == 4 && rows >= LEAST_TURNED && columns >= LEAST_TURNED && to->step == 1 &&
           from->row == 1 && from->step > 1 && to->row > 1;
}

/* The same operand with rows for columns. */
static struct operand turned(const struct operand *x) {
    return (struct operand){x->data, x->step, x->row, x->bytes};
}

static void copy(long rows, long columns, const struct operand *to, const struct operand *from) {
    const struct operand turned_to = turned(to), turned_from = turned(from);
    if (to->row == columns * to->step && from->row == columns * from->step) {
        columns *= rows; /* rows behind one another are one row */
        rows = 1;
    }
    if (turns_floats(rows, columns, to, from))
        f32_transpose((float *)to->data, to->row, (const float *)from->data, from->step, rows,
                      columns);
    else if (turns_floats(columns, rows, &turned_to, &turned_from))
        f32_transpose((float *)to->data, to->step, (const float *)from->data, from->row, columns,
                      rows);
    else if (to->bytes == 4)
        copy_bytes_4(rows, columns, to, from);
    else if (to->bytes == 1)
        copy_bytes_1(rows, columns, to, from);
    else if (to->bytes == 8)
        copy_bytes_8(rows, columns, to, from);
    else
        copy_bytes_2(rows, columns, to, from);
}

enum { MAX_OPERANDS = 4, STAGE = 512 /* elements */ };

static bool is_scalar(const struct operand *operand) {
    return operand->row == 0 && operand->step == 0;
}

/* Operands with other steps than 1 go through stages. */
static __attribute__((noinline)) void run_staged(long rows, long columns, int count,
                                                 const struct operand *operands,
                                                 block_function *block) {
    if (rows <= 0 || columns <= 0)
        return;
    _Alignas(64) char stages[MAX_OPERANDS][STAGE * 8];
    const long width = least(columns, STAGE), height = columns < STAGE ? STAGE / columns : 1;
    struct operand parts[MAX_OPERANDS], staged[MAX_OPERANDS];
    for (int i = 0; i < count; i++) {
        parts[i] = staged[i] = operands[i];
        if (operands[i].step != 1)
            staged[i] = (struct operand){stages[i], width, 1, operands[i].bytes};
        if (is_scalar(&operands[i])) {
            staged[i].row = 0;
            copy(1, width, &staged[i], &operands[i]);
        }
    }
    for (long row = 0; row < rows; row += height)
        for (long column = 0; column < columns; column += width) {
            const long high = least(height, rows - row), wide = least(width, columns - column);
            for (int i = 0; i < count; i++) {
                const struct operand *whole = &operands[i];
                parts[i].data =
                    whole->data + (row * whole->row + column * whole->step) * whole->bytes;
                if (whole->step == 1)
                    staged[i].data = parts[i].data;
                else if (i > 0 && !is_scalar(whole))
                    copy(high, wide, &staged[i], &parts[i]);
            }
            block(high, wide, staged);
            if (operands[0].step != 1)
                copy(high, wide, &parts[0], &staged[0]);
        }
}

/* No stages; rows behind one another are one row. */
static void run_neighbours(long rows, long columns, int count, const struct operand *operands,
                           block_function *block) {
    bool one_row = rows > 1;
    for (int i = 0; i < count; i++)
        one_row &= operands[i].row == columns * operands[i].step;
    block(one_row ? 1 : rows, one_row ? columns * rows : columns, operands);
}

/* Of a single element, steps do not matter. */
static inline bool is_one(long rows, long columns) {
    return rows == 1 && columns == 1;
}

/* OPERAND(a): the operand made from the parameters a, a_row, a_step. */
#define OPERAND(a)                                                                                 \
    { (char *)(a), a##_row, a##_step, sizeof *(a) }
#define ROW_OF(type, operand, row) ((type *)operands[operand].data + (row)*operands[operand].row)

#define BLOCK static __attribute__((noinline)) void

#define DEFINE_1(name, result_type, type, expression)                                              \
    DEFINE_1_BY(name, result_type, type, LOOP_1(result_type, expression))
#define DEFINE_1_BY(name, result_type, type, loop)                                                 \
    BLOCK block_##name(long rows, long columns, const struct operand *operands) {                  \
        for (long row = 0; row < rows; row++) {                                                    \
            result_type *result = ROW_OF(result_type, 0, row);                                     \
            const type *a = ROW_OF(const type, 1, row);                                            \
            loop                                                                                   \
        }                                                                                          \
    }                                                                                              \
    static void name(long rows, long columns, result_type *result, long result_row,                \
                     long result_step, const type *a, long a_row, long a_step) {                   \
        struct operand operands[] = {OPERAND(result), OPERAND(a)};                                 \
        if ((result_step == 1 && a_step == 1) || is_one(rows, columns))                            \
            run_neighbours(rows, columns, 2, operands, block_##name);                              \
        else                                                                                       \
            run_staged(rows, columns, 2, operands, block_##name);                                  \
    }

#define BLOCK_2(name, result_type, type, expression)                                               \
    BLOCK block_##name(long rows, long columns, const struct operand *operands) {                  \
        for (long row = 0; row < rows; row++) {                                                    \
            result_type *result = ROW_OF(result_type, 0, row);                                     \
            const type *a = ROW_OF(const type, 1, row), *b = ROW_OF(const type, 2, row);           \
            INDEPENDENT                                                                            \
            for (long i = 0; i < columns; i++)                                                     \
                result[i] = expression(a[i], b[i]);                                                \
        }                                                                                          \
    }

#define DEFINE_2(name, result_type, type, expression)                                              \
    BLOCK_2(name, result_type, type, expression)                                                   \
    static void name(long rows, long columns, result_type *result, long result_row,                \
                     long result_step, const type *a, long a_row, long a_step, const type *b,      \
                     long b_row, long b_step) {                                                    \
        struct operand operands[] = {OPERAND(result), OPERAND(a), OPERAND(b)};                     \
        if ((result_step == 1 && a_step == 1 && b_step == 1) || is_one(rows, columns))             \
            run_neighbours(rows, columns, 3, operands, block_##name);                              \
        else                                                                                       \
            run_staged(rows, columns, 3, operands, block_##name);                                  \
    }

/* The same where one operand is often one element a row, or altogether one. */
#define DEFINE_2_REPEATING(name, result_type, type, expression)                                    \
    BLOCK_2(name, result_type, type, expression)                                                   \
    BLOCK repeating_##name(long rows, long columns, const struct operand *operands) {              \
        for (long row = 0; row < rows && columns > 0; row++) {                                     \
            result_type *result = ROW_OF(result_type, 0, row);                                     \
            const type *a = ROW_OF(const type, 1, row), *b = ROW_OF(const type, 2, row);           \
            const type first = *a, second = *b;                                                    \
            if (operands[2].step == 0)                                                             \
                INDEPENDENT                                                                        \
            for (long i = 0; i < columns; i++)                                                     \
                result[i] = expression(a[i], second);                                              \
            else INDEPENDENT for (long i = 0; i < columns; i++) result[i] =                        \
                expression(first, b[i]);                                                           \
        }                                                                                          \
    }                                                                                              \
    static void name(long rows, long columns, result_type *result, long result_row,                \
                     long result_step, const type *a, long a_row, long a_step, const type *b,      \
                     long b_row, long b_step) {                                                    \
        struct operand operands[] = {OPERAND(result), OPERAND(a), OPERAND(b)};                     \
        if ((result_step == 1 && a_step == 1 && b_step == 1) || is_one(rows, columns))             \
            run_neighbours(rows, columns, 3, operands, block_##name);                              \
        else if (result_step == 1 && (unsigned long)(a_step | b_step) == 1)                        \
            run_neighbours(rows, columns, 3, operands, repeating_##name);                          \
        else                                                                                       \
            run_staged(rows, columns, 3, operands, block_##name);                                  \
    }

#define BLOCK_WHERE(type)                                                                          \
    static void block_where_##type(long rows, long columns, const struct operand *operands) {      \
        for (long row = 0; row < rows; row++) {                                                    \
            type *result = ROW_OF(type, 0, row);                                                   \
            const type_b8 *mask = ROW_OF(const type_b8, 1, row);                                   \
            const type *yes = ROW_OF(const type, 2, row), *no = ROW_OF(const type, 3, row);        \
            INDEPENDENT                                                                            \
            for (long i = 0; i < columns; i++) {                                                   \
                type chosen = yes[i], other = no[i];                                               \
                result[i] = mask[i] ? chosen : other;                                              \
            }                                                                                      \
        }                                                                                          \
    }
BLOCK_WHERE(bytes_1)
BLOCK_WHERE(bytes_2)
BLOCK_WHERE(bytes_4)
BLOCK_WHERE(bytes_8)

/* The kinds of rows.def. */
#define DEFINE_UNARY(row, short, name, gives)                                                      \
    DEFINE_1_BY(row, RESULT_##gives(short), type_##short,                                          \
                STRIP_OR(STRIP_##name##_##short,                                                   \
                         LOOP_1(RESULT_##gives(short), scalar_##name##_##short(a[i]))))
#define DEFINE_BINARY(row, short, name, gives)                                                     \
    BINARY_OR(BINARY_##short, DEFINE_2)                                                            \
    (row, RESULT_##gives(short), type_##short, scalar_##name##_##short)
#define BINARY_f32 , DEFINE_2_REPEATING
#define BINARY_f64 , DEFINE_2_REPEATING
#define BINARY_i32 , DEFINE_2_REPEATING
#define BINARY_i64 , DEFINE_2_REPEATING
#define BINARY_OR(special, usual) SECOND(special, usual, )
#define DEFINE_CONVERT(row, from, to)                                                              \
    DEFINE_1(row, type_##to, type_##from, cast_##from##_##to(a[i]))
#define DEFINE_CANON(row, short) DEFINE_1(row, type_##short, type_##short, short##_canonical(a[i]))
#define DEFINE_COPY(name, short)                                                                   \
    static void name(long rows, long columns, type_##short *result, long result_row,               \
                     long result_step, const type_##short *a, long a_row, long a_step) {           \
        copy(rows, columns, &(struct operand)OPERAND(result), &(struct operand)OPERAND(a));        \
    }
#define DEFINE_WHERE(name, short)                                                                  \
    static void name(long rows, long columns, type_##short *result, long result_row,               \
                     long result_step, const type_b8 *mask, long mask_row, long mask_step,         \
                     const type_##short *yes, long yes_row, long yes_step, const type_##short *no, \
                     long no_row, long no_step) {                                                  \
        struct operand operands[] = {OPERAND(result), OPERAND(mask), OPERAND(yes), OPERAND(no)};   \
        run_staged(rows, columns, 4, operands,                                                     \
                   sizeof *result == 1   ? block_where_bytes_1                                     \
                   : sizeof *result == 2 ? block_where_bytes_2                                     \
                   : sizeof *result == 4 ? block_where_bytes_4                                     \
                                         : block_where_bytes_8);                                   \
    }
#include "runtime/kernels/rows_contract.h"
#include "runtime/kernels/rows_index.h"
#include "runtime/kernels/rows_reduce.h"

#include "runtime/kernels/rows_position.h" /* needs reductions */

#define row_chain OF_SET(row_chain_, ) /* of chains_body.h */
#define row_reducing_chain OF_SET(row_reducing_chain_, )
#define row_phases OF_SET(row_phases_, )
#define row_tiled_chain OF_SET(row_tiled_chain_, )
#define DEFINE_CHAIN(name, ...) row_function name;
#define ROW(kind, name, op, dtype, ...) DEFINE_##kind(name, __VA_ARGS__)
#include "runtime/kernels/rows.def"
#undef ROW

row_function *const OF_SET(rows_, )[ROW_COUNT] = {
#define ROW(kind, name, ...) (row_function *)name,
#include "runtime/kernels/rows.def"
#undef ROW
};
