/* The shape of a contraction's tiles (templates/cuda/contract.h): how many threads a block has, how
 * many sums a thread, how many steps of the sum are in shared memory. Of all shapes the one whose
 * time is least by a model, whose numbers are fitted to what 943 such kernels took on an H200. */
#include "compiler/emit/cuda/cuda.h"

#include <math.h>

enum {
    GROUP_BYTES = 16,   /* that one instruction loads, and the most that one copies */
    RESERVED = 1024,    /* of shared memory, for other use */
    MANY_SUMS = 32,     /* of a thread, which gets more registers for them */
    MOST_SUMS = 64,     /* of a thread, whose operands take all other registers */
    FEW_ROWS = 4,       /* which have thread shapes of their own, */
    SHAPES_FOR_FEW = 3, /* the last of those below; */
    MOST_DEPTH = 64,    /* of all others */
    REGISTERS = 65536,  /* of a multiprocessor */
    ALL_SHARED = 220000 /* bytes of it, which the blocks there have together */
};

/* Threads along rows and columns; those for few rows last. */
static const int thread_shapes[][2] = {{16, 16}, {8, 16}, {16, 8}, {8, 8},
                                       {4, 32},  {4, 16}, {4, 8}};
/* Sums of each, along the same. */
static const int sum_shapes[][2] = {{1, 1}, {1, 2}, {2, 1}, {2, 2}, {2, 4}, {4, 2},
                                    {1, 4}, {4, 1}, {4, 4}, {4, 8}, {8, 4}, {8, 8}};
static const int depths[] = {8, 16, 32, 64, 128};

enum {
    THREAD_SHAPES = sizeof thread_shapes / sizeof *thread_shapes,
    SUM_SHAPES = sizeof sum_shapes / sizeof *sum_shapes,
    DEPTHS = sizeof depths / sizeof *depths,
};

/* ---- Shared memory ---- */

static int group_of(const struct thread_tile *tile) {
    return GROUP_BYTES / dtype_bytes(tile->sum->dtype);
}

static int64_t side_bytes(const struct thread_tile *tile, bool by_steps, int side) {
    const int group = group_of(tile);
    const int64_t elements =
        by_steps ? side * (tile->steps + group) : tile->steps * (int64_t)(side + group);
    return elements * dtype_bytes(tile->sum->dtype);
}

static int64_t stage_bytes(const struct thread_tile *tile) {
    return side_bytes(tile, tile->stream_side.by_steps, tile->thread_rows * tile->row_sums) +
           side_bytes(tile, tile->panel_side.by_steps, tile->thread_columns * tile->column_sums);
}

/* As many stages as hide how long memory takes; of few rows fewer, for which there are longer ones.
 * False where two do not fit. */
static bool choose_stages(struct thread_tile *tile, int64_t shared) {
    const bool copies =
        tile->stream->dtype == tile->sum->dtype && tile->panel->dtype == tile->sum->dtype;
    tile->stages = !copies ? 2 : tile->thread_rows == FEW_ROWS ? 3 : 4;
    while (tile->stages > 2 && tile->stages * stage_bytes(tile) > shared)
        tile->stages--;
    return tile->stages * stage_bytes(tile) <= shared;
}

/* ---- Time ---- */

static int64_t tiles_along(int64_t extent, int64_t width) {
    return (extent + width - 1) / width;
}

static int64_t all_blocks(const struct thread_tile *tile) {
    return tiles_along(tile->rows.extent, (int64_t)tile->thread_rows * tile->row_sums) *
           tiles_along(tile->columns.extent, (int64_t)tile->thread_columns * tile->column_sums) *
           tile->apart.extent;
}

/* How many blocks a multiprocessor holds at once. */
static double blocks_at_once(const struct thread_tile *tile) {
    const double registers = 60 + 1.3 * tile->row_sums * tile->column_sums;
    const double by_registers = floor(REGISTERS / (fmax(registers, 64) * tile->threads));
    const double by_shared = floor((double)ALL_SHARED / (double)(tile->stages * stage_bytes(tile)));
    return fmax(1, fmin(by_registers, by_shared));
}

/* Either its threads wait for what a step begins, or there are enough of them to keep all parts
 * busy. */
double emit_steps_time(const struct emitter *emitter, const struct step_work *work, double steps,
                       int64_t blocks, double at_once) {
    const double alone = 1.2 * work->sums + 2.1 * work->loads + 10 * work->copies + work->alone;
    const double busy = work->threads / 128.0 *
                        (0.72 * work->sums + 8.4 * work->loads + 20 * work->copies + work->busy);
    double own = (double)blocks / emitter->ir->target->gpu->multiprocessors;
    own = own < 6 ? ceil(own) : own;
    const double turns = ceil(own / at_once);
    return steps * fmax(turns * alone, own * busy) + 3500 * turns;
}

/* Steps behind the last whole stage go one by one. */
static double tile_time(const struct emitter *emitter, const struct thread_tile *tile) {
    const double copies =
        ((double)tile->thread_rows * tile->row_sums / tile->stream_side.width +
         (double)tile->thread_columns * tile->column_sums / tile->panel_side.width) /
        tile->threads;
    const struct step_work work = {.threads = tile->threads,
                                   .sums = tile->row_sums * tile->column_sums,
                                   .loads = (tile->row_sums + tile->column_sums) / 4.0,
                                   .copies = copies,
                                   .alone = 21.0 / tile->steps,
                                   .busy = 6.6 / tile->steps};
    const double rest = (double)(tile->depth % tile->steps), single = 4;
    const double steps = (double)tile->depth + rest * (single - 1);
    return emit_steps_time(emitter, &work, steps, all_blocks(tile), blocks_at_once(tile));
}

/* ---- All shapes ---- */

static bool set_shape(struct thread_tile *tile, const int *threads, const int *sums, int steps,
                      int64_t shared) {
    tile->thread_rows = threads[0];
    tile->thread_columns = threads[1];
    tile->threads = threads[0] * threads[1];
    tile->row_sums = sums[0];
    tile->column_sums = sums[1];
    tile->steps = steps;
    struct operand_side *const sides[] = {&tile->stream_side, &tile->panel_side};
    for (int i = 0; i < 2; i++) {
        sides[i]->by_steps = sides[i]->along || sums[i] % group_of(tile) != 0;
        sides[i]->width = sides[i]->along == sides[i]->by_steps ? sides[i]->most_width : 1;
    }
    for (int i = 0; i < 2; i++)
        if (sides[i]->along && steps / sides[i]->width > tile->threads)
            return false; /* each thread brings a place of its own, or several */
    return choose_stages(tile, shared);
}

/* Where a thread has so many sums that several steps of its operands take registers that others
 * need, and there are blocks enough to run meanwhile, it loads rows of one step. */
static void load_rows(const struct emitter *emitter, struct thread_tile *tile, int64_t shared) {
    struct thread_tile rows = *tile;
    struct operand_side *const sides[] = {&rows.stream_side, &rows.panel_side};
    if (tile->row_sums * tile->column_sums < MOST_SUMS ||
        all_blocks(tile) <= emitter->ir->target->gpu->multiprocessors)
        return;
    for (int i = 0; i < 2; i++)
        if (sides[i]->along) {
            sides[i]->by_steps = false;
            sides[i]->width = 1;
        }
    if (choose_stages(&rows, shared))
        *tile = rows;
}

bool emit_choose_tile(const struct emitter *emitter, int nests, struct thread_tile *tile) {
    const int64_t shared = (emitter->ir->target->gpu->shared - RESERVED) / nests;
    struct thread_tile best = *tile;
    double least = INFINITY;
    for (int t = 0; t < THREAD_SHAPES; t++) {
        const int threads = thread_shapes[t][0] * thread_shapes[t][1];
        const bool for_few = t >= THREAD_SHAPES - SHAPES_FOR_FEW;
        if (nests > 1 ? threads != BLOCK_THREADS : for_few != (tile->rows.extent <= FEW_ROWS))
            continue;
        for (int s = 0; s < SUM_SHAPES; s++) {
            for (int d = 0; d < DEPTHS; d++) {
                const int sums = sum_shapes[s][0] * sum_shapes[s][1];
                if ((depths[d] > MOST_DEPTH && !for_few) || (sums >= MANY_SUMS && depths[d] > 16) ||
                    (sums >= 8 && depths[d] > 32) ||
                    !set_shape(tile, thread_shapes[t], sum_shapes[s], depths[d], shared))
                    continue;
                const double time = tile_time(emitter, tile);
                if (time >= least)
                    continue;
                least = time;
                best = *tile;
            }
        }
    }
    *tile = best;
    tile->time = least;
    if (least < INFINITY)
        load_rows(emitter, tile, shared);
    tile->blocks = all_blocks(tile) / tile->apart.extent;
    tile->least_blocks =
        (tile->row_sums * tile->column_sums >= MANY_SUMS ? 256 : 512) / tile->threads;
    return least < INFINITY;
}
