/* ONNX models, with some size for each open axis. Those that are taken are whole graphs, and if
 * they are small, compiled and run beside the interpreter. */
#include "tests/fuzz/fuzz_trial.h"

#include "compiler/import/import.h"

enum { MOST_AXES = 8 };

static struct graph *import_it(const struct onnx *onnx, struct weights **weights,
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    struct onnx *onnx = onnx_open_bytes(data, size, "no_such_folder/fuzz.onnx", &error);
    struct graph *graph = onnx ? import_it(onnx, &weights, &error) : NULL;
    onnx_close(onnx);
    must(graph || error.message[0], "no message");
    if (graph) {
        must(verify_graph(graph, &error), "%s", error.message);
        fuzz_try(graph, size);
    }
    graph_free(graph);
    weights_free(weights);
    return 0;
}
