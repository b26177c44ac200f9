/* Choosing tiles: every way that fits, and which of them cost.c finds cheapest. */
#include "compiler/schedule/schedule.h"

enum { MAX_ROW_AXES = 3 };

static const int widths[] = {8, 16, 24, 32, 48, 64};
enum { WIDTH_COUNT = sizeof widths / sizeof *widths };

/* The tiles there are. */
static const struct {
    bool lanes;
    int rows, columns;
} tiles[] = {
#define TILE(name, lanes, rows, columns) {lanes, rows, columns},
#include "templates/tiles.def"
#undef TILE
};

/* Of a tile with so many columns; 0: there is none. */
static int most_rows(bool lanes, int columns) {
    int most = 0;
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++)
        if (tiles[i].lanes == lanes && tiles[i].columns == columns && tiles[i].rows > most)
            most = tiles[i].rows;
    return most;
}

/* What is being put together, and the best so far. */
struct choosing {
    const struct contraction *contraction;
    struct question *question; /* NULL: nobody asks */
    struct choice choice, best;
    bool found;
    const struct packing *there; /* the panel as a larger block has it packed; or NULL */
};

/* ---- Packing ---- */

/* Constants are always packed, since that costs nothing at run time; others where columns do not
 * lie side by side, or are no whole vectors; otherwise both ways are considered. */
static bool may_stay(const struct choosing *choosing) {
    const struct choice *choice = &choosing->choice;
    struct ir *ir = choosing->contraction->ir;
    return choice->panel->buffer->kind != BUFFER_CONSTANT &&
           stride_of(ir, choice->panel, choice->column) == 1 && columns_beyond(choice) == 0;
}

static const struct packing *packed_by(const struct ir *ir, const struct buffer *constant) {
    for (int i = 0; ir && constant->kind == BUFFER_CONSTANT && i < ir->buffer_count; i++)
        if (ir->buffers[i]->packing && ir->buffers[i]->packing->elements == constant->value)
            return ir->buffers[i]->packing;
    return NULL;
}

static void consider(struct choosing *choosing, bool pack_panel) {
    struct choice *choice = &choosing->choice;
    choice->pack_panel = pack_panel;
    choice->cycles = choice_cycles(choosing->contraction, choice);
    if (choosing->there && (choosing->there->block != choice->columns ||
                            choosing->there->last != choice->last_columns))
        choice->cycles = sharing_cycles(choosing->contraction, choice);
    if (choosing->question)
        note_tile(choosing->question, choice);
    if (choosing->found && choice->cycles >= choosing->best.cycles)
        return;
    choosing->best = *choice;
    choosing->found = true;
}

static void consider_packing(struct choosing *choosing) {
    if (may_stay(choosing))
        consider(choosing, false);
    consider(choosing, true);
}

/* ---- Rows ---- */

/* Loops that only the stream has, from the innermost outwards. */
static int list_row_loops(const struct choosing *choosing, const struct axis **loops) {
    const struct statement *statement = choosing->contraction->statement;
    const struct choice *choice = &choosing->choice;
    int count = 0;
    for (int i = statement->loop_count - 1; i >= 0 && count < MAX_ROW_AXES; i--)
        if (load_uses(choice->stream, statement->loops[i]) &&
            !load_uses(choice->panel, statement->loops[i]))
            loops[count++] = statement->loops[i];
    return count;
}

/* Blocks of the innermost row loop, of any size; where one block is all of it, also of the next,
 * which must divide, and so on. */
static void consider_rows(struct choosing *choosing, int count, const struct axis *const *loops) {
    struct choice *choice = &choosing->choice;
    int64_t limit = most_rows(choice->lanes, choice->columns) / choice->rows;
    consider_packing(choosing);
    if (choice->row_count == count)
        return;
    const struct axis *loop = loops[choice->row_count];
    for (int64_t block = 2; block <= limit && block <= loop->extent; block++) {
        if (choice->row_count > 0 && loop->extent % block)
            continue;
        choice->row_axes[choice->row_count++] = (struct row_choice){loop, block};
        choice->rows *= (int)block;
        if (block == loop->extent)
            consider_rows(choosing, count, loops);
        else
            consider_packing(choosing);
        choice->rows /= (int)block;
        choice->row_count--;
    }
}

/* Pooled elements are rows from the start; false where the panel has them too. */
static bool begin_rows(struct choosing *choosing) {
    const struct expression *pool = choosing->contraction->pool;
    struct choice *choice = &choosing->choice;
    choice->rows = 1;
    choice->row_count = 0;
    for (int i = 0; pool && i < pool->axis_count; i++) {
        if (pool->axes[i]->extent == 1)
            continue;
        if (load_uses(choice->panel, pool->axes[i]) || !load_uses(choice->stream, pool->axes[i]))
            return false;
        choice->rows *= (int)pool->axes[i]->extent; /* 16 at most: it unrolls */
    }
    return choice->rows <= most_rows(choice->lanes, choice->columns);
}

/* ---- Columns ---- */

static bool has_width(const struct choosing *choosing, int columns) {
    return columns % choosing->contraction->ir->target->lanes == 0 &&
           most_rows(choosing->choice.lanes, columns) > 0;
}

/* The narrowest width for so many columns, or 0. */
static int width_for(const struct choosing *choosing, int64_t columns) {
    for (int i = 0; i < WIDTH_COUNT; i++)
        if (has_width(choosing, widths[i]) && widths[i] >= columns)
            return widths[i];
    return 0;
}

int64_t columns_beyond(const struct choice *choice) {
    int64_t rest = choice->column->extent % choice->columns;
    return !rest ? 0 : (choice->last_columns ? choice->last_columns : choice->columns) - rest;
}

/* Lane by lane, a last vector reads neighbours beyond the stream's columns, so there must be some:
 * the arena has room behind its last buffer, inputs may not. */
static bool may_read(const struct choice *choice) {
    return !choice->lanes || choice->stream->buffer->kind == BUFFER_TEMPORARY ||
           columns_beyond(choice) == 0;
}

static void consider_column(struct choosing *choosing) {
    struct choice *choice = &choosing->choice;
    int64_t extent = choice->column->extent;
    int enough = width_for(choosing, extent);
    const struct axis *loops[MAX_ROW_AXES];
    int count = list_row_loops(choosing, loops);
    for (int i = 0; i < WIDTH_COUNT; i++) {
        if (!has_width(choosing, widths[i]) || (enough && widths[i] > enough))
            continue;
        choice->columns = widths[i];
        bool ragged = extent > widths[i] && extent % widths[i];
        choice->last_columns = ragged ? width_for(choosing, extent % widths[i]) : 0;
        if (choice->last_columns == choice->columns) /* the last is filled up */
            choice->last_columns = 0;
        if (may_read(choice) && begin_rows(choosing))
            consider_rows(choosing, count, loops);
    }
}

bool choose_tiles(const struct contraction *contraction, struct question *question,
                  struct choice *choice) {
    struct choosing choosing = {.contraction = contraction, .question = question};
    const struct statement *statement = contraction->statement;
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < statement->loop_count; i++) {
            choosing.choice = (struct choice){.stream = contraction->sum->sources[side],
                                              .panel = contraction->sum->sources[1 - side],
                                              .column = statement->loops[i]};
            if (!load_uses(choosing.choice.panel, statement->loops[i]))
                continue;
            choosing.there = packed_by(contraction->ir->largest, choosing.choice.panel->buffer);
            choosing.choice.lanes = load_uses(choosing.choice.stream, statement->loops[i]);
            if (!choosing.choice.lanes ||
                stride_of(contraction->ir, choosing.choice.stream, choosing.choice.column) == 1)
                consider_column(&choosing);
        }
    *choice = choosing.best;
    if (question && choosing.found)
        take_tile(question, choice);
    return choosing.found;
}
