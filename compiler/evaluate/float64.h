/* A graph with float64 for float32: what the rounding of float32 is measured against.
 *
 * This is no oracle, and nothing that decides a bit of a result calls it. All other dtypes, float64
 * among them, are as ever. */
#ifndef EIGENTENSOR_WIDE_H
#define EIGENTENSOR_WIDE_H

#include "compiler/graph/view.h"

/* Runs a verified graph. `inputs` are as those of eager_run. Outputs follow graph->outputs,
 * row-major; those of float32 have float64 elements, all others their own. */
bool wide_run(const struct graph *graph, const void *const *inputs, void *const *outputs,
              struct et_error *error);

#endif
