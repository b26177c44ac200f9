/* Graphs from bytes that may be anything, ONNX models above all, run: for the fuzz targets and the
 * sweep. */
#ifndef EIGENTENSOR_IMPORT_TRIAL_H
#define EIGENTENSOR_IMPORT_TRIAL_H

#include "compiler/graph/graph.h"

/* What is larger is imported only. The bodies of scans have the same limits. */
struct trial_limits {
    int nodes;
    int64_t elements; /* of a node */
    int64_t steps;    /* of a scan */
};

enum import_outcome {
    IMPORT_REFUSED,  /* the error says why */
    IMPORT_LARGE,    /* imported, not run: beyond the limits, or with a batch axis */
    IMPORT_SAME,     /* JIT gave the bits of the interpreter */
    IMPORT_MISTAKEN, /* no message, a graph that is none, other bits; the error says what */
};

/* Every open axis gets size 4. Inputs are filled by random numbers of `seed`. Files that the model
 * names are not there. */
enum import_outcome import_trial(const void *bytes, size_t count, uint64_t seed,
                                 const struct trial_limits *limits, struct et_error *error);
/* The same of a graph that is there and was verified: large, same or mistaken. */
enum import_outcome graph_trial(const struct graph *graph, uint64_t seed,
                                const struct trial_limits *limits, struct et_error *error);

#endif
