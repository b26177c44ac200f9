#include "compiler/import/growing.h"

#include "compiler/import/movement.h"

#include <string.h>

static const Onnx__Node *maker_of(const Onnx__Graph *graph, const char *name) {
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_output; k++)
            if (strcmp(graph->node[i]->output[k], name) == 0)
                return graph->node[i];
    return NULL;
}

/* How often nodes and outputs of a graph, and of those within it, read the name. */
static int64_t uses_of(const Onnx__Graph *graph, const char *name, int depth) {
    int64_t uses = 0;
    if (depth > 8)
        return INT32_MAX;
    for (size_t i = 0; i < graph->n_output; i++)
        uses += strcmp(graph->output[i]->name, name) == 0;
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__Node *node = graph->node[i];
        for (size_t k = 0; k < node->n_input; k++)
            uses += strcmp(node->input[k], name) == 0;
        for (size_t k = 0; k < node->n_attribute; k++)
            if (node->attribute[k]->g)
                uses += uses_of(node->attribute[k]->g, name, depth + 1);
    }
    return uses;
}

static const Onnx__Attribute *attribute_of(const Onnx__Node *node, const char *name) {
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

static bool is_operator(const Onnx__Node *node, const char *name) {
    return onnx_domain(node->domain)[0] == 0 && strcmp(node->op_type, name) == 0;
}

/* Whether the node gives what it reads, of that dtype. */
static bool passes_on(const Onnx__Node *node, enum dtype dtype) {
    enum dtype to;
    if (node->n_input != 1 || node->n_output != 1)
        return false;
    if (is_operator(node, "Identity"))
        return true;
    const Onnx__Attribute *attribute = attribute_of(node, "to");
    return is_operator(node, "Cast") && attribute && attribute->i > 0 &&
           attribute->i <= INT32_MAX && onnx_dtype((int)attribute->i, &to) && to == dtype;
}

/* The node that makes a name, but for those that only pass it on; NULL: there is none. */
static const Onnx__Node *real_maker(const Onnx__Graph *body, const char *name, enum dtype dtype) {
    for (size_t left = body->n_node; left > 0; left--) {
        const Onnx__Node *node = maker_of(body, name);
        if (!node || !passes_on(node, dtype))
            return node;
        name = node->input[0];
    }
    return NULL;
}

/* Whether `name` is the input, passed on, and nothing else reads that. */
static bool is_input_alone(const Onnx__Graph *body, const char *name, const char *input,
                           enum dtype dtype) {
    for (size_t left = body->n_node + 1; left > 0; left--) {
        if (uses_of(body, name, 0) != 1)
            return false;
        if (strcmp(name, input) == 0)
            return true;
        const Onnx__Node *node = maker_of(body, name);
        if (!node || !passes_on(node, dtype))
            return false;
        name = node->input[0];
    }
    return false;
}

int growing_axis(const Onnx__Graph *body, size_t in, size_t out, struct tensor initial) {
    if (!body || in >= body->n_input || out >= body->n_output || !initial.node)
        return DOES_NOT_GROW;
    enum dtype dtype = tensor_dtype(initial);
    const Onnx__Node *node = real_maker(body, body->output[out]->name, dtype);
    const Onnx__Attribute *axis = node ? attribute_of(node, "axis") : NULL;
    int rank = tensor_rank(initial);
    if (!axis || !is_operator(node, "Concat") || node->n_input < 2 || axis->i < -rank ||
        axis->i >= rank)
        return DOES_NOT_GROW;
    if (!is_input_alone(body, node->input[0], body->input[in]->name, dtype))
        return DOES_NOT_GROW;
    return (int)(axis->i < 0 ? axis->i + rank : axis->i);
}

struct tensor grown_state(struct tensor initial, int axis, struct tensor parts) {
    if (!parts.node)
        return parts;
    parts = move_axis(parts, 0, axis);
    const int64_t joined = tensor_extent(parts, axis) * tensor_extent(parts, axis + 1);
    parts = reshape_axes(parts, axis, 2, 1, &joined);
    return tensor_extent(initial, axis) ? tensor_concat(TENSORS(initial, parts), axis) : parts;
}
