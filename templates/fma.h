// a * b + c, rounded once: by an instruction where the machine has one, else computed here. Math
// libraries have functions for it that are slow on such machines and may be wrong: newlib's and
// picolibc's round twice there, and mingw-w64's is off by one in every third result.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_FMA_H
#define ET_TEMPLATES_FMA_H

#include "templates/bits.h"
#include "templates/vector.h"

#include <math.h>
#if defined __SSE2__ && !VECTOR_BITS
#include <immintrin.h>
#endif

//: section fma_instruction needs vector_bits
//: macros FMA_OF_F32 FMA_OF_F64 HAS_DOUBLES
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

//: section f32_fma needs fma_instruction f32_bits f32_from_bits f64_bits f64_from_bits
//: names f32_mantissa u64_shift
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

//: section f32_fma_four needs f32_fma
//: names f32_fma_each
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

//: section f64_fma needs fma_instruction f64_bits f64_from_bits
//: names u128_words f64_mantissa u128_product u128_shift f64_round
// a * b + c of float64, rounded once.
#ifdef FMA_OF_F64
static inline double f64_fma(double a, double b, double c) {
    return fma(a, b, c);
}
#else
// An integer of 128 bits.
struct u128_words {
    uint64_t high, low;
};
// Of a number that is not 0: from 2^52 on and below 2^53, times 2^(exponent - 1075).
static inline uint64_t f64_mantissa(uint64_t bits, int *exponent) {
    uint64_t mantissa = bits & 0x000fffffffffffffu;
    *exponent = (int)(bits >> 52 & 0x7ffu);
    if (*exponent)
        return mantissa | 0x0010000000000000u;
    for (*exponent = 1; mantissa < 0x0010000000000000u; mantissa <<= 1)
        --*exponent;
    return mantissa;
}
static inline struct u128_words u128_product(uint64_t a, uint64_t b) {
    const uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
    const uint64_t first = a0 * b0, second = a1 * b0 + (first >> 32);
    const uint64_t third = a0 * b1 + (second & 0xffffffffu);
    const struct u128_words product = {a1 * b1 + (second >> 32) + (third >> 32),
                                       third << 32 | (first & 0xffffffffu)};
    return product;
}
// Of a number that is not 0, by 0 and more: the last bit stays set if any was that is lost.
static inline struct u128_words u128_shift(struct u128_words x, int by) {
    const struct u128_words least = {0, 1};
    if (by == 0)
        return x;
    if (by >= 128)
        return least;
    const int within = by & 63;
    const uint64_t lost =
        by < 64 ? x.low << (64 - within) : x.low | (within ? x.high << (64 - within) : 0);
    const uint64_t over = within ? x.high << (64 - within) | x.low >> within : x.low;
    const struct u128_words shifted = {by < 64 ? x.high >> within : 0,
                                       (by < 64 ? over : x.high >> within) | (lost != 0)};
    return shifted;
}
// sum * 2^exponent, of which the last bit may stand for bits lost behind it; +0 for 0.
static inline double f64_round(struct u128_words sum, int exponent, uint64_t sign) {
    if (sum.high == 0) {
        sum.high = sum.low;
        sum.low = 0;
        exponent -= 64;
    }
    if (sum.high == 0)
        return 0.0;
    const int empty = __builtin_clzll(sum.high);
    uint64_t bits = sum.high << empty | sum.low >> 1 >> (63 - empty);
    bits = bits >> 1 | (bits & 1) | (sum.low << empty != 0); // from 2^62 on
    exponent += 65 - empty;
    const int drop = exponent < -1084 ? -1074 - exponent : 10; // bits
    if (drop > 63)
        return f64_from_bits(sign);
    const uint64_t half = (uint64_t)1 << 63, rest = bits << (64 - drop);
    uint64_t kept = bits >> drop;
    kept += rest > half || (rest == half && (kept & 1));
    const uint64_t raised = (uint64_t)(drop + exponent + 1074); // by how much above the least
    return f64_from_bits((raised < 2046 ? (raised << 52) + kept : (uint64_t)0x7ff << 52) | sign);
}
// As f32_fma in integers.
static inline double f64_fma(double a, double b, double c) {
    const uint64_t x = f64_bits(a), y = f64_bits(b), z = f64_bits(c);
    const uint64_t infinity = (uint64_t)0x7ff << 52, sign = (uint64_t)1 << 63;
    const uint64_t p = x & ~sign, q = y & ~sign, r = z & ~sign;
    if (p == 0 || q == 0 || p >= infinity || q >= infinity)
        return a * b + c; // the product is exact
    if (r == 0 || r >= infinity)
        return r ? c : a * b;
    int of_a, of_b, of_c;
    const uint64_t first = f64_mantissa(p, &of_a) << 9, second = f64_mantissa(q, &of_b) << 11;
    struct u128_words product = u128_product(first, second); // below 2^126
    struct u128_words added = {f64_mantissa(r, &of_c) << 9, 0};
    const int apart = of_a + of_b - of_c - 1022;
    const int exponent = apart > 0 ? of_a + of_b - 2170 : of_c - 1148;
    if (apart > 0)
        added = u128_shift(added, apart);
    else
        product = u128_shift(product, -apart);
    const int less =
        product.high < added.high || (product.high == added.high && product.low < added.low);
    const struct u128_words more = less ? added : product, other = less ? product : added;
    struct u128_words sum = {more.high - other.high - (more.low < other.low), more.low - other.low};
    if (((x ^ y ^ z) & sign) == 0) {
        sum.low = more.low + other.low;
        sum.high = more.high + other.high + (sum.low < more.low);
    }
    return f64_round(sum, exponent, (less ? z : x ^ y) & sign);
}
#endif

//: end

#endif
