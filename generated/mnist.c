/* mnist.c: the graph "mnist", compiled to C by Eigentensor. Do not edit.
 *
 * graph    ea41d113cc31f352748e8397daaaaa04bdfcbabdb60cd78294741bf8f8b760db
 * command  eigentensor emit mnist.json
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *   k01_contract_relu
 *     t19 float32[1,32,24,24]  958464 flop  6464 + 73728 bytes
 *   k02_contract_relu_pool
 *     t54 float32[1,32,10,10]  20569600 flop  176768 + 12800 bytes
 *   k03_contract_relu
 *     t71 float32[1,64,8,8]  2367488 flop  86784 + 16384 bytes
 *   k04_contract_relu_pool
 *     t106 float32[1,64,3,3]  2670336 flop  165120 + 2304 bytes
 *   k05_contract
 *     logits float32[1,10]  11530 flop  39208 + 40 bytes
 */
#ifndef VERSION_ENDING
#include "mnist.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined __BYTE_ORDER__ && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the bytes of the weights are in little-endian order: emit with --byte-order=big"
#endif

// The same bits from every compiler at every level of optimisation: no product and sum become one
// operation unless f32_fma says so. What cannot be had by asking is refused.
#if defined __FAST_MATH__ || (defined __FINITE_MATH_ONLY__ && __FINITE_MATH_ONLY__) ||             \
    defined __ASSOCIATIVE_MATH__ || defined __RECIPROCAL_MATH__ || defined __NO_SIGNED_ZEROS__
#error "results would differ: leave out -ffast-math, -Ofast and other options of that kind"
#endif
#if defined __FLT_EVAL_METHOD__ && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16
#error "results would differ: floats are computed in a wider type; on x86 add -msse2 -mfpmath=sse"
#endif
#if defined __GNUC__ && !defined __clang__
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif
#ifdef __cplusplus
#define restrict __restrict
#ifndef _Alignas // some C libraries have it for C++, too
#define _Alignas(bytes) alignas(bytes)
#endif
#ifdef __GNUC__ // what is left out is zero, in C++ too
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif
#elif defined __GNUC__ && __STDC_VERSION__ < 201112L && !defined _Alignas
#define _Alignas(bytes) __attribute__((aligned(bytes)))
#endif

// What gcc leaves out at -O2, vectors above all. No bit of any result depends on it.
#if defined __GNUC__ && __GNUC__ >= 8 && !defined __clang__ && defined __OPTIMIZE__ &&             \
    !defined __OPTIMIZE_SIZE__
#pragma GCC optimize("O3,no-math-errno,no-trapping-math,no-loop-unroll-and-jam")
#endif
// As C++ its headers for AVX-512 initialise variables by themselves, of which it warns here.
#if defined __cplusplus && defined __GNUC__ && __GNUC__ < 13 && !defined __clang__
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

// Vectors of floats on Cortex-M55 and its like take subnormals for zeros: there must be none.
#if defined __ARM_FEATURE_MVE && __ARM_FEATURE_MVE >= 2
#ifdef __clang__
#error "results would differ: vectors of floats lose subnormals; add +nomve.fp to -mcpu or -march"
#else
#pragma GCC optimize("no-tree-vectorize")
#endif
#endif

#define TEXT_NAME "mnist.c"
// Which vectors an x86-64 CPU has turns out when the program runs. So the kernels are compiled
// three times, by including this file again: their names get an ending, and each run asks the CPU.
// There is one version, with plain names, on other machines, where the compiler's options promise
// AVX2 or more anyway, and where ONE_VERSION is defined.
#if defined __GNUC__ && defined __x86_64__ && defined __SSE2__ && !defined __AVX2__ &&             \
    !defined ONE_VERSION
#if defined __FILE_NAME__
#define VERSIONS __FILE_NAME__
#elif defined __has_include // gcc before 12
#if __has_include(TEXT_NAME)
#define VERSIONS TEXT_NAME
#endif
#endif
#endif
#ifdef VERSIONS
#include <immintrin.h>
#define VERSION_JOIN(name, ending) name##ending
#define VERSION_EXPAND(name, ending) VERSION_JOIN(name, ending)
#define OF_VERSION(name) VERSION_EXPAND(name, VERSION_ENDING)

#define f32_bits OF_VERSION(f32_bits)
#define f32_from_bits OF_VERSION(f32_from_bits)
#define f64_bits OF_VERSION(f64_bits)
#define f64_from_bits OF_VERSION(f64_from_bits)
#define f32_zero OF_VERSION(f32_zero)
#define fma_instruction OF_VERSION(fma_instruction)
#define f32_fma OF_VERSION(f32_fma)
#define f32_mantissa OF_VERSION(f32_mantissa)
#define u64_shift OF_VERSION(u64_shift)
#define f32_fma_four OF_VERSION(f32_fma_four)
#define f32_fma_each OF_VERSION(f32_fma_each)
#define f32_canonical OF_VERSION(f32_canonical)
#define f32_unordered OF_VERSION(f32_unordered)
#define f32_nan_or OF_VERSION(f32_nan_or)
#define vector OF_VERSION(vector)
#define VECTOR_LANES OF_VERSION(VECTOR_LANES)
#define TILE_REGISTERS OF_VERSION(TILE_REGISTERS)
#define TILE_ACCUMULATORS OF_VERSION(TILE_ACCUMULATORS)
#define vector_elements OF_VERSION(vector_elements)
#define vector_load OF_VERSION(vector_load)
#define vector_store OF_VERSION(vector_store)
#define vector_of OF_VERSION(vector_of)
#define vector_fma OF_VERSION(vector_fma)
#define tile_walk OF_VERSION(tile_walk)
#define tile_loops OF_VERSION(tile_loops)
#define TILE_AHEAD OF_VERSION(TILE_AHEAD)
#define TILE_LINE OF_VERSION(TILE_LINE)
#define tile_block OF_VERSION(tile_block)
#define tile_narrow OF_VERSION(tile_narrow)
#define tile OF_VERSION(tile)
#define vector_bits OF_VERSION(vector_bits)
#define f32_greater_of OF_VERSION(f32_greater_of)
#define tile_1x16 OF_VERSION(tile_1x16)
#define tile_8x32 OF_VERSION(tile_8x32)
#define tile_12x32 OF_VERSION(tile_12x32)
#define k01_contract_relu OF_VERSION(k01_contract_relu)
#define k02_contract_relu_pool OF_VERSION(k02_contract_relu_pool)
#define k03_contract_relu OF_VERSION(k03_contract_relu)
#define k04_contract_relu_pool OF_VERSION(k04_contract_relu_pool)
#define k05_contract OF_VERSION(k05_contract)
#define run_kernels OF_VERSION(run_kernels)

#define VERSION_ENDING _avx512
#define VECTOR_BITS 512
#ifdef __clang__
#define VERSION_TARGET target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi,bmi2")
#pragma clang attribute push(__attribute__((VERSION_TARGET)), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi,bmi2")
#endif
#include VERSIONS
#ifdef __clang__
#pragma clang attribute pop
#undef VERSION_TARGET
#else
#pragma GCC pop_options
#endif
#undef VERSION_ENDING
#undef VECTOR_BITS

#define VERSION_ENDING _avx2
#define VECTOR_BITS 256
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,bmi,bmi2")
#endif
#include VERSIONS
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef VERSION_ENDING
#undef VECTOR_BITS

#define VERSION_ENDING _plain
#define VECTOR_BITS 0
#include VERSIONS
#undef VERSION_ENDING
#undef VECTOR_BITS
#endif // VERSIONS

#endif // once

#if !defined VERSIONS || defined VERSION_ENDING

// The bit pattern of a float32.
static inline uint32_t f32_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// The float32 of a bit pattern.
static inline float f32_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// 0, of which compilers know nothing. clang for AArch64, RISC-V and WebAssembly makes a maximum of
// x < 0.0f ? 0.0f : x, which is +0 for -0, and a minimum of x < 0.0f ? x : 0.0f, which is -0.
static inline float f32_zero(void) {
#if defined __clang__ && (defined __aarch64__ || defined __riscv || defined __wasm__)
    uint32_t bits = 0;
    __asm__("" : "+r"(bits));
    return f32_from_bits(bits);
#else
    return 0.0f;
#endif
}

// In integers: of a choice of a constant gcc makes a load under a mask. Where no element is NaN,
// the mask suppresses the page fault that would bring the constant's page in, slowly and each time.
static inline float f32_canonical(float x) {
    const uint32_t bits = f32_bits(x);
    const uint32_t nan = 0u - ((0x7f800000u - (bits & 0x7fffffffu)) >> 31);
    return f32_from_bits((bits & ~nan) | (0x7fc00000u & nan));
}

// All bits where a or b is NaN, else none: one comparison.
static inline uint32_t f32_unordered(float a, float b) {
    return 0u - (uint32_t)(isunordered(a, b) != 0);
}

// A NaN where all bits of `nan` are set, x where none is.
static inline float f32_nan_or(uint32_t nan, float x) {
    return f32_from_bits(f32_bits(x) | nan);
}

// The bits of the vectors that tiles and reductions are written in, with fused multiply-add; 0: the
// text has none of its own for this machine.
#if defined VECTOR_BITS // of one version of several
#elif defined __AVX512F__
#define VECTOR_BITS 512
#elif defined __AVX2__ && defined __FMA__
#define VECTOR_BITS 256
#elif defined __aarch64__ && defined __ARM_NEON
#define VECTOR_BITS 128
#elif defined __riscv_v // at least
#define VECTOR_BITS 128
#else
#define VECTOR_BITS 0
#endif

// Which of them are instructions, and whether there are instructions for float64 at all. Who knows
// that the math library rounds once may define FMA_OF_LIBRARY; FMA_BY_INTEGERS is for tests.
#if defined FMA_BY_INTEGERS
#elif defined FMA_OF_LIBRARY || VECTOR_BITS || defined __FMA__ || defined __s390x__ ||             \
    (defined __powerpc__ && !defined _SOFT_FLOAT && !defined __NO_FPRS__) ||                       \
    (defined __mips_hard_float && __mips_isa_rev >= 6 && !defined __mips_single_float)
#define FMA_OF_F32
#define FMA_OF_F64
#elif defined __ARM_FP
#if defined __ARM_FEATURE_FMA && (__ARM_FP & 4)
#define FMA_OF_F32
#endif
#if defined __ARM_FEATURE_FMA && (__ARM_FP & 8)
#define FMA_OF_F64
#elif __ARM_FP & 8
#define HAS_DOUBLES
#endif
#elif defined __riscv_flen
#define FMA_OF_F32
#if __riscv_flen >= 64
#define FMA_OF_F64
#endif
#elif defined __SSE2__ || defined __wasm__ ||                                                      \
    (defined __mips_hard_float && !defined __mips_single_float)
#define HAS_DOUBLES
#endif

// The bit pattern of a float64.
__attribute__((unused)) static inline uint64_t f64_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// The float64 of a bit pattern.
__attribute__((unused)) static inline double f64_from_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// a * b + c, rounded once.
#if defined FMA_OF_F32
static inline float f32_fma(float a, float b, float c) {
    return fmaf(a, b, c);
}
#elif defined HAS_DOUBLES
// The product is exact in float64, and the error of the sum is a float64, too. Where there is one,
// the sum becomes the neighbour of which the last bit is set, the one towards zero if the sum went
// beyond: no such number lies half way between two float32, so that it rounds as what is exact.
static inline float f32_fma(float a, float b, float c) {
    const double product = (double)a * b, sum = product + c;
    const double added = sum - product;
    const double error = (product - (sum - added)) + (c - added);
    const uint64_t inexact = (error < 0.0) | (error > 0.0); // not of infinities, where it is NaN
    const uint64_t beyond = (f64_bits(error) ^ f64_bits(sum)) >> 63;
    return (float)f64_from_bits((f64_bits(sum) - (inexact & beyond)) | inexact);
}
#else
// Of a number that is not 0: from 2^23 on and below 2^24, times 2^(exponent - 150).
static inline uint64_t f32_mantissa(uint32_t bits, int *exponent) {
    uint32_t mantissa = bits & 0x007fffffu;
    *exponent = (int)(bits >> 23 & 0xffu);
    if (*exponent)
        return mantissa | 0x00800000u;
    for (*exponent = 1; mantissa < 0x00800000u; mantissa <<= 1)
        --*exponent;
    return mantissa;
}
// Of a number that is not 0, by 0 and more: the last bit stays set if any was that is lost.
static inline uint64_t u64_shift(uint64_t x, int by) {
    return by < 64 ? x >> by | ((x & (((uint64_t)1 << by) - 1)) != 0) : 1;
}
// In integers. Of the product and c, bits are lost only where the other is so much greater that the
// sum keeps more than enough of them.
static inline float f32_fma(float a, float b, float c) {
    const uint32_t x = f32_bits(a), y = f32_bits(b), z = f32_bits(c);
    const uint32_t infinity = 0x7f800000u, sign = 0x80000000u;
    const uint32_t p = x & ~sign, q = y & ~sign, r = z & ~sign;
    if (p == 0 || q == 0 || p >= infinity || q >= infinity)
        return a * b + c; // the product is exact
    if (r == 0 || r >= infinity)
        return r ? c : a * b;
    int of_a, of_b, of_c;
    uint64_t product = f32_mantissa(p, &of_a) * f32_mantissa(q, &of_b) << 14; // below 2^62
    uint64_t added = f32_mantissa(r, &of_c) << 38;
    const int apart = of_a + of_b - of_c - 126;
    const int exponent = apart > 0 ? of_a + of_b - 314 : of_c - 188;
    if (apart > 0)
        added = u64_shift(added, apart);
    else
        product = u64_shift(product, -apart);
    const int alike = ((x ^ y ^ z) & sign) == 0, less = product < added;
    const uint64_t sum = alike ? product + added : less ? added - product : product - added;
    if (sum == 0)
        return 0.0f;
    const int to_normal = 40 - __builtin_clzll(sum), to_least = -149 - exponent;
    const int drop = to_normal > to_least ? to_normal : to_least; // bits, at most 61
    uint64_t kept = drop > 0 ? sum >> drop : sum << -drop;
    const uint64_t half = (uint64_t)1 << 63, rest = drop > 0 ? sum << (64 - drop) : 0;
    kept += rest > half || (rest == half && (kept & 1));
    const uint32_t raised = (uint32_t)(drop + exponent + 149); // by how much above the least
    const uint32_t number = raised < 254 ? (raised << 23) + (uint32_t)kept : infinity;
    return f32_from_bits(number | ((less ? z : x ^ y) & sign));
}
#endif

// Of four neighbours. Sums of float64 round to the right float32 but where they lie half way
// between two, or below 2^-126, where float32 has fewer bits: there, one by one.
#if defined __SSE2__ && !VECTOR_BITS
#include <immintrin.h>
static __attribute__((noinline, cold, unused)) __m128 f32_fma_each(__m128 a, __m128 b, __m128 c) {
    float x[4], y[4], z[4];
    _mm_storeu_ps(x, a);
    _mm_storeu_ps(y, b);
    _mm_storeu_ps(z, c);
    for (int i = 0; i < 4; i++)
        z[i] = f32_fma(x[i], y[i], z[i]);
    return _mm_loadu_ps(z);
}
static inline __m128 f32_fma_four(__m128 a, __m128 b, __m128 c) {
#ifdef __FMA__
    return _mm_fmadd_ps(a, b, c);
#else
    const __m128d low = _mm_add_pd(_mm_mul_pd(_mm_cvtps_pd(a), _mm_cvtps_pd(b)), _mm_cvtps_pd(c));
    const __m128d high =
        _mm_add_pd(_mm_mul_pd(_mm_cvtps_pd(_mm_movehl_ps(a, a)), _mm_cvtps_pd(_mm_movehl_ps(b, b))),
                   _mm_cvtps_pd(_mm_movehl_ps(c, c)));
    const __m128 sum = _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
    const __m128 words = _mm_shuffle_ps(_mm_castpd_ps(low), _mm_castpd_ps(high), 0x88); // lower
    const __m128i half =
        _mm_cmpeq_epi32(_mm_slli_epi32(_mm_castps_si128(words), 3), _mm_set1_epi32(INT32_MIN));
    // twice the bits but one, from the least integer on: of 0, which is exact, the greatest
    const __m128i twice = _mm_add_epi32(_mm_castps_si128(sum), _mm_castps_si128(sum));
    const __m128i small = _mm_cmplt_epi32(_mm_add_epi32(twice, _mm_set1_epi32(0x7ffffffe)),
                                          _mm_set1_epi32(INT32_MIN + 0x01000000));
    if (__builtin_expect(_mm_movemask_ps(_mm_castsi128_ps(_mm_or_si128(half, small))), 0))
        return f32_fma_each(a, b, c);
    return sum;
#endif
}
#endif

// As many neighbouring float32 as a register holds, how many registers there are, and how many can
// hold sums. Compilers turn a loop over lanes with f32_fma into vectors in simple places only,
// hence the intrinsics. VECTOR_HOLD(x): x stays in its register; compilers may not load it again
// for each use.
#if VECTOR_BITS == 512
#include <immintrin.h>
typedef __m512 vector;
enum { VECTOR_LANES = 16, TILE_REGISTERS = 32, TILE_ACCUMULATORS = 24 };
static inline vector vector_load(const float *from) {
    return _mm512_loadu_ps(from);
}
static inline void vector_store(float *to, vector x) {
    _mm512_storeu_ps(to, x);
}
static inline vector vector_of(float x) {
    return _mm512_set1_ps(x);
}
static inline vector vector_fma(vector a, vector b, vector c) {
    return _mm512_fmadd_ps(a, b, c);
}
#define VECTOR_HOLD(x) __asm__("" : "+v"(x))
#elif VECTOR_BITS == 256
#include <immintrin.h>
typedef __m256 vector;
enum { VECTOR_LANES = 8, TILE_REGISTERS = 16, TILE_ACCUMULATORS = 12 };
static inline vector vector_load(const float *from) {
    return _mm256_loadu_ps(from);
}
static inline void vector_store(float *to, vector x) {
    _mm256_storeu_ps(to, x);
}
static inline vector vector_of(float x) {
    return _mm256_set1_ps(x);
}
static inline vector vector_fma(vector a, vector b, vector c) {
    return _mm256_fmadd_ps(a, b, c);
}
#define VECTOR_HOLD(x) __asm__("" : "+v"(x))
#elif defined __riscv_v
// Types of RVV's own have no size, and fill no arrays: these are the compiler's, of which it makes
// the same instructions.
typedef float vector __attribute__((vector_size(16)));
typedef float vector_elements __attribute__((vector_size(16), aligned(4), may_alias));
enum { VECTOR_LANES = 4, TILE_REGISTERS = 32, TILE_ACCUMULATORS = 24 };
static inline vector vector_load(const float *from) {
    return *(const vector_elements *)from;
}
static inline void vector_store(float *to, vector x) {
    *(vector_elements *)to = x;
}
static inline vector vector_of(float x) {
    const vector all = {x, x, x, x};
    return all;
}
#ifdef __clang__
#if __has_builtin(__builtin_elementwise_fma) // since clang 17
#define VECTOR_FMA __builtin_elementwise_fma
#endif
#endif
static inline vector vector_fma(vector a, vector b, vector c) {
#ifdef VECTOR_FMA
    return VECTOR_FMA(a, b, c);
#else
    c[0] = f32_fma(a[0], b[0], c[0]);
    c[1] = f32_fma(a[1], b[1], c[1]);
    c[2] = f32_fma(a[2], b[2], c[2]);
    c[3] = f32_fma(a[3], b[3], c[3]);
    return c;
#endif
}
#define VECTOR_HOLD(x) (void)(x)
#elif VECTOR_BITS == 128
#include <arm_neon.h>
typedef float32x4_t vector;
enum { VECTOR_LANES = 4, TILE_REGISTERS = 32, TILE_ACCUMULATORS = 20 };
static inline vector vector_load(const float *from) {
    return vld1q_f32(from);
}
static inline void vector_store(float *to, vector x) {
    vst1q_f32(to, x);
}
static inline vector vector_of(float x) {
    return vdupq_n_f32(x);
}
static inline vector vector_fma(vector a, vector b, vector c) {
    return vfmaq_f32(c, a, b);
}
#define VECTOR_HOLD(x) __asm__("" : "+w"(x))
#elif defined __SSE2__
#include <immintrin.h>
typedef __m128 vector;
enum { VECTOR_LANES = 4, TILE_REGISTERS = 16, TILE_ACCUMULATORS = 4 };
static inline vector vector_load(const float *from) {
    return _mm_loadu_ps(from);
}
static inline void vector_store(float *to, vector x) {
    _mm_storeu_ps(to, x);
}
static inline vector vector_of(float x) {
    return _mm_set1_ps(x);
}
static inline vector vector_fma(vector a, vector b, vector c) {
    return f32_fma_four(a, b, c);
}
#define VECTOR_HOLD(x) __asm__("" : "+x"(x))
#elif defined __wasm_simd128__
#include <wasm_simd128.h>
typedef struct {
    v128_t low, high; // as float64, each of which is a float32
} vector;
enum { VECTOR_LANES = 4, TILE_REGISTERS = 16, TILE_ACCUMULATORS = 4 };
static inline vector vector_load(const float *from) {
    vector x = {wasm_f64x2_promote_low_f32x4(wasm_v128_load64_zero(from)),
                wasm_f64x2_promote_low_f32x4(wasm_v128_load64_zero(from + 2))};
    return x;
}
static inline void vector_store(float *to, vector x) {
    wasm_v128_store64_lane(to, wasm_f32x4_demote_f64x2_zero(x.low), 0);
    wasm_v128_store64_lane(to + 2, wasm_f32x4_demote_f64x2_zero(x.high), 0);
}
static inline vector vector_of(float x) {
    vector all = {wasm_f64x2_splat(x), wasm_f64x2_splat(x)};
    return all;
}
static inline v128_t vector_round(v128_t x) {
    return wasm_f64x2_promote_low_f32x4(wasm_f32x4_demote_f64x2_zero(x));
}
static __attribute__((noinline, cold, unused)) vector vector_fma_each(vector a, vector b,
                                                                      vector c) {
    float x[4], y[4], z[4];
    vector_store(x, a);
    vector_store(y, b);
    vector_store(z, c);
    for (int i = 0; i < 4; i++)
        z[i] = f32_fma(x[i], y[i], z[i]);
    return vector_load(z);
}
// Products are exact. Sums round to the right float32 but where they may lie half way between two:
// those that are none, and of which the bits are 0 that normal float32 have not, but for the first.
static inline v128_t vector_may_tie(v128_t sum, v128_t rounded) {
    const v128_t bits = wasm_v128_and(sum, wasm_i64x2_const_splat(0x0fffffff));
    const v128_t zero = wasm_i64x2_eq(bits, wasm_i64x2_const_splat(0));
    return wasm_v128_andnot(zero, wasm_f64x2_eq(sum, rounded));
}
static inline vector vector_fma(vector a, vector b, vector c) {
    const v128_t low = wasm_f64x2_add(wasm_f64x2_mul(a.low, b.low), c.low);
    const v128_t high = wasm_f64x2_add(wasm_f64x2_mul(a.high, b.high), c.high);
    const vector sums = {vector_round(low), vector_round(high)};
    const v128_t ties =
        wasm_v128_or(vector_may_tie(low, sums.low), vector_may_tie(high, sums.high));
    if (__builtin_expect(wasm_v128_any_true(ties), 0))
        return vector_fma_each(a, b, c);
    return sums;
}
#define VECTOR_HOLD(x) (void)(x)
#else
typedef struct {
    float lane[4];
} vector;
enum { VECTOR_LANES = 4, TILE_REGISTERS = 16, TILE_ACCUMULATORS = 4 };
static inline vector vector_load(const float *from) {
    vector x = {{from[0], from[1], from[2], from[3]}};
    return x;
}
static inline void vector_store(float *to, vector x) {
    for (int i = 0; i < 4; i++)
        to[i] = x.lane[i];
}
static inline vector vector_of(float x) {
    vector all = {{x, x, x, x}};
    return all;
}
static inline vector vector_fma(vector a, vector b, vector c) {
    for (int i = 0; i < 4; i++)
        c.lane[i] = f32_fma(a.lane[i], b.lane[i], c.lane[i]);
    return c;
}
#define VECTOR_HOLD(x) (void)(x)
#endif

// Where a tile reads and writes, in elements: the stream's offset of each row, how many steps of
// what length the contracted axes take, outermost first (absent axes: one step), how far apart
// rows of sums lie, and how many lines of memory to fetch ahead after each turn of the outermost
// axis. A tile of float32 takes all these steps `again` so many times, from so much farther on.
struct tile_walk {
    ptrdiff_t rows[12];
    ptrdiff_t extent[3], stream[3], panel[3];
    ptrdiff_t sums, ahead, again, again_stream, again_panel;
};

#if defined __clang__
#define TILE_UNROLL _Pragma("clang loop unroll(full)")
#define TILE_KEEP_LOOP _Pragma("clang loop unroll(disable)")
#else
#define TILE_UNROLL _Pragma("GCC unroll 24")
#define TILE_KEEP_LOOP _Pragma("GCC unroll 1")
#endif
#define TILE_INLINE static inline __attribute__((always_inline)) void
// Hides where a pointer comes from. Of the stream: compilers would keep what steps share, and spill
// sums. Of a walk that is not known to them: they would keep its fields, and spill addresses.
#define TILE_HIDE(pointer) __asm__("" : "+r"(pointer))
#define TILE_HIDE_UNKNOWN(walk)                                                                    \
    do {                                                                                           \
        if (!__builtin_constant_p((walk)->extent[2]))                                              \
            TILE_HIDE(walk);                                                                       \
    } while (0)
// How many steps ahead the panel is fetched: caches by themselves look less far.
enum { TILE_AHEAD = 64 };
// Of a step of a panel that one row of sums goes through, as fast as memory allows: one line, into
// the second cache. It starts its neighbours; all lines, or the first cache, take longer.
#define TILE_FETCH_STEP(from) __builtin_prefetch(from, 0, 2)
enum { TILE_LINE = 16 }; // elements of a line of memory
// Between a tile and what is done with its sums, registers keep nothing. Compilers would load what
// that needs, operands and constants, once before the loop over tiles, and spill sums.
#if VECTOR_BITS == 512
#define TILE_SEPARATE                                                                              \
    __asm__ volatile(""                                                                            \
                     :                                                                             \
                     :                                                                             \
                     : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",   \
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",       \
                       "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",     \
                       "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31")
#elif VECTOR_BITS == 256
#define TILE_SEPARATE                                                                              \
    __asm__ volatile(""                                                                            \
                     :                                                                             \
                     :                                                                             \
                     : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",   \
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")
#elif VECTOR_BITS == 128 // of NEON and RVV
#define TILE_SEPARATE                                                                              \
    __asm__ volatile(""                                                                            \
                     :                                                                             \
                     :                                                                             \
                     : "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9",       \
                       "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19",       \
                       "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29",       \
                       "v30", "v31")
#else
#define TILE_SEPARATE __asm__ volatile("" : : : "memory")
#endif
// One block of a tile: `height` rows from `first` times `width` vectors, no more than the registers
// hold. The last vector begins at column `last`, which may lie within the one before.
TILE_INLINE tile_block(int lanes, int first, int height, int width, int last, float *restrict acc,
                       const float *stream, const float *panel, const struct tile_walk *walk,
                       int resume, const float *ahead) {
    vector sums[TILE_ACCUMULATORS];
    int column[TILE_ACCUMULATORS];
    TILE_UNROLL
    for (int v = 0; v < width; v++)
        column[v] = v + 1 < width ? v * VECTOR_LANES : last;
    TILE_UNROLL
    for (int n = 0; n < height * width; n++) {
        const float *from = acc + n / width * walk->sums + column[n % width];
        if (walk->sums > width * VECTOR_LANES)
            __builtin_prefetch(from, 1); // rows of a tensor, to be stored when all steps are done
        sums[n] = resume ? vector_load(from) : vector_of(0.0f);
    }
    enum { NEAR = 8 }; // rows whose offsets stay in registers
    const int near_rows = height < NEAR ? height : NEAR;
    ptrdiff_t near[NEAR];
    TILE_UNROLL
    for (int n = 0; n < near_rows; n++)
        near[n] = walk->rows[first + n];
    const ptrdiff_t lines = ahead ? walk->ahead : 0;
    TILE_KEEP_LOOP
    for (ptrdiff_t h = walk->again; h >= 0; h--) {
        const float *stream_i = stream, *panel_i = panel;
        TILE_KEEP_LOOP
        for (ptrdiff_t i = walk->extent[0]; i > 0; i--) {
            const float *stream_j = stream_i, *panel_j = panel_i;
            TILE_KEEP_LOOP
            for (ptrdiff_t j = walk->extent[1]; j > 0; j--) {
                const float *x = stream_j, *y = panel_j;
                TILE_KEEP_LOOP
                for (ptrdiff_t k = walk->extent[2]; k > 0; k--) {
                    TILE_HIDE(x);
                    if (height > NEAR)
                        TILE_HIDE_UNKNOWN(walk);
                    vector row[TILE_ACCUMULATORS];
                    if (!lanes && height == 1)
                        TILE_FETCH_STEP(y + TILE_AHEAD * walk->panel[2]);
                    TILE_UNROLL
                    for (int v = 0; v < width; v++) {
                        if (!lanes && height > 1)
                            __builtin_prefetch(y + TILE_AHEAD * walk->panel[2] + column[v]);
                        row[v] = vector_load(y + column[v]);
                        if (height > 1)
                            VECTOR_HOLD(row[v]);
                    }
                    TILE_UNROLL
                    for (int n = 0; n < height * width; n++) {
                        int r = n / width;
                        const float *from = x + (r < NEAR ? near[r] : walk->rows[first + r]);
                        vector element =
                            lanes ? vector_load(from + column[n % width]) : vector_of(*from);
                        sums[n] = vector_fma(element, row[n % width], sums[n]);
                    }
                    x += walk->stream[2];
                    y += walk->panel[2];
                }
                TILE_HIDE_UNKNOWN(walk);
                stream_j += walk->stream[1];
                panel_j += walk->panel[1];
            }
            TILE_HIDE_UNKNOWN(walk);
            stream_i += walk->stream[0];
            panel_i += walk->panel[0];
            for (ptrdiff_t n = 0; n < lines; n++, ahead += TILE_LINE)
                __builtin_prefetch(ahead, 0, 2); // into the second cache
        }
        TILE_HIDE_UNKNOWN(walk);
        stream += walk->again_stream;
        panel += walk->again_panel;
    }
    TILE_UNROLL
    for (int n = 0; n < height * width; n++)
        vector_store(acc + n / width * walk->sums + column[n % width], sums[n]);
    TILE_SEPARATE;
}

// A tile of 8 columns where vectors are longer.
static inline void tile_narrow(int lanes, int rows, float *restrict acc, const float *stream,
                               const float *panel, const struct tile_walk *walk, int resume) {
    for (int row = 0; row < rows; row++) {
        float sums[8] = {0};
        for (int c = 0; c < 8 && resume; c++)
            sums[c] = acc[walk->sums * row + c];
        const float *stream_h = stream + walk->rows[row], *panel_h = panel;
        for (ptrdiff_t h = 0; h <= walk->again; h++) {
            for (ptrdiff_t i = 0; i < walk->extent[0]; i++)
                for (ptrdiff_t j = 0; j < walk->extent[1]; j++)
                    for (ptrdiff_t k = 0; k < walk->extent[2]; k++) {
                        const float *x = stream_h + i * walk->stream[0] + j * walk->stream[1] +
                                         k * walk->stream[2];
                        const float *y =
                            panel_h + i * walk->panel[0] + j * walk->panel[1] + k * walk->panel[2];
                        for (int c = 0; c < 8; c++)
                            sums[c] = f32_fma(x[c * lanes], y[c], sums[c]);
                    }
            stream_h += walk->again_stream;
            panel_h += walk->again_panel;
        }
        for (int c = 0; c < 8; c++)
            acc[walk->sums * row + c] = sums[c];
    }
}

// acc[walk->sums * row + column] = the sums (resume: itself plus the sums) over the steps of walk
// of stream[walk->rows[row] + step] * panel[step + column], or with `lanes` of
// stream[walk->rows[row] + step + column] * panel[step + column]. lanes, rows (1 to 12) and columns
// (a multiple of 8) must be constants. The rows are shared out evenly: first blocks of `height`,
// then of one less. A block's sums, a row of the panel and an element of the stream are in
// registers all at once. From `ahead` on (NULL: nowhere) memory is fetched that will be needed
// next, as the walk says.
TILE_INLINE tile(int lanes, int rows, int columns, float *restrict acc, const float *stream,
                 const float *panel, const struct tile_walk *walk, int resume, const float *ahead) {
    if (columns < VECTOR_LANES) {
        tile_narrow(lanes, rows, acc, stream, panel, walk, resume);
        return;
    }
    const int vectors = (columns + VECTOR_LANES - 1) / VECTOR_LANES;
    const int least = vectors % 2 == 0 ? 2 : vectors % 3 == 0 ? 3 : 1;
    const int sums_fit = TILE_ACCUMULATORS / least, all_fit = (TILE_REGISTERS - 2) / least - 1;
    const int fit = sums_fit < all_fit ? sums_fit : all_fit, highest = fit < rows ? fit : rows;
    const int blocks = (rows + highest - 1) / highest;
    const int height = (rows + blocks - 1) / blocks;
    const int high_rows = (rows - blocks * (height - 1)) * height;
    const int sums_wide = TILE_ACCUMULATORS / height;
    const int all_wide = height > 1 ? (TILE_REGISTERS - 2) / (height + 1) : sums_wide;
    const int fitting = sums_wide < all_wide ? sums_wide : all_wide;
    const int width = fitting >= vectors ? vectors : fitting >= 4 && vectors % 4 == 0 ? 4 : least;
    for (int column = 0; column < columns; column += width * VECTOR_LANES) {
        const int whole = (width - 1) * VECTOR_LANES, end = columns - VECTOR_LANES - column;
        const int last = whole < end ? whole : end;
        for (int row = 0; row < high_rows; row += height, ahead = NULL)
            tile_block(lanes, row, height, width, last, acc + row * walk->sums + column,
                       stream + column * lanes, panel + column, walk, resume, ahead);
        for (int row = high_rows; row < rows; row += height - 1)
            tile_block(lanes, row, height - 1, width, last, acc + row * walk->sums + column,
                       stream + column * lanes, panel + column, walk, resume, NULL);
    }
}

static inline float f32_greater_of(float a, float b) {
    return a < b ? b : a;
}

TILE_INLINE tile_1x16(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead) {
    tile(0, 1, 16, sums, stream, panel, walk, resume, ahead);
}

TILE_INLINE tile_8x32(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead) {
    tile(0, 8, 32, sums, stream, panel, walk, resume, ahead);
}

TILE_INLINE tile_12x32(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead) {
    tile(0, 12, 32, sums, stream, panel, walk, resume, ahead);
}

/* t19 float32[1,32,24,24] = relu(sum over 5x5(input_image * layers_0_weight) +
 *     layers_0_bias)
 * nodes 9 14 18 19 */
static void k01_contract_relu(const float *restrict input_image,
        const float *restrict layers_0_weight_packed, const float *restrict layers_0_bias,
        float *restrict t19) {
    static const struct tile_walk walk = {
        .rows = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
        .extent = {1, 5, 5}, .stream = {0, 28, 1},
        .panel = {0, 160, 32}, .sums = 32};
    for (long i0 = 0; i0 < 24; i0++) {
        for (long i1 = 0; i1 < 24; i1 += 12) {
            _Alignas(64) float sums[12 * 32];
            tile_12x32(sums, input_image + 28 * i0 + i1, layers_0_weight_packed, &walk, 0, 0);
            for (long r0 = 0; r0 < 12; r0++) {
                for (long c = 0; c < 32; c++) {
                    const float v0 = sums[32 * r0 + c] + layers_0_bias[c];
                    const float v1 = f32_greater_of(f32_zero(), v0);
                    t19[768 * i0 + 32 * i1 + 32 * r0 + c] = v1;
                }
            }
        }
    }
}

/* t54 float32[1,32,10,10] = max over 2x2((relu(sum over 32x5x5(t19 * layers_2_weight) +
 *     layers_2_bias) - layers_4_running_mean) * layers_4_weight * folded_52 + layers_4_bias)
 * nodes 28 33 35 36 40 44 54 58 61 */
static void k02_contract_relu_pool(const float *restrict t19,
        const float *restrict layers_2_weight_packed, const float *restrict layers_2_bias,
        const float *restrict layers_4_running_mean, const float *restrict layers_4_weight,
        const float *restrict folded_52, const float *restrict layers_4_bias,
        float *restrict t54) {
    static const struct tile_walk walk = {
        .rows = {0, 64, 768, 832, 32, 96, 800, 864},
        .extent = {32, 5, 5}, .stream = {1, 768, 32},
        .panel = {800, 160, 32}, .sums = 32};
    for (long i0 = 0; i0 < 10; i0++) {
        for (long i1 = 0; i1 < 10; i1 += 2) {
            _Alignas(64) float sums[8 * 32];
            tile_8x32(sums, t19 + 1536 * i0 + 64 * i1, layers_2_weight_packed, &walk, 0, 0);
            for (long s0 = 0; s0 < 8; s0++) {
                for (long c = 0; c < 32; c++) {
                    const float v0 = sums[c + 32 * s0] + layers_2_bias[c];
                    const float v1 = f32_greater_of(f32_zero(), v0);
                    const float v2 = (v1 - layers_4_running_mean[c]) * layers_4_weight[c];
                    sums[c + 32 * s0] = v2 * folded_52[c] + layers_4_bias[c];
                }
            }
            for (long r0 = 0; r0 < 2; r0++) {
                for (long c = 0; c < 32; c++) {
                    const float v0 = sums[32 * r0 + c];
                    const float v1 = sums[32 * r0 + c + 64];
                    uint32_t nan2 = f32_unordered(v0, v1);
                    const float v3 = f32_greater_of(v0, v1);
                    const float v4 = sums[32 * r0 + c + 128];
                    const float v5 = sums[32 * r0 + c + 192];
                    nan2 |= f32_unordered(v4, v5);
                    const float v6 = f32_greater_of(v4, v5);
                    const float v7 = f32_greater_of(v3, v6);
                    const float v8 = f32_nan_or(nan2, v7);
                    t54[320 * i0 + 32 * i1 + 32 * r0 + c] = v8;
                }
            }
        }
    }
}

/* t71 float32[1,64,8,8] = relu(sum over 32x3x3(t54 * layers_6_weight) + layers_6_bias)
 * nodes 70 75 77 78 */
static void k03_contract_relu(const float *restrict t54,
        const float *restrict layers_6_weight_packed, const float *restrict layers_6_bias,
        float *restrict t71) {
    static const struct tile_walk walk = {
        .rows = {0, 32, 64, 96, 128, 160, 192, 224},
        .extent = {32, 3, 3}, .stream = {1, 320, 32},
        .panel = {288, 96, 32}, .sums = 32};
    for (long n = 0; n < 64; n += 32) {
        for (long i1 = 0; i1 < 8; i1++) {
            _Alignas(64) float sums[8 * 32];
            tile_8x32(sums, t54 + 320 * i1, layers_6_weight_packed + 288 * n, &walk, 0, 0);
            for (long r0 = 0; r0 < 8; r0++) {
                for (long c = 0; c < 32; c++) {
                    const float v0 = sums[32 * r0 + c] + layers_6_bias[n + c];
                    const float v1 = f32_greater_of(f32_zero(), v0);
                    t71[n + 512 * i1 + 64 * r0 + c] = v1;
                }
            }
        }
    }
}

/* t106 float32[1,64,3,3] = max over 2x2((relu(sum over 64x3x3(t71 * layers_8_weight) +
 *     layers_8_bias) - layers_10_running_mean) * layers_10_weight * folded_109 +
 *     layers_10_bias)
 * nodes 87 92 94 95 99 103 111 115 118 */
static void k04_contract_relu_pool(const float *restrict t71,
        const float *restrict layers_8_weight_packed, const float *restrict layers_8_bias,
        const float *restrict layers_10_running_mean, const float *restrict layers_10_weight,
        const float *restrict folded_109, const float *restrict layers_10_bias,
        float *restrict t106) {
    static const struct tile_walk walk = {
        .rows = {0, 128, 256, 512, 640, 768, 64, 192, 320, 576, 704, 832},
        .extent = {64, 3, 3}, .stream = {1, 512, 64},
        .panel = {288, 96, 32}, .sums = 32};
    for (long n = 0; n < 64; n += 32) {
        for (long i1 = 0; i1 < 3; i1++) {
            _Alignas(64) float sums[12 * 32];
            tile_12x32(sums, t71 + 1024 * i1, layers_8_weight_packed + 576 * n, &walk, 0, 0);
            for (long s0 = 0; s0 < 12; s0++) {
                for (long c = 0; c < 32; c++) {
                    const float v0 = sums[c + 32 * s0] + layers_8_bias[n + c];
                    const float v1 = f32_greater_of(f32_zero(), v0);
                    const float v2 = v1 - layers_10_running_mean[n + c];
                    const float v3 = v2 * layers_10_weight[n + c] * folded_109[n + c];
                    sums[c + 32 * s0] = v3 + layers_10_bias[n + c];
                }
            }
            for (long r0 = 0; r0 < 3; r0++) {
                for (long c = 0; c < 32; c++) {
                    const float v0 = sums[32 * r0 + c];
                    const float v1 = sums[32 * r0 + c + 96];
                    uint32_t nan2 = f32_unordered(v0, v1);
                    const float v3 = f32_greater_of(v0, v1);
                    const float v4 = sums[32 * r0 + c + 192];
                    const float v5 = sums[32 * r0 + c + 288];
                    nan2 |= f32_unordered(v4, v5);
                    const float v6 = f32_greater_of(v4, v5);
                    const float v7 = f32_greater_of(v3, v6);
                    const float v8 = f32_nan_or(nan2, v7);
                    t106[n + 192 * i1 + 64 * r0 + c] = v8;
                }
            }
        }
    }
}

/* logits float32[1,10] = sum over 64x3x3(t106 * layers_13_weight) + layers_13_bias
 * nodes 126 129 */
static void k05_contract(const float *restrict t106,
        const float *restrict layers_13_weight_packed, const float *restrict layers_13_bias,
        float *restrict logits) {
    static const struct tile_walk walk = {
        .rows = {0},
        .extent = {1, 64, 9}, .stream = {0, 1, 64},
        .panel = {0, 144, 16}, .sums = 16};
    _Alignas(64) float sums[1 * 16];
    tile_1x16(sums, t106, layers_13_weight_packed, &walk, 0, 0);
    for (long c = 0; c < 10; c++) {
        logits[c] = f32_canonical(sums[c] + layers_13_bias[c]);
    }
}

static void run_kernels(const struct mnist_inputs *inputs, const struct mnist_outputs *outputs,
        const void *weights, void *arena) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_layers_0_bias = 3200, /* float32[32] */
        AT_layers_2_bias = 105728, /* float32[32] */
        AT_layers_4_running_mean = 105856, /* float32[32] */
        AT_layers_4_weight = 105984, /* float32[32] */
        AT_folded_52 = 106112, /* float32[1,32,1,1] */
        AT_layers_4_bias = 106240, /* float32[32] */
        AT_layers_6_bias = 180096, /* float32[64] */
        AT_layers_8_bias = 327808, /* float32[64] */
        AT_layers_10_running_mean = 328064, /* float32[64] */
        AT_layers_10_weight = 328320, /* float32[64] */
        AT_folded_109 = 328576, /* float32[1,64,1,1] */
        AT_layers_10_bias = 328832, /* float32[64] */
        AT_layers_13_bias = 365952, /* float32[10] */
        AT_layers_0_weight_packed = 0, /* float32[800] */
        AT_layers_2_weight_packed = 3328, /* float32[25600] */
        AT_layers_6_weight_packed = 106368, /* float32[18432] */
        AT_layers_8_weight_packed = 180352, /* float32[36864] */
        AT_layers_13_weight_packed = 329088, /* float32[9216] */
    };

    /* Temporaries, in bytes from the beginning of the arena. */
    enum {
        AT_t19 = 0, /* float32[1,32,24,24], alive from k01 to k02 */
        AT_t54 = 73728, /* float32[1,32,10,10], alive from k02 to k03 */
        AT_t71 = 0, /* float32[1,64,8,8], alive from k03 to k04 */
        AT_t106 = 16384, /* float32[1,64,3,3], alive from k04 to k05 */
    };

    const char *constants = (const char *)weights;
    char *scratch = (char *)arena;
    k01_contract_relu(inputs->input_image, (const float *)(constants + AT_layers_0_weight_packed),
            (const float *)(constants + AT_layers_0_bias), (float *)(scratch + AT_t19));
    k02_contract_relu_pool((const float *)(scratch + AT_t19),
            (const float *)(constants + AT_layers_2_weight_packed),
            (const float *)(constants + AT_layers_2_bias),
            (const float *)(constants + AT_layers_4_running_mean),
            (const float *)(constants + AT_layers_4_weight),
            (const float *)(constants + AT_folded_52),
            (const float *)(constants + AT_layers_4_bias), (float *)(scratch + AT_t54));
    k03_contract_relu((const float *)(scratch + AT_t54),
            (const float *)(constants + AT_layers_6_weight_packed),
            (const float *)(constants + AT_layers_6_bias), (float *)(scratch + AT_t71));
    k04_contract_relu_pool((const float *)(scratch + AT_t71),
            (const float *)(constants + AT_layers_8_weight_packed),
            (const float *)(constants + AT_layers_8_bias),
            (const float *)(constants + AT_layers_10_running_mean),
            (const float *)(constants + AT_layers_10_weight),
            (const float *)(constants + AT_folded_109),
            (const float *)(constants + AT_layers_10_bias), (float *)(scratch + AT_t106));
    k05_contract((const float *)(scratch + AT_t106),
            (const float *)(constants + AT_layers_13_weight_packed),
            (const float *)(constants + AT_layers_13_bias), outputs->logits);
}

#ifdef VERSIONS
#undef FMA_OF_F32
#undef FMA_OF_F64
#undef HAS_DOUBLES
#undef VECTOR_FMA
#undef VECTOR_HOLD
#undef TILE_FETCH_STEP
#undef TILE_SEPARATE
#endif
#endif // what each version has

#ifndef VERSION_ENDING
// The version of a function for the CPU at hand. F16C is not asked for, since some compilers
// cannot: every CPU that has all of these has it too.
#ifdef VERSIONS
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#define FOR_THIS_CPU(name) (has_avx512() ? name##_avx512 : has_avx2() ? name##_avx2 : name##_plain)
#else
#define FOR_THIS_CPU(name) name
#endif

void mnist_run(const struct mnist_inputs *inputs, const struct mnist_outputs *outputs,
        const void *weights, void *arena) {
    FOR_THIS_CPU(run_kernels)(inputs, outputs, weights, arena);
}

void mnist_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena) {
    struct mnist_inputs named_inputs;
    named_inputs.input_image = (const float *)inputs[0];
    struct mnist_outputs named_outputs;
    named_outputs.logits = (float *)outputs[0];
    mnist_run(&named_inputs, &named_outputs, weights, arena);
}

const char *mnist_metadata(void) {
    return "eigentensor 1; graph ea41d113cc31f352748e8397daaaaa04bdfcbabdb60cd78294741bf8f8b760db"
           "; input input_image float32[1,1,28,28]"
           "; output logits float32[1,10]";
}
#endif // once
