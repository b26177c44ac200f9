/* Graphs that came from the fuzzer's bytes, run. */
#ifndef EIGENTENSOR_FUZZ_TRIAL_H
#define EIGENTENSOR_FUZZ_TRIAL_H

#include "tests/fuzz/fuzz.h"
#include "tests/support/import_trial.h"

static const struct trial_limits fuzz_limits = {.nodes = 40, .elements = 1024, .steps = 16};

/* Compiles a small graph, and runs it beside the interpreter; leaves others alone. */
static inline void fuzz_try(const struct graph *graph, uint64_t seed) {
    struct et_error error = {0};
    must(graph_trial(graph, seed, &fuzz_limits, &error) != IMPORT_MISTAKEN, "seed %ju: %s",
         (uintmax_t)seed, error.message);
}

#endif
