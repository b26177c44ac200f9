/* How a program starts on a Cortex-M that QEMU emulates: the two vectors that it needs, the FPU
 * switched on, files and output by semihosting. */
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

extern char stack_top[];
void initialise_monitor_handles(void);
int main(void);

void reset(void) {
    *(volatile uint32_t *)0xe000ed88 |= (uint32_t)0xf << 20; /* CPACR: coprocessors 10 and 11 */
    __asm__ volatile("dsb\n isb");
    initialise_monitor_handles();
    exit(main());
}

__attribute__((section(".vectors"), used)) static const void *const vectors[2] = {
    stack_top, (const void *)reset};

/* This C library has it by another name only. */
void *aligned_alloc(size_t alignment, size_t bytes) {
    return memalign(alignment, bytes);
}

/* Of constructors, which C has none of. */
void _init(void) {
}
void _fini(void) {
}

#ifdef __cplusplus
}
#endif
