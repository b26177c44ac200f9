/* store-weights: the weights of contractions are stored as 16-bit floats, which the graph casts
 * back to float32 where they are read; or as codes of fewer bits (store_codes.c). A cast from 16
 * bits is exact, so that rounding the weights, once, is all that changes. */
#include "compiler/rewrite/store_weights.h"

#include "templates/convert.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const struct stored_type_facts stored_types[STORED_TYPE_COUNT] = {
#define STORED_ROW(id, bits, is_coded) {#id, bits, is_coded},
    STORED_TYPES(STORED_ROW)
#undef STORED_ROW
};

bool stored_type_from_name(const char *name, enum stored_type *type) {
    for (int i = 0; i < STORED_TYPE_COUNT; i++)
        if (strcmp(stored_types[i].name, name) == 0) {
            *type = (enum stored_type)i;
            return true;
        }
    return false;
}

/* ---- Which weights ---- */

/* Whether a contraction scales sums over blocks of codes, so that the weights are scales. */
static bool scales_blocks(const struct analysis *analysis, const struct node *contract,
                          int operand) {
    const struct node *sum = contract->sources[1 - operand], *codes;
    while (op_facts[sum->op].class == CLASS_MOVEMENT)
        sum = sum->sources[0];
    int inner = sum->op == OP_CONTRACT ? analysis_constant_operand(analysis, sum) : -1;
    if (inner < 0)
        return false;
    codes = sum->sources[inner];
    while (op_facts[codes->op].class == CLASS_MOVEMENT || codes->op == OP_SUB)
        codes = codes->sources[0];
    return codes->op == OP_CAST && codes->sources[0]->dtype == DTYPE_UINT8;
}

/* By node: whether a contraction reads nothing but constants there, moved or not. */
static bool *find_operands(struct rewriting *rewriting) {
    const struct graph *graph = rewriting->graph;
    const struct analysis *analysis = rewriting->analysis;
    bool *read = arena_array(&rewriting->analysis->arena, bool, (size_t)graph->node_count);
    for (int i = graph->node_count - 1; i >= 0; i--) {
        const struct node *node = graph->nodes[i];
        if (node->op == OP_CONTRACT && node->dtype == DTYPE_FLOAT32 && !analysis->constant[i]) {
            int operand = analysis_constant_operand(analysis, node);
            if (operand >= 0 && !scales_blocks(analysis, node, operand))
                read[node->sources[operand]->id] = true;
        }
        if (!read[i] ||
            (op_facts[node->op].class != CLASS_MOVEMENT && op_facts[node->op].class != CLASS_JOIN))
            continue;
        for (int k = 0; k < node->source_count; k++)
            read[node->sources[k]->id] = true;
    }
    return read;
}

/* Two nodes may be the same weight. */
static struct stored_weight *find_stored(const struct storing *storing, const struct node *node) {
    for (int i = 0; i < storing->count; i++)
        if (storing->weights[i].node->value == node->value &&
            strcmp(storing->weights[i].node->name, node->name) == 0)
            return &storing->weights[i];
    return NULL;
}

static void find_weights(struct rewriting *rewriting, struct storing *storing) {
    struct arena *arena = &rewriting->analysis->arena;
    const struct graph *graph = rewriting->graph;
    size_t count = (size_t)graph->node_count;
    const bool *read = find_operands(rewriting);
    storing->weights = arena_array(arena, struct stored_weight, count);
    storing->at = arena_array(arena, struct stored_weight *, count);
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        if (!read[i] || node->op != OP_WEIGHT || node->dtype != DTYPE_FLOAT32 ||
            node_elements(node) == 0)
            continue;
        storing->at[i] = find_stored(storing, node);
        if (storing->at[i])
            continue;
        storing->at[i] = &storing->weights[storing->count++];
        *storing->at[i] = (struct stored_weight){.node = node, .sum_axis = NO_SUM_AXIS};
    }
}

/* ---- What becomes of them ---- */

static enum dtype dtype_of(const struct storing *storing) {
    return storing->type == STORED_bfloat16 ? DTYPE_BFLOAT16 : DTYPE_FLOAT16;
}

static void round_weight(struct rewriting *rewriting, enum dtype dtype,
                         struct stored_weight *weight) {
    int64_t count = node_elements(weight->node);
    double errors = 0, sizes = 0;
    uint16_t *elements = rewriting_elements(rewriting, dtype, count);
    weight->elements = elements;
    for (int64_t i = 0; i < count; i++) {
        float number, again;
        memcpy(&number, (const char *)weight->node->value + i * (int64_t)sizeof number,
               sizeof number); /* aligned or not */
        uint16_t bits = dtype == DTYPE_FLOAT16 ? f32_to_f16(number) : f32_to_bf16(number);
        again = dtype == DTYPE_FLOAT16 ? f16_to_f32(bits) : bf16_to_f32(bits);
        elements[i] = bits;
        if (!isfinite(number))
            continue;
        if (!isfinite(again))
            weight->why_not = "it has numbers that are too large";
        errors += ((double)again - (double)number) * ((double)again - (double)number);
        sizes += (double)number * (double)number;
    }
    weight->error = sizes > 0 ? sqrt(errors / sizes) : 0;
}

static void report(struct rewriting *rewriting, const struct storing *storing,
                   const struct stored_weight *weight) {
    const struct stored_type_facts *type = &stored_types[storing->type];
    struct rewrite_site *told = rewriting_site(rewriting, weight->node);
    struct arena *arena = &rewriting->result->arena;
    told->applied = !weight->why_not;
    told->name = arena_copy_text(arena, weight->node->name);
    told->shape = arena_copy_text(arena, shape_text(weight->node).text);
    const char *blocks = "";
    if (type->is_coded)
        blocks = arena_format(arena, " by blocks of %" PRId64 " with scales of %s", storing->block,
                              dtype_facts[weight->scale].name);
    told->what = weight->why_not ? weight->why_not
                                 : arena_format(arena, "%s%s, off by %.2g %%", type->name, blocks,
                                                100 * weight->error);
}

static struct tensor emit_cast(struct rewriting *rewriting, const struct storing *storing,
                               const struct stored_weight *weight) {
    const struct node *node = weight->node;
    return tensor_cast(rewriting_weight(rewriting, node->name, stored_types[storing->type].name,
                                        dtype_of(storing), node->rank, node->shape,
                                        weight->elements),
                       DTYPE_FLOAT32);
}

static struct tensor emit_stored(struct rewriting *rewriting, const struct node *node, void *plan) {
    const struct storing *storing = plan;
    struct stored_weight *weight = storing->at[node->id];
    if (node->op == OP_CONTRACT && stored_types[storing->type].is_coded)
        return emit_block_sums(rewriting, storing, node);
    if (!weight || weight->why_not)
        return NO_TENSOR;
    if (!is_given(weight->tensor))
        weight->tensor = stored_types[storing->type].is_coded
                             ? emit_codes(rewriting, storing, weight)
                             : emit_cast(rewriting, storing, weight);
    return weight->tensor;
}

void rewrite_store_weights(struct rewriting *rewriting) {
    const struct rewrite_options *options = &rewriting->options;
    struct storing storing = {.type = options->stored,
                              .block = options->stored_block ? options->stored_block
                                                             : USUAL_STORED_BLOCK,
                              .zeros = options->stored_zeros};
    bool is_coded = stored_types[storing.type].is_coded;
    analysis_begin(rewriting);
    find_weights(rewriting, &storing);
    if (is_coded)
        find_sum_axes(rewriting, &storing);
    for (int i = 0; i < storing.count; i++) {
        if (is_coded)
            make_codes(rewriting, &storing, &storing.weights[i]);
        else
            round_weight(rewriting, dtype_of(&storing), &storing.weights[i]);
        report(rewriting, &storing, &storing.weights[i]);
    }
    if (storing.count)
        rewriting_remake(rewriting, emit_stored, &storing);
    analysis_end(rewriting);
}
