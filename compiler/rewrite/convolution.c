/* Sees a convolution in a contraction, by what it computes and not by how it is written: the
 * operand that is not constant is followed down through movements, as the compiler does, until a
 * node is found whose axes are indexed by single axes of the contraction or by sums of a position
 * and a window axis. So windows, and reshapes and expands that amount to windows, are the same. */
#include "compiler/ir/movement.h"
#include "compiler/rewrite/rewriting.h"

#include <string.h>

struct convolution_matching {
    struct convolution *found;
    const struct axis *axes[MAX_RANK]; /* of the contraction */
    bool summed[MAX_RANK], used[MAX_RANK];
};

/* The axis of the contraction that a term stands for; -1: it is none. */
static int axis_of(const struct convolution_matching *matching, const struct index_term *term) {
    if (term->atom->kind != ATOM_AXIS)
        return -1;
    for (int i = 0; i < matching->found->contract->sources[0]->rank; i++)
        if (matching->axes[i] == term->atom->axis)
            return i;
    return -1;
}

/* Takes an axis of the contraction; false when it is taken already. */
static bool take(struct convolution_matching *matching, int axis) {
    if (axis < 0 || matching->used[axis])
        return false;
    matching->used[axis] = true;
    return true;
}

/* One axis of the contraction: a channel if it is summed, else one of a batch. */
static bool match_single(struct convolution_matching *matching, int input_axis,
                         const struct index *index) {
    struct convolution *found = matching->found;
    int axis = axis_of(matching, &index->terms[0]);
    if (index->terms[0].coefficient != 1 || !take(matching, axis))
        return false;
    if (!matching->summed[axis]) {
        found->grouped |= found->weight.stride[axis] != 0;
        found->batch *= matching->axes[axis]->extent;
        found->batch_input_axes[found->batch_count] = input_axis;
        found->batch_axes[found->batch_count++] = axis;
        return true;
    }
    if (found->channel_axis >= 0)
        return false;
    found->channel_input_axis = input_axis;
    found->channel_axis = axis;
    found->channels = matching->axes[axis]->extent;
    return true;
}

/* A position and a place in the window; or a group and a channel of it. */
static bool match_sum(struct convolution_matching *matching, int input_axis,
                      const struct index *index) {
    struct convolution *found = matching->found;
    const struct index_term *position = &index->terms[0], *place = &index->terms[1];
    int output = axis_of(matching, position), kernel = axis_of(matching, place);
    if (output >= 0 && matching->summed[output]) {
        const struct index_term *other = position;
        position = place;
        place = other;
        int axis = output;
        output = kernel;
        kernel = axis;
    }
    if (!take(matching, output) || !take(matching, kernel) || matching->summed[output] ||
        !matching->summed[kernel] || position->coefficient < 1 || place->coefficient < 1)
        return false;
    if (found->weight.stride[output] != 0) {
        found->grouped = true;
        return true;
    }
    if (found->window_count == 2)
        return false;
    found->windows[found->window_count++] =
        (struct convolution_window){.input_axis = input_axis,
                                    .output_axis = output,
                                    .kernel_axis = kernel,
                                    .outputs = matching->axes[output]->extent,
                                    .size = matching->axes[kernel]->extent,
                                    .stride = position->coefficient,
                                    .dilation = place->coefficient};
    return true;
}

/* What the input does not have: the outputs, along which the weights alone differ. */
static bool match_outputs(struct convolution_matching *matching) {
    struct convolution *found = matching->found;
    for (int i = 0; i < found->weight.rank; i++) {
        if (matching->used[i] || matching->axes[i]->extent == 1)
            continue;
        if (matching->summed[i] || found->output_axis >= 0 || found->weight.stride[i] == 0)
            return false;
        found->output_axis = i;
        found->outputs = matching->axes[i]->extent;
    }
    return true;
}

/* The weights must be as many as their axes say: not repeated. */
static bool has_own_weights(const struct convolution *found) {
    if (found->channel_axis >= 0 && found->weight.stride[found->channel_axis] == 0)
        return false;
    for (int i = 0; i < found->window_count; i++)
        if (found->weight.stride[found->windows[i].kernel_axis] == 0)
            return false;
    return true;
}

static void forget(struct convolution *found) {
    *found = (struct convolution){.contract = found->contract,
                                  .weight = found->weight,
                                  .batch = 1,
                                  .channel_input_axis = -1,
                                  .channel_axis = -1,
                                  .channels = 1,
                                  .output_axis = -1,
                                  .outputs = 1};
}

/* Leaves what was found before where there is no match. */
static bool match(struct convolution_matching *matching, const struct node *input,
                  const struct place *place) {
    struct convolution *found = matching->found;
    const struct convolution before = *found;
    forget(found);
    memset(matching->used, 0, sizeof matching->used);
    found->input = input;
    bool good = true;
    for (int i = 0; good && i < input->rank; i++) {
        const struct index *index = place->at[i];
        found->begin[i] = index->minimum;
        found->end[i] = index->maximum + 1;
        good = index->minimum >= 0 && index->maximum < input->shape[i];
        if (good && index->count > 0)
            good = index->count == 1   ? match_single(matching, i, index)
                   : index->count == 2 ? match_sum(matching, i, index)
                                       : false;
    }
    good = good && found->window_count == 2 && match_outputs(matching) && has_own_weights(found);
    if (!good)
        *found = before;
    return good;
}

bool find_convolution(struct rewriting *rewriting, const struct node *contract,
                      struct convolution *convolution) {
    *convolution = (struct convolution){.contract = contract};
    if (!analysis_weight(rewriting, contract, &convolution->weight))
        return false;
    int operand = analysis_constant_operand(rewriting->analysis, contract);
    struct ir ir = {.arena = &rewriting->analysis->arena};
    struct convolution_matching matching = {.found = convolution};
    const struct node *node = contract->sources[1 - operand];
    struct place place = {.rank = node->rank};
    for (int i = 0; i < contract->axis_count; i++)
        matching.summed[contract->axes[i]] = true;
    for (int i = 0; i < node->rank; i++) {
        matching.axes[i] = ir_axis(&ir, node->shape[i]);
        place.at[i] = index_axis(&ir, matching.axes[i]);
    }
    /* The deepest match counts: above it, reshapes may have made windows of long steps. */
    bool found = match(&matching, node, &place);
    for (int moves = 0; op_facts[node->op].class == CLASS_MOVEMENT && node->op != OP_PAD &&
                        moves < MOST_CHAIN_MOVES;
         moves++) {
        place = through_movement(&ir, node, place);
        node = node->sources[0];
        found |= match(&matching, node, &place);
    }
    return found;
}
