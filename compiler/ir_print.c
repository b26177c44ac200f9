/* The kernel IR as text; ir_parse.c reads it back in.
 *
 *   kernel 2 nodes 12 13 -> t13 temporary float32[32,10,10]
 *     loops a5:32 a6:10 a7:10
 *     value max{a8:2 a9:2}(...)
 *
 * Axes are aN:EXTENT where they are bound. An index is a sum such as 3*a5 + a6/9 + a7%3 + 1, a load
 * t9[index, ...], an operation name(source, ...), a guard when(0<=index<28 & ..., inside,
 * otherwise), a reduction name{axes}(sources), an integer index(dtype, index) and a constant
 * dtype:0xBITS. */
#include "ir.h"

#include <inttypes.h>

static void print_atom(const struct atom *atom, struct text *text) {
    switch (atom->kind) {
    case ATOM_AXIS:
        text_add(text, "a%d", atom->axis->id);
        return;
    case ATOM_VALUE:
        text_add(text, "<");
        print_expression(atom->value, text);
        text_add(text, ">");
        return;
    case ATOM_DIV:
    case ATOM_MOD:
        text_add(text, "(");
        print_index(atom->operand, text);
        text_add(text, ")%c%" PRId64, atom->kind == ATOM_DIV ? '/' : '%', atom->divisor);
        return;
    }
    unreachable();
}

void print_index(const struct index *index, struct text *text) {
    for (int i = 0; i < index->count; i++) {
        if (i)
            text_add(text, " + ");
        if (index->terms[i].coefficient != 1)
            text_add(text, "%" PRId64 "*", index->terms[i].coefficient);
        print_atom(index->terms[i].atom, text);
    }
    if (index->constant || !index->count)
        text_add(text, "%s%" PRId64, index->count ? " + " : "", index->constant);
}

static void print_sources(const struct expression *e, struct text *text) {
    for (int i = 0; i < e->source_count; i++) {
        if (i)
            text_add(text, ", ");
        print_expression(e->sources[i], text);
    }
}

static void print_load(const struct expression *e, struct text *text) {
    text_add(text, "%s[", e->buffer->name);
    if (e->index) {
        text_add(text, "@");
        print_index(e->index, text);
    }
    for (int i = 0; i < e->index_count; i++) {
        if (i)
            text_add(text, ", ");
        print_index(e->indices[i], text);
    }
    text_add(text, "]");
}

static void print_predicates(const struct expression *e, struct text *text) {
    for (int i = 0; i < e->predicate_count; i++) {
        if (i)
            text_add(text, " & ");
        text_add(text, "%" PRId64 "<=", e->predicates[i].lower);
        print_index(e->predicates[i].index, text);
        text_add(text, "<%" PRId64, e->predicates[i].upper);
    }
}

void print_expression(const struct expression *e, struct text *text) {
    switch (e->kind) {
    case EXPRESSION_CONSTANT:
        text_add(text, "%s:0x%" PRIx64, dtype_facts[e->dtype].name, e->bits);
        return;
    case EXPRESSION_INDEX:
        text_add(text, "index(%s, ", dtype_facts[e->dtype].name);
        print_index(e->index, text);
        text_add(text, ")");
        return;
    case EXPRESSION_LOAD:
        print_load(e, text);
        return;
    case EXPRESSION_OP:
        text_add(text, "%s", op_facts[e->op].name);
        if (op_facts[e->op].class == CLASS_CONVERT)
            text_add(text, ":%s", dtype_facts[e->dtype].name);
        text_add(text, "(");
        break;
    case EXPRESSION_GUARD:
        text_add(text, "when(");
        print_predicates(e, text);
        text_add(text, ", ");
        break;
    case EXPRESSION_REDUCE:
        text_add(text, "%s{", op_facts[e->op].name);
        for (int i = 0; i < e->axis_count; i++)
            text_add(text, "%sa%d:%" PRId64, i ? " " : "", e->axes[i]->id, e->axes[i]->extent);
        text_add(text, "}(");
        break;
    }
    print_sources(e, text);
    text_add(text, ")");
}

static void print_buffer(const struct buffer *buffer, struct text *text) {
    static const char *const kinds[] = {"input", "output", "constant", "temporary", "local"};
    text_add(text, "%s %s %s[", buffer->name, kinds[buffer->kind], dtype_facts[buffer->dtype].name);
    for (int i = 0; i < buffer->rank; i++)
        text_add(text, "%s%" PRId64, i ? "," : "", buffer->shape[i]);
    text_add(text, "]");
}

static void print_kernel(const struct kernel *kernel, struct text *text) {
    text_add(text, "kernel %d nodes", kernel->id);
    for (int i = 0; i < kernel->node_count; i++)
        text_add(text, " %d", kernel->nodes[i]->origin);
    text_add(text, " -> ");
    print_buffer(kernel->output, text);
    bool split = kernel->loop_count || !kernel->axis_count;
    int count = split ? kernel->loop_count : kernel->axis_count;
    text_add(text, "\n  loops");
    for (int i = 0; i < count; i++) {
        const struct axis *axis = split ? kernel->loops[i] : kernel->axes[i];
        text_add(text, " a%d:%" PRId64, axis->id, axis->extent);
    }
    text_add(text, "\n  value ");
    print_expression(kernel->value, text);
    if (kernel->address) {
        text_add(text, "\n  store @");
        print_index(kernel->address, text);
    }
    text_add(text, "\n");
}

void print_ir(const struct ir *ir, struct text *text) {
    for (int i = 0; i < ir->kernel_count; i++)
        print_kernel(ir->kernels[i], text);
}
