// Rounding to integers: by an instruction where the machine has one, else computed here. Math
// libraries have functions for it, of which compilers make no vectors, and whose bits not all of
// them get right.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_ROUND_H
#define ET_TEMPLATES_ROUND_H

#include "templates/bits.h"
#include "templates/vector.h"

#include <math.h>

//: section round_instruction needs vector_bits
//: macros ROUND_OF_FLOATS
// Who knows that the math library is right may define ROUND_OF_LIBRARY; ROUND_BY_SUMS is for tests.
#if defined ROUND_BY_SUMS
#elif defined ROUND_OF_LIBRARY || (VECTOR_BITS && !defined __riscv_v) || defined __SSE4_1__ ||     \
    defined __wasm__ || defined __ARM_FEATURE_DIRECTED_ROUNDING
#define ROUND_OF_FLOATS
#endif

//: section f32_rint needs round_instruction f32_bits f32_from_bits f32_select
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

//: section f32_floor needs f32_rint
// The greatest integral value not above x.
static inline float f32_floor(float x) {
#ifdef ROUND_OF_FLOATS
    return floorf(x);
#else
    const float nearest = f32_rint(x);
    return f32_select(nearest > x, nearest - 1.0f, nearest);
#endif
}

//: section f32_ceil needs f32_rint
// The least integral value not below x; between -1 and 0 it is -0.
static inline float f32_ceil(float x) {
#ifdef ROUND_OF_FLOATS
    return ceilf(x);
#else
    const float nearest = f32_rint(x);
    const float integer = f32_select(nearest < x, nearest + 1.0f, nearest);
    return f32_from_bits(f32_bits(integer) | (f32_bits(x) & 0x80000000u));
#endif
}

//: section f64_rint needs round_instruction f64_bits f64_from_bits f64_select
// The same for float64, of which all are integers from 2^52 on.
static inline double f64_rint(double x) {
#ifdef ROUND_OF_FLOATS
    return rint(x);
#else
    const uint64_t sign = f64_bits(x) & (uint64_t)1 << 63;
    const double a = f64_from_bits(f64_bits(x) ^ sign);
    const double integer = f64_select(a < 0x1p+52, a + 0x1p+52 - 0x1p+52, a);
    return f64_from_bits(f64_bits(integer) | sign);
#endif
}

//: section f64_floor needs f64_rint
static inline double f64_floor(double x) {
#ifdef ROUND_OF_FLOATS
    return floor(x);
#else
    const double nearest = f64_rint(x);
    return f64_select(nearest > x, nearest - 1.0, nearest);
#endif
}

//: section f64_ceil needs f64_rint
static inline double f64_ceil(double x) {
#ifdef ROUND_OF_FLOATS
    return ceil(x);
#else
    const double nearest = f64_rint(x);
    const double integer = f64_select(nearest < x, nearest + 1.0, nearest);
    return f64_from_bits(f64_bits(integer) | (f64_bits(x) & (uint64_t)1 << 63));
#endif
}

//: section f32_fmod needs f32_bits f32_from_bits
// x - y * (x / y truncated), which is a float32; it has the sign of x.
static inline float f32_fmod(float x, float y) {
#ifdef ROUND_OF_LIBRARY
    return fmodf(x, y);
#else
    const uint32_t sign = f32_bits(x) & 0x80000000u, a = f32_bits(x) ^ sign;
    const uint32_t b = f32_bits(y) & 0x7fffffffu, infinity = 0x7f800000u;
    if (a >= infinity || b > infinity || b == 0)
        return f32_from_bits(0x7fc00000u);
    if (a < b)
        return x;
    int of_a = (int)(a >> 23), of_b = (int)(b >> 23);
    uint64_t rest = (a & 0x007fffffu) | (uint64_t)(of_a > 0) << 23;
    const uint64_t by = (b & 0x007fffffu) | (uint64_t)(of_b > 0) << 23;
    of_a += of_a == 0;
    of_b += of_b == 0;
    for (rest %= by; of_a > of_b; rest %= by) {
        const int power = of_a - of_b < 40 ? of_a - of_b : 40;
        rest <<= power;
        of_a -= power;
    }
    // rest * 2^(of_b - 150), less than y
    while (of_b > 1 && rest < 0x00800000u && rest) {
        rest <<= 1;
        of_b--;
    }
    const uint32_t exponent = rest >> 23 ? (uint32_t)of_b << 23 : 0;
    return f32_from_bits(sign | exponent | ((uint32_t)rest & 0x007fffffu));
#endif
}

//: section f64_fmod needs f64_bits f64_from_bits
// The same for float64.
static inline double f64_fmod(double x, double y) {
#ifdef ROUND_OF_LIBRARY
    return fmod(x, y);
#else
    const uint64_t sign = f64_bits(x) & (uint64_t)1 << 63, a = f64_bits(x) ^ sign;
    const uint64_t b = f64_bits(y) & ~((uint64_t)1 << 63), infinity = (uint64_t)0x7ff << 52;
    const uint64_t below = ((uint64_t)1 << 52) - 1; // of a mantissa
    if (a >= infinity || b > infinity || b == 0)
        return f64_from_bits((uint64_t)0x7ff8 << 48);
    if (a < b)
        return x;
    int of_a = (int)(a >> 52), of_b = (int)(b >> 52);
    uint64_t rest = (a & below) | (uint64_t)(of_a > 0) << 52;
    const uint64_t by = (b & below) | (uint64_t)(of_b > 0) << 52;
    of_a += of_a == 0;
    of_b += of_b == 0;
    for (rest %= by; of_a > of_b; rest %= by) {
        const int power = of_a - of_b < 11 ? of_a - of_b : 11;
        rest <<= power;
        of_a -= power;
    }
    while (of_b > 1 && rest <= below && rest) {
        rest <<= 1;
        of_b--;
    }
    const uint64_t exponent = rest > below ? (uint64_t)of_b << 52 : 0;
    return f64_from_bits(sign | exponent | (rest & below));
#endif
}
//: end

#endif
