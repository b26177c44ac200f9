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
// A Cortex-M has hardly more registers than a tile's innermost loop takes. Each kernel by itself,
// and loop by loop at -Os, too, gcc keeps those in memory that the loops around it need.
#if defined __GNUC__ && __GNUC__ >= 8 && !defined __clang__ && defined __OPTIMIZE__ &&             \
    defined __ARM_ARCH_PROFILE && __ARM_ARCH_PROFILE == 'M' && !defined __ARM_FEATURE_MVE
#pragma GCC optimize("no-inline-functions-called-once,ira-region=mixed")
#endif
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

//: section small_signed_dot needs small_loops
//: names dot_add_sixteen dot_steps dot_steps_of
//: macros DOT_MOST_STEPS DOT_FARTHEST DOT_UNROLL DOT_VECTORS DOT_KNOWN DOT_FITS DOT_LOAD DOT_ADD
//: macros DOT_CLEAR DOT_SUM DOT_TWO_SUMS DOT_MOVE DOT_ROW_IS_NEAR DOT_ROW_IS_BESIDE DOT_LOAD_AT
//: DOT_LOAD_ROW macros DOT_MOVE_ROW DOT_BEGIN DOT_BEGIN_ROW DOT_OUTER DOT_LINE DOT_STEPS
//: DOT_NEXT_LINE macros DOT_BEGIN_NEXT DOT_END DOT_END_NEXT DOT_STORE DOT_LINES_4 DOT_LINES_64
//: DOT_CONSTANTS macros DOT_CLOBBERS
#ifdef __clang__
#define DOT_UNROLL _Pragma("clang loop unroll(full)")
#elif defined __GNUC__
#define DOT_UNROLL _Pragma("GCC unroll 8")
#else
#define DOT_UNROLL
#endif
// Sixteen int8 by as many others, whose sum wraps around.
#if defined __ARM_FEATURE_MVE && defined __GNUC__ && defined __OPTIMIZE__
#include <arm_mve.h>
static inline uint32_t dot_add_sixteen(uint32_t sum, const int8_t *x, const int8_t *y) {
    return (uint32_t)vmladavaq_s8((int32_t)sum, vldrbq_s8(x), vldrbq_s8(y));
}
// Eight sums take all even registers, in which compilers do not keep them: where a walk is known, a
// tile is written in assembler, of rows in r1, r3, r5 and r7, a panel in r9 and what is counted in
// r11. Lines of steps through 16 bytes each are written out.
#define DOT_VECTORS
enum { DOT_MOST_STEPS = 16, DOT_FARTHEST = 1 << 20 };
struct dot_steps {
    ptrdiff_t steps, lines, outer, others; // of a line, lines, how often these, and these again
    ptrdiff_t next, next_panel, outer_next, outer_panel; // behind a line; and behind all
};
SMALL_TILE_PART struct dot_steps dot_steps_of(const struct tile_walk *walk, ptrdiff_t columns) {
    const ptrdiff_t *extent = walk->extent, *x = walk->stream, *y = walk->panel;
    const int whole = x[2] == 16 && extent[2] <= DOT_MOST_STEPS;
    struct dot_steps take;
    take.steps = whole ? extent[2] : 1;
    take.lines = whole ? extent[1] : extent[2];
    take.outer = whole ? extent[0] : extent[1];
    take.others = whole ? 1 : extent[0];
    take.next = (whole ? x[1] : x[2]) - 16 * take.steps;
    take.next_panel = (whole ? y[1] : y[2]) - 16 * columns * take.steps;
    take.outer_next = whole ? x[0] - extent[1] * x[1] : x[1] - extent[2] * x[2];
    take.outer_panel = whole ? y[0] - extent[1] * y[1] : y[1] - extent[2] * y[2];
    return take;
}
#define DOT_KNOWN(value)                                                                           \
    (__builtin_constant_p(value) && (value) > -DOT_FARTHEST && (value) < DOT_FARTHEST)
#define DOT_FITS(take, columns)                                                                    \
    (DOT_KNOWN((take).steps) && DOT_KNOWN((take).lines) && DOT_KNOWN((take).outer) &&              \
     DOT_KNOWN((take).next) && DOT_KNOWN((take).next_panel) && DOT_KNOWN((take).outer_next) &&     \
     DOT_KNOWN((take).outer_panel) && (take).others == 1 && (take).lines < 65536 &&                \
     (take).outer < 65536 && walk->sums == (columns))
#define DOT_LOAD(vector, from) "vldrb.8 " vector ", [" from "], #16\n\t"
#define DOT_ADD(sum, x, y) "vmladava.s8 " sum ", " x ", " y "\n\t"
#define DOT_CLEAR(sum) "mov " sum ", #0\n\t"
#define DOT_SUM(sum, at) "str " sum ", [r11, #" at "]\n\t"
#define DOT_TWO_SUMS(sum, next, at) "strd " sum ", " next ", [r11, #" at "]\n\t"
// By so many bytes: an instruction for 12 bits, another for what is beyond, none for 0.
#define DOT_MOVE(to, from, bytes)                                                                  \
    ".if %c[" bytes "] < 0\n\tsubw " to ", " from ", #(-%c[" bytes "] & 4095)\n\t"                 \
    ".if -%c[" bytes "] > 4095\n\tsub " to ", " to ", #(-%c[" bytes "] & ~4095)\n\t.endif\n\t"     \
    ".elseif %c[" bytes "] > 0\n\taddw " to ", " from ", #(%c[" bytes "] & 4095)\n\t"              \
    ".if %c[" bytes "] > 4095\n\tadd " to ", " to ", #(%c[" bytes "] & ~4095)\n\t.endif\n\t"       \
    ".endif\n\t"
// A row is read from where the first one is, which has gone on, if that is not farther than an
// offset; or from where one beside it is, which has a register of its own; else from its own.
#define DOT_ROW_IS_NEAR(row) ".if !(%c[" row "] & ~127)\n\t"
#define DOT_ROW_IS_BESIDE(row, beside)                                                             \
    ".elseif (%c[" beside "] & ~127) && !((%c[" row "] - %c[" beside "]) & ~127)\n\t"
#define DOT_LOAD_AT(vector, place, offset) "vldrb.8 " vector ", [" place ", #(" offset " - 16)]\n\t"
#define DOT_LOAD_ROW(vector, from, row, beside)                                                    \
    DOT_ROW_IS_NEAR(row)                                                                           \
    DOT_LOAD_AT(vector, "r1", "%c[" row "]")                                                       \
    DOT_ROW_IS_BESIDE(row, beside)                                                                 \
    DOT_LOAD_AT(vector, "r3", "%c[" row "] - %c[" beside "]")                                      \
    ".else\n\t" DOT_LOAD(vector, from) ".endif\n\t"
#define DOT_MOVE_ROW(to, row, beside, bytes)                                                       \
    DOT_ROW_IS_NEAR(row)                                                                           \
    DOT_ROW_IS_BESIDE(row, beside) ".else\n\t" DOT_MOVE(to, to, bytes) ".endif\n\t"
#define DOT_BEGIN_ROW(to, row, beside)                                                             \
    DOT_ROW_IS_NEAR(row)                                                                           \
    DOT_ROW_IS_BESIDE(row, beside) ".else\n\t" DOT_MOVE(to, "r1", row) ".endif\n\t"
#define DOT_BEGIN "push {r0, r1, r4-r11}\n\tmov r9, r2\n\t"
#define DOT_OUTER ".if %c[outer] > 1\n\tmovw r11, %[outer]\n1:\tstr r11, [sp, #4]\n\t.endif\n\t"
#define DOT_LINE ".if %c[lines] > 1\n\tmovw r11, %[lines]\n\t.endif\n2:\t"
#define DOT_STEPS(step) ".rept %c[steps]\n\t" step ".endr\n\t"
#define DOT_NEXT_LINE ".if %c[lines] > 1\n\tsubs r11, #1\n\tbne 2b\n\t.endif\n\t"
#define DOT_BEGIN_NEXT ".if %c[outer] > 1\n\t"
#define DOT_END_NEXT "ldr r11, [sp, #4]\n\tsubs r11, #1\n\tbne 1b\n\t.endif\n\t"
#define DOT_STORE "ldr r11, [sp]\n\t"
// gcc tells the length of a piece of assembler by its lines, of which most are repeated.
#define DOT_LINES_4 "\n\n\n\n"
#define DOT_LINES_64                                                                               \
    DOT_LINES_4 DOT_LINES_4 DOT_LINES_4 DOT_LINES_4 DOT_LINES_4 DOT_LINES_4 DOT_LINES_4            \
        DOT_LINES_4 DOT_LINES_4 DOT_LINES_4 DOT_LINES_4 DOT_LINES_4 DOT_LINES_4 DOT_LINES_4        \
            DOT_LINES_4 DOT_LINES_4
#define DOT_END "pop {r0, r1, r4-r11}\n" DOT_LINES_64 DOT_LINES_64 DOT_LINES_64 DOT_LINES_64
#define DOT_CONSTANTS(take)                                                                        \
    [steps] "i"((take).steps), [lines] "i"((take).lines), [outer] "i"((take).outer),               \
        [next] "i"((take).next), [next_panel] "i"((take).next_panel),                              \
        [outer_next] "i"((take).outer_next), [outer_panel] "i"((take).outer_panel)
#define DOT_CLOBBERS "r3", "r12", "lr", "q0", "q1", "q2", "cc", "memory"
#else
static inline uint32_t dot_add_sixteen(uint32_t sum, const int8_t *x, const int8_t *y) {
    for (int i = 0; i < 16; i++)
        sum += (uint32_t)(x[i] * y[i]);
    return sum;
}
#endif

//: section f32_to_u8 needs f32_to_unsigned
static inline uint8_t f32_to_u8(float x) {
#if defined __GNUC__ && defined __ARM_ARCH_PROFILE && __ARM_ARCH_PROFILE == 'M' &&                 \
    defined __ARM_FP && __ARM_FP & 4 && defined __ARM_FEATURE_SAT
    float whole; // the bits of an int32, of NaN 0
    uint32_t limited;
    __asm__("vcvt.s32.f32 %0, %1" : "=t"(whole) : "t"(x));
    __asm__("usat %0, #8, %1" : "=r"(limited) : "r"(f32_bits(whole)));
    return (uint8_t)limited;
#else
    return (uint8_t)f32_to_unsigned(x, 255.0f);
#endif
}

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
