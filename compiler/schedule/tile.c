/* Tiles: makes of a chosen cut the loops, blocks and values of a tiled statement.
 *
 * tiling.c has found which axes are rows, columns and sums, pack.c brings operands into order. Here
 * neighbouring sums that both operands step through evenly become one, the loops get their order,
 * and each shape of block gets the statement's value in terms of its accumulators. */
#include "compiler/lower/lower.h"
#include "compiler/schedule/schedule.h"

#include <string.h>

/* ---- Rows, columns and sums ---- */

static void add_pool_axes(struct tile *tile, const struct contraction *contraction,
                          const struct choice *choice) {
    const struct expression *pool = contraction->pool;
    for (int i = 0; pool && i < pool->axis_count; i++) {
        const struct axis *axis = pool->axes[i];
        if (axis->extent > 1)
            tile->row_axes[tile->row_axis_count++] =
                (struct tile_row_axis){.local = axis,
                                       .block = axis->extent,
                                       .stride = stride_of(contraction->ir, choice->stream, axis)};
    }
}

static void add_rows(struct tile *tile, const struct contraction *contraction,
                     const struct choice *choice) {
    struct ir *ir = contraction->ir;
    for (int i = 0; i < choice->row_count; i++)
        tile->row_axes[tile->row_axis_count++] = (struct tile_row_axis){
            .loop = choice->row_axes[i].loop,
            .local = ir_axis(ir, choice->row_axes[i].block),
            .block = choice->row_axes[i].block,
            .stride = stride_of(ir, choice->stream, choice->row_axes[i].loop)};
    tile->loop_row_count = choice->row_count;
    add_pool_axes(tile, contraction, choice);
}

static void merge_sums(struct tile *tile, const struct contraction *contraction) {
    int kept = 0;
    for (int i = 0; i < contraction->sum->axis_count; i++) {
        struct tile_sum_axis inner = tile->sum_axes[i];
        inner.extent = contraction->sum->axes[i]->extent;
        if (inner.extent == 1)
            continue;
        struct tile_sum_axis *outer = kept ? &tile->sum_axes[kept - 1] : NULL;
        if (outer && outer->stream_stride == inner.stream_stride * inner.extent &&
            outer->panel_stride == inner.panel_stride * inner.extent) {
            inner.extent *= outer->extent;
            *outer = inner;
        } else {
            tile->sum_axes[kept++] = inner;
        }
    }
    tile->sum_axis_count = kept;
}

/* The stream is read where it lies. */
static void find_stream(struct tile *tile, const struct contraction *contraction,
                        const struct choice *choice) {
    struct ir *ir = contraction->ir;
    const struct expression *sum = contraction->sum, *pool = contraction->pool;
    tile->stream = choice->stream->buffer;
    for (int i = 0; i < sum->axis_count; i++)
        tile->sum_axes[i].stream_stride = stride_of(ir, choice->stream, sum->axes[i]);
    const struct index *base = linear_address(ir, tile->stream, choice->stream->indices);
    base = without_axes(ir, base, sum->axis_count, sum->axes);
    tile->stream_base = pool ? without_axes(ir, base, pool->axis_count, pool->axes) : base;
}

/* ---- Loops ---- */

static bool is_row_loop(const struct choice *choice, const struct axis *axis) {
    return axis != choice->column && load_uses(choice->stream, axis) &&
           !load_uses(choice->panel, axis);
}

static int64_t step_of(const struct choice *choice, const struct axis *axis) {
    for (int i = 0; i < choice->row_count; i++)
        if (choice->row_axes[i].loop == axis)
            return choice->row_axes[i].block;
    return axis == choice->column ? choice->columns : 1;
}

static bool is_whole(const struct choice *choice, const struct axis *axis) {
    return step_of(choice, axis) >= axis->extent;
}

static const struct axis *outermost_row_loop(const struct contraction *contraction,
                                             const struct choice *choice) {
    const struct statement *statement = contraction->statement;
    for (int i = 0; i < statement->loop_count; i++)
        if (is_row_loop(choice, statement->loops[i]) && !is_whole(choice, statement->loops[i]))
            return statement->loops[i];
    return NULL;
}

static struct blocking find_blocking(const struct tile *tile, const struct contraction *contraction,
                                     const struct choice *choice, struct question *question) {
    const struct axis *outermost = outermost_row_loop(contraction, choice);
    const struct statement *statement = contraction->statement;
    int64_t rows = 1, shared = 1;
    for (int i = 0; i < tile->row_axis_count; i++)
        rows *= tile->row_axes[i].loop ? 1 : tile->row_axes[i].block;
    for (int i = 0; i < statement->loop_count; i++)
        if (is_row_loop(choice, statement->loops[i]))
            rows *= statement->loops[i]->extent;
        else if (load_uses(choice->stream, statement->loops[i]))
            shared *= statement->loops[i]->extent;
    int64_t read = rows * contraction->depth, held = choice->stream->buffer->elements / shared;
    struct blocking_sizes sizes = {
        .depth = contraction->depth,
        .sums = tile->sum_axis_count ? tile->sum_axes[0].extent : 1,
        .rows = rows,
        .outer_rows = outermost ? outermost->extent : 1,
        .outer_block = outermost ? step_of(choice, outermost) : 1,
        .tile_rows = choice->rows,
        .columns = choice->columns,
        .panels = (choice->column->extent + choice->columns - 1) / choice->columns,
        .stream_elements = read < held ? read : held,
        .may_split_sums = !contraction->pool &&
                          contraction->statement->output->dtype == DTYPE_FLOAT32 &&
                          tile->sum_axis_count > 0};
    return choose_blocking(contraction->ir->target, &sizes, question);
}

static void add_loop(struct tile *tile, const struct axis *axis, int64_t step) {
    tile->loops[tile->loop_count++] = (struct tile_loop){axis, step};
}

/* Loops that are neither rows nor columns; parts of the sums; kernels of rows; columns; rows. */
static void order_loops(struct tile *tile, const struct contraction *contraction,
                        const struct choice *choice, struct blocking blocking) {
    const struct statement *statement = contraction->statement;
    const struct axis *outermost = outermost_row_loop(contraction, choice);
    for (int i = 0; i < statement->loop_count; i++)
        if (statement->loops[i] != choice->column && !is_row_loop(choice, statement->loops[i]))
            add_loop(tile, statement->loops[i], 1);
    if (tile->sum_axis_count && blocking.sum_step < tile->sum_axes[0].extent) {
        tile->sum_step = blocking.sum_step;
        add_loop(tile, NULL, blocking.sum_step);
    }
    bool grouped = outermost && blocking.row_step < outermost->extent;
    if (grouped)
        add_loop(tile, outermost, blocking.row_step);
    if (!is_whole(choice, choice->column))
        add_loop(tile, choice->column, choice->columns);
    for (int i = 0; i < statement->loop_count; i++) {
        const struct axis *axis = statement->loops[i];
        bool done = grouped && axis == outermost && blocking.row_step == step_of(choice, axis);
        if (is_row_loop(choice, axis) && !is_whole(choice, axis) && !done)
            add_loop(tile, axis, step_of(choice, axis));
    }
}

/* ---- What stands on the accumulators ---- */

struct replacement {
    const struct expression *accumulator;
    bool staged; /* the accumulators hold what the pool takes */
};

static const struct expression *replace_contraction(struct ir *ir, void *context,
                                                    const struct expression *e) {
    const struct replacement *replacement = context;
    if (e->kind != EXPRESSION_REDUCE)
        return e;
    if (e->op == OP_CONTRACT)
        return replacement->accumulator;
    return replacement->staged ? combine_lanes(ir, e, replacement->accumulator) : e;
}

/* The work between contraction and pool, which every accumulator goes through once; NULL: none. */
static const struct expression *find_stage(const struct contraction *contraction,
                                           const struct expression *accumulator) {
    const struct expression *pool = contraction->pool;
    struct ir *ir = contraction->ir;
    if (!pool || pool->dtype != DTYPE_FLOAT32 || pool->sources[0] == contraction->sum)
        return NULL;
    struct replacement replacement = {.accumulator = accumulator};
    struct rewrite rewrite = {.replace = replace_contraction, .context = &replacement};
    return begin_lane(ir, pool, expression_rewrite(ir, pool->sources[0], &rewrite));
}

/* The place of an accumulator: rows in the order of the row axes, the first fastest. */
static const struct index *place_in_block(struct ir *ir, const struct tile *tile,
                                          struct tile_block *block) {
    const struct index *place = index_axis(ir, block->column);
    block->rows = 1;
    for (int i = 0; i < tile->row_axis_count; i++) {
        const struct axis *local = local_axis(tile, block, i);
        int64_t stride = (int64_t)block->rows * block->columns;
        place = index_add(ir, place, index_scale(ir, index_axis(ir, local), stride));
        block->rows *= (int)local->extent;
    }
    return place;
}

/* A block of so many of the first row axis and so many columns: the statement's value with the
 * contraction replaced by its accumulator. Loops then stand for where the block begins, local axes
 * run within. */
static void add_block(struct tile *tile, const struct contraction *contraction, int64_t size,
                      int columns, int64_t used) {
    struct ir *ir = contraction->ir;
    struct tile_block *block = &tile->blocks[tile->block_count++];
    *block = (struct tile_block){.block = size,
                                 .local = tile->loop_row_count ? ir_axis(ir, size) : NULL,
                                 .columns = columns,
                                 .column = ir_axis(ir, used)};
    const struct index *place = place_in_block(ir, tile, block);
    int64_t elements = (int64_t)block->rows * columns;
    block->accumulators = ir_buffer(ir, BUFFER_LOCAL, DTYPE_FLOAT32, 1, &elements, "sums");
    struct replacement replacement = {.accumulator =
                                          expression_load(ir, block->accumulators, &place)};
    struct rewrite rewrite = {.replace = replace_contraction, .context = &replacement};
    block->stage = find_stage(contraction, replacement.accumulator);
    block->stage_address = place;
    replacement.staged = block->stage != NULL;
    block->value = expression_rewrite(ir, contraction->statement->value, &rewrite);
    block->value = unroll_small_reductions(ir, block->value);
}

static void add_blocks(struct tile *tile, const struct contraction *contraction,
                       const struct choice *choice) {
    bool blocked = tile->loop_row_count > 0;
    int64_t size = blocked ? tile->row_axes[0].block : 1;
    int64_t rest = blocked ? tile->row_axes[0].loop->extent % size : 0;
    int64_t extent = choice->column->extent;
    int64_t used = extent < choice->columns ? extent : choice->columns;
    add_block(tile, contraction, size, choice->columns, used);
    if (rest)
        add_block(tile, contraction, rest, choice->columns, used);
    if (!choice->last_columns)
        return;
    used = extent % choice->columns;
    add_block(tile, contraction, size, choice->last_columns, used);
    if (rest)
        add_block(tile, contraction, rest, choice->last_columns, used);
}

/* ---- All together ---- */

/* A loop of which one block is the whole extent is no loop: it begins at 0. */
static const struct index *at_block(struct ir *ir, const struct tile *tile,
                                    const struct index *base) {
    for (int i = 0; i < tile->loop_row_count; i++)
        if (tile->row_axes[i].block == tile->row_axes[i].loop->extent)
            base = without_axes(ir, base, 1, &tile->row_axes[i].loop);
    return tile->column_loop->extent <= tile->columns
               ? without_axes(ir, base, 1, &tile->column_loop)
               : base;
}

/* A last vector that goes lane by lane loads what lies behind the last column. */
static void allow_overread(struct ir *ir, const struct choice *choice) {
    size_t bytes = whole_lines((size_t)columns_beyond(choice) * sizeof(float));
    if (choice->lanes && bytes > ir->overread)
        ir->overread = bytes;
}

bool tile_contraction(struct ir *ir, struct statement *statement) {
    struct contraction contraction;
    struct choice choice;
    if (!find_contraction(ir, statement, &contraction))
        return false;
    struct question *question = ask(&contraction);
    if (!choose_tiles(&contraction, question, &choice))
        return false;
    struct tile *tile = arena_new(ir->arena, struct tile);
    *tile = (struct tile){.lanes = choice.lanes,
                          .column_loop = choice.column,
                          .columns = choice.columns,
                          .cycles = choice.cycles};
    allow_overread(ir, &choice);
    add_rows(tile, &contraction, &choice);
    provide_panel(tile, &contraction, &choice);
    find_stream(tile, &contraction, &choice);
    merge_sums(tile, &contraction);
    order_loops(tile, &contraction, &choice, find_blocking(tile, &contraction, &choice, question));
    if (question)
        answer(question);
    tile->stream_base = at_block(ir, tile, tile->stream_base);
    tile->panel_base = at_block(ir, tile, tile->panel_base);
    add_blocks(tile, &contraction, &choice);
    statement->tile = tile;
    return true;
}
