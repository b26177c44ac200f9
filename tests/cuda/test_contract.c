/* Contractions by blocks of threads (templates/cuda/contract.h), on the CPU: the bits of the plain
 * loop. */
#include <criterion/criterion.h>

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/backend/backend.h"
#include "tests/support/golden.h"
#include "tests/support/on_cpu.h"
#include "tests/support/random_graph.h"

enum element { F32, F64, I32, U8, I8 };
static const size_t element_bytes[] = {[F32] = 4, [F64] = 8, [I32] = 4, [U8] = 1, [I8] = 1};

static const struct contraction {
    const char *name;
    bool stream_along, panel_along;
    enum element sum, stream, panel;
    int width; /* all sizes are multiples of it */
} contractions[] = {
    {"f32_128x128", true, false, F32, F32, F32, 1},
    {"f32_128x128_wide", true, false, F32, F32, F32, 4},
    {"f32_64x128", false, false, F32, F32, F32, 4},
    {"f32_64x64", true, true, F32, F32, F32, 4},
    {"f32_32x32", false, true, F32, F32, F32, 1},
    {"f32_32x256", true, false, F32, F32, F32, 4},
    {"f32_256x32", false, true, F32, F32, F32, 1},
    {"f32_16x16", true, true, F32, F32, F32, 4},
    {"f32_16x16_few", true, false, F32, F32, F32, 4},
    {"f32_4x32", true, false, F32, F32, F32, 4},
    {"f32_4x128", true, false, F32, F32, F32, 4},
    {"f64_64x64", true, false, F64, F64, F64, 2},
    {"f64_8x16", false, true, F64, F64, F64, 2},
    {"i32_32x64", true, true, I32, U8, I8, 1},
    {"i32_16x32", false, true, I32, I32, I32, 4},
    {"s8_u8_64x128", true, false, I32, I8, U8, 16},
    {"u8_s8_32x32", false, true, I32, U8, I8, 16},
    {"s8_s8_16x32", true, false, I32, I8, I8, 4},
    {"u8_u8_64x32", true, true, I32, U8, U8, 16},
};
enum { CONTRACTIONS = sizeof contractions / sizeof *contractions, SIZES = 12, SEEDS = 2 };

typedef void contracting(const void *x, const void *w, void *y, int rows, int columns, int depth);

/* One in four is so small that products underflow, to -0 too. */
static void fill(enum element element, void *elements, long count, struct random *random) {
    for (long i = 0; i < count; i++) {
        const double value = (double)random_between(random, -1000, 1000) / 256;
        const bool small = random_between(random, 0, 3) == 0;
        if (element == F32)
            ((float *)elements)[i] = (float)value * (small ? 0x1p-76f : 1.0f);
        else if (element == F64)
            ((double *)elements)[i] = value * (small ? 0x1p-540 : 1.0);
        else if (element == I32)
            ((uint32_t *)elements)[i] = (uint32_t)random_next(random);
        else
            ((uint8_t *)elements)[i] = (uint8_t)random_between(random, 0, 255);
    }
}

static int32_t byte_at(enum element element, const void *elements, long i) {
    return element == I8 ? ((const int8_t *)elements)[i] : ((const uint8_t *)elements)[i];
}

static void add(const struct contraction *how, void *y, const void *x, const void *w, long at,
                long from, long by) {
    if (how->sum == F32)
        ((float *)y)[at] = fmaf(((const float *)x)[from], ((const float *)w)[by], ((float *)y)[at]);
    else if (how->sum == F64)
        ((double *)y)[at] =
            fma(((const double *)x)[from], ((const double *)w)[by], ((double *)y)[at]);
    else if (how->stream == I32)
        ((uint32_t *)y)[at] += ((const uint32_t *)x)[from] * ((const uint32_t *)w)[by];
    else
        ((int32_t *)y)[at] += byte_at(how->stream, x, from) * byte_at(how->panel, w, by);
}

static void expect(const struct contraction *how, const void *x, const void *w, void *y, int rows,
                   int columns, int depth) {
    memset(y, 0, (size_t)rows * (size_t)columns * element_bytes[how->sum]);
    for (long row = 0; row < rows; row++)
        for (long column = 0; column < columns; column++)
            for (long k = 0; k < depth; k++)
                add(how, y, x, w, row * columns + column,
                    how->stream_along ? row * depth + k : k * rows + row,
                    how->panel_along ? column * depth + k : k * columns + column);
}

/* Buffers of the very sizes, so that the address sanitizer sees a step beyond. */
static void check(const struct contraction *how, contracting *call, struct random *random) {
    const int rows = how->width * (int)random_between(random, 1, 300 / how->width);
    const int columns = how->width * (int)random_between(random, 1, 300 / how->width);
    const int depth = how->width * (int)random_between(random, 1, 150 / how->width);
    const size_t sums = (size_t)rows * (size_t)columns;
    void *x = malloc((size_t)rows * (size_t)depth * element_bytes[how->stream]);
    void *w = malloc((size_t)columns * (size_t)depth * element_bytes[how->panel]);
    void *expected = malloc(sums * element_bytes[how->sum]);
    void *y = malloc(sums * element_bytes[how->sum]);
    cr_assert(x && w && expected && y);
    fill(how->stream, x, (long)rows * depth, random);
    fill(how->panel, w, (long)columns * depth, random);
    expect(how, x, w, expected, rows, columns, depth);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        memset(y, 0xff, sums * element_bytes[how->sum]);
        on_cpu_begin(random_next(random));
        call(x, w, y, rows, columns, depth);
        cr_assert_null(on_cpu_error(), "%s: %s", how->name, on_cpu_error());
        cr_expect(memcmp(y, expected, sums * element_bytes[how->sum]) == 0,
                  "%s: %d x %d x %d have other bits", how->name, rows, columns, depth);
    }
    free(x);
    free(w);
    free(expected);
    free(y);
}

/* Windows that go along a line, by so many elements. */
static const struct window {
    const char *name;
    int taps, stride;
} windows[] = {{"window_5", 5, 1}, {"window_3", 3, 1}, {"window_7_by_2", 7, 2}, {"window_2", 2, 1}};
enum { WINDOWS = sizeof windows / sizeof *windows };

static void check_window(const struct window *how, contracting *call, struct random *random) {
    const int rows = (int)random_between(random, 1, 150),
              depth = (int)random_between(random, 1, 30);
    const int columns = (int)random_between(random, 1, 300), taps = how->taps;
    const int line = (how->stride * (columns - 1) + taps + 3) / 4 * 4;
    float *x = malloc(sizeof *x * (size_t)rows * (size_t)(depth * taps));
    float *w = malloc(sizeof *w * (size_t)depth * (size_t)line);
    float *y = malloc(sizeof *y * (size_t)rows * (size_t)columns);
    cr_assert(x && w && y);
    fill(F32, x, (long)rows * depth * taps, random);
    fill(F32, w, (long)depth * line, random);
    on_cpu_begin(random_next(random));
    call(x, w, y, rows, columns, depth);
    cr_assert_null(on_cpu_error(), "%s: %s", how->name, on_cpu_error());
    for (long row = 0; row < rows; row++)
        for (long column = 0; column < columns; column++) {
            float sum = 0.0f;
            for (long k = 0; k < depth * (long)taps; k++)
                sum = fmaf(x[row * depth * taps + k],
                           w[k / taps * line + how->stride * column + k % taps], sum);
            cr_assert(memcmp(&sum, &y[row * columns + column], sizeof sum) == 0,
                      "%s: %d x %d x %d: other bits at %ld, %ld", how->name, rows, columns, depth,
                      row, column);
        }
    free(x);
    free(w);
    free(y);
}

static void check_all(const char *cc) {
    struct et_error error = {0};
    struct executable executable = {0};
    struct random random = {.state = 1};
    char *source = read_golden("tests/cuda/contractions.cu");
    struct compiled compiled = {.prefix = "contractions", .source = source, .header = ""};
    compiled.source_bytes = strlen(source);
    const char *const flags[] = {
        ON_CPU_FLAGS,
        "-Drestrict=__restrict",
        "-O2",
        "-march=native",
#if defined __SANITIZE_ADDRESS__ && !defined __clang__
        "-fsanitize=address,undefined",
#endif
        NULL
    };
    const struct build_options options = {.cc = cc, .flags = flags};
    cr_assert(backend_build(&backends[BACKEND_AOT], &compiled, &options, &executable, &error), "%s",
              error.message);
    for (int i = 0; i < CONTRACTIONS; i++) {
        contracting *call = (contracting *)dlsym(executable.code, contractions[i].name);
        cr_assert(call);
        const bool shuffles = element_bytes[contractions[i].stream] == 1; /* 32 times a product */
        for (int size = 0; size < (shuffles ? 3 : SIZES); size++)
            check(&contractions[i], call, &random);
    }
    for (int i = 0; i < 4 * WINDOWS; i++) {
        const struct window *window = &windows[i % WINDOWS];
        contracting *call = (contracting *)dlsym(executable.code, window->name);
        cr_assert(call);
        check_window(window, call, &random);
    }
    executable_free(&executable);
    et_release(source);
}

#if defined __SANITIZE_ADDRESS__ && !defined __clang__ /* as are the tiles then */
Test(contract, tiles_have_the_bits_of_loops_by_gcc, .timeout = 300) {
    check_all("g++ -x c++");
}
#else
Test(contract, tiles_have_the_bits_of_loops_by_clang, .timeout = 300) {
    check_all("clang++ -x c++");
}
#endif
