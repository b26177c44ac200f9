/* Steps: where threads that share a run must wait for each other.
 *
 * A statement begins a new step when it touches what a statement of the step touched, perhaps in
 * another thread, and one of the two writes: the same buffer, or memory that the plan gave to one
 * after the other. */
#include "compiler/plan/plan.h"

enum { MOST_KERNELS = 32 }; /* of a step */

static bool share_memory(const struct ir *ir, const struct buffer *a, const struct buffer *b) {
    return a->kind == BUFFER_TEMPORARY && b->kind == BUFFER_TEMPORARY &&
           a->offset < b->offset + planned_bytes(ir, b) &&
           b->offset < a->offset + planned_bytes(ir, a);
}

/* Kernels that only store into the same buffer each store their own elements. */
static bool disturb(const struct ir *ir, const struct kernel_buffer *a,
                    const struct kernel_buffer *b) {
    if (a->buffer == b->buffer)
        return (a->written && b->read) || (a->read && b->written);
    return (a->written || b->written) && share_memory(ir, a->buffer, b->buffer);
}

static bool must_meet(const struct ir *ir, const struct kernel *before,
                      const struct kernel *kernel) {
    if (!before->parallel && !kernel->parallel)
        return false;
    for (int i = 0; i < before->buffer_count; i++)
        for (int k = 0; k < kernel->buffer_count; k++)
            if (disturb(ir, &before->buffers[i], &kernel->buffers[k]))
                return true;
    return false;
}

void place_barriers(struct ir *ir) {
    int first = 0; /* of the step */
    for (int g = 1; g < ir->kernel_count && ir->threads > 1; g++) {
        bool meet = g - first == MOST_KERNELS;
        for (int i = first; i < g && !meet; i++)
            meet = must_meet(ir, ir->kernels[i], ir->kernels[g]);
        first = meet ? g : first;
        ir->kernels[g]->step = ir->kernels[g - 1]->step + meet;
    }
}
