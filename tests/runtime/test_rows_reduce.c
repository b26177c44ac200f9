/* Reductions, contractions and the operations by position among the row operations: for every
 * target, over random shapes, strides and strips, against the interpreter's evaluator. Memory is as
 * large as what must be touched, so that the sanitizer sees a step beside it. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "compiler/evaluate/evaluate.h"
#include "runtime/kernels/kernels.h"
#include "tests/support/random_rows.h"

enum { LANES = 16 };

static row_function *function(const struct target *target, enum dtype dtype, const char *rest) {
    char name[64];
    snprintf(name, sizeof name, "row_%s_%s", dtype_facts[dtype].short_name, rest);
    int found = row_find(name);
    cr_assert(found >= 0, "%s", name);
    return kernels_for(target)->rows[found];
}

static row_function *reduction(const struct target *target, enum op op, enum dtype dtype,
                               const char *part) {
    char rest[64];
    snprintf(rest, sizeof rest, "%s%s", op_facts[op].name, part);
    return function(target, dtype, rest);
}

/* Runs `one` for every target that this CPU runs. */
static void for_every_target(void (*one)(const struct target *target)) {
    for (int i = 0; i < TARGET_COUNT; i++) {
        random_state = 1;
        if (cpu_runs(&targets[i]))
            one(&targets[i]);
    }
}

/* Compares all that lies in the result's memory, any NaN for any other. */
static void check_same(struct block *result, struct block *expected, const char *what,
                       const struct target *target) {
    int64_t count = (int64_t)(result->bytes / dtype_facts[result->dtype].bytes);
    quiet_nans(result->dtype, result->memory, count);
    quiet_nans(result->dtype, expected->memory, count);
    cr_assert_arr_eq(result->memory, expected->memory, result->bytes,
                     "%s of %s at %s: %ld x %ld, strides %ld %ld", what,
                     dtype_facts[result->dtype].name, target->name, result->rows, result->columns,
                     result->row, result->step);
}

static struct block block_copy(const struct block *block) {
    struct block copy = *block;
    copy.memory = malloc(block->bytes);
    cr_assert(copy.memory);
    memcpy(copy.memory, block->memory, block->bytes);
    copy.first = copy.memory + (block->first - block->memory);
    return copy;
}

static struct view view_of_block(const struct block *block) {
    return (struct view){.data = block->first,
                         .dtype = block->dtype,
                         .rank = 2,
                         .shape = {block->rows, block->columns},
                         .stride = {block->row, block->step}};
}

/* ---- Reductions ---- */

typedef void reduce_function(long rows, long columns, void *result, long result_step, const void *a,
                             long a_row, long a_step);
typedef void begin_function(long results, void *lanes);
typedef void strip_function(long rows, long columns, void *lanes, long first, const void *a,
                            long a_row, long a_step);
typedef void end_function(long results, void *result, long result_step, const void *lanes);
typedef void begin_position_function(long results, void *best, int32_t *where);
typedef void strip_position_function(long rows, long columns, void *best, int32_t *where,
                                     long first, const void *a, long a_row, long a_step);

/* One reduction of each row of `a`: as a whole, in strips along rows and in strips down columns. */
struct trial {
    const struct target *target;
    enum op op;
    struct block a, result, expected;
};

static bool gives_position(const struct trial *trial) {
    return op_facts[trial->op].gives == GIVES_INDEX;
}

static void evaluate_trial(struct trial *trial) {
    const struct node node = {
        .op = trial->op, .dtype = trial->result.dtype, .axis_count = 1, .axes = {1}};
    struct view source = view_of_block(&trial->a);
    struct view result = {.data = trial->expected.first,
                          .dtype = trial->result.dtype,
                          .rank = 1,
                          .shape = {trial->result.columns},
                          .stride = {trial->result.step}};
    evaluate_reduce(&node, &source, NULL, &result);
}

static long random_strip(long left) {
    long most = random_below(2) ? 5 : 100, strip = 1 + random_below(most);
    return strip < left ? strip : left;
}

static void in_strips(struct trial *trial, bool down, const char *name) {
    const struct block *a = &trial->a;
    const size_t bytes = (size_t)(a->rows * LANES) * dtype_facts[a->dtype].bytes;
    void *lanes = malloc(bytes);
    cr_assert(lanes);
    ((begin_function *)reduction(trial->target, trial->op, a->dtype, "_begin"))(a->rows, lanes);
    strip_function *strip =
        (strip_function *)reduction(trial->target, trial->op, a->dtype, down ? "_down" : "_along");
    for (long first = 0, count; first < a->columns; first += count) {
        count = random_strip(a->columns - first);
        if (down)
            strip(count, a->rows, lanes, first, block_element(a, 0, first), a->step, a->row);
        else
            strip(a->rows, count, lanes, first, block_element(a, 0, first), a->row, a->step);
    }
    end_function *end = (end_function *)reduction(trial->target, trial->op, a->dtype,
                                                  down ? "_down_end" : "_along_end");
    end(a->rows, trial->result.first, trial->result.step, lanes);
    free(lanes);
    check_same(&trial->result, &trial->expected, name, trial->target);
}

static void positions_in_strips(struct trial *trial, bool down, const char *name) {
    const struct block *a = &trial->a;
    void *best = malloc((size_t)a->rows * dtype_facts[a->dtype].bytes);
    int32_t *where = malloc((size_t)a->rows * sizeof *where);
    cr_assert(best && where);
    ((begin_position_function *)reduction(trial->target, trial->op, a->dtype, "_begin"))(
        a->rows, best, where);
    strip_position_function *strip = (strip_position_function *)reduction(
        trial->target, trial->op, a->dtype, down ? "_down" : "_along");
    for (long first = 0, count; first < a->columns; first += count) {
        count = random_strip(a->columns - first);
        if (down)
            strip(count, a->rows, best, where, first, block_element(a, 0, first), a->step, a->row);
        else
            strip(a->rows, count, best, where, first, block_element(a, 0, first), a->row, a->step);
    }
    for (long r = 0; r < a->rows; r++)
        memcpy(block_element(&trial->result, 0, r), &where[r], sizeof *where);
    free(best);
    free(where);
    check_same(&trial->result, &trial->expected, name, trial->target);
}

static void check_reduction(const struct target *target, enum op op, enum dtype dtype, long rows,
                            long columns) {
    struct trial trial = {.target = target, .op = op};
    const bool tame = random_below(4) > 0;
    trial.a = random_block(dtype, rows, columns, true, tame);
    trial.result = block_new(gives_position(&trial) ? DTYPE_INT32 : dtype, 1, rows, 0,
                             random_below(2)   ? 1
                             : random_below(2) ? 3
                                               : -2,
                             tame);
    trial.expected = block_copy(&trial.result);
    evaluate_trial(&trial);
    ((reduce_function *)reduction(target, op, dtype, ""))(rows, columns, trial.result.first,
                                                          trial.result.step, trial.a.first,
                                                          trial.a.row, trial.a.step);
    check_same(&trial.result, &trial.expected, op_facts[op].name, target);
    if (gives_position(&trial)) {
        positions_in_strips(&trial, false, "position along rows");
        positions_in_strips(&trial, true, "position down columns");
    } else {
        in_strips(&trial, false, "strips along rows");
        in_strips(&trial, true, "strips down columns");
    }
    block_free(&trial.a);
    block_free(&trial.result);
    block_free(&trial.expected);
}

static void check_reductions(const struct target *target) {
    for (int op = 0; op < OP_COUNT; op++)
        for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
            if (op_facts[op].class != CLASS_REDUCE || !op_accepts((enum op)op, (enum dtype)dtype))
                continue;
            for (long columns = 1; columns <= 70; columns++)
                check_reduction(target, (enum op)op, (enum dtype)dtype, 1 + random_below(9),
                                columns);
            for (int i = 0; i < 20; i++)
                check_reduction(target, (enum op)op, (enum dtype)dtype, 1 + random_below(40),
                                1 + random_below(200));
            for (int i = 0; i < 20; i++)
                check_reduction(target, (enum op)op, (enum dtype)dtype, 1 + random_below(3),
                                64 + random_below(400));
            check_reduction(target, (enum op)op, (enum dtype)dtype, 3, 1500);
            check_reduction(target, (enum op)op, (enum dtype)dtype, 700, 21);
        }
}

Test(rows_reduce, reductions_are_the_evaluators, .timeout = 300) {
    for_every_target(check_reductions);
}

/* Rows of a table, at positions of which some are not in it. */
enum { MOST_ROWS = 90 };

struct gathering {
    const struct target *target;
    enum op op;
    enum dtype index;
    long rows, extent, wrap;
    struct block table;
    long table_row; /* what the next row of positions begins behind this one */
    int32_t narrow[MOST_ROWS];
    int64_t wide[MOST_ROWS];
};

typedef void gather_function(long rows, long columns, void *result, long result_row,
                             long result_step, const void *a, long a_row, long a_step,
                             const void *position, long position_row, long position_step,
                             long extent, long stride, long wrap);
typedef void strip_at_function(long rows, long columns, void *lanes, long first, const void *a,
                               long a_row, long a_step, const void *position, long position_row,
                               long extent, long stride, long wrap);

static const void *positions_of(const struct gathering *gathering, long row) {
    return gathering->index == DTYPE_INT32 ? (const void *)&gathering->narrow[row]
                                           : &gathering->wide[row];
}

/* The lanes after a strip of all rows, gathered before or while they are taken. */
static void *lanes_of_gathered(const struct gathering *gathering, long first, bool before) {
    const struct block *table = &gathering->table;
    const enum dtype dtype = table->dtype;
    const size_t bytes = dtype_facts[dtype].bytes;
    const char *index = dtype_facts[gathering->index].short_name;
    char name[32];
    void *lanes = malloc((size_t)(table->columns * LANES) * bytes);
    char *gathered = malloc((size_t)(gathering->rows * table->columns) * bytes);
    cr_assert(lanes && gathered);
    ((begin_function *)reduction(gathering->target, gathering->op, dtype, "_begin"))(table->columns,
                                                                                     lanes);
    if (before) {
        snprintf(name, sizeof name, "gather_%s", index);
        ((gather_function *)function(gathering->target, dtype, name))(
            gathering->rows, table->columns, gathered, table->columns, 1, table->first,
            gathering->table_row, table->step, positions_of(gathering, 0), 1, 0, gathering->extent,
            table->row, gathering->wrap);
        ((strip_function *)reduction(gathering->target, gathering->op, dtype, "_down"))(
            gathering->rows, table->columns, lanes, first, gathered, table->columns, 1);
    } else {
        snprintf(name, sizeof name, "_down_at_%s", index);
        ((strip_at_function *)reduction(gathering->target, gathering->op, dtype, name))(
            gathering->rows, table->columns, lanes, first, table->first, gathering->table_row,
            table->step, positions_of(gathering, 0), 1, gathering->extent, table->row,
            gathering->wrap);
    }
    free(gathered);
    return lanes;
}

typedef void reduce_at_function(long rows, long columns, float *result, long result_step,
                                const void *a, long a_row, long a_step, const void *position,
                                long position_row, long extent, long stride, long wrap);
typedef void down_end_function(long columns, void *result, long result_step, const void *lanes);

/* All at once: the same as in a strip, and the tree. */
static void check_reduced_at(const struct gathering *gathering, long result_step) {
    const struct block *table = &gathering->table;
    float expected[200], found[2 * 200];
    void *lanes = lanes_of_gathered(gathering, 0, true);
    ((down_end_function *)reduction(gathering->target, gathering->op, DTYPE_FLOAT32, "_down_end"))(
        table->columns, expected, 1, lanes);
    char name[32];
    snprintf(name, sizeof name, "_at_%s", dtype_facts[gathering->index].short_name);
    ((reduce_at_function *)reduction(gathering->target, gathering->op, DTYPE_FLOAT32, name))(
        gathering->rows, table->columns, found, result_step, table->first, gathering->table_row,
        table->step, positions_of(gathering, 0), 1, gathering->extent, table->row, gathering->wrap);
    for (long i = 0; i < table->columns; i++)
        found[i] = found[i * result_step];
    quiet_nans(DTYPE_FLOAT32, expected, table->columns);
    quiet_nans(DTYPE_FLOAT32, found, table->columns);
    cr_assert_arr_eq(found, expected, (size_t)table->columns * sizeof(float),
                     "%s at %s: %ld rows of %ld columns", op_facts[gathering->op].name,
                     gathering->target->name, gathering->rows, table->columns);
    free(lanes);
}

static void check_gathered(const struct target *target, enum op op, enum dtype dtype) {
    struct gathering gathering = {.target = target,
                                  .op = op,
                                  .index = random_below(2) ? DTYPE_INT32 : DTYPE_INT64,
                                  .rows = 1 + random_below(MOST_ROWS),
                                  .extent = 1 + random_below(20)};
    gathering.table =
        random_block(dtype, gathering.extent + gathering.rows, 1 + random_below(200), true, true);
    gathering.wrap = random_below(2) ? gathering.extent : 0;
    gathering.table_row = random_below(2) ? gathering.table.row : 0;
    const long least = random_below(2) ? -2 : 0; /* or all of them are in the table */
    for (int i = 0; i < MOST_ROWS; i++) {
        const long position = random_below(gathering.extent - 2 * least) + least;
        gathering.narrow[i] = (int32_t)position;
        gathering.wide[i] = least < 0 && random_below(20) == 0 ? INT64_MIN + i : position;
    }
    if (dtype == DTYPE_FLOAT32)
        check_reduced_at(&gathering, 1 + random_below(2));
    const long first = random_below(40);
    void *lanes = lanes_of_gathered(&gathering, first, false);
    void *expected = lanes_of_gathered(&gathering, first, true);
    const long count = gathering.table.columns * LANES;
    quiet_nans(dtype, lanes, count);
    quiet_nans(dtype, expected, count);
    cr_assert_arr_eq(lanes, expected, (size_t)count * dtype_facts[dtype].bytes,
                     "%s of %s at %s: %ld of %ld rows, strides %ld %ld", op_facts[op].name,
                     dtype_facts[dtype].name, target->name, gathering.rows, gathering.extent,
                     gathering.table.row, gathering.table.step);
    free(lanes);
    free(expected);
    block_free(&gathering.table);
}

static void check_gathered_reductions(const struct target *target) {
    for (int op = 0; op < OP_COUNT; op++)
        for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
            if (op_facts[op].class != CLASS_REDUCE || op_facts[op].gives == GIVES_INDEX ||
                !op_accepts((enum op)op, (enum dtype)dtype))
                continue;
            for (int i = 0; i < 40; i++)
                check_gathered(target, (enum op)op, (enum dtype)dtype);
        }
}

Test(rows_reduce, gathered_rows_are_those_that_were_gathered_before) {
    for_every_target(check_gathered_reductions);
}

/* What an extreme is of two: a NaN, whose bits are not said, or the better one, or else the first.
 */
static float extreme_of(bool greatest, float a, float b) {
    if (isnan(a) || isnan(b))
        return NAN;
    return (greatest ? a < b : b < a) ? b : a;
}

/* The greatest and the least of one row are the first in the order of the lanes, whichever zero
 * that is; NaN where `nan_at`, a place, or one besides, has it. */
static void check_extreme(const struct target *target, const char *name, bool greatest,
                          long columns, long nan_at) {
    static const float choice[] = {0.0f, -0.0f};
    float elements[600], lanes[LANES], result;
    for (long i = 0; i < LANES; i++)
        lanes[i] = greatest ? -INFINITY : INFINITY;
    for (long i = 0; i < columns; i++) {
        elements[i] = choice[random_below(2)];
        if (random_below(4) == 0)
            elements[i] = greatest ? -INFINITY : INFINITY;
        if (i == nan_at)
            elements[i] = random_below(2) ? NAN : -NAN;
        lanes[i % LANES] = extreme_of(greatest, lanes[i % LANES], elements[i]);
    }
    for (long step = LANES / 2; step > 0; step /= 2)
        for (long i = 0; i < step; i++)
            lanes[i] = extreme_of(greatest, lanes[i], lanes[i + step]);
    ((reduce_function *)function(target, DTYPE_FLOAT32, name))(1, columns, &result, 1, elements, 0,
                                                               1);
    cr_assert((isnan(result) && isnan(lanes[0])) || memcmp(&result, &lanes[0], sizeof result) == 0,
              "%s of %ld at %s: %a for %a", name, columns, target->name, (double)result,
              (double)lanes[0]);
}

static void check_extremes(const struct target *target) {
    for (long columns = 1; columns <= 600; columns++) {
        for (int nan = 0; nan < 2; nan++) {
            const long nan_at = nan ? (long)random_below((unsigned)columns) : -1;
            check_extreme(target, "reduce_max", true, columns, nan_at);
            check_extreme(target, "reduce_min", false, columns, nan_at);
        }
    }
    for (long columns = 1; columns <= 140; columns += 3) /* at every place */
        for (long nan_at = 0; nan_at < columns; nan_at++)
            check_extreme(target, "reduce_max", true, columns, nan_at);
}

Test(rows_reduce, extremes_are_the_first) {
    for_every_target(check_extremes);
}

static void check_reduction_of_nothing(const struct target *target) {
    float results[4] = {7, 7, 7, 7}, a = 1;
    int32_t positions[2] = {7, 7};
    ((reduce_function *)function(target, DTYPE_FLOAT32, "reduce_sum"))(2, 0, results, 2, &a, 0, 1);
    cr_assert(results[0] == 0 && results[1] == 7 && results[2] == 0 && results[3] == 7);
    ((reduce_function *)function(target, DTYPE_FLOAT32, "reduce_max"))(2, 0, results, 1, &a, 1, 3);
    cr_assert(results[0] == -INFINITY && results[1] == -INFINITY && results[2] == 0);
    ((reduce_function *)function(target, DTYPE_FLOAT32, "argmin"))(2, 0, positions, 1, &a, 0, 1);
    cr_assert(positions[0] == 0 && positions[1] == 0);
    ((reduce_function *)function(target, DTYPE_FLOAT32, "reduce_sum"))(0, 9, results, 1, &a, 0, 0);
    cr_assert(results[0] == -INFINITY);
}

Test(rows_reduce, reductions_of_nothing) {
    for_every_target(check_reduction_of_nothing);
}

/* The first of equals, whichever zero it is; the first NaN; nothing above the least value: 0. */
static void check_first_position(const struct target *target) {
    static float elements[2000];
    for (int i = 0; i < 2000; i++)
        elements[i] = -INFINITY;
    reduce_function *argmax = (reduce_function *)function(target, DTYPE_FLOAT32, "argmax");
    int32_t position = 7;
    argmax(1, 2000, &position, 1, elements, 0, 1);
    cr_assert_eq(position, 0);
    elements[1500] = -0.0f;
    elements[1501] = elements[3] = 0.0f;
    for (int begin = 0; begin < 1501; begin += 57) {
        argmax(1, 2000 - begin, &position, 1, elements + begin, 0, 1);
        cr_assert_eq(position, begin <= 3 ? 3 - begin : 1500 - begin);
        argmax(1, 2000 - begin, &position, 1, elements + begin, 1, 1);
        cr_assert_eq(position, begin <= 3 ? 3 - begin : 1500 - begin);
    }
    elements[1999] = NAN;
    for (int at = 1998; at >= 0; at -= at > 40 ? 37 : 1) {
        elements[at] = -NAN;
        argmax(1, 2000, &position, 1, elements, 0, 1);
        cr_assert_eq(position, at, "NaN at %d, found %d", at, position);
    }
}

Test(rows_reduce, positions_are_the_first) {
    for_every_target(check_first_position);
}

/* ---- Contractions ---- */

typedef void contract_function(long rows, long columns, void *result, long result_row,
                               long result_step, const void *a, long a_row, long a_step,
                               const void *b, long b_row, long b_step, long resume, long axes,
                               const long *axis);

enum { MOST_AXES = 4 };

/* An operand over rows, columns and contracted axes, in exactly its memory. */
struct factor {
    struct view view;
    char *memory;
};

static struct factor random_factor(enum dtype dtype, const long *shape, int rank, int neighbours) {
    struct factor factor = {.view = {.dtype = dtype, .rank = rank}};
    long low = 0, high = 0;
    for (int i = 0; i < rank; i++) {
        static const long strides[] = {0, 1, 2, 3, 7, 16, -1, -5};
        long stride = i == neighbours ? 1 : strides[random_below(8)];
        factor.view.shape[i] = shape[i];
        factor.view.stride[i] = stride;
        *(stride < 0 ? &low : &high) += stride * (shape[i] - 1);
    }
    const long bytes = (long)dtype_facts[dtype].bytes, count = high - low + 1;
    factor.memory = malloc((size_t)(count * bytes));
    cr_assert(factor.memory);
    for (long i = 0; i < count; i++)
        random_element_of(dtype, true, factor.memory + i * bytes);
    factor.view.data = factor.memory - low * bytes;
    return factor;
}

/* Through a row-major tensor, as the evaluator wants it. */
static void evaluate_contraction(const struct view *factors, struct block *result, int axes) {
    const size_t bytes = dtype_facts[result->dtype].bytes;
    struct node node = {.op = OP_CONTRACT, .dtype = result->dtype, .axis_count = axes};
    for (int i = 0; i < axes; i++)
        node.axes[i] = 2 + i;
    char *sums = calloc((size_t)(result->rows * result->columns), bytes);
    cr_assert(sums);
    struct view target = view_of_block(result);
    target.data = sums;
    target.stride[0] = result->columns;
    target.stride[1] = 1;
    evaluate_contract(&node, factors, NULL, &target);
    for (long r = 0; r < result->rows; r++)
        for (long c = 0; c < result->columns; c++)
            memcpy(block_element(result, r, c), sums + (size_t)(r * result->columns + c) * bytes,
                   bytes);
    free(sums);
}

/* At once, or in two parts of the outermost axis, of which the second resumes. */
static void run_contraction(const struct target *target, struct block *result, const struct view *a,
                            const struct view *b, int axes, long split) {
    contract_function *contract = (contract_function *)function(target, result->dtype, "contract");
    const long bytes = (long)dtype_facts[result->dtype].bytes;
    long axis[MOST_AXES][3];
    for (int i = 0; i < axes; i++) {
        axis[i][0] = a->shape[2 + i];
        axis[i][1] = a->stride[2 + i];
        axis[i][2] = b->stride[2 + i];
    }
    for (long begin = 0, end; begin < a->shape[2]; begin = end) {
        end = begin < split ? split : a->shape[2];
        axis[0][0] = end - begin;
        contract(result->rows, result->columns, result->first, result->row, result->step,
                 (char *)a->data + begin * axis[0][1] * bytes, a->stride[0], a->stride[1],
                 (char *)b->data + begin * axis[0][2] * bytes, b->stride[0], b->stride[1],
                 begin > 0, axes, axis[0]);
    }
}

static void check_contraction(const struct target *target, enum dtype dtype, long rows,
                              long columns) {
    const int axes = 1 + (int)random_below(MOST_AXES);
    long shape[2 + MOST_AXES] = {rows, columns};
    for (int i = 0; i < axes; i++)
        shape[2 + i] = 1 + random_below(5);
    struct factor a = random_factor(dtype, shape, 2 + axes, (int)random_below(3));
    struct factor b = random_factor(dtype, shape, 2 + axes, (int)random_below(3));
    struct block result = random_block(dtype, rows, columns, false, true);
    struct block expected = block_copy(&result);
    evaluate_contraction((const struct view[]){a.view, b.view}, &expected, axes);
    run_contraction(target, &result, &a.view, &b.view, axes, 0);
    check_same(&result, &expected, "contract", target);
    run_contraction(target, &result, &a.view, &b.view, axes, shape[2] / 2);
    check_same(&result, &expected, "contract in parts", target);
    free(a.memory);
    free(b.memory);
    block_free(&result);
    block_free(&expected);
}

static void check_contractions(const struct target *target) {
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++)
        for (int i = 0; op_accepts(OP_CONTRACT, (enum dtype)dtype) && i < 1500; i++)
            check_contraction(target, (enum dtype)dtype, 1 + random_below(10),
                              1 + random_below(random_below(2) ? 12 : 90));
}

Test(rows_reduce, contractions_are_the_evaluators, .timeout = 300) {
    for_every_target(check_contractions);
}

static void check_contraction_of_nothing(const struct target *target) {
    contract_function *contract = (contract_function *)function(target, DTYPE_FLOAT32, "contract");
    const float a = 3, b = 5;
    float results[4] = {7, 7, 7, 7};
    const long none[] = {4, 1, 1, 0, 1, 1};
    contract(1, 3, results, 3, 1, &a, 0, 0, &b, 0, 0, 1, 2, none);
    cr_assert(results[0] == 7 && results[2] == 7);
    contract(1, 3, results, 3, 1, &a, 0, 0, &b, 0, 0, 0, 2, none);
    cr_assert(results[0] == 0 && results[2] == 0 && results[3] == 7);
    contract(1, 2, results, 3, 2, &a, 0, 0, &b, 0, 0, 0, 0, NULL); /* one product */
    cr_assert(results[0] == 15 && results[1] == 0 && results[2] == 15 && results[3] == 7);
}

Test(rows_reduce, contractions_of_nothing) {
    for_every_target(check_contraction_of_nothing);
}

/* ---- By position ---- */

typedef void fill_function(long rows, long columns, void *result, long result_row, long result_step,
                           const void *value);
typedef void iota_function(long rows, long columns, void *result, long result_row, long result_step,
                           long first, long by_row, long by_column);
typedef void gather_function(long rows, long columns, void *result, long result_row,
                             long result_step, const void *a, long a_row, long a_step,
                             const void *position, long position_row, long position_step,
                             long extent, long stride, long wrap);

static void check_fill(const struct target *target, enum dtype dtype) {
    struct block result =
        random_block(dtype, 1 + random_below(5), 1 + random_below(80), false, false);
    struct block expected = block_copy(&result);
    uint64_t value;
    random_element(DTYPE_INT64, &value);
    for (long r = 0; r < result.rows; r++)
        for (long c = 0; c < result.columns; c++)
            memcpy(block_element(&expected, r, c), &value, dtype_facts[dtype].bytes);
    ((fill_function *)function(target, dtype, "fill"))(result.rows, result.columns, result.first,
                                                       result.row, result.step, &value);
    cr_assert_arr_eq(result.memory, expected.memory, result.bytes);
    block_free(&result);
    block_free(&expected);
}

static void check_iota(const struct target *target, enum dtype dtype) {
    struct block result =
        random_block(dtype, 1 + random_below(5), 1 + random_below(80), false, false);
    struct block expected = block_copy(&result);
    long first = random_below(1000) - 500, by_row = random_below(2) ? random_below(1L << 31) : 100;
    long by_column = random_below(9) - 4;
    for (long r = 0; r < result.rows; r++)
        for (long c = 0; c < result.columns; c++) {
            int64_t value = first + r * by_row + c * by_column;
            memcpy(block_element(&expected, r, c), &value, dtype_facts[dtype].bytes);
        }
    ((iota_function *)function(target, dtype, "iota"))(result.rows, result.columns, result.first,
                                                       result.row, result.step, first, by_row,
                                                       by_column);
    cr_assert_arr_eq(result.memory, expected.memory, result.bytes);
    block_free(&result);
    block_free(&expected);
}

static int64_t read_position(const struct block *positions, long row, long column) {
    int64_t wide = 0;
    int32_t narrow;
    const char *from = block_element(positions, row, column);
    if (positions->dtype == DTYPE_INT64)
        memcpy(&wide, from, sizeof wide);
    else
        wide = *(int32_t *)memcpy(&narrow, from, sizeof narrow);
    return wide;
}

/* a[r, c, place] with the places in the middle of a. */
static void check_gather(const struct target *target, enum dtype dtype, enum dtype index) {
    const long rows = 1 + random_below(5), columns = 1 + random_below(40);
    const long extent = 1 + random_below(9), stride = random_below(2) ? 1 : 50 - random_below(100);
    const long wrap = random_below(2) ? extent : 0;
    const size_t bytes = dtype_facts[dtype].bytes;
    struct block result = random_block(dtype, rows, columns, false, false);
    struct block expected = block_copy(&result);
    struct block positions = random_block(index, rows, columns, true, false);
    struct block a = block_new(dtype, rows, columns, 100 * random_below(3), random_below(3), false);
    long margin = extent * labs(stride);
    char *room = calloc((size_t)(2 * margin) + a.bytes / bytes, bytes);
    cr_assert(room);
    char *from = room + (margin + (a.first - a.memory) / (long)bytes) * (long)bytes;
    for (size_t i = 0; i < (size_t)(2 * margin) + a.bytes / bytes; i++)
        random_element(dtype, room + i * bytes);
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < columns; c++) {
            int64_t place = read_position(&positions, r, c), zero = 0;
            place += place < 0 ? wrap : 0;
            bool inside = place >= 0 && place < extent;
            memcpy(block_element(&expected, r, c),
                   inside ? from + (r * a.row + c * a.step + place * stride) * (long)bytes
                          : (char *)&zero,
                   bytes);
        }
    ((gather_function *)function(target, dtype,
                                 index == DTYPE_INT32 ? "gather_i32" : "gather_i64"))(
        rows, columns, result.first, result.row, result.step, from, a.row, a.step, positions.first,
        positions.row, positions.step, extent, stride, wrap);
    cr_assert_arr_eq(result.memory, expected.memory, result.bytes, "gather of %s at %s",
                     dtype_facts[dtype].name, target->name);
    block_free(&result);
    block_free(&expected);
    block_free(&positions);
    block_free(&a);
    free(room);
}

static void check_by_position(const struct target *target) {
    for (int i = 0; i < 200; i++) {
        for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
            check_fill(target, (enum dtype)dtype);
            check_gather(target, (enum dtype)dtype, DTYPE_INT32);
            check_gather(target, (enum dtype)dtype, DTYPE_INT64);
        }
        check_iota(target, DTYPE_INT32);
        check_iota(target, DTYPE_INT64);
    }
}

Test(rows_reduce, fill_iota_and_gather) {
    for_every_target(check_by_position);
}
