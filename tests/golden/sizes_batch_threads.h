/* table.h: how to run the graph "table", compiled to C by Eigentensor. */
#ifndef TABLE_H
#define TABLE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TABLE_WEIGHTS_BYTES 512
#define TABLE_ARENA_BYTES 24576 /* enough for every size */
#define TABLE_INPUT_COUNT 2
#define TABLE_OUTPUT_COUNT 2

/* What it was compiled for: sizes of rows. */
#define TABLE_AXIS_COUNT 1
#define TABLE_SIZE_COUNT 3
#define TABLE_SIZES \
    {1}, {4}, {6}

/* The bytes that a run at these sizes works in, and the elements of an input or output,
 * of one image.
 * -1 where the file was not compiled for them. */
long table_arena_bytes(long rows);
long table_input_elements(int input, long rows);
long table_output_elements(int output, long rows);

struct table_inputs {
    const float *x; /* float32[N,rows,8] */
    const float *y; /* float32[N,2,8] */
};

struct table_outputs {
    float *same; /* float32[N,2,16] */
    float *each; /* float32[N,rows,16] */
};

/* Computes all outputs of `batch` images, the N of the tensors; an image has the same bits
 * in every batch. Tensors are contiguous and row-major; outputs overlap nothing else.
 * `weights` is the block that was written beside this file, `arena` is scratch
 * memory; both 64-byte aligned. Touches nothing else: threads may run at once, an
 * arena each. Returns 0, or -1 and has touched nothing for sizes not listed above. */
int table_run(const struct table_inputs *inputs, const struct table_outputs *outputs,
        const void *weights, void *arena, long batch, long rows);

/* The same by position. */
int table_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena, long batch, long rows);

/* Threads for runs: the one that calls, and others that wait for the next. Where
 * there is no memory or no thread to be had, table_pool_new returns NULL. */
struct table_pool;
struct table_pool *table_pool_new(long threads);
void table_pool_free(struct table_pool *pool);

/* table_run by all threads of a pool, with the same bits; one run on it at a time. Each
 * takes images of its own and TABLE_ARENA_BYTES of the arena. */
int table_run_on(const struct table_inputs *inputs, const struct table_outputs *outputs,
        const void *weights, void *arena, long batch, struct table_pool *pool, long rows);
int table_run_on_array(const void *const *inputs, void *const *outputs,
        const void *weights, void *arena, long batch, struct table_pool *pool, long rows);

/* What was compiled: "eigentensor 1; graph DIGEST; inputs ...; outputs ...". */
const char *table_metadata(void);

#ifdef __cplusplus
}
#endif

#endif
