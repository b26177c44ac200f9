/* A program of another graph that runs faster and rounds elsewhere, as far as a bound allows. */
#include "runtime/rewritten.h"

#include "compiler/evaluate/float64.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is tried, in order, until one keeps within the bound: tiles of fewer outputs round better.
 */
static const struct fast_attempt {
    int count;
    enum rewrite_kind rewrites[REWRITE_COUNT];
    int winograd_most;
} attempts[] = {
    {2, {REWRITE_fold_batchnorm, REWRITE_winograd}, 0},
    {2, {REWRITE_fold_batchnorm, REWRITE_winograd}, 4},
    {2, {REWRITE_fold_batchnorm, REWRITE_winograd}, 2},
    {1, {REWRITE_fold_batchnorm}, 0},
};

/* One run on random inputs: what it ought to give, and what a program of another graph gives. */
struct fast_trial {
    const struct et_program *program;
    int input_count, output_count;
    void **inputs;
    void **expected; /* by wide_run: float64 where the output is float32 */
    void **found;
};

static void trial_close(struct fast_trial *trial) {
    blocks_free(trial->inputs, trial->input_count);
    blocks_free(trial->expected, trial->output_count);
    blocks_free(trial->found, trial->output_count);
}

static bool trial_allocate(struct fast_trial *trial, struct et_error *error) {
    trial->inputs = program_blocks(trial->program, trial->input_count, et_program_input);
    trial->found = program_blocks(trial->program, trial->output_count, et_program_output);
    trial->expected = et_allocate((size_t)trial->output_count + 1, sizeof *trial->expected);
    bool good = trial->inputs && trial->expected && trial->found;
    for (int i = 0; good && i < trial->output_count; i++) {
        size_t bytes = et_program_output(trial->program, i).bytes;
        trial->expected[i] = bytes <= SIZE_MAX / 2 ? et_allocate_aligned(2 * bytes) : NULL;
        good = trial->expected[i] != NULL;
    }
    return good || et_fail(error, "out of memory");
}

static bool trial_open(const struct et_program *program, struct fast_trial *trial,
                       struct et_error *error) {
    *trial = (struct fast_trial){.program = program,
                                 .input_count = et_program_input_count(program),
                                 .output_count = et_program_output_count(program)};
    if (!trial_allocate(trial, error))
        return false;
    uint64_t state = 1;
    for (int i = 0; i < trial->input_count; i++) {
        struct et_tensor facts = et_program_input(program, i);
        random_input_elements(&state, facts.dtype, facts.bytes, trial->inputs[i]);
    }
    return wide_run(program_graph(program), (const void *const *)trial->inputs, trial->expected,
                    error);
}

/* The greatest difference as a share of the greatest element; infinite where one is not a number or
 * not finite, so that no bound has room for it. */
static double error_of(const float *found, const double *expected, size_t count) {
    double error = 0, greatest = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)found[i] - expected[i]);
        if (!isfinite(difference))
            return INFINITY;
        error = fmax(error, difference);
        greatest = fmax(greatest, fabs(expected[i]));
    }
    return error == 0 ? 0 : greatest == 0 ? INFINITY : error / greatest;
}

/* The greatest error of all outputs. Those that are no float32 must not change at all. */
static double trial_error(const struct fast_trial *trial) {
    double worst = 0;
    for (int i = 0; i < trial->output_count; i++) {
        struct et_tensor facts = et_program_output(trial->program, i);
        if (strcmp(facts.dtype, "float32") == 0)
            worst = fmax(
                worst, error_of(trial->found[i], trial->expected[i], facts.bytes / sizeof(float)));
        else if (memcmp(trial->found[i], trial->expected[i], facts.bytes) != 0)
            return INFINITY;
    }
    return worst;
}

/* Runs another graph's program on the trial's inputs; it is as it was opened afterwards. */
static bool trial_run(const struct fast_trial *trial, struct et_program *program,
                      struct et_error *error) {
    enum et_mode mode = et_mode_allowed(ET_JIT, NULL) ? ET_JIT : ET_EAGER;
    struct et_workspace *workspace = et_workspace_new(program);
    bool good = workspace || et_fail(error, "out of memory");
    good = good && et_program_run(program, mode, (const void *const *)trial->inputs, trial->found,
                                  workspace, error);
    et_workspace_free(workspace);
    program_forget(program);
    return good;
}

/* Whether the program is another one than the last; it is the last afterwards. */
static bool is_new(const struct et_program *program, struct et_digest *last) {
    const char *digest = et_program_digest(program);
    bool is = strcmp(digest, last->text) != 0;
    snprintf(last->text, sizeof last->text, "%s", digest);
    return is;
}

bool et_program_fast(const struct et_program *program, double bound, struct et_program **fast,
                     double *found, struct et_error *error) {
    *fast = NULL;
    if (!(bound > 0))
        return et_fail(error, "expected a bound of the error above 0");
    struct fast_trial trial = {0};
    struct et_digest last = {0};
    bool good = true, opened = false, fits = false;
    for (size_t i = 0; good && !fits && i < sizeof attempts / sizeof *attempts; i++) {
        const struct fast_attempt *attempt = &attempts[i];
        const struct rewrite_options options = {.winograd_most = attempt->winograd_most};
        struct et_program *made;
        good = program_rewrite(program, &options, attempt->count, attempt->rewrites, &made, error);
        if (!good || !made)
            continue;
        if (!is_new(made, &last)) { /* no tile was as large as the attempt before had it */
            et_program_free(made);
            continue;
        }
        if (!opened)
            good = opened = trial_open(program, &trial, error);
        good = good && trial_run(&trial, made, error);
        double worst = good ? trial_error(&trial) : INFINITY;
        fits = good && worst <= bound;
        if (fits && found)
            *found = worst;
        if (fits)
            *fast = made;
        else
            et_program_free(made);
    }
    trial_close(&trial);
    return good;
}
