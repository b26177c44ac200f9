/* golden.cu: the graph "golden", compiled to CUDA C++ by Eigentensor. Do not edit.
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *   k01_contract_relu
 *     t17 float32[4,48]  24960 flop  13504 + 768 bytes
 *   k02_contract
 *     y float32[4,10]  3880 flop  2728 + 160 bytes
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

// 0, of which compilers know nothing. They make a minimum of x < 0.0f ? x : 0.0f (NVRTC 13.0 does),
// which is -0 for -0, and a maximum of -0.0f < x ? x : -0.0f, which is +0 for +0.
DEVICE float f32_zero(void) {
    float zero = 0.0f;
#ifdef __CUDA_ARCH__
    asm("" : "+f"(zero));
#endif
    return zero;
}

enum { TILE_THREADS = 256, TILE_PAD = 4 };

// What a thread brings of the SIDE rows or columns of an operand for DEPTH steps of the sum: PLACES
// of these in STEPS steps each. Neighbouring threads bring neighbours in memory, which are those of
// neighbouring steps (ALONG_STEPS), or of neighbouring rows or columns in the same step.
template <int SIDE, int DEPTH, bool ALONG_STEPS> struct tile_share {
    static const int LANES = ALONG_STEPS ? DEPTH : SIDE < 32 ? SIDE : 32;
    static const int APART = TILE_THREADS / LANES;
    static const int PLACES = ALONG_STEPS ? SIDE / APART : SIDE / LANES;
    static const int STEPS = ALONG_STEPS ? 1 : DEPTH / APART;
    DEVICE int place(int i) {
        const int thread = (int)threadIdx.x;
        return ALONG_STEPS ? thread / LANES + APART * i : thread % LANES + LANES * i;
    }
    DEVICE int step(int i) {
        const int thread = (int)threadIdx.x;
        return ALONG_STEPS ? thread % LANES : thread / LANES + APART * i;
    }
};

// Loads a thread's share for the steps from `first` on: what lies beyond `depth` or `count` is not
// read, and not used.
template <class SHARE, class SUM, class ELEMENT, class OFFSET, class STEP_OFFSET>
DEVICE void tile_take(SUM (&taken)[SHARE::PLACES][SHARE::STEPS], const ELEMENT *from,
                             const OFFSET (&offsets)[SHARE::PLACES], long count, long first,
                             long depth, STEP_OFFSET step_offset) {
#pragma unroll
    for (int s = 0; s < SHARE::STEPS; s++) {
        const long step = first + SHARE::step(s);
        const auto offset = step < depth ? step_offset(step) : 0;
#pragma unroll
        for (int p = 0; p < SHARE::PLACES; p++)
            if (step < depth && SHARE::place(p) < count)
                taken[p][s] = (SUM)from[offsets[p] + offset];
    }
}

// Puts it into shared memory, step by step, where neighbouring rows or columns are neighbours.
template <class SHARE, class SUM, int DEPTH, int WIDTH>
DEVICE void tile_put(SUM (&tile)[DEPTH][WIDTH],
                            const SUM (&taken)[SHARE::PLACES][SHARE::STEPS]) {
#pragma unroll
    for (int s = 0; s < SHARE::STEPS; s++)
#pragma unroll
        for (int p = 0; p < SHARE::PLACES; p++)
            tile[SHARE::step(s)][SHARE::place(p)] = taken[p][s];
}

// sum + a * b: rounded once, or of integers that wrap.
DEVICE float tile_add(float sum, float a, float b) {
    return fmaf(a, b, sum);
}
DEVICE double tile_add(double sum, double a, double b) {
    return fma(a, b, sum);
}
DEVICE int32_t tile_add(int32_t sum, int32_t a, int32_t b) {
    return (int32_t)((uint32_t)sum + (uint32_t)a * (uint32_t)b);
}

// Neighbours in shared memory that one instruction loads: 16 bytes, or all SUMS of a thread.
template <class SUM, int SUMS> struct tile_group {
    static const int MOST = 16 / (int)sizeof(SUM), WIDTH = SUMS < MOST ? SUMS : MOST;
    alignas(WIDTH * sizeof(SUM)) SUM element[WIDTH];
};

// The row or column that a thread's sum i belongs to, where so many THREADS share the side: a group
// of neighbours, then the next of all threads.
template <class SUM, int SUMS, int THREADS> DEVICE int tile_place(int thread, int i) {
    const int width = tile_group<SUM, SUMS>::WIDTH;
    return width * thread + THREADS * width * (i / width) + i % width;
}

// What a thread needs of a side for one step of the sum.
template <int THREADS, class SUM, int SUMS>
DEVICE void tile_load(SUM (&elements)[SUMS], const SUM *side, int thread) {
    typedef tile_group<SUM, SUMS> group;
#pragma unroll
    for (int i = 0; i < SUMS; i += group::WIDTH) {
        const group loaded = *(const group *)(side + tile_place<SUM, SUMS, THREADS>(thread, i));
#pragma unroll
        for (int j = 0; j < group::WIDTH; j++)
            elements[i + j] = loaded.element[j];
    }
}

// One step of the sum for all of a thread's sums.
template <int THREAD_ROWS, int THREAD_COLUMNS, int ROW_SUMS, int COLUMN_SUMS, class SUM>
DEVICE void tile_step(SUM (&sums)[ROW_SUMS][COLUMN_SUMS], const SUM *stream,
                             const SUM *panel, int row_thread, int column_thread) {
    SUM a[ROW_SUMS], b[COLUMN_SUMS];
    tile_load<THREAD_ROWS>(a, stream, row_thread);
    tile_load<THREAD_COLUMNS>(b, panel, column_thread);
#pragma unroll
    for (int r = 0; r < ROW_SUMS; r++)
#pragma unroll
        for (int c = 0; c < COLUMN_SUMS; c++)
            sums[r][c] = tile_add(sums[r][c], a[r], b[c]);
}

// Tile `block` of the sums over `depth` steps k of stream[row_of(row) + stream_step(k)] *
// panel[column_of(column) + panel_step(k)], in the order of k, from 0: ROWS x COLUMNS of them,
// ROW_SUMS x COLUMN_SUMS in the registers of each thread, so that ROWS / ROW_SUMS threads share the
// rows, a multiple of 4, and others the columns, a multiple of 8. Tiles are numbered along the
// columns first; at the end of `rows` and `columns` a part of one is enough. store(row, column,
// sum) is called for each sum. STREAM_ALONG_STEPS, PANEL_ALONG_STEPS: what lies side by side in
// memory (tile_share). All threads of the block call it.
//
// While shared memory feeds DEPTH steps, the elements for the next come from global memory into
// registers; they go to the other half of the shared memory, so that one barrier is enough.
template <int ROWS, int COLUMNS, int DEPTH, int ROW_SUMS, int COLUMN_SUMS, bool STREAM_ALONG_STEPS,
          bool PANEL_ALONG_STEPS, class SUM, class STREAM, class PANEL, class ROW_OF,
          class STREAM_STEP, class COLUMN_OF, class PANEL_STEP, class STORE>
DEVICE void contract_tile(long block, long rows, long columns, long depth,
                                 const STREAM *restrict stream, const PANEL *restrict panel,
                                 ROW_OF row_of, STREAM_STEP stream_step, COLUMN_OF column_of,
                                 PANEL_STEP panel_step, STORE store) {
    enum { THREAD_ROWS = ROWS / ROW_SUMS, THREAD_COLUMNS = COLUMNS / COLUMN_SUMS };
    static_assert(THREAD_ROWS * THREAD_COLUMNS == TILE_THREADS, "all threads have sums");
    static_assert(THREAD_ROWS % 4 == 0 && THREAD_COLUMNS % 8 == 0, "warps of 4 x 8 threads");
    typedef tile_share<ROWS, DEPTH, STREAM_ALONG_STEPS> stream_share;
    typedef tile_share<COLUMNS, DEPTH, PANEL_ALONG_STEPS> panel_share;
    __shared__ __align__(16) SUM streams[2][DEPTH][ROWS + TILE_PAD];
    __shared__ __align__(16) SUM panels[2][DEPTH][COLUMNS + TILE_PAD];
    const long across = (columns + COLUMNS - 1) / COLUMNS;
    const long first_row = block / across * ROWS, first_column = block % across * COLUMNS;
    // The threads of a warp are 4 x 8, so that they read few elements of either side.
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const int across_warps = THREAD_COLUMNS / 8;
    const int row_thread = lane / 8 + warp / across_warps * 4;
    const int column_thread = lane % 8 + warp % across_warps * 8;
    decltype(row_of(0L)) row_offsets[stream_share::PLACES];
    decltype(column_of(0L)) column_offsets[panel_share::PLACES];
#pragma unroll
    for (int p = 0; p < stream_share::PLACES; p++) {
        const long row = first_row + stream_share::place(p);
        row_offsets[p] = row_of(row < rows ? row : first_row);
    }
#pragma unroll
    for (int p = 0; p < panel_share::PLACES; p++) {
        const long column = first_column + panel_share::place(p);
        column_offsets[p] = column_of(column < columns ? column : first_column);
    }
    SUM stream_taken[stream_share::PLACES][stream_share::STEPS] = {};
    SUM panel_taken[panel_share::PLACES][panel_share::STEPS] = {};
    SUM sums[ROW_SUMS][COLUMN_SUMS] = {};
    tile_take<stream_share>(stream_taken, stream, row_offsets, rows - first_row, 0, depth,
                            stream_step);
    tile_take<panel_share>(panel_taken, panel, column_offsets, columns - first_column, 0, depth,
                           panel_step);
    __syncthreads(); // what a tile before left in shared memory is not read any more
    tile_put<stream_share>(streams[0], stream_taken);
    tile_put<panel_share>(panels[0], panel_taken);
    __syncthreads();
    int half = 0;
    for (long done = 0; done < depth; done += DEPTH) {
        const long next = done + DEPTH;
        if (next < depth) {
            tile_take<stream_share>(stream_taken, stream, row_offsets, rows - first_row, next,
                                    depth, stream_step);
            tile_take<panel_share>(panel_taken, panel, column_offsets, columns - first_column, next,
                                   depth, panel_step);
        }
        if (next <= depth) {
#pragma unroll
            for (int k = 0; k < DEPTH; k++)
                tile_step<THREAD_ROWS, THREAD_COLUMNS>(sums, streams[half][k], panels[half][k],
                                                       row_thread, column_thread);
        } else { // a step more would not keep all bits, not even one of zeros
            for (int k = 0; k < depth - done; k++)
                tile_step<THREAD_ROWS, THREAD_COLUMNS>(sums, streams[half][k], panels[half][k],
                                                       row_thread, column_thread);
        }
        half = 1 - half;
        if (next < depth) {
            tile_put<stream_share>(streams[half], stream_taken);
            tile_put<panel_share>(panels[half], panel_taken);
            __syncthreads();
        }
    }
#pragma unroll
    for (int r = 0; r < ROW_SUMS; r++) {
        const long row = first_row + tile_place<SUM, ROW_SUMS, THREAD_ROWS>(row_thread, r);
#pragma unroll
        for (int c = 0; c < COLUMN_SUMS; c++) {
            const long column =
                first_column + tile_place<SUM, COLUMN_SUMS, THREAD_COLUMNS>(column_thread, c);
            if (row < rows && column < columns)
                store(row, column, sums[r][c]);
        }
    }
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

// In integers: of a choice of a constant gcc makes a load under a mask. Where no element is NaN,
// the mask suppresses the page fault that would bring the constant's page in, slowly and each time.
DEVICE float f32_canonical(float x) {
    const uint32_t bits = f32_bits(x);
    const uint32_t nan = 0u - ((0x7f800000u - (bits & 0x7fffffffu)) >> 31);
    return f32_from_bits((bits & ~nan) | (0x7fc00000u & nan));
}


DEVICE float f32_greater_of(float a, float b) {
    return a < b ? b : a;
}

/* t17 float32[4,48] = relu(sum over 64(x * tensor_0_weight) + tensor_0_bias)
 * nodes 8 12 16 17 */
KERNEL __launch_bounds__(256, 2)
k01_contract_relu(const float *restrict x, const float *restrict tensor_0_weight,
        const float *restrict tensor_0_bias, float *restrict t17) {
    contract_tile<16, 16, 64, 1, 1, true, true, float>(
        blockIdx.x, 4, 48, 64,
        x,
        tensor_0_weight,
        [=](int row0) {
            return 64 * row0;
        },
        [=](int step0) {
            return step0;
        },
        [=](int column0) {
            return 64 * column0;
        },
        [=](int step0) {
            return step0;
        },
        [=](int row0, int column0, float sum0) {
            const float v0 = f32_greater_of(f32_zero(), sum0 + tensor_0_bias[column0]);
            t17[48 * row0 + column0] = v0;
        });
}

/* y float32[4,10] = sum over 48(t17 * tensor_1_weight) + tensor_1_bias
 * nodes 25 29 */
KERNEL __launch_bounds__(256, 2)
k02_contract(const float *restrict t17, const float *restrict tensor_1_weight,
        const float *restrict tensor_1_bias, float *restrict y) {
    contract_tile<16, 16, 64, 1, 1, true, true, float>(
        blockIdx.x, 4, 10, 48,
        t17,
        tensor_1_weight,
        [=](int row0) {
            return 48 * row0;
        },
        [=](int step0) {
            return step0;
        },
        [=](int column0) {
            return 48 * column0;
        },
        [=](int step0) {
            return step0;
        },
        [=](int row0, int column0, float sum0) {
            y[10 * row0 + column0] = f32_canonical(sum0 + tensor_1_bias[column0]);
        });
}

#ifndef __CUDACC_RTC__
#ifndef LAUNCH
#define LAUNCH(kernel, blocks, threads, stream, ...)                                       \
    kernel<<<blocks, threads, 0, stream>>>(__VA_ARGS__)
#endif

/* Constants, in bytes from the beginning of the weights block. */
enum {
    AT_tensor_0_weight = 0, /* float32[48,64] */
    AT_tensor_0_bias = 12288, /* float32[48] */
    AT_tensor_1_weight = 12480, /* float32[10,48] */
    AT_tensor_1_bias = 14400, /* float32[10] */
};

/* Temporaries, in bytes from the beginning of the arena. */
enum {
    AT_t17 = 0, /* float32[4,48], alive from k01 to k02 */
};

void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    const char *constants = (const char *)weights;
    char *scratch = (char *)arena;
    LAUNCH(k01_contract_relu, 3, 256, inputs->cuda_stream,
            inputs->x, (const float *)(constants + AT_tensor_0_weight),
            (const float *)(constants + AT_tensor_0_bias), (float *)(scratch + AT_t17));
    LAUNCH(k02_contract, 1, 256, inputs->cuda_stream,
            (const float *)(scratch + AT_t17), (const float *)(constants + AT_tensor_1_weight),
            (const float *)(constants + AT_tensor_1_bias), outputs->y);
}

void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    named_inputs.cuda_stream = 0;
    golden_run(&named_inputs, &named_outputs, weights, arena);
}

const char *golden_metadata(void) {
    return "eigentensor 1; graph unknown"
           "; input x float32[4,64]"
           "; output y float32[4,10]";
}
#endif // __CUDACC_RTC__
