/* Every tile of 8-bit integers, of every set, against the plain loop. */
#include <criterion/criterion.h>

#include "runtime/kernels/kernels.h"
#include "tests/support/dot_trial.h"

static void check_target(const struct target *target) {
    if (!cpu_runs(target))
        cr_skip_test("this CPU lacks %s", target->name);
    cr_assert(dots_agree(kernels_for(target)->dots), "%s", target->name);
}

Test(dots, baseline_is_the_plain_loop) {
    check_target(&targets[TARGET_BASELINE]);
}

Test(dots, avx2_is_the_plain_loop) {
    check_target(&targets[TARGET_AVX2]);
}

Test(dots, avx512_is_the_plain_loop) {
    check_target(&targets[TARGET_AVX512]);
}

Test(dots, faster_ones_are_the_plain_loop) {
    for (int i = 0; i < FASTER_DOTS_COUNT; i++)
        if (cpu_runs(faster_dots[i].target) && faster_dots[i].runs())
            cr_expect(dots_agree(faster_dots[i].dots), "%s", faster_dots[i].name);
}

Test(dots, names) {
    for (int i = 0; i < DOT_COUNT; i++)
        cr_assert_eq(dot_find(dot_shapes[i].name), i);
    cr_assert_eq(dot_find("dot_13x32"), -1);
    cr_assert_eq(dot_find("dot_7x64"), -1);
    cr_assert_eq(dot_find("dot_lanes_9x32"), -1);
    cr_assert_eq(dot_find("dot_"), -1);
    cr_assert_eq(dot_find(""), -1);
}

/* Of those for its target. */
static bool is_first_that_runs(int which) {
    for (int i = 0; i < which; i++)
        if (faster_dots[i].target == faster_dots[which].target && faster_dots[i].runs())
            return false;
    return faster_dots[which].runs();
}

/* What the environment asks for is all that is used. */
Test(dots, kernels_by_name) {
    const struct kernel_set *set = kernels_for(&targets[TARGET_BASELINE]);
    cr_assert_eq(kernel_find(set, "dot_8x32"), (const void *)set->dots[DOT_OF_dot_8x32]);
    cr_assert_eq(kernel_find(set, "dot_lanes_1x8"), (const void *)set->dots[DOT_OF_dot_lanes_1x8]);
    cr_assert_null(kernel_find(set, "dot_lanes_1x64"));
    setenv("EIGENTENSOR_CPU", "avx512", 1);
    set = kernels_for(&targets[TARGET_AVX512]);
    cr_assert_eq(kernel_find(set, "dot_1x16"), (const void *)set->dots[DOT_OF_dot_1x16]);
    unsetenv("EIGENTENSOR_CPU");
    for (int i = 0; i < FASTER_DOTS_COUNT; i++)
        if (is_first_that_runs(i))
            cr_assert_eq(kernel_find(kernels_for(faster_dots[i].target), "dot_1x16"),
                         (const void *)faster_dots[i].dots[DOT_OF_dot_1x16]);
}
