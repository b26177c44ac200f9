#include "compiler/import/turns.h"

/* Series of cos x and of sin x / x in x * x, highest power first: up to x = pi / 4. */
static const double cosine_series[] = {1.0 / 20922789888000,
                                       -1.0 / 87178291200,
                                       1.0 / 479001600,
                                       -1.0 / 3628800,
                                       1.0 / 40320,
                                       -1.0 / 720,
                                       1.0 / 24,
                                       -1.0 / 2,
                                       1};
static const double sine_series[] = {1.0 / 355687428096000,
                                     -1.0 / 1307674368000,
                                     1.0 / 6227020800,
                                     -1.0 / 39916800,
                                     1.0 / 362880,
                                     -1.0 / 5040,
                                     1.0 / 120,
                                     -1.0 / 6,
                                     1};

static double series(const double *coefficients, double x) {
    double sum = 0;
    for (int i = 0; i < 9; i++)
        sum = sum * (x * x) + coefficients[i];
    return sum;
}

/* The cosine of `eighths` / (8 * whole) of a turn, 0 to 8 * whole: folded into its first eighth. */
static double folded_cosine(int64_t eighths, int64_t whole) {
    const double quarter_pi = 0x1.921fb54442d18p-1;
    if (eighths > 4 * whole)
        eighths = 8 * whole - eighths;
    double sign = eighths > 2 * whole ? -1 : 1;
    if (eighths > 2 * whole)
        eighths = 4 * whole - eighths;
    if (eighths <= whole)
        return sign * series(cosine_series, quarter_pi * ((double)eighths / (double)whole));
    double x = quarter_pi * ((double)(2 * whole - eighths) / (double)whole);
    return sign * (x * series(sine_series, x));
}

double cosine_of_turn(int64_t part, int64_t whole) {
    part %= whole;
    return folded_cosine(8 * (part < 0 ? part + whole : part), whole);
}

double sine_of_turn(int64_t part, int64_t whole) {
    part %= whole;
    int64_t eighths = 8 * (part < 0 ? part + whole : part) - 2 * whole;
    return folded_cosine(eighths < 0 ? eighths + 8 * whole : eighths, whole);
}
