#include "compiler/store/element.h"
#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
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

/* ---- Decimals ---- */

enum { MOST_POWER = 27 }; /* of five in 64 bits */

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 wide;

static uint64_t power_of_five(int exponent) {
    uint64_t power = 1, factor = 5;
    for (; exponent; exponent >>= 1, factor *= factor)
        power *= exponent & 1 ? factor : 1;
    return power;
}

/* The first 64 bits of a product or quotient, of which the last tells whether anything follows, are
 * converted: that rounds once. */
static double scale_wide(uint64_t digits, int exponent) {
    int shift = __builtin_clzll(digits);
    uint64_t power = power_of_five(exponent < 0 ? -exponent : exponent), bits, rest;
    int room = __builtin_clzll(power);
    digits <<= shift;
    power <<= room;
    if (exponent >= 0) {
        wide product = (wide)digits * power;
        bits = (uint64_t)(product >> 64);
        rest = (uint64_t)product;
        return ldexp((double)(bits | (rest != 0)), exponent - shift - room + 64);
    }
    wide numerator = (wide)digits << 63;
    bits = (uint64_t)(numerator / power);
    rest = (uint64_t)(numerator % power);
    return ldexp((double)(bits | (rest != 0)), exponent - shift + room - 63);
}
#endif

/* digits * 10^exponent to nearest even, where 128 bits are enough for it; else false. */
static bool scale(uint64_t digits, long exponent, double *value) {
    *value = 0;
    if (!digits)
        return true;
#ifdef __SIZEOF_INT128__
    if (labs(exponent) > MOST_POWER)
        return false;
    *value = scale_wide(digits, (int)exponent);
    return true;
#else
    (void)exponent;
    return false;
#endif
}

static locale_t c_locale;

static void make_c_locale(void) {
    c_locale = newlocale(LC_ALL_MASK, "C", 0);
}

/* Of any decimal: strtod, with a point whatever the locale. */
static double read_decimal(const char *text) {
    static pthread_once_t made = PTHREAD_ONCE_INIT;
    pthread_once(&made, make_c_locale);
    return c_locale ? strtod_l(text, NULL, c_locale) : strtod(text, NULL);
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
    char text[40];
    uint64_t digits = 0;
    double value;
    for (int i = 0; i < decimal->count; i++)
        digits = digits * 10 + (uint64_t)(decimal->digits[i] - '0');
    if (scale(digits, decimal->point - decimal->count, &value))
        return value;
    snprintf(text, sizeof text, "%se%d", decimal->digits, decimal->point - decimal->count);
    return read_decimal(text);
}

static bool reads_back(const struct decimal *decimal, double magnitude, enum dtype dtype) {
    uint64_t wanted = 0, found = 0;
    narrow(magnitude, dtype, &wanted);
    narrow(decimal_value(decimal), dtype, &found);
    return found == wanted;
}

enum { ALL_DIGITS = 17 }; /* of a float64: these always suffice */

/* Its first `count` digits, rounded; of one that is half way, as far as these digits tell, from the
 * value. */
static struct decimal shorten(const struct decimal *all, int count, double value) {
    static const char half[] = "50000000000000000";
    struct decimal decimal = {.count = count, .point = all->point};
    int compared = memcmp(all->digits + count, half, (size_t)(ALL_DIGITS - count));
    if (compared == 0)
        return decimal_of(value, count);
    memcpy(decimal.digits, all->digits, (size_t)count);
    if (compared < 0)
        return decimal;
    int last = count - 1;
    for (; last >= 0 && decimal.digits[last] == '9'; last--)
        decimal.digits[last] = '0';
    if (last >= 0)
        decimal.digits[last]++;
    else { /* 999 became 1000 */
        decimal.digits[0] = '1';
        decimal.point++;
    }
    return decimal;
}

/* The fewest digits. With one more a decimal is as near or nearer, and so reads back if the other
 * does; but for powers of two, below which floats lie closer than above. */
static struct decimal shortest(double magnitude, enum dtype dtype) {
    int exponent, most = dtype == DTYPE_FLOAT64 ? ALL_DIGITS : 9;
    bool is_power = frexp(magnitude, &exponent) == 0.5;
    const struct decimal all = decimal_of(magnitude, ALL_DIGITS);
    struct decimal best = most == ALL_DIGITS ? all : shorten(&all, most, magnitude);
    for (int least = 1; least < most;) {
        int count = is_power ? least : (least + most) / 2;
        struct decimal decimal = shorten(&all, count, magnitude);
        if (reads_back(&decimal, magnitude, dtype)) {
            best = decimal;
            most = count;
        } else
            least = count + 1;
    }
    return best;
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

/* ---- From text ---- */

/* A number as JSON has it. */
struct number {
    const char *end;      /* NULL: it is none */
    bool negative, whole; /* whole: without point and exponent */
    bool longer;          /* than `digits` */
    uint64_t digits;      /* without the point */
    long exponent;        /* of ten */
};

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static const char *take_digits(struct number *number, const char *at) {
    for (; is_digit(*at); at++) {
        number->longer |= number->digits > (UINT64_MAX - 9) / 10;
        number->digits = number->digits * 10 + (uint64_t)(*at - '0');
    }
    return at;
}

/* Behind "e"; NULL: there is none. */
static const char *take_exponent(struct number *number, const char *at) {
    bool negative = *at == '-';
    int exponent = 0;
    at += *at == '-' || *at == '+';
    if (!is_digit(*at))
        return NULL;
    for (; is_digit(*at); at++)
        exponent = exponent > 9999 ? exponent : exponent * 10 + *at - '0';
    number->exponent += negative ? -exponent : exponent;
    return at;
}

static struct number scan_number(const char *text) {
    struct number number = {.negative = *text == '-', .whole = true};
    const char *first = text + number.negative, *at = take_digits(&number, first);
    if (at == first || (*first == '0' && at > first + 1))
        return number;
    if (*at == '.') {
        const char *point = at + 1;
        number.whole = false;
        at = take_digits(&number, point);
        if (at == point)
            return number;
        number.exponent = point - at;
    }
    if (*at == 'e' || *at == 'E') {
        number.whole = false;
        at = take_exponent(&number, at + 1);
    }
    number.end = at;
    return number;
}

static bool number_to_float(const struct number *number, const char *text, enum dtype dtype,
                            void *element) {
    double value;
    if (number->longer || !scale(number->digits, number->exponent, &value))
        value = read_decimal(text + number->negative);
    narrow(number->negative ? -value : value, dtype, element);
    return isfinite(widen(dtype, element));
}

static const char *boolean_from_text(const char *text, void *element) {
    bool value = strncmp(text, "true", 4) == 0;
    if (!value && strncmp(text, "false", 5) != 0)
        return NULL;
    *(uint8_t *)element = value;
    return text + (value ? 4 : 5);
}

const char *element_from_text(const char *text, enum dtype dtype, void *element) {
    if (dtype == DTYPE_BOOL)
        return boolean_from_text(text, element);
    struct number number = scan_number(text);
    if (!number.end || (number.whole && (number.longer || number.digits > INT64_MAX)))
        return NULL;
    int64_t integer = number.negative ? -(int64_t)number.digits : (int64_t)number.digits;
    bool fits = dtype_is_integer(dtype)
                    ? number.whole && element_from_integer(integer, dtype, element, NULL)
                    : number_to_float(&number, text, dtype, element);
    return fits ? number.end : NULL;
}
