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

static bool append_at_batch(struct graph *copy, struct node *node, const void *context,
                            struct et_error *error) {
    int64_t batch = *(const int64_t *)context;
    struct graph *body = NULL;
    bool good = true;
    if (node->batched) {
        node->batched = false;
        node->shape[0] = batch;
        if (node->op == OP_SHRINK)
            node->after[0] = batch;
    }
    if (node->op == OP_SCAN && node->body->batched) {
        node->body = body = graph_at_batch(node->body, batch, error);
        good = body != NULL;
    }
    good = good && graph_append(copy, node, error);
    graph_free(body);
    return good || et_fail_within(error, "%" PRId64 " images: node %d", batch, node->id);
}

struct graph *graph_at_batch(const struct graph *graph, int64_t batch, struct et_error *error) {
    if (!graph_check_batch(graph, batch, error))
        return NULL;
    return graph_remade(graph, append_at_batch, &batch, error);
}
