// Register tiles of float32 by weights of codes: numbers of 4 or 8 bits that a scale and a zero
// point or an offset, which neighbours along the contracted axes share, make float32 of.
//
// What tile.h says of tiles holds for these, but for what the panel holds. It is block by block of
// extent[2] codes: a scale for each column, then, where they are listed, a zero or an offset for
// each column, all float32, or float16 where the panel has such numbers alone, and then the codes:
// of 8 bits a byte for each column, step by step, and of 4 bits one for each column and two steps,
// the first step's code in the lower bits. An element is (code - zero) * scale, or
// code * scale + offset, in float32, rounded twice. Or else tiles sum up `by_blocks`: code - zero
// is an element, each block has a sum from +0, and its scale times that is added; then the codes of
// 4 bits of eight steps of a column lie side by side, in four bytes. Bases and strides of the panel
// count bytes, and its walk's last level is a block.
//
// The text is cut by tools, as tile.h is.

#ifndef ET_TEMPLATES_TILE_CODES_H
#define ET_TEMPLATES_TILE_CODES_H

#include "templates/tile.h"

//: section coded_walk needs tile_walk
// A walk through a panel of codes of so many bits. `listed`: it holds zeros, 1, or offsets, 2; else
// `zero` is that of all codes. `half`: scales, zeros and offsets are float16. `by_blocks`: scales
// multiply the sums of blocks.
struct coded_walk {
    struct tile_walk steps;
    int bits, listed, half, by_blocks;
    float zero;
};

//: section code_vectors needs vector
//: names code_bytes code_byte_lanes code_bytes_load code_low code_high code_whole code_values
//: names code_words_load code_words_from code_halves code_word
// As many neighbouring bytes as a vector has lanes; what the codes in them stand for before the
// scale, less a number that the values were made for. (Without a mask, of all, g++ 12 warns of its
// own headers.) Words are four bytes of eight codes for each lane; from a bit on, the lowest code
// is that of code_low, and code_word is that of a number.
#if VECTOR_BITS == 512
typedef __m512i code_bytes;
static inline code_bytes code_bytes_load(const uint8_t *from) {
    return _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128((const __m128i *)from));
}
static inline code_bytes code_words_load(const uint8_t *from) {
    return _mm512_loadu_si512(from);
}
static inline code_bytes code_words_from(code_bytes x, int bit) {
    return (code_bytes)((__v16su)x >> bit);
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
static inline code_bytes code_words_load(const uint8_t *from) {
    return _mm256_loadu_si256((const __m256i *)from);
}
static inline code_bytes code_words_from(code_bytes x, int bit) {
    return (code_bytes)((__v8su)x >> bit);
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
#elif defined __riscv_v
typedef uint32_t code_bytes __attribute__((vector_size(16)));
typedef uint8_t code_byte_lanes __attribute__((vector_size(4)));
static inline code_bytes code_bytes_load(const uint8_t *from) {
    code_byte_lanes four;
    memcpy(&four, from, sizeof four);
    return __builtin_convertvector(four, code_bytes);
}
static inline code_bytes code_words_load(const uint8_t *from) {
    code_bytes words;
    memcpy(&words, from, sizeof words);
    return words;
}
static inline code_bytes code_words_from(code_bytes x, int bit) {
    return x >> (uint32_t)bit;
}
static inline vector code_values(float less) {
    return vector_of(less);
}
static inline vector code_low(code_bytes x, vector values) {
    return __builtin_convertvector(x & 15, vector) - values;
}
static inline vector code_high(code_bytes x, vector values) {
    return __builtin_convertvector(x >> 4, vector) - values;
}
static inline vector code_whole(code_bytes x, vector less) {
    return __builtin_convertvector(x, vector) - less;
}
#elif VECTOR_BITS == 128
typedef uint32x4_t code_bytes;
static inline code_bytes code_bytes_load(const uint8_t *from) {
    uint32_t four;
    memcpy(&four, from, sizeof four);
    return vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four))));
}
static inline code_bytes code_words_load(const uint8_t *from) {
    return vreinterpretq_u32_u8(vld1q_u8(from));
}
static inline code_bytes code_words_from(code_bytes x, int bit) {
    return vshlq_u32(x, vdupq_n_s32(-bit));
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
// What the code of a number of each word stands for. Halves of a vector's words have one shift for
// two codes: the upper one looks up the upper half of its value, so that the lower half of all
// values must be of zeros, as it is in small integers.
#if VECTOR_BITS == 512
static inline int code_halves(vector values) {
    return !_mm512_test_epi32_mask((__m512i)values, _mm512_set1_epi32(0xffff));
}
static inline vector code_word(code_bytes x, int number, vector values, int halves) {
    if (!halves)
        return code_low(code_words_from(x, 4 * number), values);
    const code_bytes from = (code_bytes)((__v32hu)x >> number % 4 * 4);
    if (number < 4)
        return code_low(from, values);
    const __m256i upper =
        _mm512_maskz_cvtepi32_epi16(0xffff, code_words_from((code_bytes)values, 16));
    return (vector)_mm512_maskz_permutexvar_epi16(0xaaaaaaaa, from,
                                                  _mm512_maskz_broadcast_i64x4(0xff, upper));
}
#elif VECTOR_BITS
static inline int code_halves(vector values) {
    (void)values;
    return 1;
}
static inline vector code_word(code_bytes x, int number, vector values, int halves) {
    (void)halves;
    return code_low(code_words_from(x, 4 * number), values);
}
#endif

//: section code_blocks needs tile_widen code_vectors
//: names CODES_ZEROS CODES_OFFSETS code_block code_block_at code_element
enum { CODES_ZEROS = 1, CODES_OFFSETS = 2 }; // what is listed
// A block of so many columns: its scales, with what is listed behind them, as float32, for which
// `wide` may be the place, and its codes.
struct code_block {
    const float *scales;
    const uint8_t *codes;
};
static inline struct code_block code_block_at(const uint8_t *from, int columns, int listed,
                                              int half, float *restrict wide) {
    const int count = (listed ? 2 : 1) * columns;
    struct code_block block = {(const float *)from, from + 4 * count};
    if (half) {
        tile_widen(TILE_F16, count, wide, (const uint16_t *)from);
        block.scales = wide;
        block.codes = from + 2 * count;
    }
    return block;
}
#if VECTOR_BITS
// What codes stand for; `beside` is what is listed.
static inline vector code_element(int listed, int by_blocks, vector code, vector scale,
                                  vector beside) {
    if (by_blocks && !listed)
        return code;
    if (by_blocks)
        return code - beside;
    if (listed == CODES_OFFSETS)
        return code * scale + beside;
    if (listed)
        return (code - beside) * scale;
    return code * scale;
}
#endif

//: section tile_codes needs tile coded_walk code_blocks
//: names CODES_DECODED code_decode codes_part codes_row codes_row_of codes_row_listed code_number
//: names CODES_TOGETHER codes_words codes_block_row codes_block codes_scaled_block
enum { CODES_TOGETHER = 8 }; // steps of which a column's codes of 4 bits are a word, by blocks
#if VECTOR_BITS
// Adds so many steps of a block to one row of sums, in registers: its elements are multiplied as
// soon as they are made. Where words are many, each vector of sums reads the stream by a pointer of
// its own: a multiplication then takes its number from memory, which is cheaper than a broadcast.
TILE_INLINE codes_words(int halves, int listed, int vectors, vector *sums, const float *x,
                        ptrdiff_t step, struct code_block block, vector values, ptrdiff_t steps) {
    const int columns = vectors * VECTOR_LANES;
    const uint8_t *codes = block.codes;
    TILE_KEEP_LOOP
    for (ptrdiff_t k = 0; k < steps; k += CODES_TOGETHER, codes += 4 * columns) {
        const float *stream[64 / VECTOR_LANES];
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            stream[v] = x + k * step;
#if VECTOR_BITS == 512
            __asm__ volatile("" : "+r"(stream[v]));
#endif
            __builtin_prefetch(codes + TILE_AHEAD * 64 + v * 4 * VECTOR_LANES);
        }
        TILE_UNROLL
        for (int j = 0; j < CODES_TOGETHER; j++) {
            TILE_UNROLL
            for (int v = 0; v < vectors; v++) {
                const code_bytes words = code_words_load(codes + v * 4 * VECTOR_LANES);
                vector code = code_word(words, j, values, halves);
                if (listed)
                    code = code - vector_load(block.scales + columns + v * VECTOR_LANES);
                sums[v] = vector_fma(vector_of(stream[v][j * step]), code, sums[v]);
            }
        }
    }
}
// The same of codes of 8 bits, or of 4 of which elements are scaled by themselves.
TILE_INLINE codes_row(int bits, int listed, int by_blocks, int vectors, vector *sums,
                      const float *x, ptrdiff_t step, struct code_block block, vector values,
                      ptrdiff_t steps) {
    const int columns = vectors * VECTOR_LANES;
    const float *scales = block.scales;
    const uint8_t *codes = block.codes;
    TILE_KEEP_LOOP
    for (ptrdiff_t k = 0; k < steps; k += 8 / bits, x += 8 / bits * step, codes += columns) {
        const vector first = vector_of(x[0]), second = bits == 4 ? vector_of(x[step]) : first;
        __builtin_prefetch(codes + 2 * TILE_AHEAD * columns); // rows of bytes are short
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            const code_bytes bytes = code_bytes_load(codes + v * VECTOR_LANES);
            const vector scale = by_blocks ? first : vector_load(scales + v * VECTOR_LANES);
            const vector beside = listed ? vector_load(scales + columns + v * VECTOR_LANES) : scale;
            const vector low = bits == 4 ? code_low(bytes, values) : code_whole(bytes, values);
            sums[v] =
                vector_fma(first, code_element(listed, by_blocks, low, scale, beside), sums[v]);
            if (bits == 4) {
                const vector high = code_high(bytes, values);
                sums[v] = vector_fma(second, code_element(listed, by_blocks, high, scale, beside),
                                     sums[v]);
            }
        }
    }
}
// One row of sums by a block.
TILE_INLINE codes_block_row(int bits, int listed, int by_blocks, int vectors, vector *sums,
                            const float *x, ptrdiff_t step, struct code_block block, vector values,
                            ptrdiff_t steps) {
    vector of_block[64 / VECTOR_LANES];
    if (!by_blocks) {
        codes_row(bits, listed, 0, vectors, sums, x, step, block, values, steps);
        return;
    }
    TILE_UNROLL
    for (int v = 0; v < vectors; v++)
        of_block[v] = vector_of(0.0f);
    if (bits == 8)
        codes_row(bits, listed, 1, vectors, of_block, x, step, block, values, steps);
    else if (step == 1 && code_halves(values))
        codes_words(1, listed, vectors, of_block, x, 1, block, values, steps);
    else
        codes_words(0, listed, vectors, of_block, x, step, block, values, steps);
    TILE_UNROLL
    for (int v = 0; v < vectors; v++)
        sums[v] = vector_fma(of_block[v], vector_load(block.scales + v * VECTOR_LANES), sums[v]);
}
TILE_INLINE codes_row_of(int bits, int listed, int by_blocks, int vectors, float *restrict acc,
                         const float *x, const uint8_t *panel, const struct coded_walk *walk,
                         int resume, const uint8_t *ahead) {
    const struct tile_walk *steps = &walk->steps;
    const ptrdiff_t lines = ahead ? steps->ahead : 0;
    const float less = listed ? 0.0f : walk->zero;
    const vector values = bits == 4 ? code_values(less) : vector_of(less);
    vector sums[64 / VECTOR_LANES];
    _Alignas(64) float wide[2 * 64];
    TILE_UNROLL
    for (int v = 0; v < vectors; v++)
        sums[v] = resume ? vector_load(acc + v * VECTOR_LANES) : vector_of(0.0f);
    for (ptrdiff_t i = 0; i < steps->extent[0]; i++) {
        for (ptrdiff_t j = 0; j < steps->extent[1]; j++)
            codes_block_row(bits, listed, by_blocks, vectors, sums,
                            x + steps->rows[0] + i * steps->stream[0] + j * steps->stream[1],
                            steps->stream[2],
                            code_block_at(panel + i * steps->panel[0] + j * steps->panel[1],
                                          vectors * VECTOR_LANES, listed, walk->half, wide),
                            values, steps->extent[2]);
        for (ptrdiff_t n = 0; n < lines; n++, ahead += 4 * TILE_LINE)
            __builtin_prefetch(ahead, 0, 2); // into the second cache
    }
    TILE_UNROLL
    for (int v = 0; v < vectors; v++)
        vector_store(acc + v * VECTOR_LANES, sums[v]);
}
TILE_INLINE codes_row_listed(int bits, int vectors, float *restrict acc, const float *x,
                             const uint8_t *panel, const struct coded_walk *walk, int resume,
                             const uint8_t *ahead) {
    if (walk->by_blocks && walk->listed)
        codes_row_of(bits, CODES_ZEROS, 1, vectors, acc, x, panel, walk, resume, ahead);
    else if (walk->by_blocks)
        codes_row_of(bits, 0, 1, vectors, acc, x, panel, walk, resume, ahead);
    else if (walk->listed == CODES_OFFSETS)
        codes_row_of(bits, CODES_OFFSETS, 0, vectors, acc, x, panel, walk, resume, ahead);
    else if (walk->listed)
        codes_row_of(bits, CODES_ZEROS, 0, vectors, acc, x, panel, walk, resume, ahead);
    else
        codes_row_of(bits, 0, 0, vectors, acc, x, panel, walk, resume, ahead);
}
#endif
// The code of a step and a column of a block.
static inline int code_number(int columns, const uint8_t *codes, const struct coded_walk *walk,
                              ptrdiff_t k, int column) {
    if (walk->bits == 8)
        return codes[k * columns + column];
    const ptrdiff_t byte = walk->by_blocks
                               ? (k / CODES_TOGETHER * columns + column) * (CODES_TOGETHER / 2) +
                                     k % CODES_TOGETHER / 2
                               : k / 2 * columns + column;
    return codes[byte] >> k % 2 * 4 & 15;
}
// Steps k to k + steps of a block as float32, [step][column]; by blocks, before they are scaled.
enum { CODES_DECODED = 32 }; // steps at a time: they stay in L1
static inline void code_decode(int columns, float *restrict to, struct code_block block,
                               const struct coded_walk *walk, ptrdiff_t k, ptrdiff_t steps) {
    const int listed = walk->listed, by_blocks = walk->by_blocks;
    const float *scales = block.scales, *besides = scales + columns;
    int first = 0;
#if VECTOR_BITS
    const int each = walk->bits == 4 ? 2 : 1; // codes of a byte
    const int words = by_blocks && each == 2;
    const float less = listed ? 0.0f : walk->zero;
    const vector values = each == 2 ? code_values(less) : vector_of(less);
    for (; first + VECTOR_LANES <= columns; first += VECTOR_LANES) {
        const vector scale = vector_load(scales + first);
        const vector beside = listed ? vector_load(besides + first) : scale;
        const uint8_t *from = block.codes + k / each * columns + (words ? 4 : 1) * first;
        float *row = to + first;
        for (ptrdiff_t s = 0; s < steps && words; s += CODES_TOGETHER, from += 4 * columns) {
            const code_bytes bytes = code_words_load(from);
            TILE_UNROLL
            for (int j = 0; j < CODES_TOGETHER; j++, row += columns)
                vector_store(
                    row, code_element(listed, 1, code_word(bytes, j, values, 0), scale, beside));
        }
        for (ptrdiff_t s = 0; s < steps && !words; s += each, from += columns) {
            const code_bytes bytes = code_bytes_load(from);
            const vector low = each == 2 ? code_low(bytes, values) : code_whole(bytes, values);
            vector_store(row, code_element(listed, by_blocks, low, scale, beside));
            if (each == 2)
                vector_store(row + columns, code_element(listed, by_blocks,
                                                         code_high(bytes, values), scale, beside));
            row += each * columns;
        }
    }
#endif
    for (; first < columns; first++) {
        const float scale = by_blocks ? 1.0f : scales[first];
        const float beside = listed ? besides[first] : 0.0f;
        const float zero = listed == CODES_OFFSETS ? 0.0f : listed ? beside : walk->zero;
        const float offset = listed == CODES_OFFSETS ? beside : -0.0f; // which changes nothing
        for (ptrdiff_t s = 0; s < steps; s++) {
            const float code = (float)code_number(columns, block.codes, walk, k + s, first);
            to[s * columns + first] = (code - zero) * scale + offset;
        }
    }
}
typedef void codes_part(float *restrict acc, const float *stream, const float *panel,
                        const struct tile_walk *walk, int resume, const float *ahead);
// Adds a block to the sums of several rows: so many steps of the panel are made in L1, for `part`,
// the tile of as many rows and columns.
TILE_INLINE codes_block(int columns, codes_part *part, float *restrict acc, const float *x,
                        struct code_block block, const struct coded_walk *walk,
                        struct tile_walk *steps) {
    _Alignas(64) float decoded[CODES_DECODED * 64];
    for (ptrdiff_t k = 0; k < walk->steps.extent[2]; k += CODES_DECODED) {
        const ptrdiff_t left = walk->steps.extent[2] - k;
        steps->extent[2] = left < CODES_DECODED ? left : (ptrdiff_t)CODES_DECODED;
        code_decode(columns, decoded, block, walk, k, steps->extent[2]);
        part(acc, x + k * steps->stream[2], decoded, steps, 1, NULL);
    }
}
// The same by blocks.
TILE_INLINE codes_scaled_block(int rows, int columns, codes_part *part, float *restrict acc,
                               const float *x, struct code_block block,
                               const struct coded_walk *walk, struct tile_walk *steps) {
    _Alignas(64) float sums[12 * 64];
    const ptrdiff_t apart = steps->sums;
    memset(sums, 0, sizeof *sums * (size_t)(rows * columns));
    steps->sums = columns;
    codes_block(columns, part, sums, x, block, walk, steps);
    steps->sums = apart;
    for (int row = 0; row < rows; row++) {
        const float *from = sums + row * columns;
        float *to = acc + row * apart;
        int c = 0;
#if VECTOR_BITS
        for (; c + VECTOR_LANES <= columns; c += VECTOR_LANES)
            vector_store(to + c, vector_fma(vector_load(from + c), vector_load(block.scales + c),
                                            vector_load(to + c)));
#endif
        for (; c < columns; c++)
            to[c] = f32_fma(from[c], block.scales[c], to[c]);
    }
}
// tile() for such panels, of at most 64 columns.
TILE_INLINE tile_codes(int rows, int columns, codes_part *part, float *restrict acc,
                       const float *stream, const uint8_t *panel, const struct coded_walk *walk,
                       int resume, const uint8_t *ahead) {
    (void)ahead;
#if VECTOR_BITS
    const int vectors = columns / VECTOR_LANES;
    if (rows == 1 && columns % VECTOR_LANES == 0) {
        if (walk->bits == 4)
            codes_row_listed(4, vectors, acc, stream, panel, walk, resume, ahead);
        else
            codes_row_listed(8, vectors, acc, stream, panel, walk, resume, ahead);
        return;
    }
#endif
    _Alignas(64) float wide[2 * 64];
    struct tile_walk steps = walk->steps;
    steps.extent[0] = steps.extent[1] = 1;
    steps.panel[2] = columns;
    for (int n = 0; n < rows * columns && !resume; n++)
        acc[n / columns * steps.sums + n % columns] = 0.0f;
    for (ptrdiff_t i = 0; i < walk->steps.extent[0]; i++)
        for (ptrdiff_t j = 0; j < walk->steps.extent[1]; j++) {
            const float *x = stream + i * steps.stream[0] + j * steps.stream[1];
            const struct code_block block =
                code_block_at(panel + i * walk->steps.panel[0] + j * walk->steps.panel[1], columns,
                              walk->listed, walk->half, wide);
            if (walk->by_blocks)
                codes_scaled_block(rows, columns, part, acc, x, block, walk, &steps);
            else
                codes_block(columns, part, acc, x, block, walk, &steps);
        }
}
//: end

#endif
