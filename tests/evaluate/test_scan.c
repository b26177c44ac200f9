/* Scans in the interpreter, against values worked out by hand; what is no scan; copies of them. */
#include "compiler/builder/builder.h"
#include "compiler/evaluate/float64.h"
#include "compiler/graph/batch.h"
#include "runtime/eager.h"

#include <criterion/criterion.h>
#include <string.h>

static struct tensor_context *context;

static struct tensor input(const char *name, enum dtype dtype, int rank, const int64_t *shape) {
    return add_graph_input(context, name, dtype, rank, shape);
}

/* state + slice */
static struct tensor sum_body(enum dtype dtype, int rank, const int64_t *shape) {
    struct tensor_context *body = tensor_context_new("sum");
    struct tensor sum = add_graph_input(body, "sum", dtype, rank, shape);
    return tensor_add(sum, add_graph_input(body, "x", dtype, rank, shape));
}

static struct tensor sums(struct tensor initial, struct tensor xs, int axis) {
    struct tensor next = sum_body(tensor_dtype(initial), initial.node->rank, initial.node->shape);
    return tensor_scan(&(struct scan_options){
        .initial = initial, .axis = axis, .scanned_count = 1, .scanned = &xs, .next = next});
}

static struct graph *finish(struct tensor y) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", y}), &error);
    cr_assert(graph, "%s", error.message);
    return graph;
}

static void expect_run(struct graph *graph, const void *const *inputs, const void *expected,
                       size_t bytes) {
    struct et_error error = {0};
    char result[512];
    cr_assert_leq(bytes, sizeof result);
    cr_assert_eq((size_t)node_bytes(graph->outputs[0].node), bytes);
    cr_assert(eager_run(graph, inputs, (void *[]){result}, &error), "%s", error.message);
    cr_expect(memcmp(result, expected, bytes) == 0);
    graph_free(graph);
}

static void begin(void) {
    context = tensor_context_new("scan");
}
TestSuite(scan, .init = begin);

/* ---- Values ---- */

Test(scan, cumulative_sums_along_the_first_axis) {
    struct tensor start = input("start", DTYPE_INT32, SHAPE(2));
    struct tensor xs = input("xs", DTYPE_INT32, SHAPE(3, 2));
    const int32_t first[] = {100, 200}, x[] = {1, 2, 3, 4, 5, 6};
    expect_run(finish(sums(start, xs, 0)), (const void *[]){first, x},
               (int32_t[]){101, 202, 104, 206, 109, 212}, 24);
}

Test(scan, cumulative_sums_along_the_last_axis) {
    struct tensor start = input("start", DTYPE_INT32, SHAPE(2));
    struct tensor xs = input("xs", DTYPE_INT32, SHAPE(2, 3));
    const int32_t first[] = {100, 200}, x[] = {1, 2, 3, 4, 5, 6};
    expect_run(finish(sums(start, xs, -1)), (const void *[]){first, x},
               (int32_t[]){101, 103, 106, 204, 209, 215}, 24);
}

Test(scan, backwards_by_flips) {
    struct tensor start = input("start", DTYPE_FLOAT32, SCALAR_SHAPE);
    struct tensor xs = input("xs", DTYPE_FLOAT32, SHAPE(4));
    const float first = 0.5f, x[] = {1, 2, 4, 8};
    struct tensor y = tensor_flip(sums(start, tensor_flip(xs, AXES(0)), 0), AXES(0));
    expect_run(finish(y), (const void *[]){&first, x}, (float[]){15.5f, 14.5f, 12.5f, 8.5f}, 16);
}

Test(scan, the_last_state_is_a_part_of_the_result) {
    struct tensor start = input("start", DTYPE_INT32, SCALAR_SHAPE);
    struct tensor xs = input("xs", DTYPE_INT32, SHAPE(4));
    const int32_t first = 0, x[] = {1, 2, 4, 8};
    struct tensor last = tensor_shrink(sums(start, xs, 0), RANGES({3, 4}));
    expect_run(finish(last), (const void *[]){&first, x}, (int32_t[]){15}, 4);
}

Test(scan, one_step_and_no_step) {
    const int32_t first[] = {7, 8}, x[] = {1, 2};
    struct tensor start = input("start", DTYPE_INT32, SHAPE(2));
    expect_run(finish(sums(start, input("xs", DTYPE_INT32, SHAPE(1, 2)), 0)),
               (const void *[]){first, x}, (int32_t[]){8, 10}, 8);
    begin();
    start = input("start", DTYPE_INT32, SHAPE(2));
    expect_run(finish(sums(start, input("xs", DTYPE_INT32, SHAPE(0, 2)), 0)),
               (const void *[]){first, x}, "", 0);
}

/* Two numbers as one state; an iota says how often. */
Test(scan, fibonacci) {
    struct tensor start = input("start", DTYPE_INT64, SHAPE(2));
    struct tensor steps = tensor_iota(context, DTYPE_INT32, 6);
    struct tensor_context *body = tensor_context_new("fibonacci");
    struct tensor pair = add_graph_input(body, "pair", DTYPE_INT64, SHAPE(2));
    add_graph_input(body, "step", DTYPE_INT32, SCALAR_SHAPE);
    struct tensor a = tensor_shrink(pair, RANGES({0, 1})), b = tensor_shrink(pair, RANGES({1, 2}));
    struct tensor next = tensor_concat(TENSORS(b, tensor_add(a, b)), 0);
    struct tensor y = tensor_scan(&(struct scan_options){
        .initial = start, .scanned_count = 1, .scanned = &steps, .next = next});
    expect_run(finish(tensor_shrink(y, RANGES({0, 6}, {1, 2}))),
               (const void *[]){(int64_t[]){0, 1}}, (int64_t[]){1, 2, 3, 5, 8, 13}, 48);
}

/* y = w * y + x + step, with a slice of each of two and one captured. */
Test(scan, several_slices_and_a_captured_tensor) {
    struct tensor start = input("start", DTYPE_INT32, SHAPE(2));
    struct tensor scanned[] = {input("xs", DTYPE_INT32, SHAPE(3, 2)),
                               tensor_iota(context, DTYPE_INT32, 3)};
    struct tensor w = input("w", DTYPE_INT32, SHAPE(2));
    struct tensor_context *body = tensor_context_new("polynomial");
    struct tensor y = add_graph_input(body, "y", DTYPE_INT32, SHAPE(2));
    struct tensor x = add_graph_input(body, "x", DTYPE_INT32, SHAPE(2));
    struct tensor step = add_graph_input(body, "step", DTYPE_INT32, SCALAR_SHAPE);
    struct tensor factor = add_graph_input(body, "w", DTYPE_INT32, SHAPE(2));
    struct tensor next = tensor_add(tensor_add(tensor_mul(factor, y), x), step);
    struct tensor all = tensor_scan(&(struct scan_options){.initial = start,
                                                           .scanned_count = 2,
                                                           .scanned = scanned,
                                                           .captured_count = 1,
                                                           .captured = &w,
                                                           .next = next});
    expect_run(
        finish(all),
        (const void *[]){(int32_t[]){1, 2}, (int32_t[]){1, 2, 3, 4, 5, 6}, (int32_t[]){2, 3}},
        (int32_t[]){3, 8, 10, 29, 27, 95}, 24);
}

/* Of each row the sums, and the sums of their last ones. */
static struct tensor sums_of_sums(void) {
    struct tensor_context *body = tensor_context_new("rows"), *outer = context;
    struct tensor sum = add_graph_input(body, "sum", DTYPE_INT32, SCALAR_SHAPE);
    struct tensor row = add_graph_input(body, "row", DTYPE_INT32, SHAPE(3));
    context = body;
    struct tensor within = sums(sum, row, 0);
    context = outer;
    struct tensor next = tensor_reshape(tensor_shrink(within, RANGES({2, 3})), SCALAR_SHAPE);
    struct tensor rows = input("rows", DTYPE_INT32, SHAPE(2, 3));
    return tensor_scan(&(struct scan_options){.initial = input("start", DTYPE_INT32, SCALAR_SHAPE),
                                              .scanned_count = 1,
                                              .scanned = &rows,
                                              .next = next});
}

Test(scan, a_scan_within_a_body) {
    const int32_t start = 10;
    expect_run(finish(sums_of_sums()), (const void *[]){(int32_t[]){1, 2, 3, 4, 5, 6}, &start},
               (int32_t[]){16, 31}, 8);
}

/* Doubles a number as long as it is below a bound, of which another scalar tells. */
static struct tensor doubled_below(struct tensor start, struct tensor bound, int64_t steps,
                                   bool last) {
    struct tensor_context *body = tensor_context_new("doubling");
    struct tensor count = tensor_iota(context, DTYPE_INT32, steps);
    struct tensor x = add_graph_input(body, "x", DTYPE_INT32, SCALAR_SHAPE);
    add_graph_input(body, "count", DTYPE_INT32, SCALAR_SHAPE);
    struct tensor most = add_graph_input(body, "most", DTYPE_INT32, SCALAR_SHAPE);
    struct tensor next = tensor_add(x, x);
    return tensor_scan(&(struct scan_options){.initial = start,
                                              .scanned_count = 1,
                                              .scanned = &count,
                                              .captured_count = 1,
                                              .captured = &bound,
                                              .next = next,
                                              .goes_on = tensor_lt(next, most),
                                              .last = last});
}

Test(scan, states_stay_after_the_step_that_says_so) {
    static const struct {
        int32_t start, bound, states[5];
    } cases[] = {
        {1, 8, {2, 4, 8, 8, 8}},    {1, 0, {2, 2, 2, 2, 2}},      {1, 99, {2, 4, 8, 16, 32}},
        {1, 17, {2, 4, 8, 16, 32}}, {3, 24, {6, 12, 24, 24, 24}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tensor start = input("start", DTYPE_INT32, SCALAR_SHAPE);
        struct tensor bound = input("bound", DTYPE_INT32, SCALAR_SHAPE);
        const void *given[] = {&cases[i].start, &cases[i].bound};
        expect_run(finish(doubled_below(start, bound, 5, false)), given, cases[i].states, 20);
        for (int steps = 4; steps <= 5; steps++) {
            begin();
            start = input("start", DTYPE_INT32, SCALAR_SHAPE);
            bound = input("bound", DTYPE_INT32, SCALAR_SHAPE);
            expect_run(finish(doubled_below(start, bound, steps, true)), given,
                       &cases[i].states[steps - 1], 4);
        }
        begin();
    }
}

/* 2^24 + 1 is no float32: there the second step loses its 1. */
Test(scan, float64_is_carried_as_such) {
    struct tensor start = input("start", DTYPE_FLOAT32, SCALAR_SHAPE);
    struct tensor xs = input("xs", DTYPE_FLOAT32, SHAPE(2));
    struct graph *graph = finish(sums(start, xs, 0));
    const float first = 0x1p24f, x[] = {1, 1};
    double states[2];
    struct et_error error = {0};
    cr_assert(wide_run(graph, (const void *[]){&first, x}, (void *[]){states}, &error), "%s",
              error.message);
    cr_expect_eq(states[0], 0x1p24 + 1);
    cr_expect_eq(states[1], 0x1p24 + 2);
    expect_run(graph, (const void *[]){&first, x}, (float[]){0x1p24f, 0x1p24f}, 8);
}

/* ---- Batches ---- */

Test(scan, images_stay_apart) {
    struct tensor start = input("start", DTYPE_INT32, SHAPE(2));
    struct graph *graph = finish(sums(start, input("xs", DTYPE_INT32, SHAPE(3, 2)), 0));
    struct et_error error = {0};
    struct graph *batched = graph_add_batch(graph, &error);
    cr_assert(batched, "%s", error.message);
    const struct node *scan = batched->outputs[0].node;
    cr_expect(scan->op == OP_SCAN && scan->axis == 1 && scan->body->batched);
    cr_expect_str_eq(shape_text(scan).text, "int32[N,3,2]");
    struct graph *two = graph_at_batch(batched, 2, &error);
    cr_assert(two, "%s", error.message);
    expect_run(two,
               (const void *[]){(int32_t[]){0, 0, 1000, 2000},
                                (int32_t[]){1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6}},
               (int32_t[]){1, 2, 4, 6, 9, 12, 1001, 2002, 1004, 2006, 1009, 2012}, 48);
    graph_free(batched);
    graph_free(graph);
}

/* ---- What is no scan ---- */

static void expect_error(struct tensor y, const char *expected) {
    struct et_error error = {0};
    cr_expect_null(compile_to_graph(context, OUTPUTS({"y", y}), &error));
    cr_expect_str_eq(error.message, expected);
    begin();
}

static struct tensor start_of(enum dtype dtype, int rank, const int64_t *shape) {
    return input("start", dtype, rank, shape);
}

Test(scan, sources_that_do_not_fit) {
    struct tensor x = input("xs", DTYPE_FLOAT32, SHAPE(3, 2));
    expect_error(sums(start_of(DTYPE_FLOAT32, SHAPE(2)), x, 2),
                 "scan: scan: axis 2, expected 0 to 1 for states float32[2] of rank under 16");
    x = input("xs", DTYPE_FLOAT32, SHAPE(3, 2));
    expect_error(sums(start_of(DTYPE_FLOAT32, SHAPE(3)), x, 0),
                 "scan: scan: input 1 of the body is float32[3], expected float32[2]");
    x = input("xs", DTYPE_INT32, SHAPE(3, 2));
    expect_error(sums(start_of(DTYPE_FLOAT32, SHAPE(2)), x, 0),
                 "scan: scan: input 1 of the body is float32[2], expected int32[2]");
    x = input("xs", DTYPE_FLOAT32, SCALAR_SHAPE);
    expect_error(sums(start_of(DTYPE_FLOAT32, SHAPE(2)), x, 0),
                 "scan: scan: source 1 is float32[], which has no axis 0");
    struct tensor start = start_of(DTYPE_FLOAT32, SHAPE(2));
    expect_error(tensor_scan(&(struct scan_options){.initial = start,
                                                    .next = sum_body(DTYPE_FLOAT32, SHAPE(2))}),
                 "scan: scan: the body has 2 inputs, expected one for each of 1 sources");
    struct tensor two[] = {input("x", DTYPE_FLOAT32, SHAPE(3, 2)),
                           input("z", DTYPE_FLOAT32, SHAPE(4, 2))};
    struct tensor_context *body = tensor_context_new("body");
    struct tensor next = add_graph_input(body, "a", DTYPE_FLOAT32, SHAPE(2));
    add_graph_input(body, "b", DTYPE_FLOAT32, SHAPE(2));
    add_graph_input(body, "c", DTYPE_FLOAT32, SHAPE(2));
    expect_error(tensor_scan(&(struct scan_options){.initial = start_of(DTYPE_FLOAT32, SHAPE(2)),
                                                    .scanned_count = 2,
                                                    .scanned = two,
                                                    .next = next}),
                 "scan: scan: steps differ: axis 0 of float32[3,2] and of float32[4,2]");
}

Test(scan, bodies_that_do_not_fit) {
    struct tensor x = input("xs", DTYPE_FLOAT32, SHAPE(3, 2));
    struct tensor start = start_of(DTYPE_FLOAT32, SHAPE(2));
    struct scan_options options = {.initial = start, .scanned_count = 1, .scanned = &x};
    options.next = tensor_reduce_sum(sum_body(DTYPE_FLOAT32, SHAPE(2)), ALL_AXES);
    expect_error(tensor_scan(&options),
                 "scan: scan: the body gives float32[], expected float32[2] like the first source");
    options.initial = start_of(DTYPE_FLOAT32, SHAPE(2));
    x = input("xs", DTYPE_FLOAT32, SHAPE(3, 2));
    options.next = tensor_reshape(sum_body(DTYPE_FLOAT32, SHAPE(2)), SHAPE(3));
    expect_error(tensor_scan(&options),
                 "scan: scan: body: sum: reshape: float32[3] does not hold the 2 elements of "
                 "float32[2]");
    options.initial = start_of(DTYPE_FLOAT32, SHAPE(2));
    x = input("xs", DTYPE_FLOAT32, SHAPE(3, 2));
    options.next = tensor_neg(options.initial);
    expect_error(tensor_scan(&options), "scan: scan: the next state is of the same context");
    options.initial = start_of(DTYPE_FLOAT32, SHAPE(2));
    x = input("xs", DTYPE_FLOAT32, SHAPE(3, 2));
    options.next = sum_body(DTYPE_FLOAT32, SHAPE(2));
    options.next =
        tensor_add(options.next, add_weight(options.next.context, "w", DTYPE_FLOAT32, SHAPE(2)));
    expect_error(tensor_scan(&options), "scan: node 2: body: node 3 is a weight, which has to be a "
                                        "source of the scan");
}

Test(scan, images_would_end_at_different_steps) {
    struct et_error error = {0};
    struct graph *graph =
        finish(doubled_below(input("start", DTYPE_INT32, SCALAR_SHAPE),
                             input("bound", DTYPE_INT32, SCALAR_SHAPE), 5, false));
    cr_expect_null(graph_add_batch(graph, &error));
    cr_expect_str_eq(error.message, "node 3 (scan): its body says whether there is another step, "
                                    "which has no form with a batch axis: images would end at "
                                    "different ones");
    graph_free(graph);
}

Test(scan, the_last_state_needs_a_step) {
    struct tensor x = input("xs", DTYPE_FLOAT32, SHAPE(0, 2));
    struct scan_options options = {.initial = start_of(DTYPE_FLOAT32, SHAPE(2)),
                                   .scanned_count = 1,
                                   .scanned = &x,
                                   .next = sum_body(DTYPE_FLOAT32, SHAPE(2)),
                                   .last = true};
    expect_error(tensor_scan(&options), "scan: scan: no step, after which there would be a state");
}

Test(scan, one_bool_says_whether_there_is_another_step) {
    struct scan_options options = {.scanned_count = 1};
    struct tensor x = input("xs", DTYPE_FLOAT32, SHAPE(3, 2));
    options.scanned = &x;
    options.initial = start_of(DTYPE_FLOAT32, SHAPE(2));
    options.next = sum_body(DTYPE_FLOAT32, SHAPE(2));
    options.goes_on = tensor_lt(options.next, options.next);
    expect_error(tensor_scan(&options), "scan: scan: the body says by bool[2] whether there is "
                                        "another step, expected bool[]");
    x = input("xs", DTYPE_FLOAT32, SHAPE(BATCH, 3));
    options.initial = start_of(DTYPE_FLOAT32, SHAPE(BATCH));
    options.axis = 1;
    options.next = sum_body(DTYPE_FLOAT32, SHAPE(BATCH));
    options.goes_on = tensor_lt(options.next, options.next);
    expect_error(tensor_scan(&options),
                 "scan: scan: the body says whether there is another step, but it has the batch "
                 "axis N: images would end at different steps");
}

Test(scan, the_batch_axis_is_no_axis_of_steps) {
    struct tensor xs = input("xs", DTYPE_FLOAT32, SHAPE(BATCH, 2));
    expect_error(sums(start_of(DTYPE_FLOAT32, SHAPE(2)), xs, 0),
                 "scan: scan: runs along the batch axis N of float32[N,2]: images must stay apart");
    xs = input("xs", DTYPE_FLOAT32, SHAPE(BATCH, 3));
    expect_error(sums(start_of(DTYPE_FLOAT32, SHAPE(BATCH)), xs, 0),
                 "scan: scan: states float32[N] with the steps as first axis, which is the "
                 "batch's");
}

/* A scan in a scan in a scan, and so on. */
static struct tensor nested(struct tensor_context *at, int depth) {
    struct tensor state = add_graph_input(at, "state", DTYPE_FLOAT32, SCALAR_SHAPE);
    struct tensor x = add_graph_input(at, "x", DTYPE_FLOAT32, SCALAR_SHAPE);
    if (depth == 0)
        return tensor_add(state, x);
    struct tensor one = tensor_reshape(x, SHAPE(1));
    struct tensor states =
        tensor_scan(&(struct scan_options){.initial = state,
                                           .scanned_count = 1,
                                           .scanned = &one,
                                           .next = nested(tensor_context_new("body"), depth - 1)});
    return tensor_reshape(states, SCALAR_SHAPE);
}

Test(scan, depth_is_bounded) {
    const float state = 2, x = 3;
    expect_run(finish(nested(context, MAX_SCAN_DEPTH)), (const void *[]){&state, &x}, (float[]){5},
               4);
    begin();
    expect_error(nested(context, MAX_SCAN_DEPTH + 1),
                 "scan: scan: more than 3 scans within one another");
}

/* ---- Memory ---- */

Test(scan, every_failed_allocation_is_survived) {
    const int32_t start = 10;
    struct graph *graph = finish(sums_of_sums());
    int failures = 0;
    for (unsigned long nth = 1;; nth++, failures++) {
        struct et_error error = {0};
        int32_t states[2];
        et_fail_allocation(nth);
        bool good = eager_run(graph, (const void *[]){(int32_t[]){1, 2, 3, 4, 5, 6}, &start},
                              (void *[]){states}, &error);
        et_fail_allocation(0);
        if (good)
            break;
        cr_assert(strstr(error.message, "out of memory"), "%s", error.message);
    }
    cr_expect_gt(failures, 8);
    for (unsigned long nth = 1;; nth++) {
        struct et_error error = {0};
        et_fail_allocation(nth);
        struct graph *copy = graph_copy(graph, &error);
        et_fail_allocation(0);
        if (copy) {
            graph_free(copy);
            break;
        }
        cr_assert(strstr(error.message, "out of memory"), "%s", error.message);
    }
    graph_free(graph);
}
