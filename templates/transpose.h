// Float32 from columns into rows, by squares that are turned in registers.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_TRANSPOSE_H
#define ET_TEMPLATES_TRANSPOSE_H

#include "templates/tile.h"

//: section f32_transpose needs vector tile_loops
//: names transpose_square transpose_squares
// As many rows and columns as a vector has lanes. Pairs of rows exchange elements, then pairs of
// elements, then quarters of vectors, and so on. (Without a mask, of all, g++ 12 warns of its own
// headers.)
#if VECTOR_BITS == 512
static inline void transpose_square(float *to, ptrdiff_t to_row, const float *from,
                                    ptrdiff_t from_column) {
    vector x[16], y[16];
    TILE_UNROLL
    for (int i = 0; i < 16; i++)
        x[i] = vector_load(from + i * from_column);
    TILE_UNROLL
    for (int i = 0; i < 16; i += 2) {
        y[i] = _mm512_maskz_unpacklo_ps(0xffff, x[i], x[i + 1]);
        y[i + 1] = _mm512_maskz_unpackhi_ps(0xffff, x[i], x[i + 1]);
    }
    TILE_UNROLL
    for (int i = 0; i < 16; i += 4) {
        for (int k = 0; k < 2; k++) {
            const __m512d a = _mm512_castps_pd(y[i + k]), b = _mm512_castps_pd(y[i + k + 2]);
            x[i + 2 * k] = _mm512_castpd_ps(_mm512_maskz_unpacklo_pd(0xff, a, b));
            x[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_maskz_unpackhi_pd(0xff, a, b));
        }
    }
    TILE_UNROLL
    for (int i = 0; i < 16; i += 8) {
        for (int k = 0; k < 4; k++) {
            y[i + k] = _mm512_maskz_shuffle_f32x4(0xffff, x[i + k], x[i + 4 + k], 0x88);
            y[i + 4 + k] = _mm512_maskz_shuffle_f32x4(0xffff, x[i + k], x[i + 4 + k], 0xdd);
        }
    }
    TILE_UNROLL
    for (int i = 0; i < 8; i++) {
        vector_store(to + i * to_row, _mm512_maskz_shuffle_f32x4(0xffff, y[i], y[8 + i], 0x88));
        vector_store(to + (8 + i) * to_row,
                     _mm512_maskz_shuffle_f32x4(0xffff, y[i], y[8 + i], 0xdd));
    }
}
#elif VECTOR_BITS == 256
static inline void transpose_square(float *to, ptrdiff_t to_row, const float *from,
                                    ptrdiff_t from_column) {
    vector x[8], y[8];
    TILE_UNROLL
    for (int i = 0; i < 8; i++)
        x[i] = vector_load(from + i * from_column);
    TILE_UNROLL
    for (int i = 0; i < 8; i += 2) {
        y[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
        y[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    TILE_UNROLL
    for (int i = 0; i < 8; i += 4) {
        for (int k = 0; k < 2; k++) {
            const __m256d a = _mm256_castps_pd(y[i + k]), b = _mm256_castps_pd(y[i + k + 2]);
            x[i + 2 * k] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
            x[i + 2 * k + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
        }
    }
    TILE_UNROLL
    for (int i = 0; i < 4; i++) {
        vector_store(to + i * to_row, _mm256_permute2f128_ps(x[i], x[4 + i], 0x20));
        vector_store(to + (4 + i) * to_row, _mm256_permute2f128_ps(x[i], x[4 + i], 0x31));
    }
}
#elif defined __riscv_v
static inline void transpose_square(float *to, ptrdiff_t to_row, const float *from,
                                    ptrdiff_t from_column) {
    vector y[4];
    TILE_UNROLL
    for (int i = 0; i < 4; i += 2) {
        const vector a = vector_load(from + i * from_column);
        const vector b = vector_load(from + (i + 1) * from_column);
        y[i] = __builtin_shufflevector(a, b, 0, 4, 1, 5);
        y[i + 1] = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    }
    TILE_UNROLL
    for (int i = 0; i < 2; i++) {
        vector_store(to + 2 * i * to_row, __builtin_shufflevector(y[i], y[2 + i], 0, 1, 4, 5));
        vector_store(to + (2 * i + 1) * to_row,
                     __builtin_shufflevector(y[i], y[2 + i], 2, 3, 6, 7));
    }
}
#elif VECTOR_BITS == 128
static inline void transpose_square(float *to, ptrdiff_t to_row, const float *from,
                                    ptrdiff_t from_column) {
    float64x2_t y[4];
    TILE_UNROLL
    for (int i = 0; i < 4; i += 2) {
        const vector a = vector_load(from + i * from_column);
        const vector b = vector_load(from + (i + 1) * from_column);
        y[i] = vreinterpretq_f64_f32(vtrn1q_f32(a, b));
        y[i + 1] = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
    }
    TILE_UNROLL
    for (int i = 0; i < 2; i++) {
        vector_store(to + i * to_row, vreinterpretq_f32_f64(vtrn1q_f64(y[i], y[2 + i])));
        vector_store(to + (2 + i) * to_row, vreinterpretq_f32_f64(vtrn2q_f64(y[i], y[2 + i])));
    }
}
#endif
#if VECTOR_BITS
// All squares; a square of rows behind a square of rows, or, of what lies in one piece and goes
// into few lines of memory, of columns behind columns. Those are read once before, a line behind
// the other: so memory sends the next ones in time, which it does not where rows lie apart.
static inline void transpose_squares(float *restrict to, ptrdiff_t to_row,
                                     const float *restrict from, ptrdiff_t from_column,
                                     ptrdiff_t rows, ptrdiff_t columns) {
    enum { LINE = 16, MOST = 4096, SIDE = VECTOR_LANES };
    if (from_column != rows || rows * to_row > MOST) {
        for (ptrdiff_t row = 0; row < rows; row += SIDE)
            for (ptrdiff_t column = 0; column < columns; column += SIDE)
                transpose_square(to + row * to_row + column, to_row,
                                 from + column * from_column + row, from_column);
        return;
    }
    for (ptrdiff_t column = 0; column < columns; column += SIDE) {
        const float *lines = from + column * from_column;
        for (ptrdiff_t i = 0; i < SIDE * from_column; i += LINE)
            (void)*(const volatile float *)&lines[i];
        for (ptrdiff_t row = 0; row < rows; row += SIDE)
            transpose_square(to + row * to_row + column, to_row, lines + row, from_column);
    }
}
#endif

// to[row * to_row + column] = from[column * from_column + row]; the two are apart.
static __attribute__((noinline, unused)) void f32_transpose(float *restrict to, ptrdiff_t to_row,
                                                            const float *restrict from,
                                                            ptrdiff_t from_column, ptrdiff_t rows,
                                                            ptrdiff_t columns) {
    ptrdiff_t whole_rows = 0, whole_columns = 0;
#if VECTOR_BITS
    __asm__("" : "+r"(rows), "+r"(columns)); // known ones make gcc warn of loops that never begin
    whole_rows = rows - rows % VECTOR_LANES;
    whole_columns = columns - columns % VECTOR_LANES;
    transpose_squares(to, to_row, from, from_column, whole_rows, whole_columns);
#endif
    for (ptrdiff_t row = 0; row < rows; row++)
        for (ptrdiff_t column = row < whole_rows ? whole_columns : 0; column < columns; column++)
            to[row * to_row + column] = from[column * from_column + row];
}

//: end

#endif
