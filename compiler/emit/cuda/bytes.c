/* The shape of a tile of 8-bit integers (templates/cuda/contract_bytes.h): which of a few takes
 * least time by a model. */
#include "compiler/emit/cuda/cuda.h"

#include <math.h>

/* Sums of a block, steps in shared memory at once, and warps along rows, columns and steps. All
 * have BLOCK_THREADS threads. */
static const struct byte_shape {
    int rows, columns, steps, row_warps, column_warps, depth_warps;
} shapes[] = {
    {128, 128, 64, 2, 4, 1}, {64, 128, 64, 2, 4, 1}, {128, 64, 64, 4, 2, 1}, {64, 64, 64, 2, 2, 2},
    {32, 64, 64, 2, 4, 1},   {32, 64, 128, 1, 2, 4}, {64, 32, 128, 2, 1, 4}, {32, 32, 64, 2, 2, 2},
    {32, 32, 128, 1, 2, 4},  {32, 32, 256, 1, 1, 8}, {16, 64, 128, 1, 2, 4}, {16, 32, 256, 1, 1, 8},
    {32, 16, 256, 1, 1, 8},  {16, 16, 256, 1, 1, 8},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

enum {
    COPIED_BYTES = 16,     /* by one instruction, at most */
    ALL_SHARED = 220000,   /* bytes of a multiprocessor */
    MOST_BLOCKS = 4,       /* that it holds at once, */
    MOST_LARGE_BLOCKS = 2, /* and of those with many sums */
    LARGE_SUMS = 64 * 128,
    RESERVED = 1024, /* of a block's shared memory, for other use */
};

static int64_t tiles_along(int64_t extent, int width) {
    return (extent + width - 1) / width;
}

static int64_t stage_bytes(const struct byte_shape *shape) {
    return (int64_t)(shape->rows + shape->columns) * (shape->steps + COPIED_BYTES);
}

static bool copies_alone(const struct operand_side *side) {
    return side->along && side->width == COPIED_BYTES;
}

/* Cycles that a stage's bytes of one side keep a multiprocessor busy: by groups of 16, of 4, or one
 * by one, with the work of finding each. */
static double side_time(const struct operand_side *side, int bytes) {
    return bytes / (copies_alone(side) ? 64.0 : side->width > 1 ? 32.0 : 10.0);
}

static double time_of(const struct emitter *emitter, const struct thread_tile *tile,
                      const struct byte_shape *shape) {
    const double alone = 900, begin = 3500, products = 1500; /* cycles, cycles, a cycle */
    const int64_t blocks = tiles_along(tile->rows.extent, shape->rows) *
                           tiles_along(tile->columns.extent, shape->columns) * tile->apart.extent;
    const double busy = (double)shape->rows * shape->columns * shape->steps / products +
                        side_time(&tile->stream_side, shape->rows * shape->steps) +
                        side_time(&tile->panel_side, shape->columns * shape->steps);
    const bool large = shape->rows * shape->columns >= LARGE_SUMS;
    const double each = (double)blocks / emitter->ir->target->gpu->multiprocessors;
    const double held = fmin(large ? MOST_LARGE_BLOCKS : MOST_BLOCKS,
                             floor(ALL_SHARED / (2.0 * (double)stage_bytes(shape))));
    const double turns = ceil(each / held);
    const double stages = (double)tiles_along(tile->depth, shape->steps);
    return stages * fmax(turns * alone, ceil(each) * busy) + begin * turns;
}

bool emit_choose_byte_tile(const struct emitter *emitter, int nests, struct thread_tile *tile) {
    const int64_t shared = (emitter->ir->target->gpu->shared - RESERVED) / nests;
    const struct byte_shape *best = NULL;
    double least = INFINITY;
    for (int i = 0; i < SHAPES; i++) {
        const double time = time_of(emitter, tile, &shapes[i]);
        if (2 * stage_bytes(&shapes[i]) > shared || time >= least)
            continue;
        least = time;
        best = &shapes[i];
    }
    if (!best)
        return false;
    tile->threads = BLOCK_THREADS;
    tile->tile_rows = best->rows;
    tile->tile_columns = best->columns;
    tile->steps = best->steps;
    tile->row_warps = best->row_warps;
    tile->column_warps = best->column_warps;
    tile->depth_warps = best->depth_warps;
    const bool deep = copies_alone(&tile->stream_side) && copies_alone(&tile->panel_side);
    tile->stages = deep && 3 * stage_bytes(best) <= shared ? 3 : 2;
    tile->blocks = tiles_along(tile->rows.extent, best->rows) *
                   tiles_along(tile->columns.extent, best->columns);
    tile->least_blocks = best->rows * best->columns > LARGE_SUMS ? 1 : 2;
    return true;
}
