/* The rates at which one core reads and copies memory. */
#include "runtime/cli/cli.h"

#include <stdlib.h>
#include <string.h>

typedef uint64_t lanes __attribute__((vector_size(32), may_alias));
enum { STREAMS = 4, LINE = 2 }; /* a line of the cache is two vectors */

/* Four streams, a line of each at a time: more loads in flight than one stream gets. The sums are
 * given to an empty asm, so that the loads cannot be left out. */
#if defined __x86_64__ && defined __linux__
__attribute__((target_clones("avx2", "default")))
#endif
static void
read_once(const void *memory, size_t bytes) {
    size_t count = bytes / STREAMS / sizeof(lanes);
    const lanes *a = memory, *b = a + count, *c = b + count, *d = c + count;
    lanes sum_a = {0}, sum_b = {0}, sum_c = {0}, sum_d = {0};
    for (size_t i = 0; i < count; i += LINE) {
        sum_a += a[i];
        sum_b += b[i];
        sum_c += c[i];
        sum_d += d[i];
        sum_a += a[i + 1];
        sum_b += b[i + 1];
        sum_c += c[i + 1];
        sum_d += d[i + 1];
    }
    sum_a += sum_b + sum_c + sum_d;
    __asm__ volatile("" : : "m"(sum_a));
}

/* At least one pass, and a clock reading only every 64 KiB or so. */
static double rate(void *to, void *from, size_t bytes, double seconds) {
    size_t repeats = bytes < 1 << 16 ? ((size_t)1 << 16) / bytes : 1;
    double begin = now_seconds(), now, moved = 0;
    do {
        for (size_t i = 0; i < repeats; i++) {
            if (to)
                memcpy(to, from, bytes);
            else
                read_once(from, bytes);
            __asm__ volatile("" : : : "memory");
        }
        moved += (double)repeats * (double)bytes * (to ? 2 : 1);
        now = now_seconds();
    } while (now - begin < seconds);
    return moved / (now - begin) * 1e-9;
}

/* `bytes` rounded up to whole steps of read_once(). */
static size_t whole(size_t bytes) {
    size_t step = STREAMS * LINE * sizeof(lanes);
    return (bytes + step - 1) / step * step;
}

bool bandwidth_measure(size_t bytes, double seconds, struct bandwidth *found,
                       struct et_error *error) {
    size_t half = whole(bytes / 2 + 1), all = 2 * half;
    char *memory = aligned_alloc(4096, (all + 4095) / 4096 * 4096);
    if (!memory)
        return et_fail(error, "out of memory");
    memset(memory, 1, all); /* its pages are there, and not all the one of zeros */
    rate(NULL, memory, all, seconds / 10);
    found->read = rate(NULL, memory, all, seconds);
    rate(memory, memory + half, half, seconds / 10);
    found->copy = rate(memory, memory + half, half, seconds);
    free(memory);
    return true;
}
