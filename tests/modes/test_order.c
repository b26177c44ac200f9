/* Sorts and scatters in every mode, of rows of many lengths and of positions of every form; and the
 * rules that they obey. */
#include "compiler/builder/builder.h"
#include "compiler/builder/layers.h"
#include "compiler/emit/backend.h"
#include "tests/support/trial.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct tensor input(struct tensor_context *context, const char *name, int rank,
                           const int64_t *shape) {
    return add_graph_input(context, name, DTYPE_FLOAT32, rank, shape);
}

/* Small integers, some outside any axis. */
static struct tensor positions(struct tensor_context *context, const char *name, int rank,
                               const int64_t *shape) {
    return add_graph_input(context, name, DTYPE_INT64, rank, shape);
}

/* ---- Graphs ---- */

/* Few elements are inserted, more are dealt out: one, the last of those, the first of these. */
static struct tensor build_lengths(struct tensor_context *context) {
    static const int64_t lengths[] = {1, 2, 32, 33, 300};
    struct tensor x = input(context, "x", SHAPE(3, 300)), orders[5];
    for (int i = 0; i < 5; i++)
        orders[i] = tensor_argsort(tensor_shrink(x, RANGES({0, 3}, {0, lengths[i]})), 1);
    return tensor_concat(5, orders, 1);
}

/* Those with the greatest key come last, as they stand: few, many, or all. */
static struct tensor build_filtered(struct tensor_context *context) {
    static const float limits[] = {-1e9f, -0.7f, -0.2f, 0, 0.5f, 1e9f};
    struct tensor x = input(context, "x", SHAPE(3, 300)), orders[6];
    for (int i = 0; i < 6; i++) {
        struct tensor passes = tensor_lt(x, scalar(context, limits[i]));
        orders[i] = tensor_argsort(tensor_where(passes, x, scalar(context, NAN)), 1);
    }
    return tensor_concat(6, orders, 1);
}

static struct tensor build_first_axis(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(2, 50, 3));
    return tensor_mul(tensor_argsort(tensor_exp(x), 1), tensor_argsort(x, -3));
}

/* The values in their order, the greatest first. */
static struct tensor build_values(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(257));
    struct tensor order = tensor_argsort(tensor_flip(x, AXES(0)), 0);
    order = tensor_flip(tensor_sub(scalar_like(order, 256), order), AXES(0));
    return tensor_gather(x, 0, tensor_shrink(order, RANGES({0, 100})));
}

/* The least ones of each row, without picking from it, so that there may be a batch. */
static struct tensor build_chosen(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(3, 70));
    struct tensor first = tensor_shrink(tensor_argsort(x, 1), RANGES({0, 3}, {0, 9}));
    struct tensor place = tensor_expand(
        tensor_reshape(tensor_iota(context, DTYPE_INT32, 9), SHAPE(1, 9)), SHAPE(3, 9));
    struct tensor nowhere = tensor_expand(scalar_like(place, -1), SHAPE(3, 70));
    struct tensor none = tensor_expand(scalar(context, 0), SHAPE(3, 9));
    return tensor_scatter(none, 1, tensor_scatter(nowhere, 1, first, place), x);
}

/* Integers of each width, with ties; the order is stored as it is given out. */
static struct tensor build_integers(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(4, 90)), sum = NO_TENSOR;
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        if (!dtype_is_integer((enum dtype)dtype))
            continue;
        struct tensor order = tensor_argsort(tensor_cast(x, (enum dtype)dtype), 1);
        sum = sum.node ? tensor_add(tensor_mul(sum, scalar_like(sum, 3)), order) : order;
    }
    return sum;
}

static struct tensor build_order_alone(struct tensor_context *context) {
    return tensor_reshape(tensor_argsort(input(context, "x", SHAPE(5, 40)), 1), SHAPE(200));
}

/* In the steps of a scan, whose body keeps nothing else in the arena. */
static struct tensor build_within_scan(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(6, 40)), first = tensor_argsort(x, 1);
    struct tensor_context *body = tensor_context_new("body");
    add_graph_input(body, "state", DTYPE_INT32, SHAPE(40));
    struct tensor next = tensor_argsort(input(body, "row", SHAPE(40)), 0);
    struct tensor initial =
        tensor_reshape(tensor_shrink(first, RANGES({0, 1}, {0, 40})), SHAPE(40));
    return tensor_scan(&(struct scan_options){
        .initial = initial, .scanned_count = 1, .scanned = &x, .next = next});
}

/* Rows into a cache, as attention does it. */
static struct tensor build_rows(struct tensor_context *context) {
    struct tensor cache = input(context, "cache", SHAPE(2, 3, 9, 16));
    struct tensor update = input(context, "update", SHAPE(2, 3, 4, 16));
    return tensor_scatter(cache, 2, positions(context, "positions", SHAPE(2, 1, 4, 1)), update);
}

/* Along the first axis, elements each to a position of its own, several to one. */
static struct tensor build_elements(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(1, 5, 7)), y = input(context, "y", SHAPE(1, 30, 7));
    struct tensor p = positions(context, "positions", SHAPE(1, 30, 7));
    struct tensor sum = tensor_scatter_add(x, 1, p, y), product = tensor_scatter_mul(x, 1, p, y);
    struct tensor least = tensor_scatter_min(sum, 1, p, y);
    return tensor_concat(
        TENSORS(sum, product, least, tensor_scatter_max(x, 1, p, y), tensor_scatter(x, 1, p, y)),
        1);
}

/* Positions that are repeated along some of neighbouring axes; computed data and updates. */
static struct tensor build_repeated(struct tensor_context *context) {
    struct tensor x = input(context, "x", SHAPE(2, 3, 8, 2, 3));
    struct tensor y = input(context, "y", SHAPE(2, 3, 4, 2, 3));
    struct tensor some = positions(context, "positions", SHAPE(1, 3, 4, 2, 1));
    struct tensor one = positions(context, "positions of one", SHAPE(1, 1, 1, 1, 1));
    struct tensor sum = tensor_scatter_add(tensor_tanh(x), 2, some, tensor_mul(y, y));
    return tensor_add(tensor_scatter(sum, 2, one, y), x);
}

/* Known positions and data. */
static struct tensor build_constants(struct tensor_context *context) {
    int64_t list[] = {3, 0, 3, 7, -1};
    struct tensor p = tensor_const(context, DTYPE_INT64, SHAPE(5, 1), 5, list);
    struct tensor none = tensor_expand(scalar(context, 0), SHAPE(8, 6));
    return tensor_scatter_add(none, 0, p, input(context, "y", SHAPE(5, 6)));
}

static struct tensor build_bools(struct tensor_context *context) {
    struct tensor x = tensor_lt(input(context, "x", SHAPE(40)), scalar(context, 0));
    struct tensor y = tensor_lt(input(context, "y", SHAPE(60)), scalar(context, 0));
    struct tensor p = positions(context, "positions", SHAPE(60));
    return tensor_concat(TENSORS(tensor_scatter_max(x, 0, p, y), tensor_scatter_min(x, 0, p, y),
                                 tensor_scatter(x, 0, p, y)),
                         0);
}

static struct tensor (*const builders[])(struct tensor_context *context) = {
    build_lengths,     build_first_axis, build_values,   build_integers,  build_order_alone,
    build_rows,        build_elements,   build_repeated, build_constants, build_bools,
    build_within_scan, build_chosen,     build_filtered,
};
enum { BUILDERS = sizeof builders / sizeof *builders };

/* ---- Every mode ---- */

static struct graph *graph_of(struct tensor y) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(y.context, OUTPUTS({"y", y}), &error);
    cr_assert(graph, "%s", error.message);
    return graph;
}

/* Graphs that pick by positions which depend on what they pick from have no batch. */
static bool has_batch(int builder) {
    return builders[builder] != build_values;
}

static void check(int builder, const struct mode *mode, uint64_t seed) {
    struct graph *graph = graph_of(builders[builder](tensor_context_new("order")));
    struct et_error error = {0};
    struct trial trial;
    cr_assert((mode->batched ? trial_begin_batch : trial_begin)(&trial, graph, seed, &error), "%s",
              error.message);
    cr_expect(!mode->batched || (trial.batched != NULL) == has_batch(builder), "%d has no batch",
              builder);
    cr_expect(trial_check(&trial, mode, &error), "%d, %s, seed %d: %s", builder, mode->name,
              (int)seed, error.message);
    trial_end(&trial);
    graph_free(graph);
}

Test(order, the_jit_equals_the_interpreter, .timeout = 120) {
    enum { SEEDS = 12 }; /* each another target, number of threads, how often a run asks to stop */
    for (int i = 0; i < BUILDERS; i++)
        for (int k = 0; k < MODE_COUNT; k++)
            for (uint64_t seed = 1; seed <= SEEDS && !modes[k].cc; seed++)
                check(i, &modes[k], seed);
}

/* Each has every second graph, and each graph half of them. */
Test(order, compilers_equal_the_interpreter, .timeout = 300) {
    for (int k = 0; k < MODE_COUNT; k++)
        for (int i = k % 2; i < BUILDERS && modes[k].cc; i += 2)
            check(i, &modes[k], (uint64_t)i + (uint64_t)k);
}

/* ---- What is emitted ---- */

/* The text does not grow with what is sorted and put. */
Test(order, many_elements_are_loops) {
    static const struct emit_backend *const backends[] = {&emit_loops, &emit_calls};
    for (int i = 0; i < 4; i++) {
        struct tensor_context *context = tensor_context_new("many");
        int64_t rows = i < 2 ? 10 : 10000;
        struct tensor x = input(context, "x", SHAPE(rows, 4)), y = input(context, "y", SHAPE(rows));
        struct tensor order = tensor_argsort(y, 0);
        struct tensor p = tensor_reshape(order, SHAPE(rows, 1));
        struct graph *graph = graph_of(tensor_scatter_add(x, 0, p, x));
        struct compile_options options = {.backend = backends[i % 2], .verify = true};
        struct et_error error = {0};
        struct compiled *compiled = compile(graph, &options, &error);
        cr_assert(compiled, "%s", error.message);
        cr_expect_eq(compiled->kernel_count, 2);
        cr_expect_lt(compiled->source_bytes, 12000);
        compiled_free(compiled);
        graph_free(graph);
    }
}

/* ---- Rules ---- */

static void expect_error(struct tensor y, const char *message) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(y.context, OUTPUTS({"y", y}), &error);
    cr_expect(!graph, "%s", message);
    cr_expect(strstr(error.message, message), "%s\nnot: %s", message, error.message);
    graph_free(graph);
}

Test(order, rules) {
    struct tensor_context *context = tensor_context_new("g");
    expect_error(tensor_argsort(input(context, "x", SHAPE(2)), 1), "argsort: axis 1");
    context = tensor_context_new("g");
    expect_error(tensor_argsort(scalar(context, 1), 0), "argsort: axis 0");
    context = tensor_context_new("g");
    struct tensor x = input(context, "x", SHAPE(4, 3)), y = input(context, "y", SHAPE(2, 3));
    struct tensor p = positions(context, "p", SHAPE(2, 2));
    expect_error(tensor_scatter(x, 0, p, y),
                 "scatter: positions int64[2,2] for updates float32[2,3]");
    context = tensor_context_new("g");
    x = input(context, "x", SHAPE(4, 3)), y = input(context, "y", SHAPE(2, 2));
    p = positions(context, "p", SHAPE(2, 1));
    expect_error(tensor_scatter_max(x, 0, p, y),
                 "scatter_max: updates float32[2,2] along axis 0 of float32[4,3]");
    context = tensor_context_new("g");
    x = input(context, "x", SHAPE(4)), y = input(context, "y", SHAPE(2));
    expect_error(tensor_scatter_add(x, 0, y, y),
                 "scatter_add: positions are float32[2], expected int32 or int64");
    context = tensor_context_new("g");
    x = input(context, "x", SHAPE(4)), p = positions(context, "p", SHAPE(2));
    expect_error(tensor_scatter(x, 0, p, p), "scatter: dtypes differ: float32[4] and int64[2]");
}
