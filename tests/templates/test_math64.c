// The elementary functions of templates/math64.h against MPFR: errors, special values, symmetries,
// and the digest of their bits that every compiler, flag and machine must reproduce.

#include "templates/math64.h"

#include <criterion/criterion.h>
#include <mpfr.h>

enum { ANY = 30000, NEAR = 60000, NEIGHBOURS = 60, MULTIPLES = 3000 };

// A function, the error that its comment claims (in ulp, rounded up), where its arguments matter
// most, and the digest of its results (see digest_of).
struct function {
    const char *name;
    double (*ours)(double x);
    int (*exact)(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t rounding);
    double bound, low, high;
    uint64_t digest;
};

static const struct function functions[] = {
    {"exp", f64_exp, mpfr_exp, 0.76, -746, 711, 0x94665426ecc72c2f},
    {"log", f64_log, mpfr_log, 0.90, 0.4, 2.5, 0x68ab995aead65ad0},
    {"sin", f64_sin, mpfr_sin, 0.87, -40, 40, 0xb8abaaf1ce8e3f17},
    {"cos", f64_cos, mpfr_cos, 0.88, -40, 40, 0x6e95943ec0bd5ac9},
    {"tanh", f64_tanh, mpfr_tanh, 0.87, -3, 3, 0xde16d30121c32bb3},
    {"erf", f64_erf, mpfr_erf, 0.97, -3, 3, 0x659546c87de4e47d},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static const double pow_bound = 0.97;

// Where something happens in at least one of the functions: dense sweeps go around each.
static const double special_points[] = {
    0,
    0x1p-1022,
    0x1p-53,
    0x1p-27,
    0.34657359027997264,
    0.70710678118654746,
    0.75,
    0.785398163397448279,
    1,
    1.25,
    1.4142135623730951,
    2,
    3,
    6,
    19.06,
    20,
    708.39641853226408,
    709.782712893384,
    710,
    745.13321910194111,
    746,
    0x1p+20,
    0x1p+52,
    0x1p+53,
    0x1.fffffffffffffp+1023,
};

// Float64 numbers next to multiples of pi/2, relative to which few are harder to reduce.
static const double hard_points[] = {
    6381956970095103.0 * 0x1p+797, 0x1.6ac5b262ca1ffp+849, 0x1.921fb54442d18p+1,
    0x1.6c6cbc45dc8dep+5,          0x1.921fb54442d18p+20,  0x1.6ac5b262ca1ffp+851,
};

// What a sweep has seen so far. MPFR computes with 120 bits, so that its own error does not matter.
struct sweep {
    mpfr_t x, y, z, error;
    double worst, worst_x, worst_y, worst_result;
    unsigned long count;
};

static void sweep_open(struct sweep *sweep) {
    memset(sweep, 0, sizeof *sweep);
    mpfr_inits2(120, sweep->x, sweep->y, sweep->z, sweep->error, (mpfr_ptr)0);
}

// The error of `result` in ulp at what the sweep has as exact; infinite where a special value is
// wrong.
static double error_in_ulp(struct sweep *sweep, double result) {
    double rounded = mpfr_get_d(sweep->z, MPFR_RNDN);
    if (rounded != rounded) {
        return f64_bits(result) == 0x7ff8000000000000u ? 0 : HUGE_VAL;
    }
    if (result != result || signbit(rounded) != signbit(result)) {
        return HUGE_VAL;
    }
    if (isinf(rounded) || isinf(result)) {
        return rounded == result ? 0 : HUGE_VAL;
    }
    long exponent = mpfr_zero_p(sweep->z) ? -1021 : mpfr_get_exp(sweep->z);
    mpfr_sub_d(sweep->error, sweep->z, result, MPFR_RNDN);
    mpfr_mul_2si(sweep->error, sweep->error, 53 - (exponent < -1021 ? -1021 : exponent), MPFR_RNDN);
    return fabs(mpfr_get_d(sweep->error, MPFR_RNDN));
}

static void sweep_note(struct sweep *sweep, double x, double y, double result) {
    double error = error_in_ulp(sweep, result);
    sweep->count++;
    if (error > sweep->worst) {
        sweep->worst = error;
        sweep->worst_x = x;
        sweep->worst_y = y;
        sweep->worst_result = result;
    }
}

static void sweep_unary(struct sweep *sweep, const struct function *function, double x) {
    mpfr_set_d(sweep->x, x, MPFR_RNDN);
    function->exact(sweep->z, sweep->x, MPFR_RNDN);
    sweep_note(sweep, x, 0, function->ours(x));
}

static void sweep_pow(struct sweep *sweep, double x, double y) {
    mpfr_set_d(sweep->x, x, MPFR_RNDN);
    mpfr_set_d(sweep->y, y, MPFR_RNDN);
    mpfr_pow(sweep->z, sweep->x, sweep->y, MPFR_RNDN);
    sweep_note(sweep, x, y, f64_pow(x, y));
}

static void sweep_close(struct sweep *sweep, const char *name, double bound) {
    cr_expect(sweep->count > 0 && sweep->worst <= bound,
              "%s(%a, %a) = %a is %.4f ulp from the exact value, bound %.4f", name, sweep->worst_x,
              sweep->worst_y, sweep->worst_result, sweep->worst, bound);
    mpfr_clears(sweep->x, sweep->y, sweep->z, sweep->error, (mpfr_ptr)0);
    mpfr_free_cache();
}

// A pseudorandom sequence (xorshift64) that is the same everywhere.
static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// Pseudorandom, uniform in [low, high).
static double random_between(uint64_t *state, double low, double high) {
    return low + (high - low) * ((double)(next_random(state) >> 11) * 0x1p-53);
}

static void sweep_around(struct sweep *sweep, const struct function *function, double x) {
    for (int offset = -NEIGHBOURS; offset <= NEIGHBOURS; offset++) {
        int64_t moved = (int64_t)f64_bits(x) + offset;
        if (moved >= 0) {
            sweep_unary(sweep, function, f64_from_bits((uint64_t)moved));
            sweep_unary(sweep, function, -f64_from_bits((uint64_t)moved));
        }
    }
}

Test(math64, errors_stay_within_their_bounds, .timeout = 120) {
    for (int i = 0; i < FUNCTIONS; i++) {
        const struct function *function = &functions[i];
        uint64_t state = 0x9e3779b97f4a7c15u;
        struct sweep sweep;
        sweep_open(&sweep);
        for (int k = 0; k < ANY; k++) {
            sweep_unary(&sweep, function, f64_from_bits(next_random(&state)));
        }
        for (int k = 0; k < NEAR; k++) {
            sweep_unary(&sweep, function, random_between(&state, function->low, function->high));
            sweep_unary(&sweep, function, random_between(&state, -1.5, 1.5));
        }
        for (size_t k = 0; k < sizeof special_points / sizeof *special_points; k++) {
            sweep_around(&sweep, function, special_points[k]);
        }
        sweep_close(&sweep, function->name, function->bound);
    }
}

// Where sine and cosine all but vanish, and at arguments of every magnitude.
Test(math64, sines_of_hard_arguments) {
    for (int i = 2; i < 4; i++) {
        uint64_t state = 0x2545f4914f6cdd1du;
        struct sweep sweep;
        sweep_open(&sweep);
        for (size_t k = 0; k < sizeof hard_points / sizeof *hard_points; k++) {
            sweep_around(&sweep, &functions[i], hard_points[k]);
        }
        for (int k = 1; k <= MULTIPLES; k++) {
            double multiple = (double)k * 0x1.921fb54442d18p+0;
            sweep_unary(&sweep, &functions[i], multiple);
            sweep_unary(&sweep, &functions[i], multiple * 0x1p+11);
            sweep_unary(&sweep, &functions[i], multiple * 0x1p+300);
        }
        for (int exponent = -1074; exponent < 1024; exponent++) {
            for (int k = 0; k < 8; k++) {
                double x = ldexp(random_between(&state, 1, 2), exponent);
                sweep_unary(&sweep, &functions[i], x);
            }
        }
        sweep_close(&sweep, functions[i].name, functions[i].bound);
    }
}

Test(math64, pow_stays_within_its_bound, .timeout = 120) {
    static const double exponents[] = {-2, -1, -0.5, 0x1p-1074, 0.5, 1, 1.5, 2, 3, 7, 1e6};
    enum { EXPONENTS = sizeof exponents / sizeof *exponents };
    uint64_t state = 0x9e3779b97f4a7c15u;
    struct sweep sweep;
    sweep_open(&sweep);
    for (int i = 0; i < 20000; i++) {
        // Any base, with an exponent that takes the result anywhere in the range and beyond.
        double x = f64_from_bits(next_random(&state) % 0x7ff0000000000000u);
        sweep_pow(&sweep, x, random_between(&state, -1080, 1030) / log2(x));
        // Bases next to 1 and to a power of two, where exponents magnify the logarithm's error.
        x = 1 + random_between(&state, -0x1p-8, 0x1p-8);
        sweep_pow(&sweep, x, random_between(&state, -1e5, 1e5));
        sweep_pow(&sweep, random_between(&state, 0.7, 1.42), random_between(&state, -2100, 2100));
        // Any pair of numbers; most results are NaN, 0 or infinite.
        x = f64_from_bits(next_random(&state));
        sweep_pow(&sweep, x, f64_from_bits(next_random(&state)));
        sweep_pow(&sweep, x, exponents[i % EXPONENTS]);
    }
    sweep_close(&sweep, "pow", pow_bound);
}

Test(math64, special_values_of_unary_functions) {
    const double infinity = HUGE_VAL, nan = f64_from_bits(0x7ff8000000000000u);
    const struct {
        double (*function)(double x);
        const char *name;
        double x, y;
    } rows[] = {
        {f64_exp, "exp", 0, 1},
        {f64_exp, "exp", -0.0, 1},
        {f64_exp, "exp", infinity, infinity},
        {f64_exp, "exp", -infinity, 0},
        {f64_exp, "exp", 0x1.62e42fefa39fp+9, infinity},
        {f64_exp, "exp", -0x1.74910d52d3052p+9, 0},
        {f64_exp, "exp", -0x1.74910d52d3051p+9, 0x1p-1074},
        {f64_log, "log", 0, -infinity},
        {f64_log, "log", -0.0, -infinity},
        {f64_log, "log", 1, 0},
        {f64_log, "log", infinity, infinity},
        {f64_log, "log", -infinity, nan},
        {f64_log, "log", -0x1p-1074, nan},
        {f64_sin, "sin", 0, 0},
        {f64_sin, "sin", -0.0, -0.0},
        {f64_sin, "sin", infinity, nan},
        {f64_sin, "sin", -infinity, nan},
        {f64_sin, "sin", -0x1p-1074, -0x1p-1074},
        {f64_cos, "cos", 0, 1},
        {f64_cos, "cos", -0.0, 1},
        {f64_cos, "cos", infinity, nan},
        {f64_cos, "cos", -infinity, nan},
        {f64_tanh, "tanh", 0, 0},
        {f64_tanh, "tanh", -0.0, -0.0},
        {f64_tanh, "tanh", infinity, 1},
        {f64_tanh, "tanh", -infinity, -1},
        {f64_tanh, "tanh", 0x1p-1074, 0x1p-1074},
        {f64_erf, "erf", 0, 0},
        {f64_erf, "erf", -0.0, -0.0},
        {f64_erf, "erf", infinity, 1},
        {f64_erf, "erf", -infinity, -1},
        {f64_erf, "erf", 0x1p-1074, 0x1p-1074},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double y = rows[i].function(rows[i].x);
        cr_expect(f64_bits(y) == f64_bits(rows[i].y), "%s(%a) is %a, expected %a", rows[i].name,
                  rows[i].x, y, rows[i].y);
    }
}

Test(math64, every_kind_of_nan_becomes_the_one_nan) {
    static const uint64_t nans[] = {0x7ff8000000000000u, 0xfff8000000000000u, 0x7ff0000000000001u,
                                    0xffffffffffffffffu};
    const uint64_t quiet = 0x7ff8000000000000u, one = 0x3ff0000000000000u;
    for (size_t i = 0; i < sizeof nans / sizeof *nans; i++) {
        double nan = f64_from_bits(nans[i]);
        for (int k = 0; k < FUNCTIONS; k++) {
            cr_expect(f64_bits(functions[k].ours(nan)) == quiet, "%s", functions[k].name);
        }
        cr_expect(f64_bits(f64_pow(nan, 2)) == quiet);
        cr_expect(f64_bits(f64_pow(2, nan)) == quiet);
        cr_expect(f64_bits(f64_pow(-1, nan)) == quiet);
        cr_expect(f64_bits(f64_pow(nan, 0)) == one);
        cr_expect(f64_bits(f64_pow(nan, -0.0)) == one);
        cr_expect(f64_bits(f64_pow(1, nan)) == one);
    }
}

// C99 Annex F.9.4.4, row by row.
Test(math64, special_values_of_pow) {
    const double infinity = HUGE_VAL, nan = f64_from_bits(0x7ff8000000000000u);
    const struct {
        double x, y, z;
    } rows[] = {
        {0, -3, infinity},
        {-0.0, -3, -infinity},
        {0, -2, infinity},
        {-0.0, -2, infinity},
        {-0.0, -0.5, infinity},
        {0, -infinity, infinity},
        {-0.0, -infinity, infinity},
        {0, 3, 0},
        {-0.0, 3, -0.0},
        {-0.0, 2, 0},
        {-0.0, 0.5, 0},
        {-0.0, infinity, 0},
        {-1, infinity, 1},
        {-1, -infinity, 1},
        {1, infinity, 1},
        {1, -12.5, 1},
        {infinity, 0, 1},
        {-infinity, -0.0, 1},
        {0, 0, 1},
        {-2, 0.5, nan},
        {-1, 0x1p-1074, nan},
        {-0x1p-1074, 0x1.fffffffffffffp+51, nan},
        {0.5, -infinity, infinity},
        {-0.5, -infinity, infinity},
        {2, -infinity, 0},
        {-2, -infinity, 0},
        {0.5, infinity, 0},
        {-0.5, infinity, 0},
        {2, infinity, infinity},
        {-2, infinity, infinity},
        {-infinity, -3, -0.0},
        {-infinity, -2, 0},
        {-infinity, -0.5, 0},
        {-infinity, 3, -infinity},
        {-infinity, 2, infinity},
        {-infinity, 0.5, infinity},
        {-infinity, infinity, infinity},
        {infinity, -0.5, 0},
        {infinity, -infinity, 0},
        {infinity, 0.5, infinity},
        {-2, 3, -8},
        {-2, 1023, -0x1p+1023},
        {-2, 1025, -infinity},
        {2, 1024, infinity},
        {2, -1074, 0x1p-1074},
        {-2, -1075, -0.0},
        {-1, 0x1.fffffffffffffp+52, -1}, // the largest odd float64
        {-1, 0x1p+53, 1},
        {0x1.fffffffffffffp+1023, 0x1.fffffffffffffp+1023, infinity},
        {0x1p-1074, 0x1.fffffffffffffp+1023, 0},
        {0x1.0000000000001p+0, 0x1.fffffffffffffp+1023, infinity},
        {0x1.fffffffffffffp-1, 0x1.fffffffffffffp+1023, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double z = f64_pow(rows[i].x, rows[i].y);
        cr_expect(f64_bits(z) == f64_bits(rows[i].z), "pow(%a, %a) is %a, expected %a", rows[i].x,
                  rows[i].y, z, rows[i].z);
    }
}

Test(math64, symmetries_hold_by_bits) {
    const uint64_t sign = 0x8000000000000000u;
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 100000; i++) {
        double x = f64_from_bits(next_random(&state) % 0x7ff0000000000000u), minus = -x;
        cr_assert(f64_bits(f64_sin(minus)) == (f64_bits(f64_sin(x)) ^ sign), "%a", x);
        cr_assert(f64_bits(f64_cos(minus)) == f64_bits(f64_cos(x)), "%a", x);
        cr_assert(f64_bits(f64_tanh(minus)) == (f64_bits(f64_tanh(x)) ^ sign), "%a", x);
        cr_assert(f64_bits(f64_erf(minus)) == (f64_bits(f64_erf(x)) ^ sign), "%a", x);
        cr_assert(f64_bits(f64_pow(x, 1)) == f64_bits(x), "%a", x);
        cr_assert(f64_bits(f64_pow(minus, 1)) == f64_bits(minus), "%a", x);
        cr_assert(f64_bits(f64_pow(minus, 2)) == f64_bits(f64_pow(x, 2)), "%a", x);
        cr_assert(f64_bits(f64_pow(minus, 3)) == (f64_bits(f64_pow(x, 3)) ^ sign), "%a", x);
    }
}

// FNV-1a of 64 bits, a result at a time.
static uint64_t digest_add(uint64_t digest, double result) {
    return (digest ^ f64_bits(result)) * 0x100000001b3u;
}

// These digests are the same from gcc and clang at -O0 to -O3, with and without FMA and AVX-512, on
// x86-64. One that differs means that this build computes other bits than every other: find out
// why.
Test(math64, bits_are_those_of_every_other_build) {
    for (int i = 0; i < FUNCTIONS; i++) {
        uint64_t digest = 0xcbf29ce484222325u, state = 0x2545f4914f6cdd1du;
        for (int k = 0; k < 200000; k++) {
            digest = digest_add(digest, functions[i].ours(f64_from_bits(next_random(&state))));
            double x = random_between(&state, functions[i].low, functions[i].high);
            digest = digest_add(digest, functions[i].ours(x));
        }
        cr_expect(digest == functions[i].digest, "%s: digest 0x%016llx, expected 0x%016llx",
                  functions[i].name, (unsigned long long)digest,
                  (unsigned long long)functions[i].digest);
    }
}

Test(math64, bits_of_pow_are_those_of_every_other_build) {
    const uint64_t expected = 0x13a7bbef310835e3;
    uint64_t state = 0x2545f4914f6cdd1du, digest = 0xcbf29ce484222325u;
    for (int i = 0; i < 100000; i++) {
        double x = f64_from_bits(next_random(&state)), y = f64_from_bits(next_random(&state));
        double moderate = random_between(&state, -40, 40);
        digest = digest_add(digest, f64_pow(x, y));
        digest = digest_add(digest, f64_pow(x, moderate));
        digest = digest_add(digest, f64_pow(fabs(moderate), random_between(&state, -180, 180)));
    }
    cr_expect(digest == expected, "pow: digest 0x%016llx, expected 0x%016llx",
              (unsigned long long)digest, (unsigned long long)expected);
}
