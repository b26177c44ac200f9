/* The program `device`: random graphs on this machine's GPU, held against the interpreter by their
 * bits. Exit status 0: the same bits everywhere; 77: there is no GPU, and why. */
#include "compiler/emit/backend.h"
#include "runtime/backend/cuda.h"
#include "tests/support/random_graph.h"
#include "tests/support/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77 };

static bool same_outputs(const struct trial *trial, void *const *outputs, struct et_error *error) {
    for (int i = 0; i < trial->graph->output_count; i++) {
        const struct node *node = trial->graph->outputs[i].node;
        const size_t bytes = (size_t)dtype_bytes(node->dtype);
        const char *expected = trial->expected[i], *found = outputs[i];
        for (int64_t k = 0; k < node_elements(node); k++)
            if (memcmp(expected + (size_t)k * bytes, found + (size_t)k * bytes, bytes) != 0)
                return et_fail(error, "output %s: element %" PRId64 " differs",
                               trial->graph->outputs[i].name, k);
    }
    return true;
}

/* Runs twice: the second time as a CUDA graph that is there. */
static bool run(const struct trial *trial, const struct compiled *compiled,
                const struct executable *executable, struct et_error *error) {
    const int count = trial->graph->output_count;
    void **outputs = et_allocate((size_t)count + 1, sizeof *outputs);
    bool good = outputs != NULL;
    for (int i = 0; good && i < count; i++)
        good = (outputs[i] = et_allocate_aligned(
                    (size_t)node_bytes(trial->graph->outputs[i].node))) != NULL;
    if (!good)
        et_fail(error, "out of memory");
    const struct device_run run = {trial->batched ? trial->batched : trial->graph, compiled,
                                   trial->batched ? trial->batch : 1,
                                   (const void *const *)trial->inputs, outputs};
    for (int turn = 0; good && turn < 2; turn++) {
        for (int i = 0; i < count; i++)
            memset(outputs[i], 0xa5, (size_t)node_bytes(trial->graph->outputs[i].node));
        good = executable->run(executable->code, &run, error) &&
               same_outputs(trial, outputs, error);
    }
    for (int i = 0; outputs && i < count; i++)
        et_release(outputs[i]);
    et_release(outputs);
    return good;
}

static bool check(const struct trial *trial, struct et_error *error) {
    const struct compile_options options = {.backend = &emit_cuda, .verify = true};
    struct compiled *compiled =
        compile(trial->batched ? trial->batched : trial->graph, &options, error);
    struct executable executable = {0};
    bool good = compiled &&
                backend_build(&backends[BACKEND_CUDA], compiled, NULL, &executable, error) &&
                run(trial, compiled, &executable, error);
    executable_free(&executable);
    compiled_free(compiled);
    return good;
}

static bool check_seed(uint64_t seed, struct et_error *error) {
    struct graph *graph = random_graph(seed, error);
    struct trial trial = {0};
    bool good = graph && (seed % 4 ? trial_begin : trial_begin_batch)(&trial, graph, seed, error);
    if (good) {
        good = check(&trial, error);
        trial_end(&trial);
    }
    graph_free(graph);
    return good;
}

int main(int count, char **words) {
    struct et_error error = {0};
    if (count != 3) {
        fprintf(stderr, "expected the first seed, and how many\n");
        return 2;
    }
    if (!cuda_allowed(&error)) {
        fprintf(stderr, "skipped: %s\n", error.message);
        return SKIPPED;
    }
    const uint64_t first = strtoull(words[1], NULL, 10), seeds = strtoull(words[2], NULL, 10);
    uint64_t failures = 0;
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        if (check_seed(seed, &error))
            continue;
        failures++;
        printf("seed %" PRIu64 ": %s\n", seed, error.message);
        fflush(stdout);
    }
    printf("%" PRIu64 " graphs from %" PRIu64 ", %" PRIu64 " failures\n", seeds, first, failures);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
