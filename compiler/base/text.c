#include "compiler/base/text.h"

#include "compiler/base/allocate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool text_reserve(struct text *text, size_t more) {
    if (text->failed || text->capacity - text->length > more)
        return !text->failed;
    size_t capacity = (text->length + more + 1) * 2;
    char *bytes = et_allocate(capacity, 1);
    if (!bytes) {
        text->failed = true;
        return false;
    }
    if (text->bytes)
        memcpy(bytes, text->bytes, text->length + 1);
    et_release(text->bytes);
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void text_add_bytes(struct text *text, const char *bytes, size_t count) {
    if (!text_reserve(text, count))
        return;
    memcpy(text->bytes + text->length, bytes, count);
    text->length += count;
    text->bytes[text->length] = 0;
}

void text_add(struct text *text, const char *format, ...) {
    va_list arguments, again;
    if (!text_reserve(text, 120)) /* most pieces fit, and are formatted only once */
        return;
    size_t room = text->capacity - text->length;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(text->bytes + text->length, room, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length >= room && text_reserve(text, (size_t)length))
        vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
    va_end(again);
    if (length >= 0 && !text->failed)
        text->length += (size_t)length;
}

void text_free(struct text *text) {
    et_release(text->bytes);
    *text = (struct text){0};
}
