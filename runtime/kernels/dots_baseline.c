/* The tiles of 8-bit integers for every machine of the architecture. */
#define SET baseline
#define DOTS baseline
#include "runtime/kernels/dots_body.h"
