/* Contractions as tiles of blocks of threads (templates/cuda/contract.h): loops that only one
 * operand has are rows of the tile, loops that only the other has are columns, loops of both have
 * tiles of their own. Which elements a row, a column and a step of the sum read, and what is stored
 * of a sum, the tile is told by functions. */
#include "compiler/emit/cuda/cuda.h"

#include <inttypes.h>

enum {
    MANY_COLUMNS = 16,       /* with which a tile is worth it */
    FEWEST_ACROSS = 4,       /* rows and columns, with which it is anyway */
    MANY_STEPS = 64,         /* of a sum, which one thread alone would wait for */
    FEW_SUMS = 4096,         /* all together */
    COPIED_BYTES = 16,       /* at most, together, */
    WORD_BYTES = 4,          /* or fewer */
    FOUR = 4,                /* columns of a window */
    MOST_ELEMENTS = 1 << 30, /* of a buffer, whose addresses are an int then */
};

/* ---- Which contractions ---- */

struct tile_search {
    const struct expression *sum;
    int reductions;
};

static void note_reduction(void *context, const struct expression *e) {
    struct tile_search *search = context;
    if (e->kind != EXPRESSION_REDUCE)
        return;
    search->reductions++;
    search->sum = e;
}

/* An operand without the cast by which integers become wider: a tile does that. */
static const struct expression *without_cast(const struct expression *e) {
    const bool widens = e->kind == EXPRESSION_OP && e->op == OP_CAST && e->dtype == DTYPE_INT32 &&
                        dtype_is_integer(e->sources[0]->dtype) &&
                        dtype_bytes(e->sources[0]->dtype) < dtype_bytes(DTYPE_INT32);
    return widens ? e->sources[0] : e;
}

static bool is_plain_load(const struct expression *e) {
    bool plain = e->kind == EXPRESSION_LOAD && e->buffer->elements <= MOST_ELEMENTS;
    for (int i = 0; plain && i < e->index->count; i++)
        plain = e->index->terms[i].atom->kind == ATOM_AXIS;
    return plain;
}

static void add_axis(struct tile_axes *axes, const struct axis *axis) {
    axes->axes[axes->count++] = axis;
    axes->extent *= axis->extent;
}

/* Deals out the loops. False where one belongs to neither operand, whose sums would be the same. */
static bool deal_loops(const struct statement *statement, struct thread_tile *tile) {
    for (int i = 0; i < statement->loop_count; i++) {
        const struct axis *axis = statement->loops[i];
        const bool of_stream = emit_step_of(tile->stream, axis) != 0;
        const bool of_panel = emit_step_of(tile->panel, axis) != 0;
        if (!of_stream && !of_panel)
            return false;
        add_axis(of_stream && of_panel ? &tile->apart
                 : of_stream           ? &tile->rows
                                       : &tile->columns,
                 axis);
    }
    return true;
}

/* Columns are what is stored side by side. */
static void choose_sides(const struct statement *statement, struct thread_tile *tile) {
    const struct expression *a = without_cast(tile->sum->sources[0]);
    const struct expression *b = without_cast(tile->sum->sources[1]);
    const int last = statement->loop_count - 1;
    const bool swaps = last >= 0 && emit_step_of(a, statement->loops[last]) != 0 &&
                       emit_step_of(b, statement->loops[last]) == 0;
    tile->stream = swaps ? b : a;
    tile->panel = swaps ? a : b;
}

/* ---- How an operand lies in memory ---- */

/* Whether neighbouring steps of the sum are neighbours in memory, and not neighbouring rows. */
static bool lies_along_steps(const struct expression *load, const struct expression *sum,
                             const struct tile_axes *side) {
    const bool side_neighbours =
        side->count > 0 && emit_step_of(load, side->axes[side->count - 1]) == 1;
    return !side_neighbours && sum->axis_count > 0 &&
           emit_step_of(load, sum->axes[sum->axis_count - 1]) == 1;
}

/* So does all memory that a kernel gets, but not each image of a batch. */
bool emit_begins_aligned(const struct emitter *emitter, const struct buffer *buffer) {
    const struct graph *graph = emitter->graph;
    const struct node *node = buffer->kind == BUFFER_INPUT ? graph->inputs[buffer->position]
                              : buffer->kind == BUFFER_OUTPUT
                                  ? graph->outputs[buffer->position].node
                                  : NULL;
    return !node || !node->batched || image_bytes(node) % COPIED_BYTES == 0;
}

/* How many elements lie side by side along the axes, from the last one on, which are taken off. */
static int64_t side_by_side(const struct expression *load, int *count,
                            const struct axis *const *axes) {
    int64_t run = 1;
    while (*count > 0 &&
           (axes[*count - 1]->extent == 1 || emit_step_of(load, axes[*count - 1]) == run))
        run *= axes[--*count]->extent;
    return run;
}

/* Whether so many elements may be copied together, of which `run` lie side by side. */
static bool fits_width(const struct emitter *emitter, const struct thread_tile *tile,
                       const struct expression *load, const struct tile_axes *axes, int steps,
                       int places, int64_t run, int width) {
    return run % width == 0 && load->index->constant % width == 0 &&
           emit_steps_are(load, steps, tile->sum->axes, width) &&
           emit_steps_are(load, places, axes->axes, width) &&
           emit_steps_are(load, tile->apart.count, tile->apart.axes, width) &&
           emit_begins_aligned(emitter, load->buffer);
}

static struct operand_side side_of(const struct emitter *emitter, const struct thread_tile *tile,
                                   const struct expression *load, const struct tile_axes *axes) {
    const struct expression *sum = tile->sum;
    const bool along = lies_along_steps(load, sum, axes);
    int steps = sum->axis_count, places = axes->count;
    const int64_t run =
        along ? side_by_side(load, &steps, sum->axes) : side_by_side(load, &places, axes->axes);
    int width = load->dtype == sum->dtype ? COPIED_BYTES / dtype_bytes(sum->dtype) : 1;
    if (!fits_width(emitter, tile, load, axes, steps, places, run, width))
        width = 1;
    return (struct operand_side){.along = along, .most_width = width};
}

/* The same of 8 bits: words along the sum, or else what neighbouring rows have. */
static struct operand_side byte_side_of(const struct emitter *emitter,
                                        const struct thread_tile *tile,
                                        const struct expression *load,
                                        const struct tile_axes *axes) {
    bool along = lies_along_steps(load, tile->sum, axes);
    int steps = tile->sum->axis_count, places = axes->count;
    const int64_t run = along ? side_by_side(load, &steps, tile->sum->axes)
                              : side_by_side(load, &places, axes->axes);
    int width = along ? COPIED_BYTES : WORD_BYTES;
    while (width >= WORD_BYTES && !fits_width(emitter, tile, load, axes, steps, places, run, width))
        width /= WORD_BYTES;
    along = along && width >= WORD_BYTES;
    return (struct operand_side){.along = along, .width = along || width == WORD_BYTES ? width : 1};
}

/* ---- Whether it is a tile ---- */

/* With few rows or columns a thread for each sum does as well, unless it has many steps, for which
 * it would wait alone. */
static bool is_worth_it(const struct thread_tile *tile) {
    const int64_t rows = tile->rows.extent, columns = tile->columns.extent;
    if (rows >= FEWEST_ACROSS && columns >= FEWEST_ACROSS)
        return true;
    return tile->depth >= MANY_STEPS &&
           (columns >= MANY_COLUMNS || rows * columns * tile->apart.extent <= FEW_SUMS);
}

static bool are_bytes(const struct expression *load) {
    return load->dtype == DTYPE_INT8 || load->dtype == DTYPE_UINT8;
}

bool emit_find_tile(struct emitter *emitter, const struct statement *statement, int nests,
                    struct thread_tile *tile) {
    struct tile_search search = {0};
    *tile = (struct thread_tile){
        .rows = {.extent = 1}, .columns = {.extent = 1}, .apart = {.extent = 1}};
    if (emitter->ir->scan || statement->shared_count)
        return false; /* the tiles of a step would need too much shared memory together */
    expression_walk(emitter->ir, statement->value, note_reduction, &search);
    if (search.reductions != 1 || search.sum->op != OP_CONTRACT)
        return false;
    const enum dtype dtype = search.sum->dtype;
    if ((dtype != DTYPE_FLOAT32 && dtype != DTYPE_FLOAT64 && dtype != DTYPE_INT32) ||
        !is_plain_load(without_cast(search.sum->sources[0])) ||
        !is_plain_load(without_cast(search.sum->sources[1])) ||
        statement->output->elements > MOST_ELEMENTS)
        return false;
    tile->sum = search.sum;
    choose_sides(statement, tile);
    tile->depth = 1;
    for (int i = 0; i < search.sum->axis_count; i++)
        tile->depth *= search.sum->axes[i]->extent;
    if (tile->depth > MOST_ELEMENTS || !deal_loops(statement, tile) || !is_worth_it(tile))
        return false;
    tile->bytes = are_bytes(tile->stream) && are_bytes(tile->panel);
    if (tile->bytes) {
        tile->stream_side = byte_side_of(emitter, tile, tile->stream, &tile->rows);
        tile->panel_side = byte_side_of(emitter, tile, tile->panel, &tile->columns);
        return emit_choose_byte_tile(emitter, nests, tile);
    }
    tile->stream_side = side_of(emitter, tile, tile->stream, &tile->rows);
    tile->panel_side = side_of(emitter, tile, tile->panel, &tile->columns);
    if (!emit_choose_tile(emitter, nests, tile))
        return false;
    if (nests == 1 && !emit_choose_line(emitter, tile))
        emit_choose_window(emitter, emit_begins_aligned(emitter, tile->panel->buffer), tile);
    return true;
}

/* ---- What the tile is told ---- */

/* Names axes by the position among all of them together, of which the last has `last` places; gives
 * the name of that. */
static const char *name_axes(struct emitter *emitter, int count, const struct axis *const *axes,
                             int64_t last, const char *stem, const char *position) {
    struct arena *arena = emitter->ir->arena;
    const char *name = "0";
    int64_t inner = 1;
    for (int i = 0; i < count; i++)
        inner *= i < count - 1 ? axes[i]->extent : last;
    const int64_t all = inner;
    for (int i = 0; i < count; i++) {
        const int64_t extent = i < count - 1 ? axes[i]->extent : last, outer = all / inner;
        const bool alone = extent == all, none = extent == 1 && !alone;
        const char *text = position;
        inner /= extent;
        if (inner > 1)
            text = arena_format(arena, "%s / %" PRId64, text, inner);
        if (outer > 1)
            text = arena_format(arena, "%s %% %" PRId64, text, extent);
        name = alone ? position : none ? "0" : emit_local_name(emitter, stem);
        if (!alone && !none)
            emit_line(emitter, "const int %s = %s;", name, text);
        emit_name_axis(emitter, axes[i], name);
    }
    return name;
}

static int64_t last_extent(int count, const struct axis *const *axes) {
    return count ? axes[count - 1]->extent : 1;
}

/* Of columns: with those that are none, where they go by fours. */
static int64_t last_column_extent(const struct thread_tile *tile) {
    const int64_t extent = last_extent(tile->columns.count, tile->columns.axes);
    return tile->taps ? (extent + FOUR - 1) / FOUR * FOUR : extent;
}

/* What some axes add to the place of what is loaded. */
static const struct index *part_of_index(struct emitter *emitter, const struct expression *load,
                                         int count, const struct axis *const *axes) {
    struct ir *ir = emitter->ir;
    const struct index *sum = index_constant(ir, 0);
    for (int i = 0; i < count; i++)
        if (axes[i]->extent > 1)
            sum = index_add(ir, sum,
                            index_scale(ir, index_axis(ir, axes[i]), emit_step_of(load, axes[i])));
    return sum;
}

/* A function from the position among axes to what they add. */
static void emit_offsets(struct emitter *emitter, const struct expression *load, int count,
                         const struct axis *const *axes, int64_t last, const char *position) {
    emit_open(emitter, "[=](int %s) {", position);
    name_axes(emitter, count, axes, last, "at", position);
    const struct index *part = part_of_index(emitter, load, count, axes);
    if (index_is_constant(part, 0))
        emit_line(emitter, "(void)%s;", position);
    emit_line(emitter, "return %s;", emit_index(emitter, part));
    emit_end_scope(emitter);
    emit_line(emitter, "},");
}

/* Where an operand begins, for the loops that both have. */
static const char *operand_of(struct emitter *emitter, const struct expression *load,
                              const struct tile_axes *apart) {
    struct ir *ir = emitter->ir;
    const struct index *first =
        index_add(ir, part_of_index(emitter, load, apart->count, apart->axes),
                  index_constant(ir, load->index->constant));
    return index_is_constant(first, 0)
               ? load->buffer->name
               : arena_format(ir->arena, "%s + %s", load->buffer->name, emit_index(emitter, first));
}

static void emit_sum_store(struct emitter *emitter, const struct statement *statement,
                           const struct thread_tile *tile) {
    struct statement *const nest[] = {(struct statement *)statement};
    const struct store *store = emit_stores_of(emitter, nest, 1);
    emit_open(emitter, "[=](int row0, int column0, %s sum0) {",
              dtype_facts[tile->sum->dtype].c_type);
    if (!tile->rows.count)
        emit_line(emitter, "(void)row0;");
    if (!tile->columns.count)
        emit_line(emitter, "(void)column0;");
    const int64_t last = last_extent(tile->columns.count, tile->columns.axes);
    name_axes(emitter, tile->rows.count, tile->rows.axes,
              last_extent(tile->rows.count, tile->rows.axes), "i", "row0");
    const char *column = name_axes(emitter, tile->columns.count, tile->columns.axes,
                                   last_column_extent(tile), "i", "column0");
    const bool guards = last != last_column_extent(tile);
    if (guards)
        emit_open(emitter, "if (%s < %" PRId64 ") {", column, last);
    emit_name_expression(emitter, tile->sum, "sum0");
    emit_store(emitter, store);
    if (guards)
        emit_close(emitter);
    emit_end_scope(emitter);
    emit_line(emitter, "});");
}

static const char *truth(bool is_so) {
    return is_so ? "true" : "false";
}

static const char *side_text(struct emitter *emitter, const struct operand_side *side) {
    return arena_format(emitter->ir->arena, "%s, %d, %s", truth(side->along), side->width,
                        truth(side->by_steps));
}

/* What begins the call. */
static void begin_tile(struct emitter *emitter, const struct thread_tile *tile) {
    const struct operand_side *stream = &tile->stream_side, *panel = &tile->panel_side;
    if (tile->bytes)
        emit_line(emitter, "contract_bytes<%d, %d, %d, %d, %d, %d, %d, %s, %d, %s, %d>(",
                  tile->tile_rows, tile->tile_columns, tile->steps, tile->stages, tile->row_warps,
                  tile->column_warps, tile->depth_warps, truth(stream->along), stream->width,
                  truth(panel->along), panel->width);
    else if (tile->taps)
        emit_line(emitter, "contract_window<%d, %d, %d, %d, %d, %d, %d>(", tile->tile_rows,
                  tile->tile_fours, tile->steps, tile->stages, tile->taps, tile->stride,
                  panel->width);
    else if (tile->line)
        emit_line(emitter, "contract_line<%d, %d, %d, %d, %d, %s, %d, %s, %d, %s, %s>(",
                  tile->tile_rows, tile->tile_columns, tile->steps, tile->stages, LINE_THREADS,
                  truth(stream->along), stream->width, truth(panel->along), panel->width,
                  truth(tile->before), dtype_facts[tile->sum->dtype].c_type);
    else
        emit_line(emitter, "contract_tile<%d, %d, %d, %d, %d, %d, %s, %s, %s>(",
                  tile->thread_rows * tile->row_sums, tile->thread_columns * tile->column_sums,
                  tile->steps, tile->stages, tile->row_sums, tile->column_sums,
                  side_text(emitter, stream), side_text(emitter, panel),
                  dtype_facts[tile->sum->dtype].c_type);
}

/* How much there is, where it lies, and functions for what lies where. Of a window the taps are the
 * tile's own. */
static void emit_tile_operands(struct emitter *emitter, const struct thread_tile *tile,
                               const char *block) {
    const struct expression *sum = tile->sum;
    const struct tile_axes *rows = &tile->rows, *columns = &tile->columns;
    const int steps = sum->axis_count - (tile->taps > 0);
    emit_line(emitter, "%s, %" PRId64 ", %" PRId64 ", %" PRId64 ",", block, rows->extent,
              tile->taps ? tile->fours : columns->extent,
              tile->taps ? tile->depth / tile->taps : tile->depth);
    emit_line(emitter, "%s,", operand_of(emitter, tile->stream, &tile->apart));
    emit_line(emitter, "%s,", operand_of(emitter, tile->panel, &tile->apart));
    if (tile->taps)
        emit_line(emitter, "%" PRId64 ",", tile->panel->buffer->elements);
    emit_offsets(emitter, tile->stream, rows->count, rows->axes,
                 last_extent(rows->count, rows->axes), "row0");
    emit_offsets(emitter, tile->stream, steps, sum->axes, last_extent(steps, sum->axes), "step0");
    emit_offsets(emitter, tile->panel, columns->count, columns->axes, last_column_extent(tile),
                 "column0");
    emit_offsets(emitter, tile->panel, steps, sum->axes, last_extent(steps, sum->axes), "step0");
}

void emit_thread_tile(struct emitter *emitter, const struct statement *statement,
                      const struct thread_tile *tile, const char *block) {
    struct statement *const nest[] = {(struct statement *)statement};
    sections_want(&emitter->sections, tile->bytes  ? "contract_bytes"
                                      : tile->taps ? "contract_window"
                                      : tile->line ? "contract_line"
                                                   : "contract_tile");
    emit_begin_statements(emitter, nest, 1);
    if (tile->apart.count) {
        emit_line(emitter, "const int apart0 = %s / %" PRId64 ";", block, tile->blocks);
        name_axes(emitter, tile->apart.count, tile->apart.axes,
                  last_extent(tile->apart.count, tile->apart.axes), "g", "apart0");
        block = arena_format(emitter->ir->arena, "%s %% %" PRId64, block, tile->blocks);
    }
    begin_tile(emitter, tile);
    emit_begin_scope(emitter);
    emit_tile_operands(emitter, tile, block);
    emit_sum_store(emitter, statement, tile);
    emit_end_scope(emitter);
}
