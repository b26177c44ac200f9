#define TEXT_PRIVATE /* all of it is seen here */
#include "compiler/base/text.h"

#include "compiler/base/allocate.h"
#include "compiler/base/arena.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The bytes in a larger piece of memory; NULL when there is none. */
static char *enlarge(struct text *text, size_t capacity) {
    if (text->arena)
        return arena_resize(text->arena, text->bytes, text->capacity, capacity);
    char *bytes = et_allocate_unset(capacity);
    if (bytes && text->bytes)
        memcpy(bytes, text->bytes, text->length + 1);
    if (bytes)
        et_release(text->bytes);
    return bytes;
}

static bool reserve(struct text *text, size_t more) {
    if (text->failed || text->capacity - text->length > more)
        return !text->failed;
    size_t capacity = (text->length + more + 1) * 2;
    char *bytes = enlarge(text, capacity);
    if (!bytes) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void text_add_bytes(struct text *text, const char *bytes, size_t count) {
    if (!reserve(text, count))
        return;
    memcpy(text->bytes + text->length, bytes, count);
    text->length += count;
    text->bytes[text->length] = 0;
}

void text_add(struct text *text, const char *format, ...) {
    va_list arguments, again;
    if (!reserve(text, 120)) /* most pieces fit, and are formatted only once */
        return;
    size_t room = text->capacity - text->length;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(text->bytes + text->length, room, format, arguments);
    va_end(arguments);
    if (length < 0) /* vsnprintf found no memory of its own */
        text_fail(text);
    else if ((size_t)length >= room && reserve(text, (size_t)length))
        vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
    va_end(again);
    if (!text->failed)
        text->length += (size_t)length;
}

void text_add_string(struct text *text, const char *string) {
    text_add_bytes(text, string, strlen(string));
}

/* At least so many digits, of which the last `places` stand behind a point. */
static void add_digits(struct text *text, bool negative, unsigned long long magnitude, int places) {
    char digits[32], *end = digits + sizeof digits, *at = end;
    for (int count = 0; magnitude || count <= places; count++) {
        if (places && count == places)
            *--at = '.';
        *--at = (char)('0' + magnitude % 10);
        magnitude /= 10;
    }
    if (negative)
        *--at = '-';
    text_add_bytes(text, at, (size_t)(end - at));
}

void text_add_integer(struct text *text, long long value) {
    add_digits(text, value < 0,
               value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value, 0);
}

void text_add_fixed(struct text *text, double value, int places) {
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    double scaled = fabs(value) * powers[places] + 0.5;
    if (scaled < 0x1p53)
        add_digits(text, signbit(value), (unsigned long long)scaled, places);
    else
        text_add(text, "%.*f", places, value);
}

void text_fail(struct text *text) {
    if (text->arena)
        arena_exhausted(text->arena);
    text->failed = true;
}

void text_shorten(struct text *text, size_t length) {
    if (length >= text->length)
        return;
    text->length = length;
    text->bytes[length] = 0;
}

const char *text_read(const struct text *text, struct et_error *error) {
    if (!text_check(text, error))
        return NULL;
    return text->bytes ? text->bytes : "";
}

bool text_check(const struct text *text, struct et_error *error) {
    return !text->failed || et_fail(error, "out of memory");
}

const char *text_keep(struct text *text) {
    text_add_bytes(text, "", 0);
    if (text->failed)
        return NULL;
    text->bytes = arena_resize(text->arena, text->bytes, text->capacity, text->length + 1);
    text->capacity = text->length + 1;
    return text->bytes;
}

char *text_take(struct text *text) {
    text_add_bytes(text, "", 0);
    char *bytes = text->failed ? NULL : text->bytes;
    if (text->failed)
        et_release(text->bytes);
    *text = (struct text){0};
    return bytes;
}

void text_free(struct text *text) {
    if (!text->arena)
        et_release(text->bytes);
    *text = (struct text){.arena = text->arena};
}

void cut_name(char *name) {
    enum { HASH_DIGITS = 16 };
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    size_t length = strlen(name);
    if (length <= MOST_NAME_KEPT)
        return;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3;
    size_t kept = MOST_NAME_KEPT - HASH_DIGITS - 1;
    for (int i = 0; i < 3 && ((unsigned char)name[kept] & 0xc0) == 0x80; i++)
        kept--; /* not in the middle of a character of UTF-8 */
    snprintf(name + kept, length + 1 - kept, "_%016" PRIx64, hash);
}
