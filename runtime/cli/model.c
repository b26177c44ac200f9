/* The model that a subcommand works on, and tensors for it. */
#include "runtime/cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "compiler/base/random.h"
#include "compiler/graph/batch.h"

bool model_set_up(const struct cli_model *model, struct et_program *program,
                  struct et_error *error) {
    if (!program)
        return false;
    program_set_limits(program, &model->limits);
    return (!model->tuning && !model->untuned) ||
           et_program_set_tuning(program, model->tuning, error);
}

bool model_open(struct cli_model *model, struct et_error *error) {
    model->program = model->open
                         ? et_model_program(model->open, model->axes, model->axis_count, error)
                         : et_program_open_sized(model->path, model->weights, model->axes,
                                                 model->axis_count, error);
    return model_set_up(model, model->program, error);
}

bool model_add_axis(struct cli_model *model, const char *name, int64_t size) {
    struct et_axis *axes = realloc(model->axes, ((size_t)model->axis_count + 1) * sizeof *axes);
    if (!axes)
        return false;
    axes[model->axis_count++] = (struct et_axis){name, size};
    model->axes = axes;
    return true;
}

bool model_add_sizes(struct cli_model *model, const struct axis_sizes *sizes) {
    if (axis_size_count(sizes) == 1)
        return model_add_axis(model, sizes->name, sizes->ranges[0].first);
    struct axis_sizes *sets = realloc(model->sets, ((size_t)model->set_count + 1) * sizeof *sets);
    if (!sets)
        return false;
    sets[model->set_count++] = *sizes;
    model->sets = sets;
    return true;
}

static bool has_axis(const struct cli_model *model, const char *name) {
    for (int i = 0; i < model->axis_count; i++)
        if (strcmp(model->axes[i].name, name) == 0)
            return true;
    return false;
}

/* Gives the open axes of an input the sizes of an array. */
static bool take_shape(struct cli_model *model, int input, const struct array_shape *array,
                       struct et_error *error) {
    if (array->rank != et_model_input_rank(model->open, input))
        return true; /* for tensors_read to refuse */
    for (int axis = 0; axis < array->rank; axis++) {
        const char *name = et_model_axis(model->open, input, axis);
        if (name && !has_axis(model, name) && !model_add_axis(model, name, array->shape[axis]))
            return et_fail(error, "out of memory");
    }
    return true;
}

/* The same of all inputs that have a file: those that are not fixed by an axis of their name. */
static bool take_shapes(struct cli_model *model, const struct list *files, struct et_error *error) {
    int declared = et_model_input_count(model->open), count = 0;
    struct et_tensor *facts = et_allocate((size_t)declared + 1, sizeof *facts);
    struct array_shape *shapes = et_allocate((size_t)declared + 1, sizeof *shapes);
    int *inputs = et_allocate((size_t)declared + 1, sizeof *inputs);
    bool good = (facts && shapes && inputs) || et_fail(error, "out of memory");
    for (int i = 0; good && i < declared; i++) {
        const char *name = et_model_input_name(model->open, i);
        if (has_axis(model, name))
            continue;
        facts[count].name = name;
        inputs[count++] = i;
    }
    good = good && tensors_shapes(count, facts, files->items, files->count, shapes, error);
    for (int i = 0; good && i < count; i++)
        good = take_shape(model, inputs[i], &shapes[i], error);
    et_release(facts);
    et_release(shapes);
    et_release(inputs);
    return good;
}

bool model_open_for(struct cli_model *model, const struct list *files, struct et_error *error) {
    if (!model->open)
        model->open = et_model_open(model->path, model->weights, error);
    if (!model->open || !take_shapes(model, files, error))
        return false;
    model->program = et_model_program(model->open, model->axes, model->axis_count, error);
    return model_set_up(model, model->program, error);
}

void model_close(struct cli_model *model) {
    if (model->open && model->program)
        et_model_give_back(model->open, model->program);
    else
        et_program_free(model->program);
    et_model_free(model->open);
    free(model->axes);
    free(model->sets);
    model->open = NULL;
    model->program = NULL;
    model->axes = NULL;
    model->sets = NULL;
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
    int count = et_program_output_count(program);
    if (!make(program, "output", count, et_program_output, batch, outputs, error))
        return false;
    for (int i = 0; i < count; i++) {
        struct tensor_count *own = &outputs->counts[i];
        if (!et_program_output_count_of(program, i, &own->axis, &own->count))
            own->count = -1;
    }
    return true;
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
    default: /* -3 to 15 */
        return (next_random(state) >> 60) -
               (dtype_facts[dtype].least < 0 ? next_random(state) >> 62 : 0);
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
            flops = add_flops_of_run(flops, &compiled->kernels[i]);
    return flops;
}
