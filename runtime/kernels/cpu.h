/* Which of the precompiled kernels the CPU at hand can run. Every level gives the same bits. */
#ifndef EIGENTENSOR_CPU_H
#define EIGENTENSOR_CPU_H

#include "compiler/target/target.h"

enum cpu_level {
    CPU_BASELINE, /* what every machine of the architecture has */
    CPU_AVX2,     /* x86-64-v3: AVX2 and FMA */
    CPU_AVX512,   /* x86-64-v4: AVX-512 F, BW, CD, DQ and VL */
    CPU_LEVEL_COUNT
};

/* "baseline", "avx2", "avx512". */
const char *cpu_level_name(enum cpu_level level);

/* The highest level of this CPU. */
enum cpu_level cpu_highest_level(void);

/* The level to use: the highest, or the one that the environment variable EIGENTENSOR_CPU names.
 * Fails when it names no level or one that this CPU lacks. */
bool cpu_level(enum cpu_level *level, struct et_error *error);

/* What the scheduler should plan for on a CPU of this level. */
const struct target *cpu_target(enum cpu_level level);

/* The option that makes gcc and clang compile for what cpu_level() chose: "-march=native" unless
 * EIGENTENSOR_CPU says otherwise. NULL and an error as for cpu_level. */
const char *cpu_compiler_option(struct et_error *error);

#endif
