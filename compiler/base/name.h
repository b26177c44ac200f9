/* Names of any bytes, written so that people and C can read them.
 *
 * Foreign files may give a thing any bytes for a name. What is not fit to be shown stands in ours
 * as
 * "\x" and two digits a byte, "\x0a" for a line's end: control characters (of Unicode, too), marks
 * that turn the direction of reading, what is not UTF-8, and the backquote, between which sizes
 * have names of axes. So has a backslash before "x" and two such digits: names that differ stay
 * different, and from what is written the bytes come back. All others stay as they are. */
#ifndef EIGENTENSOR_NAME_H
#define EIGENTENSOR_NAME_H

#include "compiler/base/text.h"

enum { NAME_ESCAPE_BYTES = 4 };

/* How many of these bytes, of which there are some, are the first character in UTF-8 (RFC 3629:
 * shortest forms, no surrogates); 0: none is. */
size_t utf8_length(const char *bytes, size_t count);

/* Writes the name, which is at most NAME_ESCAPE_BYTES times as long then, and gives its length. A
 * zero byte does not follow. NULL: only tells the length. */
size_t name_write(const char *bytes, size_t count, char *written);
/* Appends the name as it is written. */
void text_add_name(struct text *text, const char *name);

#endif
