/* eigentensor batch: the same model for any number of images. */
#include "runtime/cli/cli.h"

#include <stdlib.h>

struct batch_arguments {
    struct common common;
    const char *output;
};

static const struct argp_option options[] = {
    {"output", 'o', "OUT.json", 0, "The graph to write; its weights go beside it", 0},
    MODEL_OPTIONS,
    {0}};

/* NOLINTNEXTLINE(readability-non-const-parameter): argp gives it so */
static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct batch_arguments *arguments = input;
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

static const struct command_line line = {
    .options = options,
    .parse = parse,
    .arguments = "MODEL.json",
    .about =
        "Gives a model a batch axis, \"N\": the new graph runs any number of images, each with "
        "the bits that the old one gives it.\v"
        "Where all inputs and outputs have a first axis of extent 1, that becomes the batch "
        "axis; if not, it is a new one before the others.\n\n"
        "  eigentensor batch mnist.json -o mnist-batch.json\n"
        "  eigentensor bench mnist-batch.json --batch=32",
};

int batch_command(int count, char **values) {
    struct batch_arguments arguments = {0};
    command_parse(&line, count, values, &arguments.common);
    struct et_error error = {0};
    struct cli_model *model = &arguments.common.model;
    model->program = et_program_open_batched(model->path, model->weights, &error);
    bool good = model->program &&
                command_check_saved(&arguments.common, arguments.output, &error) &&
                et_program_save(model->program, arguments.output, &error);
    if (good)
        printf("digest %s\n", et_program_digest(model->program));
    return command_end(&arguments.common, good, &error);
}
