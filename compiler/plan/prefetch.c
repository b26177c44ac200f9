/* Prefetching: while tiles compute with one panel, they prefetch the next.
 *
 * A panel serves tile after tile. The first would wait for it to come from memory; the others find
 * it in L2, and leave memory idle. So each of them prefetches its share of the next one, a few
 * lines after every iteration of its sum.
 *
 * A single row of sums takes longer to decode weights of 4 bits than these take to come. So its
 * tiles prefetch an input that one of the next kernels reads as a whole, like keys and values of
 * tokens before: reading that takes no computing, but only memory's time. */
#include "compiler/plan/plan.h"
#include "compiler/schedule/tile_kind.h"

#include <string.h>

enum {
    MOST_TILES = 32,         /* of a panel: among more, it does not matter that the first waits */
    MOST_LINES = 8,          /* in an iteration: more would wait for one another */
    FEWEST_STEPS = 4,        /* in an iteration: shorter loops cost more than they bring */
    MOST_DECODED_LINES = 16, /* in an iteration that decodes: it takes longer */
    MOST_AWAITED = 2, /* inputs of later kernels: those of others would be gone from L2 again */
};

/* ---- Panels and their tiles ---- */

/* The innermost loop that goes on to another panel; -1: none does. */
static int find_panel_loop(const struct tile *tile) {
    for (int i = tile->loop_count - 1; i >= 0; i--)
        if (!tile->loops[i].axis || index_uses(tile->panel_base, tile->loops[i].axis))
            return i;
    return -1;
}

/* The tiles that one thread has for a panel. */
static int64_t count_tiles(const struct ir *ir, const struct statement *statement, int panel_loop) {
    const struct tile *tile = statement->tile;
    int64_t count = 1;
    for (int i = panel_loop + 1; i < tile->loop_count; i++) {
        const struct tile_loop *loop = &tile->loops[i];
        int64_t extent = loop->axis->extent;
        for (int k = 0; k < i; k++) /* of a loop that stands twice, one step of the outer */
            if (tile->loops[k].axis == loop->axis)
                extent = tile->loops[k].step;
        if (loop->axis == statement->parallel_loop)
            extent = divide_up(extent, ir->threads);
        count *= divide_up(extent, loop->step);
    }
    return count;
}

/* Whether the same panels pass several times. */
static bool pass_again(const struct statement *statement, int panel_loop) {
    const struct tile *tile = statement->tile;
    for (int i = 0; i < statement->shared_count; i++)
        if (!index_uses(tile->panel_base, statement->shared[i]))
            return true;
    for (int i = 0; i < panel_loop; i++)
        if (tile->loops[i].axis && !index_uses(tile->panel_base, tile->loops[i].axis))
            return true;
    return false;
}

/* Few panels are still there from before, or stay while they pass again. */
static bool come_from_afar(const struct ir *ir, const struct statement *statement, int panel_loop,
                           int64_t parts) {
    int64_t bytes =
        statement->tile->panel->elements * dtype_bytes(statement->tile->panel->dtype) / parts;
    int64_t held = ir->target->l2 / 4;
    return bytes > (pass_again(statement, panel_loop) ? 3 * held : held);
}

/* ---- How it is spread ---- */

/* Steps of the outermost sum, those of one part. */
static int64_t outer_steps(const struct tile *tile) {
    return tile->sum_step ? tile->sum_step : tile->sum_axes[0].extent;
}

/* A sum that is alone is cut into iterations that take two lines; returns the steps of one. */
static int64_t cut_into_iterations(int64_t steps, int64_t lines) {
    int64_t iteration = steps;
    for (int64_t shorter = steps; shorter >= FEWEST_STEPS && lines * iteration > 2 * steps;
         shorter--)
        if (steps % shorter == 0)
            iteration = shorter;
    return iteration;
}

/* So many lines over the iterations of the outermost sum that a tile loops over. */
static void spread(const struct tile *tile, int64_t lines, struct tile_prefetch *prefetch) {
    int64_t iterations = outer_steps(tile);
    prefetch->iteration = tile->sum_axis_count == 1 ? cut_into_iterations(iterations, lines) : 1;
    iterations /= prefetch->iteration;
    for (int i = 1; i + WALK_LEVELS <= tile->sum_axis_count; i++)
        iterations *= tile->sum_axes[i].extent;
    int64_t in_iteration = divide_up(lines, iterations);
    prefetch->lines = in_iteration < MOST_LINES ? in_iteration : MOST_LINES;
}

static void prefetch_next_panel(const struct ir *ir, const struct statement *statement) {
    struct tile *tile = statement->tile;
    struct tile_prefetch *prefetch = &tile->prefetch;
    int panel_loop = find_panel_loop(tile);
    if (panel_loop < 0 || !tile->packed || tile->lanes || tile->sum_axis_count == 0 ||
        tile->kind ==
            &tile_kinds[TILE_KIND_CODES]) /* decoding it takes longer than it takes to come */
        return;
    int64_t tiles = count_tiles(ir, statement, panel_loop);
    int64_t panel = (int64_t)tile->columns * tile->kind->group;
    int64_t parts = tile->sum_axes[0].extent / outer_steps(tile);
    if (tiles == 1 || tiles > MOST_TILES || !come_from_afar(ir, statement, panel_loop, parts))
        return;
    for (int i = 0; i < tile->sum_axis_count; i++)
        panel *= tile->sum_axes[i].extent;
    prefetch->loop = panel_loop;
    prefetch->count = panel / parts;
    prefetch->next = tile->loops[panel_loop].axis ? panel : prefetch->count;
    int64_t line = ir->target->line / dtype_bytes(tile->panel->dtype);
    spread(tile, divide_up(prefetch->count, tiles * line), prefetch);
}

/* ---- Inputs of later kernels ---- */

/* The inputs that kernels behind a place read, the next one last. */
struct awaited {
    int count;
    struct buffer *buffers[MOST_AWAITED];
};

static bool decodes_a_row(const struct kernel *kernel) {
    const struct tile *tile = kernel->statements[0]->tile;
    return kernel->statement_count == 1 && tile && tile->kind == &tile_kinds[TILE_KIND_CODES] &&
           tile->codes.bits == 4 && tile->blocks[0].rows == 1 && tile->sum_axis_count > 1 &&
           !tile->sum_step && !kernel->statements[0]->shared_count;
}

/* Whether all of the buffer is read: as an operand of a tile, or at as many points as it has
 * elements. */
static bool reads_whole(struct ir *ir, const struct kernel *kernel, const struct buffer *buffer) {
    for (int i = 0; i < kernel->statement_count; i++) {
        const struct statement *statement = kernel->statements[i];
        const struct tile *tile = statement->tile;
        if (tile ? tile->panel == buffer || tile->stream == buffer
                 : statement->points >= buffer->elements &&
                       expression_find_load(ir, statement->value, buffer))
            return true;
    }
    return false;
}

static void await(struct awaited *awaited, struct buffer *buffer) {
    if (awaited->count == MOST_AWAITED)
        memmove(awaited->buffers, awaited->buffers + 1,
                sizeof *awaited->buffers * (size_t)--awaited->count);
    awaited->buffers[awaited->count++] = buffer;
}

/* Adds what a kernel reads, the first read last; what it reads is not to be fetched behind it. */
static void await_inputs(struct ir *ir, const struct kernel *kernel, struct awaited *awaited) {
    for (int i = kernel->buffer_count - 1; i >= 0; i--) {
        struct buffer *buffer = kernel->buffers[i].buffer;
        int kept = 0;
        for (int k = 0; k < awaited->count; k++)
            if (awaited->buffers[k] != buffer)
                awaited->buffers[kept++] = awaited->buffers[k];
        awaited->count = kept;
        if (buffer->kind == BUFFER_INPUT && reads_whole(ir, kernel, buffer) &&
            buffer->elements * dtype_bytes(buffer->dtype) > ir->target->l2 / 16)
            await(awaited, buffer);
    }
}

/* A parameter of the kernel, before those that are written. */
static void add_fetched(struct ir *ir, struct kernel *kernel, struct buffer *buffer) {
    int place = 0;
    while (place < kernel->buffer_count && !kernel->buffers[place].written)
        if (kernel->buffers[place++].buffer == buffer)
            return;
    struct kernel_buffer *buffers =
        arena_array(ir->arena, struct kernel_buffer, (size_t)kernel->buffer_count + 1);
    memcpy(buffers, kernel->buffers, sizeof *buffers * (size_t)place);
    buffers[place] = (struct kernel_buffer){.buffer = buffer};
    memcpy(buffers + place + 1, kernel->buffers + place,
           sizeof *buffers * (size_t)(kernel->buffer_count - place));
    kernel->buffers = buffers;
    kernel->buffer_capacity = ++kernel->buffer_count;
}

static void prefetch_input(struct ir *ir, struct kernel *kernel, struct buffer *buffer) {
    struct tile *tile = kernel->statements[0]->tile;
    const int64_t most = ir->target->l2 / 4 * 3, line = ir->target->line;
    int64_t bytes = buffer->elements * dtype_bytes(buffer->dtype);
    bytes = bytes < most ? bytes : most;
    const int64_t steps = count_tiles(ir, kernel->statements[0], -1) * tile->sum_axes[0].extent;
    const int64_t lines = divide_up(bytes, line * steps);
    tile->prefetch = (struct tile_prefetch){
        .buffer = buffer,
        .count = bytes,
        .iteration = 1,
        .lines = lines < MOST_DECODED_LINES ? lines : MOST_DECODED_LINES,
    };
    add_fetched(ir, kernel, buffer);
}

/* From the last kernel to the first. Threads have memory between them, and none of it to spare. */
static void prefetch_inputs(struct ir *ir) {
    struct awaited awaited = {0};
    for (int i = ir->kernel_count - 1; i >= 0 && ir->threads <= 1 && !ir->scan; i--) {
        struct kernel *kernel = ir->kernels[i];
        if (decodes_a_row(kernel) && awaited.count)
            prefetch_input(ir, kernel, awaited.buffers[--awaited.count]);
        await_inputs(ir, kernel, &awaited);
    }
}

void prefetch(struct ir *ir) {
    if (target_is_small(ir->target))
        return;
    for (int i = 0; i < ir->statement_count; i++)
        if (ir->statements[i]->tile)
            prefetch_next_panel(ir, ir->statements[i]);
    if (!ir->target->gpu)
        prefetch_inputs(ir);
}
