/* Scheduling: in which order each statement runs.
 *
 * Contractions become tiles. Other statements loop in the order of what they store. Then every
 * access becomes one linear address, and neighbouring loops that all accesses step through evenly
 * become one. */
#include "compiler/schedule/schedule.h"

#include "compiler/lower/lower.h"
#include "compiler/schedule/padding.h"
#include "compiler/schedule/tile.h"
#include "compiler/schedule/tile_kind.h"

#include <stdlib.h>
#include <string.h>

/* ---- Linear addresses ---- */

static const struct expression *make_linear(struct ir *ir, void *context,
                                            const struct expression *e) {
    (void)context;
    if (e->kind != EXPRESSION_LOAD || e->index)
        return e;
    if (e->buffer->splat)
        return expression_load_linear(ir, e->buffer, index_constant(ir, 0));
    return expression_load_linear(ir, e->buffer, linear_address(ir, e->buffer, e->indices));
}

static const struct expression *linearise(struct ir *ir, const struct expression *value) {
    struct rewrite rewrite = {.replace = make_linear};
    return expression_rewrite(ir, value, &rewrite);
}

/* ---- Loops ---- */

/* Loops in descending order of the stride they store with. */
static void order_loops(struct statement *statement) {
    for (int i = 1; i < statement->loop_count; i++) {
        const struct axis *axis = statement->loops[i];
        bool plain = true;
        int64_t stride = index_coefficient(statement->address, axis, &plain);
        int place = i;
        for (; place > 0; place--) {
            int64_t before =
                index_coefficient(statement->address, statement->loops[place - 1], &plain);
            if (before >= stride)
                break;
            statement->loops[place] = statement->loops[place - 1];
        }
        statement->loops[place] = axis;
    }
}

/* Whether every access steps through outer and inner as through one axis. */
struct merging {
    const struct axis *outer, *inner;
    bool possible;
};

static void check_index(const struct index *index, struct merging *merging) {
    bool plain = true;
    int64_t outer = index_coefficient(index, merging->outer, &plain);
    int64_t inner = index_coefficient(index, merging->inner, &plain);
    merging->possible &= plain && outer == inner * merging->inner->extent;
}

static void check_merging(void *context, const struct expression *e) {
    struct merging *merging = context;
    if (e->index)
        check_index(e->index, merging);
    for (int i = 0; i < e->predicate_count; i++)
        check_index(e->predicates[i].index, merging);
    /* Within a reduction both or none must be bound: statement loops never are. */
}

/* Loops around values, each of which is stored at an address. */
struct stored {
    const struct expression **value;
    const struct index **address;
};

struct store_nest {
    int axis_count;
    const struct axis **axes; /* outermost first */
    int count;
    struct stored *stored;
};

static bool can_merge(struct ir *ir, const struct store_nest *nest, struct merging *merging) {
    merging->possible = true;
    for (int i = 0; i < nest->count && merging->possible; i++) {
        check_index(*nest->stored[i].address, merging);
        expression_walk(ir, *nest->stored[i].value, check_merging, merging);
    }
    return merging->possible;
}

static void substitute(struct ir *ir, const struct store_nest *nest, int count,
                       const struct axis *const *axes, const struct index *const *values) {
    struct substitution substitution = {.count = count, .axes = axes, .values = values};
    struct rewrite rewrite = {.substitution = &substitution};
    for (int i = 0; i < nest->count; i++) {
        const struct stored *stored = &nest->stored[i];
        *stored->value = expression_rewrite(ir, *stored->value, &rewrite);
        *stored->address = index_substitute(ir, *stored->address, &substitution);
    }
}

/* One axis for both; its extent is that of both. */
static const struct axis *merge_pair(struct ir *ir, const struct store_nest *nest,
                                     const struct merging *merging) {
    const struct axis *merged = ir_axis(ir, merging->outer->extent * merging->inner->extent);
    const struct axis *axes[] = {merging->outer, merging->inner};
    const struct index *values[] = {index_constant(ir, 0), index_axis(ir, merged)};
    substitute(ir, nest, 2, axes, values);
    return merged;
}

static void merge_loops(struct ir *ir, struct store_nest *nest) {
    for (int i = nest->axis_count - 2; i >= 0; i--) {
        struct merging merging = {.outer = nest->axes[i], .inner = nest->axes[i + 1]};
        if (!can_merge(ir, nest, &merging))
            continue;
        nest->axes[i] = merge_pair(ir, nest, &merging);
        memmove(&nest->axes[i + 1], &nest->axes[i + 2],
                (size_t)(nest->axis_count - i - 2) * sizeof *nest->axes);
        nest->axis_count--;
    }
}

/* ---- Reductions ---- */

struct found {
    const struct expression *reduction;
};

static void note_mergeable_reduction(void *context, const struct expression *e) {
    struct found *found = context;
    if (e->kind == EXPRESSION_REDUCE && e->axis_count > 1)
        found->reduction = e;
}

static const struct expression *find_reduction(struct ir *ir, const struct statement *statement) {
    struct found found = {0};
    expression_walk(ir, statement->value, note_mergeable_reduction, &found);
    return found.reduction;
}

/* Neighbouring axes of a reduction, merged like loops: the order of elements stays. */
static void merge_reduction(struct ir *ir, struct statement *statement) {
    struct stored stored = {&statement->value, &statement->address};
    struct store_nest nest = {.count = 1, .stored = &stored};
    for (int pair = 0;;) {
        const struct expression *reduction = find_reduction(ir, statement);
        if (!reduction || pair + 1 >= reduction->axis_count)
            return;
        int inner = reduction->axis_count - 1 - pair;
        struct merging merging = {.outer = reduction->axes[inner - 1],
                                  .inner = reduction->axes[inner]};
        if (can_merge(ir, &nest, &merging))
            merge_pair(ir, &nest, &merging);
        else
            pair++;
    }
}

/* ---- One statement ---- */

/* The loops around a block's stage: its row axes, merged where possible, so that most stages are
 * one loop over rows. */
static void schedule_stage(struct ir *ir, const struct tile *tile, struct tile_block *block) {
    block->stage = linearise(ir, block->stage);
    block->stage = within_block(ir, tile, block, block->stage, &block->stage_address);
    struct stored stored = {&block->stage, &block->stage_address};
    struct store_nest nest = {.axes = block->stage_axes, .count = 1, .stored = &stored};
    for (int i = tile->row_axis_count - 1; i >= 0; i--)
        if (local_axis(tile, block, i)->extent > 1)
            nest.axes[nest.axis_count++] = local_axis(tile, block, i);
    merge_loops(ir, &nest);
    block->stage_axis_count = nest.axis_count;
}

/* Whether the rows of a block, whole columns, lie at one distance in the output. */
static bool lies_evenly(const struct tile *tile, struct tile_block *block) {
    bool plain = true, even = index_coefficient(block->address, block->column, &plain) == 1;
    int64_t next = 0; /* where the axis has to go on; 0: anywhere */
    block->sums_row = block->columns;
    for (int i = 0; i < tile->row_axis_count; i++) {
        const struct axis *local = local_axis(tile, block, i);
        if (local->extent == 1)
            continue;
        int64_t stride = index_coefficient(block->address, local, &plain);
        even &= next == 0 || stride == next;
        if (next == 0)
            block->sums_row = stride;
        next = stride * local->extent;
    }
    return even && plain && block->column->extent == block->columns &&
           (tile->column_loop->extent <= tile->columns ||
            tile->column_loop->extent % tile->columns == 0 || block->columns < tile->columns ||
            tile->blocks[tile->block_count - 1].columns < tile->columns);
}

static const struct expression *wait_in_output(struct ir *ir, void *context,
                                               const struct expression *e) {
    const struct tile_block *block = context;
    (void)ir;
    return e->kind == EXPRESSION_LOAD && e->buffer == block->accumulators ? block->waiting : e;
}

/* Whether a tile has no better place for sums than where they are stored. What a user reads is made
 * canonical there, which is worth it where caches do not hold it: a tile fetches what it writes. */
static bool belongs_in_output(const struct ir *ir, const struct statement *statement) {
    const struct buffer *output = statement->output;
    return output->kind != BUFFER_OUTPUT ||
           output->elements * dtype_bytes(output->dtype) > ir->target->l2;
}

/* Sums go to the output at once if they are added up in parts, or are all that is stored. */
static void place_sums(struct ir *ir, const struct statement *statement, struct tile_block *block) {
    const struct tile *tile = statement->tile;
    bool plain = block->value == block->sum && belongs_in_output(ir, statement);
    bool pooled = tile->row_axis_count > tile->loop_row_count;
    if (!(plain || tile->sum_step) || pooled || block->stage ||
        statement->output->dtype != tile->kind->accumulator || !lies_evenly(tile, block))
        return;
    struct rewrite rewrite = {.replace = wait_in_output, .context = block};
    block->in_place = expression_rewrite(ir, block->value, &rewrite);
}

/* Where a function's call costs as much as a short block, those of a whole loop go through one: no
 * more than take a fraction of a millisecond. */
static void gather_sums(struct ir *ir, const struct tile *tile, struct tile_block *block) {
    enum { MOST_PRODUCTS = 1 << 25, MOST_STEPS = 2048 };
    const struct tile_row_axis *row = &tile->row_axes[0];
    int64_t steps = 1;
    for (int i = 0; i < tile->sum_axis_count; i++)
        steps *= tile->sum_axes[i].extent;
    if (tile->loop_row_count == 0 || block->rows != block->block ||
        row->block == row->loop->extent || block->stage || block->in_place || tile->sum_step ||
        steps > MOST_STEPS || row->loop->extent > MOST_PRODUCTS / block->columns / steps)
        return;
    const struct axis *axes[] = {row->loop, block->local};
    const struct index *values[] = {index_constant(ir, 0), index_axis(ir, row->loop)};
    struct substitution substitution = {.count = 2, .axes = axes, .values = values};
    struct rewrite rewrite = {.substitution = &substitution};
    block->gathered = expression_rewrite(ir, block->value, &rewrite);
    block->gathered_address = index_substitute(ir, block->address, &substitution);
}

static void schedule_tile(struct ir *ir, struct statement *statement) {
    struct tile *tile = statement->tile;
    for (int i = 0; i < tile->block_count; i++) {
        struct tile_block *block = &tile->blocks[i];
        if (block->stage)
            schedule_stage(ir, tile, block);
        block->value = linearise(ir, block->value);
        block->address = statement->address;
        block->value = within_block(ir, tile, block, block->value, &block->address);
        block->sum = expression_load_linear(ir, block->accumulators, block->stage_address);
        block->waiting = expression_load_linear(ir, statement->output, block->address);
        place_sums(ir, statement, block);
        gather_sums(ir, tile, block);
    }
}

/* Statements of one nest: they keep the same loops, in the order that suits the first. */
static void schedule_plain(struct ir *ir, struct statement *const *statements, int count) {
    struct statement *first = statements[0];
    struct stored *stored = arena_array(ir->arena, struct stored, (size_t)count);
    for (int i = 0; i < count; i++)
        stored[i] = (struct stored){&statements[i]->value, &statements[i]->address};
    order_loops(first);
    struct store_nest nest = {first->loop_count, first->loops, count, stored};
    merge_loops(ir, &nest);
    first->loop_count = nest.axis_count;
    for (int i = 1; i < count; i++) {
        statements[i]->loop_count = first->loop_count;
        memcpy(statements[i]->loops, first->loops, sizeof first->loops);
    }
    merge_reduction(ir, first); /* statements that others join have none */
}

/* Once it is known whether the first runs as a tile. */
static void order_nest(struct ir *ir, struct statement *const *statements, int count) {
    for (int i = 0; i < count; i++) {
        statements[i]->address = linear_address(ir, statements[i]->output, statements[i]->store);
        statements[i]->value = linearise(ir, statements[i]->value);
    }
    if (statements[0]->tile)
        schedule_tile(ir, statements[0]);
    else
        schedule_plain(ir, statements, count);
    for (int i = 0; i < count; i++)
        ir_add_statement(ir, statements[i]);
}

/* Contractions become tiles, and what packs a panel for one runs before it. */
static void schedule_nest(struct ir *ir, struct statement *const *statements, int count) {
    struct tiled tiled;
    if (begin_tile(ir, statements[0], &tiled)) {
        struct statement *packer;
        while ((packer = next_packer(&tiled.packers)))
            order_nest(ir, &packer, 1);
        finish_tile(&tiled);
    } else {
        statements[0]->value = unroll_small_reductions(ir, statements[0]->value);
    }
    order_nest(ir, statements, count);
}

void schedule(struct ir *ir) {
    struct statement **statements = ir->statements;
    int count = ir->statement_count;
    find_padding(ir->arena, count, statements);
    ir->statements = NULL;
    ir->statement_count = ir->statement_capacity = 0;
    for (int i = 0; i < count;) {
        int size = nest_size(&statements[i], count - i);
        schedule_nest(ir, &statements[i], size);
        i += size;
    }
}
