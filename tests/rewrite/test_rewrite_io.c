/* Inputs and outputs as integers: which become such, what they say, and that nothing between the
 * two changes. */
#include "runtime/et_program.h"
#include "tests/support/rewrite_support.h"

TestSuite(io, .timeout = 300);

static struct tensor codes_of(struct tensor x, float scale, int zero, enum dtype dtype) {
    x = tensor_div(x, scalar_like(x, (double)scale));
    x = rounded_from_zero_point(x, zero ? scalar_like(x, zero) : NO_TENSOR);
    return tensor_cast(tensor_round(x), dtype);
}
static struct tensor dequantised(struct tensor codes, float scale, int zero) {
    struct tensor x =
        without_zero_point(codes, zero ? scalar_like(codes, zero) : NO_TENSOR, DTYPE_INT32);
    return scaled_integers(x, scalar(codes.context, scale));
}
static struct tensor through(struct tensor x, float scale, int zero, enum dtype dtype) {
    return dequantised(codes_of(x, scale, zero, dtype), scale, zero);
}

/* A layer of integer weights. */
static struct tensor layer(struct tensor x, int64_t outputs) {
    int8_t codes[256];
    int64_t inputs = tensor_extent(x, 1);
    cr_assert_leq(outputs * inputs, 256);
    for (int64_t i = 0; i < outputs * inputs; i++)
        codes[i] = (int8_t)(i * 37 % 255 - 127);
    struct tensor w =
        tensor_const(x.context, DTYPE_INT8, SHAPE(outputs, inputs), outputs * inputs, codes);
    return linear(x, scaled_integers(w, scalar(x.context, 0.0037F)), NO_TENSOR);
}

typedef struct tensor make_tensor(struct tensor_context *context);

static struct tensor plain(struct tensor_context *context) {
    struct tensor x = through(test_input(context, SHAPE(3, 17)), 0.0131F, 117, DTYPE_UINT8);
    return through(layer(x, 9), 0.0217F, 99, DTYPE_UINT8);
}
static struct tensor of_int8(struct tensor_context *context) {
    struct tensor x = through(test_input(context, SHAPE(3, 17)), 0.0131F, -5, DTYPE_INT8);
    return through(layer(x, 9), 0.0217F, 0, DTYPE_INT8);
}
static struct tensor without_zero(struct tensor_context *context) {
    struct tensor x = through(test_input(context, SHAPE(3, 17)), 0.5F, 0, DTYPE_UINT8);
    return through(relu(layer(x, 9)), 0.0217F, 0, DTYPE_UINT8);
}
/* Movements before the codes of the input and behind those of the output. */
static struct tensor moved(struct tensor_context *context) {
    struct tensor x = test_input(context, SHAPE(17, 3, 1));
    x = tensor_reshape(tensor_flip(transpose(x, 0, 1), AXES(1)), SHAPE(3, 17));
    x = through(layer(through(x, 0.0131F, 117, DTYPE_UINT8), 9), 0.0217F, 99, DTYPE_INT8);
    return tensor_shrink(tensor_reshape(transpose(x, 0, 1), SHAPE(9, 1, 3)),
                         RANGES({1, 8}, {0, 1}, {0, 3}));
}

static const struct {
    const char *name;
    make_tensor *make;
    enum dtype input, output; /* of the codes in it */
    int input_zero, output_zero;
} graphs[] = {
    {"plain", plain, DTYPE_UINT8, DTYPE_UINT8, 117, 99},
    {"int8", of_int8, DTYPE_INT8, DTYPE_INT8, -5, 0},
    {"without zero", without_zero, DTYPE_UINT8, DTYPE_UINT8, 0, 0},
    {"moved", moved, DTYPE_UINT8, DTYPE_INT8, 117, 99},
};

static int code_at(const void *codes, enum dtype dtype, int64_t at) {
    return dtype == DTYPE_INT8 ? ((const int8_t *)codes)[at] : ((const uint8_t *)codes)[at];
}

/* All codes there are, and the numbers that they stand for. */
static void make_inputs(const struct node *input, uint64_t seed, struct inputs *codes,
                        struct inputs *numbers) {
    struct random random = {.state = seed};
    int64_t count = node_elements(input);
    *codes = (struct inputs){1, {et_allocate_aligned((size_t)count)}};
    *numbers = (struct inputs){1, {et_allocate_aligned((size_t)count * sizeof(float))}};
    for (int64_t i = 0; i < count; i++) {
        ((uint8_t *)codes->elements[0])[i] = (uint8_t)random_between(&random, 0, 255);
        int code = code_at(codes->elements[0], input->dtype, i);
        ((float *)numbers->elements[0])[i] =
            (float)(code - (int)input->scaling.zero) * input->scaling.scale;
    }
}

static void expect_codes(const struct graph *old, const struct graph *new, uint64_t seed,
                         const char *name) {
    const struct output *output = &new->outputs[0];
    struct inputs codes, numbers;
    make_inputs(new->inputs[0], seed, &codes, &numbers);
    float *expected = run_eagerly(old, &numbers);
    void *found = run_eagerly(new, &codes);
    for (int64_t i = 0; i < node_elements(output->node); i++) {
        int code = code_at(found, output->node->dtype, i);
        float number = (float)(code - (int)output->scaling.zero) * output->scaling.scale;
        cr_assert_eq(number, expected[i], "%s: %d is %g, expected %g", name, code, (double)number,
                     (double)expected[i]);
    }
    et_release(expected);
    et_release(found);
    inputs_free(&codes);
    inputs_free(&numbers);
}

static int shift(enum dtype asked, enum dtype had) {
    return asked == had ? 0 : asked == DTYPE_INT8 ? -128 : 128;
}

Test(io, integers_are_what_was_rounded_to) {
    static const enum dtype types[] = {DTYPE_INT8, DTYPE_UINT8};
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++)
        for (int type = 0; type < 2; type++) {
            const char *name = graphs[i].name;
            enum dtype io = types[type];
            struct graph *graph = test_graph(graphs[i].make(tensor_context_new(name)));
            struct rewritten old = rewrite_with(graph, REWRITE_integers, NULL);
            struct rewritten new =
                rewrite_with(graph, REWRITE_integers, &(struct rewrite_options){.io = io});
            const struct node *input = new.graph->inputs[0];
            const struct output *output = &new.graph->outputs[0];
            cr_assert(input->dtype == io && output->node->dtype == io, "%s", name);
            cr_expect_eq(input->scaling.zero, graphs[i].input_zero + shift(io, graphs[i].input));
            cr_expect_eq(output->scaling.zero, graphs[i].output_zero + shift(io, graphs[i].output));
            cr_expect_eq(output->scaling.scale, 0.0217F);
            cr_expect_eq(new.site_count, 3);
            for (uint64_t seed = 1; seed < 40; seed++)
                expect_codes(old.graph, new.graph, seed, name);
            expect_same_bits(new.graph, "jit", name);
            expect_same_bits(new.graph, "gcc-O3", name);
            rewritten_free(&old);
            rewritten_free(&new);
            graph_free(graph);
        }
}

/* ---- quantize ---- */

static bool fill_sample(void *context, int64_t index, void *const *inputs, struct et_error *error) {
    const struct graph *graph = context;
    struct inputs sample = ordinary_inputs(graph, 2 + (uint64_t)index);
    memcpy(inputs[0], sample.elements[0], (size_t)node_bytes(graph->inputs[0]));
    inputs_free(&sample);
    (void)error;
    return true;
}

static struct rewritten quantize(struct graph *graph, enum dtype io) {
    struct program_samples samples = {.count = 4, .context = graph, .fill = fill_sample};
    struct rewrite_data data = program_data(&samples);
    struct rewrite_options options = {.data = &data, .io = io};
    return rewrite_with(graph, REWRITE_quantize, &options);
}

/* The last one with a bias and an activation, or without. */
static struct graph *float_layers(bool active) {
    struct tensor_context *context = tensor_context_new("floats");
    struct tensor x = test_input(context, SHAPE(5, 16));
    x = relu(linear(x, test_weight(context, "v", SHAPE(14, 16)), NO_TENSOR));
    x = linear(x, test_weight(context, "w", SHAPE(9, 14)), test_weight(context, "b", SHAPE(9)));
    return test_graph(active ? relu(x) : x);
}

/* By half a step at most, on what the ranges are of. */
Test(io, quantised_outputs_are_the_nearest_codes) {
    for (int active = 0; active < 2; active++) {
        struct graph *graph = float_layers(active);
        struct rewritten old = quantize(graph, DTYPE_FLOAT32), new = quantize(graph, DTYPE_INT8);
        const struct node *input = new.graph->inputs[0];
        const struct output *output = &new.graph->outputs[0];
        cr_assert(input->dtype == DTYPE_INT8 && output->node->dtype == DTYPE_INT8);
        cr_expect_eq(rewritten_count(&new, REWRITE_quantize), 4);
        struct inputs numbers = ordinary_inputs(graph, 3), codes = ordinary_inputs(new.graph, 3);
        for (int64_t i = 0; i < node_elements(input); i++) {
            float number = ((const float *)numbers.elements[0])[i];
            float code = nearbyintf(number / input->scaling.scale) + (float)input->scaling.zero;
            ((int8_t *)codes.elements[0])[i] = (int8_t)fminf(fmaxf(code, -128), 127);
        }
        float *expected = run_eagerly(old.graph, &numbers);
        int8_t *found = (void *)run_eagerly(new.graph, &codes);
        for (int64_t i = 0; i < node_elements(output->node); i++)
            cr_expect_leq(
                fabsf((float)(found[i] - (int)output->scaling.zero) * output->scaling.scale -
                      expected[i]),
                0.501F * output->scaling.scale, "%d for %g", found[i], (double)expected[i]);
        expect_same_bits(new.graph, "jit", "quantised");
        expect_same_bits(new.graph, "gcc-O3", "quantised");
        et_release(expected);
        et_release(found);
        inputs_free(&numbers);
        inputs_free(&codes);
        rewritten_free(&old);
        rewritten_free(&new);
        graph_free(graph);
    }
}

/* ---- What stays ---- */

static const char of_input[] = "it is not rounded to 8-bit integers before all else";
static const char of_output[] = "it is not made of 8-bit integers alone";

/* NULL: it becomes integers. */
static void expect_ends(struct tensor y, const char *input, const char *output, const char *what) {
    struct graph *graph = test_graph(y);
    struct rewritten found =
        rewrite_with(graph, REWRITE_integers, &(struct rewrite_options){.io = DTYPE_UINT8});
    cr_assert_geq(found.site_count, 2, "%s", what);
    const char *const why[] = {input, output};
    for (int i = 0; i < 2; i++) {
        const struct rewrite_site *site = &found.sites[found.site_count - 2 + i];
        cr_expect_eq(site->applied, !why[i], "%s: %s", what, site->what);
        if (why[i])
            cr_expect_str_eq(site->what, why[i], "%s", what);
    }
    cr_expect_eq(found.graph->inputs[0]->dtype, input ? DTYPE_FLOAT32 : DTYPE_UINT8, "%s", what);
    cr_expect_eq(found.graph->inputs[0]->scaling.scale == 0, input != NULL, "%s", what);
    cr_expect_eq(found.graph->outputs[0].node->dtype, output ? DTYPE_FLOAT32 : DTYPE_UINT8, "%s",
                 what);
    cr_expect_eq(found.graph->outputs[0].scaling.scale == 0, output != NULL, "%s", what);
    rewritten_free(&found);
    graph_free(graph);
}

static struct tensor begin(struct tensor *x) {
    *x = test_input(tensor_context_new("ends"), SHAPE(2, 4));
    return through(*x, 0.02F, 7, DTYPE_UINT8);
}

Test(io, what_is_something_else_stays) {
    struct tensor x, codes = begin(&x);
    expect_ends(layer(codes, 3), NULL, of_output, "sums");
    codes = begin(&x);
    expect_ends(relu(through(codes, 0.5F, 3, DTYPE_UINT8)), NULL, of_output, "an activation");
    codes = begin(&x);
    expect_ends(tensor_pad(through(codes, 0.5F, 3, DTYPE_UINT8), RANGES({0, 0}, {1, 1}), 0), NULL,
                of_output, "padding");
    codes = begin(&x);
    expect_ends(tensor_mul(codes, x), of_input, of_output, "read by something else");
    codes = begin(&x);
    struct tensor y = through(tensor_exp(x), 0.02F, 7, DTYPE_UINT8);
    expect_ends(tensor_add(y, codes), of_input, of_output, "two roundings");
    begin(&x);
    expect_ends(through(tensor_exp(x), 0.02F, 7, DTYPE_UINT8), of_input, NULL, "the output alone");
    begin(&x);
    expect_ends(through(x, 0.02F, 7, DTYPE_UINT16), of_input, of_output, "16 bits");
    begin(&x);
    expect_ends(through(x, -0.02F, 7, DTYPE_UINT8), of_input, of_output, "a negative scale");
    begin(&x);
    float scales[] = {0.1F, 0.2F, 0.3F, 0.4F};
    struct tensor scale = tensor_const(x.context, DTYPE_FLOAT32, SHAPE(1, 4), 4, scales);
    y = tensor_cast(tensor_round(tensor_div(x, tensor_expand(scale, SHAPE(2, 4)))), DTYPE_UINT8);
    expect_ends(scaled_integers(y, tensor_expand(scale, SHAPE(2, 4))), of_input, of_output,
                "several scales");
    begin(&x);
    y = tensor_add(tensor_round(tensor_div(x, scalar_like(x, 0.02))), scalar_like(x, 0.5));
    expect_ends(dequantised(tensor_cast(y, DTYPE_UINT8), 0.02F, 0), of_input, NULL,
                "a zero between integers");
}

/* Floats stay where nothing was asked for. */
Test(io, is_not_done_unasked) {
    struct graph *graph = test_graph(plain(tensor_context_new("plain")));
    struct rewritten found = rewrite_with(graph, REWRITE_integers, NULL);
    cr_expect_eq(found.site_count, 1);
    cr_expect_eq(found.graph->inputs[0]->dtype, DTYPE_FLOAT32);
    cr_expect_eq(found.graph->outputs[0].node->dtype, DTYPE_FLOAT32);
    rewritten_free(&found);
    graph_free(graph);
}
