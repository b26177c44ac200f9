/* Runs of kernels on a GPU: they are loaded with their weights once, and launched in an order that
 * a plan says. It knows of no graph, so that programs of `eigentensor build` stand on it too.
 *
 * Any number of threads may run one code. Its runs work in one arena: they follow one another on
 * the device, in whatever streams. */
#ifndef EIGENTENSOR_CUDA_LAUNCH_H
#define EIGENTENSOR_CUDA_LAUNCH_H

#include "compiler/base/base.h"
#include "compiler/ir/launch.h"
#include "runtime/backend/cuda_library.h"

/* Machine code of a text's kernels, each of which is in one of the modules. */
enum { MOST_CUDA_MODULES = 32 };
struct cuda_modules {
    int count, compute; /* 90: compiled for compute capability 9.0 */
    const char *codes[MOST_CUDA_MODULES];
    size_t bytes[MOST_CUDA_MODULES];
    int kernel_count;
    const int32_t *module_of; /* by kernel of the plan; -1: it is part of another */
};

struct cuda_tensor {
    const char *name;
    size_t bytes; /* of one image, where there is a batch axis */
    bool batched;
};
struct cuda_kernel {
    const char *name;
    int64_t images; /* of the block that it is part of; 0: there is no batch axis */
    struct launch launch;
};
/* Blocks of images are in the order in which they are taken: the largest first. */
struct cuda_plan {
    int input_count, output_count, kernel_count, block_count;
    const struct cuda_tensor *inputs, *outputs;
    const struct cuda_kernel *kernels;
    const int64_t *block_images;
    size_t arena_bytes, weights_bytes;
    const void *weights;
};

struct cuda_code;

/* Loads it all; the weights are copied. The plan must stay, but for its weights, until the code is
 * freed. Fails, too, where a kernel has more blocks than a GPU can run. */
struct cuda_code *cuda_code_new(const struct cuda_device *device, const struct cuda_plan *plan,
                                const struct cuda_modules *modules, struct et_error *error);
void cuda_code_free(struct cuda_code *code); /* NULL is fine */

/* A run of so many images, 1 where there is no batch axis, on tensors in this process's memory. */
bool cuda_code_run(struct cuda_code *code, int64_t batch, const void *const *inputs,
                   void *const *outputs, struct et_error *error);

/* The same on tensors in the device's memory, each at a multiple of CUDA_ALIGNMENT bytes: the run
 * is put into the stream (a CUstream; NULL: the default one), which it is not waited for. */
enum { CUDA_ALIGNMENT = 16 };
bool cuda_code_run_there(struct cuda_code *code, int64_t batch, const void *const *inputs,
                         void *const *outputs, void *stream, struct et_error *error);

/* How long a run takes on the device alone: the mean of so many that follow one another. There must
 * have been a run on this process's memory; these are of as many images. */
bool cuda_code_measure(struct cuda_code *code, int64_t times, double *seconds,
                       struct et_error *error);

#endif
