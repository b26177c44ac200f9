/* Every tile for every target, against the plain loop of fmaf, bit for bit. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/kernels/kernels.h"
#include "templates/convert.h"
#include "templates/math.h"

static const struct {
    const char *name;
    int lanes, rows, columns;
} tiles[TILE_COUNT] = {
#define TILE(name, lanes, rows, columns) {#name, lanes, rows, columns},
#include "templates/tiles.def"
#undef TILE
};

enum {
    ROUNDS = 6,
    STREAM = 8400,
    PANEL = 6000,
    MAX_GAP = 20, /* elements between rows of sums that no tile may touch */
    MAX_OUT = 12 * (64 + MAX_GAP),
    GUARD = 8, /* elements around the sums that no tile may touch */
};

static uint64_t random_state;

static uint32_t random_bits(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33);
}

static long random_below(long bound) {
    return (long)(random_bits() % (uint32_t)bound);
}

/* Numbers of like size, whose sums round; one in `rare` is any float32 at all: NaN, infinite,
 * subnormal, huge. */
static float random_float(long rare) {
    if (random_below(rare) == 0) {
        static const uint32_t special[] = {0x7f800000u, 0xff800000u, 0x7fc00001u, 0x80000000u,
                                           0x00000001u, 0x807fffffu, 0x7f7fffffu};
        uint32_t any = random_bits() << 16 ^ random_bits();
        long choice = random_below(10);
        return f32_from_bits(choice < 7 ? special[choice] : any);
    }
    return (float)((int32_t)random_bits() - (1 << 30)) * 0x1p-30f;
}

static void fill(float *elements, long count, long rare) {
    for (long i = 0; i < count; i++)
        elements[i] = random_float(rare);
}

/* Which NaN is not defined. */
static void quiet(float *elements, long count) {
    for (long i = 0; i < count; i++)
        if (isnan(elements[i]))
            elements[i] = f32_from_bits(0x7fc00000u);
}

/* One sum, of elements from there on. */
static float plain_sum(const float *stream, const float *panel, const struct tile_walk *walk,
                       float sum) {
    for (ptrdiff_t h = 0; h <= walk->again; h++)
        for (ptrdiff_t i = 0; i < walk->extent[0]; i++)
            for (ptrdiff_t j = 0; j < walk->extent[1]; j++)
                for (ptrdiff_t k = 0; k < walk->extent[2]; k++)
                    sum = fmaf(stream[h * walk->again_stream + i * walk->stream[0] +
                                      j * walk->stream[1] + k * walk->stream[2]],
                               panel[h * walk->again_panel + i * walk->panel[0] +
                                     j * walk->panel[1] + k * walk->panel[2]],
                               sum);
    return sum;
}

static void plain_tile(int tile, float *acc, const float *stream, const float *panel,
                       const struct tile_walk *walk, int resume) {
    const int lanes = tiles[tile].lanes, rows = tiles[tile].rows, columns = tiles[tile].columns;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            float *sum = &acc[r * walk->sums + c];
            *sum = plain_sum(stream + walk->rows[r] + c * lanes, panel + c, walk,
                             resume ? *sum : 0.0f);
        }
}

/* Any walk that stays within `stream` and `panel` when it begins in their middle. */
static struct tile_walk random_walk(void) {
    struct tile_walk walk = {0};
    for (int i = 0; i < 12; i++)
        walk.rows[i] = random_below(2001) - 1000;
    for (int i = 0; i < 3; i++) {
        walk.extent[i] = random_below(8) == 0 ? 0 : 1 + random_below(i == 2 ? 9 : 5);
        walk.stream[i] = random_below(129) - 64;
        walk.panel[i] = random_below(129) - 64;
    }
    return walk;
}

static void check_tile(int tile, const struct target *target, long rare) {
    static float stream[STREAM], panel[PANEL];
    float found[MAX_OUT + 2 * GUARD], expected[MAX_OUT + 2 * GUARD];
    fill(stream, STREAM, rare);
    fill(panel, PANEL, rare);
    for (int round = 0; round < ROUNDS; round++) {
        struct tile_walk walk = random_walk();
        walk.sums = tiles[tile].columns + (random_below(2) ? random_below(MAX_GAP) : 0);
        walk.ahead = random_below(4);
        walk.again = random_below(3);
        walk.again_stream = random_below(129) - 64;
        walk.again_panel = random_below(129) - 64;
        if (random_below(4) == 0) { /* lane by lane, there is a form of its own for these */
            memcpy(walk.extent, (ptrdiff_t[]){1, 3, 3}, sizeof walk.extent);
            walk.again = 0;
        }
        int resume = (int)random_below(2);
        long count = tiles[tile].rows * walk.sums, offset = GUARD + random_below(4);
        fill(found, MAX_OUT + 2 * GUARD, rare);
        memcpy(expected, found, sizeof found);
        const float *x = stream + STREAM / 2, *y = panel + PANEL / 2 + random_below(16);
        kernels_for(target)->tiles[tile](found + offset, x, y, &walk, resume,
                                         random_below(2) ? y : NULL);
        plain_tile(tile, expected + offset, x, y, &walk, resume);
        quiet(found + offset, count);
        quiet(expected + offset, count);
        cr_assert_arr_eq(found, expected, sizeof found,
                         "%s at %s: extents %td %td %td, resume %d, special values 1 in %ld",
                         tiles[tile].name, target->name, walk.extent[0], walk.extent[1],
                         walk.extent[2], resume, rare);
    }
}

/* A panel of 16 bits against the same tile with a panel of what these bits are in float32. */
static void check_narrow(int tile, const struct target *target, bool f16) {
    static float stream[STREAM], panel[PANEL];
    static uint16_t narrow[PANEL];
    float found[MAX_OUT + 2 * GUARD], expected[MAX_OUT + 2 * GUARD];
    const struct kernel_set *set = kernels_for(target);
    fill(stream, STREAM, 1L << 30);
    for (int i = 0; i < PANEL; i++) {
        narrow[i] = (uint16_t)(random_bits() & (random_below(500) ? 0xbfff : 0xffff));
        panel[i] = f16 ? f16_to_f32(narrow[i]) : bf16_to_f32(narrow[i]);
    }
    for (int round = 0; round < ROUNDS; round++) {
        struct tile_walk walk = random_walk();
        walk.extent[2] = random_below(3) ? walk.extent[2] : 40; /* more than are widened at once */
        walk.panel[2] = random_below(33) - 16;
        walk.sums = tiles[tile].columns + (random_below(2) ? random_below(MAX_GAP) : 0);
        walk.ahead = random_below(4);
        int resume = (int)random_below(2);
        long count = tiles[tile].rows * walk.sums;
        fill(found, MAX_OUT + 2 * GUARD, 1L << 30);
        memcpy(expected, found, sizeof found);
        const float *x = stream + STREAM / 2;
        const uint16_t *y = narrow + PANEL / 2;
        (f16 ? set->f16_tiles : set->bf16_tiles)[tile](found + GUARD, x, y, &walk, resume,
                                                       random_below(2) ? y : NULL);
        plain_tile(tile, expected + GUARD, x, panel + PANEL / 2, &walk, resume);
        quiet(found + GUARD, count);
        quiet(expected + GUARD, count);
        cr_assert_arr_eq(found, expected, sizeof found, "%s of %s at %s", tiles[tile].name,
                         f16 ? "float16" : "bfloat16", target->name);
    }
}

/* Bytes of a column's scale, or zero. */
static long number_bytes(const struct coded_walk *walk) {
    return walk->half ? sizeof(uint16_t) : sizeof(float);
}

/* So many numbers as a panel has them, and back. */
static uint8_t *put_numbers(const struct coded_walk *walk, int count, float *numbers, uint8_t *to) {
    for (int i = 0; i < count; i++, to += number_bytes(walk)) {
        uint16_t half = f32_to_f16(numbers[i]);
        if (walk->half) {
            memcpy(to, &half, sizeof half);
            numbers[i] = f16_to_f32(half);
        } else {
            memcpy(to, &numbers[i], sizeof numbers[i]);
        }
    }
    return to;
}

/* Where a code is. */
static long place_of(int columns, const struct coded_walk *walk, long k, int c) {
    if (walk->bits == 4 && walk->by_blocks)
        return (k / 8 * columns + c) * 4 + k % 8 / 2;
    return k * walk->bits / 8 * columns + c;
}

/* Scales, zeros and codes of one block, and what they are: as many steps of so many columns, by
 * blocks before they are scaled. */
static void make_block(int columns, const struct coded_walk *walk, uint8_t *panel, float *decoded,
                       float *scales) {
    float zeros[64];
    fill(scales, columns, 50);
    uint8_t *codes = put_numbers(walk, columns, scales, panel);
    if (walk->listed)
        fill(zeros, columns, 50);
    for (int c = 0; c < columns && walk->listed && random_below(2); c++)
        zeros[c] = (float)random_below(16);
    if (walk->listed)
        codes = put_numbers(walk, columns, zeros, codes);
    for (long k = 0; k < walk->steps.extent[2]; k++)
        for (int c = 0; c < columns; c++) {
            uint8_t *byte = &codes[place_of(columns, walk, k, c)];
            int code = (int)random_below(1 << walk->bits);
            *byte = (uint8_t)(walk->bits == 4 && k % 2 ? *byte | code << 4 : code);
            float zero = walk->listed ? zeros[c] : walk->zero;
            float scale = walk->by_blocks ? 1 : scales[c];
            decoded[k * columns + c] =
                walk->listed == 2 ? (float)code * scale + zero : ((float)code - zero) * scale;
        }
}

/* The plain loop by blocks; of `block` the scales are those of number block. */
static void plain_blocks(int tile, float *acc, const float *x, const float *decoded,
                         const float (*scales)[64], const struct tile_walk *walk, int resume) {
    const int rows = tiles[tile].rows, columns = tiles[tile].columns;
    struct tile_walk block = *walk;
    float sums[12 * 64];
    block.extent[0] = block.extent[1] = 1;
    block.sums = columns;
    for (int n = 0; n < rows * columns && !resume; n++)
        acc[n / columns * walk->sums + n % columns] = 0;
    for (long i = 0; i < walk->extent[0] * walk->extent[1]; i++) {
        plain_tile(tile, sums,
                   x + i / walk->extent[1] * walk->stream[0] +
                       i % walk->extent[1] * walk->stream[1],
                   decoded + i * walk->panel[1], &block, 0);
        for (int n = 0; n < rows * columns; n++) {
            float *sum = &acc[n / columns * walk->sums + n % columns];
            *sum = fmaf(sums[n], scales[i][n % columns], *sum);
        }
    }
}

/* A panel of codes against the same tile with a panel of what they stand for. */
static void check_coded(int tile, const struct target *target) {
    enum { MOST_BLOCKS = 9, MOST_CODES = 80, WIDEST = 64 };
    static float stream[STREAM], decoded[MOST_BLOCKS * MOST_CODES * WIDEST];
    static _Alignas(64) uint8_t panel[MOST_BLOCKS * (MOST_CODES + 8) * WIDEST];
    float found[MAX_OUT + 2 * GUARD], expected[MAX_OUT + 2 * GUARD], scales[MOST_BLOCKS][64];
    const int columns = tiles[tile].columns;
    fill(stream, STREAM, 1L << 30);
    for (int round = 0; round < 2 * ROUNDS; round++) {
        const int by_blocks = round % 2;
        struct coded_walk walk = {.steps = random_walk(),
                                  .listed = (int)random_below(3 - by_blocks),
                                  .half = (int)random_below(2),
                                  .by_blocks = by_blocks};
        struct tile_walk *steps = &walk.steps, plain;
        walk.bits = random_below(2) ? 4 : 8;
        walk.zero = random_below(2) ? 8 : (float)random_below(1000) / 7;
        const long together = walk.bits == 8 ? 1 : by_blocks ? 8 : 2;
        const long block = steps->extent[2] = together * (1 + random_below(MOST_CODES / together));
        steps->extent[0] = random_below(4);
        steps->extent[1] = 1 + random_below(3);
        steps->panel[1] =
            columns * ((walk.listed ? 2 : 1) * number_bytes(&walk) + block * walk.bits / 8);
        steps->panel[0] = steps->extent[1] * steps->panel[1];
        steps->panel[2] = columns;
        steps->stream[2] = random_below(3) ? random_below(65) - 32 : 1;
        steps->sums = columns + (random_below(2) ? random_below(MAX_GAP) : 0);
        plain = *steps;
        plain.panel[1] = block * columns;
        plain.panel[0] = steps->extent[1] * plain.panel[1];
        for (long i = 0; i < steps->extent[0] * steps->extent[1]; i++)
            make_block(columns, &walk, panel + i * steps->panel[1], decoded + i * plain.panel[1],
                       scales[i]);
        int resume = (int)random_below(2);
        long count = tiles[tile].rows * steps->sums;
        fill(found, MAX_OUT + 2 * GUARD, 1L << 30);
        memcpy(expected, found, sizeof found);
        const float *x = stream + STREAM / 2;
        steps->ahead = random_below(20);
        kernels_for(target)->coded_tiles[tile](found + GUARD, x, panel, &walk, resume,
                                               random_below(2) ? panel : NULL);
        if (by_blocks)
            plain_blocks(tile, expected + GUARD, x, decoded, scales, &plain, resume);
        else
            plain_tile(tile, expected + GUARD, x, decoded, &plain, resume);
        quiet(found + GUARD, count);
        quiet(expected + GUARD, count);
        cr_assert_arr_eq(found, expected, sizeof found, "%s of %d bits at %s: %ld codes",
                         tiles[tile].name, walk.bits, target->name, block);
    }
}

static void check_target(const struct target *target) {
    if (!cpu_runs(target))
        cr_skip_test("this CPU lacks %s", target->name);
    random_state = 1 + (uint64_t)(target - targets);
    for (int tile = 0; tile < TILE_COUNT; tile++) {
        check_tile(tile, target, 1L << 30);
        check_tile(tile, target, 500);
        check_tile(tile, target, 5);
        check_narrow(tile, target, true);
        check_narrow(tile, target, false);
        if (!tiles[tile].lanes)
            check_coded(tile, target);
    }
}

Test(tiles, baseline_is_the_plain_loop) {
    check_target(&targets[TARGET_BASELINE]);
}

Test(tiles, avx2_is_the_plain_loop) {
    check_target(&targets[TARGET_AVX2]);
}

Test(tiles, avx512_is_the_plain_loop) {
    check_target(&targets[TARGET_AVX512]);
}

/* Walks known at compile time, as emitted C has them: other code. */
#define KNOWN(name, lanes, rows, columns)                                                          \
    static void known_##name(float *acc, const float *stream, const float *panel) {                \
        tile(lanes, rows, columns, acc, stream, panel, &known_walk, 0, stream);                    \
    }
static const struct tile_walk known_walk = {
    .rows = {0, 7, 300, 17, 64, -9, 500, 1, 2, 3, 400, -500},
    .extent = {4, 3, 5},
    .stream = {1, 100, 4},
    .panel = {480, 160, 32},
    .ahead = 2,
    .again = 1,
    .again_stream = -3,
    .again_panel = 96,
};
#define TILE(name, lanes, rows, columns) KNOWN(name, lanes, rows, columns)
#include "templates/tiles.def"
#undef TILE

Test(tiles, known_walks_are_the_plain_loop) {
    static void (*const known[TILE_COUNT])(float *, const float *, const float *) = {
#define TILE(name, lanes, rows, columns) known_##name,
#include "templates/tiles.def"
#undef TILE
    };
    static float stream[STREAM], panel[PANEL];
    random_state = 99;
    fill(stream, STREAM, 200);
    fill(panel, PANEL, 200);
    for (int i = 0; i < TILE_COUNT; i++) {
        float found[MAX_OUT] = {0}, expected[MAX_OUT] = {0};
        known[i](found, stream + STREAM / 2, panel);
        plain_tile(i, expected, stream + STREAM / 2, panel, &known_walk, 0);
        quiet(found, MAX_OUT);
        quiet(expected, MAX_OUT);
        cr_assert_arr_eq(found, expected, sizeof found, "%s", tiles[i].name);
    }
}

Test(tiles, names) {
    for (int i = 0; i < TILE_COUNT; i++)
        cr_assert_eq(tile_find(tiles[i].name), i);
    cr_assert_eq(tile_find("tile_13x32"), -1);
    cr_assert_eq(tile_find("tile_1x1"), -1);
    cr_assert_eq(tile_find("tile_lanes_7x64"), -1);
    cr_assert_eq(tile_find("tile_walk"), -1);
    cr_assert_eq(tile_find(""), -1);
}

Test(tiles, kernels_by_name) {
    const struct kernel_set *set = kernels_for(&targets[TARGET_BASELINE]);
    cr_assert_eq(kernel_find(set, "tile_8x32"), (const void *)set->tiles[TILE_OF_tile_8x32]);
    cr_assert_eq(kernel_find(set, "row_f32_add"), (const void *)set->rows[ROW_row_f32_add]);
    cr_assert_eq(kernel_find(set, "f16_tile_1x64"),
                 (const void *)set->f16_tiles[TILE_OF_tile_1x64]);
    cr_assert_eq(kernel_find(set, "bf16_tile_lanes_1x8"),
                 (const void *)set->bf16_tiles[TILE_OF_tile_lanes_1x8]);
    cr_assert_null(kernel_find(set, "f16_tile_"));
    cr_assert_null(kernel_find(set, "f16_row_f32_add"));
    cr_assert_null(kernel_find(set, "row_f32_and"));
    cr_assert_null(kernel_find(set, "tile_"));
    cr_assert_null(kernel_find(set, "tile_walk"));
}
