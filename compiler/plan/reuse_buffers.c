/* Reuse: elementwise kernels store over an operand that nobody reads after them.
 *
 * The operand's buffer takes the place of the kernel's own, for all that read it later. So a chain
 * of such kernels works in one buffer. Each element is read before it is stored, and nobody else
 * reads it: the kernel is alone in its group, and loads the operand only where it stores. */
#include "compiler/ir/ir.h"

struct reuse {
    struct ir *ir;
    int *last_reader;        /* by buffer id: a kernel's place; -1: none */
    struct buffer **instead; /* by buffer id: what took its place; NULL: nothing */
    bool moved;              /* some have */
};

/* ---- Later readers ---- */

static struct buffer *stand_in(const struct reuse *reuse, struct buffer *buffer) {
    struct buffer *instead = reuse->instead[buffer->id];
    return instead ? instead : buffer;
}

static const struct expression *move_load(struct ir *ir, void *context,
                                          const struct expression *e) {
    const struct reuse *reuse = context;
    if (e->kind != EXPRESSION_LOAD || !reuse->instead[e->buffer->id])
        return e;
    return expression_load_linear(ir, reuse->instead[e->buffer->id], e->index);
}

static void move_loads(struct reuse *reuse, const struct expression **value) {
    struct rewrite rewrite = {.replace = move_load, .context = reuse};
    if (*value)
        *value = expression_rewrite(reuse->ir, *value, &rewrite);
}

static void move_tile_loads(struct reuse *reuse, struct tile *tile) {
    tile->stream = stand_in(reuse, tile->stream);
    tile->panel = stand_in(reuse, tile->panel);
    for (int i = 0; i < tile->block_count; i++) {
        move_loads(reuse, &tile->blocks[i].stage);
        move_loads(reuse, &tile->blocks[i].value);
        move_loads(reuse, &tile->blocks[i].in_place);
    }
}

static void move_kernel_loads(struct reuse *reuse, struct kernel *kernel) {
    if (!reuse->moved)
        return;
    move_loads(reuse, &kernel->value); /* of tiles too: people read it */
    if (kernel->tile)
        move_tile_loads(reuse, kernel->tile);
}

/* ---- Which operand ---- */

struct loads {
    const struct kernel *kernel;
    const struct buffer *buffer;
    bool any, elsewhere, reduces;
};

static void note_load(void *context, const struct expression *e) {
    struct loads *loads = context;
    loads->reduces |= e->kind == EXPRESSION_REDUCE;
    if (e->kind != EXPRESSION_LOAD || e->buffer != loads->buffer)
        return;
    loads->any = true;
    loads->elsewhere |= index_compare(e->index, loads->kernel->address) != 0;
}

bool stores_over(struct ir *ir, const struct kernel *kernel, const struct buffer *buffer) {
    struct loads loads = {.kernel = kernel, .buffer = buffer};
    if (kernel->tile || kernel->partial || !kernel->address)
        return false;
    expression_walk(ir, kernel->value, note_load, &loads);
    return loads.any && !loads.elsewhere && !loads.reduces;
}

static bool is_alone(const struct ir *ir, const struct kernel *kernel, int place) {
    return (place == 0 || ir->kernels[place - 1]->group != kernel->group) &&
           (place + 1 == ir->kernel_count || ir->kernels[place + 1]->group != kernel->group);
}

static bool fits(const struct buffer *operand, const struct buffer *output) {
    return operand->kind == BUFFER_TEMPORARY && operand->dtype == output->dtype &&
           operand->elements == output->elements;
}

static void reuse_operand(struct reuse *reuse, struct kernel *kernel, int place) {
    struct ir *ir = reuse->ir;
    struct buffer **reads, *output = kernel->output;
    if (output->kind != BUFFER_TEMPORARY || !is_alone(ir, kernel, place))
        return;
    int count = kernel_reads(ir, kernel, &reads);
    for (int i = 0; i < count; i++) {
        if (reuse->last_reader[reads[i]->id] != place || !fits(reads[i], output) ||
            !stores_over(ir, kernel, reads[i]))
            continue;
        kernel->output = reads[i];
        reuse->instead[output->id] = reads[i];
        reuse->moved = true;
        reuse->last_reader[reads[i]->id] = reuse->last_reader[output->id];
        return;
    }
}

void reuse_operands(struct ir *ir) {
    struct reuse reuse = {.ir = ir,
                          .last_reader = last_readers(ir),
                          .instead =
                              arena_array(ir->arena, struct buffer *, (size_t)ir->buffer_count)};
    for (int i = 0; i < ir->kernel_count; i++) {
        move_kernel_loads(&reuse, ir->kernels[i]);
        reuse_operand(&reuse, ir->kernels[i], i);
    }
}
