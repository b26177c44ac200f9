/* mnist.h: how to run the graph "mnist", compiled to C by Eigentensor.
 * Graph ea41d113cc31f352748e8397daaaaa04bdfcbabdb60cd78294741bf8f8b760db */
#ifndef MNIST_H
#define MNIST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MNIST_WEIGHTS_BYTES 366016
#define MNIST_ARENA_BYTES 86528
#define MNIST_INPUT_COUNT 1
#define MNIST_OUTPUT_COUNT 1

struct mnist_inputs {
    const float *input_image; /* float32[1,1,28,28] */
};

struct mnist_outputs {
    float *logits; /* float32[1,10] */
};

/* Computes all outputs. Tensors are contiguous and row-major; outputs overlap nothing else.
 * `weights` is the block that was written beside this file, `arena` is scratch
 * memory; both 64-byte aligned. Touches nothing else: threads may run at once, an
 * arena each. */
void mnist_run(const struct mnist_inputs *inputs, const struct mnist_outputs *outputs,
        const void *weights, void *arena);

/* The same by position. */
void mnist_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena);

/* What was compiled: "eigentensor 1; graph DIGEST; inputs ...; outputs ...". */
const char *mnist_metadata(void);

#ifdef __cplusplus
}
#endif

#endif
