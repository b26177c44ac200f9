/* Stored graphs: those that are taken are written, read back as the same, and, if they are small,
 * compiled and run beside the interpreter. */
#include "tests/fuzz/fuzz_trial.h"

#include "compiler/store/store.h"

static const struct graph_load_options options = {
    .weights_path = "tests/fuzz/models/weights.safetensors", .as_written = true};

static void write_and_read(const struct graph *graph) {
    struct et_error error = {0};
    struct text once = {0}, twice = {0};
    struct weights *weights = NULL;
    must(graph_to_json(graph, NULL, NULL, &once, &error), "%s", error.message);
    struct graph *again =
        graph_decode(once.bytes, once.length, "again", ".", &options, &weights, &error);
    must(again, "%s\n%s", error.message, once.bytes);
    must(graph_to_json(again, NULL, NULL, &twice, &error), "%s", error.message);
    must(strcmp(once.bytes, twice.bytes) == 0, "%s\n%s", once.bytes, twice.bytes);
    text_free(&once);
    text_free(&twice);
    graph_free(again);
    weights_free(weights);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    char *json = fuzz_text(data, size);
    struct graph *graph = graph_decode(json, size, "fuzz", ".", &options, &weights, &error);
    must(graph || error.message[0], "no message");
    if (graph) {
        write_and_read(graph);
        must(graph_canonicalize(graph, &error), "%s", error.message);
        fuzz_try(graph, size);
    }
    graph_free(graph);
    weights_free(weights);
    free(json);
    return 0;
}
