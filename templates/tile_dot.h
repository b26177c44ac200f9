// Register tiles of 8-bit integers: the arithmetic of contractions of uint8 by int8 whose sums are
// int32. Integer sums wrap around, so that they are the same in any order.
//
// What tile.h says of tiles holds for these, but that four neighbours along the contracted axes go
// together: a step reads four bytes of the stream for each row, and of the panel four bytes for
// each column, [step][column][four], and adds their dot product to the sum. The panel is packed so.
// Offsets and strides count bytes.
//
// The text is cut by tools, as tile.h is.

#ifndef ET_TEMPLATES_TILE_DOT_H
#define ET_TEMPLATES_TILE_DOT_H

#include "templates/tile.h"
#include "templates/tile_shape.h"

#include <stdint.h>
#include <string.h>

//: section dot_products needs vector_bits
//: names DOT_LANES DOT_REGISTERS DOT_ACCUMULATORS DOT_FREE dot_sums dot_row dot_element
//: names dot_bytes dot_elements dot_quads dot_load dot_store dot_zero dot_four
//: names dot_row_of dot_element_of dot_add
//: names dot_add_excess dot_subtract
//: macros DOT_X86 DOT_BITS DOT_SUM DOT_EXCESS
// As many neighbouring int32 as a register holds, each the sum of products of four uint8 of an
// element by four int8 of a row. Without an instruction for that, the even and the odd bytes are
// widened to 16 bits, whose products of two are added exactly; instructions that take bytes as they
// are saturate. Where that takes registers beside those of sums, rows and an element, tile_shape()
// is told of fewer than there are: of DOT_FREE.
#if VECTOR_BITS == 512
#include <immintrin.h>
#define DOT_X86(name) _mm512_##name
#define DOT_BITS(name) _mm512_##name##_si512
typedef __m512i dot_bytes;
typedef int32_t dot_sums __attribute__((vector_size(64)));
enum { DOT_LANES = 16, DOT_REGISTERS = 32, DOT_ACCUMULATORS = 24 };
#elif VECTOR_BITS == 256
#include <immintrin.h>
#define DOT_X86(name) _mm256_##name
#define DOT_BITS(name) _mm256_##name##_si256
typedef __m256i dot_bytes;
typedef int32_t dot_sums __attribute__((vector_size(32)));
enum { DOT_LANES = 8, DOT_REGISTERS = 16, DOT_ACCUMULATORS = 12 };
#elif VECTOR_BITS == 0 && defined __SSE2__
#include <immintrin.h>
#define DOT_X86(name) _mm_##name
#define DOT_BITS(name) _mm_##name##_si128
typedef __m128i dot_bytes;
typedef int32_t dot_sums __attribute__((vector_size(16)));
enum { DOT_LANES = 4, DOT_REGISTERS = 16, DOT_ACCUMULATORS = 4 };
#endif
#ifdef DOT_X86
enum { DOT_FREE = DOT_REGISTERS };
// gcc copies sums back and forth whose type is that of the intrinsics.
static inline dot_sums dot_load(const int32_t *from) {
    return (dot_sums)DOT_BITS(loadu)((const dot_bytes *)from);
}
static inline void dot_store(int32_t *to, dot_sums x) {
    DOT_BITS(storeu)((dot_bytes *)to, (dot_bytes)x);
}
static inline dot_sums dot_zero(void) {
    return (dot_sums)DOT_BITS(setzero)();
}
static inline dot_bytes dot_four(const uint8_t *from) {
    int32_t four;
    memcpy(&four, from, sizeof four);
    return DOT_X86(set1_epi32)(four);
}
#if VECTOR_BITS == 512 && (defined __AVX512VNNI__ || defined VERSION_DOT)
#define DOT_SUM _mm512_dpbusd_epi32
#elif VECTOR_BITS == 256 && (defined __AVXVNNI__ || defined VERSION_DOT)
#define DOT_SUM _mm256_dpbusd_avx_epi32
#endif
#ifdef DOT_SUM
typedef dot_bytes dot_row, dot_element;
static inline dot_row dot_row_of(const int8_t *from) {
    return DOT_BITS(loadu)((const dot_bytes *)from);
}
static inline dot_element dot_element_of(const uint8_t *from) {
    return dot_four(from);
}
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    return (dot_sums)DOT_SUM((dot_bytes)sums, x, y);
}
#else
typedef struct {
    dot_bytes even, odd;
} dot_row, dot_element;
static inline dot_row dot_row_of(const int8_t *from) {
    const dot_bytes all = DOT_BITS(loadu)((const dot_bytes *)from);
    const dot_row row = {DOT_X86(srai_epi16)(DOT_X86(slli_epi16)(all, 8), 8),
                         DOT_X86(srai_epi16)(all, 8)};
    return row;
}
static inline dot_element dot_element_of(const uint8_t *from) {
    const dot_bytes all = dot_four(from);
    const dot_element element = {DOT_BITS(and)(all, DOT_X86(set1_epi16)(0xff)),
                                 DOT_X86(srli_epi16)(all, 8)};
    return element;
}
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    const dot_bytes even = DOT_X86(madd_epi16)(x.even, y.even);
    const dot_bytes odd = DOT_X86(madd_epi16)(x.odd, y.odd);
    return (dot_sums)DOT_X86(add_epi32)(DOT_X86(add_epi32)((dot_bytes)sums, even), odd);
}
#endif
#elif defined __riscv_v
// An int32 by a number is one instruction, for pairs of registers, too: bytes are widened to that.
typedef uint32_t dot_sums __attribute__((vector_size(32)));
typedef uint32_t dot_elements __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t dot_quads __attribute__((vector_size(32)));
enum { DOT_LANES = 8, DOT_REGISTERS = 16, DOT_ACCUMULATORS = 8, DOT_FREE = 12 }; // pairs
typedef const int8_t *dot_row;
typedef const uint8_t *dot_element;
static inline dot_sums dot_load(const int32_t *from) {
    return *(const dot_elements *)from;
}
static inline void dot_store(int32_t *to, dot_sums x) {
    *(dot_elements *)to = x;
}
static inline dot_sums dot_zero(void) {
    const dot_sums zero = {0, 0, 0, 0, 0, 0, 0, 0};
    return zero;
}
static inline dot_row dot_row_of(const int8_t *from) {
    return from;
}
static inline dot_element dot_element_of(const uint8_t *from) {
    return from;
}
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    dot_sums all;
    memcpy(&all, y, sizeof all);
    sums += (dot_sums)((dot_quads)(all << 24) >> 24) * (uint32_t)x[0];
    sums += (dot_sums)((dot_quads)(all << 16) >> 24) * (uint32_t)x[1];
    sums += (dot_sums)((dot_quads)(all << 8) >> 24) * (uint32_t)x[2];
    sums += (dot_sums)((dot_quads)all >> 24) * (uint32_t)x[3];
    return sums;
}
#elif VECTOR_BITS == 128
#include <arm_neon.h>
typedef int32x4_t dot_sums;
enum { DOT_LANES = 4, DOT_REGISTERS = 32, DOT_ACCUMULATORS = 20 };
static inline dot_sums dot_load(const int32_t *from) {
    return vld1q_s32(from);
}
static inline void dot_store(int32_t *to, dot_sums x) {
    vst1q_s32(to, x);
}
static inline dot_sums dot_zero(void) {
    return vdupq_n_s32(0);
}
static inline uint8x16_t dot_four(const uint8_t *from) {
    uint32_t four;
    memcpy(&four, from, sizeof four);
    return vreinterpretq_u8_u32(vdupq_n_u32(four));
}
#if defined __ARM_FEATURE_MATMUL_INT8
enum { DOT_FREE = DOT_REGISTERS };
typedef int8x16_t dot_row;
typedef uint8x16_t dot_element;
static inline dot_row dot_row_of(const int8_t *from) {
    return vld1q_s8(from);
}
static inline dot_element dot_element_of(const uint8_t *from) {
    return dot_four(from);
}
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    return vusdotq_s32(sums, x, y);
}
#elif defined __ARM_FEATURE_DOTPROD
// The instruction takes bytes of one kind: an element is 128 less than it should be, as int8. What
// sums lack for that, the tile adds up once for all its rows.
#define DOT_EXCESS
enum { DOT_FREE = 20 };
typedef int8x16_t dot_row, dot_element;
static inline dot_row dot_row_of(const int8_t *from) {
    return vld1q_s8(from);
}
static inline dot_element dot_element_of(const uint8_t *from) {
    return vreinterpretq_s8_u8(veorq_u8(dot_four(from), vdupq_n_u8(128)));
}
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    return vdotq_s32(sums, x, y);
}
static inline dot_sums dot_add_excess(dot_sums excess, dot_row y) {
    return vdotq_s32(excess, vdupq_n_s8(-128), y);
}
static inline dot_sums dot_subtract(dot_sums sums, dot_sums excess) {
    return vsubq_s32(sums, excess);
}
#else
enum { DOT_FREE = 12 };
typedef struct {
    int16x8_t low, high; // columns 0 and 1, 2 and 3
} dot_row;
typedef int16x8_t dot_element; // the same four twice
static inline dot_row dot_row_of(const int8_t *from) {
    const int8x16_t all = vld1q_s8(from);
    const dot_row row = {vmovl_s8(vget_low_s8(all)), vmovl_s8(vget_high_s8(all))};
    return row;
}
static inline dot_element dot_element_of(const uint8_t *from) {
    return vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(dot_four(from))));
}
// Of four products for each column, first the neighbours are added, then what these give.
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    const int32x4_t c0 = vmull_s16(vget_low_s16(x), vget_low_s16(y.low));
    const int32x4_t c1 = vmull_high_s16(x, y.low);
    const int32x4_t c2 = vmull_s16(vget_low_s16(x), vget_low_s16(y.high));
    const int32x4_t c3 = vmull_high_s16(x, y.high);
    return vaddq_s32(sums, vpaddq_s32(vpaddq_s32(c0, c1), vpaddq_s32(c2, c3)));
}
#endif
#else
typedef struct {
    int32_t lane[4];
} dot_sums;
enum { DOT_LANES = 4, DOT_REGISTERS = 16, DOT_ACCUMULATORS = 4, DOT_FREE = 16 };
static inline dot_sums dot_load(const int32_t *from) {
    const dot_sums x = {{from[0], from[1], from[2], from[3]}};
    return x;
}
static inline void dot_store(int32_t *to, dot_sums x) {
    for (int i = 0; i < 4; i++)
        to[i] = x.lane[i];
}
static inline dot_sums dot_zero(void) {
    const dot_sums x = {{0, 0, 0, 0}};
    return x;
}
typedef const int8_t *dot_row;
typedef const uint8_t *dot_element;
static inline dot_row dot_row_of(const int8_t *from) {
    return from;
}
static inline dot_element dot_element_of(const uint8_t *from) {
    return from;
}
static inline dot_sums dot_add(dot_sums sums, dot_element x, dot_row y) {
    for (int i = 0; i < 4; i++)
        sums.lane[i] = (int32_t)((uint32_t)sums.lane[i] +
                                 (uint32_t)(x[0] * y[4 * i] + x[1] * y[4 * i + 1] +
                                            x[2] * y[4 * i + 2] + x[3] * y[4 * i + 3]));
    return sums;
}
#endif

//: section dot_steps needs tile_steps
//: names dot_function
typedef void dot_function(int32_t *restrict acc, const uint8_t *stream, const int8_t *panel,
                          const struct tile_walk *walk, int resume, const int8_t *ahead);

//: section dot_inside needs dot_steps
// A tile of which all steps but those given multiply padding, zeros.
static __attribute__((noinline, unused)) void dot_inside(dot_function *dot, int32_t *restrict acc,
                                                         const uint8_t *stream, const int8_t *panel,
                                                         const struct tile_walk *walk,
                                                         const struct tile_steps *steps, int resume,
                                                         const int8_t *ahead) {
    struct tile_walk part = *walk;
    for (int axis = 0; axis < 3; axis++) {
        part.extent[axis] = steps->end[axis] - steps->first[axis];
        stream += steps->first[axis] * walk->stream[axis];
        panel += steps->first[axis] * walk->panel[axis];
    }
    __asm__("" : "+r"(dot)); // inlined here, with what is known of `part`, it would be slower
    dot(acc, stream, panel, &part, resume, ahead);
}

//: section tile_dot_block needs dot_products tile_walk tile_loops
//: names TILE_DOT_LINE
enum { TILE_DOT_LINE = 64 }; // bytes of a line of memory
// One block of a tile: `height` rows from `first` times `width` vectors, no more than the registers
// hold.
TILE_INLINE tile_dot_block(int first, int height, int width, int32_t *restrict acc,
                           const uint8_t *stream, const int8_t *panel, const struct tile_walk *walk,
                           int resume, const int8_t *ahead) {
    dot_sums sums[DOT_ACCUMULATORS];
    TILE_UNROLL
    for (int n = 0; n < height * width; n++) {
        const int32_t *from = acc + n / width * walk->sums + n % width * DOT_LANES;
        sums[n] = resume ? dot_load(from) : dot_zero();
    }
#ifdef DOT_EXCESS
    dot_sums excess[DOT_ACCUMULATORS];
    TILE_UNROLL
    for (int v = 0; v < width; v++)
        excess[v] = dot_zero();
#endif
    enum { NEAR = 8 }; // rows whose offsets stay in registers
    const int near_rows = height < NEAR ? height : NEAR;
    ptrdiff_t near[NEAR];
    TILE_UNROLL
    for (int r = 0; r < near_rows; r++)
        near[r] = walk->rows[first + r];
    const ptrdiff_t lines = ahead ? walk->ahead : 0;
    TILE_KEEP_LOOP
    for (ptrdiff_t i = walk->extent[0]; i > 0; i--) {
        const uint8_t *stream_j = stream;
        const int8_t *panel_j = panel;
        TILE_KEEP_LOOP
        for (ptrdiff_t j = walk->extent[1]; j > 0; j--) {
            const uint8_t *x = stream_j;
            const int8_t *y = panel_j;
            TILE_KEEP_LOOP
            for (ptrdiff_t k = walk->extent[2]; k > 0; k--) {
                TILE_HIDE(x);
                if (height > NEAR)
                    TILE_HIDE_UNKNOWN(walk);
                dot_row row[DOT_ACCUMULATORS];
                TILE_UNROLL
                for (int v = 0; v < width; v++) {
                    if (height > 1)
                        __builtin_prefetch(y + TILE_AHEAD * walk->panel[2] + v * 4 * DOT_LANES);
                    row[v] = dot_row_of(y + v * 4 * DOT_LANES);
#ifdef DOT_EXCESS
                    excess[v] = dot_add_excess(excess[v], row[v]);
#endif
                }
                TILE_UNROLL
                for (int n = 0; n < height * width; n++) {
                    int r = n / width;
                    const dot_element element =
                        dot_element_of(x + (r < NEAR ? near[r] : walk->rows[first + r]));
                    sums[n] = dot_add(sums[n], element, row[n % width]);
                }
                x += walk->stream[2];
                y += walk->panel[2];
            }
            TILE_HIDE_UNKNOWN(walk);
            stream_j += walk->stream[1];
            panel_j += walk->panel[1];
        }
        TILE_HIDE_UNKNOWN(walk);
        stream += walk->stream[0];
        panel += walk->panel[0];
        for (ptrdiff_t n = 0; n < lines; n++, ahead += TILE_DOT_LINE)
            __builtin_prefetch(ahead, 0, 2); // into the second cache
    }
#ifdef DOT_EXCESS
    TILE_UNROLL
    for (int n = 0; n < height * width; n++)
        sums[n] = dot_subtract(sums[n], excess[n % width]);
#endif
    TILE_UNROLL
    for (int n = 0; n < height * width; n++)
        dot_store(acc + n / width * walk->sums + n % width * DOT_LANES, sums[n]);
    TILE_SEPARATE;
}

//: section tile_dot_narrow needs tile_walk
// A tile of fewer columns than vectors have lanes.
static inline void tile_dot_narrow(int rows, int columns, int32_t *restrict acc,
                                   const uint8_t *stream, const int8_t *panel,
                                   const struct tile_walk *walk, int resume) {
    for (int row = 0; row < rows; row++) {
        uint32_t sums[16] = {0};
        for (int c = 0; c < columns && resume; c++)
            sums[c] = (uint32_t)acc[walk->sums * row + c];
        for (ptrdiff_t i = 0; i < walk->extent[0]; i++)
            for (ptrdiff_t j = 0; j < walk->extent[1]; j++)
                for (ptrdiff_t k = 0; k < walk->extent[2]; k++) {
                    const uint8_t *x = stream + walk->rows[row] + i * walk->stream[0] +
                                       j * walk->stream[1] + k * walk->stream[2];
                    const int8_t *y =
                        panel + i * walk->panel[0] + j * walk->panel[1] + k * walk->panel[2];
                    for (int c = 0; c < columns; c++)
                        sums[c] += (uint32_t)(x[0] * y[4 * c] + x[1] * y[4 * c + 1] +
                                              x[2] * y[4 * c + 2] + x[3] * y[4 * c + 3]);
                }
        for (int c = 0; c < columns; c++)
            acc[walk->sums * row + c] = (int32_t)sums[c];
    }
}

//: section tile_dot needs tile_dot_block tile_dot_narrow tile_shape
// acc[walk->sums * row + column] = the sums (resume: itself plus the sums) over the steps of walk
// of the dot products of four bytes at stream[walk->rows[row] + step] by four bytes at panel[step +
// 4 * column]. rows (1 to 12) and columns (a power of two from 8 to 64) must be constants. From
// `ahead` on (NULL: nowhere) memory is fetched that will be needed next, as the walk says.
TILE_INLINE tile_dot(int rows, int columns, int32_t *restrict acc, const uint8_t *stream,
                     const int8_t *panel, const struct tile_walk *walk, int resume,
                     const int8_t *ahead) {
    if (columns < DOT_LANES) {
        tile_dot_narrow(rows, columns, acc, stream, panel, walk, resume);
        return;
    }
    const struct tile_shape shape =
        tile_shape(rows, columns, DOT_LANES, DOT_FREE, DOT_ACCUMULATORS);
    const int height = shape.height, width = shape.width;
    const int high_rows = shape.high_blocks * height;
    for (int column = 0; column < columns; column += width * DOT_LANES) {
        for (int row = 0; row < high_rows; row += height, ahead = NULL)
            tile_dot_block(row, height, width, acc + row * walk->sums + column, stream,
                           panel + 4 * column, walk, resume, ahead);
        for (int row = high_rows; height > 1 && row < rows; row += height - 1)
            tile_dot_block(row, height > 1 ? height - 1 : 1, width, acc + row * walk->sums + column,
                           stream, panel + 4 * column, walk, resume, NULL);
    }
}
//: end

#endif
