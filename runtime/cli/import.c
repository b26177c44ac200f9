/* eigentensor import: a model in another format as a stored graph. */
#include "runtime/cli/cli.h"

#include "compiler/import/import.h"

#include <stdlib.h>

struct import_arguments {
    struct common common;
    const char *output;
    bool operators;
};

enum { KEY_OPERATORS = 256 };

static const struct argp_option options[] = {
    {"output", 'o', "NAME.json", 0,
     "The graph to write (default: the model's name, here); its weights go beside it", 0},
    {"operators", KEY_OPERATORS, 0, 0, "List the operators that are imported, as Markdown", 0},
    AXIS_OPTION,
    {0}};

/* NOLINTNEXTLINE(readability-non-const-parameter): argp gives it so */
static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct import_arguments *arguments = input;
    switch (key) {
    case 'o':
        arguments->output = argument;
        return 0;
    case KEY_OPERATORS:
        arguments->operators = true;
        arguments->common.model.optional = true;
        return 0;
    case ARGP_KEY_END:
        if (arguments->common.model.path && !is_onnx_path(arguments->common.model.path))
            argp_error(state, "%s: expected a name that ends with .onnx",
                       arguments->common.model.path);
        return ARGP_ERR_UNKNOWN;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct command_line line = {
    .options = options,
    .parse = parse,
    .arguments = "MODEL.onnx\n--operators",
    .about = "Makes a stored graph and its weights of a model in ONNX's format.\v"
             "Every command takes MODEL.onnx by itself; storing it once saves the import.\n\n"
             "  eigentensor import detector.onnx --axis height=640 --axis width=480\n"
             "  eigentensor check detector.json",
};

static bool save(const struct import_arguments *arguments, struct et_error *error) {
    const struct et_program *program = arguments->common.model.program;
    struct text name = {0};
    text_add(&name, "%s.json", et_program_name(program));
    const char *path = arguments->output ? arguments->output : text_read(&name, error);
    bool good = path && command_check_saved(&arguments->common, path, error) &&
                et_program_save(program, path, error);
    if (good)
        printf("%s\ndigest %s\n", path, et_program_digest(program));
    text_free(&name);
    return good;
}

static bool print_operators(struct et_error *error) {
    struct text page = {0};
    onnx_describe(&page);
    const char *text = text_read(&page, error);
    bool good = text && fputs(text, stdout) >= 0;
    text_free(&page);
    return good;
}

int import_command(int count, char **values) {
    struct import_arguments arguments = {0};
    command_parse(&line, count, values, &arguments.common);
    struct et_error error = {0};
    arguments.common.model.untuned = true;
    bool good = arguments.operators
                    ? print_operators(&error)
                    : model_open(&arguments.common.model, &error) && save(&arguments, &error);
    return command_end(&arguments.common, good, &error);
}
