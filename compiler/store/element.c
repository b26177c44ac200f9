#include "compiler/store/element.h"
#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The 16-bit formats: how many bits of mantissa follow the sign and the exponent. */
static int mantissa_bits(enum dtype dtype) {
    return dtype == DTYPE_FLOAT16 ? 10 : 7;
}

static double widen_16(uint16_t bits, int mantissa) {
    int exponents = 1 << (15 - mantissa), bias = exponents / 2 - 1;
    int exponent = bits >> mantissa & (exponents - 1), fraction = bits & ((1 << mantissa) - 1);
    double magnitude;
    if (exponent == exponents - 1)
        magnitude = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        magnitude = ldexp(fraction, 1 - bias - mantissa);
    else
        magnitude = ldexp(fraction + (1 << mantissa), exponent - bias - mantissa);
    return bits >> 15 ? -magnitude : magnitude;
}

/* To nearest, halves to even; what is too large becomes infinite. */
static uint16_t narrow_16(double value, int mantissa) {
    int exponents = 1 << (15 - mantissa), bias = exponents / 2 - 1;
    unsigned infinite = (unsigned)(exponents - 1) << mantissa, sign = signbit(value) ? 0x8000 : 0;
    if (isnan(value))
        return (uint16_t)(infinite | 1u << (mantissa - 1));
    if (value == 0)
        return (uint16_t)sign;
    int exponent;
    frexp(value, &exponent);
    exponent--; /* of the leading bit */
    if (isinf(value) || exponent > bias)
        return (uint16_t)(sign | infinite);
    if (exponent < 1 - bias)
        exponent = 1 - bias; /* subnormal */
    /* The leading bit is part of `steps`, and carries into the exponent where rounding says so. */
    unsigned steps = (unsigned)rint(ldexp(fabs(value), mantissa - exponent));
    unsigned bits = ((unsigned)(exponent + bias - 1) << mantissa) + steps;
    return (uint16_t)(sign | (bits > infinite ? infinite : bits));
}

static double widen(enum dtype dtype, const void *element) {
    float single;
    double value;
    uint16_t bits;
    switch (dtype) {
    case DTYPE_FLOAT32:
        memcpy(&single, element, sizeof single);
        return single;
    case DTYPE_FLOAT64:
        memcpy(&value, element, sizeof value);
        return value;
    default:
        memcpy(&bits, element, sizeof bits);
        return widen_16(bits, mantissa_bits(dtype));
    }
}

static void narrow(double value, enum dtype dtype, void *element) {
    float single = (float)value;
    uint16_t bits;
    uint32_t quiet = 0x7fc00000;
    uint64_t quiet_64 = 0x7ff8000000000000;
    switch (dtype) {
    case DTYPE_FLOAT32:
        memcpy(element, isnan(value) ? (void *)&quiet : (void *)&single, sizeof single);
        break;
    case DTYPE_FLOAT64:
        memcpy(element, isnan(value) ? (void *)&quiet_64 : (void *)&value, sizeof value);
        break;
    default:
        bits = narrow_16(value, mantissa_bits(dtype));
        memcpy(element, &bits, sizeof bits);
    }
}

/* A decimal number: 0.d1d2d3... times ten to the `point`. */
struct decimal {
    char digits[20];
    int count, point;
};

/* The first `count` significant digits of a positive finite value, correctly rounded. */
static struct decimal decimal_of(double value, int count) {
    struct decimal decimal = {.count = 0};
    char text[40];
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    const char *at = text;
    for (; *at != 'e'; at++) /* the point in between depends on the locale */
        if (*at >= '0' && *at <= '9')
            decimal.digits[decimal.count++] = *at;
    decimal.point = atoi(at + 1) + 1;
    return decimal;
}

static double decimal_value(const struct decimal *decimal) {
    char text[40]; /* without a point: it would depend on the locale */
    snprintf(text, sizeof text, "%se%d", decimal->digits, decimal->point - decimal->count);
    return strtod(text, NULL);
}

static struct decimal shortest(double magnitude, enum dtype dtype) {
    struct decimal decimal;
    for (int count = 1;; count++) {
        uint64_t wanted = 0, found = 0;
        decimal = decimal_of(magnitude, count);
        narrow(magnitude, dtype, &wanted);
        narrow(decimal_value(&decimal), dtype, &found);
        if (found == wanted || count == 17) /* 17 always suffice */
            return decimal;
    }
}

static struct element_text float_text(enum dtype dtype, double value) {
    struct element_text out;
    if (isnan(value) || isinf(value)) {
        const char *name = isnan(value) ? "\"nan\"" : value > 0 ? "\"inf\"" : "\"-inf\"";
        strcpy(out.text, name);
        return out;
    }
    const char *sign = signbit(value) ? "-" : "";
    if (value == 0) {
        snprintf(out.text, sizeof out.text, "%s0.0", sign);
        return out;
    }
    struct decimal d = shortest(fabs(value), dtype);
    int point = d.point;
    if (point > 16 || point < -4) /* 1.234e-7 */
        snprintf(out.text, sizeof out.text, "%s%c%s%se%d", sign, d.digits[0],
                 d.count > 1 ? "." : "", d.digits + 1, point - 1);
    else if (point <= 0) /* 0.001234 */
        snprintf(out.text, sizeof out.text, "%s0.%.*s%s", sign, -point, "00000", d.digits);
    else if (point >= d.count) /* 123400.0 */
        snprintf(out.text, sizeof out.text, "%s%s%.*s.0", sign, d.digits, point - d.count,
                 "0000000000000000");
    else /* 12.34 */
        snprintf(out.text, sizeof out.text, "%s%.*s.%s", sign, point, d.digits, d.digits + point);
    return out;
}

struct element_text element_text(enum dtype dtype, const void *element) {
    struct element_text out;
    uint64_t bits = 0;
    switch (dtype_facts[dtype].letter) {
    case 'B':
        strcpy(out.text, *(const uint8_t *)element ? "true" : "false");
        return out;
    case 'I':
        memcpy(&bits, element, dtype_facts[dtype].bytes); /* little-endian: the low bytes */
        snprintf(out.text, sizeof out.text,
                 dtype == DTYPE_UINT64 && bits > INT64_MAX ? "\"%s\"" : "%s",
                 integer_text(dtype, bits).text);
        return out;
    default:
        return float_text(dtype, widen(dtype, element));
    }
}

bool element_from_integer(int64_t integer, enum dtype dtype, void *element,
                          struct et_error *error) {
    const struct dtype_facts *facts = &dtype_facts[dtype];
    if (!dtype_is_integer(dtype)) {
        narrow((double)integer, dtype, element);
        return isfinite(widen(dtype, element)) ||
               et_fail(error, "%" PRId64 " does not fit %s", integer, facts->name);
    }
    if (integer < facts->least || (integer > 0 && (uint64_t)integer > facts->greatest))
        return et_fail(error, "%" PRId64 ", expected %" PRId64 " to %" PRIu64 " for %s", integer,
                       facts->least, facts->greatest, facts->name);
    memcpy(element, &integer, facts->bytes); /* little-endian: the low bytes */
    return true;
}

bool element_to_integer(enum dtype dtype, const void *element, int64_t *integer) {
    if (dtype_is_integer(dtype)) {
        uint64_t bits = 0;
        int unused = 64 - 8 * (int)dtype_facts[dtype].bytes;
        memcpy(&bits, element, dtype_facts[dtype].bytes);
        *integer =
            dtype_facts[dtype].least < 0 ? (int64_t)(bits << unused) >> unused : (int64_t)bits;
        return dtype_facts[dtype].least < 0 || bits <= INT64_MAX;
    }
    double value = widen(dtype, element);
    if (!(fabs(value) <= 0x1p53) || value != floor(value))
        return false;
    *integer = (int64_t)value;
    return true;
}

/* A uint64 as a string: digits, without a zero in front. */
static bool read_digits(const char *digits, void *element, struct et_error *error) {
    uint64_t integer = 0;
    bool fits = digits[0] && (digits[0] != '0' || !digits[1]);
    for (const char *at = digits; fits && *at; at++)
        fits = *at >= '0' && *at <= '9' && !__builtin_mul_overflow(integer, 10, &integer) &&
               !__builtin_add_overflow(integer, (uint64_t)(*at - '0'), &integer);
    if (!fits)
        return et_fail(error, "\"%s\", expected the decimal of a uint64", quoted(digits).text);
    memcpy(element, &integer, sizeof integer);
    return true;
}

static bool read_integer(const json_t *value, enum dtype dtype, void *element,
                         struct et_error *error) {
    if (dtype == DTYPE_UINT64 && json_is_string(value))
        return read_digits(json_string_value(value), element, error);
    if (!json_is_whole(value))
        return et_fail(error, "%s, expected an integer for %s", json_kind(value),
                       dtype_facts[dtype].name);
    return element_from_integer(json_integer_value(value), dtype, element, error);
}

static bool read_float(const json_t *value, enum dtype dtype, void *element,
                       struct et_error *error) {
    if (json_is_number(value)) {
        narrow(json_number_value(value), dtype, element);
        return isfinite(widen(dtype, element)) ||
               et_fail(error, "%g does not fit %s", json_number_value(value),
                       dtype_facts[dtype].name);
    }
    const char *name = json_string_value(value); /* NULL when it is no string */
    if (!name)
        return et_fail(error, "%s, expected a number for %s", json_kind(value),
                       dtype_facts[dtype].name);
    if (strcmp(name, "nan") == 0)
        narrow(NAN, dtype, element);
    else if (strcmp(name, "inf") == 0)
        narrow(INFINITY, dtype, element);
    else if (strcmp(name, "-inf") == 0)
        narrow(-INFINITY, dtype, element);
    else
        return et_fail(error, "\"%s\", expected a number, \"nan\", \"inf\" or \"-inf\"",
                       quoted(name).text);
    return true;
}

bool element_from_json(const json_t *value, enum dtype dtype, void *element,
                       struct et_error *error) {
    switch (dtype_facts[dtype].letter) {
    case 'B':
        if (!json_is_boolean(value))
            return et_fail(error, "%s, expected true or false", json_kind(value));
        *(uint8_t *)element = json_is_true(value);
        return true;
    case 'I':
        return read_integer(value, dtype, element, error);
    default:
        return read_float(value, dtype, element, error);
    }
}
