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

/* Lane by lane, most sums are 3 x 3: without loops, of which a tile as short as that would wait for
 * the ends. Not where each multiply-add is many instructions. */
enum { HAS_NINE = TILE_ACCUMULATORS >= 12 };
static inline bool is_nine(const struct tile_walk *walk, int resume) {
    return walk->extent[0] == 1 && walk->extent[1] == 3 && walk->extent[2] == 3 && !walk->again &&
           !resume;
}

TILE_INLINE tile_nine(int rows, int columns, float *restrict acc, const float *stream,
                      const float *panel, const struct tile_walk *walk) {
    const int width = columns / VECTOR_LANES, fit = TILE_ACCUMULATORS / width;
    TILE_UNROLL
    for (int first = 0; first < rows; first += fit) {
        const int height = rows - first < fit ? rows - first : fit;
        vector sums[TILE_ACCUMULATORS];
        TILE_UNROLL
        for (int n = 0; n < height * width; n++)
            sums[n] = vector_of(0.0f);
        TILE_UNROLL
        for (int step = 0; step < 9; step++) {
            const float *x = stream + step / 3 * walk->stream[1] + step % 3 * walk->stream[2];
            const float *y = panel + step / 3 * walk->panel[1] + step % 3 * walk->panel[2];
            TILE_HIDE(x);
            vector factor[TILE_ACCUMULATORS];
            TILE_UNROLL
            for (int v = 0; v < width; v++)
                factor[v] = vector_load(y + v * VECTOR_LANES);
            TILE_UNROLL
            for (int n = 0; n < height * width; n++)
                sums[n] = vector_fma(
                    vector_load(x + walk->rows[first + n / width] + n % width * VECTOR_LANES),
                    factor[n % width], sums[n]);
        }
        TILE_UNROLL
        for (int n = 0; n < height * width; n++)
            vector_store(acc + (first + n / width) * walk->sums + n % width * VECTOR_LANES,
                         sums[n]);
    }
}

#define TILE(name, lanes, rows, columns)                                                           \
    static void name(float *restrict acc, const float *stream, const float *panel,                 \
                     const struct tile_walk *walk, int resume, const float *ahead) {               \
        if (HAS_NINE && lanes && columns >= VECTOR_LANES && is_nine(walk, resume))                 \
            tile_nine(rows, columns, acc, stream, panel, walk);                                    \
        else if (!lanes && ahead)                                                                  \
            tile(lanes, rows, columns, acc, stream, panel, walk, resume, ahead);                   \
        else /* registers are scarce */                                                            \
            tile(lanes, rows, columns, acc, stream, panel, walk, resume, NULL);                    \
    }
#include "templates/tiles.def"
#undef TILE

#define TILE(name, lanes, rows, columns)                                                           \
    static void f16_##name(float *restrict acc, const float *stream, const uint16_t *panel,        \
                           const struct tile_walk *walk, int resume, const uint16_t *ahead) {      \
        tile_16(TILE_F16, lanes, rows, columns, name, acc, stream, panel, walk, resume, ahead);    \
    }                                                                                              \
    static void bf16_##name(float *restrict acc, const float *stream, const uint16_t *panel,       \
                            const struct tile_walk *walk, int resume, const uint16_t *ahead) {     \
        tile_16(TILE_BF16, lanes, rows, columns, name, acc, stream, panel, walk, resume, ahead);   \
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
