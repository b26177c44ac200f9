#include "compiler/ir/ir.h"

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
    ir->buffers = arena_extend(ir->arena, ir->buffers, ir->buffer_count, &ir->buffer_capacity,
                               sizeof *ir->buffers);
    ir->buffers[ir->buffer_count++] = buffer;
    return buffer;
}

struct kernel *ir_kernel(struct ir *ir, struct buffer *output) {
    struct kernel *kernel = arena_new(ir->arena, struct kernel);
    kernel->group = arena_new(ir->arena, struct group);
    kernel->output = output;
    kernel->points = output->elements;
    kernel->axis_count = output->rank;
    for (int i = 0; i < output->rank; i++)
        kernel->axes[i] = ir_axis(ir, output->shape[i]);
    return kernel;
}

void kernel_substitute(struct ir *ir, struct kernel *kernel,
                       const struct substitution *substitution) {
    struct rewrite rewrite = {.substitution = substitution};
    kernel->value = expression_rewrite(ir, kernel->value, &rewrite);
    for (int d = 0; d < kernel->output->rank; d++)
        kernel->store[d] = index_substitute(ir, kernel->store[d], substitution);
}

void kernel_take_nodes(struct ir *ir, struct kernel *kernel, const struct kernel *other) {
    const struct node **nodes = arena_array(ir->arena, const struct node *,
                                            (size_t)(kernel->node_count + other->node_count));
    int a = 0, b = 0, count = 0;
    while (a < other->node_count || b < kernel->node_count) {
        bool from_other = b == kernel->node_count ||
                          (a < other->node_count && other->nodes[a]->id <= kernel->nodes[b]->id);
        const struct node *node = from_other ? other->nodes[a++] : kernel->nodes[b++];
        if (!count || nodes[count - 1] != node)
            nodes[count++] = node;
    }
    kernel->nodes = nodes;
    kernel->node_count = count;
}

void ir_drop_unit_loops(struct kernel *kernel) {
    int kept = 0;
    for (int i = 0; i < kernel->loop_count; i++)
        if (kernel->loops[i]->extent > 1)
            kernel->loops[kept++] = kernel->loops[i];
    kernel->loop_count = kept;
}

void ir_add_kernel(struct ir *ir, struct kernel *kernel) {
    ir->kernels = arena_extend(ir->arena, ir->kernels, ir->kernel_count, &ir->kernel_capacity,
                               sizeof *ir->kernels);
    kernel->id = ir->kernel_count;
    ir->kernels[ir->kernel_count++] = kernel;
}

int nest_size(struct kernel *const *kernels, int count) {
    int size = 1;
    while (size < count && kernels[size]->joins)
        size++;
    return size;
}

/* ---- What a kernel reads ---- */

struct reads {
    struct ir *ir;
    int count, capacity;
    struct buffer **buffers;
};

static void add_read(struct reads *reads, struct buffer *buffer) {
    for (int i = 0; i < reads->count; i++)
        if (reads->buffers[i] == buffer)
            return;
    reads->buffers = arena_extend(reads->ir->arena, reads->buffers, reads->count, &reads->capacity,
                                  sizeof *reads->buffers);
    reads->buffers[reads->count++] = buffer;
}

static void note_read(void *context, const struct expression *e) {
    if (e->kind == EXPRESSION_LOAD && e->buffer->kind != BUFFER_LOCAL)
        add_read(context, e->buffer);
}

int kernel_reads(struct ir *ir, const struct kernel *kernel, struct buffer ***buffers) {
    struct reads reads = {.ir = ir};
    const struct tile *tile = kernel->tile;
    if (tile) {
        add_read(&reads, tile->stream);
        add_read(&reads, tile->panel);
        if (tile->blocks[0].stage)
            expression_walk(ir, tile->blocks[0].stage, note_read, &reads);
    }
    expression_walk(ir, tile ? tile->blocks[0].value : kernel->value, note_read, &reads);
    *buffers = reads.buffers;
    return reads.count;
}

int *last_readers(struct ir *ir) {
    int *last = arena_array(ir->arena, int, (size_t)ir->buffer_count);
    for (int i = 0; i < ir->buffer_count; i++)
        last[i] = -1;
    for (int i = 0; i < ir->kernel_count; i++) {
        struct buffer **reads;
        int count = kernel_reads(ir, ir->kernels[i], &reads);
        for (int k = 0; k < count; k++)
            last[reads[k]->id] = i;
    }
    return last;
}
