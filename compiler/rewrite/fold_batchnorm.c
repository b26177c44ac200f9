/* fold-batchnorm: scale * x + shift becomes part of a contraction with constant weights.
 *
 *   backward   scale * contract(x, W) + shift  =  contract(x, W * scale) + shift
 *   forward    contract(scale * x + shift, W)  =  contract(x, W * scale) + sum over W * shift
 *
 * Forward, what lies between must commute with it: movements do, padding with zeros as long as
 * nothing was shifted, a maximum (minimum) as long as no scale is negative, or where the shift
 * alone goes forward. Nothing goes through an activation. Products and sums are taken in float64
 * and rounded once. */
#include "compiler/rewrite/rewriting.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is to be done about one contraction. */
struct fold {
    const struct node *contract;
    struct scale_chain chain;
    bool forward, keeps_scale;
    const char *why_not;                                  /* NULL: it is done */
    int64_t weight_shape[MAX_RANK], bias_shape[MAX_RANK]; /* 1 along axes that they lack */
    float *weight, *bias;                                 /* NULL: the weights stay; no bias */
};

struct folding {
    struct rewriting *rewriting;
    bool *seen; /* by node: a link of some chain */
    int count, capacity;
    struct fold **folds;
    struct fold **at; /* by node: the fold of a contraction, or of a link */
};

/* ---- New weights ---- */

/* The weights times the scale; false when a product is not finite. */
static bool scale_weights(struct rewriting *rewriting, struct fold *fold, const struct view *weight,
                          const struct view *scale) {
    int64_t count = dependent_shape(weight, fold->weight_shape);
    if (!count)
        return false;
    fold->weight = rewriting_elements(rewriting, DTYPE_FLOAT32, count);
    struct view result = row_major(weight->rank, fold->weight_shape, DTYPE_FLOAT32, fold->weight);
    struct view w = with_shape(weight, fold->weight_shape);
    struct view s = with_shape(scale, fold->weight_shape);
    struct rows rows = rows_of(3, (const struct view *const[]){&result, &w, &s});
    bool finite = true;
    do
        for (int64_t i = 0; i < rows.length; i++) {
            float *product = (float *)rows.data[0] + i * rows.stride[0];
            *product = (float)((double)((const float *)rows.data[1])[i * rows.stride[1]] *
                               ((const double *)rows.data[2])[i * rows.stride[2]]);
            finite &= isfinite(*product) != 0;
        }
    while (rows_next(&rows));
    return finite;
}

/* Rounds a bias, if it is not all 0; false when it is not finite. */
static bool round_bias(struct rewriting *rewriting, struct fold *fold, const double *bias,
                       int64_t count) {
    bool finite = true, any = false;
    float *rounded = rewriting_elements(rewriting, DTYPE_FLOAT32, count);
    for (int64_t i = 0; i < count; i++) {
        rounded[i] = (float)bias[i];
        finite &= isfinite(rounded[i]) != 0;
        any |= bias[i] != 0;
    }
    if (any)
        fold->bias = rounded;
    return finite;
}

/* ---- Backward ---- */

/* The contraction with constant weights that a link follows, through movements, as its only
 * reader; or NULL. */
static const struct node *contraction_before(struct rewriting *rewriting, const struct node *link) {
    const struct analysis *analysis = rewriting->analysis;
    const struct node *node = link_source(analysis, link);
    struct view weight;
    while (analysis->uses[node->id] == 1 && (node->op == OP_RESHAPE || node->op == OP_PERMUTE))
        node = node->sources[0];
    return analysis->uses[node->id] == 1 && analysis_weight(rewriting, node, &weight) ? node : NULL;
}

/* The chain's scale seen over the axes of the contraction's sources. */
static struct view over_sources(const struct node *contract, const struct view *places) {
    struct view over = *places;
    int kept[MAX_RANK], count = kept_axes(contract, kept);
    over.rank = contract->sources[0]->rank;
    memcpy(over.shape, contract->sources[0]->shape, sizeof over.shape);
    memset(over.stride, 0, sizeof over.stride);
    for (int i = 0; i < count; i++)
        over.stride[kept[i]] = places->stride[i];
    return over;
}

/* A chain after `contract` that is worth folding into it; NULL: none. */
static struct fold *fold_backward(struct folding *folding, const struct node *contract,
                                  const struct node *link) {
    struct rewriting *rewriting = folding->rewriting;
    bool allowed[MAX_RANK];
    struct view weight;
    analysis_weight(rewriting, contract, &weight);
    channel_axes(contract, &weight, allowed);
    struct fold *fold = arena_new(&rewriting->analysis->arena, struct fold);
    *fold = (struct fold){.contract = contract,
                          .chain = find_chain(rewriting, contract, link, allowed)};
    const struct scale_chain *chain = &fold->chain;
    if (!chain->link_count || !chain_is_worthwhile(chain))
        return NULL;
    struct view scale = over_sources(contract, &chain->places);
    if (chain_is_scaled(chain) && !scale_weights(rewriting, fold, &weight, &scale))
        return NULL;
    for (int i = 0; i < contract->rank; i++)
        fold->bias_shape[i] = allowed[i] ? contract->shape[i] : 1;
    return round_bias(rewriting, fold, chain->shift, chain->channels) ? fold : NULL;
}

/* ---- Forward ---- */

/* sum over the contracted axes of weight * shift, for each element that the weights are kept of */
static bool sum_shifts(struct rewriting *rewriting, struct fold *fold, const struct view *weight,
                       const struct view *shift) {
    const struct node *contract = fold->contract;
    int64_t shape[MAX_RANK], sums[MAX_RANK], repeats = 1, count = 1;
    int kept[MAX_RANK], kept_count = kept_axes(contract, kept);
    if (!dependent_shape(weight, shape))
        return false;
    memcpy(sums, shape, sizeof sums);
    for (int i = 0; i < contract->axis_count; i++) {
        int axis = contract->axes[i];
        if (weight->stride[axis] == 0)
            repeats *= contract->sources[0]->shape[axis];
        sums[axis] = 1;
    }
    for (int i = 0; i < kept_count; i++) {
        fold->bias_shape[i] = sums[kept[i]];
        count *= sums[kept[i]];
    }
    double *bias = arena_array(&rewriting->analysis->arena, double, (size_t)count);
    struct view result = row_major(weight->rank, sums, DTYPE_FLOAT64, bias);
    for (int i = 0; i < result.rank; i++)
        if (sums[i] == 1)
            result.stride[i] = 0;
    memcpy(result.shape, shape, sizeof shape);
    struct view w = with_shape(weight, shape), t = with_shape(shift, shape);
    struct rows rows = rows_of(3, (const struct view *const[]){&result, &w, &t});
    do
        for (int64_t i = 0; i < rows.length; i++)
            ((double *)rows.data[0])[i * rows.stride[0]] +=
                (double)((const float *)rows.data[1])[i * rows.stride[1]] *
                ((const double *)rows.data[2])[i * rows.stride[2]];
    while (rows_next(&rows));
    for (int64_t i = 0; i < count; i++)
        bias[i] *= (double)repeats;
    return round_bias(rewriting, fold, bias, count);
}

/* Tries to take the scale and the shift, or the shift alone, to the next contraction. */
static const char *try_forward(struct rewriting *rewriting, struct fold *fold, bool scaled) {
    const struct scale_chain *chain = &fold->chain;
    struct passage passage = passage_from(chain, scaled);
    struct view weight;
    const char *why_not = passage_to_contraction(rewriting, &passage, chain);
    if (why_not)
        return why_not;
    fold->contract = passage.node;
    analysis_weight(rewriting, fold->contract, &weight);
    for (int i = 0; i < weight.rank; i++)
        if (passage.scale.shape[i] > 1 && passage.scale.stride[i] != 0 && weight.stride[i] == 0)
            return "the weights of the next contraction are the same for all channels";
    if (passage.shifted && !sum_shifts(rewriting, fold, &weight, &passage.shift))
        return "the new bias is not finite, or too large";
    if (scaled && chain_is_scaled(chain) &&
        !scale_weights(rewriting, fold, &weight, &passage.scale))
        return "the new weights are not finite, or too large";
    fold->keeps_scale = !scaled && chain->scalings > 0;
    return NULL;
}

static void see_links(const struct folding *folding, const struct scale_chain *chain) {
    for (int i = 0; i < chain->link_count; i++)
        folding->seen[chain->links[i]->id] = true;
}

static struct fold *fold_forward(struct folding *folding, const struct node *link) {
    struct rewriting *rewriting = folding->rewriting;
    const struct node *root = link_source(rewriting->analysis, link);
    struct fold *fold = arena_new(&rewriting->analysis->arena, struct fold);
    *fold = (struct fold){.chain = find_chain(rewriting, root, link, NULL), .forward = true};
    see_links(folding, &fold->chain);
    if (!fold->chain.link_count || !chain_is_worthwhile(&fold->chain))
        return NULL;
    fold->why_not = try_forward(rewriting, fold, true);
    if (fold->why_not && chain_is_shifted(&fold->chain)) {
        struct fold shift_alone = *fold;
        shift_alone.weight = shift_alone.bias = NULL;
        shift_alone.why_not = try_forward(rewriting, &shift_alone, false);
        if (!shift_alone.why_not)
            *fold = shift_alone;
    }
    return fold;
}

/* ---- The plan of one sweep ---- */

/* A contraction is changed once in a sweep; what else concerns it waits for the next. */
static void add_fold(struct folding *folding, struct fold *fold) {
    struct arena *arena = &folding->rewriting->analysis->arena;
    see_links(folding, &fold->chain);
    if (!fold->why_not) {
        if (folding->at[fold->contract->id])
            return;
        folding->at[fold->contract->id] = fold;
        for (int i = 0; i < fold->chain.link_count; i++)
            folding->at[fold->chain.links[i]->id] = fold;
    }
    folding->folds = arena_extend(arena, (void *)folding->folds, folding->count, &folding->capacity,
                                  sizeof *folding->folds);
    folding->folds[folding->count++] = fold;
}

static int plan_folds(struct folding *folding) {
    struct rewriting *rewriting = folding->rewriting;
    const struct graph *graph = rewriting->graph;
    int done = 0;
    folding->seen = arena_array(&rewriting->analysis->arena, bool, (size_t)graph->node_count);
    folding->at =
        arena_array(&rewriting->analysis->arena, struct fold *, (size_t)graph->node_count);
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *link = graph->nodes[i];
        if (folding->seen[i] || !is_link(rewriting->analysis, link))
            continue;
        const struct node *contract = contraction_before(rewriting, link);
        struct fold *fold = contract ? fold_backward(folding, contract, link) : NULL;
        if (!fold)
            fold = fold_forward(folding, link);
        if (fold)
            add_fold(folding, fold);
    }
    for (int i = 0; i < folding->count; i++)
        done += !folding->folds[i]->why_not;
    return done;
}

/* ---- The new graph ---- */

/* The name of a link's constant; "": it has none. */
static const char *link_name(const struct rewriting *rewriting, const struct node *link) {
    int operand = link->op == OP_NEG ? -1 : analysis_constant_operand(rewriting->analysis, link);
    return operand < 0 ? "" : analysis_weight_name(link->sources[operand]);
}

/* A bias that takes in the last constant added is named for it. */
static struct tensor emit_bias(struct rewriting *rewriting, const struct fold *fold,
                               const char *weight_name) {
    const struct node *last = fold->chain.last;
    const char *name = link_name(rewriting, last);
    bool named = !fold->forward && last->op == OP_ADD && name[0];
    return rewriting_weight(rewriting, named ? name : weight_name, named ? "folded" : "folded_bias",
                            DTYPE_FLOAT32, fold->contract->rank, fold->bias_shape, fold->bias);
}

static struct tensor emit_contraction(struct rewriting *rewriting, const struct fold *fold) {
    const struct node *node = fold->contract;
    int operand = analysis_constant_operand(rewriting->analysis, node);
    const char *name = analysis_weight_name(node->sources[operand]);
    struct tensor sources[] = {rewriting->made[node->sources[0]->id],
                               rewriting->made[node->sources[1]->id]};
    struct node again = *node;
    again.origin = node->origin;
    if (fold->weight)
        sources[operand] = tensor_expand(rewriting_weight(rewriting, name, "folded", DTYPE_FLOAT32,
                                                          node->sources[0]->rank,
                                                          fold->weight_shape, fold->weight),
                                         node->sources[0]->rank, node->sources[0]->shape);
    struct tensor result = tensor_of_node(rewriting->context, &again, 2, sources);
    if (!fold->bias)
        return result;
    return tensor_add(result, emit_bias(rewriting, fold, name));
}

static const char *scale_name(const struct rewriting *rewriting, const struct scale_chain *chain) {
    const char *name = "";
    for (int i = 0; i < chain->link_count && !name[0]; i++)
        if (chain->links[i]->op == OP_MUL || chain->links[i]->op == OP_DIV)
            name = link_name(rewriting, chain->links[i]);
    return name;
}

/* The scale alone, in place of the chain's last link. */
static struct tensor emit_scale(struct rewriting *rewriting, const struct fold *fold,
                                struct tensor x) {
    const struct scale_chain *chain = &fold->chain;
    const struct node *last = chain->last;
    struct view places = chain->places;
    for (int i = 0; i < chain->move_count; i++)
        passage_move(rewriting, chain->moves[i], &places); /* it could before */
    int64_t shape[MAX_RANK];
    int64_t count = dependent_shape(&places, shape);
    float *scale = rewriting_elements(rewriting, DTYPE_FLOAT32, count);
    struct view result = row_major(places.rank, shape, DTYPE_FLOAT32, scale);
    places = with_shape(&places, shape);
    struct rows rows = rows_of(2, (const struct view *const[]){&result, &places});
    do
        for (int64_t i = 0; i < rows.length; i++)
            ((float *)rows.data[0])[i * rows.stride[0]] =
                (float)((const double *)rows.data[1])[i * rows.stride[1]];
    while (rows_next(&rows));
    return tensor_mul(x, rewriting_weight(rewriting, scale_name(rewriting, chain), "folded",
                                          DTYPE_FLOAT32, last->rank, shape, scale));
}

static struct tensor emit(struct rewriting *rewriting, const struct node *node, void *plan) {
    const struct folding *folding = plan;
    const struct fold *fold = folding->at[node->id];
    if (!fold)
        return NO_TENSOR;
    if (fold->contract == node)
        return emit_contraction(rewriting, fold);
    struct tensor passed_on = rewriting->made[link_source(rewriting->analysis, node)->id];
    if (fold->keeps_scale && node == fold->chain.last)
        return emit_scale(rewriting, fold, passed_on);
    return passed_on;
}

/* ---- The report ---- */

static const char *constants_name(const struct rewriting *rewriting,
                                  const struct scale_chain *chain) {
    for (int i = 0; i < chain->link_count; i++) {
        const char *name = link_name(rewriting, chain->links[i]);
        if (name[0])
            return name;
    }
    return "";
}

static const char *contraction_name(const struct rewriting *rewriting, const struct fold *fold) {
    int operand = analysis_constant_operand(rewriting->analysis, fold->contract);
    const char *name = analysis_weight_name(fold->contract->sources[operand]);
    return name[0] ? name : "the contraction";
}

static void report(struct rewriting *rewriting, const struct fold *fold) {
    const struct scale_chain *chain = &fold->chain;
    struct rewrite_site *site = rewriting_site(rewriting, chain->last);
    struct arena *arena = &rewriting->result->arena;
    int64_t elements = node_elements(chain->root);
    site->applied = !fold->why_not;
    site->name = arena_copy_text(arena, constants_name(rewriting, chain));
    site->shape = arena_copy_text(arena, shape_text(chain->last).text);
    if (!fold->why_not) {
        site->multiplications_before = chain->scalings * elements;
        site->multiplications_after = fold->keeps_scale ? elements : 0;
    }
    if (fold->why_not)
        site->what = fold->why_not;
    else
        site->what = arena_format(arena, "%d operations: %s %s %s", chain->link_count,
                                  fold->keeps_scale ? "the shift" : "all",
                                  fold->forward ? "forward into" : "back into",
                                  contraction_name(rewriting, fold));
}

/* Of what stays, mere numbers are not worth a line. */
static void report_all(const struct folding *folding, bool applied) {
    for (int i = 0; i < folding->count; i++) {
        const struct fold *fold = folding->folds[i];
        if (applied ? !fold->why_not : fold->why_not && fold->chain.per_channel)
            report(folding->rewriting, fold);
    }
}

/* Each sweep may bring a chain next to a contraction that it was not next to before; models need
 * three. */
enum { MOST_SWEEPS = 64 };

void rewrite_fold_batchnorm(struct rewriting *rewriting) {
    bool more = true;
    for (int sweep = 0; more && sweep < MOST_SWEEPS; sweep++) {
        struct folding folding = {.rewriting = rewriting};
        analysis_begin(rewriting);
        more = plan_folds(&folding) > 0;
        report_all(&folding, more);
        if (more)
            rewriting_remake(rewriting, emit, &folding);
        analysis_end(rewriting);
    }
}
