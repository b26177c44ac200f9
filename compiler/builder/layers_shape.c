/* Layers that only move elements. */
#include "compiler/builder/layers.h"

#include <inttypes.h>

static bool check_axis(struct tensor x, int axis, int first, int end) {
    if (axis >= first && axis < end)
        return true;
    tensor_fail(x.context, "axis %d, expected %d to %d for %s", axis, first, end - 1,
                tensor_text(x).text);
    return false;
}

static int from_front(int axis, int rank) {
    return axis < 0 ? axis + rank : axis;
}

struct tensor flatten(struct tensor x, int first_axis) {
    LAYER(x);
    int rank = tensor_rank(x);
    if (!check_axis(x, first_axis, -rank, rank))
        return (struct tensor){x.context, NULL};
    first_axis = from_front(first_axis, rank);
    int64_t shape[MAX_RANK];
    for (int i = 0; i < first_axis; i++)
        shape[i] = tensor_extent(x, i);
    shape[first_axis] = -1;
    return tensor_reshape(x, first_axis + 1, shape);
}

struct tensor transpose(struct tensor x, int axis, int other_axis) {
    LAYER(x);
    int rank = tensor_rank(x), axes[MAX_RANK];
    if (!check_axis(x, axis, -rank, rank) || !check_axis(x, other_axis, -rank, rank))
        return (struct tensor){x.context, NULL};
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    axes[from_front(axis, rank)] = from_front(other_axis, rank);
    axes[from_front(other_axis, rank)] = from_front(axis, rank);
    return tensor_permute(x, rank, axes);
}

struct tensor unsqueeze(struct tensor x, int axis) {
    LAYER(x);
    int rank = tensor_rank(x) + 1;
    if (rank > MAX_RANK)
        return tensor_fail(x.context, "rank over %d", MAX_RANK);
    if (!check_axis(x, axis, -rank, rank))
        return (struct tensor){x.context, NULL};
    axis = from_front(axis, rank);
    int64_t shape[MAX_RANK];
    for (int i = 0; i < rank; i++)
        shape[i] = i == axis ? 1 : tensor_extent(x, i < axis ? i : i - 1);
    return tensor_reshape(x, rank, shape);
}

struct tensor squeeze(struct tensor x, int axis) {
    LAYER(x);
    int rank = tensor_rank(x);
    if (!check_axis(x, axis, -rank, rank))
        return (struct tensor){x.context, NULL};
    axis = from_front(axis, rank);
    if (tensor_extent(x, axis) != 1)
        return x;
    int64_t shape[MAX_RANK];
    for (int i = 0; i < rank - 1; i++)
        shape[i] = tensor_extent(x, i < axis ? i : i + 1);
    return tensor_reshape(x, rank - 1, shape);
}

struct tensor stack(int count, const struct tensor *tensors, int axis) {
    struct tensor raised[MAX_SOURCES];
    for (int i = 0; i < count && i < MAX_SOURCES; i++)
        raised[i] = unsqueeze(tensors[i], axis);
    return tensor_concat(count, count > MAX_SOURCES ? tensors : raised, axis);
}

int shape_of(struct tensor x, int64_t shape[MAX_RANK]) {
    int rank = tensor_rank(x);
    for (int i = 0; i < rank; i++)
        shape[i] = tensor_extent(x, i);
    return rank;
}

struct tensor cut_axis(struct tensor x, int axis, int64_t begin, int64_t end) {
    struct range ranges[MAX_RANK];
    for (int i = 0; i < tensor_rank(x); i++)
        ranges[i] = i == axis ? (struct range){begin, end} : (struct range){0, tensor_extent(x, i)};
    return tensor_shrink(x, tensor_rank(x), ranges);
}

struct tensor reach_of_axis(struct tensor x, int axis, int64_t begin, int64_t end) {
    int64_t extent = tensor_extent(x, axis), from = begin, to = end;
    struct range padding[MAX_RANK] = {0};
    if (end <= 0 || begin >= extent) /* nothing of it: zeros alone */
        from = to = 0;
    from = from < 0 ? 0 : from;
    to = to > extent ? extent : to;
    padding[axis].begin = from == to ? end - begin : from - begin;
    padding[axis].end = from == to ? 0 : end - to;
    return tensor_pad(cut_axis(x, axis, from, to), tensor_rank(x), padding, 0);
}

struct tensor reshape_axes(struct tensor x, int axis, int count, int rank, const int64_t *shape) {
    int64_t old[MAX_RANK], new[2 * MAX_RANK];
    int old_rank = shape_of(x, old);
    if (!check_axis(x, axis, 0, old_rank - count + 1))
        return (struct tensor){x.context, NULL};
    if (old_rank - count + rank > MAX_RANK)
        return tensor_fail(x.context, "rank %d, expected at most %d", old_rank - count + rank,
                           MAX_RANK);
    for (int i = 0; i < axis; i++)
        new[i] = old[i];
    for (int i = 0; i < rank; i++)
        new[axis + i] = shape[i];
    for (int i = axis + count; i < old_rank; i++)
        new[i - count + rank] = old[i];
    return tensor_reshape(x, old_rank - count + rank, new);
}

static struct tensor split_part(struct tensor x, int axis, int count, const int64_t *sizes,
                                int part) {
    LAYER(x);
    int rank = tensor_rank(x);
    if (!check_axis(x, axis, -rank, rank))
        return (struct tensor){x.context, NULL};
    int64_t begin = 0, sum = 0;
    for (int i = 0; i < count; i++) {
        if (i == part)
            begin = sum;
        if (sizes[i] < 0 || !checked_add(sum, sizes[i], &sum))
            return tensor_fail(x.context, "part %d has size %" PRId64, i, sizes[i]);
    }
    if (sum != tensor_extent(x, axis))
        return tensor_fail(x.context, "%" PRId64 " elements along axis %d of %s", sum, axis,
                           tensor_text(x).text);
    return cut_axis(x, from_front(axis, rank), begin, begin + sizes[part]);
}

bool split(struct tensor x, int axis, int count, const int64_t *sizes, struct tensor *parts) {
    bool done = true;
    for (int i = 0; i < count; i++) {
        parts[i] = split_part(x, axis, count, sizes, i);
        done &= parts[i].node != NULL;
    }
    return done;
}

/* repeat: an axis in front of each that repeats, expanded and merged. */
struct tensor repeat(struct tensor x, int rank, const int64_t *times) {
    LAYER(x);
    if (rank != tensor_rank(x))
        return tensor_fail(x.context, "%d counts for %s", rank, tensor_text(x).text);
    int64_t apart[2 * MAX_RANK], expanded[2 * MAX_RANK], merged[MAX_RANK];
    int parts = 0;
    for (int i = 0; i < rank; i++) {
        int64_t extent = tensor_extent(x, i);
        if (times[i] < 0 || !checked_multiply(times[i], extent, &merged[i]))
            return tensor_fail(x.context, "%" PRId64 " times axis %d of %s", times[i], i,
                               tensor_text(x).text);
        if (times[i] != 1) {
            apart[parts] = 1;
            expanded[parts++] = times[i];
        }
        apart[parts] = expanded[parts] = extent;
        parts++;
    }
    x = tensor_reshape(x, parts, apart);
    x = tensor_expand(x, parts, expanded);
    return tensor_reshape(x, rank, merged);
}
