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
    const struct run_limit *limit;
};

static void take_part(void *context, long step, long part) {
    const struct steps *run = context;
    if (run_limit_passed(run->limit) != ET_NOT_STOPPED)
        return; /* and so do all parts that come later */
    run->entry(run->inputs, run->outputs, run->weights, run->arena, step, part, run->parts);
}

void share_steps(struct pool *pool, run_step_array *entry, const struct compiled *compiled,
                 const void *const *inputs, void *const *outputs, void *arena,
                 const struct run_limit *limit) {
    struct steps run = {entry, inputs, outputs, compiled->weights, arena, pool->parts, limit};
    pool_share(pool, take_part, &run, compiled->steps);
}

/* ---- Images ---- */

enum { BLOCKS_OF_A_SLICE = 4 }; /* of the largest blocks, between two looks at the limit */

struct images {
    run_array *entry;
    const struct graph *graph;
    const struct compiled *compiled;
    int64_t batch;
    const void *const *inputs;
    void *const *outputs;
    char *memory;
    long parts;
    const struct run_limit *limit;
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

static void run_slice(const struct images *run, int64_t at, int64_t count, char *arena) {
    const struct graph *graph = run->graph;
    void **pointers = (void **)(arena + whole_lines(run->compiled->arena_bytes));
    for (int i = 0; i < graph->input_count; i++)
        pointers[i] = at_image(graph->inputs[i], run->inputs[i], at);
    for (int i = 0; i < graph->output_count; i++)
        pointers[graph->input_count + i] = at_image(graph->outputs[i].node, run->outputs[i], at);
    run_entry(run->entry, true, count, (const void *const *)pointers, pointers + graph->input_count,
              run->compiled->weights, arena);
}

static void take_images(void *context, long step, long part) {
    const struct images *run = context;
    int64_t at = run->batch * part / run->parts, end = run->batch * (part + 1) / run->parts;
    int64_t most = run->limit ? BLOCKS_OF_A_SLICE * run->compiled->blocks[0].images : run->batch;
    char *arena = run->memory + (size_t)part * part_bytes(run->graph, run->compiled);
    (void)step;
    for (; at < end && run_limit_passed(run->limit) == ET_NOT_STOPPED; at += most)
        run_slice(run, at, end - at < most ? end - at : most, arena);
}

void share_images(struct pool *pool, run_array *entry, const struct graph *graph,
                  const struct compiled *compiled, int64_t batch, const void *const *inputs,
                  void *const *outputs, void *memory, const struct run_limit *limit) {
    struct images run = {
        entry, graph, compiled, batch, inputs, outputs, memory, pool ? pool->parts : 1, limit};
    if (pool)
        pool_share(pool, take_images, &run, 1);
    else
        take_images(&run, 0, 0);
}
