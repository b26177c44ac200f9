/* integers: which contractions it finds, where every bit stays, and what the integers are. */
#include "tests/support/rewrite_support.h"

TestSuite(integers, .timeout = 300);

/* ---- Quantised graphs, as files write them ---- */

/* Scales of activations and of weights: powers of two, or others. */
struct scales {
    float x;
    float w[4]; /* in turn, for each output */
};
static const struct scales powers = {0x1p-6F, {0x1p-8F, 0x1p-7F, 0x1p-9F, 0x1p-8F}};
static const struct scales others = {0.0173F, {0.0041F, 0.0073F, 0.0019F, 0.0057F}};

static struct tensor codes_of(struct tensor x, float scale, int zero) {
    x = tensor_div(x, scalar_like(x, (double)scale));
    return tensor_cast(rounded_from_zero_point(x, scalar_like(x, zero)), DTYPE_UINT8);
}
static struct tensor dequantised(struct tensor codes, float scale, int zero) {
    struct tensor x = without_zero_point(codes, scalar_like(codes, zero), DTYPE_INT32);
    return scaled_integers(x, scalar(codes.context, scale));
}
/* QuantizeLinear and DequantizeLinear. */
static struct tensor through_codes(struct tensor x, float scale, int zero) {
    return dequantised(codes_of(x, scale, zero), scale, zero);
}

enum { MOST_CODES = 4096 };

/* int8 from -127 to 127. */
static struct tensor some_codes(struct tensor_context *context, int rank, const int64_t *shape) {
    struct random random = {.state = 7};
    int8_t codes[MOST_CODES];
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    cr_assert_leq(count, MOST_CODES);
    for (int64_t i = 0; i < count; i++)
        codes[i] = (int8_t)random_between(&random, -127, 127);
    return tensor_const(context, DTYPE_INT8, rank, shape, count, codes);
}
/* One number for each output, over the first of `rank` axes. */
static struct tensor by_output(struct tensor_context *context, const float *numbers,
                               int64_t outputs, float factor, int rank) {
    float list[64];
    int64_t shape[MAX_RANK] = {outputs, 1, 1, 1};
    for (int64_t i = 0; i < outputs; i++)
        list[i] = factor * numbers[i % 4];
    return tensor_const(context, DTYPE_FLOAT32, rank, shape, outputs, list);
}
static struct tensor q_weight(struct tensor_context *context, const struct scales *scales, int rank,
                              const int64_t *shape) {
    return scaled_integers(some_codes(context, rank, shape),
                           by_output(context, scales->w, shape[0], 1, rank));
}
/* int32, in steps of the sums. */
static struct tensor q_bias(struct tensor_context *context, const struct scales *scales,
                            int64_t outputs) {
    int32_t codes[64];
    for (int64_t i = 0; i < outputs; i++)
        codes[i] = (int32_t)(i * 977 % 3001 - 1500);
    return scaled_integers(tensor_const(context, DTYPE_INT32, SHAPE(outputs), outputs, codes),
                           by_output(context, scales->w, outputs, scales->x, 1));
}

static struct tensor q_linear(struct tensor x, const struct scales *scales, int64_t outputs) {
    struct tensor_context *context = x.context;
    return linear(x, q_weight(context, scales, SHAPE(outputs, tensor_extent(x, 1))),
                  q_bias(context, scales, outputs));
}
static struct tensor q_conv(struct tensor x, const struct scales *scales, int64_t outputs,
                            struct conv2d_options options) {
    struct tensor_context *context = x.context;
    options.groups = options.groups ? options.groups : 1;
    int64_t inputs = tensor_extent(x, 1) / options.groups;
    return conv2d(x, q_weight(context, scales, SHAPE(outputs, inputs, 3, 3)),
                  q_bias(context, scales, outputs), options);
}

typedef struct tensor make_tensor(struct tensor_context *context, const struct scales *scales);

static struct tensor layers(struct tensor_context *context, const struct scales *scales) {
    struct tensor x = through_codes(test_input(context, SHAPE(5, 33)), scales->x, 117);
    x = through_codes(relu(q_linear(x, scales, 20)), scales->x, 0);
    return q_linear(x, scales, 9);
}
/* Padding with zeros, which are no zero codes; strides; a shortcut that stays float32. */
static struct tensor pictures(struct tensor_context *context, const struct scales *scales) {
    struct tensor x = through_codes(test_input(context, SHAPE(2, 4, 9, 8)), scales->x, 130);
    struct tensor y = q_conv(x, scales, 4, (struct conv2d_options){.padding = {1, 1}});
    y = through_codes(tensor_add(through_codes(y, scales->x, 101), x), scales->x, 128);
    y = q_conv(y, scales, 6, (struct conv2d_options){.padding = {2, 0}, .stride = {2, 1}});
    return through_codes(y, scales->x, 99);
}
static struct tensor by_channel(struct tensor_context *context, const struct scales *scales) {
    struct tensor x = through_codes(test_input(context, SHAPE(2, 4, 9, 8)), scales->x, 130);
    x = q_conv(x, scales, 4, (struct conv2d_options){.groups = 4});
    x = through_codes(relu(x), scales->x, 0);
    return q_conv(x, scales, 8, (struct conv2d_options){.groups = 2});
}
/* Neither operand is constant; nothing is added. */
static struct tensor attention(struct tensor_context *context, const struct scales *scales) {
    struct tensor x = through_codes(test_input(context, SHAPE(6, 20)), scales->x, 128);
    struct tensor y = through_codes(tensor_flip(x, AXES(0)), scales->w[0], 120);
    return tensor_mul(matmul(x, transpose(y, 0, 1)), scalar(context, 0.25F));
}

/* Means of rows, as sums of products by one number. */
static struct tensor row_means(struct tensor x, float share) {
    int64_t shape[] = {tensor_extent(x, 0), tensor_extent(x, 1)};
    return tensor_contract(x, tensor_expand(scalar(x.context, share), 2, shape), AXES(1));
}
static struct tensor averaged(struct tensor_context *context, const struct scales *scales) {
    struct tensor x = through_codes(test_input(context, SHAPE(6, 32)), scales->x, 120);
    x = q_linear(x, scales, 16);
    return row_means(through_codes(x, scales->x, 77), 1.0F / 16);
}

static const struct {
    const char *name;
    make_tensor *make;
    int sites;
} graphs[] = {
    {"layers", layers, 2},       {"pictures", pictures, 3}, {"by channel", by_channel, 2},
    {"attention", attention, 1}, {"averaged", averaged, 2},
};

static void expect_integers(const struct graph *graph, const char *what) {
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_CONTRACT)
            cr_expect_eq(graph->nodes[i]->dtype, DTYPE_INT32, "%s", what);
}

static struct rewritten rewrite(const struct graph *graph, bool exact) {
    return rewrite_with(graph, REWRITE_integers, &(struct rewrite_options){.exact = exact});
}

/* Not by one bit: with --exact, or without. */
Test(integers, keep_every_bit_of_powers_of_two) {
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++)
        for (int exact = 0; exact < 2; exact++) {
            const char *name = graphs[i].name;
            struct graph *graph = test_graph(graphs[i].make(tensor_context_new(name), &powers));
            struct rewritten found = rewrite(graph, exact);
            cr_expect_eq(rewritten_count(&found, REWRITE_integers), graphs[i].sites, "%s", name);
            expect_integers(found.graph, name);
            for (uint64_t seed = 2; seed < 12; seed++) {
                struct inputs inputs = ordinary_inputs(graph, seed);
                float *before = run_eagerly(graph, &inputs);
                float *after = run_eagerly(found.graph, &inputs);
                cr_expect_arr_eq(after, before, (size_t)node_bytes(graph->outputs[0].node), "%s",
                                 name);
                et_release(before);
                et_release(after);
                inputs_free(&inputs);
            }
            rewritten_free(&found);
            graph_free(graph);
        }
}

Test(integers, come_near_and_have_the_same_bits_in_every_mode) {
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
        const char *name = graphs[i].name;
        struct graph *graph = test_graph(graphs[i].make(tensor_context_new(name), &others));
        struct rewritten found = rewrite(graph, false);
        cr_expect_eq(rewritten_count(&found, REWRITE_integers), graphs[i].sites, "%s", name);
        expect_integers(found.graph, name);
        struct inputs inputs = ordinary_inputs(graph, 3);
        int64_t count = node_elements(graph->outputs[0].node);
        float *before = run_eagerly(graph, &inputs), *after = run_eagerly(found.graph, &inputs);
        double *expected = et_allocate((size_t)count, sizeof *expected);
        for (int64_t k = 0; k < count; k++)
            expected[k] = (double)before[k];
        double error = error_of(after, expected, count);
        cr_expect_lt(error, 1e-3, "%s: off by %g", name, error);
        expect_same_bits(found.graph, "jit", name);
        expect_same_bits(found.graph, "gcc-O3", name);
        expect_done(&found, REWRITE_integers, NULL);
        et_release(before);
        et_release(after);
        et_release(expected);
        inputs_free(&inputs);
        rewritten_free(&found);
        graph_free(graph);
    }
}

/* ---- Random graphs ---- */

static float random_scale(struct random *random, bool power) {
    float scale = ldexpf(1, (int)-random_between(random, 2, 9));
    return power ? scale : scale * (1 + (float)random_between(random, 1, 99) / 100);
}
static struct scales random_scales(struct random *random, bool powers_alone) {
    struct scales scales = {.x = random_scale(random, powers_alone)};
    for (int i = 0; i < 4; i++)
        scales.w[i] = random_scale(random, powers_alone);
    return scales;
}

/* Codes that go through what commutes with rounding. */
static struct tensor random_passage(struct random *random, struct tensor x, float scale) {
    const int zero = (int)random_between(random, 0, 255);
    x = through_codes(x, scale, zero);
    for (int64_t steps = random_between(random, 0, 4); steps > 0; steps--) {
        double number = (double)scale * (double)random_between(random, -300, 300) / 2;
        int64_t rows = tensor_extent(x, 0), columns = tensor_extent(x, 1);
        switch (random_between(random, 0, 5)) {
        case 0:
            x = tensor_flip(x, AXES(1));
            break;
        case 1:
            x = tensor_max(x, scalar_like(x, number));
            break;
        case 2:
            x = tensor_min(scalar_like(x, number), x);
            break;
        case 3:
            x = tensor_pad(x, RANGES({1, 0}, {0, 1}),
                           random_chance(random, 30) ? -INFINITY : number);
            break;
        case 4:
            x = tensor_reshape(tensor_reduce_max(x, AXES(1)), SHAPE(1, rows));
            break;
        default:
            x = tensor_reshape(tensor_reduce_min(x, AXES(0)), SHAPE(1, columns));
        }
    }
    return through_codes(x, scale, random_chance(random, 80) ? zero : zero ^ 1);
}

/* A matrix, of some matrix. */
static struct tensor random_step(struct random *random, struct tensor x, bool power) {
    struct scales scales = random_scales(random, power);
    int64_t rows = tensor_extent(x, 0);
    switch (random_between(random, 0, 14)) {
    case 0:
        return relu(x);
    case 1:
        return tensor_max(scalar_like(x, 0), x);
    case 2:
        return tensor_min(x, scalar_like(x, random_chance(random, 50) ? 0 : (double)-0.0F));
    case 3:
        return tensor_mul(x, scalar_like(x, (double)scales.x * 64));
    case 4:
        return tensor_div(x, scalar_like(x, (double)scales.x));
    case 5:
        return tensor_add(x, tensor_flip(x, AXES(1)));
    case 6:
        return tensor_pad(x, RANGES({0, 0}, {1, random_between(random, 0, 2)}), 0);
    case 7:
        return tensor_mul(x, by_output(x.context, scales.w, rows, 1, 2));
    case 8:
        return tensor_reshape(row_means(x, scales.x), SHAPE(1, rows));
    case 9:
        return matmul(matmul(x, transpose(x, 0, 1)), x);
    case 10:
        return random_passage(random, x, random_scale(random, false));
    case 11:
        x = through_codes(x, scales.x, (int)random_between(random, 0, 255));
        x = tensor_add(x, tensor_flip(through_codes(x, scales.w[0], 128), AXES(0)));
        return through_codes(x, scales.w[1], (int)random_between(random, 0, 255));
    default:
        x = through_codes(x, scales.x, (int)random_between(random, 0, 255));
        return random_chance(random, 80) ? q_linear(x, &scales, random_between(random, 1, 12)) : x;
    }
}

static struct graph *random_codes(uint64_t seed, bool power) {
    struct random random = {.state = seed};
    struct tensor_context *context = tensor_context_new("random");
    struct tensor x =
        test_input(context, SHAPE(random_between(&random, 1, 5), random_between(&random, 1, 20)));
    for (int64_t steps = random_between(&random, 2, 9); steps > 0; steps--)
        x = random_step(&random, x, power);
    return test_graph(x);
}

/* On elements of all kinds. */
static void expect_kept(const struct graph *before, const struct graph *after, uint64_t seed) {
    struct trial old, new;
    struct et_error error = {0};
    cr_assert(trial_begin(&old, before, seed, &error) && trial_begin(&new, after, seed, &error),
              "%s", error.message);
    cr_expect_arr_eq(new.expected[0], old.expected[0], (size_t)node_bytes(before->outputs[0].node),
                     "seed %d", (int)seed);
    trial_end(&old);
    trial_end(&new);
}

Test(integers, exact_ones_keep_every_bit_of_random_graphs) {
    int sites = 0;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct graph *graph = random_codes(seed, seed % 4 != 0);
        struct rewritten found = rewrite(graph, true);
        sites += rewritten_count(&found, REWRITE_integers);
        expect_kept(graph, found.graph, seed);
        rewritten_free(&found);
        graph_free(graph);
    }
    cr_expect_gt(sites, 300, "%d sites", sites);
}

Test(integers, of_random_graphs_have_the_same_bits_in_every_mode) {
    int sites = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct graph *graph = random_codes(seed, false);
        struct rewritten found = rewrite(graph, false);
        sites += rewritten_count(&found, REWRITE_integers);
        expect_same_bits(found.graph, "jit", "random");
        rewritten_free(&found);
        graph_free(graph);
    }
    cr_expect_gt(sites, 50, "%d sites", sites);
}

/* ---- Codes that stay codes ---- */

/* A picture goes through a pool, padding, an activation and movements. */
static struct tensor passage(struct tensor x) {
    x = max_pool2d(x,
                   (struct pool2d_options){.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
    x = tensor_pad(relu(x), RANGES({0, 0}, {0, 0}, {1, 2}, {0, 1}), 0.37);
    return tensor_reshape(tensor_flip(x, AXES(2)), SHAPE(4, 2, -1));
}

Test(integers, are_not_rounded_again_behind_what_commutes) {
    static const struct {
        float scale;
        int zero;
        bool same;
    } cases[] = {{0.0173F, 117, true},
                 {0.0173F, 116, false},
                 {0.0174F, 117, false},
                 {0.017300002F, 117, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int exact = 0; exact < 2; exact++) {
            struct tensor_context *context = tensor_context_new("passage");
            struct tensor x = test_input(context, SHAPE(2, 4, 9, 8));
            x = passage(through_codes(x, 0.0173F, 117));
            struct graph *graph = test_graph(codes_of(x, cases[i].scale, cases[i].zero));
            struct rewritten found = rewrite(graph, exact);
            cr_expect_eq(rewritten_count(&found, REWRITE_integers), cases[i].same);
            cr_expect_eq(count_op(found.graph, OP_DIV), 2 - cases[i].same);
            for (uint64_t seed = 1; seed < 20; seed++)
                expect_kept(graph, found.graph, seed);
            expect_same_bits(found.graph, "jit", "passage");
            expect_same_bits(found.graph, "gcc-O3", "passage");
            if (cases[i].same)
                expect_done(&found, REWRITE_integers, NULL);
            rewritten_free(&found);
            graph_free(graph);
        }
}

/* ---- By hand ---- */

/* What QLinearMatMul is: the integers of the sums and the bias, by one product of scales over the
 * output's, rounded to even, and the zero point. */
enum { HAND_INPUTS = 37, HAND_OUTPUTS = 4, HAND_ZERO = 11 };
static const float hand_scale = 0.037F;

Test(integers, are_rounded_as_qlinear_operators_are) {
    struct tensor_context *context = tensor_context_new("hand");
    struct tensor x = add_graph_input(context, "x", DTYPE_UINT8, SHAPE(1, HAND_INPUTS));
    struct tensor y = q_linear(dequantised(x, others.x, 131), &others, HAND_OUTPUTS);
    y = codes_of(y, hand_scale, HAND_ZERO);
    struct graph *graph = test_graph(y);
    struct rewritten found = rewrite(graph, false);
    cr_expect_eq(count_op(found.graph, OP_DIV), 0);
    struct random random = {.state = 5};
    int8_t weights[HAND_OUTPUTS * HAND_INPUTS];
    struct random again = {.state = 7};
    for (int i = 0; i < HAND_OUTPUTS * HAND_INPUTS; i++)
        weights[i] = (int8_t)random_between(&again, -127, 127);
    for (int run = 0; run < 200; run++) {
        uint8_t codes[HAND_INPUTS];
        for (int i = 0; i < HAND_INPUTS; i++)
            codes[i] = (uint8_t)random_between(&random, 0, 255);
        struct inputs inputs = {.count = 1, .elements = {codes}};
        uint8_t *found_codes = (void *)run_eagerly(found.graph, &inputs);
        for (int k = 0; k < HAND_OUTPUTS; k++) {
            int32_t sum = k * 977 % 3001 - 1500;
            for (int i = 0; i < HAND_INPUTS; i++)
                sum += (codes[i] - 131) * weights[k * HAND_INPUTS + i];
            float scale = others.x * others.w[k], ratio = scale / hand_scale;
            float code = nearbyintf((float)sum * ratio) + HAND_ZERO;
            cr_expect_eq(found_codes[k], (int)fminf(fmaxf(code, 0), 255), "%d: %d", k,
                         found_codes[k]);
        }
        et_release(found_codes);
    }
    rewritten_free(&found);
    graph_free(graph);
}

/* ---- What stays ---- */

static void expect_site(struct tensor y, bool exact, bool applied, const char *what) {
    struct graph *graph = test_graph(y);
    struct rewritten found = rewrite(graph, exact);
    cr_assert_eq(found.site_count, 1, "%s", what);
    cr_expect_eq(found.sites[0].applied, applied, "%s", what);
    cr_expect_str_eq(found.sites[0].what, what);
    rewritten_free(&found);
    graph_free(graph);
}

static struct tensor all_codes(struct tensor_context *context, int code, int64_t outputs,
                               int64_t inputs) {
    int8_t value = (int8_t)code;
    return scaled_integers(tensor_const(context, DTYPE_INT8, SHAPE(outputs, inputs), 1, &value),
                           scalar(context, 0x1p-8F));
}
/* Sums of so many products of 255 by a code. */
static struct tensor long_sums(int code, int64_t inputs) {
    struct tensor_context *context = tensor_context_new("long");
    struct tensor x = add_graph_input(context, "x", DTYPE_UINT8, SHAPE(1, inputs));
    return linear(dequantised(x, 0x1p-5F, 0), all_codes(context, code, 2, inputs), NO_TENSOR);
}

Test(integers, say_how_large_sums_are) {
    /* 255 * 32 * 2056 = 2^24 - 256 */
    expect_site(long_sums(-32, 2056), true, true, "sums up to 16776960: the bits are the same");
    expect_site(long_sums(-32, 2057), true, false,
                "float32 may round the sums, which may be beyond 2^24");
    expect_site(long_sums(-32, 2057), false, true,
                "sums up to 16785120: float32 rounds on the way");
    /* 255 * 127 * 66311 is below 2^31, one more is not */
    expect_site(long_sums(127, 66311), false, true,
                "sums up to 2147481735: float32 rounds on the way");
    expect_site(long_sums(127, 66312), false, false,
                "sums of so many products may not fit 32 bits");
}

Test(integers, leave_what_is_something_else) {
    struct tensor_context *context = tensor_context_new("one");
    struct tensor x = through_codes(test_input(context, SHAPE(2, 4)), 0.5F, 128);
    expect_site(linear(x, test_weight(context, "w", SHAPE(3, 4)), NO_TENSOR), false, false,
                "one of its operands is no integer times a scale");

    context = tensor_context_new("several");
    x = through_codes(test_input(context, SHAPE(2, 4)), 0.5F, 128);
    struct tensor w = transpose(q_weight(context, &others, SHAPE(4, 3)), 0, 1);
    expect_site(linear(x, w, NO_TENSOR), false, false,
                "products that are summed have several scales");

    context = tensor_context_new("rounded");
    x = through_codes(test_input(context, SHAPE(2, 4)), 0.4F, 128);
    expect_site(linear(x, all_codes(context, 3, 2, 4), NO_TENSOR), true, false,
                "float32 rounds the products: some scale is no power of two");

    context = tensor_context_new("tiny");
    x = through_codes(test_input(context, SHAPE(2, 4)), 0x1p-120F, 128);
    expect_site(linear(x, all_codes(context, 3, 2, 4), NO_TENSOR), false, false,
                "the scale of the sums is not an ordinary number");
}

/* Padding that is no zero, and scales that are negative or none. */
Test(integers, do_not_follow_what_is_no_scale) {
    const float no_scales[] = {0, -0x1p-8F, INFINITY, NAN, 0x1p-130F};
    for (size_t i = 0; i < sizeof no_scales / sizeof *no_scales; i++) {
        struct tensor_context *context = tensor_context_new("scales");
        struct tensor x = through_codes(test_input(context, SHAPE(2, 4)), 0.5F, 128);
        struct tensor w =
            scaled_integers(some_codes(context, SHAPE(3, 4)), scalar(context, no_scales[i]));
        expect_site(linear(x, w, NO_TENSOR), false, false,
                    "one of its operands is no integer times a scale");
    }
    struct tensor_context *context = tensor_context_new("padding");
    struct tensor x = through_codes(test_input(context, SHAPE(2, 4)), 0.5F, 128);
    x = tensor_pad(x, RANGES({0, 0}, {1, 1}), 1);
    expect_site(linear(x, all_codes(context, 3, 3, 6), NO_TENSOR), false, false,
                "one of its operands is no integer times a scale");
}

/* In steps of the codes that the sums are rounded to; by one multiplication of each sum. */
Test(integers, add_biases_of_floats) {
    for (int exact = 0; exact < 2; exact++) {
        struct tensor_context *context = tensor_context_new("bias");
        struct tensor x = through_codes(test_input(context, SHAPE(2, 4)), 0.5F, 128);
        struct tensor b = test_weight(context, "b", SHAPE(3));
        struct tensor y = linear(x, all_codes(context, 3, 3, 4), b);
        struct graph *graph = test_graph(codes_of(y, 0x1p-7F, 120));
        struct rewritten found = rewrite(graph, exact);
        cr_expect_eq(rewritten_count(&found, REWRITE_integers), 2 - exact);
        cr_expect_eq(count_op(found.graph, OP_DIV), 1 + exact);
        for (uint64_t seed = 1; seed < 20; seed++) /* powers of two keep every bit */
            expect_kept(graph, found.graph, seed);
        expect_same_bits(found.graph, "jit", "bias");
        expect_same_bits(found.graph, "gcc-O3", "bias");
        rewritten_free(&found);
        graph_free(graph);
    }
}
