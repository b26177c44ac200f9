// Floats as their bits.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_BITS_H
#define ET_TEMPLATES_BITS_H

#include <stdint.h>
#include <string.h>

//: section f32_bits
// The bit pattern of a float32.
static inline uint32_t f32_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

//: section f32_from_bits
// The float32 of a bit pattern.
static inline float f32_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

//: section f32_select needs f32_bits f32_from_bits
// condition ? yes : no, by masks: gcc does not vectorise what looks like a branch to it.
static inline float f32_select(int condition, float yes, float no) {
    uint32_t mask = 0u - (uint32_t)(condition != 0);
    return f32_from_bits((f32_bits(yes) & mask) | (f32_bits(no) & ~mask));
}

//: section f64_bits
// The bit pattern of a float64.
__attribute__((unused)) static inline uint64_t f64_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

//: section f64_from_bits
// The float64 of a bit pattern.
__attribute__((unused)) static inline double f64_from_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

//: section f64_select needs f64_bits f64_from_bits
// The same for float64.
static inline double f64_select(int condition, double yes, double no) {
    uint64_t mask = 0u - (uint64_t)(condition != 0);
    return f64_from_bits((f64_bits(yes) & mask) | (f64_bits(no) & ~mask));
}

//: end

#endif
