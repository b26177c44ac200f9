/* onnx_shape_nn.h: how to run the graph "onnx_shape_nn", compiled to C by Eigentensor.
 * Graph 2af83a645bb424ffbdacb87a61ba23d099e3b1e6418ab2db9d8c81eb979e6dd8 */
#ifndef ONNX_SHAPE_NN_H
#define ONNX_SHAPE_NN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONNX_SHAPE_NN_WEIGHTS_BYTES 8384
#define ONNX_SHAPE_NN_ARENA_BYTES 296768
#define ONNX_SHAPE_NN_INPUT_COUNT 1
#define ONNX_SHAPE_NN_OUTPUT_COUNT 1

struct onnx_shape_nn_inputs {
    const float *x0_; /* float32[1,16,64,64] */
};

struct onnx_shape_nn_outputs {
    float *y0_; /* float32[1,16,100,90] */
};

/* Computes all outputs. Tensors are contiguous and row-major; outputs overlap nothing else.
 * `weights` is the block that was written beside this file, `arena` is scratch
 * memory; both 64-byte aligned. Touches nothing else: threads may run at once, an
 * arena each. */
void onnx_shape_nn_run(const struct onnx_shape_nn_inputs *inputs, const struct onnx_shape_nn_outputs *outputs,
        const void *weights, void *arena);

/* The same by position. */
void onnx_shape_nn_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena);

/* What was compiled: "eigentensor 1; graph DIGEST; inputs ...; outputs ...". */
const char *onnx_shape_nn_metadata(void);

#ifdef __cplusplus
}
#endif

#endif
