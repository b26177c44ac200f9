// Tiles that go lane by lane, by dot products of bytes: four taps of a channel are put side by
// side, so that one instruction multiplies them all. What tile_dot_lanes.h says of these tiles
// holds.
//
// The text is cut by tools, as tile.h is.

#ifndef ET_TEMPLATES_TILE_DOT_QUADS_H
#define ET_TEMPLATES_TILE_DOT_QUADS_H

#include "templates/tile_dot.h"

//: section lane_quads needs dot_products
//: names lane_bytes lane_quads_of lane_quads_apart
//: macros LANE_QUADS
// The 64 channels of a vector, or as many of several rows, one in each part: 64 / columns rows that
// begin so far from `from`. Unpacked with three others, they are four vectors of quads: of the
// channels from 4 * i on of each part of 16, which lane_quads_apart puts in order again.
#if VECTOR_BITS == 512 && defined DOT_SUM
#define LANE_QUADS
typedef struct {
    dot_bytes part[4];
} lane_quads;
static inline dot_bytes lane_bytes(int columns, const uint8_t *from, const ptrdiff_t *rows) {
    if (columns == 64)
        return _mm512_loadu_si512(from + rows[0]);
    if (columns == 32) {
        const __m256i low = _mm256_loadu_si256((const __m256i *)(from + rows[0]));
        const __m256i high = _mm256_loadu_si256((const __m256i *)(from + rows[1]));
        return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    }
    __m128i quarter[4];
    for (int i = 0; i < 4; i++)
        quarter[i] = _mm_loadu_si128((const __m128i *)(from + rows[i]));
    dot_bytes all = _mm512_castsi128_si512(quarter[0]);
    all = _mm512_inserti32x4(all, quarter[1], 1);
    all = _mm512_inserti32x4(all, quarter[2], 2);
    return _mm512_inserti32x4(all, quarter[3], 3);
}
static inline lane_quads lane_quads_of(const dot_bytes *x) {
    const dot_bytes low01 = _mm512_unpacklo_epi8(x[0], x[1]);
    const dot_bytes high01 = _mm512_unpackhi_epi8(x[0], x[1]);
    const dot_bytes low23 = _mm512_unpacklo_epi8(x[2], x[3]);
    const dot_bytes high23 = _mm512_unpackhi_epi8(x[2], x[3]);
    const lane_quads quads = {
        {_mm512_unpacklo_epi16(low01, low23), _mm512_unpackhi_epi16(low01, low23),
         _mm512_unpacklo_epi16(high01, high23), _mm512_unpackhi_epi16(high01, high23)}};
    return quads;
}
static inline lane_quads lane_quads_apart(lane_quads x) {
    const dot_bytes low01 = _mm512_shuffle_i32x4(x.part[0], x.part[1], 0x44);
    const dot_bytes high01 = _mm512_shuffle_i32x4(x.part[0], x.part[1], 0xee);
    const dot_bytes low23 = _mm512_shuffle_i32x4(x.part[2], x.part[3], 0x44);
    const dot_bytes high23 = _mm512_shuffle_i32x4(x.part[2], x.part[3], 0xee);
    const lane_quads sums = {
        {_mm512_shuffle_i32x4(low01, low23, 0x88), _mm512_shuffle_i32x4(low01, low23, 0xdd),
         _mm512_shuffle_i32x4(high01, high23, 0x88), _mm512_shuffle_i32x4(high01, high23, 0xdd)}};
    return sums;
}
#endif

//: section tile_dot_quads needs lane_quads tile_walk tile_loops
//: names lane_rows_slide
#ifdef LANE_QUADS
// Whether each second row lies one step of the innermost sum behind the one before it: then three
// taps of both are among the same four elements.
static inline int lane_rows_slide(int rows, const struct tile_walk *walk) {
    int slide = rows > 1;
    TILE_UNROLL
    for (int r = 0; r + 1 < rows; r += 2)
        slide &= walk->rows[r + 1] - walk->rows[r] == walk->stream[2];
    return slide;
}
// As tile_dot_lanes does; columns: 16, 32 or 64. With `slide`, rows must be even and lie so, and
// the quads of a row's first three taps are, in the other order, those of the next row's.
TILE_INLINE tile_dot_quads(int slide, int rows, int columns, int32_t *restrict acc,
                           const uint8_t *stream, const int8_t *panel, const struct tile_walk *walk,
                           int resume) {
    enum { MOST_GROUPS = 4 };
    const int each = slide ? 2 : 1; // rows of a part
    const int taps = slide ? 3 : 4, parts = 64 / columns;
    const int groups = (rows / each + parts - 1) / parts;
    const ptrdiff_t same[4] = {0, 0, 0, 0};
    ptrdiff_t first[MOST_GROUPS][4];
    lane_quads sums[MOST_GROUPS][2];
    TILE_UNROLL
    for (int n = 0; n < groups * parts; n++) { // those beyond the last row are of no use
        const int row = n * each < rows ? n * each : rows - each;
        first[n / parts][n % parts] = walk->rows[row];
    }
    TILE_UNROLL
    for (int n = 0; n < groups * each * 4; n++)
        sums[n / 4 / each][n / 4 % each].part[n % 4] = (dot_bytes)dot_zero();
    for (ptrdiff_t i = 0; i < walk->extent[0]; i++) {
        TILE_KEEP_LOOP
        for (ptrdiff_t j = 0; j < walk->extent[1]; j++) {
            const uint8_t *x = stream + i * walk->stream[0] + j * walk->stream[1];
            const int8_t *y = panel + i * walk->panel[0] + j * walk->panel[1];
            for (ptrdiff_t k = 0; k < walk->extent[2]; k += taps) {
                const ptrdiff_t left = walk->extent[2] - k, count = left < taps ? left : taps;
                dot_bytes element[4], row[4];
                TILE_HIDE(x);
                TILE_UNROLL
                for (int t = 0; t < 4; t++) {
                    const uint8_t *tap = (const uint8_t *)y + (k + t) * walk->panel[2];
                    row[t] = t < count ? lane_bytes(columns, tap, same) : (dot_bytes)dot_zero();
                }
                const lane_quads weights = lane_quads_of(row);
                TILE_UNROLL
                for (int g = 0; g < groups; g++) {
                    TILE_UNROLL
                    for (int t = 0; t < 4; t++) { // beyond the last element, that again
                        const ptrdiff_t last = count - (slide ? 0 : 1), step = t < last ? t : last;
                        element[t] =
                            lane_bytes(columns, x + (k + step) * walk->stream[2], first[g]);
                    }
                    const lane_quads quads = lane_quads_of(element);
                    TILE_UNROLL
                    for (int n = 0; n < 4 * each; n++) {
                        const dot_bytes weight =
                            n < 4 ? weights.part[n] : _mm512_slli_epi32(weights.part[n - 4], 8);
                        dot_bytes *sum = &sums[g][n / 4].part[n % 4];
                        *sum = DOT_SUM(*sum, quads.part[n % 4], weight);
                    }
                }
            }
        }
    }
    TILE_UNROLL
    for (int n = 0; n < groups * each; n++) {
        const lane_quads sum = lane_quads_apart(sums[n / each][n % each]);
        TILE_UNROLL
        for (int i = 0; i < 4; i++) {
            const int part = n / each * parts + 16 * i / columns, row = part * each + n % each;
            int32_t *to = acc + row * walk->sums + 16 * i % columns;
            if (row < rows)
                dot_store(
                    to, (dot_sums)_mm512_add_epi32((__m512i)sum.part[i],
                                                   (__m512i)(resume ? dot_load(to) : dot_zero())));
        }
    }
    TILE_SEPARATE;
}
#endif
//: end

#endif
