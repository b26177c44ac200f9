/* The row operations for every machine of the architecture. */
#define SET rows_baseline
#include "rows_body.h"
