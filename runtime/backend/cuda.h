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

/* cuda_compile.c: the machine code of a text, for a device of that compute capability; what was
 * compiled by another process where `keep_for` is set, *from_cache then. The caller releases it. */
struct cuda_device;
void *cuda_compile(const struct compiled *compiled, const struct cuda_device *device,
                   const char *keep_for, size_t *bytes, bool *from_cache, struct et_error *error);

#endif
