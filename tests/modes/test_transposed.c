/* Transposed convolutions of random options, with infinities and NaN among the elements, against
 * loops that are written out here: the same bits, interpreted and compiled for libtcc. */
#include "compiler/builder/layers.h"
#include "runtime/et_program.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { AXES = 3, CASES = 250 };

struct random {
    uint64_t state; /* SplitMix64 */
};

static int between(struct random *random, int least, int most) {
    uint64_t bits = random->state += 0x9e3779b97f4a7c15u;
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
    return least + (int)((bits ^ bits >> 31) % (uint64_t)(most - least + 1));
}

/* Axes that a case has not got are of extent 1 in front, with a kernel of 1. */
struct problem {
    int axes, batch, groups, inputs, outputs; /* inputs, outputs: in each group */
    int extent[AXES], kernel[AXES], stride[AXES], dilation[AXES], begin[AXES], end[AXES];
    int result[AXES];
    bool bias, constant;
};

static struct problem pick(struct random *random) {
    struct problem p = {.axes = between(random, 1, AXES),
                        .batch = between(random, 1, 2),
                        .groups = between(random, 1, 2),
                        .inputs = between(random, 1, 3),
                        .outputs = between(random, 1, 5),
                        .bias = between(random, 0, 1),
                        .constant = between(random, 0, 1)};
    for (int i = 0; i < AXES; i++) {
        bool there = i >= AXES - p.axes;
        p.extent[i] = there ? between(random, 1, 6) : 1;
        p.kernel[i] = there ? between(random, 1, 4) : 1;
        p.stride[i] = there ? between(random, 1, 4) : 1;
        p.dilation[i] = there ? between(random, 1, 4) : 1;
        int sums = (p.extent[i] - 1) * p.stride[i] + (p.kernel[i] - 1) * p.dilation[i] + 1;
        p.begin[i] = there ? between(random, 0, sums < 4 ? sums : 4) : 0;
        p.end[i] = there ? between(random, -3, 2) : 0;
        if (p.begin[i] + p.end[i] > sums)
            p.end[i] = sums - p.begin[i];
        p.result[i] = sums - p.begin[i] - p.end[i];
    }
    return p;
}

static int product(const int extents[AXES]) {
    return extents[0] * extents[1] * extents[2];
}

static void decompose(int index, const int extents[AXES], int digits[AXES]) {
    for (int i = AXES - 1; i >= 0; i--) {
        digits[i] = index % extents[i];
        index /= extents[i];
    }
}

/* The element of a channel that a tap brings to a result, or -1. */
static int met(const struct problem *p, const int result[AXES], const int tap[AXES]) {
    int element = 0;
    for (int i = 0; i < AXES; i++) {
        int at = result[i] + p->begin[i] - tap[i] * p->dilation[i];
        if (at < 0 || at % p->stride[i] || at / p->stride[i] >= p->extent[i])
            return -1;
        element = element * p->extent[i] + at / p->stride[i];
    }
    return element;
}

/* One result: the channels in order, and of each the taps, the last first. */
static float sum_at(const struct problem *p, const float *x, const float *weight, int n, int o,
                    const int result[AXES]) {
    int taps = product(p->kernel), elements = product(p->extent), group = o / p->outputs;
    float sum = 0;
    for (int c = 0; c < p->inputs; c++)
        for (int k = taps - 1; k >= 0; k--) {
            int tap[AXES], channel = group * p->inputs + c;
            decompose(k, p->kernel, tap);
            int element = met(p, result, tap);
            if (element < 0)
                continue;
            sum = fmaf(x[(n * p->groups * p->inputs + channel) * elements + element],
                       weight[(channel * p->outputs + o % p->outputs) * taps + k], sum);
        }
    return sum;
}

/* Multiples of 1/8; of the inputs, some are not finite. */
static float *numbers(struct random *random, int count, bool finite) {
    float *values = et_allocate((size_t)count + 1, sizeof *values);
    cr_assert_not_null(values);
    for (int i = 0; i < count; i++) {
        int kind = finite ? 0 : between(random, 0, 40);
        values[i] = kind == 40 ? NAN : kind == 39 ? INFINITY : (float)between(random, -80, 80) / 8;
    }
    return values;
}

static struct tensor operand(struct tensor_context *context, const char *name, bool constant,
                             int rank, const int64_t *shape, const float *values) {
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    return constant ? tensor_const(context, DTYPE_FLOAT32, rank, shape, count, values)
                    : add_graph_input(context, name, DTYPE_FLOAT32, rank, shape);
}

static struct et_program *program_of(const struct problem *p, const float *weight,
                                     const float *bias) {
    struct tensor_context *context = tensor_context_new("transposed");
    struct conv_transpose_options options = {.groups = p->groups};
    int64_t shape[2 + AXES] = {p->batch, p->groups * p->inputs};
    int64_t taps[2 + AXES] = {p->groups * p->inputs, p->outputs};
    for (int i = 0; i < p->axes; i++) {
        int from = AXES - p->axes + i;
        shape[2 + i] = p->extent[from];
        taps[2 + i] = p->kernel[from];
        options.stride[i] = p->stride[from];
        options.dilation[i] = p->dilation[from];
        options.padding[i] = (struct range){p->begin[from], p->end[from]};
    }
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, 2 + p->axes, shape);
    struct tensor w = operand(context, "w", p->constant, 2 + p->axes, taps, weight);
    struct tensor b = p->bias
                          ? operand(context, "b", p->constant, SHAPE(p->groups * p->outputs), bias)
                          : NO_TENSOR;
    struct tensor y = conv_transpose(x, w, b, options);
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", y}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    struct et_program *program = program_from_graph(graph, NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    return program;
}

static void check_mode(const struct problem *p, struct et_program *program, enum et_mode mode,
                       const void *const *inputs, int number) {
    struct et_error error = {0};
    size_t bytes = et_program_output(program, 0).bytes;
    int outputs = p->groups * p->outputs, count = product(p->result);
    float *y = et_allocate(1, bytes + 1);
    cr_assert_not_null(y);
    cr_assert_eq(bytes, sizeof(float) * (size_t)(p->batch * outputs * count));
    cr_assert(et_program_run(program, mode, inputs, (void *[]){y}, NULL, &error), "%s",
              error.message);
    for (int i = 0; i < p->batch * outputs * count; i++) {
        int result[AXES], o = i / count % outputs;
        decompose(i % count, p->result, result);
        float sum = sum_at(p, inputs[0], inputs[1], i / count / outputs, o, result);
        float expected = p->bias ? sum + ((const float *)inputs[2])[o] : sum;
        cr_assert(isnan(expected) ? isnan(y[i]) : memcmp(&expected, &y[i], sizeof expected) == 0,
                  "case %d, mode %d, element %d: %a, expected %a", number, (int)mode, i,
                  (double)y[i], (double)expected);
    }
    et_release(y);
}

static void check_problem(const struct problem *p, struct random *random, enum et_mode last,
                          int number) {
    int channels = p->groups * p->inputs, outputs = p->groups * p->outputs;
    float *x = numbers(random, p->batch * channels * product(p->extent), false);
    float *weight = numbers(random, channels * p->outputs * product(p->kernel), true);
    float *bias = numbers(random, outputs, true);
    const void *const inputs[] = {x, weight, bias};
    struct et_program *program = program_of(p, weight, bias);
    for (int mode = ET_EAGER; mode <= (int)last; mode++)
        check_mode(p, program, (enum et_mode)mode, inputs, number);
    et_program_free(program);
    et_release(x);
    et_release(weight);
    et_release(bias);
}

Test(transposed, convolutions_meet_real_elements_alone) {
    struct random random = {7};
    for (int i = 0; i < CASES; i++) {
        struct problem p = pick(&random);
        check_problem(&p, &random, ET_JIT, i);
    }
}

/* Steps as large as the kernel, over rows that tiles have columns of: each step's elements lie
 * between those of its neighbours. */
Test(transposed, phases_lie_between_columns, .timeout = 120) {
    struct random random = {3};
    for (int step = 2; step <= 5; step++) {
        struct problem p = {.axes = 2,
                            .batch = 1,
                            .groups = 1,
                            .inputs = 8,
                            .outputs = 5,
                            .extent = {1, 3, 36},
                            .kernel = {1, step, step},
                            .stride = {1, step, step},
                            .dilation = {1, 1, 1},
                            .result = {1, 3 * step, 36 * step},
                            .bias = true,
                            .constant = true};
        check_problem(&p, &random, ET_AOT, step);
    }
}

static void expect_refused(struct tensor y, const char *words) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(y.context, OUTPUTS({"y", y}), &error);
    cr_assert_null(graph, "not refused: %s", words);
    cr_expect_not_null(strstr(error.message, words), "%s", error.message);
}

static struct tensor line(int64_t extent, int64_t taps, struct conv_transpose_options options) {
    struct tensor_context *context = tensor_context_new("transposed");
    return conv_transpose(add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(1, 2, extent)),
                          add_graph_input(context, "w", DTYPE_FLOAT32, SHAPE(2, 1, taps)),
                          NO_TENSOR, options);
}

Test(transposed, refuses_what_makes_no_sense) {
    expect_refused(line(4, 3, (struct conv_transpose_options){{0}, {1}, {{0, 0}}, 1}), "stride 0");
    expect_refused(line(4, 3, (struct conv_transpose_options){{1}, {0}, {{0, 0}}, 1}),
                   "dilation 0");
    expect_refused(line(4, 3, (struct conv_transpose_options){{1}, {1}, {{-1, 0}}, 1}),
                   "padding -1");
    expect_refused(line(4, 3, (struct conv_transpose_options){{1}, {1}, {{4, 3}}, 1}),
                   "leaves nothing");
    expect_refused(line(4, 3, (struct conv_transpose_options){{1}, {1}, {{0, 0}}, 3}), "3 groups");
    expect_refused(line(4, 3, (struct conv_transpose_options){{1}, {1}, {{0, INT64_MIN}}, 1}),
                   "padding 0 and");
    expect_refused(line(4, 99, (struct conv_transpose_options){{101}, {2}, {{0, 0}}, 1}),
                   "need over");
}
