// Kernels, right ones and some with one fault each, for test_on_cpu.c. Each function NAME(x, y)
// launches NAME_kernel; the table of the test says what is wrong with it.

static __device__ inline void load_async(float *to, const float *from) {
    copy_async_16(to + 4 * threadIdx.x, from + 4 * threadIdx.x);
}

// Blocks of 64 elements, each in reverse.
#define REVERSE(name, BARRIER)                                                                     \
    extern "C" __global__ void name##_kernel(const float *x, float *y) {                           \
        __shared__ float kept[64];                                                                 \
        const int at = (int)threadIdx.x, first = 64 * (int)blockIdx.x;                             \
        kept[at] = x[first + at];                                                                  \
        BARRIER;                                                                                   \
        y[first + at] = kept[63 - at];                                                             \
    }                                                                                              \
    extern "C" void name(const float *x, float *y) {                                               \
        LAUNCH(name##_kernel, 16, 64, 0, x, y);                                                    \
    }
REVERSE(reverse, __syncthreads())
REVERSE(reverse_without_barrier, )
REVERSE(reverse_for_some, if (at < 40) __syncthreads())
REVERSE(reverse_after_return, if (at == 63 && first == 64) return; __syncthreads())

// As many barriers for all threads, but not the same ones.
extern "C" __global__ void two_barriers_kernel(const float *x, float *y) {
    __shared__ float kept[64];
    const int at = (int)threadIdx.x, first = 64 * (int)blockIdx.x;
    kept[at] = x[first + at];
    if (at < 32)
        __syncthreads();
    else
        __syncthreads();
    y[first + at] = kept[63 - at];
}
extern "C" void reverse_by_two_barriers(const float *x, float *y) {
    LAUNCH(two_barriers_kernel, 16, 64, 0, x, y);
}

// The same of the first half of each block, the rest of the shared memory is read unwritten.
extern "C" __global__ void unwritten_kernel(const float *x, float *y) {
    __shared__ float kept[64];
    const int at = (int)threadIdx.x, first = 64 * (int)blockIdx.x;
    if (at < 32)
        kept[at] = x[first + at];
    __syncthreads();
    y[first + at] = kept[63 - at];
}
extern "C" void unwritten(const float *x, float *y) {
    LAUNCH(unwritten_kernel, 16, 64, 0, x, y);
}

// y[32, 32] = x[32, 64] @ (x + 2048)[64, 32], 16 steps of the sum at a time: while one stage of
// shared memory is read, the copies of the next come in. 128 threads, 8 sums each.
#define PRODUCT(name, WAIT, LAST_WAIT, FILLED, READ)                                               \
    extern "C" __global__ void name##_kernel(const float *x, float *y) {                           \
        __shared__ float a[2][32 * 16], b[2][16 * 32];                                             \
        const int at = (int)threadIdx.x, row = at / 4, column = 8 * (at % 4);                      \
        float sums[8] = {0};                                                                       \
        copy_async_16(&a[0][4 * at], &x[64 * (at / 4) + 4 * (at % 4)]);                            \
        load_async(b[0], x + 2048);                                                                \
        copy_commit();                                                                             \
        for (int step = 0; step < 4; step++) {                                                     \
            const int stage = step % 2;                                                            \
            if (step < 3) {                                                                        \
                copy_async_16(&a[!stage][4 * at],                                                  \
                              &x[64 * (at / 4) + 16 * (step + 1) + 4 * (at % 4)]);                 \
                load_async(b[!stage], x + 2048 + 512 * (step + 1));                                \
                copy_commit();                                                                     \
                WAIT;                                                                              \
            } else {                                                                               \
                LAST_WAIT;                                                                         \
            }                                                                                      \
            FILLED;                                                                                \
            for (int k = 0; k < 16; k++)                                                           \
                for (int c = 0; c < 8; c++)                                                        \
                    sums[c] =                                                                      \
                        fmaf(a[stage][16 * row + k], b[stage][32 * k + column + c], sums[c]);      \
            READ;                                                                                  \
        }                                                                                          \
        for (int c = 0; c < 8; c++)                                                                \
            y[32 * row + column + c] = sums[c];                                                    \
    }                                                                                              \
    extern "C" void name(const float *x, float *y) {                                               \
        LAUNCH(name##_kernel, 1, 128, 0, x, y);                                                    \
    }
PRODUCT(product, copy_wait<1>(), copy_wait<0>(), __syncthreads(), __syncthreads())
PRODUCT(product_without_wait, , copy_wait<0>(), __syncthreads(), __syncthreads())
PRODUCT(product_with_short_wait, copy_wait<1>(), copy_wait<1>(), __syncthreads(), __syncthreads())
PRODUCT(product_read_too_soon, copy_wait<1>(), copy_wait<0>(), , __syncthreads())
PRODUCT(product_filled_too_soon, copy_wait<1>(), copy_wait<0>(), __syncthreads(), )

// Sums of 64 rows of 16, a row by half a warp; the tree of lanes.
#define ROW_SUMS(name, BEGIN, MASK, WIDTH)                                                         \
    extern "C" __global__ void name##_kernel(const float *x, float *y) {                           \
        const int at = 128 * (int)blockIdx.x + (int)threadIdx.x, lane = at % 16;                   \
        BEGIN;                                                                                     \
        float sum = x[at];                                                                         \
        for (int half = 8; half > 0; half /= 2)                                                    \
            sum += __shfl_down_sync(MASK, sum, half, WIDTH);                                       \
        if (lane == 0)                                                                             \
            y[at / 16] = sum;                                                                      \
    }                                                                                              \
    extern "C" void name(const float *x, float *y) {                                               \
        LAUNCH(name##_kernel, 8, 128, 0, x, y);                                                    \
    }
ROW_SUMS(row_sums, , 0xffffu << (threadIdx.x & 16), 16)
ROW_SUMS(row_sums_of_whole_warps, , 0xffffffffu, 16)
ROW_SUMS(row_sums_of_left_out_lanes, , 0xffu << (threadIdx.x & 24), 16)
ROW_SUMS(row_sums_of_absent_lanes, if (lane == 15) return, 0xffffu << (threadIdx.x & 16), 16)
ROW_SUMS(row_sums_of_others, , 0xffffu << (~threadIdx.x & 16), 16)

// Running sums of the blocks' first elements: each block reads what the one before it wrote.
extern "C" __global__ void blocks_kernel(const float *x, float *y) {
    const int at = (int)blockIdx.x;
    y[at] = at ? y[at - 1] + x[64 * at] : x[0];
}
extern "C" void dependent_blocks(const float *x, float *y) {
    LAUNCH(blocks_kernel, 16, 1, 0, x, y);
}

// 16 bytes from where there are four, and more threads than a block has.
extern "C" __global__ void misplaced_kernel(const float *x, float *y) {
    __shared__ float kept[64];
    copy_async_16(kept, x + 1);
    copy_wait<0>();
    y[0] = kept[0];
}
extern "C" void misplaced_copy(const float *x, float *y) {
    LAUNCH(misplaced_kernel, 1, 1, 0, x, y);
}
extern "C" void large_block(const float *x, float *y) {
    LAUNCH(reverse_kernel, 1, 1025, 0, x, y);
}

// Reads one element behind a shared array.
extern "C" __global__ void outside_kernel(const float *x, float *y) {
    __shared__ float kept[64], others[64];
    kept[threadIdx.x] = others[63 - threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = kept[threadIdx.x + 1] + others[threadIdx.x + 1];
}
extern "C" void outside(const float *x, float *y) {
    LAUNCH(outside_kernel, 1, 64, 0, x, y);
}

extern "C" void cases_run_array(const void *const *, void *const *, const void *, void *) {
}
