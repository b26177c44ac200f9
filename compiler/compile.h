/* From a graph to C text: the compiler's one entry. */
#ifndef EIGENTENSOR_COMPILE_H
#define EIGENTENSOR_COMPILE_H

#include "compiler/emit/compiled.h"

/* Compiles a verified graph whose weights are bound. NULL and an error when it cannot: only memory
 * or a limit can be in the way, since every graph of the operation set compiles.
 *
 * The emitted file exports, for a graph named "mnist":
 *   struct mnist_inputs, struct mnist_outputs: typed pointers by name
 *   MNIST_WEIGHTS_BYTES, MNIST_ARENA_BYTES, MNIST_INPUT_COUNT, MNIST_OUTPUT_COUNT
 *   void mnist_run(const struct mnist_inputs *, const struct mnist_outputs *, const void *weights,
 * void *arena); void mnist_run_array(const void *const *inputs, void *const *outputs, const void
 * *weights, void *arena); Inputs and outputs are contiguous, row-major, in the graph's order;
 * weights and arena are 64-byte aligned; inputs and outputs may have any alignment of their
 * element. No globals: re-entrant.
 *
 * Of a batched graph both functions have one parameter more, `long batch`, and run that many images
 * in blocks: the arena is that of one block. */
struct compiled *compile(const struct graph *graph, const struct compile_options *options,
                         struct et_error *error);
/* The same for several sizes of a model, in one text with one block of weights: constants that are
 * equal are there once, and so are kernels whose text is. The functions have a parameter for each
 * axis more, return 0, or -1 for other sizes, and beside them stand
 *   MNIST_SIZE_COUNT, MNIST_SIZES: what was compiled
 *   mnist_arena_bytes, mnist_input_elements, mnist_output_elements: functions of the axes
 *   with threads, instead of MNIST_STEPS, mnist_steps: a function of the axes, too
 * MNIST_ARENA_BYTES is enough for all. The tuning of each stands in the set. */
struct compiled *compile_set(const struct size_set *set, const struct compile_options *options,
                             struct et_error *error);
void compiled_free(struct compiled *compiled);
/* Takes the weights of another, if they are the same bytes, and gives its own back. The other must
 * not be freed while this one runs. */
void compiled_share_weights(struct compiled *compiled, const struct compiled *other);

#endif
