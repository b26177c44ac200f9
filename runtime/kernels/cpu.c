#include "runtime/kernels/cpu.h"

#include <stdlib.h>
#include <string.h>

struct level_facts {
    const char *name;
    const char *compiler_option;
};

static const struct level_facts levels[CPU_LEVEL_COUNT] = {
#if defined __x86_64__
    [CPU_BASELINE] = {"baseline", "-march=x86-64"},
#else
    [CPU_BASELINE] = {"baseline", "-O3"}, /* the compiler's own default */
#endif
    [CPU_AVX2] = {"avx2", "-march=x86-64-v3"},
    [CPU_AVX512] = {"avx512", "-march=x86-64-v4"},
};

const struct target *cpu_target(enum cpu_level level) {
#if defined __aarch64__
    (void)level;
    return &targets[TARGET_NEON];
#else
    static const enum target_id ids[CPU_LEVEL_COUNT] = {TARGET_BASELINE, TARGET_AVX2,
                                                        TARGET_AVX512};
    return &targets[ids[level]];
#endif
}

const char *cpu_level_name(enum cpu_level level) {
    return levels[level].name;
}

enum cpu_level cpu_highest_level(void) {
#if defined __x86_64__
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
    return avx2 && avx512 ? CPU_AVX512 : avx2 ? CPU_AVX2 : CPU_BASELINE;
#else
    return CPU_BASELINE;
#endif
}

static const char *asked_level(void) {
    const char *asked = getenv("EIGENTENSOR_CPU");
    return asked && *asked ? asked : NULL;
}

bool cpu_level(enum cpu_level *level, struct et_error *error) {
    const char *asked = asked_level();
    enum cpu_level highest = cpu_highest_level();
    *level = highest;
    if (!asked)
        return true;
    for (int named = 0; named < CPU_LEVEL_COUNT; named++) {
        if (strcmp(asked, levels[named].name) != 0)
            continue;
        *level = (enum cpu_level)named;
        return *level <= highest || et_fail(error, "EIGENTENSOR_CPU: %s, but this CPU has only %s",
                                            asked, levels[highest].name);
    }
    return et_fail(error, "EIGENTENSOR_CPU: expected avx512, avx2 or baseline, found %s", asked);
}

const char *cpu_compiler_option(struct et_error *error) {
    enum cpu_level level;
    if (!cpu_level(&level, error))
        return NULL;
    if (asked_level())
        return levels[level].compiler_option;
#if defined __x86_64__
    return "-march=native";
#else
    return "-mcpu=native"; /* the spelling that both compilers know on AArch64 */
#endif
}
