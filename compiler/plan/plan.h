/* Memory and threads: passes.def says what each pass needs. */
#ifndef EIGENTENSOR_PLAN_H
#define EIGENTENSOR_PLAN_H

#include "compiler/ir/ir.h"

/* reuse_buffers.c
 * provides fewer temporaries: elementwise statements store over an operand that dies there
 * breaks that a buffer is written by one statement, or in parts */
void reuse_buffers(struct ir *ir);

/* form_kernels.c
 * provides the list of kernels, and what each reads and writes */
void form_kernels(struct ir *ir);

/* parallelize.c
 * provides the loop of each statement that threads share, and what each thread has for itself */
void parallelize(struct ir *ir);

/* prefetch.c
 * provides what tiles prefetch */
void prefetch(struct ir *ir);

/* memory.c
 * provides the offset of every temporary in the arena, and ir->memory */
void memory(struct ir *ir);
/* What the plan sets aside for a buffer; for one of the threads' own ones. */
size_t planned_bytes(const struct ir *ir, const struct buffer *buffer);
size_t aligned_bytes(const struct buffer *buffer);

/* weights.c: needs kernels
 * provides the offset of every constant in the weights block that all the irs share, and the block:
 * *weights, which the caller releases; equal ones are there once. Values may lie in `file`, and the
 * block may be for machines whose bytes are in the other order */
bool place_constants(struct ir *const *irs, int count, const struct mapped_file *file,
                     bool reversed, void **weights, size_t *bytes, struct et_error *error);

/* barriers.c
 * provides the steps between which there are barriers */
void barriers(struct ir *ir);

#endif
