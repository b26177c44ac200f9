// Elementary functions of many neighbouring float32 at a time, where that gives the bits of
// templates/math.h with fewer instructions than what compilers make of a loop.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_STRIP_H
#define ET_TEMPLATES_STRIP_H

#include "templates/math.h"
#include "templates/vector.h"

//: section strip_vectors needs vector_bits
//: macros STRIP_LOOP STRIP_ROUNDS STRIP_EACH STRIP_ALL
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

//: section f32_exp_strip needs f32_exp strip_vectors
//: names f32_exp_registers f32_exp_vectors
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

//: section f32_erf_strip needs f32_erf strip_vectors
//: names f32_erf_registers f32_erf_vectors
// to[i] = f32_erf(from[i] - less); `to` may be `from`. The last steps of both polynomials are the
// same instructions, with the coefficients that each element needs.
#if VECTOR_BITS == 512
static inline __attribute__((always_inline)) void f32_erf_registers(int vectors, __m512 *x) {
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512 a[4], z[4], y[4];
    __mmask16 large[4];
    STRIP_EACH a[i] = _mm512_abs_ps(x[i]);
    STRIP_EACH large[i] = _mm512_cmp_ps_mask(a[i], STRIP_ALL(0.84375f), _CMP_GE_OQ);
    STRIP_EACH z[i] = _mm512_sub_ps(_mm512_min_ps(a[i], STRIP_ALL(4.0f)), STRIP_ALL(1.0f));
    STRIP_EACH y[i] =
        _mm512_fmadd_ps(STRIP_ALL(0x1.acaf0cp-18f), z[i], STRIP_ALL(-0x1.967476p-14f));
    STRIP_EACH y[i] = _mm512_fmadd_ps(y[i], z[i], STRIP_ALL(0x1.2c01cp-11f));
    STRIP_EACH y[i] = _mm512_fmadd_ps(y[i], z[i], STRIP_ALL(-0x1.726c06p-10f));
    STRIP_EACH y[i] = _mm512_fmadd_ps(y[i], z[i], STRIP_ALL(-0x1.917266p-13f));
    STRIP_EACH y[i] = _mm512_fmadd_ps(y[i], z[i], STRIP_ALL(0x1.e205dep-8f));
    STRIP_EACH y[i] = _mm512_fmadd_ps(y[i], z[i], STRIP_ALL(-0x1.34b992p-9f));
    STRIP_EACH y[i] = _mm512_mask_blend_ps(large[i], STRIP_ALL(-0x1.4c59bcp-11f), y[i]);
    STRIP_EACH z[i] = _mm512_mask_blend_ps(large[i], _mm512_mul_ps(a[i], a[i]), z[i]);
#define ERF_STEP(small, other)                                                                     \
    STRIP_EACH y[i] = _mm512_fmadd_ps(                                                             \
        y[i], z[i], _mm512_mask_blend_ps(large[i], STRIP_ALL(small), STRIP_ALL(other)));
    ERF_STEP(0x1.4b479cp-8f, -0x1.83dbep-5f)
    ERF_STEP(-0x1.b72a62p-6f, 0x1.efb0e8p-5f)
    ERF_STEP(0x1.ce2434p-4f, 0x1.6caceep-3f)
    ERF_STEP(-0x1.81271ap-2f, -0x1.0bf098p-1f)
    ERF_STEP(0x1.06eba8p-3f, 0x1.9620d6p-2f)
#undef ERF_STEP
    STRIP_EACH a[i] = _mm512_fmadd_ps(a[i], y[i], a[i]);
    STRIP_EACH a[i] =
        _mm512_mask_blend_ps(large[i], a[i], _mm512_fnmadd_ps(y[i], y[i], STRIP_ALL(1.0f)));
    STRIP_EACH x[i] = _mm512_castsi512_ps(_mm512_ternarylogic_epi32(
        magnitude, _mm512_castps_si512(a[i]), _mm512_castps_si512(x[i]), 0xca)); // x's sign
}
static inline __attribute__((always_inline)) void
f32_erf_vectors(int vectors, float *to, const float *from, float less, __mmask16 width) {
    __m512 x[4];
    STRIP_EACH x[i] = _mm512_maskz_loadu_ps(width, from + 16 * i);
    STRIP_EACH x[i] = _mm512_sub_ps(x[i], STRIP_ALL(less));
    f32_erf_registers(vectors, x);
    STRIP_EACH _mm512_mask_storeu_ps(to + 16 * i, width, x[i]);
}
static inline void f32_erf_strip(float *to, const float *from, float less, long count) {
    long i = 0;
    STRIP_ROUNDS
    for (; i + 64 <= count; i += 64)
        f32_erf_vectors(4, to + i, from + i, less, 0xffff);
    for (; i + 16 <= count; i += 16)
        f32_erf_vectors(1, to + i, from + i, less, 0xffff);
    if (i < count)
        f32_erf_vectors(1, to + i, from + i, less, (__mmask16)((1u << (count - i)) - 1));
}
#else
static inline void f32_erf_strip(float *to, const float *from, float less, long count) {
    STRIP_LOOP
    for (long i = 0; i < count; i++)
        to[i] = f32_erf(from[i] - less);
}
#endif

//: section f32_near_strip needs f64_fma f32_quarter_wave strip_vectors
//: names NEAR_STRIP f32_near_quadrant f32_take_near
// Sine and cosine where |x| < 2^16: float64 holds how many quadrants there are, and pi/2 as the sum
// of two, so that reduction takes five instructions, where f32_quadrant takes about a hundred.
// After it, both sines are the same float32.
#if VECTOR_BITS
enum { NEAR_STRIP = 64 }; // elements at a time, all of them near or none taken for near
static inline uint32_t f32_near_quadrant(uint32_t magnitude, double *rest) {
    const double whole = (double)f32_from_bits(magnitude);
    const double shifted = whole * 0x1.45f306dc9c883p-1 /* 2/pi */ + 0x1.8p+52;
    const double turns = shifted - 0x1.8p+52;
    *rest = f64_fma(turns, -0x1.921fb54442d18p+0 /* pi/2 */, whole);
    *rest = f64_fma(turns, -0x1.1a62633145c07p-54 /* 6.12323400e-17 */, *rest);
    return (uint32_t)f64_bits(shifted);
}
// Takes elements less a number, and zeros up to a whole strip; returns whether all are near.
static inline int f32_take_near(float *restrict x, const float *from, float less, long count) {
    uint32_t most = 0;
    for (long i = 0; i < count; i++)
        x[i] = from[i] - less;
    for (long i = count; i < NEAR_STRIP; i++)
        x[i] = 0.0f;
    for (int i = 0; i < NEAR_STRIP; i++) {
        const uint32_t magnitude = f32_bits(x[i]) & 0x7fffffffu;
        most = magnitude > most ? magnitude : most;
    }
    return most < 0x47800000u; // 2^16
}
#endif

//: section f32_sin_strip needs f32_sin f32_near_strip
//: names f32_near_sin
// to[i] = f32_sin(from[i] - less); `to` may be `from`.
#if VECTOR_BITS
static inline float f32_near_sin(float x) {
    const uint32_t sign = f32_bits(x) & 0x80000000u;
    double rest;
    const uint32_t quadrant = f32_near_quadrant(f32_bits(x) ^ sign, &rest);
    return f32_from_bits(f32_bits(f32_quarter_wave(quadrant, rest)) ^ sign);
}
static inline void f32_sin_strip(float *to, const float *from, float less, long count) {
    float x[NEAR_STRIP];
    for (long at = 0; at < count; at += NEAR_STRIP) {
        const long left = count - at, taken = left < NEAR_STRIP ? left : (long)NEAR_STRIP;
        if (f32_take_near(x, from + at, less, taken)) {
            for (int i = 0; i < NEAR_STRIP; i++)
                x[i] = f32_near_sin(x[i]);
        } else {
            for (int i = 0; i < NEAR_STRIP; i++)
                x[i] = f32_sin(x[i]);
        }
        memcpy(to + at, x, (size_t)taken * sizeof *x);
    }
}
#else
static inline void f32_sin_strip(float *to, const float *from, float less, long count) {
    STRIP_LOOP
    for (long i = 0; i < count; i++)
        to[i] = f32_sin(from[i] - less);
}
#endif

//: section f32_cos_strip needs f32_cos f32_near_strip
//: names f32_near_cos
// to[i] = f32_cos(from[i] - less); `to` may be `from`.
#if VECTOR_BITS
static inline float f32_near_cos(float x) {
    double rest;
    const uint32_t quadrant = f32_near_quadrant(f32_bits(x) & 0x7fffffffu, &rest);
    return f32_quarter_wave(quadrant + 1u, rest);
}
static inline void f32_cos_strip(float *to, const float *from, float less, long count) {
    float x[NEAR_STRIP];
    for (long at = 0; at < count; at += NEAR_STRIP) {
        const long left = count - at, taken = left < NEAR_STRIP ? left : (long)NEAR_STRIP;
        if (f32_take_near(x, from + at, less, taken)) {
            for (int i = 0; i < NEAR_STRIP; i++)
                x[i] = f32_near_cos(x[i]);
        } else {
            for (int i = 0; i < NEAR_STRIP; i++)
                x[i] = f32_cos(x[i]);
        }
        memcpy(to + at, x, (size_t)taken * sizeof *x);
    }
}
#else
static inline void f32_cos_strip(float *to, const float *from, float less, long count) {
    STRIP_LOOP
    for (long i = 0; i < count; i++)
        to[i] = f32_cos(from[i] - less);
}
#endif

//: section fetch_strip
// Asks the caches for neighbours that are read later.
static inline void fetch_strip(const float *from, long count) {
    for (long i = 0; i < count; i += 64 / (long)sizeof *from)
        __builtin_prefetch(from + i);
}
//: end

#endif
