/* Sets of sizes that one text is compiled for. */
#ifndef EIGENTENSOR_SIZE_SET_H
#define EIGENTENSOR_SIZE_SET_H

#include "compiler/emit/compiled.h"

/* Whether compile_set() can take it; an error when not. */
bool check_size_set(const struct size_set *set, const struct compile_options *options,
                    struct et_error *error);

#endif
