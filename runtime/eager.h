/* The eager interpreter: a graph, one operation at a time, one buffer a node. It is what every
 * other way of running a graph must equal, bit for bit. */
#ifndef EIGENTENSOR_EAGER_H
#define EIGENTENSOR_EAGER_H

#include "compiler/base/stop.h"
#include "compiler/graph/view.h"

/* Runs a verified graph. `inputs` and `outputs` follow graph->inputs and graph->outputs; each is
 * row-major, node_bytes() long and aligned for its dtype; bools are 0 or 1. Outputs are written
 * only on success, after everything else; their NaNs are the one quiet NaN. A buffer is freed after
 * its last use. */
bool eager_run(const struct graph *graph, const void *const *inputs, void *const *outputs,
               struct et_error *error);
/* The same; ends early, and fails, when `stop` (which may be NULL) says so: it is asked between
 * operations and inside those that take long. */
bool eager_run_within(const struct graph *graph, const void *const *inputs, void *const *outputs,
                      struct stop *stop, struct et_error *error);

/* How many bytes the buffers of such a run take at once, at most, for so many images of a graph
 * with a batch axis; what is a view for certain is not counted. -1: no memory to find out. */
double eager_peak_bytes(const struct graph *graph, int64_t batch);

/* The same, keeping the value of every node for callers that look at them: values[id] is a view (of
 * its own buffer, of an earlier node's, of the caller's input or of the graph's constants), with
 * whatever NaNs the operation gave. */
struct eager_trace {
    int node_count;
    struct view *values;
    void **buffers; /* by node; NULL: its value is a view of another's elements */
};
bool eager_trace_run(const struct graph *graph, const void *const *inputs, struct stop *stop,
                     struct eager_trace *trace, struct et_error *error);
void eager_trace_free(struct eager_trace *trace);

#endif
