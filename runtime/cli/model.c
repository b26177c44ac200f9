/* The model that a subcommand works on, and tensors for it. */
#include "runtime/cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "compiler/graph/batch.h"

bool model_open(struct cli_model *model, struct et_error *error) {
    model->program =
        et_program_open_sized(model->path, model->weights, model->axes, model->axis_count, error);
    if (!model->program)
        return false;
    program_set_limits(model->program, &model->limits);
    return (!model->tuning && !model->untuned) ||
           et_program_set_tuning(model->program, model->tuning, error);
}

void model_close(struct cli_model *model) {
    et_program_free(model->program);
    model->program = NULL;
    free(model->axes);
    model->axes = NULL;
}

typedef struct et_tensor tensor_at(const struct et_program *program, int index);

static bool make(const struct et_program *program, const char *kind, int count, tensor_at *at,
                 int64_t batch, struct tensors *tensors, struct et_error *error) {
    *tensors = (struct tensors){0};
    struct et_tensor *facts = et_allocate((size_t)count, sizeof *facts);
    if (!facts)
        return et_fail(error, "out of memory");
    for (int i = 0; i < count; i++)
        facts[i] = at(program, i);
    bool good = tensors_make(tensors, kind, count, facts, batch, error);
    et_release(facts);
    return good;
}

bool model_inputs(const struct et_program *program, int64_t batch, struct tensors *inputs,
                  struct et_error *error) {
    return make(program, "input", et_program_input_count(program), et_program_input, batch, inputs,
                error);
}

bool model_outputs(const struct et_program *program, int64_t batch, struct tensors *outputs,
                   struct et_error *error) {
    return make(program, "output", et_program_output_count(program), et_program_output, batch,
                outputs, error);
}

bool model_batch(const struct et_program *program, char *const *files, int count, int64_t *batch,
                 struct et_error *error) {
    int inputs = et_program_input_count(program);
    struct et_tensor *facts = et_allocate((size_t)inputs + 1, sizeof *facts);
    if (!facts)
        return et_fail(error, "out of memory");
    for (int i = 0; i < inputs; i++)
        facts[i] = et_program_input(program, i);
    bool good = tensors_batch(inputs, facts, files, count, batch, error);
    et_release(facts);
    return good;
}

bool model_check_batch(const struct et_program *program, int64_t batch, struct et_error *error) {
    return graph_check_batch(program_graph(program), batch, error) ||
           et_fail_within(error, "%s", et_program_name(program));
}

/* ---- Random elements ---- */

/* The generator of Steele, Lea and Flood: splitmix64. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* The bits of a float whose magnitude is 2^-3 to 2^2, any sign and fraction. */
static uint64_t random_float_bits(uint64_t *state, int exponent_bits, int fraction_bits) {
    uint64_t random = next_random(state);
    uint64_t bias = ((uint64_t)1 << (exponent_bits - 1)) - 1;
    uint64_t exponent = bias - 3 + (random >> 61) % 5;
    uint64_t sign = random >> 60 & 1;
    uint64_t fraction = random & (((uint64_t)1 << fraction_bits) - 1);
    return sign << (exponent_bits + fraction_bits) | exponent << fraction_bits | fraction;
}

static uint64_t random_element(uint64_t *state, enum dtype dtype) {
    switch (dtype) {
    case DTYPE_FLOAT32:
        return random_float_bits(state, 8, 23);
    case DTYPE_FLOAT64:
        return random_float_bits(state, 11, 52);
    case DTYPE_FLOAT16:
        return random_float_bits(state, 5, 10);
    case DTYPE_BFLOAT16:
        return random_float_bits(state, 8, 7);
    case DTYPE_BOOL:
        return next_random(state) >> 63;
    case DTYPE_UINT8:
        return next_random(state) >> 56;
    default:
        return (next_random(state) >> 60) - (next_random(state) >> 62); /* -3 to 15 */
    }
}

void model_randomise(uint64_t seed, struct tensors *inputs) {
    uint64_t state = seed;
    for (int i = 0; i < inputs->count; i++) {
        const struct et_tensor *facts = &inputs->facts[i];
        enum dtype dtype = DTYPE_FLOAT32;
        dtype_from_name(facts->dtype, &dtype);
        size_t bytes = dtype_facts[dtype].bytes;
        for (size_t at = 0; at < facts->bytes; at += bytes) {
            uint64_t element = random_element(&state, dtype);
            memcpy((char *)inputs->elements[i] + at, &element, bytes); /* little-endian */
        }
    }
}

int64_t compiled_flops(const struct compiled *compiled) {
    int64_t flops = 0;
    for (int i = 0; i < compiled->kernel_count; i++)
        if (compiled->kernels[i].images <= 1)
            flops += compiled->kernels[i].flops;
    return flops;
}
