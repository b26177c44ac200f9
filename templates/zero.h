// Zeros that compilers know nothing of.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_ZERO_H
#define ET_TEMPLATES_ZERO_H

#include "templates/bits.h"

//: section f32_zero needs f32_bits f32_from_bits
// 0, of which compilers know nothing. clang for AArch64, RISC-V and WebAssembly makes a maximum of
// x < 0.0f ? 0.0f : x, which is +0 for -0, and a minimum of x < 0.0f ? x : 0.0f, which is -0.
static inline float f32_zero(void) {
#if defined __clang__ && (defined __aarch64__ || defined __riscv || defined __wasm__)
    uint32_t bits = 0;
    __asm__("" : "+r"(bits));
    return f32_from_bits(bits);
#else
    return 0.0f;
#endif
}

//: section f64_zero needs f64_bits f64_from_bits
// The same for float64.
static inline double f64_zero(void) {
#if defined __clang__ && (defined __aarch64__ || defined __riscv || defined __wasm__)
    uint32_t bits = 0;
    __asm__("" : "+r"(bits));
    return f64_from_bits(bits);
#else
    return 0.0;
#endif
}

//: end

#endif
