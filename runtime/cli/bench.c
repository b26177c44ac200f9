/* eigentensor bench: how long a run takes in every mode, as a share of what the core can do. */
#include "runtime/cli/cli.h"

#include "compiler/emit/backend.h"
#include "runtime/kernels/cpu.h"

#include <stdlib.h>

struct bench_arguments {
    struct common common;
    bool chosen[ET_ALL_MODES], any_chosen;
    int64_t calls, milliseconds;
};

static const struct argp_option options[] = {
    {"mode", 'm', "eager|jit|aot|cuda", 0,
     "eager, jit, aot or cuda (default: all that this machine has); may be given again", 0},
    {"calls", 'n', "N", 0, "Measure N runs", 0},
    {"time", 't', "MILLISECONDS", 0, "Measure runs for so long (default: 1000)", 0},
    BATCH_OPTION("Images in each run, of a model with a batch axis (default: 1)"),
    THREADS_OPTION(
        "Share each run of jit and aot among N threads (0: one for each core; default: 1)"),
    COMPILER_OPTIONS,
    TUNED_OPTIONS,
    FAST_OPTION,
    MODEL_OPTIONS,
    {0}};

static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct bench_arguments *arguments = input;
    switch (key) {
    case 'm':
        arguments->chosen[parse_mode(state, argument)] = true;
        arguments->any_chosen = true;
        return 0;
    case 'n':
        arguments->calls = parse_number(state, argument, 1, 100000000);
        return 0;
    case 't':
        arguments->milliseconds = parse_number(state, argument, 1, 3600000);
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
    .about = "Measures runs of a model on random inputs, on one core by default.\v"
             "Runs are warmed up before they are measured. The share is that of the rate of fused "
             "multiply-adds of one core, or of as many as there are threads; that rate is measured "
             "just before and after, on one.",
};

struct bench {
    struct et_program *program;
    int64_t batch;
    struct tensors inputs, outputs;
    struct et_workspace *workspace;
    double *seconds; /* of each run */
    int64_t count, capacity;
};

static bool run_once(struct bench *bench, enum et_mode mode, struct et_error *error) {
    return et_program_run_batch(bench->program, mode, bench->batch,
                                (const void *const *)bench->inputs.elements,
                                bench->outputs.elements, bench->workspace, error);
}

static bool keep(struct bench *bench, double seconds, struct et_error *error) {
    if (bench->count == bench->capacity) {
        int64_t capacity = bench->capacity ? 2 * bench->capacity : 1024;
        double *grown = realloc(bench->seconds, (size_t)capacity * sizeof *grown);
        if (!grown)
            return et_fail(error, "out of memory");
        bench->seconds = grown;
        bench->capacity = capacity;
    }
    bench->seconds[bench->count++] = seconds;
    return true;
}

/* `calls` runs, or for `limit` seconds, at least one, after a tenth as long of warming up. */
static bool measure(struct bench *bench, enum et_mode mode, int64_t calls, double limit,
                    struct et_error *error) {
    double start = now_seconds();
    for (int64_t i = 0; calls ? i < (calls + 9) / 10 : now_seconds() - start < limit / 10; i++)
        if (!run_once(bench, mode, error))
            return false;
    start = now_seconds();
    bench->count = 0;
    do {
        double begin = now_seconds();
        if (!run_once(bench, mode, error) || !keep(bench, now_seconds() - begin, error))
            return false;
    } while (calls ? bench->count < calls : now_seconds() - start < limit);
    return true;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct bench_row {
    bool measured, tuned;
    double prepare, median, least;
    int64_t runs;
};

static bool bench_mode(struct bench *bench, const struct bench_arguments *arguments,
                       enum et_mode mode, struct bench_row *row, struct et_error *error) {
    double begin = now_seconds();
    if (!et_program_prepare(bench->program, mode, error))
        return false;
    row->prepare = now_seconds() - begin;
    const struct compiled *compiled = program_compiled(bench->program, mode);
    row->tuned = compiled && compiled->tuned;
    if (!measure(bench, mode, arguments->calls, (double)arguments->milliseconds * 1e-3, error))
        return false;
    qsort(bench->seconds, (size_t)bench->count, sizeof *bench->seconds, compare_doubles);
    row->measured = true;
    row->median = bench->seconds[bench->count / 2];
    row->least = bench->seconds[0];
    row->runs = bench->count;
    return true;
}

static void print_rows(const struct bench_row *rows, int threads, double flops, double peak) {
    printf("%-6s %12s %13s %13s %9s %9s %9s\n", "mode", "prepare ms", "median us", "least us",
           "GFLOP/s", "of peak", "runs");
    for (int mode = 0; mode < ET_ALL_MODES; mode++) {
        const struct bench_row *row = &rows[mode];
        double rate = flops / row->least * 1e-9;
        double limit = mode == ET_EAGER ? peak : threads * peak;
        if (row->measured)
            printf("%-6s %12.2f %13.1f %13.1f %9.2f %7.1f %% %9lld%s\n", et_mode_name(mode),
                   row->prepare * 1e3, row->median * 1e6, row->least * 1e6, rate,
                   100 * rate / limit, (long long)row->runs, row->tuned ? "  tuned" : "");
    }
}

/* Arithmetic operations of the model, by what the compiler counts. */
static bool count_flops(const struct et_program *program, double *flops, struct et_error *error) {
    struct compile_options compiling = {.backend = backends[BACKEND_AOT].emits,
                                        .limits = program_limits(program)};
    struct compiled *compiled = compile(program_graph(program), &compiling, error);
    if (compiled)
        *flops = (double)compiled_flops(compiled);
    compiled_free(compiled);
    return compiled != NULL;
}

static bool bench_all(struct bench *bench, const struct bench_arguments *arguments,
                      struct et_error *error) {
    struct bench_row rows[ET_ALL_MODES] = {0};
    double flops, peak = peak_gflops(0.1);
    if (!count_flops(bench->program, &flops, error))
        return false;
    flops *= (double)bench->batch;
    for (int mode = 0; mode < ET_ALL_MODES; mode++)
        if ((arguments->chosen[mode] ||
             (!arguments->any_chosen && et_mode_allowed((enum et_mode)mode, NULL))) &&
            !bench_mode(bench, arguments, (enum et_mode)mode, &rows[mode], error))
            return false;
    double again = peak_gflops(0.1);
    peak = again > peak ? again : peak;
    if (et_program_is_batched(bench->program))
        printf("runs of %lld image%s\n", (long long)bench->batch, bench->batch == 1 ? "" : "s");
    printf("%s  %.2f MFLOP a run; this core: %.1f GFLOP/s (%s)", et_program_name(bench->program),
           flops * 1e-6, peak, cpu_best_target()->name);
    if (arguments->common.threads > 1)
        printf("; %d threads", arguments->common.threads);
    printf("\n\n");
    print_rows(rows, arguments->common.threads, flops, peak);
    return true;
}

static bool bench_open(struct bench *bench, const struct bench_arguments *arguments,
                       struct et_error *error) {
    if (!et_program_set_compiler(bench->program, arguments->common.cc,
                                 (const char *const *)arguments->common.flags.items, error) ||
        !et_program_set_threads(bench->program, arguments->common.threads, error) ||
        !model_check_batch(bench->program, bench->batch, error) ||
        !model_inputs(bench->program, bench->batch, &bench->inputs, error) ||
        !model_outputs(bench->program, bench->batch, &bench->outputs, error))
        return false;
    model_randomise(1, &bench->inputs);
    bench->workspace = et_workspace_new(bench->program);
    return bench->workspace || et_fail(error, "out of memory");
}

int bench_command(int count, char **values) {
    struct bench_arguments arguments = {.common = {.batch = 1, .threads = 1}, .milliseconds = 1000};
    command_parse(&line, count, values, &arguments.common);
    struct et_error error = {0};
    struct bench bench = {0};
    bool good = model_open(&arguments.common.model, &error);
    if (good) {
        bench.program = arguments.common.model.program;
        bench.batch = arguments.common.batch;
        good = bench_open(&bench, &arguments, &error) && bench_all(&bench, &arguments, &error);
    }
    et_workspace_free(bench.workspace);
    tensors_free(&bench.inputs);
    tensors_free(&bench.outputs);
    free(bench.seconds);
    return command_end(&arguments.common, good, &error);
}
