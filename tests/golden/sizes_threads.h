/* table.h: how to run the graph "table", compiled to C by Eigentensor. */
#ifndef TABLE_H
#define TABLE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TABLE_WEIGHTS_BYTES 512
#define TABLE_ARENA_BYTES 0 /* enough for every size */
#define TABLE_INPUT_COUNT 2
#define TABLE_OUTPUT_COUNT 2

/* What it was compiled for: sizes of rows. */
#define TABLE_AXIS_COUNT 1
#define TABLE_SIZE_COUNT 3
#define TABLE_SIZES \
    {1}, {4}, {6}

/* The bytes that a run at these sizes works in, and the elements of an input or output.
 * -1 where the file was not compiled for them. */
long table_arena_bytes(long rows);
long table_input_elements(int input, long rows);
long table_output_elements(int output, long rows);

struct table_inputs {
    const float *x; /* float32[rows,8] */
    const float *y; /* float32[2,8] */
};

struct table_outputs {
    float *same; /* float32[2,16] */
    float *each; /* float32[rows,16] */
};

/* Computes all outputs. Tensors are contiguous and row-major; outputs overlap nothing else.
 * `weights` is the block that was written beside this file, `arena` is scratch
 * memory; both 64-byte aligned. Touches nothing else: threads may run at once, an
 * arena each. Returns 0, or -1 and has touched nothing for sizes not listed above. */
int table_run(const struct table_inputs *inputs, const struct table_outputs *outputs,
        const void *weights, void *arena, long rows);

/* The same by position. */
int table_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena, long rows);

/* A run in pieces, for threads that share it. Each of its steps has `parts` parts,
 * which any threads may do in any order; all of them must be done before a part of the
 * next step begins. */
long table_steps(long rows); /* -1 for sizes not listed above */
#define TABLE_MOST_PARTS 2
int table_run_step(const struct table_inputs *inputs, const struct table_outputs *outputs,
        const void *weights, void *arena, long step, long part, long parts, long rows);
int table_run_step_array(const void *const *inputs, void *const *outputs,
        const void *weights, void *arena, long step, long part, long parts, long rows);

/* What was compiled: "eigentensor 1; graph DIGEST; inputs ...; outputs ...". */
const char *table_metadata(void);

#ifdef __cplusplus
}
#endif

#endif
