/* The chains for every machine of the architecture. */
#define SET baseline
#include "runtime/kernels/chains_body.h"
