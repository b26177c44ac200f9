#include "compiler/base/name.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

size_t utf8_length(const char *bytes, size_t count) {
    const uint8_t *at = (const uint8_t *)bytes, first = at[0];
    if (first < 0x80)
        return 1;
    size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first < 0xc2 || first > 0xf4 || count < length)
        return 0;
    uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < length; i++, least = 0x80, most = 0xbf)
        if (at[i] < least || at[i] > most)
            return 0;
    return length;
}

/* The number of a character in Unicode. */
static uint32_t code_point(const char *bytes, size_t length) {
    static const uint8_t first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (uint8_t)bytes[0] & first_bits[length];
    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((uint8_t)bytes[i] & 0x3f);
    return code;
}

/* Characters that are not shown, or change how others are. */
static const struct {
    uint32_t first, last;
} unfit[] = {
    {0x00, 0x1f},     {'`', '`'},       {0x7f, 0x9f},     /* controls and the backquote */
    {0x61c, 0x61c},   {0x200e, 0x200f}, {0x2028, 0x202e}, /* ends of lines; directions */
    {0x2066, 0x2069}, {0xfeff, 0xfeff},                   /* directions; the byte order mark */
};

static bool is_unfit(uint32_t code) {
    for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++)
        if (code >= unfit[i].first && code <= unfit[i].last)
            return true;
    return false;
}

static bool is_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* What reads as an escape itself. */
static bool looks_escaped(const char *bytes, size_t count) {
    return count >= NAME_ESCAPE_BYTES && bytes[0] == '\\' && bytes[1] == 'x' &&
           is_digit(bytes[2]) && is_digit(bytes[3]);
}

static void write_escaped(const char *bytes, size_t count, char *written) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++, written += NAME_ESCAPE_BYTES) {
        uint8_t byte = (uint8_t)bytes[i];
        const char escape[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
        memcpy(written, escape, sizeof escape);
    }
}

/* One character, or a byte that is none, of which there are some; how long it is written. */
static size_t write_one(const char *bytes, size_t count, size_t *taken, char *written) {
    size_t length = utf8_length(bytes, count);
    *taken = length ? length : 1;
    if (length && !is_unfit(code_point(bytes, length)) && !looks_escaped(bytes, count)) {
        if (written)
            memcpy(written, bytes, length);
        return length;
    }
    if (written)
        write_escaped(bytes, *taken, written);
    return NAME_ESCAPE_BYTES * *taken;
}

size_t name_write(const char *bytes, size_t count, char *written) {
    size_t length = 0;
    for (size_t i = 0, taken; i < count; i += taken)
        length += write_one(bytes + i, count - i, &taken, written ? written + length : NULL);
    return length;
}

void text_add_name(struct text *text, const char *name) {
    char written[4 * NAME_ESCAPE_BYTES];
    for (size_t count = strlen(name), taken; count; name += taken, count -= taken)
        text_add_bytes(text, written, write_one(name, count, &taken, written));
}
