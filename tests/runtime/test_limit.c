/* Runs that are to end early: they fail, say why, and the next run is whole. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "runtime/et_program.h"

TestSuite(limit, .timeout = 120);

#ifdef __SANITIZE_ADDRESS__
enum { BATCH = 10 }; /* the interpreter takes its time */
#else
enum { BATCH = 300 }; /* several slices */
#endif
enum { PIXELS = 784, CLASSES = 10 };

static float images[BATCH * PIXELS], expected[BATCH * CLASSES], scores[BATCH * CLASSES];
static struct et_program *program;
static struct et_workspace *workspace;

static void begin(int threads) {
    struct et_error error = {0};
    program = et_program_open_batched("models/mnist/mnist.json", NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    cr_assert(et_program_set_threads(program, threads, &error));
    workspace = et_workspace_new(program);
    for (int i = 0; i < BATCH * PIXELS; i++)
        images[i] = (float)(i * 7 % 256) / 255;
    cr_assert(et_program_run_batch(program, ET_JIT, BATCH, (const void *[]){images},
                                   (void *[]){expected}, NULL, &error),
              "%s", error.message);
}

static void end(void) {
    et_workspace_free(workspace);
    et_program_free(program);
}

static bool run(enum et_mode mode, struct et_error *error) {
    return et_program_run_batch(program, mode, BATCH, (const void *[]){images}, (void *[]){scores},
                                workspace, error);
}

static void expect(enum et_mode mode, enum et_stop stop, const char *says) {
    struct et_error error = {0};
    memset(scores, 0, sizeof scores);
    bool good = run(mode, &error);
    cr_assert_eq(good, stop == ET_NOT_STOPPED, "%s", error.message);
    cr_assert_eq(et_workspace_stopped(workspace), stop);
    if (good)
        cr_assert_eq(memcmp(scores, expected, sizeof scores), 0);
    else
        cr_assert_not_null(strstr(error.message, says), "%s", error.message);
}

static void check_limits(int threads) {
    static const enum et_mode modes[] = {ET_JIT, ET_EAGER};
    begin(threads);
    for (int i = 0; i < 2; i++) {
        int cancelled = 0;
        expect(modes[i], ET_NOT_STOPPED, "");
        et_workspace_set_limit(workspace, now_nanoseconds() + 1000000000000, &cancelled);
        expect(modes[i], ET_NOT_STOPPED, "");
        cancelled = 1;
        expect(modes[i], ET_CANCELLED, "cancelled");
        et_workspace_set_limit(workspace, now_nanoseconds() - 1, NULL);
        expect(modes[i], ET_TOO_LATE, "longer");
        et_workspace_set_limit(workspace, 0, NULL);
        expect(modes[i], ET_NOT_STOPPED, "");
    }
    end();
}

Test(limit, runs_say_what_ended_them) {
    check_limits(1);
}

Test(limit, and_so_do_those_that_threads_share) {
    check_limits(3);
}

static void *cancel_soon(void *flag) {
    usleep(2000);
    __atomic_store_n((int *)flag, 1, __ATOMIC_RELAXED);
    return NULL;
}

/* From another thread, in the middle of it. */
Test(limit, runs_end_between_their_parts) {
    begin(1);
    for (int mode = ET_EAGER; mode <= ET_JIT; mode++) {
        int cancelled = 0, runs = 0;
        pthread_t thread;
        struct et_error error = {0};
        et_workspace_set_limit(workspace, 0, &cancelled);
        cr_assert_eq(pthread_create(&thread, NULL, cancel_soon, &cancelled), 0);
        while (run((enum et_mode)mode, &error))
            runs++;
        pthread_join(thread, NULL);
        cr_assert_eq(et_workspace_stopped(workspace), ET_CANCELLED, "after %d runs", runs);
    }
    end();
}
