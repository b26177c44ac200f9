/* One kernel as a C function: its loops, and in the innermost block what is computed and stored. */
#include "compiler/emit/emit.h"

#include <inttypes.h>
#include <string.h>

/* ---- Parameters ---- */

void emit_open_function(struct emitter *emitter, const char *before, int count,
                        const char *const *parameters, const char *more) {
    struct text line = text_in(emitter->ir->arena);
    text_add(&line, "%s", before);
    size_t begin = 0;
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
    for (int i = 0; i < count; i++)
        parameters[i] =
            arena_format(arena, "%s%s *restrict %s", buffers[i].written ? "" : "const ",
                         dtype_facts[buffers[i].buffer->dtype].c_type, buffers[i].buffer->name);
    emit_open_function(emitter, arena_format(arena, "static %svoid %s(", how, name), count,
                       parameters, more);
}

static const char *more_parameters(struct emitter *emitter, const struct kernel *kernel) {
    return arena_format(
        emitter->ir->arena, "%s%s%s) {", kernel->parallel ? ", long part, long parts" : "",
        emitter->work ? arena_format(emitter->ir->arena, ", %s *", emit_stop_type(emitter)) : "",
        emitter->work ? "stop" : "");
}

/* ---- Loops ---- */

/* The loops around all statements of a kernel. */
static void open_shared(struct emitter *emitter, const struct statement *first) {
    for (int i = 0; i < first->shared_count; i++)
        emit_open_loop(emitter, first->shared[i], arena_format(emitter->ir->arena, "g%d", i),
                       first->shared[i]->extent, 1);
}

/* In braces if it has names of its own; by the first thread if no other has a part of it. */
static void emit_nest(struct emitter *emitter, const struct kernel *kernel,
                      struct statement *const *nest, int size) {
    const struct statement *first = nest[0];
    const bool last = nest + size == kernel->statements + kernel->statement_count;
    bool alone = kernel->parallel && !first->parallel_loop;
    bool parallel = first->parallel_loop && !first->shared_count;
    bool apart = size < kernel->statement_count && (first->tile || first->loop_count == 0 ||
                                                    parallel || emitter->backend->encloses_nests);
    if (apart || alone)
        emit_open(emitter, alone ? "if (part == 0) {" : "{");
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

void emit_kernel(struct emitter *emitter, const struct kernel *kernel) {
    const struct statement *first = kernel->statements[0];
    emit_begin_work(emitter, kernel);
    emit_signature(emitter, "", kernel->name, kernel->buffer_count, kernel->buffers,
                   more_parameters(emitter, kernel));
    if (emitter->work)
        emit_look(emitter);
    if (first->parallel_loop && first->shared_count)
        emit_part(emitter, first, first->parallel_loop->extent);
    open_shared(emitter, first);
    for (int i = 0, size; i < kernel->statement_count; i += size) {
        struct statement *const *nest = &kernel->statements[i];
        const struct expression *taken = emitter->taken;
        size = nest_size(nest, kernel->statement_count - i);
        emit_nest(emitter, kernel, nest, size);
        if (emitter->taken == taken)
            emitter->taken = NULL;
    }
    emit_close_loops(emitter, first->shared_count);
    emit_close(emitter);
    emitter->work = 0;
    emitter->parallel_loop = NULL;
}
