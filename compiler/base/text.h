/* Text that grows. */
#ifndef EIGENTENSOR_TEXT_H
#define EIGENTENSOR_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* `failed` stays set once memory ran out. */
struct text {
    char *bytes; /* always terminated once something was written */
    size_t length, capacity;
    bool failed;
};
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *text, const char *bytes, size_t count);
void text_free(struct text *text);

#endif
