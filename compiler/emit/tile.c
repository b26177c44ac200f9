/* Tiled statements in C: loops around blocks, each a call of a tile and what is done with its sums.
 */
#include "compiler/emit/tile_call.h"

#include <inttypes.h>
#include <string.h>

/* ---- What is done with the sums ---- */

/* Columns of the last panel may be fewer than those of a tile that has no narrower kind. */
static bool has_column_tail(const struct tiling *tiling) {
    const struct tile *tile = tiling->tile;
    return tile->column_loop->extent > tile->columns &&
           tile->column_loop->extent % tile->columns != 0 &&
           tile->blocks[tile->block_count - 1].columns == tile->columns;
}

/* Over some axes, outermost first, and the columns. */
static struct epilogue epilogue_over(const struct tiling *tiling, int count,
                                     const struct axis *const *axes, const char *stem) {
    const struct axis *column = tiling->block->column;
    const char *columns = has_column_tail(tiling) ? "columns"
                                                  : arena_format(tiling->emitter->ir->arena,
                                                                 "%" PRId64, column->extent);
    return (struct epilogue){count, axes, stem, column, columns, tiling->tile->kind, NULL};
}

static void emit_epilogue(const struct tiling *tiling, const struct store *store, int count,
                          const struct axis *const *axes, const char *stem) {
    struct emitter *emitter = tiling->emitter;
    const struct epilogue epilogue = epilogue_over(tiling, count, axes, stem);
    double work = emitter->work;
    emitter->work = 0; /* a few elements */
    emitter->backend->epilogue(emitter, store, &epilogue);
    emitter->work = work;
}

/* What is done to the accumulators in place, before pooling. */
static void emit_stage(const struct tiling *tiling) {
    const struct tile_block *block = tiling->block;
    struct store store = {
        .output = block->accumulators, .address = block->stage_address, .value = block->stage};
    emit_begin_value(tiling->emitter, block->stage);
    emit_epilogue(tiling, &store, block->stage_axis_count, block->stage_axes, "s");
}

/* Over the rows of the block, without those that pooling joined. */
static void emit_over_rows(const struct tiling *tiling, const struct store *store) {
    const struct tile *tile = tiling->tile;
    const struct axis *axes[MAX_RANK];
    for (int i = 0; i < tile->loop_row_count; i++)
        axes[i] = local_axis(tile, tiling->block, tile->loop_row_count - 1 - i);
    emit_begin_value(tiling->emitter, store->value);
    emit_epilogue(tiling, store, tile->loop_row_count, axes, "r");
}

/* Sums of which only a part is added up wait where the output will be. */
static void emit_resume(const struct tiling *tiling) {
    const struct tile_block *block = tiling->block;
    struct store store = {
        .output = block->accumulators, .address = block->stage_address, .value = block->waiting};
    emit_open(tiling->emitter, "if (k > 0) {");
    emit_over_rows(tiling, &store);
    emit_close(tiling->emitter);
}

static void emit_pause(const struct tiling *tiling) {
    const struct tile_block *block = tiling->block;
    const struct tile *tile = tiling->tile;
    struct store store = {.output = tiling->statement->output,
                          .address = block->address,
                          .value = block->sum,
                          .unfinished = true};
    emit_open(tiling->emitter, "if (k + %" PRId64 " < %" PRId64 ") {", tile->sum_step,
              tile->sum_axes[0].extent);
    emit_over_rows(tiling, &store);
    emit_line(tiling->emitter, "continue;");
    emit_close(tiling->emitter);
}

/* Sums in the output: what is left to do with them after the last part. */
static void emit_in_place(const struct tiling *tiling) {
    struct emitter *emitter = tiling->emitter;
    const struct tile_block *block = tiling->block;
    const struct tile *tile = tiling->tile;
    const struct buffer *output = tiling->statement->output;
    tile_emit_call(tiling);
    if (block->in_place == block->waiting && output->kind != BUFFER_OUTPUT)
        return;
    struct store store = {.output = output, .address = block->address, .value = block->in_place};
    if (tile->sum_step) {
        emit_open(emitter, "if (k + %" PRId64 " == %" PRId64 ") {", tile->sum_step,
                  tile->sum_axes[0].extent);
        emit_over_rows(tiling, &store);
        emit_close(emitter);
    } else {
        emit_over_rows(tiling, &store);
    }
}

/* How many columns there are: a declaration; NULL where it is a number. */
static const char *column_count(const struct tiling *tiling) {
    const struct tile *tile = tiling->tile;
    if (!has_column_tail(tiling))
        return NULL;
    const int64_t extent = tile->column_loop->extent;
    return arena_format(tiling->emitter->ir->arena,
                        "const long columns = %" PRId64 " - n < %d ? %" PRId64 " - n : %d;", extent,
                        tile->columns, extent, tile->columns);
}

/* Room for the sums of so many rows, and how many columns there are. */
static void emit_sums(const struct tiling *tiling, int64_t rows) {
    struct emitter *emitter = tiling->emitter;
    const struct tile_block *block = tiling->block;
    const char *columns = column_count(tiling);
    emit_begin_value(emitter, block->value);
    emitter->backend->declare_array(
        emitter, dtype_facts[block->accumulators->dtype].c_type, "sums",
        arena_format(emitter->ir->arena, "%" PRId64 " * %d", rows, block->columns));
    if (columns)
        emit_line(emitter, "%s", columns);
}

static void emit_block(const struct tiling *tiling) {
    const struct tile_block *block = tiling->block;
    const struct tile *tile = tiling->tile;
    if (block->in_place) {
        emit_in_place(tiling);
        return;
    }
    if (tiling->gathered) {
        tile_emit_call(tiling);
        return;
    }
    emit_sums(tiling, block->rows);
    if (tile->sum_step)
        emit_resume(tiling);
    tile_emit_call(tiling);
    if (tile->sum_step)
        emit_pause(tiling);
    if (block->stage)
        emit_stage(tiling);
    struct store store = {
        .output = tiling->statement->output, .address = block->address, .value = block->value};
    emit_over_rows(tiling, &store);
}

/* ---- Loops ---- */

static bool is_row_axis(const struct tile *tile, const struct axis *axis) {
    return tile->loop_row_count > 0 && axis == tile->row_axes[0].loop;
}

/* Where whole blocks end, for loops that a shorter one follows. */
static int64_t loop_end(const struct tiling *tiling, const struct axis *axis) {
    const struct tile *tile = tiling->tile;
    int64_t extent = axis->extent;
    if (is_row_axis(tile, axis))
        return extent - extent % tile->row_axes[0].block;
    if (axis == tile->column_loop && !has_column_tail(tiling))
        return extent - extent % tile->columns;
    return extent;
}

static const struct tile_loop *find_loop(const struct tile *tile, int from, int to,
                                         const struct axis *axis) {
    for (int i = from; i < to; i++)
        if (tile->loops[i].axis == axis)
            return &tile->loops[i];
    return NULL;
}

/* The inner of two loops over one axis runs through one step of the outer, m. */
static void open_inner(const struct tiling *tiling, const struct tile_loop *loop,
                       const struct tile_loop *outer, const char *name) {
    struct emitter *emitter = tiling->emitter;
    int64_t end = loop_end(tiling, loop->axis), step = outer->step;
    emit_name_axis(emitter, loop->axis, name);
    bool parallel = loop->axis == emitter->parallel_loop;
    const char *last = parallel ? "end" : arena_format(emitter->ir->arena, "%" PRId64, end);
    const char *limit =
        parallel || end % step
            ? arena_format(emitter->ir->arena, "(m + %" PRId64 " < %s ? m + %" PRId64 " : %s)",
                           step, last, step, last)
            : arena_format(emitter->ir->arena, "m + %" PRId64, step);
    emit_open_for(emitter, name, "m", limit, step, loop->step);
}

static void open_tile_loop(const struct tiling *tiling, int position) {
    struct emitter *emitter = tiling->emitter;
    const struct tile *tile = tiling->tile;
    const struct tile_loop *loop = &tile->loops[position];
    const char *name =
        loop->axis == tile->column_loop ? "n" : arena_format(emitter->ir->arena, "i%d", position);
    const struct tile_loop *outer = find_loop(tile, 0, position, loop->axis);
    if (!loop->axis)
        emit_open_for(emitter, "k", "0",
                      arena_format(emitter->ir->arena, "%" PRId64, tile->sum_axes[0].extent),
                      tile->sum_axes[0].extent, loop->step);
    else if (find_loop(tile, position + 1, tile->loop_count, loop->axis))
        emit_open_loop(emitter, loop->axis, "m", loop_end(tiling, loop->axis), loop->step);
    else if (outer)
        open_inner(tiling, loop, outer, name);
    else if (emitter->turns && loop->axis == tile->column_loop)
        emit_open_turning(emitter, loop->axis, name, loop_end(tiling, loop->axis), loop->step);
    else
        emit_open_loop(emitter, loop->axis, name, loop_end(tiling, loop->axis), loop->step);
}

/* Where it begins; each tile fetches its share, from where the one before has ended. */
static void emit_ahead(const struct tiling *tiling, const char *begin) {
    const char *type = dtype_facts[tiling->tile->panel->dtype].c_type;
    emit_line(tiling->emitter, "const %s *ahead = %s;", type, begin);
    emit_line(tiling->emitter, "const %s *const ahead_end = ahead + %" PRId64 ";", type,
              tiling->tile->prefetch.count);
}

static void emit_next_panel(const struct tiling *tiling) {
    const struct tile *tile = tiling->tile;
    struct emitter *emitter = tiling->emitter;
    const struct tiling whole = {.tile = tile, .block = &tile->blocks[0], .emitter = emitter};
    struct tile_call call = {.panel = tile_plus_index(emitter, tile->panel->name, tile->panel_base),
                             .stream = "",
                             .resume = ""};
    if (tile->sum_step)
        tile_move_along_sum(&whole, &call, 0, "k");
    emit_ahead(tiling,
               arena_format(emitter->ir->arena, "%s + %" PRId64, call.panel, tile->prefetch.next));
}

/* Which of the blocks: among the last rows, among the last columns. */
struct remainder {
    bool rows, columns;
};

static const struct tile_block *block_of(const struct tile *tile, struct remainder remainder) {
    for (int i = 0; i < tile->block_count; i++) {
        const struct tile_block *block = &tile->blocks[i];
        bool rows = tile->loop_row_count > 0 && block->block < tile->row_axes[0].block;
        if (rows == remainder.rows && (block->columns < tile->columns) == remainder.columns)
            return block;
    }
    return NULL;
}

static void emit_from(struct tiling *tiling, int position, struct remainder remainder);

/* Whether the innermost loop only computes sums, for one epilogue behind it. */
static bool gathers(const struct tiling *tiling, int position, struct remainder remainder) {
    const struct tile *tile = tiling->tile;
    const struct axis *axis = tile->loops[position].axis;
    return tiling->emitter->backend->gathers_sums && position + 1 == tile->loop_count &&
           is_row_axis(tile, axis) && axis != tiling->emitter->parallel_loop &&
           !find_loop(tile, 0, position, axis) && block_of(tile, remainder)->gathered;
}

/* Whether the sums of all its tiles stay in L1 beside what tiles read. */
static bool fits_cache(const struct tiling *tiling) {
    enum { MOST_SUMS = 4096 };
    return tiling->gathered->extent * tiling->block->columns <= MOST_SUMS;
}

/* What is stored of all sums along the row axis. */
static struct store gathered_store(const struct tiling *tiling) {
    return (struct store){.output = tiling->statement->output,
                          .address = tiling->block->gathered_address,
                          .value = tiling->block->gathered};
}

static void emit_gathered(struct tiling *tiling, struct remainder remainder) {
    const struct axis *row = tiling->gathered;
    tiling->block = block_of(tiling->tile, remainder);
    struct store store = gathered_store(tiling);
    emit_begin_value(tiling->emitter, store.value);
    emit_epilogue(tiling, &store, 1, &row, "r");
}

/* All tiles along the row axis with what is stored of them, if the backend has a way for that. */
static bool emit_whole_line(const struct tiling *tiling, struct remainder remainder) {
    struct emitter *emitter = tiling->emitter;
    struct tile_line line = {.columns = column_count(tiling)};
    remainder.rows = true;
    if (!emitter->backend->line ||
        !tile_find_line(tiling, block_of(tiling->tile, remainder), &line))
        return false;
    const struct store store = gathered_store(tiling);
    const struct epilogue epilogue = epilogue_over(tiling, 1, &tiling->gathered, "r");
    emit_begin_value(emitter, store.value);
    return emitter->backend->line(emitter, &store, &epilogue, &line);
}

/* What is left over behind a loop of whole blocks, if anything. */
static void emit_remainder(struct tiling *tiling, int position, struct remainder remainder) {
    struct emitter *emitter = tiling->emitter;
    const struct axis *axis = tiling->tile->loops[position].axis;
    remainder.rows |= is_row_axis(tiling->tile, axis);
    remainder.columns |= axis == tiling->tile->column_loop;
    if (!axis || !block_of(tiling->tile, remainder))
        return;
    emit_name_axis(emitter, axis,
                   arena_format(emitter->ir->arena, "%" PRId64, loop_end(tiling, axis)));
    bool parallel = axis == emitter->parallel_loop;
    bool braces = parallel || position + 1 == tiling->tile->loop_count;
    if (braces)
        emit_open(emitter, parallel ? "if (part + 1 == parts) {" : "{");
    emit_from(tiling, position + 1, remainder);
    if (braces)
        emit_close(emitter);
}

/* The loops from a position inwards. */
static void emit_from(struct tiling *tiling, int position, struct remainder remainder) {
    const struct tile *tile = tiling->tile;
    if (position == tile->loop_count) {
        tiling->block = block_of(tile, remainder);
        tiling->walk = tile_walk_name(tile, tiling->block);
        emit_block(tiling);
        return;
    }
    const struct axis *axis = tile->loops[position].axis;
    if ((remainder.rows && is_row_axis(tile, axis)) ||
        (remainder.columns && axis == tile->column_loop)) { /* there is no loop over it */
        emit_from(tiling, position + 1, remainder);
        return;
    }
    bool gathering = gathers(tiling, position, remainder);
    if (gathering) {
        tiling->block = block_of(tile, remainder);
        tiling->gathered = axis;
        if (emit_whole_line(tiling, remainder)) {
            tiling->gathered = NULL;
            return;
        }
        gathering = fits_cache(tiling);
    }
    if (gathering) {
        emit_open(tiling->emitter, "{");
        emit_sums(tiling, axis->extent);
    } else {
        tiling->gathered = NULL;
    }
    open_tile_loop(tiling, position);
    if (tile->prefetch.count && !tile->prefetch.buffer && position == tile->prefetch.loop)
        emit_next_panel(tiling);
    emit_from(tiling, position + 1, remainder);
    emit_close(tiling->emitter);
    bool again = axis && find_loop(tile, 0, position, axis);
    bool apart = (is_row_axis(tile, axis) || axis == tile->column_loop) && !again;
    if (apart)
        emit_remainder(tiling, position, remainder);
    if (gathering) {
        emit_gathered(tiling, remainder);
        tiling->gathered = NULL;
        emit_close(tiling->emitter);
    }
}

void emit_tiled(struct emitter *emitter, const struct statement *statement) {
    struct tiling tiling = {.emitter = emitter, .statement = statement, .tile = statement->tile};
    if (statement->parallel_loop && !statement->shared_count)
        emit_part(emitter, statement, loop_end(&tiling, statement->parallel_loop));
    for (int i = 0; i < statement->tile->block_count; i++) {
        tiling.block = &statement->tile->blocks[i];
        tiling.walk = tile_walk_name(statement->tile, tiling.block);
        tile_emit_walk(&tiling);
    }
    const struct buffer *fetched = statement->tile->prefetch.buffer;
    if (fetched)
        emit_ahead(&tiling, arena_format(emitter->ir->arena, "(const uint8_t *)%s", fetched->name));
    emit_from(&tiling, 0, (struct remainder){false, false});
}
