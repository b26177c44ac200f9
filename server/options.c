#include "server/options.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/base/budget.h"
#include "compiler/import/model_file.h"
#include "server/server.h"

enum {
    KEY_FIRST = 256,
#define NUMBER(field, ...) KEY_##field,
#define TEXT(field, ...) KEY_##field,
#include "server/options.def"
#undef NUMBER
#undef TEXT
    KEY_AOT,
    KEY_NO_AOT,
    KEY_CUDA,
    KEY_QUIET,
    KEY_AXIS,
};

static bool read_number(const char *what, const char *text, long least, long most, long *number,
                        char message[256]) {
    char *end;
    errno = 0;
    *number = strtol(text, &end, 10);
    if (end != text && !*end && !errno && *number >= least && *number <= most)
        return true;
    snprintf(message, 256, "%s: expected a number from %ld to %ld, found %.60s", what, least, most,
             text);
    return false;
}

static bool read_switch(const char *name, bool *value, char message[256]) {
    const char *text = getenv(name);
    if (!text || !*text)
        return true;
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
        snprintf(message, 256, "%s: expected 0 or 1, found %.60s", name, text);
        return false;
    }
    *value = *text == '1';
    return true;
}

bool options_from_environment(struct options *options, char message[256]) {
    *options = (struct options){.aot = true};
    const char *text;
#define NUMBER(field, option, environment, argument, value, least, most, help)                     \
    options->field = value;                                                                        \
    if ((text = getenv(environment)) && *text &&                                                   \
        !read_number(environment, text, least, most, &options->field, message))                    \
        return false;
#define TEXT(field, option, environment, argument, value, help)                                    \
    options->field = (text = getenv(environment)) ? text : value;
#include "server/options.def"
#undef NUMBER
#undef TEXT
    return read_switch("EIGENTENSOR_AOT", &options->aot, message) &&
           read_switch("EIGENTENSOR_CUDA", &options->cuda, message) &&
           read_switch("EIGENTENSOR_QUIET", &options->quiet, message);
}

static void add_graph(struct options *options, char *path, struct argp_state *state) {
    if (options->graph_count == MODELS_MOST)
        argp_error(state, "%s: at most %d graphs", path, MODELS_MOST);
    char **grown = realloc(options->graphs, (size_t)(options->graph_count + 1) * sizeof *grown);
    if (!grown)
        argp_failure(state, EXIT_FAILURE, 0, "out of memory");
    grown[options->graph_count++] = path;
    options->graphs = grown;
}

static void add_axis(struct options *options, char *text, struct argp_state *state) {
    struct et_error error = {0};
    struct axis_sizes *grown =
        realloc(options->axes, (size_t)(options->axis_count + 1) * sizeof *grown);
    if (!grown)
        argp_failure(state, EXIT_FAILURE, 0, "out of memory");
    options->axes = grown;
    struct axis_sizes *sizes = &grown[options->axis_count++];
    if (!read_axis_sizes(text, sizes, &error))
        argp_error(state, "%s", error.message);
    if (sizes->place_count)
        argp_error(state, "%s: `eigentensor import` makes one axis of several places", sizes->name);
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    struct options *options = state->input;
    char message[256];
    switch (key) {
#define NUMBER(field, option, environment, name, value, least, most, help)                         \
    case KEY_##field:                                                                              \
        if (!read_number("--" option, argument, least, most, &options->field, message))            \
            argp_error(state, "%s", message);                                                      \
        return 0;
#define TEXT(field, option, environment, name, value, help)                                        \
    case KEY_##field:                                                                              \
        options->field = argument;                                                                 \
        return 0;
#include "server/options.def"
#undef NUMBER
#undef TEXT
    case KEY_AOT:
    case KEY_NO_AOT:
        options->aot = key == KEY_AOT;
        return 0;
    case KEY_CUDA:
        options->cuda = true;
        return 0;
    case KEY_QUIET:
        options->quiet = true;
        return 0;
    case KEY_AXIS:
        add_axis(options, argument, state);
        return 0;
    case ARGP_KEY_ARG:
        add_graph(options, argument, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_version(FILE *stream, struct argp_state *state) {
    (void)state;
    fprintf(stream, "eigentensor-server %s\n", ET_VERSION);
}
void (*argp_program_version_hook)(FILE *stream, struct argp_state *state) = print_version;

#define SHOWN(value) #value
static const struct argp_option rows[] = {
#define NUMBER(field, option, environment, argument, value, least, most, help)                     \
    {option, KEY_##field, argument, 0, help " (" environment ", " SHOWN(value) ")", 0},
#define TEXT(field, option, environment, argument, value, help)                                    \
    {option, KEY_##field, argument, 0, help " (" environment ", " value ")", 0},
#include "server/options.def"
#undef NUMBER
#undef TEXT
    {"aot", KEY_AOT, NULL, 0, "build faster code with gcc in the background (EIGENTENSOR_AOT)", 0},
    {"no-aot", KEY_NO_AOT, NULL, 0, "do not", 0},
    {"cuda", KEY_CUDA, NULL, 0,
     "run the models on an NVIDIA GPU, but for requests that ask for another mode "
     "(EIGENTENSOR_CUDA)",
     0},
    {"axis", KEY_AXIS, "NAME=SIZES", 0,
     "the sizes that an open axis may have, of each model that has one of that name: 16, 1,16,128 "
     "or 1..512; N: it is the axis of images. What is not given stays open; for each",
     0},
    {"quiet", KEY_QUIET, NULL, 0, "no access log (EIGENTENSOR_QUIET)", 0},
    {0},
};

void options_parse(struct options *options, int count, char **values) {
    static const struct argp parser = {
        .options = rows,
        .parser = parse,
        .args_doc = "[[NAME=]GRAPH.json | [NAME=]MODEL.onnx]...",
        .doc = "Serves stored tensor graphs and ONNX models over HTTP, and a page to draw digits "
               "on.\v"
               "Without one, and without --models: the shipped MNIST models. NAME= gives a "
               "model another name than its file does. Every option may also be given in "
               "the environment variable named behind it, which the command line overrides. "
               "SIGTERM finishes the requests in flight, then ends the process.",
    };
    argp_err_exit_status = 2;
    if (argp_parse(&parser, count, values, 0, NULL, options) == 0)
        return;
    fprintf(stderr, "eigentensor-server: out of memory\n");
    exit(EXIT_FAILURE);
}
