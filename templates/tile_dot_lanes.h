// Register tiles of 8-bit integers that go lane by lane: convolutions of each channel by itself, of
// uint8 by int8 with sums of int32.
//
// What tile.h says of lanes holds for these: a step multiplies neighbours of the stream, other ones
// for each row, by neighbours of the panel. Each byte goes to a lane of 32 bits, where the
// instructions that add up products of two or four parts of a lane find zeros in all but the
// lowest, so that their sums are exact. Offsets and strides count bytes.
//
// The text is cut by tools, as tile.h is.

#ifndef ET_TEMPLATES_TILE_DOT_LANES_H
#define ET_TEMPLATES_TILE_DOT_LANES_H

#include "templates/tile_dot.h"
#include "templates/tile_dot_quads.h"

//: section lane_products needs dot_products
//: names lane_naturals lane_integers lane_element lane_row lane_element_of lane_row_of lane_add
// DOT_LANES neighbouring bytes, one in each lane, and the sums of their products.
#if VECTOR_BITS == 512
typedef dot_bytes lane_element, lane_row;
static inline lane_element lane_element_of(const uint8_t *from) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)from));
}
static inline lane_row lane_row_of(const int8_t *from) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)from));
}
#elif VECTOR_BITS == 256
typedef dot_bytes lane_element, lane_row;
static inline lane_element lane_element_of(const uint8_t *from) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from));
}
static inline lane_row lane_row_of(const int8_t *from) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)from));
}
#elif defined DOT_X86
typedef dot_bytes lane_element, lane_row;
static inline lane_element lane_element_of(const uint8_t *from) {
    int32_t four;
    memcpy(&four, from, sizeof four);
    const dot_bytes zero = _mm_setzero_si128();
    return _mm_unpacklo_epi16(_mm_unpacklo_epi8(_mm_cvtsi32_si128(four), zero), zero);
}
static inline lane_row lane_row_of(const int8_t *from) {
    int32_t four;
    memcpy(&four, from, sizeof four);
    const dot_bytes zero = _mm_setzero_si128();
    const dot_bytes high = _mm_unpacklo_epi8(zero, _mm_cvtsi32_si128(four));
    return _mm_srai_epi32(_mm_unpacklo_epi16(zero, high), 24);
}
#elif defined __riscv_v
typedef uint8_t lane_naturals __attribute__((vector_size(8)));
typedef int8_t lane_integers __attribute__((vector_size(8)));
typedef dot_sums lane_element, lane_row;
static inline lane_element lane_element_of(const uint8_t *from) {
    lane_naturals bytes;
    memcpy(&bytes, from, sizeof bytes);
    return __builtin_convertvector(bytes, dot_sums);
}
static inline lane_row lane_row_of(const int8_t *from) {
    lane_integers bytes;
    memcpy(&bytes, from, sizeof bytes);
    return __builtin_convertvector(bytes, dot_sums);
}
#elif VECTOR_BITS == 128
typedef int32x4_t lane_element, lane_row;
static inline lane_element lane_element_of(const uint8_t *from) {
    uint32_t four;
    memcpy(&four, from, sizeof four);
    const uint16x8_t wide = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide)));
}
static inline lane_row lane_row_of(const int8_t *from) {
    uint32_t four;
    memcpy(&four, from, sizeof four);
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(four)));
    return vmovl_s16(vget_low_s16(wide));
}
#else
typedef const uint8_t *lane_element;
typedef const int8_t *lane_row;
static inline lane_element lane_element_of(const uint8_t *from) {
    return from;
}
static inline lane_row lane_row_of(const int8_t *from) {
    return from;
}
#endif
static inline dot_sums lane_add(dot_sums sums, lane_element x, lane_row y) {
#if defined DOT_SUM
    return (dot_sums)DOT_SUM((dot_bytes)sums, x, y);
#elif defined DOT_X86
    return (dot_sums)DOT_X86(add_epi32)((dot_bytes)sums, DOT_X86(madd_epi16)(x, y));
#elif defined __riscv_v
    return sums + x * y;
#elif VECTOR_BITS == 128
    return vmlaq_s32(sums, x, y);
#else
    for (int i = 0; i < DOT_LANES; i++)
        sums.lane[i] = (int32_t)((uint32_t)sums.lane[i] + (uint32_t)(x[i] * y[i]));
    return sums;
#endif
}

//: section tile_dot_lanes_block needs lane_products tile_walk tile_loops tile_shape
// One block of a tile: `height` rows from `first` times `width` vectors, no more than the registers
// hold.
TILE_INLINE tile_dot_lanes_block(int first, int height, int width, int32_t *restrict acc,
                                 const uint8_t *stream, const int8_t *panel,
                                 const struct tile_walk *walk, int resume) {
    dot_sums sums[DOT_ACCUMULATORS];
    ptrdiff_t offset[DOT_ACCUMULATORS];
    TILE_UNROLL
    for (int n = 0; n < height * width; n++) {
        const int32_t *from = acc + n / width * walk->sums + n % width * DOT_LANES;
        sums[n] = resume ? dot_load(from) : dot_zero();
    }
    TILE_UNROLL
    for (int r = 0; r < height; r++)
        offset[r] = walk->rows[first + r];
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
                lane_row row[DOT_ACCUMULATORS];
                TILE_UNROLL
                for (int v = 0; v < width; v++)
                    row[v] = lane_row_of(y + v * DOT_LANES);
                TILE_UNROLL
                for (int n = 0; n < height * width; n++) {
                    const lane_element element =
                        lane_element_of(x + offset[n / width] + n % width * DOT_LANES);
                    sums[n] = lane_add(sums[n], element, row[n % width]);
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
    }
    TILE_UNROLL
    for (int n = 0; n < height * width; n++)
        dot_store(acc + n / width * walk->sums + n % width * DOT_LANES, sums[n]);
    TILE_SEPARATE;
}

//: section tile_dot_lanes_narrow needs tile_walk
// A tile of fewer columns than vectors have lanes.
static inline void tile_dot_lanes_narrow(int rows, int columns, int32_t *restrict acc,
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
                        sums[c] += (uint32_t)(x[c] * y[c]);
                }
        for (int c = 0; c < columns; c++)
            acc[walk->sums * row + c] = (int32_t)sums[c];
    }
}

//: section tile_dot_lanes needs tile_dot_lanes_block tile_dot_lanes_narrow tile_dot_quads
// acc[walk->sums * row + column] = the sums (resume: itself plus the sums) over the steps of walk
// of stream[walk->rows[row] + step + column] * panel[step + column]. rows (1 to 8) and columns (a
// power of two from 8 to 32) must be constants. Nothing is fetched ahead.
TILE_INLINE tile_dot_lanes(int rows, int columns, int32_t *restrict acc, const uint8_t *stream,
                           const int8_t *panel, const struct tile_walk *walk, int resume,
                           const int8_t *ahead) {
    (void)ahead;
    if (columns < DOT_LANES) {
        tile_dot_lanes_narrow(rows, columns, acc, stream, panel, walk, resume);
        return;
    }
#ifdef LANE_QUADS
    if (rows > 1 && walk->extent[2] > 2) {
        const int even = rows & ~1;
        if (!lane_rows_slide(even, walk)) {
            tile_dot_quads(0, rows, columns, acc, stream, panel, walk, resume);
            return;
        }
        tile_dot_quads(1, even, columns, acc, stream, panel, walk, resume);
        if (rows > even)
            tile_dot_lanes_block(even, 1, columns / DOT_LANES, acc + even * walk->sums, stream,
                                 panel, walk, resume);
        return;
    }
#endif
    const struct tile_shape shape =
        tile_shape(rows, columns, DOT_LANES, DOT_REGISTERS, DOT_ACCUMULATORS);
    const int height = shape.height, width = shape.width;
    const int high_rows = shape.high_blocks * height;
    for (int column = 0; column < columns; column += width * DOT_LANES) {
        for (int row = 0; row < high_rows; row += height)
            tile_dot_lanes_block(row, height, width, acc + row * walk->sums + column,
                                 stream + column, panel + column, walk, resume);
        for (int row = high_rows; height > 1 && row < rows; row += height - 1)
            tile_dot_lanes_block(row, height > 1 ? height - 1 : 1, width,
                                 acc + row * walk->sums + column, stream + column, panel + column,
                                 walk, resume);
    }
}
//: end

#endif
