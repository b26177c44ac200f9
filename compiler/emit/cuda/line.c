/* Contractions of few rows (templates/cuda/contract_line.h), as those of a model that makes one
 * token at a time: which are such, and how many columns a block has. */
#include "compiler/emit/cuda/cuda.h"

enum {
    MOST_ROWS = 4,
    LEAST_COLUMNS = 8,    /* of it, that one line of memory has */
    MOST_SUMS = 1 << 17,  /* with more a thread does better to have several */
    BLOCKS_AT_ONCE = 1,   /* that a multiprocessor begins with */
    SHARED_BYTES = 45056, /* of stages */
    LEAST_STAGES = 4,
    MOST_STAGES = 8,
    GROUP_BYTES = 16, /* that lines in shared memory lie further apart */
};
static const int depths[] = {128, 64, 32, 16};

/* Weights are there before any kernel runs. */
static bool is_there_before(const struct thread_tile *tile) {
    return tile->panel->buffer->kind == BUFFER_CONSTANT;
}

static int64_t blocks_of(const struct thread_tile *tile, int columns) {
    return (tile->rows.extent + tile->tile_rows - 1) / tile->tile_rows *
           ((tile->columns.extent + columns - 1) / columns);
}

/* As few columns as all multiprocessors together have blocks for at once. */
static int choose_columns(const struct emitter *emitter, const struct thread_tile *tile) {
    const int64_t most = (int64_t)BLOCKS_AT_ONCE * emitter->ir->target->gpu->multiprocessors;
    int columns = LEAST_COLUMNS;
    while (2 * columns * tile->tile_rows <= LINE_THREADS &&
           blocks_of(tile, columns) * tile->apart.extent > most)
        columns *= 2;
    return columns;
}

/* Whether a warp more adds, which others bring the operands for. */
static bool has_adding_warp(const struct thread_tile *tile) {
    return tile->tile_rows * tile->tile_columns <= WARP_THREADS;
}

static int64_t stage_bytes(const struct thread_tile *tile, int steps) {
    const int64_t bytes = dtype_bytes(tile->sum->dtype);
    const int64_t row = bytes * steps + GROUP_BYTES;
    return tile->tile_rows * row + (tile->panel_side.by_steps
                                        ? tile->tile_columns * row
                                        : steps * (bytes * tile->tile_columns + GROUP_BYTES));
}

/* The longest of those that leave least steps for the end, which go one by one, and as many stages
 * as there is room for. */
static bool choose_steps(struct thread_tile *tile) {
    int64_t least = tile->depth;
    for (int i = 0; i < (int)(sizeof depths / sizeof *depths); i++) {
        const int64_t rest = tile->depth % depths[i];
        const int64_t stages = SHARED_BYTES / stage_bytes(tile, depths[i]);
        if (rest >= least || stages < LEAST_STAGES)
            continue;
        least = rest;
        tile->steps = depths[i];
        tile->stages = stages < MOST_STAGES ? (int)stages : MOST_STAGES;
    }
    return least < tile->depth;
}

bool emit_choose_line(const struct emitter *emitter, struct thread_tile *tile) {
    struct thread_tile line = *tile;
    const enum dtype dtype = tile->sum->dtype;
    if (tile->rows.extent > MOST_ROWS || tile->stream->dtype != dtype ||
        tile->panel->dtype != dtype ||
        tile->rows.extent * tile->columns.extent * tile->apart.extent > MOST_SUMS)
        return false;
    line.tile_rows = tile->rows.extent > 2 ? MOST_ROWS : (int)tile->rows.extent;
    line.tile_columns = choose_columns(emitter, &line);
    line.stream_side.width = line.stream_side.along ? line.stream_side.most_width : 1;
    line.panel_side.by_steps = line.panel_side.along || has_adding_warp(&line);
    line.panel_side.width =
        line.panel_side.by_steps == line.panel_side.along ? line.panel_side.most_width : 1;
    if (!choose_steps(&line))
        return false;
    line.threads = LINE_THREADS + (has_adding_warp(&line) ? WARP_THREADS : 0);
    line.line = true;
    line.before = is_there_before(&line);
    line.blocks = blocks_of(&line, line.tile_columns);
    line.least_blocks = BLOCKS_AT_ONCE;
    *tile = line;
    return true;
}
