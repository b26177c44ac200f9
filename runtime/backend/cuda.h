/* Compiled graphs on a GPU.
 *
 * A build loads the kernels and puts the weights into the GPU's memory. The first run of so many
 * images makes a CUDA graph of all launches, and room for its inputs, outputs and arena, which
 * later runs of as many use again; runs of one build take turns. */
#ifndef EIGENTENSOR_BACKEND_CUDA_H
#define EIGENTENSOR_BACKEND_CUDA_H

#include "runtime/backend/backend.h"

/* Whether there is a GPU and what compiles for it. */
bool cuda_allowed(struct et_error *error);

/* How long a run takes on the device alone, inputs and outputs lying there: the mean of so many
 * that follow one another. There must have been a run; these are of as many images. */
bool cuda_measure(const struct executable *executable, int64_t times, double *seconds,
                  struct et_error *error);

/* Machine code of a text's kernels, each of which is in one of the modules. */
enum { MOST_CUDA_MODULES = 32 };
struct cuda_modules {
    int count;
    char *codes[MOST_CUDA_MODULES];
    size_t bytes[MOST_CUDA_MODULES];
};
void cuda_modules_free(struct cuda_modules *modules);

/* cuda_nvrtc.c: what NVRTC makes of a text for GPUs of that compute capability, by as many threads
 * as there are cores. */
bool cuda_nvrtc(const struct compiled *compiled, int compute, struct cuda_modules *modules,
                struct et_error *error);

/* cuda_compile.c: the machine code of a text for a device; what was compiled by another process
 * where `keep_for` is set, *from_cache then. */
struct cuda_device;
bool cuda_compile(const struct compiled *compiled, const struct cuda_device *device,
                  const char *keep_for, struct cuda_modules *modules, bool *from_cache,
                  struct et_error *error);

#endif
