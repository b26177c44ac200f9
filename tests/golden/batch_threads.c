/* golden.c: the graph "golden", compiled to C by Eigentensor. Do not edit.
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *  in blocks of 16:
 *   k01_contract_relu
 *     y float32[16,48]  99840 flop  16576 + 3072 bytes
 *  in blocks of 4:
 *   k02_contract_relu
 *     y float32[4,48]  24960 flop  13504 + 768 bytes
 *  in blocks of 2:
 *   k03_contract_relu
 *     y float32[2,48]  12480 flop  12992 + 384 bytes
 *  in blocks of 1:
 *   k04_contract_relu
 *     y float32[1,48]  6240 flop  12736 + 192 bytes
 */
#define _POSIX_C_SOURCE 200809L

#include "golden.h"

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

// In integers: of a choice of a constant gcc makes a load under a mask. Where no element is NaN,
// the mask suppresses the page fault that would bring the constant's page in, slowly and each time.
static inline float f32_canonical(float x) {
    const uint32_t bits = f32_bits(x);
    const uint32_t nan = 0u - ((0x7f800000u - (bits & 0x7fffffffu)) >> 31);
    return f32_from_bits((bits & ~nan) | (0x7fc00000u & nan));
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
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

typedef void pool_work(void *context, long step, long part);

// A count, on a cache line of its own. All counts only grow, and may wrap around.
struct pool_count {
    _Alignas(64) atomic_uint value;
};

struct pool_thread {
    struct pool *pool;
    long part;
    pthread_t thread;
};

struct pool {
    long parts;                  // threads, with the one that calls
    int looks;                   // before a thread that waits goes to sleep
    unsigned steps;              // of all work so far
    struct pool_thread *threads; // parts - 1
    struct pool_count *claimed;  // of each part: the steps that somebody began
    struct pool_count done;      // parts of steps
    struct pool_count started;   // twice for each piece of work; odd while the next fields change
    _Atomic(pool_work *) work;   // NULL: the pool ends
    _Atomic(void *) context;
    atomic_uint first_step, step_count;
    struct pool_count sleepers; // threads that must be woken
    pthread_mutex_t lock;       // of those asleep
    pthread_cond_t wake;
};

// A piece of work as a thread has seen it.
struct pool_piece {
    pool_work *work;
    void *context;
    unsigned first_step, step_count;
};

static inline void pool_pause(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

static inline int pool_has(struct pool_count *count, unsigned wanted) {
    return (int)(atomic_load(&count->value) - wanted) >= 0;
}

// Waits until a count has come as far as `wanted`.
static inline void pool_await(struct pool *pool, struct pool_count *count, unsigned wanted) {
    for (int i = 0; i < pool->looks; i++) {
        if (pool_has(count, wanted))
            return;
        pool_pause();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers.value, 1);
    while (!pool_has(count, wanted))
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleepers.value, 1);
    pthread_mutex_unlock(&pool->lock);
}

// After a count has grown: either who goes to sleep sees that, or this thread sees that it sleeps.
static inline void pool_wake(struct pool *pool) {
    if (atomic_load(&pool->sleepers.value) == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

// Does a part of a step if nobody has begun it.
static inline void pool_try(struct pool *pool, const struct pool_piece *piece, unsigned step,
                            long part) {
    unsigned number = piece->first_step + step;
    atomic_uint *claimed = &pool->claimed[part].value;
    if (atomic_load_explicit(claimed, memory_order_relaxed) != number ||
        !atomic_compare_exchange_strong(claimed, &number, number + 1))
        return;
    piece->work(piece->context, (long)step, part);
    if (atomic_fetch_add(&pool->done.value, 1) + 1 == (number + 1) * (unsigned)pool->parts)
        pool_wake(pool);
}

static inline void pool_take_part(struct pool *pool, const struct pool_piece *piece, long own) {
    for (unsigned step = 0; step < piece->step_count; step++) {
        for (long part = own; part < pool->parts; part++)
            pool_try(pool, piece, step, part);
        for (long part = 0; part < own; part++)
            pool_try(pool, piece, step, part);
        pool_await(pool, &pool->done, (piece->first_step + step + 1) * (unsigned)pool->parts);
    }
}

static inline void pool_publish(struct pool *pool, pool_work *work, void *context,
                                unsigned step_count) {
    atomic_fetch_add(&pool->started.value, 1);
    atomic_store(&pool->work, work);
    atomic_store(&pool->context, context);
    atomic_store(&pool->first_step, pool->steps);
    atomic_store(&pool->step_count, step_count);
    atomic_fetch_add(&pool->started.value, 1);
    pool->steps += step_count;
    pool_wake(pool);
}

// The newest piece of work, read as a whole; returns how far `started` was.
static inline unsigned pool_read(struct pool *pool, struct pool_piece *piece) {
    for (;;) {
        unsigned started = atomic_load(&pool->started.value);
        piece->work = atomic_load(&pool->work);
        piece->context = atomic_load(&pool->context);
        piece->first_step = atomic_load(&pool->first_step);
        piece->step_count = atomic_load(&pool->step_count);
        if (started % 2 == 0 && atomic_load(&pool->started.value) == started)
            return started;
        pool_pause();
    }
}

// A thread that comes late finds all parts of its piece begun, and no step to wait for.
static inline void *pool_thread_main(void *context) {
    const struct pool_thread *thread = context;
    struct pool_piece piece;
    for (unsigned seen = 0;;) {
        pool_await(thread->pool, &thread->pool->started, seen + 2);
        seen = pool_read(thread->pool, &piece);
        if (!piece.work)
            return NULL;
        pool_take_part(thread->pool, &piece, thread->part);
    }
}

// Calls work(context, step, part) for every part of every step; returns when all are done. One
// piece of work at a time.
static inline void pool_share(struct pool *pool, pool_work *work, void *context, long step_count) {
    struct pool_piece piece = {work, context, pool->steps, (unsigned)step_count};
    pool_publish(pool, work, context, piece.step_count);
    pool_take_part(pool, &piece, 0);
}

// Ends the threads that were begun.
static inline void pool_end_threads(struct pool *pool, long count) {
    pool_publish(pool, NULL, NULL, 0);
    for (long i = 0; i < count; i++)
        pthread_join(pool->threads[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
}

static inline void pool_release(struct pool *pool) {
    free(pool->threads);
    free(pool->claimed);
    free(pool);
}

// Begins the threads, with all signals left to those of the caller; returns how many there are.
static inline long pool_begin_threads(struct pool *pool) {
    sigset_t all, before;
    long count = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; count + 1 < pool->parts; count++) {
        struct pool_thread *thread = &pool->threads[count];
        *thread = (struct pool_thread){.pool = pool, .part = count + 1};
        if (pthread_create(&thread->thread, NULL, pool_thread_main, thread) != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return count;
}

static inline struct pool *pool_allocate(long parts) {
    size_t line = sizeof(struct pool_count);
    struct pool *pool = aligned_alloc(line, sizeof *pool);
    if (!pool)
        return NULL;
    *pool = (struct pool){.parts = parts};
    pool->threads = calloc((size_t)parts, sizeof *pool->threads);
    pool->claimed = aligned_alloc(line, (size_t)parts * line);
    for (long i = 0; i < parts && pool->claimed; i++)
        atomic_init(&pool->claimed[i].value, 0);
    if (pool->threads && pool->claimed)
        return pool;
    pool_release(pool);
    return NULL;
}

// NULL when there is no memory or no thread to be had.
static inline struct pool *pool_new(long parts) {
    enum { LOOKS = 4000 }; // about 0.1 ms
    struct pool *pool = pool_allocate(parts);
    if (!pool)
        return NULL;
    pool->looks = parts > sysconf(_SC_NPROCESSORS_ONLN) ? 0 : LOOKS;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    long begun = pool_begin_threads(pool);
    if (begun == parts - 1)
        return pool;
    pool_end_threads(pool, begun);
    pool_release(pool);
    return NULL;
}

// NULL is fine.
static inline void pool_free(struct pool *pool) {
    if (!pool)
        return;
    pool_end_threads(pool, pool->parts - 1);
    pool_release(pool);
}

static inline float f32_greater_of(float a, float b) {
    return a < b ? b : a;
}

TILE_INLINE tile_1x48(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead) {
    tile(0, 1, 48, sums, stream, panel, walk, resume, ahead);
}

TILE_INLINE tile_2x48(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead) {
    tile(0, 2, 48, sums, stream, panel, walk, resume, ahead);
}

TILE_INLINE tile_4x48(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead) {
    tile(0, 4, 48, sums, stream, panel, walk, resume, ahead);
}

TILE_INLINE tile_6x48(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead) {
    tile(0, 6, 48, sums, stream, panel, walk, resume, ahead);
}

/* y float32[16,48] = relu(sum over 64(x * weight) + bias)
 * nodes 8 12 16 17 */
static void k01_contract_relu(const float *restrict x, const float *restrict weight_packed,
        const float *restrict bias, float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0, 64, 128, 192, 256, 320},
        .extent = {1, 1, 64}, .stream = {0, 0, 1},
        .panel = {0, 0, 48}, .sums = 48};
    static const struct tile_walk walk_2 = {
        .rows = {0, 64, 128, 192},
        .extent = {1, 1, 64}, .stream = {0, 0, 1},
        .panel = {0, 0, 48}, .sums = 48};
    for (long i0 = 0; i0 < 12; i0 += 6) {
        _Alignas(64) float sums[6 * 48];
        tile_6x48(sums, x + 64 * i0, weight_packed, &walk, 0, 0);
        for (long r0 = 0; r0 < 6; r0++) {
            for (long c = 0; c < 48; c++) {
                const float v0 = f32_greater_of(f32_zero(), sums[48 * r0 + c] + bias[c]);
                y[48 * i0 + 48 * r0 + c] = f32_canonical(v0);
            }
        }
    }
    {
        _Alignas(64) float sums[4 * 48];
        tile_4x48(sums, x + 64 * 12, weight_packed, &walk_2, 0, 0);
        for (long r0 = 0; r0 < 4; r0++) {
            for (long c = 0; c < 48; c++) {
                const float v0 = f32_greater_of(f32_zero(), sums[48 * r0 + c] + bias[c]);
                y[48 * 12 + 48 * r0 + c] = f32_canonical(v0);
            }
        }
    }
}

/* y float32[4,48] = relu(sum over 64(x * weight) + bias)
 * nodes 8 12 16 17 */
static void k02_contract_relu(const float *restrict x, const float *restrict weight_packed,
        const float *restrict bias, float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0, 64, 128, 192},
        .extent = {1, 1, 64}, .stream = {0, 0, 1},
        .panel = {0, 0, 48}, .sums = 48};
    _Alignas(64) float sums[4 * 48];
    tile_4x48(sums, x, weight_packed, &walk, 0, 0);
    for (long r0 = 0; r0 < 4; r0++) {
        for (long c = 0; c < 48; c++) {
            const float v0 = f32_greater_of(f32_zero(), sums[48 * r0 + c] + bias[c]);
            y[48 * r0 + c] = f32_canonical(v0);
        }
    }
}

/* y float32[2,48] = relu(sum over 64(x * weight) + bias)
 * nodes 8 12 16 17 */
static void k03_contract_relu(const float *restrict x, const float *restrict weight_packed,
        const float *restrict bias, float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0, 64},
        .extent = {1, 1, 64}, .stream = {0, 0, 1},
        .panel = {0, 0, 48}, .sums = 48};
    _Alignas(64) float sums[2 * 48];
    tile_2x48(sums, x, weight_packed, &walk, 0, 0);
    for (long r0 = 0; r0 < 2; r0++) {
        for (long c = 0; c < 48; c++) {
            const float v0 = f32_greater_of(f32_zero(), sums[48 * r0 + c] + bias[c]);
            y[48 * r0 + c] = f32_canonical(v0);
        }
    }
}

/* y float32[1,48] = relu(sum over 64(x * weight) + bias)
 * nodes 8 12 16 17 */
static void k04_contract_relu(const float *restrict x, const float *restrict weight_packed,
        const float *restrict bias, float *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0},
        .extent = {1, 1, 64}, .stream = {0, 0, 1},
        .panel = {0, 0, 48}, .sums = 48};
    _Alignas(64) float sums[1 * 48];
    tile_1x48(sums, x, weight_packed, &walk, 0, 0);
    for (long c = 0; c < 48; c++) {
        y[c] = f32_canonical(f32_greater_of(f32_zero(), sums[c] + bias[c]));
    }
}

/* A block of 16. */
static void run_block_16(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_bias = 12288, /* float32[48] */
        AT_weight_packed = 0, /* float32[3072] */
    };

    const char *constants = (const char *)weights;
    (void)arena;
    k01_contract_relu(inputs->x, (const float *)(constants + AT_weight_packed),
            (const float *)(constants + AT_bias), outputs->y);
}

/* A block of 4. */
static void run_block_4(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_bias = 12288, /* float32[48] */
        AT_weight_packed = 0, /* float32[3072] */
    };

    const char *constants = (const char *)weights;
    (void)arena;
    k02_contract_relu(inputs->x, (const float *)(constants + AT_weight_packed),
            (const float *)(constants + AT_bias), outputs->y);
}

/* A block of 2. */
static void run_block_2(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_bias = 12288, /* float32[48] */
        AT_weight_packed = 0, /* float32[3072] */
    };

    const char *constants = (const char *)weights;
    (void)arena;
    k03_contract_relu(inputs->x, (const float *)(constants + AT_weight_packed),
            (const float *)(constants + AT_bias), outputs->y);
}

/* A block of 1. */
static void run_block_1(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_bias = 12288, /* float32[48] */
        AT_weight_packed = 0, /* float32[3072] */
    };

    const char *constants = (const char *)weights;
    (void)arena;
    k04_contract_relu(inputs->x, (const float *)(constants + AT_weight_packed),
            (const float *)(constants + AT_bias), outputs->y);
}

typedef void run_block(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena);

/* Runs a block of `images`, of which only `count` are there. */
static void run_few(run_block *run, long images, long count,
        const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    char *staged = (char *)arena + 0; /* behind the block's own */
    struct golden_inputs in = *inputs;
    struct golden_outputs out = *outputs;
    in.x = (const float *)memcpy(staged + 0, inputs->x, count * 256);
    memset(staged + 0 + count * 256, 0, (images - count) * 256);
    out.y = (float *)(staged + 4096);
    run(&in, &out, weights, arena);
    memcpy(outputs->y, out.y, count * 192);
}

/* Runs the first of the `left` images that are left; returns how many. */
static long run_next(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long left) {
    if (left >= 16) {
        run_block_16(inputs, outputs, weights, arena);
        return 16;
    }
    if (left >= 13) {
        run_few(run_block_16, 16, left, inputs, outputs, weights, arena);
        return left;
    }
    if (left >= 4) {
        run_block_4(inputs, outputs, weights, arena);
        return 4;
    }
    if (left >= 3) {
        run_few(run_block_4, 4, left, inputs, outputs, weights, arena);
        return left;
    }
    if (left >= 2) {
        run_block_2(inputs, outputs, weights, arena);
        return 2;
    }
    run_block_1(inputs, outputs, weights, arena);
    return 1;
}

/* Images `at` to `end`, the last not included. */
static void run_images(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long at, long end) {
    while (at < end) {
        struct golden_inputs in = *inputs;
        struct golden_outputs out = *outputs;
        in.x += at * 64;
        out.y += at * 48;
        at += run_next(&in, &out, weights, arena, end - at);
    }
}

void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long batch) {
    run_images(inputs, outputs, weights, arena, 0, batch);
}

void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena, long batch) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    golden_run(&named_inputs, &named_outputs, weights, arena, batch);
}

struct golden_pool *golden_pool_new(long threads) {
    if (threads < 1 || threads > 3)
        return NULL;
    return (struct golden_pool *)pool_new(threads);
}

void golden_pool_free(struct golden_pool *pool) {
    pool_free((struct pool *)pool);
}

struct run {
    const struct golden_inputs *inputs;
    const struct golden_outputs *outputs;
    const void *weights;
    void *arena;
    long batch, parts;
};

static void take_part(void *context, long step, long part) {
    const struct run *run = (const struct run *)context;
    (void)step;
    run_images(run->inputs, run->outputs, run->weights,
            (char *)run->arena + part * GOLDEN_ARENA_BYTES, run->batch * part / run->parts,
            run->batch * (part + 1) / run->parts);
}

void golden_run_on(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long batch, struct golden_pool *pool) {
    struct pool *threads = (struct pool *)pool;
    struct run run = {inputs, outputs, weights, arena, batch, threads->parts};
    pool_share(threads, take_part, &run, 1);
}

void golden_run_on_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena, long batch, struct golden_pool *pool) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    golden_run_on(&named_inputs, &named_outputs, weights, arena, batch, pool);
}

const char *golden_metadata(void) {
    return "eigentensor 1; graph unknown"
           "; input x float32[N,64]"
           "; output y float32[N,48]";
}
