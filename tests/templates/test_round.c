// Rounding to integers and remainders of templates/round.h: the bits of the C library's, which
// takes instructions or is right, over a part of all float32, around what is an integer or half of
// one, and for random arguments.

#define ROUND_BY_SUMS
#include "templates/round.h"

#include <criterion/criterion.h>

enum { STEP = 97, RANDOM = 1000000 }; // of float32, by their bits

static uint64_t next_random(uint64_t *state) { // xorshift64*
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

// The same bits, or NaN both.
static int same(float a, float b) {
    return f32_bits(a) == f32_bits(b) || (a != a && b != b);
}

static int same_wide(double a, double b) {
    return f64_bits(a) == f64_bits(b) || (a != a && b != b);
}

static void expect_rounded(float x) {
    cr_assert(same(f32_rint(x), rintf(x)), "rint(%a) = %a", (double)x, (double)f32_rint(x));
    cr_assert(same(f32_floor(x), floorf(x)), "floor(%a) = %a", (double)x, (double)f32_floor(x));
    cr_assert(same(f32_ceil(x), ceilf(x)), "ceil(%a) = %a", (double)x, (double)f32_ceil(x));
}

static void expect_rounded_wide(double x) {
    cr_assert(same_wide(f64_rint(x), rint(x)), "rint(%a) = %a", x, f64_rint(x));
    cr_assert(same_wide(f64_floor(x), floor(x)), "floor(%a) = %a", x, f64_floor(x));
    cr_assert(same_wide(f64_ceil(x), ceil(x)), "ceil(%a) = %a", x, f64_ceil(x));
}

Test(round, part_of_all_floats) {
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += STEP)
        expect_rounded(f32_from_bits((uint32_t)bits));
}

// Both signs of quarters, and what lies next to them.
Test(round, around_integers) {
    for (uint32_t sign = 0; sign < 2; sign++)
        for (int power = -3; power < 61; power++)
            for (int n = 0; n < 64; n++) {
                const double x = (sign ? -0.25 : 0.25) * n * (double)((uint64_t)1 << (power + 3));
                for (uint32_t beside = 0; beside < 3; beside++) {
                    expect_rounded(f32_from_bits(f32_bits((float)x) + beside - 1));
                    expect_rounded_wide(f64_from_bits(f64_bits(x) + beside - 1));
                }
            }
}

Test(round, random_doubles) {
    uint64_t state = 1;
    for (int i = 0; i < RANDOM; i++) {
        const uint64_t bits = next_random(&state);
        const uint64_t near = (uint64_t)(1015 + i % 64) << 52; // of 2^-8 to 2^55
        expect_rounded_wide(f64_from_bits(bits));
        expect_rounded_wide(f64_from_bits((bits & 0x800fffffffffffffu) | near));
    }
}

// ---- Remainders ----

// All bits; subnormal; the exponent of `other`; few bits of a mantissa.
static uint64_t of_kind(uint64_t bits, uint64_t other, int mantissa, int kind) {
    const uint64_t below = ((uint64_t)1 << mantissa) - 1, sign = bits & ~(~(uint64_t)0 >> 1);
    switch (kind) {
    case 0:
        return sign | (bits & below);
    case 1:
        return sign | (bits & below) | (other & ~below & ~sign);
    case 2:
        return bits & ~(below >> 4);
    default:
        return bits;
    }
}

Test(round, remainders) {
    uint64_t state = 2;
    for (int i = 0; i < RANDOM; i++) {
        const uint64_t first = next_random(&state), second = next_random(&state);
        const double x = f64_from_bits(of_kind(first, second, 52, i / 4 % 4));
        const double y = f64_from_bits(of_kind(second, first, 52, i % 4));
        const float a = f32_from_bits((uint32_t)of_kind(first >> 32, second >> 32, 23, i / 4 % 4));
        const float b = f32_from_bits((uint32_t)of_kind(second >> 32, first >> 32, 23, i % 4));
        cr_assert(same(f32_fmod(a, b), fmodf(a, b)), "fmod(%a, %a) = %a", (double)a, (double)b,
                  (double)f32_fmod(a, b));
        cr_assert(same_wide(f64_fmod(x, y), fmod(x, y)), "fmod(%a, %a) = %a", x, y, f64_fmod(x, y));
    }
}

Test(round, remainders_of_special_values) {
    static const double some[] = {0.0,      -0.0,      1.0, -1.0, INFINITY, -INFINITY, NAN,
                                  0x1p-149, 0x1p-1074, 0.5, 2.5,  3.0,      0x1p+127,  0x1p+1023};
    enum { SOME = sizeof some / sizeof *some };
    for (int i = 0; i < SOME; i++)
        for (int k = 0; k < SOME; k++) {
            const float a = (float)some[i], b = (float)some[k];
            cr_expect(same(f32_fmod(a, b), fmodf(a, b)), "%a, %a", (double)a, (double)b);
            cr_expect(same_wide(f64_fmod(some[i], some[k]), fmod(some[i], some[k])), "%a, %a",
                      some[i], some[k]);
        }
}
