/* Programs of rewritten graphs, and room to run them. */
#ifndef EIGENTENSOR_REWRITTEN_H
#define EIGENTENSOR_REWRITTEN_H

#include "compiler/rewrite/rewrite.h"
#include "runtime/et_program.h"

/* What rewrites make of a program's graph, as a program, the caller's to free; *made is NULL where
 * they find nothing to do, and where it fails. */
bool program_rewrite(const struct et_program *program, const struct rewrite_options *options,
                     int count, const enum rewrite_kind *rewrites, struct et_program **made,
                     struct et_error *error);

/* Room for each of `count` tensors of a program, its inputs (et_program_input) or its outputs;
 * blocks_free in the end. NULL: out of memory. */
void **program_blocks(const struct et_program *program, int count,
                      struct et_tensor (*facts)(const struct et_program *, int));
void blocks_free(void **blocks, int count); /* NULL: nothing */

#endif
