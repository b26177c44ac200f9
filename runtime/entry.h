/* The shape of a compiled graph's entry point, whoever compiled it. */
#ifndef EIGENTENSOR_ENTRY_H
#define EIGENTENSOR_ENTRY_H

/* PREFIX_run_array of the emitted C: inputs and outputs in the graph's order; `weights` and `arena`
 * are 64-byte aligned. Touches nothing else, so threads may call it at once, an arena each. */
typedef void run_array(const void *const *inputs, void *const *outputs, const void *weights,
                       void *arena);

#endif
