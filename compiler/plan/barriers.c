/* Barriers: where threads that share a run must wait for each other.
 *
 * There is a barrier before a kernel that uses what a kernel since the last barrier uses too,
 * perhaps in another thread, if one of the two writes it: the same buffer, or memory that the plan
 * gave to one buffer after another. */
#include "compiler/plan/plan.h"

enum { MOST_KERNELS = 32 }; /* of a step */

static bool share_memory(const struct ir *ir, const struct buffer *a, const struct buffer *b) {
    return a->kind == BUFFER_TEMPORARY && b->kind == BUFFER_TEMPORARY &&
           a->offset < b->offset + planned_bytes(ir, b) &&
           b->offset < a->offset + planned_bytes(ir, a);
}

/* Kernels that only store into the same buffer each store their own elements. */
static bool conflict(const struct ir *ir, const struct kernel_buffer *a,
                     const struct kernel_buffer *b) {
    if (a->buffer == b->buffer)
        return (a->written && b->read) || (a->read && b->written);
    return (a->written || b->written) && share_memory(ir, a->buffer, b->buffer);
}

static bool needs_barrier(const struct ir *ir, const struct kernel *before,
                          const struct kernel *kernel) {
    if (!before->parallel && !kernel->parallel)
        return false;
    for (int i = 0; i < before->buffer_count; i++)
        for (int k = 0; k < kernel->buffer_count; k++)
            if (conflict(ir, &before->buffers[i], &kernel->buffers[k]))
                return true;
    return false;
}

void barriers(struct ir *ir) {
    int first = 0; /* of the step */
    for (int g = 1; g < ir->kernel_count && ir->threads > 1; g++) {
        bool barrier = g - first == MOST_KERNELS;
        for (int i = first; i < g && !barrier; i++)
            barrier = needs_barrier(ir, ir->kernels[i], ir->kernels[g]);
        first = barrier ? g : first;
        ir->kernels[g]->step = ir->kernels[g - 1]->step + barrier;
    }
}
