// One text for all x86-64 CPUs, whatever options its user gives to the compiler.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section.

#ifndef ET_TEMPLATES_VERSIONS_H
#define ET_TEMPLATES_VERSIONS_H

//: section gcc_optimize
// What gcc leaves out at -O2, vectors above all. No bit of any result depends on it.
#if defined __GNUC__ && __GNUC__ >= 8 && !defined __clang__ && defined __OPTIMIZE__ &&             \
    !defined __OPTIMIZE_SIZE__
#pragma GCC optimize("O3,no-math-errno,no-trapping-math,no-loop-unroll-and-jam")
#endif
// As C++ its headers for AVX-512 initialise variables by themselves, of which it warns here.
#if defined __cplusplus && defined __GNUC__ && __GNUC__ < 13 && !defined __clang__
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

//: section versions
// Which vectors an x86-64 CPU has turns out when the program runs. So the kernels are compiled
// three times, by including this file again: their names get an ending, and each run asks the CPU.
// There is one version, with plain names, on other machines, where the compiler's options promise
// AVX2 or more anyway, and where ONE_VERSION is defined.
#if defined __GNUC__ && defined __x86_64__ && defined __SSE2__ && !defined __AVX2__ &&             \
    !defined ONE_VERSION
#if defined __FILE_NAME__
#define VERSIONS __FILE_NAME__
#elif defined __has_include // gcc before 12
#if __has_include(TEXT_NAME)
#define VERSIONS TEXT_NAME
#endif
#endif
#endif
#ifdef VERSIONS
#include <immintrin.h>
#define VERSION_JOIN(name, ending) name##ending
#define VERSION_EXPAND(name, ending) VERSION_JOIN(name, ending)
#define OF_VERSION(name) VERSION_EXPAND(name, VERSION_ENDING)

//: section versions_dot
// With the instructions for dot products of bytes, where the compiler knows them, too.
#if defined __clang__ ? __clang_major__ >= 13 : __GNUC__ >= 11
#define VERSIONS_DOT
#endif
#ifdef VERSIONS_DOT
#ifdef __clang__
#include <cpuid.h>
#endif
#define VERSION_DOT

#define VERSION_ENDING _avx512vnni
#define VECTOR_BITS 512
#ifdef __clang__
#define VERSION_TARGET target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,bmi,bmi2")
#pragma clang attribute push(__attribute__((VERSION_TARGET)), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,bmi,bmi2")
#endif
#include VERSIONS
#ifdef __clang__
#pragma clang attribute pop
#undef VERSION_TARGET
#else
#pragma GCC pop_options
#endif
#undef VERSION_ENDING
#undef VECTOR_BITS

#define VERSION_ENDING _avxvnni
#define VECTOR_BITS 256
#ifdef __clang__
#define VERSION_TARGET target("avxvnni,avx2,fma,f16c,bmi,bmi2")
#pragma clang attribute push(__attribute__((VERSION_TARGET)), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avxvnni,avx2,fma,f16c,bmi,bmi2")
#endif
#include VERSIONS
#ifdef __clang__
#pragma clang attribute pop
#undef VERSION_TARGET
#else
#pragma GCC pop_options
#endif
#undef VERSION_ENDING
#undef VECTOR_BITS
#undef VERSION_DOT
#endif // VERSIONS_DOT

//: section versions_each

#define VERSION_ENDING _avx512
#define VECTOR_BITS 512
#ifdef __clang__
#define VERSION_TARGET target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi,bmi2")
#pragma clang attribute push(__attribute__((VERSION_TARGET)), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi,bmi2")
#endif
#include VERSIONS
#ifdef __clang__
#pragma clang attribute pop
#undef VERSION_TARGET
#else
#pragma GCC pop_options
#endif
#undef VERSION_ENDING
#undef VECTOR_BITS

#define VERSION_ENDING _avx2
#define VECTOR_BITS 256
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,bmi,bmi2")
#endif
#include VERSIONS
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef VERSION_ENDING
#undef VECTOR_BITS

#define VERSION_ENDING _plain
#define VECTOR_BITS 0
#include VERSIONS
#undef VERSION_ENDING
#undef VECTOR_BITS
#endif // VERSIONS

//: section versions_cpu
// The version of a function for the CPU at hand. F16C is not asked for, since some compilers
// cannot: every CPU that has all of these has it too.
#ifdef VERSIONS
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
//: section versions_choice_dot
#ifdef VERSIONS_DOT
static int has_avx512vnni(void) {
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}
static int has_avxvnni(void) {
#ifdef __clang__ // most of which do not know it by name
    unsigned int a = 0, b, c, d;
    return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
#else
    return has_avx2() && __builtin_cpu_supports("avxvnni");
#endif
}
#define FOR_THIS_CPU(name)                                                                         \
    (has_avx512vnni() ? name##_avx512vnni                                                          \
     : has_avx512()   ? name##_avx512                                                              \
     : has_avxvnni()  ? name##_avxvnni                                                             \
     : has_avx2()     ? name##_avx2                                                                \
                      : name##_plain)
#else
#define FOR_THIS_CPU(name) (has_avx512() ? name##_avx512 : has_avx2() ? name##_avx2 : name##_plain)
#endif
//: section versions_choice
#define FOR_THIS_CPU(name) (has_avx512() ? name##_avx512 : has_avx2() ? name##_avx2 : name##_plain)
//: section versions_choice_end
#else
#define FOR_THIS_CPU(name) name
#endif

//: end

#endif
