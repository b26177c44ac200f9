// The elementary functions of templates/math.h against MPFR: errors, special values, symmetries,
// and the digests of their bits that every compiler, flag and machine must reproduce.

#include "tests/templates/math_digest.h"

#include <criterion/criterion.h>
#include <mpfr.h>

enum { STRIDE = 9001, NEIGHBOURS = 300, MULTIPLES = 3000 };

// A function, and the error that its comment claims over all of float32 (in ulp, rounded up).
struct function {
    const char *name;
    float (*ours)(float x);
    int (*exact)(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t rounding);
    double bound;
};

static const struct function functions[] = {
    {"exp", f32_exp, mpfr_exp, 0.8914},    {"log", f32_log, mpfr_log, 0.945},
    {"sin", f32_sin, mpfr_sin, 0.5002},    {"cos", f32_cos, mpfr_cos, 0.5002},
    {"tanh", f32_tanh, mpfr_tanh, 0.9684}, {"erf", f32_erf, mpfr_erf, 0.8812},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static const double pow_bound = 0.501;

// Where something happens in at least one of the functions: dense sweeps go around each.
static const uint32_t special_points[] = {
    0x00000000u, // 0
    0x00800000u, // the smallest normal number
    0x33800000u, // 2^-24: where 1 + x begins to differ from 1
    0x39800000u, // 2^-12: where x^2 does
    0x3eb17218u, // ln(2)/2: exp begins to reduce
    0x3f2aaaabu, // 2/3: log changes exponent
    0x3f490fdbu, // pi/4: sin and cos begin to reduce
    0x3f580000u, // 0.84375: erf changes method
    0x3f800000u, // 1: tanh changes method
    0x3faaaaabu, // 4/3
    0x407aa7b0u, // 3.917: erf reaches 1
    0x40800000u, // 4: erf bounds its argument
    0x41102cb3u, // 9.011: tanh reaches 1
    0x41200000u, // 10: tanh bounds its argument
    0x42aeac50u, // 87.34: exp(-x) becomes subnormal
    0x42b17218u, // 88.72: exp(x) overflows
    0x42b1e000u, // 88.94: exp bounds its power of two
    0x42cff1b5u, // 103.97: exp(-x) becomes 0
    0x42d00000u, // 104: exp bounds its argument
    0x4b000000u, // 2^23
    0x7f7fffffu, // the largest number
};

// The float32 numbers closest to multiples of pi/2, relative to which nothing is harder to reduce.
static const uint32_t hard_points[] = {
    0x6f79be45u, 0x50a3e87fu, 0x6ff9be45u, 0x5123e87fu, 0x437ce5f1u, 0x7079be45u,
    0x6a1976f1u, 0x53b146a6u, 0x65898498u, 0x51a3e87fu, 0x43fce5f1u, 0x77584625u,
    0x4c2332e9u, 0x4096cbe4u, 0x6c55da58u, 0x70f9be45u, 0x6a9976f1u, 0x5c07bcd0u,
    0x543146a6u, 0x66098498u, 0x5223e87fu, 0x474d246fu, 0x723fa09au, 0x447ce5f1u,
};

// What a sweep has seen so far. MPFR computes with 80 bits, so that its own error does not matter.
struct sweep {
    mpfr_t x, y, z;
    double worst;
    float worst_x, worst_y, worst_result;
    unsigned long count;
};

static void sweep_open(struct sweep *sweep) {
    memset(sweep, 0, sizeof *sweep);
    mpfr_inits2(80, sweep->x, sweep->y, sweep->z, (mpfr_ptr)0);
}

// The error of `result` in ulp of float32 at `exact`; infinite where a special value is wrong.
static double error_in_ulp(float result, mpfr_srcptr exact) {
    double wide = mpfr_get_d(exact, MPFR_RNDN);
    float rounded = (float)wide;
    if (rounded != rounded) {
        return result != result ? 0 : HUGE_VAL;
    }
    if (result != result) {
        return HUGE_VAL;
    }
    if (isinf(rounded) || isinf(result)) {
        return rounded == result ? 0 : HUGE_VAL;
    }
    if (signbit(rounded) != signbit(result)) {
        return HUGE_VAL;
    }
    int exponent = -200;
    if (wide != 0) {
        frexp(wide, &exponent);
    }
    return fabs((double)result - wide) * ldexp(1, 24 - (exponent < -125 ? -125 : exponent));
}

static void sweep_note(struct sweep *sweep, float x, float y, float result) {
    double error = error_in_ulp(result, sweep->z);
    sweep->count++;
    if (error > sweep->worst) {
        sweep->worst = error;
        sweep->worst_x = x;
        sweep->worst_y = y;
        sweep->worst_result = result;
    }
}

static void sweep_unary(struct sweep *sweep, const struct function *function, uint32_t bits) {
    float x = f32_from_bits(bits);
    mpfr_set_flt(sweep->x, x, MPFR_RNDN);
    function->exact(sweep->z, sweep->x, MPFR_RNDN);
    sweep_note(sweep, x, 0, function->ours(x));
}

static void sweep_pow(struct sweep *sweep, float x, float y) {
    mpfr_set_flt(sweep->x, x, MPFR_RNDN);
    mpfr_set_flt(sweep->y, y, MPFR_RNDN);
    mpfr_pow(sweep->z, sweep->x, sweep->y, MPFR_RNDN);
    sweep_note(sweep, x, y, f32_pow(x, y));
}

static void sweep_close(struct sweep *sweep, const char *name, double bound) {
    cr_expect(sweep->count > 0 && sweep->worst <= bound,
              "%s(%a, %a) = %a is %.4f ulp from the exact value, bound %.4f", name,
              (double)sweep->worst_x, (double)sweep->worst_y, (double)sweep->worst_result,
              sweep->worst, bound);
    mpfr_clears(sweep->x, sweep->y, sweep->z, (mpfr_ptr)0);
    mpfr_free_cache();
}

// A pseudorandom sequence (xorshift64) that is the same everywhere.
static uint32_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

// Pseudorandom, uniform in [low, high).
static float random_between(uint64_t *state, float low, float high) {
    return low + (high - low) * ((float)(next_random(state) >> 8) * 0x1p-24f);
}

// `bits` plus `offset`, kept within [0, infinity].
static uint32_t neighbour(uint32_t bits, int offset) {
    int64_t moved = (int64_t)bits + offset;
    return moved < 0 ? 0u : moved > 0x7f800000 ? 0x7f800000u : (uint32_t)moved;
}

Test(math, whole_range_within_claimed_error) {
    for (int i = 0; i < FUNCTIONS; i++) {
        struct sweep sweep;
        sweep_open(&sweep);
        for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += STRIDE) {
            sweep_unary(&sweep, &functions[i], (uint32_t)bits);
        }
        sweep_close(&sweep, functions[i].name, functions[i].bound);
    }
}

Test(math, special_points_within_claimed_error) {
    for (int i = 0; i < FUNCTIONS; i++) {
        struct sweep sweep;
        sweep_open(&sweep);
        for (size_t k = 0; k < sizeof special_points / sizeof *special_points; k++) {
            for (int offset = -NEIGHBOURS; offset <= NEIGHBOURS; offset++) {
                uint32_t bits = neighbour(special_points[k], offset);
                sweep_unary(&sweep, &functions[i], bits);
                sweep_unary(&sweep, &functions[i], bits | 0x80000000u);
            }
        }
        sweep_close(&sweep, functions[i].name, functions[i].bound);
    }
}

Test(math, sin_and_cos_near_multiples_of_half_pi) {
    for (int i = 2; i < 4; i++) {
        struct sweep sweep;
        sweep_open(&sweep);
        for (int k = 1; k <= MULTIPLES; k++) {
            uint32_t bits = f32_bits((float)(k * 1.5707963267948966));
            for (int offset = -2; offset <= 2; offset++) {
                sweep_unary(&sweep, &functions[i], neighbour(bits, offset));
            }
        }
        for (size_t k = 0; k < sizeof hard_points / sizeof *hard_points; k++) {
            for (int offset = -20; offset <= 20; offset++) {
                sweep_unary(&sweep, &functions[i], neighbour(hard_points[k], offset));
            }
        }
        sweep_close(&sweep, functions[i].name, functions[i].bound);
    }
}

Test(math, pow_within_claimed_error) {
    static const float exponents[] = {-3, -2, -1, -0.5f, 0x1p-149f, 0.5f, 1, 1.5f, 2, 3, 7, 1e6f};
    enum { EXPONENTS = sizeof exponents / sizeof *exponents };
    uint64_t state = 0x9e3779b97f4a7c15u;
    struct sweep sweep;
    sweep_open(&sweep);
    for (int i = 0; i < 60000; i++) {
        // Any base, with an exponent that takes the result anywhere in the range and beyond.
        float x = f32_from_bits(next_random(&state) % 0x7f800000u);
        sweep_pow(&sweep, x, random_between(&state, -155, 133) / log2f(x));
        // Bases next to 1, where the exponent magnifies the logarithm's error the most.
        x = 1 + random_between(&state, -0x1p-8f, 0x1p-8f);
        sweep_pow(&sweep, x, random_between(&state, -1e4f, 1e4f));
        // Any pair of numbers; most results are NaN, 0 or infinite.
        x = f32_from_bits(next_random(&state));
        sweep_pow(&sweep, x, f32_from_bits(next_random(&state)));
        sweep_pow(&sweep, x, exponents[i % EXPONENTS]);
    }
    sweep_close(&sweep, "pow", pow_bound);
}

Test(math, special_values_of_unary_functions) {
    static const struct {
        float (*function)(float x);
        const char *name;
        uint32_t x, y;
    } rows[] = {
        {f32_exp, "exp", 0x00000000u, 0x3f800000u},   {f32_exp, "exp", 0x80000000u, 0x3f800000u},
        {f32_exp, "exp", 0x7f800000u, 0x7f800000u},   {f32_exp, "exp", 0xff800000u, 0x00000000u},
        {f32_exp, "exp", 0x42b17217u, 0x7f7fff84u},   {f32_exp, "exp", 0x42b17218u, 0x7f800000u},
        {f32_exp, "exp", 0xc2cff1b4u, 0x00000001u},   {f32_exp, "exp", 0xc2cff1b5u, 0x00000000u},
        {f32_exp, "exp", 0xff7fffffu, 0x00000000u},   {f32_exp, "exp", 0x7f7fffffu, 0x7f800000u},
        {f32_log, "log", 0x00000000u, 0xff800000u},   {f32_log, "log", 0x80000000u, 0xff800000u},
        {f32_log, "log", 0x3f800000u, 0x00000000u},   {f32_log, "log", 0x7f800000u, 0x7f800000u},
        {f32_log, "log", 0xff800000u, 0x7fc00000u},   {f32_log, "log", 0x80000001u, 0x7fc00000u},
        {f32_log, "log", 0xbf800000u, 0x7fc00000u},   {f32_log, "log", 0x00000001u, 0xc2ce8ed0u},
        {f32_sin, "sin", 0x00000000u, 0x00000000u},   {f32_sin, "sin", 0x80000000u, 0x80000000u},
        {f32_sin, "sin", 0x7f800000u, 0x7fc00000u},   {f32_sin, "sin", 0xff800000u, 0x7fc00000u},
        {f32_sin, "sin", 0x00000001u, 0x00000001u},   {f32_sin, "sin", 0x80000001u, 0x80000001u},
        {f32_cos, "cos", 0x00000000u, 0x3f800000u},   {f32_cos, "cos", 0x80000000u, 0x3f800000u},
        {f32_cos, "cos", 0x7f800000u, 0x7fc00000u},   {f32_cos, "cos", 0xff800000u, 0x7fc00000u},
        {f32_tanh, "tanh", 0x00000000u, 0x00000000u}, {f32_tanh, "tanh", 0x80000000u, 0x80000000u},
        {f32_tanh, "tanh", 0x7f800000u, 0x3f800000u}, {f32_tanh, "tanh", 0xff800000u, 0xbf800000u},
        {f32_tanh, "tanh", 0x00000001u, 0x00000001u}, {f32_tanh, "tanh", 0x7f7fffffu, 0x3f800000u},
        {f32_erf, "erf", 0x00000000u, 0x00000000u},   {f32_erf, "erf", 0x80000000u, 0x80000000u},
        {f32_erf, "erf", 0x7f800000u, 0x3f800000u},   {f32_erf, "erf", 0xff800000u, 0xbf800000u},
        {f32_erf, "erf", 0x00000001u, 0x00000001u},   {f32_erf, "erf", 0x7f7fffffu, 0x3f800000u},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t y = f32_bits(rows[i].function(f32_from_bits(rows[i].x)));
        bool nan = rows[i].y == 0x7fc00000u && (y & 0x7fffffffu) > 0x7f800000u;
        cr_expect(nan || y == rows[i].y, "%s(%08x) is %08x, expected %08x", rows[i].name, rows[i].x,
                  y, rows[i].y);
    }
}

Test(math, every_kind_of_nan_gives_nan) {
    static const uint32_t nans[] = {0x7fc00000u, 0xffc00000u, 0x7f800001u, 0xffffffffu,
                                    0x7fffffffu, 0xff800001u, 0x7fc0ff00u, 0xffc00100u};
    for (size_t i = 0; i < sizeof nans / sizeof *nans; i++) {
        float nan = f32_from_bits(nans[i]);
        for (int k = 0; k < FUNCTIONS; k++) {
            cr_expect(isnan(functions[k].ours(nan)), "%s(%08x)", functions[k].name, nans[i]);
        }
        cr_expect(isnan(f32_pow(nan, 2)));
        cr_expect(isnan(f32_pow(2, nan)));
        cr_expect(isnan(f32_pow(-1, nan)));
        cr_expect(f32_bits(f32_pow(nan, 0)) == 0x3f800000u);
        cr_expect(f32_bits(f32_pow(nan, -0.0f)) == 0x3f800000u);
        cr_expect(f32_bits(f32_pow(1, nan)) == 0x3f800000u);
    }
}

// C99 Annex F.9.4.4, row by row.
Test(math, special_values_of_pow) {
    const float infinity = HUGE_VALF, nan = f32_from_bits(0x7fc00000u);
    const struct {
        float x, y, z;
    } rows[] = {
        {+0.0f, -3, infinity},
        {-0.0f, -3, -infinity},
        {+0.0f, -2, infinity},
        {-0.0f, -2, infinity},
        {+0.0f, -0.5f, infinity},
        {-0.0f, -0.5f, infinity},
        {+0.0f, -infinity, infinity},
        {-0.0f, -infinity, infinity},
        {+0.0f, 3, +0.0f},
        {-0.0f, 3, -0.0f},
        {+0.0f, 2, +0.0f},
        {-0.0f, 2, +0.0f},
        {-0.0f, 0.5f, +0.0f},
        {-0.0f, infinity, +0.0f},
        {-1, infinity, 1},
        {-1, -infinity, 1},
        {1, infinity, 1},
        {1, -12.5f, 1},
        {infinity, 0, 1},
        {-infinity, -0.0f, 1},
        {0, 0, 1},
        {-0.0f, -0.0f, 1},
        {-2, 0.5f, nan},
        {-1, 0x1p-149f, nan},
        {-0x1p-149f, 0x1.fffffep+22f, nan},
        {0.5f, -infinity, infinity},
        {-0.5f, -infinity, infinity},
        {2, -infinity, +0.0f},
        {-2, -infinity, +0.0f},
        {0.5f, infinity, +0.0f},
        {-0.5f, infinity, +0.0f},
        {2, infinity, infinity},
        {-2, infinity, infinity},
        {-infinity, -3, -0.0f},
        {-infinity, -2, +0.0f},
        {-infinity, -0.5f, +0.0f},
        {-infinity, 3, -infinity},
        {-infinity, 2, infinity},
        {-infinity, 0.5f, infinity},
        {-infinity, infinity, infinity},
        {infinity, -0.5f, +0.0f},
        {infinity, -infinity, +0.0f},
        {infinity, 0.5f, infinity},
        {-2, 3, -8},
        {-2, 2, 4},
        {-2, 127, -0x1p+127f},
        {-2, 129, -infinity},
        {2, 128, infinity},
        {2, -149, 0x1p-149f},
        {-2, -149, -0x1p-149f},
        {-2, -151, -0.0f},
        {-1, 0x1.fffffep+23f, -1}, // the largest odd float32
        {-1, 0x1p+24f, 1},
        {-1, 0x1.fffffep+127f, 1},
        {0x1.fffffep+127f, 0x1.fffffep+127f, infinity},
        {0x1p-149f, 0x1.fffffep+127f, +0.0f},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        float z = f32_pow(rows[i].x, rows[i].y);
        bool same = isnan(z) ? isnan(rows[i].z) : f32_bits(z) == f32_bits(rows[i].z);
        cr_expect(same, "pow(%a, %a) is %a, expected %a", (double)rows[i].x, (double)rows[i].y,
                  (double)z, (double)rows[i].z);
    }
}

Test(math, symmetries_hold_by_bits) {
    for (uint32_t bits = 0; bits < 0x7f800000u; bits += 2003) {
        float x = f32_from_bits(bits), minus = f32_from_bits(bits | 0x80000000u);
        cr_assert(f32_bits(f32_sin(minus)) == (f32_bits(f32_sin(x)) ^ 0x80000000u), "%a", x);
        cr_assert(f32_bits(f32_cos(minus)) == f32_bits(f32_cos(x)), "%a", x);
        cr_assert(f32_bits(f32_tanh(minus)) == (f32_bits(f32_tanh(x)) ^ 0x80000000u), "%a", x);
        cr_assert(f32_bits(f32_erf(minus)) == (f32_bits(f32_erf(x)) ^ 0x80000000u), "%a", x);
        cr_assert(f32_bits(f32_pow(x, 1)) == bits, "%a", x);
        cr_assert(f32_bits(f32_pow(minus, 1)) == (bits | 0x80000000u), "%a", x);
        cr_assert(f32_bits(f32_pow(minus, 2)) == f32_bits(f32_pow(x, 2)), "%a", x);
        cr_assert(f32_bits(f32_pow(minus, 3)) == (f32_bits(f32_pow(x, 3)) ^ 0x80000000u), "%a", x);
    }
}

// FNV-1a of 64 bits, a result at a time.
static uint64_t digest_add(uint64_t digest, float result) {
    return (digest ^ f32_bits(result)) * 0x100000001b3u;
}

// A digest that differs means that this build computes other bits than every other: find out why.
// `make math-digests` looks at all 2^32 inputs.
Test(math, bits_are_those_on_record) {
    for (int i = 0; i < DIGESTED; i++) {
        uint64_t digest = math_digest(digested[i].run, DIGEST_PART);
        cr_expect(digest == digested[i].part, "%s: digest 0x%016llx, expected 0x%016llx",
                  digested[i].name, (unsigned long long)digest,
                  (unsigned long long)digested[i].part);
    }
}

Test(math, bits_of_pow_are_those_of_every_other_build) {
    const uint64_t expected = 0xc1e65779d61c6404;
    uint64_t state = 0x2545f4914f6cdd1du, digest = 0xcbf29ce484222325u;
    for (int i = 0; i < 300000; i++) {
        float x = f32_from_bits(next_random(&state)), y = f32_from_bits(next_random(&state));
        float moderate = random_between(&state, -40, 40);
        digest = digest_add(digest, f32_pow(x, y));
        digest = digest_add(digest, f32_pow(x, moderate));
        digest = digest_add(digest, f32_pow(fabsf(moderate), random_between(&state, -25, 25)));
    }
    cr_expect(digest == expected, "pow: digest 0x%016llx, expected 0x%016llx",
              (unsigned long long)digest, (unsigned long long)expected);
}
