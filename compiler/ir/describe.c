/* Kernels in words: names, formulas, counts. */
#include "compiler/ir/describe.h"

#include "compiler/ir/uses.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Names ----
 *
 * kNN_WORD_WORD...: what a kernel does, in the order in which it is done. The reduction or
 * contraction comes first, then what stands on it: relu, exp, tanh, ...; "pool" is a reduction
 * around a contraction. Kernels of plain arithmetic are "elementwise", those that only move
 * elements "copy". */

enum { MAX_WORDS = 5, LONGEST_FORMULA = 600 };

struct words {
    struct ir *ir;
    bool arithmetic, contraction;
    int count;
    const char *words[MAX_WORDS];
};

static void add_word(struct words *words, const char *word) {
    for (int i = 0; i < words->count; i++)
        if (strcmp(words->words[i], word) == 0)
            return;
    if (words->count < MAX_WORDS)
        words->words[words->count++] = word;
}

static bool is_zero(const struct expression *e) {
    return e->kind == EXPRESSION_CONSTANT && e->bits == 0;
}

/* The other operand where it is max(x, 0), or what else keeps the positive ones; NULL: it is not.
 */
static const struct expression *relu_operand(const struct expression *e) {
    if (e->op != OP_GREATER_OF)
        return NULL;
    return is_zero(e->sources[0]) ? e->sources[1] : is_zero(e->sources[1]) ? e->sources[0] : NULL;
}

/* As the graph calls it. */
static const char *op_name(enum op op) {
    return op_facts[op == OP_GREATER_OF ? OP_MAX : op == OP_LESSER_OF ? OP_MIN : op].name;
}

static void note_word(void *context, const struct expression *e) {
    struct words *words = context;
    if (e->kind == EXPRESSION_REDUCE) {
        if (e->op == OP_CONTRACT)
            words->contraction = true;
        const char *name = op_facts[e->op].name;
        const char *short_name = strncmp(name, "reduce_", 7) == 0 ? name + 7 : name;
        add_word(words, words->contraction && e->op != OP_CONTRACT ? "pool" : short_name);
    } else if (stands_alone(e)) {
        add_word(words, op_facts[e->op].name);
    } else if (e->kind == EXPRESSION_OP) {
        words->arithmetic = true;
        enum op_class class = op_facts[e->op].class;
        if (relu_operand(e))
            add_word(words, "relu");
        else if (class == CLASS_UNARY && e->op != OP_NEG && e->op != OP_RECIP && e->op != OP_NOT)
            add_word(words, op_facts[e->op].name);
    } else if (e->kind == EXPRESSION_GUARD) {
        words->arithmetic |= e->sources[0]->kind == EXPRESSION_OP;
    }
}

const char *kernel_name(struct ir *ir, const struct kernel *kernel) {
    struct words words = {.ir = ir};
    bool packs = true;
    for (int i = 0; i < kernel->statement_count; i++) {
        expression_walk(ir, kernel->statements[i]->value, note_word, &words);
        packs &= kernel->statements[i]->node_count == 0;
    }
    if (!words.count)
        add_word(&words, words.arithmetic ? "elementwise" : packs ? "pack" : "copy");
    const char *name = arena_format(ir->arena, "k%02d", ir->first_number + kernel->id + 1);
    for (int i = 0; i < words.count; i++)
        name = arena_format(ir->arena, "%s_%s", name, words.words[i]);
    return name;
}

/* ---- Formulas ---- */

const char *buffer_description(struct ir *ir, const struct buffer *buffer) {
    struct text text = text_in(ir->arena);
    text_add(&text, "%s %s[", buffer->name, dtype_facts[buffer->dtype].name);
    for (int i = 0; i < buffer->rank; i++)
        text_add(&text, "%s%" PRId64, i ? "," : "", buffer->shape[i]);
    text_add(&text, "]");
    return text_keep(&text);
}

/* "5x5": the extents that a reduction runs over. */
static void add_extents(struct text *text, const struct expression *reduction) {
    int printed = 0;
    for (int i = 0; i < reduction->axis_count; i++)
        if (reduction->axes[i]->extent > 1)
            text_add(text, "%s%" PRId64, printed++ ? "x" : "", reduction->axes[i]->extent);
    if (!printed)
        text_add(text, "1");
}

static void add_formula(struct text *text, const struct expression *e);

static bool is_infix(const struct expression *e) {
    return e->kind == EXPRESSION_OP && op_facts[e->op].infix[0];
}

/* A list in parentheses, or operands around an operator: those of another operator in parentheses,
 * but for products within sums. */
static void add_operands(struct text *text, const struct expression *e, const char *separator) {
    for (int i = 0; i < e->source_count; i++) {
        const struct expression *source = e->sources[i];
        bool parentheses = is_infix(e) && is_infix(source) &&
                           !(e->op == OP_ADD && (source->op == OP_MUL || source->op == OP_ADD) &&
                             (i == 0 || source->op == OP_MUL)) &&
                           !(e->op == OP_MUL && source->op == OP_MUL && i == 0);
        text_add(text, "%s%s", i ? separator : "", parentheses ? "(" : "");
        add_formula(text, source);
        text_add(text, "%s", parentheses ? ")" : "");
    }
}

static void add_arguments(struct text *text, const struct expression *e, const char *separator) {
    text_add(text, "(");
    add_operands(text, e, separator);
    text_add(text, ")");
}

static void add_op(struct text *text, const struct expression *e) {
    const struct op_facts *facts = &op_facts[e->op];
    if (relu_operand(e)) {
        text_add(text, "relu(");
        add_formula(text, relu_operand(e));
        text_add(text, ")");
    } else if (facts->infix[0]) {
        char separator[8];
        snprintf(separator, sizeof separator, " %s ", facts->infix);
        add_operands(text, e, separator);
    } else {
        text_add(text, "%s", e->op == OP_CAST ? dtype_facts[e->dtype].name : op_name(e->op));
        add_arguments(text, e, ", ");
    }
}

static void add_reduction(struct text *text, const struct expression *e) {
    const char *name = e->op == OP_CONTRACT ? "sum" : op_facts[e->op].name;
    text_add(text, "%s over ", strncmp(name, "reduce_", 7) == 0 ? name + 7 : name);
    add_extents(text, e);
    add_arguments(text, e, " * ");
}

/* An expression without its indices; stops where it is too long to be shown. */
static void add_formula(struct text *text, const struct expression *e) {
    if (text->length > LONGEST_FORMULA)
        return;
    switch (e->kind) {
    case EXPRESSION_CONSTANT:
        if (dtype_is_real(e->dtype))
            text_add(text, "%.*g", e->dtype == DTYPE_FLOAT32 ? 9 : 17, constant_value(e));
        else
            text_add(text, e->dtype == DTYPE_UINT64 ? "%" PRIu64 : "%" PRId64, e->bits);
        return;
    case EXPRESSION_INDEX:
        text_add(text, "index");
        return;
    case EXPRESSION_LOAD:
        text_add(text, "%s", e->buffer->name);
        return;
    case EXPRESSION_OP:
        add_op(text, e);
        return;
    case EXPRESSION_GUARD:
        text_add(text, "within");
        add_arguments(text, e, " else ");
        return;
    case EXPRESSION_REDUCE:
        add_reduction(text, e);
        return;
    case EXPRESSION_SCAN:
    case EXPRESSION_WHOLE:
        text_add(text, "%s", op_facts[e->op].name);
        add_arguments(text, e, ", ");
        return;
    }
}

/* What a statement computes: the output with its shape, and the value without indices. Shared parts
 * are repeated, which could go on without end: too long a formula is replaced by its size. */
static const char *statement_formula(struct ir *ir, const struct statement *statement) {
    struct text text = text_in(ir->arena);
    add_formula(&text, statement->value);
    const char *output = buffer_description(ir, statement->output);
    const char *formula =
        text.length > LONGEST_FORMULA
            ? arena_format(ir->arena, "%s = %d operations", output, list_uses(ir, statement).count)
            : arena_format(ir->arena, "%s = %s", output, text_keep(&text));
    return formula;
}

/* The formulas of a kernel's statements; parts of one buffer that read alike are told once. */
const char *kernel_formula(struct ir *ir, const struct kernel *kernel) {
    const char *all = "", *last = "";
    for (int i = 0; i < kernel->statement_count; i++) {
        const char *formula = statement_formula(ir, kernel->statements[i]);
        if (strcmp(formula, last) == 0)
            continue;
        all = arena_format(ir->arena, "%s%s%s", all, all[0] ? "; " : "", formula);
        last = formula;
    }
    return all;
}

/* ---- Graphviz ---- */

static void add_arrow(struct text *text, const struct buffer *buffer, const struct kernel *kernel,
                      bool read) {
    if (buffer->kind == BUFFER_CONSTANT)
        return;
    if (buffer->kind == BUFFER_TEMPORARY)
        text_add(text, "  b%d [shape=point];\n", buffer->id);
    else
        text_add(text, "  b%d [label=\"%s\"];\n", buffer->id, buffer->name);
    if (read)
        text_add(text, "  b%d -> k%d;\n", buffer->id, kernel->id);
    else
        text_add(text, "  k%d -> b%d;\n", kernel->id, buffer->id);
}

/* Inputs and outputs as ellipses, kernels as boxes, temporaries as points between them. */
const char *kernels_dot(struct ir *ir) {
    struct text text = text_in(ir->arena);
    text_add(&text, "digraph kernels {\n  node [fontname=\"monospace\"];\n");
    for (int g = 0; g < ir->kernel_count; g++) {
        const struct kernel *kernel = ir->kernels[g];
        const struct buffer *output = kernel->statements[kernel->statement_count - 1]->output;
        text_add(&text, "  k%d [shape=box, label=\"%s\\n%s\"];\n", kernel->id, kernel->name,
                 buffer_description(ir, output));
        for (int i = 0; i < kernel->buffer_count; i++) {
            if (kernel->buffers[i].read)
                add_arrow(&text, kernel->buffers[i].buffer, kernel, true);
            if (kernel->buffers[i].written)
                add_arrow(&text, kernel->buffers[i].buffer, kernel, false);
        }
    }
    text_add(&text, "}\n");
    return text_keep(&text);
}

/* ---- Counts ---- */

/* Updates that compute something; a sort computes nothing. */
static double whole_flops(const struct expression *whole) {
    bool computes = op_facts[whole->op].class == CLASS_SCATTER && whole->op != OP_SCATTER;
    return computes ? (double)whole->sources[2]->buffer->elements : 0;
}

/* What statements of one nest have in common is computed once. */
static double statement_flops(struct ir *ir, const struct statement *statement) {
    struct uses uses = list_uses(ir, statement);
    double flops = 0;
    for (int i = 0; i < uses.count; i++) {
        const struct expression *e = uses.expressions[i];
        double points = uses.items[i].points;
        if (ir->counted[e->id] == ir->counted_nests)
            continue;
        ir->counted[e->id] = ir->counted_nests;
        for (int k = 0; k < e->axis_count; k++)
            points *= (double)e->axes[k]->extent;
        if (e->kind == EXPRESSION_OP && !uses.items[i].in_contraction)
            flops += points; /* what a tile makes its panel of, it makes once, not for each sum */
        if (e->kind == EXPRESSION_WHOLE) /* of the whole: once for an update, not a point */
            flops += whole_flops(e);
        if (e->kind == EXPRESSION_REDUCE)
            flops += points * (e->op == OP_CONTRACT ? 2 : 1);
    }
    return flops;
}

/* Makes room for twice as many expressions as there are, so that it is seldom needed. */
static void begin_counting(struct ir *ir) {
    if (ir->counted_capacity < ir->expression_count) {
        ir->counted_capacity = 2 * ir->expression_count;
        ir->counted = arena_array(ir->arena, int, (size_t)ir->counted_capacity);
    }
    ir->counted_nests++;
}

double nest_flops(struct ir *ir, struct statement *const *statements, int count) {
    double flops = 0;
    begin_counting(ir);
    for (int i = 0; i < count; i++)
        flops += statement_flops(ir, statements[i]);
    return flops;
}

int64_t kernel_flops(struct ir *ir, const struct kernel *kernel) {
    double flops = 0;
    for (int i = 0, size; i < kernel->statement_count; i += size) {
        size = nest_size(&kernel->statements[i], kernel->statement_count - i);
        flops += nest_flops(ir, &kernel->statements[i], size);
    }
    return (int64_t)flops;
}

/* ---- Facts ---- */

static int by_origin(const void *a, const void *b) {
    const struct node *const *x = a, *const *y = b;
    return ((*x)->origin > (*y)->origin) - ((*x)->origin < (*y)->origin);
}

/* What stands in a body is the scan's. */
static const char *list_nodes(struct ir *ir, const struct kernel *kernel) {
    int capacity = 0, count = 0;
    if (ir->scan)
        return arena_format(ir->arena, "%d", ir->outermost->origin);
    for (int i = 0; i < kernel->statement_count; i++)
        capacity += kernel->statements[i]->node_count;
    const struct node **nodes = arena_array(ir->arena, const struct node *, (size_t)capacity + 1);
    for (int i = 0; i < kernel->statement_count; i++)
        for (int k = 0; k < kernel->statements[i]->node_count; k++)
            nodes[count++] = kernel->statements[i]->nodes[k];
    qsort(nodes, (size_t)count, sizeof *nodes, by_origin);
    struct text text = text_in(ir->arena);
    for (int i = 0; i < count; i++)
        if (i == 0 || nodes[i] != nodes[i - 1])
            text_add(&text, "%s%d", text.length ? " " : "", nodes[i]->origin);
    return text_keep(&text);
}

struct kernel_facts describe_kernel(struct ir *ir, const struct kernel *kernel) {
    const struct buffer *output = kernel->statements[kernel->statement_count - 1]->output;
    struct kernel_facts facts = {.name = kernel->name,
                                 .formula = kernel_formula(ir, kernel),
                                 .nodes = list_nodes(ir, kernel),
                                 .output = buffer_description(ir, output),
                                 .steps = ir->steps,
                                 .may_end = ir->may_end,
                                 .flops = kernel_flops(ir, kernel)};
    for (int i = 0; i < kernel->buffer_count; i++) {
        const struct buffer *buffer = kernel->buffers[i].buffer;
        int64_t bytes = buffer->elements * (int64_t)dtype_facts[buffer->dtype].bytes;
        facts.bytes_read += kernel->buffers[i].read ? bytes : 0;
        facts.bytes_written += kernel->buffers[i].written ? bytes : 0;
    }
    return facts;
}

/* Words in comment lines of at most 100 columns. */
void add_wrapped(struct text *text, const char *words) {
    size_t length = strlen(words);
    for (size_t at = 0; at < length;) {
        size_t end = length - at > 88 ? at + 88 : length;
        while (end < length && end > at && words[end] != ' ')
            end--;
        if (end == at) /* one word longer than a line */
            end = at + strcspn(words + at, " ");
        text_add(text, "%s%.*s", at ? "\n *     " : "", (int)(end - at), words + at);
        at = end + (end < length);
    }
}
