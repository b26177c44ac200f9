#include "compiler/ir/movement.h"

#include <string.h>

/* The row-major position, taken apart again under the source's shape. */
static struct place through_reshape(struct ir *ir, const struct node *node, struct place place) {
    const struct node *source = node->sources[0];
    int64_t stride[MAX_RANK];
    row_major_strides(node->rank, node->shape, stride);
    const struct index *position = index_constant(ir, 0);
    for (int i = 0; i < node->rank; i++)
        position = index_add(ir, position, index_scale(ir, place.at[i], stride[i]));
    row_major_strides(source->rank, source->shape, stride);
    struct place result = {.rank = source->rank};
    for (int i = 0; i < source->rank; i++)
        result.at[i] = index_modulo(ir, index_divide(ir, position, stride[i]), source->shape[i]);
    return result;
}

struct place through_movement(struct ir *ir, const struct node *node, struct place place) {
    const struct node *source = node->sources[0];
    struct place result = {.rank = source->rank};
    memcpy(result.at, place.at, sizeof result.at);
    switch (node->op) {
    case OP_RESHAPE:
        return through_reshape(ir, node, place);
    case OP_PERMUTE:
        for (int i = 0; i < node->rank; i++)
            result.at[node->axes[i]] = place.at[i];
        return result;
    case OP_EXPAND:
        for (int i = 0; i < node->rank; i++)
            if (source->shape[i] == 1)
                result.at[i] = index_constant(ir, 0);
        return result;
    case OP_PAD:
        for (int i = 0; i < node->rank; i++)
            result.at[i] = index_add(ir, place.at[i], index_constant(ir, -node->before[i]));
        return result;
    case OP_SHRINK:
        for (int i = 0; i < node->rank; i++)
            result.at[i] = index_add(ir, place.at[i], index_constant(ir, node->before[i]));
        return result;
    case OP_FLIP:
        for (int i = 0; i < node->axis_count; i++) {
            int axis = node->axes[i];
            result.at[axis] = index_add(ir, index_constant(ir, node->shape[axis] - 1),
                                        index_scale(ir, place.at[axis], -1));
        }
        return result;
    case OP_WINDOW:
        result.at[node->axis] =
            index_add(ir, index_scale(ir, place.at[node->axis], node->stride),
                      index_scale(ir, place.at[node->rank - 1], node->dilation));
        return result;
    default:
        unreachable();
    }
}
