/* The tiles for every machine of the architecture: on x86-64 by float64. */
#define SET baseline
#include "runtime/kernels/tiles_body.h"
