/* max(x, number) and min(x, number), as operations of their own or as a choice by a comparison. */
#include "compiler/rewrite/rewriting.h"

#include <math.h>
#include <string.h>

/* The number that all elements of a node are. */
static bool is_number(struct rewriting *rewriting, const struct node *node, float *number) {
    struct view view;
    if (node->dtype != DTYPE_FLOAT32 || !analysis_constant(rewriting, node, &view) ||
        view_is_empty(&view))
        return false;
    for (int i = 0; i < view.rank; i++)
        if (view.stride[i] != 0)
            return false;
    memcpy(number, view.data, sizeof *number);
    return !isnan(*number);
}

/* where(a < b, .., ..), of a and b themselves, is a maximum or minimum. */
static bool match_choice(const struct node *node, enum op *op, const struct node *const **pair) {
    const struct node *mask = node->op == OP_WHERE ? node->sources[0] : node;
    if (mask->op != OP_LT && mask->op != OP_LE)
        return false;
    const struct node *a = mask->sources[0], *b = mask->sources[1];
    *pair = (const struct node *const *)mask->sources;
    *op = node->sources[1] == a ? OP_MIN : OP_MAX;
    return (node->sources[1] == a && node->sources[2] == b) ||
           (node->sources[1] == b && node->sources[2] == a);
}

bool find_cut(struct rewriting *rewriting, const struct node *node, struct cut *cut) {
    const struct node *const *pair = (const struct node *const *)node->sources;
    cut->op = node->op;
    if (node->dtype != DTYPE_FLOAT32 ||
        (node->op != OP_MAX && node->op != OP_MIN && !match_choice(node, &cut->op, &pair)))
        return false;
    for (int i = 0; i < 2; i++)
        if (is_number(rewriting, pair[i], &cut->number)) {
            cut->x = pair[1 - i];
            return true;
        }
    return false;
}
