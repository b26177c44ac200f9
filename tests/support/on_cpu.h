/* CUDA C on a CPU: what nvcc knows without being told, as far as emitted kernels use it, so that
 * the same text, with its launches, compiles with g++ and clang++ (ON_CPU_FLAGS) into a library for
 * this process. What kernels call is not in that library but in the test program (on_cpu.c).
 *
 * The blocks of a grid run one after another, in an order that the seed shuffles. The threads of a
 * block take turns on one CPU thread: each runs until it has to wait for others, and which of those
 * that can run is next the seed says. So where threads race, some seeds give other bits than
 * others. Shared memory is filled with what the seed says before each block, mostly NaN, and
 * asynchronous copies are made when they are begun or, as the seed says, no sooner than they are
 * waited for. */
#ifndef EIGENTENSOR_ON_CPU_H
#define EIGENTENSOR_ON_CPU_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Options, where tests run, behind "g++ -x c++" or "clang++ -x c++". */
#define ON_CPU_FLAGS "-std=gnu++17", "-I.", "-include", "tests/support/on_cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

struct on_cpu_index {
    unsigned x, y, z;
};
extern struct on_cpu_index threadIdx, blockIdx, blockDim, gridDim;

/* A launch of a kernel, whose arguments the call has. */
typedef void on_cpu_call(void *context);

struct on_cpu_launch {
    const char *name;
    on_cpu_call *call; /* of one thread */
    void *context;
    long blocks, threads; /* threads of each block */
    char *shared;         /* where all __shared__ arrays of the text lie, and how many bytes */
    size_t shared_bytes;
};

/* What the launches to come shuffle by; forgets their errors. */
void on_cpu_begin(uint64_t seed);
/* What was wrong with a kernel since then: threads that wait for others which have returned or wait
 * elsewhere, misplaced copies, too large a block. NULL: nothing. After an error no launch runs. */
const char *on_cpu_error(void);
/* Runs all blocks. One launch at a time in a process. */
void on_cpu_launch(const struct on_cpu_launch *launch);

/* What kernels call, by the names of CUDA below. `file` and `line` are those of the call. */
void on_cpu_barrier(const char *file, int line);
void on_cpu_warp_barrier(unsigned mask, const char *file, int line);
uint64_t on_cpu_shuffle(unsigned mask, uint64_t value, int from, const char *file, int line);
int on_cpu_lane(void);
void on_cpu_copy(void *shared, const void *global, int bytes, const char *file, int line);
void on_cpu_commit(void);
void on_cpu_wait(int groups);

#ifdef __cplusplus
}
#endif

#ifdef __cplusplus

#define CUDA_ON_CPU
#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
/* All in one section, which can be filled; the linker says where it begins and ends. */
#define __shared__ static __attribute__((section("on_cpu_shared"), aligned(16)))

#define __syncthreads() on_cpu_barrier(__FILE__, __LINE__)
#define __syncwarp(...) on_cpu_warp_barrier(on_cpu_mask(__VA_ARGS__), __FILE__, __LINE__)
/* Small integers go as int. */
#define __shfl_sync(mask, value, lane, ...)                                                        \
    on_cpu_shuffled(mask, +(value), on_cpu_from(lane, ##__VA_ARGS__), __FILE__, __LINE__)
#define __shfl_xor_sync(mask, value, lanes, ...)                                                   \
    on_cpu_shuffled(mask, +(value), on_cpu_from_xor(lanes, ##__VA_ARGS__), __FILE__, __LINE__)
#define __shfl_down_sync(mask, value, lanes, ...)                                                  \
    on_cpu_shuffled(mask, +(value), on_cpu_from_down(lanes, ##__VA_ARGS__), __FILE__, __LINE__)

/* cp.async and what belongs to it, which are instructions of a GPU: so many bytes into shared
 * memory; the end of a group of such copies; until no more than so many groups are unfinished. */
#define copy_async_4(shared, global) on_cpu_copy(shared, global, 4, __FILE__, __LINE__)
#define copy_async_8(shared, global) on_cpu_copy(shared, global, 8, __FILE__, __LINE__)
#define copy_async_16(shared, global) on_cpu_copy(shared, global, 16, __FILE__, __LINE__)
#define copy_commit() on_cpu_commit()
template <int groups> static inline void copy_wait() {
    on_cpu_wait(groups);
}

static inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
    const uint64_t both = (uint64_t)b << 32 | a;
    unsigned result = 0;
    for (int i = 0; i < 4; i++)
        result |= (unsigned)(both >> (selector >> 4 * i & 7) * 8 & 255) << 8 * i;
    return result;
}

static inline unsigned on_cpu_mask(unsigned mask = 0xffffffffu) {
    return mask;
}
/* The lane that a shuffle within groups of `width` lanes reads. */
static inline int on_cpu_from(int lane, int width = 32) {
    return (on_cpu_lane() & ~(width - 1)) | (lane & (width - 1));
}
static inline int on_cpu_from_xor(int lanes, int width = 32) {
    const int from = on_cpu_lane() ^ lanes;
    return from < (on_cpu_lane() & ~(width - 1)) + width ? from : on_cpu_lane();
}
static inline int on_cpu_from_down(int lanes, int width = 32) {
    const int from = on_cpu_lane() + lanes;
    return from < (on_cpu_lane() & ~(width - 1)) + width ? from : on_cpu_lane();
}
template <class T>
static inline T on_cpu_shuffled(unsigned mask, T value, int from, const char *file, int line) {
    static_assert(sizeof value == 4 || sizeof value == 8, "shuffles take four or eight bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = on_cpu_shuffle(mask, bits, from, file, line);
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A warp's parts of what a tensor core multiplies (templates/cuda/contract_bytes.h): rows, or
 * columns, are lanes / 4, and 8 more; steps are the bytes of words lane % 4, and 4 more. */
static inline void byte_rows(uint32_t (&a)[4], const uint32_t *line, int length) {
    const uint32_t *from = line + length * (on_cpu_lane() / 4) + on_cpu_lane() % 4;
    for (int i = 0; i < 4; i++)
        a[i] = from[length * (i % 2 * 8) + i / 2 * 4];
}
static inline void byte_columns(uint32_t (&b)[2][2], const uint32_t *line, int length) {
    const uint32_t *from = line + length * (on_cpu_lane() / 4) + on_cpu_lane() % 4;
    for (int i = 0; i < 4; i++)
        b[i / 2][i % 2] = from[length * (i / 2 * 8) + i % 2 * 4];
}
template <bool IS_SIGNED> static inline int on_cpu_byte(uint32_t word, int i) {
    return IS_SIGNED ? (int)(int8_t)(word >> 8 * i) : (int)(uint8_t)(word >> 8 * i);
}
template <bool A_SIGNED, bool B_SIGNED>
static inline void byte_multiply(int32_t (&sums)[4], const uint32_t (&a)[4],
                                 const uint32_t (&b)[2]) {
    const int lane = on_cpu_lane();
    for (int i = 0; i < 16; i++) { /* words of four steps, for both rows and both columns */
        const int word = i / 4, row = i / 2 % 2, column = i % 2;
        for (int half = 0; half < 2; half++) {
            const uint32_t x = __shfl_sync(~0u, a[row + 2 * half], lane / 4 * 4 + word);
            const uint32_t y = __shfl_sync(~0u, b[half], (lane % 4 * 2 + column) * 4 + word);
            for (int k = 0; k < 4; k++)
                sums[2 * row + column] = (int32_t)((uint32_t)sums[2 * row + column] +
                                                   (uint32_t)(on_cpu_byte<A_SIGNED>(x, k) *
                                                              on_cpu_byte<B_SIGNED>(y, k)));
        }
    }
}

struct alignas(16) float4 {
    float x, y, z, w;
};
static inline float4 make_float4(float x, float y, float z, float w) {
    const float4 all = {x, y, z, w};
    return all;
}

#define __fmaf_rn(a, b, c) fmaf(a, b, c)
#define __fma_rn(a, b, c) fma(a, b, c)
template <class T> static inline T __ldg(const T *from) {
    return *from;
}
template <class To, class From> static inline To on_cpu_bits(From value) {
    static_assert(sizeof(To) == sizeof(From), "the same bits in another type");
    To result;
    memcpy(&result, &value, sizeof result);
    return result;
}
#define __float_as_uint(x) on_cpu_bits<unsigned, float>(x)
#define __float_as_int(x) on_cpu_bits<int, float>(x)
#define __uint_as_float(x) on_cpu_bits<float, unsigned>(x)
#define __int_as_float(x) on_cpu_bits<float, int>(x)
#define __double_as_longlong(x) on_cpu_bits<long long, double>(x)
#define __longlong_as_double(x) on_cpu_bits<double, long long>(x)

/* Launches. The linker says where the section of shared memory begins and ends. */
extern "C" __attribute__((weak, visibility("hidden"))) char __start_on_cpu_shared[];
extern "C" __attribute__((weak, visibility("hidden"))) char __stop_on_cpu_shared[];

template <class Call>
static inline void on_cpu_launch_call(const char *name, long blocks, long threads, Call call) {
    struct on_cpu_launch launch = {};
    launch.name = name;
    launch.call = [](void *context) { (*(Call *)context)(); };
    launch.context = &call;
    launch.blocks = blocks;
    launch.threads = threads;
    launch.shared = __start_on_cpu_shared;
    launch.shared_bytes = (size_t)(__stop_on_cpu_shared - __start_on_cpu_shared);
    on_cpu_launch(&launch);
}
#define LAUNCH(kernel, grid, block, stream, ...)                                                   \
    ((void)(stream), on_cpu_launch_call(#kernel, grid, block, [=]() { kernel(__VA_ARGS__); }))

#endif
#endif
