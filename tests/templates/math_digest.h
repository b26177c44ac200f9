// The digest of a function's results over all 2^32 float32, or over a part of them; and what is on
// record of those of templates/math.h.

#ifndef ET_TESTS_MATH_DIGEST_H
#define ET_TESTS_MATH_DIGEST_H

#include "templates/math.h"

#include <stdint.h>
#include <string.h>

enum { DIGEST_BLOCK = 4096 }; // inputs that are neighbours by their bits

// The steps from a block to the next: all of them, or each 257th, which is what every run of the
// tests has the time for.
enum { DIGEST_WHOLE = 1, DIGEST_PART = 257 };

typedef void digested_function(float *restrict y, const float *restrict x); // of a block

// FNV-1a of 64 bits, a result at a time, in the order of the inputs' bits. Which NaN a result is
// does not matter.
static inline uint64_t math_digest(digested_function *function, uint64_t step) {
    float x[DIGEST_BLOCK], y[DIGEST_BLOCK];
    uint64_t digest = 0xcbf29ce484222325u;
    for (uint64_t first = 0; first < (uint64_t)1 << 32; first += step * DIGEST_BLOCK) {
        for (uint32_t i = 0; i < DIGEST_BLOCK; i++) {
            uint32_t bits = (uint32_t)first + i;
            memcpy(&x[i], &bits, sizeof bits);
        }
        function(y, x);
        for (int i = 0; i < DIGEST_BLOCK; i++) {
            uint32_t bits;
            memcpy(&bits, &y[i], sizeof bits);
            digest = (digest ^ (y[i] != y[i] ? 0x7fc00000u : bits)) * 0x100000001b3u;
        }
    }
    return digest;
}

#define MATH_DIGEST(name, part, whole)                                                             \
    static void run_##name(float *restrict y, const float *restrict x) {                           \
        for (int i = 0; i < DIGEST_BLOCK; i++)                                                     \
            y[i] = f32_##name(x[i]);                                                               \
    }
#include "tests/templates/math_digests.def"
#undef MATH_DIGEST

static const struct digested {
    const char *name;
    digested_function *run;
    uint64_t part, whole;
} digested[] = {
#define MATH_DIGEST(name, part, whole) {#name, run_##name, part, whole},
#include "tests/templates/math_digests.def"
#undef MATH_DIGEST
};
enum { DIGESTED = sizeof digested / sizeof *digested };

#endif
