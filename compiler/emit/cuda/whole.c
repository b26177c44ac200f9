/* Sorts and scatters by threads. An element that is sorted finds its place by itself, by how many
 * go before it; a scatter has a thread for each line of elements along its axis, which puts the
 * updates of the line one after another. */
#include "compiler/emit/cuda/cuda.h"

#include <inttypes.h>

static int64_t things_of(const struct expression *whole) {
    const int64_t *sizes = whole->sizes;
    return sizes[WHOLE_OUTER] * sizes[whole->op == OP_ARGSORT ? WHOLE_EXTENT : WHOLE_INNER];
}

int64_t emit_whole_blocks(const struct kernel *kernel) {
    return (things_of(kernel->statements[0]->value) + BLOCK_THREADS - 1) / BLOCK_THREADS;
}

/* ---- Sorts ---- */

/* An unsigned integer, in the order of the elements. */
static const char *sort_key(struct emitter *emitter, const struct buffer *source,
                            const char *which) {
    struct arena *arena = emitter->ir->arena;
    const struct dtype_facts *facts = &dtype_facts[source->dtype];
    const char *element = arena_format(arena, "%s[%s]", source->name, which);
    const uint64_t least = (uint64_t)facts->least;
    if (!dtype_is_integer(source->dtype)) {
        sections_want(&emitter->sections, arena_format(arena, "%s_sort_keys", facts->short_name));
        return arena_format(arena, "%s_sort_key(%s)", facts->short_name, element);
    }
    return least ? arena_format(arena, "(uint64_t)%s + 0x%" PRIx64 "u", element, 0 - least)
                 : element;
}

static void emit_sort(struct emitter *emitter, const struct kernel *kernel) {
    const struct statement *statement = kernel->statements[0];
    const struct buffer *source = statement->value->sources[0]->buffer;
    const struct buffer *positions = statement->output;
    const int64_t rows = statement->value->sizes[WHOLE_OUTER];
    const int64_t count = statement->value->sizes[WHOLE_EXTENT];
    emit_open_things(emitter, "i0", rows * count, 1, "blockIdx.x");
    emit_line(emitter, "const uint64_t key0 = %s;", sort_key(emitter, source, "i0"));
    if (rows > 1)
        emit_line(emitter, "const long first0 = i0 - i0 %% %" PRId64 ";", count);
    const char *first = rows > 1 ? "first0 + " : "";
    emit_line(emitter, "long before0 = 0;");
    emit_open(emitter, "for (long k = 0; k < %" PRId64 "; k++) {", count);
    const char *other = arena_format(emitter->ir->arena, "%sk", first);
    emit_line(emitter, "const uint64_t key1 = %s;", sort_key(emitter, source, other));
    emit_line(emitter, "before0 += key1 < key0 || (key1 == key0 && %s < i0);", other);
    emit_close(emitter);
    emit_line(emitter, "%s[%sbefore0] = (int32_t)(i0 %% %" PRId64 ");", positions->name, first,
              count);
    emit_close_things(emitter);
}

/* ---- Scatters ---- */

/* A value as it is stored: what leaves the graph has one NaN. */
static const char *stored(struct emitter *emitter, const struct buffer *output, const char *text) {
    return output->kind == BUFFER_OUTPUT ? emit_canonical(emitter, output->dtype, text) : text;
}

/* "64 * (1000 * row + k) + column", of things along the line of the thread. */
static const char *place(struct emitter *emitter, int64_t outer, int64_t count, int64_t inner,
                         const char *which) {
    struct arena *arena = emitter->ir->arena;
    const char *text = which;
    if (outer > 1)
        text = arena_format(arena, "%" PRId64 " * row0 + %s", count, text);
    if (inner > 1)
        text = arena_format(
            arena, outer > 1 ? "%" PRId64 " * (%s) + column0" : "%" PRId64 " * %s + column0", inner,
            text);
    return text;
}

/* The elements that are there before. */
static void copy_line(struct emitter *emitter, const struct expression *scatter,
                      const struct buffer *output) {
    const int64_t *sizes = scatter->sizes;
    const char *at =
        place(emitter, sizes[WHOLE_OUTER], sizes[WHOLE_EXTENT], sizes[WHOLE_INNER], "k");
    emit_open(emitter, "for (long k = 0; k < %" PRId64 "; k++) {", sizes[WHOLE_EXTENT]);
    emit_line(emitter, "const long to0 = %s;", at);
    emit_line(
        emitter, "%s[to0] = %s;", output->name,
        stored(emitter, output,
               arena_format(emitter->ir->arena, "%s[to0]", scatter->sources[0]->buffer->name)));
    emit_close(emitter);
}

static void put_updates(struct emitter *emitter, const struct expression *scatter,
                        const struct buffer *output) {
    struct arena *arena = emitter->ir->arena;
    const int64_t *sizes = scatter->sizes, count = sizes[WHOLE_COUNT];
    const int64_t outer = sizes[WHOLE_OUTER], inner = sizes[WHOLE_INNER];
    const char *which = place(emitter, sizes[WHOLE_POSITIONS_OUTER] > 1 ? outer : 1, count,
                              sizes[WHOLE_POSITIONS_INNER] > 1 ? inner : 1, "k");
    emit_open(emitter, "for (long k = 0; k < %" PRId64 "; k++) {", count);
    emit_line(emitter, "const int64_t at0 = %s[%s];", scatter->sources[1]->buffer->name, which);
    emit_open(emitter, "if (at0 >= 0 && at0 < %" PRId64 ") {", sizes[WHOLE_EXTENT]);
    emit_line(emitter, "const long to0 = %s;",
              place(emitter, outer, sizes[WHOLE_EXTENT], inner, "at0"));
    const char *value = arena_format(arena, "%s[%s]", scatter->sources[2]->buffer->name,
                                     place(emitter, outer, count, inner, "k"));
    if (scatter->op != OP_SCATTER)
        value = arena_format(arena, "%s(%s[to0], %s)",
                             emit_scalar_call(emitter, scatter->op, scatter->dtype), output->name,
                             value);
    emit_line(emitter, "%s[to0] = %s;", output->name, stored(emitter, output, value));
    emit_close(emitter);
    emit_close(emitter);
}

static void emit_scatter(struct emitter *emitter, const struct kernel *kernel) {
    const struct statement *statement = kernel->statements[0];
    const struct expression *scatter = statement->value;
    const int64_t outer = scatter->sizes[WHOLE_OUTER], inner = scatter->sizes[WHOLE_INNER];
    emit_open_things(emitter, "i0", outer * inner, 1, "blockIdx.x");
    if (outer > 1)
        emit_line(emitter,
                  inner > 1 ? "const long row0 = i0 / %" PRId64 ";" : "const long row0 = i0;",
                  inner);
    if (inner > 1)
        emit_line(emitter,
                  outer > 1 ? "const long column0 = i0 %% %" PRId64 ";"
                            : "const long column0 = i0;",
                  inner);
    copy_line(emitter, scatter, statement->output);
    put_updates(emitter, scatter, statement->output);
    emit_close_things(emitter);
}

void emit_thread_whole(struct emitter *emitter, const struct kernel *kernel) {
    emit_signature(emitter, "", kernel->name, kernel->buffer_count, kernel->buffers, ") {");
    if (runs_sort(kernel->statements[0]))
        emit_sort(emitter, kernel);
    else
        emit_scatter(emitter, kernel);
    emit_close(emitter);
}
