/* CUDA's driver and its compiler, NVRTC, which are opened at run time: nothing of them is needed to
 * build this library, nor to run it in other modes. */
#ifndef EIGENTENSOR_CUDA_LIBRARY_H
#define EIGENTENSOR_CUDA_LIBRARY_H

#include "compiler/base/base.h"

/* What a launch is told, as the driver has it (CUlaunchConfig, CUlaunchAttribute). */
enum { PROGRAMMATIC_SERIALIZATION = 6 };
struct cuda_launch_attribute {
    int which, none;
    union {
        int allowed;
        char room[64];
    };
};
struct cuda_launch {
    unsigned blocks[3], threads[3], shared;
    void *stream;
    const struct cuda_launch_attribute *attributes;
    unsigned attribute_count;
};

struct cuda_driver {
#define DRIVER(name, symbol, parameters) int(*name) parameters;
#define COMPILER(name, parameters)
#include "runtime/backend/cuda_calls.def"
#undef DRIVER
#undef COMPILER
};

struct cuda_compiler {
#define DRIVER(name, symbol, parameters)
#define COMPILER(name, parameters) int(*name) parameters;
#include "runtime/backend/cuda_calls.def"
#undef DRIVER
#undef COMPILER
};

/* The first GPU. */
struct cuda_device {
    const struct cuda_driver *driver;
    void *context;       /* the process has it from now on */
    int device, compute; /* 90: of compute capability 9.0 */
    int version;         /* of what the driver can do, 13000: of CUDA 13.0 */
    char name[64];
};

/* Both are opened once, by whoever asks first; any number of threads may ask. NULL and an error
 * where they are not there, or too old. */
const struct cuda_device *cuda_device(struct et_error *error);
const struct cuda_compiler *cuda_compiler(struct et_error *error);

/* Fails with what was tried and what the driver says, unless `status` is 0. */
bool cuda_check(const struct cuda_driver *driver, int status, const char *what,
                struct et_error *error);

#endif
