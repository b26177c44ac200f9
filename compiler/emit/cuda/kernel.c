/* Kernels of plain statements: each element that a nest stores has a thread, or sixteen of them
 * where there is much to reduce. Nests of a kernel depend on none of the others, so each has blocks
 * of its own. */
#include "compiler/emit/cuda/cuda.h"

#include <inttypes.h>

static int64_t blocks_for(int64_t count, int threads) {
    const int64_t things = BLOCK_THREADS / threads;
    return count / things + (count % things != 0);
}

/* ---- Things to do, and threads ---- */

void emit_open_things(struct emitter *emitter, const char *name, int64_t count, int threads,
                      const char *block) {
    struct arena *arena = emitter->ir->arena;
    const int each = BLOCK_THREADS / threads;
    const char *thread =
        threads > 1 ? arena_format(arena, "threadIdx.x / %d", threads) : "threadIdx.x";
    if (threads > 1) {
        emit_line(emitter, "const int lane0 = threadIdx.x %% %d;", threads);
        emit_line(emitter, "const unsigned lanes0 = 0x%xu << (threadIdx.x & %d);",
                  (1u << threads) - 1, 32 - threads);
    }
    if (emitter->is_entry) {
        emit_line(emitter, "const long %s = %dL * %s + %s;", name, each, block, thread);
        emit_open(emitter, "if (%s < %" PRId64 ") {", name, count);
    } else {
        emit_open(emitter, "for (long %s = %s; %s < %" PRId64 "; %s += %d) {", name, thread, name,
                  count, name, each);
    }
}

void emit_close_things(struct emitter *emitter) {
    emit_close(emitter);
    if (!emitter->is_entry)
        emit_line(emitter, "__syncthreads();");
}

/* ---- Nests ---- */

static int64_t points_of(const struct statement *statement) {
    int64_t points = 1;
    for (int i = 0; i < statement->loop_count; i++)
        points *= statement->loops[i]->extent;
    return points;
}

static int64_t nest_blocks(struct emitter *emitter, struct statement *const *nest) {
    struct thread_tile tile;
    if (emit_find_tile(emitter, nest[0], &tile))
        return tile.blocks * tile.apart.extent;
    return blocks_for(points_of(nest[0]), emit_reducing_threads(emitter, nest[0]));
}

/* Where in the loops the thread stands, whose point has that name; the innermost goes first. */
static void name_loops(struct emitter *emitter, const struct statement *statement,
                       const char *point) {
    struct arena *arena = emitter->ir->arena;
    const int count = statement->loop_count;
    int64_t inner = points_of(statement);
    for (int i = 0; i < count; i++) {
        const struct axis *axis = statement->loops[i];
        const char *name = count == 1 ? point : arena_format(arena, "i%d", i);
        const char *text = point;
        inner /= axis->extent;
        if (inner > 1)
            text = arena_format(arena, "%s / %" PRId64, text, inner);
        if (i > 0)
            text = arena_format(arena, "%s %% %" PRId64, text, axis->extent);
        if (count > 1)
            emit_line(emitter, "const long %s = %s;", name, text);
        emit_name_axis(emitter, axis, name);
    }
}

/* What one thread of a nest does, or several together: one of these stores. */
static void emit_nest(struct emitter *emitter, struct statement *const *nest, int size,
                      const char *block) {
    struct thread_tile tile;
    if (emit_find_tile(emitter, nest[0], &tile)) {
        emit_thread_tile(emitter, nest[0], &tile, block);
        return;
    }
    const int threads = emit_reducing_threads(emitter, nest[0]);
    const struct store *stores = emit_stores_of(emitter, nest, size);
    emit_begin_statements(emitter, nest, size);
    const char *point = nest[0]->loop_count == 1 ? "i0" : emit_local_name(emitter, "point");
    emit_open_things(emitter, point, points_of(nest[0]), threads, block);
    name_loops(emitter, nest[0], point);
    emitter->lane = threads > 1 ? "lane0" : NULL;
    emitter->lanes_mask = "lanes0";
    for (int i = 0; i < size; i++)
        emit_store(emitter, &stores[i]);
    emitter->lane = NULL;
    emit_close_things(emitter);
}

/* ---- Kernels ---- */

int64_t emit_kernel_blocks(struct emitter *emitter, const struct kernel *kernel) {
    int64_t blocks = 0;
    for (int i = 0; i < kernel->statement_count;
         i += nest_size(&kernel->statements[i], kernel->statement_count - i))
        blocks += nest_blocks(emitter, &kernel->statements[i]);
    return blocks;
}

/* Nests of an entry have blocks of their own, one after another. */
static void emit_nests(struct emitter *emitter, const struct kernel *kernel) {
    struct arena *arena = emitter->ir->arena;
    const bool choose =
        emitter->is_entry &&
        nest_size(kernel->statements, kernel->statement_count) < kernel->statement_count;
    int64_t first = 0;
    for (int i = 0, size; i < kernel->statement_count; i += size) {
        struct statement *const *nest = &kernel->statements[i];
        size = nest_size(nest, kernel->statement_count - i);
        const int64_t end = first + nest_blocks(emitter, nest);
        if (choose && i > 0)
            emit_end_scope(emitter);
        if (choose)
            emit_open(emitter, "%sif (blockIdx.x < %" PRId64 ") {", i ? "} else " : "", end);
        emit_nest(emitter, nest, size,
                  first ? arena_format(arena, "(blockIdx.x - %" PRId64 ")", first) : "blockIdx.x");
        first = end;
    }
    if (choose)
        emit_close(emitter);
}

void emit_thread_kernel(struct emitter *emitter, const struct kernel *kernel) {
    struct thread_tile tile;
    emitter->has_tile = emit_find_tile(emitter, kernel->statements[0], &tile);
    emit_signature(emitter, "", kernel->name, kernel->buffer_count, kernel->buffers, ") {");
    emitter->has_tile = false;
    emit_nests(emitter, kernel);
    emit_close(emitter);
}
