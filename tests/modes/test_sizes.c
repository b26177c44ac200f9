/* One text for several sizes: the bits of each size, in every kind of compiler; what is there once;
 * and what the text is like. */
#include "compiler/builder/layers.h"
#include "compiler/graph/batch.h"
#include "compiler/store/store.h"
#include "tests/support/random_graph.h"
#include "tests/support/trial.h"

#include "tests/support/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 3 };
typedef int sized_run(const void *const *inputs, void *const *outputs, const void *weights,
                      void *arena, long size);
typedef int sized_step(const void *const *inputs, void *const *outputs, const void *weights,
                       void *arena, long step, long part, long parts, long size);
typedef int sized_batch_run(const void *const *inputs, void *const *outputs, const void *weights,
                            void *arena, long batch, long size);

/* ---- Sets ---- */

struct sized_graphs {
    struct graph *graphs[SIZES];
    int64_t sizes[SIZES];
    struct set_size items[SIZES];
    const char *axes[1];
    struct size_set set;
};

static void list_sizes(struct sized_graphs *graphs) {
    graphs->axes[0] = "size";
    graphs->set = (struct size_set){1, graphs->axes, SIZES, graphs->items};
    for (int i = 0; i < SIZES; i++)
        graphs->items[i] =
            (struct set_size){.graph = graphs->graphs[i], .sizes = &graphs->sizes[i]};
}

static void free_graphs(struct sized_graphs *graphs) {
    for (int i = 0; i < SIZES; i++)
        graph_free(graphs->graphs[i]);
}

/* A random graph for 7, 3 and 1 images, each a graph of its own; false where that cannot be. */
static bool random_sizes(uint64_t seed, struct graph **batched, struct sized_graphs *graphs) {
    struct graph *graph = random_graph(seed, NULL);
    cr_assert_not_null(graph);
    *graphs = (struct sized_graphs){.sizes = {7, 3, 1}};
    *batched = graph_add_batch(graph, NULL);
    bool good = *batched != NULL;
    for (int i = 0; good && i < SIZES; i++)
        good = (graphs->graphs[i] = graph_at_batch(*batched, graphs->sizes[i], NULL)) != NULL;
    list_sizes(graphs);
    if (!good)
        free_graphs(graphs);
    graph_free(*batched);
    *batched = good ? graph : NULL; /* which has the weights */
    if (!good)
        graph_free(graph);
    return good;
}

/* ---- Running ---- */

static void **room_for(const struct graph *graph) {
    void **outputs = calloc((size_t)graph->output_count, sizeof *outputs);
    for (int i = 0; i < graph->output_count; i++)
        outputs[i] = et_allocate_aligned((size_t)node_bytes(graph->outputs[i].node) + 1);
    return outputs;
}

static void free_room(const struct graph *graph, void **outputs) {
    for (int i = 0; i < graph->output_count; i++)
        et_release(outputs[i]);
    free(outputs);
}

/* The parts of each step from the last to the first. */
static int run_steps(const struct compiled *compiled, const struct executable *executable,
                     const void *const *inputs, void **outputs, void *arena, int threads,
                     int64_t size) {
    sized_step *run_step = (sized_step *)(void (*)(void))executable->step_entry;
    int result = 0;
    for (int step = 0; step < compiled->steps; step++)
        for (int part = threads - 1; part >= 0; part--)
            result |= run_step(inputs, outputs, compiled->weights, arena, step, part, threads,
                               (long)size);
    return result;
}

static void check_size(const struct compiled *compiled, const struct executable *executable,
                       const struct graph *graph, int64_t size, int threads, uint64_t seed) {
    struct trial trial;
    struct et_error error = {0};
    cr_assert(trial_begin(&trial, graph, seed, &error), "%s", error.message);
    void **outputs = room_for(graph), *arena = et_allocate_aligned(compiled->arena_bytes + 64);
    sized_run *run = (sized_run *)(void (*)(void))executable->entry;
    const void *const *inputs = (const void *const *)trial.inputs;
    cr_expect_eq(run(inputs, outputs, compiled->weights, arena, 2), -1);
    for (int how = 0; how < (threads > 1 ? 2 : 1); how++) {
        cr_expect_eq(how ? run_steps(compiled, executable, inputs, outputs, arena, threads, size)
                         : run(inputs, outputs, compiled->weights, arena, size),
                     0);
        for (int i = 0; i < graph->output_count; i++) {
            size_t bytes = (size_t)node_bytes(graph->outputs[i].node);
            cr_expect_arr_eq(outputs[i], trial.expected[i], bytes,
                             "seed %llu, size %lld, output %d%s", (unsigned long long)seed,
                             (long long)size, i, how ? ", in parts" : "");
            memset(outputs[i], 0xa5, bytes);
        }
    }
    et_release(arena);
    free_room(graph, outputs);
    trial_end(&trial);
}

static void check_set(const struct sized_graphs *graphs, enum backend_id id, const char *cc,
                      const char *flag, uint64_t seed) {
    const int threads = 1 + (int)(seed % 4);
    const struct compile_options options = {.backend = backends[id].emits,
                                            .verify = true,
                                            .target = &targets[seed % TARGET_COUNT],
                                            .threads = threads,
                                            .least_cycles = 1};
    const char *const flags[] = {flag, NULL};
    const struct build_options building = {.cc = cc, .flags = flags};
    struct executable executable = {0};
    struct et_error error = {0};
    struct compiled *compiled = compile_set(&graphs->set, &options, &error);
    cr_assert_not_null(compiled, "seed %llu: %s", (unsigned long long)seed, error.message);
    cr_assert(backend_build(&backends[id], compiled, &building, &executable, &error),
              "seed %llu: %s", (unsigned long long)seed, error.message);
    for (int i = 0; i < SIZES; i++)
        check_size(compiled, &executable, graphs->graphs[i], graphs->sizes[i], threads, seed);
    executable_free(&executable);
    compiled_free(compiled);
}

static void check_seeds(int first, int count, enum backend_id id, const char *cc,
                        const char *flag) {
    int checked = 0;
    for (int seed = first; seed < first + count; seed++) {
        struct sized_graphs graphs;
        struct graph *graph;
        if (!random_sizes((uint64_t)seed, &graph, &graphs))
            continue;
        check_set(&graphs, id, cc, flag, (uint64_t)seed);
        free_graphs(&graphs);
        graph_free(graph);
        checked++;
    }
    cr_assert_gt(checked, count / 2);
}

Test(sizes, jit_has_the_bits_of_each, .timeout = 300) {
    check_seeds(1, 200, BACKEND_JIT, NULL, NULL);
}

Test(sizes, gcc_has_the_bits_of_each, .timeout = 300) {
    check_seeds(1, 6, BACKEND_AOT, "gcc", "-O3");
}

Test(sizes, clang_has_the_bits_of_each, .timeout = 300) {
    check_seeds(7, 6, BACKEND_AOT, "clang", "-O1");
}

/* ---- A small model ---- */

/* Rows of a table, and beside them what depends on no size. */
static struct graph *make_table(int64_t rows) {
    struct tensor_context *context = tensor_context_new("table");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, 2, (int64_t[]){rows, 8});
    struct tensor y = add_graph_input(context, "y", DTYPE_FLOAT32, 2, (int64_t[]){2, 8});
    struct tensor weight = add_weight(context, "w", DTYPE_FLOAT32, 2, (int64_t[]){16, 8});
    struct tensor same = relu(linear(y, weight, NO_TENSOR));
    const struct named_tensor outputs[] = {{"same", same},
                                           {"each", tensor_exp(linear(x, weight, NO_TENSOR))}};
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(context, 2, outputs, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_assert(graph_canonicalize(graph, NULL));
    return graph;
}

static float table_weight[16 * 8];

static void make_tables(struct sized_graphs *graphs) {
    *graphs = (struct sized_graphs){.sizes = {6, 4, 1}};
    random_elements(1, "w", DTYPE_FLOAT32, 16 * 8, table_weight);
    for (int i = 0; i < SIZES; i++) {
        struct graph *graph = graphs->graphs[i] = make_table(graphs->sizes[i]);
        for (int k = 0; k < graph->node_count; k++)
            if (graph->nodes[k]->op == OP_WEIGHT)
                graph->nodes[k]->value = table_weight;
    }
    list_sizes(graphs);
    graphs->axes[0] = "rows";
}

static struct compiled *compiled_with(const struct sized_graphs *graphs,
                                      const struct compile_options *options) {
    struct et_error error = {0};
    struct compiled *compiled = compile_set(&graphs->set, options, &error);
    cr_assert_not_null(compiled, "%s", error.message);
    return compiled;
}

static struct compiled *compile_tables(struct sized_graphs *graphs) {
    make_tables(graphs);
    return compiled_with(graphs, &(struct compile_options){0});
}

/* All of them with a batch axis. */
static void add_batch(struct sized_graphs *graphs, struct graph **batched) {
    struct et_error error = {0};
    for (int i = 0; i < SIZES; i++) {
        batched[i] = graph_add_batch(graphs->graphs[i], &error);
        cr_assert_not_null(batched[i], "%s", error.message);
        graphs->items[i].graph = batched[i];
    }
}

static void free_batched(struct graph **batched) {
    for (int i = 0; i < SIZES; i++)
        graph_free(batched[i]);
}

static void expect_goldens(struct compiled *compiled, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "tests/golden/%s.c", name);
    expect_golden(path, compiled->source);
    snprintf(path, sizeof path, "tests/golden/%s.h", name);
    expect_golden(path, compiled->header);
    compiled_free(compiled);
}

Test(sizes, text_is_golden) {
    struct sized_graphs graphs;
    expect_goldens(compile_tables(&graphs), "sizes");
    const struct compile_options shared = {.threads = 2, .least_cycles = 1};
    expect_goldens(compiled_with(&graphs, &shared), "sizes_threads");
    struct graph *batched[SIZES];
    const struct compile_options pool = {.threads = 2, .pool = true};
    add_batch(&graphs, batched);
    expect_goldens(compiled_with(&graphs, &pool), "sizes_batch_threads");
    free_batched(batched);
    free_graphs(&graphs);
}

/* The kernel of y stands once, and the weights do: packed for columns as wide in all sizes. */
Test(sizes, what_is_equal_is_there_once) {
    struct sized_graphs graphs;
    struct compiled *compiled = compile_tables(&graphs);
    int own = 0;
    for (int i = 0; i < compiled->kernel_count; i++)
        own += compiled->kernels[i].source[0] != '\0';
    cr_expect_eq(compiled->kernel_count, 6);
    cr_expect_eq(own, 4);
    cr_expect_eq(compiled->weights_bytes, sizeof table_weight);
    compiled_free(compiled);
    free_graphs(&graphs);
}

/* Axes are called as they like: parameters are not. */
Test(sizes, axes_have_any_names) {
    static const char *const names[] = {
        "inputs",   "weights",  "int",  "size",  "run_at_6", "table_run", "table", "find_size",
        "x.0",      "",         "i",    "class", "errno",    "sizes",     "N",     "t12",
        "*/\n\"\\", "\xc3\xa9", "step", "part",  "run",      "parts",     "at",    "threads",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct sized_graphs graphs;
        make_tables(&graphs);
        graphs.axes[0] = names[i];
        check_set(&graphs, BACKEND_JIT, NULL, NULL, i);
        if (i % 6 == 4)
            check_set(&graphs, BACKEND_AOT, "gcc", "-Wall", i);
        free_graphs(&graphs);
    }
}

/* ---- Tunings ---- */

/* The least likely choice for every contraction of a graph. */
static struct tuning worst_of(const struct graph *graph, struct compiled **compiled) {
    static struct tuned_choice choices[4];
    struct tuning tuning = {.target = "avx512", .choices = choices};
    struct et_error error = {0};
    *compiled = compile(graph, &(struct compile_options){.list_candidates = true}, &error);
    cr_assert_not_null(*compiled, "%s", error.message);
    cr_assert_leq((*compiled)->contraction_count, 4);
    for (int i = 0; i < (*compiled)->contraction_count; i++) {
        const struct contraction_facts *facts = &(*compiled)->contractions[i];
        choices[tuning.count++] =
            (struct tuned_choice){.contraction = facts->contraction,
                                  .tile = facts->tiles.items[facts->tiles.count - 1].text};
    }
    return tuning;
}

/* Only one of the sizes has a tuning, and only its kernels are others. */
Test(sizes, each_takes_its_tuning) {
    struct sized_graphs graphs;
    struct compiled *plain = compile_tables(&graphs), *alone;
    struct tuning tuning = worst_of(graphs.graphs[1], &alone);
    cr_assert_not(plain->tuned);
    graphs.items[1].tuning = &tuning;
    struct compiled *tuned = compiled_with(&graphs, &(struct compile_options){0});
    cr_expect(tuned->tuned);
    for (int i = 0; i < SIZES; i++) {
        const struct sized_variant *was = &plain->variants[i], *is = &tuned->variants[i];
        bool same = was->kernel_count == is->kernel_count;
        for (int k = 0; same && k < was->kernel_count; k++)
            same = strcmp(plain->kernels[was->first_kernel + k].formula,
                          tuned->kernels[is->first_kernel + k].formula) == 0;
        cr_expect_eq(same, i != 1, "size %d", i);
    }
    check_set(&graphs, BACKEND_JIT, NULL, NULL, TARGET_AVX512);
    check_set(&graphs, BACKEND_AOT, "gcc", "-O1", TARGET_AVX512);
    compiled_free(tuned);
    compiled_free(plain);
    compiled_free(alone);
    free_graphs(&graphs);
}

/* ---- What is no set ---- */

static void refused(const struct sized_graphs *graphs, const struct compile_options *options,
                    const char *why) {
    struct et_error error = {0};
    cr_expect_null(compile_set(&graphs->set, options, &error));
    cr_expect_str_eq(error.message, why);
}

Test(sizes, says_what_is_no_set) {
    struct sized_graphs graphs;
    struct compiled *alone;
    make_tables(&graphs);
    struct tuning tuning = worst_of(graphs.graphs[1], &alone);
    const struct compile_options plain = {0}, tuned = {.tuning = &tuning},
                                 other = {.target = &targets[TARGET_AVX2]};
    refused(&graphs, &tuned, "a text for several sizes takes a tuning of each");
    graphs.items[1].tuning = &tuning;
    refused(&graphs, &other, "rows=4: the tuning: made for avx512, not for avx2");
    graphs.items[1].tuning = NULL;
    graphs.items[2].tuning = &tuning;
    char why[400];
    snprintf(why, sizeof why,
             "rows=1: the tuning: choices[1]: the graph has no such contraction: \"%s\"",
             tuning.choices[1].contraction);
    refused(&graphs, &plain, why);
    graphs.items[2].tuning = NULL;
    compiled_free(alone);
    graphs.sizes[1] = 1;
    refused(&graphs, &plain, "table: the same sizes twice");
    graphs.sizes[1] = 4;
    graphs.graphs[1]->outputs[0].name = "other";
    refused(&graphs, &plain,
            "table: its inputs and outputs are others at other sizes, not only their extents");
    graphs.graphs[1]->outputs[0].name = "same";
    graphs.set.axis_count = 0;
    refused(&graphs, &plain, "0 axes of several sizes, expected 1 to 8");
    graphs.set.axis_count = 1;
    graphs.set.count = 65;
    refused(&graphs, &plain, "65 sizes, expected 1 to 64 in one text");
    free_graphs(&graphs);
}

/* ---- Sizes of batched graphs ---- */

static void check_batch(const struct compiled *compiled, const struct executable *executable,
                        const struct graph *batched, int64_t batch, int64_t size) {
    struct et_error error = {0};
    struct graph *fixed = graph_at_batch(batched, batch, &error);
    struct trial trial;
    cr_assert_not_null(fixed, "%s", error.message);
    cr_assert(trial_begin(&trial, fixed, 5, &error), "%s", error.message);
    void **outputs = room_for(fixed), *arena = et_allocate_aligned(compiled->arena_bytes + 64);
    sized_batch_run *run = (sized_batch_run *)(void (*)(void))executable->entry;
    cr_expect_eq(run((const void *const *)trial.inputs, outputs, compiled->weights, arena,
                     (long)batch, (long)size),
                 0);
    for (int i = 0; i < fixed->output_count; i++)
        cr_expect_arr_eq(outputs[i], trial.expected[i], (size_t)node_bytes(fixed->outputs[i].node));
    et_release(arena);
    free_room(fixed, outputs);
    trial_end(&trial);
    graph_free(fixed);
}

static void check_batches(enum backend_id id) {
    struct sized_graphs graphs;
    struct graph *batched[SIZES];
    struct et_error error = {0};
    make_tables(&graphs);
    add_batch(&graphs, batched);
    const struct compile_options options = {.backend = backends[id].emits};
    struct compiled *compiled = compile_set(&graphs.set, &options, &error);
    struct executable executable = {0};
    cr_assert_not_null(compiled, "%s", error.message);
    cr_assert(backend_build(&backends[id], compiled, NULL, &executable, &error), "%s",
              error.message);
    for (int i = 0; i < SIZES; i++)
        for (int64_t batch = 1; batch < 70; batch += 7)
            check_batch(compiled, &executable, batched[i], batch, graphs.sizes[i]);
    executable_free(&executable);
    compiled_free(compiled);
    free_batched(batched);
    free_graphs(&graphs);
}

Test(sizes, batches_of_each_by_the_jit) {
    check_batches(BACKEND_JIT);
}

Test(sizes, batches_of_each_by_gcc) {
    check_batches(BACKEND_AOT);
}
