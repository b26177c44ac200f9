/* Elementwise operations over blocks of rows x columns elements, compiled once for each level of
 * CPU: what libtcc-compiled code calls instead of computing element by element.
 *
 *   void row_f32_add(long rows, long columns, float *result, long result_row, long result_step,
 *                    const float *a, long a_row, long a_step,
 *                    const float *b, long b_row, long b_step);
 *
 * does result[r * result_row + c * result_step] = a[r * a_row + c * a_step] + b[...] for every row
 * r and column c. The others, by dtypes.def's short names and ops.def's names:
 *
 *   row_DTYPE_UNARY  (.., result, a)         row_DTYPE_where    (.., result, mask, yes, no)
 *   row_DTYPE_BINARY (.., result, a, b)      row_DTYPE_copy     (.., result, a)
 *   row_convert_FROM_TO (.., result, a)      row_DTYPE_canonical(.., result, a), for floats
 *
 * Comparisons store bool; a mask is bool. Strides count elements and may be anything, 0 included
 * for operands; steps of 1 and 0 are fast. The result may be an operand, with the same strides;
 * otherwise they do not overlap. Each element has the bits that the form of ops.def gives. */
#ifndef EIGENTENSOR_ROWS_H
#define EIGENTENSOR_ROWS_H

#include "cpu.h"
#include "scalar.h"

enum {
#define ROW(kind, name, ...) ROW_##name,
#include "rows.def"
#undef ROW
    ROW_COUNT
};

/* To be cast to the signature that its name says. */
typedef void row_function(void);

/* The row operations of one level, by ROW_name. The CPU must have that level. */
row_function *const *rows_of_level(enum cpu_level level);

/* Position of the row operation of that name; -1: there is none. */
int row_find(const char *name);

/* The sets: runtime/rows_LEVEL.c. A machine has those of its architecture. */
extern row_function *const rows_baseline[ROW_COUNT];
extern row_function *const rows_avx2[ROW_COUNT];
extern row_function *const rows_avx512[ROW_COUNT];

#endif
