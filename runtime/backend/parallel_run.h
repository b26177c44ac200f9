/* Runs that the threads of a pool share. */
#ifndef EIGENTENSOR_SHARED_RUN_H
#define EIGENTENSOR_SHARED_RUN_H

#include "compiler/compile.h"
#include "runtime/backend/entry.h"
#include "runtime/backend/limit.h"

struct pool;

/* One run of a graph that was compiled for several threads, in `arena`; once the limit (NULL: none)
 * has passed, what is left of it is left out. */
void share_steps(struct pool *pool, run_step_array *entry, const struct compiled *compiled,
                 const void *const *inputs, void *const *outputs, void *arena,
                 const struct run_limit *limit);

/* What share_images works in: an arena for each part, and its pointers. */
size_t shared_images_bytes(const struct graph *graph, const struct compiled *compiled, int parts);
/* The images of a batch, dealt to the pool's parts in equal shares, each of which is a run of its
 * own; one share where `pool` is NULL. `memory` is 64-byte aligned. Once the limit (NULL: none) has
 * passed, images that have not begun are left out. */
void share_images(struct pool *pool, run_array *entry, const struct graph *graph,
                  const struct compiled *compiled, int64_t batch, const void *const *inputs,
                  void *const *outputs, void *memory, const struct run_limit *limit);

#endif
