/* Tiles of 8-bit integers against the plain loop, for test programs and for what runs by itself on
 * another machine. */
#ifndef EIGENTENSOR_DOT_TRIAL_H
#define EIGENTENSOR_DOT_TRIAL_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "runtime/kernels/dots.h"

static const struct dot_shape {
    const char *name;
    int lanes, rows, columns;
} dot_shapes[DOT_COUNT] = {
#define DOT(name, lanes, rows, columns) {#name, lanes, rows, columns},
#include "templates/dots.def"
#undef DOT
};

enum {
    DOT_ROUNDS = 16,
    DOT_STREAM = 6000,
    DOT_PANEL = 40000,
    DOT_MAX_GAP = 20, /* sums between rows that no tile may touch */
    DOT_GUARD = 8,    /* around the sums */
    DOT_MAX_OUT = 12 * (64 + DOT_MAX_GAP) + 2 * DOT_GUARD,
};

static uint64_t dot_random_state;

static inline uint32_t dot_random_bits(void) {
    dot_random_state = dot_random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dot_random_state >> 33);
}

static inline long dot_random_below(long bound) {
    return (long)(dot_random_bits() % (uint32_t)bound);
}

/* Any bytes, or all those whose products are the largest. */
static inline void dot_fill(void *elements, size_t bytes, int extreme) {
    unsigned char *to = elements;
    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)(extreme ? extreme : (int)dot_random_bits());
}

/* The sum of one row and column. */
static inline uint32_t dot_plain_sum(const struct dot_shape *shape, int row, int column,
                                     const uint8_t *stream, const int8_t *panel,
                                     const struct tile_walk *walk) {
    const int group = shape->lanes ? 1 : 4;
    uint32_t sum = 0;
    for (ptrdiff_t i = 0; i < walk->extent[0]; i++)
        for (ptrdiff_t j = 0; j < walk->extent[1]; j++)
            for (ptrdiff_t k = 0; k < walk->extent[2]; k++)
                for (int g = 0; g < group; g++) {
                    const ptrdiff_t x = walk->rows[row] + i * walk->stream[0] +
                                        j * walk->stream[1] + k * walk->stream[2];
                    const ptrdiff_t y =
                        i * walk->panel[0] + j * walk->panel[1] + k * walk->panel[2];
                    sum += (uint32_t)(stream[x + g + column * shape->lanes] *
                                      panel[y + g + group * column]);
                }
    return sum;
}

static inline void dot_plain_tile(const struct dot_shape *shape, int32_t *acc,
                                  const uint8_t *stream, const int8_t *panel,
                                  const struct tile_walk *walk, int resume) {
    for (int r = 0; r < shape->rows; r++)
        for (int c = 0; c < shape->columns; c++) {
            const uint32_t before = resume ? (uint32_t)acc[r * walk->sums + c] : 0;
            acc[r * walk->sums + c] =
                (int32_t)(before + dot_plain_sum(shape, r, c, stream, panel, walk));
        }
}

/* Any walk that stays within stream and panel when it begins in their middle. */
static inline struct tile_walk dot_random_walk(int columns) {
    struct tile_walk walk = {.sums = columns +
                                     (dot_random_below(2) ? dot_random_below(DOT_MAX_GAP) : 0),
                             .ahead = dot_random_below(4)};
    for (int i = 0; i < 12; i++)
        walk.rows[i] = dot_random_below(2001) - 1000;
    for (int i = 0; i < 3; i++) {
        walk.extent[i] = dot_random_below(8) == 0 ? 0 : 1 + dot_random_below(i == 2 ? 9 : 5);
        walk.stream[i] = dot_random_below(129) - 64;
        walk.panel[i] = dot_random_below(513) - 256;
    }
    for (int i = 1; i < 12 && dot_random_below(8); i += 2) /* windows that slide, or some of them */
        walk.rows[i] = walk.rows[i - 1] + walk.stream[2];
    return walk;
}

/* Whether a tile gives the sums of the plain loop, and touches nothing else. Says what it did not
 * agree in. */
static inline bool dot_agrees(const struct dot_shape *shape, dot_function *function, int extreme) {
    static uint8_t stream[DOT_STREAM];
    static int8_t panel[DOT_PANEL];
    int32_t found[DOT_MAX_OUT], expected[DOT_MAX_OUT];
    dot_fill(stream, sizeof stream, extreme ? 255 : 0);
    dot_fill(panel, sizeof panel, extreme);
    for (int round = 0; round < DOT_ROUNDS; round++) {
        const struct tile_walk walk = dot_random_walk(shape->columns);
        const int resume = (int)dot_random_below(2);
        dot_fill(found, sizeof found, 0);
        memcpy(expected, found, sizeof found);
        const uint8_t *x = stream + DOT_STREAM / 2 + dot_random_below(4);
        const int8_t *y = panel + DOT_PANEL / 2 + dot_random_below(64);
        function(found + DOT_GUARD, x, y, &walk, resume, dot_random_below(2) ? y : NULL);
        dot_plain_tile(shape, expected + DOT_GUARD, x, y, &walk, resume);
        if (memcmp(found, expected, sizeof found) == 0)
            continue;
        fprintf(stderr, "%s: extents %td %td %td, resume %d\n", shape->name, walk.extent[0],
                walk.extent[1], walk.extent[2], resume);
        return false;
    }
    return true;
}

/* Whether all tiles of a set agree. */
static inline bool dots_agree(dot_function *const *dots) {
    static const int extremes[] = {0, 128, 127};
    bool good = true;
    dot_random_state = 7;
    for (int tile = 0; tile < DOT_COUNT; tile++)
        for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++)
            good = dot_agrees(&dot_shapes[tile], dots[tile], extremes[i]) && good;
    return good;
}

#endif
