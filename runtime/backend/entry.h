/* The shape of a compiled graph's entry points, whoever compiled it. */
#ifndef EIGENTENSOR_ENTRY_H
#define EIGENTENSOR_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

/* PREFIX_run_array of the emitted C: inputs and outputs in the graph's order; `weights` and `arena`
 * are 64-byte aligned. Touches nothing else, so threads may call it at once, an arena each. */
typedef void run_array(const void *const *inputs, void *const *outputs, const void *weights,
                       void *arena);

/* The same of a batched graph: for so many images, in the arena of one block. */
typedef void run_batch_array(const void *const *inputs, void *const *outputs, const void *weights,
                             void *arena, long batch);

/* Runs whichever it is; `batch` is 1 where the graph has no batch axis. */
static inline void run_entry(run_array *entry, bool batched, int64_t batch,
                             const void *const *inputs, void *const *outputs, const void *weights,
                             void *arena) {
    if (batched)
        ((run_batch_array *)(void (*)(void))entry)(inputs, outputs, weights, arena, (long)batch);
    else
        entry(inputs, outputs, weights, arena);
}

/* PREFIX_run_step_array, of a graph compiled for more threads than one: one of `parts` parts of a
 * step. Parts may be done by any threads, in any order; all of them must be done before a part of
 * the next step begins. */
typedef void run_step_array(const void *const *inputs, void *const *outputs, const void *weights,
                            void *arena, long step, long part, long parts);

#endif
