/* Graphs within a node that run once a step: written one after another. */
#ifndef EIGENTENSOR_IMPORT_UNROLLED_H
#define EIGENTENSOR_IMPORT_UNROLLED_H

#include "compiler/import/importer.h"

enum { MOST_UNROLLED = 64 }; /* steps of one node */

/* A body: states go from the outputs of one step to the inputs of the next, and what else it gives
 * is collected. All lists are the importer's. */
struct unrolled {
    struct call *call;
    const Onnx__Graph *body;
    int states, collected;
    int first_state_in, first_state_out; /* where they stand in the lists; then what is collected */
    struct tensor *inputs, *outputs;     /* of the step at hand */
    int steps;                           /* so far */
    struct tensor *parts;                /* collected: [steps][collected] */
};

/* Checks that the body has so many inputs, and outputs for `first_state_out` values and the states;
 * what is left over is collected. False: refused. */
bool unrolled_begin(struct unrolled *unrolled, int input_count);
/* Imports the body once more. The next step's states are in `inputs` then. False: refused. */
bool unrolled_step(struct unrolled *unrolled);
/* The parts of collected output k, one after another along a new axis. */
struct tensor unrolled_stack(struct unrolled *unrolled, int k, int64_t axis, bool reversed);

#endif
