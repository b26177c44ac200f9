// What makes a text give the same bits from every compiler, whatever its options: each operation is
// rounded by itself, in its own type. gcc ignores the pragma of C and heeds one of its own; clang
// heeds the first, unless it is told -ffp-contract=fast, which no text can see or undo.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section.

#ifndef ET_TEMPLATES_EXACT_H
#define ET_TEMPLATES_EXACT_H

//: section exact_floats
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

//: section mve_floats
// Vectors of floats on Cortex-M55 and its like take subnormals for zeros: there must be none.
#if defined __ARM_FEATURE_MVE && __ARM_FEATURE_MVE >= 2
#ifdef __clang__
#error "results would differ: vectors of floats lose subnormals; add +nomve.fp to -mcpu or -march"
#else
#pragma GCC optimize("no-tree-vectorize")
#endif
#endif

//: end

#endif
