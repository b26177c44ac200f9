/* Systems that refuse to make pages executable: ET_JIT works where a file in memory may be mapped
 * for executing, with the same bits, and fails in words where that may not be either. (Criterion
 * runs each test in a process of its own.) */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/eigentensor.h"
#include "tests/support/hardened.h"

enum { PIXELS = 784, CLASSES = 10 };
static float pixels[PIXELS], expected[CLASSES], scores[CLASSES];

static struct et_program *opened(void) {
    struct et_error error = {0};
    struct et_program *program = et_program_open("models/mnist/mnist.json", NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    for (int i = 0; i < PIXELS; i++)
        pixels[i] = (float)(i * 7 % 256) / 255;
    return program;
}

static bool run(struct et_program *program, enum et_mode mode, float *result,
                struct et_error *error) {
    return et_program_run(program, mode, (const void *[]){pixels}, (void *[]){result}, NULL, error);
}

static void cr_assert_refused(struct et_program *program, const char *call) {
    struct et_error error = {0};
    cr_assert_not(et_mode_allowed(ET_JIT, &error));
    cr_expect_not_null(strstr(error.message, call), "%s", error.message);
    cr_assert_not(et_mode_allowed(ET_JIT, NULL));
    error.message[0] = 0;
    cr_assert_not(et_program_prepare(program, ET_JIT, &error));
    cr_expect_not_null(strstr(error.message, "jit: the system refuses memory for machine code"),
                       "%s", error.message);
    cr_expect_not_null(strstr(error.message, call), "%s", error.message);
    cr_assert(run(program, ET_EAGER, scores, &error), "%s", error.message);
    et_program_free(program);
}

Test(hardened, jit_runs_where_no_page_becomes_executable) {
    struct et_error error = {0};
    struct et_program *program = opened();
    cr_assert(run(program, ET_EAGER, expected, &error), "%s", error.message);
    if (!deny_write_execute())
        cr_skip_test("no filters of system calls here");
    cr_assert_eq(
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        MAP_FAILED);
    cr_assert(et_mode_allowed(ET_JIT, &error), "%s", error.message);
    cr_assert(run(program, ET_JIT, scores, &error), "%s", error.message);
    cr_assert_eq(memcmp(scores, expected, sizeof scores), 0);
    et_program_free(program);
}

Test(hardened, jit_says_that_there_are_no_files_in_memory) {
    struct et_program *program = opened();
    if (!deny_machine_code(true))
        cr_skip_test("no filters of system calls here");
    cr_assert_refused(program, "memfd_create: Operation not permitted");
}

Test(hardened, jit_says_that_nothing_may_be_executed) {
    struct et_program *program = opened();
    int before = open("/dev/null", O_RDONLY);
    if (!deny_machine_code(false))
        cr_skip_test("no filters of system calls here");
    cr_assert_refused(program, "mmap for executing: Operation not permitted");
    cr_assert_eq(open("/dev/null", O_RDONLY), before + 1, "a file was left open");
}

Test(hardened, jit_heeds_the_limit_of_files) {
    struct et_program *program = opened();
    struct rlimit before;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit limit = {1, before.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_refused(program, "File too large");
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0); /* what ends the process may write files */
}
