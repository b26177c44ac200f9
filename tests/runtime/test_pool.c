/* The pool: every part is done once, steps follow each other, and runs of graphs have the same bits
 * for any number of threads. */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "compiler/compile.h"
#include "runtime/eigentensor.h"
#include "templates/pool.h"

enum { MOST_PARTS = 8, STEPS = 200 };

/* ---- The pool alone ---- */

/* Each part of a step finds what all parts of the step before left. */
struct relay {
    long parts;
    long places[2][MOST_PARTS];
    atomic_int mistakes;
};

static void take_step(void *context, long step, long part) {
    struct relay *relay = context;
    relay->places[step % 2][part] = step;
    for (long i = 0; i < relay->parts && step > 0; i++)
        if (relay->places[(step - 1) % 2][i] != step - 1)
            atomic_fetch_add(&relay->mistakes, 1);
}

Test(pool, steps_follow_each_other_for_any_number_of_threads, .timeout = 60) {
    for (long parts = 1; parts <= MOST_PARTS; parts++) {
        struct pool *pool = pool_new(parts);
        cr_assert_not_null(pool);
        struct relay relay = {.parts = parts};
        for (int run = 0; run < 50; run++)
            pool_share(pool, take_step, &relay, STEPS);
        cr_expect_eq(atomic_load(&relay.mistakes), 0, "%ld threads", parts);
        pool_free(pool);
    }
}

static void count_part(void *context, long step, long part) {
    atomic_int *counts = context;
    atomic_fetch_add(&counts[part], (int)step + 1);
}

static void expect_counts(atomic_int *counts, int parts, int expected) {
    for (int i = 0; i < parts; i++)
        cr_expect_eq(atomic_load(&counts[i]), expected, "part %d", i);
}

Test(pool, every_part_is_done_once_in_each_step, .timeout = 60) {
    enum { RUNS = 1000 };
    atomic_int counts[3] = {0};
    struct pool *pool = pool_new(3);
    cr_assert_not_null(pool);
    for (int run = 0; run < RUNS; run++)
        pool_share(pool, count_part, counts, 3);
    pool_share(pool, count_part, counts, 0);
    pool_free(pool);
    expect_counts(counts, 3, RUNS * (1 + 2 + 3));
}

Test(pool, threads_that_sleep_wake_up, .timeout = 60) {
    atomic_int counts[4] = {0};
    struct pool *pool = pool_new(4);
    cr_assert_not_null(pool);
    for (int run = 0; run < 5; run++) {
        usleep(20000);
        pool_share(pool, count_part, counts, 1);
    }
    usleep(20000);
    pool_free(pool);
    expect_counts(counts, 4, 5);
}

/* Each thread waits within its part until the other has begun its own. */
static void meet_other(void *context, long step, long part) {
    atomic_int *begun = context;
    (void)step;
    atomic_store(&begun[part], 1);
    while (!atomic_load(&begun[1 - part]))
        usleep(100);
}

Test(pool, threads_work_at_the_same_time, .timeout = 60) {
    atomic_int begun[2] = {0};
    struct pool *pool = pool_new(2);
    cr_assert_not_null(pool);
    pool_share(pool, meet_other, begun, 1);
    pool_free(pool);
}

/* While the first part takes long, others do the rest. */
static void dawdle(void *context, long step, long part) {
    atomic_int *done = context;
    while (step == 0 && part == 0 && atomic_load(&done[1]) + atomic_load(&done[2]) < 2)
        usleep(100);
    atomic_fetch_add(&done[part], 1);
}

Test(pool, parts_that_nobody_began_are_taken_over, .timeout = 60) {
    for (int run = 0; run < 20; run++) {
        atomic_int done[3] = {0};
        struct pool *pool = pool_new(3);
        cr_assert_not_null(pool);
        pool_share(pool, dawdle, done, 2);
        pool_free(pool);
        expect_counts(done, 3, 2);
    }
}

Test(pool, unused_pools_end, .timeout = 60) {
    for (int i = 0; i < 50; i++)
        pool_free(pool_new(1 + i % MOST_PARTS));
    pool_free(NULL);
}

/* ---- Pools beside each other, as of workspaces ---- */

struct user {
    pthread_t thread;
    struct et_program *program;
    const void *input;
    float output[10];
};

static void *use_program(void *context) {
    struct user *user = context;
    struct et_workspace *workspace = et_workspace_new(user->program);
    bool good = workspace != NULL;
    for (int i = 0; good && i < 20; i++)
        good = et_program_run(user->program, ET_JIT, &user->input, (void *[]){user->output},
                              workspace, NULL);
    et_workspace_free(workspace);
    return good ? user : NULL;
}

static struct et_program *open_mnist(int threads) {
    struct et_error error = {0};
    struct et_program *program = et_program_open("models/mnist/mnist.json", NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    cr_assert(et_program_set_threads(program, threads, &error), "%s", error.message);
    return program;
}

static void fill(float *image) {
    for (int i = 0; i < 784; i++)
        image[i] = (float)(i * 37 % 256) / 255.0f;
}

Test(threads, workspaces_run_side_by_side, .timeout = 60) {
    enum { USERS = 4 };
    float image[784];
    fill(image);
    struct et_program *program = open_mnist(3);
    struct user users[USERS];
    for (int i = 0; i < USERS; i++) {
        users[i] = (struct user){.program = program, .input = image};
        cr_assert_eq(pthread_create(&users[i].thread, NULL, use_program, &users[i]), 0);
    }
    float expected[10];
    cr_assert(et_program_run(program, ET_EAGER, (const void *[]){image}, (void *[]){expected}, NULL,
                             NULL));
    for (int i = 0; i < USERS; i++) {
        void *good = NULL;
        pthread_join(users[i].thread, &good);
        cr_expect_not_null(good);
        cr_expect_arr_eq(users[i].output, expected, sizeof expected);
    }
    et_program_free(program);
}

Test(threads, any_number_gives_the_same_bits, .timeout = 60) {
    float image[784], expected[10];
    fill(image);
    for (int threads = 1; threads <= MOST_PARTS; threads++) {
        struct et_program *program = open_mnist(threads);
        struct et_error error = {0};
        float output[10] = {0};
        cr_assert(et_program_run(program, ET_JIT, (const void *[]){image}, (void *[]){output}, NULL,
                                 &error),
                  "%s", error.message);
        if (threads == 1)
            memcpy(expected, output, sizeof output);
        cr_expect_arr_eq(output, expected, sizeof output, "%d threads", threads);
        et_program_free(program);
    }
}

Test(threads, numbers_out_of_range_are_refused) {
    struct et_program *program = open_mnist(1);
    struct et_error error = {0};
    cr_expect_not(et_program_set_threads(program, 0, &error));
    cr_expect_not(et_program_set_threads(program, ET_MOST_THREADS + 1, &error));
    cr_expect_str_eq(error.message, "65 threads: expected 1 to 64");
    cr_expect(et_program_set_threads(program, ET_MOST_THREADS, &error));
    cr_expect(et_core_count() >= 1 && et_core_count() <= ET_MOST_THREADS);
    et_program_free(program);
}
