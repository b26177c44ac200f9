/* golden.c: the graph "golden", compiled to C by Eigentensor. Do not edit.
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *   k01_max
 *     t1 float32[5]  500 flop  2000 + 20 bytes
 *   k02_exp
 *     t5 float32[5,100]  1000 flop  2020 + 2000 bytes
 *   k03_sum
 *     t8 float32[5,1]  505 flop  2000 + 20 bytes
 *   k04_elementwise
 *     y float32[5,100]  500 flop  2020 + 2000 bytes
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

enum lanes_op { LANES_SUM, LANES_PROD, LANES_MAX, LANES_MIN };

// a (op) b of one element.
static inline float lane_join(enum lanes_op op, float a, float b) {
    switch (op) {
    case LANES_SUM:
        return a + b;
    case LANES_PROD:
        return a * b;
    case LANES_MAX:
        return (a < b ? b : a) + (b != b ? b : -0.0f);
    default:
        return (b < a ? b : a) + (b != b ? b : -0.0f);
    }
}

// Vectors of lanes. lanes_choose: as lanes_join, but the greatest and the least keep a where b is
// NaN, as the instructions that x86 has for them keep their second operand. lanes_join: so that a
// NaN of either is the result. lanes_met: whether any of what was given to lanes_meet was NaN.
#if VECTOR_BITS >= 256 || defined __SSE__
#include <immintrin.h>
#if VECTOR_BITS == 512
typedef __m512 lanes_vector;
#define LANES_X86(name) _mm512_##name
#elif VECTOR_BITS == 256
typedef __m256 lanes_vector;
#define LANES_X86(name) _mm256_##name
#else
typedef __m128 lanes_vector;
#define LANES_X86(name) _mm_##name
#endif
static inline lanes_vector lanes_load(const float *from) {
    return LANES_X86(loadu_ps)(from);
}
static inline void lanes_store(float *to, lanes_vector x) {
    LANES_X86(storeu_ps)(to, x);
}
static inline lanes_vector lanes_choose(enum lanes_op op, lanes_vector a, lanes_vector b) {
    switch (op) {
    case LANES_SUM:
        return LANES_X86(add_ps)(a, b);
    case LANES_PROD:
        return LANES_X86(mul_ps)(a, b);
    case LANES_MAX:
        return LANES_X86(max_ps)(b, a);
    default:
        return LANES_X86(min_ps)(b, a);
    }
}
#if VECTOR_BITS == 512
typedef __mmask16 lanes_nans; // where none was
static inline lanes_nans lanes_meet_none(void) {
    return 0xffff;
}
static inline lanes_nans lanes_meet(lanes_nans met, lanes_vector a, lanes_vector b) {
    return _mm512_mask_cmp_ps_mask(met, a, b, _CMP_ORD_Q);
}
static inline lanes_nans lanes_meet_four(lanes_nans met, lanes_vector a, lanes_vector b,
                                         lanes_vector c, lanes_vector d) {
    return met & lanes_meet(_mm512_cmp_ps_mask(a, b, _CMP_ORD_Q), c, d); // a short chain in `met`
}
static inline int lanes_met(lanes_nans met) {
    return met != 0xffff;
}
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
    const __mmask16 numbers = _mm512_cmp_ps_mask(b, b, _CMP_ORD_Q);
    switch (op) {
    case LANES_MAX:
        return _mm512_mask_max_ps(b, numbers, b, a);
    case LANES_MIN:
        return _mm512_mask_min_ps(b, numbers, b, a);
    default:
        return lanes_choose(op, a, b);
    }
}
#else
typedef lanes_vector lanes_nans; // all bits where one was
static inline lanes_vector lanes_unordered(lanes_vector a, lanes_vector b) {
#if VECTOR_BITS == 256
    return _mm256_cmp_ps(a, b, _CMP_UNORD_Q);
#else
    return _mm_cmpunord_ps(a, b);
#endif
}
static inline lanes_nans lanes_meet_none(void) {
    return LANES_X86(setzero_ps)();
}
static inline lanes_nans lanes_meet(lanes_nans met, lanes_vector a, lanes_vector b) {
    return LANES_X86(or_ps)(met, lanes_unordered(a, b));
}
static inline int lanes_met(lanes_nans met) {
    return LANES_X86(movemask_ps)(met) != 0;
}
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
    const lanes_vector joined = lanes_choose(op, a, b);
    if (op == LANES_SUM || op == LANES_PROD)
        return joined;
    return LANES_X86(or_ps)(joined, lanes_unordered(b, b)); // all bits are a NaN
}
#endif
#elif defined __riscv_v
typedef float lanes_vector __attribute__((vector_size(16)));
typedef float lanes_elements __attribute__((vector_size(16), aligned(4), may_alias));
typedef int lanes_nans __attribute__((vector_size(16))); // all bits where one was
static inline lanes_vector lanes_load(const float *from) {
    return *(const lanes_elements *)from;
}
static inline void lanes_store(float *to, lanes_vector x) {
    *(lanes_elements *)to = x;
}
// Lane by lane, which compilers make instructions for vectors of; masks would become integers.
static inline lanes_vector lanes_select(lanes_nans second, lanes_vector a, lanes_vector b) {
    a[0] = second[0] ? b[0] : a[0];
    a[1] = second[1] ? b[1] : a[1];
    a[2] = second[2] ? b[2] : a[2];
    a[3] = second[3] ? b[3] : a[3];
    return a;
}
static inline lanes_vector lanes_choose(enum lanes_op op, lanes_vector a, lanes_vector b) {
    switch (op) {
    case LANES_SUM:
        return a + b;
    case LANES_PROD:
        return a * b;
    case LANES_MAX:
        return lanes_select(a < b, a, b);
    default:
        return lanes_select(b < a, a, b);
    }
}
static inline lanes_nans lanes_meet_none(void) {
    const lanes_nans none = {0, 0, 0, 0};
    return none;
}
static inline lanes_nans lanes_meet(lanes_nans met, lanes_vector a, lanes_vector b) {
    return met | (a != a) | (b != b);
}
static inline int lanes_met(lanes_nans met) {
    return (met[0] | met[1] | met[2] | met[3]) != 0;
}
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
    switch (op) {
    case LANES_MAX:
        return lanes_select((a < b) | (b != b), a, b);
    case LANES_MIN:
        return lanes_select((b < a) | (b != b), a, b);
    default:
        return lanes_choose(op, a, b);
    }
}
#elif VECTOR_BITS == 128
#include <arm_neon.h>
typedef float32x4_t lanes_vector, lanes_nans; // NaN where one was
static inline lanes_vector lanes_load(const float *from) {
    return vld1q_f32(from);
}
static inline void lanes_store(float *to, lanes_vector x) {
    vst1q_f32(to, x);
}
static inline lanes_vector lanes_choose(enum lanes_op op, lanes_vector a, lanes_vector b) {
    switch (op) {
    case LANES_SUM:
        return vaddq_f32(a, b);
    case LANES_PROD:
        return vmulq_f32(a, b);
    case LANES_MAX:
        return vbslq_f32(vcltq_f32(a, b), b, a);
    default:
        return vbslq_f32(vcltq_f32(b, a), b, a);
    }
}
static inline lanes_nans lanes_meet_none(void) {
    return vdupq_n_f32(0);
}
static inline lanes_nans lanes_meet(lanes_nans met, lanes_vector a, lanes_vector b) {
    return vmaxq_f32(met, vmaxq_f32(a, b));
}
static inline int lanes_met(lanes_nans met) {
    const float any = vmaxvq_f32(met);
    return any != any;
}
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
    switch (op) {
    case LANES_MAX: // the instruction takes +0 for greater than -0
        return vbslq_f32(vceqq_f32(a, b), a, vmaxq_f32(a, b));
    case LANES_MIN:
        return vbslq_f32(vceqq_f32(a, b), a, vminq_f32(a, b));
    default:
        return lanes_choose(op, a, b);
    }
}
#else
typedef float lanes_vector;
typedef int lanes_nans; // how many there were
static inline lanes_vector lanes_load(const float *from) {
    return *from;
}
static inline void lanes_store(float *to, lanes_vector x) {
    *to = x;
}
static inline lanes_vector lanes_choose(enum lanes_op op, lanes_vector a, lanes_vector b) {
    if (op == LANES_MAX)
        return a < b ? b : a;
    return op == LANES_MIN ? (b < a ? b : a) : lane_join(op, a, b);
}
static inline lanes_nans lanes_meet_none(void) {
    return 0;
}
static inline lanes_nans lanes_meet(lanes_nans met, lanes_vector a, lanes_vector b) {
    return met | (a != a) | (b != b);
}
static inline int lanes_met(lanes_nans met) {
    return met;
}
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
    return lane_join(op, a, b);
}
#endif
#if VECTOR_BITS != 512
static inline lanes_nans lanes_meet_four(lanes_nans met, lanes_vector a, lanes_vector b,
                                         lanes_vector c, lanes_vector d) {
    return lanes_meet(lanes_meet(met, a, b), c, d);
}
#endif
enum { LANES_WIDTH = sizeof(lanes_vector) / sizeof(float), LANES_PARTS = 16 / LANES_WIDTH };
struct lanes {
    lanes_vector part[LANES_PARTS];
};
// The functions below are small once `op` is known.
#define LANES_INLINE static inline __attribute__((always_inline))
// Two rounds at a time. Of few rounds, gcc 12 makes straight code that loads all of them first,
// which no registers hold.
#if defined __clang__
#define LANES_LOOP _Pragma("clang loop unroll_count(2)")
#else
#define LANES_LOOP _Pragma("GCC unroll 2")
#endif

LANES_INLINE struct lanes lanes_begin(float identity) {
    float all[16];
    struct lanes x;
    for (int i = 0; i < 16; i++)
        all[i] = identity;
    for (int i = 0; i < LANES_PARTS; i++)
        x.part[i] = lanes_load(all + i * LANES_WIDTH);
    return x;
}

// NaN in every lane where one was met: it is the result wherever it stood.
LANES_INLINE struct lanes lanes_with(struct lanes x, lanes_nans met) {
    return lanes_met(met) ? lanes_begin(__builtin_nanf("")) : x;
}

// Whole rounds of the lanes. What is NaN is found beside the greatest and the least, with one
// comparison for two vectors.
LANES_INLINE struct lanes lanes_take_rounds(enum lanes_op op, struct lanes x, const float *a,
                                            long rounds) {
    enum { TWO = LANES_PARTS > 1 };
    const int orders = op == LANES_MAX || op == LANES_MIN;
    lanes_nans met = lanes_meet_none();
    LANES_LOOP
    for (long r = 0; r < rounds; r++, a += 16)
        for (int i = 0; i < LANES_PARTS; i += 1 + TWO) {
            const lanes_vector first = lanes_load(a + i * LANES_WIDTH);
            const lanes_vector next = lanes_load(a + (i + TWO) * LANES_WIDTH);
            x.part[i] = lanes_choose(op, x.part[i], first);
            if (TWO)
                x.part[i + TWO] = lanes_choose(op, x.part[i + TWO], next);
            if (orders)
                met = lanes_meet(met, first, next);
        }
    return orders ? lanes_with(x, met) : x;
}

// The greatest of a row is the first of those that are no less than any other, in whatever groups
// it is looked for, if groups stand in order and begin with a number: four at once hide each
// other's latency.
LANES_INLINE struct lanes lanes_take_quarters(enum lanes_op op, struct lanes x, float identity,
                                              const float *a, long rounds) {
    struct lanes y = lanes_begin(identity), z = y, w = y;
    lanes_nans met = lanes_meet_none();
    LANES_LOOP
    for (const float *end = a + 16 * rounds; a < end; a += 16)
        for (int i = 0; i < LANES_PARTS; i++) {
            const float *from = a + i * LANES_WIDTH;
            const lanes_vector first = lanes_load(from), second = lanes_load(from + 16 * rounds);
            const lanes_vector third = lanes_load(from + 32 * rounds);
            const lanes_vector fourth = lanes_load(from + 48 * rounds);
            x.part[i] = lanes_choose(op, x.part[i], first);
            y.part[i] = lanes_choose(op, y.part[i], second);
            z.part[i] = lanes_choose(op, z.part[i], third);
            w.part[i] = lanes_choose(op, w.part[i], fourth);
            met = lanes_meet_four(met, first, second, third, fourth);
        }
    for (int i = 0; i < LANES_PARTS; i++) {
        x.part[i] = lanes_choose(op, x.part[i], y.part[i]);
        x.part[i] = lanes_choose(op, x.part[i], z.part[i]);
        x.part[i] = lanes_choose(op, x.part[i], w.part[i]);
    }
    return lanes_with(x, met);
}

// The first lanes take one element each, `count` in all.
LANES_INLINE struct lanes lanes_take_rest(enum lanes_op op, struct lanes x, const float *a,
                                          long count) {
#if VECTOR_BITS == 512
    const __mmask16 taking = (__mmask16)((1u << count) - 1);
    const lanes_vector next = _mm512_maskz_loadu_ps(taking, a);
    x.part[0] = _mm512_mask_mov_ps(x.part[0], taking, lanes_join(op, x.part[0], next));
#else
    float all[16];
    for (int i = 0; i < LANES_PARTS; i++)
        lanes_store(all + i * LANES_WIDTH, x.part[i]);
    for (long i = 0; i < count; i++)
        all[i] = lane_join(op, all[i], a[i]);
    for (int i = 0; i < LANES_PARTS; i++)
        x.part[i] = lanes_load(all + i * LANES_WIDTH);
#endif
    return x;
}

// The lanes take `count` neighbours, of which the first goes to lane 0.
LANES_INLINE struct lanes lanes_take(enum lanes_op op, struct lanes x, const float *a, long count) {
    if ((op == LANES_MAX || op == LANES_MIN) && LANES_PARTS < 4 && count >= 64) {
        const float infinity = __builtin_inff();
        const long rounds = count / 64;
        x = lanes_take_quarters(op, x, op == LANES_MAX ? -infinity : infinity, a, rounds);
        a += 64 * rounds;
        count -= 64 * rounds;
    }
    x = lanes_take_rounds(op, x, a, count / 16);
    return count % 16 ? lanes_take_rest(op, x, a + count / 16 * 16, count % 16) : x;
}

// The tree.
LANES_INLINE float lanes_end(enum lanes_op op, struct lanes x) {
    for (int half = LANES_PARTS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            x.part[i] = lanes_join(op, x.part[i], x.part[i + half]);
    lanes_vector y = x.part[0];
#if VECTOR_BITS == 512
    y = lanes_join(op, y, _mm512_shuffle_f32x4(y, y, 0x4e));
    y = lanes_join(op, y, _mm512_shuffle_f32x4(y, y, 0xb1));
    y = lanes_join(op, y, _mm512_permute_ps(y, 0x4e));
    y = lanes_join(op, y, _mm512_permute_ps(y, 0xb1));
    return _mm512_cvtss_f32(y);
#else
    float all[LANES_WIDTH];
    lanes_store(all, y);
    for (int half = LANES_WIDTH / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            all[i] = lane_join(op, all[i], all[i + half]);
    return all[0];
#endif
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

/* t1 float32[5] = max over 100(x)
 * nodes 1 */
static void k01_max(const float *restrict x, float *restrict t1, long part, long parts) {
    const long begin = 5 * part / parts;
    const long end = 5 * (part + 1) / parts;
    for (long i0 = begin; i0 < end; i0++) {
        struct lanes lanes0 = lanes_begin(-INFINITY);
        lanes0 = lanes_take(LANES_MAX, lanes0, x + 100 * i0, 100);
        const float result1 = lanes_end(LANES_MAX, lanes0);
        t1[i0] = result1;
    }
}

/* t5 float32[5,100] = exp(x - t1)
 * nodes 4 5 */
static void k02_exp(const float *restrict x, const float *restrict t1,
        float *restrict t5, long part, long parts) {
    const long begin = 100 * part / parts;
    const long end = 100 * (part + 1) / parts;
    for (long i0 = 0; i0 < 5; i0++) {
        for (long at0 = begin; at0 < end; at0 += 256) {
            long count1 = end - at0 < 256 ? end - at0 : 256;
            f32_exp_strip(t5 + 100 * i0 + at0, x + 100 * i0 + at0, t1[i0], count1);
        }
    }
}

/* t8 float32[5,1] = recip(sum over 100(t5))
 * nodes 6 8 */
static void k03_sum(const float *restrict t5, float *restrict t8, long part, long parts) {
    const long begin = 5 * part / parts;
    const long end = 5 * (part + 1) / parts;
    for (long i0 = begin; i0 < end; i0++) {
        struct lanes lanes0 = lanes_begin(0.0f);
        lanes0 = lanes_take(LANES_SUM, lanes0, t5 + 100 * i0, 100);
        const float result1 = lanes_end(LANES_SUM, lanes0);
        t8[i0] = 1.0f / result1;
    }
}

/* y float32[5,100] = t5 * t8
 * nodes 10 */
static void k04_elementwise(const float *restrict t5, const float *restrict t8,
        float *restrict y, long part, long parts) {
    const long begin = 100 * part / parts;
    const long end = 100 * (part + 1) / parts;
    for (long i0 = 0; i0 < 5; i0++) {
        for (long i1 = begin; i1 < end; i1++) {
            y[100 * i0 + i1] = f32_canonical(t5[100 * i0 + i1] * t8[i0]);
        }
    }
}

/* Temporaries, in bytes from the beginning of the arena. */
enum {
    AT_t1 = 2048, /* float32[5], alive from k01 to k02 */
    AT_t5 = 0, /* float32[5,100], alive from k02 to k04 */
    AT_t8 = 2048, /* float32[5,1], alive from k03 to k04 */
};

void golden_run_step(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long step, long part, long parts) {
    (void)weights;
    char *scratch = (char *)arena;
    switch (step) {
    case 0:
        k01_max(inputs->x, (float *)(scratch + AT_t1), part, parts);
        break;
    case 1:
        k02_exp(inputs->x, (const float *)(scratch + AT_t1), (float *)(scratch + AT_t5),
                part, parts);
        break;
    case 2:
        k03_sum((const float *)(scratch + AT_t5), (float *)(scratch + AT_t8), part, parts);
        break;
    case 3:
        k04_elementwise((const float *)(scratch + AT_t5), (const float *)(scratch + AT_t8),
                outputs->y, part, parts);
        break;
    }
}

void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    for (long step = 0; step < 4; step++)
        golden_run_step(inputs, outputs, weights, arena, step, 0, 1);
}

void golden_run_step_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena, long step, long part, long parts) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    golden_run_step(&named_inputs, &named_outputs, weights, arena, step, part, parts);
}

void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    golden_run(&named_inputs, &named_outputs, weights, arena);
}

struct golden_pool *golden_pool_new(long threads) {
    if (threads < 1 || threads > 2)
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
    long parts;
};

static void take_part(void *context, long step, long part) {
    const struct run *run = (const struct run *)context;
    golden_run_step(run->inputs, run->outputs, run->weights, run->arena, step, part,
            run->parts);
}

void golden_run_on(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, struct golden_pool *pool) {
    struct pool *threads = (struct pool *)pool;
    struct run run = {inputs, outputs, weights, arena, threads->parts};
    pool_share(threads, take_part, &run, 4);
}

void golden_run_on_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena, struct golden_pool *pool) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    golden_run_on(&named_inputs, &named_outputs, weights, arena, pool);
}

const char *golden_metadata(void) {
    return "eigentensor 1; graph unknown"
           "; input x float32[5,100]"
           "; output y float32[5,100]";
}
