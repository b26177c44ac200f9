/* The tiles for every machine of the architecture: on x86-64 by libm's fmaf, exact and slow. */
#define SET baseline
#include "runtime/kernels/tiles_body.h"
