/* The queue and its threads: every task runs once, the one that waited longest first. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "server/server.h"
#include "server/workers.h"

TestSuite(workers, .timeout = 60);

static struct server server;

struct counted {
    struct task task;
    atomic_int runs;
    int turn;              /* when it began, of all */
    struct worker *worker; /* that ran it */
};
static atomic_int turns;

static void count(struct task *task, struct worker *by) {
    struct counted *counted = (struct counted *)task;
    counted->turn = atomic_fetch_add(&turns, 1);
    counted->worker = by;
    atomic_fetch_add(&counted->runs, 1);
}

/* A task that lasts until it is let go. */
struct gate {
    struct task task;
    atomic_bool entered, open;
};

static void wait_at_gate(struct task *task, struct worker *by) {
    struct gate *gate = (struct gate *)task;
    (void)by;
    atomic_store(&gate->entered, true);
    while (!atomic_load(&gate->open))
        usleep(100);
}

static void enter(struct workers *workers, struct gate *gate) {
    gate->task.run = wait_at_gate;
    cr_assert(workers_push(workers, &gate->task));
    while (!atomic_load(&gate->entered))
        usleep(100);
}

Test(workers, run_in_the_order_they_came) {
    static struct counted tasks[1000];
    struct gate gate = {0};
    struct workers *workers = workers_open(&server, 1);
    cr_assert_not_null(workers);
    enter(workers, &gate);
    for (int i = 0; i < 1000; i++) {
        tasks[i].task.run = count;
        cr_assert(workers_push(workers, &tasks[i].task));
    }
    cr_assert_eq(atomic_load(&turns), 0);
    atomic_store(&gate.open, true);
    workers_close(workers); /* runs what is in the queue */
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(atomic_load(&tasks[i].runs), 1);
        cr_assert_eq(tasks[i].turn, i);
    }
}

Test(workers, a_busy_one_holds_nobody_up) {
    static struct counted tasks[100];
    struct gate gate = {0};
    struct workers *workers = workers_open(&server, 2);
    cr_assert_not_null(workers);
    enter(workers, &gate);
    for (int i = 0; i < 100; i++) {
        tasks[i].task.run = count;
        cr_assert(workers_push(workers, &tasks[i].task));
    }
    while (atomic_load(&turns) < 100)
        usleep(100);
    atomic_store(&gate.open, true);
    workers_close(workers);
    for (int i = 1; i < 100; i++)
        cr_assert_eq(tasks[i].worker, tasks[0].worker); /* the other was at the gate */
}

static void *await_need(void *context) {
    workers_await_need(context, INT64_MAX / 2000);
    atomic_fetch_add(&turns, 1);
    return NULL;
}

Test(workers, need_more_once_fewer_are_queued_than_there_are_threads) {
    static struct counted tasks[4];
    struct gate gates[2] = {0};
    pthread_t waiting;
    struct workers *workers = workers_open(&server, 2);
    cr_assert_not_null(workers);
    workers_await_need(workers, INT64_MAX / 2000); /* nothing is in the queue */
    for (int i = 0; i < 2; i++)
        enter(workers, &gates[i]);
    tasks[0].task.run = count;
    cr_assert(workers_push(workers, &tasks[0].task));
    workers_await_need(workers, INT64_MAX / 2000); /* one is */
    for (int i = 1; i < 4; i++) {
        tasks[i].task.run = count;
        cr_assert(workers_push(workers, &tasks[i].task));
    }
    workers_await_need(workers, 1000); /* four are, until the time is over */
    cr_assert_eq(pthread_create(&waiting, NULL, await_need, workers), 0);
    usleep(10000);
    cr_assert_eq(atomic_load(&turns), 0);
    atomic_store(&gates[0].open, true);
    pthread_join(waiting, NULL);
    atomic_store(&gates[1].open, true);
    workers_close(workers);
    cr_assert_eq(atomic_load(&turns), 5);
}

static void *push_many(void *context) {
    static struct counted tasks[4][500];
    static atomic_int pushers;
    struct counted *mine = tasks[atomic_fetch_add(&pushers, 1)];
    for (int i = 0; i < 500; i++) {
        mine[i].task.run = count;
        cr_assert(workers_push(context, &mine[i].task));
    }
    return mine;
}

Test(workers, many_push_to_many) {
    pthread_t threads[4];
    struct workers *workers = workers_open(&server, 5);
    cr_assert_not_null(workers);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, push_many, workers), 0);
    void *tasks[4];
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], &tasks[i]);
    workers_close(workers);
    for (int i = 0; i < 4 * 500; i++)
        cr_assert_eq(atomic_load(&((struct counted *)tasks[i / 500])[i % 500].runs), 1);
}

Test(workers, stopped_ones_take_nothing) {
    struct counted task = {.task.run = count};
    struct workers *workers = workers_open(&server, 3);
    cr_assert_not_null(workers);
    cr_assert(workers_stop(workers, 10));
    cr_assert(workers_stop(workers, 10));
    cr_assert_not(workers_push(workers, &task.task));
    workers_close(workers);
    cr_assert_eq(atomic_load(&task.runs), 0);
    workers_close(NULL);
}

Test(workers, survive_every_failing_allocation) {
    for (unsigned long nth = 1;; nth++) {
        et_fail_allocation(nth);
        struct workers *workers = workers_open(&server, 3);
        et_fail_allocation(0);
        workers_close(workers);
        if (workers) {
            cr_assert_eq(nth, 5); /* the pool, and a worker for each thread */
            break;
        }
    }
}
