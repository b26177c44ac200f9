/* The rows for every machine of the architecture: on x86-64 by libm's fmaf, exact and slow. */
#define SET rows_baseline
#include "rows_body.h"
