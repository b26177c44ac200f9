/* The one door to the allocator. */
#ifndef EIGENTENSOR_ALLOCATE_H
#define EIGENTENSOR_ALLOCATE_H

#include <stdbool.h>
#include <stddef.h>

/* Memory, or NULL when there is none. The caller gives it back with et_release. */
void *et_allocate(size_t count, size_t size); /* zeroed */
void *et_allocate_aligned(size_t bytes);      /* 64-byte aligned, zeroed */
void *et_allocate_unset(size_t bytes);        /* the same, not zeroed: for what is written whole */
void et_release(void *memory);                /* for all three; NULL is fine */

/* How many allocations of this thread have found no memory: whoever compares it before and after
 * knows whether what failed between is the machine's fault. */
unsigned long et_failed_allocations(void);

/* For tests: lets the n-th allocation from here on fail, once (0: none). */
void et_fail_allocation(unsigned long nth);
/* Counts as an allocation; true when it is the one that is to fail. */
bool et_allocation_fails(void);

#endif
