/* One set of tiles: included by tiles_NAME.c, which defines SET as that name. */
#include "runtime/kernels/sets.h"
#include "templates/tile_shape.h"

/* The shape that the cost model takes a tile to have is the one that it has: all are constants, so
 * that the call is gone, or the compiler refuses it. */
__attribute__((error("templates/tile_shape.h says that a tile has another shape"))) void
tile_shape_differs(void);
static inline __attribute__((always_inline)) void assert_shape(struct tile_shape shape, int height,
                                                               int width, int high_rows) {
    if (shape.height != height || shape.width != width ||
        shape.high_blocks * shape.height != high_rows)
        tile_shape_differs();
}
#define TILE_ASSERT_SHAPE(rows, columns, height, width, high_rows)                                 \
    assert_shape(tile_shape(rows, columns, VECTOR_LANES, TILE_REGISTERS, TILE_ACCUMULATORS),       \
                 height, width, high_rows)
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

#define TILE(name, lanes, rows, columns)                                                           \
    static void f16_##name(float *restrict acc, const float *stream, const uint16_t *panel,        \
                           const struct tile_walk *walk, int resume, const uint16_t *ahead) {      \
        tile_16(TILE_F16, rows, columns, name, acc, stream, panel, walk, resume, ahead);           \
    }                                                                                              \
    static void bf16_##name(float *restrict acc, const float *stream, const uint16_t *panel,       \
                            const struct tile_walk *walk, int resume, const uint16_t *ahead) {     \
        tile_16(TILE_BF16, rows, columns, name, acc, stream, panel, walk, resume, ahead);          \
    }                                                                                              \
    static void coded_##name(float *restrict acc, const float *stream, const uint8_t *panel,       \
                             const struct coded_walk *walk, int resume, const uint8_t *ahead) {    \
        if (!lanes) /* there are none that go lane by lane */                                      \
            tile_codes(rows, columns, name, acc, stream, panel, walk, resume, ahead);              \
    }
#include "templates/tiles.def"
#undef TILE

tile_16_function *const OF_SET(f16_tiles_, )[TILE_COUNT] = {
#define TILE(name, lanes, rows, columns) f16_##name,
#include "templates/tiles.def"
#undef TILE
};
tile_16_function *const OF_SET(bf16_tiles_, )[TILE_COUNT] = {
#define TILE(name, lanes, rows, columns) bf16_##name,
#include "templates/tiles.def"
#undef TILE
};
tile_codes_function *const OF_SET(coded_tiles_, )[TILE_COUNT] = {
#define TILE(name, lanes, rows, columns) coded_##name,
#include "templates/tiles.def"
#undef TILE
};
tile_function *const OF_SET(tiles_, )[TILE_COUNT] = {
#define TILE(name, lanes, rows, columns) name,
#include "templates/tiles.def"
#undef TILE
};
