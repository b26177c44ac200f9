/* quantize: which range codes get, and what stays float32 so that a budget is kept. */
#include "tests/support/rewrite_support.h"

#include "runtime/et_program.h"

#include <stdio.h>

TestSuite(quantize_budget, .timeout = 300);

/* ---- Ranges ---- */

enum { TAIL_ELEMENTS = 8192, TAIL_SAMPLES = 16 };

/* Few elements are far out: cubes of sums of four, three times as far above 0 as below. */
static bool fill_tail(void *context, int64_t index, void *const *inputs, struct et_error *error) {
    struct random random = {.state = 5 + (uint64_t)index};
    float *elements = inputs[0];
    (void)context, (void)error;
    for (int i = 0; i < TAIL_ELEMENTS; i++) {
        float x = 0;
        for (int k = 0; k < 4; k++)
            x += (float)random_between(&random, -1000, 1000) / 4000;
        elements[i] = x * x * x * (x < 0 ? 1 : 3);
    }
    return true;
}

struct range_found {
    double low, high;
};

static struct range_found find_range(enum quantize_range range) {
    struct tensor_context *context = tensor_context_new("tail");
    struct tensor x = test_input(context, SHAPE(1, TAIL_ELEMENTS));
    struct graph *graph =
        test_graph(linear(x, test_weight(context, "w", SHAPE(2, TAIL_ELEMENTS)), NO_TENSOR));
    struct program_samples samples = {.count = TAIL_SAMPLES, .fill = fill_tail};
    struct rewrite_data data = program_data(&samples);
    struct rewrite_options options = {.data = &data, .quantize_range = range};
    struct rewritten found = rewrite_with(graph, REWRITE_quantize, &options);
    struct range_found result;
    cr_assert(found.sites[0].applied);
    cr_assert_eq(sscanf(found.sites[0].what, "%lf to %lf in", &result.low, &result.high), 2, "%s",
                 found.sites[0].what);
    rewritten_free(&found);
    graph_free(graph);
    return result;
}

/* Of all elements: those beyond the range, and the squares of what codes are off by. */
static double tail_squares(struct range_found range, int *beyond) {
    static float elements[TAIL_ELEMENTS];
    void *inputs = elements;
    double step = (range.high - range.low) / 255, squares = 0;
    double zero = nearbyint(-range.low / step);
    *beyond = 0;
    for (int sample = 0; sample < TAIL_SAMPLES; sample++) {
        fill_tail(NULL, sample, &inputs, NULL);
        for (int i = 0; i < TAIL_ELEMENTS; i++) {
            double x = (double)elements[i];
            double code = fmin(fmax(nearbyint(x / step) + zero, 0), 255);
            *beyond += x < range.low || x > range.high;
            squares += ((code - zero) * step - x) * ((code - zero) * step - x);
        }
    }
    return squares;
}

Test(quantize_budget, extremes_leave_nothing_out) {
    int beyond;
    struct range_found range = find_range(RANGE_extremes);
    tail_squares((struct range_found){range.low * 1.001, range.high * 1.001}, &beyond);
    cr_expect_eq(beyond, 0);
    tail_squares((struct range_found){range.low * 0.999, range.high * 0.999}, &beyond);
    cr_expect_geq(beyond, 2);
}

Test(quantize_budget, a_percentile_leaves_few_out) {
    int beyond;
    struct range_found range = find_range(RANGE_percentile);
    tail_squares(range, &beyond);
    cr_expect(beyond > 0 && beyond <= TAIL_ELEMENTS * TAIL_SAMPLES / 10000 + 2, "%d", beyond);
}

/* No other range has codes that are nearer to the elements, by more than the grain of the search.
 */
Test(quantize_budget, least_squares_are_least) {
    int beyond;
    struct range_found all = find_range(RANGE_extremes);
    double found = tail_squares(find_range(RANGE_squares), &beyond);
    cr_expect_gt(beyond, 0);
    for (int low = 1; low <= 10; low++)
        for (int high = 1; high <= 10; high++) {
            struct range_found other = {all.low * low / 10, all.high * high / 10};
            double squares = tail_squares(other, &beyond);
            cr_expect_leq(found, 1.05 * squares, "%g, but %g to %g: %g", found, other.low,
                          other.high, squares);
        }
}

/* It keeps what is dense: of elements that few are far from, it lets the far ones go. */
Test(quantize_budget, entropy_keeps_what_is_dense) {
    int beyond;
    struct range_found all = find_range(RANGE_extremes), range = find_range(RANGE_entropy);
    cr_expect_gt(range.high, all.high / 20);
    cr_expect(range.high < all.high || range.low > all.low, "%g to %g", range.low, range.high);
    tail_squares(range, &beyond);
    cr_expect(beyond > 0 && beyond < TAIL_ELEMENTS * TAIL_SAMPLES / 4, "%d", beyond);
}

Test(quantize_budget, ranges_have_their_names) {
    enum quantize_range range = RANGE_COUNT;
    cr_expect(quantize_range_from_name("squares", &range) && range == RANGE_squares);
    cr_expect(quantize_range_from_name("extremes", &range) && range == RANGE_extremes);
    cr_expect_not(quantize_range_from_name("", &range));
}

/* ---- Budgets ---- */

enum { MANY_SAMPLES = 48, CLASSES = 200 };

static bool fill_ordinarily(void *context, int64_t index, void *const *inputs,
                            struct et_error *error) {
    struct inputs sample = ordinary_inputs(context, 2 + (uint64_t)index);
    (void)error;
    memcpy(inputs[0], sample.elements[0], (size_t)node_bytes(((struct graph *)context)->inputs[0]));
    inputs_free(&sample);
    return true;
}

/* Four layers, of which the second has one weight in each row that leaves few codes to the others.
 */
static struct graph *sensitive_graph(void) {
    struct tensor_context *context = tensor_context_new("sensitive");
    struct tensor x = test_input(context, SHAPE(1, 24)), outlier[2];
    x = relu(linear(x, test_weight(context, "a", SHAPE(32, 24)), NO_TENSOR));
    outlier[0] = test_weight(context, "b", SHAPE(40, 31));
    outlier[1] = tensor_expand(scalar(context, 20), SHAPE(40, 1));
    x = relu(linear(x, tensor_concat(2, outlier, 1), NO_TENSOR));
    x = relu(linear(x, test_weight(context, "c", SHAPE(50, 40)), NO_TENSOR));
    return test_graph(linear(x, test_weight(context, "d", SHAPE(CLASSES, 50)), NO_TENSOR));
}

static int greatest_of(const float *y) {
    int best = 0;
    for (int i = 1; i < CLASSES; i++)
        if (y[i] > y[best])
            best = i;
    return best;
}

struct change {
    double error; /* root mean square, as a share */
    int lost;     /* samples with another greatest element */
};

static struct change change_of(const struct graph *before, const struct graph *after) {
    double errors = 0, sizes = 0;
    struct change change = {0};
    for (int k = 0; k < MANY_SAMPLES; k++) {
        struct inputs inputs = ordinary_inputs(before, 2 + (uint64_t)k);
        float *old = run_eagerly(before, &inputs), *new = run_eagerly(after, &inputs);
        change.lost += greatest_of(old) != greatest_of(new);
        for (int i = 0; i < CLASSES; i++) {
            errors += ((double)new[i] - (double)old[i]) * ((double)new[i] - (double)old[i]);
            sizes += (double)old[i] * (double)old[i];
        }
        et_release(old);
        et_release(new);
        inputs_free(&inputs);
    }
    change.error = sqrt(errors / sizes);
    return change;
}

/* What the graph itself says, as labels. */
static void label(const struct graph *graph, int64_t labels[MANY_SAMPLES]) {
    for (int k = 0; k < MANY_SAMPLES; k++) {
        struct inputs inputs = ordinary_inputs(graph, 2 + (uint64_t)k);
        float *y = run_eagerly(graph, &inputs);
        labels[k] = greatest_of(y);
        et_release(y);
        inputs_free(&inputs);
    }
}

static struct rewritten quantize_sensitive(struct graph *graph, struct quantize_budget budget) {
    int64_t labels[MANY_SAMPLES];
    label(graph, labels);
    struct program_samples samples = {
        .count = MANY_SAMPLES, .context = graph, .fill = fill_ordinarily, .labels = labels};
    struct rewrite_data data = program_data(&samples);
    return rewrite_with(graph, REWRITE_quantize,
                        &(struct rewrite_options){.data = &data, .quantize_budget = budget});
}

/* The outlier's layer is the first to stay, and no more stay than have to. */
Test(quantize_budget, keeps_the_error_within_it) {
    struct graph *graph = sensitive_graph();
    struct rewritten all = quantize_sensitive(graph, (struct quantize_budget){0});
    double whole = change_of(graph, all.graph).error;
    int last = rewritten_count(&all, REWRITE_quantize);
    cr_expect_eq(last, 4);
    rewritten_free(&all);
    for (double share = 1.01; share > 0.02; share /= 2) {
        struct rewritten found =
            quantize_sensitive(graph, (struct quantize_budget){.error = whole * share});
        int count = rewritten_count(&found, REWRITE_quantize);
        double error = change_of(graph, found.graph).error;
        cr_expect_leq(error, whole * share * 1.0001, "%g: %g of %g", share, error, whole);
        cr_expect_leq(count, last);
        cr_expect(share < 1 || count == 4, "%d", count);
        cr_expect(found.sites[1].applied ? count == 4 : count < 4, "another layer stays");
        cr_expect_not_null(strstr(found.sites[1].what, "; alone it changes the outputs by "));
        last = count;
        rewritten_free(&found);
    }
    cr_expect_lt(last, 3);
    graph_free(graph);
}

Test(quantize_budget, keeps_the_accuracy_within_it) {
    struct graph *graph = sensitive_graph();
    struct rewritten all = quantize_sensitive(graph, (struct quantize_budget){0});
    int lost = change_of(graph, all.graph).lost;
    cr_assert_gt(lost, 0);
    rewritten_free(&all);
    struct rewritten found = quantize_sensitive(
        graph, (struct quantize_budget){.accuracy = (lost - 0.5) / MANY_SAMPLES});
    cr_expect_lt(change_of(graph, found.graph).lost, lost);
    cr_expect_lt(rewritten_count(&found, REWRITE_quantize), 4);
    rewritten_free(&found);
    graph_free(graph);
}

Test(quantize_budget, stays_float32_where_nothing_fits) {
    struct graph *graph = sensitive_graph();
    struct rewritten found = quantize_sensitive(graph, (struct quantize_budget){.error = 1e-12});
    cr_expect_eq(rewritten_count(&found, REWRITE_quantize), 0);
    cr_expect_eq(change_of(graph, found.graph).error, 0);
    rewritten_free(&found);
    graph_free(graph);
}

/* Outputs that are NaN without codes too are no change. */
Test(quantize_budget, takes_NaN_in_both_for_the_same) {
    struct tensor_context *context = tensor_context_new("NaN");
    struct tensor x = test_input(context, SHAPE(1, 24));
    x = tensor_tanh(linear(x, test_weight(context, "a", SHAPE(3, 24)), NO_TENSOR));
    const float added[3] = {0, NAN, 1};
    struct graph *graph =
        test_graph(tensor_add(x, tensor_const(context, DTYPE_FLOAT32, SHAPE(3), 3, added)));
    struct program_samples samples = {
        .count = MANY_SAMPLES, .context = graph, .fill = fill_ordinarily};
    struct rewrite_data data = program_data(&samples);
    struct rewritten found =
        rewrite_with(graph, REWRITE_quantize,
                     &(struct rewrite_options){.data = &data, .quantize_budget = {.error = 0.1}});
    cr_expect_eq(rewritten_count(&found, REWRITE_quantize), 1, "%s", found.sites[0].what);
    cr_expect_null(strstr(found.sites[0].what, "inf"), "%s", found.sites[0].what);
    rewritten_free(&found);
    graph_free(graph);
}

Test(quantize_budget, needs_labels_for_accuracy) {
    struct graph *graph = sensitive_graph();
    struct program_samples samples = {.count = 1, .context = graph, .fill = fill_ordinarily};
    struct rewrite_data data = program_data(&samples);
    struct rewrite_options options = {.data = &data, .quantize_budget = {.accuracy = 0.1}};
    enum rewrite_kind rewrite = REWRITE_quantize;
    struct rewritten rewritten;
    struct et_error error = {0};
    cr_assert_not(rewrite_graph(graph, &options, 1, &rewrite, &rewritten, &error));
    cr_expect_str_eq(error.message, "quantize: expected labels of the data, for its accuracy");
    graph_free(graph);
}
