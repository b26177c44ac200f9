/* fold-batchnorm: what goes back, what goes forward, and what must stay where it is. */
#include "tests/support/rewrite_support.h"

#include <stdio.h>

TestSuite(fold_batchnorm, .timeout = 120);

static const double tolerance = 2e-6;

/* ---- Pieces of models ---- */

static struct tensor named(struct tensor_context *context, const char *layer, const char *name,
                           int64_t channels) {
    char full_name[64];
    snprintf(full_name, sizeof full_name, "%s.%s", layer, name);
    return test_weight(context, full_name, SHAPE(channels));
}

static struct tensor normalise(struct tensor x, const char *layer) {
    int64_t channels = tensor_extent(x, 1);
    return batch_norm(x,
                      (struct batch_norm_parameters){
                          .weight = named(x.context, layer, "weight", channels),
                          .bias = named(x.context, layer, "bias", channels),
                          .running_mean = named(x.context, layer, "mean", channels),
                          .running_var = named(x.context, layer, "var", channels),
                      },
                      1e-5);
}

/* As TinyGrad does it: 1 / sqrt(variance + epsilon) of all elements, not of the channels. */
static struct tensor normalise_expanded(struct tensor x, const char *layer) {
    int64_t channels = tensor_extent(x, 1);
    struct tensor parameters[4];
    static const char *const names[] = {"mean", "weight", "var", "bias"};
    for (int i = 0; i < 4; i++) {
        parameters[i] =
            tensor_reshape(named(x.context, layer, names[i], channels), SHAPE(1, channels, 1, 1));
        parameters[i] = tensor_expand(parameters[i], x.node->rank, x.node->shape);
    }
    struct tensor spread = tensor_add(parameters[2], scalar(x.context, 1e-5f));
    struct tensor y = tensor_mul(tensor_sub(x, parameters[0]), parameters[1]);
    return tensor_add(tensor_mul(y, tensor_recip(tensor_sqrt(spread))), parameters[3]);
}

static struct tensor convolve(struct tensor x, const char *name, int64_t outputs, int64_t padding,
                              int64_t groups) {
    int64_t channels = tensor_extent(x, 1) / groups;
    return conv2d(x, test_weight(x.context, name, SHAPE(outputs, channels, 3, 3)), NO_TENSOR,
                  (struct conv2d_options){.padding = {padding, padding}, .groups = groups});
}

static struct tensor add_bias(struct tensor x, const char *name) {
    int64_t channels = tensor_extent(x, 1);
    return tensor_add(
        x, tensor_reshape(test_weight(x.context, name, SHAPE(channels)), SHAPE(1, channels, 1, 1)));
}

static struct tensor picture(struct tensor_context *context) {
    return test_input(context, SHAPE(2, 4, 7, 8));
}

static struct tensor scale_of(struct tensor x, const char *name) {
    return tensor_reshape(test_weight(x.context, name, SHAPE(tensor_extent(x, 1))),
                          SHAPE(1, tensor_extent(x, 1), 1, 1));
}

/* ---- What is folded: the number of sites, and what arithmetic is left ---- */

static struct tensor after_convolution(struct tensor_context *context) {
    return normalise(convolve(picture(context), "w", 5, 1, 1), "norm");
}
static struct tensor after_bias(struct tensor_context *context) {
    return relu(normalise(add_bias(convolve(picture(context), "w", 5, 0, 1), "b"), "norm"));
}
static struct tensor captured(struct tensor_context *context) {
    return relu(normalise_expanded(convolve(picture(context), "w", 5, 1, 1), "norm"));
}
static struct tensor grouped(struct tensor_context *context) {
    return normalise(convolve(picture(context), "w", 6, 1, 2), "norm");
}
static struct tensor depthwise(struct tensor_context *context) {
    return normalise(convolve(picture(context), "w", 4, 1, 4), "norm");
}
static struct tensor after_linear(struct tensor_context *context) {
    struct tensor x = test_input(context, SHAPE(3, 6));
    struct tensor y =
        linear(x, test_weight(context, "w", SHAPE(5, 6)), test_weight(context, "b", SHAPE(5)));
    return normalise(y, "norm");
}
static struct tensor twice(struct tensor_context *context) {
    struct tensor x = relu(normalise(convolve(picture(context), "w", 5, 1, 1), "norm"));
    return relu(normalise(convolve(x, "v", 4, 1, 1), "other"));
}
static struct tensor residual(struct tensor_context *context) {
    struct tensor x = picture(context);
    struct tensor y = relu(normalise(convolve(x, "w", 4, 1, 1), "norm"));
    return relu(tensor_add(normalise(convolve(y, "v", 4, 1, 1), "other"), x));
}
static struct tensor all_operations(struct tensor_context *context) {
    struct tensor x = convolve(picture(context), "w", 5, 1, 1);
    x = tensor_sub(scale_of(x, "a"), tensor_mul(scale_of(x, "b"), x));
    x = tensor_div(tensor_neg(x), scale_of(x, "var"));
    return tensor_sub(tensor_add(scalar(context, 3), x), scale_of(x, "c"));
}
static struct tensor attention_scale(struct tensor_context *context) {
    struct tensor x = test_input(context, SHAPE(2, 6, 8));
    struct tensor q =
        linear(x, test_weight(context, "w", SHAPE(8, 8)), test_weight(context, "b", SHAPE(8)));
    q = transpose(tensor_reshape(q, SHAPE(2, 6, 2, 4)), 1, 2);
    return tensor_exp(multiply_by(q, 0.5));
}
static struct tensor weight_first(struct tensor_context *context) {
    struct tensor x = test_input(context, SHAPE(1, 4, 6));
    struct tensor w = tensor_reshape(test_weight(context, "w", SHAPE(3, 4)), SHAPE(3, 4, 1));
    return tensor_mul(tensor_contract(w, x, AXES(1)), test_weight(context, "s", SHAPE(3, 1)));
}
static struct tensor two_biases(struct tensor_context *context) {
    return add_bias(add_bias(convolve(picture(context), "w", 5, 1, 1), "a"), "b");
}
/* The standardised picture of most models. */
static struct tensor before_convolution(struct tensor_context *context) {
    struct tensor x = picture(context);
    x = tensor_div(tensor_sub(x, scale_of(x, "mean")), scale_of(x, "var"));
    return relu(add_bias(convolve(x, "w", 5, 0, 1), "b"));
}
static struct tensor scale_before_padding(struct tensor_context *context) {
    struct tensor x = picture(context);
    return convolve(tensor_mul(x, scale_of(x, "s")), "w", 5, 1, 1);
}
static struct tensor scale_before_groups(struct tensor_context *context) {
    struct tensor x = relu(picture(context));
    x = tensor_add(tensor_mul(x, scale_of(x, "s")), scale_of(x, "t"));
    return convolve(x, "w", 6, 0, 2);
}
/* As in the shipped model, with a scale that is positive. */
static struct tensor through_pool(struct tensor_context *context) {
    struct tensor x = relu(convolve(picture(context), "w", 5, 1, 1));
    x = tensor_add(tensor_mul(x, scale_of(x, "var")), scale_of(x, "t"));
    x = max_pool2d(x, (struct pool2d_options){0});
    return linear(flatten(x, 1), test_weight(context, "v", SHAPE(3, 5 * 3 * 4)), NO_TENSOR);
}
static struct tensor through_flatten(struct tensor_context *context) {
    struct tensor x = relu(picture(context));
    x = tensor_sub(tensor_mul(x, scale_of(x, "s")), scale_of(x, "t"));
    return linear(flatten(x, 1), test_weight(context, "v", SHAPE(3, 4 * 7 * 8)),
                  test_weight(context, "b", SHAPE(3)));
}
/* Some scales are negative: the shift goes through the maximum, the scale does not. */
static struct tensor shift_through_pool(struct tensor_context *context) {
    struct tensor x = relu(picture(context));
    x = tensor_add(tensor_mul(x, scale_of(x, "s")), scale_of(x, "t"));
    return convolve(max_pool2d(x, (struct pool2d_options){.stride = {1, 1}}), "v", 3, 0, 1);
}
static struct tensor through_minimum(struct tensor_context *context) {
    struct tensor x = relu(picture(context));
    x = tensor_add(tensor_mul(x, scale_of(x, "var")), scale_of(x, "t"));
    x = tensor_reduce_min(x, AXES(2));
    return tensor_contract(x, test_weight(context, "v", SHAPE(1, 4, 8)), AXES(1));
}
/* Others read the result of the first two, but not what is between them. */
static struct tensor read_at_the_end(struct tensor_context *context) {
    struct tensor x = convolve(picture(context), "w", 5, 1, 1);
    x = tensor_add(tensor_mul(x, scale_of(x, "s")), scale_of(x, "t"));
    return tensor_add(tensor_exp(x), relu(x));
}
static struct tensor weights_repeat(struct tensor_context *context) {
    struct tensor x = relu(test_input(context, SHAPE(3, 4, 5)));
    x = tensor_add(tensor_mul(x, test_weight(context, "s", SHAPE(5))),
                   test_weight(context, "t", SHAPE(5)));
    /* summed over an axis that the weights do not have, too */
    return tensor_contract(x, test_weight(context, "v", SHAPE(5)), AXES(1, 2));
}

/* `left`: how many of mul, div, neg, sub, and how many of add. */
static const struct {
    const char *name;
    struct tensor (*build)(struct tensor_context *context);
    int sites, left, additions;
} folding[] = {
#define CASE(name, sites, left, additions)                                                         \
    { #name, name, sites, left, additions }
    CASE(after_convolution, 1, 0, 1),
    CASE(after_bias, 1, 0, 1),
    CASE(captured, 1, 0, 1),
    CASE(grouped, 1, 0, 1),
    CASE(depthwise, 1, 0, 1),
    CASE(after_linear, 1, 0, 1),
    CASE(twice, 2, 0, 2),
    CASE(residual, 2, 0, 3),
    CASE(all_operations, 1, 0, 1),
    CASE(attention_scale, 1, 0, 1),
    CASE(weight_first, 1, 0, 0),
    CASE(two_biases, 1, 0, 1),
    CASE(before_convolution, 2, 0, 1),
    CASE(scale_before_padding, 1, 0, 0),
    CASE(scale_before_groups, 1, 0, 1),
    CASE(through_pool, 1, 0, 1),
    CASE(through_flatten, 2, 0, 1),
    CASE(shift_through_pool, 1, 1, 1),
    CASE(through_minimum, 1, 0, 1),
    CASE(read_at_the_end, 1, 0, 2),
    CASE(weights_repeat, 1, 0, 1),
#undef CASE
};
enum { FOLDING = sizeof folding / sizeof *folding };

static int count_arithmetic(const struct graph *graph) {
    return count_op(graph, OP_MUL) + count_op(graph, OP_DIV) + count_op(graph, OP_NEG) +
           count_op(graph, OP_SUB);
}

Test(fold_batchnorm, folds) {
    for (int i = 0; i < FOLDING; i++) {
        const char *name = folding[i].name;
        struct graph *graph = test_graph(folding[i].build(tensor_context_new(name)));
        struct rewritten rewritten = rewrite_with(graph, REWRITE_fold_batchnorm, NULL);
        cr_expect_eq(rewritten_count(&rewritten, REWRITE_fold_batchnorm), folding[i].sites,
                     "%s: %d sites", name, rewritten_count(&rewritten, REWRITE_fold_batchnorm));
        cr_expect_eq(count_arithmetic(rewritten.graph), folding[i].left, "%s: %d left", name,
                     count_arithmetic(rewritten.graph));
        cr_expect_eq(count_op(rewritten.graph, OP_ADD), folding[i].additions, "%s: %d additions",
                     name, count_op(rewritten.graph, OP_ADD));
        expect_near(graph, rewritten.graph, tolerance, name);
        expect_done(&rewritten, REWRITE_fold_batchnorm, NULL);
        expect_same_bits(rewritten.graph, "jit", name);
        graph_free(graph);
        rewritten_free(&rewritten);
    }
}

Test(fold_batchnorm, the_same_bits_in_all_modes) {
    struct graph *graph = test_graph(twice(tensor_context_new("twice")));
    struct rewritten rewritten = rewrite_with(graph, REWRITE_fold_batchnorm, NULL);
    for (int mode = 0; mode < MODE_COUNT; mode++)
        expect_same_bits(rewritten.graph, modes[mode].name, modes[mode].name);
    graph_free(graph);
    rewritten_free(&rewritten);
}

/* ---- What stays ---- */

static struct tensor given_statistics(struct tensor_context *context) {
    struct tensor x = convolve(picture(context), "w", 5, 1, 1);
    struct batch_norm_parameters parameters = {
        .running_mean = add_graph_input(context, "mean", DTYPE_FLOAT32, SHAPE(5)),
        .running_var = add_graph_input(context, "var", DTYPE_FLOAT32, SHAPE(5))};
    return batch_norm(x, parameters, 1e-5);
}
static struct tensor given_weights(struct tensor_context *context) {
    struct tensor w = add_graph_input(context, "w", DTYPE_FLOAT32, SHAPE(5, 4, 3, 3));
    return normalise(conv2d(picture(context), w, NO_TENSOR, (struct conv2d_options){0}), "norm");
}
static struct tensor activation_between(struct tensor_context *context) {
    return normalise(relu(convolve(picture(context), "w", 5, 1, 1)), "norm");
}
static struct tensor activation_between_both(struct tensor_context *context) {
    struct tensor x = normalise(relu(convolve(picture(context), "w", 5, 1, 1)), "norm");
    return convolve(relu(x), "v", 3, 0, 1);
}
static struct tensor shift_before_padding(struct tensor_context *context) {
    struct tensor x = normalise(relu(convolve(picture(context), "w", 5, 1, 1)), "norm");
    return convolve(x, "v", 3, 1, 1);
}
static struct tensor scale_before_other_padding(struct tensor_context *context) {
    struct tensor x = relu(picture(context));
    x = tensor_mul(x, scale_of(x, "s"));
    x = tensor_pad(x, RANGES({0, 0}, {0, 0}, {1, 1}, {1, 1}), 1);
    return convolve(x, "v", 3, 0, 1);
}
static struct tensor other_readers(struct tensor_context *context) {
    struct tensor x = convolve(picture(context), "w", 5, 1, 1);
    return tensor_add(normalise(x, "norm"), tensor_exp(x));
}
static struct tensor other_readers_after(struct tensor_context *context) {
    struct tensor x = normalise(relu(picture(context)), "norm");
    return tensor_add(convolve(x, "w", 4, 0, 1),
                      tensor_shrink(x, RANGES({0, 2}, {0, 4}, {0, 5}, {0, 6})));
}
static struct tensor along_the_width(struct tensor_context *context) {
    struct tensor x = convolve(picture(context), "w", 5, 1, 1);
    return tensor_mul(x, test_weight(context, "s", SHAPE(8)));
}
static struct tensor along_two_axes(struct tensor_context *context) {
    struct tensor x = convolve(picture(context), "w", 5, 1, 1);
    return tensor_mul(x, test_weight(context, "s", SHAPE(5, 7, 8)));
}
static struct tensor negative_scale_before_pool(struct tensor_context *context) {
    struct tensor x = relu(picture(context));
    x = max_pool2d(tensor_mul(x, scale_of(x, "s")), (struct pool2d_options){0});
    return convolve(x, "v", 3, 0, 1);
}
static struct tensor maximum_of_channels(struct tensor_context *context) {
    struct tensor x = relu(picture(context));
    x = tensor_reduce_max(tensor_mul(x, scale_of(x, "var")), AXES(1));
    return tensor_contract(x, test_weight(context, "v", SHAPE(7, 8)), AXES(1, 2));
}
static struct tensor not_summed(struct tensor_context *context) {
    struct tensor x = relu(test_input(context, SHAPE(6, 4))); /* one scale for each row */
    x = tensor_mul(x, test_weight(context, "s", SHAPE(6, 1)));
    return linear(x, test_weight(context, "w", SHAPE(5, 4)), NO_TENSOR);
}
static struct tensor bias_alone(struct tensor_context *context) {
    return add_bias(convolve(picture(context), "w", 5, 1, 1), "b");
}
static struct tensor squares(struct tensor_context *context) {
    struct tensor x = test_input(context, SHAPE(4, 6));
    return tensor_mul(tensor_contract(x, x, AXES(1)), test_weight(context, "s", SHAPE(4)));
}
static struct tensor infinite(struct tensor_context *context) {
    struct tensor x = convolve(picture(context), "w", 5, 1, 1);
    return tensor_div(x, scalar(context, 0));
}
static struct tensor overflow(struct tensor_context *context) {
    struct tensor x = convolve(picture(context), "w", 5, 1, 1);
    return multiply_by(multiply_by(x, 1e30), 1e30);
}
static struct tensor overflowing_weights(struct tensor_context *context) {
    struct tensor x = test_input(context, SHAPE(3, 6));
    struct tensor w = multiply_by(test_weight(context, "w", SHAPE(5, 6)), 1e30);
    return multiply_by(linear(x, w, NO_TENSOR), 1e30);
}

static const struct {
    const char *name;
    struct tensor (*build)(struct tensor_context *context);
    const char *why; /* NULL: it is not even told */
} staying[] = {
#define CASE(name, why)                                                                            \
    { #name, name, why }
    CASE(given_statistics, NULL),
    CASE(given_weights, "others read the result too, or it is an output"),
    CASE(activation_between, "others read the result too, or it is an output"),
    CASE(activation_between_both, "others read the result too, or it is an output"),
    CASE(shift_before_padding, "padding follows, whose zeros must not be shifted"),
    CASE(scale_before_other_padding, "padding follows, with another number than 0"),
    CASE(other_readers, "no contraction with constant weights is next to it"),
    CASE(other_readers_after, "others read the result too, or it is an output"),
    CASE(along_the_width, "others read the result too, or it is an output"),
    CASE(along_two_axes, NULL),
    CASE(negative_scale_before_pool,
         "a maximum or minimum follows, and some channel's scale is negative"),
    CASE(maximum_of_channels, "a maximum or minimum over channels follows"),
    CASE(not_summed, "the weights of the next contraction are the same for all channels"),
    CASE(bias_alone, NULL),
    CASE(squares, "others read the result too, or it is an output"),
    CASE(infinite, NULL),
    CASE(overflow, NULL),
    CASE(overflowing_weights, NULL),
#undef CASE
};

Test(fold_batchnorm, leaves_what_is_not_exact) {
    for (size_t i = 0; i < sizeof staying / sizeof *staying; i++) {
        const char *name = staying[i].name;
        struct graph *graph = test_graph(staying[i].build(tensor_context_new(name)));
        struct rewritten rewritten = rewrite_with(graph, REWRITE_fold_batchnorm, NULL);
        struct digest before, after;
        struct et_error error = {0};
        cr_expect_eq(rewritten.site_count, staying[i].why ? 1 : 0, "%s: %d sites", name,
                     rewritten.site_count);
        if (staying[i].why && rewritten.site_count)
            cr_expect_str_eq(rewritten.sites[0].what, staying[i].why, "%s: %s", name,
                             rewritten.sites[0].what);
        cr_assert(graph_digest(graph, &before, &error) &&
                      graph_digest(rewritten.graph, &after, &error),
                  "%s", error.message);
        cr_expect(digest_equal(&before, &after), "%s: changed", name);
        graph_free(graph);
        rewritten_free(&rewritten);
    }
}

/* ---- Names, and the numbers themselves ---- */

/* w = 3, then (x - 1) * 2 / sqrt(4) + 5: one weight and one bias that can be worked out by hand. */
Test(fold_batchnorm, numbers_are_those_of_hand) {
    struct tensor_context *context = tensor_context_new("numbers");
    struct tensor x = test_input(context, SHAPE(1, 2));
    struct tensor y = linear(x, test_weight(context, "layer.weight", SHAPE(2, 2)),
                             test_weight(context, "layer.bias", SHAPE(2)));
    y = tensor_sub(y, test_weight(context, "norm.mean", SHAPE(2)));
    y = tensor_mul(y, test_weight(context, "norm.weight", SHAPE(2)));
    y = tensor_add(y, test_weight(context, "norm.bias", SHAPE(2)));
    struct graph *graph = test_graph(y);
    static const struct {
        const char *name;
        float elements[4];
    } values[] = {{"layer.weight", {1, 2, 3, 4}},
                  {"layer.bias", {10, 20}},
                  {"norm.mean", {1, 2}},
                  {"norm.weight", {2, -1}},
                  {"norm.bias", {0.5f, 0.25f}}};
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < 5; k++)
            if (graph->nodes[i]->name && strcmp(graph->nodes[i]->name, values[k].name) == 0)
                graph->nodes[i]->value = values[k].elements;
    struct rewritten rewritten = rewrite_with(graph, REWRITE_fold_batchnorm, NULL);
    static const float weight[] = {2, 4, -3, -4}, bias[] = {18.5f, -17.75f};
    const struct weight *w = weights_find(rewritten.weights, "layer.weight.folded");
    const struct weight *b = weights_find(rewritten.weights, "norm.bias.folded");
    cr_assert(w && b && rewritten.weights->count == 2);
    cr_expect(w->rank == 2 && b->rank == 1);
    cr_expect_arr_eq(w->data, weight, sizeof weight);
    cr_expect_arr_eq(b->data, bias, sizeof bias);
    cr_expect_str_eq(rewritten.sites[0].what, "4 operations: all back into layer.weight");
    cr_expect_str_eq(rewritten.sites[0].name, "layer.bias");
    graph_free(graph);
    rewritten_free(&rewritten);
}

/* One weight used twice becomes two; names that are taken are not taken again. */
Test(fold_batchnorm, names_stay_unique) {
    struct tensor_context *context = tensor_context_new("names");
    struct tensor x = test_input(context, SHAPE(3, 4));
    struct tensor w = test_weight(context, "w", SHAPE(4, 4));
    x = tensor_mul(linear(x, w, NO_TENSOR), test_weight(context, "a", SHAPE(4)));
    x = tensor_mul(linear(relu(x), w, NO_TENSOR), test_weight(context, "b", SHAPE(4)));
    x = tensor_mul(tensor_exp(x), test_weight(context, "w.folded", SHAPE(4)));
    struct graph *graph = test_graph(x);
    struct rewritten rewritten = rewrite_with(graph, REWRITE_fold_batchnorm, NULL);
    cr_expect_eq(rewritten_count(&rewritten, REWRITE_fold_batchnorm), 2);
    cr_expect_eq(rewritten.weights->count, 3);
    cr_expect(weights_find(rewritten.weights, "w.folded"));
    cr_expect(weights_find(rewritten.weights, "w.folded_2"));
    cr_expect(weights_find(rewritten.weights, "w.folded_3"));
    expect_near(graph, rewritten.graph, tolerance, "names");
    graph_free(graph);
    rewritten_free(&rewritten);
}

/* ---- Memory ---- */

Test(fold_batchnorm, every_allocation_fails_once) {
    static const int cases[] = {2, 7, 16, 17};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct graph *graph = test_graph(folding[cases[i]].build(tensor_context_new("memory")));
        const enum rewrite_kind rewrite = REWRITE_fold_batchnorm;
        bool done = false;
        for (unsigned long nth = 1; !done; nth++) {
            struct rewritten rewritten;
            struct et_error error = {0};
            et_fail_allocation(nth);
            done = rewrite_graph(graph, NULL, 1, &rewrite, &rewritten, &error);
            et_fail_allocation(0);
            cr_assert(done || error.message[0], "allocation %lu", nth);
            if (done) {
                cr_expect_gt(rewritten_count(&rewritten, rewrite), 0);
                rewritten_free(&rewritten);
            }
        }
        graph_free(graph);
    }
}
