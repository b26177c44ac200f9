/* Makes a graph that shows a mistake small, while it still shows it. */
#ifndef EIGENTENSOR_SHRINK_H
#define EIGENTENSOR_SHRINK_H

#include "compiler/graph/graph.h"

/* Whether the graph, which verify_graph accepts, still shows what is looked for. */
typedef bool shrink_predicate(const struct graph *graph, void *context);

/* The smallest graph found, in at most `tries` calls of `fails`, which must be true for `graph`.
 * Fewer nodes count most, then fewer elements, then simpler attributes. Leaves keep their names and
 * first elements; an input "cut.." may stand where a node was. The caller frees the result, which
 * owns its weights' elements. NULL: out of memory. */
struct graph *shrink(const struct graph *graph, shrink_predicate *fails, void *context, int tries,
                     struct et_error *error);

#endif
