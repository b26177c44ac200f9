// What kernels for GPUs begin with: the types and constants that headers of C have, which NVRTC has
// not.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

//: section cuda
//: macros restrict DEVICE KERNEL
#ifdef __CUDACC_RTC__
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long int64_t;
typedef unsigned long uint64_t;
#define INT32_MIN (-2147483647 - 1)
#define INT32_MAX 2147483647
#define INT64_MIN (-9223372036854775807L - 1)
#define INT64_MAX 9223372036854775807L
#define UINT32_MAX 4294967295u
#define UINT64_MAX 18446744073709551615ul
#define INFINITY __int_as_float(0x7f800000)
#define KERNEL extern "C" __global__ void // called by its name
#else
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#define KERNEL static __global__ void // of this text alone
#endif
#define DEVICE static __device__ inline // a function that kernels call
#define restrict __restrict__

//: section wait_for_kernels
// A kernel may begin while the one before it still runs: what that stored is there behind this.
static inline void wait_for_kernels(void) {
#if defined __CUDA_ARCH__ && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

//: section let_next_begin
// When all blocks have come here, those of the next kernel take the room that is left.
static inline void let_next_begin(void) {
#if defined __CUDA_ARCH__ && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;");
#endif
}

//: section fetch_ahead
// Has so many bytes brought near that the threads of a block read later.
static inline void fetch_ahead(const void *from, int bytes) {
#ifdef __CUDA_ARCH__
    enum { TOGETHER = 128 };
    for (int at = TOGETHER * (int)threadIdx.x; at < bytes; at += TOGETHER * (int)blockDim.x)
        asm volatile("prefetch.global.L2 [%0];" ::"l"((const char *)from + at));
#else
    (void)from;
    (void)bytes;
#endif
}

//: section round_instruction
// Rounding to integers is one, too.
#define ROUND_OF_FLOATS

//: section f32_fma
// a * b + c, rounded once: an instruction of every GPU.
static inline float f32_fma(float a, float b, float c) {
    return fmaf(a, b, c);
}

//: section f64_fma
// The same for float64.
static inline double f64_fma(double a, double b, double c) {
    return fma(a, b, c);
}

//: section f32_select
// condition ? yes : no, which is an instruction.
static inline float f32_select(int condition, float yes, float no) {
    return condition ? yes : no;
}

//: section f32_canonical
// A NaN as the one that leaves a graph.
static inline float f32_canonical(float x) {
    return x != x ? __int_as_float(0x7fc00000) : x;
}

//: section f32_zero
// 0, of which compilers know nothing. They make a minimum of x < 0.0f ? x : 0.0f (NVRTC 13.0 does),
// which is -0 for -0, and a maximum of -0.0f < x ? x : -0.0f, which is +0 for +0.
static inline float f32_zero(void) {
    float zero = 0.0f;
#ifdef __CUDA_ARCH__
    asm("" : "+f"(zero));
#endif
    return zero;
}

//: section f64_zero
// The same for float64.
static inline double f64_zero(void) {
    double zero = 0.0;
#ifdef __CUDA_ARCH__
    asm("" : "+d"(zero));
#endif
    return zero;
}
//: end
