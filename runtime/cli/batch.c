/* eigentensor batch: the same model for any number of images. */
#include "runtime/cli/cli.h"

#include <stdlib.h>

struct batch_arguments {
    struct model model;
    const char *output;
};

static const struct argp_option options[] = {
    {"output", 'o', "OUT.json", 0, "The graph to write; its weights go beside it", 0},
    MODEL_OPTIONS,
    {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    struct batch_arguments *arguments = state->input;
    if (model_option(&arguments->model, key, argument, state))
        return 0;
    switch (key) {
    case 'o':
        arguments->output = argument;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->output)
            argp_error(state, "expected where to write the new graph, --output=OUT.json");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "MODEL.json",
    .doc = "Gives a model a batch axis, \"N\": the new graph runs any number of images, each with "
           "the bits that the old one gives it.\v"
           "Where all inputs and outputs have a first axis of extent 1, that becomes the batch "
           "axis; otherwise it is a new one before the others.\n\n"
           "  eigentensor batch mnist.json -o mnist-batch.json\n"
           "  eigentensor bench mnist-batch.json --batch=32",
};

int batch_command(int count, char **values) {
    struct batch_arguments arguments = {0};
    argp_parse(&parser, count, values, 0, NULL, &arguments);
    struct et_error error = {0};
    struct et_program *program =
        et_program_open_batched(arguments.model.path, arguments.model.weights, &error);
    bool good = program && et_program_save(program, arguments.output, &error);
    if (good)
        printf("digest %s\n", et_program_digest(program));
    et_program_free(program);
    return good ? EXIT_SUCCESS : report(&error);
}
