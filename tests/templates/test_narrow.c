/* templates/narrow.h, for each kind of vectors that this CPU has, beside the functions of one
 * element. */
#include <criterion/criterion.h>

#include "templates/convert.h"

#include <math.h>
#include <string.h>

#define LEVEL(name) name##_of_build
#include "tests/templates/narrow_level.h"
#undef LEVEL

#ifdef __x86_64__
#include <immintrin.h>
#pragma push_macro("VECTOR_BITS")
#undef VECTOR_BITS
#define VECTOR_BITS 256
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define LEVEL(name) name##_avx2
#include "tests/templates/narrow_level.h"
#undef LEVEL
#ifdef __clang__
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f")
#endif
#undef VECTOR_BITS
#define VECTOR_BITS 512
#define LEVEL(name) name##_avx512
#include "tests/templates/narrow_level.h"
#undef LEVEL
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#pragma pop_macro("VECTOR_BITS")
#endif

struct level {
    const char *name;
    bool is_there;
    void (*to_u8[2])(uint8_t *to, const float *from, long count); /* towards zero, to nearest */
    void (*to_i8[2])(int8_t *to, const float *from, long count);
};
#define FUNCTIONS(level)                                                                           \
    {f32_to_u8_strip_##level, f32_round_to_u8_strip_##level}, {                                    \
        f32_to_i8_strip_##level, f32_round_to_i8_strip_##level                                     \
    }

/* Those after the first that are not there have names all the same. */
static int levels(struct level *to) {
    to[0] = (struct level){"of the build", true, FUNCTIONS(of_build)};
#ifdef __x86_64__
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    to[1] = (struct level){"AVX2", avx2, FUNCTIONS(avx2)};
    to[2] = (struct level){"AVX-512", __builtin_cpu_supports("avx512f"), FUNCTIONS(avx512)};
    return 3;
#else
    return 1;
#endif
}

/* All of them, in strips of so many. */
static void check(const struct level *level, const float *from, long count, long strip) {
    for (int nearest = 0; nearest < 2; nearest++) {
        for (long at = 0; at < count; at += strip) {
            uint8_t u8[72];
            int8_t i8[72];
            const long taken = count - at < strip ? count - at : strip;
            memset(u8, 0x55, sizeof u8);
            memset(i8, 0x55, sizeof i8);
            level->to_u8[nearest](u8, from + at, taken);
            level->to_i8[nearest](i8, from + at, taken);
            for (long i = 0; i < taken; i++) {
                const float x = nearest ? rintf(from[at + i]) : from[at + i];
                cr_assert_eq(u8[i], f32_to_u8(x), "%s: uint8 of %a is %d", level->name,
                             (double)from[at + i], u8[i]);
                cr_assert_eq(i8[i], f32_to_i8(x), "%s: int8 of %a is %d", level->name,
                             (double)from[at + i], i8[i]);
            }
            cr_assert(u8[taken] == 0x55 && i8[taken] == 0x55, "%s: stores %ld and more",
                      level->name, taken);
        }
    }
}

static void check_all(const float *from, long count, long strip) {
    struct level all[3];
    int there = levels(all);
    for (int i = 0; i < there; i++)
        if (all[i].is_there)
            check(&all[i], from, count, strip);
}

/* Around each half up to beyond both ranges, and where int32 ends. */
Test(narrow, gives_what_one_element_gives) {
    static float values[8192];
    int count = 0;
    for (int half = -600; half <= 600; half++) {
        const float x = (float)half / 2;
        values[count++] = x;
        values[count++] = nextafterf(x, INFINITY);
        values[count++] = nextafterf(x, -INFINITY);
    }
    const float odd[] = {NAN,     -NAN,      INFINITY,  -INFINITY, -0.0f,    0x1p31f, -0x1p31f,
                         0x1p32f, -0x1p32f,  0x1p-149f, 3e9f,      -3e9f,    0x1p24f, -0x1p24f,
                         0x1p23f, -0x1.8p23, 32768.5f,  -32769.5f, 65535.5f, 1e38f,   -1e38f};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        values[count++] = odd[i];
    check_all(values, count, 64);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) { /* in each place of a vector */
        float lanes[16];
        for (int place = 0; place < 16; place++) {
            for (int lane = 0; lane < 16; lane++)
                lanes[lane] = lane == place ? odd[i] : 100.5f;
            check_all(lanes, 16, 16);
        }
    }
}

Test(narrow, takes_any_number_of_elements) {
    float values[72];
    for (int i = 0; i < 72; i++)
        values[i] = (float)i * 7.25f - 200;
    for (long strip = 1; strip <= 70; strip++)
        check_all(values, 72, strip);
}

/* Every 4,099th bit pattern. */
Test(narrow, holds_for_all_floats) {
    float values[1024];
    for (uint64_t bits = 0; bits < 0x100000000u;) {
        for (int i = 0; i < 1024; i++, bits += 4099)
            values[i] = f32_from_bits((uint32_t)bits);
        check_all(values, 1024, 64);
    }
}
