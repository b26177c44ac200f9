/* Kernels in words: names, formulas, counts. */
#include "emit.h"

#include <inttypes.h>
#include <string.h>

/* ---- Names ----
 *
 * kNN_WORD_WORD...: what a kernel does, in the order in which it is done. The reduction or
 * contraction comes first, then what stands on it: relu, exp, tanh, ...; "pool" is a reduction
 * around a contraction. Kernels of plain arithmetic are "elementwise", those that only move
 * elements "copy". */

enum { MAX_WORDS = 5 };

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

/* x > 0 ? x : 0 */
static bool is_relu(const struct expression *e) {
    const struct expression *condition = e->sources[0];
    return e->op == OP_WHERE && is_zero(e->sources[2]) && condition->kind == EXPRESSION_OP &&
           condition->op == OP_LT && is_zero(condition->sources[0]) &&
           condition->sources[1] == e->sources[1];
}

static void note_word(void *context, const struct expression *e) {
    struct words *words = context;
    if (e->kind == EXPRESSION_REDUCE) {
        if (e->op == OP_CONTRACT)
            words->contraction = true;
        const char *name = op_facts[e->op].name;
        const char *short_name = strncmp(name, "reduce_", 7) == 0 ? name + 7 : name;
        add_word(words, words->contraction && e->op != OP_CONTRACT ? "pool" : short_name);
    } else if (e->kind == EXPRESSION_OP) {
        words->arithmetic = true;
        enum op_class class = op_facts[e->op].class;
        if (is_relu(e))
            add_word(words, "relu");
        else if (class == CLASS_UNARY && e->op != OP_NEG && e->op != OP_RECIP && e->op != OP_NOT)
            add_word(words, op_facts[e->op].name);
    } else if (e->kind == EXPRESSION_GUARD) {
        words->arithmetic |= e->sources[0]->kind == EXPRESSION_OP;
    }
}

const char *kernel_name(struct ir *ir, const struct kernel *kernel) {
    struct words words = {.ir = ir};
    expression_walk(ir, kernel->value, note_word, &words);
    if (!words.count)
        add_word(&words, words.arithmetic ? "elementwise" : kernel->node_count ? "copy" : "pack");
    const char *name = arena_format(ir->arena, "k%02d", kernel->id + 1);
    for (int i = 0; i < words.count; i++)
        name = arena_format(ir->arena, "%s_%s", name, words.words[i]);
    return name;
}

/* ---- Formulas ---- */

const char *buffer_description(struct ir *ir, const struct buffer *buffer) {
    struct text text = {0};
    text_add(&text, "%s %s[", buffer->name, dtype_facts[buffer->dtype].name);
    for (int i = 0; i < buffer->rank; i++)
        text_add(&text, "%s%" PRId64, i ? "," : "", buffer->shape[i]);
    text_add(&text, "]");
    const char *copy = arena_copy_text(ir->arena, text.bytes ? text.bytes : "");
    text_free(&text);
    return copy;
}

/* What a kernel computes, over the output's axes a, b, c, ... and bound axes. */
const char *kernel_formula(struct ir *ir, const struct kernel *kernel) {
    struct text text = {0};
    text_add(&text, "%s = ", buffer_description(ir, kernel->output));
    print_expression(kernel->value, &text);
    const char *copy = arena_copy_text(ir->arena, text.bytes ? text.bytes : "");
    text_free(&text);
    return copy;
}

/* ---- Counts ---- */

int64_t kernel_flops(struct ir *ir, const struct kernel *kernel) {
    struct listing listing = list_scopes(ir, kernel);
    double flops = 0;
    for (int i = 0; i < listing.count; i++) {
        const struct expression *e = listing.expressions[i];
        double points = listing.scopes[i].points;
        for (int k = 0; k < e->axis_count; k++)
            points *= (double)e->axes[k]->extent;
        if (e->kind == EXPRESSION_OP)
            flops += points;
        if (e->kind == EXPRESSION_REDUCE)
            flops += points * (e->op == OP_CONTRACT ? 2 : 1);
    }
    return (int64_t)flops;
}
