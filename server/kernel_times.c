#include "server/kernel_times.h"

#include <stdlib.h>

#include "server/server.h"

enum { RUNS = 31, MOST_KERNELS = 512 };

static double laps[MOST_KERNELS + 1];

static void note_lap(int kernel) {
    laps[kernel] = now_microseconds();
}

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Runs the text with laps; `times` has RUNS places a kernel. */
static bool measure(const struct compiled *compiled, run_array *entry, struct model_memory *memory,
                    double *times) {
    const void **inputs = et_allocate((size_t)memory->input_count + 1, sizeof *inputs);
    void *arena = et_allocate_aligned(compiled->arena_bytes ? compiled->arena_bytes : 1);
    bool good = inputs && arena;
    for (int i = 0; good && i < memory->input_count; i++)
        inputs[i] = memory->inputs[i];
    if (good)
        *(lap **)&inputs[memory->input_count] = note_lap;
    for (int run = 0; good && run < RUNS; run++) {
        run_entry(entry, compiled->block_count, 1, inputs, memory->outputs, compiled->weights,
                  arena);
        for (int i = 0; i < compiled->kernel_count; i++) { /* other blocks did not run */
            bool timed = compiled->kernels[i].images <= 1 && !compiled->kernels[i].steps;
            times[i * RUNS + run] = timed ? laps[i + 1] - laps[i] : 0;
        }
    }
    et_release(arena);
    et_release(inputs);
    return good;
}

static double *medians(const struct compiled *compiled, run_array *entry,
                       const struct et_program *program) {
    size_t count = (size_t)compiled->kernel_count;
    struct model model = {.program = (struct et_program *)program, .compiled = compiled};
    struct model_memory memory = {0};
    double *result = et_allocate(count, sizeof *result);
    double *times = et_allocate(count * RUNS, sizeof *times);
    bool good = result && times && model_memory_fill(&memory, &model, NULL) &&
                measure(compiled, entry, &memory, times);
    for (size_t i = 0; good && i < count; i++) {
        qsort(times + i * RUNS, RUNS, sizeof *times, by_value);
        result[i] = times[i * RUNS + RUNS / 2];
    }
    model_memory_free(&memory);
    et_release(times);
    if (good)
        return result;
    et_release(result);
    return NULL;
}

double *kernel_times(const struct compiled *compiled, const struct et_program *program,
                     const int *cancelled) {
    struct build timed;
    if (compiled->kernel_count == 0 || compiled->kernel_count > MOST_KERNELS ||
        !model_build_aot(program, true, cancelled, &timed, NULL))
        return NULL;
    double *result = timed.compiled->kernel_count == compiled->kernel_count
                         ? medians(timed.compiled, timed.executable.entry, program)
                         : NULL; /* another tuning was kept meanwhile */
    build_free(&timed);
    return result;
}
