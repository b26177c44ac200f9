/* Reads the text that print_ir writes (see print.c for the grammar), so that each pass can be
 * tested alone and a dump can be taken up again. White space and what follows a # are skipped.
 *
 * An index may be written freely: 3*(a0 + 2)/4 is 3 * ((a0 + 2) / 4), and is simplified as it is
 * read. Constants get the elements of the weight of that name, if ir->graph has it, else zeros. */
#include "compiler/ir/parse.h"

#include "compiler/ir/print.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define MAX_ZERO_BYTES ((int64_t)1 << 26) /* of all constants without a weight */

/* ---- Buffers ---- */

struct buffer *find_buffer(struct parser *parser, const char *name, int ordinal) {
    for (int i = 0; i < parser->ir->buffer_count; i++) {
        struct buffer *buffer = parser->ir->buffers[i];
        if (strcmp(buffer->name, name) == 0 && --ordinal == 0)
            return buffer;
    }
    return NULL;
}

static int parse_extents(struct parser *parser, int64_t least, int64_t *extents) {
    int rank = 0;
    require(parser, "[");
    if (take(parser, "]"))
        return 0;
    do {
        if (rank == MAX_RANK)
            parse_fail(parser, "more than %d axes", MAX_RANK);
        extents[rank++] = parse_integer(parser, least, MAX_ELEMENTS);
    } while (take(parser, ","));
    require(parser, "]");
    return rank;
}

static enum buffer_kind parse_kind(struct parser *parser) {
    static const char *const kinds[] = {"input", "output", "constant", "temporary", "local"};
    for (int i = 0; i < 5; i++)
        if (take_word(parser, kinds[i]))
            return (enum buffer_kind)i;
    parse_fail_expected(parser, "input, output, constant, temporary or local");
}

static const struct node *find_weight(const struct graph *graph, const struct buffer *buffer) {
    for (int i = 0; graph && i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        if (node->op == OP_WEIGHT && node->value && strcmp(node->name, buffer->name) == 0 &&
            node->dtype == buffer->dtype && node_elements(node) == buffer->elements)
            return node;
    }
    return NULL;
}

static void find_value(struct parser *parser, struct buffer *buffer) {
    int64_t bytes = buffer->elements * (int64_t)dtype_facts[buffer->dtype].bytes;
    buffer->node = find_weight(parser->ir->graph, buffer);
    if (buffer->node) {
        buffer->value = buffer->node->value;
        return;
    }
    parser->zero_bytes += bytes;
    if (parser->zero_bytes > MAX_ZERO_BYTES)
        parse_fail(parser, "more than %" PRId64 " bytes of constants without a weight",
                   MAX_ZERO_BYTES);
    buffer->value = arena_allocate(parser->ir->arena, (size_t)bytes, 1);
}

static void parse_layout(struct parser *parser, struct buffer *buffer) {
    if (take_word(parser, "strides")) {
        if (parse_extents(parser, 0, buffer->stride) != buffer->rank)
            parse_fail(parser, "%s has %d axes, found another number of strides", buffer->name,
                       buffer->rank);
        parse_stage(parser, IR_LAID_OUT);
    }
    if (take_word(parser, "elements"))
        buffer->elements = parse_integer(parser, 0, MAX_ELEMENTS);
    buffer->splat = take_word(parser, "splat");
    int64_t sliced[MAX_RANK];
    if (take_word(parser, "sliced")) {
        if (parse_extents(parser, 0, sliced) != buffer->rank)
            parse_fail(parser, "%s has %d axes", buffer->name, buffer->rank);
        for (int i = 0; i < buffer->rank; i++)
            buffer->sliced[i] = sliced[i] != 0;
        parse_stage(parser, IR_SHARED);
    }
}

static struct buffer *parse_buffer(struct parser *parser) {
    int ordinal, rank;
    int64_t shape[MAX_RANK];
    const char *name = parse_name(parser, &ordinal);
    if (find_buffer(parser, name, ordinal) ||
        (ordinal > 1 && !find_buffer(parser, name, ordinal - 1)))
        parse_fail(parser, "%s: declared before, or %d is not the next of its name", name, ordinal);
    enum buffer_kind kind = parse_kind(parser);
    bool placed = kind == BUFFER_INPUT || kind == BUFFER_OUTPUT;
    int position = placed ? (int)parse_integer(parser, 0, MAX_NUMBER) : 0;
    enum dtype dtype = parse_dtype(parser);
    rank = parse_extents(parser, 0, shape);
    if (!elements_fit(rank, shape))
        parse_fail(parser, "%s: more than %" PRId64 " elements", name, MAX_ELEMENTS);
    struct buffer *buffer = ir_buffer(parser->ir, kind, dtype, rank, shape, name);
    buffer->position = position;
    parse_layout(parser, buffer);
    if (kind == BUFFER_CONSTANT)
        find_value(parser, buffer);
    return buffer;
}

/* ---- Statements ---- */

static struct statement *last_statement(const struct parser *parser) {
    const struct ir *ir = parser->ir;
    return ir->statement_count ? ir->statements[ir->statement_count - 1] : NULL;
}

/* Nodes are stand-ins that carry their numbers. */
static void parse_nodes(struct parser *parser, struct statement *statement) {
    int capacity = 0;
    for (skip_space(parser); isdigit((unsigned char)*parser->at); skip_space(parser)) {
        int number = (int)parse_integer(parser, 0, MAX_NUMBER);
        struct node *node = (struct node *)table_get(&parser->nodes, number);
        if (!node) {
            node = arena_new(parser->ir->arena, struct node);
            node->id = node->origin = number;
            table_put(parser, &parser->nodes, number, node);
        }
        statement->nodes = arena_extend(parser->ir->arena, statement->nodes, statement->node_count,
                                        &capacity, sizeof *statement->nodes);
        statement->nodes[statement->node_count++] = node;
    }
}

/* A statement that joins another names its loops again. */
static void parse_loops(struct parser *parser, struct statement *statement) {
    const struct statement *before = last_statement(parser);
    if (!statement->joins) {
        statement->loop_count = parse_axes(parser, MAX_LOOPS, statement->loops);
        return;
    }
    for (int i = 0; i < before->loop_count; i++) {
        statement->loops[statement->loop_count++] = parse_axis(parser);
        if (statement->loops[i] != before->loops[i])
            parse_fail(parser, "expected a%d, a loop of the kernel that this one joins",
                       before->loops[i]->id);
    }
}

/* "axes" up to fusion: true; else "loops". */
static bool parse_statement_axes(struct parser *parser, struct statement *statement) {
    const struct buffer *output = statement->output;
    if (take_word(parser, "loops")) {
        parse_loops(parser, statement);
        parse_stage(parser, statement->joins ? IR_NESTED : IR_SPLIT);
        return false;
    }
    if (!take_word(parser, "axes"))
        parse_fail_expected(parser, "axes or loops");
    parse_stage(parser, IR_LOWERED);
    statement->axis_count = parse_axes(parser, MAX_RANK, statement->axes);
    bool same = statement->axis_count == output->rank;
    for (int i = 0; same && i < output->rank; i++)
        same = statement->axes[i]->extent == output->shape[i];
    if (!same)
        parse_fail(parser, "the axes are not those of %s", output->name);
    return true;
}

static void parse_lines(struct parser *parser) {
    int number;
    parser->lines = (struct table){0};
    while (take_numbered(parser, 'v', &number)) {
        require(parser, "=");
        if (table_get(&parser->lines, number))
            parse_fail(parser, "v%d is there already", number);
        table_put(parser, &parser->lines, number, parse_expression(parser));
    }
}

static void parse_store(struct parser *parser, struct statement *statement) {
    if (!take_word(parser, "store"))
        parse_fail_expected(parser, "store");
    require(parser, "[");
    if (take(parser, "@")) {
        statement->address = parse_index(parser);
        parse_stage(parser, IR_SCHEDULED);
        require(parser, "]");
        return;
    }
    int count = parse_indices(parser, statement->store);
    if (count != statement->output->rank)
        parse_fail(parser, "%s has %d axes, found %d indices", statement->output->name,
                   statement->output->rank, count);
}

/* A declaration, or for a further part of a buffer its name. */
static void parse_output(struct parser *parser, struct statement *statement) {
    skip_space(parser);
    const char *before = parser->at;
    int ordinal;
    const char *name = parse_name(parser, &ordinal);
    statement->output = statement->partial ? find_buffer(parser, name, ordinal) : NULL;
    if (statement->output)
        return;
    parser->at = before;
    statement->output = parse_buffer(parser);
}

static void parse_kernel(struct parser *parser, struct statement *statement) {
    statement->joins = take_word(parser, "joins");
    if (!statement->joins && !take_word(parser, "with")) {
        statement->kernel = arena_new(parser->ir->arena, struct kernel);
        return;
    }
    if (parse_integer(parser, 0, MAX_NUMBER) != parser->ir->statement_count - 1)
        parse_fail(parser, "expected the kernel before this one");
    statement->kernel = last_statement(parser)->kernel;
}

/* The first statement of a kernel lists the axes, the others name them again. */
static void parse_shared(struct parser *parser, struct statement *statement) {
    const struct statement *before = last_statement(parser);
    if (!before || before->kernel != statement->kernel) {
        statement->shared_count = parse_axes(parser, MAX_SHARED, statement->shared);
        return;
    }
    for (statement->shared_count = 0; statement->shared_count < before->shared_count;)
        statement->shared[statement->shared_count++] = parse_axis(parser);
}

static int64_t count_points(const struct statement *statement) {
    int64_t points = 1;
    for (int i = 0; i < statement->axis_count; i++)
        points *= statement->axes[i]->extent;
    for (int i = 0; i < statement->loop_count; i++)
        points *= statement->loops[i]->extent;
    for (int i = 0; i < statement->shared_count; i++)
        points *= statement->shared[i]->extent;
    return points;
}

static void parse_statement(struct parser *parser) {
    const struct axis *bound[MAX_LOOPS];
    struct statement *statement = arena_new(parser->ir->arena, struct statement);
    if (parse_integer(parser, 0, MAX_NUMBER) != parser->ir->statement_count)
        parse_fail(parser, "expected kernel %d", parser->ir->statement_count);
    if (!take_word(parser, "nodes"))
        parse_fail_expected(parser, "nodes");
    parse_nodes(parser, statement);
    parse_kernel(parser, statement);
    statement->partial = take_word(parser, "part");
    require(parser, "->");
    parse_output(parser, statement);
    bool whole = parse_statement_axes(parser, statement);
    if (take_word(parser, "shared")) {
        parse_shared(parser, statement);
        parse_stage(parser, IR_SHARED);
    }
    statement->points = count_points(statement);
    if (take_word(parser, "tile"))
        parse_fail(parser, "tiles are written for people only and cannot be read");
    if (take_word(parser, "bound"))
        parse_axes(parser, MAX_LOOPS, bound);
    parse_lines(parser);
    if (!take_word(parser, "value"))
        parse_fail_expected(parser, "value");
    statement->value = parse_expression(parser);
    if (!whole)
        parse_store(parser, statement);
    ir_add_statement(parser->ir, statement);
}

static void parse_all(struct parser *parser) {
    for (skip_space(parser); *parser->at; skip_space(parser)) {
        if (take_word(parser, "buffer"))
            parse_buffer(parser);
        else if (take_word(parser, "kernel"))
            parse_statement(parser);
        else
            parse_fail_expected(parser, "buffer or kernel");
    }
}

bool parse_ir(struct ir *ir, const char *text, struct et_error *error) {
    struct parser parser = {.ir = ir, .at = text, .line_start = text, .line = 1, .error = error};
    jmp_buf *outer = ir->arena->escape, memory;
    volatile bool good = false;
    ir->arena->escape = &memory;
    if (setjmp(memory)) {
        et_fail(error, "out of memory");
    } else if (setjmp(parser.escape) == 0) {
        parse_all(&parser);
        good = true;
    }
    ir->arena->escape = outer;
    return good;
}
