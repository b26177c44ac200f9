/* Integers of 128 bits by halves: held against the compiler's own, where it has them. */
#include <criterion/criterion.h>

#include <math.h>

#include "compiler/base/wide.h"

#ifdef __SIZEOF_INT128__
static void expect(struct wide found, __int128 expected, const char *what, int64_t a, int64_t b) {
    const struct wide as_halves = {(uint64_t)(expected >> 64), (uint64_t)expected};
    cr_assert(wide_equal(found, as_halves), "%s of %lld and %lld", what, (long long)a,
              (long long)b);
    const double about = wide_about(found);
    cr_assert(fabs(about - (double)expected) <= 0x1p-51 * fabs((double)expected),
              "%s of %lld and %lld is about %g", what, (long long)a, (long long)b, about);
}

static void try_pair(int64_t a, int64_t b) {
    expect(wide_of(a), a, "the integer", a, b);
    expect(wide_product(a, b), (__int128)a * b, "the product", a, b);
    expect(wide_sum(wide_of(a), wide_of(b)), (__int128)a + b, "the sum", a, b);
    expect(wide_difference(wide_of(a), wide_of(b)), (__int128)a - b, "the difference", a, b);
}

Test(wide, as_the_compiler) {
    static const int64_t edges[] = {0,         1,         -1,         2,         -2,
                                    INT32_MAX, INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN};
    enum { EDGES = sizeof edges / sizeof *edges };
    for (int i = 0; i < EDGES; i++)
        for (int k = 0; k < EDGES; k++)
            try_pair(edges[i], edges[k]);
    uint64_t bits = 1;
    for (int i = 0; i < 100000; i++) {
        int64_t pair[2];
        for (int k = 0; k < 2; k++) {
            bits = bits * 6364136223846793005u + 1442695040888963407u;
            pair[k] = (int64_t)(bits ^ bits >> 33) >> (bits >> 58);
        }
        try_pair(pair[0], pair[1]);
    }
}
#endif
