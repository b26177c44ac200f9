/* Nests of statements as loops that C compilers turn into vectors. */
#include "compiler/emit/loops/loops.h"

/* The innermost loop in strips. False where there is nothing to gain. */
static bool emit_in_strips(struct emitter *emitter, const struct statement *statement,
                           const struct store *store) {
    const int outer = statement->loop_count - 1;
    if (outer < 0 || !emit_wants_strips(emitter, statement->loops[outer], store->value))
        return false;
    const struct axis *axis = statement->loops[outer];
    const struct expression *reduction = emit_following_reduction(emitter, statement);
    if (reduction)
        emit_begin_taking(emitter, reduction);
    emit_open_loops(emitter, statement, outer);
    struct strip strip = emit_open_strip(emitter, axis, "lane", MOST_STRIP);
    const char *to = NULL;
    bool canonical = store->output->kind == BUFFER_OUTPUT && !store->unfinished;
    if (!canonical && emit_is_strip_function(store->value))
        to = emit_strip_address(emitter, &strip, store->output, store->address);
    emit_strip_functions(emitter, &strip, store->value, to);
    if (statement->shared_count > 0)
        emit_strip_fetches(emitter, &strip, statement->shared[statement->shared_count - 1],
                           store->value);
    if (!to) {
        emit_open_lanes(emitter, &strip);
        emit_store(emitter, store);
        emit_close(emitter);
    }
    if (reduction)
        emit_take(emitter, &strip,
                  emit_strip_address(emitter, &strip, store->output, store->address));
    emit_close_loops(emitter, statement->loop_count);
    return true;
}

void emit_statements(struct emitter *emitter, struct statement *const *statements, int count) {
    const struct store *stores = emit_stores_of(emitter, statements, count);
    if (count == 1 && (emit_transposed(emitter, statements[0], &stores[0]) ||
                       emit_in_strips(emitter, statements[0], &stores[0]) ||
                       emit_in_columns(emitter, statements[0], &stores[0])))
        return;
    emit_statement_loops(emitter, statements, count);
}
