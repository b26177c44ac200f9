#include "runtime/kernels/cpu.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined __x86_64__
#include <cpuid.h>
#endif

static bool always(void) {
    return true;
}

#if defined __x86_64__
/* Some compilers know no such name for __builtin_cpu_supports(). */
static bool has_f16c(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx & bit_F16C;
}

static bool has_avx2(void) { /* x86-64-v3 */
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

static bool has_avx512(void) { /* x86-64-v4 */
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

/* The targets of this architecture, the best first; every CPU of it runs the last. */
static const struct kind {
    enum target_id target;
    bool (*runs)(void);
} kinds[] = {
#if defined __x86_64__
    {TARGET_AVX512, has_avx512},
    {TARGET_AVX2, has_avx2},
#elif defined __aarch64__
    {TARGET_NEON, always},
#endif
    {TARGET_BASELINE, always},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

bool cpu_runs(const struct target *target) {
    for (int i = 0; i < KINDS; i++)
        if (&targets[kinds[i].target] == target)
            return kinds[i].runs();
    return false;
}

const struct target *cpu_best_target(void) {
    int best = 0;
    while (!kinds[best].runs())
        best++;
    return &targets[kinds[best].target];
}

static const char *asked_name(void) {
    const char *asked = getenv("EIGENTENSOR_CPU");
    return asked && *asked ? asked : NULL;
}

bool cpu_is_asked_for(void) {
    return asked_name() != NULL;
}

/* "avx512, avx2 or baseline". */
static void list_names(char *names, size_t capacity) {
    size_t length = 0;
    for (int i = 0; i < KINDS && length < capacity; i++) {
        const char *before = i == 0 ? "" : i + 1 < KINDS ? ", " : " or ";
        length += (size_t)snprintf(names + length, capacity - length, "%s%s", before,
                                   targets[kinds[i].target].name);
    }
}

const struct target *cpu_target(struct et_error *error) {
    const char *asked = asked_name();
    char names[100];
    if (!asked)
        return cpu_best_target();
    for (int i = 0; i < KINDS; i++) {
        const struct target *target = &targets[kinds[i].target];
        if (strcmp(asked, target->name) != 0)
            continue;
        if (kinds[i].runs())
            return target;
        et_fail(error, "EIGENTENSOR_CPU: %s, but this CPU has only %s", asked,
                cpu_best_target()->name);
        return NULL;
    }
    list_names(names, sizeof names);
    et_fail(error, "EIGENTENSOR_CPU: expected %s, found %s", names, asked);
    return NULL;
}

const char *cpu_compiler_option(const struct target *target, struct et_error *error) {
    if (!target && !asked_name())
#if defined __x86_64__
        return "-march=native";
#elif defined __aarch64__
        return "-mcpu=native"; /* the spelling that both compilers know there */
#else
        return targets[TARGET_BASELINE].option;
#endif
    target = target ? target : cpu_target(error);
    return target ? target->option : NULL;
}

int cpu_allowed_count(void) {
    cpu_set_t cpus;
    int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return count < 1 ? 1 : count;
}
