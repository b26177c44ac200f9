/* One set of tiles of 8-bit integers: included by dots_NAME.c, which defines DOTS as that name, and
 * SET as the set of kernels whose vectors they have. */
#include "runtime/kernels/dots.h"
#include "runtime/kernels/sets.h"

ASSERT_OF_SET(DOT_LANES, LANES);
ASSERT_OF_SET(DOT_REGISTERS, REGISTERS);
ASSERT_OF_SET(DOT_ACCUMULATORS, ACCUMULATORS);
ASSERT_OF_SET(TILE_DOT_LINE, LINE);

#define DOT(name, lanes, rows, columns)                                                            \
    static void name(int32_t *restrict acc, const uint8_t *stream, const int8_t *panel,            \
                     const struct tile_walk *walk, int resume, const int8_t *ahead) {              \
        if (lanes)                                                                                 \
            tile_dot_lanes(rows, columns, acc, stream, panel, walk, resume, NULL);                 \
        else if (ahead)                                                                            \
            tile_dot(rows, columns, acc, stream, panel, walk, resume, ahead);                      \
        else /* registers are scarce */                                                            \
            tile_dot(rows, columns, acc, stream, panel, walk, resume, NULL);                       \
    }
#include "templates/dots.def"
#undef DOT

#define DOTS_NAMED(name) DOTS_JOINED(name)
#define DOTS_JOINED(name) dots_##name
dot_function *const DOTS_NAMED(DOTS)[DOT_COUNT] = {
#define DOT(name, lanes, rows, columns) name,
#include "templates/dots.def"
#undef DOT
};
