/* eigentensor tune: choices found by measurement, kept for later runs. */
#include "runtime/cli/cli.h"

#include "runtime/cli/terminal.h"
#include "runtime/tune/tune.h"
#include "runtime/tuning_cache.h"

#include <stdlib.h>

struct tune_arguments {
    struct common common;
    bool chosen[ET_MODE_COUNT], any_chosen;
    int64_t tries, milliseconds;
    const char *output;
};

static const struct argp_option options[] = {
    {"mode", 'm', "jit|aot", 0, "Only for one of the two (default: both); may be given again", 0},
    {"output", 'o', "FILE", 0,
     "Write the choices to FILE, for --tuned, and keep nothing; for one mode (default: jit)", 0},
    {"tries", 'n', "N", 0,
     "Candidates of a contraction that are tried, tiles and blocks around them each (default: 20)",
     0},
    {"time", 't', "MILLISECONDS", 0, "Measure each round of candidates for so long (default: 200)",
     0},
    COMPILER_OPTIONS,
    MODEL_OPTIONS,
    {0}};

static void choose_mode(struct tune_arguments *arguments, const char *name,
                        struct argp_state *state) {
    enum et_mode mode;
    if (!et_mode_from_name(name, &mode) || mode == ET_EAGER || mode >= ET_MODE_COUNT)
        argp_error(state, "%s: expected jit or aot", name);
    arguments->chosen[mode] = true;
    arguments->any_chosen = true;
}

/* Both modes, or the one that a file is for. */
static void complete(struct tune_arguments *arguments, struct argp_state *state) {
    if (!arguments->any_chosen) {
        arguments->chosen[ET_JIT] = true;
        arguments->chosen[ET_AOT] = !arguments->output;
    }
    if (arguments->output && arguments->chosen[ET_JIT] && arguments->chosen[ET_AOT])
        argp_error(state, "--output: expected one mode, not both");
}

static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct tune_arguments *arguments = input;
    if (key == ARGP_KEY_END)
        complete(arguments, state);
    switch (key) {
    case 'm':
        choose_mode(arguments, argument, state);
        return 0;
    case 'o':
        arguments->output = argument;
        return 0;
    case 'n':
        arguments->tries = parse_number(state, argument, 1, 10000);
        return 0;
    case 't':
        arguments->milliseconds = parse_number(state, argument, 1, 60000);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct command_line line = {
    .options = options,
    .compiles = true,
    .parse = parse,
    .arguments = "MODEL.json",
    .about =
        "Measures which tiles, and which blocks around them, run each contraction of a model "
        "fastest on this CPU, and keeps what it found. The bits of results stay the same.\v"
        "The candidates are those that `eigentensor inspect --cost` shows. What is kept, below "
        "XDG_CACHE_HOME (else ~/.cache) by graph, CPU and mode, is used from then on by run, "
        "build, bench, the server and programs; emit takes a FILE only, so that the same "
        "command writes the same text everywhere. For aot each round is a run of the C "
        "compiler, which takes minutes for large models. A model that was tuned before is "
        "tuned anew.\n\n"
        "  eigentensor tune mnist.json\n"
        "  eigentensor tune mnist.json --mode=aot -o mnist.tuned.json\n"
        "  eigentensor build mnist.json --tuned=mnist.tuned.json",
};

static void show_progress(void *context, int done, int total) {
    struct progress *progress = context;
    progress->total = total;
    progress_show(progress, done);
}

static void print_row(const struct tuned_row *row) {
    printf("%12.1f %12.1f %+8.1f %%  %s\n", row->before, row->after,
           100 * (row->after / row->before - 1), row->kernels);
    printf("%12s %s, %s\n%12s %s, %s\n", "before:", row->tile_before, row->blocking_before,
           "now:", row->tile, row->blocking);
}

static void print_rows(const struct tuned *tuned, const char *mode) {
    int changed = tuned->tuning.count;
    printf("%s: %d of %d kinds of contractions run faster otherwise\n", mode, changed,
           tuned->count);
    if (changed)
        printf("%12s %12s %10s  kernels\n", "before us", "after us", "change");
    for (int i = 0; i < tuned->count; i++)
        if (tuned->rows[i].changed)
            print_row(&tuned->rows[i]);
    if (changed)
        printf("%12.1f %12.1f %+8.1f %%  all kernels\n", tuned->before, tuned->after,
               100 * (tuned->after / tuned->before - 1));
}

static bool keep(const struct tune_arguments *arguments, const struct tuned *tuned,
                 struct et_error *error) {
    struct text path = {0};
    const struct target *target = target_find(tuned->tuning.target);
    bool good = arguments->output ? tuning_save(&tuned->tuning, arguments->output, error)
                                  : tuning_cache_save(&tuned->tuning, target, &path, error);
    if (good)
        printf("%s: written to %s\n", tuned->tuning.mode,
               arguments->output ? arguments->output : text_read(&path, NULL));
    text_free(&path);
    return good;
}

static bool tune_mode(const struct tune_arguments *arguments, enum et_mode mode,
                      const struct tensors *inputs, struct et_error *error) {
    struct progress progress = progress_begin(1);
    struct tune_options tuning = {
        .backend = mode_backend(mode),
        .building = {.cc = arguments->common.cc,
                     .flags = (const char *const *)arguments->common.flags.items},
        .tries = (int)arguments->tries,
        .seconds = 1e-3 * (double)arguments->milliseconds,
        .inputs = (const void *const *)inputs->elements,
        .progress = show_progress,
        .context = &progress};
    struct tuned *tuned = tune(arguments->common.model.program, &tuning, error);
    progress_end(&progress);
    bool good = tuned != NULL;
    if (good)
        print_rows(tuned, et_mode_name(mode));
    good = good && keep(arguments, tuned, error);
    tuned_free(tuned);
    return good || et_fail_within(error, "%s", et_mode_name(mode));
}

int tune_command(int count, char **values) {
    struct tune_arguments arguments = {.tries = 20, .milliseconds = 200};
    command_parse(&line, count, values, &arguments.common);
    struct et_error error = {0};
    struct tensors inputs = {0};
    bool good =
        model_open(&arguments.common.model, &error) &&
        (!arguments.output || command_check_output(&arguments.common, arguments.output, &error)) &&
        model_inputs(arguments.common.model.program, 1, &inputs, &error);
    if (good)
        model_randomise(1, &inputs);
    for (int mode = ET_JIT; good && mode <= ET_AOT; mode++)
        if (arguments.chosen[mode])
            good = tune_mode(&arguments, (enum et_mode)mode, &inputs, &error);
    tensors_free(&inputs);
    return command_end(&arguments.common, good, &error);
}
