// Reductions of neighbouring float32 over the sixteen lanes that ops.def defines: element k goes to
// lane k % 16, and lane l then takes l + 8, l + 4, l + 2, l + 1. Lanes are held in vectors, whose
// width changes no bit.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_LANES_H
#define ET_TEMPLATES_LANES_H

#include "templates/vector.h"

//: section lanes needs vector_bits
//: names lanes_op LANES_SUM LANES_PROD LANES_MAX LANES_MIN LANES_WIDTH LANES_PARTS lanes_vector
//: names lanes_elements lanes_nans lane_join lanes_load lanes_store lanes_select lanes_choose
//: names lanes_join lanes_unordered
//: names lanes_meet_none lanes_meet lanes_meet_four lanes_met lanes_begin lanes_with
//: names lanes_take_rounds lanes_take_quarters lanes_take_rest lanes_take lanes_end
//: macros LANES_X86 LANES_INLINE LANES_LOOP
enum lanes_op { LANES_SUM, LANES_PROD, LANES_MAX, LANES_MIN };

// a (op) b of one element.
static inline float lane_join(enum lanes_op op, float a, float b) {
    switch (op) {
    case LANES_SUM:
        return a + b;
    case LANES_PROD:
        return a * b;
    case LANES_MAX:
        return (a < b ? b : a) + (b != b ? b : -0.0f);
    default:
        return (b < a ? b : a) + (b != b ? b : -0.0f);
    }
}

// Vectors of lanes. lanes_choose: as lanes_join, but the greatest and the least keep a where b is
// NaN, as the instructions that x86 has for them keep their second operand. lanes_join: so that a
// NaN of either is the result. lanes_met: whether any of what was given to lanes_meet was NaN.
#if VECTOR_BITS >= 256 || defined __SSE__
#include <immintrin.h>
#if VECTOR_BITS == 512
typedef __m512 lanes_vector;
#define LANES_X86(name) _mm512_##name
#elif VECTOR_BITS == 256
typedef __m256 lanes_vector;
#define LANES_X86(name) _mm256_##name
#else
typedef __m128 lanes_vector;
#define LANES_X86(name) _mm_##name
#endif
static inline lanes_vector lanes_load(const float *from) {
    return LANES_X86(loadu_ps)(from);
}
static inline void lanes_store(float *to, lanes_vector x) {
    LANES_X86(storeu_ps)(to, x);
}
static inline lanes_vector lanes_choose(enum lanes_op op, lanes_vector a, lanes_vector b) {
    switch (op) {
    case LANES_SUM:
        return LANES_X86(add_ps)(a, b);
    case LANES_PROD:
        return LANES_X86(mul_ps)(a, b);
    case LANES_MAX:
        return LANES_X86(max_ps)(b, a);
    default:
        return LANES_X86(min_ps)(b, a);
    }
}
#if VECTOR_BITS == 512
typedef __mmask16 lanes_nans; // where none was
static inline lanes_nans lanes_meet_none(void) {
    return 0xffff;
}
static inline lanes_nans lanes_meet(lanes_nans met, lanes_vector a, lanes_vector b) {
    return _mm512_mask_cmp_ps_mask(met, a, b, _CMP_ORD_Q);
}
static inline lanes_nans lanes_meet_four(lanes_nans met, lanes_vector a, lanes_vector b,
                                         lanes_vector c, lanes_vector d) {
    return met & lanes_meet(_mm512_cmp_ps_mask(a, b, _CMP_ORD_Q), c, d); // a short chain in `met`
}
static inline int lanes_met(lanes_nans met) {
    return met != 0xffff;
}
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
    const __mmask16 numbers = _mm512_cmp_ps_mask(b, b, _CMP_ORD_Q);
    switch (op) {
    case LANES_MAX:
        return _mm512_mask_max_ps(b, numbers, b, a);
    case LANES_MIN:
        return _mm512_mask_min_ps(b, numbers, b, a);
    default:
        return lanes_choose(op, a, b);
    }
}
#else
typedef lanes_vector lanes_nans; // all bits where one was
static inline lanes_vector lanes_unordered(lanes_vector a, lanes_vector b) {
#if VECTOR_BITS == 256
    return _mm256_cmp_ps(a, b, _CMP_UNORD_Q);
#else
    return _mm_cmpunord_ps(a, b);
#endif
}
static inline lanes_nans lanes_meet_none(void) {
    return LANES_X86(setzero_ps)();
}
static inline lanes_nans lanes_meet(lanes_nans met, lanes_vector a, lanes_vector b) {
    return LANES_X86(or_ps)(met, lanes_unordered(a, b));
}
static inline int lanes_met(lanes_nans met) {
    return LANES_X86(movemask_ps)(met) != 0;
}
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
    const lanes_vector joined = lanes_choose(op, a, b);
    if (op == LANES_SUM || op == LANES_PROD)
        return joined;
    return LANES_X86(or_ps)(joined, lanes_unordered(b, b)); // all bits are a NaN
}
#endif
#elif defined __riscv_v
typedef float lanes_vector __attribute__((vector_size(16)));
typedef float lanes_elements __attribute__((vector_size(16), aligned(4), may_alias));
typedef int lanes_nans __attribute__((vector_size(16))); // all bits where one was
static inline lanes_vector lanes_load(const float *from) {
    return *(const lanes_elements *)from;
}
static inline void lanes_store(float *to, lanes_vector x) {
    *(lanes_elements *)to = x;
}
// Lane by lane, which compilers make instructions for vectors of; masks would become integers.
static inline lanes_vector lanes_select(lanes_nans second, lanes_vector a, lanes_vector b) {
    a[0] = second[0] ? b[0] : a[0];
    a[1] = second[1] ? b[1] : a[1];
    a[2] = second[2] ? b[2] : a[2];
    a[3] = second[3] ? b[3] : a[3];
    return a;
}
static inline lanes_vector lanes_choose(enum lanes_op op, lanes_vector a, lanes_vector b) {
    switch (op) {
    case LANES_SUM:
        return a + b;
    case LANES_PROD:
        return a * b;
    case LANES_MAX:
        return lanes_select(a < b, a, b);
    default:
        return lanes_select(b < a, a, b);
    }
}
static inline lanes_nans lanes_meet_none(void) {
    const lanes_nans none = {0, 0, 0, 0};
    return none;
}
static inline lanes_nans lanes_meet(lanes_nans met, lanes_vector a, lanes_vector b) {
    return met | (a != a) | (b != b);
}
static inline int lanes_met(lanes_nans met) {
    return (met[0] | met[1] | met[2] | met[3]) != 0;
}
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
    switch (op) {
    case LANES_MAX:
        return lanes_select((a < b) | (b != b), a, b);
    case LANES_MIN:
        return lanes_select((b < a) | (b != b), a, b);
    default:
        return lanes_choose(op, a, b);
    }
}
#elif VECTOR_BITS == 128
#include <arm_neon.h>
typedef float32x4_t lanes_vector, lanes_nans; // NaN where one was
static inline lanes_vector lanes_load(const float *from) {
    return vld1q_f32(from);
}
static inline void lanes_store(float *to, lanes_vector x) {
    vst1q_f32(to, x);
}
static inline lanes_vector lanes_choose(enum lanes_op op, lanes_vector a, lanes_vector b) {
    switch (op) {
    case LANES_SUM:
        return vaddq_f32(a, b);
    case LANES_PROD:
        return vmulq_f32(a, b);
    case LANES_MAX:
        return vbslq_f32(vcltq_f32(a, b), b, a);
    default:
        return vbslq_f32(vcltq_f32(b, a), b, a);
    }
}
static inline lanes_nans lanes_meet_none(void) {
    return vdupq_n_f32(0);
}
static inline lanes_nans lanes_meet(lanes_nans met, lanes_vector a, lanes_vector b) {
    return vmaxq_f32(met, vmaxq_f32(a, b));
}
static inline int lanes_met(lanes_nans met) {
    const float any = vmaxvq_f32(met);
    return any != any;
}
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
    switch (op) {
    case LANES_MAX: // the instruction takes +0 for greater than -0
        return vbslq_f32(vceqq_f32(a, b), a, vmaxq_f32(a, b));
    case LANES_MIN:
        return vbslq_f32(vceqq_f32(a, b), a, vminq_f32(a, b));
    default:
        return lanes_choose(op, a, b);
    }
}
#else
typedef float lanes_vector;
typedef int lanes_nans; // how many there were
static inline lanes_vector lanes_load(const float *from) {
    return *from;
}
static inline void lanes_store(float *to, lanes_vector x) {
    *to = x;
}
static inline lanes_vector lanes_choose(enum lanes_op op, lanes_vector a, lanes_vector b) {
    if (op == LANES_MAX)
        return a < b ? b : a;
    return op == LANES_MIN ? (b < a ? b : a) : lane_join(op, a, b);
}
static inline lanes_nans lanes_meet_none(void) {
    return 0;
}
static inline lanes_nans lanes_meet(lanes_nans met, lanes_vector a, lanes_vector b) {
    return met | (a != a) | (b != b);
}
static inline int lanes_met(lanes_nans met) {
    return met;
}
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
    return lane_join(op, a, b);
}
#endif
#if VECTOR_BITS != 512
static inline lanes_nans lanes_meet_four(lanes_nans met, lanes_vector a, lanes_vector b,
                                         lanes_vector c, lanes_vector d) {
    return lanes_meet(lanes_meet(met, a, b), c, d);
}
#endif
enum { LANES_WIDTH = sizeof(lanes_vector) / sizeof(float), LANES_PARTS = 16 / LANES_WIDTH };
struct lanes {
    lanes_vector part[LANES_PARTS];
};
// The functions below are small once `op` is known.
#define LANES_INLINE static inline __attribute__((always_inline))
// Two rounds at a time. Of few rounds, gcc 12 makes straight code that loads all of them first,
// which no registers hold.
#if defined __clang__
#define LANES_LOOP _Pragma("clang loop unroll_count(2)")
#else
#define LANES_LOOP _Pragma("GCC unroll 2")
#endif

LANES_INLINE struct lanes lanes_begin(float identity) {
    float all[16];
    struct lanes x;
    for (int i = 0; i < 16; i++)
        all[i] = identity;
    for (int i = 0; i < LANES_PARTS; i++)
        x.part[i] = lanes_load(all + i * LANES_WIDTH);
    return x;
}

// NaN in every lane where one was met: it is the result wherever it stood.
LANES_INLINE struct lanes lanes_with(struct lanes x, lanes_nans met) {
    return lanes_met(met) ? lanes_begin(__builtin_nanf("")) : x;
}

// Whole rounds of the lanes. What is NaN is found beside the greatest and the least, with one
// comparison for two vectors.
LANES_INLINE struct lanes lanes_take_rounds(enum lanes_op op, struct lanes x, const float *a,
                                            long rounds) {
    enum { TWO = LANES_PARTS > 1 };
    const int orders = op == LANES_MAX || op == LANES_MIN;
    lanes_nans met = lanes_meet_none();
    LANES_LOOP
    for (long r = 0; r < rounds; r++, a += 16)
        for (int i = 0; i < LANES_PARTS; i += 1 + TWO) {
            const lanes_vector first = lanes_load(a + i * LANES_WIDTH);
            const lanes_vector next = lanes_load(a + (i + TWO) * LANES_WIDTH);
            x.part[i] = lanes_choose(op, x.part[i], first);
            if (TWO)
                x.part[i + TWO] = lanes_choose(op, x.part[i + TWO], next);
            if (orders)
                met = lanes_meet(met, first, next);
        }
    return orders ? lanes_with(x, met) : x;
}

// The greatest of a row is the first of those that are no less than any other, in whatever groups
// it is looked for, if groups stand in order and begin with a number: four at once hide each
// other's latency.
LANES_INLINE struct lanes lanes_take_quarters(enum lanes_op op, struct lanes x, float identity,
                                              const float *a, long rounds) {
    struct lanes y = lanes_begin(identity), z = y, w = y;
    lanes_nans met = lanes_meet_none();
    LANES_LOOP
    for (const float *end = a + 16 * rounds; a < end; a += 16)
        for (int i = 0; i < LANES_PARTS; i++) {
            const float *from = a + i * LANES_WIDTH;
            const lanes_vector first = lanes_load(from), second = lanes_load(from + 16 * rounds);
            const lanes_vector third = lanes_load(from + 32 * rounds);
            const lanes_vector fourth = lanes_load(from + 48 * rounds);
            x.part[i] = lanes_choose(op, x.part[i], first);
            y.part[i] = lanes_choose(op, y.part[i], second);
            z.part[i] = lanes_choose(op, z.part[i], third);
            w.part[i] = lanes_choose(op, w.part[i], fourth);
            met = lanes_meet_four(met, first, second, third, fourth);
        }
    for (int i = 0; i < LANES_PARTS; i++) {
        x.part[i] = lanes_choose(op, x.part[i], y.part[i]);
        x.part[i] = lanes_choose(op, x.part[i], z.part[i]);
        x.part[i] = lanes_choose(op, x.part[i], w.part[i]);
    }
    return lanes_with(x, met);
}

// The first lanes take one element each, `count` in all.
LANES_INLINE struct lanes lanes_take_rest(enum lanes_op op, struct lanes x, const float *a,
                                          long count) {
#if VECTOR_BITS == 512
    const __mmask16 taking = (__mmask16)((1u << count) - 1);
    const lanes_vector next = _mm512_maskz_loadu_ps(taking, a);
    x.part[0] = _mm512_mask_mov_ps(x.part[0], taking, lanes_join(op, x.part[0], next));
#else
    float all[16];
    for (int i = 0; i < LANES_PARTS; i++)
        lanes_store(all + i * LANES_WIDTH, x.part[i]);
    for (long i = 0; i < count; i++)
        all[i] = lane_join(op, all[i], a[i]);
    for (int i = 0; i < LANES_PARTS; i++)
        x.part[i] = lanes_load(all + i * LANES_WIDTH);
#endif
    return x;
}

// The lanes take `count` neighbours, of which the first goes to lane 0.
LANES_INLINE struct lanes lanes_take(enum lanes_op op, struct lanes x, const float *a, long count) {
    if ((op == LANES_MAX || op == LANES_MIN) && LANES_PARTS < 4 && count >= 64) {
        const float infinity = __builtin_inff();
        const long rounds = count / 64;
        x = lanes_take_quarters(op, x, op == LANES_MAX ? -infinity : infinity, a, rounds);
        a += 64 * rounds;
        count -= 64 * rounds;
    }
    x = lanes_take_rounds(op, x, a, count / 16);
    return count % 16 ? lanes_take_rest(op, x, a + count / 16 * 16, count % 16) : x;
}

// The tree.
LANES_INLINE float lanes_end(enum lanes_op op, struct lanes x) {
    for (int half = LANES_PARTS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            x.part[i] = lanes_join(op, x.part[i], x.part[i + half]);
    lanes_vector y = x.part[0];
#if VECTOR_BITS == 512
    y = lanes_join(op, y, _mm512_shuffle_f32x4(y, y, 0x4e));
    y = lanes_join(op, y, _mm512_shuffle_f32x4(y, y, 0xb1));
    y = lanes_join(op, y, _mm512_permute_ps(y, 0x4e));
    y = lanes_join(op, y, _mm512_permute_ps(y, 0xb1));
    return _mm512_cvtss_f32(y);
#else
    float all[LANES_WIDTH];
    lanes_store(all, y);
    for (int half = LANES_WIDTH / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            all[i] = lane_join(op, all[i], all[i + half]);
    return all[0];
#endif
}

//: end

#endif
