// Reductions of neighbouring float32 over the sixteen lanes that ops.def defines: element k goes to
// lane k % 16, and lane l then takes l + 8, l + 4, l + 2, l + 1. Lanes are held in vectors, whose
// width changes no bit.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_LANES_H
#define ET_TEMPLATES_LANES_H

//: section lanes
enum lanes_op { LANES_SUM, LANES_PROD, LANES_MAX, LANES_MIN };

// a (op) b of one element; the greatest and the least keep a where the two are equal or not
// ordered, as the instructions that x86 has for them keep their second operand.
static inline float lane_join(enum lanes_op op, float a, float b) {
    switch (op) {
    case LANES_SUM:
        return a + b;
    case LANES_PROD:
        return a * b;
    case LANES_MAX:
        return a < b ? b : a;
    default:
        return b < a ? b : a;
    }
}

#if defined __AVX512F__ || defined __AVX__ || defined __SSE__
#include <immintrin.h>
#if defined __AVX512F__
typedef __m512 lanes_vector;
#define LANES_X86(name) _mm512_##name
#elif defined __AVX__
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
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
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
#elif defined __aarch64__ && defined __ARM_NEON
#include <arm_neon.h>
typedef float32x4_t lanes_vector;
static inline lanes_vector lanes_load(const float *from) {
    return vld1q_f32(from);
}
static inline void lanes_store(float *to, lanes_vector x) {
    vst1q_f32(to, x);
}
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
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
#else
typedef float lanes_vector;
static inline lanes_vector lanes_load(const float *from) {
    return *from;
}
static inline void lanes_store(float *to, lanes_vector x) {
    *to = x;
}
static inline lanes_vector lanes_join(enum lanes_op op, lanes_vector a, lanes_vector b) {
    return lane_join(op, a, b);
}
#endif
enum { LANES_WIDTH = sizeof(lanes_vector) / sizeof(float), LANES_PARTS = 16 / LANES_WIDTH };
struct lanes {
    lanes_vector part[LANES_PARTS];
};
// The functions below are small once `op` is known.
#define LANES_INLINE static inline __attribute__((always_inline))

LANES_INLINE struct lanes lanes_begin(float identity) {
    float all[16];
    struct lanes x;
    for (int i = 0; i < 16; i++)
        all[i] = identity;
    for (int i = 0; i < LANES_PARTS; i++)
        x.part[i] = lanes_load(all + i * LANES_WIDTH);
    return x;
}

// Whole rounds of the lanes.
LANES_INLINE struct lanes lanes_take_rounds(enum lanes_op op, struct lanes x, const float *a,
                                            long rounds) {
    for (long r = 0; r < rounds; r++, a += 16)
        for (int i = 0; i < LANES_PARTS; i++)
            x.part[i] = lanes_join(op, x.part[i], lanes_load(a + i * LANES_WIDTH));
    return x;
}

// The greatest of a row is the first of those that are no less than any other, in whatever groups
// it is looked for, if groups stand in order and begin with a number: four at once hide each
// other's latency.
LANES_INLINE struct lanes lanes_take_quarters(enum lanes_op op, struct lanes x, float identity,
                                              const float *a, long rounds) {
    struct lanes y = lanes_begin(identity), z = y, w = y;
    for (const float *end = a + 16 * rounds; a < end; a += 16)
        for (int i = 0; i < LANES_PARTS; i++) {
            const float *from = a + i * LANES_WIDTH;
            x.part[i] = lanes_join(op, x.part[i], lanes_load(from));
            y.part[i] = lanes_join(op, y.part[i], lanes_load(from + 16 * rounds));
            z.part[i] = lanes_join(op, z.part[i], lanes_load(from + 32 * rounds));
            w.part[i] = lanes_join(op, w.part[i], lanes_load(from + 48 * rounds));
        }
    for (int i = 0; i < LANES_PARTS; i++) {
        x.part[i] = lanes_join(op, x.part[i], y.part[i]);
        x.part[i] = lanes_join(op, x.part[i], z.part[i]);
        x.part[i] = lanes_join(op, x.part[i], w.part[i]);
    }
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
    if (count % 16) {
        float all[16];
        for (int i = 0; i < LANES_PARTS; i++)
            lanes_store(all + i * LANES_WIDTH, x.part[i]);
        for (long i = 0; i < count % 16; i++)
            all[i] = lane_join(op, all[i], a[count / 16 * 16 + i]);
        for (int i = 0; i < LANES_PARTS; i++)
            x.part[i] = lanes_load(all + i * LANES_WIDTH);
    }
    return x;
}

// The tree.
LANES_INLINE float lanes_end(enum lanes_op op, struct lanes x) {
    for (int half = LANES_PARTS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            x.part[i] = lanes_join(op, x.part[i], x.part[i + half]);
    lanes_vector y = x.part[0];
#if defined __AVX512F__
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
