/* Elements for inputs that nobody gave. */
#include "runtime/et_program.h"

#include "compiler/base/random.h"

#include <string.h>

/* The bits of a float whose magnitude is 2^-3 to 2^2, any sign and fraction. */
static uint64_t random_float_bits(uint64_t *state, int exponent_bits, int fraction_bits) {
    uint64_t random = next_random(state);
    uint64_t bias = ((uint64_t)1 << (exponent_bits - 1)) - 1;
    uint64_t exponent = bias - 3 + (random >> 61) % 5;
    uint64_t sign = random >> 60 & 1;
    uint64_t fraction = random & (((uint64_t)1 << fraction_bits) - 1);
    return sign << (exponent_bits + fraction_bits) | exponent << fraction_bits | fraction;
}

static uint64_t random_element(uint64_t *state, enum dtype dtype) {
    switch (dtype) {
    case DTYPE_FLOAT32:
        return random_float_bits(state, 8, 23);
    case DTYPE_FLOAT64:
        return random_float_bits(state, 11, 52);
    case DTYPE_FLOAT16:
        return random_float_bits(state, 5, 10);
    case DTYPE_BFLOAT16:
        return random_float_bits(state, 8, 7);
    case DTYPE_BOOL:
        return next_random(state) >> 63;
    case DTYPE_UINT8:
        return next_random(state) >> 56;
    default: /* -3 to 15 */
        return (next_random(state) >> 60) -
               (dtype_facts[dtype].least < 0 ? next_random(state) >> 62 : 0);
    }
}

void random_input_elements(uint64_t *state, const char *name, size_t bytes, void *elements) {
    enum dtype dtype = DTYPE_FLOAT32;
    dtype_from_name(name, &dtype);
    size_t size = dtype_facts[dtype].bytes;
    for (size_t at = 0; at < bytes; at += size) {
        uint64_t element = random_element(state, dtype);
        memcpy((char *)elements + at, &element, size); /* little-endian */
    }
}
