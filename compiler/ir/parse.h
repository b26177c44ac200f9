/* What the files of parse_ir share: parse.c, parse_words.c, parse_expression.c. */
#ifndef EIGENTENSOR_IR_PARSE_H
#define EIGENTENSOR_IR_PARSE_H

#include "compiler/ir/ir.h"

enum { MAX_NUMBER = 1 << 20 };           /* of axes, nodes, lines and names */
#define MAX_MAGNITUDE ((int64_t)1 << 60) /* of what an index can become on the way */

/* Things by number, which text may name in any order. */
struct table {
    int capacity;
    const void **items;
};

struct parser {
    struct ir *ir;
    const char *at, *line_start;
    int line, depth;
    int64_t zero_bytes; /* of constants without a weight */
    struct table axes, nodes;
    struct table lines; /* vN, of the statement at hand */
    struct et_error *error;
    jmp_buf escape; /* where errors go */
};

/* parse_words.c. What is taken or parsed is stepped over, with white space before it. */

_Noreturn void parse_fail(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "expected ..., found" what stands there. */
_Noreturn void parse_fail_expected(struct parser *parser, const char *expected);

/* Text does not say its stage: the first at which there is all that it says. */
void parse_stage(struct parser *parser, enum ir_stage stage);

void skip_space(struct parser *parser);
/* Whether the text goes on so. */
bool take(struct parser *parser, const char *expected);
/* The same for a whole word. */
bool take_word(struct parser *parser, const char *expected);
void require(struct parser *parser, const char *expected);
size_t word_length(const char *at);
int64_t parse_integer(struct parser *parser, int64_t least, int64_t most);
/* The number of a5, v3, ... */
bool take_numbered(struct parser *parser, char letter, int *number);
enum dtype parse_dtype(struct parser *parser);
/* A listed axis, aN. */
const struct axis *parse_axis(struct parser *parser);
/* Axes that are listed here, aN:EXTENT; returns how many. */
int parse_axes(struct parser *parser, int most, const struct axis **axes);
/* A name with its number among equal ones: x, "y z", x'2. */
const char *parse_name(struct parser *parser, int *ordinal);

const void *table_get(const struct table *table, int number);
void table_put(struct parser *parser, struct table *table, int number, const void *item);

/* parse_expression.c */

const struct expression *parse_expression(struct parser *parser);
const struct index *parse_index(struct parser *parser);
/* Up to the closing bracket; at most MAX_RANK. */
int parse_indices(struct parser *parser, const struct index **indices);

/* parse.c */

/* NULL: none was declared. */
struct buffer *find_buffer(struct parser *parser, const char *name, int ordinal);

#endif
