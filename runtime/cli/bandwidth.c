/* The rates at which one core reads and copies memory: the highest that any of several loops
 * reaches in any pass, since they are to be what no program surpasses. */
#include "runtime/cli/cli.h"

#include <string.h>

typedef uint64_t lanes __attribute__((vector_size(64), may_alias));
enum { AT_ONCE = 8, STEP = AT_ONCE * sizeof(lanes), PASS = 1 << 20 };

/* Compiled for every vector width there is, chosen when the program starts. */
#if defined __x86_64__ && defined __linux__
#define FOR_EACH_WIDTH __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_WIDTH
#endif

/* How far ahead one stream is fetched into the second cache, of every few lines one, which starts
 * its neighbours. */
enum { AHEAD = 16384 / sizeof(lanes), LINES_STARTED = 4 };

/* So many streams, each with its share of AT_ONCE loads in flight: which number is best depends on
 * what fetches ahead, and from where. The sums are given to an empty asm, so that no load can be
 * left out. */
static inline __attribute__((always_inline)) void read_streams(const void *from, size_t bytes,
                                                               size_t streams, bool ahead) {
    size_t count = bytes / sizeof(lanes) / streams, share = AT_ONCE / streams;
    const lanes *memory = from;
    lanes sums[AT_ONCE] = {{0}};
    for (size_t i = 0; i < count; i += share) {
        for (size_t k = 0; k < AT_ONCE && ahead; k += LINES_STARTED)
            __builtin_prefetch(&memory[i + AHEAD + k], 0, 2);
#pragma GCC unroll 8
        for (size_t k = 0; k < AT_ONCE; k++)
            sums[k] += memory[k / share * count + i + k % share];
    }
    for (size_t k = 1; k < AT_ONCE; k++)
        sums[0] += sums[k];
    __asm__ volatile("" : : "m"(sums[0]));
}

FOR_EACH_WIDTH static void read_1(void *to, const void *from, size_t bytes) {
    (void)to;
    read_streams(from, bytes, 1, false);
}

FOR_EACH_WIDTH static void read_2(void *to, const void *from, size_t bytes) {
    (void)to;
    read_streams(from, bytes, 2, false);
}

FOR_EACH_WIDTH static void read_4(void *to, const void *from, size_t bytes) {
    (void)to;
    read_streams(from, bytes, 4, false);
}

FOR_EACH_WIDTH static void read_8(void *to, const void *from, size_t bytes) {
    (void)to;
    read_streams(from, bytes, 8, false);
}

FOR_EACH_WIDTH static void read_ahead(void *to, const void *from, size_t bytes) {
    (void)to;
    read_streams(from, bytes, 1, true);
}

/* The library's, which past the caches writes around them. */
static void copy_library(void *to, const void *from, size_t bytes) {
    memcpy(to, from, bytes);
}

/* The asm keeps it from becoming a call of memcpy. */
FOR_EACH_WIDTH static void copy_vectors(void *to, const void *from, size_t bytes) {
    lanes *target = to;
    const lanes *source = from;
    for (size_t i = 0; i < bytes / sizeof(lanes); i += AT_ONCE) {
#pragma GCC unroll 8
        for (size_t k = 0; k < AT_ONCE; k++)
            target[i + k] = source[i + k];
        __asm__ volatile("" : : : "memory");
    }
}

typedef void mover(void *to, const void *from, size_t bytes);
static mover *const readers[] = {read_1, read_2, read_4, read_8, read_ahead};
static mover *const copiers[] = {copy_library, copy_vectors};
enum { READERS = sizeof readers / sizeof *readers, COPIERS = sizeof copiers / sizeof *copiers };

/* The highest rate of a pass. A pass is all of it once, or so often that a reading of the clock
 * takes nothing of it. */
static double rate(mover *move, void *to, const void *from, size_t bytes, double seconds) {
    size_t repeats = bytes < PASS ? PASS / bytes : 1;
    double begin = now_seconds(), since = begin, highest = 0, now;
    do {
        for (size_t i = 0; i < repeats; i++)
            move(to, from, bytes);
        now = now_seconds();
        double found = (double)repeats * (double)bytes / (now - since);
        highest = found > highest ? found : highest;
        since = now;
    } while (now - begin < seconds);
    return highest * 1e-9;
}

static double best_rate(mover *const *movers, int count, void *to, const void *from, size_t bytes,
                        double seconds) {
    double best = 0;
    for (int i = 0; i < count; i++) {
        double found = rate(movers[i], to, from, bytes, seconds / count);
        best = found > best ? found : best;
    }
    return best;
}

static size_t whole(size_t bytes) {
    return (bytes + STEP - 1) / STEP * STEP;
}

bool bandwidth_measure(size_t bytes, double seconds, struct bandwidth *found,
                       struct et_error *error) {
    size_t half = whole(bytes / 2 + 1), all = 2 * half;
    char *memory = et_allocate_unset(all); /* in huge pages, as everything that we run has it */
    if (!memory)
        return et_fail(error, "out of memory");
    memset(memory, 1, all); /* its pages are there, and not all the one of zeros */
    found->read = best_rate(readers, READERS, NULL, memory, all, seconds);
    found->copy = 2 * best_rate(copiers, COPIERS, memory + half, memory, half, seconds);
    et_release(memory);
    return true;
}
