/* What an open graph has to say once: movement that moves nothing at any size goes, and nodes that
 * say the same at all sizes become one. */
#include "compiler/store/open_fit.h"

#include "compiler/base/hash.h"

#include <string.h>

/* A graph, or the body of a scan, on its way. */
struct tidying {
    struct arena *arena; /* of the open graph; without an escape */
    struct graph *tidy;
    struct open_node *nodes; /* of it, by id */
    struct node **made;      /* what stands for each node of the old one */
    struct node **table;     /* the new nodes by hash, open addressing */
    size_t table_size;       /* a power of two */
    struct et_error *error;
};

/* ---- Nodes that say the same ---- */

static uint64_t hash_of(const struct node *node) {
    uint64_t hash = hash_more(HASH_BEGIN, &node->op, sizeof node->op);
    hash = hash_more(hash, node->shape, (size_t)node->rank * sizeof *node->shape);
    for (int i = 0; i < node->source_count; i++)
        hash = hash_more(hash, &node->sources[i]->id, sizeof node->sources[i]->id);
    return node->op == OP_CONST ? hash_more(hash, node->value, dtype_facts[node->dtype].bytes)
                                : hash;
}

static bool same_places(const struct node *a, const struct node *b) {
    for (int place = 0; place < PLACE_VALUE; place++)
        for (int k = 0; k < open_integer_count(a, (enum size_place)place); k++)
            if (open_integer_value(a, (enum size_place)place, k) !=
                open_integer_value(b, (enum size_place)place, k))
                return false;
    return true;
}

static bool same_value(const struct node *a, const struct node *b) {
    if (a->value == b->value)
        return true;
    size_t width = dtype_facts[a->op == OP_PAD ? a->sources[0]->dtype : a->dtype].bytes;
    return a->value && b->value && a->value_count == b->value_count && a->op != OP_WEIGHT &&
           memcmp(a->value, b->value, (size_t)a->value_count * width) == 0;
}

static bool says_the_same(const struct node *a, const struct open_node *open, const struct node *b,
                          const struct open_node *other) {
    return a->op != OP_INPUT && a->op != OP_SCAN && node_alike(a, b) && same_places(a, b) &&
           same_value(a, b) && open_integers_equal(open, other);
}

/* Where the node, or one that says the same, is or belongs in the table. */
static struct node **find_place(const struct tidying *tidying, const struct node *node,
                                const struct open_node *open) {
    size_t at = (size_t)hash_of(node) & (tidying->table_size - 1);
    while (tidying->table[at] &&
           !says_the_same(node, open, tidying->table[at], &tidying->nodes[tidying->table[at]->id]))
        at = (at + 1) & (tidying->table_size - 1);
    return &tidying->table[at];
}

/* ---- Movement that moves nothing ---- */

static bool is_idle(const struct tidying *tidying, const struct node *node,
                    const struct open_node *open) {
    if (node->op != OP_RESHAPE && node->op != OP_EXPAND && node->op != OP_SHRINK &&
        node->op != OP_PAD)
        return false;
    const struct node *source = node->sources[0];
    bool same = source->rank == node->rank && source->batched == node->batched;
    for (int i = 0; same && i < node->rank; i++)
        same = source->shape[i] == node->shape[i] &&
               size_equal(open_integer_find(open, PLACE_SHAPE, i),
                          open_integer_find(&tidying->nodes[source->id], PLACE_SHAPE, i));
    return same;
}

/* ---- All of it ---- */

static struct graph *tidy(struct arena *arena, const struct graph *graph,
                          const struct open_node *nodes, struct open_node **tidied,
                          struct et_error *error);

static bool take_node(struct tidying *tidying, const struct node *original,
                      const struct open_node *original_open) {
    struct node *sources[MAX_SOURCES], node = *original, **place;
    struct open_node open = *original_open;
    struct graph *body = NULL;
    for (int i = 0; i < node.source_count; i++)
        sources[i] = tidying->made[node.sources[i]->id];
    node.sources = sources;
    if (is_idle(tidying, &node, &open)) {
        tidying->made[original->id] = sources[0];
        return true;
    }
    place = find_place(tidying, &node, &open);
    if (*place) {
        tidying->made[original->id] = *place;
        return true;
    }
    if (node.body) {
        body = tidy(tidying->arena, node.body, open.body, &open.body, tidying->error);
        if (!body)
            return false;
        node.body = body;
    }
    struct node *appended = graph_append(tidying->tidy, &node, tidying->error);
    graph_free(body);
    if (!appended)
        return false;
    tidying->nodes[appended->id] = open;
    tidying->made[original->id] = *place = appended;
    return true;
}

/* The new graph, which is the caller's; *tidied in the arena. */
static struct graph *tidy(struct arena *arena, const struct graph *graph,
                          const struct open_node *nodes, struct open_node **tidied,
                          struct et_error *error) {
    size_t count = (size_t)graph->node_count;
    struct tidying tidying = {.arena = arena, .table_size = 16, .error = error};
    while (tidying.table_size < 2 * count)
        tidying.table_size *= 2;
    tidying.nodes = arena_array(arena, struct open_node, count + 1);
    tidying.made = et_allocate(count + 1, sizeof *tidying.made);
    tidying.table = et_allocate(tidying.table_size, sizeof *tidying.table);
    tidying.tidy = graph_new(graph->name);
    bool good = (tidying.nodes && tidying.made && tidying.table && tidying.tidy) ||
                et_fail(error, "out of memory");
    for (int i = 0; good && i < graph->node_count; i++)
        good = take_node(&tidying, graph->nodes[i], &nodes[i]);
    for (int i = 0; good && i < graph->output_count; i++)
        good = graph_add_output_again(tidying.tidy, &graph->outputs[i],
                                      tidying.made[graph->outputs[i].node->id], error);
    et_release(tidying.made);
    et_release(tidying.table);
    *tidied = tidying.nodes;
    if (good)
        return tidying.tidy;
    graph_free(tidying.tidy);
    return NULL;
}

bool open_graph_tidy(struct open_graph *open, const struct graph *graph,
                     const struct open_node *nodes, struct et_error *error) {
    jmp_buf *escape = open->arena.escape;
    open->arena.escape = NULL;
    open->graph = tidy(&open->arena, graph, nodes, &open->nodes, error);
    open->arena.escape = escape;
    if (open->graph)
        open->graph->stored = graph->stored;
    return open->graph;
}
