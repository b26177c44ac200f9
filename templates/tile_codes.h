// Register tiles of float32 by weights of codes: numbers of 4 or 8 bits that a zero point and a
// scale, which neighbours along the contracted axes share, make float32 of.
//
// What tile.h says of tiles holds for these, but for what the panel holds. It is block by block of
// extent[2] codes: a float32 scale for each column, then, where zeros are listed, a float32 zero
// for each column, and then the codes: of 8 bits a byte for each column, step by step, and of 4
// bits one for each column and two steps, the first step's code in the lower bits. An element is
// (code - zero) * scale, rounded twice. Offsets and strides of the panel count bytes, and its
// walk's last level is a block.
//
// The text is cut by tools, as tile.h is.

#ifndef ET_TEMPLATES_TILE_CODES_H
#define ET_TEMPLATES_TILE_CODES_H

#include "templates/tile.h"

//: section coded_walk needs tile_walk
// A walk through a panel of codes of so many bits. `listed`: it holds zeros; else `zero` is that of
// all codes.
struct coded_walk {
    struct tile_walk steps;
    int bits, listed;
    float zero;
};

//: section code_vectors needs vector
//: names code_bytes code_bytes_load code_low code_high code_whole code_values
// As many neighbouring bytes as a vector has lanes; what the codes in them stand for before the
// scale, less a number that the values were made for. (Without a mask, of all, g++ 12 warns of its
// own headers.)
#if VECTOR_BITS == 512
typedef __m512i code_bytes;
static inline code_bytes code_bytes_load(const uint8_t *from) {
    return _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128((const __m128i *)from));
}
// All values of 4 bits: a code looks up its own by its lower bits.
static inline vector code_values(float less) {
    const vector all = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return all - vector_of(less);
}
static inline vector code_low(code_bytes x, vector values) {
    return _mm512_maskz_permutexvar_ps(0xffff, x, values);
}
static inline vector code_high(code_bytes x, vector values) {
    return _mm512_maskz_permutexvar_ps(0xffff, _mm512_maskz_srli_epi32(0xffff, x, 4), values);
}
static inline vector code_whole(code_bytes x, vector less) {
    return _mm512_maskz_cvtepi32_ps(0xffff, x) - less;
}
#elif VECTOR_BITS == 256
typedef __m256i code_bytes;
static inline code_bytes code_bytes_load(const uint8_t *from) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from));
}
static inline vector code_values(float less) {
    return vector_of(less);
}
static inline vector code_low(code_bytes x, vector values) {
    return _mm256_cvtepi32_ps(_mm256_and_si256(x, _mm256_set1_epi32(15))) - values;
}
static inline vector code_high(code_bytes x, vector values) {
    return _mm256_cvtepi32_ps(_mm256_srli_epi32(x, 4)) - values;
}
static inline vector code_whole(code_bytes x, vector less) {
    return _mm256_cvtepi32_ps(x) - less;
}
#elif VECTOR_BITS == 128
typedef uint32x4_t code_bytes;
static inline code_bytes code_bytes_load(const uint8_t *from) {
    uint32_t four;
    memcpy(&four, from, sizeof four);
    return vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four))));
}
static inline vector code_values(float less) {
    return vector_of(less);
}
static inline vector code_low(code_bytes x, vector values) {
    return vcvtq_f32_u32(vandq_u32(x, vdupq_n_u32(15))) - values;
}
static inline vector code_high(code_bytes x, vector values) {
    return vcvtq_f32_u32(vshrq_n_u32(x, 4)) - values;
}
static inline vector code_whole(code_bytes x, vector less) {
    return vcvtq_f32_u32(x) - less;
}
#endif

//: section tile_codes needs tile coded_walk code_vectors
//: names CODES_DECODED code_decode codes_part codes_row codes_row_of
// One row of sums by a block of so many steps, in registers: its elements are multiplied as soon as
// they are made.
#if VECTOR_BITS
TILE_INLINE codes_row(int bits, int listed, int vectors, vector *sums, const float *x,
                      ptrdiff_t step, const float *scales, vector values, ptrdiff_t steps) {
    const int columns = vectors * VECTOR_LANES;
    const uint8_t *codes = (const uint8_t *)(scales + (1 + listed) * columns);
    TILE_KEEP_LOOP
    for (ptrdiff_t k = 0; k < steps; k += 8 / bits, x += 8 / bits * step, codes += columns) {
        const vector first = vector_of(x[0]), second = bits == 4 ? vector_of(x[step]) : first;
        __builtin_prefetch(codes + 2 * TILE_AHEAD * columns); // rows of bytes are short
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            const code_bytes bytes = code_bytes_load(codes + v * VECTOR_LANES);
            const vector scale = vector_load(scales + v * VECTOR_LANES);
            vector low = bits == 4 ? code_low(bytes, values) : code_whole(bytes, values);
            vector high = bits == 4 ? code_high(bytes, values) : low;
            if (listed) {
                const vector zero = vector_load(scales + columns + v * VECTOR_LANES);
                low = low - zero;
                high = high - zero;
            }
            sums[v] = vector_fma(first, low * scale, sums[v]);
            if (bits == 4)
                sums[v] = vector_fma(second, high * scale, sums[v]);
        }
    }
}
TILE_INLINE codes_row_of(int bits, int listed, int vectors, float *restrict acc, const float *x,
                         const uint8_t *panel, const struct coded_walk *walk, int resume) {
    const struct tile_walk *steps = &walk->steps;
    const float less = listed ? 0.0f : walk->zero;
    const vector values = bits == 4 ? code_values(less) : vector_of(less);
    vector sums[64 / VECTOR_LANES];
    TILE_UNROLL
    for (int v = 0; v < vectors; v++)
        sums[v] = resume ? vector_load(acc + v * VECTOR_LANES) : vector_of(0.0f);
    for (ptrdiff_t i = 0; i < steps->extent[0]; i++)
        for (ptrdiff_t j = 0; j < steps->extent[1]; j++)
            codes_row(bits, listed, vectors, sums,
                      x + steps->rows[0] + i * steps->stream[0] + j * steps->stream[1],
                      steps->stream[2],
                      (const float *)(panel + i * steps->panel[0] + j * steps->panel[1]), values,
                      steps->extent[2]);
    TILE_UNROLL
    for (int v = 0; v < vectors; v++)
        vector_store(acc + v * VECTOR_LANES, sums[v]);
}
#endif
// Steps k to k + steps of a block as float32, [step][column].
enum { CODES_DECODED = 32 }; // steps at a time: they stay in L1
static inline void code_decode(int columns, float *restrict to, const float *scales,
                               const struct coded_walk *walk, ptrdiff_t k, ptrdiff_t steps) {
    const int listed = walk->listed != 0, each = walk->bits == 4 ? 2 : 1; // codes of a byte
    const float *zeros = scales + columns;
    const uint8_t *codes = (const uint8_t *)(scales + (1 + listed) * columns) + k / each * columns;
    int first = 0;
#if VECTOR_BITS
    const float less = listed ? 0.0f : walk->zero;
    const vector values = each == 2 ? code_values(less) : vector_of(less);
    for (; first + VECTOR_LANES <= columns; first += VECTOR_LANES) {
        const vector scale = vector_load(scales + first);
        const vector zero = listed ? vector_load(zeros + first) : vector_of(0.0f);
        const uint8_t *from = codes + first;
        float *row = to + first;
        for (ptrdiff_t s = 0; s < steps; s += each, from += columns, row += each * columns) {
            const code_bytes bytes = code_bytes_load(from);
            const vector low = each == 2 ? code_low(bytes, values) : code_whole(bytes, values);
            vector_store(row, (low - zero) * scale);
            if (each == 2)
                vector_store(row + columns, (code_high(bytes, values) - zero) * scale);
        }
    }
#endif
    for (; first < columns; first++) {
        const float scale = scales[first], zero = listed ? zeros[first] : walk->zero;
        const uint8_t *from = codes + first;
        float *row = to + first;
        for (ptrdiff_t s = 0; s < steps; s += each, from += columns, row += each * columns) {
            const float low = (float)(each == 2 ? *from & 15 : *from) - zero;
            const float high = (float)(*from >> 4) - zero;
            row[0] = low * scale;
            if (each == 2)
                row[columns] = high * scale;
        }
    }
}
typedef void codes_part(float *restrict acc, const float *stream, const float *panel,
                        const struct tile_walk *walk, int resume, const float *ahead);
// tile() for such panels, of at most 64 columns; for several rows, so many steps of the panel are
// made in L1, for `part`, the tile of as many rows and columns.
TILE_INLINE tile_codes(int rows, int columns, codes_part *part, float *restrict acc,
                       const float *stream, const uint8_t *panel, const struct coded_walk *walk,
                       int resume, const uint8_t *ahead) {
    (void)ahead;
#if VECTOR_BITS
    const int vectors = columns / VECTOR_LANES;
    if (rows == 1 && columns % VECTOR_LANES == 0) {
        if (walk->bits == 4 && walk->listed)
            codes_row_of(4, 1, vectors, acc, stream, panel, walk, resume);
        else if (walk->bits == 4)
            codes_row_of(4, 0, vectors, acc, stream, panel, walk, resume);
        else if (walk->listed)
            codes_row_of(8, 1, vectors, acc, stream, panel, walk, resume);
        else
            codes_row_of(8, 0, vectors, acc, stream, panel, walk, resume);
        return;
    }
#endif
    _Alignas(64) float decoded[CODES_DECODED * 64];
    struct tile_walk steps = walk->steps;
    steps.extent[0] = steps.extent[1] = 1;
    steps.panel[2] = columns;
    for (int n = 0; n < rows * columns && !resume; n++)
        acc[n / columns * steps.sums + n % columns] = 0.0f;
    for (ptrdiff_t i = 0; i < walk->steps.extent[0]; i++)
        for (ptrdiff_t j = 0; j < walk->steps.extent[1]; j++) {
            const float *x = stream + i * steps.stream[0] + j * steps.stream[1];
            const uint8_t *block = panel + i * steps.panel[0] + j * steps.panel[1];
            for (ptrdiff_t k = 0; k < walk->steps.extent[2]; k += CODES_DECODED) {
                const ptrdiff_t left = walk->steps.extent[2] - k;
                steps.extent[2] = left < CODES_DECODED ? left : (ptrdiff_t)CODES_DECODED;
                code_decode(columns, decoded, (const float *)block, walk, k, steps.extent[2]);
                part(acc, x + k * steps.stream[2], decoded, &steps, 1, NULL);
            }
        }
}
//: end

#endif
