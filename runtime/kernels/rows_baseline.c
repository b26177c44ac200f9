/* The row operations for every machine of the architecture. */
#define SET baseline
#include "runtime/kernels/rows_body.h"
