/* Expressions and indices of the statement IR's text, by recursive descent. */
#include "compiler/ir/parse.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 400 }; /* of nested expressions and indices */

/* ---- Indices ---- */

static void enter(struct parser *parser) {
    if (++parser->depth > MAX_DEPTH)
        parse_fail(parser, "nested more than %d deep", MAX_DEPTH);
}

static double magnitude(double a) {
    return a < 0 ? -a : a;
}

/* What an index and all that it is made of can become: the sum of its terms' sizes, or the product
 * of divisors within one another. */
static double largest_in(const struct index *index) {
    double sum = magnitude((double)index->constant), largest = 0;
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        double low = magnitude((double)atom->minimum), high = magnitude((double)atom->maximum);
        sum += magnitude((double)index->terms[i].coefficient) * (1 + (low > high ? low : high));
        if (atom->kind == ATOM_DIV || atom->kind == ATOM_MOD) {
            double below = (double)atom->divisor * (1 + largest_in(atom->operand));
            largest = below > largest ? below : largest;
        }
    }
    return sum > largest ? sum : largest;
}

/* Refuses what would not fit in 64 bits when multiplied by the factor. */
static void check_fits(struct parser *parser, const struct index *index, int64_t factor) {
    if (magnitude((double)factor) * (1 + largest_in(index)) > (double)MAX_MAGNITUDE)
        parse_fail(parser, "the index grows beyond 2^60");
}

/* After <: an expression and its bounds. */
static const struct index *parse_value(struct parser *parser) {
    const struct expression *value = parse_expression(parser);
    int64_t minimum = parse_integer(parser, -MAX_ELEMENTS, MAX_ELEMENTS);
    require(parser, "..");
    int64_t maximum = parse_integer(parser, minimum, MAX_ELEMENTS);
    require(parser, ">");
    return index_value(parser->ir, value, minimum, maximum);
}

static const struct index *parse_primary(struct parser *parser) {
    const struct index *index;
    if (take(parser, "(")) {
        index = parse_index(parser);
        require(parser, ")");
    } else if (take(parser, "<")) {
        index = parse_value(parser);
    } else {
        index = index_axis(parser->ir, parse_axis(parser));
    }
    return index;
}

/* What / and % follow binds tighter than what * precedes. */
static const struct index *parse_factor(struct parser *parser) {
    const struct index *index = parse_primary(parser);
    for (;;) {
        bool divide = take(parser, "/");
        if (!divide && !take(parser, "%"))
            return index;
        int64_t divisor = parse_integer(parser, 1, MAX_ELEMENTS);
        check_fits(parser, index, divisor);
        index = divide ? index_divide(parser->ir, index, divisor)
                       : index_modulo(parser->ir, index, divisor);
    }
}

static const struct index *parse_term(struct parser *parser, int64_t sign) {
    skip_space(parser);
    int64_t factor = sign;
    if (isdigit((unsigned char)*parser->at) || *parser->at == '-') {
        factor *= parse_integer(parser, -MAX_MAGNITUDE, MAX_MAGNITUDE);
        if (!take(parser, "*"))
            return index_constant(parser->ir, factor);
    }
    const struct index *index = parse_factor(parser);
    check_fits(parser, index, factor);
    return index_scale(parser->ir, index, factor);
}

const struct index *parse_index(struct parser *parser) {
    enter(parser);
    skip_space(parser);
    /* A minus before a factor is a sign; before digits it belongs to them. */
    bool negative = parser->at[0] == '-' && !isdigit((unsigned char)parser->at[1]);
    parser->at += negative;
    const struct index *sum = parse_term(parser, negative ? -1 : 1);
    for (;;) {
        bool add = take(parser, "+");
        if (!add && !take(parser, "-"))
            break;
        const struct index *term = parse_term(parser, add ? 1 : -1);
        check_fits(parser, term, 1);
        check_fits(parser, sum, 1);
        sum = index_add(parser->ir, sum, term);
    }
    check_fits(parser, sum, 1);
    parser->depth--;
    return sum;
}

int parse_indices(struct parser *parser, const struct index **indices) {
    int count = 0;
    if (take(parser, "]"))
        return 0;
    do {
        if (count == MAX_RANK)
            parse_fail(parser, "more than %d indices", MAX_RANK);
        indices[count++] = parse_index(parser);
    } while (take(parser, ","));
    require(parser, "]");
    return count;
}

/* ---- Constants and loads ---- */

static const struct expression *parse_float(struct parser *parser) {
    char digits[48] = {0}, *end;
    size_t length = strspn(parser->at, "+-.0123456789einf");
    float value = 0;
    uint32_t bits;
    if (length < sizeof digits)
        memcpy(digits, parser->at, length);
    value = strtof(digits, &end);
    if (*end || end == digits)
        parse_fail_expected(parser, "a number");
    parser->at += length;
    memcpy(&bits, &value, sizeof bits);
    return expression_constant(parser->ir, DTYPE_FLOAT32, bits);
}

/* Up to the greatest of uint64. */
static uint64_t parse_natural(struct parser *parser) {
    char *end;
    errno = 0;
    uint64_t value = isdigit((unsigned char)*parser->at) ? strtoull(parser->at, &end, 10) : 0;
    if (!isdigit((unsigned char)*parser->at) || errno)
        parse_fail_expected(parser, "an integer of uint64");
    parser->at = end;
    return value;
}

/* After "dtype:": an integer, or bits as 0x... */
static const struct expression *parse_typed(struct parser *parser, enum dtype dtype) {
    size_t width = 8 * dtype_facts[dtype].bytes;
    uint64_t mask = width == 64 ? ~(uint64_t)0 : ((uint64_t)1 << width) - 1, bits;
    if (parser->at[0] == '0' && parser->at[1] == 'x') {
        char *end;
        errno = 0;
        bits = strtoull(parser->at, &end, 16);
        if (end == parser->at || errno || (bits & ~mask))
            parse_fail_expected(parser, "bits that fit the dtype");
        parser->at = end;
    } else if (!dtype_is_integer(dtype)) {
        parse_fail_expected(parser, "bits such as 0x3f800000");
    } else if (dtype_facts[dtype].greatest > INT64_MAX) {
        bits = parse_natural(parser);
    } else {
        bits = (uint64_t)parse_integer(parser, dtype_facts[dtype].least,
                                       (int64_t)dtype_facts[dtype].greatest) &
               mask;
    }
    return expression_constant(parser->ir, dtype, bits);
}

static const struct expression *parse_load(struct parser *parser) {
    int ordinal;
    const char *start = parser->at, *name = parse_name(parser, &ordinal);
    struct buffer *buffer = find_buffer(parser, name, ordinal);
    if (!buffer) {
        parser->at = start;
        parse_fail_expected(parser, "a buffer that was declared");
    }
    require(parser, "[");
    if (take(parser, "@")) {
        parse_stage(parser, IR_SCHEDULED);
        const struct index *address = parse_index(parser);
        require(parser, "]");
        return expression_load_linear(parser->ir, buffer, address);
    }
    const struct index *indices[MAX_RANK];
    int count = parse_indices(parser, indices);
    if (count != buffer->rank)
        parse_fail(parser, "%s has %d axes, found %d indices", name, buffer->rank, count);
    return expression_load(parser->ir, buffer, indices);
}

/* ---- Operations ---- */

static const struct expression *parse_guard(struct parser *parser) {
    struct predicate predicates[MAX_LOOPS];
    int count = 0;
    do {
        if (count == MAX_LOOPS)
            parse_fail(parser, "more than %d predicates", MAX_LOOPS);
        struct predicate *predicate = &predicates[count++];
        predicate->lower = parse_integer(parser, -MAX_MAGNITUDE, MAX_MAGNITUDE);
        require(parser, "<=");
        predicate->index = parse_index(parser);
        require(parser, "<");
        predicate->upper = parse_integer(parser, -MAX_MAGNITUDE, MAX_MAGNITUDE);
    } while (take(parser, "&"));
    require(parser, ",");
    const struct expression *inside = parse_expression(parser);
    require(parser, ",");
    const struct expression *otherwise = parse_expression(parser);
    require(parser, ")");
    if (inside->dtype != otherwise->dtype)
        parse_fail(parser, "when: %s and %s", dtype_facts[inside->dtype].name,
                   dtype_facts[otherwise->dtype].name);
    return expression_guard(parser->ir, count, predicates, inside, otherwise);
}

/* The sources of an operation, up to the closing parenthesis, of dtypes that it takes. */
static void parse_sources(struct parser *parser, enum op op, const struct expression **sources) {
    int count = op_facts[op].sources, first = op == OP_WHERE; /* where the rule begins to hold */
    for (int i = 0; i < count; i++) {
        if (i)
            require(parser, ",");
        sources[i] = parse_expression(parser);
        bool positions = op_facts[op].class == CLASS_SCATTER && i == 1;
        enum dtype expected = i < first ? DTYPE_BOOL : sources[first]->dtype;
        bool fits = positions ? sources[i]->dtype == DTYPE_INT32 || sources[i]->dtype == DTYPE_INT64
                              : sources[i]->dtype == expected;
        if (!fits || !op_accepts(op, sources[i]->dtype))
            parse_fail(parser, "%s does not take %s as source %d", op_facts[op].name,
                       dtype_facts[sources[i]->dtype].name, i + 1);
    }
    require(parser, ")");
}

static enum dtype dtype_of(enum op op, const struct expression *const *sources) {
    return op_facts[op].gives == GIVES_BOOL    ? DTYPE_BOOL
           : op_facts[op].gives == GIVES_INDEX ? DTYPE_INT32
                                               : sources[op == OP_WHERE]->dtype;
}

static const struct expression *parse_reduction(struct parser *parser, enum op op) {
    const struct axis *axes[MAX_LOOPS];
    const struct expression *sources[3];
    int count = 0;
    require(parser, "{");
    while (!take(parser, "}")) {
        if (count == MAX_LOOPS)
            parse_fail(parser, "more than %d axes", MAX_LOOPS);
        axes[count++] = parse_axis(parser);
    }
    require(parser, "(");
    parse_sources(parser, op, sources);
    return expression_reduce(parser->ir, op, dtype_of(op, sources), count, axes,
                             op_facts[op].sources, sources);
}

/* scan:float32{0}(initial[0, 0], xs[0, 0, 0]) */
static const struct expression *parse_scan(struct parser *parser) {
    const struct expression *sources[MAX_SOURCES];
    int count = 0;
    require(parser, ":");
    enum dtype dtype = parse_dtype(parser);
    require(parser, "{");
    int body = (int)parse_integer(parser, 0, MAX_NODES);
    require(parser, "}");
    require(parser, "(");
    while (!take(parser, ")")) {
        if (count == MAX_SOURCES)
            parse_fail(parser, "more than %d sources", MAX_SOURCES);
        if (count)
            require(parser, ",");
        sources[count] = parse_expression(parser);
        if (sources[count++]->kind != EXPRESSION_LOAD)
            parse_fail(parser, "scan: source %d is no load", count);
    }
    return expression_scan(parser->ir, dtype, body, count, sources);
}

/* argsort{8,3}(x[0, 0]) */
static const struct expression *parse_whole(struct parser *parser, enum op op) {
    const struct expression *sources[3];
    int64_t sizes[SCATTER_SIZES];
    for (int i = 0; i < whole_size_count(op); i++) {
        require(parser, i ? "," : "{");
        sizes[i] = parse_integer(parser, 0, MAX_ELEMENTS);
    }
    require(parser, "}");
    require(parser, "(");
    parse_sources(parser, op, sources);
    for (int i = 0; i < op_facts[op].sources; i++)
        if (sources[i]->kind != EXPRESSION_LOAD)
            parse_fail(parser, "%s: source %d is no load", op_facts[op].name, i + 1);
    return expression_whole(parser->ir, op, dtype_of(op, sources), sizes, op_facts[op].sources,
                            sources);
}

static const struct expression *parse_operation(struct parser *parser, const char *name) {
    enum op op;
    const struct expression *sources[3];
    if (!op_from_name(name, &op))
        parse_fail_expected(parser, "an expression");
    parser->at += strlen(name);
    enum dtype dtype = DTYPE_COUNT;
    switch (op_facts[op].class) {
    case CLASS_REDUCE:
    case CLASS_CONTRACT:
        return parse_reduction(parser, op);
    case CLASS_CONVERT:
        require(parser, ":");
        dtype = parse_dtype(parser);
        break;
    case CLASS_SCAN:
        return parse_scan(parser);
    case CLASS_SORT:
    case CLASS_SCATTER:
        return parse_whole(parser, op);
    case CLASS_UNARY:
    case CLASS_BINARY:
    case CLASS_TERNARY:
        break;
    default:
        parse_fail(parser, "%s is no operation of expressions", name);
    }
    require(parser, "(");
    parse_sources(parser, op, sources);
    if (dtype == DTYPE_COUNT)
        dtype = dtype_of(op, sources);
    return expression_op(parser->ir, op, dtype, op_facts[op].sources, sources);
}

static const struct expression *parse_integer_index(struct parser *parser) {
    enum dtype dtype = parse_dtype(parser);
    if (dtype != DTYPE_INT32 && dtype != DTYPE_INT64)
        parse_fail(parser, "an index is int32 or int64, not %s", dtype_facts[dtype].name);
    require(parser, ",");
    const struct index *index = parse_index(parser);
    require(parser, ")");
    return expression_index(parser->ir, dtype, index);
}

static const struct expression *parse_line_name(struct parser *parser, int number) {
    const struct expression *known = table_get(&parser->lines, number);
    if (!known)
        parse_fail(parser, "v%d is not known here", number);
    return known;
}

static const struct expression *parse_named(struct parser *parser) {
    char name[32] = {0};
    size_t length = word_length(parser->at);
    char next = parser->at[length];
    int number;
    enum dtype dtype;
    if (next == '[' || next == '\'')
        return parse_load(parser);
    if (length < sizeof name)
        memcpy(name, parser->at, length);
    if (strcmp(name, "inf") == 0)
        return parse_float(parser);
    if (take(parser, "index("))
        return parse_integer_index(parser);
    if (take(parser, "when("))
        return parse_guard(parser);
    if (next == ':' && dtype_from_name(name, &dtype)) {
        parser->at += length + 1;
        return parse_typed(parser, dtype);
    }
    if (take_numbered(parser, 'v', &number))
        return parse_line_name(parser, number);
    return parse_operation(parser, name);
}

const struct expression *parse_expression(struct parser *parser) {
    enter(parser);
    skip_space(parser);
    const struct expression *result = *parser->at == '"' ? parse_load(parser)
                                      : isdigit((unsigned char)*parser->at) || *parser->at == '-'
                                          ? parse_float(parser)
                                          : parse_named(parser);
    parser->depth--;
    return result;
}
