/* Runs that the threads of a pool share. */
#ifndef EIGENTENSOR_SHARED_RUN_H
#define EIGENTENSOR_SHARED_RUN_H

#include "compiler/compile.h"
#include "runtime/backend/entry.h"

struct pool;

/* One run of a graph that was compiled for several threads, in `arena`. */
void share_steps(struct pool *pool, run_step_array *entry, const struct compiled *compiled,
                 const void *const *inputs, void *const *outputs, void *arena);

/* What share_images works in: an arena for each part, and its pointers. */
size_t shared_images_bytes(const struct graph *graph, const struct compiled *compiled, int parts);
/* The images of a batch, dealt to the parts in equal shares, each of which is a run of its own.
 * `memory` is 64-byte aligned. */
void share_images(struct pool *pool, run_array *entry, const struct graph *graph,
                  const struct compiled *compiled, int64_t batch, const void *const *inputs,
                  void *const *outputs, void *memory);

#endif
