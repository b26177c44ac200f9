/* Gives a graph a batch axis: every node that depends on an input gets one more axis before its
 * own. Nodes that depend on weights alone stay as they are, and are repeated along the new axis
 * where they meet others. */
#include "compiler/graph/batch.h"
#include "compiler/graph/copy_graph.h"

#include <string.h>

struct adding {
    struct graph *graph;  /* the new one */
    struct node **plain;  /* by old id: the node without the axis; NULL: it depends on an input */
    struct node **images; /* by old id: the node with the axis; NULL: none yet */
    bool takes_first;     /* the batch axis takes the place of a first axis of extent 1 */
    const bool *stays;    /* by position: the input stays without the axis; NULL: none does */
    int input_count;      /* so far */
    struct et_error *error;
};

static struct node *append(struct adding *adding, struct node node, int count, struct node *a,
                           struct node *b) {
    struct node *sources[2] = {a, b};
    node.source_count = count;
    node.sources = sources;
    return graph_append(adding->graph, &node, adding->error);
}

/* The shape of `node` behind the batch axis, and so without its first `skipped` axes. */
static struct node with_shape(enum op op, const struct node *node, int64_t batch, int skipped) {
    struct node made = {.op = op, .dtype = node->dtype, .rank = 1 + node->rank - skipped};
    made.shape[0] = batch;
    memcpy(made.shape + 1, node->shape + skipped,
           (size_t)(node->rank - skipped) * sizeof *made.shape);
    return made;
}

/* The source with the axis, repeated if it has none. */
static struct node *with_axis(struct adding *adding, const struct node *source) {
    struct node **images = &adding->images[source->id];
    if (*images || source->rank == MAX_RANK)
        return *images;
    struct node once = with_shape(OP_RESHAPE, source, 1, 0);
    struct node repeated = with_shape(OP_EXPAND, source, BATCH_EXTENT, 0);
    struct node *reshaped = append(adding, once, 1, adding->plain[source->id], NULL);
    repeated.batched = true;
    *images = reshaped ? append(adding, repeated, 1, reshaped, NULL) : NULL;
    return *images;
}

/* Positions with the axis, in data without: its picked axis must come first for that. */
static struct node *gather_for_images(struct adding *adding, const struct node *node) {
    const struct node *data = node->sources[0];
    struct node *positions = adding->images[node->sources[1]->id];
    int picked = node->axis, rank = positions->rank - 1;
    struct node first = {.op = OP_PERMUTE, .axis_count = data->rank, .axes = {picked}};
    for (int i = 0, to = 1; i < data->rank; i++)
        if (i != picked)
            first.axes[to++] = i;
    struct node gather = {.op = OP_GATHER};
    struct node back = {.op = OP_PERMUTE, .axis_count = data->rank + rank};
    for (int i = 0, to = 1; i < picked + rank; i++) /* axes before, then those of the positions */
        back.axes[to++] = i < picked ? 1 + rank + i : 1 + i - picked;
    for (int i = 1 + picked + rank; i < back.axis_count; i++)
        back.axes[i] = i;
    struct node *made = append(adding, first, 1, adding->plain[data->id], NULL);
    made = made ? append(adding, gather, 2, made, positions) : NULL;
    return made ? append(adding, back, 1, made, NULL) : NULL;
}

/* Attributes, one axis further on. */
static void shift_axes(struct node *node, int source_rank) {
    bool permutes = node->op == OP_PERMUTE;
    if (permutes) {
        memmove(node->axes + 1, node->axes, (MAX_RANK - 1) * sizeof *node->axes);
        node->axes[0] = -1;
        node->axis_count++;
    }
    for (int i = 0; i < node->axis_count; i++)
        node->axes[i]++;
    node->axis++;
    if (source_rank == MAX_RANK)
        return; /* for the node to be refused */
    memmove(node->before + 1, node->before, (size_t)source_rank * sizeof *node->before);
    memmove(node->after + 1, node->after, (size_t)source_rank * sizeof *node->after);
    node->before[0] = 0;
    node->after[0] = node->op == OP_SHRINK ? BATCH_EXTENT : 0;
}

static struct graph *add_axis(const struct graph *graph, const bool *stays, bool takes_first,
                              struct et_error *error);

/* States and slices have the axis, and of the others those that depend on an input. */
static struct node *scan_for_images(struct adding *adding, const struct node *node) {
    struct node made = *node, *sources[MAX_SOURCES];
    bool stays[MAX_SOURCES];
    if (scan_may_end(node)) {
        et_fail(adding->error, "its body says whether there is another step, which has no form "
                               "with a batch axis: images would end at different ones");
        return NULL;
    }
    for (int i = 0; i < node->source_count; i++) {
        struct node *plain = adding->plain[node->sources[i]->id];
        stays[i] = plain && i > node->scanned;
        sources[i] = stays[i] ? plain : with_axis(adding, node->sources[i]);
        if (!sources[i])
            return NULL;
    }
    struct graph *body = add_axis(node->body, stays, false, adding->error);
    if (!body)
        return NULL;
    made.axis++;
    made.sources = sources;
    made.body = body;
    struct node *scan = graph_append(adding->graph, &made, adding->error);
    graph_free(body);
    return scan;
}

static struct node *append_for_images(struct adding *adding, const struct node *node) {
    if (node->op == OP_SCAN)
        return scan_for_images(adding, node);
    struct node made = *node, *sources[MAX_SOURCES];
    bool gathers = node->op == OP_GATHER;
    if (gathers && adding->images[node->sources[1]->id]) {
        if (adding->plain[node->sources[0]->id])
            return gather_for_images(adding, node);
        et_fail(adding->error, "picks from what depends on an input by positions that do, which "
                               "has no form with a batch axis");
        return NULL;
    }
    for (int i = 0; i < node->source_count; i++) {
        sources[i] = gathers && i == 1 ? adding->plain[node->sources[i]->id]
                                       : with_axis(adding, node->sources[i]);
        if (!sources[i])
            return NULL;
    }
    if ((node->op == OP_RESHAPE || node->op == OP_EXPAND) && node->rank < MAX_RANK) {
        made.rank++;
        memmove(made.shape + 1, node->shape, (size_t)node->rank * sizeof *made.shape);
        made.shape[0] = BATCH_EXTENT;
    }
    shift_axes(&made, node->source_count ? node->sources[0]->rank : 0);
    made.sources = sources;
    return graph_append(adding->graph, &made, adding->error);
}

static struct node *append_input(struct adding *adding, const struct node *node) {
    struct node input = with_shape(OP_INPUT, node, BATCH_EXTENT, adding->takes_first);
    input.batched = true;
    input.name = node->name;
    input.scaling = node->scaling;
    struct node *made = append(adding, input, 0, NULL, NULL);
    if (!made || !adding->takes_first)
        return made;
    return append(adding, with_shape(OP_RESHAPE, node, BATCH_EXTENT, 0), 1, made, NULL);
}

static bool depends_on_input(struct adding *adding, const struct node *node) {
    for (int i = 0; i < node->source_count; i++)
        if (!adding->plain[node->sources[i]->id])
            return true;
    return node->op == OP_INPUT && !(adding->stays && adding->stays[adding->input_count++]);
}

static bool add_node(struct adding *adding, const struct node *node) {
    struct node *sources[MAX_SOURCES], plain = *node;
    bool depends = depends_on_input(adding, node);
    if (depends && node->op == OP_INPUT)
        return (adding->images[node->id] = append_input(adding, node)) != NULL;
    if (depends)
        return node->rank < MAX_RANK
                   ? (adding->images[node->id] = append_for_images(adding, node)) != NULL
                   : et_fail(adding->error, "rank %d leaves no axis for the batch", node->rank);
    for (int i = 0; i < node->source_count; i++)
        sources[i] = adding->plain[node->sources[i]->id];
    plain.sources = sources;
    adding->plain[node->id] = graph_append(adding->graph, &plain, adding->error);
    return adding->plain[node->id] != NULL;
}

static bool may_take_first(const struct graph *graph) {
    for (int i = 0; i < graph->input_count; i++)
        if (graph->inputs[i]->rank < 1 || graph->inputs[i]->shape[0] != 1)
            return false;
    for (int i = 0; i < graph->output_count; i++)
        if (graph->outputs[i].node->rank < 1 || graph->outputs[i].node->shape[0] != 1)
            return false;
    return true;
}

static bool add_nodes(struct adding *adding, const struct graph *graph, struct output *outputs) {
    for (int i = 0; i < graph->node_count; i++)
        if (!add_node(adding, graph->nodes[i]))
            return et_fail_within(adding->error, "node %d (%s)", i,
                                  op_facts[graph->nodes[i]->op].name);
    for (int i = 0; i < graph->output_count; i++) {
        const struct node *node = graph->outputs[i].node;
        struct node *images = with_axis(adding, node);
        if (images && adding->takes_first)
            images = append(adding, with_shape(OP_RESHAPE, node, BATCH_EXTENT, 1), 1, images, NULL);
        if (!images)
            return et_fail_within(adding->error, "output %d", i);
        if (graph->outputs[i].count)
            return et_fail(adding->error,
                           "the extent of output \"%s\" depends on the data: it differs from one "
                           "image to another",
                           graph->outputs[i].name);
        outputs[i] = graph->outputs[i];
        outputs[i].node = images;
    }
    return true;
}

static struct graph *add_axis(const struct graph *graph, const bool *stays, bool takes_first,
                              struct et_error *error) {
    struct adding adding = {.error = error,
                            .graph = graph_new(graph->name),
                            .takes_first = takes_first,
                            .stays = stays,
                            .plain = et_allocate((size_t)graph->node_count, sizeof(struct node *)),
                            .images =
                                et_allocate((size_t)graph->node_count, sizeof(struct node *))};
    struct output *outputs = et_allocate((size_t)graph->output_count, sizeof *outputs);
    struct graph *ordered = graph_new(graph->name);
    bool good = adding.graph && adding.plain && adding.images && outputs && ordered;
    if (!good)
        et_fail(error, "out of memory");
    else if (graph->batched || !graph->input_count)
        good = et_fail(error, graph->batched ? "the graph has a batch axis"
                                             : "a batch needs inputs, and the graph has none");
    else
        good = add_nodes(&adding, graph, outputs) &&
               copy_graph(adding.graph, ordered, graph->output_count, outputs, error);
    et_release(adding.plain);
    et_release(adding.images);
    et_release(outputs);
    graph_free(adding.graph);
    if (good)
        return ordered;
    graph_free(ordered);
    return NULL;
}

struct graph *graph_add_batch(const struct graph *graph, struct et_error *error) {
    return add_axis(graph, NULL, may_take_first(graph), error);
}
