// Conversions between element types whose result is not what a plain C cast gives.
//
// The rule: to cast from A to B (short names of compiler/graph/dtypes.def), call A_to_B if it has a
// section here; otherwise the plain C cast to B's type is the meaning. Plain are: integer or bool
// to another integer (wraps), integer or bool to float32 or float64 (rounded once, to nearest
// even), float32 to float64 and back. Here are: everything to bool (x != 0, so NaN is true), floats
// to integers (truncated; beyond the range the nearest value of it; NaN gives 0), and everything
// from or to float16 and bfloat16, which are held as their bits. Every cast rounds once: to these
// two it goes through float32 where that is exact, else as f64_to_odd says.
//
// A_canonical replaces any NaN by the one quiet NaN of its width; other values stay as they are.
//
// The text is cut by tools as in templates/math.h, whose section format and bit helpers it shares.

#ifndef ET_TEMPLATES_CONVERT_H
#define ET_TEMPLATES_CONVERT_H

#include "templates/math.h"

//: section f16_to_f32 needs f32_bits f32_from_bits
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

//: section bf16_to_f32 needs f32_from_bits
// Exact.
static inline float bf16_to_f32(uint16_t x) {
    return f32_from_bits((uint32_t)x << 16);
}

//: section f32_to_f16 needs f32_bits f32_from_bits
// To nearest even; 65520 and above is infinite. Below 2^-14, adding 0.5 rounds at float16's last
// place, 2^-24, which is also that of float32 from 0.5 to 1.
static inline uint16_t f32_to_f16(float x) {
    uint32_t bits = f32_bits(x), magnitude = bits & 0x7fffffffu;
    uint32_t sign = bits >> 16 & 0x8000, rounded;
    if (magnitude > 0x7f800000u)
        return 0x7e00;
    if (magnitude >= 0x477ff000u)
        rounded = 0x7c00;
    else if (magnitude < 0x38800000u)
        rounded = f32_bits(f32_from_bits(magnitude) + 0.5f) - 0x3f000000u;
    else
        rounded = ((magnitude + 0xfff + (magnitude >> 13 & 1)) >> 13) - (112u << 10);
    return (uint16_t)(sign | rounded);
}

//: section f32_to_bf16 needs f32_bits
// To nearest even.
static inline uint16_t f32_to_bf16(float x) {
    uint32_t bits = f32_bits(x);
    if (x != x)
        return 0x7fc0;
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

//: section f64_to_odd needs f32_bits f32_from_bits f64_bits
// As float32, towards zero, and where that is not exact with the last bit set: rounded to fewer
// bits from there, it is rounded as if at once.
static inline float f64_to_odd(double x) {
    float nearest = (float)x;
    double back = (double)nearest;
    uint32_t beyond = f64_bits(back) << 1 > f64_bits(x) << 1, inexact = back != x;
    return f32_from_bits((f32_bits(nearest) - beyond) | inexact);
}

//: section f32_to_i32
static inline int32_t f32_to_i32(float x) {
    if (x != x)
        return 0;
    if (x >= 0x1p31f)
        return INT32_MAX;
    return x <= -0x1p31f ? INT32_MIN : (int32_t)x;
}

//: section f32_to_i64
static inline int64_t f32_to_i64(float x) {
    if (x != x)
        return 0;
    if (x >= 0x1p63f)
        return INT64_MAX;
    return x <= -0x1p63f ? INT64_MIN : (int64_t)x;
}

// Floats of one sign are ordered as their bits are. Limits on floats would be branches to gcc,
// which makes vectors of limits on integers.
//: section f32_to_unsigned needs f32_bits f32_from_bits
// x without what lies below 0 or above `most`, 0 for NaN.
static inline int32_t f32_to_unsigned(float x, float most) {
    const int32_t bits = (int32_t)f32_bits(x > 0.0f ? x : 0.0f), limit = (int32_t)f32_bits(most);
    return (int32_t)f32_from_bits((uint32_t)(bits < limit ? bits : limit));
}

//: section f32_to_signed needs f32_bits f32_from_bits
// x without what lies below -most or from `most` on, 0 for NaN; `most` is an integer.
static inline int32_t f32_to_signed(float x, float most) {
    const uint32_t bits = f32_bits(x == x ? x : 0.0f), sign = bits & 0x80000000u;
    const int32_t size = (int32_t)(bits ^ sign), limit = (int32_t)f32_bits(most);
    const int32_t whole = (int32_t)f32_from_bits((uint32_t)(size < limit ? size : limit) | sign);
    const int32_t greatest = (int32_t)most - 1;
    return whole < greatest ? whole : greatest;
}

//: section f32_to_u8 needs f32_to_unsigned
static inline uint8_t f32_to_u8(float x) {
    return (uint8_t)f32_to_unsigned(x, 255.0f);
}

//: section f32_to_i8 needs f32_to_signed
static inline int8_t f32_to_i8(float x) {
    return (int8_t)f32_to_signed(x, 128.0f);
}

//: section f32_to_i16 needs f32_to_signed
static inline int16_t f32_to_i16(float x) {
    return (int16_t)f32_to_signed(x, 32768.0f);
}

//: section f32_to_u16 needs f32_to_unsigned
static inline uint16_t f32_to_u16(float x) {
    return (uint16_t)f32_to_unsigned(x, 65535.0f);
}

//: section f32_to_u32
static inline uint32_t f32_to_u32(float x) {
    if (x != x)
        return 0;
    if (x >= 0x1p32f)
        return 0xffffffffu;
    return x <= 0.0f ? 0 : (uint32_t)x;
}

//: section f32_to_u64
static inline uint64_t f32_to_u64(float x) {
    if (x != x)
        return 0;
    if (x >= 0x1p64f)
        return 0xffffffffffffffffu;
    return x <= 0.0f ? 0 : (uint64_t)x;
}

//: section f64_to_i32
static inline int32_t f64_to_i32(double x) {
    if (x != x)
        return 0;
    if (x >= 0x1p31)
        return INT32_MAX;
    return x <= -0x1p31 ? INT32_MIN : (int32_t)x;
}

//: section f64_to_i64
static inline int64_t f64_to_i64(double x) {
    if (x != x)
        return 0;
    if (x >= 0x1p63)
        return INT64_MAX;
    return x <= -0x1p63 ? INT64_MIN : (int64_t)x;
}

//: section f64_to_u8
static inline uint8_t f64_to_u8(double x) {
    if (x != x)
        return 0;
    if (x >= 255.0)
        return 255;
    return x <= 0.0 ? 0 : (uint8_t)x;
}

//: section f64_to_i8
static inline int8_t f64_to_i8(double x) {
    if (x != x)
        return 0;
    if (x >= 127.0)
        return 127;
    return x <= -128.0 ? -128 : (int8_t)x;
}

//: section f64_to_i16
static inline int16_t f64_to_i16(double x) {
    if (x != x)
        return 0;
    if (x >= 32767.0)
        return 32767;
    return x <= -32768.0 ? -32768 : (int16_t)x;
}

//: section f64_to_u16
static inline uint16_t f64_to_u16(double x) {
    if (x != x)
        return 0;
    if (x >= 65535.0)
        return 65535;
    return x <= 0.0 ? 0 : (uint16_t)x;
}

//: section f64_to_u32
static inline uint32_t f64_to_u32(double x) {
    if (x != x)
        return 0;
    if (x >= 0x1p32)
        return 0xffffffffu;
    return x <= 0.0 ? 0 : (uint32_t)x;
}

//: section f64_to_u64
static inline uint64_t f64_to_u64(double x) {
    if (x != x)
        return 0;
    if (x >= 0x1p64)
        return 0xffffffffffffffffu;
    return x <= 0.0 ? 0 : (uint64_t)x;
}

//: section f32_to_b8
static inline uint8_t f32_to_b8(float x) {
    return x != 0;
}

//: section f64_to_b8
static inline uint8_t f64_to_b8(double x) {
    return x != 0;
}

// An integer as a float is never -0. Left alone, gcc makes the truncation of x out of
// (float)(int32_t)x where it need not care for traps, and that is -0 for x = -0.5.
//: section i32_to_f32
static inline float i32_to_f32(int32_t x) {
    return x ? (float)x : 0.0f;
}

//: section i64_to_f32
static inline float i64_to_f32(int64_t x) {
    return x ? (float)x : 0.0f;
}

//: section i32_to_f64
static inline double i32_to_f64(int32_t x) {
    return x ? (double)x : 0.0;
}

//: section i64_to_f64
static inline double i64_to_f64(int64_t x) {
    return x ? (double)x : 0.0;
}

//: section i32_to_b8
static inline uint8_t i32_to_b8(int32_t x) {
    return x != 0;
}

//: section i64_to_b8
static inline uint8_t i64_to_b8(int64_t x) {
    return x != 0;
}

//: section u8_to_b8
static inline uint8_t u8_to_b8(uint8_t x) {
    return x != 0;
}

//: section i8_to_b8
static inline uint8_t i8_to_b8(int8_t x) {
    return x != 0;
}

//: section i16_to_b8
static inline uint8_t i16_to_b8(int16_t x) {
    return x != 0;
}

//: section u16_to_b8
static inline uint8_t u16_to_b8(uint16_t x) {
    return x != 0;
}

//: section u32_to_b8
static inline uint8_t u32_to_b8(uint32_t x) {
    return x != 0;
}

//: section u64_to_b8
static inline uint8_t u64_to_b8(uint64_t x) {
    return x != 0;
}

//: section f16_to_f64 needs f16_to_f32
static inline double f16_to_f64(uint16_t x) {
    return f16_to_f32(x);
}

//: section f16_to_i32 needs f16_to_f32 f32_to_i32
static inline int32_t f16_to_i32(uint16_t x) {
    return f32_to_i32(f16_to_f32(x));
}

//: section f16_to_i64 needs f16_to_f32 f32_to_i64
static inline int64_t f16_to_i64(uint16_t x) {
    return f32_to_i64(f16_to_f32(x));
}

//: section f16_to_u8 needs f16_to_f32 f32_to_u8
static inline uint8_t f16_to_u8(uint16_t x) {
    return f32_to_u8(f16_to_f32(x));
}

//: section f16_to_i8 needs f16_to_f32 f32_to_i8
static inline int8_t f16_to_i8(uint16_t x) {
    return f32_to_i8(f16_to_f32(x));
}

//: section f16_to_i16 needs f16_to_f32 f32_to_i16
static inline int16_t f16_to_i16(uint16_t x) {
    return f32_to_i16(f16_to_f32(x));
}

//: section f16_to_u16 needs f16_to_f32 f32_to_u16
static inline uint16_t f16_to_u16(uint16_t x) {
    return f32_to_u16(f16_to_f32(x));
}

//: section f16_to_u32 needs f16_to_f32 f32_to_u32
static inline uint32_t f16_to_u32(uint16_t x) {
    return f32_to_u32(f16_to_f32(x));
}

//: section f16_to_u64 needs f16_to_f32 f32_to_u64
static inline uint64_t f16_to_u64(uint16_t x) {
    return f32_to_u64(f16_to_f32(x));
}

//: section f16_to_b8 needs f16_to_f32 f32_to_b8
static inline uint8_t f16_to_b8(uint16_t x) {
    return f32_to_b8(f16_to_f32(x));
}

//: section bf16_to_f64 needs bf16_to_f32
static inline double bf16_to_f64(uint16_t x) {
    return bf16_to_f32(x);
}

//: section bf16_to_i32 needs bf16_to_f32 f32_to_i32
static inline int32_t bf16_to_i32(uint16_t x) {
    return f32_to_i32(bf16_to_f32(x));
}

//: section bf16_to_i64 needs bf16_to_f32 f32_to_i64
static inline int64_t bf16_to_i64(uint16_t x) {
    return f32_to_i64(bf16_to_f32(x));
}

//: section bf16_to_u8 needs bf16_to_f32 f32_to_u8
static inline uint8_t bf16_to_u8(uint16_t x) {
    return f32_to_u8(bf16_to_f32(x));
}

//: section bf16_to_i8 needs bf16_to_f32 f32_to_i8
static inline int8_t bf16_to_i8(uint16_t x) {
    return f32_to_i8(bf16_to_f32(x));
}

//: section bf16_to_i16 needs bf16_to_f32 f32_to_i16
static inline int16_t bf16_to_i16(uint16_t x) {
    return f32_to_i16(bf16_to_f32(x));
}

//: section bf16_to_u16 needs bf16_to_f32 f32_to_u16
static inline uint16_t bf16_to_u16(uint16_t x) {
    return f32_to_u16(bf16_to_f32(x));
}

//: section bf16_to_u32 needs bf16_to_f32 f32_to_u32
static inline uint32_t bf16_to_u32(uint16_t x) {
    return f32_to_u32(bf16_to_f32(x));
}

//: section bf16_to_u64 needs bf16_to_f32 f32_to_u64
static inline uint64_t bf16_to_u64(uint16_t x) {
    return f32_to_u64(bf16_to_f32(x));
}

//: section bf16_to_b8 needs bf16_to_f32 f32_to_b8
static inline uint8_t bf16_to_b8(uint16_t x) {
    return f32_to_b8(bf16_to_f32(x));
}

//: section f16_to_bf16 needs f16_to_f32 f32_to_bf16
static inline uint16_t f16_to_bf16(uint16_t x) {
    return f32_to_bf16(f16_to_f32(x));
}

//: section bf16_to_f16 needs bf16_to_f32 f32_to_f16
static inline uint16_t bf16_to_f16(uint16_t x) {
    return f32_to_f16(bf16_to_f32(x));
}

//: section f64_to_f16 needs f64_to_odd f32_to_f16
static inline uint16_t f64_to_f16(double x) {
    return f32_to_f16(f64_to_odd(x));
}

// What of an integer is not exact in float32 is infinite in float16.
//: section i32_to_f16 needs f32_to_f16
static inline uint16_t i32_to_f16(int32_t x) {
    return f32_to_f16((float)x);
}

//: section i64_to_f16 needs f32_to_f16
static inline uint16_t i64_to_f16(int64_t x) {
    return f32_to_f16((float)x);
}

//: section u8_to_f16 needs f32_to_f16
static inline uint16_t u8_to_f16(uint8_t x) {
    return f32_to_f16((float)x);
}

//: section i8_to_f16 needs f32_to_f16
static inline uint16_t i8_to_f16(int8_t x) {
    return f32_to_f16((float)x);
}

//: section i16_to_f16 needs f32_to_f16
static inline uint16_t i16_to_f16(int16_t x) {
    return f32_to_f16((float)x);
}

//: section u16_to_f16 needs f32_to_f16
static inline uint16_t u16_to_f16(uint16_t x) {
    return f32_to_f16((float)x);
}

//: section u32_to_f16 needs f32_to_f16
static inline uint16_t u32_to_f16(uint32_t x) {
    return f32_to_f16((float)x);
}

//: section u64_to_f16 needs f32_to_f16
static inline uint16_t u64_to_f16(uint64_t x) {
    return f32_to_f16((float)x);
}

//: section b8_to_f16 needs f32_to_f16
static inline uint16_t b8_to_f16(uint8_t x) {
    return f32_to_f16((float)x);
}

//: section f64_to_bf16 needs f64_to_odd f32_to_bf16
static inline uint16_t f64_to_bf16(double x) {
    return f32_to_bf16(f64_to_odd(x));
}

//: section i32_to_bf16 needs f64_to_bf16
static inline uint16_t i32_to_bf16(int32_t x) {
    return f64_to_bf16((double)x);
}

//: section u64_to_bf16 needs f64_to_bf16
// Of more than 53 bits, the last stands for what is cut off.
static inline uint16_t u64_to_bf16(uint64_t x) {
    uint64_t odd = x >> 53 ? (x >> 11 | ((x & 0x7ff) != 0)) << 11 : x;
    return f64_to_bf16((double)odd);
}

//: section i64_to_bf16 needs u64_to_bf16
static inline uint16_t i64_to_bf16(int64_t x) {
    uint16_t magnitude = u64_to_bf16(x < 0 ? 0 - (uint64_t)x : (uint64_t)x);
    return (uint16_t)(x < 0 ? 0x8000 | magnitude : magnitude);
}

//: section u8_to_bf16 needs f32_to_bf16
static inline uint16_t u8_to_bf16(uint8_t x) {
    return f32_to_bf16((float)x);
}

//: section i8_to_bf16 needs f32_to_bf16
static inline uint16_t i8_to_bf16(int8_t x) {
    return f32_to_bf16((float)x);
}

//: section i16_to_bf16 needs f32_to_bf16
static inline uint16_t i16_to_bf16(int16_t x) {
    return f32_to_bf16((float)x);
}

//: section u16_to_bf16 needs f32_to_bf16
static inline uint16_t u16_to_bf16(uint16_t x) {
    return f32_to_bf16((float)x);
}

//: section u32_to_bf16 needs f64_to_bf16
static inline uint16_t u32_to_bf16(uint32_t x) {
    return f64_to_bf16((double)x);
}

//: section b8_to_bf16 needs f32_to_bf16
static inline uint16_t b8_to_bf16(uint8_t x) {
    return f32_to_bf16((float)x);
}

//: section f32_canonical needs f32_bits f32_from_bits
// In integers: of a choice of a constant gcc makes a load under a mask. Where no element is NaN,
// the mask suppresses the page fault that would bring the constant's page in, slowly and each time.
static inline float f32_canonical(float x) {
    const uint32_t bits = f32_bits(x);
    const uint32_t nan = 0u - ((0x7f800000u - (bits & 0x7fffffffu)) >> 31);
    return f32_from_bits((bits & ~nan) | (0x7fc00000u & nan));
}

//: section f32_canonical_row needs f32_canonical
//: names f32_greater_magnitude
// The same of neighbours that were stored as they came; f32_greater_magnitude, of all of them, gave
// `most`. NaN is rare, and a maximum takes fewer instructions in a loop than a choice.
static inline uint32_t f32_greater_magnitude(uint32_t most, float x) {
    const uint32_t magnitude = f32_bits(x) & 0x7fffffffu;
    return most < magnitude ? magnitude : most;
}
static inline void f32_canonical_row(float *row, long count, uint32_t most) {
    if (most <= 0x7f800000u)
        return;
    for (long i = 0; i < count; i++)
        row[i] = f32_canonical(row[i]);
}

//: section f64_canonical needs f64_bits f64_from_bits
static inline double f64_canonical(double x) {
    const uint64_t bits = f64_bits(x), infinity = 0x7ff0000000000000u;
    const uint64_t nan = 0u - ((infinity - (bits & 0x7fffffffffffffffu)) >> 63);
    return f64_from_bits((bits & ~nan) | (0x7ff8000000000000u & nan));
}

//: section f16_canonical
static inline uint16_t f16_canonical(uint16_t x) {
    return (x & 0x7fff) > 0x7c00 ? 0x7e00 : x;
}

//: section bf16_canonical
static inline uint16_t bf16_canonical(uint16_t x) {
    return (x & 0x7fff) > 0x7f80 ? 0x7fc0 : x;
}
//: end

#endif
