#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* ---- Memory that Jansson does not find ---- */

static json_malloc_t allocate_unwatched;
static _Thread_local unsigned long failed_allocations;

static void *allocate_watched(size_t bytes) {
    void *memory = allocate_unwatched(bytes);
    failed_allocations += !memory;
    return memory;
}

static void watch(void) {
    json_free_t release;
    json_get_alloc_funcs(&allocate_unwatched, &release);
    json_set_alloc_funcs(allocate_watched, release);
}

unsigned long json_failed_allocations(void) {
    static pthread_once_t watched = PTHREAD_ONCE_INIT;
    pthread_once(&watched, watch);
    return failed_allocations;
}

/* ---- Documents ---- */

/* What the parser's values take at most, with the allocator's share: a number or a string of its
 * own and its place in a list that grows by doubling, what a list and an object take empty, and a
 * member with its place in the table. */
enum { SCALAR_BYTES = 48, LIST_BYTES = 144, OBJECT_BYTES = 400, MEMBER_BYTES = 112 };

/* Nesting and number of values, before the parser allocates anything for them. What is not JSON is
 * left for the parser to refuse. */
static bool check_bounds(const char *bytes, size_t count, size_t most_memory,
                         struct et_error *error) {
    size_t values = 0, line = 1, line_start = 0, memory = SCALAR_BYTES;
    int nested = 0;
    bool string = false;
    for (size_t i = 0; i < count; i++) {
        char byte = bytes[i];
        if (byte == '\n') {
            line++;
            line_start = i + 1;
        }
        if (string && byte == '\\')
            i++;
        else if (byte == '"')
            string = !string;
        else if (!string && (byte == '[' || byte == '{' || byte == ',')) {
            nested += byte != ',';
            values++;
            memory += SCALAR_BYTES + (byte == '[' ? LIST_BYTES : byte == '{' ? OBJECT_BYTES : 0);
        } else if (!string && (byte == ']' || byte == '}'))
            nested--;
        if (nested > JSON_MOST_NESTED)
            return et_fail(error, "line %zu, column %zu: nested deeper than %d", line,
                           i - line_start + 1, JSON_MOST_NESTED);
        memory += string ? 2 : byte == ':' ? MEMBER_BYTES : 0;
        if (memory > most_memory)
            return et_fail(error,
                           "line %zu, column %zu: the values to here take more than %zu bytes of "
                           "memory; as binary data they take less",
                           line, i - line_start + 1, most_memory);
        if (values > JSON_MOST_VALUES)
            return et_fail(error, "line %zu, column %zu: more than %d values", line,
                           i - line_start + 1, JSON_MOST_VALUES);
    }
    return true;
}

json_t *json_read_document(const char *bytes, size_t count, struct et_error *error) {
    return json_read_within(bytes, count, SIZE_MAX, error);
}

#define MARK "\xef\xbb\xbf"

bool json_has_mark(const char *bytes, size_t count) {
    return count >= strlen(MARK) && memcmp(bytes, MARK, strlen(MARK)) == 0;
}

/* Of a sign that is no number's. */
static bool is_exponent(const char *at, const char *end) {
    return (*at == 'e' || *at == 'E') && at + 1 < end && at[1] == '-';
}

/* The next integer "-0" at or after `at`, outside of strings and of exponents; `end` if there is
 * none. Strings are skipped from their beginning, so `at` must not be within one. */
static const char *negative_zero(const char *at, const char *end) {
    for (bool string = false; at < end; at++) {
        if (string ? *at == '\\' : is_exponent(at, end))
            at++;
        else if (*at == '"')
            string = !string;
        else if (!string && *at == '-' && at + 1 < end && at[1] == '0' &&
                 !(at + 2 < end && strchr("0123456789.eE", at[2])))
            return at;
    }
    return end;
}

/* The parser's integers have no -0: the text with "-0.0" for "-0". Nothing is added to `text` where
 * there is none; false when memory ran out. */
static bool write_negative_zeros(const char *bytes, size_t count, struct text *text) {
    const char *end = bytes + count, *zero = negative_zero(bytes, end);
    for (; zero < end; zero = negative_zero(bytes, end)) {
        zero += strlen("-0");
        text_add_bytes(text, bytes, (size_t)(zero - bytes));
        text_add_bytes(text, ".0", 2);
        bytes = zero;
    }
    if (text->length)
        text_add_bytes(text, bytes, (size_t)(end - bytes));
    return text_check(text, NULL);
}

/* A problem without a text stands for: out of memory. */
static json_t *parse(const char *bytes, size_t count, json_error_t *problem) {
    struct text text = {0};
    unsigned long failed = json_failed_allocations();
    *problem = (json_error_t){0};
    json_t *document = NULL;
    if (write_negative_zeros(bytes, count, &text))
        document = json_loadb(text.length ? text_read(&text, NULL) : bytes,
                              text.length ? text.length : count, JSON_REJECT_DUPLICATES, problem);
    if (!document && problem->text[0] && text.length) /* columns are those of the file */
        json_decref(json_loadb(bytes, count, JSON_REJECT_DUPLICATES, problem));
    text_free(&text);
    if (json_failed_allocations() == failed)
        return document;
    json_decref(document); /* it may be another one, and the problem may be none */
    *problem->text = 0;
    return NULL;
}

json_t *json_read_within(const char *bytes, size_t count, size_t most_memory,
                         struct et_error *error) {
    if (json_has_mark(bytes, count)) {
        bytes += strlen(MARK);
        count -= strlen(MARK);
    }
    if (!check_bounds(bytes, count, most_memory, error))
        return NULL;
    json_error_t problem;
    json_t *document = parse(bytes, count, &problem);
    if (document)
        return document;
    if (!problem.text[0])
        et_fail(error, "out of memory");
    else
        et_fail(error, "line %d, column %d: %s", problem.line, problem.column,
                quoted(problem.text).text);
    return NULL;
}

const char *json_kind(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a real number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    unreachable();
}

bool json_is_whole(const json_t *value) {
    return json_is_integer(value) ||
           (json_is_real(value) && json_real_value(value) == 0 && signbit(json_real_value(value)));
}

static const char *kind_of_type(json_type type) {
    json_t sample = {.type = type};
    return json_kind(&sample);
}

struct quoted quoted(const char *text) {
    struct quoted copy;
    size_t length = strlen(text), kept = length > 100 ? 100 : length;
    while (kept < length && kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80)
        kept--; /* not in the middle of a character */
    for (size_t i = 0; i < kept; i++)
        copy.text[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    strcpy(copy.text + kept, kept < length ? "..." : "");
    return copy;
}

bool json_check_keys(const json_t *object, const char *const *keys, struct et_error *error) {
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)object, key, member) {
        int i = 0;
        while (keys[i] && strcmp(keys[i], key) != 0)
            i++;
        if (!keys[i])
            return et_fail(error, "unknown key \"%s\"", quoted(key).text);
    }
    return true;
}

json_t *json_read_member(const json_t *object, const char *key, json_type type,
                         struct et_error *error) {
    json_t *member = json_object_get(object, key);
    if (!member)
        et_fail(error, "\"%s\" is missing", key);
    else if (json_typeof(member) == type)
        return member;
    else
        et_fail(error, "\"%s\" is %s, expected %s", key, json_kind(member), kind_of_type(type));
    return NULL;
}

bool json_read_integer(const json_t *object, const char *key, int64_t least, int64_t most,
                       int64_t *value, struct et_error *error) {
    const json_t *member = json_object_get(object, key);
    if (!json_is_whole(member) && !json_read_member(object, key, JSON_INTEGER, error))
        return false;
    *value = json_integer_value(member);
    if (*value >= least && *value <= most)
        return true;
    if (least == most)
        return et_fail(error, "\"%s\" is %" PRId64 ", expected %" PRId64, key, *value, least);
    return et_fail(error, "\"%s\" is %" PRId64 ", expected %" PRId64 " to %" PRId64, key, *value,
                   least, most);
}

const json_t *json_read_array(const json_t *object, const char *key, int capacity, int *count,
                              struct et_error *error) {
    const json_t *array = json_read_member(object, key, JSON_ARRAY, error);
    if (!array)
        return NULL;
    if (json_array_size(array) > (size_t)capacity) {
        et_fail(error, "\"%s\" has %zu items, expected at most %d", key, json_array_size(array),
                capacity);
        return NULL;
    }
    *count = (int)json_array_size(array);
    return array;
}

bool json_read_item(const json_t *array, const char *key, int i, int64_t least, int64_t most,
                    int64_t *value, struct et_error *error) {
    const json_t *item = json_array_get(array, (size_t)i);
    if (!json_is_whole(item))
        return et_fail(error, "\"%s\"[%d] is %s, expected an integer", key, i, json_kind(item));
    *value = json_integer_value(item);
    if (*value < least || *value > most)
        return et_fail(error, "\"%s\"[%d] is %" PRId64 ", expected %" PRId64 " to %" PRId64, key, i,
                       *value, least, most);
    return true;
}

bool json_read_integers(const json_t *object, const char *key, int64_t least, int64_t most,
                        int capacity, int64_t *values, int *count, struct et_error *error) {
    const json_t *array = json_read_array(object, key, capacity, count, error);
    for (int i = 0; array && i < *count; i++)
        if (!json_read_item(array, key, i, least, most, &values[i], error))
            return false;
    return array != NULL;
}

static bool check_name(const char *what, const char *name, int most, struct et_error *error) {
    size_t length = strlen(name);
    if (length < 1 || length > (size_t)most)
        return et_fail(error, "%s has %zu bytes, expected 1 to %d", what, length, most);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return et_fail(error, "%s has the control character 0x%02x at byte %zu", what,
                           (unsigned)name[i], i);
    return true;
}

bool json_check_name(const char *what, const char *name, struct et_error *error) {
    return check_name(what, name, JSON_MOST_NAME, error);
}

const char *json_read_name_within(const json_t *object, const char *key, int most,
                                  struct et_error *error) {
    const json_t *member = json_read_member(object, key, JSON_STRING, error);
    char what[32];
    snprintf(what, sizeof what, "\"%s\"", key);
    if (!member || !check_name(what, json_string_value(member), most, error))
        return NULL;
    return json_string_value(member);
}

const char *json_read_name(const json_t *object, const char *key, struct et_error *error) {
    return json_read_name_within(object, key, JSON_MOST_NAME, error);
}

/* Whether it stands for itself between quotes. */
static bool is_plain(const char *string) {
    for (; *string; string++)
        if (*string < ' ' || *string > '~' || *string == '"' || *string == '\\')
            return false;
    return true;
}

bool json_write_string(struct text *text, const char *string) {
    if (is_plain(string)) {
        text_add_bytes(text, "\"", 1);
        text_add_string(text, string);
        text_add_bytes(text, "\"", 1);
        return true;
    }
    unsigned long failed = json_failed_allocations();
    json_t *checked = json_string(string);
    if (json_failed_allocations() != failed) {
        text_fail(text);
        return true;
    }
    if (!checked)
        return false;
    json_decref(checked);
    text_add(text, "\"");
    for (const char *at = string; *at; at++) {
        if (*at == '"' || *at == '\\')
            text_add(text, "\\%c", *at);
        else if ((unsigned char)*at < 0x20)
            text_add(text, "\\u%04x", (unsigned)*at);
        else
            text_add_bytes(text, at, 1);
    }
    text_add(text, "\"");
    return true;
}
