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

struct statement *ir_statement(struct ir *ir, struct buffer *output) {
    struct statement *statement = arena_new(ir->arena, struct statement);
    statement->kernel = arena_new(ir->arena, struct kernel);
    statement->output = output;
    statement->points = output->elements;
    statement->axis_count = output->rank;
    for (int i = 0; i < output->rank; i++)
        statement->axes[i] = ir_axis(ir, output->shape[i]);
    return statement;
}

void statement_substitute(struct ir *ir, struct statement *statement,
                          const struct substitution *substitution) {
    struct rewrite rewrite = {.substitution = substitution};
    statement->value = expression_rewrite(ir, statement->value, &rewrite);
    for (int d = 0; d < statement->output->rank; d++)
        statement->store[d] = index_substitute(ir, statement->store[d], substitution);
}

void statement_take_nodes(struct ir *ir, struct statement *statement,
                          const struct statement *other) {
    const struct node **nodes = arena_array(ir->arena, const struct node *,
                                            (size_t)(statement->node_count + other->node_count));
    int a = 0, b = 0, count = 0;
    while (a < other->node_count || b < statement->node_count) {
        bool from_other = b == statement->node_count ||
                          (a < other->node_count && other->nodes[a]->id <= statement->nodes[b]->id);
        const struct node *node = from_other ? other->nodes[a++] : statement->nodes[b++];
        if (!count || nodes[count - 1] != node)
            nodes[count++] = node;
    }
    statement->nodes = nodes;
    statement->node_count = count;
}

void ir_drop_unit_loops(struct statement *statement) {
    int kept = 0;
    for (int i = 0; i < statement->loop_count; i++)
        if (statement->loops[i]->extent > 1)
            statement->loops[kept++] = statement->loops[i];
    statement->loop_count = kept;
}

void ir_add_statement(struct ir *ir, struct statement *statement) {
    budget_count_node(ir->budget, ir->arena);
    ir->statements = arena_extend(ir->arena, ir->statements, ir->statement_count,
                                  &ir->statement_capacity, sizeof *ir->statements);
    statement->id = ir->statement_count;
    ir->statements[ir->statement_count++] = statement;
}

int nest_size(struct statement *const *statements, int count) {
    int size = 1;
    while (size < count && statements[size]->joins)
        size++;
    return size;
}

/* ---- What a statement reads ---- */

struct read_list {
    struct ir *ir;
    int count, capacity;
    struct buffer **buffers;
};

static void add_read(struct read_list *reads, struct buffer *buffer) {
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

int statement_reads(struct ir *ir, const struct statement *statement, struct buffer ***buffers) {
    struct read_list reads = {.ir = ir};
    const struct tile *tile = statement->tile;
    if (tile) {
        add_read(&reads, tile->stream);
        add_read(&reads, tile->panel);
        if (tile->blocks[0].stage)
            expression_walk(ir, tile->blocks[0].stage, note_read, &reads);
    }
    expression_walk(ir, tile ? tile->blocks[0].value : statement->value, note_read, &reads);
    *buffers = reads.buffers;
    return reads.count;
}

int *last_readers(struct ir *ir) {
    int *last = arena_array(ir->arena, int, (size_t)ir->buffer_count);
    for (int i = 0; i < ir->buffer_count; i++)
        last[i] = -1;
    for (int i = 0; i < ir->statement_count; i++) {
        struct buffer **reads;
        int count = statement_reads(ir, ir->statements[i], &reads);
        for (int k = 0; k < count; k++)
            last[reads[k]->id] = i;
    }
    return last;
}

/* ---- Where a statement stores, and where it reads ---- */

struct loads {
    const struct statement *statement;
    const struct buffer *buffer;
    bool any, elsewhere, reduces;
};

static void note_load(void *context, const struct expression *e) {
    struct loads *loads = context;
    loads->reduces |= e->kind == EXPRESSION_REDUCE || stands_alone(e);
    if (e->kind != EXPRESSION_LOAD || e->buffer != loads->buffer)
        return;
    loads->any = true;
    loads->elsewhere |= index_compare(e->index, loads->statement->address) != 0;
}

bool stores_over(struct ir *ir, const struct statement *statement, const struct buffer *buffer) {
    struct loads loads = {.statement = statement, .buffer = buffer};
    if (statement->tile || statement->partial || !statement->address)
        return false;
    expression_walk(ir, statement->value, note_load, &loads);
    return loads.any && !loads.elsewhere && !loads.reduces;
}
