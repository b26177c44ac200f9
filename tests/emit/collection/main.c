/* Runs the graphs in graphs.h, which support/collection.c writes, and compares their outputs. Each
 * has a file: its weights, inputs and expected outputs. Exit status: 0 all agree, 1 some differ. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TENSORS = 64 };

typedef void run_array(const void *const *inputs, void *const *outputs, const void *weights,
                       void *arena);

struct graph {
    const char *name, *file;
    run_array *run;
    size_t weights_bytes, arena_bytes;
    int input_count, output_count;
    size_t bytes[MOST_TENSORS]; /* of the inputs, then of the outputs */
};

#include "graphs.h"

static void *room(size_t bytes) {
    void *memory = aligned_alloc(64, bytes / 64 * 64 + 64);
    if (!memory)
        exit(2);
    return memory;
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
    graph->run(inputs, outputs, weights, arena);
    int differing = 0;
    for (int i = 0; i < graph->output_count; i++)
        if (memcmp(outputs[i], read_next(file, output_bytes[i]), output_bytes[i]) != 0) {
            printf("%s: output %d differs\n", graph->name, i);
            differing = 1;
        }
    fclose(file);
    return differing;
}

int main(void) {
    int differing = 0;
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++)
        differing |= differs(&graphs[i]);
    return differing;
}
