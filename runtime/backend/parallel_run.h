/* Runs of compiled graphs: in one thread, or shared by the threads of a pool. The text was
 * compiled with `stop_every` (compiled.h): what is not done when `stop` says so is left out.
 *
 * `memory` is 64-byte aligned and run_bytes() long. */
#ifndef EIGENTENSOR_PARALLEL_RUN_H
#define EIGENTENSOR_PARALLEL_RUN_H

#include "compiler/compile.h"
#include "runtime/backend/entry.h"
#include "runtime/backend/limit.h"

struct pool;

/* A run's graph and what it works on. */
struct shared_run {
    const struct graph *graph;
    const struct compiled *compiled;
    const void *const *inputs;
    void *const *outputs;
    void *memory;
    struct run_stop *stop;
};

/* What a run works in: for each part an arena, and its pointers. */
size_t run_bytes(const struct graph *graph, const struct compiled *compiled, int parts);

/* A run in this thread: of one image, where there is a batch axis. */
void run_alone(const struct shared_run *run, run_array *entry);
/* A run of a graph that was compiled for several threads; of its memory there is one part. */
void share_steps(const struct shared_run *run, struct pool *pool, run_step_array *entry);
/* The images of a batch, dealt to the pool's parts in equal shares, each of which is a run of its
 * own; one share where `pool` is NULL. */
void share_images(const struct shared_run *run, struct pool *pool, run_array *entry, int64_t batch);

#endif
