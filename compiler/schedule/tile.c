/* Tiles: makes of a tiling the loops, blocks and values of a tiled statement.
 *
 * tiling.c has found which axes are rows, columns and sums, pack.c brings operands into order. Here
 * neighbouring sums that both operands step through evenly become one, the loops get their order,
 * and each shape of block gets the statement's value in terms of its accumulators. */
#include "compiler/schedule/tile.h"

#include "compiler/lower/lower.h"
#include "compiler/schedule/candidates.h"
#include "compiler/schedule/copy_panel.h"
#include "compiler/schedule/group_sums.h"
#include "compiler/schedule/padding.h"

#include <string.h>

/* ---- Rows, columns and sums ---- */

static void add_pool_axes(struct tile *tile, const struct contraction *contraction,
                          const struct loop_tiling *tiling) {
    const struct expression *pool = contraction->pool;
    for (int i = 0; pool && i < pool->axis_count; i++) {
        const struct axis *axis = pool->axes[i];
        if (axis->extent > 1)
            tile->row_axes[tile->row_axis_count++] =
                (struct tile_row_axis){.local = axis,
                                       .block = axis->extent,
                                       .stride = stride_of(contraction->ir, tiling->stream, axis)};
    }
}

static void add_rows(struct tile *tile, const struct contraction *contraction,
                     const struct loop_tiling *tiling) {
    struct ir *ir = contraction->ir;
    for (int i = 0; i < tiling->row_count; i++)
        tile->row_axes[tile->row_axis_count++] = (struct tile_row_axis){
            .loop = tiling->row_loops[i].loop,
            .local = ir_axis(ir, tiling->row_loops[i].block),
            .block = tiling->row_loops[i].block,
            .stride = stride_of(ir, tiling->stream, tiling->row_loops[i].loop)};
    tile->loop_row_count = tiling->row_count;
    add_pool_axes(tile, contraction, tiling);
}

static void merge_sums(struct tile *tile, const struct contraction *contraction) {
    int kept = 0, last = 0, count = contraction->sum->axis_count - (tile->kind->group > 1);
    for (int i = 0; i < count; i++) {
        struct tile_sum_axis inner = tile->sum_axes[i];
        inner.axis = contraction->sum->axes[i];
        inner.extent = inner.axis->extent;
        if (inner.extent == 1)
            continue;
        bool begins_block =
            contraction->coded && last < contraction->within && i >= contraction->within;
        struct tile_sum_axis *outer = kept && !begins_block ? &tile->sum_axes[kept - 1] : NULL;
        last = i;
        if (outer && outer->stream_stride == inner.stream_stride * inner.extent &&
            outer->panel_stride == inner.panel_stride * inner.extent) {
            inner.extent *= outer->extent;
            inner.axis = NULL;
            *outer = inner;
        } else {
            tile->sum_axes[kept++] = inner;
        }
    }
    tile->sum_axis_count = kept;
}

/* The stream is read where it lies. */
static void find_stream(struct tile *tile, const struct contraction *contraction,
                        const struct loop_tiling *tiling) {
    struct ir *ir = contraction->ir;
    const struct expression *sum = contraction->sum, *pool = contraction->pool;
    tile->stream = tiling->stream->buffer;
    for (int i = 0; i < sum->axis_count; i++)
        tile->sum_axes[i].stream_stride = stride_of(ir, tiling->stream, sum->axes[i]);
    const struct index *base = linear_address(ir, tile->stream, tiling->stream->indices);
    base = without_axes(ir, base, sum->axis_count, sum->axes);
    tile->stream_base = pool ? without_axes(ir, base, pool->axis_count, pool->axes) : base;
}

/* ---- Loops ---- */

static bool is_row_loop(const struct loop_tiling *tiling, const struct axis *axis) {
    return axis != tiling->column && load_uses(tiling->stream, axis) &&
           !load_uses(tiling->panel, axis);
}

static int64_t step_of(const struct loop_tiling *tiling, const struct axis *axis) {
    for (int i = 0; i < tiling->row_count; i++)
        if (tiling->row_loops[i].loop == axis)
            return tiling->row_loops[i].block;
    return axis == tiling->column ? tiling->columns : 1;
}

static bool is_whole(const struct loop_tiling *tiling, const struct axis *axis) {
    return step_of(tiling, axis) >= axis->extent;
}

static const struct axis *outermost_row_loop(const struct contraction *contraction,
                                             const struct loop_tiling *tiling) {
    const struct statement *statement = contraction->statement;
    for (int i = 0; i < statement->loop_count; i++)
        if (is_row_loop(tiling, statement->loops[i]) && !is_whole(tiling, statement->loops[i]))
            return statement->loops[i];
    return NULL;
}

/* A block of codes is not cut. */
static bool splits_sums(const struct tile *tile, const struct contraction *contraction) {
    return !contraction->coded || tile->sum_axis_count > 1;
}

static struct blocking block_loops(const struct tile *tile, const struct contraction *contraction,
                                   const struct loop_tiling *tiling,
                                   const struct candidate_visitor *visitor) {
    const struct axis *outermost = outermost_row_loop(contraction, tiling);
    const struct statement *statement = contraction->statement;
    int64_t rows = 1, shared = 1;
    for (int i = 0; i < tile->row_axis_count; i++)
        rows *= tile->row_axes[i].loop ? 1 : tile->row_axes[i].block;
    for (int i = 0; i < statement->loop_count; i++)
        if (is_row_loop(tiling, statement->loops[i]))
            rows *= statement->loops[i]->extent;
        else if (load_uses(tiling->stream, statement->loops[i]))
            shared *= statement->loops[i]->extent;
    int64_t read = rows * contraction->depth, held = tiling->stream->buffer->elements / shared;
    struct blocking_sizes sizes = {.depth = contraction->depth,
                                   .sums = tile->sum_axis_count ? tile->sum_axes[0].extent : 1,
                                   .rows = rows,
                                   .outer_rows = outermost ? outermost->extent : 1,
                                   .outer_block = outermost ? step_of(tiling, outermost) : 1,
                                   .tile_rows = tiling->rows,
                                   .columns = tiling->columns,
                                   .panels = divide_up(tiling->column->extent, tiling->columns),
                                   .stream_elements = read < held ? read : held,
                                   .stream_bytes = dtype_bytes(tiling->kind->stream),
                                   .panel_bytes = dtype_bytes(tiling->kind->panel),
                                   .sum_bytes = dtype_bytes(tiling->kind->accumulator),
                                   .may_split_sums =
                                       !contraction->pool && splits_sums(tile, contraction) &&
                                       statement->output->dtype == tiling->kind->accumulator &&
                                       tile->sum_axis_count > 0};
    return find_blocking(contraction->ir->target, &sizes, visitor);
}

static void add_loop(struct tile *tile, const struct axis *axis, int64_t step) {
    tile->loops[tile->loop_count++] = (struct tile_loop){axis, step};
}

/* Loops that are neither rows nor columns; parts of the sums; groups of rows; columns; rows. */
static void order_loops(struct tile *tile, const struct contraction *contraction,
                        const struct loop_tiling *tiling, struct blocking blocking) {
    const struct statement *statement = contraction->statement;
    const struct axis *outermost = outermost_row_loop(contraction, tiling);
    for (int i = 0; i < statement->loop_count; i++)
        if (statement->loops[i] != tiling->column && !is_row_loop(tiling, statement->loops[i]))
            add_loop(tile, statement->loops[i], 1);
    if (tile->sum_axis_count && blocking.sum_step < tile->sum_axes[0].extent) {
        tile->sum_step = blocking.sum_step;
        add_loop(tile, NULL, blocking.sum_step);
    }
    bool grouped = outermost && blocking.row_step < outermost->extent;
    if (grouped)
        add_loop(tile, outermost, blocking.row_step);
    if (!is_whole(tiling, tiling->column))
        add_loop(tile, tiling->column, tiling->columns);
    for (int i = 0; i < statement->loop_count; i++) {
        const struct axis *axis = statement->loops[i];
        bool done = grouped && axis == outermost && blocking.row_step == step_of(tiling, axis);
        if (is_row_loop(tiling, axis) && !is_whole(tiling, axis) && !done)
            add_loop(tile, axis, step_of(tiling, axis));
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
    if (!pool || pool->dtype != accumulator->dtype || is_contraction(pool->sources[0]))
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
    block->accumulators =
        ir_buffer(ir, BUFFER_LOCAL, tile->kind->accumulator, 1, &elements, "sums");
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
                       const struct loop_tiling *tiling) {
    bool blocked = tile->loop_row_count > 0;
    int64_t size = blocked ? tile->row_axes[0].block : 1;
    int64_t rest = blocked ? tile->row_axes[0].loop->extent % size : 0;
    int64_t extent = tiling->column->extent;
    int64_t used = extent < tiling->columns ? extent : tiling->columns;
    add_block(tile, contraction, size, tiling->columns, used);
    if (rest)
        add_block(tile, contraction, rest, tiling->columns, used);
    if (!tiling->last_columns)
        return;
    used = extent % tiling->columns;
    add_block(tile, contraction, size, tiling->last_columns, used);
    if (rest)
        add_block(tile, contraction, rest, tiling->last_columns, used);
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
static void allow_overread(struct ir *ir, const struct loop_tiling *tiling) {
    size_t bytes =
        whole_lines((size_t)columns_beyond(tiling) * dtype_facts[tiling->kind->stream].bytes);
    if (tiling->lanes && bytes > ir->overread)
        ir->overread = bytes;
}

bool begin_tile(struct ir *ir, struct statement *statement, struct tiled *tiled) {
    struct contraction *contraction = &tiled->contraction;
    struct loop_tiling *tiling = &tiled->tiling;
    if (ir->target->gpu || !find_contraction(ir, statement, contraction))
        return false; /* a GPU's tiles are found when they are emitted */
    const struct candidate_visitor *visitor = ir->visitor;
    if (visitor && !visitor->begin(visitor->context, contraction))
        visitor = NULL;
    if (!find_tiling(contraction, visitor, tiling))
        return false;
    if (tiling->kind->group > 1)
        group_sums(contraction, tiling);
    struct statement *copies = NULL;
    if (tiling->place == PANEL_COPIED)
        copies = copy_panel(contraction, tiling, packing_kernel(contraction));
    struct tile *tile = arena_new(ir->arena, struct tile);
    *tile = (struct tile){.kind = tiling->kind,
                          .lanes = tiling->lanes,
                          .column_loop = tiling->column,
                          .columns = tiling->columns,
                          .cycles = tiling->cycles};
    allow_overread(ir, tiling);
    add_rows(tile, contraction, tiling);
    tiled->packers = provide_panel(tile, contraction, tiling);
    tiled->packers.copies = copies;
    find_stream(tile, contraction, tiling);
    merge_sums(tile, contraction);
    struct blocking blocking = block_loops(tile, contraction, tiling, visitor);
    order_loops(tile, contraction, tiling, blocking);
    find_cuts(tile, contraction, tiling);
    if (visitor)
        visitor->end(visitor->context, tiling, &blocking);
    tile->stream_base = at_block(ir, tile, tile->stream_base);
    tile->panel_base = at_block(ir, tile, tile->panel_base);
    statement->tile = tile;
    return true;
}

void finish_tile(const struct tiled *tiled) {
    add_blocks(tiled->contraction.statement->tile, &tiled->contraction, &tiled->tiling);
}
