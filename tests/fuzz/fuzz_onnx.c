/* ONNX models: those that are taken are whole graphs, and if they are small, compiled and run beside
 * the interpreter. */
#include "tests/fuzz/fuzz_trial.h"

#include "compiler/import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    struct graph *graph =
        import_onnx_bytes(data, size, "tests/fuzz/corpus/onnx/fuzz.onnx", NULL, &weights, &error);
    must(graph || error.message[0], "no message");
    if (graph) {
        must(verify_graph(graph, &error), "%s", error.message);
        fuzz_try(graph, size);
    }
    graph_free(graph);
    weights_free(weights);
    return 0;
}
