// Register tiles: the arithmetic of every float32 contraction, and of those of float32 by constants
// of 16-bit floats.
//
// A tile holds rows x columns sums in registers. Per element of the contracted axes it reads one
// row of the panel (columns neighbours) and for each of its rows either one element of the stream,
// which all columns share (a matrix product), or neighbours of its own, lane by lane (a convolution
// of each channel by itself). It adds their products by fused multiply-add, from +0, in the order
// of the axes: the bits of the plain loop, whatever the width of a vector, because vectors run
// across columns.
//
// Names: tile_ROWSxCOLUMNS has a shared stream, tile_lanes_ROWSxCOLUMNS goes lane by lane.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it. It is meant for -O3
// -fno-loop-unroll-and-jam; with that option missing it computes the same, slowly.

#ifndef ET_TEMPLATES_TILE_H
#define ET_TEMPLATES_TILE_H

#include "templates/convert.h"
#include "templates/fma.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "templates/vector.h"

//: section vector needs vector_bits f32_fma f32_fma_four
//: names VECTOR_LANES TILE_REGISTERS TILE_ACCUMULATORS
//: names vector_elements vector_load vector_store vector_of vector_fma
//: macros VECTOR_FMA VECTOR_HOLD
// As many neighbouring float32 as a register holds, how many registers there are, and how many can
// hold sums. Compilers turn a loop over lanes with f32_fma into vectors in simple places only,
// hence the intrinsics. VECTOR_HOLD(x): x stays in its register; compilers may not load it again
// for each use.
#if VECTOR_BITS == 512
#include <immintrin.h>
typedef __m512 vector;
enum { VECTOR_LANES = 16, TILE_REGISTERS = 32, TILE_ACCUMULATORS = 24 };
static inline vector vector_load(const float *from) {
    return _mm512_loadu_ps(from);
}
static inline void vector_store(float *to, vector x) {
    _mm512_storeu_ps(to, x);
}
static inline vector vector_of(float x) {
    return _mm512_set1_ps(x);
}
static inline vector vector_fma(vector a, vector b, vector c) {
    return _mm512_fmadd_ps(a, b, c);
}
#define VECTOR_HOLD(x) __asm__("" : "+v"(x))
#elif VECTOR_BITS == 256
#include <immintrin.h>
typedef __m256 vector;
enum { VECTOR_LANES = 8, TILE_REGISTERS = 16, TILE_ACCUMULATORS = 12 };
static inline vector vector_load(const float *from) {
    return _mm256_loadu_ps(from);
}
static inline void vector_store(float *to, vector x) {
    _mm256_storeu_ps(to, x);
}
static inline vector vector_of(float x) {
    return _mm256_set1_ps(x);
}
static inline vector vector_fma(vector a, vector b, vector c) {
    return _mm256_fmadd_ps(a, b, c);
}
#define VECTOR_HOLD(x) __asm__("" : "+v"(x))
#elif defined __riscv_v
// Types of RVV's own have no size, and fill no arrays: these are the compiler's, of which it makes
// the same instructions.
typedef float vector __attribute__((vector_size(16)));
typedef float vector_elements __attribute__((vector_size(16), aligned(4), may_alias));
enum { VECTOR_LANES = 4, TILE_REGISTERS = 32, TILE_ACCUMULATORS = 24 };
static inline vector vector_load(const float *from) {
    return *(const vector_elements *)from;
}
static inline void vector_store(float *to, vector x) {
    *(vector_elements *)to = x;
}
static inline vector vector_of(float x) {
    const vector all = {x, x, x, x};
    return all;
}
#ifdef __clang__
#if __has_builtin(__builtin_elementwise_fma) // since clang 17
#define VECTOR_FMA __builtin_elementwise_fma
#endif
#endif
static inline vector vector_fma(vector a, vector b, vector c) {
#ifdef VECTOR_FMA
    return VECTOR_FMA(a, b, c);
#else
    c[0] = f32_fma(a[0], b[0], c[0]);
    c[1] = f32_fma(a[1], b[1], c[1]);
    c[2] = f32_fma(a[2], b[2], c[2]);
    c[3] = f32_fma(a[3], b[3], c[3]);
    return c;
#endif
}
#define VECTOR_HOLD(x) (void)(x)
#elif VECTOR_BITS == 128
#include <arm_neon.h>
typedef float32x4_t vector;
enum { VECTOR_LANES = 4, TILE_REGISTERS = 32, TILE_ACCUMULATORS = 20 };
static inline vector vector_load(const float *from) {
    return vld1q_f32(from);
}
static inline void vector_store(float *to, vector x) {
    vst1q_f32(to, x);
}
static inline vector vector_of(float x) {
    return vdupq_n_f32(x);
}
static inline vector vector_fma(vector a, vector b, vector c) {
    return vfmaq_f32(c, a, b);
}
#define VECTOR_HOLD(x) __asm__("" : "+w"(x))
#elif defined __SSE2__
#include <immintrin.h>
typedef __m128 vector;
enum { VECTOR_LANES = 4, TILE_REGISTERS = 16, TILE_ACCUMULATORS = 4 };
static inline vector vector_load(const float *from) {
    return _mm_loadu_ps(from);
}
static inline void vector_store(float *to, vector x) {
    _mm_storeu_ps(to, x);
}
static inline vector vector_of(float x) {
    return _mm_set1_ps(x);
}
static inline vector vector_fma(vector a, vector b, vector c) {
    return f32_fma_four(a, b, c);
}
#define VECTOR_HOLD(x) __asm__("" : "+x"(x))
#elif defined __wasm_simd128__
#include <wasm_simd128.h>
typedef struct {
    v128_t low, high; // as float64, each of which is a float32
} vector;
enum { VECTOR_LANES = 4, TILE_REGISTERS = 16, TILE_ACCUMULATORS = 4 };
static inline vector vector_load(const float *from) {
    vector x = {wasm_f64x2_promote_low_f32x4(wasm_v128_load64_zero(from)),
                wasm_f64x2_promote_low_f32x4(wasm_v128_load64_zero(from + 2))};
    return x;
}
static inline void vector_store(float *to, vector x) {
    wasm_v128_store64_lane(to, wasm_f32x4_demote_f64x2_zero(x.low), 0);
    wasm_v128_store64_lane(to + 2, wasm_f32x4_demote_f64x2_zero(x.high), 0);
}
static inline vector vector_of(float x) {
    vector all = {wasm_f64x2_splat(x), wasm_f64x2_splat(x)};
    return all;
}
static inline v128_t vector_round(v128_t x) {
    return wasm_f64x2_promote_low_f32x4(wasm_f32x4_demote_f64x2_zero(x));
}
static __attribute__((noinline, cold, unused)) vector vector_fma_each(vector a, vector b,
                                                                      vector c) {
    float x[4], y[4], z[4];
    vector_store(x, a);
    vector_store(y, b);
    vector_store(z, c);
    for (int i = 0; i < 4; i++)
        z[i] = f32_fma(x[i], y[i], z[i]);
    return vector_load(z);
}
// Products are exact. Sums round to the right float32 but where they may lie half way between two:
// those that are none, and of which the bits are 0 that normal float32 have not, but for the first.
static inline v128_t vector_may_tie(v128_t sum, v128_t rounded) {
    const v128_t bits = wasm_v128_and(sum, wasm_i64x2_const_splat(0x0fffffff));
    const v128_t zero = wasm_i64x2_eq(bits, wasm_i64x2_const_splat(0));
    return wasm_v128_andnot(zero, wasm_f64x2_eq(sum, rounded));
}
static inline vector vector_fma(vector a, vector b, vector c) {
    const v128_t low = wasm_f64x2_add(wasm_f64x2_mul(a.low, b.low), c.low);
    const v128_t high = wasm_f64x2_add(wasm_f64x2_mul(a.high, b.high), c.high);
    const vector sums = {vector_round(low), vector_round(high)};
    const v128_t ties =
        wasm_v128_or(vector_may_tie(low, sums.low), vector_may_tie(high, sums.high));
    if (__builtin_expect(wasm_v128_any_true(ties), 0))
        return vector_fma_each(a, b, c);
    return sums;
}
#define VECTOR_HOLD(x) (void)(x)
#else
typedef struct {
    float lane[4];
} vector;
enum { VECTOR_LANES = 4, TILE_REGISTERS = 16, TILE_ACCUMULATORS = 4 };
static inline vector vector_load(const float *from) {
    vector x = {{from[0], from[1], from[2], from[3]}};
    return x;
}
static inline void vector_store(float *to, vector x) {
    for (int i = 0; i < 4; i++)
        to[i] = x.lane[i];
}
static inline vector vector_of(float x) {
    vector all = {{x, x, x, x}};
    return all;
}
static inline vector vector_fma(vector a, vector b, vector c) {
    for (int i = 0; i < 4; i++)
        c.lane[i] = f32_fma(a.lane[i], b.lane[i], c.lane[i]);
    return c;
}
#define VECTOR_HOLD(x) (void)(x)
#endif

//: section tile_walk
// Where a tile reads and writes, in elements: the stream's offset of each row, how many steps of
// what length the contracted axes take, outermost first (absent axes: one step), how far apart
// rows of sums lie, and how many lines of memory to fetch ahead after each turn of the outermost
// axis. A tile of float32 takes all these steps `again` so many times, from so much farther on.
struct tile_walk {
    ptrdiff_t rows[12];
    ptrdiff_t extent[3], stream[3], panel[3];
    ptrdiff_t sums, ahead, again, again_stream, again_panel;
};

//: section tile_steps needs tile_walk
//: names tile_function
// Of the contracted axes: the steps to take, from the first to before the end.
struct tile_steps {
    ptrdiff_t first[3], end[3];
};
typedef void tile_function(float *restrict acc, const float *stream, const float *panel,
                           const struct tile_walk *walk, int resume, const float *ahead);

//: section tile_inside needs tile_steps
//: names tile_has_negative_zero
static inline int tile_has_negative_zero(int rows, int columns, const float *acc,
                                         ptrdiff_t row_step) {
    uint32_t found = 0;
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++) {
            uint32_t bits;
            memcpy(&bits, acc + row * row_step + column, sizeof bits);
            found |= bits == 0x80000000u;
        }
    return found != 0;
}

// A tile of rows x columns sums, of which all steps but those given multiply padding, zeros, by
// finite numbers. Without them the sums are the same, but where a sum is -0, since all that came
// before is a product so small that it was rounded to that: +0 on top of it gives +0. Where a sum
// is -0 at last, all steps are taken after all.
static __attribute__((noinline, unused)) void
tile_inside(tile_function *tile, int rows, int columns, float *restrict acc, const float *stream,
            const float *panel, const struct tile_walk *walk, const struct tile_steps *steps,
            int resume, const float *ahead) {
    enum { MOST_SUMS = 12 * 32 };
    float before[MOST_SUMS];
    for (int row = 0; row < rows && resume; row++)
        memcpy(before + row * columns, acc + row * walk->sums, sizeof *acc * (size_t)columns);
    struct tile_walk part = *walk;
    const float *part_stream = stream, *part_panel = panel;
    for (int axis = 0; axis < 3; axis++) {
        part.extent[axis] = steps->end[axis] - steps->first[axis];
        part_stream += steps->first[axis] * walk->stream[axis];
        part_panel += steps->first[axis] * walk->panel[axis];
    }
    __asm__("" : "+r"(tile)); // inlined here, with what is known of `part`, it would be slower
    tile(acc, part_stream, part_panel, &part, resume, ahead);
    if (!tile_has_negative_zero(rows, columns, acc, walk->sums))
        return;
    for (int row = 0; row < rows && resume; row++)
        memcpy(acc + row * walk->sums, before + row * columns, sizeof *acc * (size_t)columns);
    tile(acc, stream, panel, walk, resume, NULL);
}

//: section tile_loops
//: names TILE_AHEAD TILE_LINE
//: macros TILE_FETCH_STEP TILE_SEPARATE
#if defined __clang__
#define TILE_UNROLL _Pragma("clang loop unroll(full)")
#define TILE_KEEP_LOOP _Pragma("clang loop unroll(disable)")
#else
#define TILE_UNROLL _Pragma("GCC unroll 24")
#define TILE_KEEP_LOOP _Pragma("GCC unroll 1")
#endif
#define TILE_INLINE static inline __attribute__((always_inline)) void
// Hides where a pointer comes from. Of the stream: compilers would keep what steps share, and spill
// sums. Of a walk that is not known to them: they would keep its fields, and spill addresses.
#define TILE_HIDE(pointer) __asm__("" : "+r"(pointer))
#define TILE_HIDE_UNKNOWN(walk)                                                                    \
    do {                                                                                           \
        if (!__builtin_constant_p((walk)->extent[2]))                                              \
            TILE_HIDE(walk);                                                                       \
    } while (0)
// How many steps ahead the panel is fetched: caches by themselves look less far.
enum { TILE_AHEAD = 64 };
// Of a step of a panel that one row of sums goes through, as fast as memory allows: one line, into
// the second cache. It starts its neighbours; all lines, or the first cache, take longer.
#define TILE_FETCH_STEP(from) __builtin_prefetch(from, 0, 2)
enum { TILE_LINE = 16 }; // elements of a line of memory
// Between a tile and what is done with its sums, registers keep nothing. Compilers would load what
// that needs, operands and constants, once before the loop over tiles, and spill sums.
#if VECTOR_BITS == 512
#define TILE_SEPARATE                                                                              \
    __asm__ volatile(""                                                                            \
                     :                                                                             \
                     :                                                                             \
                     : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",   \
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",       \
                       "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",     \
                       "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31")
#elif VECTOR_BITS == 256
#define TILE_SEPARATE                                                                              \
    __asm__ volatile(""                                                                            \
                     :                                                                             \
                     :                                                                             \
                     : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",   \
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")
#elif VECTOR_BITS == 128 // of NEON and RVV
#define TILE_SEPARATE                                                                              \
    __asm__ volatile(""                                                                            \
                     :                                                                             \
                     :                                                                             \
                     : "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9",       \
                       "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19",       \
                       "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29",       \
                       "v30", "v31")
#else
#define TILE_SEPARATE __asm__ volatile("" : : : "memory")
#endif
//: section tile_block needs vector tile_walk tile_loops
// One block of a tile: `height` rows from `first` times `width` vectors, no more than the registers
// hold. The last vector begins at column `last`, which may lie within the one before.
TILE_INLINE tile_block(int lanes, int first, int height, int width, int last, float *restrict acc,
                       const float *stream, const float *panel, const struct tile_walk *walk,
                       int resume, const float *ahead) {
    vector sums[TILE_ACCUMULATORS];
    int column[TILE_ACCUMULATORS];
    TILE_UNROLL
    for (int v = 0; v < width; v++)
        column[v] = v + 1 < width ? v * VECTOR_LANES : last;
    TILE_UNROLL
    for (int n = 0; n < height * width; n++) {
        const float *from = acc + n / width * walk->sums + column[n % width];
        if (walk->sums > width * VECTOR_LANES)
            __builtin_prefetch(from, 1); // rows of a tensor, to be stored when all steps are done
        sums[n] = resume ? vector_load(from) : vector_of(0.0f);
    }
    enum { NEAR = 8 }; // rows whose offsets stay in registers
    const int near_rows = height < NEAR ? height : NEAR;
    ptrdiff_t near[NEAR];
    TILE_UNROLL
    for (int n = 0; n < near_rows; n++)
        near[n] = walk->rows[first + n];
    const ptrdiff_t lines = ahead ? walk->ahead : 0;
    TILE_KEEP_LOOP
    for (ptrdiff_t h = walk->again; h >= 0; h--) {
        const float *stream_i = stream, *panel_i = panel;
        TILE_KEEP_LOOP
        for (ptrdiff_t i = walk->extent[0]; i > 0; i--) {
            const float *stream_j = stream_i, *panel_j = panel_i;
            TILE_KEEP_LOOP
            for (ptrdiff_t j = walk->extent[1]; j > 0; j--) {
                const float *x = stream_j, *y = panel_j;
                TILE_KEEP_LOOP
                for (ptrdiff_t k = walk->extent[2]; k > 0; k--) {
                    TILE_HIDE(x);
                    if (height > NEAR)
                        TILE_HIDE_UNKNOWN(walk);
                    vector row[TILE_ACCUMULATORS];
                    if (!lanes && height == 1)
                        TILE_FETCH_STEP(y + TILE_AHEAD * walk->panel[2]);
                    TILE_UNROLL
                    for (int v = 0; v < width; v++) {
                        if (!lanes && height > 1)
                            __builtin_prefetch(y + TILE_AHEAD * walk->panel[2] + column[v]);
                        row[v] = vector_load(y + column[v]);
                        if (height > 1)
                            VECTOR_HOLD(row[v]);
                    }
                    TILE_UNROLL
                    for (int n = 0; n < height * width; n++) {
                        int r = n / width;
                        const float *from = x + (r < NEAR ? near[r] : walk->rows[first + r]);
                        vector element =
                            lanes ? vector_load(from + column[n % width]) : vector_of(*from);
                        sums[n] = vector_fma(element, row[n % width], sums[n]);
                    }
                    x += walk->stream[2];
                    y += walk->panel[2];
                }
                TILE_HIDE_UNKNOWN(walk);
                stream_j += walk->stream[1];
                panel_j += walk->panel[1];
            }
            TILE_HIDE_UNKNOWN(walk);
            stream_i += walk->stream[0];
            panel_i += walk->panel[0];
            for (ptrdiff_t n = 0; n < lines; n++, ahead += TILE_LINE)
                __builtin_prefetch(ahead, 0, 2); // into the second cache
        }
        TILE_HIDE_UNKNOWN(walk);
        stream += walk->again_stream;
        panel += walk->again_panel;
    }
    TILE_UNROLL
    for (int n = 0; n < height * width; n++)
        vector_store(acc + n / width * walk->sums + column[n % width], sums[n]);
    TILE_SEPARATE;
}

//: section tile_narrow needs tile_walk f32_fma
// A tile of 8 columns where vectors are longer.
static inline void tile_narrow(int lanes, int rows, float *restrict acc, const float *stream,
                               const float *panel, const struct tile_walk *walk, int resume) {
    for (int row = 0; row < rows; row++) {
        float sums[8] = {0};
        for (int c = 0; c < 8 && resume; c++)
            sums[c] = acc[walk->sums * row + c];
        const float *stream_h = stream + walk->rows[row], *panel_h = panel;
        for (ptrdiff_t h = 0; h <= walk->again; h++) {
            for (ptrdiff_t i = 0; i < walk->extent[0]; i++)
                for (ptrdiff_t j = 0; j < walk->extent[1]; j++)
                    for (ptrdiff_t k = 0; k < walk->extent[2]; k++) {
                        const float *x = stream_h + i * walk->stream[0] + j * walk->stream[1] +
                                         k * walk->stream[2];
                        const float *y =
                            panel_h + i * walk->panel[0] + j * walk->panel[1] + k * walk->panel[2];
                        for (int c = 0; c < 8; c++)
                            sums[c] = f32_fma(x[c * lanes], y[c], sums[c]);
                    }
            stream_h += walk->again_stream;
            panel_h += walk->again_panel;
        }
        for (int c = 0; c < 8; c++)
            acc[walk->sums * row + c] = sums[c];
    }
}

//: section tile_assertion
// Never emitted: whoever defines TILE_ASSERT_SHAPE asserts that each tile has the shape which
// tile_shape.h tells the cost model. It is asked at every block of tile() below.
#ifdef TILE_ASSERT_SHAPE
#define tile_block(...)                                                                            \
    (TILE_ASSERT_SHAPE(rows, columns, height, width, high_rows), tile_block(__VA_ARGS__))
#endif

//: section tile needs tile_block tile_narrow
// acc[walk->sums * row + column] = the sums (resume: itself plus the sums) over the steps of walk
// of stream[walk->rows[row] + step] * panel[step + column], or with `lanes` of
// stream[walk->rows[row] + step + column] * panel[step + column]. lanes, rows (1 to 12) and columns
// (a multiple of 8) must be constants. The rows are shared out evenly: first blocks of `height`,
// then of one less. A block's sums, a row of the panel and an element of the stream are in
// registers all at once. From `ahead` on (NULL: nowhere) memory is fetched that will be needed
// next, as the walk says.
TILE_INLINE tile(int lanes, int rows, int columns, float *restrict acc, const float *stream,
                 const float *panel, const struct tile_walk *walk, int resume, const float *ahead) {
    if (columns < VECTOR_LANES) {
        tile_narrow(lanes, rows, acc, stream, panel, walk, resume);
        return;
    }
    const int vectors = (columns + VECTOR_LANES - 1) / VECTOR_LANES;
    const int least = vectors % 2 == 0 ? 2 : vectors % 3 == 0 ? 3 : 1;
    const int sums_fit = TILE_ACCUMULATORS / least, all_fit = (TILE_REGISTERS - 2) / least - 1;
    const int fit = sums_fit < all_fit ? sums_fit : all_fit, highest = fit < rows ? fit : rows;
    const int blocks = (rows + highest - 1) / highest;
    const int height = (rows + blocks - 1) / blocks;
    const int high_rows = (rows - blocks * (height - 1)) * height;
    const int sums_wide = TILE_ACCUMULATORS / height;
    const int all_wide = height > 1 ? (TILE_REGISTERS - 2) / (height + 1) : sums_wide;
    const int fitting = sums_wide < all_wide ? sums_wide : all_wide;
    const int width = fitting >= vectors ? vectors : fitting >= 4 && vectors % 4 == 0 ? 4 : least;
    for (int column = 0; column < columns; column += width * VECTOR_LANES) {
        const int whole = (width - 1) * VECTOR_LANES, end = columns - VECTOR_LANES - column;
        const int last = whole < end ? whole : end;
        for (int row = 0; row < high_rows; row += height, ahead = NULL)
            tile_block(lanes, row, height, width, last, acc + row * walk->sums + column,
                       stream + column * lanes, panel + column, walk, resume, ahead);
        for (int row = high_rows; row < rows; row += height - 1)
            tile_block(lanes, row, height - 1, width, last, acc + row * walk->sums + column,
                       stream + column * lanes, panel + column, walk, resume, NULL);
    }
}
//: section tile_widen needs tile f16_to_f32 bf16_to_f32
//: names TILE_F16 TILE_BF16 tile_of_16 tile_widen
// Neighbours of float16 or bfloat16, held as their bits, as float32, which is exact.
enum { TILE_F16, TILE_BF16 };
#if VECTOR_BITS == 512
static inline vector tile_of_16(int format, const uint16_t *from) {
    const __m256i bits = _mm256_loadu_si256((const __m256i *)from);
    if (format == TILE_F16)
        return _mm512_cvtph_ps(bits);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
#elif VECTOR_BITS == 256
static inline vector tile_of_16(int format, const uint16_t *from) {
    const __m128i bits = _mm_loadu_si128((const __m128i *)from);
    if (format == TILE_BF16)
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
#if defined __F16C__ || defined VERSION_ENDING
    return _mm256_cvtph_ps(bits);
#else // as if float32 had its exponents; then 2^112 times that, or infinities and NaN
    __m256i x = _mm256_cvtepu16_epi32(bits), most = _mm256_set1_epi32(0x7bff);
    __m256i sign = _mm256_and_si256(x, _mm256_set1_epi32(0x8000));
    __m256i magnitude = _mm256_xor_si256(x, sign);
    vector number = _mm256_mul_ps(_mm256_castsi256_ps(_mm256_slli_epi32(magnitude, 13)),
                                  _mm256_set1_ps(0x1p112f));
    __m256i special =
        _mm256_and_si256(_mm256_cmpgt_epi32(magnitude, most), _mm256_set1_epi32(0x7f800000));
    return _mm256_or_ps(number,
                        _mm256_castsi256_ps(_mm256_or_si256(special, _mm256_slli_epi32(sign, 16))));
#endif
}
#elif VECTOR_BITS == 128 && !defined __riscv_v
static inline vector tile_of_16(int format, const uint16_t *from) {
    const uint16x4_t bits = vld1_u16(from);
    if (format == TILE_F16)
        return vcvt_f32_f16(vreinterpret_f16_u16(bits));
    return vreinterpretq_f32_u32(vshll_n_u16(bits, 16));
}
#endif
TILE_INLINE tile_widen(int format, int columns, float *restrict to, const uint16_t *from) {
    int c = 0;
#if VECTOR_BITS && !defined __riscv_v
    for (; c + VECTOR_LANES <= columns; c += VECTOR_LANES)
        vector_store(to + c, tile_of_16(format, from + c));
#endif
    for (; c < columns; c++)
        to[c] = format == TILE_F16 ? f16_to_f32(from[c]) : bf16_to_f32(from[c]);
}
//: section tile_16 needs tile_widen
//: names TILE_WIDENED tile_part tile_16_row
// tile() for panels of float16 and bfloat16, held as their bits, of at most 64 columns. One row of
// sums multiplies by them as they are widened. For several, so many rows of the panel are widened
// at a time; they are in L1 when `part`, the tile of as many rows and columns, multiplies by them.
// Memory is read while that happens: it is asked for what comes later.
enum { TILE_WIDENED = 32 };
#if VECTOR_BITS && !defined __riscv_v
TILE_INLINE tile_16_row(int format, int lanes, int vectors, float *restrict acc,
                        const float *stream, const uint16_t *panel, const struct tile_walk *walk,
                        int resume) {
    vector sums[64 / VECTOR_LANES];
    TILE_UNROLL
    for (int v = 0; v < vectors; v++)
        sums[v] = resume ? vector_load(acc + v * VECTOR_LANES) : vector_of(0.0f);
    for (ptrdiff_t i = 0; i < walk->extent[0]; i++)
        for (ptrdiff_t j = 0; j < walk->extent[1]; j++) {
            const float *x = stream + i * walk->stream[0] + j * walk->stream[1];
            const uint16_t *y = panel + i * walk->panel[0] + j * walk->panel[1];
            TILE_KEEP_LOOP
            for (ptrdiff_t k = walk->extent[2]; k > 0; k--) {
                const vector all = vector_of(*x);
                if (!lanes)
                    TILE_FETCH_STEP(y + TILE_AHEAD * walk->panel[2]);
                TILE_UNROLL
                for (int v = 0; v < vectors; v++) {
                    const vector element = lanes ? vector_load(x + v * VECTOR_LANES) : all;
                    sums[v] =
                        vector_fma(element, tile_of_16(format, y + v * VECTOR_LANES), sums[v]);
                }
                x += walk->stream[2];
                y += walk->panel[2];
            }
        }
    TILE_UNROLL
    for (int v = 0; v < vectors; v++)
        vector_store(acc + v * VECTOR_LANES, sums[v]);
}
#endif
typedef void tile_part(float *restrict acc, const float *stream, const float *panel,
                       const struct tile_walk *walk, int resume, const float *ahead);
TILE_INLINE tile_16(int format, int lanes, int rows, int columns, tile_part *part,
                    float *restrict acc, const float *stream, const uint16_t *panel,
                    const struct tile_walk *walk, int resume, const uint16_t *ahead) {
#if VECTOR_BITS && !defined __riscv_v
    if (rows == 1 && columns % VECTOR_LANES == 0) {
        tile_16_row(format, lanes, columns / VECTOR_LANES, acc, stream + walk->rows[0], panel, walk,
                    resume);
        return;
    }
#endif
    (void)lanes;
    _Alignas(64) float widened[TILE_WIDENED * 64];
    struct tile_walk steps = *walk;
    const ptrdiff_t lines = ahead ? walk->ahead : 0;
    steps.extent[0] = steps.extent[1] = 1;
    steps.panel[2] = columns;
    for (int n = 0; n < rows * columns && !resume; n++)
        acc[n / columns * walk->sums + n % columns] = 0.0f;
    for (ptrdiff_t i = 0; i < walk->extent[0]; i++) {
        for (ptrdiff_t j = 0; j < walk->extent[1]; j++) {
            const float *x = stream + i * walk->stream[0] + j * walk->stream[1];
            const uint16_t *y = panel + i * walk->panel[0] + j * walk->panel[1];
            for (ptrdiff_t k = 0; k < walk->extent[2]; k += TILE_WIDENED) {
                ptrdiff_t left = walk->extent[2] - k;
                steps.extent[2] = left < TILE_WIDENED ? left : TILE_WIDENED;
                for (ptrdiff_t s = 0; s < steps.extent[2]; s++) {
                    const uint16_t *from = y + (k + s) * walk->panel[2];
                    for (int c = 0; c < columns; c += 2 * TILE_LINE)
                        __builtin_prefetch(from + TILE_AHEAD * columns + c);
                    tile_widen(format, columns, widened + s * columns, from);
                }
                part(acc, x + k * walk->stream[2], widened, &steps, 1, NULL);
            }
        }
        for (ptrdiff_t n = 0; n < lines; n++, ahead += 2 * TILE_LINE)
            __builtin_prefetch(ahead, 0, 2);
    }
}
//: end
#undef tile_block

#endif
