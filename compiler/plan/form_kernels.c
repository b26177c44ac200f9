/* Kernels: which statements become one C function, and what that reads and writes. */
#include "compiler/plan/plan.h"

#include <string.h>

/* ---- What a kernel reads and writes ---- */

static void add_buffer(struct ir *ir, struct kernel *kernel, struct buffer *buffer, bool written) {
    for (int i = 0; i < kernel->buffer_count; i++)
        if (kernel->buffers[i].buffer == buffer) {
            kernel->buffers[i].written |= written;
            kernel->buffers[i].read |= !written;
            return;
        }
    kernel->buffers = arena_extend(ir->arena, kernel->buffers, kernel->buffer_count,
                                   &kernel->buffer_capacity, sizeof *kernel->buffers);
    kernel->buffers[kernel->buffer_count++] =
        (struct kernel_buffer){.buffer = buffer, .read = !written, .written = written};
}

/* Those only read first, in the order of first use; then those that are written. */
static void list_buffers(struct ir *ir, struct kernel *kernel) {
    for (int i = 0; i < kernel->statement_count; i++) {
        struct buffer **reads;
        int count = statement_reads(ir, kernel->statements[i], &reads);
        for (int k = 0; k < count; k++)
            add_buffer(ir, kernel, reads[k], false);
        add_buffer(ir, kernel, kernel->statements[i]->output, true);
    }
    struct kernel_buffer *ordered =
        arena_array(ir->arena, struct kernel_buffer, (size_t)kernel->buffer_count);
    int count = 0;
    for (int written = 0; written < 2; written++)
        for (int i = 0; i < kernel->buffer_count; i++)
            if (kernel->buffers[i].written == written)
                ordered[count++] = kernel->buffers[i];
    kernel->buffers = ordered;
}

/* Statements of one kernel between which others stand become several kernels. */
static struct kernel *begin_kernel(struct ir *ir, struct statement **first) {
    struct kernel *kernel = (*first)->kernel;
    if (kernel->statement_count > 0)
        kernel = arena_new(ir->arena, struct kernel);
    kernel->id = ir->kernel_count;
    kernel->statements = first;
    ir->kernels[ir->kernel_count++] = kernel;
    return kernel;
}

void form_kernels(struct ir *ir) {
    struct kernel *kernel = NULL;
    ir->kernels = arena_array(ir->arena, struct kernel *, (size_t)ir->statement_count + 1);
    for (int i = 0; i < ir->statement_count; i++) {
        if (i == 0 || ir->statements[i]->kernel != ir->statements[i - 1]->kernel)
            kernel = begin_kernel(ir, &ir->statements[i]);
        kernel->statement_count++;
    }
    for (int i = 0; i < ir->kernel_count; i++)
        list_buffers(ir, ir->kernels[i]);
}
