/* store-weights: which weights it stores in 16 bits, what they become, and what stays. */
#include "templates/convert.h"
#include "tests/support/rewrite_support.h"

TestSuite(store_weights, .timeout = 120);

static struct rewritten store(const struct graph *graph, enum dtype dtype) {
    struct rewrite_options options = {.stored = dtype};
    return rewrite_with(graph, REWRITE_store_weights, &options);
}

static const struct node *weight_named(const struct graph *graph, const char *name) {
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT && strcmp(graph->nodes[i]->name, name) == 0)
            return graph->nodes[i];
    return NULL;
}

/* ---- What is found ---- */

static struct tensor two_layers(struct tensor_context *context) {
    struct tensor x = test_input(context, SHAPE(3, 6));
    x = relu(
        linear(x, test_weight(context, "w", SHAPE(5, 6)), test_weight(context, "b", SHAPE(5))));
    return linear(x, test_weight(context, "v", SHAPE(4, 5)), NO_TENSOR);
}
static struct tensor convolution(struct tensor_context *context) {
    return conv2d(test_input(context, SHAPE(2, 4, 7, 8)),
                  test_weight(context, "w", SHAPE(6, 2, 1, 3)), NO_TENSOR,
                  (struct conv2d_options){.padding = {1, 1}, .groups = 2});
}
/* One weight, read by two contractions and an addition. */
static struct tensor tied(struct tensor_context *context) {
    struct tensor x = test_input(context, SHAPE(5, 5)), w = test_weight(context, "w", SHAPE(5, 5));
    return tensor_add(matmul(matmul(x, w), transpose(w, 0, 1)), w);
}
static struct tensor joined(struct tensor_context *context) {
    struct tensor w = tensor_concat(
        TENSORS(test_weight(context, "w", SHAPE(6, 2)), test_weight(context, "v", SHAPE(6, 3))), 1);
    return matmul(test_input(context, SHAPE(2, 6)), w);
}
static struct tensor computed(struct tensor_context *context) {
    struct tensor w = tensor_exp(test_weight(context, "w", SHAPE(6, 4)));
    return matmul(test_input(context, SHAPE(2, 6)), w);
}
static struct tensor no_contraction(struct tensor_context *context) {
    return tensor_mul(test_input(context, SHAPE(4, 6)), test_weight(context, "w", SHAPE(4, 6)));
}

static const struct {
    const char *name;
    struct tensor (*make)(struct tensor_context *context);
    int sites, casts;
} cases[] = {
    {"two layers", two_layers, 2, 2},          {"a convolution", convolution, 1, 1},
    {"one weight in many places", tied, 1, 1}, {"joined weights", joined, 2, 2},
    {"a computed weight", computed, 0, 0},     {"no contraction", no_contraction, 0, 0},
};

static void check_case(int number, enum dtype dtype, double tolerance) {
    const char *name = cases[number].name;
    struct graph *graph = test_graph(cases[number].make(tensor_context_new("stored")));
    struct rewritten found = store(graph, dtype);
    cr_expect_eq(rewritten_count(&found, REWRITE_store_weights), cases[number].sites, "%s", name);
    cr_expect_eq(count_op(found.graph, OP_CAST), cases[number].casts, "%s", name);
    for (int i = 0; i < found.graph->node_count; i++)
        if (found.graph->nodes[i]->op == OP_CAST)
            cr_expect_eq(found.graph->nodes[i]->sources[0]->dtype, dtype, "%s", name);
    expect_near(graph, found.graph, tolerance, name);
    expect_same_bits(found.graph, "jit", name);
    expect_done(&found, REWRITE_store_weights, &(struct rewrite_options){.stored = dtype});
    rewritten_free(&found);
    graph_free(graph);
}

Test(store_weights, finds_the_weights_of_contractions) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_case((int)i, DTYPE_FLOAT16, 4e-4);
        check_case((int)i, DTYPE_BFLOAT16, 4e-3);
    }
}

/* ---- What they become ---- */

Test(store_weights, rounds_each_number_once) {
    struct graph *graph = test_graph(two_layers(tensor_context_new("rounds")));
    for (int bfloat = 0; bfloat < 2; bfloat++) {
        struct rewritten found = store(graph, bfloat ? DTYPE_BFLOAT16 : DTYPE_FLOAT16);
        const struct node *before = weight_named(graph, "w");
        const struct node *after = weight_named(found.graph, bfloat ? "w.bfloat16" : "w.float16");
        cr_assert_not_null(after);
        cr_expect_eq(after->rank, 2);
        cr_expect_null(weight_named(found.graph, "w"));
        for (int i = 0; i < 30; i++) {
            float number = ((const float *)before->value)[i];
            cr_expect_eq(((const uint16_t *)after->value)[i],
                         bfloat ? f32_to_bf16(number) : f32_to_f16(number));
        }
        rewritten_free(&found);
    }
    graph_free(graph);
}

/* What is infinite stays so; what would become infinite stays as it is. */
Test(store_weights, leaves_what_is_too_large) {
    static const struct {
        float number;
        enum dtype dtype;
        bool stored;
    } numbers[] = {
        {65519.0f, DTYPE_FLOAT16, true},   {65520.0f, DTYPE_FLOAT16, false},
        {-1e5f, DTYPE_FLOAT16, false},     {INFINITY, DTYPE_FLOAT16, true},
        {NAN, DTYPE_FLOAT16, true},        {1e-30f, DTYPE_FLOAT16, true},
        {65520.0f, DTYPE_BFLOAT16, true},  {3.4e38f, DTYPE_BFLOAT16, false},
        {-3.38e38f, DTYPE_BFLOAT16, true},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct graph *graph = test_graph(two_layers(tensor_context_new("large")));
        ((float *)(uintptr_t)weight_named(graph, "v")->value)[7] = numbers[i].number;
        struct rewritten found = store(graph, numbers[i].dtype);
        cr_expect_eq(rewritten_count(&found, REWRITE_store_weights), 1 + numbers[i].stored, "%g",
                     (double)numbers[i].number);
        cr_expect_eq(weight_named(found.graph, "v") == NULL, numbers[i].stored, "%g",
                     (double)numbers[i].number);
        expect_same_bits(found.graph, "jit", "large");
        rewritten_free(&found);
        graph_free(graph);
    }
}
