/* One set of tiles: included by tiles_NAME.c, which defines SET as that name. */
#include "runtime/kernels/sets.h"
#include "runtime/kernels/tiles.h"

ASSERT_OF_SET(VECTOR_LANES, LANES);
ASSERT_OF_SET(TILE_REGISTERS, REGISTERS);
ASSERT_OF_SET(TILE_ACCUMULATORS, ACCUMULATORS);
ASSERT_OF_SET(TILE_LINE * sizeof(float), LINE);

#define TILE(name, lanes, rows, columns)                                                           \
    static void name(float *restrict acc, const float *stream, const float *panel,                 \
                     const struct tile_walk *walk, int resume, const float *ahead) {               \
        if (!lanes && ahead)                                                                       \
            tile(lanes, rows, columns, acc, stream, panel, walk, resume, ahead);                   \
        else /* registers are scarce */                                                            \
            tile(lanes, rows, columns, acc, stream, panel, walk, resume, NULL);                    \
    }
#include "templates/tiles.def"
#undef TILE

tile_function *const OF_SET(tiles_, )[TILE_COUNT] = {
#define TILE(name, lanes, rows, columns) name,
#include "templates/tiles.def"
#undef TILE
};
