/* Compiled graphs on a GPU: what is built of one, and runs of it (cuda_launch.h). */
#ifndef EIGENTENSOR_BACKEND_CUDA_H
#define EIGENTENSOR_BACKEND_CUDA_H

#include "runtime/backend/backend.h"
#include "runtime/backend/cuda_launch.h"

/* Whether there is a GPU and what compiles for it. */
bool cuda_allowed(struct et_error *error);

/* How long a run takes on the device alone, inputs and outputs lying there: the mean of so many
 * that follow one another. There must have been a run; these are of as many images. */
bool cuda_measure(const struct executable *executable, int64_t times, double *seconds,
                  struct et_error *error);

/* What a run of a compiled graph launches, in the arena; false when memory is exhausted. */
bool cuda_plan_of(const struct compiled *compiled, const struct graph *graph, struct arena *arena,
                  struct cuda_plan *plan);

void cuda_modules_free(struct cuda_modules *modules);

/* cuda_nvrtc.c: what NVRTC makes of a text for GPUs of that compute capability, by as many threads
 * as there are cores: machine code, or PTX, of which a driver makes code for later ones, too. */
bool cuda_nvrtc(const struct compiled *compiled, int compute, bool ptx,
                struct cuda_modules *modules, struct et_error *error);

/* cuda_compile.c: the machine code of a text for a device; what was compiled by another process
 * where `keep_for` is set, *from_cache then. */
bool cuda_compile(const struct compiled *compiled, const struct cuda_device *device,
                  const char *keep_for, struct cuda_modules *modules, bool *from_cache,
                  struct et_error *error);

#endif
