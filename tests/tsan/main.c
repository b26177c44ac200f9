/* Criterion's tests without Criterion's runner, which wants memory at addresses that
 * ThreadSanitizer keeps for itself. Each test runs in a process of its own, and says nothing unless
 * it fails. The argument is a word that the names of suite and test, "pool/threads_wake_up", must
 * have. */
#include <criterion/criterion.h>
#include <criterion/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the macros Test and TestSuite leave what they declare. */
extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
extern struct criterion_suite *__start_cr_sts[] __attribute__((weak));
extern struct criterion_suite *__stop_cr_sts[] __attribute__((weak));

/* ---- What Criterion's macros call: in the place of the library's functions ---- */

static bool has_failed;

void criterion_send_assert(struct criterion_assert_stats *stats) {
    if (stats->passed)
        return;
    has_failed = true;
    fprintf(stderr, "%s:%u: %s\n", stats->file, stats->line, stats->message);
}

void criterion_abort_test(void) {
    _exit(1);
}

void criterion_continue_test(void) {
}

void criterion_skip_test(const char *format, ...) {
    fprintf(stderr, "skipped: %s\n", format);
    _exit(0);
}

void criterion_internal_test_setup(void) {
}

void criterion_internal_test_main(void (*test)(void)) {
    test();
}

void criterion_internal_test_teardown(void) {
}

/* ---- Running ---- */

static void call(void (*function)(void)) {
    if (function)
        function();
}

static const struct criterion_suite *suite_of(const struct criterion_test *test) {
    for (struct criterion_suite **suite = __start_cr_sts; suite < __stop_cr_sts; suite++)
        if (*suite && strcmp((*suite)->name, test->category) == 0)
            return *suite;
    return NULL;
}

static _Noreturn void run_here(const struct criterion_test *test) {
    const struct criterion_suite *suite = suite_of(test);
    if (suite)
        call(suite->data->init);
    call(test->data->init);
    test->test();
    call(test->data->fini);
    if (suite)
        call(suite->data->fini);
    exit(has_failed); /* with ThreadSanitizer's own status if it has something to say */
}

static bool run(const struct criterion_test *test) {
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        run_here(test);
    bool good = child > 0 && waitpid(child, &status, 0) == child && status == 0;
    if (!good)
        fprintf(stderr, "FAILED: %s/%s: status %d\n", test->category, test->name, status);
    return good;
}

int main(int count, char **arguments) {
    int tests = 0, failed = 0;
    for (struct criterion_test **test = __start_cr_tst; test < __stop_cr_tst; test++) {
        char name[256];
        if (!*test)
            continue;
        snprintf(name, sizeof name, "%s/%s", (*test)->category, (*test)->name);
        if (count > 1 && !strstr(name, arguments[1]))
            continue;
        tests++;
        failed += !run(*test);
    }
    printf("%d tests\n", tests);
    return failed || tests == 0;
}
