/* The canonical form of a graph: sums of products become contractions where they are such. */
#include "compiler/ir/movement.h"
#include "compiler/store/store.h"

#include <setjmp.h>

struct canonicalizing {
    struct graph *graph;
    struct arena arena; /* of what is needed meanwhile */
    struct ir ir;
    int *uses; /* by node id: how many sources and outputs a node is */
    bool *dropped;
};

static void count_uses(const struct graph *graph, int *uses) {
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i]->source_count; k++)
            uses[graph->nodes[i]->sources[k]->id]++;
    for (int i = 0; i < graph->output_count; i++)
        uses[graph->outputs[i].node->id]++;
}

/* Whether the elements of a node differ along an axis: movement below it may have repeated them. */
static bool moves_along(struct ir *ir, const struct node *node, int axis) {
    struct place place = {.rank = node->rank};
    const struct axis *along = ir_axis(ir, node->shape[axis]);
    for (int i = 0; i < node->rank; i++)
        place.at[i] = i == axis ? index_axis(ir, along) : index_constant(ir, 0);
    while (op_facts[node->op].class == CLASS_MOVEMENT && node->op != OP_PAD) {
        place = through_movement(ir, node, place);
        node = node->sources[0];
    }
    for (int i = 0; i < place.rank; i++)
        if (place.at[i]->count > 0)
            return true;
    return false;
}

static bool is_reduced(const struct node *sum, int axis) {
    for (int i = 0; i < sum->axis_count; i++)
        if (sum->axes[i] == axis)
            return true;
    return false;
}

/* A matrix product, a convolution: some result needs elements of one operand that another result
 * needs too. The sum of squares of each row is none. */
static bool shares_operand(struct ir *ir, const struct node *sum) {
    const struct node *product = sum->sources[0];
    for (int axis = 0; axis < product->rank; axis++) {
        if (product->shape[axis] == 1 || is_reduced(sum, axis))
            continue;
        if (!moves_along(ir, product->sources[0], axis) ||
            !moves_along(ir, product->sources[1], axis))
            return true;
    }
    return false;
}

static void contract_products(struct canonicalizing *canonicalizing) {
    const struct graph *graph = canonicalizing->graph;
    count_uses(graph, canonicalizing->uses);
    for (int i = 0; i < graph->node_count; i++) {
        struct node *sum = graph->nodes[i];
        struct node *product = sum->op == OP_REDUCE_SUM ? sum->sources[0] : NULL;
        if (!product || product->op != OP_MUL || canonicalizing->uses[product->id] != 1 ||
            !shares_operand(&canonicalizing->ir, sum))
            continue;
        sum->op = OP_CONTRACT; /* the axes ascend already: row-major order */
        sum->sources = product->sources;
        sum->source_count = product->source_count;
        canonicalizing->dropped[product->id] = true;
    }
}

/* Takes out the nodes without use that were products, and numbers the rest anew. */
static void drop_products(struct graph *graph, const bool *dropped) {
    int kept = 0;
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = graph->nodes[i];
        if (dropped[i])
            continue;
        graph->nodes[kept] = node;
        node->id = kept++;
    }
    graph->node_count = kept;
}

static bool canonicalize_nodes(struct graph *graph, struct et_error *error) {
    struct canonicalizing canonicalizing = {.graph = graph};
    jmp_buf escape;
    canonicalizing.arena.escape = &escape;
    canonicalizing.ir.arena = &canonicalizing.arena;
    volatile bool good = false;
    if (setjmp(escape) == 0) {
        canonicalizing.uses =
            arena_array(&canonicalizing.arena, int, (size_t)graph->node_count + 1);
        canonicalizing.dropped =
            arena_array(&canonicalizing.arena, bool, (size_t)graph->node_count + 1);
        contract_products(&canonicalizing);
        good = true;
    }
    if (good)
        drop_products(graph, canonicalizing.dropped);
    arena_free(&canonicalizing.arena);
    return good || et_fail(error, "out of memory");
}

bool graph_canonicalize(struct graph *graph, struct et_error *error) {
    for (int i = 0; i < graph->body_count; i++)
        if (!graph_canonicalize(graph->bodies[i], error))
            return false;
    return canonicalize_nodes(graph, error);
}
