#include "compiler/graph/copy_graph.h"

#include "compiler/base/hash.h"

#include <string.h>

struct copying {
    const struct graph *graph;
    struct graph *program;
    int *depth;           /* [id]: nodes on the longest chain below */
    struct node **copies; /* [id]: NULL until copied */
    struct node **path;   /* from an output down to the node in hand */
    struct node **table;  /* the program's nodes by hash, open addressing */
    size_t table_size;    /* a power of two, at least twice the nodes */
    bool apart;           /* equal nodes stay so */
    struct et_error *error;
};

static bool prepare(struct copying *copying) {
    size_t nodes = (size_t)copying->graph->node_count;
    copying->table_size = 16;
    while (copying->table_size < 2 * nodes)
        copying->table_size *= 2;
    copying->depth = et_allocate(nodes + 1, sizeof *copying->depth);
    copying->copies = et_allocate(nodes + 1, sizeof *copying->copies);
    copying->path = et_allocate(nodes + 1, sizeof *copying->path);
    copying->table = et_allocate(copying->table_size, sizeof *copying->table);
    if (!copying->depth || !copying->copies || !copying->path || !copying->table)
        return et_fail(copying->error, "out of memory");
    for (size_t id = 0; id < nodes; id++) {
        const struct node *node = copying->graph->nodes[id];
        for (int i = 0; i < node->source_count; i++)
            if (copying->depth[node->sources[i]->id] >= copying->depth[id])
                copying->depth[id] = copying->depth[node->sources[i]->id] + 1;
    }
    return true;
}

static void release(struct copying *copying) {
    et_release(copying->depth);
    et_release(copying->copies);
    et_release(copying->path);
    et_release(copying->table);
}

/* Equal nodes */

static size_t value_bytes(const struct node *node) {
    return node->value ? (size_t)node->value_count * dtype_facts[node->dtype].bytes : 0;
}

/* A hash of what differs most often. */
static uint64_t hash_node(const struct node *node) {
    uint64_t hash = HASH_BEGIN;
    hash = hash_more(hash, &node->op, sizeof node->op);
    hash = hash_more(hash, node->shape, (size_t)node->rank * sizeof *node->shape);
    for (int i = 0; i < node->source_count; i++)
        hash = hash_more(hash, &node->sources[i]->id, sizeof node->sources[i]->id);
    hash = hash_more(hash, node->name, node->name ? strlen(node->name) : 0);
    return node->op == OP_WEIGHT ? hash : hash_more(hash, node->value, value_bytes(node));
}

static bool same_name(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_value(const struct node *a, const struct node *b) {
    if (a->value == b->value || a->op == OP_WEIGHT)
        return a->value == b->value;
    return a->value && b->value && a->value_count == b->value_count &&
           memcmp(a->value, b->value, value_bytes(a)) == 0;
}

static bool same_body(const struct graph *a, const struct graph *b);

#define SAME(field) (memcmp(&a->field, &b->field, sizeof a->field) == 0)
bool same_but_sources(const struct node *a, const struct node *b) {
    return a->op == b->op && a->dtype == b->dtype && a->rank == b->rank &&
           a->batched == b->batched &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0 &&
           a->source_count == b->source_count && SAME(axis) && SAME(axis_count) && SAME(axes) &&
           SAME(before) && SAME(after) && SAME(size) && SAME(stride) && SAME(dilation) &&
           SAME(scanned) && SAME(last) && same_name(a->name, b->name) && same_value(a, b) &&
           same_body(a->body, b->body);
}
#undef SAME

/* The ids of sources say all, in graphs that are equal so far. */
static bool same_node(const struct node *a, const struct node *b) {
    if (!same_but_sources(a, b))
        return false;
    for (int i = 0; i < a->source_count; i++)
        if (a->sources[i]->id != b->sources[i]->id)
            return false;
    return true;
}

/* Node by node; their depth is bounded. */
static bool same_body(const struct graph *a, const struct graph *b) {
    if (a == b)
        return true;
    if (!a || !b || a->node_count != b->node_count || a->output_count != b->output_count)
        return false;
    for (int i = 0; i < a->output_count; i++)
        if (a->outputs[i].node->id != b->outputs[i].node->id)
            return false;
    for (int i = 0; i < a->node_count; i++)
        if (!same_node(a->nodes[i], b->nodes[i]))
            return false;
    return true;
}

/* Where the node, or its equal, is or belongs in the table. */
static struct node **find_place(const struct copying *copying, const struct node *node) {
    size_t at = (size_t)hash_node(node) & (copying->table_size - 1);
    while (copying->table[at] && !same_node(copying->table[at], node))
        at = (at + 1) & (copying->table_size - 1);
    return &copying->table[at];
}

/* Copying */

static bool copy_node(struct copying *copying, const struct node *original) {
    struct node *sources[MAX_SOURCES];
    struct node node = *original;
    for (int i = 0; i < node.source_count; i++)
        sources[i] = copying->copies[node.sources[i]->id];
    node.sources = sources;
    struct node *alone = NULL, **place = copying->apart ? &alone : find_place(copying, &node);
    if (!*place)
        *place = graph_append(copying->program, &node, copying->error);
    copying->copies[original->id] = *place;
    return *place != NULL;
}

/* The deepest source that is not copied yet; the first of equally deep ones. */
static struct node *next_source(const struct copying *copying, const struct node *node) {
    struct node *next = NULL;
    for (int i = 0; i < node->source_count; i++) {
        struct node *source = node->sources[i];
        if (!copying->copies[source->id] &&
            (!next || copying->depth[source->id] > copying->depth[next->id]))
            next = source;
    }
    return next;
}

static bool copy_with_sources(struct copying *copying, struct node *node) {
    int length = 0;
    if (!copying->copies[node->id])
        copying->path[length++] = node;
    while (length > 0) {
        node = copying->path[length - 1];
        struct node *source = next_source(copying, node);
        if (source)
            copying->path[length++] = source;
        else if (copy_node(copying, node))
            length--;
        else
            return false;
    }
    return true;
}

static bool copy(struct copying *copying, int count, const struct output *outputs) {
    const struct graph *graph = copying->graph;
    bool copied = prepare(copying);
    for (int i = 0; copied && i < graph->input_count; i++)
        copied = copy_node(copying, graph->inputs[i]);
    for (int i = 0; copied && i < count; i++)
        copied = copy_with_sources(copying, outputs[i].node) &&
                 graph_add_output_again(copying->program, &outputs[i],
                                        copying->copies[outputs[i].node->id], copying->error);
    release(copying);
    return copied && verify_graph(copying->program, copying->error);
}

bool copy_graph(const struct graph *graph, struct graph *program, int count,
                const struct output *outputs, struct et_error *error) {
    struct copying copying = {.graph = graph, .program = program, .error = error};
    return copy(&copying, count, outputs);
}

bool copy_graph_apart(const struct graph *graph, struct graph *program, int count,
                      const struct output *outputs, struct et_error *error) {
    struct copying copying = {.graph = graph, .program = program, .apart = true, .error = error};
    return copy(&copying, count, outputs);
}
