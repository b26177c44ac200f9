/* Names of any bytes as they are written, and back. */
#include "compiler/base/name.h"
#include "compiler/base/random.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Each name of bytes, and how it is written. */
static const struct {
    const char *bytes, *written;
} cases[] = {
    {"layers.0/Conv:0", "layers.0/Conv:0"},
    {"größe 数", "größe 数"},
    {"a\nb\tc", "a\\x0ab\\x09c"},
    {"\x7f", "\\x7f"},
    {"back`quote", "back\\x60quote"},
    {"a\xff", "a\\xff"},
    {"\xc3", "\\xc3"},                            /* half a character */
    {"\xc0\x80", "\\xc0\\x80"},                   /* not the shortest form */
    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* a surrogate */
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond Unicode */
    {"\xc2\x85", "\\xc2\\x85"},                   /* a control character of Unicode */
    {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},          /* the end of a line */
    {"\xe2\x80\xae", "\\xe2\\x80\\xae"},          /* from right to left */
    {"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},          /* the byte order mark */
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {"C:\\xyz\\new", "C:\\xyz\\new"},
    {"a\\x0ab", "a\\x5cx0ab"},
    {"\\x0A", "\\x0A"},
    {"\\x5cx0a", "\\x5cx5cx0a"},
    {"\\\n", "\\\\x0a"},
    {"\\x\n", "\\x\\x0a"},
    {"\\x0\n", "\\x0\\x0a"},
    {"*/ \"?"
     "?/",
     "*/ \"?"
     "?/"},
    {"", ""},
};

static const char *written(const char *bytes, size_t count) {
    static char text[256];
    size_t length = name_write(bytes, count, NULL);
    cr_assert(length < sizeof text && length <= NAME_ESCAPE_BYTES * count);
    cr_assert_eq(name_write(bytes, count, text), length);
    text[length] = 0;
    return text;
}

/* The bytes of a name that is written so, as docs/using.md says to have them. */
static size_t bytes_of(const char *text, char *bytes) {
    static const char digits[] = "0123456789abcdef";
    size_t count = 0;
    while (*text) {
        const char *high =
            text[0] == '\\' && text[1] == 'x' && text[2] ? strchr(digits, text[2]) : NULL;
        const char *low = high && text[3] ? strchr(digits, text[3]) : NULL;
        bytes[count++] = low ? (char)((high - digits) << 4 | (low - digits)) : *text;
        text += low ? 4 : 1;
    }
    return count;
}

static void comes_back(const char *bytes, size_t count) {
    char again[256];
    const char *text = written(bytes, count);
    cr_assert_eq(bytes_of(text, again), count, "%s", text);
    cr_assert_eq(memcmp(again, bytes, count), 0, "%s", text);
}

Test(name, is_written_for_people) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_str_eq(written(cases[i].bytes, strlen(cases[i].bytes)), cases[i].written);
        comes_back(cases[i].bytes, strlen(cases[i].bytes));
    }
    cr_expect_str_eq(written("a\0b", 3), "a\\x00b");
}

/* Of bytes that are likely to be taken for each other. */
Test(name, bytes_come_back) {
    static const char some[] = {'\\', 'x', '0', '5',    'c',    'a',
                                '\n', '`', 0,   '\xc3', '\xa9', '\xff'};
    uint64_t random = 12;
    char bytes[12];
    for (int i = 0; i < 200000; i++) {
        size_t count = next_random(&random) % (sizeof bytes + 1);
        for (size_t k = 0; k < count; k++)
            bytes[k] = some[next_random(&random) % sizeof some];
        comes_back(bytes, count);
    }
}

/* Jansson knows which of them are UTF-8. */
Test(name, every_pair_of_bytes_can_be_stored) {
    for (int pair = 0; pair < 65536; pair++) {
        const char bytes[] = {(char)(pair >> 8), (char)pair};
        json_t *plain = json_stringn(bytes, 2), *text = json_string(written(bytes, 2));
        cr_assert_not_null(text, "%04x", (unsigned)pair);
        cr_expect(plain || json_string_length(text) > 2, "%04x", (unsigned)pair);
        json_decref(plain);
        json_decref(text);
        comes_back(bytes, 2);
    }
}
