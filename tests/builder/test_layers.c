/* Layers: the nodes that each writes, so that drift from TinyGrad's order shows, and the values
 * that TinyGrad computes.  Windows: the same elements by window and by movement alone. */
#include "compiler/builder/layers.h"

#include "models/mnist/mnist_model.c"
#include "runtime/eager.h"
#include "tests/support/graph_text.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Values: input k of the graph holds at i the number of the same formula in TinyGrad's run. */

static void fill(const struct node *input, int k, void *elements) {
    for (int64_t i = 0; i < node_elements(input); i++) {
        float value = (float)((i * 37 + k * 11 + 5) % 23 - 11) / 8;
        if (input->dtype == DTYPE_FLOAT32) /* names with p are positive */
            ((float *)elements)[i] = input->name[0] == 'p' ? fabsf(value) + 0.5f : value;
        else if (input->dtype == DTYPE_INT32)
            ((int32_t *)elements)[i] = (int32_t)((i * 2 + k) % 5);
        else
            ((uint8_t *)elements)[i] = i % 3 != 0;
    }
}

/* Runs the graph on such inputs; the caller releases its first output's elements. */
static void *run(const struct graph *graph) {
    enum { MOST_INPUTS = 8 };
    void *inputs[MOST_INPUTS] = {0}, *output;
    struct et_error error = {0};
    cr_assert_leq(graph->input_count, MOST_INPUTS);
    for (int k = 0; k < graph->input_count; k++) {
        inputs[k] = et_allocate_aligned((size_t)node_bytes(graph->inputs[k]));
        fill(graph->inputs[k], k, inputs[k]);
    }
    output = et_allocate_aligned((size_t)node_bytes(graph->outputs[0].node));
    cr_assert(eager_run(graph, (const void *const *)inputs, &output, &error), "%s", error.message);
    for (int k = 0; k < graph->input_count; k++)
        et_release(inputs[k]);
    return output;
}

static struct graph *compile(struct tensor y) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(y.context, OUTPUTS({"y", y}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    return graph;
}

/* Layers */

static struct tensor input(struct tensor_context *context, const char *name, int rank,
                           const int64_t *shape) {
    return add_graph_input(context, name, DTYPE_FLOAT32, rank, shape);
}

static struct tensor build_relu(struct tensor_context *context) {
    return relu(input(context, "x", SHAPE(2, 3)));
}
static struct tensor build_sigmoid(struct tensor_context *context) {
    return sigmoid(input(context, "x", SHAPE(6)));
}
static struct tensor build_silu(struct tensor_context *context) {
    return silu(input(context, "x", SHAPE(6)));
}
static struct tensor build_gelu(struct tensor_context *context) {
    return gelu(input(context, "x", SHAPE(6)));
}
static struct tensor build_divide(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(3));
    return divide(x, input(context, "p", SHAPE(2, 1)));
}
static struct tensor build_mean(struct tensor_context *context) {
    return mean(input(context, "x", SHAPE(2, 3, 4)), AXES(-1, 0), false);
}
static struct tensor build_mean_of_integers(struct tensor_context *context) {
    return mean(add_graph_input(context, "n", DTYPE_INT32, SHAPE(2, 3)), ALL_AXES, true);
}
static struct tensor build_variance(struct tensor_context *context) {
    return variance(input(context, "x", SHAPE(2, 3, 4)), AXES(-1, 1), 1, true);
}
static struct tensor build_softmax(struct tensor_context *context) {
    return softmax(input(context, "x", SHAPE(2, 7)), -1);
}
static struct tensor build_log_softmax(struct tensor_context *context) {
    return log_softmax(input(context, "x", SHAPE(2, 7)), 0);
}
static struct tensor build_layer_norm(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(2, 3, 4)), w = input(context, "w", SHAPE(3, 4));
    struct tensor b = input(context, "b", SHAPE(3, 4));
    return layer_norm(x, AXES(-1, -2), 1e-5, w, b);
}
static struct tensor build_batch_norm(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(2, 3, 1, 2));
    struct batch_norm_parameters parameters;
    parameters.weight = input(context, "w", SHAPE(3));
    parameters.bias = input(context, "b", SHAPE(3));
    parameters.running_mean = input(context, "m", SHAPE(3));
    parameters.running_var = input(context, "p", SHAPE(3));
    return batch_norm(x, parameters, 1e-5);
}
static struct tensor build_max_pool2d(struct tensor_context *context) {
    return max_pool2d(
        input(context, "x", SHAPE(1, 2, 5, 4)),
        (struct pool2d_options){.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}});
}
static struct tensor build_max_pool2d_ceil(struct tensor_context *context) {
    return max_pool2d(
        input(context, "x", SHAPE(1, 1, 6, 5)),
        (struct pool2d_options){.kernel = {3, 2}, .stride = {2, 3}, .ceil_mode = true});
}
static struct tensor build_avg_pool2d(struct tensor_context *context) {
    return avg_pool2d(input(context, "x", SHAPE(1, 2, 4, 4)),
                      (struct pool2d_options){.padding = {1, 0}});
}
static struct tensor build_avg_pool2d_exclude(struct tensor_context *context) {
    return avg_pool2d(
        input(context, "x", SHAPE(1, 1, 5, 4)),
        (struct pool2d_options){
            .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}, .exclude_padding = true});
}
static struct tensor build_avg_pool2d_ceil(struct tensor_context *context) {
    return avg_pool2d(
        input(context, "x", SHAPE(1, 1, 6, 5)),
        (struct pool2d_options){
            .kernel = {3, 2}, .stride = {2, 2}, .padding = {1, 1}, .ceil_mode = true});
}
static struct tensor build_conv2d(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(1, 4, 5, 6));
    struct tensor w = input(context, "w", SHAPE(6, 2, 3, 2)), b = input(context, "b", SHAPE(6));
    return conv2d(x, w, b,
                  (struct conv2d_options){
                      .stride = {2, 3}, .dilation = {1, 2}, .padding = {1, 2}, .groups = 2});
}
static struct tensor build_linear(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(2, 3)), w = input(context, "w", SHAPE(4, 3));
    return linear(x, w, input(context, "b", SHAPE(4)));
}
static struct tensor build_matmul(struct tensor_context *context) {
    struct tensor a = input(context, "a", SHAPE(2, 1, 2, 3));
    return matmul(a, input(context, "b", SHAPE(2, 3, 1)));
}
static struct tensor build_matmul_vector(struct tensor_context *context) {
    struct tensor a = input(context, "a", SHAPE(2, 3));
    return matmul(a, input(context, "b", SHAPE(3)));
}
static struct tensor build_vector_matmul(struct tensor_context *context) {
    struct tensor a = input(context, "a", SHAPE(3));
    return matmul(a, input(context, "b", SHAPE(3, 2)));
}
static struct tensor build_embedding(struct tensor_context *context) {
    struct tensor table = input(context, "table", SHAPE(5, 3));
    return embedding(table, add_graph_input(context, "n", DTYPE_INT32, SHAPE(2, 2)));
}
static struct tensor build_attention(struct tensor_context *context) {
    struct tensor q = input(context, "q", SHAPE(2, 2, 3)), k = input(context, "k", SHAPE(2, 4, 3));
    struct tensor v = input(context, "v", SHAPE(2, 4, 2));
    struct tensor mask = add_graph_input(context, "mask", DTYPE_BOOL, SHAPE(2, 4));
    return scaled_dot_product_attention(q, k, v, (struct attention_options){.mask = mask});
}
static struct tensor build_causal_attention(struct tensor_context *context) {
    struct tensor q = input(context, "q", SHAPE(3, 2)), k = input(context, "k", SHAPE(3, 2));
    struct tensor v = input(context, "v", SHAPE(3, 2));
    return scaled_dot_product_attention(q, k, v, (struct attention_options){.causal = true});
}
static struct tensor build_shapes(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(2, 5)), parts[2];
    split(x, -1, 2, (const int64_t[]){2, 3}, parts);
    struct tensor left = repeat(parts[0], SHAPE(1, 3)), right = repeat(parts[1], SHAPE(1, 2));
    struct tensor both = stack(TENSORS(left, right), 1);                 /* (2, 2, 6) */
    return flatten(squeeze(unsqueeze(transpose(both, 0, -1), 0), 0), 1); /* (6, 4) */
}

static const struct layer_case {
    const char *name;
    struct tensor (*build)(struct tensor_context *context);
    const char *nodes;
    int count;
    const float *values; /* as TinyGrad 0.14 computes them on a CPU */
} cases[] = {
#define CASE(name, nodes, ...)                                                                     \
    {#name, build_##name, nodes, sizeof(float[]){__VA_ARGS__} / sizeof(float),                     \
     (const float[]){__VA_ARGS__}},
#include "tests/builder/layer_cases.def"
#undef CASE
};

Test(layers, write_the_expected_nodes) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct graph *graph = compile(cases[i].build(tensor_context_new(cases[i].name)));
        struct text text = graph_text(graph);
        cr_expect_str_eq(text.bytes, cases[i].nodes, "%s: found:\n%s", cases[i].name, text.bytes);
        text_free(&text);
        graph_free(graph);
    }
}

/* Sums round in another order than TinyGrad's, and exponentials and logarithms are others: a few
 * units in the last place of the numbers at hand, which are below 16. */
Test(layers, compute_what_tinygrad_computes) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct graph *graph = compile(cases[i].build(tensor_context_new(cases[i].name)));
        cr_assert_eq(node_elements(graph->outputs[0].node), cases[i].count, "%s", cases[i].name);
        float *found = run(graph);
        for (int k = 0; k < cases[i].count; k++) {
            float expected = cases[i].values[k];
            cr_expect_leq(fabsf(found[k] - expected), 1e-6f * fmaxf(1, fabsf(expected)),
                          "%s, element %d: %.9g, expected %.9g", cases[i].name, k, (double)found[k],
                          (double)expected);
        }
        et_release(found);
        graph_free(graph);
    }
}

static const struct node *find_op(const struct graph *graph, enum op op) {
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == op)
            return graph->nodes[i];
    return NULL;
}

/* Maxima are padded with the least value; what is narrower than int32 is summed as int32. */
Test(layers, take_every_integer) {
    for (int d = 0; d < DTYPE_COUNT; d++) {
        enum dtype dtype = (enum dtype)d;
        if (dtype_facts[d].letter != 'I')
            continue;
        struct tensor_context *context = tensor_context_new("pool");
        struct tensor x = add_graph_input(context, "x", dtype, SHAPE(1, 1, 4, 4));
        struct graph *graph =
            compile(max_pool2d(x, (struct pool2d_options){.kernel = {2, 2}, .padding = {1, 1}}));
        const struct node *pad = find_op(graph, OP_PAD);
        cr_assert_eq(graph->outputs[0].node->dtype, dtype);
        if (dtype_facts[d].least)
            cr_expect_eq(memcmp(pad->value, &dtype_facts[d].least, dtype_facts[d].bytes), 0, "%s",
                         dtype_facts[d].name);
        else
            cr_expect_null(pad->value, "%s", dtype_facts[d].name);
        graph_free(graph);
        x = add_graph_input(tensor_context_new("mean"), "x", dtype, SHAPE(3));
        graph = compile(mean(x, ALL_AXES, false));
        cr_expect_eq(find_op(graph, OP_REDUCE_SUM)->dtype,
                     dtype_bytes(dtype) < 4 ? DTYPE_INT32 : dtype, "%s", dtype_facts[d].name);
        graph_free(graph);
    }
}

/* Windows */

static const struct window_case {
    int64_t height, width, kernel[2], stride[2], dilation[2];
} window_cases[] = {
    {5, 6, {1, 1}, {1, 1}, {1, 1}}, {5, 6, {3, 2}, {1, 1}, {1, 1}}, {5, 6, {5, 6}, {1, 1}, {1, 1}},
    {8, 8, {2, 2}, {2, 2}, {1, 1}}, {7, 9, {2, 3}, {2, 3}, {1, 1}}, {7, 9, {3, 3}, {2, 2}, {1, 1}},
    {7, 9, {1, 2}, {3, 4}, {1, 1}}, {9, 9, {3, 2}, {1, 2}, {2, 3}}, {9, 7, {2, 2}, {3, 1}, {8, 6}},
    {4, 4, {1, 1}, {7, 5}, {1, 1}}, {3, 3, {2, 2}, {5, 5}, {1, 2}}, {6, 1, {4, 1}, {1, 1}, {1, 1}},
};

static bool same_elements(struct tensor a, struct tensor b) {
    struct graph *one = compile(a), *other = compile(b);
    const struct node *x = one->outputs[0].node, *y = other->outputs[0].node;
    bool same =
        x->rank == y->rank && memcmp(x->shape, y->shape, (size_t)x->rank * sizeof *x->shape) == 0;
    if (same) {
        void *left = run(one), *right = run(other);
        same = memcmp(left, right, (size_t)node_bytes(x)) == 0;
        et_release(left);
        et_release(right);
    }
    graph_free(one);
    graph_free(other);
    return same;
}

static struct tensor image(const struct window_case *row) {
    return input(tensor_context_new("t"), "x", SHAPE(2, 3, row->height, row->width));
}

Test(layers, windows_need_no_window_operation) {
    for (size_t i = 0; i < sizeof window_cases / sizeof *window_cases; i++) {
        const struct window_case *row = &window_cases[i];
        struct tensor expected = windows(image(row), row->kernel, row->stride, row->dilation);
        struct tensor moved =
            windows_by_movement(image(row), row->kernel, row->stride, row->dilation);
        cr_expect(same_elements(expected, moved), "row %zu", i);
        bool blocks = row->kernel[0] <= row->stride[0] && row->kernel[1] <= row->stride[1] &&
                      row->dilation[0] == 1 && row->dilation[1] == 1;
        if (!blocks)
            continue;
        expected = windows(image(row), row->kernel, row->stride, row->dilation);
        cr_expect(same_elements(expected, windows_by_blocks(image(row), row->kernel, row->stride)),
                  "row %zu", i);
    }
}

Test(layers, windows_by_movement_uses_movement_alone) {
    struct tensor x = input(tensor_context_new("t"), "x", SHAPE(1, 1, 4, 4));
    struct graph *graph =
        compile(windows_by_movement(x, (int64_t[]){3, 3}, (int64_t[]){1, 1}, (int64_t[]){1, 1}));
    struct text text = graph_text(graph);
    cr_expect_str_eq(text.bytes,
                     "0 input x float32[1,1,4,4]\n"
                     "1 reshape(0) float32[1,1,1,4,1,4]\n"
                     "2 expand(1) float32[1,1,4,4,4,4]\n"
                     "3 reshape(2) float32[1,1,16,16]\n"
                     "4 shrink(3) 0:1,0:1,0:15,0:15 float32[1,1,15,15]\n"
                     "5 reshape(4) float32[1,1,3,5,3,5]\n"
                     "6 shrink(5) 0:1,0:1,0:3,0:2,0:3,0:2 float32[1,1,3,2,3,2]\n"
                     "7 reshape(6) float32[1,1,3,2,1,3,2,1]\n"
                     "8 reshape(7) float32[1,1,3,2,3,2]\n"
                     "9 permute(8) axes 0,1,3,5,2,4 float32[1,1,2,2,3,3]\n"
                     "y = 9\n",
                     "found:\n%s", text.bytes);
    text_free(&text);
    graph_free(graph);
}

/* The model */

Test(layers, mnist_model_has_the_tutorials_weights) {
    static const char *const weights[] = {
        "layers.0.weight float32[32,1,5,5]",  "layers.0.bias float32[32]",
        "layers.2.weight float32[32,32,5,5]", "layers.2.bias float32[32]",
        "layers.4.running_mean float32[32]",  "layers.4.weight float32[32]",
        "layers.4.running_var float32[32]",   "layers.4.bias float32[32]",
        "layers.6.weight float32[64,32,3,3]", "layers.6.bias float32[64]",
        "layers.8.weight float32[64,64,3,3]", "layers.8.bias float32[64]",
        "layers.10.running_mean float32[64]", "layers.10.weight float32[64]",
        "layers.10.running_var float32[64]",  "layers.10.bias float32[64]",
        "layers.13.weight float32[10,576]",   "layers.13.bias float32[10]",
    };
    struct et_error error = {0};
    struct graph *graph = mnist_graph(&error);
    cr_assert_not_null(graph, "%s", error.message);
    size_t count = 0;
    int64_t multiply_adds = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        if (node->op == OP_CONTRACT)
            multiply_adds += node_elements(node->sources[0]);
        if (node->op != OP_WEIGHT)
            continue;
        char found[512];
        snprintf(found, sizeof found, "%s %s", node->name, shape_text(node).text);
        cr_assert_lt(count, sizeof weights / sizeof *weights);
        cr_expect_str_eq(found, weights[count]);
        count++;
    }
    cr_expect_eq(count, sizeof weights / sizeof *weights);
    /* 24^2 32 25 + 20^2 32 32 25 + 8^2 64 32 9 + 6^2 64 64 9 + 576 10 */
    cr_expect_eq(multiply_adds, 460800 + 10240000 + 1179648 + 1327104 + 5760);
    cr_expect_str_eq(shape_text(graph_find_input(graph, "input_image")).text, "float32[1,1,28,28]");
    cr_expect_str_eq(graph->outputs[0].name, "logits");
    cr_expect_str_eq(shape_text(graph->outputs[0].node).text, "float32[1,10]");
    graph_free(graph);
}

/* Weight k, counted in the order above, is an eighth of what input k would be; variances are as
 * inputs with p. */
Test(layers, mnist_model_computes_what_tinygrads_does) {
    static const float expected[10] = {
        -0.76840049f, -0.65193069f, -0.723228931f, -0.350378126f, -0.0334028453f,
        0.340056956f, 0.254354686f, 0.395290226f,  0.624735892f,  0.787069798f,
    };
    enum { WEIGHTS = 18 };
    void *elements[WEIGHTS];
    int count = 0;
    struct et_error error = {0};
    struct graph *graph = mnist_graph(&error);
    cr_assert_not_null(graph, "%s", error.message);
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = graph->nodes[i], like = *node;
        if (node->op != OP_WEIGHT)
            continue;
        cr_assert_lt(count, WEIGHTS);
        bool positive = strstr(node->name, "var") != NULL;
        float *values = et_allocate_aligned((size_t)node_bytes(node));
        like.name = positive ? "p" : "w";
        fill(&like, count, values);
        for (int64_t k = 0; k < node_elements(node); k++)
            values[k] /= positive ? 1 : 8;
        node->value = elements[count++] = values;
    }
    float *logits = run(graph);
    for (int i = 0; i < 10; i++)
        cr_expect_leq(fabsf(logits[i] - expected[i]), 1e-5f, "%d: %.9g, expected %.9g", i,
                      (double)logits[i], (double)expected[i]);
    et_release(logits);
    for (int k = 0; k < count; k++)
        et_release(elements[k]);
    graph_free(graph);
}
