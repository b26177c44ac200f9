#include "compiler/graph/size.h"

#include "compiler/graph/graph.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* ---- Pieces ---- */

static const struct size *size_new(struct arena *arena, struct size size) {
    struct size *made = arena_new(arena, struct size);
    if (made)
        *made = size;
    return made;
}

const struct size *size_number(struct arena *arena, int64_t number) {
    return size_new(arena, (struct size){.kind = SIZE_NUMBER, .number = number});
}

const struct size *size_axis(struct arena *arena, int axis) {
    return size_new(arena, (struct size){.kind = SIZE_AXIS, .axis = axis});
}

const struct size *size_of_two(struct arena *arena, enum size_kind kind, const struct size *left,
                               const struct size *right) {
    if (!left || !right)
        return NULL;
    return size_new(arena, (struct size){.kind = kind, .left = left, .right = right});
}

/* ---- Axes ---- */

int open_axis_find(const struct open_axes *axes, const char *name) {
    for (int i = 0; i < axes->count; i++)
        if (strcmp(axes->axes[i].name, name) == 0)
            return i;
    return -1;
}

bool open_axis_check(const struct open_axis *axis, struct et_error *error) {
    if (!axis->name[0] || strlen(axis->name) > MAX_NAME || strchr(axis->name, '`'))
        return et_fail(error, "an axis: expected a name of 1 to %d bytes without backquotes",
                       MAX_NAME);
    if (axis->least < 0 || axis->least > axis->most || axis->most > MAX_ELEMENTS)
        return et_fail(error, "sizes %" PRId64 " to %" PRId64 ", expected some of 0 to %" PRId64,
                       axis->least, axis->most, MAX_ELEMENTS);
    if (axis->step < 1 || (axis->most - axis->least) % axis->step)
        return et_fail(error, "steps of %" PRId64 " do not lead from %" PRId64 " to %" PRId64,
                       axis->step, axis->least, axis->most);
    return true;
}

void open_axis_add_bounds(struct text *text, const struct open_axis *axis) {
    text_add(text, "%" PRId64 "..%" PRId64, axis->least, axis->most);
    if (axis->step != 1)
        text_add(text, ":%" PRId64, axis->step);
}

bool open_axis_allows(const struct open_axis *axis, int64_t size, struct et_error *error) {
    if (size < axis->least || size > axis->most)
        return et_fail(error, "axis \"%s\" has size %" PRId64 ", expected %" PRId64 " to %" PRId64,
                       axis->name, size, axis->least, axis->most);
    if ((size - axis->least) % axis->step)
        return et_fail(error,
                       "axis \"%s\" has size %" PRId64 ", expected one of %" PRId64 ", %" PRId64
                       ", ... %" PRId64,
                       axis->name, size, axis->least, axis->least + axis->step, axis->most);
    return true;
}

/* ---- Reading ---- */

struct size_reader {
    const char *text, *at;
    const struct open_axes *axes;
    struct arena *arena;
    struct et_error *error;
    int depth;
    ptrdiff_t named; /* bytes of names, so far */
};

static const struct size *fail_at(const struct size_reader *reader, const char *what) {
    et_fail(reader->error, "character %td: %s", reader->at - reader->text + 1, what);
    return NULL;
}

static const struct size *made(const struct size_reader *reader, const struct size *size) {
    if (!size)
        et_fail(reader->error, "out of memory");
    return size;
}

static void skip_blanks(struct size_reader *reader) {
    reader->at += strspn(reader->at, " ");
}

static bool takes(struct size_reader *reader, const char *word) {
    skip_blanks(reader);
    size_t length = strlen(word);
    if (strncmp(reader->at, word, length) != 0)
        return false;
    reader->at += length;
    return true;
}

static const struct size *read_number(struct size_reader *reader) {
    int64_t number = 0;
    for (; isdigit((unsigned char)*reader->at); reader->at++)
        if (!checked_multiply(number, 10, &number) ||
            !checked_add(number, *reader->at - '0', &number))
            return fail_at(reader, "the number is too large");
    return made(reader, size_number(reader->arena, number));
}

static bool is_first_of_name(char c) {
    return isalpha((unsigned char)c) || c == '_';
}

static size_t name_length(const char *text) {
    size_t length = 0;
    if (is_first_of_name(*text))
        while (is_first_of_name(text[length]) || isdigit((unsigned char)text[length]) ||
               text[length] == '.')
            length++;
    return length;
}

static const struct size *read_sum(struct size_reader *reader);

static const struct size *read_two(struct size_reader *reader, enum size_kind kind) {
    const struct size *left = takes(reader, "(") ? read_sum(reader) : fail_at(reader, "expected (");
    if (left && !takes(reader, ","))
        return fail_at(reader, "expected ,");
    const struct size *right = left ? read_sum(reader) : NULL;
    if (right && !takes(reader, ")"))
        return fail_at(reader, "expected )");
    return right ? made(reader, size_of_two(reader->arena, kind, left, right)) : NULL;
}

static const struct size *read_axis_name(struct size_reader *reader) {
    bool is_quoted = takes(reader, "`");
    const char *end = is_quoted ? strchr(reader->at, '`') : NULL;
    if (is_quoted && !end)
        return fail_at(reader, "the name does not end");
    size_t length = is_quoted ? (size_t)(end - reader->at) : name_length(reader->at);
    for (int i = 0; i < reader->axes->count; i++) {
        const char *name = reader->axes->axes[i].name;
        if (strlen(name) == length && memcmp(name, reader->at, length) == 0) {
            reader->at += length + is_quoted;
            reader->named += (ptrdiff_t)length;
            return made(reader, size_axis(reader->arena, i));
        }
    }
    return fail_at(reader, "no such axis");
}

static bool is_word(const char *text, size_t length, const char *word) {
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

static const struct size *read_factor(struct size_reader *reader) {
    skip_blanks(reader);
    if (reader->at - reader->text - reader->named > MOST_SIZE_TEXT) {
        et_fail(reader->error, "more than %d characters, besides names", MOST_SIZE_TEXT);
        return NULL;
    }
    size_t length = name_length(reader->at);
    bool is_least = is_word(reader->at, length, "min");
    if (is_least || is_word(reader->at, length, "max")) {
        reader->at += length;
        return read_two(reader, is_least ? SIZE_LEAST : SIZE_GREATEST);
    }
    if (isdigit((unsigned char)*reader->at))
        return read_number(reader);
    if (length || *reader->at == '`')
        return read_axis_name(reader);
    if (!takes(reader, "("))
        return fail_at(reader, "expected a number, an axis or (");
    const struct size *sum = read_sum(reader);
    return sum && !takes(reader, ")") ? fail_at(reader, "expected )") : sum;
}

static const struct size *read_product(struct size_reader *reader) {
    const struct size *size = read_factor(reader);
    while (size) {
        bool divides = takes(reader, "//");
        if (!divides && !takes(reader, "*"))
            break;
        const struct size *right = read_factor(reader);
        size = right
                   ? made(reader, size_of_two(reader->arena, divides ? SIZE_QUOTIENT : SIZE_PRODUCT,
                                              size, right))
                   : NULL;
    }
    return size;
}

static const struct size *read_sum(struct size_reader *reader) {
    if (++reader->depth > MOST_SIZE_DEPTH)
        return fail_at(reader, "too many parentheses");
    const struct size *size = read_product(reader);
    while (size) {
        bool adds = takes(reader, "+");
        if (!adds && !takes(reader, "-"))
            break;
        const struct size *right = read_product(reader);
        size = right ? made(reader, size_of_two(reader->arena, adds ? SIZE_SUM : SIZE_DIFFERENCE,
                                                size, right))
                     : NULL;
    }
    reader->depth--;
    return size;
}

const struct size *size_read(const char *text, const struct open_axes *axes, struct arena *arena,
                             struct et_error *error) {
    struct size_reader reader = {text, text, axes, arena, error, 0, 0};
    const struct size *size = read_sum(&reader);
    skip_blanks(&reader);
    return size && *reader.at ? fail_at(&reader, "expected an operator") : size;
}

/* ---- Writing ---- */

static const struct {
    const char *text;
    int strength; /* how tightly it binds */
} size_forms[] = {
    [SIZE_NUMBER] = {"", 3},      [SIZE_AXIS] = {"", 3},        [SIZE_SUM] = {"+", 1},
    [SIZE_DIFFERENCE] = {"-", 1}, [SIZE_PRODUCT] = {"*", 2},    [SIZE_QUOTIENT] = {"//", 2},
    [SIZE_LEAST] = {"min", 3},    [SIZE_GREATEST] = {"max", 3},
};

static void add_axis_name(struct text *text, const char *name) {
    bool is_plain = name_length(name) == strlen(name) && strcmp(name, "min") != 0 &&
                    strcmp(name, "max") != 0 && strcmp(name, "nan") != 0 &&
                    strcmp(name, "inf") != 0 && strcmp(name, BATCH_SYMBOL) != 0;
    text_add(text, is_plain ? "%s" : "`%s`", name);
}

/* A right operand that binds no tighter than its operator needs parentheses: a-(b+c). */
static void add_size(struct text *text, const struct size *size, const struct open_axes *axes,
                     int strength) {
    const char *form = size_forms[size->kind].text;
    int own = size_forms[size->kind].strength;
    if (size->kind == SIZE_NUMBER) {
        text_add(text, "%" PRId64, size->number);
    } else if (size->kind == SIZE_AXIS) {
        add_axis_name(text, axes->axes[size->axis].name);
    } else if (own == 3) {
        text_add(text, "%s(", form);
        add_size(text, size->left, axes, 0);
        text_add(text, ",");
        add_size(text, size->right, axes, 0);
        text_add(text, ")");
    } else {
        text_add(text, own < strength ? "(" : "");
        add_size(text, size->left, axes, own);
        text_add(text, "%s", form);
        add_size(text, size->right, axes, own + 1);
        text_add(text, own < strength ? ")" : "");
    }
}

void size_add_text(struct text *text, const struct size *size, const struct open_axes *axes) {
    add_size(text, size, axes, 0);
}

/* ---- Values ---- */

static bool value_of_two(enum size_kind kind, int64_t a, int64_t b, int64_t *value,
                         struct et_error *error) {
    bool fits = true;
    switch (kind) {
    case SIZE_SUM:
        fits = checked_add(a, b, value);
        break;
    case SIZE_DIFFERENCE:
        fits = !__builtin_sub_overflow(a, b, value);
        break;
    case SIZE_PRODUCT:
        fits = checked_multiply(a, b, value);
        break;
    case SIZE_QUOTIENT:
        if (b < 1)
            return et_fail(error, "a division by %" PRId64, b);
        *value = floor_divide(a, b);
        break;
    case SIZE_LEAST:
        *value = a < b ? a : b;
        break;
    case SIZE_GREATEST:
        *value = a > b ? a : b;
        break;
    default:
        unreachable();
    }
    return fits || et_fail(error, "a number does not fit 64 bits");
}

bool size_value(const struct size *size, const int64_t *sizes, int64_t *value,
                struct et_error *error) {
    int64_t left, right;
    if (size->kind == SIZE_NUMBER || size->kind == SIZE_AXIS) {
        *value = size->kind == SIZE_NUMBER ? size->number : sizes[size->axis];
        return true;
    }
    return size_value(size->left, sizes, &left, error) &&
           size_value(size->right, sizes, &right, error) &&
           value_of_two(size->kind, left, right, value, error);
}

bool size_equal(const struct size *a, const struct size *b) {
    if (!a || !b)
        return a == b;
    return a->kind == b->kind && a->number == b->number && a->axis == b->axis &&
           size_equal(a->left, b->left) && size_equal(a->right, b->right);
}
