// Elementary functions of many neighbouring float32 at a time, where that gives the bits of
// templates/math.h with fewer instructions than what compilers make of a loop.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_STRIP_H
#define ET_TEMPLATES_STRIP_H

#include "templates/math.h"
#include "templates/vector.h"

//: section f32_exp_strip needs f32_exp vector_bits
//: names f32_exp_vectors
// to[i] = f32_exp(from[i] - less); `to` may be `from`. AVX-512 multiplies by a power of two with
// one rounding, whatever the power, and its bounds let NaN through. The steps of several vectors
// stand side by side: each waits for the one before.
#if VECTOR_BITS == 512
#include <immintrin.h>
static inline __attribute__((always_inline)) void
f32_exp_vectors(int vectors, float *to, const float *from, float less, __mmask16 width) {
    __m512 x[4], n[4], r[4], y[4];
#if defined __clang__
#define EXP_EACH _Pragma("clang loop unroll(full)") for (int i = 0; i < vectors; i++)
#else
#define EXP_EACH _Pragma("GCC unroll 4") for (int i = 0; i < vectors; i++)
#endif
#define EXP_ALL(x) _mm512_set1_ps(x)
    EXP_EACH x[i] = _mm512_maskz_loadu_ps(width, from + 16 * i);
    EXP_EACH x[i] = _mm512_sub_ps(x[i], EXP_ALL(less));
    EXP_EACH x[i] = _mm512_max_ps(EXP_ALL(-104.0f), x[i]);
    EXP_EACH x[i] = _mm512_min_ps(EXP_ALL(89.0f), x[i]);
    EXP_EACH n[i] = _mm512_fmadd_ps(x[i], EXP_ALL(0x1.715476p+0f), EXP_ALL(0x1.8p+23f));
    EXP_EACH n[i] = _mm512_sub_ps(n[i], EXP_ALL(0x1.8p+23f));
    EXP_EACH r[i] = _mm512_fmadd_ps(n[i], EXP_ALL(-0x1.62e430p-1f), x[i]);
    EXP_EACH r[i] = _mm512_fmadd_ps(n[i], EXP_ALL(0x1.05c610p-29f), r[i]);
    EXP_EACH y[i] = _mm512_fmadd_ps(EXP_ALL(0x1.694cd4p-10f), r[i], EXP_ALL(0x1.123988p-7f));
    EXP_EACH y[i] = _mm512_fmadd_ps(y[i], r[i], EXP_ALL(0x1.555a26p-5f));
    EXP_EACH y[i] = _mm512_fmadd_ps(y[i], r[i], EXP_ALL(0x1.555492p-3f));
    EXP_EACH y[i] = _mm512_fmadd_ps(y[i], r[i], EXP_ALL(0x1.fffffap-2f));
    EXP_EACH y[i] = _mm512_fmadd_ps(y[i], r[i], EXP_ALL(1.0f));
    EXP_EACH y[i] = _mm512_fmadd_ps(y[i], r[i], EXP_ALL(1.0f));
    EXP_EACH y[i] = _mm512_scalef_ps(y[i], n[i]);
    EXP_EACH _mm512_mask_storeu_ps(to + 16 * i, width, y[i]);
#undef EXP_EACH
#undef EXP_ALL
}
static inline void f32_exp_strip(float *to, const float *from, float less, long count) {
    long i = 0;
    for (; i + 64 <= count; i += 64)
        f32_exp_vectors(4, to + i, from + i, less, 0xffff);
    for (; i + 16 <= count; i += 16)
        f32_exp_vectors(1, to + i, from + i, less, 0xffff);
    if (i < count)
        f32_exp_vectors(1, to + i, from + i, less, (__mmask16)((1u << (count - i)) - 1));
}
#else
static inline void f32_exp_strip(float *to, const float *from, float less, long count) {
    for (long i = 0; i < count; i++)
        to[i] = f32_exp(from[i] - less);
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
