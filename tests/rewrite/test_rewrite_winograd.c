/* winograd: which convolutions are seen, in whatever form; what they become; and how near it is. */
#include "tests/support/rewrite_convolutions.h"

#include "compiler/rewrite/rewriting.h"

#include <inttypes.h>

TestSuite(winograd, .timeout = 120);

/* ---- The transforms, in float64 ---- */

static void transform_numbers(const struct transform *transform, const double *inputs,
                              double *outputs) {
    double values[MOST_TILE + MOST_STEPS];
    memcpy(values, inputs, (size_t)transform->input_count * sizeof *values);
    for (int i = 0; i < transform->step_count; i++) {
        const struct transform_step *step = &transform->steps[i];
        int at = transform->input_count + i;
        cr_assert(step->left < at && step->right >= 0 && step->right < at);
        values[at] =
            (step->left < 0 ? 0 : values[step->left]) + (double)step->factor * values[step->right];
    }
    for (int i = 0; i < transform->output_count; i++)
        outputs[i] = values[transform->outputs[i]];
}

/* Every step is used, and every output is the result of one. */
static void check_steps(const struct transform *transform) {
    bool used[MOST_TILE + MOST_STEPS] = {false};
    for (int i = 0; i < transform->step_count; i++) {
        if (transform->steps[i].left >= 0)
            used[transform->steps[i].left] = true;
        used[transform->steps[i].right] = true;
    }
    for (int i = 0; i < transform->output_count; i++)
        used[transform->outputs[i]] = true;
    for (int i = 0; i < transform->input_count + transform->step_count; i++)
        cr_expect(used[i], "value %d of the transform of %d to %d is not used", i,
                  transform->input_count, transform->output_count);
}

static void check_algorithm(int outputs, int taps) {
    int tile = outputs + taps - 1;
    struct transform in = input_transform(tile), out = output_transform(outputs, tile);
    double rows[MOST_TILE][MOST_TILE];
    weight_transform(tile, taps, rows);
    check_steps(&in);
    check_steps(&out);
    struct random random = {.state = (uint64_t)(outputs * 10 + taps)};
    for (int trial = 0; trial < 50; trial++) {
        double d[MOST_TILE], g[MOST_TILE], m[MOST_TILE], y[MOST_TILE];
        for (int i = 0; i < tile; i++)
            d[i] = (double)random_between(&random, -9, 9);
        for (int k = 0; k < taps; k++)
            g[k] = (double)random_between(&random, -9, 9);
        transform_numbers(&in, d, m);
        for (int j = 0; j < tile; j++) {
            double weight = 0;
            for (int k = 0; k < taps; k++)
                weight += rows[j][k] * g[k];
            m[j] *= weight;
        }
        transform_numbers(&out, m, y);
        for (int i = 0; i < outputs; i++) {
            double expected = 0;
            for (int k = 0; k < taps; k++)
                expected += d[i + k] * g[k];
            cr_expect_float_eq(y[i], expected, 1e-9, "F(%d,%d): output %d is %g, expected %g",
                               outputs, taps, i, y[i], expected);
        }
    }
}

Test(winograd, transforms_are_exact) {
    for (int taps = 3; taps <= 5; taps += 2)
        for (const int *outputs = winograd_outputs(taps); *outputs; outputs++)
            check_algorithm(*outputs, taps);
    cr_expect_null(winograd_outputs(1));
    cr_expect_null(winograd_outputs(4));
    cr_expect_null(winograd_outputs(7));
}

/* ---- One convolution ---- */

/* The weights of a filter that is 1 in its middle: all comes through. */
Test(winograd, passes_a_picture_on) {
    for (int64_t size = 3; size <= 5; size += 2) {
        struct problem p = {.batch = 2,
                            .channels = 1,
                            .outputs = 1,
                            .height = 7,
                            .width = 10,
                            .kernel = {size, size},
                            .padding = {size / 2, size / 2}};
        struct graph *graph = problem_graph(&p);
        float filter[25] = {0};
        filter[size * size / 2] = 1;
        for (int i = 0; i < graph->node_count; i++)
            if (graph->nodes[i]->op == OP_WEIGHT)
                graph->nodes[i]->value = filter;
        struct rewrite_options options = {.winograd_tile = {4, 4}};
        struct rewritten rewritten = rewrite_with(graph, REWRITE_winograd, &options);
        struct inputs inputs = ordinary_inputs(graph, 5);
        float *y = run_eagerly(rewritten.graph, &inputs);
        cr_assert_eq(rewritten_count(&rewritten, REWRITE_winograd), 1);
        for (int i = 0; i < 2 * 7 * 10; i++)
            cr_expect_float_eq(y[i], ((float *)inputs.elements[0])[i], 1e-5f);
        et_release(y);
        inputs_free(&inputs);
        graph_free(graph);
        rewritten_free(&rewritten);
    }
}

/* ---- What stays ---- */

static struct tensor strided(struct tensor x, struct tensor w) {
    return conv2d(x, w, NO_TENSOR, (struct conv2d_options){.stride = {2, 1}});
}
static struct tensor dilated(struct tensor x, struct tensor w) {
    return conv2d(x, w, NO_TENSOR, (struct conv2d_options){.dilation = {1, 2}});
}
static struct tensor grouped(struct tensor x, struct tensor w) {
    return conv2d(x, tensor_shrink(w, RANGES({0, 8}, {0, 4}, {0, 3}, {0, 3})), NO_TENSOR,
                  (struct conv2d_options){.groups = 2});
}
static struct tensor depthwise(struct tensor x, struct tensor w) {
    return conv2d(x, tensor_shrink(w, RANGES({0, 8}, {0, 1}, {0, 3}, {0, 3})), NO_TENSOR,
                  (struct conv2d_options){.groups = 8});
}
static struct tensor wide_kernel(struct tensor x, struct tensor w) {
    return conv2d(x, tensor_pad(w, RANGES({0, 0}, {0, 0}, {2, 2}, {0, 0}), 0), NO_TENSOR,
                  (struct conv2d_options){0});
}
static struct tensor small(struct tensor x, struct tensor w) {
    return conv2d(tensor_shrink(x, RANGES({0, 1}, {0, 8}, {0, 4}, {0, 4})), w, NO_TENSOR,
                  (struct conv2d_options){0});
}

static const struct {
    struct tensor (*build)(struct tensor x, struct tensor w);
    const char *why;
} staying[] = {
    {strided, "its stride is 2x1"},     {dilated, "its dilation is 1x2"},
    {grouped, "it has groups"},         {depthwise, "it has groups"},
    {wide_kernel, "its kernel is 7x3"}, {small, "it would not be faster"},
};

Test(winograd, says_why_a_convolution_stays) {
    for (size_t i = 0; i < sizeof staying / sizeof *staying; i++) {
        struct tensor_context *context = tensor_context_new("stays");
        struct tensor x = test_input(context, SHAPE(1, 8, 12, 12));
        struct tensor w = test_weight(context, "w", SHAPE(8, 8, 3, 3));
        struct graph *graph = test_graph(staying[i].build(x, w));
        struct rewritten rewritten = rewrite_with(graph, REWRITE_winograd, NULL);
        cr_assert_eq(rewritten.site_count, 1, "%s", staying[i].why);
        cr_expect_str_eq(rewritten.sites[0].what, staying[i].why);
        cr_expect_not(rewritten.sites[0].applied);
        expect_done(&rewritten, REWRITE_winograd, NULL);
        graph_free(graph);
        rewritten_free(&rewritten);
    }
}

static void expect_no_site(struct tensor y, const char *what) {
    struct rewrite_options options = {.winograd_tile = {2, 2}};
    struct graph *graph = test_graph(y);
    struct rewritten rewritten = rewrite_with(graph, REWRITE_winograd, &options);
    cr_expect_eq(rewritten.site_count, 0, "%s", what);
    graph_free(graph);
    rewritten_free(&rewritten);
}

Test(winograd, other_contractions_are_no_convolutions) {
    struct tensor_context *context = tensor_context_new("linear");
    struct tensor x = test_input(context, SHAPE(4, 16));
    expect_no_site(linear(x, test_weight(context, "w", SHAPE(8, 16)), NO_TENSOR), "linear");

    context = tensor_context_new("given");
    x = test_input(context, SHAPE(1, 8, 12, 12));
    struct tensor given = add_graph_input(context, "w", DTYPE_FLOAT32, SHAPE(8, 8, 3, 3));
    expect_no_site(conv2d(x, given, NO_TENSOR, (struct conv2d_options){0}), "weights are an input");

    context = tensor_context_new("pointwise");
    x = test_input(context, SHAPE(1, 8, 12, 12));
    struct tensor w = test_weight(context, "w", SHAPE(8, 8, 1, 1));
    expect_no_site(conv2d(x, w, NO_TENSOR, (struct conv2d_options){0}), "1x1");

    context = tensor_context_new("row");
    x = test_input(context, SHAPE(1, 8, 12, 12));
    w = test_weight(context, "w", SHAPE(8, 8, 1, 3));
    expect_no_site(conv2d(x, w, NO_TENSOR, (struct conv2d_options){0}), "1x3");

    context = tensor_context_new("turned"); /* a convolution in the strict sense */
    x = test_input(context, SHAPE(1, 1, 12, 12));
    x = tensor_flip(windows(x, (int64_t[]){3, 3}, ones, ones), AXES(5));
    w = test_weight(context, "w", SHAPE(3, 3));
    expect_no_site(tensor_contract(x, w, AXES(4, 5)), "turned windows");

    context = tensor_context_new("mean"); /* of windows: the weights repeat */
    x = test_input(context, SHAPE(1, 8, 12, 12));
    x = windows(x, (int64_t[]){3, 3}, ones, ones);
    expect_no_site(tensor_contract(x, scalar(context, 1.0f / 9), AXES(4, 5)), "one number");

    context = tensor_context_new("diagonal");
    x = test_input(context, SHAPE(12, 12));
    x = windows(x, (int64_t[]){3, 3}, ones, ones);
    w = test_weight(context, "w", SHAPE(10, 3, 3));
    expect_no_site(tensor_contract(x, w, AXES(2, 3)), "weights for each place");
}

/* Three windows: two of them, for each place in the third. */
Test(winograd, a_volume_is_done_by_slices) {
    struct tensor_context *context = tensor_context_new("volume");
    struct tensor x = test_input(context, SHAPE(9, 10, 9));
    x = tensor_window(tensor_window(tensor_window(x, 0, 3, 1, 1), 1, 3, 1, 1), 2, 3, 1, 1);
    struct tensor w = test_weight(context, "w", SHAPE(3, 3, 3));
    struct graph *graph = test_graph(tensor_contract(x, w, AXES(3, 4, 5)));
    struct rewrite_options options = {.winograd_tile = {2, 4}};
    struct rewritten rewritten = rewrite_with(graph, REWRITE_winograd, &options);
    cr_expect_eq(rewritten_count(&rewritten, REWRITE_winograd), 1);
    expect_near(graph, rewritten.graph, winograd_tolerance, "volume");
    graph_free(graph);
    rewritten_free(&rewritten);
}

static int applied_with_weight(float number) {
    struct problem p = {
        .batch = 1, .channels = 2, .outputs = 2, .height = 8, .width = 8, .kernel = {3, 3}};
    struct graph *graph = problem_graph(&p);
    float elements[36] = {1, number};
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            graph->nodes[i]->value = elements;
    struct rewrite_options options = {.winograd_tile = {4, 4}};
    struct rewritten rewritten = rewrite_with(graph, REWRITE_winograd, &options);
    int count = rewritten_count(&rewritten, REWRITE_winograd);
    if (!count)
        cr_expect_str_eq(rewritten.sites[0].what, "its weights are not finite");
    graph_free(graph);
    rewritten_free(&rewritten);
    return count;
}

Test(winograd, weights_must_be_finite) {
    cr_expect_eq(applied_with_weight(1e30f), 1);
    cr_expect_eq(applied_with_weight(NAN), 0);
    cr_expect_eq(applied_with_weight(-INFINITY), 0);
}

/* ---- Padding ---- */

/* Padding with zeros grows instead of being padded again; any other padding stays. */
Test(winograd, padding_grows) {
    for (int number = 0; number < 2; number++) {
        struct tensor_context *context = tensor_context_new("padded");
        struct tensor x = test_input(context, SHAPE(1, 3, 8, 9));
        struct tensor w = test_weight(context, "w", SHAPE(4, 3, 3, 3));
        x = tensor_pad(x, RANGES({0, 0}, {0, 0}, {1, 1}, {2, 0}), number);
        struct graph *graph = test_graph(conv2d(x, w, NO_TENSOR, (struct conv2d_options){0}));
        struct rewrite_options options = {.winograd_tile = {6, 6}};
        struct rewritten rewritten = rewrite_with(graph, REWRITE_winograd, &options);
        cr_expect_eq(rewritten_count(&rewritten, REWRITE_winograd), 1);
        cr_expect_eq(count_op(rewritten.graph, OP_PAD), number ? 2 : 1);
        expect_near(graph, rewritten.graph, winograd_tolerance, "padded");
        graph_free(graph);
        rewritten_free(&rewritten);
    }
}

/* What lies outside of the part that is read has no influence, even through tiles that reach over
 * the end. */
Test(winograd, what_is_not_read_does_not_matter) {
    struct problem p = {.form = CUT,
                        .batch = 1,
                        .channels = 2,
                        .outputs = 3,
                        .height = 8,
                        .width = 7,
                        .kernel = {3, 3}};
    struct graph *graph = problem_graph(&p);
    struct rewrite_options options = {.winograd_tile = {4, 4}};
    struct rewritten rewritten = rewrite_with(graph, REWRITE_winograd, &options);
    struct inputs inputs = ordinary_inputs(graph, 5);
    float *x = inputs.elements[0];
    for (int c = 0; c < 5; c++)
        for (int h = 0; h < 12; h++)
            for (int w = 0; w < 8; w++)
                if (c < 2 || c >= 4 || h < 3 || h >= 11 || w >= 7)
                    x[(c * 12 + h) * 8 + w] = NAN;
    float *y = run_eagerly(rewritten.graph, &inputs);
    for (int i = 0; i < 3 * 6 * 5; i++)
        cr_expect(isfinite(y[i]), "output %d", i);
    et_release(y);
    inputs_free(&inputs);
    graph_free(graph);
    rewritten_free(&rewritten);
}

/* ---- The cost ---- */

static void expect_tiles(int64_t channels, int64_t outputs, int64_t side, int64_t kernel,
                         const char *expected) {
    struct problem p = {.batch = 1,
                        .channels = channels,
                        .outputs = outputs,
                        .height = side + kernel - 1,
                        .width = side + kernel - 1,
                        .kernel = {kernel, kernel}};
    struct graph *graph = problem_graph(&p);
    struct rewritten rewritten = rewrite_with(graph, REWRITE_winograd, NULL);
    cr_assert_eq(rewritten.site_count, 1);
    const struct rewrite_site *site = &rewritten.sites[0];
    cr_expect_str_eq(site->what, expected, "%" PRId64 " to %" PRId64 " at %" PRId64 ": %s",
                     channels, outputs, side, site->what);
    cr_expect_eq(site->multiplications_before, channels * outputs * side * side * kernel * kernel);
    cr_expect_eq(site->multiplications_after < site->multiplications_before, site->applied);
    cr_expect_eq(site->gain >= 1.1, site->applied, "%g", site->gain);
    graph_free(graph);
    rewritten_free(&rewritten);
}

Test(winograd, tiles_are_chosen_by_cost) {
    /* the shipped model */
    expect_tiles(1, 32, 24, 5, "it would not be faster");
    expect_tiles(32, 32, 20, 5, "F(4x4, 5x5)");
    expect_tiles(32, 64, 8, 3, "F(4x4, 3x3)");
    /* ResNet-18's stages */
    expect_tiles(64, 64, 56, 3, "F(4x6, 3x3)");
    expect_tiles(128, 128, 28, 3, "F(4x4, 3x3)");
    expect_tiles(256, 256, 14, 3, "F(4x4, 3x3)");
    expect_tiles(512, 512, 7, 3, "F(2x2, 3x3)");
}

/* ---- Memory ---- */

Test(winograd, every_allocation_fails_once) {
    struct problem p = {.form = BY_MOVEMENT,
                        .batch = 1,
                        .channels = 2,
                        .outputs = 3,
                        .height = 6,
                        .width = 7,
                        .kernel = {3, 3},
                        .padding = {1, 0},
                        .bias = true};
    struct graph *graph = problem_graph(&p);
    struct rewrite_options options = {.name = "other", .winograd_tile = {2, 4}};
    const enum rewrite_kind rewrites[] = {REWRITE_fold_batchnorm, REWRITE_winograd};
    bool done = false;
    for (unsigned long nth = 1; !done; nth++) {
        struct rewritten rewritten;
        struct et_error error = {0};
        et_fail_allocation(nth);
        done = rewrite_graph(graph, &options, 2, rewrites, &rewritten, &error);
        et_fail_allocation(0);
        cr_assert(done || error.message[0], "allocation %lu", nth);
        if (!done)
            continue;
        cr_expect_str_eq(rewritten.graph->name, "other");
        cr_expect_eq(rewritten_count(&rewritten, REWRITE_winograd), 1);
        rewritten_free(&rewritten);
    }
    graph_free(graph);
}
