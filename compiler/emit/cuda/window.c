/* Convolutions whose windows stay in registers (templates/cuda/contract_window.h): which are such,
 * and the shape of the tile, by the same model of time as tile.c. */
#include "compiler/emit/cuda/cuda.h"

#include <math.h>

enum {
    FOUR = 4,            /* columns, that are neighbours */
    MOST_TAPS = 7,       /* that are unrolled */
    MOST_STRIDE = 2,     /* of a window */
    SUMS = 64,           /* of a thread */
    LOADS_OF_TAP = 2,    /* of weights, 16 bytes each */
    THREAD_FOURS = 2,    /* of a thread, */
    THREAD_ROWS = 8,     /* and rows */
    SHARED_FOR_MORE = 6, /* KB that the stages leave */
    RESIDENT = 512,      /* threads that a multiprocessor holds, by their registers */
};

/* Rows and fours of columns of a block, and how many steps are in a stage. */
static const struct window_shape {
    int rows, fours;
} shapes[] = {{32, 128}, {64, 64}, {128, 32}, {32, 64}, {64, 32}};
static const int depths[] = {8, 4, 2};

enum {
    SHAPES = sizeof shapes / sizeof *shapes,
    DEPTHS = sizeof depths / sizeof *depths,
};

/* ---- Which contractions ---- */

/* How many elements of the panel may be copied together; the buffer begins aligned if it says so.
 */
static int width_of(const struct thread_tile *tile, bool aligned) {
    const struct expression *panel = tile->panel;
    const int columns = tile->columns.count - 1, steps = tile->sum->axis_count - 1;
    for (int width = FOUR; aligned && width > 1; width /= 2)
        if (panel->buffer->elements % width == 0 && (int64_t)FOUR * tile->stride % width == 0 &&
            emit_steps_are(panel, columns, tile->columns.axes, width) &&
            emit_steps_are(panel, steps, tile->sum->axes, width))
            return width;
    return 1;
}

/* A sum over a window's last axis, along which columns are neighbours, of nothing but floats. */
static bool is_window(struct thread_tile *tile) {
    const struct expression *sum = tile->sum;
    if (sum->dtype != DTYPE_FLOAT32 || tile->stream->dtype != DTYPE_FLOAT32 ||
        tile->panel->dtype != DTYPE_FLOAT32 || sum->axis_count < 2 || !tile->columns.count ||
        tile->apart.count || tile->panel->index->constant)
        return false;
    const struct axis *tap = sum->axes[sum->axis_count - 1];
    const struct axis *column = tile->columns.axes[tile->columns.count - 1];
    const int64_t stride = emit_step_of(tile->panel, column);
    if (tap->extent < 2 || tap->extent > MOST_TAPS || column->extent < FOUR || stride < 1 ||
        stride > MOST_STRIDE || emit_step_of(tile->panel, tap) != 1 ||
        emit_step_of(tile->stream, tap) != 1)
        return false;
    tile->taps = (int)tap->extent;
    tile->stride = (int)stride;
    tile->fours = tile->columns.extent / column->extent * ((column->extent + FOUR - 1) / FOUR);
    return true;
}

/* ---- Its shape ---- */

static int pieces_of(const struct thread_tile *tile) {
    return ((FOUR - 1) * tile->stride + tile->taps + FOUR - 1) / FOUR;
}

static int64_t step_bytes(const struct thread_tile *tile, const struct window_shape *shape) {
    return 16 * (int64_t)pieces_of(tile) * shape->fours +
           (int64_t)sizeof(float) * tile->taps * (shape->rows + FOUR);
}

static int64_t blocks_of(const struct thread_tile *tile, const struct window_shape *shape) {
    return (tile->rows.extent + shape->rows - 1) / shape->rows *
           ((tile->fours + shape->fours - 1) / shape->fours);
}

static double time_of(const struct emitter *emitter, const struct thread_tile *tile,
                      const struct window_shape *shape, int threads) {
    const int span = (FOUR - 1) * tile->stride + tile->taps, width = tile->panel_side.width;
    const double copies =
        ((double)((span + width - 1) / width) * shape->fours + tile->taps * shape->rows) / threads;
    const struct step_work work = {.threads = threads,
                                   .sums = SUMS * tile->taps,
                                   .loads =
                                       LOADS_OF_TAP * tile->taps + THREAD_FOURS * pieces_of(tile),
                                   .copies = copies,
                                   .alone = 60};
    return emit_steps_time(emitter, &work, (double)(tile->depth / tile->taps),
                           blocks_of(tile, shape), (double)RESIDENT / threads);
}

/* As many steps in a stage, and three stages, or two, as there is room for. */
static bool choose_stages(const struct emitter *emitter, struct thread_tile *tile,
                          const struct window_shape *shape) {
    const int64_t shared = emitter->ir->target->gpu->shared - SHARED_FOR_MORE * 1024;
    const int64_t bytes = step_bytes(tile, shape);
    for (int i = 0; i < DEPTHS; i++)
        for (int stages = 3; stages >= 2; stages--)
            if (stages * depths[i] * bytes <= shared && depths[i] * tile->taps <= tile->threads) {
                tile->steps = depths[i];
                tile->stages = stages;
                return true;
            }
    return false;
}

bool emit_choose_window(const struct emitter *emitter, bool aligned, struct thread_tile *tile) {
    double least = tile->time;
    if (!is_window(tile)) {
        tile->taps = 0;
        return false;
    }
    struct thread_tile window = *tile;
    window.panel_side.width = width_of(tile, aligned);
    const struct window_shape *best = NULL;
    for (int i = 0; i < SHAPES; i++) {
        const int threads = shapes[i].rows / THREAD_ROWS * (shapes[i].fours / THREAD_FOURS);
        window.threads = threads;
        const double time = time_of(emitter, &window, &shapes[i], threads);
        if (time >= least || !choose_stages(emitter, &window, &shapes[i]))
            continue;
        least = time;
        best = &shapes[i];
    }
    tile->taps = 0;
    if (!best)
        return false;
    window.threads = best->rows / THREAD_ROWS * (best->fours / THREAD_FOURS);
    choose_stages(emitter, &window, best);
    window.tile_rows = best->rows;
    window.tile_fours = best->fours;
    window.blocks = blocks_of(&window, best);
    window.least_blocks = RESIDENT / window.threads;
    *tile = window;
    return true;
}
