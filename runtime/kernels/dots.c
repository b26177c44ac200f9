#include "runtime/kernels/dots.h"

#if defined __x86_64__
#include <cpuid.h>
#elif defined __aarch64__ && defined __linux__
#include <sys/auxv.h>
#endif
#include <string.h>

static const char *const names[DOT_COUNT] = {
#define DOT(name, lanes, rows, columns) #name,
#include "templates/dots.def"
#undef DOT
};

int dot_find(const char *name) {
    for (int i = 0; i < DOT_COUNT; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

#if defined __x86_64__
static bool has_avx512vnni(void) {
    return __builtin_cpu_supports("avx512vnni");
}

/* Compilers do not all know its name. */
static bool has_avxvnni(void) {
    unsigned int a, b, c, d;
    return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 4 & 1;
}
#elif defined __aarch64__ && defined __linux__
static bool has_i8mm(void) {
    return getauxval(AT_HWCAP2) & HWCAP2_I8MM;
}

static bool has_dotprod(void) {
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
}
#endif

#define FASTER_DOTS(name, target) extern dot_function *const dots_##name[DOT_COUNT];
#include "runtime/kernels/faster_dots.def"
#undef FASTER_DOTS

const struct faster_dots faster_dots[FASTER_DOTS_COUNT + 1] = {
#define FASTER_DOTS(name, target) {#name, &targets[TARGET_##target], has_##name, dots_##name},
#include "runtime/kernels/faster_dots.def"
#undef FASTER_DOTS
    {NULL, NULL, NULL, NULL},
};
