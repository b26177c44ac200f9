/* Chains whose iterations are rows, as a softmax: where a row is short, sixteen threads have it,
 * the lanes of its reductions. Every sixteenth element is a thread's own in each statement, so that
 * it stays in registers from one to the next, and only the lanes' trees go between threads. Rows
 * that nothing is kept of are read from shared memory instead (staged.c). */
#include "compiler/emit/cuda/cuda.h"

#include <inttypes.h>

enum {
    STAGED_AT_ONCE = 8, /* elements, whose loads do not take long */
    MOST_STEPS = 64,    /* elements of a row that a thread has of its own */
};

/* ---- Whether it can be ---- */

struct row_check {
    const struct kernel *kernel;
    const struct axis *loop, *reduced; /* of the statement at hand; NULL: it has none */
    bool good;
};

static bool deals(int64_t extent) {
    return extent % REDUCTION_LANES == 0 && extent / REDUCTION_LANES <= MOST_STEPS &&
           extent / REDUCTION_LANES > 1;
}

static bool is_stored(const struct kernel *kernel, const struct buffer *buffer) {
    for (int i = 0; i < kernel->statement_count; i++)
        if (kernel->statements[i]->output == buffer)
            return true;
    return false;
}

/* An element that all threads have, or the one that its own thread has. */
static bool is_own(const struct row_check *check, const struct buffer *buffer,
                   const struct index *address) {
    const struct axis *axis = index_only_axis(address);
    if (buffer->elements == 1)
        return index_is_constant(address, 0);
    return axis && axis->extent == buffer->elements &&
           (axis == check->loop || axis == check->reduced);
}

/* A reduction is the only one of a statement without loops. */
static void look_at(void *context, const struct expression *e) {
    struct row_check *check = context;
    if (e->kind != EXPRESSION_REDUCE)
        return;
    check->good &= e->op != OP_CONTRACT && e->axis_count == 1 && deals(e->axes[0]->extent) &&
                   !check->loop && !check->reduced;
    check->reduced = e->axes[0];
}

static void look_at_load(void *context, const struct expression *e) {
    struct row_check *check = context;
    if (e->kind == EXPRESSION_LOAD)
        check->good &= e->buffer->kind == BUFFER_LOCAL ? is_own(check, e->buffer, e->index)
                                                       : !is_stored(check->kernel, e->buffer);
}

static bool statement_fits(const struct emitter *emitter, const struct kernel *kernel,
                           const struct statement *statement) {
    struct row_check check = {.kernel = kernel, .good = true};
    if (statement->loop_count > 1 ||
        (statement->loop_count == 1 && !deals(statement->loops[0]->extent)))
        return false;
    check.loop = statement->loop_count ? statement->loops[0] : NULL;
    expression_walk(emitter->ir, statement->value, look_at, &check);
    expression_walk(emitter->ir, statement->value, look_at_load, &check);
    check.reduced = NULL; /* nothing is stored within it */
    return check.good && (statement->output->kind != BUFFER_LOCAL ||
                          is_own(&check, statement->output, statement->address));
}

bool emit_rows_fit(const struct emitter *emitter, const struct kernel *kernel, bool *keeps) {
    *keeps = false;
    for (int i = 0; i < kernel->statement_count; i++) {
        const struct statement *statement = kernel->statements[i];
        if (!statement_fits(emitter, kernel, statement))
            return false;
        *keeps |= statement->output->kind == BUFFER_LOCAL && statement->output->elements > 1;
    }
    return true;
}

/* ---- What a thread does ---- */

void emit_open_dealt(struct emitter *emitter, const char *name, int64_t count, const char *lane,
                     int at_once) {
    const char *step = emit_local_name(emitter, "step");
    const int64_t steps = (count + REDUCTION_LANES - 1) / REDUCTION_LANES;
    if (emitter->group == REDUCTION_LANES && !emitter->staged)
        emit_line(emitter, "#pragma unroll");
    else
        emit_line(emitter, "#pragma unroll %d", at_once);
    emit_open(emitter, "for (int %s = 0; %s < %" PRId64 "; %s++) {", step, step, steps, step);
    emit_line(emitter, "const long %s = %dL * %s + %s;", name, REDUCTION_LANES, step, lane);
}

void emit_row_nest(struct emitter *emitter, struct statement *const *nest, int size) {
    const struct store *stores = emit_stores_of(emitter, nest, size);
    const bool loops = nest[0]->loop_count > 0;
    emit_begin_statements(emitter, nest, size);
    if (loops) {
        emit_open_dealt(emitter, "i0", nest[0]->loops[0]->extent, "thread0", STAGED_AT_ONCE);
        emit_name_axis(emitter, nest[0]->loops[0], "i0");
        for (int i = 0; i < size; i++)
            emit_name_staged(emitter, nest[i]->value, nest[0]->loops[0], "i0");
    }
    emitter->lane = loops ? NULL : "thread0";
    emitter->lanes_mask = "lanes0";
    for (int i = 0; i < size; i++)
        emit_store(emitter, &stores[i]);
    emitter->lane = NULL;
    if (loops)
        emit_close(emitter);
}
