/* Tunings that are kept for the programs of this user, by graph, CPU and mode. */
#ifndef EIGENTENSOR_TUNING_CACHE_H
#define EIGENTENSOR_TUNING_CACHE_H

#include "compiler/schedule/tuning.h"
#include "compiler/target/target.h"

/* Whether any is kept, of whatever graph. */
bool tuning_cache_has_any(void);
/* The kept tuning of a graph (its digest, 64 hexadecimal digits) for this CPU used as that target,
 * in a mode (its name); NULL: there is none that can be read. It is the caller's to free. */
struct tuning *tuning_cache_load(const char *digest, const struct target *target, const char *mode);

/* Keeps it for the graph and mode that it names; *path is where, unless that is NULL. */
bool tuning_cache_save(const struct tuning *tuning, const struct target *target, struct text *path,
                       struct et_error *error);

/* The name of this machine's CPU, for people. */
void cpu_model_name(char *name, size_t capacity);

#endif
