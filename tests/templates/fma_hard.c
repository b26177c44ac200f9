// a * b + c of templates/fma.h against MPFR, on arguments for which it is hard to round once:
//
//   cc -std=gnu11 -O2 -I. -DWITH_MPFR tests/templates/fma_hard.c -lmpfr -lgmp -lm -o hard
//   ./hard 1000000 [seed]
//
// So many float32 and a tenth of it float64. Prints the digest of all results, which every compiler
// and machine must reproduce; exits with 1 at the first result that is not MPFR's. Which way the
// sums are computed is up to the macros of fma.h: -DFMA_BY_INTEGERS, -DFMA_OF_LIBRARY, -mfma.

#include "templates/exact.h" // before the functions

#include "templates/fma.h"

#include <stdio.h>
#include <stdlib.h>
#ifdef WITH_MPFR
#include <mpfr.h>
#endif

// ---- Random arguments ----

static uint64_t state;

static uint64_t next(void) { // xorshift64*
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1du;
}

// One bit in sixteen is set.
static uint64_t next_sparse(void) {
    uint64_t bits = next();
    for (int i = 1; i < 4; i++)
        bits &= next();
    return bits;
}

static int below(int count) {
    return (int)((next() >> 33) % (uint64_t)count);
}

// What is told of a format: its bits are a sign, an exponent and so many bits of a mantissa.
struct format {
    int mantissa, exponent; // bits
};
static const struct format narrow = {23, 8}, wide = {52, 11};

static int bias(const struct format *format) {
    return (1 << (format->exponent - 1)) - 1;
}

// A number of about 2^power; a power too small or too great gives the least or the greatest ones.
static uint64_t of_power(const struct format *format, int power, uint64_t mantissa) {
    const int most = 2 * bias(format);
    int exponent = power + bias(format);
    exponent = exponent < 0 ? 0 : exponent > most ? most : exponent;
    const uint64_t sign = (next() & 1) << (format->mantissa + format->exponent);
    return sign | (uint64_t)exponent << format->mantissa |
           (mantissa & (((uint64_t)1 << format->mantissa) - 1));
}

// A mantissa of few bits set at its ends: sums of such lie near the middle of two numbers.
static uint64_t sparse(const struct format *format) {
    const uint64_t last = (uint64_t)1 << below(4), first = (uint64_t)1 << (format->mantissa - 1);
    switch (below(6)) {
    case 0:
        return 0;
    case 1:
        return last;
    case 2:
        return first >> below(format->mantissa);
    case 3:
        return 0 - last;
    case 4:
        return (first >> below(format->mantissa)) ^ last;
    default:
        return next_sparse();
    }
}

static uint64_t any_mantissa(const struct format *format) {
    return below(2) ? next() : sparse(format);
}

struct arguments {
    uint64_t a, b, c; // bits
};

// Of about these powers of two. (One after another: compilers order arguments as they like.)
static struct arguments of_powers(const struct format *format, int of_a, int of_b, int of_c) {
    struct arguments taken;
    taken.a = of_power(format, of_a, any_mantissa(format));
    taken.b = of_power(format, of_b, any_mantissa(format));
    taken.c = of_power(format, of_c, any_mantissa(format));
    return taken;
}

// Integers of half a mantissa, times powers of two, and a c so much smaller that whether it is
// there at all decides: rounding twice is wrong for an eighth of these.
static struct arguments integers(const struct format *format) {
    const int half = format->mantissa / 2 + 1, power = below(40) - 20;
    struct arguments taken = of_powers(format, power, 0, power - below(2 * format->mantissa + 8));
    const uint64_t low = ((uint64_t)1 << (format->mantissa - half)) - 1;
    taken.a &= ~low;
    taken.b &= ~low;
    return taken;
}

// A product and a c that lie so far apart that half of the last bit is at stake, or that cancel.
static struct arguments neighbours(const struct format *format, int of_a, int of_b) {
    const int apart = below(2 * format->mantissa + 8) - format->mantissa - 4;
    return of_powers(format, of_a, of_b, of_a + of_b + apart);
}

// A product a little beyond 2^(power + 1), and a c of which that is half the last bit: what decides
// lies so far behind that it is lost from twice as many bits.
static struct arguments far_behind(const struct format *format, int power) {
    const int is_wide = format == &wide;
    struct arguments taken;
    taken.a = of_power(format, power / 2, is_wide ? 0x825c85a158527u : 0x1001u);
    taken.b = of_power(format, power - power / 2, is_wide ? 0x533f43c449e56u : 0x7fe002u);
    taken.c = of_power(format, power + format->mantissa + 2, 0);
    return taken;
}

static struct arguments specials(const struct format *format) {
    const uint64_t infinity = (((uint64_t)1 << format->exponent) - 1) << format->mantissa;
    const uint64_t one = (uint64_t)bias(format) << format->mantissa;
    const uint64_t some[] = {0,   1,       infinity, infinity | infinity >> 1,        infinity - 1,
                             one, one + 1, one - 1,  (uint64_t)1 << format->mantissa, infinity / 2};
    enum { SOME = sizeof some / sizeof *some };
    uint64_t taken[3];
    for (int i = 0; i < 3; i++) {
        taken[i] = some[below(SOME)];
        taken[i] |= (next() & 1) << (format->mantissa + format->exponent);
    }
    return (struct arguments){taken[0], taken[1], taken[2]};
}

static struct arguments hard(const struct format *format) {
    const int most = bias(format), near = format->mantissa;
    int power = below(20) - 10;
    switch (below(8)) {
    case 0:
        return specials(format);
    case 1:
    case 2:
        return integers(format);
    case 3: // results about the least normal number
        power = -below(most);
        return neighbours(format, power, 1 - most - power + below(3 * near) - 2 * near);
    case 4: // about the greatest one
        power = below(most);
        return neighbours(format, power, most - power - below(3));
    case 5:
        if (below(16) == 0)
            return far_behind(format, below(2) ? power : -1 - most - near);
        return of_powers(format, below(2 * most) - most, 0, power);
    default:
        return neighbours(format, power, 3);
    }
}

// ---- Results ----

static uint64_t digest = 0xcbf29ce484222325u; // FNV-1a, a result at a time

// Machines disagree which NaN a result is.
static uint64_t seen(const struct format *format, uint64_t bits) {
    const uint64_t infinity = (((uint64_t)1 << format->exponent) - 1) << format->mantissa;
    const uint64_t sign = (uint64_t)1 << (format->mantissa + format->exponent);
    bits = (bits & ~sign) > infinity ? infinity | infinity >> 1 : bits;
    digest = (digest ^ bits) * 0x100000001b3u;
    return bits;
}

#ifdef WITH_MPFR
static mpfr_t exact[2], x, y, z;

static void begin(void) {
    mpfr_init2(exact[0], 24);
    mpfr_init2(exact[1], 53);
    mpfr_inits2(53, x, y, z, (mpfr_ptr)0);
}

static uint64_t expected(const struct format *format, double a, double b, double c) {
    mpfr_ptr sum = exact[format == &wide];
    mpfr_set_emin(mpfr_get_emin_min());
    mpfr_set_emax(mpfr_get_emax_max());
    mpfr_set_d(x, a, MPFR_RNDN);
    mpfr_set_d(y, b, MPFR_RNDN);
    mpfr_set_d(z, c, MPFR_RNDN);
    mpfr_set_emin(2 - bias(format) - format->mantissa);
    mpfr_set_emax(bias(format) + 1);
    const int rounded = mpfr_fma(sum, x, y, z, MPFR_RNDN);
    mpfr_subnormalize(sum, rounded, MPFR_RNDN);
    return format == &wide ? f64_bits(mpfr_get_d(sum, MPFR_RNDN))
                           : f32_bits(mpfr_get_flt(sum, MPFR_RNDN));
}
#else
static void begin(void) {
}
#endif

static int check(const struct format *format, double a, double b, double c, uint64_t bits) {
    const uint64_t ours = seen(format, bits);
#ifdef WITH_MPFR
    const uint64_t same = digest, exactly = seen(format, expected(format, a, b, c));
    digest = same;
    if (ours != exactly) {
        printf("%a * %a + %a gave 0x%llx for 0x%llx\n", a, b, c, (unsigned long long)ours,
               (unsigned long long)exactly);
        return 0;
    }
#else
    (void)a, (void)b, (void)c, (void)ours;
#endif
    return 1;
}

// ---- In blocks, as loops that compilers make vectors of ----

enum { BLOCK = 512 };

static int check_narrow(void) {
    float a[BLOCK], b[BLOCK], c[BLOCK], sums[BLOCK];
    int good = 1;
    for (int i = 0; i < BLOCK; i++) {
        const struct arguments taken = hard(&narrow);
        a[i] = f32_from_bits((uint32_t)taken.a);
        b[i] = f32_from_bits((uint32_t)taken.b);
        c[i] = f32_from_bits((uint32_t)taken.c);
    }
    for (int i = 0; i < BLOCK; i++)
        sums[i] = f32_fma(a[i], b[i], c[i]);
    for (int i = 0; i < BLOCK; i++)
        good &= check(&narrow, a[i], b[i], c[i], f32_bits(sums[i]));
#if defined __SSE2__ && !VECTOR_BITS
    float fours[BLOCK];
    for (int i = 0; i < BLOCK; i += 4)
        _mm_storeu_ps(fours + i,
                      f32_fma_four(_mm_loadu_ps(a + i), _mm_loadu_ps(b + i), _mm_loadu_ps(c + i)));
    for (int i = 0; i < BLOCK; i++) {
        const int same = f32_bits(fours[i]) == f32_bits(sums[i]) || fours[i] != fours[i];
        if (!same)
            printf("%a * %a + %a gave %a, of four %a\n", (double)a[i], (double)b[i], (double)c[i],
                   (double)sums[i], (double)fours[i]);
        good &= same && (fours[i] != fours[i]) == (sums[i] != sums[i]);
    }
#endif
    return good;
}

static int check_wide(void) {
    int good = 1;
    for (int i = 0; i < BLOCK; i++) {
        const struct arguments taken = hard(&wide);
        const double a = f64_from_bits(taken.a), b = f64_from_bits(taken.b);
        const double c = f64_from_bits(taken.c);
        good &= check(&wide, a, b, c, f64_bits(f64_fma(a, b, c)));
    }
    return good;
}

int main(int count, char **arguments) {
    if (count != 2 && count != 3) {
        fprintf(stderr, "usage: %s COUNT [SEED]\n", arguments[0]);
        return 2;
    }
    const long long cases = strtoll(arguments[1], NULL, 10);
    state = (uint64_t)(count == 3 ? strtoll(arguments[2], NULL, 10) : 1) * 0x9e3779b97f4a7c15u | 1;
    begin();
    int good = 1;
    for (long long done = 0; done < cases && good; done += BLOCK)
        good = check_narrow();
    for (long long done = 0; done < cases / 10 && good; done += BLOCK)
        good = check_wide();
    printf("0x%016llx\n", (unsigned long long)digest);
    return good ? 0 : 1;
}
