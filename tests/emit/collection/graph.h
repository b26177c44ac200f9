/* What graphs.h, which support/collection.c writes, has a row of for each graph. */
#ifndef EIGENTENSOR_COLLECTION_GRAPH_H
#define EIGENTENSOR_COLLECTION_GRAPH_H

#include <stddef.h>

enum { MOST_TENSORS = 64 };

typedef void run_array(const void *const *inputs, void *const *outputs, const void *weights,
                       void *arena);

struct graph {
    const char *name, *file;
    run_array *run;
    size_t weights_bytes, arena_bytes, stack_bytes;
    int input_count, output_count;
    size_t bytes[MOST_TENSORS]; /* of the inputs, then of the outputs */
};

#endif
