/* Text that grows, on the heap or in an arena. */
#ifndef EIGENTENSOR_TEXT_H
#define EIGENTENSOR_TEXT_H

#include "compiler/base/error.h"

#include <stddef.h>

struct arena;

/* Text that could not grow must never be taken for a whole one. In an arena with an escape the
 * adding itself does not return then. On the heap the bytes can be had through text_read and
 * text_take alone, which say so: the compiler warns of any other use of what is private. */
#ifndef TEXT_PRIVATE
#define TEXT_PRIVATE __attribute__((deprecated("use text_read, text_check or text_take")))
#endif

/* {0} is an empty text on the heap, for text_free. */
struct text {
    size_t length;
    struct arena *arena; /* NULL: the heap */
    char *bytes TEXT_PRIVATE;
    size_t capacity TEXT_PRIVATE;
    bool failed TEXT_PRIVATE;
};

/* An empty text of an arena: it needs no text_free, and adding escapes as allocating there does. */
#define text_in(where) ((struct text){.arena = (where)})

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *text, const char *bytes, size_t count);
/* What text_add() appends as "%s", "%lld" and "%.*f" (of at most 9 places; halves go away from
 * zero), in a tenth of the time. */
void text_add_string(struct text *text, const char *string);
void text_add_integer(struct text *text, long long value);
void text_add_fixed(struct text *text, double value, int places);
/* As if memory had run out. */
void text_fail(struct text *text);
/* Back to so many bytes, of those that are there. */
void text_shorten(struct text *text, size_t length);

/* All of it, ended by a zero byte; "" when nothing was added. NULL and an error when memory ran
 * out. Valid until the next change. */
const char *text_read(const struct text *text, struct et_error *error);
/* False and an error when memory ran out. */
bool text_check(const struct text *text, struct et_error *error);
/* The same as text_read for a text of an arena with an escape: never NULL, and valid as long as the
 * arena, which gets back the room that the text does not need. */
const char *text_keep(struct text *text);
/* The bytes, which are the caller's now, for et_release or free(); the text is empty then. NULL
 * when memory ran out. Requires a text on the heap. */
char *text_take(struct text *text);
void text_free(struct text *text);

/* Cuts a name that is longer than a file's may be with an ending. In place of what is cut comes a
 * number made of the whole, so that names which differ go on to differ. */
enum { MOST_NAME_KEPT = 200 };
void cut_name(char *name);

#endif
