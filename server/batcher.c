#include "server/batcher.h"

#include <pthread.h>
#include <string.h>

#include "server/server.h"
#include "server/workers.h"

/* Requests for one model in one mode. */
struct gathering {
    struct task task; /* for the worker; first, so that it leads back here */
    struct batcher *batcher;
    struct waiting *first, **end;
    int64_t images;
    int64_t due;            /* nanoseconds of CLOCK_MONOTONIC */
    struct gathering *next; /* due later */
};

struct batcher {
    struct server *server;
    struct workers *workers;
    pthread_t thread; /* hands over what is due */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool closing;
    struct gathering *first; /* under the lock, as all above */
    atomic_size_t bytes;     /* of the tensors of all that waits */
    int cancelled;           /* atomically */
};

/* ---- Running ---- */

static struct et_tensor input_of(const struct waiting *waiting, int index, size_t *bytes) {
    struct et_tensor tensor = et_program_input(waiting->model->program, index);
    *bytes = tensor.bytes * (size_t)waiting->tensors.batch;
    return tensor;
}

/* Copies its inputs to where image `place` of the batch begins. */
static void copy_in(const struct waiting *waiting, const struct model_memory *memory,
                    int64_t place) {
    for (int i = 0; i < memory->input_count; i++) {
        size_t bytes;
        size_t one = input_of(waiting, i, &bytes).bytes;
        memcpy((char *)memory->inputs[i] + (size_t)place * one, waiting->tensors.inputs[i], bytes);
    }
}

static void copy_out(const struct waiting *waiting, const struct model_memory *memory,
                     int64_t place) {
    for (int i = 0; i < memory->output_count; i++) {
        size_t one = et_program_output(waiting->model->program, i).bytes;
        memcpy(waiting->tensors.outputs[i], (const char *)memory->outputs[i] + (size_t)place * one,
               one * (size_t)waiting->tensors.batch);
    }
}

static size_t tensors_bytes(const struct waiting *waiting) {
    return (size_t)model_tensors_bytes(waiting->model, waiting->tensors.batch);
}

static void finish(struct batcher *batcher, struct waiting *waiting, struct worker *worker) {
    void (*done)(void *) = waiting->done;
    void *context = waiting->context;
    atomic_fetch_sub(&batcher->bytes, tensors_bytes(waiting));
    server_finish(worker, waiting);
    done(context);
}

/* Takes those out of the list that need not run any more, and finishes them. */
static void drop_stopped(struct batcher *batcher, struct waiting **list, struct worker *worker) {
    for (struct waiting **at = list, *waiting; (waiting = *at);) {
        waiting->run.stop = run_limit_passed(waiting->limit);
        if (waiting->run.stop == ET_NOT_STOPPED) {
            at = &waiting->next;
            continue;
        }
        *at = waiting->next;
        finish(batcher, waiting, worker);
    }
}

/* All of them came within a second of each other: what one may take, the others may. */
static struct run_limit limit_of(struct batcher *batcher, const struct waiting *list) {
    struct run_limit limit = {.cancelled = &batcher->cancelled};
    for (const struct waiting *waiting = list; waiting; waiting = waiting->next)
        if (waiting->limit && waiting->limit->deadline > limit.deadline)
            limit.deadline = waiting->limit->deadline;
    return limit;
}

static void run_list(struct batcher *batcher, struct waiting *list, struct worker *worker) {
    struct et_error error = {0};
    struct model_run run = {0};
    int64_t images = 0, place = 0;
    drop_stopped(batcher, &list, worker);
    if (!list)
        return;
    struct model *model = list->model;
    struct model_memory *memory = &worker->memory[model->index];
    const enum et_mode mode = list->mode;
    const struct run_limit limit = limit_of(batcher, list);
    for (const struct waiting *waiting = list; waiting; waiting = waiting->next)
        images += waiting->tensors.batch;
    bool good = model_memory_fit(memory, model, images, &error);
    double began = now_microseconds();
    for (struct waiting *waiting = list; good && waiting; waiting = waiting->next) {
        copy_in(waiting, memory, place);
        place += waiting->tensors.batch;
        waiting->reply->stages[STAGE_queue] += began - waiting->since;
    }
    good = good && model_run(model, memory, mode, &limit, &run, &error);
    if (good)
        metrics_run(worker->server, model, images);
    place = 0;
    for (struct waiting *waiting = list, *next; waiting; waiting = next) {
        next = waiting->next;
        if (good)
            copy_out(waiting, memory, place);
        place += waiting->tensors.batch;
        waiting->good = good;
        waiting->run = run;
        waiting->error = error;
        waiting->images = images;
        finish(batcher, waiting, worker);
    }
}

static void run_gathering(struct task *task, struct worker *worker) {
    struct gathering *gathering = (struct gathering *)task;
    run_list(gathering->batcher, gathering->first, worker);
    et_release(gathering);
}

/* ---- Gathering: under the lock ---- */

static struct gathering **find(struct batcher *batcher, const struct waiting *waiting) {
    struct gathering **at = &batcher->first;
    while (*at && ((*at)->first->model != waiting->model || (*at)->first->mode != waiting->mode))
        at = &(*at)->next;
    return at;
}

static struct gathering *take_out(struct gathering **at) {
    struct gathering *gathering = *at;
    *at = gathering->next;
    return gathering;
}

static bool has_room(const struct batcher *batcher, const struct gathering *gathering,
                     const struct waiting *waiting) {
    int64_t images = gathering->images + waiting->tensors.batch;
    return images <= batcher->server->options.max_batch &&
           model_takes_batch(waiting->model, images);
}

/* A new one at the end of the list; NULL: no memory. */
static struct gathering *begin_gathering(struct batcher *batcher) {
    struct gathering *gathering = et_allocate(1, sizeof *gathering), **at = &batcher->first;
    if (!gathering)
        return NULL;
    gathering->task.run = run_gathering;
    gathering->batcher = batcher;
    gathering->end = &gathering->first;
    gathering->due = now_nanoseconds() + batcher->server->options.max_delay * 1000;
    while (*at)
        at = &(*at)->next;
    return *at = gathering;
}

static void append(struct gathering *gathering, struct waiting *waiting) {
    *gathering->end = waiting;
    gathering->end = &waiting->next;
    gathering->images += waiting->tensors.batch;
}

/* Whether it waits now. What has become full, or cannot take it, is put into `full`. */
static bool gather(struct batcher *batcher, struct waiting *waiting, struct gathering *full[2]) {
    struct gathering **at = find(batcher, waiting), *gathering = *at;
    if (batcher->closing)
        return false;
    if (gathering && !has_room(batcher, gathering, waiting)) {
        full[0] = take_out(at);
        gathering = NULL;
    }
    if (!gathering && !(gathering = begin_gathering(batcher)))
        return false;
    append(gathering, waiting);
    if (gathering->images == batcher->server->options.max_batch)
        full[1] = take_out(find(batcher, waiting));
    pthread_cond_signal(&batcher->changed);
    return true;
}

static void *hand_over_due(void *context) {
    struct batcher *batcher = context;
    pthread_mutex_lock(&batcher->lock);
    while (batcher->first || !batcher->closing) {
        struct gathering *first = batcher->first;
        if (!first) {
            pthread_cond_wait(&batcher->changed, &batcher->lock);
        } else if (batcher->closing || now_nanoseconds() >= first->due) {
            workers_push(batcher->workers, &take_out(&batcher->first)->task);
        } else {
            struct timespec due = {first->due / 1000000000, first->due % 1000000000};
            pthread_cond_timedwait(&batcher->changed, &batcher->lock, &due);
        }
    }
    pthread_mutex_unlock(&batcher->lock);
    return NULL;
}

/* ---- From outside ---- */

bool batcher_takes(const struct batcher *batcher, const struct model *model, enum et_mode mode,
                   int64_t images) {
    return batcher && model->gathers && images < batcher->server->options.max_batch &&
           mode != ET_EAGER && model_is_ready(model, mode) &&
           (!model->most_memory ||
            (double)atomic_load(&batcher->bytes) + model_tensors_bytes(model, images) <=
                model->most_memory);
}

void batcher_add(struct batcher *batcher, struct waiting *waiting, struct worker *worker) {
    struct gathering *full[2] = {NULL};
    waiting->since = now_microseconds();
    waiting->next = NULL;
    atomic_fetch_add(&batcher->bytes, tensors_bytes(waiting));
    pthread_mutex_lock(&batcher->lock);
    bool waits = gather(batcher, waiting, full);
    pthread_mutex_unlock(&batcher->lock);
    for (int i = 0; i < 2; i++)
        if (full[i] && !workers_push(batcher->workers, &full[i]->task))
            run_gathering(&full[i]->task, worker);
    if (!waits)
        run_list(batcher, waiting, worker);
}

struct batcher *batcher_open(struct server *server, struct workers *workers,
                             struct et_error *error) {
    struct batcher *batcher = et_allocate(1, sizeof *batcher);
    if (!batcher) {
        et_fail(error, "out of memory");
        return NULL;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&batcher->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&batcher->lock, NULL);
    batcher->server = server;
    batcher->workers = workers;
    if (pthread_create(&batcher->thread, NULL, hand_over_due, batcher) == 0)
        return batcher;
    batcher->closing = true; /* there is nothing to join */
    batcher_free(batcher);
    et_fail(error, "no thread for batches");
    return NULL;
}

void batcher_cancel(struct batcher *batcher) {
    if (batcher)
        __atomic_store_n(&batcher->cancelled, 1, __ATOMIC_RELAXED);
}

void batcher_stop(struct batcher *batcher) {
    if (!batcher)
        return;
    pthread_mutex_lock(&batcher->lock);
    bool closed = batcher->closing;
    batcher->closing = true;
    pthread_cond_signal(&batcher->changed);
    pthread_mutex_unlock(&batcher->lock);
    if (!closed)
        pthread_join(batcher->thread, NULL);
}

void batcher_free(struct batcher *batcher) {
    if (!batcher)
        return;
    pthread_cond_destroy(&batcher->changed);
    pthread_mutex_destroy(&batcher->lock);
    et_release(batcher);
}
