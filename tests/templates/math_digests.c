// Whether this build of the elementary functions has the bits that math_digests.def has on record:
//
//   cc -std=gnu11 -O3 -march=native -I. tests/templates/math_digests.c -lm -o digests
//   ./digests [part]
//
// Over all 2^32 inputs of each function, which takes minutes at most, or over the part of them that
// the tests look at. Prints the digests; exits with 1 if one is another.

#include "templates/exact.h" // before the functions

#include "templates/strip.h"
#include "tests/templates/math_digest.h"

#include <inttypes.h>
#include <stdio.h>

#define STRIP(function)                                                                            \
    static void run_##function##_strip(float *restrict y, const float *restrict x) {               \
        f32_##function##_strip(y, x, 0, DIGEST_BLOCK);                                             \
    }
STRIP(exp)
STRIP(sin)
STRIP(cos)
STRIP(erf)

static const struct {
    const char *name, *function; // whose digest it must have
    digested_function *run;
} strips[] = {{"exp_strip", "exp", run_exp_strip},
              {"sin_strip", "sin", run_sin_strip},
              {"cos_strip", "cos", run_cos_strip},
              {"erf_strip", "erf", run_erf_strip}};

// Returns whether the digest is `expected`.
static int check(const char *name, digested_function *run, uint64_t step, uint64_t expected) {
    uint64_t digest = math_digest(run, step);
    printf("%-9s 0x%016" PRIx64 "%s\n", name, digest,
           digest == expected ? "" : "  is not what is on record");
    fflush(stdout);
    return digest == expected;
}

int main(int count, char **arguments) {
    int part = count == 2 && strcmp(arguments[1], "part") == 0, good = 1;
    if (count > 1 && !part) {
        fprintf(stderr, "usage: %s [part]\n", arguments[0]);
        return 2;
    }
    uint64_t step = part ? DIGEST_PART : DIGEST_WHOLE;
    for (int i = 0; i < DIGESTED; i++)
        good &= check(digested[i].name, digested[i].run, step,
                      part ? digested[i].part : digested[i].whole);
    for (size_t k = 0; k < sizeof strips / sizeof *strips; k++)
        for (int i = 0; i < DIGESTED; i++)
            if (strcmp(digested[i].name, strips[k].function) == 0)
                good &= check(strips[k].name, strips[k].run, step,
                              part ? digested[i].part : digested[i].whole);
    return good ? 0 : 1;
}
