/* quantize: what it finds, how near the integers come, and what their bits are. */
#include "tests/support/mnist_data.h"
#include "tests/support/rewrite_support.h"

TestSuite(quantize, .timeout = 300);

/* ---- Data ---- */

/* Samples of ordinary numbers: sample k is ordinary_inputs(graph, 2 + k). */
static bool fill_sample(void *context, int64_t index, void *const *inputs, struct et_error *error) {
    const struct graph *graph = context;
    struct inputs sample = ordinary_inputs(graph, 2 + (uint64_t)index);
    for (int i = 0; i < sample.count; i++)
        memcpy(inputs[i], sample.elements[i], (size_t)node_bytes(graph->inputs[i]));
    inputs_free(&sample);
    (void)error;
    return true;
}

static struct rewritten quantize(struct graph *graph) {
    struct program_samples samples = {.count = 4, .context = graph, .fill = fill_sample};
    struct rewrite_data data = program_data(&samples);
    struct rewrite_options options = {.data = &data};
    return rewrite_with(graph, REWRITE_quantize, &options);
}

/* ---- How near ---- */

typedef struct tensor make_tensor(struct tensor_context *context);

static struct tensor some_weight(struct tensor_context *context, int rank, const int64_t *shape) {
    static int count;
    char name[16];
    snprintf(name, sizeof name, "w%d", count++);
    return test_weight(context, name, rank, shape);
}

static struct tensor layer(struct tensor x, int64_t outputs) {
    struct tensor_context *context = x.context;
    int64_t inputs = tensor_extent(x, 1);
    return linear(x, some_weight(context, SHAPE(outputs, inputs)),
                  some_weight(context, SHAPE(outputs)));
}
static struct tensor filter(struct tensor x, int64_t outputs, struct conv2d_options options) {
    struct tensor_context *context = x.context;
    int64_t groups = options.groups ? options.groups : 1;
    int64_t inputs = tensor_extent(x, 1) / groups;
    options.groups = groups;
    return conv2d(x, some_weight(context, SHAPE(outputs, inputs, 3, 3)),
                  some_weight(context, SHAPE(outputs)), options);
}
static struct tensor picture(struct tensor_context *context) {
    return test_input(context, SHAPE(2, 4, 9, 8));
}
static struct tensor cut_at_six(struct tensor x) {
    return tensor_min(tensor_max(x, scalar(x.context, 0)), scalar(x.context, 6));
}

static struct tensor layers(struct tensor_context *context) {
    return layer(relu(layer(layer(test_input(context, SHAPE(5, 33)), 20), 17)), 9);
}
/* Padding of numbers of both signs: 0 is no code at either end. */
static struct tensor padded(struct tensor_context *context) {
    struct conv2d_options options = {.padding = {1, 1}};
    return filter(filter(picture(context), 6, options), 5, options);
}
/* Maxima over padding with -inf, and strides, between the sums and what reads them. */
static struct tensor pooled(struct tensor_context *context) {
    struct tensor x = filter(picture(context), 6, (struct conv2d_options){.stride = {2, 1}});
    x = max_pool2d(cut_at_six(x), (struct pool2d_options){.kernel = {2, 2}, .padding = {1, 1}});
    return filter(tensor_flip(x, AXES(3)), 5, (struct conv2d_options){.padding = {2, 1}});
}
static struct tensor by_channel(struct tensor_context *context) {
    struct tensor x = filter(picture(context), 4, (struct conv2d_options){.groups = 4});
    return filter(relu(x), 8, (struct conv2d_options){.groups = 2});
}
/* What two layers read, and a shortcut around one of them. */
static struct tensor residual(struct tensor_context *context) {
    struct tensor x = relu(layer(test_input(context, SHAPE(6, 20)), 20));
    struct tensor y = relu(tensor_add(layer(relu(layer(x, 20)), 20), x));
    return tensor_add(layer(y, 7), layer(y, 7));
}
static struct tensor joined(struct tensor_context *context) {
    struct tensor x = test_input(context, SHAPE(6, 20));
    struct tensor parts[2] = {layer(x, 11), relu(layer(x, 14))};
    return layer(tensor_concat(2, parts, 1), 8);
}
/* Layers between what stays float32. */
static struct tensor activated(struct tensor_context *context) {
    return tensor_exp(layer(tensor_tanh(layer(test_input(context, SHAPE(4, 16)), 12)), 5));
}
/* A minimum, and a maximum with a number for each channel. */
static struct tensor limited(struct tensor_context *context) {
    struct tensor x = layer(test_input(context, SHAPE(4, 16)), 12);
    x = tensor_min(x, scalar(context, 1.5F));
    x = tensor_max(x, some_weight(context, SHAPE(12)));
    return layer(tensor_max(scalar(context, -0.5F), x), 5);
}
static struct tensor normalised(struct tensor_context *context) {
    struct tensor x = filter(picture(context), 6, (struct conv2d_options){0});
    x = batch_norm(x,
                   (struct batch_norm_parameters){
                       .weight = some_weight(context, SHAPE(6)),
                       .bias = some_weight(context, SHAPE(6)),
                       .running_mean = some_weight(context, SHAPE(6)),
                       .running_var = test_weight(context, "var", SHAPE(6)),
                   },
                   1e-5);
    return filter(relu(x), 3, (struct conv2d_options){0});
}

static const struct {
    const char *name;
    make_tensor *make;
    int sites;
} near_graphs[] = {
    {"layers", layers, 3},         {"padded", padded, 2},     {"pooled", pooled, 2},
    {"by channel", by_channel, 2}, {"residual", residual, 5}, {"joined", joined, 3},
    {"activated", activated, 2},   {"limited", limited, 2},   {"normalised", normalised, 2},
};

Test(quantize, comes_near_and_has_the_same_bits_in_every_mode) {
    for (size_t i = 0; i < sizeof near_graphs / sizeof *near_graphs; i++) {
        struct graph *graph =
            test_graph(near_graphs[i].make(tensor_context_new(near_graphs[i].name)));
        struct rewritten found = quantize(graph);
        cr_expect_eq(rewritten_count(&found, REWRITE_quantize), near_graphs[i].sites, "%s: %d",
                     near_graphs[i].name, rewritten_count(&found, REWRITE_quantize));
        struct inputs inputs = ordinary_inputs(graph, 3);
        double *expected = run_widely(graph, &inputs);
        float *codes = run_eagerly(found.graph, &inputs);
        double error = error_of(codes, expected, node_elements(graph->outputs[0].node));
        cr_expect(error > 1e-4 && error < 0.03, "%s: off by %g", near_graphs[i].name, error);
        expect_same_bits(found.graph, "jit", near_graphs[i].name);
        expect_same_bits(found.graph, "gcc-O3", near_graphs[i].name);
        et_release(expected);
        et_release(codes);
        inputs_free(&inputs);
        rewritten_free(&found);
        graph_free(graph);
    }
}

/* No float32 of sums is left between layers whose codes commute with what is there: the one
 * conversion back is that of the output. */
Test(quantize, codes_go_on_from_the_sums) {
    struct graph *graph = test_graph(pooled(tensor_context_new("pooled")));
    struct rewritten found = quantize(graph);
    int scales = 0;
    for (int i = 0; i < found.weights->count; i++)
        scales += strstr(found.weights->tensors[i].name, ".scale") != NULL;
    cr_expect_eq(scales, 1, "%d", scales);
    for (int i = 0; i < found.graph->node_count; i++) {
        const struct node *node = found.graph->nodes[i];
        if (node->op == OP_REDUCE_MAX)
            cr_expect_eq(node->dtype, DTYPE_UINT8);
        if (node->op == OP_CONTRACT)
            cr_expect_eq(node->dtype, DTYPE_INT32);
    }
    rewritten_free(&found);
    graph_free(graph);
}

/* ---- Equalisation ---- */

/* A weight, or a bias, whose channels along an axis are of very different sizes; or, inverted, one
 * that makes up for that. */
static struct tensor uneven(struct tensor_context *context, int rank, const int64_t *shape,
                            int axis, bool inverted) {
    int64_t factor_shape[MAX_RANK];
    float factors[64];
    for (int i = 0; i < rank; i++)
        factor_shape[i] = i == axis ? shape[i] : 1;
    for (int64_t i = 0; i < shape[axis]; i++)
        factors[i] = ldexpf(1, (int)(inverted ? -1 : 1) * (int)(i * 5 % 11 - 5));
    return tensor_mul(
        some_weight(context, rank, shape),
        tensor_const(context, DTYPE_FLOAT32, rank, factor_shape, shape[axis], factors));
}

static struct tensor uneven_filters(struct tensor_context *context) {
    struct conv2d_options options = {.groups = 1};
    struct tensor x = conv2d(picture(context), uneven(context, SHAPE(8, 4, 3, 3), 0, false),
                             uneven(context, SHAPE(8), 0, false), options);
    options.padding[0] = options.padding[1] = 1;
    x = max_pool2d(relu(x), (struct pool2d_options){.kernel = {2, 2}});
    return conv2d(x, uneven(context, SHAPE(5, 8, 3, 3), 1, true), some_weight(context, SHAPE(5)),
                  options);
}
/* Of which channels the elements are is a matter of a reshape that is no view. */
static struct tensor uneven_flattened(struct tensor_context *context) {
    struct tensor x =
        conv2d(test_input(context, SHAPE(3, 2, 4, 4)), uneven(context, SHAPE(7, 2, 3, 3), 0, false),
               uneven(context, SHAPE(7), 0, false), (struct conv2d_options){.groups = 1});
    x = tensor_reshape(relu(x), SHAPE(3, 7, 4));
    x = tensor_reshape(x, SHAPE(3, 28));
    struct tensor w = tensor_reshape(uneven(context, SHAPE(6, 7, 4), 1, true), SHAPE(6, 28));
    return linear(x, w, some_weight(context, SHAPE(6)));
}
static struct tensor uneven_layers(struct tensor_context *context) {
    struct tensor x =
        linear(test_input(context, SHAPE(5, 12)), uneven(context, SHAPE(16, 12), 0, false),
               uneven(context, SHAPE(16), 0, false));
    return linear(relu(x), uneven(context, SHAPE(9, 16), 1, true), NO_TENSOR);
}

static const struct {
    const char *name;
    make_tensor *make;
} uneven_graphs[] = {
    {"filters", uneven_filters}, {"flattened", uneven_flattened}, {"layers", uneven_layers}};

static struct rewritten equalise(struct graph *graph, bool equalise, double most_error) {
    struct program_samples samples = {.count = 4, .context = graph, .fill = fill_sample};
    struct rewrite_data data = program_data(&samples);
    struct rewrite_options options = {
        .data = &data, .quantize_equalise = equalise, .quantize_budget = {.error = most_error}};
    return rewrite_with(graph, REWRITE_quantize, &options);
}

static double quantized_error(struct graph *graph, bool equalised, const char *name) {
    struct rewritten found = equalise(graph, equalised, 0);
    struct inputs inputs = ordinary_inputs(graph, 3);
    double *expected = run_widely(graph, &inputs);
    float *codes = run_eagerly(found.graph, &inputs);
    const double error = error_of(codes, expected, node_elements(graph->outputs[0].node));
    cr_expect_eq(rewritten_count(&found, REWRITE_quantize), 2, "%s", name);
    expect_same_bits(found.graph, "jit", name);
    et_release(expected);
    et_release(codes);
    inputs_free(&inputs);
    rewritten_free(&found);
    return error;
}

Test(quantize, equalised_channels_have_codes_enough) {
    for (size_t i = 0; i < sizeof uneven_graphs / sizeof *uneven_graphs; i++) {
        const char *name = uneven_graphs[i].name;
        struct graph *graph = test_graph(uneven_graphs[i].make(tensor_context_new(name)));
        const double plain = quantized_error(graph, false, name);
        const double equalised = quantized_error(graph, true, name);
        cr_expect(equalised < 0.02 && equalised < plain / 4, "%s: %g became %g", name, plain,
                  equalised);
        graph_free(graph);
    }
}

/* With a budget that leaves all layers in float32, the factors alone are there. */
Test(quantize, equalisation_keeps_the_bits_of_floats) {
    for (size_t i = 0; i < sizeof uneven_graphs / sizeof *uneven_graphs; i++) {
        const char *name = uneven_graphs[i].name;
        struct graph *graph = test_graph(uneven_graphs[i].make(tensor_context_new(name)));
        struct rewritten plain = equalise(graph, false, 1e-12);
        struct rewritten equalised = equalise(graph, true, 1e-12);
        struct inputs inputs = ordinary_inputs(graph, 3);
        float *before = run_eagerly(plain.graph, &inputs);
        float *after = run_eagerly(equalised.graph, &inputs);
        struct digest plain_digest, equalised_digest;
        cr_assert(graph_digest(plain.graph, &plain_digest, NULL));
        cr_assert(graph_digest(equalised.graph, &equalised_digest, NULL));
        cr_expect_not(digest_equal(&plain_digest, &equalised_digest), "%s: nothing was scaled",
                      name);
        cr_expect_eq(count_op(equalised.graph, OP_MUL), 0, "%s: factors are left", name);
        cr_expect_arr_eq(before, after, (size_t)node_bytes(graph->outputs[0].node), "%s", name);
        et_release(before);
        et_release(after);
        inputs_free(&inputs);
        rewritten_free(&plain);
        rewritten_free(&equalised);
        graph_free(graph);
    }
}

/* ---- Codes, by hand ---- */

/* y = x @ w.T + b of numbers whose steps are powers of two: x from -128 / 256 to 127 / 256, so that
 * zero is 128, and outputs with weights in steps of 1 / 128 and 1 / 4. Nothing is rounded but to
 * codes, where halves go to even ones. */
enum { HAND_INPUTS = 5, HAND_OUTPUTS = 2 };
static const float hand_x[HAND_INPUTS] = {-128 / 256.0F, 127 / 256.0F, 64.25F / 256, 0.5F / 256,
                                          1.5F / 256};
static const float hand_w[HAND_OUTPUTS][HAND_INPUTS] = {
    {127 / 128.0F, -64 / 128.0F, 0.5F / 128, 1.5F / 128, -2.5F / 128},
    {8 / 4.0F, 127 / 4.0F, -1.5F / 4, 100.75F / 4, -127 / 4.0F},
};
static const float hand_b[HAND_OUTPUTS] = {0.5F, -3};
static const int hand_sums[HAND_OUTPUTS] = {
    -128 * 127 + 127 * -64 + 64 * 0 + 0 * 2 + 2 * -2 + (256 * 128) / 2,
    -128 * 8 + 127 * 127 + 64 * -2 + 0 * 101 + 2 * -127 - 3 * (256 * 4),
};

static bool fill_by_hand(void *context, int64_t index, void *const *inputs,
                         struct et_error *error) {
    (void)context, (void)index, (void)error;
    memcpy(inputs[0], hand_x, sizeof hand_x);
    return true;
}

Test(quantize, sums_are_those_of_the_codes) {
    struct tensor_context *context = tensor_context_new("hand");
    struct tensor y =
        linear(test_input(context, SHAPE(1, HAND_INPUTS)),
               tensor_const(context, DTYPE_FLOAT32, SHAPE(HAND_OUTPUTS, HAND_INPUTS),
                            (int64_t)HAND_OUTPUTS * HAND_INPUTS, hand_w),
               tensor_const(context, DTYPE_FLOAT32, SHAPE(HAND_OUTPUTS), HAND_OUTPUTS, hand_b));
    struct graph *graph = test_graph(y);
    struct program_samples samples = {.count = 1, .fill = fill_by_hand};
    struct rewrite_data data = program_data(&samples);
    struct rewritten found =
        rewrite_with(graph, REWRITE_quantize, &(struct rewrite_options){.data = &data});
    struct inputs inputs = {.count = 1, .elements = {(void *)hand_x}};
    float *codes = run_eagerly(found.graph, &inputs);
    cr_expect_eq(codes[0], (float)hand_sums[0] / (256 * 128), "%a", (double)codes[0]);
    cr_expect_eq(codes[1], (float)hand_sums[1] / (256 * 4), "%a", (double)codes[1]);
    cr_expect_str_eq(found.sites[0].what, "-0.5 to 0.4961 in steps of 0.003906, zero is 128; 2 "
                                          "scales of weights, off by 0.27 %");
    et_release(codes);
    rewritten_free(&found);
    graph_free(graph);
}

/* ---- What stays ---- */

static void expect_stays(struct graph *graph, const char *why) {
    struct rewritten found = quantize(graph);
    cr_assert_eq(found.site_count, 1);
    cr_expect_not(found.sites[0].applied);
    cr_expect_str_eq(found.sites[0].what, why);
    rewritten_free(&found);
    graph_free(graph);
}

Test(quantize, leaves_what_would_go_wrong) {
    struct tensor_context *context = tensor_context_new("long");
    struct tensor x = test_input(context, SHAPE(1, 33156));
    expect_stays(test_graph(linear(x, some_weight(context, SHAPE(2, 33156)), NO_TENSOR)),
                 "sums of so many products may not fit 32 bits");

    context = tensor_context_new("infinite");
    x = tensor_recip(tensor_mul(test_input(context, SHAPE(1, 4)), scalar(context, 0)));
    expect_stays(test_graph(linear(x, some_weight(context, SHAPE(2, 4)), NO_TENSOR)),
                 "on the data, what it reads is not finite");

    context = tensor_context_new("weights");
    x = test_input(context, SHAPE(1, 4));
    struct tensor w = tensor_const(context, DTYPE_FLOAT32, SHAPE(2, 4), 1, &(float){INFINITY});
    expect_stays(test_graph(linear(x, w, NO_TENSOR)), "the weights are not finite");

    context = tensor_context_new("bias");
    x = test_input(context, SHAPE(1, 4));
    x = linear(x, some_weight(context, SHAPE(2, 4)), scalar(context, 1e30F));
    expect_stays(test_graph(x), "the bias does not fit 32 bits in steps of the sums");
}

/* Where nothing but zeros were seen, and where all weights are zeros, steps are as good as any. */
Test(quantize, takes_zeros) {
    struct tensor_context *context = tensor_context_new("zeros");
    struct tensor x = tensor_mul(test_input(context, SHAPE(2, 4)), scalar(context, 0));
    struct tensor w = tensor_const(context, DTYPE_FLOAT32, SHAPE(3, 4), 1, &(float){0});
    x = linear(x, some_weight(context, SHAPE(4, 4)), some_weight(context, SHAPE(4)));
    struct graph *graph = test_graph(tensor_add(linear(x, w, NO_TENSOR), scalar(context, 2)));
    struct rewritten found = quantize(graph);
    cr_expect_eq(rewritten_count(&found, REWRITE_quantize), 2);
    struct inputs inputs = ordinary_inputs(graph, 2);
    float *y = run_eagerly(found.graph, &inputs);
    for (int i = 0; i < 6; i++)
        cr_expect_float_eq(y[i], 2, 0.01F);
    et_release(y);
    inputs_free(&inputs);
    rewritten_free(&found);
    graph_free(graph);
}

/* ---- Data that is none ---- */

static bool fill_nothing(void *context, int64_t index, void *const *inputs,
                         struct et_error *error) {
    (void)context, (void)inputs;
    return index == 0 || et_fail(error, "sample %d is a hole", (int)index);
}

static void expect_error(struct graph *graph, const struct rewrite_data *data, const char *what) {
    enum rewrite_kind rewrite = REWRITE_quantize;
    struct rewritten rewritten;
    struct et_error error = {0};
    cr_assert_not(rewrite_graph(graph, &(struct rewrite_options){.data = data}, 1, &rewrite,
                                &rewritten, &error));
    cr_expect_str_eq(error.message, what);
}

Test(quantize, names_what_is_wrong_with_its_data) {
    struct tensor_context *context = tensor_context_new("data");
    struct graph *graph = test_graph(layer(test_input(context, SHAPE(1, 4)), 3));
    struct program_samples samples = {.fill = fill_nothing};
    struct rewrite_data data = program_data(&samples);
    expect_error(graph, NULL, "quantize: expected data to run the graph on");
    expect_error(graph, &data, "expected at least one sample of the inputs");
    samples.count = 2;
    expect_error(graph, &data, "sample 1 is a hole");
    graph_free(graph);
}

/* ---- The shipped model ---- */

static bool fill_digit(void *context, int64_t index, void *const *inputs, struct et_error *error) {
    const struct digits *digits = context;
    (void)error;
    memcpy(inputs[0], digits->pixels[index], sizeof digits->pixels[index]);
    return true;
}

Test(quantize, mnist_of_its_samples_has_one_digest_and_the_same_bits_in_all_modes) {
    struct digits digits = sample_digits();
    struct program_samples samples = {
        .count = digits.count, .context = &digits, .fill = fill_digit};
    struct rewrite_data data = program_data(&samples);
    struct et_program *direct = mnist_open(NULL);
    struct rewritten found = rewrite_with(program_graph(direct), REWRITE_quantize,
                                          &(struct rewrite_options){.data = &data});
    cr_expect_eq(rewritten_count(&found, REWRITE_quantize), 5);
    struct et_error error = {0};
    struct et_program *program = program_from_rewritten(&found, &error);
    cr_assert_not_null(program, "%s", error.message);
    cr_expect_str_eq(et_program_digest(program),
                     "92440b03216a86837cf27e9e194182ee16e350e16cf59cda179b37bb6fa75f4e");
    struct logits *eager = digits_run(program, ET_EAGER, &digits);
    for (int mode = ET_JIT; mode < ET_MODE_COUNT; mode++) {
        struct logits *logits = digits_run(program, (enum et_mode)mode, &digits);
        check_same_logits(&digits, eager, logits, et_mode_name((enum et_mode)mode));
        et_release(logits);
    }
    for (int i = 0; i < digits.count; i++)
        cr_expect_eq(most_likely(&eager[i]), digits.labels[i]);
    et_release(eager);
    et_program_free(program);
    et_program_free(direct);
    rewritten_free(&found);
    digits_free(&digits);
}
