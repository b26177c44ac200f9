/* The values of constants as JSON: golden texts, and that every text reads back as the same bits.
 */
#include "compiler/store/element.h"

#include "compiler/base/json_read.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void expect_text(enum dtype dtype, const void *element, const char *expected) {
    cr_expect_str_eq(element_text(dtype, element).text, expected);
}

Test(element, float32_texts) {
    static const struct {
        float value;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {-0.0f, "-0.0"},
        {1, "1.0"},
        {-2.5f, "-2.5"},
        {0.1f, "0.1"},
        {1.0f / 3, "0.33333334"},
        {16777216, "16777216.0"},
        {1e10f, "10000000000.0"},
        {1e15f, "1000000000000000.0"}, /* 999999986991104 */
        {1e16f, "1e16"},
        {1.5e20f, "1.5e20"},
        {1e-5f, "0.00001"},
        {1.25e-5f, "0.0000125"},
        {9e-6f, "9e-6"},
        {1.5e-7f, "1.5e-7"},
        {0x1p-149f, "1e-45"},
        {0x1p-126f, "1.1754944e-38"},
        {0x1.fffffep127f, "3.4028235e38"},
        {INFINITY, "\"inf\""},
        {-INFINITY, "\"-inf\""},
        {NAN, "\"nan\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_text(DTYPE_FLOAT32, &cases[i].value, cases[i].text);
}

Test(element, other_texts) {
    expect_text(DTYPE_FLOAT64, &(double){0.1}, "0.1");
    expect_text(DTYPE_FLOAT64, &(double){0.1 + 0.2}, "0.30000000000000004");
    expect_text(DTYPE_FLOAT64, &(double){0x1p-1074}, "5e-324");
    expect_text(DTYPE_FLOAT64, &(double){0x1.fffffffffffffp1023}, "1.7976931348623157e308");
    expect_text(DTYPE_FLOAT16, &(uint16_t){0x3c00}, "1.0");
    expect_text(DTYPE_FLOAT16, &(uint16_t){0x2e66}, "0.1");
    expect_text(DTYPE_FLOAT16, &(uint16_t){0x7bff}, "65500.0"); /* 65504 */
    expect_text(DTYPE_FLOAT16, &(uint16_t){0x8001}, "-6e-8");
    expect_text(DTYPE_FLOAT16, &(uint16_t){0xfc00}, "\"-inf\"");
    expect_text(DTYPE_BFLOAT16, &(uint16_t){0x3f80}, "1.0");
    expect_text(DTYPE_BFLOAT16, &(uint16_t){0x4049}, "3.14");
    expect_text(DTYPE_INT64, &(int64_t){INT64_MIN}, "-9223372036854775808");
    expect_text(DTYPE_INT32, &(int32_t){-7}, "-7");
    expect_text(DTYPE_INT8, &(int8_t){-128}, "-128");
    expect_text(DTYPE_UINT8, &(uint8_t){200}, "200");
    expect_text(DTYPE_INT16, &(int16_t){-32768}, "-32768");
    expect_text(DTYPE_UINT16, &(uint16_t){65535}, "65535");
    expect_text(DTYPE_UINT32, &(uint32_t){UINT32_MAX}, "4294967295");
    expect_text(DTYPE_UINT64, &(uint64_t){INT64_MAX}, "9223372036854775807");
    expect_text(DTYPE_UINT64, &(uint64_t){1 + (uint64_t)INT64_MAX}, "\"9223372036854775808\"");
    expect_text(DTYPE_UINT64, &(uint64_t){UINT64_MAX}, "\"18446744073709551615\"");
    expect_text(DTYPE_BOOL, &(uint8_t){1}, "true");
    expect_text(DTYPE_BOOL, &(uint8_t){0}, "false");
}

/* Reads the text of the element back, through the parser. */
static uint64_t read_back(enum dtype dtype, const void *element) {
    struct et_error error = {""};
    struct element_text text = element_text(dtype, element);
    uint64_t bits = 0;
    json_t *value = json_loads(text.text, JSON_DECODE_ANY, NULL);
    cr_assert_not_null(value, "%s is not JSON", text.text);
    cr_assert(element_from_json(value, dtype, &bits, &error), "%s", error.message);
    json_decref(value);
    return bits;
}

Test(element, all_of_sixteen_bits_read_back) {
    for (uint32_t i = 0; i < 0x10000; i++) {
        uint16_t bits = (uint16_t)i;
        bool half_nan = (i & 0x7fff) > 0x7c00, brain_nan = (i & 0x7fff) > 0x7f80;
        cr_assert_eq(read_back(DTYPE_FLOAT16, &bits), half_nan ? 0x7e00 : i, "%04x", i);
        cr_assert_eq(read_back(DTYPE_BFLOAT16, &bits), brain_nan ? 0x7fc0 : i, "%04x", i);
    }
}

Test(element, the_limits_of_integers_read_back) {
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        const struct dtype_facts *facts = &dtype_facts[dtype];
        uint64_t width = 8 * facts->bytes, mask = UINT64_MAX >> (64 - width);
        const uint64_t values[] = {0,
                                   1,
                                   (uint64_t)facts->least,
                                   facts->greatest,
                                   facts->greatest / 2,
                                   facts->greatest / 2 + 1};
        for (size_t i = 0; facts->letter == 'I' && i < sizeof values / sizeof *values; i++)
            cr_expect_eq(read_back((enum dtype)dtype, &values[i]) & mask, values[i] & mask, "%s",
                         facts->name);
    }
}

/* As strings: the digits of a uint64 and nothing else, and of no other dtype. */
Test(element, digits_in_strings) {
    static const struct {
        const char *text;
        uint64_t value; /* UINT64_MAX: refused, but for its own digits */
    } cases[] = {
        {"0", 0},
        {"7", 7},
        {"9223372036854775808", (uint64_t)1 << 63},
        {"18446744073709551615", UINT64_MAX},
        {"18446744073709551616", UINT64_MAX},
        {"99999999999999999999", UINT64_MAX},
        {"184467440737095516150", UINT64_MAX},
        {"", UINT64_MAX},
        {"07", UINT64_MAX},
        {"+7", UINT64_MAX},
        {"-7", UINT64_MAX},
        {" 7", UINT64_MAX},
        {"7 ", UINT64_MAX},
        {"7.0", UINT64_MAX},
        {"0x7", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct et_error error = {0};
        uint64_t found = 1;
        bool fits = cases[i].value != UINT64_MAX || i == 3;
        json_t *value = json_string(cases[i].text);
        cr_expect_eq(element_from_json(value, DTYPE_UINT64, &found, &error), fits, "case %zu", i);
        cr_expect_eq(found, fits ? cases[i].value : 1, "case %zu", i);
        cr_assert(!element_from_json(value, DTYPE_UINT32, &found, &error));
        cr_expect_str_eq(error.message, "a string, expected an integer for uint32");
        json_decref(value);
    }
}

Test(element, many_wider_floats_read_back) {
    uint64_t state = 1;
    for (int i = 0; i < 100000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint32_t narrow = (uint32_t)(state >> 32);
        uint64_t wide = state ^ state >> 29;
        if ((narrow & 0x7fffffff) <= 0x7f800000)
            cr_assert_eq(read_back(DTYPE_FLOAT32, &narrow), narrow);
        if ((wide & 0x7fffffffffffffff) <= 0x7ff0000000000000)
            cr_assert_eq(read_back(DTYPE_FLOAT64, &wide), wide);
    }
}

/* The significant digits of a text such as -0.00125 or 1.5e20. */
static int count_digits(const char *text) {
    int count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < (count ? '0' : '1') || *text > '9')
            continue;
        count++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return count - zeros;
}

/* With a digit less it would be another float. */
Test(element, no_digit_is_too_many) {
    uint64_t state = 7;
    for (int i = 0; i < 50000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint32_t bits = i < 255 ? (uint32_t)i << 23 : (uint32_t)(state >> 33); /* powers of two */
        float value;
        char fewer[40];
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value) || value == 0)
            continue;
        int digits = count_digits(element_text(DTYPE_FLOAT32, &value).text);
        snprintf(fewer, sizeof fewer, "%.*e", digits - 2, (double)value);
        cr_assert(digits == 1 || (float)strtod(fewer, NULL) != value, "%.9g has %d", (double)value,
                  digits);
    }
}

/* Halves to even, into and out of the subnormals, and up to the greatest. */
Test(element, sixteen_bits_round_to_nearest_even) {
    static const struct {
        enum dtype dtype;
        double value;
        uint16_t bits;
    } cases[] = {
        {DTYPE_FLOAT16, 1 + 0x1p-11, 0x3c00}, /* half way: the even one, below */
        {DTYPE_FLOAT16, 1 + 0x3p-11, 0x3c02}, /* half way: the even one, above */
        {DTYPE_FLOAT16, 1 + 0x1p-11 + 0x1p-40, 0x3c01},
        {DTYPE_FLOAT16, 0x1p-25, 0x0000}, /* half the least: to zero */
        {DTYPE_FLOAT16, -0x1.8p-25, 0x8001},
        {DTYPE_FLOAT16, 0x1.ffcp-15 + 0x1p-25, 0x0400}, /* carries into the normals */
        {DTYPE_FLOAT16, 65519, 0x7bff},
        {DTYPE_BFLOAT16, 1 + 0x1p-8, 0x3f80},
        {DTYPE_BFLOAT16, 1 + 0x3p-8, 0x3f82},
        {DTYPE_BFLOAT16, 0x1.fffffp-1, 0x3f80},
        {DTYPE_BFLOAT16, 0x1p-134, 0x0000},
        {DTYPE_BFLOAT16, -0x1p-133, 0x8001},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint16_t bits;
        json_t *value = json_real(cases[i].value);
        cr_assert(element_from_json(value, cases[i].dtype, &bits, NULL));
        cr_expect_eq(bits, cases[i].bits, "case %zu: %04x, expected %04x", i, bits, cases[i].bits);
        json_decref(value);
    }
}

Test(element, integers_are_floats_too) {
    float element;
    json_t *value = json_integer(16777217); /* between two float32: the even one */
    cr_assert(element_from_json(value, DTYPE_FLOAT32, &element, NULL));
    cr_expect_eq(memcmp(&element, &(float){16777216}, sizeof element), 0);
    json_decref(value);
}

/* -0, which JSON has and its parser's integers have not, keeps its sign as a float; as an integer
 * it is 0. Texts are left alone. */
Test(element, negative_zero_keeps_its_sign) {
    static const char document[] = "{\"a-0,\\\"-0\":[-0,-0.0, -0 ,-0e5,0,-0.5,-0\n,1e-0],\"b\":-0}";
    static const float expected[] = {-0.0f, -0.0f, -0.0f, -0.0f, 0, -0.5f, -0.0f, 1};
    json_t *read = json_read_document(document, strlen(document), NULL);
    const json_t *list = json_object_get(read, "a-0,\"-0");
    cr_assert_eq(json_array_size(list), 8);
    for (size_t i = 0; i < 8; i++) {
        float element;
        cr_assert(element_from_json(json_array_get(list, i), DTYPE_FLOAT32, &element, NULL));
        cr_expect_eq(memcmp(&element, &expected[i], sizeof element), 0, "item %zu", i);
    }
    int32_t integer = 7;
    cr_assert(element_from_json(json_array_get(list, 0), DTYPE_INT32, &integer, NULL));
    cr_expect_eq(integer, 0);
    int64_t number;
    cr_assert(json_read_integer(read, "b", 0, 9, &number, NULL));
    cr_expect_eq(number, 0);
    json_decref(read);
    struct et_error error = {0};
    cr_assert_null(json_read_document("[-0, -0 x]", 10, &error));
    cr_expect_str_eq(error.message, "line 1, column 9: ']' expected near 'x'");
}

/* ---- From text ---- */

/* What the parser makes of "[text]" with one number in it; false: no number that fits. */
static bool parse(const char *text, enum dtype dtype, uint64_t *bits) {
    struct text list = {0};
    text_add(&list, "[%s]", text);
    json_t *value = json_read_document(list.bytes, list.length, NULL);
    const json_t *item = json_array_get(value, 0);
    bool good = json_array_size(value) == 1 && !json_is_string(item) &&
                element_from_json(item, dtype, bits, NULL);
    json_decref(value);
    text_free(&list);
    return good;
}

static void compare(const char *text, enum dtype dtype, bool is_number) {
    uint64_t parsed = 0, read = 0;
    const char *end = element_from_text(text, dtype, &read);
    bool good = parse(text, dtype, &parsed);
    if (end && *end == 0)
        cr_assert(good && read == parsed, "%s: %" PRIx64 ", expected %" PRIx64, text, read, parsed);
    else
        cr_assert(!good || !is_number || parsed == 0, "%s as %s", text, dtype_facts[dtype].name);
}

static uint64_t next(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Digits that one rounding gives, and more of them; both sides of halves of float32 and float64. */
Test(element, numbers_in_texts_are_what_the_parser_makes_of_them) {
    static const enum dtype dtypes[] = {DTYPE_FLOAT32, DTYPE_FLOAT64, DTYPE_FLOAT16,
                                        DTYPE_INT64,   DTYPE_UINT8,   DTYPE_INT32};
    uint64_t state = 3;
    char text[80];
    for (int i = 0; i < 300000; i++) {
        uint64_t digits = (next(&state) << 31 | next(&state)) >> next(&state) % 60;
        uint64_t bits = 0x3ff0000000000000 + (next(&state) << 31 | next(&state)) % 0x60000000000000;
        int exponent = (int)(next(&state) % 60) - 30;
        double value;
        memcpy(&value, &bits, sizeof value);
        switch (i % 5) {
        case 0:
            snprintf(text, sizeof text, "%s%" PRIu64 "e%d", i & 1 ? "-" : "", digits, exponent);
            break;
        case 1:
            snprintf(text, sizeof text, "%.*f", (int)(next(&state) % 22), value);
            break;
        case 2: /* a float32, as other languages print it: a float64 */
            snprintf(text, sizeof text, "%.17g", (double)(float)value);
            break;
        case 3: /* half way between two float64, of which few decimals are */
            snprintf(text, sizeof text, "%.40f", value + 0x1p-54);
            break;
        default:
            snprintf(text, sizeof text, "-%" PRIu64, digits);
        }
        compare(text, dtypes[next(&state) % 6], true);
    }
    /* half way, and a little more: digits of 64 bits, whose last one decides */
    static const char *const halves[] = {"9007199254740993",     "9007199254740993.0",
                                         "9007199254740993.1",   "900719925474099300001e-5",
                                         "0.500000029802322387", "0.5000000298023223876953125",
                                         "18446744073709551615", "1844674407370955161.5",
                                         "9223372036854775807",  "9223372036854775808"};
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++)
        for (int k = 0; k < 6; k++)
            compare(halves[i], dtypes[k], true);
}

Test(element, texts_that_are_no_numbers_are_left_to_the_parser) {
    static const char alphabet[] = "0015.-+eE9 x";
    uint64_t state = 5;
    for (int i = 0; i < 200000; i++) {
        char text[12] = "";
        for (int k = 0, count = 1 + (int)(next(&state) % 9); k < count; k++)
            text[k] = alphabet[next(&state) % (sizeof alphabet - 1)];
        compare(text, next(&state) % 2 ? DTYPE_FLOAT32 : DTYPE_INT32, false);
    }
    static const char *const texts[] = {"true", "false", "tru",     "1",       "",
                                        "-",    "1e999", "-1e-999", "\"nan\"", "null",
                                        "0.1e", "1e+",   "01",      "1.",      ".5"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int dtype = 0; dtype < DTYPE_COUNT; dtype++)
            compare(texts[i], (enum dtype)dtype, false);
}
