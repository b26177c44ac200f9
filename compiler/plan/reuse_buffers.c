/* Reuse: elementwise statements store over an operand that nothing reads after them.
 *
 * The operand's buffer takes the place of the statement's own, for all that read it later. So a
 * chain of such statements works in one buffer. Each element is read before it is stored, and
 * nothing else reads it: the statement is alone in its kernel, and loads the operand only where it
 * stores. */
#include "compiler/plan/plan.h"

struct reuse {
    struct ir *ir;
    int *last_reader;        /* by buffer id: a statement's place; -1: none */
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
        move_loads(reuse, &tile->blocks[i].gathered);
    }
}

static void move_statement_loads(struct reuse *reuse, struct statement *statement) {
    if (!reuse->moved)
        return;
    move_loads(reuse, &statement->value); /* of tiles too: people read it */
    if (statement->tile)
        move_tile_loads(reuse, statement->tile);
}

/* ---- Which operand ---- */

static bool is_alone(const struct ir *ir, const struct statement *statement, int place) {
    return (place == 0 || ir->statements[place - 1]->kernel != statement->kernel) &&
           (place + 1 == ir->statement_count ||
            ir->statements[place + 1]->kernel != statement->kernel);
}

static bool fits(const struct buffer *operand, const struct buffer *output) {
    return operand->kind == BUFFER_TEMPORARY && operand->dtype == output->dtype &&
           operand->elements == output->elements;
}

static void reuse_operand(struct reuse *reuse, struct statement *statement, int place) {
    struct ir *ir = reuse->ir;
    struct buffer **reads, *output = statement->output;
    if (output->kind != BUFFER_TEMPORARY || !is_alone(ir, statement, place) ||
        (ir->target->gpu && expression_reduces(ir, statement->value)))
        return; /* several threads of a GPU reduce, and one of them stores */
    int count = statement_reads(ir, statement, &reads);
    for (int i = 0; i < count; i++) {
        if (reuse->last_reader[reads[i]->id] != place || !fits(reads[i], output) ||
            !stores_over(ir, statement, reads[i]))
            continue;
        statement->output = reads[i];
        reuse->instead[output->id] = reads[i];
        reuse->moved = true;
        reuse->last_reader[reads[i]->id] = reuse->last_reader[output->id];
        return;
    }
}

void reuse_buffers(struct ir *ir) {
    struct reuse reuse = {.ir = ir,
                          .last_reader = last_readers(ir),
                          .instead =
                              arena_array(ir->arena, struct buffer *, (size_t)ir->buffer_count)};
    for (int i = 0; i < ir->statement_count; i++) {
        move_statement_loads(&reuse, ir->statements[i]);
        reuse_operand(&reuse, ir->statements[i], i);
    }
}
