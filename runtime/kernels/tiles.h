/* The register tiles of templates/tile.h, compiled once for each target, for callers that cannot
 * inline them. */
#ifndef EIGENTENSOR_TILES_H
#define EIGENTENSOR_TILES_H

#include "templates/tile_codes.h"

/* With a panel of float16 or bfloat16. */
typedef void tile_16_function(float *restrict acc, const float *stream, const uint16_t *panel,
                              const struct tile_walk *walk, int resume, const uint16_t *ahead);

/* With a panel of codes. */
typedef void tile_codes_function(float *restrict acc, const float *stream, const uint8_t *panel,
                                 const struct coded_walk *walk, int resume, const uint8_t *ahead);

enum {
#define TILE(name, lanes, rows, columns) TILE_OF_##name,
#include "templates/tiles.def"
#undef TILE
    TILE_COUNT
};

/* Position of the tile that emitted C calls "tile_8x32"; -1: there is none. */
int tile_find(const char *name);

/* The sets, tiles_baseline and so on, by TILE_OF_name; those of 16-bit panels have the same shapes.
 */
#define KERNEL_SET(name, target)                                                                   \
    extern tile_function *const tiles_##name[TILE_COUNT];                                          \
    extern tile_16_function *const f16_tiles_##name[TILE_COUNT];                                   \
    extern tile_16_function *const bf16_tiles_##name[TILE_COUNT];                                  \
    extern tile_codes_function *const coded_tiles_##name[TILE_COUNT];
#include "runtime/kernels/sets.def"
#undef KERNEL_SET

#endif
