/* The time of each kernel of a compiled graph, while all of them run. */
#ifndef EIGENTENSOR_LAPS_H
#define EIGENTENSOR_LAPS_H

#include "compile.h"

/* Is told how many kernels are done: 0 before the first. */
typedef void lap(int done);

/* The emitted text with a call before each kernel and behind the last: PREFIX_run_array finds the
 * function to call (a lap *) behind its last input. False when the text is not as expected, or
 * memory ran out. */
bool laps_add(const struct compiled *compiled, int inputs, struct text *text);

#endif
