/* golden.c: the graph "golden", compiled to C by Eigentensor. Do not edit.
 *
 * kernel, what it stores, arithmetic operations, bytes read and written, nodes of the graph:
 *   k01_max
 *     t1 float32[5]  500 flop  2000 + 20 bytes
 *   k02_exp
 *     t5 float32[5,100]  1000 flop  2020 + 2000 bytes
 *   k03_sum
 *     t8 float32[5,1]  505 flop  2000 + 20 bytes
 *   k04_elementwise
 *     y float32[5,100]  500 flop  2020 + 2000 bytes
 */
typedef signed char int8_t;
typedef int int32_t;
typedef long int64_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long uint64_t;
typedef long ptrdiff_t;
#define INT32_MIN (-2147483647 - 1)
#define INT32_MAX 2147483647
#define INT64_MIN (-9223372036854775807 - 1)
#define INT64_MAX 9223372036854775807
#define INFINITY (0x1p127f * 2.0f)
void *memcpy(void *to, const void *from, unsigned long bytes);
float fmaf(float a, float b, float c);
float sqrtf(float a);
float floorf(float a);
float ceilf(float a);
float rintf(float a);
float fmodf(float a, float b);
float fabsf(float a);
float f32_exp(float a);
float f32_log(float a);
float f32_sin(float a);
float f32_cos(float a);
float f32_tanh(float a);
float f32_erf(float a);
float f32_pow(float a, float b);
// libtcc ignores the alignment of locals, and vectors that lie across cache lines are slow.
#define ALIGNED_ARRAY(type, name, count)                                                           \
    type name##_room[(count) + 64 / sizeof(type)];                                                 \
    type *const name = (type *)(((unsigned long)name##_room + 63) & ~63ul)

// A step of a chain, which takes a block of elements through registers. Its operand is
// operands[from] in one of these forms, with rows so many elements apart. REVERSED: the operand
// comes first. Where `keep` is not 0, the slot of that number then has what the step computed.
struct row_step {
    int op, form, from;
    long row;
    int keep;
};
enum row_step_form {
    FORM_SAME,    // one element for all
    FORM_ROWS,    // one for each row
    FORM_COLUMNS, // one for each column
    FORM_BLOCK,   // one for each element
    FORM_SLOT,    // what slot `from` has
    STEP_FORMS
};
enum row_step_op {
    STEP_TAKE, // the chain goes on from the operand
    STEP_ADD,
    STEP_SUB,
    STEP_SUB_REVERSED,
    STEP_MUL,
    STEP_DIV,
    STEP_DIV_REVERSED,
    STEP_MIN,
    STEP_MIN_REVERSED,
    STEP_MAX,
    STEP_MAX_REVERSED,
    STEP_PUT,       // into results[from], a block
    STEP_CANONICAL, // every NaN is the one that may leave a graph
    STEP_NEG,
    STEP_ABS,
    STEP_RECIP,
    STEP_SQRT,
    STEP_EXP,
    STEP_LOG,
    STEP_TANH,
    STEP_ERF
};
enum { CHAIN_SLOTS = 64 }; // from 1

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
static inline void pool_run(struct pool *pool, pool_work *work, void *context, long step_count) {
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

void row_f32_reduce_max(long rows, long columns, float *result, long result_step,
        const float *a, long a_row, long a_step);
void row_f32_chain(long rows, long columns, long count, const struct row_step *steps,
        const float *const *operands, float *const *results);
void row_f32_reduce_sum(long rows, long columns, float *result, long result_step,
        const float *a, long a_row, long a_step);
void row_f32_recip(long rows, long columns, float *result, long result_row, long result_step,
        const float *a, long a_row, long a_step);
#define GOLDEN_WEIGHTS_BYTES 0
#define GOLDEN_ARENA_BYTES 2112
#define GOLDEN_INPUT_COUNT 1
#define GOLDEN_OUTPUT_COUNT 1

struct golden_inputs {
    const float *x; /* float32[5,100] */
};

struct golden_outputs {
    float *y; /* float32[5,100] */
};

/* Computes all outputs. Tensors are contiguous and row-major; outputs overlap nothing else.
 * `weights` is the block that was written beside this file, `arena` is scratch
 * memory; both 64-byte aligned. Touches nothing else: threads may run at once, an
 * arena each. */
void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena);

/* The same by position. */
void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena);

/* A run in pieces, for threads that share it. Each of its steps has `parts` parts,
 * which any threads may do in any order; all of them must be done before a part of the
 * next step begins. */
#define GOLDEN_STEPS 4
#define GOLDEN_MOST_PARTS 2
void golden_run_step(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long step, long part, long parts);
void golden_run_step_array(const void *const *inputs, void *const *outputs,
        const void *weights, void *arena, long step, long part, long parts);

/* Threads for runs: the one that calls, and others that wait for the next. Where
 * there is no memory or no thread to be had, golden_pool_new returns NULL. */
struct golden_pool;
struct golden_pool *golden_pool_new(long threads);
void golden_pool_free(struct golden_pool *pool);

/* golden_run by all threads of a pool, with the same bits; one run on it at a time. */
void golden_run_on(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, struct golden_pool *pool);
void golden_run_on_array(const void *const *inputs, void *const *outputs,
        const void *weights, void *arena, struct golden_pool *pool);
/* t1 float32[5] = max over 100(x)
 * nodes 1 */
static void k01_max(const float *restrict x, float *restrict t1, long part, long parts) {
    const long begin = 5 * part / parts;
    const long end = 5 * (part + 1) / parts;
    for (long strip = begin; strip < end; strip += 5) {
        long columns = end - strip < 5 ? end - strip : 5;
        row_f32_reduce_max(columns, 100, t1 + strip, 1, x + 100 * strip, 100, 1);
    }
}

/* t5 float32[5,100] = exp(x - t1)
 * nodes 4 5 */
static void k02_exp(const float *restrict x, const float *restrict t1,
        float *restrict t5, long part, long parts) {
    const long begin = 100 * part / parts;
    const long end = 100 * (part + 1) / parts;
    for (long strip = begin; strip < end; strip += 100) {
        long columns = end - strip < 100 ? end - strip : 100;
        static const struct row_step steps0[] = {
            {STEP_TAKE, FORM_BLOCK, 0, 100}, {STEP_SUB, FORM_ROWS, 1, 1}, {STEP_EXP},
            {STEP_PUT, FORM_BLOCK, 0, 100}};
        const float *const operands0[] = {x + strip, t1};
        float *const results0[] = {t5 + strip};
        row_f32_chain(5, columns, 4, steps0, operands0, results0);
    }
}

/* t8 float32[5,1] = recip(sum over 100(t5))
 * nodes 6 8 */
static void k03_sum(const float *restrict t5, float *restrict t8, long part, long parts) {
    const long begin = 5 * part / parts;
    const long end = 5 * (part + 1) / parts;
    for (long strip = begin; strip < end; strip += 5) {
        long columns = end - strip < 5 ? end - strip : 5;
        ALIGNED_ARRAY(float, block0, 5);
        row_f32_reduce_sum(columns, 100, block0, 1, t5 + 100 * strip, 100, 1);
        row_f32_recip(1, columns, t8 + strip, 0, 1, block0, 5, 1);
    }
}

/* y float32[5,100] = t5 * t8
 * nodes 10 */
static void k04_elementwise(const float *restrict t5, const float *restrict t8,
        float *restrict y, long part, long parts) {
    const long begin = 100 * part / parts;
    const long end = 100 * (part + 1) / parts;
    for (long strip = begin; strip < end; strip += 100) {
        long columns = end - strip < 100 ? end - strip : 100;
        static const struct row_step steps0[] = {
            {STEP_TAKE, FORM_BLOCK, 0, 100}, {STEP_MUL, FORM_ROWS, 1, 1}, {STEP_CANONICAL},
            {STEP_PUT, FORM_BLOCK, 0, 100}};
        const float *const operands0[] = {t5 + strip, t8};
        float *const results0[] = {y + strip};
        row_f32_chain(5, columns, 4, steps0, operands0, results0);
    }
}

/* Temporaries, in bytes from the beginning of the arena. */
enum {
    AT_t1 = 2048, /* float32[5], alive from k01 to k02 */
    AT_t5 = 0, /* float32[5,100], alive from k02 to k04 */
    AT_t8 = 2048, /* float32[5,1], alive from k03 to k04 */
};

void golden_run_step(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, long step, long part, long parts) {
    (void)weights;
    char *scratch = arena;
    switch (step) {
    case 0:
        k01_max(inputs->x, (float *)(scratch + AT_t1), part, parts);
        break;
    case 1:
        k02_exp(inputs->x, (const float *)(scratch + AT_t1), (float *)(scratch + AT_t5),
                part, parts);
        break;
    case 2:
        k03_sum((const float *)(scratch + AT_t5), (float *)(scratch + AT_t8), part, parts);
        break;
    case 3:
        k04_elementwise((const float *)(scratch + AT_t5), (const float *)(scratch + AT_t8),
                outputs->y, part, parts);
        break;
    }
}

void golden_run(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena) {
    for (long step = 0; step < 4; step++)
        golden_run_step(inputs, outputs, weights, arena, step, 0, 1);
}

void golden_run_step_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena, long step, long part, long parts) {
    struct golden_inputs named_inputs;
    named_inputs.x = inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = outputs[0];
    golden_run_step(&named_inputs, &named_outputs, weights, arena, step, part, parts);
}

void golden_run_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena) {
    struct golden_inputs named_inputs;
    named_inputs.x = inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = outputs[0];
    golden_run(&named_inputs, &named_outputs, weights, arena);
}

struct golden_pool *golden_pool_new(long threads) {
    if (threads < 1 || threads > 2)
        return NULL;
    return (struct golden_pool *)pool_new(threads);
}

void golden_pool_free(struct golden_pool *pool) {
    pool_free((struct pool *)pool);
}

struct run {
    const struct golden_inputs *inputs;
    const struct golden_outputs *outputs;
    const void *weights;
    void *arena;
    long parts;
};

static void take_part(void *context, long step, long part) {
    const struct run *run = context;
    golden_run_step(run->inputs, run->outputs, run->weights, run->arena, step, part,
            run->parts);
}

void golden_run_on(const struct golden_inputs *inputs, const struct golden_outputs *outputs,
        const void *weights, void *arena, struct golden_pool *pool) {
    struct pool *threads = (struct pool *)pool;
    struct run run = {inputs, outputs, weights, arena, threads->parts};
    pool_run(threads, take_part, &run, 4);
}

void golden_run_on_array(const void *const *inputs, void *const *outputs, const void *weights,
        void *arena, struct golden_pool *pool) {
    struct golden_inputs named_inputs;
    named_inputs.x = inputs[0];
    struct golden_outputs named_outputs;
    named_outputs.y = outputs[0];
    golden_run_on(&named_inputs, &named_outputs, weights, arena, pool);
}
