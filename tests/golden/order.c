/* golden.c: the graph "golden", compiled to C by Eigentensor. Do not edit.
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *   k01_elementwise
 *     t3 float32[40]  40 flop  160 + 160 bytes
 *   k02_argsort
 *     t4 int32[40]  0 flop  160 + 160 bytes
 *   k03_copy
 *     t8_2 float32[40,5]  0 flop  320 + 800 bytes
 *   k04_scatter_add
 *     y float32[8,5]  200 flop  1280 + 160 bytes
 */
#include "golden.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined __BYTE_ORDER__ && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the bytes of the weights are in little-endian order: emit with --byte-order=big"
#endif

// The same bits from every compiler at every level of optimisation: no product and sum become one
// operation unless f32_fma says so. What cannot be had by asking is refused.
#if defined __FAST_MATH__ || (defined __FINITE_MATH_ONLY__ && __FINITE_MATH_ONLY__) ||             \
    defined __ASSOCIATIVE_MATH__ || defined __RECIPROCAL_MATH__ || defined __NO_SIGNED_ZEROS__
#error "results would differ: leave out -ffast-math, -Ofast and other options of that kind"
#endif
#if defined __FLT_EVAL_METHOD__ && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16
#error "results would differ: floats are computed in a wider type; on x86 add -msse2 -mfpmath=sse"
#endif
#if defined __GNUC__ && !defined __clang__
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif
#ifdef __cplusplus
#define restrict __restrict
#ifndef _Alignas // some C libraries have it for C++, too
#define _Alignas(bytes) alignas(bytes)
#endif
#ifdef __GNUC__ // what is left out is zero, in C++ too
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif
#elif defined __GNUC__ && __STDC_VERSION__ < 201112L && !defined _Alignas
#define _Alignas(bytes) __attribute__((aligned(bytes)))
#endif

// The bit pattern of a float32.
static inline uint32_t f32_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// The float32 of a bit pattern.
static inline float f32_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// In integers: of a choice of a constant gcc makes a load under a mask. Where no element is NaN,
// the mask suppresses the page fault that would bring the constant's page in, slowly and each time.
static inline float f32_canonical(float x) {
    const uint32_t bits = f32_bits(x);
    const uint32_t nan = 0u - ((0x7f800000u - (bits & 0x7fffffffu)) >> 31);
    return f32_from_bits((bits & ~nan) | (0x7fc00000u & nan));
}

// Stands in a branch that alone may read what it reads. gcc 12 makes vectors of such loads, with
// masks, and then reads what some of these masks leave out.
#define KEEP_BRANCH __asm__("")
// Keys in the order of the numbers: zeros are equal, NaN is greatest.
static inline uint64_t f32_sort_key(float a) {
    uint32_t bits = f32_bits(a);
    if (a != a)
        return UINT32_MAX;
    return a == 0 ? 0x80000000u : bits >> 31 ? ~bits : bits | 0x80000000u;
}
static inline void f32_sort_keys(uint64_t *keys, const float *elements, long count) {
    for (long i = 0; i < count; i++)
        keys[i] = f32_sort_key(elements[i]);
}

// Positions in the ascending order of their keys; equal keys keep theirs. Those with the greatest
// key, often many, such as NaN for what does not count, are put last as they stand. Of the others
// few are inserted one by one, many are dealt out by one byte after another, the lowest first,
// unless all have the same. Behind the keys there is room for as many again and a position each.
static inline void insert_keys(int32_t *positions, uint64_t *keys, long count) {
    for (long i = 1; i < count; i++) {
        uint64_t key = keys[i];
        int32_t position = positions[i];
        long place = i;
        for (; place > 0 && keys[place - 1] > key; place--) {
            keys[place] = keys[place - 1];
            positions[place] = positions[place - 1];
        }
        keys[place] = key;
        positions[place] = position;
    }
}
// Gives how many keys are not the greatest; they and their positions come first.
static inline long set_greatest_apart(int32_t *positions, int32_t *last, uint64_t *keys,
                                      long count) {
    uint64_t greatest = 0;
    long others = 0, apart = 0;
    for (long i = 0; i < count; i++)
        greatest = keys[i] > greatest ? keys[i] : greatest;
    for (long i = 0; i < count; i++) {
        const uint64_t key = keys[i];
        keys[others] = key;
        positions[others] = last[apart] = (int32_t)i;
        others += key != greatest;
        apart += key == greatest;
    }
    memcpy(positions + others, last, (size_t)apart * sizeof *positions);
    return others;
}
static inline void sort_keys(int32_t *positions, uint64_t *keys, long count) {
    uint64_t *from = keys, *to = keys + count, differ = 0;
    int32_t *at = positions, *next = (int32_t *)(keys + 2 * count);
    count = set_greatest_apart(positions, next, keys, count);
    for (long i = 0; i < count; i++)
        differ |= keys[i] ^ keys[0];
    if (count <= 32) {
        insert_keys(positions, keys, count);
        return;
    }
    for (int shift = 0; shift < 64; shift += 8) {
        // How many have the byte before; then where the next that has it goes.
        long place[257] = {0};
        if (!(differ >> shift & 255))
            continue;
        for (long i = 0; i < count; i++)
            place[(from[i] >> shift & 255) + 1]++;
        for (int i = 0; i < 256; i++)
            place[i + 1] += place[i];
        for (long i = 0; i < count; i++) {
            long where = place[from[i] >> shift & 255]++;
            to[where] = from[i];
            next[where] = at[i];
        }
        uint64_t *sorted = to;
        int32_t *ordered = next;
        to = from, next = at;
        from = sorted, at = ordered;
    }
    if (at != positions)
        memcpy(positions, at, (size_t)count * sizeof *positions);
}


static inline float f32_scatter_add(float a, float b) {
    return a + b;
}

/* t3 float32[40] = neg(x)
 * nodes 3 */
static void k01_elementwise(const float *restrict x, float *restrict t3) {
    for (long i0 = 0; i0 < 40; i0++) {
        t3[i0] = -x[i0];
    }
}

/* t4 int32[40] = argsort(t3)
 * nodes 4 */
static void k02_argsort(const float *restrict t3, int32_t *restrict t4, uint64_t *arena) {
    f32_sort_keys(arena, t3, 40);
    sort_keys(t4, arena, 40);
}

/* t8_2 float32[40,5] = within(x else 0)
 * nodes 5 7 */
static void k03_copy(const int32_t *restrict t4, const float *restrict x, float *restrict t8_2) {
    for (long i0 = 0; i0 < 40; i0++) {
        for (long i1 = 0; i1 < 5; i1++) {
            const int32_t v0 = t4[i0];
            float v1 = 0.0f;
            if ((long)v0 >= 0 && (long)v0 < 40) {
                KEEP_BRANCH;
                v1 = x[(long)v0];
            }
            t8_2[5 * i0 + i1] = v1;
        }
    }
}

/* y float32[8,5] = scatter_add(table, p, t8_2)
 * nodes 8 */
static void k04_scatter_add(const float *restrict table, const int64_t *restrict p,
        const float *restrict t8_2, float *restrict y) {
    for (long k = 0; k < 40; k++) {
        y[k] = f32_canonical(table[k]);
    }
    for (long k = 0; k < 40; k++) {
        const int64_t at2 = p[k];
        if (at2 < 0 || at2 >= 8)
            continue;
        for (long c = 0; c < 5; c++) {
            const long to3 = 5 * at2 + c;
            y[to3] = f32_canonical(f32_scatter_add(y[to3], t8_2[5 * k + c]));
        }
    }
}

/* Temporaries, in bytes from the beginning of the arena. */
enum {
    AT_t3 = 0, /* float32[40], alive from k01 to k02 */
    AT_t4 = 832, /* int32[40], alive from k02 to k03 */
    AT_t8_2 = 0, /* float32[40,5], alive from k03 to k04 */
};

void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    (void)weights;
    char *scratch = (char *)arena;
    k01_elementwise(inputs->x, (float *)(scratch + AT_t3));
    k02_argsort((const float *)(scratch + AT_t3), (int32_t *)(scratch + AT_t4),
            (uint64_t *)(void *)((char *)arena + 1024));
    k03_copy((const int32_t *)(scratch + AT_t4), inputs->x, (float *)(scratch + AT_t8_2));
    k04_scatter_add(inputs->table, inputs->p, (const float *)(scratch + AT_t8_2), outputs->y);
}

void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena) {
    struct golden_inputs named_inputs;
    named_inputs.x = (const float *)inputs[0];
    named_inputs.table = (const float *)inputs[1];
    named_inputs.p = (const int64_t *)inputs[2];
    struct golden_outputs named_outputs;
    named_outputs.y = (float *)outputs[0];
    golden_run(&named_inputs, &named_outputs, weights, arena);
}

const char *golden_metadata(void) {
    return "eigentensor 1; graph unknown"
           "; input x float32[40]"
           "; input table float32[8,5]"
           "; input p int64[40,1]"
           "; output y float32[8,5]";
}
