// a * b + c of templates/fma.h against MPFR, in each way that it may be computed: ten million hard
// cases in all. EIGENTENSOR_FMA_COUNT and EIGENTENSOR_SEED change how many each has, and which.

#include <criterion/criterion.h>
#include <stdio.h>

#include "runtime/backend/scratch.h"
#include "tests/support/collection.h"
#include "tests/support/random_graph.h"

enum { USUAL_COUNT = 1500000, USUAL_SEED = 1, PATH_ROOM = 512 };

static void expect_one_rounding(const char *compiler, const char *const *options) {
    struct et_error error = {0};
    struct scratch scratch;
    char program[PATH_ROOM], count[32], seed[32];
    const char *command[16] = {compiler, "-std=gnu11", "-I.", "-DWITH_MPFR", "-o", program};
    int length = 6;
    cr_assert(scratch_make(&scratch, &error), "%s", error.message);
    snprintf(program, sizeof program, "%s/hard", scratch.path);
    snprintf(count, sizeof count, "%llu",
             (unsigned long long)number_from_environment("EIGENTENSOR_FMA_COUNT", USUAL_COUNT));
    snprintf(seed, sizeof seed, "%llu",
             (unsigned long long)number_from_environment("EIGENTENSOR_SEED", USUAL_SEED));
    while (*options)
        command[length++] = *options++;
    const char *const rest[] = {"tests/templates/fma_hard.c", "-lmpfr", "-lgmp", "-lm", NULL};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        command[length++] = rest[i];
    expect_success(command);
    expect_success((const char *[]){program, count, seed, NULL});
    scratch_remove(&scratch);
}

// As this machine's compilers do by themselves: on x86-64, by float64.
Test(fma, by_itself, .timeout = 36000) {
    expect_one_rounding("gcc", (const char *[]){"-O2", NULL});
    expect_one_rounding("gcc", (const char *[]){"-O3", NULL});
    expect_one_rounding("clang", (const char *[]){"-O2", NULL});
}

Test(fma, by_integers, .timeout = 36000) {
    expect_one_rounding("gcc", (const char *[]){"-O2", "-DFMA_BY_INTEGERS", NULL});
    expect_one_rounding("clang", (const char *[]){"-O1", "-DFMA_BY_INTEGERS", NULL});
}

// What the interpreter takes.
Test(fma, of_the_library, .timeout = 36000) {
    expect_one_rounding("gcc", (const char *[]){"-O2", "-DFMA_OF_LIBRARY", NULL});
}
