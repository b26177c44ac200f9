/* Random programs whose graphs depend on the sizes of open axes: in their extents, paddings,
 * windows and constants, by formulas of many forms. */
#ifndef EIGENTENSOR_OPEN_PROGRAM_H
#define EIGENTENSOR_OPEN_PROGRAM_H

#include "compiler/builder/builder.h"
#include "compiler/graph/size.h"
#include "tests/support/random_graph.h"

enum { OPEN_PROGRAM_AXES = 2, MOST_OPEN_STEPS = 12 };

/* One operation, or a few in a row. */
struct open_step {
    int kind;
    int source, other; /* of what there is */
    int axis;          /* modulo the rank */
    int64_t a, b;
};

struct open_program {
    uint64_t seed;
    struct open_axis axes[OPEN_PROGRAM_AXES];
    int step_count;
    struct open_step steps[MOST_OPEN_STEPS];
};

/* The same program of the same seed everywhere. It can be made at all sizes of its axes. */
void open_program_random(uint64_t seed, struct open_program *program);

/* Its graph at these sizes. `all`: with all nodes, as open_graph_fit asks for. NULL and an error
 * when memory is exhausted. */
struct graph *open_program_graph(const struct open_program *program, const int64_t *sizes, bool all,
                                 struct et_error *error);

#endif
