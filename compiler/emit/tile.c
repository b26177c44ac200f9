/* Tiled statements in C: loops around blocks, each a call of a tile and what is done with its sums.
 */
#include "compiler/emit/emit.h"
#include "compiler/schedule/tile_kind.h"

#include <inttypes.h>
#include <string.h>

/* What is emitted at the moment: one shape of block, and how the text calls things. */
struct tiling {
    struct emitter *emitter;
    const struct statement *statement;
    const struct tile *tile;
    const struct tile_block *block;
    const char *walk;
    const struct axis *gathered; /* rows whose sums wait for each other; NULL: those of a block */
};

static const char *const walk_names[] = {"walk", "walk_2", "walk_3", "walk_4"};

/* ---- Walks ---- */

static void add_list(struct text *text, const char *name, int count, const int64_t *values) {
    text_add(text, ".%s = {", name);
    for (int i = 0; i < count; i++)
        text_add(text, "%s%" PRId64, i ? ", " : "", values[i]);
    text_add(text, "}");
}

/* Where each row of a block lies in the stream, relative to the first. */
static int row_offsets(const struct tile *tile, const struct tile_block *block, int64_t *offsets) {
    int count = 1;
    offsets[0] = 0;
    for (int i = 0; i < tile->row_axis_count; i++) {
        int64_t extent = local_axis(tile, block, i)->extent;
        for (int64_t k = 1; k < extent; k++)
            for (int r = 0; r < count; r++)
                offsets[k * count + r] = offsets[r] + k * tile->row_axes[i].stride;
        count *= (int)extent;
    }
    return count;
}

/* The steps of a sum: those of one part, where it is added up in parts. */
static int64_t steps_of_sum(const struct tile *tile, int axis) {
    return axis == 0 && tile->sum_step ? tile->sum_step : tile->sum_axes[axis].extent;
}

static int64_t panel_stride(const struct tiling *tiling, int axis) {
    return tiling->tile->sum_axes[axis].panel_stride *
           (tiling->tile->packed ? tiling->block->columns : 1);
}

/* The levels of a walk, outermost first. */
struct levels {
    int64_t extent[WALK_LEVELS], stream[WALK_LEVELS], panel[WALK_LEVELS];
};

/* The sum that a walk takes all its steps again for; -1: none. */
static int sum_of_again(const struct tile *tile) {
    bool can = tile->kind == &tile_kinds[TILE_KIND_FLOAT32];
    return can && tile->sum_axis_count > WALK_LEVELS ? tile->sum_axis_count - WALK_LEVELS - 1 : -1;
}

static bool fetches(const struct tiling *tiling) {
    return tiling->tile->prefetch.next && tiling->block->columns == tiling->tile->columns;
}

/* Where something is fetched, the first level is that after which it is. */
static struct levels levels_of(const struct tiling *tiling) {
    const struct tile *tile = tiling->tile;
    struct levels levels;
    int free = WALK_LEVELS - tile->sum_axis_count;
    for (int i = 0; i < WALK_LEVELS; i++) {
        int from = fetches(tiling) && i == 0 && free > 0 ? 0 : i - free;
        bool there = from >= (i > 0 && fetches(tiling) && free > 0);
        levels.extent[i] = there ? steps_of_sum(tile, from) : 1;
        levels.stream[i] = there ? tile->sum_axes[from].stream_stride : 0;
        levels.panel[i] = there ? panel_stride(tiling, from) : 0;
    }
    if (fetches(tiling) && tile->sum_axis_count == 1) {
        levels.extent[WALK_LEVELS - 1] = tile->prefetch.iteration;
        levels.stream[WALK_LEVELS - 1] = levels.stream[0];
        levels.panel[WALK_LEVELS - 1] = levels.panel[0];
        levels.extent[0] /= tile->prefetch.iteration;
        levels.stream[0] *= tile->prefetch.iteration;
        levels.panel[0] *= tile->prefetch.iteration;
    }
    return levels;
}

/* By one tile. */
static int64_t fetched_elements(const struct tiling *tiling) {
    int again = sum_of_again(tiling->tile);
    int64_t times = again < 0 ? 1 : steps_of_sum(tiling->tile, again);
    return times * levels_of(tiling).extent[0] * tiling->tile->prefetch.lines *
           tiling->emitter->ir->target->line / dtype_bytes(tiling->tile->panel->dtype);
}

/* The rest of a walk through codes: what these are. */
static void emit_codes(struct emitter *emitter, const struct tile_codes *codes) {
    const char *half = codes->half ? ", .half = 1" : "";
    const char *blocks = codes->by_blocks ? ", .by_blocks = 1" : "";
    uint32_t bits;
    memcpy(&bits, &codes->zero, sizeof bits);
    if (codes->listed)
        emit_line(emitter, "    .bits = %d, .listed = %d%s%s};", codes->bits, codes->listed, half,
                  blocks);
    else
        emit_line(emitter, "    .bits = %d%s%s, .zero = %s};", codes->bits, half, blocks,
                  emit_constant(emitter, DTYPE_FLOAT32, bits));
}

static void emit_walk(const struct tiling *tiling) {
    struct emitter *emitter = tiling->emitter;
    int64_t offsets[64];
    int rows = row_offsets(tiling->tile, tiling->block, offsets);
    struct levels levels = levels_of(tiling);
    const char *indent = tiling->tile->codes.bits ? "        " : "    ";
    struct text text = text_in(emitter->ir->arena);
    add_list(&text, "rows", rows, offsets);
    emit_line(emitter, "static const struct %s %s = {", tiling->tile->kind->walk, tiling->walk);
    if (tiling->tile->codes.bits)
        emit_line(emitter, "    .steps = {");
    emit_line(emitter, "%s%s,", indent, text_keep(&text));
    text = text_in(emitter->ir->arena);
    add_list(&text, "extent", WALK_LEVELS, levels.extent);
    text_add(&text, ", ");
    add_list(&text, "stream", WALK_LEVELS, levels.stream);
    text_add(&text, ",");
    emit_line(emitter, "%s%s", indent, text_keep(&text));
    text = text_in(emitter->ir->arena);
    add_list(&text, "panel", WALK_LEVELS, levels.panel);
    text_add(&text, ", .sums = %" PRId64,
             tiling->block->in_place ? tiling->block->sums_row : tiling->block->columns);
    if (fetches(tiling))
        text_add(&text, ", .ahead = %" PRId64, tiling->tile->prefetch.lines);
    int again = sum_of_again(tiling->tile);
    if (again >= 0) {
        emit_line(emitter, "    %s,", text_keep(&text));
        text = text_in(emitter->ir->arena);
        text_add(&text,
                 ".again = %" PRId64 ", .again_stream = %" PRId64 ", .again_panel = %" PRId64,
                 steps_of_sum(tiling->tile, again) - 1, tiling->tile->sum_axes[again].stream_stride,
                 panel_stride(tiling, again));
    }
    emit_line(emitter, "%s%s}%s", indent, text_keep(&text), tiling->tile->codes.bits ? "," : ";");
    if (tiling->tile->codes.bits)
        emit_codes(emitter, &tiling->tile->codes);
}

/* ---- The call ---- */

static const char *plus_index(struct emitter *emitter, const char *name,
                              const struct index *index) {
    const char *text = emit_index(emitter, index);
    return strcmp(text, "0") == 0 ? name : arena_format(emitter->ir->arena, "%s + %s", name, text);
}

/* Where a sum's loop adds to the pointers, and to the condition that sums resume. */
struct tile_call {
    const char *sums, *stream, *panel, *resume;
};

static const char *plus_steps(struct arena *arena, const char *pointer, int64_t stride,
                              const char *counter) {
    return stride == 1 ? arena_format(arena, "%s + %s", pointer, counter)
                       : arena_format(arena, "%s + %" PRId64 " * %s", pointer, stride, counter);
}

static void move_along_sum(const struct tiling *tiling, struct tile_call *call, int axis,
                           const char *counter) {
    struct arena *arena = tiling->emitter->ir->arena;
    call->stream =
        plus_steps(arena, call->stream, tiling->tile->sum_axes[axis].stream_stride, counter);
    call->panel = plus_steps(arena, call->panel, panel_stride(tiling, axis), counter);
    call->resume =
        arena_format(arena, "%s%s%s", call->resume, call->resume[0] ? " + " : "", counter);
}

/* The parts of a call on as few lines as possible. */
static void emit_parts(struct emitter *emitter, int count, const char *const *parts) {
    struct arena *arena = emitter->ir->arena;
    const char *line = "", *indent = "";
    for (int i = 0; i < count; i++) {
        size_t length = strlen(indent) + strlen(line) + strlen(parts[i]);
        if (*line && length + 4 * (size_t)emitter->indent + 1 > 99) {
            emit_line(emitter, "%s%s", indent, line);
            indent = "        ";
            line = "";
        }
        line = arena_format(arena, "%s%s%s", line, *line ? " " : "", parts[i]);
    }
    emit_line(emitter, "%s%s", indent, line);
}

/* A call that begins so, and says which steps to take: an argument with its comma, or "". */
static void emit_call_of(const struct tiling *tiling, const struct tile_call *call,
                         const char *begin, const char *steps) {
    struct emitter *emitter = tiling->emitter;
    struct arena *arena = emitter->ir->arena;
    const char *resume = call->resume[0] ? arena_format(arena, "%s > 0", call->resume) : "0";
    const char *const parts[] = {arena_format(arena, "%s%s,", begin, call->sums),
                                 arena_format(arena, "%s,", call->stream),
                                 arena_format(arena, "%s,", call->panel),
                                 arena_format(arena, "&%s,%s", tiling->walk, steps),
                                 arena_format(arena, "%s,", resume),
                                 fetches(tiling) ? "ahead < ahead_end ? ahead : 0);" : "0);"};
    emit_parts(emitter, sizeof parts / sizeof *parts, parts);
}

static void emit_whole_call(const struct tiling *tiling, const struct tile_call *call,
                            const char *name) {
    emit_call_of(tiling, call, arena_format(tiling->emitter->ir->arena, "%s(", name), "");
}

/* ---- Steps that only multiply padding ---- */

/* The level of the walk that goes through a sum. */
static int level_of(const struct tiling *tiling, int sum) {
    int free = WALK_LEVELS - tiling->tile->sum_axis_count;
    return sum == 0 && free > 0 && fetches(tiling) ? 0 : sum + free;
}

static int64_t last_step(const struct tiling *tiling, const struct tile_cut *cut) {
    return steps_of_sum(tiling->tile, cut->sum) - 1;
}

/* The place, as an operand of + and -. */
static const char *place_text(const struct tiling *tiling, const struct tile_cut *cut) {
    const char *text = emit_index(tiling->emitter, cut->place);
    return cut->place->count > 1 ? arena_format(tiling->emitter->ir->arena, "(%s)", text) : text;
}

static const char *divided(struct arena *arena, const char *dividend, int64_t divisor) {
    return divisor == 1 ? dividend
                        : arena_format(arena, "(%s + %" PRId64 ") / %" PRId64, dividend,
                                       divisor - 1, divisor);
}

static const char *first_step(const struct tiling *tiling, const struct tile_cut *cut) {
    struct arena *arena = tiling->emitter->ir->arena;
    if (cut->place->minimum >= cut->first)
        return "0";
    const char *place = place_text(tiling, cut);
    const char *skipped = arena_format(arena, "%" PRId64 " - %s", cut->first, place);
    return arena_format(arena, "%s < %" PRId64 " ? %s : 0", place, cut->first,
                        divided(arena, skipped, cut->step));
}

static const char *end_of_steps(const struct tiling *tiling, const struct tile_cut *cut) {
    struct arena *arena = tiling->emitter->ir->arena;
    int64_t last = last_step(tiling, cut), whole = cut->end - cut->step * last;
    if (cut->place->maximum < whole)
        return arena_format(arena, "%" PRId64, last + 1);
    const char *place = place_text(tiling, cut);
    const char *taken = arena_format(arena, "%" PRId64 " - %s", cut->end, place);
    return arena_format(arena, "%s < %" PRId64 " ? %" PRId64 " : %s", place, whole, last + 1,
                        divided(arena, taken, cut->step));
}

/* Says where all steps are taken, as an "if"; false: nowhere. */
static bool open_where_whole(const struct tiling *tiling) {
    const struct tile *tile = tiling->tile;
    struct arena *arena = tiling->emitter->ir->arena;
    const char *condition = "";
    for (int i = 0; i < tile->cut_count; i++) {
        const struct tile_cut *cut = &tile->cuts[i];
        const char *place = place_text(tiling, cut);
        int64_t whole = cut->end - cut->step * last_step(tiling, cut);
        if (cut->place->minimum < cut->first)
            condition = arena_format(arena, "%s%s%s >= %" PRId64, condition,
                                     *condition ? " && " : "", place, cut->first);
        if (cut->place->maximum >= whole)
            condition = arena_format(arena, "%s%s%s < %" PRId64, condition,
                                     *condition ? " && " : "", place, whole);
        if (whole <= cut->first && whole <= cut->place->maximum)
            return false;
    }
    emit_open(tiling->emitter, "if (%s) {", condition);
    return true;
}

static void emit_steps(const struct tiling *tiling) {
    const struct tile *tile = tiling->tile;
    struct arena *arena = tiling->emitter->ir->arena;
    struct levels levels = levels_of(tiling);
    const char *first[WALK_LEVELS], *end[WALK_LEVELS];
    for (int i = 0; i < WALK_LEVELS; i++) {
        first[i] = "0";
        end[i] = arena_format(arena, "%" PRId64, levels.extent[i]);
    }
    for (int i = 0; i < tile->cut_count; i++) {
        int level = level_of(tiling, tile->cuts[i].sum);
        first[level] = first_step(tiling, &tile->cuts[i]);
        end[level] = end_of_steps(tiling, &tile->cuts[i]);
    }
    const char *const parts[] = {
        arena_format(arena, "const struct tile_steps steps = {.first = {%s,", first[0]),
        arena_format(arena, "%s,", first[1]),
        arena_format(arena, "%s},", first[2]),
        arena_format(arena, ".end = {%s,", end[0]),
        arena_format(arena, "%s,", end[1]),
        arena_format(arena, "%s}};", end[2])};
    emit_parts(tiling->emitter, sizeof parts / sizeof *parts, parts);
}

/* Where a tile touches padding, in a function of its own; elsewhere inlined, with all steps. */
static void emit_cut_call(const struct tiling *tiling, const struct tile_call *call,
                          const char *name) {
    struct emitter *emitter = tiling->emitter;
    const struct tile_block *block = tiling->block;
    struct arena *arena = emitter->ir->arena;
    bool dots = tiling->tile->kind == &tile_kinds[TILE_KIND_DOT];
    *(dots ? &emitter->calls_dot_inside : &emitter->calls_inside) = true;
    if (open_where_whole(tiling)) {
        emit_whole_call(tiling, call, name);
        emit_else(emitter);
    } else {
        emit_open(emitter, "{");
    }
    emit_steps(tiling);
    emit_call_of(
        tiling, call,
        dots ? arena_format(arena, "dot_inside(%s, ", name)
             : arena_format(arena, "tile_inside(%s, %d, %d, ", name, block->rows, block->columns),
        " &steps,");
    emit_close(emitter);
}

static void emit_call_lines(const struct tiling *tiling, const struct tile_call *call) {
    struct emitter *emitter = tiling->emitter;
    const struct tile_block *block = tiling->block;
    const struct wanted_tile tile = {tiling->tile->kind, tiling->tile->lanes, block->rows,
                                     block->columns};
    const char *name = emit_tile_name(emitter, &tile);
    emit_want_tile(emitter, tile);
    if (tiling->tile->cut_count)
        emit_cut_call(tiling, call, name);
    else
        emit_whole_call(tiling, call, name);
    if (!fetches(tiling))
        return;
    emit_line(emitter, "ahead += %" PRId64 ";", fetched_elements(tiling));
}

/* Where the first sum lies. */
static const char *sums_text(const struct tiling *tiling) {
    const struct tile *tile = tiling->tile;
    const struct tile_block *block = tiling->block;
    const struct axis *axes[MAX_RANK + 1] = {block->column};
    struct ir *ir = tiling->emitter->ir;
    if (tiling->gathered)
        return plus_index(tiling->emitter, "sums",
                          index_scale(ir, index_axis(ir, tiling->gathered), block->columns));
    if (!block->in_place)
        return "sums";
    for (int i = 0; i < tile->loop_row_count; i++)
        axes[1 + i] = local_axis(tile, block, i);
    return plus_index(
        tiling->emitter, tiling->statement->output->name,
        without_axes(tiling->emitter->ir, block->address, 1 + tile->loop_row_count, axes));
}

/* The call of the tile; sums beyond those a tile loops over are loops around it. */
static void emit_tile_call(const struct tiling *tiling) {
    const struct tile *tile = tiling->tile;
    struct emitter *emitter = tiling->emitter;
    struct tile_call call = {sums_text(tiling),
                             plus_index(emitter, tile->stream->name, tile->stream_base),
                             plus_index(emitter, tile->panel->name, tile->panel_base), ""};
    if (tile->sum_step)
        move_along_sum(tiling, &call, 0, "k");
    int again = sum_of_again(tile), count = tile->sum_axis_count;
    int outer = again >= 0 ? again : count > WALK_LEVELS ? count - WALK_LEVELS : 0;
    for (int i = 0; i < outer; i++) {
        const char *counter = arena_format(emitter->ir->arena, "k%d", i);
        emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s++) {", counter, counter,
                  steps_of_sum(tile, i), counter);
        move_along_sum(tiling, &call, i, counter);
    }
    emit_call_lines(tiling, &call);
    emit_close_loops(emitter, outer);
}

/* ---- What is done with the sums ---- */

/* Columns of the last panel may be fewer than those of a tile that has no narrower kind. */
static bool has_column_tail(const struct tiling *tiling) {
    const struct tile *tile = tiling->tile;
    return tile->column_loop->extent > tile->columns &&
           tile->column_loop->extent % tile->columns != 0 &&
           tile->blocks[tile->block_count - 1].columns == tile->columns;
}

/* Stores a value over some axes, outermost first, and the columns. */
static void emit_epilogue(const struct tiling *tiling, const struct store *store, int count,
                          const struct axis *const *axes, const char *stem) {
    struct emitter *emitter = tiling->emitter;
    const struct axis *column = tiling->block->column;
    const char *columns = has_column_tail(tiling)
                              ? "columns"
                              : arena_format(emitter->ir->arena, "%" PRId64, column->extent);
    double work = emitter->work;
    emitter->work = 0; /* a few elements */
    emitter->backend->epilogue(
        emitter, store,
        &(struct epilogue){count, axes, stem, column, columns, tiling->tile->kind, NULL});
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
    emit_tile_call(tiling);
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

/* Room for the sums of so many rows, and how many columns there are. */
static void emit_sums(const struct tiling *tiling, int64_t rows) {
    struct emitter *emitter = tiling->emitter;
    const struct tile_block *block = tiling->block;
    const struct tile *tile = tiling->tile;
    emit_begin_value(emitter, block->value);
    emitter->backend->declare_array(
        emitter, dtype_facts[block->accumulators->dtype].c_type, "sums",
        arena_format(emitter->ir->arena, "%" PRId64 " * %d", rows, block->columns));
    if (has_column_tail(tiling))
        emit_line(emitter, "const long columns = %" PRId64 " - n < %d ? %" PRId64 " - n : %d;",
                  tile->column_loop->extent, tile->columns, tile->column_loop->extent,
                  tile->columns);
}

static void emit_block(const struct tiling *tiling) {
    const struct tile_block *block = tiling->block;
    const struct tile *tile = tiling->tile;
    if (block->in_place) {
        emit_in_place(tiling);
        return;
    }
    if (tiling->gathered) {
        emit_tile_call(tiling);
        return;
    }
    emit_sums(tiling, block->rows);
    if (tile->sum_step)
        emit_resume(tiling);
    emit_tile_call(tiling);
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

/* Where the next panel begins; each tile fetches its share, from where the one before has ended. */
static void emit_next_panel(const struct tiling *tiling) {
    const struct tile *tile = tiling->tile;
    struct emitter *emitter = tiling->emitter;
    const struct tiling whole = {.tile = tile, .block = &tile->blocks[0], .emitter = emitter};
    struct tile_call call = {.panel = plus_index(emitter, tile->panel->name, tile->panel_base),
                             .stream = "",
                             .resume = ""};
    if (tile->sum_step)
        move_along_sum(&whole, &call, 0, "k");
    const char *type = dtype_facts[tile->panel->dtype].c_type;
    emit_line(emitter, "const %s *ahead = %s + %" PRId64 ";", type, call.panel,
              tile->prefetch.next);
    emit_line(emitter, "const %s *const ahead_end = ahead + %" PRId64 ";", type,
              tile->prefetch.count);
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

static void emit_gathered(struct tiling *tiling, struct remainder remainder) {
    const struct axis *row = tiling->gathered;
    tiling->block = block_of(tiling->tile, remainder);
    struct store store = {.output = tiling->statement->output,
                          .address = tiling->block->gathered_address,
                          .value = tiling->block->gathered};
    emit_begin_value(tiling->emitter, store.value);
    emit_epilogue(tiling, &store, 1, &row, "r");
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
        tiling->walk = walk_names[tiling->block - tile->blocks];
        emit_block(tiling);
        return;
    }
    const struct axis *axis = tile->loops[position].axis;
    if ((remainder.rows && is_row_axis(tile, axis)) ||
        (remainder.columns && axis == tile->column_loop)) { /* there is no loop over it */
        emit_from(tiling, position + 1, remainder);
        return;
    }
    const bool gathering = gathers(tiling, position, remainder);
    if (gathering) {
        tiling->block = block_of(tile, remainder);
        tiling->gathered = axis;
        emit_open(tiling->emitter, "{");
        emit_sums(tiling, axis->extent);
    }
    open_tile_loop(tiling, position);
    if (tile->prefetch.next && position == tile->prefetch.loop)
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
        tiling.walk = walk_names[i];
        emit_walk(&tiling);
    }
    emit_from(&tiling, 0, (struct remainder){false, false});
}
