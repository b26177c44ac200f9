/* The quantised graph: codes for each tensor that contractions read, made as near to the sums they
 * come from as rounding allows. Rounding to codes is monotone and elementwise, so movements, maxima
 * and activations that cut off give the same codes before it as behind it. */
#include "compiler/builder/layers.h"
#include "compiler/rewrite/quantize.h"

#include <math.h>

/* ---- From the sums to what is read ---- */

/* Nodes from a tensor up to where its codes are made. */
struct ascent {
    int count;
    const struct node *nodes[MOST_CHAIN_MOVES];
    const struct node *from;
};

static struct quantized_site *site_made(const struct quantizing *plan, const struct node *node) {
    struct quantized_site *site = plan->site_at[node->id];
    return site && !site->why_not && !site->stays ? site : NULL;
}

/* What a node has the codes of, if they commute with it; else NULL. */
static const struct node *step_up(const struct quantizing *plan, const struct node *node) {
    struct rewriting *rewriting = plan->rewriting;
    if (site_made(plan, node))
        return node->op == OP_CONTRACT ? NULL : link_source(rewriting->analysis, node);
    return code_source(rewriting, node);
}

/* All the way to sums; else up to what something else reads too. */
static struct ascent ascend(const struct quantizing *plan, const struct node *node) {
    struct ascent ascent = {.from = node};
    int alone = 0;
    bool shared = false;
    for (const struct node *next; ascent.count < MOST_CHAIN_MOVES; ascent.from = next) {
        next = step_up(plan, ascent.from);
        if (!next)
            break;
        ascent.nodes[ascent.count++] = ascent.from;
        shared |= plan->rewriting->analysis->uses[next->id] > 1;
        alone = shared ? alone : ascent.count;
    }
    if (!site_made(plan, ascent.from) && alone < ascent.count) {
        ascent.from = ascent.nodes[alone];
        ascent.count = alone;
    }
    return ascent;
}

static struct tensor step_down(const struct quantizing *plan, const struct node *node,
                               struct tensor codes, const struct quantization *quantization) {
    struct rewriting *rewriting = plan->rewriting;
    if (site_made(plan, node))
        return codes;
    return code_step(rewriting, node, codes,
                     quantize_number(quantization, code_number(rewriting, node)));
}

static const char *site_name(const struct quantized_site *site) {
    return analysis_weight_name(site->contract->sources[site->operand]);
}

/* The scale of a site's sums over another one, for each channel; NO_TENSOR where that is not
 * finite. */
static struct tensor sum_scale(struct rewriting *rewriting, const struct quantized_site *site,
                               double over, const char *suffix) {
    float *scale = rewriting_elements(rewriting, DTYPE_FLOAT32, site->channels);
    for (int64_t i = 0; i < site->channels; i++) {
        scale[i] = (float)((double)site->tensor->quantization.scale * site->weight_scale[i] / over);
        if (!isfinite(scale[i]))
            return NO_TENSOR;
    }
    return rewriting_weight(rewriting, site_name(site), suffix, DTYPE_FLOAT32, site->contract->rank,
                            site->channel_shape, scale);
}

static struct tensor round_to_codes(struct tensor x, const struct quantization *quantization) {
    struct tensor zero = quantization->zero ? scalar_like(x, quantization->zero) : NO_TENSOR;
    return tensor_cast(rounded_from_zero_point(x, zero), DTYPE_UINT8);
}

/* The codes of a node: of sums by one multiplication, else of what it is in float32. */
static struct tensor codes_of(const struct quantizing *plan, const struct node *node,
                              const struct quantization *quantization) {
    struct rewriting *rewriting = plan->rewriting;
    const struct quantized_site *site = site_made(plan, node);
    struct tensor ratio = NO_TENSOR;
    if (site)
        ratio = sum_scale(rewriting, site, (double)quantization->scale, "rescale");
    if (is_given(ratio))
        return round_to_codes(scaled_integers(site->sums, ratio), quantization);
    struct tensor x = rewriting->made[node->id];
    return round_to_codes(tensor_mul(x, scalar_like(x, (double)quantization->inverse)),
                          quantization);
}

/* The codes of a tensor, less their zero point. */
static struct tensor centred_codes(const struct quantizing *plan, struct quantized_tensor *tensor) {
    const struct quantization *quantization = &tensor->quantization;
    if (!is_given(tensor->codes)) {
        struct ascent ascent = ascend(plan, tensor->node);
        struct tensor codes = codes_of(plan, ascent.from, quantization);
        for (int i = ascent.count - 1; i >= 0; i--)
            codes = step_down(plan, ascent.nodes[i], codes, quantization);
        tensor->codes = codes;
    }
    struct tensor zero =
        quantization->zero ? scalar_like(tensor->codes, quantization->zero) : NO_TENSOR;
    return without_zero_point(tensor->codes, zero, DTYPE_INT32);
}

/* ---- Sums ---- */

/* The movements between the tensor and the contraction, again. */
static struct tensor read_by(struct rewriting *rewriting, const struct quantized_site *site,
                             struct tensor codes) {
    const struct node *moves[MOST_CHAIN_MOVES];
    int count = 0;
    for (const struct node *node = site->contract->sources[1 - site->operand];
         node != site->tensor->node; node = node->sources[0])
        moves[count++] = node;
    while (count-- > 0)
        codes = code_step(rewriting, moves[count], codes, 0);
    return codes;
}

static struct tensor emit_weight(struct rewriting *rewriting, const struct quantized_site *site) {
    const struct node *source = site->contract->sources[site->operand];
    struct tensor weight = rewriting_weight(rewriting, site_name(site), "int8", DTYPE_INT8,
                                            source->rank, site->weight_shape, site->weight);
    return tensor_expand(tensor_cast(weight, DTYPE_INT32), source->rank, source->shape);
}

static struct tensor emit_bias(struct rewriting *rewriting, const struct quantized_site *site) {
    return rewriting_weight(rewriting, site_name(site), "bias_int32", DTYPE_INT32,
                            site->contract->rank, site->channel_shape, site->bias);
}

/* The sums in float32, from which what is not quantised goes on. */
static struct tensor emit_site(const struct quantizing *plan, struct quantized_site *site) {
    struct rewriting *rewriting = plan->rewriting;
    struct tensor sources[2];
    sources[site->operand] = emit_weight(rewriting, site);
    sources[1 - site->operand] = read_by(rewriting, site, centred_codes(plan, site->tensor));
    site->sums = tensor_of_node(rewriting->context, site->contract, 2, sources);
    if (site->bias)
        site->sums = tensor_add(site->sums, emit_bias(rewriting, site));
    return scaled_integers(site->sums, sum_scale(rewriting, site, 1, "scale"));
}

static struct tensor emit_node_of(struct rewriting *rewriting, const struct node *node,
                                  const struct quantizing *plan) {
    struct quantized_site *site = site_made(plan, node);
    if (!site)
        return NO_TENSOR;
    return site->contract == node ? emit_site(plan, site)
                                  : rewriting->made[link_source(rewriting->analysis, node)->id];
}

/* An output is what its codes stand for. */
static struct tensor emit_output(struct rewriting *rewriting, const struct quantizing *plan,
                                 struct quantized_tensor *tensor, struct tensor x) {
    rewriting->made[tensor->node->id] = is_given(x) ? x : rewriting_again(rewriting, tensor->node);
    return scaled_integers(centred_codes(plan, tensor),
                           scalar(rewriting->context, tensor->quantization.scale));
}

struct tensor quantize_emit(struct rewriting *rewriting, const struct node *node, void *plan) {
    const struct quantizing *quantizing = plan;
    struct quantized_tensor *tensor = quantizing->tensor_at[node->id];
    struct tensor x = emit_node_of(rewriting, node, quantizing);
    return quantizing->rounds_outputs && tensor && tensor->is_output && tensor->finite
               ? emit_output(rewriting, quantizing, tensor, x)
               : x;
}
