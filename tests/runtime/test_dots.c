/* Every tile of 8-bit integers, of every set, against the plain loop. */
#include <criterion/criterion.h>
#include <string.h>

#include "runtime/kernels/kernels.h"

static const struct {
    const char *name;
    int lanes, rows, columns;
} tiles[DOT_COUNT] = {
#define DOT(name, lanes, rows, columns) {#name, lanes, rows, columns},
#include "templates/dots.def"
#undef DOT
};

enum {
    ROUNDS = 8,
    STREAM = 6000,
    PANEL = 40000,
    MAX_GAP = 20, /* sums between rows that no tile may touch */
    MAX_OUT = 12 * (64 + MAX_GAP),
    GUARD = 8, /* around the sums */
};

static uint64_t random_state;

static uint32_t random_bits(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33);
}

static long random_below(long bound) {
    return (long)(random_bits() % (uint32_t)bound);
}

/* Any bytes, or all those whose products are the largest. */
static void fill(void *elements, size_t bytes, int extreme) {
    unsigned char *to = elements;
    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)(extreme ? extreme : (int)random_bits());
}

static void plain_tile(int tile, int32_t *acc, const uint8_t *stream, const int8_t *panel,
                       const struct tile_walk *walk, int resume) {
    const int group = tiles[tile].lanes ? 1 : 4;
    for (int r = 0; r < tiles[tile].rows; r++)
        for (int c = 0; c < tiles[tile].columns; c++) {
            uint32_t sum = resume ? (uint32_t)acc[r * walk->sums + c] : 0;
            for (ptrdiff_t i = 0; i < walk->extent[0]; i++)
                for (ptrdiff_t j = 0; j < walk->extent[1]; j++)
                    for (ptrdiff_t k = 0; k < group * walk->extent[2]; k++) {
                        const uint8_t *x = stream + walk->rows[r] + i * walk->stream[0] +
                                           j * walk->stream[1] + k / group * walk->stream[2] +
                                           k % group + c * tiles[tile].lanes;
                        const int8_t *y = panel + group * c + k % group + i * walk->panel[0] +
                                          j * walk->panel[1] + k / group * walk->panel[2];
                        sum += (uint32_t)(*x * *y);
                    }
            acc[r * walk->sums + c] = (int32_t)sum;
        }
}

/* Any walk that stays within `stream` and `panel` when it begins in their middle. */
static struct tile_walk random_walk(int columns) {
    struct tile_walk walk = {.sums = columns + (random_below(2) ? random_below(MAX_GAP) : 0),
                             .ahead = random_below(4)};
    for (int i = 0; i < 12; i++)
        walk.rows[i] = random_below(2001) - 1000;
    for (int i = 0; i < 3; i++) {
        walk.extent[i] = random_below(8) == 0 ? 0 : 1 + random_below(i == 2 ? 9 : 5);
        walk.stream[i] = random_below(129) - 64;
        walk.panel[i] = random_below(513) - 256;
    }
    return walk;
}

static void check_tile(int tile, dot_function *function, const char *set, int extreme) {
    static uint8_t stream[STREAM];
    static int8_t panel[PANEL];
    int32_t found[MAX_OUT + 2 * GUARD], expected[MAX_OUT + 2 * GUARD];
    fill(stream, sizeof stream, extreme ? 255 : 0);
    fill(panel, sizeof panel, extreme);
    for (int round = 0; round < ROUNDS; round++) {
        const struct tile_walk walk = random_walk(tiles[tile].columns);
        int resume = (int)random_below(2);
        fill(found, sizeof found, 0);
        memcpy(expected, found, sizeof found);
        const uint8_t *x = stream + STREAM / 2 + random_below(4);
        const int8_t *y = panel + PANEL / 2 + random_below(64);
        function(found + GUARD, x, y, &walk, resume, random_below(2) ? y : NULL);
        plain_tile(tile, expected + GUARD, x, y, &walk, resume);
        cr_assert_arr_eq(found, expected, sizeof found, "%s of %s: extents %td %td %td, resume %d",
                         tiles[tile].name, set, walk.extent[0], walk.extent[1], walk.extent[2],
                         resume);
    }
}

static void check_set(dot_function *const *dots, const char *set) {
    random_state = 7;
    for (int tile = 0; tile < DOT_COUNT; tile++) {
        check_tile(tile, dots[tile], set, 0);
        check_tile(tile, dots[tile], set, 128);
        check_tile(tile, dots[tile], set, 127);
    }
}

static void check_target(const struct target *target) {
    if (!cpu_runs(target))
        cr_skip_test("this CPU lacks %s", target->name);
    check_set(kernels_for(target)->dots, target->name);
}

Test(dots, baseline_is_the_plain_loop) {
    check_target(&targets[TARGET_BASELINE]);
}

Test(dots, avx2_is_the_plain_loop) {
    check_target(&targets[TARGET_AVX2]);
}

Test(dots, avx512_is_the_plain_loop) {
    check_target(&targets[TARGET_AVX512]);
}

Test(dots, faster_ones_are_the_plain_loop) {
    for (int i = 0; i < FASTER_DOTS_COUNT; i++)
        if (cpu_runs(faster_dots[i].target) && faster_dots[i].runs())
            check_set(faster_dots[i].dots, faster_dots[i].name);
}

Test(dots, names) {
    for (int i = 0; i < DOT_COUNT; i++)
        cr_assert_eq(dot_find(tiles[i].name), i);
    cr_assert_eq(dot_find("dot_13x32"), -1);
    cr_assert_eq(dot_find("dot_7x64"), -1);
    cr_assert_eq(dot_find("dot_lanes_7x32"), -1);
    cr_assert_eq(dot_find("dot_"), -1);
    cr_assert_eq(dot_find(""), -1);
}

/* What the environment asks for is all that is used. */
Test(dots, kernels_by_name) {
    const struct kernel_set *set = kernels_for(&targets[TARGET_BASELINE]);
    cr_assert_eq(kernel_find(set, "dot_8x32"), (const void *)set->dots[DOT_OF_dot_8x32]);
    cr_assert_eq(kernel_find(set, "dot_lanes_1x8"), (const void *)set->dots[DOT_OF_dot_lanes_1x8]);
    cr_assert_null(kernel_find(set, "dot_lanes_1x64"));
    setenv("EIGENTENSOR_CPU", "avx512", 1);
    set = kernels_for(&targets[TARGET_AVX512]);
    cr_assert_eq(kernel_find(set, "dot_1x16"), (const void *)set->dots[DOT_OF_dot_1x16]);
    unsetenv("EIGENTENSOR_CPU");
    for (int i = 0; i < FASTER_DOTS_COUNT; i++)
        if (faster_dots[i].runs())
            cr_assert_eq(kernel_find(kernels_for(faster_dots[i].target), "dot_1x16"),
                         (const void *)faster_dots[i].dots[DOT_OF_dot_1x16]);
}
