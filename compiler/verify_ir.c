/* What every pass must keep: each buffer is written once, before it is read; loads and stores stay
 * within their buffers; every axis that an expression uses is bound around it. */
#include "emit.h"

#include <inttypes.h>

struct checking {
    const struct ir *ir;
    const struct kernel *kernel;
    const bool *written;
    struct et_error *error;
    bool good;
};

static void check_load(void *context, const struct expression *e) {
    struct checking *checking = context;
    if (!checking->good || e->kind != EXPRESSION_LOAD)
        return;
    const struct buffer *buffer = e->buffer;
    if (buffer->kind == BUFFER_TEMPORARY && !checking->written[buffer->id])
        checking->good = et_fail(checking->error, "kernel %d reads %s before it is written",
                                 checking->kernel->id, buffer->name);
    if (!e->index && e->index_count != buffer->rank)
        checking->good = et_fail(checking->error, "kernel %d: load of %s has %d indices, not %d",
                                 checking->kernel->id, buffer->name, e->index_count, buffer->rank);
}

static bool check_store(const struct checking *checking) {
    const struct kernel *kernel = checking->kernel;
    const struct buffer *output = kernel->output;
    if (kernel->address && !kernel->tile &&
        (kernel->address->minimum < 0 || kernel->address->maximum >= output->elements))
        return et_fail(checking->error,
                       "kernel %d stores %" PRId64 " .. %" PRId64 " of %s, which has %" PRId64,
                       kernel->id, kernel->address->minimum, kernel->address->maximum, output->name,
                       output->elements);
    if (kernel->value->dtype != output->dtype)
        return et_fail(checking->error, "kernel %d stores %s into %s", kernel->id,
                       dtype_facts[kernel->value->dtype].name, output->name);
    return true;
}

bool verify_ir(struct ir *ir, struct et_error *error) {
    bool *written = arena_array(ir->arena, bool, (size_t)ir->buffer_count);
    for (int i = 0; i < ir->kernel_count; i++) {
        const struct kernel *kernel = ir->kernels[i];
        struct checking checking = {
            .ir = ir, .kernel = kernel, .written = written, .error = error, .good = true};
        if (kernel->id != i)
            return et_fail(error, "kernel %d carries the id %d", i, kernel->id);
        expression_walk(ir, kernel->value, check_load, &checking);
        if (!checking.good || !check_store(&checking))
            return false;
        if (written[kernel->output->id])
            return et_fail(error, "kernel %d writes %s again", i, kernel->output->name);
        written[kernel->output->id] = true;
    }
    return true;
}
