#include "compiler/import/movement.h"

#include <inttypes.h>
#include <string.h>

enum { MOST_RUNS = 8 }; /* of positions that become movement; more are gathered */

int64_t elements_of(struct tensor x) {
    return x.node ? node_elements(x.node) : 1;
}

/* Every step-th element of an axis, from the first on. */
static struct tensor every(struct tensor x, int axis, int64_t step) {
    int64_t shape[MAX_RANK];
    if (step == 1)
        return x;
    x = tensor_window(x, axis, 1, step, 1);
    int rank = shape_of(x, shape);
    return tensor_reshape(x, rank ? rank - 1 : 0, shape);
}

static struct tensor repeat_axis(struct tensor x, int axis, int64_t count) {
    int64_t shape[MAX_RANK];
    int rank = shape_of(x, shape);
    shape[axis] = count;
    return tensor_expand(x, rank, shape);
}

struct tensor slice_axis(struct tensor x, int axis, int64_t begin, int64_t count, int64_t step) {
    if (count == 0)
        return cut_axis(x, axis, 0, 0);
    if (step == 0 || count == 1)
        return repeat_axis(cut_axis(x, axis, begin, begin + 1), axis, count);
    int64_t last = begin + (count - 1) * step;
    if (step > 0)
        return every(cut_axis(x, axis, begin, last + 1), axis, step);
    return every(tensor_flip(cut_axis(x, axis, last, begin + 1), 1, &axis), axis, -step);
}

/* How many of the positions are equal steps apart, from the first on. */
static int64_t run_length(int64_t count, const int64_t *positions) {
    int64_t length = count < 2 ? count : 2;
    while (length < count &&
           positions[length] - positions[length - 1] == positions[1] - positions[0])
        length++;
    return length;
}

static struct tensor take_runs(struct tensor x, int axis, int64_t count, const int64_t *positions) {
    struct tensor runs[MOST_RUNS];
    int run = 0;
    for (int64_t i = 0, length; i < count && run < MOST_RUNS; i += length) {
        length = run_length(count - i, positions + i);
        int64_t step = length > 1 ? positions[i + 1] - positions[i] : 1;
        runs[run++] = slice_axis(x, axis, positions[i], length, step);
    }
    return run ? tensor_concat(run, runs, axis) : cut_axis(x, axis, 0, 0);
}

bool are_few_runs(int64_t count, const int64_t *positions) {
    int runs = 0;
    for (int64_t i = 0; i < count; i += run_length(count - i, positions + i))
        if (++runs > MOST_RUNS)
            return false;
    return true;
}

/* How often each position follows itself, when all do equally often and are equal steps apart. */
static int64_t repetitions(int64_t count, const int64_t *positions) {
    int64_t times = 1;
    while (times < count && positions[times] == positions[0])
        times++;
    if (times == 1 || count % times)
        return 1;
    int64_t step = times < count ? positions[times] - positions[0] : 1;
    for (int64_t i = 0; i < count; i++)
        if (positions[i] != positions[0] + i / times * step)
            return 1;
    return times;
}

static struct tensor take_repeated(struct tensor x, int axis, int64_t count,
                                   const int64_t *positions, int64_t times) {
    int64_t kept = count / times;
    int64_t merged[] = {count}, apart[MAX_RANK];
    x = slice_axis(x, axis, positions[0], kept, kept > 1 ? positions[times] - positions[0] : 1);
    x = unsqueeze(x, axis + 1);
    int rank = shape_of(x, apart);
    if (axis + 1 < rank)
        apart[axis + 1] = times;
    return reshape_axes(tensor_expand(x, rank, apart), axis, 2, 1, merged);
}

struct tensor take_positions(struct tensor x, int axis, int64_t count, const int64_t *positions) {
    int64_t times = repetitions(count, positions);
    bool few = are_few_runs(count, positions);
    if (few && (times == 1 || !tensor_keeps_all(x.context)))
        return take_runs(x, axis, count, positions);
    if (times > 1)
        return take_repeated(x, axis, count, positions, times);
    if (count > MAX_CONSTANT)
        return tensor_fail(x.context, "%" PRId64 " positions in no order, expected at most %d",
                           count, MAX_CONSTANT);
    return tensor_gather(x, axis,
                         tensor_const(x.context, DTYPE_INT64, SHAPE(count), count, positions));
}

struct tensor move_axis(struct tensor x, int from, int to) {
    int axes[MAX_RANK], rank = tensor_rank(x), next = 0;
    for (int i = 0; i < rank; i++) {
        next += next == from;
        axes[i] = i == to ? from : next++;
    }
    return tensor_permute(x, rank, axes);
}

struct tensor along_axis(struct tensor x, int axis, int rank) {
    int64_t shape[MAX_RANK];
    for (int i = 0; i < rank && i < MAX_RANK; i++)
        shape[i] = i == axis ? tensor_extent(x, 0) : 1;
    return tensor_reshape(x, rank, shape);
}

struct tensor positions_along(struct tensor_context *context, enum dtype dtype, int64_t extent,
                              int axis, int rank) {
    return along_axis(tensor_iota(context, dtype, extent), axis, rank);
}

struct tensor pick_axis(struct tensor x, int axis, int64_t index) {
    return squeeze(cut_axis(x, axis, index, index + 1), axis);
}

struct tensor spread_axis(struct tensor x, int axis, int64_t step) {
    struct range padding[MAX_RANK] = {0};
    int64_t merged;
    if (step == 1)
        return x;
    if (!checked_multiply(tensor_extent(x, axis), step, &merged))
        return tensor_fail(x.context, "axis %d overflows", axis);
    x = unsqueeze(x, axis + 1);
    if (axis + 1 < MAX_RANK)
        padding[axis + 1].end = step - 1;
    return reshape_axes(tensor_pad(x, tensor_rank(x), padding, 0), axis, 2, 1, &merged);
}

struct tensor zeros(struct tensor_context *context, enum dtype dtype, int rank,
                    const int64_t *shape) {
    static const int64_t zero;
    return tensor_const(context, dtype, rank, shape, 1, &zero);
}

struct tensor zero_like(struct tensor x) {
    return zeros(x.context, tensor_dtype(x), SCALAR_SHAPE);
}
