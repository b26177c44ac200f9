// Neighbouring float32 as 8-bit integers, many at a time: what f32_to_u8 and f32_to_i8 of
// templates/convert.h give, with fewer instructions than what compilers make of a loop.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_NARROW_H
#define ET_TEMPLATES_NARROW_H

#include "templates/convert.h"
#include "templates/round.h"
#include "templates/vector.h"

//: section narrow_loop
// A loop over few neighbours, of which gcc makes scalars once it is unrolled.
#ifdef __clang__
#define NARROW_LOOP _Pragma("clang loop unroll(disable)")
#else
#define NARROW_LOOP _Pragma("GCC unroll 1")
#endif

//: section narrow_words needs vector_bits narrow_loop
//: macros NARROW_X86 NARROW_NEON
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

//: section narrow_u8 needs narrow_words f32_to_u8 f32_rint
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

//: section narrow_i8 needs narrow_words f32_to_i8 f32_rint
// to[i] = f32_to_i8(from[i]), of what is rounded to nearest even before if that is asked for.
static inline void narrow_i8(int8_t *to, const float *from, long count, int nearest) {
    long i = 0;
#if VECTOR_BITS == 512
    const __m512 most = _mm512_set1_ps(127.0f);
    for (; i + 16 <= count; i += 16) {
        __m512 x = _mm512_loadu_ps(from + i);
        x = _mm512_maskz_min_ps(_mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), most, x);
        const __m512i whole = nearest ? _mm512_cvtps_epi32(x) : _mm512_cvttps_epi32(x);
        _mm_storeu_si128((__m128i *)(to + i), _mm512_cvtsepi32_epi8(whole));
    }
#elif defined NARROW_X86
    for (; i + 16 <= count; i += 16)
        _mm_storeu_si128((__m128i *)(to + i),
                         _mm_packs_epi16(narrow_words(from + i, 127.0f, nearest),
                                         narrow_words(from + i + 8, 127.0f, nearest)));
#endif
#ifdef NARROW_X86
    for (; i + 8 <= count; i += 8) {
        const __m128i words = narrow_words(from + i, 127.0f, nearest);
        _mm_storel_epi64((__m128i *)(to + i), _mm_packs_epi16(words, words));
    }
#elif defined NARROW_NEON
    for (; i + 8 <= count; i += 8)
        vst1_s8(to + i, vqmovn_s16(narrow_words(from + i, 127.0f, nearest)));
#endif
    for (; i < count; i++)
        to[i] = f32_to_i8(nearest ? f32_rint(from[i]) : from[i]);
}

//: section f32_to_u8_strip needs narrow_u8
static inline void f32_to_u8_strip(uint8_t *to, const float *from, long count) {
    narrow_u8(to, from, count, 0);
}
//: section f32_round_to_u8_strip needs narrow_u8
static inline void f32_round_to_u8_strip(uint8_t *to, const float *from, long count) {
    narrow_u8(to, from, count, 1);
}
//: section f32_to_i8_strip needs narrow_i8
static inline void f32_to_i8_strip(int8_t *to, const float *from, long count) {
    narrow_i8(to, from, count, 0);
}
//: section f32_round_to_i8_strip needs narrow_i8
static inline void f32_round_to_i8_strip(int8_t *to, const float *from, long count) {
    narrow_i8(to, from, count, 1);
}
//: end

#endif
