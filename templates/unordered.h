// NaN found two floats at a time, apart from the greatest or least of them.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section.

#ifndef ET_TEMPLATES_UNORDERED_H
#define ET_TEMPLATES_UNORDERED_H

#include "templates/math.h"

//: section f32_unordered
// All bits where a or b is NaN, else none: one comparison.
static inline uint32_t f32_unordered(float a, float b) {
    return 0u - (uint32_t)(isunordered(a, b) != 0);
}

//: section f64_unordered
// All bits where a or b is NaN, else none: one comparison.
static inline uint64_t f64_unordered(double a, double b) {
    return (uint64_t)0 - (uint64_t)(isunordered(a, b) != 0);
}

//: section f32_nan_or needs f32_bits f32_from_bits
// A NaN where all bits of `nan` are set, x where none is.
static inline float f32_nan_or(uint32_t nan, float x) {
    return f32_from_bits(f32_bits(x) | nan);
}

//: section f64_nan_or needs f64_bits f64_from_bits
// A NaN where all bits of `nan` are set, x where none is.
static inline double f64_nan_or(uint64_t nan, double x) {
    return f64_from_bits(f64_bits(x) | nan);
}
//: end

#endif
