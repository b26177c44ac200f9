#include "ir.h"

#include <string.h>

const struct axis *ir_axis(struct ir *ir, int64_t extent) {
    struct axis *axis = arena_new(ir->arena, struct axis);
    *axis = (struct axis){.id = ir->axis_count++, .extent = extent};
    return axis;
}

struct buffer *ir_buffer(struct ir *ir, enum buffer_kind kind, enum dtype dtype, int rank,
                         const int64_t *shape, const char *name) {
    struct buffer *buffer = arena_new(ir->arena, struct buffer);
    *buffer = (struct buffer){.id = ir->buffer_count,
                              .kind = kind,
                              .dtype = dtype,
                              .rank = rank,
                              .elements = 1,
                              .name = name};
    memcpy(buffer->shape, shape, (size_t)rank * sizeof *shape);
    row_major_strides(rank, shape, buffer->stride);
    for (int i = 0; i < rank; i++)
        buffer->elements *= shape[i];
    if (ir->buffer_count == ir->buffer_capacity) {
        ir->buffer_capacity = ir->buffer_capacity ? ir->buffer_capacity * 2 : 64;
        struct buffer **buffers =
            arena_array(ir->arena, struct buffer *, (size_t)ir->buffer_capacity);
        if (ir->buffer_count)
            memcpy(buffers, ir->buffers, (size_t)ir->buffer_count * sizeof(struct buffer *));
        ir->buffers = buffers;
    }
    ir->buffers[ir->buffer_count++] = buffer;
    return buffer;
}

struct kernel *ir_kernel(struct ir *ir, struct buffer *output) {
    struct kernel *kernel = arena_new(ir->arena, struct kernel);
    kernel->output = output;
    kernel->axis_count = output->rank;
    for (int i = 0; i < output->rank; i++)
        kernel->axes[i] = ir_axis(ir, output->shape[i]);
    return kernel;
}

void ir_add_kernel(struct ir *ir, struct kernel *kernel) {
    if (ir->kernel_count == ir->kernel_capacity) {
        ir->kernel_capacity = ir->kernel_capacity ? ir->kernel_capacity * 2 : 64;
        struct kernel **kernels =
            arena_array(ir->arena, struct kernel *, (size_t)ir->kernel_capacity);
        if (ir->kernel_count)
            memcpy(kernels, ir->kernels, (size_t)ir->kernel_count * sizeof(struct kernel *));
        ir->kernels = kernels;
    }
    kernel->id = ir->kernel_count;
    ir->kernels[ir->kernel_count++] = kernel;
}
