/* Runs a model once, on made-up inputs: its outputs' bits as a number, and on QEMU's boards the
 * instructions in millions. Under -icount shift=0 each takes a nanosecond, and the system timer of
 * a Cortex-M counts at CLOCK, the board's own; a RISC-V counts instructions itself. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "mnist.h"

#ifndef CLOCK
#define CLOCK 25e6
#endif

enum { PIXELS = 28 * 28, CLASSES = 10 };
static float image[PIXELS];

static uint32_t hash_of(const float *values, int count) {
    uint32_t hash = 2166136261u;
    for (int i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        hash = (hash ^ bits) * 16777619u;
    }
    return hash;
}

/* Since the last time, in millions. */
static double instructions(void) {
#if defined __arm__ && !defined __linux__
    volatile uint32_t *const timer = (volatile uint32_t *)0xe000e010;
    const double ticks = (double)(0xffffff - timer[2]);
    timer[1] = 0xffffff;
    timer[2] = 0;
    timer[0] = 5;
    return ticks * 1e3 / CLOCK;
#elif defined __riscv && !defined __linux__
    static unsigned long before;
    unsigned long now, since;
    __asm__ volatile("csrr %0, minstret" : "=r"(now));
    since = now - before;
    before = now;
    return (double)since * 1e-6;
#else
    return 0.0;
#endif
}

int main(void) {
    float logits[CLASSES];
    const struct mnist_inputs inputs = {image};
    const struct mnist_outputs outputs = {logits};
    uint32_t state = 1;
    for (int i = 0; i < PIXELS; i++) {
        state = state * 1664525u + 1013904223u;
        image[i] = (float)(state >> 8) * 0x1p-24f;
    }
#if defined __riscv && !defined __linux__
    __asm__ volatile("csrs mstatus, %0" : : "r"(0x600L)); /* vectors are switched on */
#endif
    (void)instructions();
    mnist_run(&inputs, &outputs);
    const double taken = instructions();
    printf("%08x %.1f\n", (unsigned)hash_of(logits, CLASSES), taken);
    return 0;
}
