/* golden.cu: the graph "golden", compiled to CUDA C++ by Eigentensor. Do not edit.
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *   k01_contract_tanh
 *     state float32[3,16]  1632 flop  1408 + 192 bytes  in each of 6 steps
 *   k02_scan
 *     y float32[6,3,16]  0 flop  1344 + 1152 bytes
 */
#ifndef __CUDACC_RTC__
#include "golden.h"
#endif

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

// A kernel may begin while the one before it still runs: what that stored is there behind this.
DEVICE void wait_for_kernels(void) {
#if defined __CUDA_ARCH__ && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// a * b + c, rounded once: an instruction of every GPU.
DEVICE float f32_fma(float a, float b, float c) {
    return fmaf(a, b, c);
}

// A NaN as the one that leaves a graph.
DEVICE float f32_canonical(float x) {
    return x != x ? __int_as_float(0x7fc00000) : x;
}

// The bit pattern of a float32.
DEVICE uint32_t f32_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// The float32 of a bit pattern.
DEVICE float f32_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// condition ? yes : no, which is an instruction.
DEVICE float f32_select(int condition, float yes, float no) {
    return condition ? yes : no;
}

// Hyperbolic tangent.
//
// |x| < 1: x + x * x^2 * p(x^2), p of degree 6. Otherwise 1 - 2 / (2^n * q(r) + 1) with
// 2 * |x| / ln(2) = n + r, |r| <= 1/2; q has degree 6; errors of 2^n * q(r) are divided by 4 at
// least before they reach the result. p is minimax (Remez) to 2^-27.7, q to 2^-29; then both were
// fitted to the least error of the float32 result. tanh(10) rounds to 1. The sign is x's; NaN takes
// the first way.
// Largest error: 0.969 ulp, at 1.00809.
DEVICE float f32_tanh(float x) {
    uint32_t sign = f32_bits(x) & 0x80000000u;
    uint32_t magnitude = f32_bits(x) ^ sign;
    float a = f32_from_bits(magnitude);
    float square = a * a;
    float p = -0x1.77dcb4p-12f; // -0.000358450052
    p = f32_fma(p, square, 0x1.2da3cep-9f /* 0.00230132951 */);
    p = f32_fma(p, square, -0x1.046066p-7f /* -0.0079460619 */);
    p = f32_fma(p, square, 0x1.6009a4p-6f /* 0.0214866735 */);
    p = f32_fma(p, square, -0x1.b96238p-5f /* -0.0538798422 */);
    p = f32_fma(p, square, 0x1.110be4p-3f /* 0.133323461 */);
    p = f32_fma(p, square, -0x1.55553cp-2f /* -0.333332956 */);
    float small = f32_fma(a, square * p, a);

    const float round_to_integer = 0x1.8000fep+23f; // 1.5 * 2^23 + 127: added, leaves n + 127
    float bounded = f32_from_bits(magnitude < 0x41200000u ? magnitude : 0x41200000u); // 10
    float shifted = f32_fma(bounded, 0x1.715476p+1f /* 2.88539004 */, round_to_integer);
    float r = f32_fma(bounded, 0x1.715476p+1f, round_to_integer - shifted);
    r = f32_fma(bounded, 0x1.5ad0e2p-25f /* 4.03748075e-08 */, r);
    float q = 0x1.3d37ap-13f; // 0.000151260989
    q = f32_fma(q, r, 0x1.60c024p-10f /* 0.00134563656 */);
    q = f32_fma(q, r, 0x1.3b2b98p-7f /* 0.00961823389 */);
    q = f32_fma(q, r, 0x1.c6ac7cp-5f /* 0.0555021688 */);
    q = f32_fma(q, r, 0x1.ebfc0ap-3f /* 0.24022682 */);
    q = f32_fma(q, r, 0x1.62e432p-1f /* 0.693147242 */);
    q = f32_fma(q, r, 1.0f);
    float power = f32_from_bits(f32_bits(shifted) << 23);
    float large = 1.0f - 2.0f / f32_fma(q, power, 1.0f);
    return f32_from_bits(f32_bits(f32_select(a >= 1.0f, large, small)) | sign);
}


/* state float32[3,16] = tanh(sum over 16(h * weight) + x)
 * nodes 3 */
DEVICE void k01_contract_tanh(const float *h, const float *weight, const float *x, float *state) {
    for (long point0 = threadIdx.x; point0 < 48; point0 += 256) {
        const long i0 = point0 / 16;
        const long i1 = point0 % 16;
        float sum1 = 0.0f;
        for (long r2 = 0; r2 < 16; r2++) {
            sum1 = f32_fma(h[r2 + 16 * i0], weight[r2 + 16 * i1], sum1);
        }
        state[16 * i0 + i1] = f32_canonical(f32_tanh(sum1 + x[16 * i0 + i1]));
    }
    __syncthreads();
}

/* One of 6 steps. */
DEVICE void step02(const float *h, const float *x, float *state, const char *weights) {
    /* Constants, in bytes from the beginning of the weights block. */
    enum {
        AT_weight = 0, /* float32[16,16] */
    };

    k01_contract_tanh(h, (const float *)(weights + AT_weight), x, state);
}

/* y float32[6,3,16] = scan(h, xs)
 * nodes 3 */
KERNEL __launch_bounds__(256)
k02_scan(const float *h, const float *xs, float *y, const char *weights) {
    wait_for_kernels();
    for (long step = 0; step < 6; step++) {
        step02(step ? y + 48 * (step - 1) : h, xs + 48 * step, y + 48 * step, weights);
    }
}

#ifndef __CUDACC_RTC__
#ifndef LAUNCH
#define LAUNCH(kernel, blocks, threads, stream, ...)                                       \
    kernel<<<blocks, threads, 0, stream>>>(__VA_ARGS__)
#endif

void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    (void)weights;
    (void)arena;
    LAUNCH(k02_scan, 1, 256, inputs->cuda_stream,
            inputs->h, inputs->xs, outputs->y, (const char *)weights);
}

void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena) {
    struct golden_inputs named_inputs;
    named_inputs.xs = (const float *)inputs[0];
    named_inputs.h = (const float *)inputs[1];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    named_inputs.cuda_stream = 0;
    golden_run(&named_inputs, &named_outputs, weights, arena);
}

const char *golden_metadata(void) {
    return "eigentensor 1; graph unknown"
           "; input xs float32[6,3,16]"
           "; input h float32[3,16]"
           "; output y float32[6,3,16]";
}
#endif // __CUDACC_RTC__
