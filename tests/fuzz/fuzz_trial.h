/* Graphs that came from the fuzzer's bytes, run. */
#ifndef EIGENTENSOR_FUZZ_TRIAL_H
#define EIGENTENSOR_FUZZ_TRIAL_H

#include "tests/fuzz/fuzz.h"
#include "tests/support/trial.h"

enum { MOST_TRIED_NODES = 40, MOST_TRIED_ELEMENTS = 1024, MOST_TRIED_STEPS = 16 };

/* And so are the bodies of its scans. */
static inline bool fuzz_is_small(const struct graph *graph) {
    if (graph->node_count > MOST_TRIED_NODES)
        return false;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        if (node_elements(node) > MOST_TRIED_ELEMENTS)
            return false;
        if (node->op == OP_SCAN &&
            (scan_step_count(node) > MOST_TRIED_STEPS || !fuzz_is_small(node->body)))
            return false;
    }
    return true;
}

/* Compiles a small graph, and runs it beside the interpreter; leaves others alone. */
static inline void fuzz_try(const struct graph *graph, uint64_t seed) {
    struct et_error error = {0};
    struct trial trial;
    if (graph->batched || !fuzz_is_small(graph))
        return;
    must(trial_begin(&trial, graph, seed, &error), "%s", error.message);
    must(trial_check(&trial, &modes[MODE_JIT], &error), "seed %ju: %s", (uintmax_t)seed,
         error.message);
    trial_end(&trial);
}

#endif
