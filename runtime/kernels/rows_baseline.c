/* The row operations for every machine of the architecture. */
#define SET rows_baseline
#include "runtime/kernels/rows_body.h"
