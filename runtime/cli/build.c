/* eigentensor build: a model as a program of its own. */
#include "runtime/cli/cli.h"

#include <stdlib.h>
#include <string.h>

struct build_arguments {
    struct common common;
    enum standalone_kind kind;
    bool link_static;
    const char *output;
};

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0,
     "The program to write (default: the model's name, its letters and digits)", 0},
    {"static", 's', 0, 0, "Link everything in: needs nothing at run time, not even a C library", 0},
    {"cc", 'c', "COMPILER", 0,
     "The C compiler: gcc (the default), clang, or a path; \"ccache gcc\" works too", 0},
    {"cflags", 'f', "FLAGS", 0,
     "Flags for it, after ours; -march=x86-64-v3 instead of -march=native makes a program for "
     "other machines",
     0},
    {"main", 'm', "classifier|runner", 0,
     "classifier: pictures of digits and IDX files in, classes out (the default for models that "
     "read 28x28 float32 and give a vector of float32); runner: files of tensors in and out (the "
     "default for all other models)",
     0},
    THREADS_OPTION(
        "The program shares each run among N threads (0: one for each core; default: 1)"),
    TUNED_OPTIONS,
    FAST_OPTION,
    WEIGHTS_OPTION,
    AXES_OPTION,
    {0}};

static void choose_main(enum standalone_kind *kind, const char *name, struct argp_state *state) {
    if (strcmp(name, "classifier") == 0)
        *kind = STANDALONE_CLASSIFIER;
    else if (strcmp(name, "runner") == 0)
        *kind = STANDALONE_RUNNER;
    else
        argp_error(state, "%s: expected classifier or runner", name);
}

static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct build_arguments *arguments = input;
    switch (key) {
    case 'o':
        arguments->output = argument;
        return 0;
    case 's':
        arguments->link_static = true;
        return 0;
    case 'm':
        choose_main(&arguments->kind, argument, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct command_line line = {
    .options = options,
    .compiles = true,
    .takes_sets = true,
    .parse = parse,
    .arguments = "MODEL.json",
    .about = "Builds a program with the model and its weights inside.\v"
             "It needs libc, libm, libpng and zlib at run time (nothing with --static), no file "
             "beside it, and runs on CPUs like this one. Building needs a C compiler and the "
             "development files of libpng and zlib.\n\n"
             "  eigentensor build mnist.json -o mnist-classify\n"
             "  ./mnist-classify seven.png\n"
             "  ./mnist-classify --idx t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz\n"
             "  eigentensor build encoder.onnx --axis seq_len=1,16,128\n\n"
             "Built for several sizes, the program takes the one that the arrays given to it have; "
             "each --tuned is of one size.",
};

int build_command(int count, char **values) {
    struct build_arguments arguments = {0};
    command_parse(&line, count, values, &arguments.common);
    const struct standalone_options building = {
        .kind = arguments.kind,
        .cc = arguments.common.cc,
        .flags = (const char *const *)arguments.common.flags.items,
        .link_static = arguments.link_static,
        .threads = arguments.common.threads};
    const struct cli_model *model = &arguments.common.model;
    struct et_error error = {0};
    struct arena arena = {0};
    const char *path = arguments.output;
    struct cli_sizes sizes;
    bool good = sizes_open(&sizes, &arguments.common.model, &error);
    if (good && !path && !(path = standalone_path(model->program, &arena)))
        good = et_fail(&error, "out of memory");
    good = good && command_check_output(&arguments.common, path, &error) &&
           standalone_build(&sizes, model, &building, path, &error);
    sizes_close(&sizes, &arguments.common.model);
    arena_free(&arena);
    return command_end(&arguments.common, good, &error);
}
