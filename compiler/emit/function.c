/* One kernel as a C function: its loops, and in the innermost block what is computed and stored. */
#include "compiler/emit/emit.h"

#include <inttypes.h>
#include <string.h>

/* ---- Parameters ---- */

void emit_open_function(struct emitter *emitter, const char *before, int count,
                        const char *const *parameters, const char *more) {
    struct text line = text_in(emitter->ir->arena);
    text_add(&line, "%s", before);
    const char *last = strrchr(before, '\n');
    size_t begin = last ? (size_t)(last + 1 - before) : 0; /* of the line */
    for (int i = 0; i < count; i++) {
        const char *parameter =
            arena_format(emitter->ir->arena, "%s%s", parameters[i], i + 1 == count ? more : ",");
        bool breaks = i > 0 && line.length - begin + strlen(parameter) + 1 > 98;
        if (breaks) {
            text_add(&line, "\n        ");
            begin = line.length - 8;
        }
        text_add(&line, "%s%s", i && !breaks ? " " : "", parameter);
    }
    emit_open(emitter, "%s", text_keep(&line));
}

void emit_signature(struct emitter *emitter, const char *how, const char *name, int count,
                    const struct kernel_buffer *buffers, const char *more) {
    struct arena *arena = emitter->ir->arena;
    const char **parameters = arena_array(arena, const char *, (size_t)count + 1);
    const struct emit_threads *threads = emitter->backend->threads;
    const char *restricted = threads && emitter->changes_operands ? "" : "restrict ";
    for (int i = 0; i < count; i++)
        parameters[i] = arena_format(arena, "%s%s *%s%s", buffers[i].written ? "" : "const ",
                                     dtype_facts[buffers[i].buffer->dtype].c_type, restricted,
                                     buffers[i].buffer->name);
    emit_open_function(emitter,
                       threads ? arena_format(arena, "%s(", threads->function(emitter, name))
                               : arena_format(arena, "static %svoid %s(", how, name),
                       count, parameters, more);
    if (threads)
        threads->begin(emitter);
}

static const char *more_parameters(struct emitter *emitter, const struct kernel *kernel) {
    return arena_format(
        emitter->ir->arena, "%s%s%s%s) {", kernel->parallel ? ", long part, long parts" : "",
        emit_turns(emitter, kernel) ? ", long step" : "",
        emitter->work ? arena_format(emitter->ir->arena, ", %s *", emit_stop_type(emitter)) : "",
        emitter->work ? "stop" : "");
}

/* ---- Loops ---- */

void emit_open_shared(struct emitter *emitter, const struct statement *first, int count) {
    for (int i = 0; i < count; i++)
        emit_open_loop(emitter, first->shared[i], arena_format(emitter->ir->arena, "g%d", i),
                       first->shared[i]->extent, 1);
}

/* In braces if it has names of its own; by the first thread if no other has a part of it; under a
 * condition that `opening` begins a block with, unless that is NULL. */
static void emit_nest(struct emitter *emitter, const struct kernel *kernel,
                      struct statement *const *nest, int size, const char *opening) {
    const struct statement *first = nest[0];
    const bool last = nest + size == kernel->statements + kernel->statement_count;
    bool alone = kernel->parallel && !first->parallel_loop;
    bool parallel = first->parallel_loop && !first->shared_count;
    bool apart = size < kernel->statement_count && (first->tile || first->loop_count == 0 ||
                                                    parallel || emitter->backend->encloses_nests);
    if (apart || alone)
        emit_open(emitter, "%s", opening ? opening : alone ? "if (part == 0) {" : "{");
    if (parallel && !first->tile)
        emit_part(emitter, first, first->parallel_loop->extent);
    emitter->following = last || apart || alone ? NULL : nest[size];
    emit_begin_nest_work(emitter, nest, size);
    if (first->tile) {
        emit_tiled(emitter, first);
    } else {
        emit_begin_statements(emitter, nest, size);
        emitter->backend->statements(emitter, nest, size);
    }
    if (apart || alone)
        emit_close(emitter);
    if (parallel)
        emitter->parallel_loop = NULL;
}

/* ---- One iteration ahead ---- */

static bool reads(struct emitter *emitter, const struct statement *statement,
                  const struct buffer *buffer) {
    return expression_find_load(emitter->ir, statement->value, buffer) != NULL;
}

/* Whether each iteration of the shared loops begins with a reduction to one number, of what the
 * kernel does not write, that the next nest alone reads, as a softmax does. Where it is computed
 * behind that nest, for the iteration to come, the CPU need not wait for it: nor, meanwhile, for
 * what the nest has summed up. */
static bool begins_ahead(struct emitter *emitter, const struct kernel *kernel) {
    const struct statement *first = kernel->statements[0];
    const int count = kernel->statement_count;
    if (!emitter->backend->computes_ahead || count < 3 || first->shared_count == 0 || first->tile ||
        first->loop_count > 0 || nest_size(kernel->statements, count) > 1 ||
        first->output->kind != BUFFER_TEMPORARY || !index_is_constant(first->address, 0) ||
        !expression_reduces(emitter->ir, first->value))
        return false;
    const int behind = 1 + nest_size(kernel->statements + 1, count - 1);
    for (int i = 0; i < count; i++) {
        const struct statement *statement = kernel->statements[i];
        if (statement->tile || reads(emitter, first, statement->output) ||
            (i > 0 && statement->output == first->output) ||
            (i >= behind && reads(emitter, statement, first->output)))
            return false;
    }
    return behind < count;
}

/* The innermost shared loop, as C text. */
struct shared_loop {
    const struct axis *axis;
    const char *name, *first, *limit;
};

static struct shared_loop innermost_shared(struct emitter *emitter,
                                           const struct statement *statement) {
    struct arena *arena = emitter->ir->arena;
    const int depth = statement->shared_count - 1;
    const struct axis *axis = statement->shared[depth];
    const bool parallel = axis == emitter->parallel_loop;
    return (struct shared_loop){axis, arena_format(arena, "g%d", depth), parallel ? "begin" : "0",
                                parallel ? "end" : arena_format(arena, "%" PRId64, axis->extent)};
}

/* The first statement, in the first iteration. */
static void emit_beginning(struct emitter *emitter, const struct kernel *kernel) {
    const struct shared_loop loop = innermost_shared(emitter, kernel->statements[0]);
    emit_nest(emitter, kernel, kernel->statements, 1,
              arena_format(emitter->ir->arena, "if (%s == %s) {", loop.name, loop.first));
}

/* The first statement, for the next iteration. */
static void emit_ahead(struct emitter *emitter, const struct kernel *kernel) {
    struct arena *arena = emitter->ir->arena;
    const struct shared_loop loop = innermost_shared(emitter, kernel->statements[0]);
    emit_name_axis(emitter, loop.axis, arena_format(arena, "(%s + 1)", loop.name));
    emit_nest(emitter, kernel, kernel->statements, 1,
              arena_format(arena, "if (%s + 1 < %s) {", loop.name, loop.limit));
    emit_name_axis(emitter, loop.axis, loop.name);
}

/* The nests of a kernel, in the loops that all of them share. */
static void emit_nests(struct emitter *emitter, const struct kernel *kernel) {
    const struct statement *first = kernel->statements[0];
    emit_open_shared(emitter, first, first->shared_count);
    const bool ahead = begins_ahead(emitter, kernel);
    for (int i = 0, size; i < kernel->statement_count; i += size) {
        struct statement *const *nest = &kernel->statements[i];
        const struct expression *taken = emitter->taken;
        size = nest_size(nest, kernel->statement_count - i);
        if (ahead && i == 0)
            emit_beginning(emitter, kernel);
        else
            emit_nest(emitter, kernel, nest, size, NULL);
        if (emitter->taken == taken)
            emitter->taken = NULL;
        if (ahead && i == 1)
            emit_ahead(emitter, kernel);
    }
    emit_close_loops(emitter, first->shared_count);
}

void emit_kernel(struct emitter *emitter, const struct kernel *kernel) {
    const struct statement *first = kernel->statements[0];
    emit_begin_work(emitter, kernel);
    emit_signature(emitter, "", kernel->name, kernel->buffer_count, kernel->buffers,
                   more_parameters(emitter, kernel));
    if (emitter->work)
        emit_look(emitter);
    if (first->parallel_loop && first->shared_count)
        emit_part(emitter, first, first->parallel_loop->extent);
    emitter->turns = emit_turns(emitter, kernel);
    if (!emitter->backend->whole_kernel || !emitter->backend->whole_kernel(emitter, kernel))
        emit_nests(emitter, kernel);
    emit_close(emitter);
    emitter->work = 0;
    emitter->parallel_loop = NULL;
}
