#include "runtime/backend/parallel_run.h"

#include <string.h>

#include "templates/pool.h"

/* Behind an arena: the inputs and `stop`, then the outputs. */
static size_t part_bytes(const struct graph *graph, const struct compiled *compiled) {
    size_t pointers = (size_t)(graph->input_count + 1 + graph->output_count) * sizeof(void *);
    return whole_lines(compiled->arena_bytes) + whole_lines(pointers);
}

size_t run_bytes(const struct graph *graph, const struct compiled *compiled, int parts) {
    return (size_t)parts * part_bytes(graph, compiled);
}

static char *arena_of(const struct shared_run *run, long part) {
    return (char *)run->memory + (size_t)part * part_bytes(run->graph, run->compiled);
}

/* Where the pointers of a part lie. */
static void **pointers_of(const struct shared_run *run, const char *arena) {
    return (void **)(arena + whole_lines(run->compiled->arena_bytes));
}

/* The inputs as such a text takes them. */
static const void *const *inputs_and_stop(const struct shared_run *run) {
    void **pointers = pointers_of(run, run->memory);
    if (run->graph->input_count) /* else there may be no array */
        memcpy(pointers, run->inputs, (size_t)run->graph->input_count * sizeof *pointers);
    pointers[run->graph->input_count] = run->stop;
    return (const void *const *)pointers;
}

void run_alone(const struct shared_run *run, run_array *entry) {
    run_entry(entry, run->compiled->block_count, 1, inputs_and_stop(run), run->outputs,
              run->compiled->weights, run->memory);
}

/* ---- Steps ---- */

struct steps {
    const struct shared_run *run;
    run_step_array *entry;
    const void *const *inputs;
    long parts;
};

static void take_part(void *context, long step, long part) {
    const struct steps *steps = context;
    const struct shared_run *run = steps->run;
    if (run_stop_passed(run->stop) == ET_NOT_STOPPED)
        steps->entry(steps->inputs, run->outputs, run->compiled->weights, run->memory, step, part,
                     steps->parts);
}

void share_steps(const struct shared_run *run, struct pool *pool, run_step_array *entry) {
    struct steps steps = {run, entry, inputs_and_stop(run), pool->parts};
    pool_share(pool, take_part, &steps, run->compiled->steps);
}

/* ---- Images ---- */

enum { BLOCKS_OF_A_SLICE = 4 }; /* of the largest blocks, between two questions */

struct images {
    const struct shared_run *run;
    run_array *entry;
    int64_t batch;
    long parts;
};

/* Where a tensor's part for an image begins. */
static char *at_image(const struct node *node, const void *elements, int64_t image) {
    return (char *)elements + (node->batched ? image * image_bytes(node) : 0);
}

static void run_slice(const struct images *images, int64_t at, int64_t count, char *arena) {
    const struct shared_run *run = images->run;
    const struct graph *graph = run->graph;
    void **pointers = pointers_of(run, arena), **outputs = pointers + graph->input_count + 1;
    for (int i = 0; i < graph->input_count; i++)
        pointers[i] = at_image(graph->inputs[i], run->inputs[i], at);
    pointers[graph->input_count] = run->stop;
    for (int i = 0; i < graph->output_count; i++)
        outputs[i] = at_image(graph->outputs[i].node, run->outputs[i], at);
    run_entry(images->entry, true, count, (const void *const *)pointers, outputs,
              run->compiled->weights, arena);
}

static void take_images(void *context, long step, long part) {
    const struct images *images = context;
    const struct shared_run *run = images->run;
    int64_t at = images->batch * part / images->parts;
    int64_t end = images->batch * (part + 1) / images->parts;
    int64_t most =
        run->stop->limit ? BLOCKS_OF_A_SLICE * run->compiled->blocks[0].images : images->batch;
    (void)step;
    for (; at < end && run_stop_passed(run->stop) == ET_NOT_STOPPED; at += most)
        run_slice(images, at, end - at < most ? end - at : most, arena_of(run, part));
}

void share_images(const struct shared_run *run, struct pool *pool, run_array *entry,
                  int64_t batch) {
    struct images images = {run, entry, batch, pool ? pool->parts : 1};
    if (pool)
        pool_share(pool, take_images, &images, 1);
    else
        take_images(&images, 0, 0);
}
