/* Nests of statements as loops that C compilers turn into vectors. */
#include "compiler/emit/loops/loops.h"

#include <inttypes.h>

enum { LEAST_CANONICAL_ROW = 100 }; /* elements for which it is worthwhile */

/* Whether what is stored along an axis is best computed in strips. */
static bool wants_strips(struct emitter *emitter, const struct axis *axis,
                         const struct store *store) {
    return emit_wants_strips(emitter, axis, store->value) ||
           (axis->extent >= LEAST_STRIP && !expression_reduces(emitter->ir, store->value) &&
            emit_narrows(axis, store));
}

/* Where a function of strips that is the value stores by itself; NULL: a loop does. */
static const char *place_of_function(struct emitter *emitter, const struct strip *strip,
                                     const struct store *store) {
    if (emit_is_canonical(store) || !emit_is_strip_function(store->value))
        return NULL;
    return emit_strip_address(emitter, strip, store->output, store->address);
}

/* Whether NaN of what is stored along an axis becomes canonical behind the loop, which then takes
 * fewer instructions. */
static bool wants_row(struct emitter *emitter, const struct axis *axis, const struct store *store) {
    bool plain = true;
    return axis->extent >= LEAST_CANONICAL_ROW && emit_is_canonical(store) &&
           store->output->dtype == DTYPE_FLOAT32 && store->value->kind != EXPRESSION_CONSTANT &&
           !expression_reduces(emitter->ir, store->value) &&
           index_coefficient(store->address, axis, &plain) == 1 && plain;
}

static void store_lanes(struct emitter *emitter, const struct strip *strip,
                        const struct store *store) {
    emit_open_lanes(emitter, strip);
    emit_store(emitter, store);
    emit_close(emitter);
}

static void store_row(struct emitter *emitter, const struct strip *strip,
                      const struct store *store) {
    const char *most = emit_local_name(emitter, "most");
    emit_line(emitter, "uint32_t %s = 0;", most);
    emit_open_lanes(emitter, strip);
    emit_store_of_row(emitter, store, most);
    emit_close(emitter);
    emit_line(emitter, "f32_canonical_row(%s, %s, %s);",
              emit_strip_address(emitter, strip, store->output, store->address), strip->count,
              most);
    sections_want(&emitter->sections, "f32_canonical_row");
}

/* `around`: the axis whose next iteration is fetched, or NULL. */
static void store_strip(struct emitter *emitter, const struct strip *strip,
                        const struct store *store, const struct axis *around) {
    if (emit_narrows(strip->axis, store)) {
        emit_narrowed(emitter, strip, store);
        return;
    }
    const char *to = place_of_function(emitter, strip, store);
    emit_strip_functions(emitter, strip, store->value, to);
    if (around)
        emit_strip_fetches(emitter, strip, around, store->value);
    if (to)
        return;
    if (wants_row(emitter, strip->axis, store))
        store_row(emitter, strip, store);
    else
        store_lanes(emitter, strip, store);
}

/* The innermost loop in strips. False where there is nothing to gain. */
static bool emit_in_strips(struct emitter *emitter, const struct statement *statement,
                           const struct store *store) {
    const int outer = statement->loop_count - 1;
    if (outer < 0 || !wants_strips(emitter, statement->loops[outer], store))
        return false;
    const struct axis *axis = statement->loops[outer];
    const struct expression *reduction = emit_following_reduction(emitter, statement);
    if (reduction)
        emit_begin_taking(emitter, reduction);
    emit_open_loops(emitter, statement, outer);
    struct strip strip = emit_open_strip(emitter, axis, "lane", MOST_STRIP);
    const int shared = statement->shared_count;
    store_strip(emitter, &strip, store, shared > 0 ? statement->shared[shared - 1] : NULL);
    if (reduction)
        emit_take(emitter, &strip,
                  emit_strip_address(emitter, &strip, store->output, store->address));
    emit_close_loops(emitter, statement->loop_count);
    return true;
}

/* Whether the loop within so many others is. */
static bool is_long_loop(const struct emitter *emitter, const struct statement *statement,
                         int outer) {
    double work = emitter->work;
    for (int i = 0; i < outer; i++)
        work /= (double)statement->loops[i]->extent;
    return work > emitter->stop_every;
}

/* The innermost loop a row. False where that gains nothing, or the loop is so long that it looks
 * whether the run has to end. */
static bool emit_in_rows(struct emitter *emitter, const struct statement *statement,
                         const struct store *store) {
    const int outer = statement->loop_count - 1;
    const struct axis *axis = outer < 0 ? NULL : statement->loops[outer];
    if (!axis || axis == emitter->parallel_loop || !wants_row(emitter, axis, store) ||
        is_long_loop(emitter, statement, outer))
        return false;
    const struct strip row = {.axis = axis,
                              .lane = arena_format(emitter->ir->arena, "i%d", outer),
                              .count = arena_format(emitter->ir->arena, "%" PRId64, axis->extent)};
    if (outer == 0)
        emit_open(emitter, "{");
    emit_open_loops(emitter, statement, outer);
    emit_name_axis(emitter, axis, row.lane);
    store_row(emitter, &row, store);
    emit_close_loops(emitter, outer > 0 ? outer : 1);
    return true;
}

void emit_strip_epilogue(struct emitter *emitter, const struct store *store,
                         const struct epilogue *epilogue) {
    if (emit_interleaves(store, epilogue) || !wants_strips(emitter, epilogue->column, store)) {
        emit_epilogue_loops(emitter, store, epilogue);
        return;
    }
    emit_open_epilogue(emitter, epilogue);
    const struct strip strip = {.axis = epilogue->column,
                                .lane = "c",
                                .length = epilogue->column->extent,
                                .count = epilogue->columns};
    emit_name_axis(emitter, strip.axis, strip.lane);
    store_strip(emitter, &strip, store, NULL);
    emit_close_epilogue(emitter, epilogue);
}

void emit_statements(struct emitter *emitter, struct statement *const *statements, int count) {
    const struct store *stores = emit_stores_of(emitter, statements, count);
    if (count == 1 && (emit_transposed(emitter, statements[0], &stores[0]) ||
                       emit_in_strips(emitter, statements[0], &stores[0]) ||
                       emit_in_columns(emitter, statements[0], &stores[0]) ||
                       emit_in_rows(emitter, statements[0], &stores[0])))
        return;
    emit_statement_loops(emitter, statements, count);
}
