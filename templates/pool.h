// Threads that share work: the one that calls, and others that wait for it.
//
// Work is a row of steps, a step has as many parts as there are threads, and each begins when all
// parts of the one before are done. Every thread has its own part; one that is done with it takes
// what others have not begun, so that nobody waits for a thread that sleeps or has lost its core. A
// thread that has nothing to do looks for a while whether a step is over, then goes to sleep;
// nothing else takes a lock, and nothing allocates once the pool is there.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_POOL_H
#define ET_TEMPLATES_POOL_H

//: section pool
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

typedef void pool_work(void *context, long step, long part);

// A count, on a cache line of its own. All counts only grow, and may wrap around.
struct pool_count {
    _Alignas(64) atomic_uint value;
};

struct pool_thread {
    struct pool *pool;
    long part;
    pthread_t thread;
};

struct pool {
    long parts;                  // threads, with the one that calls
    int looks;                   // before a thread that waits goes to sleep
    unsigned steps;              // of all work so far
    struct pool_thread *threads; // parts - 1
    struct pool_count *claimed;  // of each part: the steps that somebody began
    struct pool_count done;      // parts of steps
    struct pool_count started;   // twice for each piece of work; odd while the next fields change
    _Atomic(pool_work *) work;   // NULL: the pool ends
    _Atomic(void *) context;
    atomic_uint first_step, step_count;
    struct pool_count sleepers; // threads that must be woken
    pthread_mutex_t lock;       // of those asleep
    pthread_cond_t wake;
};

// A piece of work as a thread has seen it.
struct pool_piece {
    pool_work *work;
    void *context;
    unsigned first_step, step_count;
};

static inline void pool_pause(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

static inline int pool_has(struct pool_count *count, unsigned wanted) {
    return (int)(atomic_load(&count->value) - wanted) >= 0;
}

// Waits until a count has come as far as `wanted`.
static inline void pool_await(struct pool *pool, struct pool_count *count, unsigned wanted) {
    for (int i = 0; i < pool->looks; i++) {
        if (pool_has(count, wanted))
            return;
        pool_pause();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers.value, 1);
    while (!pool_has(count, wanted))
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleepers.value, 1);
    pthread_mutex_unlock(&pool->lock);
}

// After a count has grown: either who goes to sleep sees that, or this thread sees that it sleeps.
static inline void pool_wake(struct pool *pool) {
    if (atomic_load(&pool->sleepers.value) == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

// Does a part of a step if nobody has begun it.
static inline void pool_try(struct pool *pool, const struct pool_piece *piece, unsigned step,
                            long part) {
    unsigned number = piece->first_step + step;
    atomic_uint *claimed = &pool->claimed[part].value;
    if (atomic_load_explicit(claimed, memory_order_relaxed) != number ||
        !atomic_compare_exchange_strong(claimed, &number, number + 1))
        return;
    piece->work(piece->context, (long)step, part);
    if (atomic_fetch_add(&pool->done.value, 1) + 1 == (number + 1) * (unsigned)pool->parts)
        pool_wake(pool);
}

static inline void pool_take_part(struct pool *pool, const struct pool_piece *piece, long own) {
    for (unsigned step = 0; step < piece->step_count; step++) {
        for (long part = own; part < pool->parts; part++)
            pool_try(pool, piece, step, part);
        for (long part = 0; part < own; part++)
            pool_try(pool, piece, step, part);
        pool_await(pool, &pool->done, (piece->first_step + step + 1) * (unsigned)pool->parts);
    }
}

static inline void pool_publish(struct pool *pool, pool_work *work, void *context,
                                unsigned step_count) {
    atomic_fetch_add(&pool->started.value, 1);
    atomic_store(&pool->work, work);
    atomic_store(&pool->context, context);
    atomic_store(&pool->first_step, pool->steps);
    atomic_store(&pool->step_count, step_count);
    atomic_fetch_add(&pool->started.value, 1);
    pool->steps += step_count;
    pool_wake(pool);
}

// The newest piece of work, read as a whole; returns how far `started` was.
static inline unsigned pool_read(struct pool *pool, struct pool_piece *piece) {
    for (;;) {
        unsigned started = atomic_load(&pool->started.value);
        piece->work = atomic_load(&pool->work);
        piece->context = atomic_load(&pool->context);
        piece->first_step = atomic_load(&pool->first_step);
        piece->step_count = atomic_load(&pool->step_count);
        if (started % 2 == 0 && atomic_load(&pool->started.value) == started)
            return started;
        pool_pause();
    }
}

// A thread that comes late finds all parts of its piece begun, and no step to wait for.
static inline void *pool_thread_main(void *context) {
    const struct pool_thread *thread = context;
    struct pool_piece piece;
    for (unsigned seen = 0;;) {
        pool_await(thread->pool, &thread->pool->started, seen + 2);
        seen = pool_read(thread->pool, &piece);
        if (!piece.work)
            return NULL;
        pool_take_part(thread->pool, &piece, thread->part);
    }
}

// Calls work(context, step, part) for every part of every step; returns when all are done. One
// piece of work at a time.
static inline void pool_share(struct pool *pool, pool_work *work, void *context, long step_count) {
    struct pool_piece piece = {work, context, pool->steps, (unsigned)step_count};
    pool_publish(pool, work, context, piece.step_count);
    pool_take_part(pool, &piece, 0);
}

// Ends the threads that were begun.
static inline void pool_end_threads(struct pool *pool, long count) {
    pool_publish(pool, NULL, NULL, 0);
    for (long i = 0; i < count; i++)
        pthread_join(pool->threads[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
}

static inline void pool_release(struct pool *pool) {
    free(pool->threads);
    free(pool->claimed);
    free(pool);
}

// Begins the threads, with all signals left to those of the caller; returns how many there are.
static inline long pool_begin_threads(struct pool *pool) {
    sigset_t all, before;
    long count = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; count + 1 < pool->parts; count++) {
        struct pool_thread *thread = &pool->threads[count];
        *thread = (struct pool_thread){.pool = pool, .part = count + 1};
        if (pthread_create(&thread->thread, NULL, pool_thread_main, thread) != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return count;
}

static inline struct pool *pool_allocate(long parts) {
    size_t line = sizeof(struct pool_count);
    struct pool *pool = aligned_alloc(line, sizeof *pool);
    if (!pool)
        return NULL;
    *pool = (struct pool){.parts = parts};
    pool->threads = calloc((size_t)parts, sizeof *pool->threads);
    pool->claimed = aligned_alloc(line, (size_t)parts * line);
    for (long i = 0; i < parts && pool->claimed; i++)
        atomic_init(&pool->claimed[i].value, 0);
    if (pool->threads && pool->claimed)
        return pool;
    pool_release(pool);
    return NULL;
}

// NULL when there is no memory or no thread to be had.
static inline struct pool *pool_new(long parts) {
    enum { LOOKS = 4000 }; // about 0.1 ms
    struct pool *pool = pool_allocate(parts);
    if (!pool)
        return NULL;
    pool->looks = parts > sysconf(_SC_NPROCESSORS_ONLN) ? 0 : LOOKS;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    long begun = pool_begin_threads(pool);
    if (begun == parts - 1)
        return pool;
    pool_end_threads(pool, begun);
    pool_release(pool);
    return NULL;
}

// NULL is fine.
static inline void pool_free(struct pool *pool) {
    if (!pool)
        return;
    pool_end_threads(pool, pool->parts - 1);
    pool_release(pool);
}
//: end

#endif
