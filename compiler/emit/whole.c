/* Sorts and scatters: a kernel goes over whole buffers, in their row-major order. */
#include "compiler/emit/emit.h"

#include <inttypes.h>
#include <string.h>

enum { SORT_PASSES = 16 }; /* over each key, about */

double emit_whole_work(const struct expression *whole) {
    double outer = (double)whole->sizes[WHOLE_OUTER], extent = (double)whole->sizes[WHOLE_EXTENT];
    if (whole->op == OP_ARGSORT)
        return outer * extent * SORT_PASSES;
    return outer * (extent + (double)whole->sizes[WHOLE_COUNT]) * (double)whole->sizes[WHOLE_INNER];
}

int emit_whole_arguments(struct emitter *emitter, const struct kernel *kernel,
                         const char **arguments) {
    if (!runs_sort(kernel->statements[0]))
        return 0;
    arguments[0] = arena_format(emitter->ir->arena, "(uint64_t *)(void *)((char *)arena + %zu)",
                                emitter->ir->memory.room_offset);
    return 1;
}

static void open_kernel(struct emitter *emitter, const struct kernel *kernel, const char *more) {
    emit_begin_work(emitter, kernel);
    const char *stop = emitter->work > 0
                           ? arena_format(emitter->ir->arena, ", %s *stop", emit_stop_type(emitter))
                           : "";
    emit_signature(emitter, "", kernel->name, kernel->buffer_count, kernel->buffers,
                   arena_format(emitter->ir->arena, "%s%s) {", more, stop));
}

static void close_kernel(struct emitter *emitter) {
    emit_close(emitter);
    emitter->work = 0;
}

static void open_count(struct emitter *emitter, const char *name, int64_t count) {
    emit_open_for(emitter, name, "0", arena_format(emitter->ir->arena, "%" PRId64, count), count,
                  1);
}

/* "1000 * row + ": nothing where there is but one row. */
static const char *term(struct emitter *emitter, int64_t factor, const char *name, int64_t count) {
    return count == 1    ? ""
           : factor == 1 ? arena_format(emitter->ir->arena, "%s + ", name)
                         : arena_format(emitter->ir->arena, "%" PRId64 " * %s + ", factor, name);
}

/* ---- Sorts ---- */

/* Keys of a row: unsigned integers in the order of its elements, which begin there. */
static void emit_sort_keys(struct emitter *emitter, const struct buffer *source, const char *row,
                           const char *offset, int64_t count) {
    struct arena *arena = emitter->ir->arena;
    const struct dtype_facts *facts = &dtype_facts[source->dtype];
    if (!dtype_is_integer(source->dtype)) {
        const char *name = arena_format(arena, "%s_sort_keys", facts->short_name);
        sections_want(&emitter->sections, name);
        emit_line(emitter, "%s(arena, %s%s, %" PRId64 ");", name, source->name, offset, count);
        return;
    }
    const uint64_t least = (uint64_t)facts->least;
    const char *element = arena_format(arena, "%s[%sk]", source->name, row);
    if (least)
        element = arena_format(arena, "(uint64_t)%s + 0x%" PRIx64 "u", element, 0 - least);
    emit_line(emitter, "for (long k = 0; k < %" PRId64 "; k++)", count);
    emit_line(emitter, "    arena[k] = %s;", element);
}

static void emit_sort(struct emitter *emitter, const struct kernel *kernel) {
    const struct statement *statement = kernel->statements[0];
    const struct expression *sort = statement->value;
    const struct buffer *source = sort->sources[0]->buffer, *positions = statement->output;
    const int64_t rows = sort->sizes[WHOLE_OUTER], count = sort->sizes[WHOLE_EXTENT];
    struct arena *arena = emitter->ir->arena;
    const char *row = term(emitter, count, "row", rows);
    const char *offset = row[0] ? arena_format(arena, " + %" PRId64 " * row", count) : "";
    sections_want(&emitter->sections, "sort_keys");
    open_kernel(emitter, kernel, ", uint64_t *arena");
    if (rows > 1)
        open_count(emitter, "row", rows);
    emit_sort_keys(emitter, source, row, offset, count);
    emit_line(emitter, "sort_keys(%s%s, arena, %" PRId64 ");", positions->name, offset, count);
    emit_close_loops(emitter, rows > 1);
    close_kernel(emitter);
}

/* ---- Scatters ---- */

/* A value as it is stored: what leaves the graph has one NaN. */
static const char *stored(struct emitter *emitter, const struct buffer *output, const char *text) {
    return output->kind == BUFFER_OUTPUT ? emit_canonical(emitter, output->dtype, text) : text;
}

void emit_copy_loop(struct emitter *emitter, const struct buffer *from, const struct buffer *to) {
    const char *element = arena_format(emitter->ir->arena, "%s[k]", from->name);
    open_count(emitter, "k", from->elements);
    emit_line(emitter, "%s[k] = %s;", to->name, stored(emitter, to, element));
    emit_close(emitter);
}

static void copy_all(struct emitter *emitter, const struct buffer *from, const struct buffer *to) {
    if (to->kind == BUFFER_OUTPUT && !dtype_is_integer(to->dtype))
        emitter->backend->copy_out(emitter, from, to);
    else
        emit_line(emitter, "memcpy(%s, %s, %" PRId64 " * sizeof *%s);", to->name, from->name,
                  from->elements, to->name);
}

/* A loop, unless there is but one turn of it. */
static void open_turns(struct emitter *emitter, const char *name, int64_t count) {
    if (count > 1)
        open_count(emitter, name, count);
}

/* "64 * (1000 * row + k) + c" */
static const char *place(struct emitter *emitter, int64_t inner, const char *which) {
    struct arena *arena = emitter->ir->arena;
    return inner == 1           ? which
           : strchr(which, ' ') ? arena_format(arena, "%" PRId64 " * (%s) + c", inner, which)
                                : arena_format(arena, "%" PRId64 " * %s + c", inner, which);
}

/* Opens the loops down to a position, and beyond it those that have it in common. Gives its name.
 */
static const char *open_updates(struct emitter *emitter, const struct expression *scatter,
                                const char *update) {
    const int64_t *sizes = scatter->sizes, inner = sizes[WHOLE_INNER];
    const char *which = sizes[WHOLE_POSITIONS_OUTER] > 1 ? update : "k";
    const char *at = emit_local_name(emitter, "at");
    open_turns(emitter, "row", sizes[WHOLE_OUTER]);
    open_count(emitter, "k", sizes[WHOLE_COUNT]);
    if (sizes[WHOLE_POSITIONS_INNER] > 1) {
        open_turns(emitter, "c", inner);
        which = place(emitter, inner, which);
    }
    emit_line(emitter, "const int64_t %s = %s[%s];", at, scatter->sources[1]->buffer->name, which);
    emit_line(emitter, "if (%s < 0 || %s >= %" PRId64 ")", at, at, sizes[WHOLE_EXTENT]);
    emit_line(emitter, "    continue;");
    if (sizes[WHOLE_POSITIONS_INNER] == 1)
        open_turns(emitter, "c", inner);
    return at;
}

static void emit_scatter(struct emitter *emitter, const struct kernel *kernel) {
    const struct statement *statement = kernel->statements[0];
    const struct expression *scatter = statement->value;
    const struct buffer *output = statement->output;
    const int64_t *sizes = scatter->sizes, outer = sizes[WHOLE_OUTER], inner = sizes[WHOLE_INNER];
    struct arena *arena = emitter->ir->arena;
    const char *update =
        arena_format(arena, "%sk", term(emitter, sizes[WHOLE_COUNT], "row", outer));
    open_kernel(emitter, kernel, "");
    copy_all(emitter, scatter->sources[0]->buffer, output);
    const char *at = open_updates(emitter, scatter, update);
    const char *to = emit_local_name(emitter, "to");
    const char *value = arena_format(arena, "%s[%s]", scatter->sources[2]->buffer->name,
                                     place(emitter, inner, update));
    at = arena_format(arena, "%s%s", term(emitter, sizes[WHOLE_EXTENT], "row", outer), at);
    emit_line(emitter, "const long %s = %s;", to, place(emitter, inner, at));
    if (scatter->op != OP_SCATTER)
        value = arena_format(arena, "%s(%s[%s], %s)",
                             emit_scalar_call(emitter, scatter->op, scatter->dtype), output->name,
                             to, value);
    value = stored(emitter, output, value);
    if (4 * (size_t)emitter->indent + strlen(output->name) + strlen(to) + strlen(value) > 90)
        emit_line(emitter, "%s[%s] =\n%*s%s;", output->name, to, 4 * emitter->indent + 4, "",
                  value);
    else
        emit_line(emitter, "%s[%s] = %s;", output->name, to, value);
    emit_close_loops(emitter, 1 + (outer > 1) + (inner > 1));
    close_kernel(emitter);
}

void emit_whole(struct emitter *emitter, const struct kernel *kernel) {
    if (runs_sort(kernel->statements[0]))
        emit_sort(emitter, kernel);
    else
        emit_scatter(emitter, kernel);
}
