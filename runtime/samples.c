/* Graphs of rewrites, run on samples. */
#include "runtime/rewritten.h"

static bool run_program(struct et_program *program, const struct program_samples *samples,
                        int64_t most, see_outputs *see, void *seer, struct et_error *error) {
    enum et_mode mode = et_mode_allowed(ET_JIT, NULL) ? ET_JIT : ET_EAGER;
    int input_count = et_program_input_count(program);
    int output_count = et_program_output_count(program);
    void **inputs = program_blocks(program, input_count, et_program_input);
    void **outputs = program_blocks(program, output_count, et_program_output);
    struct et_workspace *workspace = et_workspace_new(program);
    bool good = (inputs && outputs && workspace) || et_fail(error, "out of memory");
    int64_t count = most > 0 && most < samples->count ? most : samples->count;
    for (int64_t i = 0; good && i < count; i++) {
        int64_t sample = spread_evenly(i, count, samples->count);
        good =
            samples->fill(samples->context, sample, inputs, error) &&
            et_program_run(program, mode, (const void *const *)inputs, outputs, workspace, error);
        if (good)
            see(seer, program_graph(program), sample, (const void *const *)outputs);
    }
    et_workspace_free(workspace);
    blocks_free(inputs, input_count);
    blocks_free(outputs, output_count);
    return good;
}

static bool run_samples(void *context, struct graph *graph, int64_t most, see_outputs *see,
                        void *seer, struct et_error *error) {
    const struct program_samples *samples = context;
    struct et_program *program = program_from_graph(graph, NULL, error);
    bool good = program != NULL;
    if (good && samples->count < 1)
        good = et_fail(error, "expected at least one sample of the inputs");
    good = good && run_program(program, samples, most, see, seer, error);
    et_program_free(program);
    return good;
}

struct rewrite_data program_data(struct program_samples *samples) {
    return (struct rewrite_data){.context = samples, .run = run_samples, .labels = samples->labels};
}
