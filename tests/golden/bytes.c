/* golden.c: the graph "golden", compiled to C by Eigentensor. Do not edit.
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *   k01_contract_round
 *     y uint8[4,48]  25728 flop  4928 + 192 bytes
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

// A loop over few neighbours, of which gcc makes scalars once it is unrolled.
#ifdef __clang__
#define NARROW_LOOP _Pragma("clang loop unroll(disable)")
#else
#define NARROW_LOOP _Pragma("GCC unroll 1")
#endif

// Eight neighbours become integers, to nearest even if that is asked for, else towards zero, in the
// range of int16. What is no int32, NaN too, x86 makes the least that there is: so there is a limit
// before, and NaN becomes 0 where the least is not. NEON gives what is nearest, and 0 for NaN.
#if VECTOR_BITS == 512 || VECTOR_BITS == 256
#include <immintrin.h>
#define NARROW_X86
static inline __m128i narrow_words(const float *from, float most, int nearest) {
    __m256 x = _mm256_loadu_ps(from);
    if (most < 255.0f) // of int8
        x = _mm256_and_ps(x, _mm256_cmp_ps(x, x, _CMP_ORD_Q));
    x = _mm256_min_ps(_mm256_set1_ps(most), x); // the second, where one is NaN
    const __m256i whole = nearest ? _mm256_cvtps_epi32(x) : _mm256_cvttps_epi32(x);
    return _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
}
#elif VECTOR_BITS == 0 && defined __SSE2__
#include <emmintrin.h>
#define NARROW_X86
static inline __m128i narrow_words(const float *from, float most, int nearest) {
    __m128i half[2];
    for (int i = 0; i < 2; i++) {
        __m128 x = _mm_loadu_ps(from + 4 * i);
        if (most < 255.0f) // of int8
            x = _mm_and_ps(x, _mm_cmpord_ps(x, x));
        x = _mm_min_ps(_mm_set1_ps(most), x); // the second, where one is NaN
        half[i] = nearest ? _mm_cvtps_epi32(x) : _mm_cvttps_epi32(x);
    }
    return _mm_packs_epi32(half[0], half[1]);
}
#elif VECTOR_BITS == 128 && !defined __riscv_v
#include <arm_neon.h>
#define NARROW_NEON
static inline int16x8_t narrow_words(const float *from, float most, int nearest) {
    const float32x4_t low = vld1q_f32(from), high = vld1q_f32(from + 4);
    (void)most;
    return vcombine_s16(vqmovn_s32(nearest ? vcvtnq_s32_f32(low) : vcvtq_s32_f32(low)),
                        vqmovn_s32(nearest ? vcvtnq_s32_f32(high) : vcvtq_s32_f32(high)));
}
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

// x without what lies below 0 or above `most`, 0 for NaN.
static inline int32_t f32_to_unsigned(float x, float most) {
    const int32_t bits = (int32_t)f32_bits(x > 0.0f ? x : 0.0f), limit = (int32_t)f32_bits(most);
    return (int32_t)f32_from_bits((uint32_t)(bits < limit ? bits : limit));
}

static inline uint8_t f32_to_u8(float x) {
    return (uint8_t)f32_to_unsigned(x, 255.0f);
}

// Who knows that the math library is right may define ROUND_OF_LIBRARY; ROUND_BY_SUMS is for tests.
#if defined ROUND_BY_SUMS
#elif defined ROUND_OF_LIBRARY || (VECTOR_BITS && !defined __riscv_v) || defined __SSE4_1__ ||     \
    defined __wasm__ || defined __ARM_FEATURE_DIRECTED_ROUNDING
#define ROUND_OF_FLOATS
#endif

// condition ? yes : no, by masks: gcc does not vectorise what looks like a branch to it.
static inline float f32_select(int condition, float yes, float no) {
    uint32_t mask = 0u - (uint32_t)(condition != 0);
    return f32_from_bits((f32_bits(yes) & mask) | (f32_bits(no) & ~mask));
}

// The nearest integral value, of two the even one. Beyond 2^23 all are; below, added to that, none
// but integers are left. The sign stays, of zeros too.
static inline float f32_rint(float x) {
#ifdef ROUND_OF_FLOATS
    return rintf(x);
#else
    const uint32_t sign = f32_bits(x) & 0x80000000u;
    const float a = f32_from_bits(f32_bits(x) ^ sign);
    const float integer = f32_select(a < 0x1p+23f, a + 0x1p+23f - 0x1p+23f, a);
    return f32_from_bits(f32_bits(integer) | sign);
#endif
}

// to[i] = f32_to_u8(from[i]), of what is rounded to nearest even before if that is asked for.
static inline void narrow_u8(uint8_t *to, const float *from, long count, int nearest) {
    long i = 0;
#if VECTOR_BITS == 512
    const __m512 most = _mm512_set1_ps(255.0f);
    for (; i + 16 <= count; i += 16) {
        const __m512 x = _mm512_min_ps(most, _mm512_loadu_ps(from + i));
        const __m512i whole = nearest ? _mm512_cvtps_epi32(x) : _mm512_cvttps_epi32(x);
        const __m512i positive = _mm512_max_epi32(whole, _mm512_setzero_si512());
        _mm_storeu_si128((__m128i *)(to + i), _mm512_cvtepi32_epi8(positive));
    }
#elif defined NARROW_X86
    for (; i + 16 <= count; i += 16)
        _mm_storeu_si128((__m128i *)(to + i),
                         _mm_packus_epi16(narrow_words(from + i, 255.0f, nearest),
                                          narrow_words(from + i + 8, 255.0f, nearest)));
#endif
#ifdef NARROW_X86
    for (; i + 8 <= count; i += 8) {
        const __m128i words = narrow_words(from + i, 255.0f, nearest);
        _mm_storel_epi64((__m128i *)(to + i), _mm_packus_epi16(words, words));
    }
#elif defined NARROW_NEON
    for (; i + 8 <= count; i += 8)
        vst1_u8(to + i, vqmovun_s16(narrow_words(from + i, 255.0f, nearest)));
#endif
    for (; i < count; i++)
        to[i] = f32_to_u8(nearest ? f32_rint(from[i]) : from[i]);
}

static inline void f32_round_to_u8_strip(uint8_t *to, const float *from, long count) {
    narrow_u8(to, from, count, 1);
}
// As many neighbouring int32 as a register holds, each the sum of products of four uint8 of an
// element by four int8 of a row. Without an instruction for that, the even and the odd bytes are
// widened to 16 bits, whose products of two are added exactly; instructions that take bytes as they
// are saturate. Where that takes registers beside those of sums, rows and an element, tile_shape()
// is told of fewer than there are: of DOT_FREE.
#if VECTOR_BITS == 512
#include <immintrin.h>
#define DOT_X86(name) _mm512_##name
#define DOT_BITS(name) _mm512_##name##_si512
typedef __m512i dot_bytes;
typedef int32_t dot_sums __attribute__((vector_size(64)));
enum { DOT_LANES = 16, DOT_REGISTERS = 32, DOT_ACCUMULATORS = 24 };
#elif VECTOR_BITS == 256
#include <immintrin.h>
#define DOT_X86(name) _mm256_##name
#define DOT_BITS(name) _mm256_##name##_si256
typedef __m256i dot_bytes;
typedef int32_t dot_sums __attribute__((vector_size(32)));
enum { DOT_LANES = 8, DOT_REGISTERS = 16, DOT_ACCUMULATORS = 12 };
#elif VECTOR_BITS == 0 && defined __SSE2__
#include <immintrin.h>
#define DOT_X86(name) _mm_##name
#define DOT_BITS(name) _mm_##name##_si128
typedef __m128i dot_bytes;
typedef int32_t dot_sums __attribute__((vector_size(16)));
enum { DOT_LANES = 4, DOT_REGISTERS = 16, DOT_ACCUMULATORS = 4 };
#endif
#ifdef DOT_X86
enum { DOT_FREE = DOT_REGISTERS };
// gcc copies sums back and forth whose type is that of the intrinsics.
static inline dot_sums dot_load(const int32_t *from) {
    return (dot_sums)DOT_BITS(loadu)((const dot_bytes *)from);
}
static inline void dot_store(int32_t *to, dot_sums x) {
    DOT_BITS(storeu)((dot_bytes *)to, (dot_bytes)x);
}
static inline dot_sums dot_zero(void) {
    return (dot_sums)DOT_BITS(setzero)();
}
static inline dot_bytes dot_four(const uint8_t *from) {
    int32_t four;
    memcpy(&four, from, sizeof four);
    return DOT_X86(set1_epi32)(four);
}
#if VECTOR_BITS == 512 && (defined __AVX512VNNI__ || defined VERSION_DOT)
#define DOT_SUM _mm512_dpbusd_epi32
#elif VECTOR_BITS == 256 && (defined __AVXVNNI__ || defined VERSION_DOT)
#define DOT_SUM _mm256_dpbusd_avx_epi32
#endif
#ifdef DOT_SUM
typedef dot_bytes dot_row, dot_element;
static inline dot_row dot_row_of(const int8_t *from) {
    return DOT_BITS(loadu)((const dot_bytes *)from);
}
static inline dot_element dot_element_of(const uint8_t *from) {
    return dot_four(from);
}
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    return (dot_sums)DOT_SUM((dot_bytes)sums, x, y);
}
#else
typedef struct {
    dot_bytes even, odd;
} dot_row, dot_element;
static inline dot_row dot_row_of(const int8_t *from) {
    const dot_bytes all = DOT_BITS(loadu)((const dot_bytes *)from);
    const dot_row row = {DOT_X86(srai_epi16)(DOT_X86(slli_epi16)(all, 8), 8),
                         DOT_X86(srai_epi16)(all, 8)};
    return row;
}
static inline dot_element dot_element_of(const uint8_t *from) {
    const dot_bytes all = dot_four(from);
    const dot_element element = {DOT_BITS(and)(all, DOT_X86(set1_epi16)(0xff)),
                                 DOT_X86(srli_epi16)(all, 8)};
    return element;
}
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    const dot_bytes even = DOT_X86(madd_epi16)(x.even, y.even);
    const dot_bytes odd = DOT_X86(madd_epi16)(x.odd, y.odd);
    return (dot_sums)DOT_X86(add_epi32)(DOT_X86(add_epi32)((dot_bytes)sums, even), odd);
}
#endif
#elif defined __riscv_v
// An int32 by a number is one instruction, for pairs of registers, too: bytes are widened to that.
typedef uint32_t dot_sums __attribute__((vector_size(32)));
typedef uint32_t dot_elements __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t dot_quads __attribute__((vector_size(32)));
enum { DOT_LANES = 8, DOT_REGISTERS = 16, DOT_ACCUMULATORS = 8, DOT_FREE = 12 }; // pairs
typedef const int8_t *dot_row;
typedef const uint8_t *dot_element;
static inline dot_sums dot_load(const int32_t *from) {
    return *(const dot_elements *)from;
}
static inline void dot_store(int32_t *to, dot_sums x) {
    *(dot_elements *)to = x;
}
static inline dot_sums dot_zero(void) {
    const dot_sums zero = {0, 0, 0, 0, 0, 0, 0, 0};
    return zero;
}
static inline dot_row dot_row_of(const int8_t *from) {
    return from;
}
static inline dot_element dot_element_of(const uint8_t *from) {
    return from;
}
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    dot_sums all;
    memcpy(&all, y, sizeof all);
    sums += (dot_sums)((dot_quads)(all << 24) >> 24) * (uint32_t)x[0];
    sums += (dot_sums)((dot_quads)(all << 16) >> 24) * (uint32_t)x[1];
    sums += (dot_sums)((dot_quads)(all << 8) >> 24) * (uint32_t)x[2];
    sums += (dot_sums)((dot_quads)all >> 24) * (uint32_t)x[3];
    return sums;
}
#elif VECTOR_BITS == 128
#include <arm_neon.h>
typedef int32x4_t dot_sums;
enum { DOT_LANES = 4, DOT_REGISTERS = 32, DOT_ACCUMULATORS = 20 };
static inline dot_sums dot_load(const int32_t *from) {
    return vld1q_s32(from);
}
static inline void dot_store(int32_t *to, dot_sums x) {
    vst1q_s32(to, x);
}
static inline dot_sums dot_zero(void) {
    return vdupq_n_s32(0);
}
static inline uint8x16_t dot_four(const uint8_t *from) {
    uint32_t four;
    memcpy(&four, from, sizeof four);
    return vreinterpretq_u8_u32(vdupq_n_u32(four));
}
#if defined __ARM_FEATURE_MATMUL_INT8
enum { DOT_FREE = DOT_REGISTERS };
typedef int8x16_t dot_row;
typedef uint8x16_t dot_element;
static inline dot_row dot_row_of(const int8_t *from) {
    return vld1q_s8(from);
}
static inline dot_element dot_element_of(const uint8_t *from) {
    return dot_four(from);
}
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    return vusdotq_s32(sums, x, y);
}
#elif defined __ARM_FEATURE_DOTPROD
// The instruction takes bytes of one kind: an element is 128 less than it should be, as int8. What
// sums lack for that, the tile adds up once for all its rows.
#define DOT_EXCESS
enum { DOT_FREE = 20 };
typedef int8x16_t dot_row, dot_element;
static inline dot_row dot_row_of(const int8_t *from) {
    return vld1q_s8(from);
}
static inline dot_element dot_element_of(const uint8_t *from) {
    return vreinterpretq_s8_u8(veorq_u8(dot_four(from), vdupq_n_u8(128)));
}
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    return vdotq_s32(sums, x, y);
}
static inline dot_sums dot_add_excess(dot_sums excess, dot_row y) {
    return vdotq_s32(excess, vdupq_n_s8(-128), y);
}
static inline dot_sums dot_subtract(dot_sums sums, dot_sums excess) {
    return vsubq_s32(sums, excess);
}
#else
enum { DOT_FREE = 12 };
typedef struct {
    int16x8_t low, high; // columns 0 and 1, 2 and 3
} dot_row;
typedef int16x8_t dot_element; // the same four twice
static inline dot_row dot_row_of(const int8_t *from) {
    const int8x16_t all = vld1q_s8(from);
    const dot_row row = {vmovl_s8(vget_low_s8(all)), vmovl_s8(vget_high_s8(all))};
    return row;
}
static inline dot_element dot_element_of(const uint8_t *from) {
    return vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(dot_four(from))));
}
// Of four products for each column, first the neighbours are added, then what these give.
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    const int32x4_t c0 = vmull_s16(vget_low_s16(x), vget_low_s16(y.low));
    const int32x4_t c1 = vmull_high_s16(x, y.low);
    const int32x4_t c2 = vmull_s16(vget_low_s16(x), vget_low_s16(y.high));
    const int32x4_t c3 = vmull_high_s16(x, y.high);
    return vaddq_s32(sums, vpaddq_s32(vpaddq_s32(c0, c1), vpaddq_s32(c2, c3)));
}
#endif
#else
typedef struct {
    int32_t lane[4];
} dot_sums;
enum { DOT_LANES = 4, DOT_REGISTERS = 16, DOT_ACCUMULATORS = 4, DOT_FREE = 16 };
static inline dot_sums dot_load(const int32_t *from) {
    const dot_sums x = {{from[0], from[1], from[2], from[3]}};
    return x;
}
static inline void dot_store(int32_t *to, dot_sums x) {
    for (int i = 0; i < 4; i++)
        to[i] = x.lane[i];
}
static inline dot_sums dot_zero(void) {
    const dot_sums x = {{0, 0, 0, 0}};
    return x;
}
typedef const int8_t *dot_row;
typedef const uint8_t *dot_element;
static inline dot_row dot_row_of(const int8_t *from) {
    return from;
}
static inline dot_element dot_element_of(const uint8_t *from) {
    return from;
}
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    for (int i = 0; i < 4; i++)
        sums.lane[i] = (int32_t)((uint32_t)sums.lane[i] +
                                 (uint32_t)(x[0] * y[4 * i] + x[1] * y[4 * i + 1] +
                                            x[2] * y[4 * i + 2] + x[3] * y[4 * i + 3]));
    return sums;
}
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
enum { TILE_DOT_LINE = 64 }; // bytes of a line of memory
// One block of a tile: `height` rows from `first` times `width` vectors, no more than the registers
// hold.
TILE_INLINE tile_dot_block(int first, int height, int width, int32_t *restrict acc,
                           const uint8_t *stream, const int8_t *panel, const struct tile_walk *walk,
                           int resume, const int8_t *ahead) {
    dot_sums sums[DOT_ACCUMULATORS];
    TILE_UNROLL
    for (int n = 0; n < height * width; n++) {
        const int32_t *from = acc + n / width * walk->sums + n % width * DOT_LANES;
        sums[n] = resume ? dot_load(from) : dot_zero();
    }
#ifdef DOT_EXCESS
    dot_sums excess[DOT_ACCUMULATORS];
    TILE_UNROLL
    for (int v = 0; v < width; v++)
        excess[v] = dot_zero();
#endif
    enum { NEAR = 8 }; // rows whose offsets stay in registers
    const int near_rows = height < NEAR ? height : NEAR;
    ptrdiff_t near[NEAR];
    TILE_UNROLL
    for (int r = 0; r < near_rows; r++)
        near[r] = walk->rows[first + r];
    const ptrdiff_t lines = ahead ? walk->ahead : 0;
    TILE_KEEP_LOOP
    for (ptrdiff_t i = walk->extent[0]; i > 0; i--) {
        const uint8_t *stream_j = stream;
        const int8_t *panel_j = panel;
        TILE_KEEP_LOOP
        for (ptrdiff_t j = walk->extent[1]; j > 0; j--) {
            const uint8_t *x = stream_j;
            const int8_t *y = panel_j;
            TILE_KEEP_LOOP
            for (ptrdiff_t k = walk->extent[2]; k > 0; k--) {
                TILE_HIDE(x);
                if (height > NEAR)
                    TILE_HIDE_UNKNOWN(walk);
                dot_row row[DOT_ACCUMULATORS];
                TILE_UNROLL
                for (int v = 0; v < width; v++) {
                    if (height > 1)
                        __builtin_prefetch(y + TILE_AHEAD * walk->panel[2] + v * 4 * DOT_LANES);
                    row[v] = dot_row_of(y + v * 4 * DOT_LANES);
#ifdef DOT_EXCESS
                    excess[v] = dot_add_excess(excess[v], row[v]);
#endif
                }
                TILE_UNROLL
                for (int n = 0; n < height * width; n++) {
                    int r = n / width;
                    const dot_element element =
                        dot_element_of(x + (r < NEAR ? near[r] : walk->rows[first + r]));
                    sums[n] = dot_add(sums[n], element, row[n % width]);
                }
                x += walk->stream[2];
                y += walk->panel[2];
            }
            TILE_HIDE_UNKNOWN(walk);
            stream_j += walk->stream[1];
            panel_j += walk->panel[1];
        }
        TILE_HIDE_UNKNOWN(walk);
        stream += walk->stream[0];
        panel += walk->panel[0];
        for (ptrdiff_t n = 0; n < lines; n++, ahead += TILE_DOT_LINE)
            __builtin_prefetch(ahead, 0, 2); // into the second cache
    }
#ifdef DOT_EXCESS
    TILE_UNROLL
    for (int n = 0; n < height * width; n++)
        sums[n] = dot_subtract(sums[n], excess[n % width]);
#endif
    TILE_UNROLL
    for (int n = 0; n < height * width; n++)
        dot_store(acc + n / width * walk->sums + n % width * DOT_LANES, sums[n]);
    TILE_SEPARATE;
}

// A tile of fewer columns than vectors have lanes.
static inline void tile_dot_narrow(int rows, int columns, int32_t *restrict acc,
                                   const uint8_t *stream, const int8_t *panel,
                                   const struct tile_walk *walk, int resume) {
    for (int row = 0; row < rows; row++) {
        uint32_t sums[16] = {0};
        for (int c = 0; c < columns && resume; c++)
            sums[c] = (uint32_t)acc[walk->sums * row + c];
        for (ptrdiff_t i = 0; i < walk->extent[0]; i++)
            for (ptrdiff_t j = 0; j < walk->extent[1]; j++)
                for (ptrdiff_t k = 0; k < walk->extent[2]; k++) {
                    const uint8_t *x = stream + walk->rows[row] + i * walk->stream[0] +
                                       j * walk->stream[1] + k * walk->stream[2];
                    const int8_t *y =
                        panel + i * walk->panel[0] + j * walk->panel[1] + k * walk->panel[2];
                    for (int c = 0; c < columns; c++)
                        sums[c] += (uint32_t)(x[0] * y[4 * c] + x[1] * y[4 * c + 1] +
                                              x[2] * y[4 * c + 2] + x[3] * y[4 * c + 3]);
                }
        for (int c = 0; c < columns; c++)
            acc[walk->sums * row + c] = (int32_t)sums[c];
    }
}

/* How the sums of a tile are shared out to registers: in blocks of rows x vectors. */
struct tile_shape {
    int vectors;     /* that a row of the tile takes */
    int width;       /* vectors of a block; fewer than `vectors`: the panel is read in parts */
    int height;      /* rows of a high block; the others have one less */
    int blocks;      /* one below another */
    int high_blocks; /* of these, the first ones */
};

/* Of a tile of rows x columns sums, `lanes` of which fill a vector, where there are so many
 * registers, of which so many may hold sums. */
static inline __attribute__((always_inline)) struct tile_shape
tile_shape(int rows, int columns, int lanes, int registers, int accumulators) {
    const int vectors = (columns + lanes - 1) / lanes;
    const int least = vectors % 2 == 0 ? 2 : vectors % 3 == 0 ? 3 : 1; /* vectors of a block */
    const int sums_fit = accumulators / least, all_fit = (registers - 2) / least - 1;
    const int fit = sums_fit < all_fit ? sums_fit : all_fit, highest = fit < rows ? fit : rows;
    const int blocks = (rows + highest - 1) / highest;
    const int height = (rows + blocks - 1) / blocks;
    const int sums_wide = accumulators / height;
    const int all_wide = height > 1 ? (registers - 2) / (height + 1) : sums_wide;
    const int fitting = sums_wide < all_wide ? sums_wide : all_wide;
    const int width = fitting >= vectors ? vectors : fitting >= 4 && vectors % 4 == 0 ? 4 : least;
    const struct tile_shape shape = {.vectors = vectors,
                                     .width = width,
                                     .height = height,
                                     .blocks = blocks,
                                     .high_blocks = rows - blocks * (height - 1)};
    return shape;
}

// acc[walk->sums * row + column] = the sums (resume: itself plus the sums) over the steps of walk
// of the dot products of four bytes at stream[walk->rows[row] + step] by four bytes at panel[step +
// 4 * column]. rows (1 to 12) and columns (a power of two from 8 to 64) must be constants. From
// `ahead` on (NULL: nowhere) memory is fetched that will be needed next, as the walk says.
TILE_INLINE tile_dot(int rows, int columns, int32_t *restrict acc, const uint8_t *stream,
                     const int8_t *panel, const struct tile_walk *walk, int resume,
                     const int8_t *ahead) {
    if (columns < DOT_LANES) {
        tile_dot_narrow(rows, columns, acc, stream, panel, walk, resume);
        return;
    }
    const struct tile_shape shape =
        tile_shape(rows, columns, DOT_LANES, DOT_FREE, DOT_ACCUMULATORS);
    const int height = shape.height, width = shape.width;
    const int high_rows = shape.high_blocks * height;
    for (int column = 0; column < columns; column += width * DOT_LANES) {
        for (int row = 0; row < high_rows; row += height, ahead = NULL)
            tile_dot_block(row, height, width, acc + row * walk->sums + column, stream,
                           panel + 4 * column, walk, resume, ahead);
        for (int row = high_rows; height > 1 && row < rows; row += height - 1)
            tile_dot_block(row, height > 1 ? height - 1 : 1, width, acc + row * walk->sums + column,
                           stream, panel + 4 * column, walk, resume, NULL);
    }
}

static inline int32_t i32_add(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

static inline int32_t i32_sub(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a - (uint32_t)b);
}

TILE_INLINE dot_4x64(int32_t *restrict sums, const uint8_t *stream, const int8_t *panel,
        const struct tile_walk *walk, int resume, const int8_t *ahead) {
    tile_dot(4, 64, sums, stream, panel, walk, resume, ahead);
}

/* y uint8[4,48] = uint8(round(float32((sum over 64(int32(x) * int32(weight)) - folded_13)
 *     + bias) * scale))
 * nodes 13 13 17 18 22 23 24 */
static void k01_contract_round(const uint8_t *restrict x, const int8_t *restrict weight_packed,
        const int32_t *restrict folded_13, const int32_t *restrict bias,
        const float *restrict scale, uint8_t *restrict y) {
    static const struct tile_walk walk = {
        .rows = {0, 64, 128, 192},
        .extent = {1, 1, 16}, .stream = {0, 0, 4},
        .panel = {0, 0, 256}, .sums = 64};
    _Alignas(64) int32_t sums[4 * 64];
    dot_4x64(sums, x, weight_packed, &walk, 0, 0);
    for (long r0 = 0; r0 < 4; r0++) {
        _Alignas(64) float reals0[48];
        NARROW_LOOP
        for (long c = 0; c < 48; c++) {
            const int32_t v1 = i32_add(i32_sub(sums[64 * r0 + c], folded_13[c]), bias[c]);
            reals0[c] = (float)v1 * scale[c];
        }
        f32_round_to_u8_strip(y + 48 * r0, reals0, 48);
    }
}

/* Constants, in bytes from the beginning of the weights block. */
enum {
    AT_folded_13 = 4096, /* int32[1,48] */
    AT_bias = 4288, /* int32[48] */
    AT_scale = 4480, /* float32[48] */
    AT_weight_packed = 0, /* int8[4096] */
};

void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    const char *constants = (const char *)weights;
    (void)arena;
    k01_contract_round(inputs->x, (const int8_t *)(constants + AT_weight_packed),
            (const int32_t *)(constants + AT_folded_13), (const int32_t *)(constants + AT_bias),
            (const float *)(constants + AT_scale), outputs->y);
}

void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const uint8_t *)inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = (uint8_t *)outputs[0];
    golden_run(&named_inputs, &named_outputs, weights, arena);
}

const char *golden_metadata(void) {
    return "eigentensor 1; graph unknown"
           "; input x uint8[4,64]"
           "; output y uint8[4,48]";
}
