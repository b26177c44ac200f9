/* States of loops that grow: each step joins more to the end of what there was, and reads it for
 * nothing else. So does PyTorch collect what its loops make. What a step makes of nothing is its
 * part, and all parts are what the state becomes. */
#ifndef EIGENTENSOR_IMPORT_GROWING_H
#define EIGENTENSOR_IMPORT_GROWING_H

#include "compiler/import/importer.h"

enum { DOES_NOT_GROW = -1 };

/* The axis along which a state grows that is input `in` and output `out` of the body. */
int growing_axis(const Onnx__Graph *body, size_t in, size_t out, struct tensor initial);
/* The state after all steps, of which `parts` has each one's along axis 0. */
struct tensor grown_state(struct tensor initial, int axis, struct tensor parts);

#endif
