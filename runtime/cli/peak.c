/* The rate of fused multiply-adds that one core reaches on registers. */
#include "runtime/cli/cli.h"

#include "runtime/kernels/cpu.h"

/* Twelve independent chains: more than latency times throughput of any core at hand asks for. The
 * empty asm keeps the sums in registers and the loop from being worked out ahead. */
#define CHAINS(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
enum { CHAIN_COUNT = 12, STEPS = 100000 };
#define DECLARE(n) sum##n = start,
#define STEP(n) sum##n = FMA(a, b, sum##n);
#define HIDE(n) __asm__ volatile("" : "+" REGISTER(sum##n));
#define CHAIN_LOOP(vector)                                                                         \
    vector CHAINS(DECLARE) last = start;                                                           \
    (void)last;                                                                                    \
    for (long step = 0; step < STEPS; step++) {                                                    \
        CHAINS(STEP)                                                                               \
        CHAINS(HIDE)                                                                               \
    }

#if defined __x86_64__
#include <immintrin.h>

#define REGISTER "v"
#define FMA _mm512_fmadd_ps
__attribute__((target("avx512f"))) static void run_avx512(void) {
    __m512 start = _mm512_setzero_ps(), a = _mm512_set1_ps(0.5f), b = a;
    CHAIN_LOOP(__m512)
}
#undef FMA
#undef REGISTER

#define REGISTER "x"
#define FMA _mm256_fmadd_ps
__attribute__((target("avx2,fma"))) static void run_avx2(void) {
    __m256 start = _mm256_setzero_ps(), a = _mm256_set1_ps(0.5f), b = a;
    CHAIN_LOOP(__m256)
}
#undef FMA

/* Without the instruction, the nearest there is: a product and a sum. */
#define FMA(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)
static void run_baseline(void) {
    __m128 start = _mm_setzero_ps(), a = _mm_set1_ps(0.5f), b = a;
    CHAIN_LOOP(__m128)
}

static void (*const runs[TARGET_COUNT])(void) = {
    [TARGET_BASELINE] = run_baseline, [TARGET_AVX2] = run_avx2, [TARGET_AVX512] = run_avx512};

#elif defined __aarch64__
#include <arm_neon.h>

#define REGISTER "w"
#define FMA(a, b, c) vfmaq_f32(c, a, b)
static void run_neon(void) {
    float32x4_t start = vdupq_n_f32(0), a = vdupq_n_f32(0.5f), b = a;
    CHAIN_LOOP(float32x4_t)
}

static void (*const runs[TARGET_COUNT])(void) = {[TARGET_NEON] = run_neon};

#else
typedef float four_floats __attribute__((vector_size(16)));

/* The compiler knows which registers there are: no more is said than that each sum is kept. */
#define REGISTER "m"
#define FMA(a, b, c) ((a) * (b) + (c))
static void run_baseline(void) {
    four_floats start = {0}, a = {0.5f, 0.5f, 0.5f, 0.5f}, b = a;
    CHAIN_LOOP(four_floats)
}

static void (*const runs[TARGET_COUNT])(void) = {[TARGET_BASELINE] = run_baseline};
#endif

double peak_gflops(double seconds) {
    const struct target *target = cpu_best_target();
    double best = 0, end = now_seconds() + seconds;
    for (double begin = now_seconds(); begin < end;) {
        runs[target - targets]();
        double now = now_seconds();
        double rate = 2.0 * CHAIN_COUNT * STEPS * target->lanes / (now - begin) * 1e-9;
        best = rate > best ? rate : best;
        begin = now;
    }
    return best;
}
