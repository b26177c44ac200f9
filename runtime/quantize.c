/* A program in 8-bit integers: by the ranges on samples that the caller has in memory, or of what a
 * model says of integers. */
#include "runtime/rewritten.h"

#include <string.h>

struct samples_given {
    const struct et_program *program;
    const struct et_samples *samples;
};

static bool fill(void *context, int64_t index, void *const *inputs, struct et_error *error) {
    const struct samples_given *given = context;
    (void)error;
    for (int i = 0; i < et_program_input_count(given->program); i++) {
        size_t bytes = et_program_input(given->program, i).bytes;
        memcpy(inputs[i], (const char *)given->samples->inputs[i] + (size_t)index * bytes, bytes);
    }
    return true;
}

static bool is_share(double share) {
    return share >= 0 && share <= 1;
}

static bool read_io(const char *io, struct rewrite_options *options, struct et_error *error) {
    if (io && (!dtype_from_name(io, &options->io) ||
               (options->io != DTYPE_INT8 && options->io != DTYPE_UINT8)))
        return et_fail(error, "inputs and outputs of \"%.100s\": expected int8 or uint8", io);
    return true;
}

static bool read_options(const struct et_samples *samples, struct rewrite_options *options,
                         struct et_error *error) {
    if (samples->count < 1)
        return et_fail(error, "expected at least one sample of the inputs");
    if (samples->range && !quantize_range_from_name(samples->range, &options->quantize_range))
        return et_fail(error, "range \"%.100s\": there is no such", samples->range);
    if (!is_share(samples->error) || !is_share(samples->accuracy))
        return et_fail(error, "expected shares from 0 to 1 of error and accuracy");
    options->quantize_equalise = samples->equalise;
    options->quantize_budget =
        (struct quantize_budget){.error = samples->error, .accuracy = samples->accuracy};
    return read_io(samples->io, options, error);
}

bool et_program_quantize(const struct et_program *program, const struct et_samples *samples,
                         struct et_program **quantized, struct et_error *error) {
    struct samples_given given = {program, samples};
    struct program_samples shown = {
        .count = samples->count, .context = &given, .fill = fill, .labels = samples->labels};
    struct rewrite_data data = program_data(&shown);
    struct rewrite_options options = {.data = &data};
    const enum rewrite_kind rewrite = REWRITE_quantize;
    *quantized = NULL;
    return read_options(samples, &options, error) &&
           program_rewrite(program, &options, 1, &rewrite, quantized, error);
}

bool et_program_integers(const struct et_program *program, const char *io, bool exact,
                         struct et_program **integers, struct et_error *error) {
    struct rewrite_options options = {.exact = exact};
    const enum rewrite_kind rewrite = REWRITE_integers;
    *integers = NULL;
    return read_io(io, &options, error) &&
           program_rewrite(program, &options, 1, &rewrite, integers, error);
}
