/* bench/batch: a model with a batch axis against the same model fixed at each number of images.
 *
 *     build/bench/batch mlp-batch.json 1 7 32 64
 *
 * Runs of both take turns in one thread; times are the thread's own, so that others on the machine
 * disturb them less. */
#include "compiler/graph/batch.h"
#include "runtime/et_program.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RUNS = 2000, LEAST_RUNS = 5 };
static const double SECONDS = 2; /* for each mode and number */

static double thread_seconds(void) {
    return 1e-9 * (double)clock_nanoseconds(CLOCK_THREAD_CPUTIME_ID);
}

/* A program, tensors for so many images, and the times of its runs. */
struct contender {
    struct et_program *program;
    struct et_workspace *workspace;
    int64_t batch; /* of a run */
    double seconds[MOST_RUNS];
};

struct tensors {
    void **inputs, **outputs;
};

static void fill(float *elements, size_t count) {
    for (size_t i = 0; i < count; i++)
        elements[i] = (float)(i * 7919 % 1000) / 500 - 1;
}

static bool make_tensors(struct tensors *tensors, const struct et_program *open, int64_t batch) {
    int inputs = et_program_input_count(open), outputs = et_program_output_count(open);
    tensors->inputs = calloc((size_t)inputs + 1, sizeof *tensors->inputs);
    tensors->outputs = calloc((size_t)outputs + 1, sizeof *tensors->outputs);
    if (!tensors->inputs || !tensors->outputs)
        return false;
    for (int i = 0; i < inputs; i++) {
        size_t bytes = et_program_input(open, i).bytes * (size_t)batch;
        if (!(tensors->inputs[i] = et_allocate_aligned(bytes)))
            return false;
        if (strcmp(et_program_input(open, i).dtype, "float32") == 0)
            fill(tensors->inputs[i], bytes / sizeof(float));
    }
    for (int i = 0; i < outputs; i++)
        if (!(tensors->outputs[i] =
                  et_allocate_aligned(et_program_output(open, i).bytes * (size_t)batch)))
            return false;
    return true;
}

static void free_tensors(struct tensors *tensors, const struct et_program *open) {
    for (int i = 0; tensors->inputs && i < et_program_input_count(open); i++)
        et_release(tensors->inputs[i]);
    for (int i = 0; tensors->outputs && i < et_program_output_count(open); i++)
        et_release(tensors->outputs[i]);
    free(tensors->inputs);
    free(tensors->outputs);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Takes turns; returns how many runs each had, 0 when one failed. */
static int take_turns(struct contender *contenders, enum et_mode mode,
                      const struct tensors *tensors, struct et_error *error) {
    int runs = 0;
    double began = thread_seconds();
    while (runs < MOST_RUNS && (runs < LEAST_RUNS || thread_seconds() - began < SECONDS)) {
        for (int i = 0; i < 2; i++) {
            struct contender *contender = &contenders[i];
            double start = thread_seconds();
            if (!et_program_run_batch(contender->program, mode, contender->batch,
                                      (const void *const *)tensors->inputs, tensors->outputs,
                                      contender->workspace, error))
                return 0;
            contender->seconds[runs] = thread_seconds() - start;
        }
        runs++;
    }
    for (int i = 0; i < 2; i++)
        qsort(contenders[i].seconds, (size_t)runs, sizeof(double), compare);
    return runs;
}

static bool measure(struct contender *contenders, const struct et_program *open, int64_t batch,
                    struct et_error *error) {
    struct tensors tensors = {0};
    bool good = make_tensors(&tensors, open, batch) || et_fail(error, "out of memory");
    for (enum et_mode mode = ET_JIT; good && mode <= ET_AOT; mode++) {
        int runs = take_turns(contenders, mode, &tensors, error);
        good = runs > 0;
        if (!good)
            break;
        printf("%6" PRId64 "  %-4s", batch, et_mode_name(mode));
        for (int i = 0; i < 2; i++)
            printf("  %11.1f %11.1f", contenders[i].seconds[runs / 2] / (double)batch * 1e6,
                   contenders[i].seconds[0] / (double)batch * 1e6);
        printf("  %8.3f\n", contenders[0].seconds[runs / 2] / contenders[1].seconds[runs / 2]);
        fflush(stdout);
    }
    free_tensors(&tensors, open);
    return good;
}

static bool compare_at(struct et_program *open, int64_t batch, struct et_error *error) {
    static struct contender contenders[2];
    struct graph *graph = graph_at_batch(program_graph(open), batch, error);
    contenders[0] = (struct contender){open, et_workspace_new(open), batch, {0}};
    contenders[1] = (struct contender){
        graph ? program_from_graph(graph, NULL, error) : NULL, et_workspace_new(open), 1, {0}};
    bool good = contenders[1].program && measure(contenders, open, batch, error);
    for (int i = 0; i < 2; i++)
        et_workspace_free(contenders[i].workspace);
    et_program_free(contenders[1].program);
    return good;
}

int main(int count, char **values) {
    struct et_error error = {0};
    struct et_program *open = count > 2 ? et_program_open_batched(values[1], NULL, &error) : NULL;
    if (count <= 2)
        et_fail(&error, "usage: batch MODEL.json IMAGES...");
    bool good = open != NULL;
    if (good)
        printf("microseconds an image%22s%24s\nimages  mode  %11s %11s  %11s %11s  %8s\n",
               "any number", "fixed", "median", "least", "median", "least", "ratio");
    for (int i = 2; good && i < count; i++)
        good = compare_at(open, atoll(values[i]), &error);
    et_program_free(open);
    if (!good)
        fprintf(stderr, "batch: %s\n", error.message);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
