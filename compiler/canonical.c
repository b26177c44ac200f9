#include "store.h"

/* uses[id]: how many sources and outputs a node is. */
static void count_uses(const struct graph *graph, int *uses) {
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i]->source_count; k++)
            uses[graph->nodes[i]->sources[k]->id]++;
    for (int i = 0; i < graph->output_count; i++)
        uses[graph->outputs[i].node->id]++;
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

bool graph_canonicalise(struct graph *graph, struct et_error *error) {
    int *uses = et_allocate((size_t)graph->node_count, sizeof *uses);
    bool *dropped = et_allocate((size_t)graph->node_count, sizeof *dropped);
    bool good = uses && dropped;
    if (good) {
        count_uses(graph, uses);
        for (int i = 0; i < graph->node_count; i++) {
            struct node *sum = graph->nodes[i];
            struct node *product = sum->op == OP_REDUCE_SUM ? sum->sources[0] : NULL;
            if (!product || product->op != OP_MUL || uses[product->id] != 1)
                continue;
            sum->op = OP_CONTRACT; /* the axes ascend already: row-major order */
            sum->sources = product->sources;
            sum->source_count = product->source_count;
            dropped[product->id] = true;
        }
        drop_products(graph, dropped);
    }
    et_release(uses);
    et_release(dropped);
    return good || et_fail(error, "out of memory");
}
