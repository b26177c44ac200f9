/* Compiled libraries kept from one process to the next, below $XDG_CACHE_HOME, else ~/.cache, in a
 * folder `eigentensor` that belongs to this user alone. */
#ifndef EIGENTENSOR_AOT_CACHE_H
#define EIGENTENSOR_AOT_CACHE_H

#include "runtime/backend/backend.h"

/* What aot_build() gives, but taken from the cache when the same text was built before with the
 * same compiler and options for the same CPU; otherwise built, and kept there for the graph of the
 * digest options->keep_for. A kept file is used only if it is this user's and whole (it ends with
 * its own SHA-256). Those used longest ago go when all of them
 * take more than 512 MiB. A cache that cannot be read or written is done without. Any number of
 * processes and threads may do this at the same time. */
bool aot_cache_build(const struct compiled *compiled, const struct build_options *options,
                     struct executable *executable, struct et_error *error);

#endif
