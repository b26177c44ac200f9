/* Runs the graphs in graphs.h, which support/collection.c writes, and compares their outputs. Each
 * has a file: its weights, inputs and expected outputs. Exit status: 0 all agree, 1 some differ. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emit/collection/graph.h"

#include "graphs.h"

#ifdef MEASURES_STACK
/* How much of the stack below here was written to by the last run. */
enum { MARKED = 1 << 14, MARK = 0x5a };
static unsigned char *marked;

static __attribute__((noinline)) void mark_stack(void) {
    volatile unsigned char room[MARKED];
    for (int i = 0; i < MARKED; i++)
        room[i] = MARK;
    marked = (unsigned char *)(uintptr_t)room;
}

static __attribute__((noinline)) int takes_more(const struct graph *graph) {
    int left = 0;
    while (left < MARKED && marked[left] == MARK)
        left++;
    if ((size_t)(MARKED - left) <= graph->stack_bytes)
        return 0;
    printf("%s: %d bytes of stack, not %d\n", graph->name, MARKED - left, (int)graph->stack_bytes);
    return 1;
}
#else
static void mark_stack(void) {
}
static int takes_more(const struct graph *graph) {
    (void)graph;
    return 0;
}
#endif

/* What a graph takes, until the next: small C libraries have malloc alone, and boards few bytes. */
static char *taken[2 + 2 * MOST_TENSORS];
static int taken_count;

static void *room(size_t bytes) {
    char *memory = (char *)malloc(bytes + 127);
    if (!memory) {
        printf("no memory for %lu bytes\n", (unsigned long)bytes);
        exit(2);
    }
    taken[taken_count++] = memory;
    return memory + (64 - (uintptr_t)memory % 64) % 64;
}

static void release(void) {
    while (taken_count > 0)
        free(taken[--taken_count]);
}

static void *read_next(FILE *file, size_t bytes) {
    void *data = room(bytes);
    if (fread(data, 1, bytes, file) != bytes)
        exit(2);
    return data;
}

static int differs(const struct graph *graph) {
    const void *inputs[MOST_TENSORS];
    void *outputs[MOST_TENSORS];
    const size_t *output_bytes = graph->bytes + graph->input_count;
    FILE *file = fopen(graph->file, "rb");
    if (!file)
        exit(2);
    void *weights = read_next(file, graph->weights_bytes), *arena = room(graph->arena_bytes);
    for (int i = 0; i < graph->input_count; i++)
        inputs[i] = read_next(file, graph->bytes[i]);
    for (int i = 0; i < graph->output_count; i++)
        outputs[i] = room(output_bytes[i]);
    mark_stack();
    graph->run(inputs, outputs, weights, arena);
    int differing = takes_more(graph);
    for (int i = 0; i < graph->output_count; i++)
        if (memcmp(outputs[i], read_next(file, output_bytes[i]), output_bytes[i]) != 0) {
            printf("%s: output %d differs\n", graph->name, i);
            differing = 1;
        }
    fclose(file);
    release();
    return differing;
}

int main(void) {
    int differing = 0;
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++)
        differing |= differs(&graphs[i]);
    return differing;
}
