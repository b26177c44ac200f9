/* The shape of a compiled graph's entry points, whoever compiled it. */
#ifndef EIGENTENSOR_ENTRY_H
#define EIGENTENSOR_ENTRY_H

/* PREFIX_run_array of the emitted C: inputs and outputs in the graph's order; `weights` and `arena`
 * are 64-byte aligned. Touches nothing else, so threads may call it at once, an arena each. */
typedef void run_array(const void *const *inputs, void *const *outputs, const void *weights,
                       void *arena);

/* PREFIX_run_step_array, of a graph compiled for more threads than one: one of `parts` parts of a
 * step. Parts may be done by any threads, in any order; all of them must be done before a part of
 * the next step begins. */
typedef void run_step_array(const void *const *inputs, void *const *outputs, const void *weights,
                            void *arena, long step, long part, long parts);

#endif
