/* mnist-define OUTPUT.json [WEIGHTS.safetensors]: stores the MNIST network's graph. */
#include "models/mnist/mnist_model.h"

#include "compiler/store/store.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
    char *output, *weights;
};

static error_t parse_argument(int key, char *argument, struct argp_state *state) {
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num > 1)
            argp_usage(state);
        *(state->arg_num == 0 ? &arguments->output : &arguments->weights) = argument;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->output)
            argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .parser = parse_argument,
    .args_doc = "OUTPUT.json [WEIGHTS.safetensors]",
    .doc = "Stores the MNIST network's graph.  The weights must lie in the folder of OUTPUT.json, "
           "which names them and their digest; without them it is the graph's canonical text.",
};

/* The stored form without the name and the digest of a weights file. */
static bool store_canonical(const struct graph *graph, const char *path, struct et_error *error) {
    struct text text = {0};
    bool stored = graph_to_json(graph, NULL, NULL, &text, error) &&
                  write_file(path, text_read(&text, NULL), text.length, error);
    text_free(&text);
    return stored;
}

static bool store_with_weights(const struct graph *graph, const struct arguments *arguments,
                               struct et_error *error) {
    struct weights *weights = weights_load(arguments->weights, error);
    if (!weights)
        return false;
    const char *slash = strrchr(arguments->weights, '/');
    const char *file = slash ? slash + 1 : arguments->weights;
    bool stored = graph_store(graph, file, weights, arguments->output, error);
    weights_free(weights);
    return stored;
}

int main(int count, char **values) {
    struct arguments arguments = {0};
    argp_parse(&parser, count, values, 0, NULL, &arguments);
    struct et_error error = {0};
    struct graph *graph = mnist_graph(&error);
    bool stored = graph && (arguments.weights ? store_with_weights(graph, &arguments, &error)
                                              : store_canonical(graph, arguments.output, &error));
    graph_free(graph);
    if (!stored)
        fprintf(stderr, "mnist-define: %s\n", error.message);
    return stored ? EXIT_SUCCESS : EXIT_FAILURE;
}
