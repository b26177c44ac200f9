/* What finds things in elements that a run brings (ops_found.c). */
#ifndef EIGENTENSOR_IMPORT_FOUND_H
#define EIGENTENSOR_IMPORT_FOUND_H

#include "compiler/import/importer.h"

struct tensor found_non_zero(struct call *call, struct tensor x);
/* By the conditions that are input 1. */
struct tensor found_compress(struct call *call, struct tensor x, int axis);
/* Sets outputs 1 to 3, too. */
struct tensor found_unique(struct call *call, struct tensor x, int axis, bool sorted);

#endif
