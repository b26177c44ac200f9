#include "tests/support/import_trial.h"

#include "compiler/import/import.h"
#include "tests/support/trial.h"

enum { MOST_AXES = 8 };

static bool is_within(const struct graph *graph, const struct trial_limits *limits) {
    if (graph->node_count > limits->nodes)
        return false;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        if (node_elements(node) > limits->elements)
            return false;
        if (node->op == OP_SCAN &&
            (scan_step_count(node) > limits->steps || !is_within(node->body, limits)))
            return false;
    }
    return true;
}

static struct graph *graph_of(const struct onnx *onnx, struct weights **weights,
                              struct et_error *error) {
    struct et_axis axes[MOST_AXES];
    struct import_options options = {.axes = axes};
    struct declared_inputs inputs = onnx_inputs(onnx);
    for (int i = 0; i < inputs.count; i++)
        for (int k = 0; k < inputs.inputs[i].rank && options.axis_count < MOST_AXES; k++)
            if (inputs.inputs[i].axis[k])
                axes[options.axis_count++] = (struct et_axis){inputs.inputs[i].axis[k], 4};
    return onnx_graph(onnx, &options, weights, error);
}

enum import_outcome graph_trial(const struct graph *graph, uint64_t seed,
                                const struct trial_limits *limits, struct et_error *error) {
    struct trial trial;
    if (graph->batched || !is_within(graph, limits))
        return IMPORT_LARGE;
    if (!trial_begin(&trial, graph, seed, error))
        return IMPORT_MISTAKEN;
    bool good = trial_check(&trial, &modes[MODE_JIT], error);
    trial_end(&trial);
    return good ? IMPORT_SAME : IMPORT_MISTAKEN;
}

enum import_outcome import_trial(const void *bytes, size_t count, uint64_t seed,
                                 const struct trial_limits *limits, struct et_error *error) {
    struct weights *weights = NULL;
    struct onnx *onnx = onnx_open_bytes(bytes, count, "no_such_folder/model.onnx", error);
    struct graph *graph = onnx ? graph_of(onnx, &weights, error) : NULL;
    enum import_outcome outcome = IMPORT_REFUSED;
    onnx_close(onnx);
    if (!graph && !error->message[0]) {
        et_fail(error, "refused without a message");
        outcome = IMPORT_MISTAKEN;
    } else if (graph && !verify_graph(graph, error)) {
        outcome = IMPORT_MISTAKEN;
    } else if (graph) {
        outcome = graph_trial(graph, seed, limits, error);
    }
    graph_free(graph);
    weights_free(weights);
    return outcome;
}
