/* scan [STEPS [WIDTH [ROWS]]]: an LSTM of so many steps (100), so wide (128), for so many sequences
 * at once (1), as a scan and step after step: what compiling takes, and a run. */
#include "bench/lstm.h"
#include "compiler/compile.h"
#include "compiler/emit/backend.h"
#include "runtime/backend/backend.h"
#include "runtime/kernels/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 20 };

struct scan_size {
    int64_t steps, width, rows;
};

static struct graph *build(struct scan_size size, bool loop, struct et_error *error) {
    struct tensor_context *context = tensor_context_new(loop ? "loop" : "unrolled");
    struct tensor xs =
        add_graph_input(context, "xs", DTYPE_FLOAT32, SHAPE(size.steps, size.rows, size.width));
    struct lstm_parameters parameters = lstm_weights(context, size.width, size.width);
    struct tensor states = (loop ? lstm_looped : lstm_unrolled)(xs, parameters);
    return compile_to_graph(context, OUTPUTS({"states", states}), error);
}

/* The same small numbers for each weight and input. */
static float *numbers(int64_t count) {
    float *values = et_allocate((size_t)count, sizeof *values);
    for (int64_t i = 0; values && i < count; i++)
        values[i] = (float)(i * 7919 % 1009 - 504) / 4096;
    return values;
}

static double least_run(const struct executable *executable, const void *const *inputs,
                        void *const *outputs, const struct compiled *compiled, void *arena) {
    double least = 0;
    for (int i = 0; i < TRIES; i++) {
        double began = now_milliseconds();
        executable->entry(inputs, outputs, compiled->weights, arena);
        double took = now_milliseconds() - began;
        least = i == 0 || took < least ? took : least;
    }
    return least;
}

static bool run(const struct compiled *compiled, const struct executable *executable,
                const float *values, float *states, double *milliseconds) {
    void *arena = et_allocate_aligned(compiled->arena_bytes + 1);
    if (arena)
        *milliseconds =
            least_run(executable, (const void *[]){values}, (void *[]){states}, compiled, arena);
    et_release(arena);
    return arena != NULL;
}

static bool measure(struct graph *graph, enum backend_id id, const float *values, float *states,
                    struct et_error *error) {
    struct compile_options options = {.backend = backends[id].emits, .target = cpu_best_target()};
    struct executable executable = {0};
    double began = now_milliseconds(), milliseconds = 0;
    struct compiled *compiled = compile(graph, &options, error);
    double compiling = now_milliseconds() - began;
    bool good = compiled && backend_build(&backends[id], compiled, NULL, &executable, error);
    double building = now_milliseconds() - began - compiling;
    good = good && (run(compiled, &executable, values, states, &milliseconds) ||
                    et_fail(error, "out of memory"));
    if (good)
        printf("%-9s %-9s %5d nodes  %4d kernels  %8zu bytes of C  compile %8.2f ms  build %9.2f "
               "ms  run %8.3f ms\n",
               graph->name, backends[id].name, graph->node_count, compiled->kernel_count,
               compiled->source_bytes, compiling, building, milliseconds);
    executable_free(&executable);
    compiled_free(compiled);
    return good;
}

/* By each backend, and the same bits for both graphs. */
static bool compare(struct graph *const *graphs, struct scan_size size, struct et_error *error) {
    int64_t count = size.steps * size.rows * size.width;
    float *values = numbers(count), *states[2] = {numbers(2 * count), numbers(2 * count)};
    float *weights = numbers(4 * size.width * size.width);
    bool good = (values && states[0] && states[1] && weights) || et_fail(error, "out of memory");
    for (int g = 0; good && g < 2; g++)
        for (int i = 0; i < graphs[g]->node_count; i++)
            if (graphs[g]->nodes[i]->op == OP_WEIGHT)
                graphs[g]->nodes[i]->value = weights;
    for (int id = 0; good && id < BACKEND_COUNT; id++) {
        for (int g = 0; good && g < 2; g++)
            good = measure(graphs[g], (enum backend_id)id, values, states[g], error);
        good = good && (memcmp(states[0], states[1], (size_t)count * 2 * sizeof(float)) == 0 ||
                        et_fail(error, "the bits differ"));
    }
    et_release(values);
    et_release(states[0]);
    et_release(states[1]);
    et_release(weights);
    return good;
}

int main(int count, char **words) {
    struct scan_size size = {count > 1 ? atoll(words[1]) : 100, count > 2 ? atoll(words[2]) : 128,
                             count > 3 ? atoll(words[3]) : 1};
    struct et_error error = {0};
    struct graph *loop = build(size, true, &error);
    struct graph *unrolled = loop ? build(size, false, &error) : NULL;
    bool good = unrolled && compare((struct graph *const[]){loop, unrolled}, size, &error);
    if (!good)
        fprintf(stderr, "%s\n", error.message);
    graph_free(loop);
    graph_free(unrolled);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
