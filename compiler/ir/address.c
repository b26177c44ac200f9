/* Linear addresses: where an element lies in its buffer. */
#include "compiler/ir/ir.h"

const struct index *linear_address(struct ir *ir, const struct buffer *buffer,
                                   const struct index *const *indices) {
    const struct index *address = index_constant(ir, 0);
    for (int i = 0; i < buffer->rank; i++)
        address = index_add(ir, address, index_scale(ir, indices[i], buffer->stride[i]));
    return address;
}

const struct index *without_axes(struct ir *ir, const struct index *index, int count,
                                 const struct axis *const *axes) {
    const struct index *zeros[MAX_LOOPS];
    for (int i = 0; i < count; i++)
        zeros[i] = index_constant(ir, 0);
    struct substitution substitution = {.count = count, .axes = axes, .values = zeros};
    return index_substitute(ir, index, &substitution);
}
