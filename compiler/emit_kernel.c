/* One kernel as a C function: its loops, and in the innermost block what is computed and stored. */
#include "emit.h"
#include "schedule.h"

#include <inttypes.h>
#include <string.h>

/* ---- Parameters ---- */

static void emit_signature(struct emitter *emitter, const struct group *group) {
    struct text line = {0};
    text_add(&line, "static void %s(", group->name);
    size_t begin = 0;
    for (int i = 0; i < group->buffer_count; i++) {
        const struct buffer *buffer = group->buffers[i].buffer;
        const char *parameter = arena_format(
            emitter->ir->arena, "%s%s *restrict %s%s", group->buffers[i].written ? "" : "const ",
            dtype_facts[buffer->dtype].c_type, buffer->name,
            i + 1 < group->buffer_count ? "," : ") {");
        if (i > 0 && line.length - begin + strlen(parameter) + 1 > 98) {
            text_add(&line, "\n        ");
            begin = line.length - 8;
        }
        text_add(&line, "%s%s", i && line.bytes[line.length - 1] != ' ' ? " " : "", parameter);
    }
    emit_open(emitter, "%s", line.bytes ? line.bytes : "");
    text_free(&line);
}

/* ---- Loops ---- */

static void emit_store(struct emitter *emitter, const struct store *store) {
    const struct buffer *output = store->output;
    const char *address = emit_index(emitter, store->address);
    size_t taken = strlen(output->name) + strlen(address) + sizeof "[] = f32_canonical();";
    const char *text = emit_expression_within(emitter, store->value, taken < 90 ? 100 - taken : 10);
    if (output->kind == BUFFER_OUTPUT)
        text = emit_canonical(emitter, output->dtype, text);
    emit_line(emitter, "%s[%s] = %s;", output->name, address, text);
}

static void open_loop(struct emitter *emitter, const struct axis *axis, const char *name,
                      int64_t end, int64_t step) {
    emit_name_axis(emitter, axis, name);
    if (step == 1)
        emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s++) {", name, name, end, name);
    else
        emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s += %" PRId64 ") {", name, name,
                  end, name, step);
}

static void open_loops(struct emitter *emitter, const struct kernel *kernel, int count) {
    for (int i = 0; i < count; i++)
        open_loop(emitter, kernel->loops[i], arena_format(emitter->ir->arena, "i%d", i),
                  kernel->loops[i]->extent, 1);
}

static void close_loops(struct emitter *emitter, int count) {
    for (int i = 0; i < count; i++)
        emit_close(emitter);
}

static struct store store_of(const struct kernel *kernel) {
    return (struct store){
        .output = kernel->output, .address = kernel->address, .value = kernel->value};
}

enum { STRIP = 1024 }; /* elements of a block of row operations: it stays in the first cache */

/* The two innermost loops as row operations where a block of them is small, else the innermost one
 * in strips. False where that is not possible. */
static bool emit_plain_rows(struct emitter *emitter, const struct kernel *kernel) {
    int count = kernel->loop_count;
    struct arena *arena = emitter->ir->arena;
    if (count == 0)
        return false;
    const struct axis *column = kernel->loops[count - 1];
    const struct axis *row = count > 1 ? kernel->loops[count - 2] : NULL;
    if (row && row->extent * column->extent > STRIP)
        row = NULL;
    bool strips = column->extent > STRIP;
    struct row_block block = {
        .row = row,
        .column = column,
        .row_count = row ? arena_format(arena, "%" PRId64, row->extent) : "1",
        .column_count = strips ? "columns" : arena_format(arena, "%" PRId64, column->extent),
        .column_limit = strips ? STRIP : column->extent,
        .elements = (row ? row->extent : 1) * (strips ? STRIP : column->extent),
        .strip = strips ? "strip" : NULL};
    struct store store = store_of(kernel);
    if (!emit_rows_possible(emitter, &store, &block))
        return false;
    int outer = count - (row ? 2 : 1);
    open_loops(emitter, kernel, outer);
    if (strips) {
        emit_open(emitter, "for (long strip = 0; strip < %" PRId64 "; strip += %d) {",
                  column->extent, STRIP);
        emit_line(emitter, "long columns = %" PRId64 " - strip < %d ? %" PRId64 " - strip : %d;",
                  column->extent, STRIP, column->extent, STRIP);
    }
    emit_rows(emitter, &store, &block);
    close_loops(emitter, outer + strips);
    return true;
}

static void emit_plain(struct emitter *emitter, const struct kernel *kernel) {
    emit_begin_value(emitter, kernel->value);
    if (emitter->dialect == DIALECT_CALLS && emit_plain_rows(emitter, kernel))
        return;
    struct store store = store_of(kernel);
    open_loops(emitter, kernel, kernel->loop_count);
    emit_store(emitter, &store);
    close_loops(emitter, kernel->loop_count);
}

/* ---- Tiles ---- */

enum { WALK_LEVELS = 3 }; /* sums that a tile itself loops over */

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

static void emit_walk(struct emitter *emitter, const struct tile *tile,
                      const struct tile_block *block, const char *name) {
    int64_t offsets[64], extent[WALK_LEVELS], stream[WALK_LEVELS], panel[WALK_LEVELS];
    int rows = row_offsets(tile, block, offsets);
    for (int i = 0; i < WALK_LEVELS; i++) {
        int from = tile->sum_axis_count - WALK_LEVELS + i;
        const struct tile_sum_axis none = {.extent = 1};
        const struct tile_sum_axis *axis = from >= 0 ? &tile->sum_axes[from] : &none;
        extent[i] = axis->extent;
        stream[i] = axis->stream_stride;
        panel[i] = axis->panel_stride;
    }
    struct text text = {0};
    add_list(&text, "rows", rows, offsets);
    emit_line(emitter, "static const struct tile_walk %s = {", name);
    emit_line(emitter, "    %s,", text.bytes ? text.bytes : "");
    text_free(&text);
    add_list(&text, "extent", WALK_LEVELS, extent);
    text_add(&text, ", ");
    add_list(&text, "stream", WALK_LEVELS, stream);
    text_add(&text, ",");
    emit_line(emitter, "    %s", text.bytes ? text.bytes : "");
    text_free(&text);
    add_list(&text, "panel", WALK_LEVELS, panel);
    emit_line(emitter, "    %s};", text.bytes ? text.bytes : "");
    text_free(&text);
}

static const char *plus_index(struct emitter *emitter, const char *name,
                              const struct index *index) {
    const char *text = emit_index(emitter, index);
    return strcmp(text, "0") == 0 ? name : arena_format(emitter->ir->arena, "%s + %s", name, text);
}

/* The call of the tile; sums beyond those a tile loops over are loops around it. */
static void emit_tile_call(struct emitter *emitter, const struct tile *tile,
                           const struct tile_block *block, const char *walk) {
    struct arena *arena = emitter->ir->arena;
    const char *stream = plus_index(emitter, tile->stream->name, tile->stream_base);
    const char *panel = plus_index(emitter, tile->panel->name, tile->panel_base);
    const char *resume = "";
    int outer = tile->sum_axis_count > WALK_LEVELS ? tile->sum_axis_count - WALK_LEVELS : 0;
    for (int i = 0; i < outer; i++) {
        const struct tile_sum_axis *axis = &tile->sum_axes[i];
        const char *k = arena_format(arena, "k%d", i);
        emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s++) {", k, k, axis->extent, k);
        stream = arena_format(arena, "%s + %" PRId64 " * %s", stream, axis->stream_stride, k);
        panel = arena_format(arena, "%s + %" PRId64 " * %s", panel, axis->panel_stride, k);
        resume = arena_format(arena, "%s%s%s", resume, resume[0] ? " + " : "", k);
    }
    emitter->tile_wanted[block->rows][tile->columns] = true;
    const char *first =
        arena_format(arena, "tile_%dx%d(sums, %s,", block->rows, tile->columns, stream);
    const char *second = arena_format(arena, "%s, &%s, %s);", panel, walk,
                                      resume[0] ? arena_format(arena, "%s > 0", resume) : "0");
    if (strlen(first) + strlen(second) + 4 * (size_t)emitter->indent < 100) {
        emit_line(emitter, "%s %s", first, second);
    } else {
        emit_line(emitter, "%s", first);
        emit_line(emitter, "        %s", second);
    }
    for (int i = 0; i < outer; i++)
        emit_close(emitter);
}

/* The columns of the last panel may be fewer than those of a tile. */
static bool has_column_tail(const struct tile *tile) {
    return tile->column_loop->extent > tile->columns &&
           tile->column_loop->extent % tile->columns != 0;
}

/* How many columns there are: constant, or fewer in the last panel. */
static const char *column_count(struct emitter *emitter, const struct tile *tile) {
    return has_column_tail(tile)
               ? "columns"
               : arena_format(emitter->ir->arena, "%" PRId64, tile->column_local->extent);
}

/* Loops over some axes and then the columns, around a value that is stored; for libtcc, the
 * innermost of the axes and the columns as row operations. */
static void emit_block_nest(struct emitter *emitter, const struct tile *tile,
                            const struct store *store, int count, const struct axis *const *axes,
                            const char *stem) {
    struct arena *arena = emitter->ir->arena;
    const struct axis *row = count ? axes[count - 1] : NULL;
    struct row_block rows = {.row = row,
                             .column = tile->column_local,
                             .row_count = row ? arena_format(arena, "%" PRId64, row->extent) : "1",
                             .column_count = column_count(emitter, tile),
                             .column_limit = tile->column_local->extent,
                             .elements = (row ? row->extent : 1) * tile->column_local->extent};
    bool as_rows = emitter->dialect == DIALECT_CALLS && emit_rows_possible(emitter, store, &rows);
    int loops = as_rows && row ? count - 1 : count;
    for (int i = 0; i < loops; i++)
        open_loop(emitter, axes[i], arena_format(arena, "%s%d", stem, i), axes[i]->extent, 1);
    if (as_rows) {
        emit_open(emitter, "{");
        emit_rows(emitter, store, &rows);
        emit_close(emitter);
    } else {
        emit_name_axis(emitter, tile->column_local, "c");
        emit_open(emitter, "for (long c = 0; c < %s; c++) {", rows.column_count);
        emit_store(emitter, store);
        emit_close(emitter);
    }
    close_loops(emitter, loops);
}

/* What is done to the accumulators in place, before pooling. */
static void emit_stage(struct emitter *emitter, const struct tile *tile,
                       const struct tile_block *block) {
    struct store store = {
        .output = block->accumulators, .address = block->stage_address, .value = block->stage};
    emit_begin_value(emitter, block->stage);
    emit_block_nest(emitter, tile, &store, block->stage_axis_count, block->stage_axes, "s");
}

/* What is stored: over the rows of the block, without those that pooling joined. */
static void emit_epilogue(struct emitter *emitter, const struct kernel *kernel,
                          const struct tile_block *block) {
    const struct tile *tile = kernel->tile;
    const struct axis *axes[MAX_RANK];
    for (int i = 0; i < tile->loop_row_count; i++)
        axes[i] = local_axis(tile, block, tile->loop_row_count - 1 - i);
    struct store store = {
        .output = kernel->output, .address = block->address, .value = block->value};
    emit_begin_value(emitter, block->value);
    emit_block_nest(emitter, tile, &store, tile->loop_row_count, axes, "r");
}

static void emit_block(struct emitter *emitter, const struct kernel *kernel,
                       const struct tile_block *block, const char *walk) {
    const struct tile *tile = kernel->tile;
    emit_begin_value(emitter, block->value);
    emit_line(emitter, "TILE_ALIGNED float sums[%d * %d];", block->rows, tile->columns);
    emit_tile_call(emitter, tile, block, walk);
    if (has_column_tail(tile))
        emit_line(emitter, "const long columns = %" PRId64 " - n < %d ? %" PRId64 " - n : %d;",
                  tile->column_loop->extent, tile->columns, tile->column_loop->extent,
                  tile->columns);
    if (block->stage)
        emit_stage(emitter, tile, block);
    emit_epilogue(emitter, kernel, block);
}

/* The loop that the first row axis blocks, or -1. */
static int blocked_loop(const struct kernel *kernel) {
    const struct tile *tile = kernel->tile;
    for (int i = 0; i < kernel->loop_count; i++)
        if (tile->loop_row_count && kernel->loops[i] == tile->row_axes[0].loop)
            return i;
    return -1;
}

static int64_t loop_step(const struct tile *tile, const struct axis *axis) {
    if (axis == tile->column_loop)
        return tile->columns;
    for (int i = 0; i < tile->loop_row_count; i++)
        if (tile->row_axes[i].loop == axis)
            return tile->row_axes[i].block;
    return 1;
}

/* All loops; the blocked one ends where whole blocks end, and `last` runs once behind them. */
static void emit_tile_loops(struct emitter *emitter, const struct kernel *kernel,
                            const struct tile_block *block, const char *walk, bool last) {
    const struct tile *tile = kernel->tile;
    int blocked = blocked_loop(kernel), opened = 0;
    for (int i = 0; i < kernel->loop_count; i++) {
        const struct axis *axis = kernel->loops[i];
        int64_t step = loop_step(tile, axis), end = axis->extent;
        const char *name =
            axis == tile->column_loop ? "n" : arena_format(emitter->ir->arena, "i%d", i);
        if (i == blocked && last) {
            emit_name_axis(emitter, axis,
                           arena_format(emitter->ir->arena, "%" PRId64, end - block->block));
            continue;
        }
        if (i == blocked)
            end -= end % step;
        open_loop(emitter, axis, name, end, step);
        opened++;
    }
    emit_block(emitter, kernel, block, walk);
    for (; opened > 0; opened--)
        emit_close(emitter);
}

static void emit_tiled(struct emitter *emitter, const struct kernel *kernel) {
    const struct tile *tile = kernel->tile;
    static const char *const walks[] = {"walk", "last_walk"};
    for (int i = 0; i < tile->block_count; i++)
        emit_walk(emitter, tile, &tile->blocks[i], walks[i]);
    for (int i = 0; i < tile->block_count; i++)
        emit_tile_loops(emitter, kernel, &tile->blocks[i], walks[i], i > 0);
}

void emit_group(struct emitter *emitter, const struct group *group) {
    emit_signature(emitter, group);
    for (int i = 0; i < group->kernel_count; i++) {
        bool apart = group->kernel_count > 1 &&
                     (group->kernels[i]->tile || group->kernels[i]->loop_count == 0 ||
                      emitter->dialect == DIALECT_CALLS);
        if (apart)
            emit_open(emitter, "{");
        if (group->kernels[i]->tile)
            emit_tiled(emitter, group->kernels[i]);
        else
            emit_plain(emitter, group->kernels[i]);
        if (apart)
            emit_close(emitter);
    }
    emit_close(emitter);
}
