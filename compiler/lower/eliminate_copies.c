/* Copy elision: tensors that are only copied into a part of another are stored there from the
 * start.
 *
 * After partition_loops, the inside of a padded tensor and each part of a concatenation are copies
 * of a whole buffer. The source then becomes a part of the target: statements that store into it
 * store there, statements that read it read there, and the copy is gone. So a convolution writes
 * into the zero border of the next, and the parts of a concatenation lie side by side without being
 * moved. */
#include "compiler/lower/lower.h"

#include <string.h>

/* Where the elements of a buffer have gone: element [axes] of it is element [store] of `target`. */
struct placement {
    struct buffer *target;
    int rank;
    const struct axis *axes[MAX_RANK];
    const struct index *store[MAX_RANK];
};

struct copy_elimination {
    struct ir *ir;
    struct placement **placements; /* by buffer id; NULL: it stays */
    int *readers;                  /* by buffer id: statements that read it */
    bool *whole;                   /* by buffer id: a statement that runs alone touches it */
};

/* ---- Which copies can go ---- */

/* Whether the statement copies all of a buffer: each of its axes is one loop, and there are no
 * others.
 */
static bool copies_whole(struct ir *ir, const struct statement *statement,
                         struct placement *placement) {
    const struct expression *load = statement->value;
    int loops = 0;
    if (load->kind != EXPRESSION_LOAD || load->buffer->kind != BUFFER_TEMPORARY)
        return false;
    placement->target = statement->output;
    placement->rank = load->buffer->rank;
    for (int i = 0; i < placement->rank; i++) {
        int64_t extent = load->buffer->shape[i];
        const struct axis *axis = extent == 1 ? ir_axis(ir, 1) : index_only_axis(load->indices[i]);
        if (!axis || axis->extent != extent)
            return false;
        for (int k = 0; k < i; k++)
            if (placement->axes[k] == axis)
                return false;
        placement->axes[i] = axis;
        loops += extent > 1;
    }
    memcpy(placement->store, statement->store, sizeof placement->store);
    return loops == statement->loop_count;
}

/* Whether the elements lie in the target as in the buffer, and nothing else does. */
static bool is_renamed(struct ir *ir, const struct buffer *buffer,
                       const struct placement *placement) {
    const struct index *indices[MAX_RANK];
    for (int i = 0; i < placement->rank; i++)
        indices[i] = index_axis(ir, placement->axes[i]);
    return buffer->elements == placement->target->elements &&
           index_compare(linear_address(ir, buffer, indices),
                         linear_address(ir, placement->target, placement->store)) == 0;
}

/* Outputs are never read, so only a buffer that nothing else reads can become one. What
 * runs alone knows nothing of places. */
static bool can_place(const struct copy_elimination *elimination, const struct statement *statement,
                      const struct placement *placement) {
    int id = statement->value->buffer->id;
    if (elimination->whole[id] && !is_renamed(elimination->ir, statement->value->buffer, placement))
        return false;
    return !elimination->placements[id] &&
           (statement->output->kind == BUFFER_TEMPORARY || elimination->readers[id] == 1);
}

static void count_readers(struct copy_elimination *elimination) {
    struct ir *ir = elimination->ir;
    for (int i = 0; i < ir->statement_count; i++) {
        struct buffer **reads;
        int count = statement_reads(ir, ir->statements[i], &reads);
        for (int k = 0; k < count; k++) {
            elimination->readers[reads[k]->id]++;
            elimination->whole[reads[k]->id] |= runs_alone(ir->statements[i]);
        }
        elimination->whole[ir->statements[i]->output->id] |= runs_alone(ir->statements[i]);
    }
}

/* Who reads the buffer besides the copy that goes reads the target then. */
static void place(struct copy_elimination *elimination, const struct buffer *buffer,
                  struct placement *placement) {
    elimination->placements[buffer->id] = placement;
    elimination->readers[placement->target->id] += elimination->readers[buffer->id] - 1;
}

/* Removes the copies from the list of statements. A buffer is stored before it is copied, so what
 * has gone into it is counted when it is asked whether it can go. */
static bool find_placements(struct copy_elimination *elimination) {
    struct ir *ir = elimination->ir;
    int kept = 0;
    for (int i = 0; i < ir->statement_count; i++) {
        struct statement *statement = ir->statements[i];
        struct placement *placement = arena_new(ir->arena, struct placement);
        if (copies_whole(ir, statement, placement) && can_place(elimination, statement, placement))
            place(elimination, statement->value->buffer, placement);
        else
            ir->statements[kept++] = statement;
    }
    bool found = kept < ir->statement_count;
    ir->statement_count = kept;
    return found;
}

/* ---- Moving stores and loads ---- */

static void move_indices(struct ir *ir, const struct placement *placement,
                         const struct index *const *from, const struct index **to) {
    struct substitution substitution = {
        .count = placement->rank, .axes = placement->axes, .values = from};
    for (int i = 0; i < placement->target->rank; i++)
        to[i] = index_substitute(ir, placement->store[i], &substitution);
}

static const struct expression *move_load(struct ir *ir, void *context,
                                          const struct expression *e) {
    const struct copy_elimination *elimination = context;
    while (e->kind == EXPRESSION_LOAD && elimination->placements[e->buffer->id]) {
        const struct placement *placement = elimination->placements[e->buffer->id];
        const struct index *indices[MAX_RANK];
        move_indices(ir, placement, e->indices, indices);
        e = expression_load(ir, placement->target, indices);
    }
    return e;
}

static void move_store(const struct copy_elimination *elimination, struct statement *statement) {
    while (elimination->placements[statement->output->id]) {
        const struct placement *placement = elimination->placements[statement->output->id];
        const struct index *store[MAX_RANK];
        move_indices(elimination->ir, placement, statement->store, store);
        memcpy(statement->store, store, (size_t)placement->target->rank * sizeof *store);
        statement->output = placement->target;
        statement->partial = true;
    }
}

/* ---- Borders ---- */

/* What stores constants into a buffer follows the last statement before it that stores there. */
static void bring_borders_home(struct ir *ir) {
    struct statement **last = arena_array(ir->arena, struct statement *, (size_t)ir->buffer_count);
    int *place = arena_array(ir->arena, int, (size_t)ir->buffer_count);
    struct statement **moved =
        arena_array(ir->arena, struct statement *, (size_t)ir->statement_count + 1);
    int *key = arena_array(ir->arena, int, (size_t)ir->statement_count + 1);
    int *count = arena_array(ir->arena, int, (size_t)ir->statement_count + 2);
    for (int i = 0; i < ir->statement_count; i++) {
        struct statement *statement = ir->statements[i];
        int id = statement->output->id;
        key[i] = i;
        if (statement->value->kind == EXPRESSION_CONSTANT && statement->partial && last[id]) {
            statement->kernel = last[id]->kernel;
            key[i] = place[id];
        } else {
            last[id] = statement;
            place[id] = i;
        }
        count[key[i] + 1]++;
    }
    for (int i = 0; i < ir->statement_count; i++)
        count[i + 1] += count[i];
    for (int i = 0; i < ir->statement_count; i++)
        moved[count[key[i]]++] = ir->statements[i];
    ir->statements = moved;
    ir->statement_capacity = ir->statement_count + 1;
}

void eliminate_copies(struct ir *ir) {
    struct copy_elimination elimination = {
        .ir = ir,
        .placements = arena_array(ir->arena, struct placement *, (size_t)ir->buffer_count),
        .readers = arena_array(ir->arena, int, (size_t)ir->buffer_count),
        .whole = arena_array(ir->arena, bool, (size_t)ir->buffer_count)};
    count_readers(&elimination);
    if (find_placements(&elimination)) {
        struct rewrite rewrite = {.replace = move_load, .context = &elimination};
        for (int i = 0; i < ir->statement_count; i++) {
            ir->statements[i]->value = expression_rewrite(ir, ir->statements[i]->value, &rewrite);
            move_store(&elimination, ir->statements[i]);
        }
    }
    bring_borders_home(ir);
    for (int i = 0; i < ir->statement_count; i++)
        ir->statements[i]->id = i;
}
