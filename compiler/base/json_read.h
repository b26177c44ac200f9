/* Reading JSON from outside: bounded, strict, with messages that say where and what.
 *
 * All functions here return false (or NULL) and an error when the document is not as expected. The
 * message names the key; the caller adds the file and the place. */
#ifndef EIGENTENSOR_JSON_READ_H
#define EIGENTENSOR_JSON_READ_H

#include "compiler/base/error.h"
#include "compiler/base/text.h"

#include <jansson.h>
#include <stdint.h>

/* Bounds on what a document may make the parser allocate. */
enum {
    JSON_MOST_NESTED = 16,
    JSON_MOST_VALUES = 1 << 22,
    JSON_MOST_NAME = 5 * 4096, /* bytes of a name */
};

/* How many of Jansson's allocations have failed in this thread since the first call here, in any
 * thread. Its parser leaves out a character that it finds no memory for, without a word: what was
 * made while this number grew is not to be used. Counts in front of the allocator that Jansson has
 * at the first call; functions here that parse or write call it. */
unsigned long json_failed_allocations(void);

/* Whether the text begins with the mark that some editors put before UTF-8 (a byte order mark). */
bool json_has_mark(const char *bytes, size_t count);
/* Parses one document, without such a mark: valid UTF-8, no duplicate keys at any depth, within the
 * bounds above. The error gives line and column. An integer "-0" becomes the real number -0.0:
 * where integers are expected, json_is_whole takes it. The caller gives the document back with
 * json_decref. */
json_t *json_read_document(const char *bytes, size_t count, struct et_error *error);
/* The same for a document whose values will take at most so many bytes of memory: it is refused
 * before it is parsed where an estimate from above is larger. A list of one list each takes fifty
 * times what its text does. */
json_t *json_read_within(const char *bytes, size_t count, size_t most_memory,
                         struct et_error *error);

/* "an object", "an integer", ... */
const char *json_kind(const json_t *value);

/* An integer, or -0. */
bool json_is_whole(const json_t *value);

/* Text from outside made fit for a message: control characters as '?', at most 100 bytes. */
struct quoted {
    char text[104];
};
struct quoted quoted(const char *text);

/* Every key of the object is one of `keys`, which ends with NULL. */
bool json_check_keys(const json_t *object, const char *const *keys, struct et_error *error);

/* The member `key`, of that type. */
json_t *json_read_member(const json_t *object, const char *key, json_type type,
                         struct et_error *error);
bool json_read_integer(const json_t *object, const char *key, int64_t least, int64_t most,
                       int64_t *value, struct et_error *error);
/* An array of at most `capacity` integers. */
bool json_read_integers(const json_t *object, const char *key, int64_t least, int64_t most,
                        int capacity, int64_t *values, int *count, struct et_error *error);
/* The two that it is made of: the array itself, and its i-th item. */
const json_t *json_read_array(const json_t *object, const char *key, int capacity, int *count,
                              struct et_error *error);
bool json_read_item(const json_t *array, const char *key, int i, int64_t least, int64_t most,
                    int64_t *value, struct et_error *error);
/* A text of at most JSON_MOST_NAME bytes, not empty, without control characters; valid for as long
 * as the document is. */
const char *json_read_name(const json_t *object, const char *key, struct et_error *error);
/* The same of at most so many bytes. */
const char *json_read_name_within(const json_t *object, const char *key, int most,
                                  struct et_error *error);
/* What json_read_name asks of its text; `what` names it in the message. */
bool json_check_name(const char *what, const char *name, struct et_error *error);

/* Appends the text as a JSON string; false when it is not valid UTF-8. Where memory runs out,
 * text_check tells. */
bool json_write_string(struct text *text, const char *string);

#endif
