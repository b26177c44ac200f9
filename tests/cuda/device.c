/* The program `device`: random graphs on this machine's GPU, held against the interpreter by their
 * bits; or a model, held against the CPU, and how long a run takes. Exit status 0: the same bits
 * everywhere; 77: there is no GPU, and why. */
#include "compiler/emit/backend.h"
#include "compiler/graph/batch.h"
#include "runtime/backend/cuda.h"
#include "runtime/eager.h"
#include "runtime/et_program.h"
#include "tests/support/random_graph.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77, MOST_TENSORS = 64 };

/* A random graph, and what it gives. Unlike tests/support/trial.h this bounds no memory: what CUDA
 * takes of addresses is more than any bound. */
struct device_trial {
    struct graph *graph, *batched; /* `batched`: with a batch axis, of which the run is to have as
                                      many images as `graph` has; NULL: it has no such axis */
    int64_t batch;
    void **inputs, **expected, **found;
};

static void *buffer_for(const struct node *node) {
    return et_allocate_aligned((size_t)node_bytes(node) + 1);
}

static bool make_buffers(struct device_trial *trial, uint64_t seed) {
    const struct graph *graph = trial->graph;
    trial->inputs = et_allocate((size_t)graph->input_count + 1, sizeof(void *));
    trial->expected = et_allocate((size_t)graph->output_count + 1, sizeof(void *));
    trial->found = et_allocate((size_t)graph->output_count + 1, sizeof(void *));
    bool good = trial->inputs && trial->expected && trial->found;
    for (int i = 0; good && i < graph->input_count; i++) {
        const struct node *node = graph->inputs[i];
        if ((good = (trial->inputs[i] = buffer_for(node)) != NULL))
            random_elements(seed, node->name, node->dtype, node_elements(node), trial->inputs[i]);
    }
    for (int i = 0; good && i < graph->output_count; i++)
        good = (trial->expected[i] = buffer_for(graph->outputs[i].node)) &&
               (trial->found[i] = buffer_for(graph->outputs[i].node));
    return good;
}

static void free_buffers(void **buffers, int count) {
    for (int i = 0; buffers && i < count; i++)
        et_release(buffers[i]);
    et_release(buffers);
}

static void trial_free(struct device_trial *trial) {
    if (trial->graph) {
        free_buffers(trial->inputs, trial->graph->input_count);
        free_buffers(trial->expected, trial->graph->output_count);
        free_buffers(trial->found, trial->graph->output_count);
    }
    graph_free(trial->graph);
    graph_free(trial->batched);
}

/* Every fourth seed's graph gets a batch axis, if it can have one. */
static bool make_trial(struct device_trial *trial, struct graph *graph, uint64_t seed,
                       struct et_error *error) {
    trial->batch = seed % 4 ? 1 : 1 + (int64_t)(seed / 4 % 40);
    trial->batched = seed % 4 ? NULL : graph_add_batch(graph, NULL);
    struct graph *fixed =
        trial->batched ? graph_at_batch(trial->batched, trial->batch, NULL) : NULL;
    if (trial->batched && !fixed) {
        graph_free(trial->batched);
        trial->batched = NULL;
    }
    trial->batch = trial->batched ? trial->batch : 1;
    trial->graph = fixed ? fixed : graph;
    return (make_buffers(trial, seed) || et_fail(error, "out of memory")) &&
           eager_run(trial->graph, (const void *const *)trial->inputs, trial->expected, error);
}

static bool same_outputs(const struct device_trial *trial, struct et_error *error) {
    for (int i = 0; i < trial->graph->output_count; i++) {
        const struct node *node = trial->graph->outputs[i].node;
        const size_t bytes = (size_t)dtype_bytes(node->dtype);
        const char *expected = trial->expected[i], *found = trial->found[i];
        for (int64_t k = 0; k < node_elements(node); k++)
            if (memcmp(expected + (size_t)k * bytes, found + (size_t)k * bytes, bytes) != 0)
                return et_fail(error, "output %s: element %" PRId64 " differs",
                               trial->graph->outputs[i].name, k);
    }
    return true;
}

/* Runs twice: the second time as a CUDA graph that is there. */
static bool run(const struct device_trial *trial, const struct executable *executable,
                struct et_error *error) {
    const struct device_run run = {.batch = trial->batch,
                                   .inputs = (const void *const *)trial->inputs,
                                   .outputs = trial->found};
    bool good = true;
    for (int turn = 0; good && turn < 2; turn++) {
        for (int i = 0; i < trial->graph->output_count; i++)
            memset(trial->found[i], 0xa5, (size_t)node_bytes(trial->graph->outputs[i].node));
        good = executable->run(executable->code, &run, error) && same_outputs(trial, error);
    }
    return good;
}

static bool check(const struct device_trial *trial, struct et_error *error) {
    const struct compile_options options = {.backend = &emit_cuda, .verify = true};
    const struct graph *graph = trial->batched ? trial->batched : trial->graph;
    const struct build_options building = {.graph = graph};
    struct compiled *compiled = compile(graph, &options, error);
    struct executable executable = {0};
    bool good = compiled &&
                backend_build(&backends[BACKEND_CUDA], compiled, &building, &executable, error) &&
                run(trial, &executable, error);
    executable_free(&executable);
    compiled_free(compiled);
    return good;
}

static bool check_seed(uint64_t seed, struct et_error *error) {
    struct graph *graph = random_graph(seed, error);
    struct device_trial trial = {0};
    bool good = graph && make_trial(&trial, graph, seed, error) && check(&trial, error);
    if (trial.graph != graph)
        graph_free(graph);
    trial_free(&trial);
    return good;
}

/* ---- A model ---- */

struct tensors_of {
    void *inputs[MOST_TENSORS], *expected[MOST_TENSORS], *found[MOST_TENSORS];
    size_t bytes[MOST_TENSORS]; /* of outputs */
};

static bool make_tensors(const struct et_program *program, int64_t batch,
                         struct tensors_of *tensors) {
    uint64_t state = 1;
    for (int i = 0; i < et_program_input_count(program); i++) {
        const struct et_tensor input = et_program_input(program, i);
        const bool batched = program_graph(program)->inputs[i]->batched;
        const size_t bytes = input.bytes * (size_t)(batched ? batch : 1);
        if (!(tensors->inputs[i] = et_allocate_aligned(bytes)))
            return false;
        random_input_elements(&state, input.dtype, bytes, tensors->inputs[i]);
    }
    for (int i = 0; i < et_program_output_count(program); i++) {
        const bool batched = program_graph(program)->outputs[i].node->batched;
        tensors->bytes[i] = et_program_output(program, i).bytes * (size_t)(batched ? batch : 1);
        tensors->expected[i] = et_allocate_aligned(tensors->bytes[i]);
        tensors->found[i] = et_allocate_aligned(tensors->bytes[i]);
        if (!tensors->expected[i] || !tensors->found[i])
            return false;
    }
    return true;
}

/* Against the CPU's compiled code, which has the interpreter's bits. */
static bool check_model(struct et_program *program, int64_t batch, struct et_error *error) {
    static struct tensors_of tensors;
    const struct compile_options compiling = {.threads = 1};
    struct build build = {0};
    if (!make_tensors(program, batch, &tensors))
        return et_fail(error, "out of memory");
    const void *const *inputs = (const void *const *)tensors.inputs;
    double began = now_seconds(), seconds = 0;
    if (!program_build(program, &backends[BACKEND_CUDA], &compiling, NULL, &build, error))
        return false;
    const double prepared = now_seconds() - began;
    const struct device_run run = {.batch = batch, .inputs = inputs, .outputs = tensors.found};
    bool good =
        et_program_set_threads(program, 16, error) &&
        et_program_run_batch(program, ET_JIT, batch, inputs, tensors.expected, NULL, error) &&
        build.executable.run(build.executable.code, &run, error);
    for (int i = 0; good && i < et_program_output_count(program); i++)
        good = memcmp(tensors.expected[i], tensors.found[i], tensors.bytes[i]) == 0 ||
               et_fail(error, "output %d differs", i);
    good = good && cuda_measure(&build.executable, 10, &seconds, error) &&
           cuda_measure(&build.executable, seconds > 0.02 ? 10 : 200, &seconds, error);
    if (good)
        printf("%s, batch %" PRId64 ": same bits; prepared in %.0f ms, %.1f us a run, %d kernels\n",
               et_program_name(program), batch, prepared * 1e3, seconds * 1e6,
               build.compiled->kernel_count);
    build_free(&build);
    return good;
}

static int check_file(const char *path, int64_t batch) {
    struct et_error error = {0};
    struct et_program *program = batch > 1 ? et_program_open_batched(path, NULL, &error)
                                           : et_program_open(path, NULL, &error);
    const bool good = program && check_model(program, batch, &error);
    if (!good)
        printf("%s: %s\n", path, error.message);
    et_program_free(program);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int count, char **words) {
    struct et_error error = {0};
    if (count < 3 || count > 4) {
        fprintf(stderr,
                "expected the first seed, how many, and seconds; or a model, and a batch\n");
        return 2;
    }
    if (!cuda_allowed(&error)) {
        fprintf(stderr, "skipped: %s\n", error.message);
        return SKIPPED;
    }
    if (strchr(words[1], '.'))
        return check_file(words[1], strtoll(words[2], NULL, 10));
    const uint64_t first = strtoull(words[1], NULL, 10), seeds = strtoull(words[2], NULL, 10);
    const double end = now_seconds() + (count > 3 ? strtod(words[3], NULL) : 1e9);
    uint64_t failures = 0, seed = first;
    for (; seed < first + seeds && now_seconds() < end; seed++) {
        if (check_seed(seed, &error))
            continue;
        failures++;
        printf("seed %" PRIu64 ": %s\n", seed, error.message);
        fflush(stdout);
    }
    printf("%" PRIu64 " graphs from %" PRIu64 ", %" PRIu64 " failures\n", seed - first, first,
           failures);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
