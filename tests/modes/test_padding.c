/* Convolutions whose tiles leave out what multiplies padding, in every mode: kernels that reach
 * over one end and over both, strides, dilations, several axes, pools, sums in parts. Products are
 * so small that some round to -0, which a padding of +0 makes +0 again, or not. The same of 8-bit
 * integers. */
#include "compiler/builder/layers.h"
#include "compiler/emit/backend.h"
#include "tests/support/trial.h"

#include <assert.h>
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { AXES = 3 };

struct problem {
    const char *name;
    int64_t inputs, outputs;
    int axes;
    int64_t extent[AXES], kernel[AXES], stride[AXES], dilation[AXES];
    struct range padding[AXES];
    bool pooled;
};

#define ONES                                                                                       \
    { 1, 1, 1 }
static const struct problem problems[] = {
    {"both ends", 8, 33, 2, {7, 7}, {3, 3}, ONES, ONES, {{1, 1}, {1, 1}}, false},
    {"wide", 5, 16, 2, {6, 41}, {5, 3}, ONES, ONES, {{2, 2}, {1, 1}}, false},
    {"stride", 6, 32, 2, {13, 11}, {7, 7}, {2, 2}, ONES, {{3, 3}, {3, 3}}, false},
    {"dilation", 7, 24, 2, {9, 9}, {4, 3}, {2, 1}, {3, 2}, {{4, 5}, {2, 2}}, false},
    {"over both ends", 7, 16, 2, {3, 20}, {5, 3}, ONES, ONES, {{2, 2}, {0, 1}}, false},
    {"three axes",
     3,
     32,
     3,
     {5, 6, 14},
     {3, 4, 3},
     {1, 2, 1},
     ONES,
     {{1, 1}, {2, 1}, {1, 1}},
     false},
    {"pooled", 8, 32, 2, {8, 8}, {5, 5}, ONES, ONES, {{2, 2}, {2, 2}}, true},
    {"long sums", 448, 16, 2, {5, 7}, {3, 3}, ONES, ONES, {{1, 1}, {1, 1}}, false},
};
enum { PROBLEMS = sizeof problems / sizeof *problems };

/* A weight of each kind in some order: none makes a product that is seen beside the others. */
static float weight(uint32_t *state, bool finite) {
    static const float kinds[] = {0x1p-70f, -0x1p-70f, -0x1.8p-74f, 0x1.4p-73f,
                                  -0.0f,    0,         -0x1p-70f};
    *state = *state * 1664525u + 1013904223u;
    uint32_t kind = *state >> 16;
    return !finite && kind % 50 == 0 ? INFINITY : kinds[kind % (sizeof kinds / sizeof *kinds)];
}

static struct tensor weights_of(struct tensor_context *context, const struct problem *p,
                                bool finite) {
    int64_t shape[2 + AXES] = {p->outputs, p->inputs}, count = p->outputs * p->inputs;
    for (int i = 0; i < p->axes; i++)
        count *= shape[2 + i] = p->kernel[i];
    float *values = et_allocate((size_t)count, sizeof *values);
    cr_assert_not_null(values);
    uint32_t state = 7;
    for (int64_t i = 0; i < count; i++)
        values[i] = weight(&state, finite);
    struct tensor w = tensor_const(context, DTYPE_FLOAT32, 2 + p->axes, shape, count, values);
    et_release(values);
    return w;
}

/* Of negative numbers of about 2^-78, but for every fourth. */
static struct graph *graph_of(const struct problem *p, bool finite) {
    struct tensor_context *context = tensor_context_new("padding");
    int64_t shape[2 + AXES] = {1, p->inputs};
    struct conv_options options = {.groups = 1};
    memcpy(shape + 2, p->extent, (size_t)p->axes * sizeof *shape);
    memcpy(options.stride, p->stride, sizeof p->stride);
    memcpy(options.dilation, p->dilation, sizeof p->dilation);
    memcpy(options.padding, p->padding, sizeof p->padding);
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, 2 + p->axes, shape);
    struct tensor sign = tensor_cos(tensor_mul(x, scalar_like(x, 100)));
    struct tensor size =
        tensor_add(tensor_min(tensor_abs(x), scalar_like(x, 1)), scalar_like(x, 1));
    struct tensor sized = tensor_mul(tensor_mul(size, scalar_like(x, 0x1p-79)), sign);
    struct tensor y = conv(sized, weights_of(context, p, finite), NO_TENSOR, options);
    if (p->pooled)
        y = max_pool2d(y, (struct pool2d_options){.kernel = {2, 2}, .stride = {2, 2}});
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", y}), &error);
    cr_assert(graph, "%s: %s", p->name, error.message);
    return graph;
}

static bool leaves_out(const struct graph *graph, const char *call) {
    struct compile_options options = {.backend = &emit_loops, .verify = true};
    struct et_error error = {0};
    struct compiled *compiled = compile(graph, &options, &error);
    cr_assert(compiled, "%s", error.message);
    bool found = strstr(compiled->source, call) != NULL;
    compiled_free(compiled);
    return found;
}

/* Zeros of one sign and of the other, and other numbers. */
static void count_signs(const struct trial *trial, int64_t counts[3]) {
    const float *y = trial->expected[0];
    int64_t elements = node_elements(trial->graph->outputs[0].node);
    for (int64_t i = 0; i < elements; i++)
        counts[y[i] != 0 ? 2 : signbit(y[i]) ? 1 : 0]++;
}

/* `counts`: of the signs of float32; NULL: the outputs are integers. */
static void check_graph(const char *name, struct graph *graph, int64_t *counts) {
    for (int k = 0; k < MODE_COUNT; k++) {
        struct et_error error = {0};
        struct trial trial;
        if (modes[k].batched)
            continue;
        cr_assert(trial_begin(&trial, graph, (uint64_t)k, &error), "%s", error.message);
        if (counts)
            count_signs(&trial, counts);
        cr_expect(trial_check(&trial, &modes[k], &error), "%s, %s: %s", name, modes[k].name,
                  error.message);
        trial_end(&trial);
    }
    graph_free(graph);
}

static void check_modes(const struct problem *p, bool finite, int64_t counts[3]) {
    struct graph *graph = graph_of(p, finite);
    cr_expect_eq(leaves_out(graph, "tile_inside(tile_"), finite, "%s", p->name);
    check_graph(p->name, graph, counts);
}

Test(padding, is_not_multiplied, .timeout = 300) {
    int64_t counts[3] = {0};
    for (int i = 0; i < PROBLEMS; i++)
        check_modes(&problems[i], true, counts);
    for (int i = 0; i < 3; i++)
        cr_expect(counts[i] > 1000, "%d: %d", i, (int)counts[i]);
}

/* 0 times infinity is NaN. */
Test(padding, is_multiplied_by_what_is_not_finite, .timeout = 60) {
    int64_t counts[3] = {0};
    check_modes(&problems[0], false, counts);
}

/* Of uint8, beside their zero point, and of four times as many channels, since tiles multiply four
 * at a time. */
static struct tensor integer_conv(struct tensor_context *context, const struct problem *p,
                                  const char *name, const char *weight, int zero) {
    int64_t shape[2 + AXES] = {1, 4 * p->inputs}, filters[2 + AXES] = {p->outputs, 4 * p->inputs};
    struct conv_options options = {.groups = 1};
    memcpy(shape + 2, p->extent, (size_t)p->axes * sizeof *shape);
    memcpy(filters + 2, p->kernel, (size_t)p->axes * sizeof *filters);
    memcpy(options.stride, p->stride, sizeof p->stride);
    memcpy(options.dilation, p->dilation, sizeof p->dilation);
    memcpy(options.padding, p->padding, sizeof p->padding);
    struct tensor w = add_weight(context, weight, DTYPE_INT8, 2 + p->axes, filters);
    struct tensor x = add_graph_input(context, name, DTYPE_UINT8, 2 + p->axes, shape);
    x = tensor_cast(tensor_max(x, scalar_like(x, 9)), DTYPE_INT32);
    if (zero)
        x = tensor_sub(x, scalar_like(x, zero));
    return conv(x, tensor_cast(w, DTYPE_INT32), NO_TENSOR, options);
}

static struct graph *integer_graph(int count, const struct problem *const *chosen, int zero) {
    struct tensor_context *context = tensor_context_new("integers");
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    static const char *const weights[] = {"wa", "wb", "wc", "wd", "we", "wf", "wg", "wh"};
    static int8_t values[1 << 18];
    static_assert(sizeof names / sizeof *names == PROBLEMS, "a name for each");
    struct named_tensor outputs[PROBLEMS];
    struct et_error error = {0};
    for (int i = 0; i < count; i++)
        outputs[i] = (struct named_tensor){
            names[i], integer_conv(context, chosen[i], names[i], weights[i], zero)};
    struct graph *graph = compile_to_graph(context, count, outputs, &error);
    cr_assert(graph, "%s", error.message);
    uint32_t state = 11;
    for (size_t i = 0; i < sizeof values; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (int8_t)(state >> 24);
    }
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT) {
            cr_assert_leq(node_elements(graph->nodes[i]), (int64_t)sizeof values);
            graph->nodes[i]->value = values;
        }
    return graph;
}

static bool integers_leave_out(const struct problem *p, int zero) {
    struct graph *graph = integer_graph(1, &p, zero);
    bool found = leaves_out(graph, "dot_inside(dot_");
    graph_free(graph);
    return found;
}

Test(padding, of_integers_is_not_multiplied, .timeout = 300) {
    enum { MOST_INPUTS = 8 }; /* what is longer takes the interpreter seconds */
    const struct problem *chosen[PROBLEMS];
    int count = 0;
    for (int i = 0; i < PROBLEMS; i++)
        if (!problems[i].pooled && problems[i].inputs <= MOST_INPUTS) {
            chosen[count++] = &problems[i];
            cr_expect(integers_leave_out(&problems[i], 0), "%s", problems[i].name);
        }
    check_graph("integers", integer_graph(count, chosen, 0), NULL);
}

/* Padding is the zero point then, which is not left out. */
Test(padding, of_integers_beside_a_zero_point, .timeout = 60) {
    cr_expect_not(integers_leave_out(&problems[0], 77));
}

/* Weights of 16 bits, too many to be cast before they are packed. Each infinity is
 * the lower half of a float32 that would be finite. */
Test(padding, is_multiplied_by_16_bits_that_are_not_finite, .timeout = 60) {
    enum { CHANNELS = 180, COUNT = CHANNELS * CHANNELS * 9 };
    static uint16_t values[COUNT];
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("narrow");
    for (int i = 0; i < COUNT; i++)
        values[i] = i % 100 ? 0x3f80 : 0x7f80;
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(1, CHANNELS, 7, 7));
    struct tensor w = add_weight(context, "w", DTYPE_BFLOAT16, SHAPE(CHANNELS, CHANNELS, 3, 3));
    struct tensor y = conv2d(tensor_abs(x), tensor_cast(w, DTYPE_FLOAT32), NO_TENSOR,
                             (struct conv2d_options){.padding = {1, 1}, .groups = 1});
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", y}), &error);
    struct trial trial;
    cr_assert_not_null(graph, "%s", error.message);
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            graph->nodes[i]->value = values;
    cr_assert(trial_begin(&trial, graph, 1, &error), "%s", error.message);
    cr_expect_not(leaves_out(graph, "tile_inside(tile_"));
    cr_expect(trial_check(&trial, mode_find("jit"), &error), "%s", error.message);
    trial_end(&trial);
    graph_free(graph);
}
