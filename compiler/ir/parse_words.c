/* The words of the statement IR's text: names, numbers, axes, and errors that say where. */
#include "compiler/ir/parse.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Errors ---- */

_Noreturn void parse_fail(struct parser *parser, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char message[ET_ERROR_BYTES];
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    et_fail(parser->error, "line %d, column %d: %s", parser->line,
            (int)(parser->at - parser->line_start) + 1, message);
    longjmp(parser->escape, 1);
}

void parse_stage(struct parser *parser, enum ir_stage stage) {
    if (parser->ir->stage < stage)
        parser->ir->stage = stage;
}

_Noreturn void parse_fail_expected(struct parser *parser, const char *expected) {
    int length = (int)strcspn(parser->at, "\n");
    if (!parser->at[0])
        parse_fail(parser, "expected %s, found the end", expected);
    parse_fail(parser, "expected %s, found \"%.*s\"", expected, length > 30 ? 30 : length,
               parser->at);
}

/* ---- Words and numbers ---- */

void skip_space(struct parser *parser) {
    for (;; parser->at++) {
        if (*parser->at == '#')
            parser->at += strcspn(parser->at, "\n");
        if (*parser->at == '\n') {
            parser->line++;
            parser->line_start = parser->at + 1;
        } else if (!*parser->at || !strchr(" \t\r", *parser->at)) {
            return;
        }
    }
}

bool take(struct parser *parser, const char *expected) {
    skip_space(parser);
    size_t length = strlen(expected);
    if (strncmp(parser->at, expected, length) != 0)
        return false;
    parser->at += length;
    return true;
}

void require(struct parser *parser, const char *expected) {
    if (!take(parser, expected)) {
        char quoted[32];
        snprintf(quoted, sizeof quoted, "\"%s\"", expected);
        parse_fail_expected(parser, quoted);
    }
}

size_t word_length(const char *at) {
    size_t length = 0;
    if (isalpha((unsigned char)*at) || *at == '_')
        while (isalnum((unsigned char)at[length]) || at[length] == '_' || at[length] == '.')
            length++;
    return length;
}

bool take_word(struct parser *parser, const char *expected) {
    skip_space(parser);
    size_t length = word_length(parser->at);
    if (length != strlen(expected) || strncmp(parser->at, expected, length) != 0)
        return false;
    parser->at += length;
    return true;
}

int64_t parse_integer(struct parser *parser, int64_t least, int64_t most) {
    skip_space(parser);
    const char *digits = parser->at + (*parser->at == '-');
    char *end;
    errno = 0;
    int64_t value = strtoll(parser->at, &end, 10);
    if (!isdigit((unsigned char)*digits))
        parse_fail_expected(parser, "an integer");
    if (errno || value < least || value > most)
        parse_fail(parser, "expected %" PRId64 " to %" PRId64 ", found %.*s", least, most,
                   (int)(end - parser->at > 30 ? 30 : end - parser->at), parser->at);
    parser->at = end;
    return value;
}

bool take_numbered(struct parser *parser, char letter, int *number) {
    skip_space(parser);
    size_t length = word_length(parser->at);
    if (*parser->at != letter || length < 2 || strspn(parser->at + 1, "0123456789") != length - 1)
        return false;
    parser->at++;
    *number = (int)parse_integer(parser, 0, MAX_NUMBER);
    return true;
}

/* ---- Tables ---- */

const void *table_get(const struct table *table, int number) {
    return number < table->capacity ? table->items[number] : NULL;
}

void table_put(struct parser *parser, struct table *table, int number, const void *item) {
    if (number >= table->capacity) {
        struct table larger = {.capacity = 2 * number + 64};
        larger.items = arena_array(parser->ir->arena, const void *, (size_t)larger.capacity);
        if (table->capacity)
            memcpy(larger.items, table->items, (size_t)table->capacity * sizeof(void *));
        *table = larger;
    }
    table->items[number] = item;
}

/* ---- Dtypes, axes and names ---- */

enum dtype parse_dtype(struct parser *parser) {
    char name[16] = {0};
    enum dtype dtype;
    skip_space(parser);
    size_t length = word_length(parser->at);
    if (length < sizeof name)
        memcpy(name, parser->at, length);
    if (!dtype_from_name(name, &dtype))
        parse_fail_expected(parser, "a dtype");
    parser->at += length;
    return dtype;
}

const struct axis *parse_axis(struct parser *parser) {
    int number;
    if (!take_numbered(parser, 'a', &number))
        parse_fail_expected(parser, "an axis such as a5");
    const struct axis *axis = table_get(&parser->axes, number);
    if (!axis)
        parse_fail(parser, "axis a%d is not listed", number);
    return axis;
}

/* aN:EXTENT */
static const struct axis *parse_new_axis(struct parser *parser, int number) {
    require(parser, ":");
    int64_t extent = parse_integer(parser, 1, MAX_ELEMENTS);
    const struct axis *known = table_get(&parser->axes, number);
    if (known && known->extent != extent)
        parse_fail(parser, "axis a%d has extent %" PRId64 " elsewhere", number, known->extent);
    if (known)
        return known;
    struct axis *axis = arena_new(parser->ir->arena, struct axis);
    *axis = (struct axis){.id = number, .extent = extent};
    table_put(parser, &parser->axes, number, axis);
    if (number >= parser->ir->axis_count)
        parser->ir->axis_count = number + 1;
    return axis;
}

int parse_axes(struct parser *parser, int most, const struct axis **axes) {
    int count = 0, number;
    while (take_numbered(parser, 'a', &number)) {
        if (count == most)
            parse_fail(parser, "more than %d axes", most);
        axes[count++] = parse_new_axis(parser, number);
    }
    return count;
}

static int hex_digit(char digit) {
    return isdigit((unsigned char)digit) ? digit - '0' : (digit | 32) - 'a' + 10;
}

static char *parse_quoted(struct parser *parser) {
    size_t length = strcspn(++parser->at, "\"\n"), count = 0;
    if (parser->at[length] != '"')
        parse_fail_expected(parser, "a name that ends in a quotation mark");
    char *name = arena_allocate(parser->ir->arena, length + 1, 1);
    for (const char *at = parser->at; at < parser->at + length; at++) {
        bool escaped = at[0] == '\\';
        if (escaped && (at[1] != 'x' || !isxdigit((unsigned char)at[2]) ||
                        !isxdigit((unsigned char)at[3]) || strncmp(at, "\\x00", 4) == 0))
            parse_fail_expected(parser, "a name in which \\ begins \\x01 to \\xff");
        name[count++] = escaped ? (char)(hex_digit(at[2]) * 16 + hex_digit(at[3])) : *at;
        at += escaped ? 3 : 0;
    }
    parser->at += length + 1;
    return name;
}

const char *parse_name(struct parser *parser, int *ordinal) {
    skip_space(parser);
    size_t length = word_length(parser->at);
    const char *name;
    if (*parser->at == '"') {
        name = parse_quoted(parser);
    } else {
        if (!length)
            parse_fail_expected(parser, "a name");
        name = arena_format(parser->ir->arena, "%.*s", (int)(length > 1000 ? 1000 : length),
                            parser->at);
        parser->at += length;
    }
    *ordinal = 1;
    if (*parser->at == '\'') {
        parser->at++;
        *ordinal = (int)parse_integer(parser, 2, MAX_NUMBER);
    }
    return name;
}
