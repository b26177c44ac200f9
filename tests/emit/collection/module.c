/* The graphs in graphs.h as a WebAssembly module, which module.mjs runs. */
#include "tests/emit/collection/graph.h"

#include "graphs.h"

#define EXPORT(name) __attribute__((export_name(name)))

EXPORT("count") int count(void);
EXPORT("graph") const struct graph *graph(int index);
EXPORT("run")
void run(int index, const void *const *inputs, void *const *outputs, const void *weights,
         void *arena);

int count(void) {
    return sizeof graphs / sizeof *graphs;
}

const struct graph *graph(int index) {
    return &graphs[index];
}

void run(int index, const void *const *inputs, void *const *outputs, const void *weights,
         void *arena) {
    graphs[index].run(inputs, outputs, weights, arena);
}
