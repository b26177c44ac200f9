/* CUDA C on a CPU: right kernels have their bits by every seed, and the faults of cases.cu show. */
#include <criterion/criterion.h>

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/backend/backend.h"
#include "tests/support/golden.h"
#include "tests/support/on_cpu.h"

enum { INPUTS = 4096, MOST_OUTPUTS = 1024, SEEDS = 12 };

typedef int expectation(const float *x, float *y); /* returns how many elements of y there are */

static int reversed(const float *x, float *y) {
    for (int i = 0; i < 1024; i++)
        y[i] = x[i / 64 * 64 + 63 - i % 64];
    return 1024;
}

static int product(const float *x, float *y) {
    for (int i = 0; i < 1024; i++) {
        y[i] = 0.0f;
        for (int k = 0; k < 64; k++)
            y[i] = fmaf(x[64 * (i / 32) + k], x[2048 + 32 * k + i % 32], y[i]);
    }
    return 1024;
}

static int row_sums(const float *x, float *y) {
    for (int row = 0; row < 64; row++) {
        float lanes[16];
        memcpy(lanes, x + 16L * row, sizeof lanes);
        for (int half = 8; half > 0; half /= 2)
            for (int i = 0; i < half; i++)
                lanes[i] += lanes[i + half];
        y[row] = lanes[0];
    }
    return 64;
}

static int running_sums(const float *x, float *y) {
    for (int i = 0; i < 16; i++)
        y[i] = i ? y[i - 1] + x[64 * i] : x[0];
    return 16;
}

/* `says` NULL: the right bits by all seeds; "": other bits by one at least; else the error. */
static const struct {
    const char *name;
    expectation *expected;
    const char *says;
} cases[] = {
    {"reverse", reversed, NULL},
    {"reverse_without_barrier", reversed, ""},
    {"reverse_for_some", reversed, "for threads that have returned"},
    {"reverse_after_return", reversed, "for threads that have returned"},
    {"reverse_by_two_barriers", reversed, "waits in __syncthreads at"},
    {"unwritten", reversed, ""},
    {"product", product, NULL},
    {"product_without_wait", product, ""},
    {"product_with_short_wait", product, ""},
    {"product_read_too_soon", product, ""},
    {"product_filled_too_soon", product, ""},
    {"row_sums", row_sums, NULL},
    {"row_sums_of_whole_warps", row_sums, NULL},
    {"row_sums_of_left_out_lanes", row_sums, "which its mask leaves out"},
    {"row_sums_of_absent_lanes", row_sums, "for lanes that do not come"},
    {"row_sums_of_others", row_sums, "which its mask leaves out"},
    {"dependent_blocks", running_sums, ""},
    {"misplaced_copy", reversed, "is not aligned"},
    {"large_block", reversed, "blocks of 1025 threads"},
};
enum { CASES = sizeof cases / sizeof *cases };

typedef void launching(const float *x, float *y);

static void *find(const struct executable *executable, const char *name) {
    void *function = dlsym(executable->code, name);
    cr_assert(function, "%s", name);
    return function;
}

static void build(const char *cc, const char *const *others, struct executable *executable) {
    struct et_error error = {0};
    char *source = read_golden("tests/cuda/cases.cu");
    struct compiled compiled = {.prefix = "cases", .source = source, .header = ""};
    compiled.source_bytes = strlen(source);
    const char *const flags[] = {ON_CPU_FLAGS, "-O1", others[0], others[1], NULL};
    const struct build_options options = {.cc = cc, .flags = flags};
    cr_assert(backend_build(&backends[BACKEND_AOT], &compiled, &options, executable, &error), "%s",
              error.message);
    et_release(source);
}

static void fill_inputs(float *x) {
    for (int i = 0; i < INPUTS; i++)
        x[i] = 0.25f + (float)(i * 7919 % 1009) / 1009.0f;
}

static void check_case(const struct executable *executable, int at) {
    static _Alignas(16) float x[INPUTS], expected[MOST_OUTPUTS], y[MOST_OUTPUTS];
    launching *launch = (launching *)find(executable, cases[at].name);
    fill_inputs(x);
    const size_t bytes = sizeof *y * (size_t)cases[at].expected(x, expected);
    int differ = 0, errors = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        memset(y, 0, sizeof y);
        on_cpu_begin(seed);
        launch(x, y);
        const char *says = on_cpu_error();
        differ += !says && memcmp(y, expected, bytes) != 0;
        errors += says && cases[at].says && *cases[at].says && strstr(says, cases[at].says);
        cr_expect(!says || (cases[at].says && *cases[at].says), "%s: %s", cases[at].name, says);
    }
    if (!cases[at].says)
        cr_expect(differ == 0, "%s: %d of %d seeds have other bits", cases[at].name, differ, SEEDS);
    else if (!*cases[at].says)
        cr_expect(differ > 0, "%s: no seed shows it", cases[at].name);
    else
        cr_expect(errors == SEEDS, "%s: %d of %d seeds say \"%s\"", cases[at].name, errors, SEEDS,
                  cases[at].says);
}

static void check_all(const char *cc) {
    struct executable executable = {0};
    build(cc, (const char *const[]){NULL, NULL}, &executable);
    for (int at = 0; at < CASES; at++)
        check_case(&executable, at);
    executable_free(&executable);
}

Test(on_cpu, faults_show_by_gcc, .timeout = 120) {
    check_all("g++ -x c++");
}

Test(on_cpu, faults_show_by_clang, .timeout = 120) {
    check_all("clang++ -x c++");
}

/* A read behind a shared array, in a process of its own. */
Test(on_cpu, address_sanitizer_sees_shared_arrays, .timeout = 120) {
#if !defined __SANITIZE_ADDRESS__ || defined __clang__
    cr_skip("not a program of gcc's with the address sanitizer");
#endif
    const char *const others[] = {"-fsanitize=address", "-fsanitize-sections=on_cpu_shared"};
    static _Alignas(16) float x[INPUTS], y[MOST_OUTPUTS];
    struct executable executable = {0};
    build("g++ -x c++", others, &executable);
    launching *right = (launching *)find(&executable, "product");
    launching *outside = (launching *)find(&executable, "outside");
    fill_inputs(x);
    on_cpu_begin(0);
    right(x, y);
    cr_assert_null(on_cpu_error());
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        outside(x, y);
        _exit(0);
    }
    cr_assert(child > 0 && waitpid(child, &status, 0) == child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) != 0, "status %d", status);
    executable_free(&executable);
}
