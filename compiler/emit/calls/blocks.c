/* Nests of statements, and what is done with the sums of tiles, as row operations in blocks that
 * stay in L1. Where something cannot be row operations, loops of C stand instead. */
#include "compiler/emit/calls/rows.h"

#include <inttypes.h>

enum {
    STRIP = 1024,       /* elements of a block of row operations: it stays in L1 */
    LEAST_STRIP = 256,  /* for which a call is worthwhile */
    LEAST_GUARDED = 8,  /* columns of one row, for which calls are */
    MOST_RESULTS = 128, /* of reductions side by side, which have sixteen lanes each */
};

static void note_reduction(void *context, const struct expression *e) {
    bool *found = context;
    *found |= e->kind == EXPRESSION_REDUCE && e->op != OP_CONTRACT;
}

static bool has_reduction(struct ir *ir, const struct expression *value) {
    bool found = false;
    expression_walk(ir, value, note_reduction, &found);
    return found;
}

struct guard_search {
    struct ir *ir;
    bool found;
};

static void note_guard(void *context, const struct expression *e) {
    struct guard_search *search = context;
    struct row_lookup lookup;
    search->found |= e->kind == EXPRESSION_GUARD && !rows_lookup(search->ir, e, &lookup);
}

/* Guards may choose otherwise in each row. */
static bool has_guard(struct ir *ir, int count, struct statement *const *statements) {
    struct guard_search search = {.ir = ir};
    for (int i = 0; i < count; i++)
        expression_walk(ir, statements[i]->value, note_guard, &search);
    return search.found;
}

/* How much of the two innermost loops one block takes. */
struct block_size {
    int64_t columns, rows;
};

/* Of several statements in a nest, each has blocks of its own in the cache. */
static struct block_size size_of_block(struct ir *ir, const struct statement *statement,
                                       int count) {
    int64_t columns = statement->loops[statement->loop_count - 1]->extent;
    int64_t strip = STRIP / count > LEAST_STRIP ? STRIP / count : LEAST_STRIP;
    if (has_reduction(ir, statement->value))
        return (struct block_size){columns < MOST_RESULTS ? columns : MOST_RESULTS, 1};
    if (columns > strip)
        return (struct block_size){strip, 1};
    int64_t rows =
        statement->loop_count > 1 ? statement->loops[statement->loop_count - 2]->extent : 1;
    return (struct block_size){columns, rows < strip / columns ? rows : strip / columns};
}

/* The innermost loops of a nest as row operations, in blocks. False where that is not possible. */
static bool emit_in_blocks(struct emitter *emitter, struct statement *const *statements,
                           int count) {
    struct arena *arena = emitter->ir->arena;
    static const struct axis alone = {.id = -1, .extent = 1};
    struct statement copy = *statements[0];
    if (copy.loop_count == 0) /* a loop of one iteration */
        copy.loops[copy.loop_count++] = &alone;
    struct block_size size = size_of_block(emitter->ir, &copy, count);
    const struct axis *column = copy.loops[copy.loop_count - 1];
    if (has_guard(emitter->ir, count, statements)) {
        if (column->extent < LEAST_GUARDED)
            return false;
        size.rows = 1;
    }
    const struct axis *row = size.rows > 1 ? copy.loops[copy.loop_count - 2] : NULL;
    struct row_block block = {.row = row,
                              .column = column,
                              .row_count = arena_format(arena, "%" PRId64, size.rows),
                              .column_count = arena_format(arena, "%" PRId64, size.columns),
                              .column_limit = size.columns,
                              .elements = size.rows * size.columns};
    struct store *stores = emit_stores_of(emitter, statements, count);
    for (int i = 0; i < count; i++)
        if (!emit_rows_possible(emitter, &stores[i], &block))
            return false;
    int outer = copy.loop_count - (row ? 2 : 1), opened = outer;
    emit_open_loops(emitter, statements[0], outer);
    if (row && (size.rows < row->extent || row == emitter->parallel_loop)) {
        block.row_count = emit_open_steps(emitter, "row", "rows", row, size.rows);
        block.row_strip = "row";
        opened++;
    }
    if (size.columns < column->extent || column == emitter->parallel_loop) {
        block.column_count = emit_open_steps(emitter, "strip", "columns", column, size.columns);
        block.strip = "strip";
        opened++;
    }
    emit_rows(emitter, count, stores, &block);
    emit_close_loops(emitter, opened);
    return true;
}

void emit_statement_blocks(struct emitter *emitter, struct statement *const *statements,
                           int count) {
    if (emit_in_blocks(emitter, statements, count))
        return;
    if (count == 1) {
        emit_statement_loops(emitter, statements, count);
        return;
    }
    for (int i = 0; i < count; i++) { /* one keeps the others from it */
        emit_open(emitter, "{");
        emit_begin_statements(emitter, &statements[i], 1);
        emit_statement_blocks(emitter, &statements[i], 1);
        emit_close(emitter);
    }
}

/* The columns, and the innermost axis around them. */
static struct row_block innermost_block(struct emitter *emitter, const struct epilogue *epilogue) {
    const struct axis *column = epilogue->column;
    const int count = epilogue->axis_count;
    const struct axis *row = count > 0 ? epilogue->axes[count - 1] : NULL;
    const int64_t rows = row ? row->extent : 1;
    return (struct row_block){.row = row,
                              .column = column,
                              .row_count = arena_format(emitter->ir->arena, "%" PRId64, rows),
                              .column_count = epilogue->columns,
                              .column_limit = column->extent,
                              .elements = rows * column->extent};
}

bool emit_line_blocks(struct emitter *emitter, const struct store *store,
                      const struct epilogue *epilogue, const struct tile_line *line) {
    struct row_block block = innermost_block(emitter, epilogue);
    struct row_emitter rows = {.emitter = emitter, .block = &block};
    struct chain_result result = {.value = store->value,
                                  .place = rows_target(&rows, store),
                                  .canonical = rows_are_canonical(store)};
    if (!emit_rows_possible(emitter, store, &block) || result.place.step != 1)
        return false;
    struct row_chain *chain = chain_plan(&rows, 1, &result);
    return chain && chain_print_tiled(chain, line);
}

void emit_epilogue_blocks(struct emitter *emitter, const struct store *store,
                          const struct epilogue *epilogue) {
    int outer = epilogue->axis_count > 0 ? epilogue->axis_count - 1 : 0;
    struct row_block block = innermost_block(emitter, epilogue);
    if (!emit_rows_possible(emitter, store, &block)) {
        emit_epilogue_loops(emitter, store, epilogue);
        return;
    }
    for (int i = 0; i < outer; i++)
        emit_open_loop(emitter, epilogue->axes[i], emit_epilogue_axis(emitter, epilogue, i),
                       epilogue->axes[i]->extent, 1);
    emit_open(emitter, "{");
    emit_rows(emitter, 1, store, &block);
    emit_close_loops(emitter, outer + 1);
}
