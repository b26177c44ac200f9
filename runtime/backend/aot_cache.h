/* Compiled libraries kept from one process to the next, below $XDG_CACHE_HOME, else ~/.cache, in a
 * folder `eigentensor` that belongs to this user alone. */
#ifndef EIGENTENSOR_AOT_CACHE_H
#define EIGENTENSOR_AOT_CACHE_H

#include "runtime/backend/aot.h"

struct aot_library;

/* What aot_build() gives, but taken from the cache when the same text was built before with the
 * same compiler and options for the same CPU; otherwise built, and kept there. `digest` is the
 * graph's, 64 hexadecimal digits. A kept file is used only if it is this user's and whole (it ends
 * with its own SHA-256). A cache that cannot be read or written is done without. Any number of
 * processes and threads may do this at the same time. */
struct aot_library *aot_cache_open(const struct compiled *compiled, const char *digest,
                                   const struct aot_options *options, bool *from_cache,
                                   struct et_error *error);

/* PREFIX_run_array; lives as long as the library. */
run_array *aot_library_entry(const struct aot_library *library);
void aot_library_free(struct aot_library *library);

#endif
