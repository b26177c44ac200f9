/* Random graphs through the machine's C compilers, at both ends of their optimisation and with
 * different vector widths. EIGENTENSOR_SEED and EIGENTENSOR_AOT_COUNT change seeds and number. */
#include <criterion/criterion.h>

#include "runtime/kernels/cpu.h"
#include "tests/support/differ.h"
#include "tests/support/random_found.h"
#include "tests/support/random_graph.h"

enum { USUAL_COUNT = 50, USUAL_FOUND_COUNT = 30, USUAL_SEED = 1, BATCH = 50 };

/* Each mode has graphs of its own: it is held against the interpreter, not against the others. */
static void check_mode(const char *name, uint64_t before, uint64_t usual_count) {
    uint64_t left = number_from_environment("EIGENTENSOR_AOT_COUNT", usual_count);
    uint64_t seed = before + number_from_environment("EIGENTENSOR_SEED", USUAL_SEED) +
                    (uint64_t)(mode_find(name) - modes) * left;
    for (; left > 0; seed += BATCH) {
        struct text report = {0};
        int count = left < BATCH ? (int)left : BATCH;
        cr_assert(check_batch(seed, count, mode_find(name), NULL, &report), "\n%s",
                  report.bytes ? report.bytes : "out of memory");
        text_free(&report);
        left -= (uint64_t)count;
    }
}

static void check_random(const char *name) {
    check_mode(name, 0, USUAL_COUNT);
}

/* Graphs whose results are as large as what a run finds. */
static void check_found(const char *name) {
    check_mode(name, FOUND_SEEDS, USUAL_FOUND_COUNT);
}

Test(differential_aot, gcc_unoptimised, .timeout = 600) {
    check_random("gcc-O0");
}

Test(differential_aot, gcc_for_this_cpu, .timeout = 600) {
    check_random("gcc-O3");
}

Test(differential_aot, gcc_for_threads, .timeout = 600) {
    check_random("gcc-threads");
}

Test(differential_aot, gcc_for_any_choice_of_the_scheduler, .timeout = 600) {
    check_random("gcc-tuned");
}

Test(differential_aot, gcc_for_avx2, .timeout = 600) {
    if (!cpu_runs(&targets[TARGET_AVX2]))
        cr_skip("this CPU has no AVX2");
    check_random("gcc-avx2");
}

Test(differential_aot, gcc_for_any_x86_64, .timeout = 600) {
#ifndef __x86_64__
    cr_skip("not x86-64");
#endif
    check_random("gcc-x86-64");
}

Test(differential_aot, batches_unoptimised, .timeout = 600) {
    check_random("gcc-O0-batch");
}

Test(differential_aot, batches_for_this_cpu, .timeout = 600) {
    check_random("gcc-O3-batch");
}

Test(differential_aot, clang_for_this_cpu, .timeout = 600) {
    check_random("clang-O3");
}

Test(differential_aot, found_by_gcc_unoptimised, .timeout = 600) {
    check_found("gcc-O0");
}

Test(differential_aot, found_by_gcc_for_this_cpu, .timeout = 600) {
    check_found("gcc-O3");
}

Test(differential_aot, found_by_gcc_for_threads, .timeout = 600) {
    check_found("gcc-threads");
}

Test(differential_aot, found_by_gcc_for_avx2, .timeout = 600) {
    if (!cpu_runs(&targets[TARGET_AVX2]))
        cr_skip("this CPU has no AVX2");
    check_found("gcc-avx2");
}

Test(differential_aot, found_by_clang_for_this_cpu, .timeout = 600) {
    check_found("clang-O3");
}
