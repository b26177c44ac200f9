#include "server/workers.h"

#include <pthread.h>

#include "server/server.h"

enum { SECONDS_IN_A_YEAR = 31536000 };

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t more, need;
    bool closing, is_watched;  /* somebody waits for `need` */
    struct task *first, **end; /* the queue, and where the next task is put */
    int queued;
    int count, open; /* of items: those with memory, those with a thread too */
    struct thread {
        struct workers *workers;
        struct worker *worker;
        pthread_t id;
    } items[];
};

/* The first of the queue; NULL: there is none. */
static struct task *take_first(struct workers *workers) {
    struct task *task = workers->first;
    if (!task)
        return NULL;
    if (!(workers->first = task->next))
        workers->end = &workers->first;
    workers->queued--;
    return task;
}

/* The task that has waited longest; NULL when none will come any more. */
static struct task *take(struct workers *workers) {
    pthread_mutex_lock(&workers->lock);
    while (!workers->first && !workers->closing)
        pthread_cond_wait(&workers->more, &workers->lock);
    struct task *task = take_first(workers);
    bool tells = workers->is_watched && workers->queued < workers->count;
    workers->is_watched &= !tells;
    pthread_mutex_unlock(&workers->lock);
    if (tells) /* who wakes finds the lock free */
        pthread_cond_signal(&workers->need);
    return task;
}

static void *work(void *context) {
    struct thread *thread = context;
    for (struct task *task; (task = take(thread->workers));)
        task->run(task, thread->worker);
    return NULL;
}

/* So that setting the clock makes no wait longer. */
static void open_need(pthread_cond_t *need) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(need, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct workers *workers_open(struct server *server, int count) {
    struct workers *workers =
        et_allocate(1, sizeof *workers + (size_t)count * sizeof *workers->items);
    if (!workers)
        return NULL;
    workers->end = &workers->first;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->more, NULL);
    open_need(&workers->need);
    for (bool good = true; good && workers->count < count; workers->open += good) {
        struct thread *thread = &workers->items[workers->count++];
        thread->workers = workers;
        thread->worker = worker_new(server);
        good = thread->worker && pthread_create(&thread->id, NULL, work, thread) == 0;
    }
    if (workers->open == count)
        return workers;
    workers_close(workers);
    return NULL;
}

bool workers_push(struct workers *workers, struct task *task) {
    task->next = NULL;
    pthread_mutex_lock(&workers->lock);
    bool open = !workers->closing;
    if (open) {
        *workers->end = task;
        workers->end = &task->next;
        workers->queued++;
        pthread_cond_signal(&workers->more);
    }
    pthread_mutex_unlock(&workers->lock);
    return open;
}

void workers_await_need(struct workers *workers, int64_t microseconds) {
    int64_t until = now_nanoseconds() + microseconds * 1000;
    struct timespec end = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    int problem = 0;
    pthread_mutex_lock(&workers->lock);
    while (workers->queued >= workers->count && problem == 0) {
        workers->is_watched = true;
        problem = pthread_cond_timedwait(&workers->need, &workers->lock, &end);
    }
    workers->is_watched = false;
    pthread_mutex_unlock(&workers->lock);
}

bool workers_stop(struct workers *workers, double seconds) {
    if (!workers)
        return true;
    double end = now_milliseconds() + seconds * 1e3;
    pthread_mutex_lock(&workers->lock);
    workers->closing = true;
    pthread_cond_broadcast(&workers->more);
    pthread_mutex_unlock(&workers->lock);
    for (; workers->open > 0; workers->open--) {
        double left = end - now_milliseconds();
        struct timespec until = deadline_in(left > 0 ? (int64_t)left : 0);
        if (pthread_timedjoin_np(workers->items[workers->open - 1].id, NULL, &until) != 0)
            return false;
    }
    return true;
}

void workers_close(struct workers *workers) {
    if (!workers)
        return;
    workers_stop(workers, SECONDS_IN_A_YEAR);
    for (int i = 0; i < workers->count; i++)
        worker_free(workers->items[i].worker);
    pthread_cond_destroy(&workers->more);
    pthread_cond_destroy(&workers->need);
    pthread_mutex_destroy(&workers->lock);
    et_release(workers);
}
