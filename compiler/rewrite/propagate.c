/* How a chain's scale and shift get to the next contraction, past what commutes with them:
 * movements, padding with zeros as long as nothing is shifted, a maximum (minimum) as long as no
 * scale is negative or taken along. Nothing gets past an activation. */
#include "compiler/rewrite/rewriting.h"

#include "compiler/evaluate/evaluate.h"

#include <string.h>

static bool repeats_along(const struct view *view, int axis) {
    return view->shape[axis] == 1 || view->stride[axis] == 0;
}

struct passage passage_from(const struct scale_chain *chain, bool scaled) {
    struct passage passage = {.scale = chain->places,
                              .shift = chain->places,
                              .scaled = scaled,
                              .shifted = chain_is_shifted(chain),
                              .node = chain->last};
    passage.shift.data = chain->shift;
    return passage;
}

/* A reshape that is no view, as one of a channel axis with others: copied, but for the leading axes
 * that it leaves alone, along which the view repeats. */
static bool copy_reshaped(struct rewriting *rewriting, const struct node *reshape,
                          const struct view *view, struct view *result) {
    struct node narrow = *reshape;
    struct view source = *view;
    for (int i = 0; i < view->rank && i < reshape->rank && view->shape[i] == reshape->shape[i] &&
                    repeats_along(view, i);
         i++)
        narrow.shape[i] = source.shape[i] = 1;
    narrow.dtype = view->dtype;
    if (node_elements(&narrow) > rewriting->analysis->work_left)
        return false;
    rewriting->analysis->work_left -= node_elements(&narrow);
    void *copy = arena_array(&rewriting->analysis->arena, double, (size_t)node_elements(&narrow));
    *result = view_contiguous(&narrow, copy);
    evaluate_movement(&narrow, &source, NULL, result);
    for (int i = 0; i < result->rank; i++)
        if (result->shape[i] == 1)
            result->stride[i] = 0;
    memcpy(result->shape, reshape->shape, sizeof result->shape);
    return true;
}

/* What a movement other than padding makes of a view. */
bool passage_move(struct rewriting *rewriting, const struct node *move, struct view *view) {
    struct view moved;
    bool good = view_move(move, view, &moved) ||
                (move->op == OP_RESHAPE && copy_reshaped(rewriting, move, view, &moved));
    if (good)
        *view = moved;
    return good;
}

static const char *pass_movement(struct rewriting *rewriting, struct passage *passage,
                                 const struct node *move) {
    return passage_move(rewriting, move, &passage->scale) &&
                   passage_move(rewriting, move, &passage->shift)
               ? NULL
               : "what follows has too many elements";
}

static const char *pass_pad(struct passage *passage, const struct node *pad) {
    static const uint8_t zero[8];
    if (passage->shifted)
        return "padding follows, whose zeros must not be shifted";
    if (pad->value && memcmp(pad->value, zero, dtype_facts[pad->dtype].bytes) != 0)
        return "padding follows, with another number than 0";
    for (int i = 0; i < pad->rank; i++)
        if ((pad->before[i] || pad->after[i]) && !repeats_along(&passage->scale, i))
            return "padding of the channels follows";
    memcpy(passage->scale.shape, pad->shape, sizeof pad->shape);
    memcpy(passage->shift.shape, pad->shape, sizeof pad->shape);
    return NULL;
}

static void drop_axes(struct view *view, const bool *dropped) {
    int rank = 0;
    for (int i = 0; i < view->rank; i++) {
        if (dropped[i])
            continue;
        view->shape[rank] = view->shape[i];
        view->stride[rank++] = view->stride[i];
    }
    view->rank = rank;
}

static const char *pass_extreme(struct passage *passage, const struct node *reduce,
                                const struct scale_chain *chain) {
    int negative = 0;
    for (int64_t i = 0; passage->scaled && i < chain->channels; i++)
        negative += chain->scale[i] < 0;
    if (negative)
        return "a maximum or minimum follows, and some channel's scale is negative";
    bool reduced[MAX_RANK] = {false};
    for (int i = 0; i < reduce->axis_count; i++) {
        reduced[reduce->axes[i]] = true;
        if (!repeats_along(&passage->scale, reduce->axes[i]))
            return "a maximum or minimum over channels follows";
    }
    drop_axes(&passage->scale, reduced);
    drop_axes(&passage->shift, reduced);
    return NULL;
}

const char *passage_to_contraction(struct rewriting *rewriting, struct passage *passage,
                                   const struct scale_chain *chain) {
    for (int i = 0; i < chain->move_count; i++) {
        const char *why_not = pass_movement(rewriting, passage, chain->moves[i]);
        if (why_not)
            return why_not;
    }
    for (;;) {
        const struct node *next = analysis_only_reader(rewriting->analysis, passage->node);
        const char *why_not = NULL;
        struct view weight;
        if (!next)
            return "others read the result too, or it is an output";
        passage->node = next;
        if (analysis_weight(rewriting, next, &weight))
            return NULL;
        if (next->op == OP_PAD)
            why_not = pass_pad(passage, next);
        else if (next->op == OP_REDUCE_MAX || next->op == OP_REDUCE_MIN)
            why_not = pass_extreme(passage, next, chain);
        else if (op_facts[next->op].class != CLASS_MOVEMENT)
            why_not = "no contraction with constant weights is next to it";
        else
            why_not = pass_movement(rewriting, passage, next);
        if (why_not)
            return why_not;
    }
}
