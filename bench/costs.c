/* costs [-n CANDIDATES] [-c] [-p] [MODEL.json...]: what the cost model says of every contraction
 * against what it takes, of stored models, or without any of matrix products and convolutions whose
 * shapes are those of transformers and of networks for images.
 *
 * Every way to cut a contraction into tiles that is predicted to take at most WORST times the
 * least, or the cheapest CANDIDATES of them, is compiled into the program by libtcc and run there,
 * in two passes, so that what disturbs the machine for a moment disturbs one of two. A row for each
 * contraction says how well the two agree in order (Spearman's rank correlation), how much longer
 * than the best the model's choice takes, and which they are; -c: a row for each candidate; -p:
 * only what the model says. Say EIGENTENSOR_CPU=avx2 to compare what is planned for another target.
 */
#include "compiler/builder/layers.h"
#include "compiler/emit/backend.h"
#include "runtime/et_program.h"
#include "runtime/kernels/cpu.h"
#include "runtime/tune/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PASSES = 2, LEAST_RUNS = 4, MOST_RUNS = 400, MOST_INPUTS = 16 };
static const double WORST = 3, sample_seconds = 4e-3;

struct options {
    int most;        /* candidates of a contraction */
    bool candidates; /* a row for each of them */
    bool predicts;   /* only what the model says */
};

/* A contraction, with all of its kernels. */
struct subject {
    const char *contraction;
    const struct candidates *tiles; /* of the first kernel */
    int count;                      /* of candidates that are measured */
    double *seconds;                /* of each, the least */
};

struct totals {
    int subjects, near;
    double correlation;
};

/* ---- One way to run all contractions of a program ---- */

static _Thread_local double *lap_times;

static void note_lap(int done) {
    lap_times[done] = 1e-9 * (double)clock_nanoseconds(CLOCK_THREAD_CPUTIME_ID);
}

struct stage {
    const struct et_program *program;
    const void *inputs[MOST_INPUTS + 1];
    void *outputs[MOST_INPUTS];
    struct arena arena;
    int subject_count;
    struct subject *subjects;
    struct tuned_choice *choices;
};

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The lower quartile of each kernel's times: a thread's clock is corrected now and then, so the
 * least would not do. */
static bool run_many(const struct stage *stage, const struct compiled *compiled,
                     const struct executable *executable, double *seconds) {
    int kernels = compiled->kernel_count, runs = 0;
    double *laps = et_allocate((size_t)kernels + 1, sizeof *laps);
    double *samples = et_allocate((size_t)kernels * MOST_RUNS + 1, sizeof *samples);
    void *memory = et_allocate_aligned(compiled->arena_bytes + 1);
    bool good = laps && samples && memory;
    double begin = now_seconds();
    for (; good && runs < MOST_RUNS; runs++) {
        if (runs >= LEAST_RUNS && now_seconds() - begin > sample_seconds)
            break;
        lap_times = laps;
        executable->entry(stage->inputs, stage->outputs, compiled->weights, memory);
        for (int i = 0; i < kernels; i++)
            samples[i * MOST_RUNS + runs] = laps[i + 1] - laps[i];
    }
    for (int i = 0; good && i < kernels; i++) {
        qsort(samples + i * MOST_RUNS, (size_t)runs, sizeof *samples, by_value);
        seconds[i] = samples[i * MOST_RUNS + runs / 4];
    }
    et_release(laps);
    et_release(samples);
    et_release(memory);
    return good;
}

static struct compile_options compiling(const struct tuning *tuning) {
    return (struct compile_options){.backend = backends[BACKEND_JIT].emits,
                                    .target = cpu_target(NULL),
                                    .tuning = tuning,
                                    .list_candidates = true,
                                    .profile = true};
}

/* The candidate number `round` of every contraction that has one. */
static bool measure_round(struct stage *stage, int round, struct et_error *error) {
    int count = 0;
    for (int i = 0; i < stage->subject_count; i++)
        if (round < stage->subjects[i].count)
            stage->choices[count++] =
                (struct tuned_choice){.contraction = stage->subjects[i].contraction,
                                      .tile = stage->subjects[i].tiles->items[round].text};
    struct tuning tuning = {.count = count, .choices = stage->choices};
    struct compile_options options = compiling(&tuning);
    struct compiled *compiled = compile(program_graph(stage->program), &options, error);
    struct executable executable = {0};
    double *times = et_allocate(compiled ? (size_t)compiled->kernel_count + 1 : 1, sizeof *times);
    bool good = compiled && times &&
                backend_build(&backends[BACKEND_JIT], compiled, NULL, &executable, error) &&
                (run_many(stage, compiled, &executable, times) || et_fail(error, "out of memory"));
    for (int i = 0; good && i < stage->subject_count; i++) {
        struct subject *subject = &stage->subjects[i];
        if (round >= subject->count)
            continue;
        double seconds = contraction_time(compiled, subject->contraction, times);
        if (subject->seconds[round] == 0 || seconds < subject->seconds[round])
            subject->seconds[round] = seconds;
    }
    et_release(times);
    executable_free(&executable);
    compiled_free(compiled);
    return good;
}

/* ---- Contractions and their candidates ---- */

static bool is_known(const struct stage *stage, const char *contraction) {
    for (int i = 0; i < stage->subject_count; i++)
        if (strcmp(stage->subjects[i].contraction, contraction) == 0)
            return true;
    return false;
}

/* Returns the most candidates of any. What was compiled has to stay. */
static int list_subjects(struct stage *stage, const struct compiled *compiled,
                         const struct options *options) {
    size_t most = (size_t)compiled->contraction_count + 1;
    int rounds = 0;
    stage->subjects = arena_array(&stage->arena, struct subject, most);
    stage->choices = arena_array(&stage->arena, struct tuned_choice, most);
    for (int i = 0; i < compiled->contraction_count; i++) {
        const struct contraction_facts *facts = &compiled->contractions[i];
        const struct candidates *tiles = &facts->tiles;
        if (is_known(stage, facts->contraction))
            continue;
        struct subject *subject = &stage->subjects[stage->subject_count++];
        *subject = (struct subject){.contraction = facts->contraction, .tiles = tiles};
        while (subject->count < tiles->count &&
               (options->predicts ||
                (subject->count < options->most &&
                 tiles->items[subject->count].cost <= WORST * tiles->items[0].cost)))
            subject->count++;
        subject->seconds = arena_array(&stage->arena, double, (size_t)subject->count + 1);
        rounds = subject->count > rounds ? subject->count : rounds;
    }
    return rounds;
}

/* ---- What is told ---- */

/* The rank of a value among values, from 0 on; equals share the mean of theirs. */
static double rank_of(const double *values, int count, int place) {
    double rank = 0;
    for (int i = 0; i < count; i++)
        rank += values[i] < values[place] ? 1 : values[i] == values[place] && i != place ? 0.5 : 0;
    return rank;
}

static double correlation(struct stage *stage, const struct subject *subject) {
    double *costs = arena_array(&stage->arena, double, (size_t)subject->count + 1);
    double squares = 0, products = 0, others = 0, middle = 0.5 * (subject->count - 1);
    for (int i = 0; i < subject->count; i++)
        costs[i] = subject->tiles->items[i].cost;
    for (int i = 0; i < subject->count; i++) {
        double a = rank_of(costs, subject->count, i) - middle;
        double b = rank_of(subject->seconds, subject->count, i) - middle;
        squares += a * a;
        others += b * b;
        products += a * b;
    }
    return squares > 0 && others > 0 ? products / sqrt(squares * others) : 1;
}

static void tell(struct stage *stage, const char *model, const struct options *options,
                 struct totals *totals) {
    for (int s = 0; s < stage->subject_count; s++) {
        const struct subject *subject = &stage->subjects[s];
        const struct candidate *items = subject->tiles->items;
        int best = 0;
        for (int i = 0; i < subject->count; i++)
            best = subject->seconds[i] < subject->seconds[best] ? i : best;
        double agreement = correlation(stage, subject);
        double excess = subject->seconds[0] / subject->seconds[best];
        printf("%-10s %5.3f %6.3f %9.1f us  %3d  %-44s  %-44s  %s\n", model, agreement, excess,
               1e6 * subject->seconds[best], subject->count, items[0].text, items[best].text,
               subject->contraction);
        for (int i = 0; options->candidates && i < subject->count; i++)
            printf("+ %12.0f %10.2f  %s\n", items[i].cost, 1e6 * subject->seconds[i],
                   items[i].text);
        totals->subjects++;
        totals->near += excess <= 1.03;
        totals->correlation += agreement;
    }
    fflush(stdout);
}

static bool measure_program(const struct et_program *program, const char *name,
                            const struct options *options, struct totals *totals,
                            struct et_error *error) {
    struct stage stage = {.program = program};
    int inputs = et_program_input_count(program), outputs = et_program_output_count(program);
    struct compile_options first = compiling(NULL);
    struct compiled *compiled = compile(program_graph(program), &first, error);
    bool good = compiled && ((inputs <= MOST_INPUTS && outputs <= MOST_INPUTS) ||
                             et_fail(error, "more than %d inputs or outputs", MOST_INPUTS));
    for (int i = 0; good && i < inputs; i++) {
        size_t bytes = et_program_input(program, i).bytes;
        void *input = et_allocate_aligned(bytes + 1);
        good = input || et_fail(error, "out of memory");
        if (good)
            memset(input, 0, bytes);
        stage.inputs[i] = input;
    }
    for (int i = 0; good && i < outputs; i++)
        good = (stage.outputs[i] = et_allocate_aligned(et_program_output(program, i).bytes + 1)) ||
               et_fail(error, "out of memory");
    if (good)
        *(lap **)&stage.inputs[inputs] = note_lap;
    int rounds = good ? list_subjects(&stage, compiled, options) : 0;
    for (int pass = 0; good && pass < PASSES && !options->predicts; pass++)
        for (int round = 0; good && round < rounds; round++)
            good = measure_round(&stage, round, error);
    if (good)
        tell(&stage, name, options, totals);
    for (int i = 0; i < inputs && i < MOST_INPUTS; i++)
        et_release((void *)stage.inputs[i]);
    for (int i = 0; i < outputs && i < MOST_INPUTS; i++)
        et_release(stage.outputs[i]);
    arena_free(&stage.arena);
    compiled_free(compiled);
    return good;
}

/* ---- Shapes ---- */

static const int64_t row_counts[] = {1, 2, 4, 8, 16, 49, 64, 128, 196, 197, 256, 512, 1000};
/* Sums and columns of the products of transformers, networks for images, and small ones. */
static const struct product {
    int64_t depth, columns;
} products[] = {{192, 192},  {192, 768}, {768, 192},  {384, 384},   {384, 1536}, {768, 768},
                {768, 3072}, {64, 64},   {512, 1000}, {1280, 1000}, {100, 50},   {27, 40}};
/* A product of what both depends on inputs, as in attention: so many, rows, sums, columns. */
static const struct attention {
    int64_t heads, rows, depth, columns;
} attentions[] = {{3, 197, 64, 197}, {3, 197, 197, 64},  {12, 128, 64, 128}, {12, 128, 128, 64},
                  {12, 1, 64, 256},  {12, 1, 256, 64},   {8, 49, 32, 49},    {8, 49, 49, 32},
                  {1, 64, 64, 64},   {1, 128, 128, 128}, {1, 256, 256, 256}, {1, 512, 512, 512}};
static const struct filter {
    int64_t channels, size, outputs, window, stride, groups;
} filters[] = {{3, 224, 64, 7, 2, 1},     {64, 56, 64, 3, 1, 1},     {64, 56, 128, 3, 2, 1},
               {128, 28, 128, 3, 1, 1},   {256, 14, 256, 3, 1, 1},   {512, 7, 512, 3, 1, 1},
               {3, 224, 32, 3, 2, 1},     {32, 112, 16, 1, 1, 1},    {16, 112, 96, 1, 1, 1},
               {24, 56, 144, 1, 1, 1},    {144, 28, 32, 1, 1, 1},    {192, 14, 64, 1, 1, 1},
               {576, 14, 96, 1, 1, 1},    {960, 7, 160, 1, 1, 1},    {96, 112, 96, 3, 2, 96},
               {144, 56, 144, 3, 1, 144}, {192, 28, 192, 5, 1, 192}, {960, 7, 960, 3, 1, 960},
               {16, 160, 16, 3, 1, 1},    {32, 80, 32, 3, 1, 1},     {1, 28, 32, 5, 1, 1}};

static struct tensor product_of(struct tensor_context *context, int64_t rows, struct product of) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(rows, of.depth));
    struct tensor weight =
        add_weight(context, "weight", DTYPE_FLOAT32, SHAPE(of.columns, of.depth));
    struct tensor bias = add_weight(context, "bias", DTYPE_FLOAT32, SHAPE(of.columns));
    return linear(x, weight, bias);
}

static struct tensor attention_of(struct tensor_context *context, struct attention of) {
    struct tensor a =
        add_graph_input(context, "a", DTYPE_FLOAT32, SHAPE(of.heads, of.rows, of.depth));
    struct tensor b =
        add_graph_input(context, "b", DTYPE_FLOAT32, SHAPE(of.heads, of.depth, of.columns));
    return matmul(a, b);
}

static struct tensor filter_of(struct tensor_context *context, struct filter of) {
    struct tensor x =
        add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(1, of.channels, of.size, of.size));
    struct tensor weight =
        add_weight(context, "weight", DTYPE_FLOAT32,
                   SHAPE(of.outputs, of.channels / of.groups, of.window, of.window));
    struct tensor bias = add_weight(context, "bias", DTYPE_FLOAT32, SHAPE(of.outputs));
    int64_t padding = of.window / 2;
    return relu(conv2d(x, weight, bias,
                       (struct conv2d_options){.stride = {of.stride, of.stride},
                                               .padding = {padding, padding},
                                               .groups = of.groups}));
}

/* The same small numbers for every weight. */
static bool give_weights(struct graph *graph, float **values) {
    int64_t most = 1;
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT && node_elements(graph->nodes[i]) > most)
            most = node_elements(graph->nodes[i]);
    *values = et_allocate((size_t)most, sizeof **values);
    for (int64_t i = 0; *values && i < most; i++)
        (*values)[i] = (float)(i * 7919 % 1009 - 504) / 4096;
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            graph->nodes[i]->value = *values;
    return *values != NULL;
}

static bool measure_tensor(struct tensor_context *context, struct tensor result, const char *name,
                           const struct options *options, struct totals *totals,
                           struct et_error *error) {
    struct graph *graph = compile_to_graph(context, OUTPUTS({"result", result}), error);
    float *values = NULL;
    bool good = graph && (give_weights(graph, &values) || et_fail(error, "out of memory"));
    struct et_program *program = graph ? program_from_graph(graph, NULL, error) : NULL;
    good = good && program && measure_program(program, name, options, totals, error);
    et_program_free(program);
    et_release(values);
    return good;
}

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static bool measure_shapes(const struct options *options, struct totals *totals,
                           struct et_error *error) {
    bool good = true;
    for (int p = 0; p < COUNT(products); p++)
        for (int r = 0; good && r < COUNT(row_counts); r++) {
            struct tensor_context *context = tensor_context_new("product");
            good = measure_tensor(context, product_of(context, row_counts[r], products[p]),
                                  "product", options, totals, error);
        }
    for (int i = 0; good && i < COUNT(attentions); i++) {
        struct tensor_context *context = tensor_context_new("attention");
        good = measure_tensor(context, attention_of(context, attentions[i]), "attention", options,
                              totals, error);
    }
    for (int i = 0; good && i < COUNT(filters); i++) {
        struct tensor_context *context = tensor_context_new("filter");
        good = measure_tensor(context, filter_of(context, filters[i]), "filter", options, totals,
                              error);
    }
    return good;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int main(int count, char **words) {
    struct options options = {.most = 60};
    struct totals totals = {0};
    struct et_error error = {0};
    bool good = true;
    int first = 1;
    for (; first < count && words[first][0] == '-'; first++)
        if (strcmp(words[first], "-c") == 0)
            options.candidates = true;
        else if (strcmp(words[first], "-p") == 0)
            options.predicts = true;
        else if (strcmp(words[first], "-n") == 0 && first + 1 < count)
            options.most = atoi(words[++first]);
    printf("%-10s %5s %6s %12s  %3s  %-44s  %-44s  contraction\n", "model", "ranks", "choice",
           "best", "of", "choice", "best");
    if (first == count)
        good = measure_shapes(&options, &totals, &error);
    for (; good && first < count; first++) {
        struct et_program *program = et_program_open(words[first], NULL, &error);
        good =
            program && measure_program(program, base_name(words[first]), &options, &totals, &error);
        et_program_free(program);
    }
    if (totals.subjects)
        printf("%d contractions: mean rank correlation %.3f; the choice within 3 %% of the best in "
               "%.1f %%\n",
               totals.subjects, totals.correlation / totals.subjects,
               100.0 * totals.near / totals.subjects);
    if (!good)
        fprintf(stderr, "costs: %s\n", error.message);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
