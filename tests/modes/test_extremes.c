/* The greatest and least of several floats in every mode: windows, short rows and operations within
 * one another, of elements among which NaN is rare enough to be the only one. */
#include "compiler/builder/builder.h"
#include "compiler/builder/layers.h"
#include "compiler/emit/backend.h"
#include "tests/support/trial.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct tensor input(struct tensor_context *context, const char *name, enum dtype dtype,
                           int rank, const int64_t *shape) {
    return add_graph_input(context, name, dtype, rank, shape);
}

static struct tensor flat(struct tensor x) {
    return tensor_reshape(x, SHAPE(node_elements(x.node)));
}

/* Of 3 to 16 elements: each end of the tree of lanes. */
static struct tensor build_rows(struct tensor_context *context, enum dtype dtype) {
    enum { LEAST = 3, COUNT = 14, ROWS = 200 };
    struct tensor rows[2 * COUNT], x = input(context, "x", dtype, SHAPE(ROWS, LEAST + COUNT - 1));
    for (int i = 0; i < COUNT; i++) {
        struct tensor part = tensor_shrink(x, RANGES({0, ROWS}, {0, LEAST + i}));
        rows[2 * i] = tensor_reduce_max(part, AXES(1));
        rows[2 * i + 1] = tensor_reduce_min(part, AXES(1));
    }
    return tensor_concat(2 * COUNT, rows, 0);
}

static struct tensor build_float32(struct tensor_context *context) {
    return build_rows(context, DTYPE_FLOAT32);
}

static struct tensor build_float64(struct tensor_context *context) {
    return build_rows(context, DTYPE_FLOAT64);
}

/* Windows that stand over the border, so that some have fewer elements than others. */
static struct tensor build_windows(struct tensor_context *context) {
    struct tensor x = input(context, "x", DTYPE_FLOAT32, SHAPE(2, 3, 19, 21));
    return max_pool2d(
        x, (struct pool2d_options){.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
}

/* Of more elements than there are lanes, up to twice as many; sums keep their order, too. */
static struct tensor build_large_windows(struct tensor_context *context) {
    struct tensor x = input(context, "x", DTYPE_FLOAT32, SHAPE(2, 3, 19, 21));
    struct tensor y = max_pool2d(
        x, (struct pool2d_options){.kernel = {5, 5}, .stride = {1, 1}, .padding = {2, 2}});
    struct tensor z = avg_pool2d(
        x, (struct pool2d_options){.kernel = {3, 6}, .stride = {2, 3}, .padding = {1, 2}});
    struct tensor w = max_pool2d(x, (struct pool2d_options){.kernel = {4, 8}, .stride = {4, 3}});
    return tensor_concat(TENSORS(flat(y), flat(z), flat(w)), 0);
}

/* Numbers among the operands, from both sides, and values of others that are used once more; NaN
 * is seen by its bits, too. */
static struct tensor build_operations(struct tensor_context *context) {
    struct tensor x = input(context, "x", DTYPE_FLOAT32, SHAPE(900));
    struct tensor y = input(context, "y", DTYPE_FLOAT32, SHAPE(900));
    struct tensor z = input(context, "z", DTYPE_FLOAT32, SHAPE(900));
    struct tensor half = scalar_like(x, 0.5);
    struct tensor inner = tensor_max(tensor_max(x, half), tensor_max(y, tensor_neg(z)));
    struct tensor both = tensor_max(inner, tensor_max(z, tensor_max(half, tensor_mul(x, y))));
    struct tensor least = tensor_min(tensor_min(inner, both), tensor_min(z, tensor_add(x, both)));
    struct tensor bits = tensor_cast(tensor_bitcast(least, DTYPE_INT32), DTYPE_FLOAT32);
    return tensor_concat(TENSORS(inner, both, least, bits), 0);
}

static struct tensor (*const builders[])(struct tensor_context *context) = {
    build_float32, build_float64, build_windows, build_large_windows, build_operations};
enum { BUILDERS = sizeof builders / sizeof *builders };

static bool has_nan_and_numbers(const struct trial *trial) {
    const struct node *y = trial->graph->outputs[0].node;
    const void *elements = trial->expected[0];
    int64_t nan = 0, all = node_elements(y);
    for (int64_t i = 0; i < all; i++)
        nan += y->dtype == DTYPE_FLOAT64 ? isnan(((const double *)elements)[i])
                                         : isnan(((const float *)elements)[i]);
    return nan > all / 50 && nan < all - all / 4;
}

/* The first seed from `seed` on that gives some NaN, but not to most results. */
static void begin(struct trial *trial, const struct graph *graph, uint64_t seed) {
    enum { TRIES = 100 };
    struct et_error error = {0};
    for (int i = 0; i < TRIES; i++) {
        cr_assert(trial_begin(trial, graph, seed + (uint64_t)i, &error), "%s", error.message);
        if (has_nan_and_numbers(trial))
            return;
        trial_end(trial);
    }
    cr_assert_fail("none of %d seeds gives NaN beside numbers", TRIES);
}

static void check(int builder, const struct mode *mode, uint64_t seed) {
    struct tensor y = builders[builder](tensor_context_new("extremes"));
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(y.context, OUTPUTS({"y", y}), &error);
    cr_assert(graph, "%s", error.message);
    struct trial trial;
    begin(&trial, graph, seed);
    cr_expect(trial_check(&trial, mode, &error), "%d, %s, seed %d: %s", builder, mode->name,
              (int)trial.seed, error.message);
    trial_end(&trial);
    graph_free(graph);
}

Test(extremes, modes_equal_the_interpreter, .timeout = 300) {
    for (int k = 0; k < MODE_COUNT; k++)
        for (int i = 0; i < BUILDERS && !modes[k].batched; i++)
            check(i, &modes[k], 100 * (uint64_t)i + 7 * (uint64_t)k);
}

/* One comparison for each two of nine, and choices of one instruction. */
Test(extremes, nan_is_found_apart) {
    struct tensor_context *context = tensor_context_new("nine");
    struct tensor y = tensor_reduce_max(input(context, "x", DTYPE_FLOAT32, SHAPE(40, 9)), AXES(1));
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", y}), &error);
    cr_assert(graph, "%s", error.message);
    struct compile_options options = {.backend = &emit_loops, .verify = true};
    struct compiled *compiled = compile(graph, &options, &error);
    cr_assert(compiled, "%s", error.message);
    int tests = 0;
    for (const char *at = compiled->source; (at = strstr(at, "= f32_unordered(")); at++)
        tests++;
    cr_expect_eq(tests, 5);
    cr_expect(!strstr(compiled->source, "f32_max("));
    compiled_free(compiled);
    graph_free(graph);
}
