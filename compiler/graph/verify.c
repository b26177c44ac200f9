#include "compiler/graph/graph.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Sources come earlier in the same graph: so there is no cycle. */
static bool check_order(const struct graph *graph, const struct node *node,
                        struct et_error *error) {
    for (int i = 0; i < node->source_count; i++) {
        const struct node *source = node->sources[i];
        if (source->id < 0 || source->id >= node->id || graph->nodes[source->id] != source)
            return et_fail(error, "source %d is not an earlier node of the graph", i);
    }
    return true;
}

/* Its depth is bounded by infer(). Weights have no place in a body but where the compiler put them
 * with their elements. */
static bool check_body(const struct graph *body, struct et_error *error) {
    for (int i = 0; i < body->node_count; i++)
        if (body->nodes[i]->op == OP_WEIGHT && !body->nodes[i]->value)
            return et_fail(error, "body: node %d is a weight, which has to be a source of the scan",
                           i);
    return verify_graph(body, error) || et_fail_within(error, "body");
}

static bool check_node(const struct graph *graph, const struct node *node, struct et_error *error) {
    if (!check_order(graph, node, error))
        return false;
    if (node->op == OP_SCAN && node->body && !check_body(node->body, error))
        return false;
    struct node again = *node;
    if (!infer(&again, error))
        return false;
    if (again.dtype != node->dtype || again.rank != node->rank || again.batched != node->batched ||
        memcmp(again.shape, node->shape, (size_t)node->rank * sizeof *node->shape) != 0)
        return et_fail(error, "%s: stored as %s, but its sources give %s", op_facts[node->op].name,
                       shape_text(node).text, shape_text(&again).text);
    return graph->batched || !node->batched ||
           et_fail(error, "%s: %s, but no input has " BATCH_SYMBOL, op_facts[node->op].name,
                   shape_text(node).text);
}

bool verify_count(const struct graph *graph, const struct output *output, struct et_error *error) {
    const struct node *node = output->node;
    if (output->count < 0 || output->count > graph->output_count)
        return et_fail(error, "output \"%s\": output %d, which is to count it, is not there",
                       output->name, output->count - 1);
    const struct output *count = &graph->outputs[output->count - 1];
    if (node->batched || graph->batched)
        return et_fail(error, "output \"%s\" is counted, which no graph with " BATCH_SYMBOL " has",
                       output->name);
    if (output->counted_axis < 0 || output->counted_axis >= node->rank)
        return et_fail(error, "output \"%s\" is %s, and counted along axis %d", output->name,
                       shape_text(node).text, output->counted_axis);
    return (count->node->dtype == DTYPE_INT64 && count->node->rank == 0) ||
           et_fail(error, "output \"%s\" counts \"%s\", and is %s, expected int64[]", count->name,
                   output->name, shape_text(count->node).text);
}

static bool verify_scaling(const struct scaling *scaling, enum dtype dtype,
                           struct et_error *error) {
    const struct dtype_facts *facts = &dtype_facts[dtype];
    if (scaling->scale == 0 && scaling->zero == 0)
        return true;
    if (!dtype_is_integer(dtype) || dtype == DTYPE_BOOL || facts->bytes > 4)
        return et_fail(error, "%s has a scale, which is for integers of 8 to 32 bits", facts->name);
    if (!(scaling->scale > 0) || !isfinite(scaling->scale))
        return et_fail(error, "the scale is %g, expected a positive number",
                       (double)scaling->scale);
    if (scaling->zero < facts->least || scaling->zero > (int64_t)facts->greatest)
        return et_fail(error, "zero is %" PRId64 ", which is no %s", scaling->zero, facts->name);
    return true;
}

static bool verify_inputs(const struct graph *graph, struct et_error *error) {
    for (int i = 0; i < graph->input_count; i++)
        if (!verify_scaling(&graph->inputs[i]->scaling, graph->inputs[i]->dtype, error))
            return et_fail_within(error, "input \"%s\"", graph->inputs[i]->name);
    return true;
}

bool verify_graph(const struct graph *graph, struct et_error *error) {
    for (int i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i]->id != i)
            return et_fail(error, "node %d: carries the id %d", i, graph->nodes[i]->id);
        if (!check_node(graph, graph->nodes[i], error))
            return et_fail_within(error, "node %d", i);
    }
    if (!verify_inputs(graph, error))
        return false;
    if (graph->output_count == 0)
        return et_fail(error, "the graph has no outputs");
    for (int i = 0; i < graph->output_count; i++) {
        const struct node *node = graph->outputs[i].node;
        if (node->id >= graph->node_count || graph->nodes[node->id] != node)
            return et_fail(error, "output \"%s\" is not a node of the graph",
                           graph->outputs[i].name);
        if (graph->batched && !node->batched)
            return et_fail(error,
                           "output \"%s\" is node %d, %s, expected one that has the batch "
                           "axis " BATCH_SYMBOL,
                           graph->outputs[i].name, node->id, shape_text(node).text);
        if (image_bytes(node) > MAX_TENSOR_BYTES)
            return et_fail(error, "output \"%s\" is too large: %s", graph->outputs[i].name,
                           shape_text(node).text);
        if (graph->outputs[i].count && !verify_count(graph, &graph->outputs[i], error))
            return false;
        if (!verify_scaling(&graph->outputs[i].scaling, node->dtype, error))
            return et_fail_within(error, "output \"%s\"", graph->outputs[i].name);
    }
    return true;
}
