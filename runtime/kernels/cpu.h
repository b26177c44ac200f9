/* Which targets the CPU at hand can run, and which of them is used. All give the same bits. */
#ifndef EIGENTENSOR_CPU_H
#define EIGENTENSOR_CPU_H

#include "compiler/base/error.h"
#include "compiler/target/target.h"

/* Can this CPU run what is compiled for the target? */
bool cpu_runs(const struct target *target);

/* The best target that this CPU runs. */
const struct target *cpu_best_target(void);

/* The target to use: the best, or the one that the environment variable EIGENTENSOR_CPU names.
 * NULL and an error when it names none, or one that this CPU cannot run. */
const struct target *cpu_target(struct et_error *error);

/* Whether the environment variable is set: then no instructions beyond that target are used. */
bool cpu_is_asked_for(void);

/* The option that makes gcc and clang compile for a target. For NULL it is that of cpu_target(), or
 * "-march=native" where EIGENTENSOR_CPU is not set. NULL and an error as for cpu_target; "": no
 * option is needed. */
const char *cpu_compiler_option(const struct target *target, struct et_error *error);

/* How many CPUs this process may use: at least 1. */
int cpu_allowed_count(void);

#endif
