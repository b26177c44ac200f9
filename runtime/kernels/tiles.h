/* The register tiles of templates/tile.h, compiled once for each level of CPU, for callers that
 * cannot inline them. */
#ifndef EIGENTENSOR_TILES_H
#define EIGENTENSOR_TILES_H

#include "runtime/kernels/cpu.h"
#include "templates/tile.h"

typedef void tile_function(float *restrict acc, const float *stream, const float *panel,
                           const struct tile_walk *walk, int resume, const float *ahead);

enum {
#define TILE(name, lanes, rows, columns) TILE_OF_##name,
#include "templates/tiles.def"
#undef TILE
    TILE_COUNT
};

/* The tiles of one level, by TILE_OF_name. The CPU must have that level. */
tile_function *const *tiles_of_level(enum cpu_level level);

/* Position of the tile that emitted C calls "tile_8x32"; -1: there is none. */
int tile_find(const char *name);

/* The sets: runtime/tiles_LEVEL.c. A machine has those of its architecture. */
extern tile_function *const tiles_baseline[TILE_COUNT];
extern tile_function *const tiles_avx2[TILE_COUNT];
extern tile_function *const tiles_avx512[TILE_COUNT];

#endif
