/* The time of each kernel of a compiled graph, while all of them run. */
#ifndef EIGENTENSOR_LAPS_H
#define EIGENTENSOR_LAPS_H

#include "compiler/compile.h"

/* Is told how many kernels are done: 0 before the first. */
typedef void lap(int done);

/* The emitted text with a call before each kernel and behind the last. Text for this process alone
 * calls `function`; where that is NULL, PREFIX_run_array finds the function behind its last input,
 * and keeps it in memory that the JIT's text has not. False when the text is not as expected, or
 * memory ran out. */
bool laps_add(const struct compiled *compiled, lap *function, int inputs, struct text *text);

#endif
