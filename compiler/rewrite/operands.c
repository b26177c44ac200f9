/* Constant operands of contractions, as lists of elements. */
#include "compiler/rewrite/rewriting.h"

#include <string.h>

int64_t dependent_shape(const struct view *view, int64_t *shape) {
    int64_t count = 1;
    for (int i = 0; i < view->rank; i++) {
        shape[i] = view->stride[i] != 0 ? view->shape[i] : 1;
        if (!checked_multiply(count, shape[i], &count) || count > MOST_CONSTANT_ELEMENTS)
            return 0;
    }
    return count;
}

struct view with_shape(const struct view *view, const int64_t *shape) {
    struct view part = *view;
    memcpy(part.shape, shape, (size_t)view->rank * sizeof *shape);
    return part;
}

struct view row_major(int rank, const int64_t *shape, enum dtype dtype, void *data) {
    struct view view = {.data = data, .dtype = dtype, .rank = rank};
    memcpy(view.shape, shape, (size_t)rank * sizeof *shape);
    row_major_strides(rank, shape, view.stride);
    return view;
}

int kept_axes(const struct node *contract, int *kept) {
    bool summed[MAX_RANK] = {false};
    int count = 0;
    for (int i = 0; i < contract->axis_count; i++)
        summed[contract->axes[i]] = true;
    for (int i = 0; i < contract->sources[0]->rank; i++)
        if (!summed[i])
            kept[count++] = i;
    return count;
}

void channel_axes(const struct node *contract, const struct view *weight, bool *channels) {
    int kept[MAX_RANK], count = kept_axes(contract, kept);
    for (int i = 0; i < MAX_RANK; i++)
        channels[i] = i < count && weight->stride[kept[i]] != 0;
}
