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

// When all blocks have come here, those of the next kernel take the room that is left.
DEVICE void let_next_begin(void) {
#if defined __CUDA_ARCH__ && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// A NaN as the one that leaves a graph.
DEVICE float f32_canonical(float x) {
    return x != x ? __int_as_float(0x7fc00000) : x;
}

// 0, of which compilers know nothing. They make a minimum of x < 0.0f ? x : 0.0f (NVRTC 13.0 does),
// which is -0 for -0, and a maximum of -0.0f < x ? x : -0.0f, which is +0 for +0.
DEVICE float f32_zero(void) {
    float zero = 0.0f;
#ifdef __CUDA_ARCH__
    asm("" : "+f"(zero));
#endif
    return zero;
}

#ifndef CUDA_ON_CPU
DEVICE unsigned copy_address(void *shared) {
    return (unsigned)__cvta_generic_to_shared(shared);
}
// Copies into shared memory that are under way while the thread goes on. It ends a group of them,
// and waits until no more than so many groups are under way.
DEVICE void copy_async_4(void *shared, const void *global) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(copy_address(shared)), "l"(global)
                 : "memory");
}
DEVICE void copy_async_8(void *shared, const void *global) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(copy_address(shared)), "l"(global)
                 : "memory");
}
DEVICE void copy_async_16(void *shared, const void *global) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(copy_address(shared)),
                 "l"(global)
                 : "memory");
}
DEVICE void copy_commit(void) {
    asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int GROUPS> DEVICE void copy_wait(void) {
    asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS) : "memory");
}
#endif

// How many of `count` rows or columns the tile has that begins at `first`. Where they are a
// multiple of SIDE the compiler sees that all tiles are whole, and nothing is checked in them.
template <int SIDE> DEVICE int tile_count(int count, int first) {
    return count % SIDE == 0 || count - first > SIDE ? SIDE : count - first;
}
// Where those places of a tile's side begin that this thread brings; what lies beyond the last of
// `count` is brought from where the first one lies, and not used.
template <class SIDE, class OFFSET, class OF>
DEVICE void tile_offsets(OFFSET (&offsets)[SIDE::PLACES], OF of, int first, int count) {
#pragma unroll
    for (int p = 0; p < SIDE::PLACES; p++) {
        const int place = SIDE::place(p);
        offsets[p] = of(first + (SIDE::has_place(place, count) ? place : 0));
    }
}

// Neighbours in shared memory that one instruction loads: 16 bytes.
template <class SUM> struct tile_group {
    static const int WIDTH = 16 / (int)sizeof(SUM);
    alignas(16) SUM element[WIDTH];
};

template <class A, class B> struct tile_same { static const bool value = false; };
template <class A> struct tile_same<A, A> { static const bool value = true; };

// One operand's side of a tile: SIDE rows, or columns, of which THREADS threads have SUMS each;
// DEPTH steps of the sum are in shared memory at once. In global memory neighbours are those of
// neighbouring steps (ALONG), or neighbouring rows in the same step; WIDTH of them are copied
// together, which begin at a multiple of that many elements. In shared memory neighbours are those
// of neighbouring steps too (BY_STEPS), or rows: a thread loads a group of neighbours at once. Of
// the block, BLOCK_THREADS bring all that, from FIRST_THREAD on.
template <class SUM, class ELEMENT, int BLOCK_THREADS, int SIDE, int THREADS, int DEPTH, bool ALONG,
          int WIDTH, bool BY_STEPS, int FIRST_THREAD = 0>
struct tile_side {
    static const int SUMS = SIDE / THREADS, GROUP = tile_group<SUM>::WIDTH;
    static_assert(WIDTH == 1 || ALONG == BY_STEPS, "what is copied together stays so");
    static_assert(BY_STEPS || SUMS % GROUP == 0, "rows are loaded in groups");
    static const int LINES = BY_STEPS ? SIDE : DEPTH;
    static const int LENGTH = (BY_STEPS ? DEPTH : SIDE) + GROUP; // so lines begin in other banks
    typedef SUM lines[LINES][LENGTH];
    // What a thread brings: PLACES rows in STEPS steps each, neighbours by neighbouring threads.
    static const int LANES = ALONG ? DEPTH / WIDTH : SIDE / WIDTH < 32 ? SIDE / WIDTH : 32;
    static const int APART = BLOCK_THREADS / LANES;
    static const int PLACES = ALONG ? (SIDE + APART - 1) / APART : SIDE / WIDTH / LANES;
    static const int STEPS = ALONG ? 1 : (DEPTH + APART - 1) / APART;
    static const bool EVEN = LANES * APART == BLOCK_THREADS;
    static const bool ALL_PLACES = EVEN && (ALONG ? APART : WIDTH * LANES) * PLACES == SIDE;
    static const bool ALL_STEPS = ALONG || (EVEN && APART * STEPS == DEPTH);
    typedef SUM share[PLACES][STEPS]; // on its way through registers, where types differ
    DEVICE int place(int i) {
        const int thread = (int)threadIdx.x - FIRST_THREAD;
        return ALONG ? thread / LANES + APART * i : WIDTH * (thread % LANES + LANES * i);
    }
    DEVICE int step(int i) {
        const int thread = (int)threadIdx.x - FIRST_THREAD;
        return ALONG ? WIDTH * (thread % LANES) : thread / LANES + APART * i;
    }
    // Whether that is a place of `count`, and a step of the stage from `first` on.
    DEVICE bool has_place(int place, int count) {
        return (ALL_PLACES && count == SIDE) || place < count;
    }
    DEVICE bool has_step(int step, int first, int depth) {
        return depth % DEPTH == 0 ? first < depth && (ALL_STEPS || step < DEPTH)
                                  : first + step < depth && step < DEPTH;
    }
    // Where in shared memory an element is.
    DEVICE SUM *at(lines &tile, int place, int step) {
        return BY_STEPS ? &tile[place][step] : &tile[step][place];
    }
    // The row that a thread's sum i belongs to: side by side where a group of rows is loaded.
    DEVICE int row(int thread, int i) {
        return BY_STEPS ? thread + THREADS * i
                        : GROUP * thread + THREADS * GROUP * (i / GROUP) + i % GROUP;
    }

    // Begins to bring the steps from `first` on. What lies beyond `depth` or `count` is not read,
    // and not used.
    template <class OFFSET, class STEP_OFFSET>
    DEVICE void begin(share &taken, lines &tile, const ELEMENT *from,
                             const OFFSET (&offsets)[PLACES], int count, int first, int depth,
                             STEP_OFFSET step_offset) {
#pragma unroll
        for (int s = 0; s < STEPS; s++) {
            if (!has_step(step(s), first, depth))
                continue;
            const auto offset = step_offset(first + step(s));
#pragma unroll
            for (int p = 0; p < PLACES; p++) {
                if (!has_place(place(p), count))
                    continue;
                const ELEMENT *element = from + (offsets[p] + offset);
                if (!tile_same<SUM, ELEMENT>::value)
                    taken[p][s] = (SUM)*element;
                else if (WIDTH * sizeof(SUM) == 16)
                    copy_async_16(at(tile, place(p), step(s)), element);
                else if (sizeof(SUM) == 8)
                    copy_async_8(at(tile, place(p), step(s)), element);
                else
                    copy_async_4(at(tile, place(p), step(s)), element);
            }
        }
    }
    // Puts what came through registers where it belongs.
    DEVICE void end(const share &taken, lines &tile, int count) {
        if (tile_same<SUM, ELEMENT>::value)
            return;
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int p = 0; p < PLACES; p++)
                if (step(s) < DEPTH && has_place(place(p), count))
                    *at(tile, place(p), step(s)) = taken[p][s];
    }
    // What a thread needs for STEPS steps: one, or where they are neighbours a group.
    template <int STEPS>
    DEVICE void load(SUM (&elements)[SUMS][STEPS], const lines &tile, int thread, int step) {
#pragma unroll
        for (int i = 0; BY_STEPS && i < SUMS; i++) {
            const tile_group<SUM> group = *(const tile_group<SUM> *)&tile[row(thread, i)][step];
#pragma unroll
            for (int s = 0; s < STEPS; s++)
                elements[i][s] = group.element[s];
        }
#pragma unroll
        for (int s = 0; !BY_STEPS && s < STEPS; s++)
#pragma unroll
            for (int i = 0; i < SUMS; i += GROUP) {
                const tile_group<SUM> group =
                    *(const tile_group<SUM> *)&tile[step + s][row(thread, i)];
#pragma unroll
                for (int g = 0; g < GROUP; g++)
                    elements[i + g][s] = group.element[g];
            }
    }
};

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

// Some steps of the sum for all of a thread's sums.
template <class SUM, int ROW_SUMS, int COLUMN_SUMS, int STEPS>
DEVICE void tile_steps(SUM (&sums)[ROW_SUMS][COLUMN_SUMS], const SUM (&a)[ROW_SUMS][STEPS],
                              const SUM (&b)[COLUMN_SUMS][STEPS]) {
#pragma unroll
    for (int s = 0; s < STEPS; s++)
#pragma unroll
        for (int r = 0; r < ROW_SUMS; r++)
#pragma unroll
            for (int c = 0; c < COLUMN_SUMS; c++)
                sums[r][c] = tile_add(sums[r][c], a[r][s], b[c][s]);
}

// Tile `block` of the sums over `depth` steps k of stream[row_of(row) + stream_step(k)] *
// panel[column_of(column) + panel_step(k)], in the order of k, from 0: ROWS x COLUMNS of them,
// ROW_SUMS x COLUMN_SUMS in the registers of each thread, so that ROWS / ROW_SUMS threads share the
// rows, a multiple of 4, and others the columns, a multiple of 8; the block has as many as the
// product of these. Tiles are numbered along the columns first; at the end of `rows` and `columns`
// a part of one is enough. store(row, column, sum) is called for each sum. The operands lie in
// memory and in shared memory as tile_side says. All threads of the block call it.
//
// Shared memory has room for STAGES times DEPTH steps: while it feeds some, those that come
// STAGES - 1 later are on their way into it. A thread loads what it needs next before it computes,
// and what is left of a stage before the barrier, so that there is one for each stage.
template <int ROWS, int COLUMNS, int DEPTH, int STAGES, int ROW_SUMS, int COLUMN_SUMS,
          bool STREAM_ALONG, int STREAM_WIDTH, bool STREAM_BY_STEPS, bool PANEL_ALONG,
          int PANEL_WIDTH, bool PANEL_BY_STEPS, class SUM, class STREAM, class PANEL, class ROW_OF,
          class STREAM_STEP, class COLUMN_OF, class PANEL_STEP, class STORE>
DEVICE void contract_tile(int block, int rows, int columns, int depth,
                                 const STREAM *restrict stream, const PANEL *restrict panel,
                                 ROW_OF row_of, STREAM_STEP stream_step, COLUMN_OF column_of,
                                 PANEL_STEP panel_step, STORE store) {
    enum { THREAD_ROWS = ROWS / ROW_SUMS, THREAD_COLUMNS = COLUMNS / COLUMN_SUMS };
    enum { THREADS = THREAD_ROWS * THREAD_COLUMNS };
    static_assert(THREAD_ROWS % 4 == 0 && THREAD_COLUMNS % 8 == 0, "warps of 4 x 8 threads");
    typedef tile_side<SUM, STREAM, THREADS, ROWS, THREAD_ROWS, DEPTH, STREAM_ALONG, STREAM_WIDTH,
                      STREAM_BY_STEPS>
        stream_side;
    typedef tile_side<SUM, PANEL, THREADS, COLUMNS, THREAD_COLUMNS, DEPTH, PANEL_ALONG, PANEL_WIDTH,
                      PANEL_BY_STEPS>
        panel_side;
    const bool same_types = tile_same<SUM, STREAM>::value && tile_same<SUM, PANEL>::value;
    static_assert(same_types || STAGES == 2, "registers hold one stage");
    __shared__ __align__(16) typename stream_side::lines streams[STAGES];
    __shared__ __align__(16) typename panel_side::lines panels[STAGES];
    const int across = (columns + COLUMNS - 1) / COLUMNS;
    const int first_row = block / across * ROWS, first_column = block % across * COLUMNS;
    const int row_count = tile_count<ROWS>(rows, first_row);
    const int column_count = tile_count<COLUMNS>(columns, first_column);
    // The threads of a warp are 4 x 8, so that they read few elements of either side.
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const int across_warps = THREAD_COLUMNS / 8;
    const int row_thread = lane / 8 + warp / across_warps * 4;
    const int column_thread = lane % 8 + warp % across_warps * 8;
    decltype(row_of(0)) row_offsets[stream_side::PLACES];
    decltype(column_of(0)) column_offsets[panel_side::PLACES];
    tile_offsets<stream_side>(row_offsets, row_of, first_row, row_count);
    tile_offsets<panel_side>(column_offsets, column_of, first_column, column_count);
    typename stream_side::share stream_taken = {};
    typename panel_side::share panel_taken = {};
    __syncthreads(); // what a tile before left in shared memory is not read any more
#pragma unroll 1
    for (int s = 0; s < STAGES - 1; s++) {
        stream_side::begin(stream_taken, streams[s], stream, row_offsets, row_count, DEPTH * s,
                           depth, stream_step);
        panel_side::begin(panel_taken, panels[s], panel, column_offsets, column_count, DEPTH * s,
                          depth, panel_step);
        stream_side::end(stream_taken, streams[s], row_count);
        panel_side::end(panel_taken, panels[s], column_count);
        copy_commit();
    }
    copy_wait<STAGES - 2>();
    __syncthreads();
    enum { GROUP = STREAM_BY_STEPS || PANEL_BY_STEPS ? stream_side::GROUP : 1 };
    SUM a[2][ROW_SUMS][GROUP], b[2][COLUMN_SUMS][GROUP], sums[ROW_SUMS][COLUMN_SUMS] = {};
    int stage = 0, last = STAGES - 1, done = 0;
    stream_side::load(a[0], streams[0], row_thread, 0);
    panel_side::load(b[0], panels[0], column_thread, 0);
    for (; done + DEPTH <= depth; done += DEPTH) {
        const int first = done + (STAGES - 1) * DEPTH;
        stream_side::begin(stream_taken, streams[last], stream, row_offsets, row_count, first,
                           depth, stream_step);
        panel_side::begin(panel_taken, panels[last], panel, column_offsets, column_count, first,
                          depth, panel_step);
        copy_commit();
        const int next_stage = stage + 1 < STAGES ? stage + 1 : 0;
#pragma unroll
        for (int k = 0; k < DEPTH; k += GROUP) {
            const int next = k + GROUP, turn = k / GROUP % 2;
            if (next == DEPTH) {
                stream_side::end(stream_taken, streams[last], row_count);
                panel_side::end(panel_taken, panels[last], column_count);
                copy_wait<STAGES - 2>();
                __syncthreads();
            }
            const int from = next == DEPTH ? next_stage : stage;
            stream_side::load(a[1 - turn], streams[from], row_thread, next % DEPTH);
            panel_side::load(b[1 - turn], panels[from], column_thread, next % DEPTH);
            tile_steps(sums, a[turn], b[turn]);
        }
        last = stage;
        stage = next_stage;
    }
    // A step more would not keep all bits, not even one of zeros.
#pragma unroll 1
    for (int k = 0; depth % DEPTH && k < depth - done; k++)
#pragma unroll
        for (int r = 0; r < ROW_SUMS; r++)
#pragma unroll
            for (int c = 0; c < COLUMN_SUMS; c++)
                sums[r][c] =
                    tile_add(sums[r][c],
                             *stream_side::at(streams[stage], stream_side::row(row_thread, r), k),
                             *panel_side::at(panels[stage], panel_side::row(column_thread, c), k));
#pragma unroll
    for (int r = 0; r < ROW_SUMS; r++) {
        const int row = first_row + stream_side::row(row_thread, r);
#pragma unroll
        for (int c = 0; c < COLUMN_SUMS; c++) {
            const int column = first_column + panel_side::row(column_thread, c);
            if ((row_count == ROWS || row < rows) && (column_count == COLUMNS || column < columns))
                store(row, column, sums[r][c]);
        }
    }
}
// A kernel may begin while the one before it still runs: what that stored is there behind this.
DEVICE void wait_for_kernels(void) {
#if defined __CUDA_ARCH__ && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// The operands of so many steps of a sum, which lie in shared memory: one's side by side, the
// other's so far APART.
template <int STEPS, int APART, class SUM>
DEVICE void line_load(SUM (&as)[STEPS], SUM (&bs)[STEPS], const SUM *a, const SUM *b) {
    typedef tile_group<SUM> group;
#pragma unroll
    for (int i = 0; i < STEPS; i += group::WIDTH) {
        const group a_group = *(const group *)&a[i];
        const group b_group = APART == 1 ? *(const group *)&b[i] : a_group;
#pragma unroll
        for (int g = 0; g < group::WIDTH; g++) {
            as[i + g] = a_group.element[g];
            bs[i + g] = APART == 1 ? b_group.element[g] : b[APART * (i + g)];
        }
    }
}
template <int STEPS, class SUM>
DEVICE SUM line_add(SUM sum, const SUM (&as)[STEPS], const SUM (&bs)[STEPS]) {
#pragma unroll
    for (int i = 0; i < STEPS; i++)
        sum = tile_add(sum, as[i], bs[i]);
    return sum;
}

// The same sums as contract_tile's, tiles of ROWS x COLUMNS. THREADS threads bring the operands,
// and those of a warp more, which stands before them, add: a sum each. If that has too few for the
// sums there is none, and the others add. Shared memory has room for STAGES times DEPTH steps. Rows
// lie there by steps, so that one load brings several: threads can wait for few of them apart. So
// do columns where that warp adds, or where they do in memory (PANEL_ALONG). Where the panel is
// there BEFORE the kernels that this one follows have ended, its first stages are on their way
// while they are waited for.
template <int ROWS, int COLUMNS, int DEPTH, int STAGES, int THREADS, bool STREAM_ALONG,
          int STREAM_WIDTH, bool PANEL_ALONG, int PANEL_WIDTH, bool BEFORE, class SUM, class STREAM,
          class PANEL, class ROW_OF, class STREAM_STEP, class COLUMN_OF, class PANEL_STEP,
          class STORE>
DEVICE void contract_line(int block, int rows, int columns, int depth,
                                 const STREAM *restrict stream, const PANEL *restrict panel,
                                 ROW_OF row_of, STREAM_STEP stream_step, COLUMN_OF column_of,
                                 PANEL_STEP panel_step, STORE store) {
    enum { ADDING = ROWS * COLUMNS <= 32 ? 32 : 0, BY_STEPS = PANEL_ALONG || ADDING };
    const bool brings = (int)threadIdx.x >= ADDING;
    typedef tile_side<SUM, STREAM, THREADS, ROWS, ROWS, DEPTH, STREAM_ALONG, STREAM_WIDTH, true,
                      ADDING>
        stream_side;
    typedef tile_side<SUM, PANEL, THREADS, COLUMNS, COLUMNS / tile_group<SUM>::WIDTH, DEPTH,
                      PANEL_ALONG, PANEL_WIDTH, BY_STEPS, ADDING>
        panel_side;
    enum { APART = BY_STEPS ? 1 : panel_side::LENGTH };
    static_assert(tile_same<SUM, STREAM>::value && tile_same<SUM, PANEL>::value,
                  "nothing goes through registers");
    __shared__ __align__(16) typename stream_side::lines streams[STAGES];
    __shared__ __align__(16) typename panel_side::lines panels[STAGES];
    const int across = (columns + COLUMNS - 1) / COLUMNS;
    const int first_row = block / across * ROWS, first_column = block % across * COLUMNS;
    const int row_count = tile_count<ROWS>(rows, first_row);
    const int column_count = tile_count<COLUMNS>(columns, first_column);
    decltype(row_of(0)) row_offsets[stream_side::PLACES];
    decltype(column_of(0)) column_offsets[panel_side::PLACES];
    tile_offsets<stream_side>(row_offsets, row_of, first_row, row_count);
    tile_offsets<panel_side>(column_offsets, column_of, first_column, column_count);
    typename stream_side::share stream_none = {};
    typename panel_side::share panel_none = {};
    const auto bring_stream = [&](int stage, int first) {
        stream_side::begin(stream_none, streams[stage], stream, row_offsets, row_count, first,
                           depth, stream_step);
    };
    const auto bring_panel = [&](int stage, int first) {
        panel_side::begin(panel_none, panels[stage], panel, column_offsets, column_count, first,
                          depth, panel_step);
    };
    // What is brought before goes with the first stage.
#pragma unroll 1
    for (int s = 0; BEFORE && brings && s < STAGES - 1; s++)
        bring_panel(s, DEPTH * s);
    if (BEFORE)
        wait_for_kernels();
#pragma unroll 1
    for (int s = 0; brings && s < STAGES - 1; s++) {
        bring_stream(s, DEPTH * s);
        if (!BEFORE)
            bring_panel(s, DEPTH * s);
        copy_commit();
    }
    static_assert(ROWS * COLUMNS <= (ADDING ? ADDING : THREADS), "a sum has a thread");
    const int row = (int)threadIdx.x / COLUMNS, column = (int)threadIdx.x % COLUMNS;
    const bool adds = row < row_count && column < column_count, runs = !ADDING || !brings;
    const int own_row = adds ? row : 0, own_column = adds ? column : 0;
    // What is added next is loaded before, at the end of a stage from the next one.
    enum { AT_ONCE = DEPTH < 64 ? DEPTH / 2 : 32 };
    static_assert(DEPTH % (2 * AT_ONCE) == 0, "registers take turns");
    SUM sum = 0, as[2][AT_ONCE], bs[2][AT_ONCE];
    int stage = 0, last = STAGES - 1, done = 0;
    copy_wait<STAGES - 2>();
    __syncthreads();
    const auto load = [&](int turn, int from, int step) {
        line_load<AT_ONCE, APART>(as[turn], bs[turn], streams[from][own_row] + step,
                                  panel_side::at(panels[from], own_column, step));
    };
    if (runs)
        load(0, 0, 0);
#pragma unroll 1
    for (; done + DEPTH <= depth; done += DEPTH) {
        if (brings) {
            bring_stream(last, done + (STAGES - 1) * DEPTH);
            bring_panel(last, done + (STAGES - 1) * DEPTH);
            copy_commit();
        }
        const int next_stage = stage + 1 < STAGES ? stage + 1 : 0;
#pragma unroll
        for (int k = 0; k < DEPTH; k += AT_ONCE) {
            const int next = k + AT_ONCE, turn = k / AT_ONCE % 2;
            if (next == DEPTH) {
                copy_wait<STAGES - 2>();
                __syncthreads();
            }
            if (!runs)
                continue;
            load(1 - turn, next == DEPTH ? next_stage : stage, next % DEPTH);
            sum = line_add(sum, as[turn], bs[turn]);
        }
        last = stage;
        stage = next_stage;
    }
    // A step more would not keep all bits, not even one of zeros.
#pragma unroll 1
    for (int k = 0; depth % DEPTH && adds && k < depth - done; k++)
        sum = tile_add(sum, streams[stage][row][k], *panel_side::at(panels[stage], column, k));
    if (adds)
        store(first_row + row, first_column + column, sum);
}

DEVICE float f32_greater_of(float a, float b) {
    return a < b ? b : a;
}

/* t17 float32[4,48] = relu(sum over 64(x * tensor_0_weight) + tensor_0_bias)
 * nodes 8 12 16 17 */
KERNEL __launch_bounds__(160, 1)
k01_contract_relu(const float *restrict x, const float *restrict tensor_0_weight,
        const float *restrict tensor_0_bias, float *restrict t17) {
    let_next_begin();
    contract_line<4, 8, 64, 8, 128, true, 4, true, 4, true, float>(
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
KERNEL __launch_bounds__(160, 1)
k02_contract(const float *restrict t17, const float *restrict tensor_1_weight,
        const float *restrict tensor_1_bias, float *restrict y) {
    let_next_begin();
    contract_line<4, 8, 16, 8, 128, true, 4, true, 4, true, float>(
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
    LAUNCH(k01_contract_relu, 6, 160, inputs->cuda_stream,
            inputs->x, (const float *)(constants + AT_tensor_0_weight),
            (const float *)(constants + AT_tensor_0_bias), (float *)(scratch + AT_t17));
    LAUNCH(k02_contract, 2, 160, inputs->cuda_stream,
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
