/* Seeded numbers, and the elements of random tensors. */
#include "tests/support/random_graph.h"

#include <stdlib.h>
#include <string.h>

/* A multiplicative mix of a counter: short, and the same on every machine. */
static uint64_t mix(uint64_t bits) {
    bits = (bits ^ bits >> 31) * 0x9e6c63d0876a9a47u;
    bits = (bits ^ bits >> 29) * 0xd1b54a32d192ed03u;
    return bits ^ bits >> 32;
}

uint64_t number_from_environment(const char *name, uint64_t usual) {
    const char *value = getenv(name);
    return value && value[0] ? strtoull(value, NULL, 10) : usual;
}

uint64_t random_next(struct random *random) {
    if (random->choice_count > 0) {
        random->choice_count--;
        return *random->choices++;
    }
    random->state += 0x9e3779b97f4a7c15u;
    return mix(random->state);
}

int64_t random_between(struct random *random, int64_t low, int64_t high) {
    return low + (int64_t)(random_next(random) % (uint64_t)(high - low + 1));
}

bool random_chance(struct random *random, int percent) {
    return random_between(random, 0, 99) < percent;
}

/* The fields of a float, from the top: sign, exponent, mantissa. */
struct layout {
    int exponent_bits, mantissa_bits;
};

static struct layout layout_of(enum dtype dtype) {
    switch (dtype) {
    case DTYPE_FLOAT32:
        return (struct layout){8, 23};
    case DTYPE_FLOAT64:
        return (struct layout){11, 52};
    case DTYPE_FLOAT16:
        return (struct layout){5, 10};
    case DTYPE_BFLOAT16:
        return (struct layout){8, 7};
    default:
        return (struct layout){0, 0};
    }
}

static uint64_t float_bits(struct layout layout, uint64_t sign, uint64_t exponent,
                           uint64_t mantissa) {
    uint64_t most_exponent = ((uint64_t)1 << layout.exponent_bits) - 1;
    if (exponent > most_exponent)
        exponent = most_exponent;
    mantissa &= ((uint64_t)1 << layout.mantissa_bits) - 1;
    return sign << (layout.exponent_bits + layout.mantissa_bits) |
           exponent << layout.mantissa_bits | mantissa;
}

static uint64_t bias_of(struct layout layout) {
    return ((uint64_t)1 << (layout.exponent_bits - 1)) - 1;
}

/* Small numbers with full mantissas. */
static uint64_t ordinary_float(struct layout layout, struct random *random) {
    uint64_t exponent = bias_of(layout) + (uint64_t)random_between(random, -3, 1);
    const uint64_t mantissa = random_next(random); /* compilers order arguments as they like */
    return float_bits(layout, random_next(random) & 1, exponent, mantissa);
}

static uint64_t integral_float(struct layout layout, int64_t value) {
    uint64_t magnitude = (uint64_t)(value < 0 ? -value : value), power = 0;
    if (magnitude == 0)
        return 0;
    while (magnitude >> (power + 1))
        power++;
    return float_bits(layout, value < 0, bias_of(layout) + power,
                      magnitude << ((uint64_t)layout.mantissa_bits - power));
}

static uint64_t special_float(struct layout layout, struct random *random) {
    uint64_t bias = bias_of(layout), quiet = (uint64_t)1 << (layout.mantissa_bits - 1);
    const uint64_t exponents[] = {0, 0, 2 * bias + 1, 2 * bias + 1, bias - 1, bias, bias + 1,
                                  bias + 7, bias + 31, bias + 63,
                                  /* huge, and any */
                                  2 * bias, random_next(random) % (2 * bias + 2)};
    const uint64_t mantissas[] = {0, 0, 0, 1, quiet, quiet | 1, ~(uint64_t)0, random_next(random)};
    uint64_t exponent = exponents[random_next(random) % (sizeof exponents / sizeof *exponents)];
    uint64_t mantissa = mantissas[random_next(random) % (sizeof mantissas / sizeof *mantissas)];
    return float_bits(layout, random_next(random) & 1, exponent, mantissa);
}

static uint64_t special_integer(size_t bytes, struct random *random) {
    uint64_t top = (uint64_t)1 << (8 * bytes - 1);
    const uint64_t values[] = {0, 1, ~(uint64_t)0, top, top - 1, random_next(random)};
    return values[random_next(random) % (sizeof values / sizeof *values)];
}

enum style { STYLE_ORDINARY, STYLE_SMALL, STYLE_MIXED, STYLE_SPECIAL };

/* Most seeds are free of special values, which would hide what is lost beside them. */
static enum style style_of(uint64_t seed, const char *name, struct random *random) {
    static const enum style plain[] = {STYLE_ORDINARY, STYLE_ORDINARY, STYLE_SMALL};
    static const enum style any[] = {STYLE_ORDINARY, STYLE_MIXED, STYLE_MIXED, STYLE_SMALL,
                                     STYLE_SPECIAL};
    uint64_t choice = random_next(random);
    if (strncmp(name, "positions", strlen("positions")) == 0)
        return STYLE_SMALL;
    return mix(seed) % 5 < 3 ? plain[choice % 3] : any[choice % 5];
}

static uint64_t element_bits(enum dtype dtype, enum style style, struct random *random) {
    struct layout layout = layout_of(dtype);
    bool is_float = layout.mantissa_bits > 0, is_unsigned = dtype_facts[dtype].least == 0;
    if (dtype == DTYPE_BOOL)
        return random_next(random) & 1;
    if (style == STYLE_MIXED)
        style = random_chance(random, 15) ? STYLE_SPECIAL : STYLE_ORDINARY;
    if (style == STYLE_SPECIAL)
        return is_float ? special_float(layout, random)
                        : special_integer(dtype_facts[dtype].bytes, random);
    if (style == STYLE_ORDINARY && is_float)
        return ordinary_float(layout, random);
    int64_t most = style == STYLE_SMALL ? 8 : 100;
    int64_t value = random_between(random,
                                   is_unsigned            ? 0
                                   : style == STYLE_SMALL ? -3
                                                          : -100,
                                   most);
    return is_float ? integral_float(layout, value) : (uint64_t)value;
}

void random_elements(uint64_t seed, const char *name, enum dtype dtype, int64_t count,
                     void *elements) {
    struct random random = {.state = mix(seed) + (uint64_t)dtype};
    for (const char *letter = name; *letter; letter++)
        random.state = mix(random.state ^ (unsigned char)*letter);
    enum style style = style_of(seed, name, &random);
    size_t bytes = dtype_facts[dtype].bytes;
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits = element_bits(dtype, style, &random);
        memcpy((char *)elements + (size_t)i * bytes, &bits, bytes); /* little-endian */
    }
}
