/* Codes: integers that stand for numbers, (code - zero) * scale, and what commutes with rounding to
 * such. Rounding is monotone and elementwise: movements, maxima, minima and what cuts off give the
 * same codes before it as behind it. */
#include "compiler/builder/layers.h"
#include "compiler/rewrite/rewriting.h"

#include <math.h>
#include <string.h>

/* ---- How graphs say it ---- */

/* The one number that all elements of a float32 or int32 are. */
static bool known_number(struct rewriting *rewriting, const struct node *node, double *number) {
    struct view view;
    float real;
    int32_t integer;
    if ((node->dtype != DTYPE_FLOAT32 && node->dtype != DTYPE_INT32) ||
        !analysis_constant(rewriting, node, &view) || view_is_empty(&view))
        return false;
    for (int i = 0; i < view.rank; i++)
        if (view.stride[i] != 0)
            return false;
    memcpy(&real, view.data, sizeof real);
    memcpy(&integer, view.data, sizeof integer);
    *number = node->dtype == DTYPE_FLOAT32 ? (double)real : integer;
    return true;
}

/* The source of an operation with one known number; NULL: it is none. */
static const struct node *source_beside(struct rewriting *rewriting, const struct node *node,
                                        enum op op, double *number) {
    if (node->op != op)
        return NULL;
    int operand = analysis_constant_operand(rewriting->analysis, node);
    if (operand < 0 || (operand == 0 && (op == OP_DIV || op == OP_SUB)) ||
        !known_number(rewriting, node->sources[operand], number))
        return NULL;
    return node->sources[1 - operand];
}

/* Whether scale and zero are such for codes of that type. */
static bool check_codes(const struct code_form *form) {
    const struct dtype_facts *facts = &dtype_facts[form->codes->dtype];
    return dtype_is_integer(form->codes->dtype) && form->codes->dtype != DTYPE_BOOL &&
           facts->bytes <= 2 && form->scale > 0 && isfinite((float)form->scale) &&
           (float)form->scale > 0 && form->zero == nearbyint(form->zero) &&
           form->zero >= (double)facts->least && form->zero <= (double)facts->greatest;
}

bool find_rounded(struct rewriting *rewriting, const struct node *node, struct code_form *form) {
    *form = (struct code_form){.codes = node};
    if (node->op != OP_CAST || !dtype_is_integer(node->dtype))
        return false;
    node = node->sources[0];
    if (node->op == OP_ROUND &&
        (node->sources[0]->op == OP_ADD || node->sources[0]->op == OP_ROUND))
        node = node->sources[0];
    const struct node *source = source_beside(rewriting, node, OP_ADD, &form->zero);
    node = source ? source : node;
    if (node->op != OP_ROUND)
        return false;
    node = node->sources[0];
    form->numbers = source_beside(rewriting, node, OP_DIV, &form->scale);
    if (!form->numbers && (form->numbers = source_beside(rewriting, node, OP_MUL, &form->scale))) {
        form->scale = 1 / form->scale;
        form->multiplies = true;
    }
    return form->numbers && check_codes(form);
}

bool find_numbers(struct rewriting *rewriting, const struct node *node, struct code_form *form) {
    *form = (struct code_form){.numbers = node};
    node = source_beside(rewriting, node, OP_MUL, &form->scale);
    if (!node || node->op != OP_CAST)
        return false;
    node = node->sources[0];
    const struct node *source = source_beside(rewriting, node, OP_SUB, &form->zero);
    node = source ? source : node;
    form->codes = node->op == OP_CAST && node->dtype == DTYPE_INT32 ? node->sources[0] : node;
    return check_codes(form);
}

/* ---- What commutes ---- */

static float padding_of(const struct node *pad) {
    return pad->value ? *(const float *)pad->value : 0;
}

const struct node *code_source(struct rewriting *rewriting, const struct node *node) {
    struct cut cut;
    if (node->op == OP_PAD && isnan(padding_of(node)))
        return NULL;
    if (op_facts[node->op].class == CLASS_MOVEMENT || node->op == OP_REDUCE_MAX ||
        node->op == OP_REDUCE_MIN)
        return node->sources[0];
    return find_cut(rewriting, node, &cut) ? cut.x : NULL;
}

float code_number(struct rewriting *rewriting, const struct node *node) {
    struct cut cut;
    if (node->op == OP_PAD)
        return padding_of(node);
    return find_cut(rewriting, node, &cut) ? cut.number : 0;
}

static struct tensor cut_codes(struct tensor codes, enum op op, int code) {
    const struct dtype_facts *facts = &dtype_facts[tensor_dtype(codes)];
    if (code == (op == OP_MAX ? facts->least : (int64_t)facts->greatest))
        return codes; /* as saturation has it anyway */
    struct tensor number = scalar_like(codes, code);
    return op == OP_MAX ? tensor_max(codes, number) : tensor_min(codes, number);
}

struct tensor code_step(struct rewriting *rewriting, const struct node *node, struct tensor codes,
                        int code) {
    struct range ranges[MAX_RANK];
    struct cut cut;
    for (int i = 0; i < node->rank; i++)
        ranges[i] = (struct range){node->before[i], node->after[i]};
    if (node->op == OP_PAD)
        return tensor_pad(codes, node->rank, ranges, code);
    if (find_cut(rewriting, node, &cut))
        return cut_codes(codes, cut.op, code);
    return tensor_of_node(rewriting->context, node, 1, &codes);
}

/* ---- Rounded to what they were ---- */

/* Whether what one says of codes, the other rounds to the same: codes have 16 bits at most, so that
 * an error of their scales below 2^-20 is far from half a step. */
static bool same_codes(const struct code_form *numbers, const struct code_form *rounded) {
    return numbers->codes->dtype == rounded->codes->dtype && numbers->zero == rounded->zero &&
           fabs(numbers->scale / rounded->scale - 1) < 0x1p-20;
}

/* The code that a number is rounded to. */
static int code_of(const struct code_form *rounded, float number) {
    const struct dtype_facts *facts = &dtype_facts[rounded->codes->dtype];
    float factor = (float)(rounded->multiplies ? 1 / rounded->scale : rounded->scale);
    float code = nearbyintf(rounded->multiplies ? number * factor : number / factor);
    return (int)fmin(fmax((double)code + rounded->zero, (double)facts->least),
                     (double)facts->greatest);
}

struct tensor codes_again(struct rewriting *rewriting, const struct node *node) {
    struct code_form rounded, numbers;
    const struct node *steps[MOST_CHAIN_MOVES];
    int count = 0;
    if (!find_rounded(rewriting, node, &rounded))
        return NO_TENSOR;
    const struct node *at = rounded.numbers;
    while (at && !find_numbers(rewriting, at, &numbers) && count < MOST_CHAIN_MOVES) {
        steps[count++] = at;
        at = code_source(rewriting, at);
    }
    if (!at || count == MOST_CHAIN_MOVES || !same_codes(&numbers, &rounded))
        return NO_TENSOR;
    struct tensor codes = rewriting->made[numbers.codes->id];
    while (count-- > 0)
        codes = code_step(rewriting, steps[count], codes,
                          code_of(&rounded, code_number(rewriting, steps[count])));
    return codes;
}
