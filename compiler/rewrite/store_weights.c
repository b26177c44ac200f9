/* store-weights: the weights of contractions are stored as 16-bit floats, which the graph casts
 * back to float32 where they are read. A cast from 16 bits is exact, so that rounding the weights,
 * once, is all that changes. */
#include "compiler/rewrite/rewriting.h"

#include "templates/convert.h"

#include <math.h>
#include <string.h>

struct stored_weight {
    const struct node *node;
    uint16_t *elements;
    double error;         /* root mean square, as a share of that of the elements */
    const char *why_not;  /* NULL: it is done */
    struct tensor tensor; /* the cast, once it is made */
};

struct storing {
    enum dtype dtype;
    int count;
    struct stored_weight *weights;
    struct stored_weight **at; /* by node; NULL: none */
};

/* ---- Which weights ---- */

/* By node: whether a contraction reads nothing but constants there, moved or not. */
static bool *find_operands(struct rewriting *rewriting) {
    const struct graph *graph = rewriting->graph;
    const struct analysis *analysis = rewriting->analysis;
    bool *read = arena_array(&rewriting->analysis->arena, bool, (size_t)graph->node_count);
    for (int i = graph->node_count - 1; i >= 0; i--) {
        const struct node *node = graph->nodes[i];
        if (node->op == OP_CONTRACT && node->dtype == DTYPE_FLOAT32 && !analysis->constant[i]) {
            int operand = analysis_constant_operand(analysis, node);
            if (operand >= 0)
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
        *storing->at[i] = (struct stored_weight){.node = node};
    }
}

/* ---- What becomes of them ---- */

static void round_weight(struct rewriting *rewriting, enum dtype dtype,
                         struct stored_weight *weight) {
    int64_t count = node_elements(weight->node);
    double errors = 0, sizes = 0;
    weight->elements = rewriting_elements(rewriting, dtype, count);
    for (int64_t i = 0; i < count; i++) {
        float number, again;
        memcpy(&number, (const char *)weight->node->value + i * (int64_t)sizeof number,
               sizeof number); /* aligned or not */
        uint16_t bits = dtype == DTYPE_FLOAT16 ? f32_to_f16(number) : f32_to_bf16(number);
        again = dtype == DTYPE_FLOAT16 ? f16_to_f32(bits) : bf16_to_f32(bits);
        weight->elements[i] = bits;
        if (!isfinite(number))
            continue;
        if (!isfinite(again))
            weight->why_not = "it has numbers that are too large";
        errors += ((double)again - (double)number) * ((double)again - (double)number);
        sizes += (double)number * (double)number;
    }
    weight->error = sizes > 0 ? sqrt(errors / sizes) : 0;
}

static void report(struct rewriting *rewriting, enum dtype dtype,
                   const struct stored_weight *weight) {
    struct rewrite_site *told = rewriting_site(rewriting, weight->node);
    struct arena *arena = &rewriting->result->arena;
    told->applied = !weight->why_not;
    told->name = arena_copy_text(arena, weight->node->name);
    told->shape = arena_copy_text(arena, shape_text(weight->node).text);
    told->what = weight->why_not ? weight->why_not
                                 : arena_format(arena, "%s, off by %.2g %%",
                                                dtype_facts[dtype].name, 100 * weight->error);
}

static struct tensor emit_stored(struct rewriting *rewriting, const struct node *node, void *plan) {
    const struct storing *storing = plan;
    struct stored_weight *weight = storing->at[node->id];
    if (!weight || weight->why_not)
        return NO_TENSOR;
    if (!is_given(weight->tensor))
        weight->tensor =
            tensor_cast(rewriting_weight(rewriting, node->name, dtype_facts[storing->dtype].name,
                                         storing->dtype, node->rank, node->shape, weight->elements),
                        DTYPE_FLOAT32);
    return weight->tensor;
}

void rewrite_store_weights(struct rewriting *rewriting) {
    struct storing storing = {.dtype = rewriting->options.stored == DTYPE_BFLOAT16 ? DTYPE_BFLOAT16
                                                                                   : DTYPE_FLOAT16};
    analysis_begin(rewriting);
    find_weights(rewriting, &storing);
    for (int i = 0; i < storing.count; i++) {
        round_weight(rewriting, storing.dtype, &storing.weights[i]);
        report(rewriting, storing.dtype, &storing.weights[i]);
    }
    if (storing.count)
        rewriting_remake(rewriting, emit_stored, &storing);
    analysis_end(rewriting);
}
