/* eigentensor import: a model in another format as a stored graph. */
#include "runtime/cli/cli.h"
#include "runtime/cli/terminal.h"

#include "compiler/base/json_read.h"
#include "compiler/import/model_file.h"
#include "compiler/store/open_graph.h"

#include <stdlib.h>

struct import_arguments {
    struct common common;
    const char *output;
    const char *random_seed; /* an input's name */
    bool operators;
    struct open_axis open[MOST_OPEN_AXES]; /* those that stay open */
    int open_count;
    struct axis_place places[MOST_OPEN_AXES * MOST_TIED_PLACES]; /* of those that have some */
    int place_count;
};

enum { KEY_OPERATORS = 256, KEY_RANDOM_SEED };

static const struct argp_option options[] = {
    {"output", 'o', "NAME.json", 0,
     "The graph to write (default: the model's name, here); its weights go beside it", 0},
    {"operators", KEY_OPERATORS, 0, 0, "List the operators that are imported, as Markdown", 0},
    {"axis", KEY_AXIS, "NAME=SIZE[..SIZE[:STEP]]", 0,
     "The size of an open axis, by the name that the file gives it, or of axis K of its input X as "
     "X.K; N for the axis of images leaves it open. With a range, as 1..512 or 32..1024:32 for "
     "multiples of 32, the stored graph keeps the axis open, and takes these sizes. "
     "batch@X.0,Y.1=1..8 is one axis of a name of your own in places to which the file gives none. "
     "To be given for each",
     0},
    {"random-seed", KEY_RANDOM_SEED, "NAME", 0,
     "Make the seed of all random numbers an input of this name, a uint64 of no axes: those of a "
     "node depend on the seed and on its number among the nodes that make some, whatever seeds the "
     "file has (default: the same numbers in each run)",
     0},
    {0}};

static void leave_open(struct import_arguments *arguments, const struct axis_sizes *sizes) {
    const struct size_range *range = &sizes->ranges[0];
    for (int i = 0; i < sizes->place_count; i++)
        arguments->places[arguments->place_count++] =
            (struct axis_place){sizes->places[i], arguments->open_count};
    arguments->open[arguments->open_count++] =
        (struct open_axis){sizes->name, range->first, range->last, range->step};
}

/* A range leaves the axis open. */
static void take_axis(struct import_arguments *arguments, char *argument,
                      struct argp_state *state) {
    struct axis_sizes sizes;
    struct et_error error = {0};
    if (!read_axis_sizes(argument, &sizes, &error))
        argp_error(state, "%s", error.message);
    const struct size_range *range = &sizes.ranges[0];
    if (sizes.range_count > 1)
        argp_error(state, "%s: expected one size or range", sizes.name);
    if (range->first != range->last && arguments->open_count == MOST_OPEN_AXES)
        argp_error(state, "%s: expected at most %d open axes", sizes.name, MOST_OPEN_AXES);
    if (range->first != range->last)
        leave_open(arguments, &sizes);
    else if (!model_add_sizes(&arguments->common.model, &sizes))
        argp_failure(state, EXIT_FAILURE, 0, "out of memory");
}

/* NOLINTNEXTLINE(readability-non-const-parameter): argp gives it so */
static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct import_arguments *arguments = input;
    switch (key) {
    case 'o':
        arguments->output = argument;
        return 0;
    case KEY_AXIS:
        take_axis(arguments, argument, state);
        return 0;
    case KEY_RANDOM_SEED:
        arguments->random_seed = argument;
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
             "  eigentensor check detector.json\n\n"
             "Ranges keep axes open; the graph is then compared with the model at all of their "
             "sizes before it is stored:\n\n"
             "  eigentensor import encoder.onnx --axis batch=1 --axis seq_len=1..512\n"
             "  eigentensor check encoder.json --axis seq_len=100\n\n"
             "Random numbers are the same in each run, unless their seed is an input:\n\n"
             "  eigentensor import sampler.onnx --random-seed=seed\n"
             "  eigentensor run sampler.json seed=seed.npy",
};

/* Where the graph of that name goes; NULL and an error. */
static const char *output_path(const struct import_arguments *arguments, const char *name,
                               struct text *text, struct et_error *error) {
    text_add(text, "%s.json", name);
    const char *path = arguments->output ? arguments->output : text_read(text, error);
    return path && command_check_saved(&arguments->common, path, error) ? path : NULL;
}

static struct import_options options_of(const struct import_arguments *arguments) {
    const struct cli_model *model = &arguments->common.model;
    return (struct import_options){.axis_count = model->axis_count,
                                   .axes = model->axes,
                                   .random_seed = arguments->random_seed};
}

static bool import_sized(struct import_arguments *arguments, struct et_error *error) {
    struct text name = {0};
    struct weights *weights = NULL;
    const struct import_options sizes = options_of(arguments);
    struct graph *graph = model_load(arguments->common.model.path, NULL, &sizes, &weights, error);
    if (!graph || !(arguments->common.model.program = program_from_graph(graph, weights, error)))
        return false;
    const struct et_program *program = arguments->common.model.program;
    const char *path = output_path(arguments, et_program_name(program), &name, error);
    bool good = path && et_program_save(program, path, error);
    if (good)
        printf("%s\ndigest %s\n", path, et_program_digest(program));
    text_free(&name);
    return good;
}

/* ---- Open axes ---- */

static void show(void *context, int64_t done, int64_t all) {
    struct progress *progress = context;
    if (progress->total == 0)
        *progress = progress_begin(all);
    progress_show(progress, done < all ? done : all);
}

static bool store_open(const struct import_arguments *arguments, const struct open_graph *open,
                       const struct weights *weights, bool plain, struct et_error *error) {
    struct digest digest;
    struct text name = {0};
    const char *path = output_path(arguments, open->graph->name, &name, error);
    bool good = path && open_graph_digest(open, &digest, error) &&
                open_graph_save(open, weights, path, error);
    if (good)
        printf("%s\ndigest %s\n", path, digest_hex(&digest).text);
    for (int i = 0; good && i < open->axes.count; i++) {
        struct text bounds = {0};
        open_axis_add_bounds(&bounds, &open->axes.axes[i]);
        const char *said = text_read(&bounds, NULL);
        printf("open   %s %s\n", quoted(open->axes.axes[i].name).text, said ? said : "");
        text_free(&bounds);
    }
    if (good && !plain)
        printf("At a size it is another graph than the import for it, and gives the same bits.\n");
    text_free(&name);
    return good;
}

static bool import_open(const struct import_arguments *arguments, struct et_error *error) {
    const struct cli_model *model = &arguments->common.model;
    const struct open_axes axes = {arguments->open_count, arguments->open};
    const struct import_options fixed = options_of(arguments);
    struct weights *weights = NULL;
    struct open_graph *open = NULL;
    struct model_file *file = model_file_open(model->path, NULL, error);
    struct progress progress = {0};
    bool plain = false;
    if (file) {
        open = model_file_open_graph(file, &axes, arguments->place_count, arguments->places, &fixed,
                                     show, &progress, &weights, &plain, error);
        progress_end(&progress);
    }
    bool good = open && store_open(arguments, open, weights, plain, error);
    open_graph_free(open);
    weights_free(weights);
    model_file_close(file);
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
    bool good = arguments.operators    ? print_operators(&error)
                : arguments.open_count ? import_open(&arguments, &error)
                                       : import_sized(&arguments, &error);
    return command_end(&arguments.common, good, &error);
}
