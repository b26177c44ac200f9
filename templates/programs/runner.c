/* A standalone program that runs the one model it was built from on files of tensors, as
 * `eigentensor run` does. model.h, which the tool writes, tells about the model. */
#include "model.h"

#include "runtime/cli/tensors.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

struct runner_arguments {
    int64_t index;
    int file_count, output_count;
    char **files, **outputs; /* as many as there are arguments can be */
};

static const struct argp_option options[] = {
    {"index", 'i', "N", 0, "Which entry of IDX files to take, from 0 (the default)", 0},
    {"output", 'o', "[NAME=]FILE.npy", 0,
     "Write an output to a file instead of printing it; may be given for each output", 0},
    {0}};

static int64_t parse_index(struct argp_state *state, const char *text) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end || errno || number < 0)
        argp_error(state, "%s: expected a number from 0", text);
    return number;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    struct runner_arguments *arguments = state->input;
    switch (key) {
    case 'i':
        arguments->index = parse_index(state, argument);
        return 0;
    case 'o':
        arguments->outputs[arguments->output_count++] = argument;
        return 0;
    case ARGP_KEY_ARG:
        arguments->files[arguments->file_count++] = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void list_tensors(struct text *list, const char *what, int count,
                         const struct et_tensor *tensors) {
    for (int i = 0; i < count; i++)
        text_add(list, "  %-7s %s %s\n", what, tensors[i].name, facts_text(&tensors[i]).text);
}

/* The end of --help lists the tensors, the least size first; argp frees it. */
static char *help_text(int key, const char *text, void *input) {
    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)text;
    struct text list = {0};
    for (int i = MODEL_SIZES - 1; i >= 0; i--) {
        if (MODEL_SIZES > 1)
            text_add(&list, "at %s\n", model_sizes[i].name);
        list_tensors(&list, "input", MODEL_INPUTS, model_sizes[i].inputs);
        list_tensors(&list, "output", MODEL_OUTPUTS, model_sizes[i].outputs);
    }
    text_add(&list, "%s", text);
    return text_take(&list);
}

const char *argp_program_version =
    "model " MODEL_NAME "\ngraph " MODEL_DIGEST "\neigentensor " ET_VERSION;

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "[[NAME=]FILE...]",
    .doc = "Runs the model on a file for every input, in order or by NAME: an .npy array, a PNG of "
           "one drawn digit (for an input of 28x28 float32, or 8-bit integers with a scale), or an "
           "entry of an IDX file.\v"
           "Exit status: 0 done, 1 some file was bad, 2 wrong usage.",
    .help_filter = help_text,
};

/* ---- Which of the sizes ---- */

/* Whether arrays have the shapes that inputs have at that size. */
static bool size_fits(const struct model_size *size, const struct array_shape *shapes) {
    for (int i = 0; i < MODEL_INPUTS; i++) {
        const struct et_tensor *input = &size->inputs[i];
        if (shapes[i].rank >= 0 && shapes[i].rank != input->rank)
            return false;
        for (int axis = 0; axis < shapes[i].rank; axis++)
            if (input->shape[axis] != shapes[i].shape[axis] && input->shape[axis] != ET_BATCH)
                return false;
    }
    return true;
}

/* NULL, and an error that says what was expected. */
static const struct model_size *choose_size(const struct array_shape *shapes,
                                            struct et_error *error) {
    struct text names = {0};
    for (int i = 0; i < MODEL_SIZES; i++)
        if (size_fits(&model_sizes[i], shapes))
            return &model_sizes[i];
    for (int i = MODEL_SIZES - 1; i >= 0; i--)
        text_add(&names, "%s%s", i < MODEL_SIZES - 1 ? "; " : "", model_sizes[i].name);
    const char *all = text_read(&names, error);
    if (all)
        et_fail(error, "the program was not built for arrays of these shapes, but for %s", all);
    text_free(&names);
    return NULL;
}

static const struct model_size *find_size(const struct runner_arguments *arguments,
                                          struct et_error *error) {
    struct array_shape shapes[MODEL_INPUTS + 1];
    if (MODEL_SIZES == 1)
        return model_sizes;
    return tensors_shapes(MODEL_INPUTS, model_sizes[0].inputs, arguments->files,
                          arguments->file_count, shapes, error)
               ? choose_size(shapes, error)
               : NULL;
}

static bool run(const struct runner_arguments *arguments, struct tensors *inputs,
                struct tensors *outputs, struct et_error *error) {
    int64_t batch;
    for (int i = 0; i < arguments->output_count; i++)
        if (!tensors_check_apart(arguments->outputs[i], arguments->files, arguments->file_count,
                                 error))
            return false;
    const struct model_size *size = find_size(arguments, error);
    if (!size ||
        !tensors_batch(MODEL_INPUTS, size->inputs, arguments->files, arguments->file_count, &batch,
                       error) ||
        !tensors_make(inputs, "input", MODEL_INPUTS, size->inputs, batch, error) ||
        !tensors_make(outputs, "output", MODEL_OUTPUTS, size->outputs, batch, error))
        return false;
    static const struct integer_scale scales[MODEL_INPUTS + 1] = MODEL_INPUT_SCALES;
    memcpy(inputs->scales, scales, sizeof *scales * MODEL_INPUTS);
    if (!tensors_read(inputs, arguments->files, arguments->file_count, arguments->index, error))
        return false;
    void *arena = et_allocate_aligned(MODEL_ARENA_BYTES);
    if (!arena)
        return et_fail(error, "out of memory");
    bool good = MODEL_BEGIN(size, error);
    if (good) {
        good = MODEL_RUN(size, (const void *const *)inputs->elements, outputs->elements,
                         MODEL_WEIGHTS, arena, (long)batch, error);
        MODEL_END();
    }
    et_release(arena);
    return good;
}

static bool show(const struct runner_arguments *arguments, struct tensors *outputs,
                 struct et_error *error) {
    static const struct tensor_count counts[] = MODEL_COUNTS;
    bool written[MODEL_OUTPUTS] = {0};
    memcpy(outputs->counts, counts, sizeof counts);
    tensors_cut(outputs);
    if (!tensors_write(outputs, arguments->outputs, arguments->output_count, written, error))
        return false;
    for (int i = 0; i < MODEL_OUTPUTS; i++)
        if (!written[i] && tensors_shows(outputs, i))
            tensor_print(stdout, &outputs->facts[i], outputs->elements[i]);
    return (fflush(stdout) == 0 && !ferror(stdout)) ||
           et_fail(error, "standard output: %s", strerror(errno));
}

int main(int count, char **values) {
    argp_err_exit_status = EXIT_USAGE;
    struct runner_arguments arguments = {.files = calloc((size_t)count, sizeof(char *)),
                                         .outputs = calloc((size_t)count, sizeof(char *))};
    if (!arguments.files || !arguments.outputs)
        return EXIT_FAILURE;
    argp_parse(&parser, count, values, 0, NULL, &arguments);
    struct et_error error;
    struct tensors inputs = {0}, outputs = {0};
    bool good = run(&arguments, &inputs, &outputs, &error) && show(&arguments, &outputs, &error);
    if (!good)
        fprintf(stderr, "%s: %s\n", program_invocation_short_name, error.message);
    tensors_free(&inputs);
    tensors_free(&outputs);
    free(arguments.files);
    free(arguments.outputs);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
