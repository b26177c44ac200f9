/* eigentensor rewrite: another graph that computes the same, and how far it is from it. */
#include "runtime/cli/cli.h"

#include "compiler/evaluate/float64.h"
#include "compiler/rewrite/rewrite.h"
#include "runtime/cli/samples.h"
#include "runtime/cli/terminal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_NAME = 256,
    KEY_TILE,
    KEY_INPUT,
    KEY_SEED,
    KEY_ALLOW_NONE,
    KEY_DATA,
    KEY_SAMPLES,
    KEY_TYPE,
    KEY_BLOCK,
    KEY_ZEROS,
    KEY_LABELS,
    KEY_RANGE,
    KEY_EQUALISE,
    KEY_ERROR,
    KEY_ACCURACY,
    KEY_EXACT,
    KEY_IO,
    KEYS_END
};

struct rewrite_arguments {
    struct common common;
    int count;
    enum rewrite_kind rewrites[REWRITE_COUNT];
    struct rewrite_options options;
    double bound;       /* of --fast; 0: by names */
    struct list data;   /* quantize */
    const char *labels; /* NULL: none */
    int64_t most_samples;
    struct sample_files samples; /* of the data */
    const char *output;
    int64_t seed;
    bool allow_none;
    bool given[KEYS_END - KEY_NAME]; /* by key */
};

static const struct argp_option options[] = {
    {"output", 'o', "OUT.json", 0, "The graph to write; its weights go beside it", 0},
    {"name", KEY_NAME, "NAME", 0, "The new graph's name (default: as it was)", 0},
    {"tile", KEY_TILE, "HxW", 0,
     "winograd: tiles of that many outputs, 2x2 to 6x6, in every convolution that has such, "
     "instead of what the cost model finds best",
     0},
    {"data", KEY_DATA, "[NAME=]FILE", 0,
     "quantize: find the range of each tensor on these inputs, an IDX or .npy file whose first "
     "axis is that of the samples; to be given for each input",
     0},
    {"samples", KEY_SAMPLES, "N", 0,
     "quantize: run on so many samples of --data, evenly spread (default: 1000)", 0},
    {"type", KEY_TYPE, "float16|bfloat16|int8|int4", 0,
     "store-weights: float16 (the default), bfloat16, int8 or int4, of which neighbours that are "
     "summed share a scale",
     0},
    {"block", KEY_BLOCK, "N", 0,
     "store-weights: so many codes of int8 or int4 share a scale, an even number of 16 to 1024 "
     "(default: 32)",
     0},
    {"zeros", KEY_ZEROS, 0, 0,
     "store-weights: and a zero of their own, which is better where they are not centred", 0},
    {"range", KEY_RANGE, "NAME", 0,
     "quantize: which range of what was seen has codes, of those above (default: extremes)", 0},
    {"equalise", KEY_EQUALISE, 0, 0,
     "quantize: scale each channel that one layer writes past ReLU and another reads by a power of "
     "two first, so that it reaches as far among the activations as its weights among theirs",
     0},
    {"error", KEY_ERROR, "SHARE", 0,
     "quantize: let the most sensitive layers stay float32, so that the outputs change by no more "
     "than SHARE of their size on the data, root mean square: 0.01 or 1%",
     0},
    {"accuracy", KEY_ACCURACY, "SHARE", 0,
     "quantize: let the most sensitive layers stay float32, so that no more than SHARE of the "
     "samples lose their right label; needs --labels",
     0},
    {"labels", KEY_LABELS, "FILE", 0,
     "quantize: the labels of the data, an IDX or .npy file: for --accuracy", 0},
    {"exact", KEY_EXACT, 0, 0, "integers: only what keeps every bit of the outputs", 0},
    {"io", KEY_IO, "int8|uint8", 0,
     "integers, quantize: inputs and outputs are to be int8 or uint8, whose scales and zeros the "
     "graph, its header in C and `inspect` tell",
     0},
    {"allow-none", KEY_ALLOW_NONE, 0, 0, "Write a graph even where a rewrite found nothing to do",
     0},
    {"input", KEY_INPUT, "[NAME=]FILE", 0,
     "Measure on this input, an .npy array, PNG or IDX file as `eigentensor run` takes them; to be "
     "given for each input (default: the first sample of --data, else random inputs)",
     0},
    INDEX_OPTION,
    FAST_OPTION,
    {"seed", KEY_SEED, "S", 0, "The seed of random inputs (default: 1)", 0},
    MODEL_OPTIONS,
    {0}};

/* "NAME[,NAME...]" */
static void parse_names(struct rewrite_arguments *arguments, const char *text,
                        struct argp_state *state) {
    char *copy = strdup(text), *rest = copy;
    if (!copy)
        argp_failure(state, EXIT_FAILURE, 0, "out of memory");
    for (const char *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
        enum rewrite_kind rewrite;
        if (!rewrite_from_name(name, &rewrite))
            argp_error(state, "%s: no such rewrite; see --help", name);
        for (int i = 0; i < arguments->count; i++)
            if (arguments->rewrites[i] == rewrite)
                argp_error(state, "%s: named twice", name);
        arguments->rewrites[arguments->count++] = rewrite;
    }
    free(copy);
}

/* "4x4" */
static void parse_tile(struct rewrite_arguments *arguments, const char *text,
                       struct argp_state *state) {
    int *tile = arguments->options.winograd_tile, end = 0;
    if (sscanf(text, "%1dx%1d%n", &tile[0], &tile[1], &end) != 2 || text[end] || tile[0] < 1 ||
        tile[1] < 1)
        argp_error(state, "%s: expected height and width of a tile, as 4x4", text);
}

static void parse_block(struct rewrite_arguments *arguments, const char *text,
                        struct argp_state *state) {
    int64_t block = parse_number(state, text, LEAST_STORED_BLOCK, MOST_STORED_BLOCK);
    if (block % 2)
        argp_error(state, "%s: expected an even number", text);
    arguments->options.stored_block = (int)block;
}

static void parse_io(struct rewrite_arguments *arguments, const char *text,
                     struct argp_state *state) {
    enum dtype *io = &arguments->options.io;
    if (!dtype_from_name(text, io) || (*io != DTYPE_INT8 && *io != DTYPE_UINT8))
        argp_error(state, "%s: expected int8 or uint8", text);
}

/* "0.01" or "1%" */
static double parse_share(const char *text, struct argp_state *state) {
    char *end;
    double share = strtod(text, &end);
    if (*end == '%') {
        share /= 100;
        end++;
    }
    if (end == text || *end || !(share > 0 && share <= 1))
        argp_error(state, "%s: expected a share above 0, as 0.01 or 1%%", text);
    return share;
}

static bool names(const struct rewrite_arguments *arguments, enum rewrite_kind rewrite) {
    for (int i = 0; i < arguments->count; i++)
        if (arguments->rewrites[i] == rewrite)
            return true;
    return false;
}

/* Options that are for one rewrite alone. */
static const struct rewrite_key {
    int key;
    enum rewrite_kind rewrite;
} rewrite_keys[] = {
    {KEY_TILE, REWRITE_winograd},       {KEY_DATA, REWRITE_quantize},
    {KEY_SAMPLES, REWRITE_quantize},    {KEY_RANGE, REWRITE_quantize},
    {KEY_ERROR, REWRITE_quantize},      {KEY_ACCURACY, REWRITE_quantize},
    {KEY_LABELS, REWRITE_quantize},     {KEY_TYPE, REWRITE_store_weights},
    {KEY_BLOCK, REWRITE_store_weights}, {KEY_ZEROS, REWRITE_store_weights},
    {KEY_EXACT, REWRITE_integers},      {KEY_EQUALISE, REWRITE_quantize},
};

static bool was_given(const struct rewrite_arguments *arguments, int key) {
    return arguments->given[key - KEY_NAME];
}

static const char *option_name(int key) {
    const struct argp_option *option = options;
    while (option->key != key)
        option++;
    return option->name;
}

static void check_options(const struct rewrite_arguments *arguments, struct argp_state *state) {
    for (size_t i = 0; i < sizeof rewrite_keys / sizeof *rewrite_keys; i++) {
        const struct rewrite_key *one = &rewrite_keys[i];
        if (was_given(arguments, one->key) && !names(arguments, one->rewrite))
            argp_error(state, "--%s is for %s", option_name(one->key),
                       rewrite_facts[one->rewrite].name);
    }
    if (!stored_types[arguments->options.stored].is_coded &&
        (was_given(arguments, KEY_BLOCK) || was_given(arguments, KEY_ZEROS)))
        argp_error(state, "--block and --zeros are for --type=int8 and int4");
    if (names(arguments, REWRITE_quantize) && !was_given(arguments, KEY_DATA))
        argp_error(state, "quantize needs inputs to run on, --data");
    if (was_given(arguments, KEY_IO) && !names(arguments, REWRITE_integers) &&
        !names(arguments, REWRITE_quantize))
        argp_error(state, "--io is for integers and quantize");
    if (was_given(arguments, KEY_ACCURACY) && !was_given(arguments, KEY_LABELS))
        argp_error(state, "--accuracy needs --labels");
}

static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct rewrite_arguments *arguments = input;
    if (key == ARGP_KEY_NO_ARGS)
        argp_error(state, "expected the name of a rewrite; see --help");
    if (key == ARGP_KEY_ARG && arguments->count == 0 && !arguments->common.model.fast) {
        parse_names(arguments, argument, state);
        return 0;
    }
    if (key >= KEY_NAME && key < KEYS_END)
        arguments->given[key - KEY_NAME] = true;
    switch (key) {
    case 'o':
        arguments->output = argument;
        return 0;
    case KEY_NAME:
        arguments->options.name = argument;
        return 0;
    case KEY_TILE:
        parse_tile(arguments, argument, state);
        return 0;
    case KEY_DATA:
        list_add(&arguments->data, argument, state);
        return 0;
    case KEY_SAMPLES:
        arguments->most_samples = parse_number(state, argument, 1, INT64_MAX);
        return 0;
    case KEY_TYPE:
        if (!stored_type_from_name(argument, &arguments->options.stored))
            argp_error(state, "%s: expected float16, bfloat16, int8 or int4", argument);
        return 0;
    case KEY_BLOCK:
        parse_block(arguments, argument, state);
        return 0;
    case KEY_ZEROS:
        arguments->options.stored_zeros = true;
        return 0;
    case KEY_LABELS:
        arguments->labels = argument;
        return 0;
    case KEY_RANGE:
        if (!quantize_range_from_name(argument, &arguments->options.quantize_range))
            argp_error(state, "%s: no such range; see --help", argument);
        return 0;
    case KEY_EQUALISE:
        arguments->options.quantize_equalise = true;
        return 0;
    case KEY_ERROR:
        arguments->options.quantize_budget.error = parse_share(argument, state);
        return 0;
    case KEY_ACCURACY:
        arguments->options.quantize_budget.accuracy = parse_share(argument, state);
        return 0;
    case KEY_EXACT:
        arguments->options.exact = true;
        return 0;
    case KEY_IO:
        parse_io(arguments, argument, state);
        return 0;
    case KEY_ALLOW_NONE:
        arguments->allow_none = true;
        return 0;
    case KEY_INPUT:
        list_add(&arguments->common.files, argument, state);
        return 0;
    case KEY_SEED:
        arguments->seed = parse_number(state, argument, 0, INT64_MAX);
        return 0;
    case ARGP_KEY_END:
        if (!arguments->output)
            argp_error(state, "expected where to write the new graph, --output=OUT.json");
        check_options(arguments, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The list of rewrites in --help; argp frees it. */
static char *help_text(int key, const char *text, void *input) {
    (void)input;
    if (key != ARGP_KEY_HELP_PRE_DOC)
        return (char *)text;
    struct text list = {0};
    text_add(&list, "%s\n", text);
    for (int i = 0; i < REWRITE_COUNT; i++)
        text_add(&list, "\n  %s\n%s.\n", rewrite_facts[i].name, rewrite_facts[i].summary);
    text_add(&list, "\nRanges that quantize knows, for --range:\n");
#define RANGE_TEXT(id, name, summary) text_add(&list, "  %-12s%s\n", name, summary);
    QUANTIZE_RANGES(RANGE_TEXT)
#undef RANGE_TEXT
    return help_of(&list);
}

static const struct command_line line = {
    .options = options,
    .parse = parse,
    .arguments = "NAME[,NAME...] MODEL.json\n--fast[=BOUND] MODEL.json",
    .about =
        "Makes another graph that computes the same over the real numbers but rounds "
        "elsewhere, or, by quantize and store-weights, with numbers of fewer bits. It has a digest "
        "of its own. Says what was changed, and measures the errors of both graphs against "
        "float64.\v"
        "Compiling never approximates; rewriting is how one asks for it. All ways of running "
        "the new graph give the same bits, which are not those of the old one. Exit status: 1 "
        "also when a rewrite found nothing to do.\n\n"
        "  eigentensor rewrite winograd mnist.json -o mnist-winograd.json\n"
        "  eigentensor rewrite fold-batchnorm,winograd resnet.json -o fast.json --input=x.npy\n"
        "  eigentensor rewrite quantize mnist.json -o mnist-int8.json --data "
        "train-images-idx3-ubyte.gz\n"
        "  eigentensor rewrite integers resnet-qdq.onnx -o integers.json\n"
        "  eigentensor rewrite store-weights gpt2.json -o half.json --type=bfloat16\n"
        "  eigentensor rewrite store-weights gpt2.json -o eighth.json --type=int4\n"
        "  eigentensor rewrite --fast=1e-5 resnet.json -o fast.json",
    .help_filter = help_text,
};

/* ---- What was changed ---- */

struct node_text {
    char text[MAX_NAME + 1];
};
static struct node_text name_of(const struct rewrite_site *site) {
    struct node_text name;
    if (site->name[0])
        snprintf(name.text, sizeof name.text, "%s", site->name);
    else
        snprintf(name.text, sizeof name.text, "node %d", site->node);
    return name;
}

static void print_site(const struct rewrite_site *site, int name_width, int shape_width) {
    struct style style = terminal_style(stdout);
    printf("  %-*s  %-*s  %s%s%s%s\n", name_width, name_of(site).text, shape_width, site->shape,
           site->applied ? "" : style.faint, site->applied ? "" : "stays: ", site->what,
           style.normal);
    if (!site->applied || !site->multiplications_before)
        return;
    printf("%s      %" PRId64 " multiplications become %" PRId64, style.faint,
           site->multiplications_before, site->multiplications_after);
    if (site->gain > 0)
        printf("; %.2f times as fast by the cost model", site->gain);
    printf("%s\n", style.normal);
}

static int wider(int width, const char *text) {
    int length = (int)strlen(text);
    return length > width ? length : width;
}

static void print_sites(const struct rewritten *rewritten, enum rewrite_kind rewrite) {
    struct style style = terminal_style(stdout);
    int64_t before = 0, after = 0;
    int count = 0, name_width = 0, shape_width = 0;
    for (int i = 0; i < rewritten->site_count; i++) {
        const struct rewrite_site *site = &rewritten->sites[i];
        if (site->rewrite != rewrite)
            continue;
        count++;
        before += site->multiplications_before;
        after += site->multiplications_after;
        name_width = wider(name_width, name_of(site).text);
        shape_width = wider(shape_width, site->shape);
    }
    printf("%s%s%s: %d of %d sites\n", style.strong, rewrite_facts[rewrite].name, style.normal,
           rewritten_count(rewritten, rewrite), count);
    for (int i = 0; i < rewritten->site_count; i++)
        if (rewritten->sites[i].rewrite == rewrite)
            print_site(&rewritten->sites[i], name_width, shape_width);
    if (after != before)
        printf("  all: %" PRId64 " multiplications become %" PRId64 "\n", before, after);
}

/* ---- How far it is from it ---- */

/* Of the elements of one output. */
struct deviation {
    double greatest, relative, mean; /* |error|, |error / element|, root of mean square */
};

static double distance(double value, double expected) {
    if (value == expected || (isnan(value) && isnan(expected)))
        return 0;
    double difference = fabs(value - expected);
    return isnan(difference) ? INFINITY : difference;
}

static struct deviation deviation_of(const float *values, const double *expected, int64_t count) {
    struct deviation deviation = {0};
    for (int64_t i = 0; i < count; i++) {
        double error = distance((double)values[i], expected[i]);
        deviation.greatest = fmax(deviation.greatest, error);
        if (expected[i] != 0)
            deviation.relative = fmax(deviation.relative, error / fabs(expected[i]));
        deviation.mean += error * error / (double)count;
    }
    deviation.mean = sqrt(deviation.mean);
    return deviation;
}

static double size_of(const double *expected, int64_t count) {
    double mean = 0;
    for (int64_t i = 0; i < count; i++)
        mean += expected[i] * expected[i] / (double)count;
    return sqrt(mean);
}

static void print_deviation(const char *what, struct deviation deviation) {
    printf("    %-12s %13.3g %13.3g %13.3g\n", what, deviation.greatest, deviation.relative,
           deviation.mean);
}

static void print_output(const struct et_tensor *facts, const void *before, const void *after,
                         const void *expected) {
    int64_t count = tensor_elements(facts);
    printf("  output %s %s", facts->name, facts_text(facts).text);
    if (strcmp(facts->dtype, "float32") != 0) {
        size_t bytes = tensor_element_bytes(facts->dtype);
        int64_t different = 0;
        for (size_t at = 0; at < facts->bytes; at += bytes)
            different += memcmp((const char *)before + at, (const char *)after + at, bytes) != 0;
        printf(", of which %" PRId64 " elements of %" PRId64 " changed\n", different, count);
        return;
    }
    printf(", root mean square of elements %.3g\n", size_of(expected, count));
    print_deviation("before", deviation_of(before, expected, count));
    print_deviation("after", deviation_of(after, expected, count));
}

/* Whether numbers of the old graph are 8-bit integers of the new one. */
static bool became_codes(const struct et_tensor *old, const struct et_tensor *new) {
    return strcmp(old->dtype, "float32") == 0 && tensor_element_bytes(new->dtype) == 1;
}

/* What the new graph reads in place of what the old one does. */
static void take_inputs(const struct et_program *after, const struct tensors *old,
                        const struct tensors *new) {
    for (int i = 0; i < old->count; i++) {
        float scale;
        int64_t zero;
        if (!became_codes(&old->facts[i], &new->facts[i])) {
            memcpy(new->elements[i], old->elements[i], old->facts[i].bytes);
            continue;
        }
        int low = strcmp(new->facts[i].dtype, "int8") == 0 ? INT8_MIN : 0;
        et_program_input_scale(after, i, &scale, &zero);
        for (size_t k = 0; k < new->facts[i].bytes; k++) {
            float code = nearbyintf(((const float *)old->elements[i])[k] / scale) + (float)zero;
            code = fminf(fmaxf(code, (float)low), (float)(low + 255));
            ((uint8_t *)new->elements[i])[k] = (uint8_t)(int)code;
        }
    }
}

/* Outputs of the new graph as numbers, where the old one has such: there is room for these. */
static void outputs_to_numbers(const struct et_program *after, const struct tensors *old,
                               const struct tensors *new, void *const *numbers) {
    for (int i = 0; i < old->count; i++) {
        float scale;
        int64_t zero;
        if (!became_codes(&old->facts[i], &new->facts[i])) {
            memcpy(numbers[i], new->elements[i], old->facts[i].bytes);
            continue;
        }
        bool is_signed = strcmp(new->facts[i].dtype, "int8") == 0;
        et_program_output_scale(after, i, &scale, &zero);
        for (size_t k = 0; k < new->facts[i].bytes; k++) {
            int code = is_signed ? ((const int8_t *)new->elements[i])[k]
                                 : ((const uint8_t *)new->elements[i])[k];
            ((float *)numbers[i])[k] = (float)(code - (int)zero) * scale;
        }
    }
}

/* float64 where the output is float32. */
static bool make_expected(const struct tensors *outputs, void **expected, struct et_error *error) {
    for (int i = 0; i < outputs->count; i++) {
        expected[i] = et_allocate_aligned(2 * outputs->facts[i].bytes);
        if (!expected[i])
            return et_fail(error, "out of memory");
    }
    return true;
}

/* What one sample gives. */
struct measured {
    struct tensors inputs, new_inputs, outputs, new_outputs;
    struct tensors numbers; /* the new outputs as those of the old graph are */
    void **expected;
};

static bool run_both(struct et_program *before, struct et_program *after,
                     const struct measured *measured, struct et_error *error) {
    const struct tensors *outputs = &measured->outputs;
    const void *const *elements = (const void *const *)measured->inputs.elements;
    take_inputs(after, &measured->inputs, &measured->new_inputs);
    if (!make_expected(outputs, measured->expected, error) ||
        !et_program_run(before, ET_EAGER, elements, outputs->elements, NULL, error) ||
        !et_program_run(after, ET_EAGER, (const void *const *)measured->new_inputs.elements,
                        measured->new_outputs.elements, NULL, error) ||
        !wide_run(program_graph(before), elements, measured->expected, error))
        return false;
    outputs_to_numbers(after, outputs, &measured->new_outputs, measured->numbers.elements);
    printf("error against float64 %22s %13s %13s\n", "greatest", "relative", "root mean sq");
    for (int i = 0; i < outputs->count; i++)
        print_output(&outputs->facts[i], outputs->elements[i], measured->numbers.elements[i],
                     measured->expected[i]);
    return true;
}

static void measured_free(struct measured *measured) {
    for (int i = 0; measured->expected && i < measured->outputs.count; i++)
        et_release(measured->expected[i]);
    et_release(measured->expected);
    tensors_free(&measured->inputs);
    tensors_free(&measured->new_inputs);
    tensors_free(&measured->outputs);
    tensors_free(&measured->new_outputs);
    tensors_free(&measured->numbers);
}

static bool measure(const struct rewrite_arguments *arguments, struct et_program *after,
                    struct et_error *error) {
    struct et_program *before = arguments->common.model.program;
    struct measured measured = {0};
    struct tensors *inputs = &measured.inputs;
    const size_t count = (size_t)et_program_output_count(before);
    measured.expected = et_allocate(count, sizeof *measured.expected);
    bool good = measured.expected || et_fail(error, "out of memory");
    good = good && model_inputs(before, 1, inputs, error) &&
           model_inputs(after, 1, &measured.new_inputs, error) &&
           model_outputs(before, 1, &measured.outputs, error) &&
           model_outputs(after, 1, &measured.new_outputs, error) &&
           model_outputs(before, 1, &measured.numbers, error);
    const struct list *files = &arguments->common.files;
    const struct program_samples *samples = &arguments->samples.samples;
    if (good && files->count)
        good = tensors_read(inputs, files->items, files->count, arguments->common.index, error);
    else if (good && samples->count)
        good = samples->fill(samples->context, 0, inputs->elements, error);
    else if (good)
        model_randomise((uint64_t)arguments->seed, inputs);
    good = good && run_both(before, after, &measured, error);
    measured_free(&measured);
    return good;
}

/* ---- All of it ---- */

static bool check_found(const struct rewrite_arguments *arguments,
                        const struct rewritten *rewritten, struct et_error *error) {
    for (int i = 0; i < arguments->count && !arguments->allow_none; i++)
        if (rewritten_count(rewritten, arguments->rewrites[i]) == 0)
            return et_fail(error, "%s: %s found nothing to do", arguments->common.model.path,
                           rewrite_facts[arguments->rewrites[i]].name);
    return true;
}

/* What the rewrites that were named make of it, and what they did; NULL when it fails. */
static struct et_program *rewrite_by_name(struct rewrite_arguments *arguments,
                                          struct et_error *error) {
    const struct et_program *before = arguments->common.model.program;
    struct rewrite_options given = arguments->options;
    struct rewrite_data data = program_data(&arguments->samples.samples);
    struct rewritten rewritten;
    given.data = &data;
    if (!rewrite_graph(program_graph(before), &given, arguments->count, arguments->rewrites,
                       &rewritten, error)) {
        et_fail_within(error, "%s", arguments->common.model.path);
        return NULL;
    }
    for (int i = 0; i < arguments->count; i++)
        print_sites(&rewritten, arguments->rewrites[i]);
    struct et_program *after = check_found(arguments, &rewritten, error)
                                   ? program_from_rewritten(&rewritten, error)
                                   : NULL;
    rewritten_free(&rewritten);
    return after;
}

/* The same of those that keep within a bound. */
static struct et_program *rewrite_within(const struct rewrite_arguments *arguments,
                                         struct et_error *error) {
    const char *path = arguments->common.model.path;
    struct et_program *after = NULL;
    double found;
    if (!et_program_fast(arguments->common.model.program, arguments->bound, &after, &found, error))
        et_fail_within(error, "%s", path);
    else if (!after)
        et_fail(error, "%s: no rewrite keeps within %g", path, arguments->bound);
    else
        printf("error %.2g of the largest element, at most %g\n", found, arguments->bound);
    return after;
}

static bool rewrite_model(struct rewrite_arguments *arguments, struct et_error *error) {
    struct et_program *before = arguments->common.model.program;
    struct et_program *after =
        arguments->bound > 0 ? rewrite_within(arguments, error) : rewrite_by_name(arguments, error);
    bool good = after && measure(arguments, after, error) &&
                et_program_save(after, arguments->output, error);
    if (good)
        printf("digest before  %s\ndigest after   %s\n", et_program_digest(before),
               et_program_digest(after));
    et_program_free(after);
    return good;
}

static bool open_data(struct rewrite_arguments *arguments, struct et_error *error) {
    const struct list *data = &arguments->data;
    struct sample_files *samples = &arguments->samples;
    if (!data->count)
        return true;
    return samples_open(arguments->common.model.program, data->items, data->count,
                        arguments->most_samples, samples, error) &&
           (!arguments->labels || samples_open_labels(samples, arguments->labels, error));
}

int rewrite_command(int count, char **values) {
    struct rewrite_arguments arguments = {.seed = 1, .most_samples = 1000};
    command_parse(&line, count, values, &arguments.common);
    struct et_error error = {0};
    arguments.bound = arguments.common.model.fast;
    arguments.common.model.fast = 0; /* what is opened is the graph itself */
    bool good = model_open(&arguments.common.model, &error) &&
                command_check_saved(&arguments.common, arguments.output, &error) &&
                open_data(&arguments, &error) && rewrite_model(&arguments, &error);
    samples_close(&arguments.samples);
    list_free(&arguments.data);
    return command_end(&arguments.common, good, &error);
}
