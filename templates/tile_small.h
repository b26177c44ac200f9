// Tiles for machines without vectors, which are written out: each sum is a variable.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it. No file includes this one.

#ifndef ET_TEMPLATES_TILE_SMALL_H
#define ET_TEMPLATES_TILE_SMALL_H

//: section small_loops needs tile_walk
// A tile becomes part of each kernel that calls it, where all its strides are constants; shared by
// kernels, it would look up each of them in every step, in more code.
#define SMALL_TILE_PART static inline __attribute__((always_inline))
#define SMALL_TILE SMALL_TILE_PART void
// Unrolled, the innermost loop would load what later steps need, and sums would leave registers.
#if defined __clang__
#define SMALL_KEEP_LOOP _Pragma("clang loop unroll(disable)")
#elif defined __GNUC__
#define SMALL_KEEP_LOOP _Pragma("GCC unroll 1")
#else
#define SMALL_KEEP_LOOP
#endif

//: section small_tile needs small_loops f32_fma
//: names small_fma small_load_4 small_load_8
//: macros SMALL_UNROLL
// On a Cortex-M with an FPU the compiler leaves each sum in its register, and does not reorder
// products; the panel comes by one instruction. Few steps are written out: gcc finds then what
// neighbouring rows both load.
#if defined __GNUC__ && defined __ARM_FEATURE_FMA && defined __ARM_FP && __ARM_FP & 4 &&           \
    defined __ARM_ARCH_PROFILE && __ARM_ARCH_PROFILE == 'M'
#ifdef __clang__
#define SMALL_UNROLL _Pragma("clang loop unroll_count(5)")
#else
#define SMALL_UNROLL _Pragma("GCC unroll 5")
#endif
SMALL_TILE_PART float small_fma(float x, float y, float sum) {
    (void)f32_fma; // which is the same
    __asm__("vfma.f32 %0, %1, %2" : "+t"(sum) : "t"(x), "t"(y));
    return sum;
}
SMALL_TILE_PART const float *small_load_4(const float *from, float *y) {
    register float y0 __asm__("s0"), y1 __asm__("s1"), y2 __asm__("s2"), y3 __asm__("s3");
    __asm__("vldmia %0!, {s0-s3}"
            : "+r"(from), "=t"(y0), "=t"(y1), "=t"(y2), "=t"(y3)
            : "m"(*(const float(*)[4])from));
    y[0] = y0, y[1] = y1, y[2] = y2, y[3] = y3;
    return from;
}
#else
#define SMALL_UNROLL SMALL_KEEP_LOOP
SMALL_TILE_PART float small_fma(float x, float y, float sum) {
    return f32_fma(x, y, sum);
}
SMALL_TILE_PART const float *small_load_4(const float *from, float *y) {
    y[0] = from[0], y[1] = from[1], y[2] = from[2], y[3] = from[3];
    return from + 4;
}
#endif
SMALL_TILE_PART const float *small_load_8(const float *from, float *y) {
    return small_load_4(small_load_4(from, y), y + 4);
}

//: section small_f16_tile needs small_tile f16_to_f32

//: section small_bf16_tile needs small_tile bf16_to_f32

//: section small_dot needs small_loops
//: names dot_four_of_stream dot_four_of_panel dot_stream dot_panel dot_add
// Four uint8 by four int8, whose sum wraps around. Cortex-M4 and its like multiply two pairs of 16
// bits at once: the even bytes and the odd ones are widened to that.
#if defined __GNUC__ && defined __ARM_FEATURE_SIMD32
typedef struct {
    uint32_t even, odd;
} dot_stream, dot_panel;
static inline dot_stream dot_four_of_stream(const uint8_t *from) {
    dot_stream x;
    uint32_t four;
    memcpy(&four, from, sizeof four);
    __asm__("uxtb16 %0, %1" : "=r"(x.even) : "r"(four));
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(x.odd) : "r"(four));
    return x;
}
static inline dot_panel dot_four_of_panel(const int8_t *from) {
    dot_panel y;
    uint32_t four;
    memcpy(&four, from, sizeof four);
    __asm__("sxtb16 %0, %1" : "=r"(y.even) : "r"(four));
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(y.odd) : "r"(four));
    return y;
}
static inline uint32_t dot_add(uint32_t sum, dot_stream x, dot_panel y) {
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(x.even), "r"(y.even));
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(x.odd), "r"(y.odd));
    return sum;
}
#else
typedef const uint8_t *dot_stream;
typedef const int8_t *dot_panel;
static inline dot_stream dot_four_of_stream(const uint8_t *from) {
    return from;
}
static inline dot_panel dot_four_of_panel(const int8_t *from) {
    return from;
}
static inline uint32_t dot_add(uint32_t sum, dot_stream x, dot_panel y) {
    return sum + (uint32_t)(x[0] * y[0] + x[1] * y[1] + x[2] * y[2] + x[3] * y[3]);
}
#endif

//: section small_dot_vectors needs small_dot
//: names dot_vector dot_vector_of_stream dot_vector_of_panel dot_vector_add dot_vector_sum
//: names dot_depth dot_place dot_lane dot_is_short dot_places dot_vector_at dot_vector_of_rest
//: macros DOT_VECTORS DOT_UNROLL
// Sixteen at once, where vectors of integers are. The instruction takes bytes of one kind: of the
// stream they are 128 less than they should be, as int8, so that sums lack 128 times that of the
// panel.
#if defined __ARM_FEATURE_MVE && defined __GNUC__
#include <arm_mve.h>
#define DOT_VECTORS
#ifdef __clang__
#define DOT_UNROLL _Pragma("clang loop unroll(full)")
#else
#define DOT_UNROLL _Pragma("GCC unroll 4")
#endif
typedef int8x16_t dot_vector;
static inline dot_vector dot_vector_of_stream(const uint8_t *from) {
    return vreinterpretq_s8_u8(veorq_u8(vldrbq_u8(from), vdupq_n_u8(128)));
}
static inline dot_vector dot_vector_of_panel(const int8_t *from) {
    return vldrbq_s8(from);
}
static inline uint32_t dot_vector_add(uint32_t sum, dot_vector x, dot_vector y) {
    return (uint32_t)vmladavaq_s8((int32_t)sum, x, y);
}
static inline uint32_t dot_vector_sum(uint32_t sum, dot_vector y) {
    return (uint32_t)vaddvaq_s8((int32_t)sum, y);
}
// Where each step of a tile is less than a vector, and all of them together few, vectors gather
// the stream from several steps: bytes of it lie in 256, and those of the panel side by side.
SMALL_TILE_PART ptrdiff_t dot_depth(const struct tile_walk *walk) {
    return 4 * walk->extent[0] * walk->extent[1] * walk->extent[2];
}
SMALL_TILE_PART ptrdiff_t dot_place(const struct tile_walk *walk, ptrdiff_t byte) {
    const ptrdiff_t k = byte / 4, j = k / walk->extent[2], i = j / walk->extent[1];
    return byte >= dot_depth(walk) ? 0
                                   : i * walk->stream[0] + j % walk->extent[1] * walk->stream[1] +
                                         k % walk->extent[2] * walk->stream[2] + byte % 4;
}
SMALL_TILE_PART int dot_is_short(const struct tile_walk *walk) {
    return walk->extent[2] < 4 && walk->extent[0] == 1 && walk->again == 0 &&
           dot_depth(walk) <= 64 && walk->stream[1] >= 0 && walk->stream[2] >= 0 &&
           dot_place(walk, dot_depth(walk) - 1) < 256 && walk->panel[2] == 4 &&
           (walk->extent[1] == 1 || walk->panel[1] == 4 * walk->extent[2]);
}
SMALL_TILE_PART uint8_t dot_lane(const struct tile_walk *walk, ptrdiff_t byte) {
    return (uint8_t)dot_place(walk, byte);
}
SMALL_TILE_PART uint8x16_t dot_places(const struct tile_walk *walk, ptrdiff_t at) {
    return (uint8x16_t){dot_lane(walk, at),      dot_lane(walk, at + 1),  dot_lane(walk, at + 2),
                        dot_lane(walk, at + 3),  dot_lane(walk, at + 4),  dot_lane(walk, at + 5),
                        dot_lane(walk, at + 6),  dot_lane(walk, at + 7),  dot_lane(walk, at + 8),
                        dot_lane(walk, at + 9),  dot_lane(walk, at + 10), dot_lane(walk, at + 11),
                        dot_lane(walk, at + 12), dot_lane(walk, at + 13), dot_lane(walk, at + 14),
                        dot_lane(walk, at + 15)};
}
static inline dot_vector dot_vector_at(const uint8_t *from, uint8x16_t places) {
    return vreinterpretq_s8_u8(veorq_u8(vldrbq_gather_offset_u8(from, places), vdupq_n_u8(128)));
}
// So many bytes, and behind them 0.
static inline dot_vector dot_vector_of_rest(const int8_t *from, ptrdiff_t bytes) {
    return vldrbq_z_s8(from, vctp8q((uint32_t)bytes));
}
#endif

//: section small_optimize
// A Cortex-M that has float64 rounds to integral values by an instruction, which macros of the
// compiler do not say.
#if defined __ARM_ARCH_PROFILE && __ARM_ARCH_PROFILE == 'M' && defined __ARM_FP && __ARM_FP & 8 && \
    defined __OPTIMIZE__ && !defined ROUND_BY_SUMS && !defined ROUND_OF_LIBRARY
#define ROUND_OF_LIBRARY
#endif
// No bit of any result depends on it. What is loaded or computed ahead of its use takes registers
// from sums.
#if defined __GNUC__ && __GNUC__ >= 8 && !defined __clang__ && defined __OPTIMIZE__
#pragma GCC optimize("no-math-errno,no-trapping-math,no-schedule-insns,no-tree-pre")
#if defined __ARM_FEATURE_MVE // else gcc 12 writes vcvtne.f32.s32, which its assembler refuses
#pragma GCC optimize("no-if-conversion2")
#endif
#endif
//: end

#endif
