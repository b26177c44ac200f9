/* What moves elements and cannot be a view: pad, concat, gather, some reshapes; and iota. */
#include "compiler/evaluate/evaluate.h"

#include <string.h>

static void iota(const struct view *result) {
    int32_t *narrow = result->data;
    int64_t *wide = result->data;
    for (int64_t i = 0; i < result->shape[0]; i++)
        if (result->dtype == DTYPE_INT32)
            narrow[i] = (int32_t)i;
        else
            wide[i] = i;
}

/* The same row-major order, seen with the source's shape. */
static void reshape(const struct view *source, const struct view *result) {
    struct view copy = *source;
    copy.data = result->data;
    row_major_strides(copy.rank, copy.shape, copy.stride);
    view_copy(&copy, source);
}

static void pad(const struct node *node, const struct view *source, const struct view *result) {
    if (node->value) {
        struct view border = *result;
        border.data = (void *)node->value;
        memset(border.stride, 0, sizeof border.stride);
        view_copy(result, &border);
    }
    struct view inner = view_part(result, node->before, source->shape);
    view_copy(&inner, source);
}

static void concat(const struct node *node, const struct view *sources, const struct view *result) {
    int64_t begin[MAX_RANK] = {0};
    for (int i = 0; i < node->source_count; i++) {
        struct view part = view_part(result, begin, sources[i].shape);
        view_copy(&part, &sources[i]);
        begin[node->axis] += sources[i].shape[node->axis];
    }
}

/* One position's slice: the axes before and after the gathered one. */
static struct view slice_of(const struct view *view, int axis, int removed) {
    struct view slice = *view;
    slice.rank -= removed;
    for (int i = axis; i < slice.rank; i++) {
        slice.shape[i] = view->shape[i + removed];
        slice.stride[i] = view->stride[i + removed];
    }
    return slice;
}

/* The positions are taken row-major, and the result's axes for them are row-major too: so the k-th
 * position's slice begins k steps of the last of those axes further. */
static void gather(const struct node *node, const struct view *sources, struct stop *stop,
                   const struct view *result) {
    const struct view *data = &sources[0], *positions = &sources[1];
    struct view from = slice_of(data, node->axis, 1);
    struct view to = slice_of(result, node->axis, positions->rank);
    int64_t bytes = (int64_t)dtype_facts[data->dtype].bytes, extent = data->shape[node->axis];
    int64_t step = bytes;
    for (int i = node->axis; i < to.rank; i++)
        step *= to.shape[i];
    struct rows rows = rows_until(stop, 1, (const struct view *const[]){positions});
    do {
        for (int64_t i = 0; i < rows.length; i++, to.data = (char *)to.data + step) {
            int64_t position = positions->dtype == DTYPE_INT32
                                   ? ((const int32_t *)rows.data[0])[i * rows.stride[0]]
                                   : ((const int64_t *)rows.data[0])[i * rows.stride[0]];
            if (position < 0 || position >= extent)
                continue; /* the buffer is zeroed */
            from.data = (char *)data->data + position * data->stride[node->axis] * bytes;
            view_copy(&to, &from);
        }
    } while (rows_next(&rows));
}

void evaluate_movement(const struct node *node, const struct view *sources, struct stop *stop,
                       const struct view *result) {
    switch (node->op) {
    case OP_IOTA:
        iota(result);
        return;
    case OP_RESHAPE:
        reshape(sources, result);
        return;
    case OP_PAD:
        pad(node, sources, result);
        return;
    case OP_CONCAT:
        concat(node, sources, result);
        return;
    case OP_GATHER:
        gather(node, sources, stop, result);
        return;
    default:
        unreachable();
    }
}
