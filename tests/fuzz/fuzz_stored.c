/* Stored graphs: those that are taken are written, read back as the same, and, if they are small,
 * compiled and run beside the interpreter; with open axes, at the most and the least of their
 * sizes. */
#include "tests/fuzz/fuzz_trial.h"

#include "compiler/store/open_graph.h"

static const struct graph_load_options options = {
    .weights_path = "tests/fuzz/models/weights.safetensors", .as_written = true};

static void write_and_read(const struct open_graph *open) {
    struct et_error error = {0};
    struct text once = {0}, twice = {0};
    struct weights *weights = NULL;
    must(open_graph_to_json(open, NULL, NULL, &once, &error), "%s", error.message);
    struct open_graph *again =
        open_graph_decode(once.bytes, once.length, "again", ".", &options, &weights, &error);
    must(again, "%s\n%s", error.message, once.bytes);
    must(open_graph_to_json(again, NULL, NULL, &twice, &error), "%s", error.message);
    must(strcmp(once.bytes, twice.bytes) == 0, "%s\n%s", once.bytes, twice.bytes);
    text_free(&once);
    text_free(&twice);
    open_graph_free(again);
    weights_free(weights);
}

static void try_graph(struct graph *graph, size_t size) {
    struct et_error error = {0};
    const struct open_graph closed = {.graph = graph};
    write_and_read(&closed);
    must(graph_canonicalize(graph, &error), "%s", error.message);
    fuzz_try(graph, size);
    graph_free(graph);
}

/* The most sizes were looked at when the graph was read; others need not do. */
static void try_sizes(const struct open_graph *open, size_t size) {
    struct et_error error = {0};
    int64_t least[MOST_OPEN_AXES], most[MOST_OPEN_AXES];
    for (int i = 0; i < open->axes.count; i++) {
        least[i] = open->axes.axes[i].least;
        most[i] = open->axes.axes[i].most;
    }
    struct graph *graph = open_graph_at(open, most, &error);
    must(graph, "%s", error.message);
    try_graph(graph, size);
    graph = open_graph_at(open, least, &error);
    must(graph || error.message[0], "no message");
    if (graph)
        try_graph(graph, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    char *json = fuzz_text(data, size);
    struct open_graph *open =
        open_graph_decode(json, size, "fuzz", ".", &options, &weights, &error);
    must(open || error.message[0], "no message");
    if (open) {
        write_and_read(open);
        if (open->axes.count)
            try_sizes(open, size);
        else
            try_graph(open_graph_take(open), size);
    }
    open_graph_free(open);
    weights_free(weights);
    free(json);
    return 0;
}
