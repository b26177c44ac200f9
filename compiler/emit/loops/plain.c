/* Nests of statements as loops that C compilers turn into vectors. */
#include "compiler/emit/loops/loops.h"

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
    bool canonical = store->output->kind == BUFFER_OUTPUT && !store->unfinished;
    if (canonical || !emit_is_strip_function(store->value))
        return NULL;
    return emit_strip_address(emitter, strip, store->output, store->address);
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
    emit_open_lanes(emitter, strip);
    emit_store(emitter, store);
    emit_close(emitter);
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
                       emit_in_columns(emitter, statements[0], &stores[0])))
        return;
    emit_statement_loops(emitter, statements, count);
}
