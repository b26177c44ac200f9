// The register tiles on the shapes of the MNIST network's convolutions, as shares of the measured
// rate of fused multiply-adds: with a walk that the compiler knows, and from the runtime.
//
//   make library && cc -std=gnu11 -O3 -fno-loop-unroll-and-jam -march=native -ffp-contract=off
//       -I. bench/tiles.c build/libeigentensor.a -lm -o tiles && ./tiles
//
// -march=x86-64-v3 measures the AVX2 tiles instead of the AVX-512 ones.

#include "compiler/base/clock.h"
#include "runtime/kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined __AVX512F__
enum { TARGET = TARGET_AVX512 };
#elif defined __AVX2__
enum { TARGET = TARGET_AVX2 };
#else
enum { TARGET = TARGET_BASELINE };
#endif

enum { REPEATS = 9, STREAM = 1 << 16, PANEL = 1 << 16 };
static const double sample_seconds = 5e-4;

// MACRO(name, input channels, width and height, window, ...); activations have channels innermost.
#define SHAPES(MACRO, ...)                                                                         \
    MACRO(conv1, 1, 28, 5, __VA_ARGS__)                                                            \
    MACRO(conv2, 32, 24, 5, __VA_ARGS__)                                                           \
    MACRO(conv3, 32, 10, 3, __VA_ARGS__)                                                           \
    MACRO(conv4, 64, 8, 3, __VA_ARGS__)

// Rows lie in pairs of image lines, as a network that pools 2 x 2 wants them.
#define ROW(row, c, w) ((row) % 2 * (w) * (c) + (row) / 2 * (c))
#define ROWS(c, w)                                                                                 \
    {                                                                                              \
        ROW(0, c, w), ROW(1, c, w), ROW(2, c, w), ROW(3, c, w), ROW(4, c, w), ROW(5, c, w),        \
            ROW(6, c, w), ROW(7, c, w), ROW(8, c, w), ROW(9, c, w), ROW(10, c, w), ROW(11, c, w)   \
    }
#define WALK(name, c, w, k, columns)                                                               \
    static const struct tile_walk name##_##columns = {                                             \
        .rows = ROWS(c, w),                                                                        \
        .extent = {c, k, k},                                                                       \
        .stream = {1, (w) * (c), c},                                                               \
        .panel = {(k) * (k) * (columns), (k) * (columns), columns},                                \
        .sums = columns};
SHAPES(WALK, 8)
SHAPES(WALK, 16)
SHAPES(WALK, 24)
SHAPES(WALK, 32)
SHAPES(WALK, 48)
SHAPES(WALK, 64)

#define INLINED(shape, c, w, k, tile_name, lanes, row_count, columns)                              \
    static void shape##_##tile_name(float *restrict acc, const float *stream, const float *panel,  \
                                    const struct tile_walk *walk, int resume,                      \
                                    const float *ahead) {                                          \
        (void)walk, (void)resume, (void)ahead;                                                     \
        tile(lanes, row_count, columns, acc, stream, panel, &shape##_##columns, 0, NULL);          \
    }
#define TILE(name, lanes, rows, columns) SHAPES(INLINED, name, lanes, rows, columns)
#include "templates/tiles.def"
#undef TILE

static const struct subject {
    const char *shape, *name;
    int rows, columns, tile, channels, width, window;
    const struct tile_walk *walk;
    tile_function *inlined;
} subjects[] = {
#define SUBJECT(shape, c, w, k, tile_name, lanes, row_count, columns)                              \
    {#shape, #tile_name,         row_count,          columns, TILE_OF_##tile_name, c, w,           \
     k,      &shape##_##columns, shape##_##tile_name},
#define TILE(name, lanes, rows, columns) SHAPES(SUBJECT, name, lanes, rows, columns)
#include "templates/tiles.def"
#undef TILE
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static _Alignas(64) float stream[STREAM], panel[PANEL], acc[12 * 64];

// The subject once over its image: two lines at a time; returns how many tiles that were.
static long sweep(const struct subject *subject, tile_function *function) {
    int out = subject->width - subject->window + 1, across = (subject->rows + 1) / 2;
    long tiles = 0;
    for (int y = 0; y + 2 <= out; y += 2)
        for (int x = 0; x < out; x += across, tiles++)
            function(acc, stream + (y * subject->width + x) * subject->channels, panel,
                     subject->walk, 0, NULL);
    return tiles;
}

// The best of REPEATS samples, in GFLOP/s.
static double tile_rate(const struct subject *subject, tile_function *function) {
    double flops = 2.0 * subject->rows * subject->columns * subject->channels * subject->window *
                   subject->window;
    double best = 0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        double begin = now_seconds(), seconds;
        long tiles = 0;
        do
            tiles += sweep(subject, function);
        while ((seconds = now_seconds() - begin) < sample_seconds);
        double rate = flops * (double)tiles / seconds * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

// 12 independent chains of multiply-adds on registers, in GFLOP/s.
static double peak_rate(void) {
    const long steps = 200000;
    double best = 0;
    vector sums[12], a = vector_load(stream), b = vector_load(panel);
    for (int i = 0; i < 12; i++)
        sums[i] = vector_of(0.0f);
    for (int repeat = 0; repeat < 10 * REPEATS; repeat++) {
        double begin = now_seconds();
        TILE_KEEP_LOOP
        for (long step = 0; step < steps; step++) {
            __asm__ volatile("");
            TILE_UNROLL
            for (int i = 0; i < 12; i++)
                sums[i] = vector_fma(a, b, sums[i]);
        }
        double rate = 2.0 * 12 * VECTOR_LANES * (double)steps / (now_seconds() - begin) * 1e-9;
        best = rate > best ? rate : best;
    }
    for (int i = 0; i < 12; i++)
        vector_store(acc + i * VECTOR_LANES, sums[i]);
    return best;
}

int main(void) {
    const struct target *target = &targets[TARGET];
    if (!cpu_runs(target)) {
        fprintf(stderr, "tiles: this CPU lacks %s\n", target->name);
        return 2;
    }
    for (int i = 0; i < STREAM; i++)
        stream[i] = (float)(i % 17 - 8) * 0.25f;
    for (int i = 0; i < PANEL; i++)
        panel[i] = (float)(i % 13 - 6) * 0.125f;
    double peak = peak_rate();
    printf("%s: peak %.1f GFLOP/s; each tile's GFLOP/s and share of it\n\n", target->name, peak);
    printf("shape     K  tile              inlined          runtime\n");
    for (int i = 0; i < SUBJECTS; i++) {
        const struct subject *subject = &subjects[i];
        double inlined = tile_rate(subject, subject->inlined);
        double runtime = tile_rate(subject, kernels_for(target)->tiles[subject->tile]);
        printf("%s  %4d  %-16s %6.1f  %5.1f %%  %6.1f  %5.1f %%\n", subject->shape,
               subject->channels * subject->window * subject->window, subject->name, inlined,
               100 * inlined / peak, runtime, 100 * runtime / peak);
    }
    return 0;
}
