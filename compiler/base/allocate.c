#include "compiler/base/allocate.h"

#include "compiler/base/arithmetic.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static atomic_ulong allocations_until_failure;
static _Thread_local unsigned long failed;

unsigned long et_failed_allocations(void) {
    return failed;
}

static void *counted(void *memory) {
    failed += !memory;
    return memory;
}

bool et_allocation_fails(void) {
    return atomic_load_explicit(&allocations_until_failure, memory_order_relaxed) != 0 &&
           atomic_fetch_sub(&allocations_until_failure, 1) == 1;
}

void et_fail_allocation(unsigned long nth) {
    atomic_store(&allocations_until_failure, nth);
}

void *et_allocate(size_t count, size_t size) {
    return counted(et_allocation_fails() ? NULL : calloc(count ? count : 1, size ? size : 1));
}

/* Large blocks lie in huge pages where the system has them: there are fewer to be had, and found
 * again at every access. */
#define HUGE_PAGE ((size_t)2 << 20)

static void *allocate_lines(size_t bytes) {
    if (et_allocation_fails() || bytes > SIZE_MAX / 2)
        return NULL;
    size_t rounded = bytes ? whole_lines(bytes) : 64;
    if (rounded < HUGE_PAGE)
        return aligned_alloc(64, rounded);
    void *memory;
    if (posix_memalign(&memory, HUGE_PAGE, rounded) != 0) /* of any size, not only whole pages */
        return NULL;
    madvise(memory, rounded / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* a wish only */
    return memory;
}

void *et_allocate_unset(size_t bytes) {
    return counted(allocate_lines(bytes));
}

void *et_allocate_aligned(size_t bytes) {
    void *memory = et_allocate_unset(bytes);
    return memory ? memset(memory, 0, bytes ? whole_lines(bytes) : 64) : NULL;
}

void et_release(void *memory) {
    free(memory);
}
