/* Contractions as tiles of blocks of threads (templates/cuda/contract.h): loops that only one
 * operand has are rows of the tile, loops that only the other has are columns, loops of both have
 * tiles of their own. Which elements a row, a column and a step of the sum read, and what is stored
 * of a sum, the tile is told by functions. */
#include "compiler/emit/cuda/cuda.h"

#include <inttypes.h>
#include <math.h>

enum {
    THREADS_ACROSS = 16,     /* of a tile, either way */
    FEWEST_ACROSS = 4,       /* rows and columns, with which a tile is worth it anyway */
    MANY_STEPS = 64,         /* of a sum, which one thread alone would wait for */
    FEWEST_STEPS = 16,       /* of the sum, between which threads wait for each other */
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

static int64_t step_of(const struct expression *load, const struct axis *axis) {
    bool plain = true;
    return index_coefficient(load->index, axis, &plain);
}

static void add_axis(struct tile_axes *axes, const struct axis *axis) {
    axes->axes[axes->count++] = axis;
    axes->extent *= axis->extent;
}

/* Deals out the loops. False where one belongs to neither operand, whose sums would be the same. */
static bool deal_loops(const struct statement *statement, struct thread_tile *tile) {
    for (int i = 0; i < statement->loop_count; i++) {
        const struct axis *axis = statement->loops[i];
        const bool of_stream = step_of(tile->stream, axis) != 0;
        const bool of_panel = step_of(tile->panel, axis) != 0;
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
    const bool swaps = last >= 0 && step_of(a, statement->loops[last]) != 0 &&
                       step_of(b, statement->loops[last]) == 0;
    tile->stream = swaps ? b : a;
    tile->panel = swaps ? a : b;
}

/* ---- Which tile ---- */

/* Steps of the sum between which threads wait for each other: small tiles need many, so that what
 * is loaded meanwhile is there in time. */
static int steps_between(const struct thread_tile *tile) {
    const int sums = tile->row_sums * tile->column_sums;
    int steps = sums > 16 || tile->row_sums == 8 ? FEWEST_STEPS : sums > 2 ? 32 : 64;
    while (steps > FEWEST_STEPS && steps / 2 >= tile->depth)
        steps /= 2;
    return steps;
}

/* What the two halves of the operands take of shared memory, where rows are padded. */
static int64_t shared_bytes(const struct thread_tile *tile) {
    enum { HALVES = 2, PAD = 4 };
    const int64_t across = THREADS_ACROSS * (tile->row_sums + tile->column_sums) + 2 * PAD;
    return HALVES * tile->steps * across * dtype_bytes(tile->sum->dtype);
}

/* About how many cycles a step of the sum takes, as measured on an H200: for the sums of a thread,
 * for what it loads of both sides, and for the rest. A block that a multiprocessor has alone takes
 * a little longer; few blocks more than there are multiprocessors take as long as twice as many. */
static double tile_time(const struct emitter *emitter, const struct thread_tile *tile) {
    const int rows = THREADS_ACROSS * tile->row_sums, columns = THREADS_ACROSS * tile->column_sums;
    const double blocks = (double)((tile->rows.extent + rows - 1) / rows) *
                          (double)((tile->columns.extent + columns - 1) / columns) *
                          (double)tile->apart.extent;
    const double cycles =
        2.0 * tile->row_sums * tile->column_sums + 4.0 * (tile->row_sums + tile->column_sums) + 12;
    const double turns = blocks / emitter->ir->target->gpu->multiprocessors;
    return cycles * (turns <= 1 ? 1.2 : turns < 4 ? ceil(turns) : turns);
}

static void choose_shape(const struct emitter *emitter, struct thread_tile *tile) {
    static const int sums[][2] = {{1, 1}, {1, 2}, {2, 1}, {2, 2}, {1, 4}, {4, 1}, {2, 4},
                                  {4, 2}, {4, 4}, {2, 8}, {8, 2}, {4, 8}, {8, 4}, {8, 8}};
    struct thread_tile best = *tile;
    double least = 0;
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        tile->row_sums = sums[i][0];
        tile->column_sums = sums[i][1];
        tile->steps = steps_between(tile);
        while (shared_bytes(tile) > emitter->ir->target->gpu->shared && tile->steps > FEWEST_STEPS)
            tile->steps /= 2;
        const double time = tile_time(emitter, tile);
        if (shared_bytes(tile) > emitter->ir->target->gpu->shared || (i > 0 && time >= least))
            continue;
        least = time;
        best = *tile;
    }
    *tile = best;
}

static int64_t tiles_along(int64_t extent, int sums) {
    const int64_t width = (int64_t)THREADS_ACROSS * sums;
    return (extent + width - 1) / width;
}

/* With few rows a thread for each sum does as well, unless it has many steps, for which it would
 * wait alone. */
static bool is_worth_it(const struct thread_tile *tile) {
    const int64_t columns = tile->columns.extent;
    if (tile->rows.extent >= FEWEST_ACROSS && columns >= FEWEST_ACROSS)
        return true;
    return columns >= THREADS_ACROSS && tile->depth >= MANY_STEPS;
}

bool emit_find_tile(struct emitter *emitter, const struct statement *statement,
                    struct thread_tile *tile) {
    struct tile_search search = {0};
    *tile = (struct thread_tile){
        .rows = {.extent = 1}, .columns = {.extent = 1}, .apart = {.extent = 1}};
    if (emitter->ir->scan)
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
    choose_shape(emitter, tile);
    tile->blocks = tiles_along(tile->rows.extent, tile->row_sums) *
                   tiles_along(tile->columns.extent, tile->column_sums);
    return true;
}

/* ---- What the tile is told ---- */

/* Names axes by the position among all of them together. */
static void name_axes(struct emitter *emitter, int count, const struct axis *const *axes,
                      const char *stem, const char *position) {
    struct arena *arena = emitter->ir->arena;
    int64_t inner = 1;
    for (int i = 0; i < count; i++)
        inner *= axes[i]->extent;
    const int64_t all = inner;
    for (int i = 0; i < count; i++) {
        const int64_t outer = all / inner, extent = axes[i]->extent;
        const bool alone = extent == all, none = extent == 1 && !alone;
        const char *text = position;
        inner /= extent;
        if (inner > 1)
            text = arena_format(arena, "%s / %" PRId64, text, inner);
        if (outer > 1)
            text = arena_format(arena, "%s %% %" PRId64, text, extent);
        const char *name = alone ? position : none ? "0" : emit_local_name(emitter, stem);
        if (!alone && !none)
            emit_line(emitter, "const int %s = %s;", name, text);
        emit_name_axis(emitter, axes[i], name);
    }
}

/* What some axes add to the place of what is loaded. */
static const struct index *part_of_index(struct emitter *emitter, const struct expression *load,
                                         int count, const struct axis *const *axes) {
    struct ir *ir = emitter->ir;
    const struct index *sum = index_constant(ir, 0);
    for (int i = 0; i < count; i++)
        if (axes[i]->extent > 1)
            sum = index_add(ir, sum,
                            index_scale(ir, index_axis(ir, axes[i]), step_of(load, axes[i])));
    return sum;
}

/* A function from the position among axes to what they add. */
static void emit_offsets(struct emitter *emitter, const struct expression *load, int count,
                         const struct axis *const *axes, const char *position) {
    emit_open(emitter, "[=](int %s) {", position);
    name_axes(emitter, count, axes, "at", position);
    const struct index *part = part_of_index(emitter, load, count, axes);
    if (index_is_constant(part, 0))
        emit_line(emitter, "(void)%s;", position);
    emit_line(emitter, "return %s;", emit_index(emitter, part));
    emit_end_scope(emitter);
    emit_line(emitter, "},");
}

/* Whether neighbouring steps of the sum are neighbours in memory, and not neighbouring rows. */
static bool lies_along_steps(const struct expression *load, const struct expression *sum,
                             const struct tile_axes *side) {
    const bool side_neighbours = side->count > 0 && step_of(load, side->axes[side->count - 1]) == 1;
    return !side_neighbours && sum->axis_count > 0 &&
           step_of(load, sum->axes[sum->axis_count - 1]) == 1;
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
    name_axes(emitter, tile->rows.count, tile->rows.axes, "i", "row0");
    name_axes(emitter, tile->columns.count, tile->columns.axes, "i", "column0");
    emit_name_expression(emitter, tile->sum, "sum0");
    emit_store(emitter, store);
    emit_end_scope(emitter);
    emit_line(emitter, "});");
}

void emit_thread_tile(struct emitter *emitter, const struct statement *statement,
                      const struct thread_tile *tile, const char *block) {
    struct statement *const nest[] = {(struct statement *)statement};
    const struct expression *sum = tile->sum;
    sections_want(&emitter->sections, "contract_tile");
    emit_begin_statements(emitter, nest, 1);
    if (tile->apart.count) {
        emit_line(emitter, "const int apart0 = %s / %" PRId64 ";", block, tile->blocks);
        name_axes(emitter, tile->apart.count, tile->apart.axes, "g", "apart0");
        block = arena_format(emitter->ir->arena, "%s %% %" PRId64, block, tile->blocks);
    }
    emit_line(emitter, "contract_tile<%d, %d, %d, %d, %d, %s, %s, %s>(",
              THREADS_ACROSS * tile->row_sums, THREADS_ACROSS * tile->column_sums, tile->steps,
              tile->row_sums, tile->column_sums,
              lies_along_steps(tile->stream, sum, &tile->rows) ? "true" : "false",
              lies_along_steps(tile->panel, sum, &tile->columns) ? "true" : "false",
              dtype_facts[sum->dtype].c_type);
    emit_begin_scope(emitter);
    emit_line(emitter, "%s, %" PRId64 ", %" PRId64 ", %" PRId64 ",", block, tile->rows.extent,
              tile->columns.extent, tile->depth);
    emit_line(emitter, "%s,", operand_of(emitter, tile->stream, &tile->apart));
    emit_line(emitter, "%s,", operand_of(emitter, tile->panel, &tile->apart));
    emit_offsets(emitter, tile->stream, tile->rows.count, tile->rows.axes, "row0");
    emit_offsets(emitter, tile->stream, sum->axis_count, sum->axes, "step0");
    emit_offsets(emitter, tile->panel, tile->columns.count, tile->columns.axes, "column0");
    emit_offsets(emitter, tile->panel, sum->axis_count, sum->axes, "step0");
    emit_sum_store(emitter, statement, tile);
    emit_end_scope(emitter);
}
