#include "compiler/graph/view.h"

#include "compiler/base/allocate.h"

#include <string.h>

static void *element_at(void *data, enum dtype dtype, int64_t offset) {
    return data ? (char *)data + offset * (int64_t)dtype_facts[dtype].bytes : NULL;
}

struct view view_contiguous(const struct node *node, const void *data) {
    struct view view = {.data = (void *)data, .dtype = node->dtype, .rank = node->rank};
    memcpy(view.shape, node->shape, sizeof view.shape);
    row_major_strides(view.rank, view.shape, view.stride);
    return view;
}

bool view_is_empty(const struct view *view) {
    for (int i = 0; i < view->rank; i++)
        if (view->shape[i] == 0)
            return true;
    return false;
}

/* Axes of extent 1 dropped, and neighbours merged where one stride describes both. */
static struct view merged(const struct view *view) {
    struct view result = {.data = view->data, .dtype = view->dtype};
    for (int i = 0; i < view->rank; i++) {
        if (view->shape[i] == 1)
            continue;
        int last = result.rank - 1;
        if (last >= 0 && result.stride[last] == view->stride[i] * view->shape[i]) {
            result.shape[last] *= view->shape[i];
            result.stride[last] = view->stride[i];
        } else {
            result.shape[result.rank] = view->shape[i];
            result.stride[result.rank++] = view->stride[i];
        }
    }
    return result;
}

/* From the last axis to the first, each axis of the result takes its share of one merged axis. */
static bool view_reshape(const struct node *node, const struct view *source, struct view *result) {
    if (view_is_empty(source)) {
        memset(result->stride, 0, sizeof result->stride);
        return true;
    }
    struct view runs = merged(source);
    for (int i = node->rank - 1; i >= 0; i--) {
        result->stride[i] = 0;
        if (node->shape[i] == 1)
            continue;
        int last = runs.rank - 1;
        if (runs.shape[last] % node->shape[i] != 0)
            return false;
        result->stride[i] = runs.stride[last];
        runs.stride[last] *= node->shape[i];
        runs.shape[last] /= node->shape[i];
        if (runs.shape[last] == 1)
            runs.rank--;
    }
    return true;
}

static void view_permute(const struct node *node, const struct view *source, struct view *result) {
    for (int i = 0; i < node->rank; i++)
        result->stride[i] = source->stride[node->axes[i]];
}

static void view_expand(const struct view *source, struct view *result) {
    for (int i = 0; i < result->rank; i++)
        result->stride[i] = source->shape[i] == 1 ? 0 : source->stride[i];
}

static void view_flip(const struct node *node, struct view *result) {
    for (int i = 0; i < node->axis_count; i++) {
        int axis = node->axes[i];
        if (result->shape[axis] == 0)
            continue;
        int64_t to_last = (result->shape[axis] - 1) * result->stride[axis];
        result->data = element_at(result->data, result->dtype, to_last);
        result->stride[axis] = -result->stride[axis];
    }
}

/* A stride or dilation that is never taken may be as large as its file likes. */
static void view_window(const struct node *node, struct view *result) {
    int64_t along = result->stride[node->axis];
    result->stride[node->axis] = node->shape[node->axis] == 1 ? 0 : along * node->stride;
    result->stride[node->rank - 1] = node->size == 1 ? 0 : along * node->dilation;
}

bool view_move(const struct node *node, const struct view *source, struct view *result) {
    *result = *source;
    result->rank = node->rank;
    memcpy(result->shape, node->shape, sizeof result->shape);
    switch (node->op) {
    case OP_RESHAPE:
        return view_reshape(node, source, result);
    case OP_PERMUTE:
        view_permute(node, source, result);
        return true;
    case OP_EXPAND:
        view_expand(source, result);
        return true;
    case OP_SHRINK:
        *result = view_part(source, node->before, node->shape);
        return true;
    case OP_FLIP:
        view_flip(node, result);
        return true;
    case OP_WINDOW:
        view_window(node, result);
        return true;
    case OP_PAD:
        return false;
    default:
        unreachable();
    }
}

struct view view_part(const struct view *view, const int64_t *begin, const int64_t *shape) {
    struct view part = *view;
    for (int i = 0; i < part.rank; i++) {
        part.data = element_at(part.data, part.dtype, begin[i] * part.stride[i]);
        part.shape[i] = shape[i];
    }
    return part;
}

/* Whether axis i continues row axis `last` for every operand. */
static bool continues(const struct rows *rows, const struct view *const *views, int i) {
    for (int k = 0; k < rows->operands; k++)
        if (rows->step[k][rows->outer] != views[k]->stride[i] * views[0]->shape[i])
            return false;
    return true;
}

/* While axes are merged, the row is the axis at `outer`, and steps count elements. */
static void rows_merge(struct rows *rows, const struct view *const *views) {
    for (int i = 0; i < views[0]->rank; i++) {
        int64_t extent = views[0]->shape[i];
        if (extent == 1)
            continue;
        if (rows->extent[rows->outer] == 0)
            rows->extent[rows->outer] = extent; /* the first axis found */
        else if (continues(rows, views, i))
            rows->extent[rows->outer] *= extent;
        else
            rows->extent[++rows->outer] = extent;
        for (int k = 0; k < rows->operands; k++)
            rows->step[k][rows->outer] = views[k]->stride[i];
    }
}

enum { PIECE = 1 << 16 }; /* elements of a row between two questions */

struct rows rows_of(int operands, const struct view *const *views) {
    struct rows rows = {.operands = operands};
    if (!view_is_empty(views[0])) {
        rows_merge(&rows, views);
        rows.length = rows.extent[rows.outer] ? rows.extent[rows.outer] : 1;
    }
    for (int k = 0; k < operands; k++) {
        rows.data[k] = views[k]->data;
        rows.stride[k] = rows.step[k][rows.outer];
        for (int i = 0; i < rows.outer; i++)
            rows.step[k][i] *= (int64_t)dtype_facts[views[k]->dtype].bytes;
        rows.step[k][rows.outer] *= (int64_t)dtype_facts[views[k]->dtype].bytes;
    }
    return rows;
}

static void stand_at_piece(struct rows *rows, int64_t done) {
    for (int k = 0; k < rows->operands; k++)
        rows->data[k] = (char *)rows->data[k] + (done - rows->done) * rows->step[k][rows->outer];
    rows->done = done;
    rows->length = rows->whole - done < PIECE ? rows->whole - done : PIECE;
}

struct rows rows_until(struct stop *stop, int operands, const struct view *const *views) {
    struct rows rows = rows_of(operands, views);
    rows.stop = stop;
    rows.whole = rows.length;
    if (stop)
        stand_at_piece(&rows, 0);
    return rows;
}

/* Goes to the next piece of the row; false at its end, when it stands at the first again, and when
 * the walk is ended. */
static bool next_piece(struct rows *rows) {
    rows->since += rows->length;
    if (rows->since >= PIECE) {
        rows->since = 0;
        rows->stopped |= stop_passed(rows->stop);
    }
    bool more = rows->done + rows->length < rows->whole;
    if (rows->whole > PIECE)
        stand_at_piece(rows, more ? rows->done + rows->length : 0);
    return more && !rows->stopped;
}

bool rows_next(struct rows *rows) {
    if (rows->stop) {
        if (next_piece(rows))
            return true;
        if (rows->stopped)
            return false;
    }
    for (int i = rows->outer - 1; i >= 0; i--) {
        bool more = ++rows->index[i] < rows->extent[i];
        int64_t steps = more ? 1 : 1 - rows->extent[i];
        for (int k = 0; k < rows->operands; k++)
            rows->data[k] = (char *)rows->data[k] + steps * rows->step[k][i];
        if (more)
            return true;
        rows->index[i] = 0;
    }
    return false;
}

#define COPY_ROW(type)                                                                             \
    do {                                                                                           \
        type *to = rows.data[0];                                                                   \
        const type *from = rows.data[1];                                                           \
        for (int64_t i = 0; i < rows.length; i++)                                                  \
            to[i * rows.stride[0]] = from[i * rows.stride[1]];                                     \
    } while (0)

bool view_is_aligned(const struct view *view) {
    return (uintptr_t)view->data % dtype_facts[view->dtype].bytes == 0;
}

void *view_align(struct view *view) {
    struct node like = {.dtype = view->dtype, .rank = view->rank};
    memcpy(like.shape, view->shape, sizeof like.shape);
    void *copy = et_allocate_unset((size_t)node_bytes(&like));
    if (!copy)
        return NULL;
    struct view aligned = view_contiguous(&like, copy);
    if (!view_is_empty(view))
        view_copy(&aligned, view);
    *view = aligned;
    return copy;
}

void view_copy(const struct view *result, const struct view *source) {
    size_t bytes = dtype_facts[result->dtype].bytes;
    struct rows rows = rows_of(2, (const struct view *const[]){result, source});
    do {
        if (rows.stride[0] == 1 && rows.stride[1] == 1)
            memcpy(rows.data[0], rows.data[1], (size_t)rows.length * bytes);
        else if (bytes == 1)
            COPY_ROW(bytes_1);
        else if (bytes == 2)
            COPY_ROW(bytes_2);
        else if (bytes == 4)
            COPY_ROW(bytes_4);
        else
            COPY_ROW(bytes_8);
    } while (rows_next(&rows));
}
