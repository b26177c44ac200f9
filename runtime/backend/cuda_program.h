/* What a program of `eigentensor build --target=cuda` holds of its model, which the tool writes as
 * tables of C, and how it is run: the driver is all that it needs of CUDA. */
#ifndef EIGENTENSOR_CUDA_PROGRAM_H
#define EIGENTENSOR_CUDA_PROGRAM_H

#include "runtime/backend/cuda_launch.h"

/* All kernels for one kind of GPU: machine code, which later ones of the same generation run, too;
 * or PTX, of which the driver makes code for all later ones. */
struct cuda_program_code {
    int compute; /* 90: for compute capability 9.0 */
    bool ptx;
    struct cuda_modules modules;
};

struct cuda_program {
    int code_count, size_count;
    const struct cuda_program_code *codes; /* what is preferred comes later */
    const struct cuda_program_size {
        int first_kernel; /* among those of the modules */
        struct cuda_plan plan;
    } * sizes;
};

/* Loads the model at one of its sizes onto the first GPU. */
struct cuda_code *cuda_program_open(const struct cuda_program *program, int size,
                                    struct et_error *error);

#endif
