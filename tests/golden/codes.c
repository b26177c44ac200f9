/* golden.c: the graph "golden", compiled to C by Eigentensor. Do not edit.
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *   k01_contract
 *     y float32[1,72]  18504 flop  7200 + 288 bytes
 */
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
// A walk through a panel of codes of so many bits. `listed`: it holds zeros, 1, or offsets, 2; else
// `zero` is that of all codes. `half`: scales, zeros and offsets are float16. `by_blocks`: scales
// multiply the sums of blocks.
struct coded_walk {
    struct tile_walk steps;
    int bits, listed, half, by_blocks;
    float zero;
};

// Exact.
static inline float f16_to_f32(uint16_t x) {
    uint32_t sign = (uint32_t)(x & 0x8000) << 16;
    uint32_t exponent = (x >> 10) & 31, mantissa = x & 0x3ff;
    if (exponent == 31)
        return f32_from_bits(mantissa ? 0x7fc00000u : sign | 0x7f800000u);
    if (exponent == 0)
        return f32_from_bits(sign | f32_bits((float)mantissa * 0x1p-24f));
    return f32_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

// Exact.
static inline float bf16_to_f32(uint16_t x) {
    return f32_from_bits((uint32_t)x << 16);
}

// Neighbours of float16 or bfloat16, held as their bits, as float32, which is exact.
enum { TILE_F16, TILE_BF16 };
#if VECTOR_BITS == 512
static inline vector tile_of_16(int format, const uint16_t *from) {
    const __m256i bits = _mm256_loadu_si256((const __m256i *)from);
    if (format == TILE_F16)
        return _mm512_cvtph_ps(bits);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
#elif VECTOR_BITS == 256
static inline vector tile_of_16(int format, const uint16_t *from) {
    const __m128i bits = _mm_loadu_si128((const __m128i *)from);
    if (format == TILE_BF16)
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
#if defined __F16C__ || defined VERSION_ENDING
    return _mm256_cvtph_ps(bits);
#else // as if float32 had its exponents; then 2^112 times that, or infinities and NaN
    __m256i x = _mm256_cvtepu16_epi32(bits), most = _mm256_set1_epi32(0x7bff);
    __m256i sign = _mm256_and_si256(x, _mm256_set1_epi32(0x8000));
    __m256i magnitude = _mm256_xor_si256(x, sign);
    vector number = _mm256_mul_ps(_mm256_castsi256_ps(_mm256_slli_epi32(magnitude, 13)),
                                  _mm256_set1_ps(0x1p112f));
    __m256i special =
        _mm256_and_si256(_mm256_cmpgt_epi32(magnitude, most), _mm256_set1_epi32(0x7f800000));
    return _mm256_or_ps(number,
                        _mm256_castsi256_ps(_mm256_or_si256(special, _mm256_slli_epi32(sign, 16))));
#endif
}
#elif VECTOR_BITS == 128 && !defined __riscv_v
static inline vector tile_of_16(int format, const uint16_t *from) {
    const uint16x4_t bits = vld1_u16(from);
    if (format == TILE_F16)
        return vcvt_f32_f16(vreinterpret_f16_u16(bits));
    return vreinterpretq_f32_u32(vshll_n_u16(bits, 16));
}
#endif
TILE_INLINE tile_widen(int format, int columns, float *restrict to, const uint16_t *from) {
    int c = 0;
#if VECTOR_BITS && !defined __riscv_v
    for (; c + VECTOR_LANES <= columns; c += VECTOR_LANES)
        vector_store(to + c, tile_of_16(format, from + c));
#endif
    for (; c < columns; c++)
        to[c] = format == TILE_F16 ? f16_to_f32(from[c]) : bf16_to_f32(from[c]);
}
// As many neighbouring bytes as a vector has lanes; what the codes in them stand for before the
// scale, less a number that the values were made for. (Without a mask, of all, g++ 12 warns of its
// own headers.) Words are four bytes of eight codes for each lane; from a bit on, the lowest code
// is that of code_low, and code_word is that of a number.
#if VECTOR_BITS == 512
typedef __m512i code_bytes;
static inline code_bytes code_bytes_load(const uint8_t *from) {
    return _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128((const __m128i *)from));
}
static inline code_bytes code_words_load(const uint8_t *from) {
    return _mm512_loadu_si512(from);
}
static inline code_bytes code_words_from(code_bytes x, int bit) {
    return (code_bytes)((__v16su)x >> bit);
}
// All values of 4 bits: a code looks up its own by its lower bits.
static inline vector code_values(float less) {
    const vector all = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return all - vector_of(less);
}
static inline vector code_low(code_bytes x, vector values) {
    return _mm512_maskz_permutexvar_ps(0xffff, x, values);
}
static inline vector code_high(code_bytes x, vector values) {
    return _mm512_maskz_permutexvar_ps(0xffff, _mm512_maskz_srli_epi32(0xffff, x, 4), values);
}
static inline vector code_whole(code_bytes x, vector less) {
    return _mm512_maskz_cvtepi32_ps(0xffff, x) - less;
}
#elif VECTOR_BITS == 256
typedef __m256i code_bytes;
static inline code_bytes code_bytes_load(const uint8_t *from) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from));
}
static inline code_bytes code_words_load(const uint8_t *from) {
    return _mm256_loadu_si256((const __m256i *)from);
}
static inline code_bytes code_words_from(code_bytes x, int bit) {
    return (code_bytes)((__v8su)x >> bit);
}
static inline vector code_values(float less) {
    return vector_of(less);
}
static inline vector code_low(code_bytes x, vector values) {
    return _mm256_cvtepi32_ps(_mm256_and_si256(x, _mm256_set1_epi32(15))) - values;
}
static inline vector code_high(code_bytes x, vector values) {
    return _mm256_cvtepi32_ps(_mm256_srli_epi32(x, 4)) - values;
}
static inline vector code_whole(code_bytes x, vector less) {
    return _mm256_cvtepi32_ps(x) - less;
}
#elif defined __riscv_v
typedef uint32_t code_bytes __attribute__((vector_size(16)));
typedef uint8_t code_byte_lanes __attribute__((vector_size(4)));
static inline code_bytes code_bytes_load(const uint8_t *from) {
    code_byte_lanes four;
    memcpy(&four, from, sizeof four);
    return __builtin_convertvector(four, code_bytes);
}
static inline code_bytes code_words_load(const uint8_t *from) {
    code_bytes words;
    memcpy(&words, from, sizeof words);
    return words;
}
static inline code_bytes code_words_from(code_bytes x, int bit) {
    return x >> (uint32_t)bit;
}
static inline vector code_values(float less) {
    return vector_of(less);
}
static inline vector code_low(code_bytes x, vector values) {
    return __builtin_convertvector(x & 15, vector) - values;
}
static inline vector code_high(code_bytes x, vector values) {
    return __builtin_convertvector(x >> 4, vector) - values;
}
static inline vector code_whole(code_bytes x, vector less) {
    return __builtin_convertvector(x, vector) - less;
}
#elif VECTOR_BITS == 128
typedef uint32x4_t code_bytes;
static inline code_bytes code_bytes_load(const uint8_t *from) {
    uint32_t four;
    memcpy(&four, from, sizeof four);
    return vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four))));
}
static inline code_bytes code_words_load(const uint8_t *from) {
    return vreinterpretq_u32_u8(vld1q_u8(from));
}
static inline code_bytes code_words_from(code_bytes x, int bit) {
    return vshlq_u32(x, vdupq_n_s32(-bit));
}
static inline vector code_values(float less) {
    return vector_of(less);
}
static inline vector code_low(code_bytes x, vector values) {
    return vcvtq_f32_u32(vandq_u32(x, vdupq_n_u32(15))) - values;
}
static inline vector code_high(code_bytes x, vector values) {
    return vcvtq_f32_u32(vshrq_n_u32(x, 4)) - values;
}
static inline vector code_whole(code_bytes x, vector less) {
    return vcvtq_f32_u32(x) - less;
}
#endif
// What the code of a number of each word stands for. Halves of a vector's words have one shift for
// two codes: the upper one looks up the upper half of its value, so that the lower half of all
// values must be of zeros, as it is in small integers.
#if VECTOR_BITS == 512
static inline int code_halves(vector values) {
    return !_mm512_test_epi32_mask((__m512i)values, _mm512_set1_epi32(0xffff));
}
static inline vector code_word(code_bytes x, int number, vector values, int halves) {
    if (!halves)
        return code_low(code_words_from(x, 4 * number), values);
    const code_bytes from = (code_bytes)((__v32hu)x >> number % 4 * 4);
    if (number < 4)
        return code_low(from, values);
    const __m256i upper =
        _mm512_maskz_cvtepi32_epi16(0xffff, code_words_from((code_bytes)values, 16));
    return (vector)_mm512_maskz_permutexvar_epi16(0xaaaaaaaa, from,
                                                  _mm512_maskz_broadcast_i64x4(0xff, upper));
}
#elif VECTOR_BITS
static inline int code_halves(vector values) {
    (void)values;
    return 1;
}
static inline vector code_word(code_bytes x, int number, vector values, int halves) {
    (void)halves;
    return code_low(code_words_from(x, 4 * number), values);
}
#endif

enum { CODES_ZEROS = 1, CODES_OFFSETS = 2 }; // what is listed
// A block of so many columns: its scales, with what is listed behind them, as float32, for which
// `wide` may be the place, and its codes.
struct code_block {
    const float *scales;
    const uint8_t *codes;
};
static inline struct code_block code_block_at(const uint8_t *from, int columns, int listed,
                                              int half, float *restrict wide) {
    const int count = (listed ? 2 : 1) * columns;
    struct code_block block = {(const float *)from, from + 4 * count};
    if (half) {
        tile_widen(TILE_F16, count, wide, (const uint16_t *)from);
        block.scales = wide;
        block.codes = from + 2 * count;
    }
    return block;
}
#if VECTOR_BITS
// What codes stand for; `beside` is what is listed.
static inline vector code_element(int listed, int by_blocks, vector code, vector scale,
                                  vector beside) {
    if (by_blocks && !listed)
        return code;
    if (by_blocks)
        return code - beside;
    if (listed == CODES_OFFSETS)
        return code * scale + beside;
    if (listed)
        return (code - beside) * scale;
    return code * scale;
}
#endif

enum { CODES_TOGETHER = 8 }; // steps of which a column's codes of 4 bits are a word, by blocks
#if VECTOR_BITS
// Adds so many steps of a block to one row of sums, in registers: its elements are multiplied as
// soon as they are made. Where words are many, each vector of sums reads the stream by a pointer of
// its own: a multiplication then takes its number from memory, which is cheaper than a broadcast.
TILE_INLINE codes_words(int halves, int listed, int vectors, vector *sums, const float *x,
                        ptrdiff_t step, struct code_block block, vector values, ptrdiff_t steps) {
    const int columns = vectors * VECTOR_LANES;
    const uint8_t *codes = block.codes;
    TILE_KEEP_LOOP
    for (ptrdiff_t k = 0; k < steps; k += CODES_TOGETHER, codes += 4 * columns) {
        const float *stream[64 / VECTOR_LANES];
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            stream[v] = x + k * step;
#if VECTOR_BITS == 512
            __asm__ volatile("" : "+r"(stream[v]));
#endif
            __builtin_prefetch(codes + TILE_AHEAD * 64 + v * 4 * VECTOR_LANES);
        }
        TILE_UNROLL
        for (int j = 0; j < CODES_TOGETHER; j++) {
            TILE_UNROLL
            for (int v = 0; v < vectors; v++) {
                const code_bytes words = code_words_load(codes + v * 4 * VECTOR_LANES);
                vector code = code_word(words, j, values, halves);
                if (listed)
                    code = code - vector_load(block.scales + columns + v * VECTOR_LANES);
                sums[v] = vector_fma(vector_of(stream[v][j * step]), code, sums[v]);
            }
        }
    }
}
// The same of codes of 8 bits, or of 4 of which elements are scaled by themselves.
TILE_INLINE codes_row(int bits, int listed, int by_blocks, int vectors, vector *sums,
                      const float *x, ptrdiff_t step, struct code_block block, vector values,
                      ptrdiff_t steps) {
    const int columns = vectors * VECTOR_LANES;
    const float *scales = block.scales;
    const uint8_t *codes = block.codes;
    TILE_KEEP_LOOP
    for (ptrdiff_t k = 0; k < steps; k += 8 / bits, x += 8 / bits * step, codes += columns) {
        const vector first = vector_of(x[0]), second = bits == 4 ? vector_of(x[step]) : first;
        __builtin_prefetch(codes + 2 * TILE_AHEAD * columns); // rows of bytes are short
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            const code_bytes bytes = code_bytes_load(codes + v * VECTOR_LANES);
            const vector scale = by_blocks ? first : vector_load(scales + v * VECTOR_LANES);
            const vector beside = listed ? vector_load(scales + columns + v * VECTOR_LANES) : scale;
            const vector low = bits == 4 ? code_low(bytes, values) : code_whole(bytes, values);
            sums[v] =
                vector_fma(first, code_element(listed, by_blocks, low, scale, beside), sums[v]);
            if (bits == 4) {
                const vector high = code_high(bytes, values);
                sums[v] = vector_fma(second, code_element(listed, by_blocks, high, scale, beside),
                                     sums[v]);
            }
        }
    }
}
// One row of sums by a block.
TILE_INLINE codes_block_row(int bits, int listed, int by_blocks, int vectors, vector *sums,
                            const float *x, ptrdiff_t step, struct code_block block, vector values,
                            ptrdiff_t steps) {
    vector of_block[64 / VECTOR_LANES];
    if (!by_blocks) {
        codes_row(bits, listed, 0, vectors, sums, x, step, block, values, steps);
        return;
    }
    TILE_UNROLL
    for (int v = 0; v < vectors; v++)
        of_block[v] = vector_of(0.0f);
    if (bits == 8)
        codes_row(bits, listed, 1, vectors, of_block, x, step, block, values, steps);
    else if (step == 1 && code_halves(values))
        codes_words(1, listed, vectors, of_block, x, 1, block, values, steps);
    else
        codes_words(0, listed, vectors, of_block, x, step, block, values, steps);
    TILE_UNROLL
    for (int v = 0; v < vectors; v++)
        sums[v] = vector_fma(of_block[v], vector_load(block.scales + v * VECTOR_LANES), sums[v]);
}
TILE_INLINE codes_row_of(int bits, int listed, int by_blocks, int vectors, float *restrict acc,
                         const float *x, const uint8_t *panel, const struct coded_walk *walk,
                         int resume, const uint8_t *ahead) {
    const struct tile_walk *steps = &walk->steps;
    const ptrdiff_t lines = ahead ? steps->ahead : 0;
    const float less = listed ? 0.0f : walk->zero;
    const vector values = bits == 4 ? code_values(less) : vector_of(less);
    vector sums[64 / VECTOR_LANES];
    _Alignas(64) float wide[2 * 64];
    TILE_UNROLL
    for (int v = 0; v < vectors; v++)
        sums[v] = resume ? vector_load(acc + v * VECTOR_LANES) : vector_of(0.0f);
    for (ptrdiff_t i = 0; i < steps->extent[0]; i++) {
        for (ptrdiff_t j = 0; j < steps->extent[1]; j++)
            codes_block_row(bits, listed, by_blocks, vectors, sums,
                            x + steps->rows[0] + i * steps->stream[0] + j * steps->stream[1],
                            steps->stream[2],
                            code_block_at(panel + i * steps->panel[0] + j * steps->panel[1],
                                          vectors * VECTOR_LANES, listed, walk->half, wide),
                            values, steps->extent[2]);
        for (ptrdiff_t n = 0; n < lines; n++, ahead += 4 * TILE_LINE)
            __builtin_prefetch(ahead, 0, 2); // into the second cache
    }
    TILE_UNROLL
    for (int v = 0; v < vectors; v++)
        vector_store(acc + v * VECTOR_LANES, sums[v]);
}
TILE_INLINE codes_row_listed(int bits, int vectors, float *restrict acc, const float *x,
                             const uint8_t *panel, const struct coded_walk *walk, int resume,
                             const uint8_t *ahead) {
    if (walk->by_blocks && walk->listed)
        codes_row_of(bits, CODES_ZEROS, 1, vectors, acc, x, panel, walk, resume, ahead);
    else if (walk->by_blocks)
        codes_row_of(bits, 0, 1, vectors, acc, x, panel, walk, resume, ahead);
    else if (walk->listed == CODES_OFFSETS)
        codes_row_of(bits, CODES_OFFSETS, 0, vectors, acc, x, panel, walk, resume, ahead);
    else if (walk->listed)
        codes_row_of(bits, CODES_ZEROS, 0, vectors, acc, x, panel, walk, resume, ahead);
    else
        codes_row_of(bits, 0, 0, vectors, acc, x, panel, walk, resume, ahead);
}
#endif
// The code of a step and a column of a block.
static inline int code_number(int columns, const uint8_t *codes, const struct coded_walk *walk,
                              ptrdiff_t k, int column) {
    if (walk->bits == 8)
        return codes[k * columns + column];
    const ptrdiff_t byte = walk->by_blocks
                               ? (k / CODES_TOGETHER * columns + column) * (CODES_TOGETHER / 2) +
                                     k % CODES_TOGETHER / 2
                               : k / 2 * columns + column;
    return codes[byte] >> k % 2 * 4 & 15;
}
// Steps k to k + steps of a block as float32, [step][column]; by blocks, before they are scaled.
enum { CODES_DECODED = 32 }; // steps at a time: they stay in L1
static inline void code_decode(int columns, float *restrict to, struct code_block block,
                               const struct coded_walk *walk, ptrdiff_t k, ptrdiff_t steps) {
    const int listed = walk->listed, by_blocks = walk->by_blocks;
    const float *scales = block.scales, *besides = scales + columns;
    int first = 0;
#if VECTOR_BITS
    const int each = walk->bits == 4 ? 2 : 1; // codes of a byte
    const int words = by_blocks && each == 2;
    const float less = listed ? 0.0f : walk->zero;
    const vector values = each == 2 ? code_values(less) : vector_of(less);
    for (; first + VECTOR_LANES <= columns; first += VECTOR_LANES) {
        const vector scale = vector_load(scales + first);
        const vector beside = listed ? vector_load(besides + first) : scale;
        const uint8_t *from = block.codes + k / each * columns + (words ? 4 : 1) * first;
        float *row = to + first;
        for (ptrdiff_t s = 0; s < steps && words; s += CODES_TOGETHER, from += 4 * columns) {
            const code_bytes bytes = code_words_load(from);
            TILE_UNROLL
            for (int j = 0; j < CODES_TOGETHER; j++, row += columns)
                vector_store(
                    row, code_element(listed, 1, code_word(bytes, j, values, 0), scale, beside));
        }
        for (ptrdiff_t s = 0; s < steps && !words; s += each, from += columns) {
            const code_bytes bytes = code_bytes_load(from);
            const vector low = each == 2 ? code_low(bytes, values) : code_whole(bytes, values);
            vector_store(row, code_element(listed, by_blocks, low, scale, beside));
            if (each == 2)
                vector_store(row + columns, code_element(listed, by_blocks,
                                                         code_high(bytes, values), scale, beside));
            row += each * columns;
        }
    }
#endif
    for (; first < columns; first++) {
        const float scale = by_blocks ? 1.0f : scales[first];
        const float beside = listed ? besides[first] : 0.0f;
        const float zero = listed == CODES_OFFSETS ? 0.0f : listed ? beside : walk->zero;
        const float offset = listed == CODES_OFFSETS ? beside : -0.0f; // which changes nothing
        for (ptrdiff_t s = 0; s < steps; s++) {
            const float code = (float)code_number(columns, block.codes, walk, k + s, first);
            to[s * columns + first] = (code - zero) * scale + offset;
        }
    }
}
typedef void codes_part(float *restrict acc, const float *stream, const float *panel,
                        const struct tile_walk *walk, int resume, const float *ahead);
// Adds a block to the sums of several rows: so many steps of the panel are made in L1, for `part`,
// the tile of as many rows and columns.
TILE_INLINE codes_block(int columns, codes_part *part, float *restrict acc, const float *x,
                        struct code_block block, const struct coded_walk *walk,
                        struct tile_walk *steps) {
    _Alignas(64) float decoded[CODES_DECODED * 64];
    for (ptrdiff_t k = 0; k < walk->steps.extent[2]; k += CODES_DECODED) {
        const ptrdiff_t left = walk->steps.extent[2] - k;
        steps->extent[2] = left < CODES_DECODED ? left : (ptrdiff_t)CODES_DECODED;
        code_decode(columns, decoded, block, walk, k, steps->extent[2]);
        part(acc, x + k * steps->stream[2], decoded, steps, 1, NULL);
    }
}
// The same by blocks.
TILE_INLINE codes_scaled_block(int rows, int columns, codes_part *part, float *restrict acc,
                               const float *x, struct code_block block,
                               const struct coded_walk *walk, struct tile_walk *steps) {
    _Alignas(64) float sums[12 * 64];
    const ptrdiff_t apart = steps->sums;
    memset(sums, 0, sizeof *sums * (size_t)(rows * columns));
    steps->sums = columns;
    codes_block(columns, part, sums, x, block, walk, steps);
    steps->sums = apart;
    for (int row = 0; row < rows; row++) {
        const float *from = sums + row * columns;
        float *to = acc + row * apart;
        int c = 0;
#if VECTOR_BITS
        for (; c + VECTOR_LANES <= columns; c += VECTOR_LANES)
            vector_store(to + c, vector_fma(vector_load(from + c), vector_load(block.scales + c),
                                            vector_load(to + c)));
#endif
        for (; c < columns; c++)
            to[c] = f32_fma(from[c], block.scales[c], to[c]);
    }
}
// tile() for such panels, of at most 64 columns.
TILE_INLINE tile_codes(int rows, int columns, codes_part *part, float *restrict acc,
                       const float *stream, const uint8_t *panel, const struct coded_walk *walk,
                       int resume, const uint8_t *ahead) {
    (void)ahead;
#if VECTOR_BITS
    const int vectors = columns / VECTOR_LANES;
    if (rows == 1 && columns % VECTOR_LANES == 0) {
        if (walk->bits == 4)
            codes_row_listed(4, vectors, acc, stream, panel, walk, resume, ahead);
        else
            codes_row_listed(8, vectors, acc, stream, panel, walk, resume, ahead);
        return;
    }
#endif
    _Alignas(64) float wide[2 * 64];
    struct tile_walk steps = walk->steps;
    steps.extent[0] = steps.extent[1] = 1;
    steps.panel[2] = columns;
    for (int n = 0; n < rows * columns && !resume; n++)
        acc[n / columns * steps.sums + n % columns] = 0.0f;
    for (ptrdiff_t i = 0; i < walk->steps.extent[0]; i++)
        for (ptrdiff_t j = 0; j < walk->steps.extent[1]; j++) {
            const float *x = stream + i * steps.stream[0] + j * steps.stream[1];
            const struct code_block block =
                code_block_at(panel + i * walk->steps.panel[0] + j * walk->steps.panel[1], columns,
                              walk->listed, walk->half, wide);
            if (walk->by_blocks)
                codes_scaled_block(rows, columns, part, acc, x, block, walk, &steps);
            else
                codes_block(columns, part, acc, x, block, walk, &steps);
        }
}

TILE_INLINE tile_1x32(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead) {
    tile(0, 1, 32, sums, stream, panel, walk, resume, ahead);
}

TILE_INLINE tile_1x48(float *restrict sums, const float *stream, const float *panel,
        const struct tile_walk *walk, int resume, const float *ahead) {
    tile(0, 1, 48, sums, stream, panel, walk, resume, ahead);
}

TILE_INLINE coded_tile_1x32(float *restrict sums, const float *stream, const uint8_t *panel,
        const struct coded_walk *walk, int resume, const uint8_t *ahead) {
    tile_codes(1, 32, tile_1x32,
            sums, stream, panel, walk, resume, ahead);
}

TILE_INLINE coded_tile_1x48(float *restrict sums, const float *stream, const uint8_t *panel,
        const struct coded_walk *walk, int resume, const uint8_t *ahead) {
    tile_codes(1, 48, tile_1x48,
            sums, stream, panel, walk, resume, ahead);
}

/* y float32[1,72] = sum over 4x16x2(x * (float32(and(shr(codes, constant_1), 15)) - 8) *
 *     scale) + bias
 * nodes 6 10 11 16 19 26 29 */
static void k01_contract(const float *restrict x, const uint8_t *restrict codes_packed,
        const float *restrict bias, float *restrict y) {
    static const struct coded_walk walk = {
        .steps = {
            .rows = {0},
            .extent = {1, 4, 32}, .stream = {0, 32, 1},
            .panel = {0, 960, 48}, .sums = 48},
        .bits = 4, .zero = 8.0f};
    static const struct coded_walk walk_2 = {
        .steps = {
            .rows = {0},
            .extent = {1, 4, 32}, .stream = {0, 32, 1},
            .panel = {0, 640, 32}, .sums = 32},
        .bits = 4, .zero = 8.0f};
    for (long n = 0; n < 48; n += 48) {
        _Alignas(64) float sums[1 * 48];
        coded_tile_1x48(sums, x, codes_packed + 80 * n, &walk, 0, 0);
        for (long c = 0; c < 48; c++) {
            y[n + c] = f32_canonical(sums[c] + bias[n + c]);
        }
    }
    {
        _Alignas(64) float sums[1 * 32];
        coded_tile_1x32(sums, x, codes_packed + 80 * 48, &walk_2, 0, 0);
        for (long c = 0; c < 24; c++) {
            y[48 + c] = f32_canonical(sums[c] + bias[48 + c]);
        }
    }
}

/* Constants, in bytes from the beginning of the weights block. */
enum {
    AT_bias = 6400, /* float32[72] */
    AT_codes_packed = 0, /* uint8[6400] */
};

void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    const char *constants = (const char *)weights;
    (void)arena;
    k01_contract(inputs->x, (const uint8_t *)(constants + AT_codes_packed),
            (const float *)(constants + AT_bias), outputs->y);
}

void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    golden_run(&named_inputs, &named_outputs, weights, arena);
}

const char *golden_metadata(void) {
    return "eigentensor 1; graph unknown"
           "; input x float32[1,128]"
           "; output y float32[1,72]";
}
