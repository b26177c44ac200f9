/* How long each kernel of a compiled graph takes. */
#ifndef EIGENTENSOR_SERVER_KERNEL_TIMES_H
#define EIGENTENSOR_SERVER_KERNEL_TIMES_H

#include "runtime/et_program.h"

/* Builds the program once more, as model_build_aot() built `compiled`, with a call between kernels
 * that looks at the clock, and runs it some times on zeros; until
 * *cancelled is set. The median of each kernel, in
 * microseconds, to be given back with et_release; NULL when that cannot be had. In one thread at a
 * time. */
double *kernel_times(const struct compiled *compiled, const struct et_program *program,
                     const int *cancelled);

#endif
