/* Scatters: a copy, and then the updates one after another. */
#include "compiler/evaluate/evaluate.h"
#include "compiler/evaluate/scalar.h"

#include <string.h>

/* ---- One update ---- */

typedef void put_one(void *element, const void *update);

#define PUT_FUNCTION(id, short, name)                                                              \
    static void put_##name##_##short(void *element, const void *update) {                          \
        type_##short *there = element;                                                             \
        *there = scalar_##name##_##short(*there, *(const type_##short *)update);                   \
    }
#define PUT_LEAF(...)
#define PUT_MOVEMENT(...)
#define PUT_JOIN(...)
#define PUT_UNARY(...)
#define PUT_CONVERT(...)
#define PUT_BINARY(...)
#define PUT_TERNARY(...)
#define PUT_REDUCE(...)
#define PUT_CONTRACT(...)
#define PUT_SORT(...)
#define PUT_SCAN(...)
#define PUT_SCATTER(id, name) FOR_COMPUTING_DTYPES(PUT_FUNCTION, name)
#define OP(id, name, class, ...) PUT_##class(id, name)
#include "compiler/graph/ops.def"
#undef OP
#undef PUT_SCATTER

#define PUT_ENTRY(id, short, name) [DTYPE_##id] = put_##name##_##short,
#define PUT_SCATTER(id, name) [OP_##id] = {FOR_COMPUTING_DTYPES(PUT_ENTRY, name)},
#define OP(id, name, class, ...) PUT_##class(id, name)
static put_one *const put_functions[OP_COUNT][DTYPE_COUNT] = {
#include "compiler/graph/ops.def"
};
#undef OP

/* What replaces elements moves them, of whatever dtype. */
static void put(const struct node *node, void *element, const void *update) {
    if (node->op == OP_SCATTER)
        memcpy(element, update, dtype_facts[node->dtype].bytes);
    else
        put_functions[node->op][node->dtype](element, update);
}

/* ---- All ---- */

static int64_t position_at(const struct rows *rows, bool wide, int64_t i) {
    return wide ? ((const int64_t *)rows->data[0])[i * rows->stride[0]]
                : ((const int32_t *)rows->data[0])[i * rows->stride[0]];
}

/* Positions that hold for a whole axis are seen all along it. */
static struct view repeated(const struct view *positions, const struct view *updates) {
    struct view view = *positions;
    for (int i = 0; i < view.rank; i++)
        if (view.shape[i] == 1)
            view.stride[i] = 0;
    memcpy(view.shape, updates->shape, sizeof view.shape);
    return view;
}

/* The first element along the axis for each update. */
static struct view first_elements(const struct view *result, int axis, const struct view *updates) {
    struct view view = *result;
    view.stride[axis] = 0;
    memcpy(view.shape, updates->shape, sizeof view.shape);
    return view;
}

void evaluate_scatter(const struct node *node, const struct view *sources, struct stop *stop,
                      const struct view *result) {
    const struct view *updates = &sources[2], positions = repeated(&sources[1], updates);
    const struct view first = first_elements(result, node->axis, updates);
    const int64_t extent = result->shape[node->axis], bytes = dtype_bytes(result->dtype);
    const bool wide = positions.dtype == DTYPE_INT64;
    view_copy(result, &sources[0]);
    struct rows rows =
        rows_until(stop, 3, (const struct view *const[]){&positions, updates, &first});
    do {
        for (int64_t i = 0; i < rows.length; i++) {
            int64_t position = position_at(&rows, wide, i);
            if (position < 0 || position >= extent)
                continue;
            int64_t place = i * rows.stride[2] + position * result->stride[node->axis];
            put(node, (char *)rows.data[2] + place * bytes,
                (const char *)rows.data[1] + i * rows.stride[1] * bytes);
        }
    } while (rows_next(&rows));
}
