/* Where a run that has to end is ended, on request (compile_options.stoppable): between kernels,
 * and inside those that take long. There is a look every emitter->stop_every of work; so none at
 * all inside most kernels, and loops are cut in pieces where less than that stands in one of their
 * iterations.
 *
 * A kernel that was left has not written all of its output, so the one behind it must not begin. */
#include "compiler/emit/emit.h"

#include <inttypes.h>

/* ---- Work ---- */

/* Of the statements of one nest, in all iterations. */
static double nest_work(struct ir *ir, struct statement *const *statements, int count) {
    double work = nest_flops(ir, statements, count);
    for (int i = 0; i < count; i++)
        work += (double)statements[i]->points;
    return work;
}

static double kernel_work(struct ir *ir, const struct kernel *kernel) {
    double work = 0;
    if (runs_scan(kernel->statements[0])) {
        struct ir *body = ir->bodies[kernel->statements[0]->value->bits];
        for (int i = 0; i < body->kernel_count; i++)
            work += kernel_work(body, body->kernels[i]);
        return work * (double)scan_step_count(body->scan);
    }
    if (runs_alone(kernel->statements[0]))
        return emit_whole_work(kernel->statements[0]->value);
    for (int i = 0, size; i < kernel->statement_count; i += size) {
        size = nest_size(&kernel->statements[i], kernel->statement_count - i);
        work += nest_work(ir, &kernel->statements[i], size);
    }
    return work;
}

double emit_kernel_work(struct emitter *emitter, const struct kernel *kernel) {
    return kernel_work(emitter->ir, kernel);
}

bool emit_takes_long(struct emitter *emitter, const struct kernel *kernel) {
    return emitter->stop_every && emit_kernel_work(emitter, kernel) > emitter->stop_every;
}

void emit_begin_work(struct emitter *emitter, const struct kernel *kernel) {
    emitter->work = emit_takes_long(emitter, kernel) ? emit_kernel_work(emitter, kernel) : 0;
}

void emit_begin_nest_work(struct emitter *emitter, struct statement *const *statements, int count) {
    if (!emitter->work)
        return;
    emitter->work = nest_work(emitter->ir, statements, count);
    for (int i = 0; i < statements[0]->shared_count; i++)
        emitter->work /= (double)statements[0]->shared[i]->extent;
}

/* ---- Looks ---- */

const char *emit_stop_type(struct emitter *emitter) {
    return arena_format(emitter->ir->arena, "struct %s_stop", emitter->prefix);
}

void emit_look(struct emitter *emitter) {
    emit_line(emitter, "if (stop->passed(stop))");
    emit_line(emitter, "    return;");
}

bool emit_looks_before(struct emitter *emitter, const struct kernel *kernel, double *since) {
    if (!emitter->stop_every)
        return false;
    bool looks = *since > emitter->stop_every;
    *since = (looks ? 0 : *since) + emit_kernel_work(emitter, kernel);
    return looks && !emit_takes_long(emitter, kernel); /* that looks by itself */
}

/* ---- Loops ---- */

bool emit_is_long(const struct emitter *emitter) {
    return emitter->work > emitter->stop_every;
}

int64_t emit_steps_between_looks(const struct emitter *emitter, int64_t extent) {
    double pieces = emitter->work / emitter->stop_every;
    return pieces < (double)extent ? (int64_t)((double)extent / pieces) : 1;
}

/* The loop around pieces of another. */
static void open_pieces(struct emitter *emitter, const char *next, const char *first,
                        const char *limit, int64_t piece) {
    emit_line(emitter, "for (long %s = %s; %s < %s; %s += %" PRId64 ")", next, first, next, limit,
              next, piece);
    emit_line(emitter, "    if (stop->passed(stop))");
    emit_line(emitter, "        return;");
    emit_line(emitter, "    else");
}

void emit_open_for(struct emitter *emitter, const char *name, const char *first, const char *limit,
                   int64_t extent, int64_t step) {
    struct arena *arena = emitter->ir->arena;
    const char *advance = step == 1 ? arena_format(arena, "%s++", name)
                                    : arena_format(arena, "%s += %" PRId64, name, step);
    const int64_t count = extent > step ? (extent + step - 1) / step : 1;
    const bool looks = emit_is_long(emitter);
    const int64_t piece = looks ? emit_steps_between_looks(emitter, count) : 1;
    if (piece > 1) {
        const char *next = emit_local_name(emitter, "next");
        open_pieces(emitter, next, first, limit, piece * step);
        first = next;
        limit = arena_format(arena, "(%s - %s > %" PRId64 " ? %s + %" PRId64 " : %s)", limit, next,
                             piece * step, next, piece * step, limit);
    }
    emit_open(emitter, "for (long %s = %s; %s < %s; %s) {", name, first, name, limit, advance);
    emitter->work /= (double)count; /* until it closes */
    if (looks && piece == 1)
        emit_look(emitter);
}
