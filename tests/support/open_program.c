#include "tests/support/open_program.h"

#include "compiler/builder/layers.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MOST_TENSORS = MOST_OPEN_STEPS + 1,
    MOST_STEP_RANK = 5,
    MOST_STEP_ELEMENTS = 2048,
    MOST_TRIES = 60,
};

/* What a step is given: a tensor, another one, and the sizes. */
struct step_input {
    const struct open_step *step;
    struct tensor x, other;
    const int64_t *n;
    int axis, rank;
    int64_t extent; /* of the axis */
};

/* An integer that depends on sizes, 0 or more. */
static int64_t formula(int64_t which, const int64_t *n) {
    const int64_t values[] = {n[0],
                              n[1],
                              n[0] + n[1],
                              2 * n[0] + 1,
                              n[1] / 2,
                              (n[0] + 1) / 2,
                              n[0] * n[1],
                              (4 - n[0] % 4) % 4,
                              3 * n[1] / 2,
                              n[0] < n[1] ? n[0] : n[1],
                              2,
                              0};
    return values[which % (int64_t)(sizeof values / sizeof *values)];
}

/* A list along the axis of x, of the rank of x. */
static struct tensor along(const struct step_input *in, struct tensor list) {
    int64_t shape[MAX_RANK];
    for (int i = 0; i < in->rank; i++)
        shape[i] = i == in->axis ? in->extent : 1;
    return tensor_reshape(list, in->rank, shape);
}

static struct tensor places(const struct step_input *in) {
    return tensor_iota(in->x.context, DTYPE_INT32, in->extent);
}

/* ---- Steps ---- */

static struct tensor step_unary(const struct step_input *in) {
    static struct tensor (*const functions[])(struct tensor) = {
        tensor_neg, tensor_abs, tensor_tanh, tensor_floor, tensor_recip, tensor_erf};
    return functions[in->step->a % (int64_t)(sizeof functions / sizeof *functions)](in->x);
}

static struct tensor step_binary(const struct step_input *in) {
    static struct tensor (*const functions[])(struct tensor, struct tensor) = {
        tensor_add, tensor_sub, tensor_mul, tensor_max, tensor_min, tensor_div};
    return functions[in->step->a % (int64_t)(sizeof functions / sizeof *functions)](in->x,
                                                                                    in->other);
}

static struct tensor step_places(const struct step_input *in) {
    return tensor_mul(in->x, along(in, tensor_cast(places(in), DTYPE_FLOAT32)));
}

static struct tensor step_mask(const struct step_input *in) {
    struct tensor at = places(in);
    struct tensor end = scalar_like(at, (double)formula(in->step->a, in->n));
    return tensor_where(along(in, tensor_lt(at, end)), in->x, scalar(in->x.context, -1));
}

static struct tensor step_number(const struct step_input *in) {
    const int64_t value = formula(in->step->a, in->n);
    struct tensor number = tensor_const(in->x.context, DTYPE_INT64, SCALAR_SHAPE, 1, &value);
    return tensor_add(in->x, tensor_cast(number, DTYPE_FLOAT32));
}

static struct tensor step_mean(const struct step_input *in) {
    struct tensor sum = tensor_reduce_sum(in->x, AXES(in->axis));
    return tensor_div(sum, scalar(in->x.context, (float)in->extent));
}

static struct tensor step_pad(const struct step_input *in) {
    struct range padding[MAX_RANK] = {0};
    padding[in->axis] = (struct range){formula(in->step->a, in->n), formula(in->step->b, in->n)};
    return tensor_pad(in->x, in->rank, padding, in->step->a % 3 ? 0 : 0.5);
}

static struct tensor step_shrink(const struct step_input *in) {
    struct range ranges[MAX_RANK];
    for (int i = 0; i < in->rank; i++)
        ranges[i] = (struct range){0, tensor_extent(in->x, i)};
    if (in->step->a % 2)
        ranges[in->axis].begin = in->extent / 2;
    else
        ranges[in->axis].end -= in->extent / 3;
    return tensor_shrink(in->x, in->rank, ranges);
}

static struct tensor step_flip(const struct step_input *in) {
    return tensor_flip(in->x, AXES(in->axis));
}

static struct tensor step_permute(const struct step_input *in) {
    int axes[MAX_RANK];
    for (int i = 0; i < in->rank; i++)
        axes[i] = (i + in->axis) % in->rank;
    return tensor_permute(in->x, in->rank, axes);
}

/* The axis and the next become one. */
static struct tensor step_merge(const struct step_input *in) {
    int64_t shape[MAX_RANK];
    shape_of(in->x, shape);
    if (in->axis + 1 >= in->rank)
        return tensor_reshape(in->x, SHAPE(-1));
    shape[in->axis] *= shape[in->axis + 1];
    for (int i = in->axis + 1; i + 1 < in->rank; i++)
        shape[i] = shape[i + 1];
    return tensor_reshape(in->x, in->rank - 1, shape);
}

static struct tensor step_repeat(const struct step_input *in) {
    int64_t shape[MAX_RANK];
    struct tensor x = unsqueeze(in->x, in->axis);
    for (int i = 0; i <= in->rank; i++)
        shape[i] = i == in->axis ? 1 + formula(in->step->a, in->n) : -1;
    return tensor_expand(x, in->rank + 1, shape);
}

/* Windows that may hang over the end. */
static struct tensor step_window(const struct step_input *in) {
    int64_t size = 1 + in->step->a % 3, dilation = 1 + in->step->b % 2;
    struct range padding[MAX_RANK] = {0};
    padding[in->axis].end = (size - 1) * dilation;
    struct tensor x = tensor_pad(in->x, in->rank, padding, 0);
    return tensor_window(x, in->axis, size, 1 + in->step->b / 2 % 3, dilation);
}

static struct tensor step_reduce(const struct step_input *in) {
    switch (in->step->a % 4) {
    case 0:
        return tensor_reduce_sum(in->x, AXES(in->axis));
    case 1:
        return tensor_reduce_max(in->x, AXES(in->axis));
    case 2:
        return tensor_cast(tensor_argmin(in->x, AXES(in->axis)), DTYPE_FLOAT32);
    default:
        return softmax(in->x, in->axis);
    }
}

/* All rows with all rows. */
static struct tensor step_product(const struct step_input *in) {
    return in->rank < 2 ? tensor_mul(unsqueeze(in->x, 0), unsqueeze(in->x, -1))
                        : matmul(in->x, transpose(in->x, -1, -2));
}

static struct tensor step_concat(const struct step_input *in) {
    struct tensor other = in->step->a % 2 ? tensor_flip(in->x, AXES(in->axis)) : in->other;
    return tensor_concat(TENSORS(in->x, other), in->axis);
}

static struct tensor step_gather(const struct step_input *in) {
    struct tensor at = places(in);
    at = tensor_sub(scalar_like(at, (double)in->extent), at); /* the first is outside */
    return tensor_gather(in->x, in->axis, at);
}

static struct tensor step_sort(const struct step_input *in) {
    struct tensor order = tensor_argsort(in->x, in->axis);
    return tensor_cast(order, DTYPE_FLOAT32);
}

/* Sums along the axis, each halved before the next. */
static struct tensor step_sums(const struct step_input *in) {
    int64_t shape[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < in->rank; i++)
        if (i != in->axis)
            shape[rank++] = tensor_extent(in->x, i);
    struct tensor_context *body = tensor_context_new("body");
    if (tensor_keeps_all(in->x.context))
        tensor_keep_all(body);
    struct tensor state = add_graph_input(body, "state", DTYPE_FLOAT32, rank, shape);
    struct tensor slice = add_graph_input(body, "slice", DTYPE_FLOAT32, rank, shape);
    return tensor_scan(
        &(struct scan_options){.initial = tensor_expand(scalar(in->x.context, 0.25F), rank, shape),
                               .axis = in->axis,
                               .scanned_count = 1,
                               .scanned = &in->x,
                               .next = tensor_add(slice, multiply_by(state, 0.5))});
}

typedef struct tensor take_step(const struct step_input *in);
static take_step *const step_kinds[] = {
    step_unary,  step_binary, step_places, step_mask,   step_number,  step_mean,    step_pad,
    step_pad,    step_shrink, step_shrink, step_flip,   step_permute, step_merge,   step_merge,
    step_repeat, step_window, step_window, step_reduce, step_reduce,  step_product, step_concat,
    step_concat, step_gather, step_sort,   step_sums,
};
enum { STEP_KINDS = sizeof step_kinds / sizeof *step_kinds };

/* ---- Programs ---- */

static struct tensor after_step(const struct open_step *step, int count,
                                const struct tensor *tensors, const int64_t *n) {
    struct tensor x = tensors[step->source % count], other = tensors[step->other % count];
    int rank = tensor_rank(x);
    int axis = rank ? step->axis % rank : 0;
    const struct step_input in = {step, x, other, n, axis, rank, tensor_extent(x, axis)};
    return rank ? step_kinds[step->kind](&in) : step_unary(&in);
}

/* The tensors after the steps, the inputs before them. */
static int make_tensors(const struct open_program *program, struct tensor_context *context,
                        const int64_t *n, struct tensor *tensors) {
    tensors[0] = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(n[0], 3, n[1]));
    for (int i = 0; i < program->step_count; i++)
        tensors[1 + i] = after_step(&program->steps[i], 1 + i, tensors, n);
    return 1 + program->step_count;
}

/* Whether the last step can be taken at these sizes. */
static bool is_possible(const struct open_program *program, const int64_t *n) {
    struct tensor tensors[MOST_TENSORS];
    struct et_error error;
    struct tensor_context *context = tensor_context_new("open");
    struct tensor last = tensors[make_tensors(program, context, n, tensors) - 1];
    bool possible = !tensor_recover(context, &error) && tensor_rank(last) <= MOST_STEP_RANK &&
                    node_elements(last.node) <= MOST_STEP_ELEMENTS && node_elements(last.node) > 0;
    tensor_context_free(context);
    return possible;
}

static bool is_possible_everywhere(const struct open_program *program) {
    int64_t n[OPEN_PROGRAM_AXES];
    for (n[0] = program->axes[0].least; n[0] <= program->axes[0].most; n[0]++)
        for (n[1] = program->axes[1].least; n[1] <= program->axes[1].most; n[1]++)
            if (!is_possible(program, n))
                return false;
    return true;
}

static struct open_step random_step(struct random *random, int count) {
    return (struct open_step){
        .kind = (int)random_between(random, 0, STEP_KINDS - 1),
        .source = random_chance(random, 70) ? count - 1 : (int)random_between(random, 0, count - 1),
        .other = (int)random_between(random, 0, count - 1),
        .axis = (int)random_between(random, 0, 11),
        .a = random_between(random, 0, 11),
        .b = random_between(random, 0, 11)};
}

void open_program_random(uint64_t seed, struct open_program *program) {
    struct random random = {.state = seed};
    *program = (struct open_program){
        .seed = seed,
        .axes = {{"n", random_between(&random, 1, 2), random_between(&random, 4, 7), 1},
                 {"m.size", 1, random_between(&random, 3, 6), 1}}};
    int wanted = (int)random_between(&random, 2, MOST_OPEN_STEPS);
    for (int tries = 0; tries < MOST_TRIES && program->step_count < wanted; tries++) {
        program->steps[program->step_count] = random_step(&random, 1 + program->step_count);
        program->step_count++;
        if (!is_possible_everywhere(program))
            program->step_count--;
    }
}

struct graph *open_program_graph(const struct open_program *program, const int64_t *sizes, bool all,
                                 struct et_error *error) {
    struct tensor tensors[MOST_TENSORS];
    struct tensor_context *context = tensor_context_new("open");
    if (all)
        tensor_keep_all(context);
    int count = make_tensors(program, context, sizes, tensors);
    return compile_to_graph(context, OUTPUTS({"y", tensors[count - 1]}, {"z", tensors[count / 2]}),
                            error);
}
