/* Graphs within a node that run once a step: imported once, as the body of a scan. */
#ifndef EIGENTENSOR_IMPORT_SCANNED_H
#define EIGENTENSOR_IMPORT_SCANNED_H

#include "compiler/import/importer.h"

/* A body, as in unrolled.h. What it carries and collects is the state of the scan, flattened and
 * joined; as integers that have their bits where they are of several dtypes. */
struct scanned {
    struct call *call; /* its outputs are the states, then what is collected */
    const Onnx__Graph *body;
    int64_t steps; /* at least 1 */
    int states;
    int first_state_in, first_state_out; /* in the lists; then what is collected */
    int first_slice_in, slices;          /* inputs of which a step sees its part of axis 0 */
    int input_count;
    struct tensor *inputs; /* states before the first step; all else as a whole */
    int *growing; /* of each state its axis (growing.h), and its result is that of parts; NULL:
                     none grows */

    struct built_graph *graph;
    struct tensor *own, *outputs; /* of the body: its inputs and outputs */

    /* Set between begin and end, in the body, where a step says whether there is another. */
    struct tensor goes_on;
    struct tensor taken; /* with it: how many steps have been, an integer; NO_TENSOR: none asks */
    struct tensor count; /* what that was in the last one, int64 */
    bool is_bound;       /* with goes_on: there may have been more steps to take */

    /* Set at the end: whether that was so, or a loop within a step was cut. */
    struct tensor cut;
};

/* Imports the body, which is the graph at hand until one of the others is called, and can be asked
 * for what is known of its outputs. False: refused, and ended. */
bool scanned_begin(struct scanned *scanned);
/* Makes the scan. `results` gets the states after the last step, and along a new axis 0 what is
 * collected and wanted, and the parts of states that grow. False: refused. */
bool scanned_end(struct scanned *scanned, struct tensor *results);
/* Leaves it. */
void scanned_drop(struct scanned *scanned);

/* ---- Loops that their bound ends ----
 *
 * A run cannot fail, so that an output of the model tells of them (import.c). */

/* In the graph at hand a loop was cut where `cut` is true, in runs where `active` is: bools of rank
 * 0; NO_TENSOR: none can be, or in all. */
void note_cut(struct importer *importer, struct tensor cut, struct tensor active);
/* Begins a part of the graph at hand whose loops are noted by themselves; takes what was noted
 * before, to be given back at the end, which says what was noted since. */
struct tensor cuts_begin(struct importer *importer);
struct tensor cuts_end(struct importer *importer, struct tensor before);

#endif
