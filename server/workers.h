/* The threads that answer requests, each with memory of its own, and the queue that feeds them: the
 * one that has waited longest goes to the first thread that is free. */
#ifndef EIGENTENSOR_SERVER_WORKERS_H
#define EIGENTENSOR_SERVER_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

struct server;
struct worker;
struct workers;

/* A piece of work, which is part of the caller's own struct. */
struct task {
    void (*run)(struct task *task, struct worker *worker);
    struct task *next; /* in the queue */
};

/* NULL when there is no memory, or not so many threads. */
struct workers *workers_open(struct server *server, int count);
/* Appends the task; a worker runs it, once. False when the workers were stopped. */
bool workers_push(struct workers *workers, struct task *task);
/* Waits until fewer tasks are in the queue than there are threads, but not longer than so many
 * microseconds. Of one thread only at a time. */
void workers_await_need(struct workers *workers, int64_t microseconds);
/* Runs what is in the queue, then ends the threads, within so many seconds; from now on nothing is
 * pushed. False when a thread still works: it may be asked again. NULL is fine. */
bool workers_stop(struct workers *workers, double seconds);
/* Waits for the threads, however long, and frees. NULL is fine. */
void workers_close(struct workers *workers);

#endif
