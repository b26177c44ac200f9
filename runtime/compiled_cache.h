/* What was compiled, kept from one process to the next in the folder of backend/cache.h: the text
 * and the facts in one file, the weights, packed, in another beside it, which is mapped. */
#ifndef EIGENTENSOR_COMPILED_CACHE_H
#define EIGENTENSOR_COMPILED_CACHE_H

#include "compiler/compile.h"

/* compile(), but taken from the cache when this build of the library compiled the graph of the
 * digest `options->digest` before, with the same options and the same tuning; else compiled, and
 * kept, and its weights mapped as those who find it map them. Of processes that do so at the same
 * time one compiles, and the others wait for it, a minute at most. Kept files are used only if they
 * are this user's and whole: the first file ends with its own SHA-256. It says which file the
 * weights are, of which size, and when they were written; they are compared with their SHA-256 if
 * the system was started anew since, or anything of this is other. Those used longest ago go when
 * all take more than 4 GiB, or a quarter of what is free. A cache that cannot be read or written is
 * done without. Any number of processes and threads may do this at the same time. */
struct compiled *compiled_cache_compile(const struct graph *graph,
                                        const struct compile_options *options,
                                        struct et_error *error);

#endif
