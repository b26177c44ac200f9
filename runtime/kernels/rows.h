/* Row operations: work on blocks of rows x columns elements, compiled once for each target.
 * It is what libtcc-compiled code calls instead of computing element by element. T stands for
 * dtypes.def's short name of a dtype (f32, i64, ...) and for its C type; strides count elements and
 * may be anything, 0 included for operands; steps of 1 and 0 are fast.
 *
 * ELEMENTWISE
 *
 *   void row_f32_add(long rows, long columns, float *result, long result_row, long result_step,
 *                    const float *a, long a_row, long a_step,
 *                    const float *b, long b_row, long b_step);
 *
 * does result[r * result_row + c * result_step] = a[r * a_row + c * a_step] + b[...] for every row
 * r and column c. The others, by ops.def's names:
 *
 *   row_T_UNARY  (.., result, a)         row_T_where    (.., result, mask, yes, no)
 *   row_T_BINARY (.., result, a, b)      row_T_copy     (.., result, a)
 *   row_convert_FROM_TO (.., result, a)  row_T_canonical(.., result, a), for floats
 *
 * Comparisons store bool; a mask is bool. The result may be an operand, with the same strides;
 * otherwise they do not overlap. Each element has the bits that the form of ops.def gives. Elements
 * that are moved keep theirs, so a bitcast is a copy under the name of the other dtype (of floats
 * after row_T_canonical).
 *
 * CHAINS
 *
 *   row_chain(rows, columns, long count, const struct row_step *steps,
 *             const void *const *operands, void *const *results)
 *
 * Whole expressions in one call: `count` steps, which templates/chain.h explains, take every
 * element of the block. Operands and results are of the dtypes that the steps say. A result may be
 * an operand of no later step than the one that puts it, with the same strides; otherwise they do
 * not overlap. Where a step reduces, it is row_reducing_chain, of the same form, and what a row is
 * reduced to is there when the call ends.
 *
 *   row_phases(rows, long count, const struct row_phase *phases)
 *
 * Several chains, at most 32, that may reduce: each row goes through all of them before the next
 * row begins.
 *
 *   row_tiled_chain(columns, long count, steps, operands, results, long kinds,
 *                   const struct row_tiles *tiles, const float *stream, const float *panel)
 *
 * A chain that begins with TAKE of what tiles sum up, a block whose place is not asked for, over as
 * many rows as `kinds` kinds of tiles have, one behind another. Some tiles at a time go through it,
 * so that what it stores is on its way to memory while the next ones are summed up.
 *
 * BY POSITION
 *
 *   row_T_fill  (.., result, const T *value)                           all elements are *value
 *   row_i32_iota(.., result, long first, long by_row, long by_column)  and row_i64_iota:
 *                                       first + r * by_row + c * by_column, wrapped to the dtype
 *   row_T_gather_i32(.., result, a, position, long extent, long stride, long wrap), and _i64:
 *                                       p = position[r * position_row + c * position_step], and
 *                                       `wrap` is added where that is below 0;
 *                                       a[r * a_row + c * a_step + p * stride], or 0 where p is
 *                                       not in 0 .. extent - 1; fast where position_step is 0
 *
 * REDUCTIONS; REDUCE is reduce_sum, reduce_prod, reduce_max or reduce_min
 *
 *   row_T_REDUCE(rows, columns, T *result, long result_step, a, a_row, a_step)
 *       result[r * result_step] = the reduction of row r, over its columns in order. Fast where
 *       a_step is 1; also where a_row is 1, as for sums down the columns of a matrix.
 *
 * The same in strips, for elements that are not in memory all at once. First
 *
 *   row_T_REDUCE_begin(long results, T *lanes)            fills lanes, of which a result has 16
 *
 * then for strip after strip of any length, where `first` is the row-major position, among all
 * elements of a result, of the strip's first one:
 *
 *   row_T_REDUCE_along(rows, columns, T *lanes, long first, a, a_row, a_step)
 *       row r of the block belongs to result r; column c is its element first + c
 *   row_T_REDUCE_down (rows, columns, T *lanes, long first, a, a_row, a_step)
 *       column c of the block belongs to result c; row r is its element first + r
 *   row_T_REDUCE_down_at_i32(.., first, a, a_row, a_step, position, position_row, long extent,
 *                            long stride, long wrap), row_T_REDUCE_down_at_i64:
 *       the same of the block that row_T_gather_i32 makes of a, whose position for all columns of
 *       row r is position[r * position_row]
 *
 * Of float32, all of that at once, where `rows` is all that a result has (fast where a_step and
 * result_step are 1):
 *
 *   row_f32_REDUCE_at_i32(rows, columns, float *result, long result_step, a, a_row, a_step,
 *                         position, position_row, long extent, long stride, long wrap), and _i64
 *
 * and at last, along or down as for the strips:
 *
 *   row_T_REDUCE_along_end(long rows, T *result, long result_step, const T *lanes)
 *   row_T_REDUCE_down_end (long columns, T *result, long result_step, const T *lanes)
 *
 * `rows` of along, and `columns` of down, are the number of results in all calls. Strips come in
 * ascending order, as each lane takes its elements in the order of the calls.
 *
 * argmax and argmin keep the best element so far, and where it was, instead of lanes:
 *
 *   row_T_argmax(rows, columns, int32_t *result, long result_step, a, a_row, a_step)
 *   row_T_argmax_begin(long results, T *best, int32_t *where)     one element a result in each
 *   row_T_argmax_along(rows, columns, T *best, int32_t *where, long first, a, a_row, a_step)
 *   row_T_argmax_down (rows, columns, T *best, int32_t *where, long first, a, a_row, a_step)
 *
 * There is no end: `where` holds the results. Strips come in ascending order.
 *
 * CONTRACTIONS, for what tiles do not do
 *
 *   row_T_contract(rows, columns, result, result_row, result_step, a, a_row, a_step,
 *                  b, b_row, b_step, long resume, long axes, const long *axis)
 *
 * `axis` holds three numbers for each contracted axis, the outermost first: its extent, and what a
 * step along it moves in a and in b. result[r, c] = the chain of c + a * b over these axes in
 * order, from 0, or if resume is not 0 from what result[r, c] was. Results overlap no operand. Fast
 * where results, and one operand or both, are neighbours along rows or along columns, while the
 * other operand stays the same or is neighbours too: matrix products, depthwise convolutions with
 * channels innermost. */
#ifndef EIGENTENSOR_ROWS_H
#define EIGENTENSOR_ROWS_H

#include "compiler/evaluate/scalar.h"

enum {
#define ROW(kind, name, ...) ROW_##name,
#include "runtime/kernels/rows.def"
#undef ROW
    ROW_COUNT
};

/* To be cast to the signature that its name says. */
typedef void row_function(void);

/* Position of the row operation of that name; -1: there is none. */
int row_find(const char *name);

/* The sets, rows_baseline and so on, by ROW_name. */
#define KERNEL_SET(name, target) extern row_function *const rows_##name[ROW_COUNT];
#include "runtime/kernels/sets.def"
#undef KERNEL_SET

#endif
