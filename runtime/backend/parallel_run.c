#include "runtime/backend/parallel_run.h"
#include "templates/pool.h"

/* ---- Steps ---- */

struct steps {
    run_step_array *entry;
    const void *const *inputs;
    void *const *outputs;
    const void *weights;
    void *arena;
    long parts;
};

static void take_part(void *context, long step, long part) {
    const struct steps *run = context;
    run->entry(run->inputs, run->outputs, run->weights, run->arena, step, part, run->parts);
}

void share_steps(struct pool *pool, run_step_array *entry, const struct compiled *compiled,
                 const void *const *inputs, void *const *outputs, void *arena) {
    struct steps run = {entry, inputs, outputs, compiled->weights, arena, pool->parts};
    pool_run(pool, take_part, &run, compiled->steps);
}

/* ---- Images ---- */

struct images {
    run_array *entry;
    const struct graph *graph;
    const struct compiled *compiled;
    int64_t batch;
    const void *const *inputs;
    void *const *outputs;
    char *memory;
    long parts;
};

/* Of one part: its arena, and behind it its pointers. */
static size_t part_bytes(const struct graph *graph, const struct compiled *compiled) {
    size_t pointers = (size_t)(graph->input_count + graph->output_count) * sizeof(void *);
    return whole_lines(compiled->arena_bytes) + whole_lines(pointers);
}

size_t shared_images_bytes(const struct graph *graph, const struct compiled *compiled, int parts) {
    return (size_t)parts * part_bytes(graph, compiled);
}

/* Where a tensor's part for an image begins. */
static char *at_image(const struct node *node, const void *elements, int64_t image) {
    return (char *)elements + (node->batched ? image * image_bytes(node) : 0);
}

static void take_images(void *context, long step, long part) {
    const struct images *run = context;
    const struct graph *graph = run->graph;
    int64_t at = run->batch * part / run->parts, end = run->batch * (part + 1) / run->parts;
    char *arena = run->memory + (size_t)part * part_bytes(graph, run->compiled);
    void **pointers = (void **)(arena + whole_lines(run->compiled->arena_bytes));
    (void)step;
    if (at == end)
        return;
    for (int i = 0; i < graph->input_count; i++)
        pointers[i] = at_image(graph->inputs[i], run->inputs[i], at);
    for (int i = 0; i < graph->output_count; i++)
        pointers[graph->input_count + i] = at_image(graph->outputs[i].node, run->outputs[i], at);
    run_entry(run->entry, true, end - at, (const void *const *)pointers,
              pointers + graph->input_count, run->compiled->weights, arena);
}

void share_images(struct pool *pool, run_array *entry, const struct graph *graph,
                  const struct compiled *compiled, int64_t batch, const void *const *inputs,
                  void *const *outputs, void *memory) {
    struct images run = {entry, graph, compiled, batch, inputs, outputs, memory, pool->parts};
    pool_run(pool, take_images, &run, 1);
}
