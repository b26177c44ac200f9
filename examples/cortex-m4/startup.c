/* How a program starts on a Cortex-M4: what the core reads after a reset, the FPU switched on,
 * variables set, and text to the debugger by semihosting. */
#include <stdint.h>

extern char stack_top[], data_begin[], data_end[], data_stored[], bss_begin[], bss_end[];
int main(void);
void say(const char *text);

/* Asks the debugger, or QEMU. */
static int semihost(int what, const void *argument) {
    register int r0 __asm__("r0") = what;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void say(const char *text) {
    enum { SYS_WRITE0 = 4 };
    semihost(SYS_WRITE0, text);
}

static void leave(int status) {
    enum { SYS_EXIT_EXTENDED = 0x20, APPLICATION_EXIT = 0x20026 };
    const uint32_t block[] = {APPLICATION_EXIT, (uint32_t)status};
    semihost(SYS_EXIT_EXTENDED, block);
}

void reset(void) {
    *(volatile uint32_t *)0xe000ed88 |= (uint32_t)0xf << 20; /* CPACR: the FPU */
    __asm__ volatile("dsb\n isb");
    for (char *to = data_begin, *from = data_stored; to < data_end;)
        *to++ = *from++;
    for (char *to = bss_begin; to < bss_end;)
        *to++ = 0;
    leave(main());
    for (;;)
        ;
}

__attribute__((section(".vectors"), used)) static const void *const vectors[2] = {
    stack_top, (const void *)reset};

/* What compilers may call without being asked. */
void *memcpy(void *restrict to, const void *restrict from, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memset(void *to, int byte, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        ((volatile char *)to)[i] = (char)byte;
    return to;
}
