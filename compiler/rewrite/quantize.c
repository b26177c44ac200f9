/* quantize: contractions of float32 with constant weights become sums of products of codes,
 *
 *   sums = contract(int32(x) - zero, int32(w)) + bias            uint8, int8, int32
 *   y    = float32(sums) * scale                                 where floats go on
 *   y    = uint8(round(float32(sums) * rescale) + zero')         where codes go on
 *
 * as the importer writes QLinearConv. Range and scale of x are those that it has on given data. */
#include "compiler/rewrite/quantize.h"

#include <inttypes.h>
#include <math.h>

/* ---- Sites ---- */

/* The tensor that a contraction reads through movements, of which padding is with zeros. */
static const struct node *tensor_read(const struct node *node) {
    for (int moves = 0; moves < MOST_CHAIN_MOVES && op_facts[node->op].class == CLASS_MOVEMENT;
         moves++) {
        if (node->op == OP_PAD && node->value && *(const float *)node->value != 0)
            break;
        node = node->sources[0];
    }
    return node;
}

static struct quantized_tensor *add_tensor(struct quantizing *plan, const struct node *node) {
    struct arena *arena = &plan->rewriting->analysis->arena;
    if (plan->tensor_at[node->id])
        return plan->tensor_at[node->id];
    struct quantized_tensor *tensor = arena_new(arena, struct quantized_tensor);
    *tensor = (struct quantized_tensor){.node = node, .finite = true};
    plan->tensors = arena_extend(arena, (void *)plan->tensors, plan->tensor_count,
                                 &plan->tensor_capacity, sizeof *plan->tensors);
    plan->tensors[plan->tensor_count++] = plan->tensor_at[node->id] = tensor;
    return tensor;
}

/* The bias: what is added behind the contraction, to each of its channels. */
static struct scale_chain chain_behind(struct rewriting *rewriting, const struct node *contract,
                                       const struct view *weight) {
    const struct analysis *analysis = rewriting->analysis;
    bool allowed[MAX_RANK];
    channel_axes(contract, weight, allowed);
    const struct node *reader = analysis_only_reader(analysis, contract);
    while (reader && (reader->op == OP_RESHAPE || reader->op == OP_PERMUTE))
        reader = analysis_only_reader(analysis, reader);
    if (!reader || !is_link(analysis, reader))
        return (struct scale_chain){.root = contract, .last = contract};
    return find_chain(rewriting, contract, reader, allowed);
}

static void add_site(struct quantizing *plan, const struct node *contract,
                     const struct view *weight) {
    struct rewriting *rewriting = plan->rewriting;
    struct arena *arena = &rewriting->analysis->arena;
    struct quantized_site *site = arena_new(arena, struct quantized_site);
    *site =
        (struct quantized_site){.contract = contract,
                                .operand = analysis_constant_operand(rewriting->analysis, contract),
                                .chain = chain_behind(rewriting, contract, weight)};
    site->tensor = add_tensor(plan, tensor_read(contract->sources[1 - site->operand]));
    if (site->chain.scalings > 0) /* what folding left: a scale that is no number */
        site->chain = (struct scale_chain){.root = contract, .last = contract};
    plan->sites = arena_extend(arena, (void *)plan->sites, plan->site_count, &plan->site_capacity,
                               sizeof *plan->sites);
    plan->sites[plan->site_count++] = plan->site_at[contract->id] = site;
    for (int i = 0; i < site->chain.link_count; i++)
        plan->site_at[site->chain.links[i]->id] = site;
}

static void find_sites(struct quantizing *plan) {
    struct rewriting *rewriting = plan->rewriting;
    const struct graph *graph = rewriting->graph;
    size_t count = (size_t)graph->node_count;
    plan->tensor_at = arena_array(&rewriting->analysis->arena, struct quantized_tensor *, count);
    plan->site_at = arena_array(&rewriting->analysis->arena, struct quantized_site *, count);
    struct view weight;
    for (int i = 0; i < graph->node_count; i++)
        if (analysis_weight(rewriting, graph->nodes[i], &weight))
            add_site(plan, graph->nodes[i], &weight);
}

/* Outputs that are to be integers have ranges, too. */
static void find_outputs(struct quantizing *plan) {
    struct rewriting *rewriting = plan->rewriting;
    const struct graph *graph = rewriting->graph;
    for (int i = 0; i < graph->output_count; i++) {
        const struct node *node = graph->outputs[i].node;
        if (node->dtype == DTYPE_FLOAT32 && rewriting->analysis->uses[node->id] == 1)
            add_tensor(plan, node)->is_output = true;
    }
}

/* ---- The report ---- */

/* What it does to the outputs by itself, where that was measured. */
static const char *error_text(struct arena *arena, const struct quantized_site *site) {
    return site->measured
               ? arena_format(arena, "; alone it changes the outputs by %.2g %%", 100 * site->error)
               : "";
}

static void report(struct rewriting *rewriting, const struct quantized_site *site) {
    struct rewrite_site *told = rewriting_site(rewriting, site->contract);
    struct arena *arena = &rewriting->result->arena;
    const struct quantized_tensor *tensor = site->tensor;
    told->applied = !site->why_not;
    told->name =
        arena_copy_text(arena, analysis_weight_name(site->contract->sources[site->operand]));
    told->shape = arena_copy_text(arena, shape_text(tensor->node).text);
    const char *alone = error_text(arena, site);
    told->what = site->why_not
                     ? arena_format(arena, "%s%s", site->why_not, alone)
                     : arena_format(arena,
                                    "%.4g to %.4g in steps of %.4g, zero is %d; %" PRId64
                                    " scales of weights, off by %.2g %%%s",
                                    tensor->low, tensor->high, (double)tensor->quantization.scale,
                                    tensor->quantization.zero, site->channels,
                                    100 * site->weight_error, alone);
}

static void fold_first(struct rewriting *rewriting) {
    rewriting->rewrite = REWRITE_fold_batchnorm;
    rewrite_fold_batchnorm(rewriting);
    rewriting->rewrite = REWRITE_quantize;
}

/* The factors that it brings are folded, too. */
static void equalise_first(struct rewriting *rewriting) {
    struct quantizing plan = {.rewriting = rewriting};
    analysis_begin(rewriting);
    find_sites(&plan);
    const bool changed = quantize_equalise(&plan);
    analysis_end(rewriting);
    if (changed)
        fold_first(rewriting);
}

static void check_options(struct rewriting *rewriting) {
    const struct rewrite_options *options = &rewriting->options;
    if (!options->data)
        et_fail(rewriting->error, "quantize: expected data to run the graph on");
    else if (options->quantize_budget.accuracy > 0 && !options->data->labels)
        et_fail(rewriting->error, "quantize: expected labels of the data, for its accuracy");
    else
        return;
    rewriting_fail(rewriting);
}

void rewrite_quantize(struct rewriting *rewriting) {
    struct quantizing plan = {.rewriting = rewriting};
    const struct quantize_budget *budget = &rewriting->options.quantize_budget;
    check_options(rewriting);
    fold_first(rewriting);
    if (rewriting->options.quantize_equalise)
        equalise_first(rewriting);
    analysis_begin(rewriting);
    find_sites(&plan);
    if (plan.site_count && rewrites_io(&rewriting->options))
        find_outputs(&plan);
    if (plan.site_count)
        quantize_observe(&plan);
    for (int i = 0; i < plan.site_count; i++)
        quantize_weights(rewriting, plan.sites[i]);
    if (plan.site_count && (budget->error > 0 || budget->accuracy > 0))
        quantize_within(&plan, budget);
    for (int i = 0; i < plan.site_count; i++)
        report(rewriting, plan.sites[i]);
    plan.rounds_outputs = true;
    if (plan.site_count)
        rewriting_remake(rewriting, quantize_emit, &plan);
    analysis_end(rewriting);
    rewrite_io(rewriting);
}
