#include "compiler/graph/batch.h"

#include <inttypes.h>

bool graph_check_batch(const struct graph *graph, int64_t batch, struct et_error *error) {
    if (!graph->batched && batch != 1)
        return et_fail(error, "%" PRId64 " images, but the graph has no batch axis", batch);
    if (batch < 1)
        return et_fail(error, "%" PRId64 " images, expected at least 1", batch);
    for (int i = 0; i < graph->input_count + graph->output_count; i++) {
        const struct node *node =
            i < graph->input_count ? graph->inputs[i] : graph->outputs[i - graph->input_count].node;
        if (node->batched && image_bytes(node) > MAX_TENSOR_BYTES / batch)
            return et_fail(error, "%" PRId64 " images: %s has more than %" PRId64 " bytes", batch,
                           shape_text(node).text, MAX_TENSOR_BYTES);
    }
    return true;
}

/* Requires that sources were copied. */
static bool copy_node(const struct node *node, int64_t batch, struct graph *copy,
                      struct et_error *error) {
    struct node *sources[MAX_SOURCES];
    struct node fixed = *node;
    for (int i = 0; i < node->source_count; i++)
        sources[i] = copy->nodes[node->sources[i]->id];
    fixed.sources = sources;
    fixed.batched = false;
    if (node->batched) {
        fixed.shape[0] = batch;
        if (node->op == OP_SHRINK)
            fixed.after[0] = batch;
    }
    struct graph *body = NULL;
    if (node->op == OP_SCAN && node->body->batched)
        fixed.body = body = graph_at_batch(node->body, batch, error);
    bool good = (body || fixed.body == node->body) && graph_append(copy, &fixed, error);
    graph_free(body);
    return good || et_fail_within(error, "%" PRId64 " images: node %d", batch, node->id);
}

struct graph *graph_at_batch(const struct graph *graph, int64_t batch, struct et_error *error) {
    if (!graph_check_batch(graph, batch, error))
        return NULL;
    struct graph *copy = graph_new(graph->name);
    bool good = copy || et_fail(error, "out of memory");
    for (int i = 0; good && i < graph->node_count; i++)
        good = copy_node(graph->nodes[i], batch, copy, error);
    for (int i = 0; good && i < graph->output_count; i++)
        good = graph_add_output(copy, graph->outputs[i].name,
                                copy->nodes[graph->outputs[i].node->id], error);
    if (good)
        return copy;
    graph_free(copy);
    return NULL;
}
