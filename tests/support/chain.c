#include "tests/support/chain.h"

#include "tests/support/random_graph.h"

#include <string.h>

enum { FEWEST_ELEMENTS = 24, MOST_ELEMENTS = 1500, HIGHEST_RANK = 5 };

bool can_chain(enum op op) {
    return op_facts[op].class != CLASS_LEAF;
}

/* The last two axes as one. */
static struct node *merge_axes(struct generator *generator, struct node *node) {
    int64_t shape[MAX_RANK];
    memcpy(shape, node->shape, sizeof shape);
    if (node->rank)
        shape[node->rank - 2] *= shape[node->rank - 1];
    shape[0] = node->rank ? shape[0] : 1;
    return append_reshape(generator, node, node->rank ? node->rank - 1 : 1, shape);
}

static struct node *halve(struct generator *generator, struct node *node) {
    int64_t begin[MAX_RANK] = {0}, end[MAX_RANK];
    int longest = 0;
    memcpy(end, node->shape, sizeof end);
    for (int i = 1; i < node->rank; i++)
        if (end[i] > end[longest])
            longest = i;
    end[longest] = (end[longest] + 1) / 2;
    return append_shrink(generator, node, begin, end);
}

static struct node *widen(struct generator *generator, struct node *node) {
    int64_t before[MAX_RANK] = {0}, after[MAX_RANK] = {0};
    after[node->rank - 1] = FEWEST_ELEMENTS / 2;
    return append_pad(generator, node, before, after, NULL);
}

/* Makes the last node one that every operation can go on from. */
static struct node *settle(struct generator *generator) {
    struct node *node = generator->graph->nodes[generator->graph->node_count - 1];
    while (node->rank == 0 || node->rank > HIGHEST_RANK)
        node = merge_axes(generator, node);
    while (node_elements(node) > MOST_ELEMENTS)
        node = halve(generator, node);
    while (node_elements(node) < FEWEST_ELEMENTS)
        node = widen(generator, node);
    return node;
}

/* The walk through a table: where the chain stands says where it stands next. */
static void walk_table(struct generator *generator) {
    struct node *table = generator->graph->nodes[0];
    struct node *positions = generator->only;
    if (positions->dtype != DTYPE_INT32)
        positions = append_cast(generator, positions, DTYPE_INT32);
    append(generator, &(struct node){.op = OP_GATHER,
                                     .source_count = 2,
                                     .sources = (struct node *[]){table, positions}});
}

static void chain_step(struct generator *generator, enum op op) {
    generator->only = settle(generator);
    if (op == OP_GATHER && generator_chance(generator, 50))
        walk_table(generator);
    else
        append_step(generator, op);
}

/* With every other seed a step is told the same each time that it comes round. */
static void make_chain(struct generator *generator, const struct chain *chain) {
    static const enum dtype dtypes[] = {DTYPE_INT32, DTYPE_FLOAT32};
    struct node input = {
        .op = OP_INPUT, .name = "x", .dtype = generator_pick(generator, dtypes), .rank = 1};
    input.shape[0] = generator_between(generator, 30, 90);
    append(generator, &input);
    for (int i = 0; i < chain->length; i++) {
        int slot = i % chain->count;
        if (chain->seed % 2)
            generator->random.state = chain->seed * 1000003 + (uint64_t)slot;
        chain_step(generator, chain->ops[slot]);
    }
    struct graph *graph = generator->graph;
    if (!graph_add_output(graph, "y", graph->nodes[graph->node_count - 1], generator->error))
        longjmp(generator->escape, 1);
}

struct graph *chain_graph(const struct chain *chain, struct et_error *error) {
    struct generator generator = {.seed = chain->seed,
                                  .random = {.state = chain->seed},
                                  .most_elements = 4096,
                                  .error = error};
    generator.graph = graph_new("chain");
    if (!generator.graph) {
        et_fail(error, "out of memory");
        return NULL;
    }
    if (setjmp(generator.escape)) {
        graph_free(generator.graph);
        return NULL;
    }
    make_chain(&generator, chain);
    if (verify_graph(generator.graph, error))
        return generator.graph;
    graph_free(generator.graph);
    return NULL;
}
