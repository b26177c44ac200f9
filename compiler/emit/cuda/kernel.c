/* Kernels of plain statements: each element that a nest stores has a thread, or sixteen of them
 * where there is much to reduce. Nests of a kernel depend on none of the others, so each has blocks
 * of its own; or they are so small that one block does them in turn. */
#include "compiler/emit/cuda/cuda.h"

#include <inttypes.h>

static int64_t blocks_for(int64_t count, int threads) {
    const int64_t things = BLOCK_THREADS / threads;
    return count / things + (count % things != 0);
}

/* ---- Things to do, and threads ---- */

enum { STEPS_AT_ONCE = 8 }; /* of a thread, whose loads are under way together */

void emit_open_things(struct emitter *emitter, const char *name, int64_t count, int threads,
                      const char *block) {
    const int each = (emitter->group ? emitter->group : BLOCK_THREADS) / threads;
    const char *thread = emitter->group ? "thread0" : "threadIdx.x";
    if (threads > 1) {
        thread = arena_format(emitter->ir->arena, "%s / %d", thread, threads);
        emit_line(emitter, "const int lane0 = threadIdx.x %% %d;", threads);
        emit_line(emitter, "const unsigned lanes0 = 0x%xu << (threadIdx.x & %d);",
                  (1u << threads) - 1, 32 - threads);
    }
    if (emitter->group && count % each == 0 && count > each) {
        const char *step = emit_local_name(emitter, "step");
        emit_line(emitter, "#pragma unroll %d", STEPS_AT_ONCE);
        emit_open(emitter, "for (int %s = 0; %s < %" PRId64 "; %s++) {", step, step, count / each,
                  step);
        emit_line(emitter, "const long %s = %dL * %s + %s;", name, each, step, thread);
    } else if (!emitter->group && emitter->is_entry) {
        emit_line(emitter, "const long %s = %dL * %s + %s;", name, each, block, thread);
        emit_open(emitter, "if (%s < %" PRId64 ") {", name, count);
    } else {
        emit_open(emitter, "for (long %s = %s; %s < %" PRId64 "; %s += %d) {", name, thread, name,
                  count, name, each);
    }
}

void emit_close_things(struct emitter *emitter) {
    emit_close(emitter);
    if (emitter->group == WARP_THREADS)
        emit_line(emitter, "__syncwarp();");
    else if (emitter->group || !emitter->is_entry)
        emit_line(emitter, "__syncthreads();");
}

/* ---- Nests ---- */

static int64_t points_of(const struct statement *statement) {
    int64_t points = 1;
    for (int i = 0; i < statement->loop_count; i++)
        points *= statement->loops[i]->extent;
    return points;
}

static int nest_count(const struct kernel *kernel) {
    int count = 0;
    for (int i = 0; i < kernel->statement_count; count++)
        i += nest_size(&kernel->statements[i], kernel->statement_count - i);
    return count;
}

bool emit_begins_with_tile(struct emitter *emitter, const struct kernel *kernel,
                           struct thread_tile *tile) {
    return !runs_alone(kernel->statements[0]) &&
           emit_find_tile(emitter, kernel->statements[0], nest_count(kernel), tile);
}

static int64_t nest_blocks(struct emitter *emitter, struct statement *const *nest, int nests) {
    struct thread_tile tile;
    if (emit_find_tile(emitter, nest[0], nests, &tile))
        return tile.blocks * tile.apart.extent;
    return blocks_for(points_of(nest[0]), emit_reducing_threads(emitter, nest[0]));
}

/* Where in some loops the thread stands, whose point among all of them has that name; the innermost
 * goes first. */
static void name_axes(struct emitter *emitter, int count, const struct axis *const *axes,
                      const char *stem, const char *point) {
    struct arena *arena = emitter->ir->arena;
    int64_t inner = 1;
    for (int i = 0; i < count; i++)
        inner *= axes[i]->extent;
    for (int i = 0; i < count; i++) {
        const char *name = count == 1 ? point : arena_format(arena, "%s%d", stem, i);
        const char *text = point;
        inner /= axes[i]->extent;
        if (inner > 1)
            text = arena_format(arena, "%s / %" PRId64, text, inner);
        if (i > 0)
            text = arena_format(arena, "%s %% %" PRId64, text, axes[i]->extent);
        if (count > 1)
            emit_line(emitter, "const long %s = %s;", name, text);
        emit_name_axis(emitter, axes[i], name);
    }
}

/* What one thread of a nest does, or several together: one of these stores. */
static void emit_nest(struct emitter *emitter, struct statement *const *nest, int size, int nests,
                      const char *block) {
    struct thread_tile tile;
    if (emit_find_tile(emitter, nest[0], nests, &tile)) {
        emit_thread_tile(emitter, nest[0], &tile, block);
        return;
    }
    const int threads = emit_reducing_threads(emitter, nest[0]);
    const struct store *stores = emit_stores_of(emitter, nest, size);
    emit_begin_statements(emitter, nest, size);
    const char *point = nest[0]->loop_count == 1 ? "i0" : emit_local_name(emitter, "point");
    emit_open_things(emitter, point, points_of(nest[0]), threads, block);
    name_axes(emitter, nest[0]->loop_count, nest[0]->loops, "i", point);
    emitter->lane = threads > 1 ? "lane0" : NULL;
    emitter->lanes_mask = "lanes0";
    for (int i = 0; i < size; i++)
        emit_store(emitter, &stores[i]);
    emitter->lane = NULL;
    emit_close_things(emitter);
}

/* ---- Shared loops ---- */

enum {
    MANY_ITERATIONS = 4096, /* that keep a GPU busy with a warp each */
    MOST_ROW_BYTES = 5120,  /* of a row's slices, that sixteen threads have registers for, */
    ROW_BLOCKS = 2,         /* if a multiprocessor is to hold so many blocks of these */
};

static int64_t local_bytes(const struct buffer *buffer) {
    return buffer->elements * dtype_bytes(buffer->dtype);
}

static int64_t iterations_of(const struct kernel *kernel) {
    const struct statement *first = kernel->statements[0];
    int64_t iterations = 1;
    for (int i = 0; i < first->shared_count; i++)
        iterations *= first->shared[i]->extent;
    return iterations;
}

/* Whether the statement is the first of its kernel that stores into a slice. */
static bool declares(const struct kernel *kernel, int place) {
    const struct buffer *output = kernel->statements[place]->output;
    for (int i = 0; i < place; i++)
        if (kernel->statements[i]->output == output)
            return false;
    return output->kind == BUFFER_LOCAL;
}

/* How threads run iterations. */
struct grouping {
    int group, threads;         /* that run one; of a block */
    bool stages;                /* a block brings into shared memory what they read: */
    struct staged_lines staged; /* that */
};

/* Where there are many iterations, sixteen threads run one, if they can (rows.c); else a warp does,
 * if the slices of a block's fit together into shared memory; else a block. */
static struct grouping grouping_of(const struct emitter *emitter, const struct kernel *kernel) {
    struct grouping grouping = {.group = BLOCK_THREADS, .threads = BLOCK_THREADS};
    int64_t bytes = 0;
    bool keeps;
    for (int i = 0; i < kernel->statement_count; i++)
        if (declares(kernel, i))
            bytes += local_bytes(kernel->statements[i]->output);
    if (iterations_of(kernel) < MANY_ITERATIONS)
        return grouping;
    const bool rows = emit_rows_fit(emitter, kernel, &keeps);
    if (rows && !keeps && emit_find_staged(emitter, kernel, &grouping.staged)) {
        grouping.stages = true;
        grouping.threads = grouping.staged.threads;
    }
    if (rows && (grouping.stages || (keeps && bytes <= MOST_ROW_BYTES)))
        grouping.group = REDUCTION_LANES;
    else if (bytes * (BLOCK_THREADS / WARP_THREADS) <= emitter->ir->target->gpu->shared - 1024)
        grouping.group = WARP_THREADS;
    return grouping;
}

int emit_kernel_threads(const struct emitter *emitter, const struct kernel *kernel) {
    return kernel->statements[0]->shared_count ? grouping_of(emitter, kernel).threads
                                               : BLOCK_THREADS;
}

/* A slice for each group of threads, by the name that it has in expressions; of sixteen each has
 * its own part. */
static void declare_slices(struct emitter *emitter, const struct kernel *kernel, int groups) {
    for (int i = 0; i < kernel->statement_count; i++) {
        const struct buffer *buffer = kernel->statements[i]->output;
        if (!declares(kernel, i))
            continue;
        const char *type = dtype_facts[buffer->dtype].c_type;
        if (emitter->group == REDUCTION_LANES) {
            emit_line(emitter, "%s %s[%" PRId64 "];", type, buffer->name,
                      (buffer->elements + REDUCTION_LANES - 1) / REDUCTION_LANES);
            continue;
        }
        const char *all = emit_local_name(emitter, "slices");
        emit_line(emitter, "__shared__ %s %s[%d][%" PRId64 "];", type, all, groups,
                  buffer->elements);
        emit_line(emitter,
                  groups > 1 ? "%s *const %s = %s[threadIdx.x / %d];" : "%s *const %s = %s[0];",
                  type, buffer->name, all, emitter->group);
    }
}

/* Opens what a group does for its iteration, whose number among all is `point`. */
static void open_iteration(struct emitter *emitter, const struct kernel *kernel,
                           const char *point) {
    const struct statement *first = kernel->statements[0];
    emit_open(emitter, "if (%s < %" PRId64 ") {", point, iterations_of(kernel));
    name_axes(emitter, first->shared_count, first->shared, "g", point);
}

/* Brings what all threads of the block read, which wait for each other then. */
static void emit_staging(struct emitter *emitter, const struct kernel *kernel, const char *point) {
    emit_copy_staged(emitter, emitter->staged, false);
    open_iteration(emitter, kernel, point);
    emit_copy_staged(emitter, emitter->staged, true);
    emit_close(emitter);
    emit_wait_for_staged(emitter);
}

/* The loops that all statements share: a group of threads has an iteration. */
static void emit_shared_nests(struct emitter *emitter, const struct kernel *kernel) {
    const struct statement *first = kernel->statements[0];
    struct grouping grouping = grouping_of(emitter, kernel);
    const int groups = grouping.threads / grouping.group;
    emitter->value_count = 0;
    emitter->group = grouping.group;
    emitter->staged = grouping.stages ? &grouping.staged : NULL;
    declare_slices(emitter, kernel, groups);
    if (emitter->staged)
        emit_declare_staged(emitter, emitter->staged);
    if (groups > 1)
        emit_line(emitter, "const int thread0 = threadIdx.x %% %d;", emitter->group);
    else
        emit_line(emitter, "const int thread0 = threadIdx.x;");
    if (emitter->group == REDUCTION_LANES)
        emit_line(emitter, "const unsigned lanes0 = 0xffffu << (threadIdx.x & 16);");
    const char *point = first->shared_count == 1 ? "g0" : "shared0";
    if (groups > 1)
        emit_line(emitter, "const long %s = %dL * blockIdx.x + threadIdx.x / %d;", point, groups,
                  emitter->group);
    else
        emit_line(emitter, "const long %s = blockIdx.x;", point);
    if (emitter->staged)
        emit_staging(emitter, kernel, point);
    open_iteration(emitter, kernel, point);
    for (int i = 0, size; i < kernel->statement_count; i += size) {
        size = nest_size(&kernel->statements[i], kernel->statement_count - i);
        emit_open(emitter, "{");
        if (emitter->group == REDUCTION_LANES)
            emit_row_nest(emitter, &kernel->statements[i], size);
        else
            emit_nest(emitter, &kernel->statements[i], size, 1, NULL);
        emit_close(emitter);
    }
    emit_close(emitter);
    emitter->group = 0;
    emitter->staged = NULL;
}

/* ---- Kernels ---- */

/* That leave multiprocessors enough alone: of more, those of the next kernel would crowd on what
 * happens to be free. */
enum { FEW_BLOCKS = 16 };

int64_t emit_kernel_blocks(struct emitter *emitter, const struct kernel *kernel) {
    int64_t blocks = 0;
    const int nests = nest_count(kernel);
    if (kernel->in_turn)
        return 1;
    if (kernel->statements[0]->shared_count) {
        const struct grouping grouping = grouping_of(emitter, kernel);
        const int groups = grouping.threads / grouping.group;
        return (iterations_of(kernel) + groups - 1) / groups;
    }
    for (int i = 0; i < kernel->statement_count;
         i += nest_size(&kernel->statements[i], kernel->statement_count - i))
        blocks += nest_blocks(emitter, &kernel->statements[i], nests);
    return blocks;
}

enum { FEW_BYTES = 1 << 14 }; /* of weights, that one block reads */

/* Has weights brought near that are read later: nothing else does while one block waits. */
static void emit_fetch_ahead(struct emitter *emitter, const struct kernel *kernel) {
    for (int i = 0; i < kernel->buffer_count; i++) {
        const struct buffer *buffer = kernel->buffers[i].buffer;
        const int64_t bytes = buffer->elements * dtype_bytes(buffer->dtype);
        if (buffer->kind != BUFFER_CONSTANT || bytes > FEW_BYTES)
            continue;
        sections_want(&emitter->sections, "fetch_ahead");
        emit_line(emitter, "fetch_ahead(%s, %" PRId64 ");", buffer->name, bytes);
    }
}

/* One after another, by one block. What one nest stores others read: were it `restrict`, compilers
 * would load it before the barrier. */
static void emit_nests_in_turn(struct emitter *emitter, const struct kernel *kernel) {
    const bool entry = emitter->is_entry;
    emit_fetch_ahead(emitter, kernel);
    emitter->is_entry = false; /* so that threads wait for each other */
    for (int i = 0, size; i < kernel->statement_count; i += size) {
        size = nest_size(&kernel->statements[i], kernel->statement_count - i);
        emit_open(emitter, "{");
        emit_nest(emitter, &kernel->statements[i], size, 1, NULL);
        emit_close(emitter);
    }
    emitter->is_entry = entry;
}

/* Nests of an entry have blocks of their own, one after another. */
static void emit_nests(struct emitter *emitter, const struct kernel *kernel) {
    struct arena *arena = emitter->ir->arena;
    const int nests = nest_count(kernel);
    const bool choose = emitter->is_entry && nests > 1;
    int64_t first = 0;
    for (int i = 0, size; i < kernel->statement_count; i += size) {
        struct statement *const *nest = &kernel->statements[i];
        size = nest_size(nest, kernel->statement_count - i);
        const int64_t end = first + nest_blocks(emitter, nest, nests);
        if (choose && i > 0)
            emit_end_scope(emitter);
        if (choose)
            emit_open(emitter, "%sif (blockIdx.x < %" PRId64 ") {", i ? "} else " : "", end);
        emit_nest(emitter, nest, size, nests,
                  first ? arena_format(arena, "(blockIdx.x - %" PRId64 ")", first) : "blockIdx.x");
        first = end;
    }
    if (choose)
        emit_close(emitter);
}

void emit_thread_kernel(struct emitter *emitter, const struct kernel *kernel) {
    struct thread_tile tile;
    emitter->few_blocks = emitter->is_entry && emit_kernel_blocks(emitter, kernel) <= FEW_BLOCKS;
    if (emit_begins_with_tile(emitter, kernel, &tile)) {
        emitter->block_threads = tile.threads;
        emitter->least_blocks = tile.least_blocks;
        emitter->waits_later = tile.before;
    } else if (kernel->statements[0]->shared_count) {
        const struct grouping grouping = grouping_of(emitter, kernel);
        const bool registers = grouping.group == REDUCTION_LANES && !grouping.stages;
        emitter->block_threads = grouping.threads;
        emitter->least_blocks = registers ? ROW_BLOCKS : 0;
    }
    emitter->changes_operands |= kernel->in_turn;
    emit_signature(emitter, "", kernel->name, kernel->buffer_count, kernel->buffers, ") {");
    emitter->block_threads = emitter->least_blocks = 0;
    emitter->few_blocks = emitter->waits_later = false;
    if (kernel->statements[0]->shared_count)
        emit_shared_nests(emitter, kernel);
    else if (kernel->in_turn)
        emit_nests_in_turn(emitter, kernel);
    else
        emit_nests(emitter, kernel);
    emit_close(emitter);
}
