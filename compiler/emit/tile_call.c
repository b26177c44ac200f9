/* Calls of tiles in C: the walks that say where they read, and what stands around a call where sums
 * are long or touch padding. */
#include "compiler/emit/tile_call.h"
#include "compiler/schedule/tile_kind.h"

#include <inttypes.h>
#include <string.h>

static const char *const walk_names[] = {"walk", "walk_2", "walk_3", "walk_4"};

const char *tile_walk_name(const struct tile *tile, const struct tile_block *block) {
    return walk_names[block - tile->blocks];
}

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
    return tiling->tile->prefetch.count && tiling->block->columns == tiling->tile->columns;
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

void tile_emit_walk(const struct tiling *tiling) {
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

const char *tile_plus_index(struct emitter *emitter, const char *name, const struct index *index) {
    const char *text = emit_index(emitter, index);
    return strcmp(text, "0") == 0 ? name : arena_format(emitter->ir->arena, "%s + %s", name, text);
}

static const char *plus_steps(struct arena *arena, const char *pointer, int64_t stride,
                              const char *counter) {
    return stride == 1 ? arena_format(arena, "%s + %s", pointer, counter)
                       : arena_format(arena, "%s + %" PRId64 " * %s", pointer, stride, counter);
}

void tile_move_along_sum(const struct tiling *tiling, struct tile_call *call, int axis,
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
        return tile_plus_index(tiling->emitter, "sums",
                               index_scale(ir, index_axis(ir, tiling->gathered), block->columns));
    if (!block->in_place)
        return "sums";
    for (int i = 0; i < tile->loop_row_count; i++)
        axes[1 + i] = local_axis(tile, block, i);
    return tile_plus_index(
        tiling->emitter, tiling->statement->output->name,
        without_axes(tiling->emitter->ir, block->address, 1 + tile->loop_row_count, axes));
}

void tile_emit_call(const struct tiling *tiling) {
    const struct tile *tile = tiling->tile;
    struct emitter *emitter = tiling->emitter;
    struct tile_call call = {sums_text(tiling),
                             tile_plus_index(emitter, tile->stream->name, tile->stream_base),
                             tile_plus_index(emitter, tile->panel->name, tile->panel_base), ""};
    if (tile->sum_step)
        tile_move_along_sum(tiling, &call, 0, "k");
    int again = sum_of_again(tile), count = tile->sum_axis_count;
    int outer = again >= 0 ? again : count > WALK_LEVELS ? count - WALK_LEVELS : 0;
    for (int i = 0; i < outer; i++) {
        const char *counter = arena_format(emitter->ir->arena, "k%d", i);
        emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s++) {", counter, counter,
                  steps_of_sum(tile, i), counter);
        tile_move_along_sum(tiling, &call, i, counter);
    }
    emit_call_lines(tiling, &call);
    emit_close_loops(emitter, outer);
}

/* ---- Lines of tiles ---- */

/* Whether all that tells one tile along the row axis from the next is where its stream begins. */
static bool is_plain_line(const struct tiling *tiling) {
    const struct tile *tile = tiling->tile;
    const bool all_in_walk = tile->sum_axis_count <= WALK_LEVELS || sum_of_again(tile) == 0;
    return tile->kind == &tile_kinds[TILE_KIND_FLOAT32] && all_in_walk && !tile->cut_count &&
           !tile->prefetch.count && !index_uses(tile->panel_base, tiling->gathered);
}

static void add_tiles(const struct tiling *tiling, const struct tile_block *block, int64_t count,
                      struct tile_line *line) {
    struct emitter *emitter = tiling->emitter;
    const struct tile *tile = tiling->tile;
    const struct wanted_tile wanted = {tile->kind, tile->lanes, block->rows, block->columns};
    bool plain = true;
    const int64_t stride = index_coefficient(tile->stream_base, tiling->gathered, &plain);
    emit_want_tile(emitter, wanted);
    line->kinds[line->kind_count++] =
        (struct tiles_of_line){emit_tile_name(emitter, &wanted), tile_walk_name(tile, block), count,
                               block->rows, stride * block->rows};
}

bool tile_find_line(const struct tiling *tiling, const struct tile_block *remainder,
                    struct tile_line *line) {
    struct emitter *emitter = tiling->emitter;
    const struct tile *tile = tiling->tile;
    const struct axis *row = tiling->gathered;
    if (!is_plain_line(tiling))
        return false;
    line->stream = tile_plus_index(emitter, tile->stream->name,
                                   without_axes(emitter->ir, tile->stream_base, 1, &row));
    line->panel = tile_plus_index(emitter, tile->panel->name, tile->panel_base);
    add_tiles(tiling, tiling->block, row->extent / tiling->block->rows, line);
    if (row->extent % tiling->block->rows)
        add_tiles(tiling, remainder, 1, line);
    return true;
}
