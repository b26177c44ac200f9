/* What the subcommands share: the options that several have, lists, errors. */
#include "runtime/cli/cli.h"

#include "compiler/import/model_file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <wordexp.h>

int report(const struct et_error *error) {
    fflush(stdout);
    fprintf(stderr, "eigentensor: %s\n", error->message);
    return EXIT_FAILURE;
}

char *help_of(struct text *text) {
    char *help = text_take(text);
    if (help)
        return help;
    fprintf(stderr, "eigentensor: out of memory\n");
    exit(EXIT_FAILURE);
}

void list_add(struct list *list, const char *item, struct argp_state *state) {
    char **grown = realloc(list->items, ((size_t)list->count + 2) * sizeof *grown);
    if (grown)
        list->items = grown;
    char *copy = grown ? strdup(item) : NULL;
    if (!copy)
        argp_failure(state, EXIT_FAILURE, 0, "out of memory");
    list->items[list->count++] = copy;
    list->items[list->count] = NULL;
}

void list_free(struct list *list) {
    for (int i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct list){0};
}

int64_t parse_number(struct argp_state *state, const char *text, int64_t least, int64_t most) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end || errno || number < least || number > most)
        argp_error(state, "%s: expected a number from %lld to %lld", text, (long long)least,
                   (long long)most);
    return number;
}

enum et_mode parse_mode(struct argp_state *state, const char *text) {
    enum et_mode mode = ET_JIT;
    if (!et_mode_from_name(text, &mode))
        argp_error(state, "%s: expected eager, jit, aot or cuda", text);
    return mode;
}

void refuse_target(struct argp_state *state, const char *name, const char *others) {
    struct text names = {0};
    target_names(&names);
    text_add(&names, ", or for a GPU cuda, ");
    gpu_target_names(&names);
    const char *all = text_read(&names, NULL);
    argp_error(state, "--target=%s: expected %s%s", name, others,
               all ? all : "a name of target.def");
    text_free(&names);
}

/* What --fast by itself allows. */
#define FAST_BOUND 1e-4

static double parse_bound(struct argp_state *state, const char *text) {
    char *end;
    double bound = strtod(text, &end);
    if (end == text || *end || !(bound > 0) || !isfinite(bound))
        argp_error(state, "%s: expected a bound of the error, as 1e-4", text);
    return bound;
}

/* Splits flags as a shell does, quotes and all. */
static void split_flags(struct argp_state *state, const char *text, struct list *flags) {
    wordexp_t words;
    if (wordexp(text, &words, WRDE_NOCMD | WRDE_UNDEF) != 0)
        argp_error(state, "%s: expected compiler flags, quoted as a shell has it", text);
    for (size_t i = 0; i < words.we_wordc; i++)
        list_add(flags, words.we_wordv[i], state);
    wordfree(&words);
}

/* ---- --compile-limit-... ---- */

enum { KEY_LIMITS = 400 };

static const struct argp_option limit_options[] = {
#define LIMIT(id, name, argument, usual, unit, what)                                               \
    {"compile-limit-" #name,                                                                       \
     KEY_LIMITS + LIMIT_##id,                                                                      \
     argument,                                                                                     \
     0,                                                                                            \
     "The most " what " (" #usual ")",                                                             \
     0},
#include "compiler/base/limits.def"
#undef LIMIT
    {0}};

static error_t parse_limit(int key, char *argument, struct argp_state *state) {
    struct compile_limits *limits = state->input;
    if (key < KEY_LIMITS || key >= KEY_LIMITS + LIMIT_COUNT)
        return ARGP_ERR_UNKNOWN;
    limits->most[key - KEY_LIMITS] = (double)parse_number(state, argument, 1, MOST_LIMIT);
    return 0;
}

static const struct argp limit_parser = {.options = limit_options, .parser = parse_limit};

/* What argp hands to parse_key. */
struct parsing {
    const struct command_line *line;
    struct common *common;
};

/* An argument that is no option: the model, then its files. */
static void take_argument(const struct command_line *line, struct common *common, char *argument,
                          struct argp_state *state) {
    if (line->takes == TAKES_NOTHING)
        argp_error(state, "%s: expected no argument", argument);
    else if (!common->model.path)
        common->model.path = argument;
    else if (line->takes == TAKES_MODEL_AND_FILES)
        list_add(&common->files, argument, state);
    else
        argp_error(state, "%s: expected one model only", argument);
}

static void take_axis(const struct command_line *line, struct cli_model *model, char *argument,
                      struct argp_state *state) {
    struct axis_sizes sizes;
    struct et_error error = {0};
    if (!read_axis_sizes(argument, &sizes, &error))
        argp_error(state, "%s", error.message);
    if (axis_size_count(&sizes) > 1 && !line->takes_sets)
        argp_error(state, "%s: expected one size; emit, build, check and inspect take several",
                   sizes.name);
    if (axis_size_count(&sizes) > 1 && sizes.place_count)
        argp_error(state, "%s: an axis of several places has one size here", sizes.name);
    if (!model_add_sizes(model, &sizes))
        argp_failure(state, EXIT_FAILURE, 0, "out of memory");
}

static error_t parse_common(const struct command_line *line, struct common *common, int key,
                            char *argument, struct argp_state *state) {
    switch (key) {
    case ARGP_KEY_ARG:
        take_argument(line, common, argument, state);
        return 0;
    case 'w':
        common->model.weights = argument;
        return 0;
    case KEY_AXIS:
        take_axis(line, &common->model, argument, state);
        return 0;
    case KEY_FAST:
        common->model.fast = argument ? parse_bound(state, argument) : FAST_BOUND;
        return 0;
    case KEY_TUNED:
    case KEY_NO_TUNED:
        if (!argument || !line->takes_sets)
            list_free(&common->model.tuned);
        if (argument)
            list_add(&common->model.tuned, argument, state);
        common->model.untuned = !argument;
        return 0;
    case KEY_THREADS:
        common->threads = (int)parse_number(state, argument, 0, ET_MOST_THREADS);
        if (common->threads == 0)
            common->threads = et_core_count();
        return 0;
    case 'b':
        common->batch = parse_number(state, argument, 1, INT64_MAX);
        return 0;
    case 'i':
        common->index = parse_number(state, argument, 0, INT64_MAX);
        return 0;
    case 'c':
        common->cc = argument;
        return 0;
    case 'f':
        split_flags(state, argument, &common->flags);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_key(int key, char *argument, struct argp_state *state) {
    const struct parsing *parsing = state->input;
    const struct command_line *line = parsing->line;
    struct common *common = parsing->common;
    if (key == ARGP_KEY_INIT && line->compiles)
        state->child_inputs[0] = &common->model.limits;
    if (key == ARGP_KEY_END && line->takes != TAKES_NOTHING && !common->model.path &&
        !common->model.optional)
        argp_error(state, "expected a model, MODEL.json or MODEL.onnx");
    error_t status = line->parse ? line->parse(common, key, argument, state) : ARGP_ERR_UNKNOWN;
    return status == ARGP_ERR_UNKNOWN ? parse_common(line, common, key, argument, state) : status;
}

void command_parse(const struct command_line *line, int count, char **values,
                   struct common *common) {
    const struct argp_child children[] = {{&limit_parser, 0, NULL, 0}, {0}};
    const struct argp parser = {.options = line->options,
                                .children = line->compiles ? children : NULL,
                                .parser = parse_key,
                                .args_doc = line->arguments,
                                .doc = line->about,
                                .help_filter = line->help_filter};
    struct parsing parsing = {line, common};
    if (argp_parse(&parser, count, values, 0, NULL, &parsing) != 0) {
        fprintf(stderr, "%s: out of memory\n", values[0]);
        exit(EXIT_FAILURE);
    }
}

/* Is it the file that the weights were mapped from? */
static bool is_weights_file(const struct weights *weights, const char *path) {
    struct stat facts;
    return weights && weights->file.count && stat(path, &facts) == 0 &&
           facts.st_dev == weights->file.device && facts.st_ino == weights->file.inode;
}

bool command_check_output(const struct common *common, const char *path, struct et_error *error) {
    const struct cli_model *model = &common->model;
    const struct et_program *given = model->original ? model->original : model->program;
    const struct weights *weights = given ? program_weights(given) : NULL;
    if ((model->path && is_same_file(path, model->path)) || is_weights_file(weights, path))
        return et_fail(error, INPUT_AND_OUTPUT, path);
    return tensors_check_apart(path, model->tuned.items, model->tuned.count, error) &&
           tensors_check_apart(path, common->files.items, common->files.count, error);
}

bool command_check_saved(const struct common *common, const char *path, struct et_error *error) {
    struct text weights = {0};
    bool good = command_check_output(common, path, error) &&
                program_weights_path(path, &weights, error) &&
                command_check_output(common, text_read(&weights, NULL), error);
    text_free(&weights);
    return good;
}

int command_end(struct common *common, bool good, const struct et_error *error) {
    model_close(&common->model);
    list_free(&common->files);
    list_free(&common->flags);
    list_free(&common->outputs);
    return good ? EXIT_SUCCESS : report(error);
}
