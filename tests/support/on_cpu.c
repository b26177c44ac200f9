/* The threads of a CUDA block as coroutines (on_cpu.h). */
#include "tests/support/on_cpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

enum { MOST_THREADS = 1024, WARP = 32, STACK_BYTES = 256 << 10, PAGE_BYTES = 16 << 10 };

struct on_cpu_index threadIdx, blockIdx, blockDim, gridDim;

/* A place in a kernel where threads meet. */
struct meeting {
    const char *what, *file;
    int line;
    unsigned mask; /* of the lanes of a warp */
};

struct async_copy {
    void *to;
    const void *from;
    int bytes, group;
};

#ifdef __x86_64__
typedef void *resume_point;
#else
typedef ucontext_t resume_point;
#endif

struct cuda_thread {
    enum { NOT_BEGUN, READY, AT_BARRIER, AT_WARP, RETURNED } state;
    resume_point resume;
    char *stack;
    struct meeting at;
    uint64_t gives, takes; /* in a shuffle: to others, and of the lane `from` */
    int from;
    int group; /* of its copies, the one that is not committed yet */
    int copy_count, copy_capacity;
    struct async_copy *copies; /* begun and not made yet */
};

/* The launch at hand. */
static struct {
    const struct on_cpu_launch *launch;
    int thread_count, ready_count, returned;
    struct cuda_thread threads[MOST_THREADS];
    int ready[MOST_THREADS];
    struct cuda_thread *running;
    resume_point scheduler;
    char *stacks; /* each has a page below it that cannot be touched */
    char *free_stacks[MOST_THREADS];
    int free_count;
    uint64_t random;
    bool numbers; /* uninitialised memory holds no NaN */
    bool failed;
    char error[512];
} now = {.random = 1};

static int number_of(const struct cuda_thread *thread) {
    return (int)(thread - now.threads);
}

/* Random numbers (xorshift64*). */
static uint64_t next_random(void) {
    now.random ^= now.random >> 12;
    now.random ^= now.random << 25;
    now.random ^= now.random >> 27;
    return now.random * 0x2545f4914f6cdd1dull;
}

static unsigned random_below(unsigned bound) {
    return (unsigned)((next_random() >> 32) * bound >> 32);
}

/* Keeps the first error. */
__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...) {
    va_list arguments;
    if (now.failed)
        return;
    now.failed = true;
    int length =
        snprintf(now.error, sizeof now.error, "%s, block %u: ", now.launch->name, blockIdx.x);
    va_start(arguments, format);
    vsnprintf(now.error + length, sizeof now.error - (size_t)length, format, arguments);
    va_end(arguments);
}

/* Switching. */

static void run_thread(void);

#ifdef __x86_64__
/* Keeps what callers expect to be kept on the stack at hand, and goes on from another. */
__attribute__((naked, noinline)) static void
switch_stacks(resume_point *from __attribute__((unused)), void *to __attribute__((unused))) {
    __asm__("pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
            "movq %rsp, (%rdi)\n movq %rsi, %rsp\n"
            "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n ret");
}
static void switch_to_thread(struct cuda_thread *thread) {
    switch_stacks(&now.scheduler, thread->resume);
}
static void switch_to_scheduler(struct cuda_thread *thread) {
    switch_stacks(&thread->resume, now.scheduler);
}
static void prepare_stack(struct cuda_thread *thread) {
    void **top = (void **)(void *)(thread->stack + STACK_BYTES);
    *--top = NULL; /* calls find the stack at 8 below a multiple of 16 */
    *--top = (void *)run_thread;
    for (int i = 0; i < 6; i++)
        *--top = NULL;
    thread->resume = top;
}
#else
static void switch_to_thread(struct cuda_thread *thread) {
    swapcontext(&now.scheduler, &thread->resume);
}
static void switch_to_scheduler(struct cuda_thread *thread) {
    swapcontext(&thread->resume, &now.scheduler);
}
static void prepare_stack(struct cuda_thread *thread) {
    getcontext(&thread->resume);
    thread->resume.uc_stack.ss_sp = thread->stack;
    thread->resume.uc_stack.ss_size = STACK_BYTES;
    makecontext(&thread->resume, run_thread, 0);
}
#endif

static void run_thread(void) {
    now.launch->call(now.launch->context);
    now.running->state = RETURNED;
    switch_to_scheduler(now.running);
    abort();
}

static void resume(struct cuda_thread *thread) {
    if (thread->state == NOT_BEGUN) {
        thread->stack = now.free_stacks[--now.free_count];
        prepare_stack(thread);
    }
    thread->state = READY;
    threadIdx.x = (unsigned)number_of(thread);
    now.running = thread;
    switch_to_thread(thread);
    if (thread->state == RETURNED) {
        now.free_stacks[now.free_count++] = thread->stack;
        now.returned++;
    }
}

/* Meeting. */

static bool same_place(const struct meeting *a, const struct meeting *b) {
    return a->line == b->line && a->mask == b->mask && strcmp(a->what, b->what) == 0 &&
           strcmp(a->file, b->file) == 0;
}

static void make_ready(struct cuda_thread *thread) {
    thread->state = READY;
    now.ready[now.ready_count++] = number_of(thread);
}

static void wait_for_others(struct cuda_thread *thread) {
    if (!now.failed)
        switch_to_scheduler(thread);
    if (now.failed) /* it is not resumed any more */
        switch_to_scheduler(thread);
}

void on_cpu_barrier(const char *file, int line) {
    struct cuda_thread *thread = now.running;
    thread->state = AT_BARRIER;
    thread->at = (struct meeting){"__syncthreads", file, line, 0};
    wait_for_others(thread);
}

/* Lets the warp of the thread that runs go on if all whose lanes are in the mask have come. */
static void meet_warp(struct cuda_thread *last) {
    const int first = number_of(last) / WARP * WARP;
    for (int lane = 0; lane < WARP; lane++) {
        const struct cuda_thread *other = &now.threads[first + lane];
        if (!(last->at.mask >> lane & 1u))
            continue;
        if (first + lane >= now.thread_count)
            fail("%s at %s:%d names lane %d, which the last warp of the block does not have",
                 last->at.what, last->at.file, last->at.line, lane);
        else if (other->state != AT_WARP || !same_place(&other->at, &last->at))
            return;
    }
    for (int lane = 0; lane < WARP && !now.failed; lane++)
        if (last->at.mask >> lane & 1u) {
            struct cuda_thread *thread = &now.threads[first + lane];
            thread->takes = now.threads[first + thread->from].gives;
            make_ready(thread);
        }
}

static void meet_lanes(const char *what, unsigned mask, const char *file, int line) {
    struct cuda_thread *thread = now.running;
    thread->state = AT_WARP;
    thread->at = (struct meeting){what, file, line, mask};
    if (!(mask >> on_cpu_lane() & 1u))
        fail("%s at %s:%d is called by lane %d, which its mask leaves out", what, file, line,
             on_cpu_lane());
    else
        meet_warp(thread);
    wait_for_others(thread);
}

void on_cpu_warp_barrier(unsigned mask, const char *file, int line) {
    meet_lanes("__syncwarp", mask, file, line);
}

uint64_t on_cpu_shuffle(unsigned mask, uint64_t value, int from, const char *file, int line) {
    struct cuda_thread *thread = now.running;
    thread->gives = value;
    thread->from = from & (WARP - 1);
    if (!(mask >> thread->from & 1u))
        fail("a shuffle at %s:%d reads lane %d, which its mask leaves out", file, line,
             thread->from);
    meet_lanes("a shuffle", mask, file, line);
    return thread->takes;
}

int on_cpu_lane(void) {
    return number_of(now.running) % WARP;
}

/* Asynchronous copies. */

void on_cpu_copy(void *shared, const void *global, int bytes, const char *file, int line) {
    struct cuda_thread *thread = now.running;
    if (((uintptr_t)shared | (uintptr_t)global) % (uintptr_t)bytes) {
        fail("a copy of %d bytes at %s:%d is not aligned", bytes, file, line);
        wait_for_others(thread);
    }
    if (next_random() & 1) {
        memcpy(shared, global, (size_t)bytes);
        return;
    }
    if (thread->copy_count == thread->copy_capacity) {
        const int capacity = 2 * thread->copy_capacity + 8;
        struct async_copy *copies = realloc(thread->copies, (size_t)capacity * sizeof *copies);
        if (!copies) {
            fail("out of memory");
            wait_for_others(thread);
        }
        thread->copies = copies;
        thread->copy_capacity = capacity;
    }
    thread->copies[thread->copy_count++] =
        (struct async_copy){shared, global, bytes, thread->group};
}

void on_cpu_commit(void) {
    now.running->group++;
}

void on_cpu_wait(int groups) {
    struct cuda_thread *thread = now.running;
    int kept = 0;
    for (int i = 0; i < thread->copy_count; i++) {
        const struct async_copy *copy = &thread->copies[i];
        if (copy->group < thread->group - groups)
            memcpy(copy->to, copy->from, (size_t)copy->bytes);
        else
            thread->copies[kept++] = *copy;
    }
    thread->copy_count = kept;
}

/* Blocks. */

/* One in four words is a number, the others are NaN; or all are numbers, as half of the seeds have
 * it. Not by memset, which the address sanitizer would take for a write beyond arrays. */
__attribute__((no_sanitize("address"))) static void fill(char *bytes, size_t count) {
    volatile uint32_t *words = (volatile uint32_t *)(void *)bytes;
    for (size_t i = 0; i < count / 4; i++) {
        const uint64_t random = next_random();
        const uint32_t number = ((uint32_t)random & 0x80ffffffu) | 0x3f000000u;
        words[i] = !now.numbers && random >> 62 ? number | 0x7fc00000u : number;
    }
}

static void begin_block(void) {
    fill(now.launch->shared, now.launch->shared_bytes);
    now.returned = now.ready_count = now.free_count = 0;
    for (int i = 0; i < now.thread_count; i++) {
        struct cuda_thread *thread = &now.threads[i];
        thread->state = NOT_BEGUN;
        thread->group = thread->copy_count = 0;
        now.ready[now.ready_count++] = i;
    }
    for (int i = now.thread_count - 1; i >= 0; i--)
        now.free_stacks[now.free_count++] =
            now.stacks + (size_t)i * (STACK_BYTES + PAGE_BYTES) + PAGE_BYTES;
}

/* All threads wait, or have returned: they go on if they are all at the same barrier. */
static void pass_barrier(void) {
    const struct cuda_thread *first = NULL;
    for (int i = 0; i < now.thread_count; i++) {
        const struct cuda_thread *thread = &now.threads[i];
        if (thread->state == RETURNED)
            continue;
        first = first ? first : thread;
        if (thread->state == AT_WARP)
            fail("thread %d waits in %s at %s:%d for lanes that do not come", i, thread->at.what,
                 thread->at.file, thread->at.line);
        else if (now.returned)
            fail("thread %d waits in __syncthreads at %s:%d for threads that have returned", i,
                 thread->at.file, thread->at.line);
        else if (!same_place(&thread->at, &first->at))
            fail("thread %d waits in __syncthreads at %s:%d, thread %d at %s:%d", i,
                 thread->at.file, thread->at.line, number_of(first), first->at.file,
                 first->at.line);
    }
    for (int i = 0; i < now.thread_count && !now.failed; i++)
        make_ready(&now.threads[i]);
}

static void run_block(void) {
    begin_block();
    while (now.returned < now.thread_count && !now.failed) {
        while (now.ready_count && !now.failed) {
            const unsigned place = random_below((unsigned)now.ready_count);
            struct cuda_thread *thread = &now.threads[now.ready[place]];
            now.ready[place] = now.ready[--now.ready_count];
            resume(thread);
        }
        if (now.returned < now.thread_count && !now.failed)
            pass_barrier();
    }
}

/* Launches. */

static bool make_stacks(void) {
    if (now.stacks)
        return true;
    const size_t each = STACK_BYTES + PAGE_BYTES;
    char *stacks = mmap(NULL, MOST_THREADS * each, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stacks == MAP_FAILED)
        return false;
    for (int i = 0; i < MOST_THREADS; i++)
        if (mprotect(stacks + (size_t)i * each, PAGE_BYTES, PROT_NONE) != 0)
            return false;
    now.stacks = stacks;
    return true;
}

static bool check_launch(const struct on_cpu_launch *launch) {
    if (launch->threads < 1 || launch->threads > MOST_THREADS)
        fail("blocks of %ld threads", launch->threads);
    else if (launch->blocks < 1 || launch->blocks > 0x7fffffff)
        fail("a grid of %ld blocks", launch->blocks);
    else if (!make_stacks())
        fail("out of memory");
    return !now.failed;
}

/* The numbers below `count` in an order of the seed's. */
static unsigned *shuffled(long count) {
    unsigned *order = malloc((size_t)count * sizeof *order);
    for (long i = 0; order && i < count; i++) {
        const unsigned place = random_below((unsigned)i + 1);
        order[i] = order[place];
        order[place] = (unsigned)i;
    }
    return order;
}

void on_cpu_begin(uint64_t seed) {
#ifdef __SANITIZE_ADDRESS__
    if (now.failed && now.stacks) /* of functions that did not return */
        for (int i = 0; i < MOST_THREADS; i++)
            __asan_unpoison_memory_region(
                now.stacks + (size_t)i * (STACK_BYTES + PAGE_BYTES) + PAGE_BYTES, STACK_BYTES);
#endif
    now.failed = false;
    now.random = (seed + 1) * 0x9e3779b97f4a7c15ull | 1;
    now.numbers = seed & 1;
}

const char *on_cpu_error(void) {
    return now.failed ? now.error : NULL;
}

void on_cpu_launch(const struct on_cpu_launch *launch) {
    if (now.failed)
        return;
    now.launch = launch;
    now.thread_count = (int)launch->threads;
    blockDim = (struct on_cpu_index){(unsigned)launch->threads, 1, 1};
    gridDim = (struct on_cpu_index){(unsigned)launch->blocks, 1, 1};
    blockIdx = threadIdx = (struct on_cpu_index){0, 0, 0};
    unsigned *order = check_launch(launch) ? shuffled(launch->blocks) : NULL;
    if (!order)
        fail("out of memory");
    for (long i = 0; i < launch->blocks && !now.failed; i++) {
        blockIdx.x = order[i];
        run_block();
    }
    free(order);
}
