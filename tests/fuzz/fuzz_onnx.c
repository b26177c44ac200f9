/* ONNX models: those that are taken are whole graphs, and if they are small, compiled and run
 * beside the interpreter. */
#include "tests/fuzz/fuzz_trial.h"

#include "compiler/import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    struct onnx *onnx = onnx_open_bytes(data, size, "no_such_folder/fuzz.onnx", &error);
    struct graph *graph = onnx ? onnx_graph(onnx, NULL, &weights, &error) : NULL;
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
