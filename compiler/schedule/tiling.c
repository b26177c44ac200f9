/* Tiling: every way to cut a contraction into tiles that fits, and which of them cost.c finds
 * cheapest. */
#include "compiler/schedule/tiling.h"

#include "compiler/schedule/candidates.h"
#include "compiler/schedule/copy_panel.h"
#include "compiler/schedule/cost.h"
#include "compiler/schedule/group_sums.h"
#include "compiler/schedule/pack.h"

enum { MAX_ROW_AXES = 3 };

/* What is being put together, and the best so far. */
struct search {
    const struct contraction *contraction;
    const struct candidate_visitor *visitor; /* NULL: there is none */
    struct loop_tiling tiling, best;
    bool found;                  /* best is one */
    bool insists;                /* the visitor wants it to be that, whatever it costs */
    const struct packing *there; /* the panel as a larger block has it packed; or NULL */
    double weight_bytes;         /* that a run reads; 0: the panel has the same type everywhere */
};

/* ---- Where the panel is ---- */

/* Constants are always packed, since that costs nothing at run time; others where columns do not
 * lie side by side, or are no whole vectors; otherwise all ways are considered. */
static bool may_stay(const struct search *search) {
    const struct loop_tiling *tiling = &search->tiling;
    struct ir *ir = search->contraction->ir;
    return tiling->kind->group == 1 && tiling->panel->buffer->kind != BUFFER_CONSTANT &&
           stride_of(ir, tiling->panel, tiling->column) == 1 && columns_beyond(tiling) == 0;
}

static const struct packing *packed_by(const struct ir *ir, const struct buffer *constant) {
    for (int i = 0; ir && constant->kind == BUFFER_CONSTANT && i < ir->buffer_count; i++)
        if (ir->buffers[i]->packing && ir->buffers[i]->packing->elements == constant->value)
            return ir->buffers[i]->packing;
    return NULL;
}

/* Whether that packing of the panel would do for this tiling, too. */
static bool packs_like(const struct loop_tiling *tiling, const struct packing *packing) {
    bool widens = tiling->kind->panel != tiling->panel->dtype;
    return packing->block == tiling->columns && packing->last == tiling->last_columns &&
           (packing->widened != DTYPE_FLOAT32) == widens;
}

static void consider(struct search *search, enum panel_place place) {
    struct loop_tiling *tiling = &search->tiling;
    tiling->place = place;
    tiling->cycles = tiling_cycles(search->contraction, tiling);
    if (search->weight_bytes > 0)
        tiling->cycles = fetching_cycles(search->contraction, tiling, search->weight_bytes);
    if (search->there && !packs_like(tiling, search->there))
        tiling->cycles = sharing_cycles(search->contraction, tiling);
    bool insists = search->visitor && search->visitor->tiling(search->visitor->context, tiling);
    if (!insists && (search->insists || (search->found && tiling->cycles >= search->best.cycles)))
        return;
    search->insists |= insists;
    search->best = *tiling;
    search->found = true;
}

static void consider_places(struct search *search) {
    if (may_stay(search))
        consider(search, PANEL_IN_PLACE);
    consider(search, PANEL_PACKED);
    if (search->tiling.copied_elements)
        consider(search, PANEL_COPIED);
}

/* Of the panel for this column and width; lane by lane there is nothing to gain. */
static int64_t copied_elements(const struct search *search) {
    const struct loop_tiling *tiling = &search->tiling;
    struct panel_copy copy;
    bool can = tiling->kind->group == 1 && !tiling->lanes &&
               tiling->panel->buffer->kind != BUFFER_CONSTANT &&
               plan_panel_copy(search->contraction, tiling->panel, tiling->column,
                               columns_beyond(tiling), &copy);
    return can ? copy.elements : 0;
}

/* ---- Rows ---- */

static int64_t most_rows(const struct search *search) {
    const struct loop_tiling *tiling = &search->tiling;
    const struct target *target = search->contraction->ir->target;
    return tile_most_rows(tiling->kind, target, tiling->lanes, tiling->columns);
}

/* Loops that only the stream has, from the innermost outwards. */
static int list_row_loops(const struct search *search, const struct axis **loops) {
    const struct statement *statement = search->contraction->statement;
    const struct loop_tiling *tiling = &search->tiling;
    int count = 0;
    for (int i = statement->loop_count - 1; i >= 0 && count < MAX_ROW_AXES; i--)
        if (load_uses(tiling->stream, statement->loops[i]) &&
            !load_uses(tiling->panel, statement->loops[i]))
            loops[count++] = statement->loops[i];
    return count;
}

/* Blocks of the innermost row loop, of any size; where one block is all of it, also of the next,
 * which must divide, and so on. */
static void consider_rows(struct search *search, int count, const struct axis *const *loops) {
    struct loop_tiling *tiling = &search->tiling;
    int64_t limit = most_rows(search) / tiling->rows;
    consider_places(search);
    if (tiling->row_count == count)
        return;
    const struct axis *loop = loops[tiling->row_count];
    for (int64_t block = 2; block <= limit && block <= loop->extent; block++) {
        if (tiling->row_count > 0 && loop->extent % block)
            continue;
        tiling->row_loops[tiling->row_count++] = (struct row_loop){loop, block};
        tiling->rows *= (int)block;
        if (block == loop->extent)
            consider_rows(search, count, loops);
        else
            consider_places(search);
        tiling->rows /= (int)block;
        tiling->row_count--;
    }
}

/* Pooled elements are rows from the start; false where the panel has them too. */
static bool begin_rows(struct search *search) {
    const struct expression *pool = search->contraction->pool;
    struct loop_tiling *tiling = &search->tiling;
    tiling->rows = 1;
    tiling->row_count = 0;
    for (int i = 0; pool && i < pool->axis_count; i++) {
        if (pool->axes[i]->extent == 1)
            continue;
        if (load_uses(tiling->panel, pool->axes[i]) || !load_uses(tiling->stream, pool->axes[i]))
            return false;
        tiling->rows *= (int)pool->axes[i]->extent; /* 16 at most: it unrolls */
    }
    return tiling->rows <= most_rows(search);
}

/* ---- Columns ---- */

/* Whether it is for this use of the stream, and whole vectors of the target. */
static bool width_fits(const struct search *search, const struct tile_width *width) {
    const struct loop_tiling *tiling = &search->tiling;
    const struct target *target = search->contraction->ir->target;
    return width->lanes == tiling->lanes &&
           width->columns % tile_kind_lanes(tiling->kind, target) == 0;
}

/* The narrowest width for so many columns, or 0. */
static int width_for(const struct search *search, int64_t columns) {
    const struct tile_widths widths =
        tile_kind_widths(search->tiling.kind, search->contraction->ir->target);
    for (int i = 0; i < widths.count; i++)
        if (widths.items[i].columns >= columns && width_fits(search, &widths.items[i]))
            return widths.items[i].columns;
    return 0;
}

int64_t columns_beyond(const struct loop_tiling *tiling) {
    int64_t rest = tiling->column->extent % tiling->columns;
    return !rest ? 0 : (tiling->last_columns ? tiling->last_columns : tiling->columns) - rest;
}

/* Lane by lane, a last vector reads neighbours beyond the stream's columns, so there must be some:
 * the arena has room behind its last buffer, inputs may not. */
static bool may_read(const struct loop_tiling *tiling) {
    return !tiling->lanes || tiling->stream->buffer->kind == BUFFER_TEMPORARY ||
           columns_beyond(tiling) == 0;
}

static void consider_column(struct search *search) {
    struct loop_tiling *tiling = &search->tiling;
    int64_t extent = tiling->column->extent;
    int enough = width_for(search, extent);
    const struct axis *loops[MAX_ROW_AXES];
    int count = list_row_loops(search, loops);
    const struct tile_widths widths =
        tile_kind_widths(tiling->kind, search->contraction->ir->target);
    for (int i = 0; i < widths.count; i++) {
        const struct tile_width *width = &widths.items[i];
        if (!width_fits(search, width) || (enough && width->columns > enough))
            continue;
        tiling->columns = width->columns;
        bool ragged = extent > tiling->columns && extent % tiling->columns;
        tiling->last_columns = ragged ? width_for(search, extent % tiling->columns) : 0;
        if (tiling->last_columns == tiling->columns) /* the last is filled up */
            tiling->last_columns = 0;
        tiling->copied_elements = copied_elements(search);
        if (may_read(tiling) && begin_rows(search))
            consider_rows(search, count, loops);
    }
}

/* One operand as the stream, and the columns along one loop that the other has. */
static void consider_kind(struct search *search, const struct tile_kind *kind,
                          const struct expression *stream, const struct expression *panel) {
    const struct contraction *contraction = search->contraction;
    const struct statement *statement = contraction->statement;
    for (int i = 0; i < statement->loop_count; i++) {
        const struct axis *column = statement->loops[i];
        if (!load_uses(panel, column) ||
            (contraction->coded &&
             (panel != contraction->coded->codes.bytes || load_uses(stream, column))))
            continue;
        search->tiling = (struct loop_tiling){.kind = kind,
                                              .lanes = load_uses(stream, column),
                                              .stream = stream,
                                              .panel = panel,
                                              .column = column};
        if (!search->tiling.lanes || stride_of(contraction->ir, stream, column) == 1)
            consider_column(search);
    }
}

/* All constants together: so much is read from one use of them to the next. */
static double constant_bytes(const struct ir *ir) {
    double bytes = 0;
    for (int i = 0; i < ir->buffer_count; i++)
        if (ir->buffers[i]->value && !ir->buffers[i]->packing)
            bytes += (double)ir->buffers[i]->elements * dtype_bytes(ir->buffers[i]->dtype);
    return bytes;
}

/* A constant of 16 bits stays so where tiles wait for memory; where they do not, it is made float32
 * when it is packed. Of 8-bit integers, tiles of one kind take groups, those of another go lane by
 * lane. */
static void consider_side(struct search *search, int side) {
    const struct contraction *contraction = search->contraction;
    const struct expression *stream = contraction->sum->sources[side];
    const struct expression *panel = contraction->sum->sources[1 - side];
    enum dtype output = contraction->sum->dtype;
    const struct tile_kind *kind =
        tile_kind_find(contraction->ir->target, stream->dtype, panel->dtype, output);
    if (!kind)
        return;
    bool narrow = tile_kind_widens(kind);
    search->there = packed_by(contraction->ir->largest, panel->buffer);
    search->weight_bytes = narrow ? constant_bytes(contraction->ir) : 0;
    if (kind->group == 1 || find_grouped_sum(contraction, stream, panel, kind->group))
        consider_kind(search, kind, stream, panel);
    if (narrow)
        consider_kind(search, &tile_kinds[TILE_KIND_FLOAT32], stream, panel);
    if (kind == &tile_kinds[TILE_KIND_DOT])
        consider_kind(search, &tile_kinds[TILE_KIND_LANE_DOT], stream, panel);
}

bool find_tiling(const struct contraction *contraction, const struct candidate_visitor *visitor,
                 struct loop_tiling *tiling) {
    struct search search = {.contraction = contraction, .visitor = visitor};
    for (int side = 0; side < 2; side++)
        consider_side(&search, side);
    *tiling = search.best;
    return search.found;
}
