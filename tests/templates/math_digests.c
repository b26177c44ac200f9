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

static void run_exp_strip(float *restrict y, const float *restrict x) {
    f32_exp_strip(y, x, 0, DIGEST_BLOCK);
}

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
    good &= check("exp_strip", run_exp_strip, step, part ? digested[0].part : digested[0].whole);
    return good ? 0 : 1;
}
