/* The model that a subcommand works on, and tensors for it. */
#include "runtime/cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "compiler/graph/batch.h"

bool model_set_up(const struct cli_model *model, struct et_program *program) {
    if (!program)
        return false;
    program_set_limits(program, &model->limits);
    if (model->tuned.count || model->untuned)
        et_program_set_tuning(program, NULL, NULL);
    return true;
}

bool model_take_tunings(const struct cli_model *model, int count,
                        struct et_program *const *programs, struct et_error *error) {
    for (int i = 0; i < model->tuned.count; i++)
        if (!programs_set_tuning(count, programs, model->tuned.items[i], error))
            return false;
    return true;
}

/* Puts a faster one in the program's place, where it was asked for and there is one. */
static bool make_fast(struct cli_model *model, struct et_error *error) {
    struct et_program *fast = NULL;
    double found;
    if (!model->fast)
        return true;
    if (model->on_gpu) {
        fprintf(stderr, "eigentensor: --fast: a GPU runs the graph of %s fastest as it is\n",
                model->path);
        return true;
    }
    if (!et_program_fast(model->program, model->fast, &fast, &found, error))
        return et_fail_within(error, "%s", model->path);
    if (!fast) {
        fprintf(stderr, "eigentensor: --fast: no rewrite of %s keeps within %g\n", model->path,
                model->fast);
        return true;
    }
    fprintf(stderr, "eigentensor: --fast: graph %s, error %.2g\n", et_program_digest(fast), found);
    model->original = model->program;
    model->program = fast;
    return model_set_up(model, fast);
}

bool model_open(struct cli_model *model, struct et_error *error) {
    if (model->open)
        model->program = et_model_program(model->open, model->axes, model->axis_count, error);
    else
        model->program = et_program_open_sized(model->path, model->weights, model->axes,
                                               model->axis_count, error);
    return model_set_up(model, model->program) && make_fast(model, error) &&
           model_take_tunings(model, 1, &model->program, error);
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
    bool good = true;
    for (int i = 0; i < sizes->place_count; i++)
        good &= model_add_axis(model, sizes->places[i], sizes->ranges[0].first);
    if (sizes->place_count)
        return good;
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
        model->open = model->kept ? model_open_kept(model->path, model->weights, error)
                                  : et_model_open(model->path, model->weights, error);
    if (!model->open || !take_shapes(model, files, error))
        return false;
    return model_open(model, error);
}

void model_close(struct cli_model *model) {
    if (model->original) {
        et_program_free(model->program);
        model->program = model->original;
    }
    if (model->open && model->program)
        et_model_give_back(model->open, model->program);
    else
        et_program_free(model->program);
    et_model_free(model->open);
    free(model->axes);
    free(model->sets);
    list_free(&model->tuned);
    model->open = NULL;
    model->program = model->original = NULL;
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
    int count = et_program_input_count(program);
    if (!make(program, "input", count, et_program_input, batch, inputs, error))
        return false;
    for (int i = 0; i < count; i++)
        (void)et_program_input_scale(program, i, &inputs->scales[i].scale, &inputs->scales[i].zero);
    return true;
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

void model_randomise(uint64_t seed, struct tensors *inputs) {
    uint64_t state = seed;
    for (int i = 0; i < inputs->count; i++)
        random_input_elements(&state, inputs->facts[i].dtype, inputs->facts[i].bytes,
                              inputs->elements[i]);
}

int64_t compiled_flops(const struct compiled *compiled) {
    int64_t flops = 0;
    for (int i = 0; i < compiled->kernel_count; i++)
        if (compiled->kernels[i].images <= 1)
            flops = add_flops_of_run(flops, &compiled->kernels[i]);
    return flops;
}
