/* Bodies of scans on their way: each is a graph of its own within another, of which it captures
 * what it reads. */
#include "compiler/import/counted.h"
#include "compiler/import/low_types.h"

#include <stdio.h>

struct built_graph *body_begin(struct importer *importer, const char *name) {
    struct built_graph *body = arena_new(&importer->arena, struct built_graph);
    body->around = importer->innermost;
    importer->innermost = importer->graph = body;
    body->context = tensor_context_new(name);
    if (importer->options->open)
        tensor_keep_all(body->context);
    return body;
}

void body_end(struct importer *importer) {
    struct built_graph *body = importer->innermost;
    importer->innermost = importer->graph = body->around;
    tensor_context_free(body->context);
    graph_free(body->program);
}

static struct tensor find_captured(const struct built_graph *graph, struct tensor outer) {
    for (int i = 0; i < graph->captured_count; i++)
        if (graph->captured[i].outer.node == outer.node)
            return graph->captured[i].inner;
    return NO_TENSOR;
}

/* A const again, else an input. */
static struct tensor capture(struct built_graph *graph, struct tensor outer) {
    const struct node *node = outer.node;
    if (graph->captured_count == MAX_SOURCES)
        return tensor_fail(graph->context, "a body that reads more than %d values around it",
                           MAX_SOURCES);
    if (node->op == OP_CONST)
        return tensor_of_node(graph->context, node, 0, NULL);
    char name[32];
    snprintf(name, sizeof name, "captured%d", graph->captured_count);
    return add_graph_input(graph->context, name, node->dtype, node->rank, node->shape);
}

static struct tensor captured_by(struct importer *importer, struct built_graph *graph,
                                 struct tensor x);

/* A counted tensor is so within the body, too. */
static struct tensor count_captured(struct importer *importer, struct built_graph *graph,
                                    struct tensor inner, struct axis_counts counts) {
    struct built_graph *at_hand = importer->graph;
    for (int i = 0; i < counts.count; i++)
        counts.list[i].count = captured_by(importer, graph, counts.list[i].count);
    importer->graph = graph;
    counted(importer, inner, &counts);
    importer->graph = at_hand;
    return inner;
}

/* x as `graph` has it, which is the graph at hand or one around it. */
static struct tensor captured_by(struct importer *importer, struct built_graph *graph,
                                 struct tensor x) {
    if (!x.node || x.context == graph->context || !graph->around)
        return x;
    struct tensor outer = captured_by(importer, graph->around, x);
    struct tensor inner = find_captured(graph, outer);
    if (inner.node || !outer.node)
        return inner;
    struct built_graph *at_hand = importer->graph;
    importer->graph = graph->around;
    const struct view *view = known_elements(importer, outer);
    int type = element_type(importer, outer);
    struct axis_counts counts = counts_of(importer, outer);
    importer->graph = graph;
    inner = typed(importer, capture(graph, outer), type);
    if (view)
        set_known_elements(importer, inner, view);
    importer->graph = at_hand;
    if (inner.node) {
        graph->captured = arena_extend(&importer->arena, graph->captured, graph->captured_count,
                                       &graph->captured_capacity, sizeof *graph->captured);
        graph->captured[graph->captured_count++] =
            (struct captured){outer, inner, outer.node->op == OP_CONST};
    }
    return count_captured(importer, graph, inner, counts);
}

struct tensor captured(struct importer *importer, struct tensor x) {
    return captured_by(importer, importer->graph, x);
}
