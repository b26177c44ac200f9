/* One set of tiles: included by runtime/tiles_LEVEL.c, which says for which level it is compiled,
 * and defines SET. */
#include "runtime/kernels/tiles.h"

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

tile_function *const SET[TILE_COUNT] = {
#define TILE(name, lanes, rows, columns) name,
#include "templates/tiles.def"
#undef TILE
};
