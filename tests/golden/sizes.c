/* table.c: the graph "table", compiled to C by Eigentensor. Do not edit.
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *  at rows=6:
 *   k01_contract_relu
 *     same float32[2,16]  544 flop  576 + 128 bytes
 *   k02_contract_exp
 *     each float32[6,16]  1632 flop  704 + 384 bytes
 *  at rows=4:
 *   k04_contract_exp
 *     each float32[4,16]  1088 flop  640 + 256 bytes
 *   and k01_contract_relu
 *  at rows=1:
 *   k06_contract_exp
 *     each float32[1,16]  272 flop  544 + 64 bytes
 *   and k01_contract_relu
 */
#include "table.h"

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

// e^x.
//
// Cody-Waite reduction: x = n * ln(2) + r, |r| <= 0.3467, with ln(2) as the sum of two floats; the
// first fused step is exact. exp(r) = 1 + r + r^2 * q(r); q has degree 4, minimax with coefficients
// that are floats (fpminimax) for the relative error of exp(r): 2^-28.2. Here all is doubled, so
// that 2^(n-1) remains, which is a float for n = 128 too; for n < -62 it is a product of two, so
// that results below 2^-126 underflow gradually. exp(-104) rounds to 0. From 88.73 on, n is 128 and
// the result overflows. NaN comes through all of it.
// Largest error: 0.892 ulp, at exp(-5.8486).
static inline float f32_exp(float x) {
    const float round_to_integer = 0x1.8000fcp+23f; // 1.5 * 2^23 + 126: added, leaves n + 126
    const int32_t most = 0x4b400000 + 126 + 128;    // the bits of that sum for n = 128
    x = x < -104.0f ? -104.0f : x;
    int32_t turns = (int32_t)f32_bits(f32_fma(x, 0x1.715476p+0f /* 1/ln(2) */, round_to_integer));
    turns = turns < most ? turns : most;
    float n = f32_from_bits((uint32_t)turns) - round_to_integer;
    float r = f32_fma(n, -0x1.62e430p-1f /* 0.693147182 */, x);
    r = f32_fma(n, 0x1.05c610p-29f /* 1.90465421e-09, 0.693147182 - ln(2) */, r);
    float y = 0x1.694cd4p-9f; // 2 * 0.00137824565
    y = f32_fma(y, r, 0x1.123988p-6f /* 2 * 0.00836867467 */);
    y = f32_fma(y, r, 0x1.555a26p-4f /* 2 * 0.0416689627 */);
    y = f32_fma(y, r, 0x1.555492p-2f /* 2 * 0.166665211 */);
    y = f32_fma(y, r, 0x1.fffffap-1f /* 2 * 0.499999911 */);
    y = f32_fma(y, r, 2.0f);
    y = f32_fma(y, r, 2.0f);
    int32_t power = (int32_t)((uint32_t)turns << 23), least = 64 << 23; // exponents as bits
    uint32_t factor = (uint32_t)(power > least ? power : least);
    y = y * f32_from_bits(factor);
    return y * f32_from_bits((uint32_t)power - factor + 0x3f800000u);
}

// A loop whose result may lie where its operand does; one that is not made straight code of, which
// would find no registers; a step of several vectors, side by side, as each step waits for the one
// before; a number in all lanes.
#if defined __clang__
#define STRIP_LOOP _Pragma("clang loop vectorize(assume_safety)")
#define STRIP_ROUNDS _Pragma("clang loop unroll(disable)")
#define STRIP_EACH _Pragma("clang loop unroll(full)") for (int i = 0; i < vectors; i++)
#else
#define STRIP_LOOP _Pragma("GCC ivdep")
#define STRIP_ROUNDS _Pragma("GCC unroll 1")
#define STRIP_EACH _Pragma("GCC unroll 4") for (int i = 0; i < vectors; i++)
#endif
#if VECTOR_BITS == 512
#include <immintrin.h>
#define STRIP_ALL(x) _mm512_set1_ps(x)
#endif

// to[i] = f32_exp(from[i] - less); `to` may be `from`. AVX-512 multiplies by a power of two with
// one rounding, whatever the power, and its bounds let NaN through.
#if VECTOR_BITS == 512
static inline __attribute__((always_inline)) void f32_exp_registers(int vectors, __m512 *x) {
    __m512 n[4], r[4];
    STRIP_EACH x[i] = _mm512_max_ps(STRIP_ALL(-104.0f), x[i]);
    STRIP_EACH x[i] = _mm512_min_ps(STRIP_ALL(89.0f), x[i]);
    STRIP_EACH n[i] = _mm512_fmadd_ps(x[i], STRIP_ALL(0x1.715476p+0f), STRIP_ALL(0x1.8p+23f));
    STRIP_EACH n[i] = _mm512_sub_ps(n[i], STRIP_ALL(0x1.8p+23f));
    STRIP_EACH r[i] = _mm512_fmadd_ps(n[i], STRIP_ALL(-0x1.62e430p-1f), x[i]);
    STRIP_EACH r[i] = _mm512_fmadd_ps(n[i], STRIP_ALL(0x1.05c610p-29f), r[i]);
    STRIP_EACH x[i] = _mm512_fmadd_ps(STRIP_ALL(0x1.694cd4p-10f), r[i], STRIP_ALL(0x1.123988p-7f));
    STRIP_EACH x[i] = _mm512_fmadd_ps(x[i], r[i], STRIP_ALL(0x1.555a26p-5f));
    STRIP_EACH x[i] = _mm512_fmadd_ps(x[i], r[i], STRIP_ALL(0x1.555492p-3f));
    STRIP_EACH x[i] = _mm512_fmadd_ps(x[i], r[i], STRIP_ALL(0x1.fffffap-2f));
    STRIP_EACH x[i] = _mm512_fmadd_ps(x[i], r[i], STRIP_ALL(1.0f));
    STRIP_EACH x[i] = _mm512_fmadd_ps(x[i], r[i], STRIP_ALL(1.0f));
    STRIP_EACH x[i] = _mm512_scalef_ps(x[i], n[i]);
}
static inline __attribute__((always_inline)) void
f32_exp_vectors(int vectors, float *to, const float *from, float less, __mmask16 width) {
    __m512 x[4];
    STRIP_EACH x[i] = _mm512_maskz_loadu_ps(width, from + 16 * i);
    STRIP_EACH x[i] = _mm512_sub_ps(x[i], STRIP_ALL(less));
    f32_exp_registers(vectors, x);
    STRIP_EACH _mm512_mask_storeu_ps(to + 16 * i, width, x[i]);
}
static inline void f32_exp_strip(float *to, const float *from, float less, long count) {
    long i = 0;
    STRIP_ROUNDS
    for (; i + 64 <= count; i += 64)
        f32_exp_vectors(4, to + i, from + i, less, 0xffff);
    for (; i + 16 <= count; i += 16)
        f32_exp_vectors(1, to + i, from + i, less, 0xffff);
    if (i < count)
        f32_exp_vectors(1, to + i, from + i, less, (__mmask16)((1u << (count - i)) - 1));
}
#else
static inline void f32_exp_strip(float *to, const float *from, float less, long count) {
    STRIP_LOOP
    for (long i = 0; i < count; i++)
        to[i] = f32_exp(from[i] - less);
}
#endif

// In integers: of a choice of a constant gcc makes a load under a mask. Where no element is NaN,
// the mask suppresses the page fault that would bring the constant's page in, slowly and each time.
static inline float f32_canonical(float x) {
    const uint32_t bits = f32_bits(x);
    const uint32_t nan = 0u - ((0x7f800000u - (bits & 0x7fffffffu)) >> 31);
    return f32_from_bits((bits & ~nan) | (0x7fc00000u & nan));
}

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

TILE_INLINE tile_2x16(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead) {
    tile(0, 2, 16, sums, stream, panel, walk, resume, ahead);
}

TILE_INLINE tile_4x16(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead) {
    tile(0, 4, 16, sums, stream, panel, walk, resume, ahead);
}

TILE_INLINE tile_6x16(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead) {
    tile(0, 6, 16, sums, stream, panel, walk, resume, ahead);
}

/* same float32[2,16] = relu(sum over 8(y * w))
 * nodes 9 13 14 */
static void k01_contract_relu(const float *restrict y, const float *restrict w_packed,
        float *restrict same) {
    static const struct tile_walk walk = {
        .rows = {0, 8},
        .extent = {1, 1, 8}, .stream = {0, 0, 1},
        .panel = {0, 0, 16}, .sums = 16};
    _Alignas(64) float sums[2 * 16];
    tile_2x16(sums, y, w_packed, &walk, 0, 0);
    for (long r0 = 0; r0 < 2; r0++) {
        for (long c = 0; c < 16; c++) {
            same[16 * r0 + c] = f32_canonical(f32_greater_of(f32_zero(), sums[16 * r0 + c]));
        }
    }
}

/* each float32[6,16] = exp(sum over 8(x * w))
 * nodes 18 19 */
static void k02_contract_exp(const float *restrict x, const float *restrict w_packed_2,
        float *restrict each) {
    static const struct tile_walk walk = {
        .rows = {0, 8, 16, 24, 32, 40},
        .extent = {1, 1, 8}, .stream = {0, 0, 1},
        .panel = {0, 0, 16}, .sums = 16};
    _Alignas(64) float sums[6 * 16];
    tile_6x16(sums, x, w_packed_2, &walk, 0, 0);
    for (long r0 = 0; r0 < 6; r0++) {
        _Alignas(64) float exp0[16];
        for (long c = 0; c < 16; c++) {
            exp0[c] = sums[16 * r0 + c];
        }
        f32_exp_strip(exp0, exp0, 0.0f, 16);
        for (long c = 0; c < 16; c++) {
            each[16 * r0 + c] = f32_canonical(exp0[c]);
        }
    }
}

/* each float32[4,16] = exp(sum over 8(x * w))
 * nodes 18 19 */
static void k04_contract_exp(const float *restrict x, const float *restrict w_packed_2,
        float *restrict each) {
    static const struct tile_walk walk = {
        .rows = {0, 8, 16, 24},
        .extent = {1, 1, 8}, .stream = {0, 0, 1},
        .panel = {0, 0, 16}, .sums = 16};
    _Alignas(64) float sums[4 * 16];
    tile_4x16(sums, x, w_packed_2, &walk, 0, 0);
    for (long r0 = 0; r0 < 4; r0++) {
        _Alignas(64) float exp0[16];
        for (long c = 0; c < 16; c++) {
            exp0[c] = sums[16 * r0 + c];
        }
        f32_exp_strip(exp0, exp0, 0.0f, 16);
        for (long c = 0; c < 16; c++) {
            each[16 * r0 + c] = f32_canonical(exp0[c]);
        }
    }
}

/* each float32[1,16] = exp(sum over 8(x * w))
 * nodes 17 18 */
static void k06_contract_exp(const float *restrict x, const float *restrict w_packed_2,
        float *restrict each) {
    static const struct tile_walk walk = {
        .rows = {0},
        .extent = {1, 1, 8}, .stream = {0, 0, 1},
        .panel = {0, 0, 16}, .sums = 16};
    _Alignas(64) float sums[1 * 16];
    tile_1x16(sums, x, w_packed_2, &walk, 0, 0);
    {
        _Alignas(64) float exp0[16];
        for (long c = 0; c < 16; c++) {
            exp0[c] = sums[c];
        }
        f32_exp_strip(exp0, exp0, 0.0f, 16);
        for (long c = 0; c < 16; c++) {
            each[c] = f32_canonical(exp0[c]);
        }
    }
}

static void run_at_6(const struct table_inputs *inputs, const struct table_outputs *outputs,
        const void *weights, void *arena) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_w_packed = 0, /* float32[128] */
        AT_w_packed_2 = 0, /* float32[128] */
    };

    const char *constants = (const char *)weights;
    (void)arena;
    k01_contract_relu(inputs->y, (const float *)(constants + AT_w_packed), outputs->same);
    k02_contract_exp(inputs->x, (const float *)(constants + AT_w_packed_2), outputs->each);
}

static void run_at_4(const struct table_inputs *inputs, const struct table_outputs *outputs,
        const void *weights, void *arena) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_w_packed = 0, /* float32[128] */
        AT_w_packed_2 = 0, /* float32[128] */
    };

    const char *constants = (const char *)weights;
    (void)arena;
    k01_contract_relu(inputs->y, (const float *)(constants + AT_w_packed), outputs->same);
    k04_contract_exp(inputs->x, (const float *)(constants + AT_w_packed_2), outputs->each);
}

static void run_at_1(const struct table_inputs *inputs, const struct table_outputs *outputs,
        const void *weights, void *arena) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_w_packed = 0, /* float32[128] */
        AT_w_packed_2 = 0, /* float32[128] */
    };

    const char *constants = (const char *)weights;
    (void)arena;
    k01_contract_relu(inputs->y, (const float *)(constants + AT_w_packed), outputs->same);
    k06_contract_exp(inputs->x, (const float *)(constants + AT_w_packed_2), outputs->each);
}

/* The position of these sizes, or -1. */
static int find_size(long rows) {
    static const long sizes[3][1] = {
        {1}, {4}, {6}};
    for (int i = 0; i < 3; i++)
        if (sizes[i][0] == rows)
            return i;
    return -1;
}

int table_run(const struct table_inputs *inputs, const struct table_outputs *outputs,
        const void *weights, void *arena, long rows) {
    switch (find_size(rows)) {
    case 0:
        run_at_1(inputs, outputs, weights, arena);
        return 0;
    case 1:
        run_at_4(inputs, outputs, weights, arena);
        return 0;
    case 2:
        run_at_6(inputs, outputs, weights, arena);
        return 0;
    }
    return -1;
}

long table_arena_bytes(long rows) {
    static const long bytes[3] = {
        0,
        0,
        0,
    };
    const int size = find_size(rows);
    return size < 0 ? -1 : bytes[size];
}

long table_input_elements(int input, long rows) {
    static const long elements[3][2] = {
        {8, 16},
        {32, 16},
        {48, 16},
    };
    const int size = find_size(rows);
    return size < 0 || input < 0 || input >= 2 ? -1 : elements[size][input];
}

long table_output_elements(int output, long rows) {
    static const long elements[3][2] = {
        {32, 16},
        {32, 64},
        {32, 96},
    };
    const int size = find_size(rows);
    return size < 0 || output < 0 || output >= 2 ? -1 : elements[size][output];
}

int table_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena, long rows) {
    struct table_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    named_inputs.y = (const float *)inputs[1];
    struct table_outputs named_outputs;
    named_outputs.same = (float *)outputs[0];
    named_outputs.each = (float *)outputs[1];
    return table_run(&named_inputs, &named_outputs, weights, arena, rows);
}

const char *table_metadata(void) {
    return "eigentensor 1; graph unknown"
           " at rows=6"
           "; graph unknown"
           " at rows=4"
           "; graph unknown"
           " at rows=1"
           "; input x float32[rows,8]"
           "; input y float32[2,8]"
           "; output same float32[2,16]"
           "; output each float32[rows,16]";
}
