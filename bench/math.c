// The elementary functions of templates/math.h in plain loops over an array that the nearest caches
// hold: nanoseconds an element, beside a negation, a division and what glibc's libmvec (4 ulp) and
// SLEEF (1 ulp) take where they are there. For x86-64 with AVX2 and FMA.
//
//   cc -std=gnu11 -O3 -march=x86-64-v3 -ffp-contract=off -fno-math-errno -fno-trapping-math
//       -DLIBMVEC -DSLEEF bench/math.c -lmvec -lsleef -lm -o math && ./math

#include "templates/math.h"

#include <stdio.h>
#include <time.h>

#include <immintrin.h>

#ifdef LIBMVEC
__m256 _ZGVdN8v_expf(__m256 x);
__m256 _ZGVdN8v_logf(__m256 x);
__m256 _ZGVdN8v_sinf(__m256 x);
__m256 _ZGVdN8v_cosf(__m256 x);
__m256 _ZGVdN8v_tanhf(__m256 x);
__m256 _ZGVdN8v_erff(__m256 x);
__m256 _ZGVdN8vv_powf(__m256 x, __m256 y);
#define LIBMVEC_LOOP(name, call) LOOP(libmvec_##name, __m256, 8, _mm256_storeu_ps(y + i, call))
#define LIBMVEC_OF(name) libmvec_##name
#else
#define LIBMVEC_LOOP(name, call)
#define LIBMVEC_OF(name) NULL
#endif

#ifdef SLEEF
#include <sleef.h>
#define SLEEF_LOOP(name, call) LOOP(sleef_##name, __m256, 8, _mm256_storeu_ps(y + i, call))
#define SLEEF_OF(name) sleef_##name
#else
#define SLEEF_LOOP(name, call)
#define SLEEF_OF(name) NULL
#endif

enum { COUNT = 4096, REPEATS = 400 };

// One call a step; `a` is the element, or the vector, at x + i.
#define LOOP(name, type, step, statement)                                                          \
    static __attribute__((noinline)) void name(float *restrict y, const float *restrict x) {       \
        for (int i = 0; i < COUNT; i += (step)) {                                                  \
            const type a = *(const type *)(x + i);                                                 \
            statement;                                                                             \
        }                                                                                          \
    }
#define OURS_LOOP(name, form) LOOP(ours_##name, float, 1, y[i] = form)

// FUNCTION(name, ours, libmvec's, SLEEF's, least and greatest argument)
#define FUNCTIONS(FUNCTION)                                                                        \
    FUNCTION(exp, f32_exp(a), _ZGVdN8v_expf(a), Sleef_expf8_u10avx2(a), -20, 20)                   \
    FUNCTION(log, f32_log(a), _ZGVdN8v_logf(a), Sleef_logf8_u10avx2(a), 0.01f, 100)                \
    FUNCTION(sin, f32_sin(a), _ZGVdN8v_sinf(a), Sleef_sinf8_u10avx2(a), -10, 10)                   \
    FUNCTION(cos, f32_cos(a), _ZGVdN8v_cosf(a), Sleef_cosf8_u10avx2(a), -10, 10)                   \
    FUNCTION(tanh, f32_tanh(a), _ZGVdN8v_tanhf(a), Sleef_tanhf8_u10avx2(a), -5, 5)                 \
    FUNCTION(erf, f32_erf(a), _ZGVdN8v_erff(a), Sleef_erff8_u10avx2(a), -4, 4)                     \
    FUNCTION(pow, f32_pow(a, 1.7f), _ZGVdN8vv_powf(a, _mm256_set1_ps(1.7f)),                       \
             Sleef_powf8_u10avx2(a, _mm256_set1_ps(1.7f)), 0.01f, 100)
#define DEFINE(name, ours, libmvec, sleef, least, greatest)                                        \
    OURS_LOOP(name, ours) LIBMVEC_LOOP(name, libmvec) SLEEF_LOOP(name, sleef)
FUNCTIONS(DEFINE)
OURS_LOOP(negate, -a)
OURS_LOOP(divide, 1.0f / a)

typedef void loop(float *restrict y, const float *restrict x);
static const struct subject {
    const char *name;
    loop *ours, *libmvec, *sleef;
    float least, greatest;
} subjects[] = {{"-x", ours_negate, NULL, NULL, 1, 2},
                {"1 / x", ours_divide, NULL, NULL, 1, 2},
#define SUBJECT(name, ours, libmvec, sleef, least, greatest)                                       \
    {#name, ours_##name, LIBMVEC_OF(name), SLEEF_OF(name), least, greatest},
                FUNCTIONS(SUBJECT)};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static _Alignas(64) float x[COUNT], y[COUNT];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e9 * (double)time.tv_sec + (double)time.tv_nsec;
}

// The least of many samples, in nanoseconds an element.
static void report(loop *run) {
    double best = 1e30;
    for (int repeat = 0; run && repeat < REPEATS; repeat++) {
        double begin = now();
        for (int i = 0; i < 4; i++)
            run(y, x);
        double taken = (now() - begin) / (4.0 * COUNT);
        best = taken < best ? taken : best;
    }
    if (run)
        printf("  %7.3f", best);
    else
        printf("        -");
}

int main(void) {
    printf("ns          ours  libmvec    SLEEF\n");
    for (int k = 0; k < SUBJECTS; k++) {
        const struct subject *subject = &subjects[k];
        for (int i = 0; i < COUNT; i++)
            x[i] = subject->least + (subject->greatest - subject->least) *
                                        (float)((unsigned)i * 2654435761u >> 8) * 0x1p-24f;
        printf("%-6s", subject->name);
        report(subject->ours);
        report(subject->libmvec);
        report(subject->sleef);
        printf("\n");
    }
    return 0;
}
