/* onnx_shape_ac.h: how to run the graph "onnx_shape_ac", compiled to C by Eigentensor.
 * Graph b3910293306d953915a3dc7183d1b1a495c8eca76f39ee52822af8c1c41de237 */
#ifndef ONNX_SHAPE_AC_H
#define ONNX_SHAPE_AC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONNX_SHAPE_AC_WEIGHTS_BYTES 66048
#define ONNX_SHAPE_AC_ARENA_BYTES 2227712
#define ONNX_SHAPE_AC_INPUT_COUNT 1
#define ONNX_SHAPE_AC_OUTPUT_COUNT 1

struct onnx_shape_ac_inputs {
    const float *x0_; /* float32[1,64,64,64] */
};

struct onnx_shape_ac_outputs {
    float *y0_; /* float32[1,64,128,128] */
};

/* Computes all outputs. Tensors are contiguous and row-major; outputs overlap nothing else.
 * `weights` is the block that was written beside this file, `arena` is scratch
 * memory; both 64-byte aligned. Touches nothing else: threads may run at once, an
 * arena each. */
void onnx_shape_ac_run(const struct onnx_shape_ac_inputs *inputs, const struct onnx_shape_ac_outputs *outputs,
        const void *weights, void *arena);

/* The same by position. */
void onnx_shape_ac_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena);

/* What was compiled: "eigentensor 1; graph DIGEST; inputs ...; outputs ...". */
const char *onnx_shape_ac_metadata(void);

#ifdef __cplusplus
}
#endif

#endif
