/* How templates/tile.h shares the sums of a tile out to registers, for whoever has to know it
 * without running tiles: the cost model. runtime/kernels/tiles_body.h asserts for every tile that
 * tile() does the same.
 *
 * A tile is cut into blocks of rows x vectors, each of which takes all steps of the contracted axes
 * by itself. Registers hold the sums of a block, the row of the panel that all its rows share, and
 * one element of the stream at a time, spread over a vector; one is left for the compiler. */
#ifndef EIGENTENSOR_TILE_SHAPE_H
#define EIGENTENSOR_TILE_SHAPE_H

//: section tile_shape
/* How the sums of a tile are shared out to registers: in blocks of rows x vectors. */
struct tile_shape {
    int vectors;     /* that a row of the tile takes */
    int width;       /* vectors of a block; fewer than `vectors`: the panel is read in parts */
    int height;      /* rows of a high block; the others have one less */
    int blocks;      /* one below another */
    int high_blocks; /* of these, the first ones */
};

/* Of a tile of rows x columns sums, `lanes` of which fill a vector, where there are so many
 * registers, of which so many may hold sums. */
static inline __attribute__((always_inline)) struct tile_shape
tile_shape(int rows, int columns, int lanes, int registers, int accumulators) {
    const int vectors = (columns + lanes - 1) / lanes;
    const int least = vectors % 2 == 0 ? 2 : vectors % 3 == 0 ? 3 : 1; /* vectors of a block */
    const int sums_fit = accumulators / least, all_fit = (registers - 2) / least - 1;
    const int fit = sums_fit < all_fit ? sums_fit : all_fit, highest = fit < rows ? fit : rows;
    const int blocks = (rows + highest - 1) / highest;
    const int height = (rows + blocks - 1) / blocks;
    const int sums_wide = accumulators / height;
    const int all_wide = height > 1 ? (registers - 2) / (height + 1) : sums_wide;
    const int fitting = sums_wide < all_wide ? sums_wide : all_wide;
    const int width = fitting >= vectors ? vectors : fitting >= 4 && vectors % 4 == 0 ? 4 : least;
    const struct tile_shape shape = {.vectors = vectors,
                                     .width = width,
                                     .height = height,
                                     .blocks = blocks,
                                     .high_blocks = rows - blocks * (height - 1)};
    return shape;
}

//: end

#endif
