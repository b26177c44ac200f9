/* The interpreter: whole graphs, what it keeps and frees, and every way it can fail. */
#include "runtime/eager.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static struct node *append(struct graph *graph, struct node prototype) {
    struct et_error error = {0};
    struct node *node = graph_append(graph, &prototype, &error);
    cr_assert(node, "%s", error.message);
    return node;
}

static struct node *input(struct graph *graph, const char *name, enum dtype dtype, int64_t extent) {
    return append(
        graph,
        (struct node){.op = OP_INPUT, .name = name, .dtype = dtype, .rank = 1, .shape = {extent}});
}

static struct node *unary(struct graph *graph, enum op op, struct node *source) {
    return append(graph,
                  (struct node){.op = op, .source_count = 1, .sources = (struct node *[]){source}});
}

static struct node *binary(struct graph *graph, enum op op, struct node *a, struct node *b) {
    return append(graph,
                  (struct node){.op = op, .source_count = 2, .sources = (struct node *[]){a, b}});
}

static struct node *flip(struct graph *graph, struct node *source) {
    return append(graph, (struct node){.op = OP_FLIP,
                                       .source_count = 1,
                                       .sources = (struct node *[]){source},
                                       .axis_count = 1,
                                       .axes = {0}});
}

static void output(struct graph *graph, const char *name, struct node *node) {
    cr_assert(graph_add_output(graph, name, node, NULL));
}

/* "both": flip(x + y) * (x + y); "turned": flip(x + y), a view whose source is read later; "x": an
 * input as it came; "total": the sum of a view of a view. A node without readers is among them.
 */
static struct graph *views_and_buffers(void) {
    struct graph *graph = graph_new("views");
    struct node *x = input(graph, "x", DTYPE_FLOAT32, 3), *y = input(graph, "y", DTYPE_FLOAT32, 3);
    struct node *sum = binary(graph, OP_ADD, x, y);
    struct node *turned = flip(graph, sum);
    unary(graph, OP_NEG, turned);
    flip(graph, turned);
    struct node *both = binary(graph, OP_MUL, turned, sum);
    struct node *again = flip(graph, flip(graph, both));
    struct node *total = append(
        graph,
        (struct node){.op = OP_REDUCE_SUM, .source_count = 1, .sources = &again, .axis_count = 1});
    output(graph, "both", both);
    output(graph, "turned", turned);
    output(graph, "x", x);
    output(graph, "total", total);
    output(graph, "turned again", turned);
    return graph;
}

static const float three[3] = {1, 2, 3}, tens[3] = {10, 20, 40};

static void check_views_and_buffers(const struct graph *graph) {
    float both[3], turned[3], x[3], total, again[3];
    struct et_error error = {0};
    cr_assert(eager_run(graph, (const void *[]){three, tens},
                        (void *[]){both, turned, x, &total, again}, &error),
              "%s", error.message);
    cr_assert(memcmp(both, (float[]){473, 484, 473}, sizeof both) == 0);
    cr_assert(memcmp(turned, (float[]){43, 22, 11}, sizeof turned) == 0);
    cr_assert(memcmp(again, turned, sizeof again) == 0);
    cr_assert(memcmp(x, three, sizeof x) == 0);
    cr_assert_eq(total, 1430);
}

Test(eager, runs_views_and_buffers) {
    struct graph *graph = views_and_buffers();
    check_views_and_buffers(graph);
    check_views_and_buffers(graph);
    graph_free(graph);
}

Test(eager, every_failed_allocation_is_survived) {
    struct graph *graph = views_and_buffers();
    float both[3] = {7, 7, 7}, turned[3], x[3], total, again[3];
    int failures = 0;
    for (unsigned long nth = 1;; nth++) {
        struct et_error error = {0};
        et_fail_allocation(nth);
        bool good = eager_run(graph, (const void *[]){three, tens},
                              (void *[]){both, turned, x, &total, again}, &error);
        et_fail_allocation(0);
        if (good)
            break;
        failures++;
        cr_assert(strstr(error.message, "out of memory"), "%s", error.message);
        cr_assert_eq(both[0], 7, "outputs are written only on success");
    }
    /* values, buffers, arguments, uses, and the results of add, neg, mul and reduce_sum */
    cr_assert_eq(failures, 8);
    check_views_and_buffers(graph);
    graph_free(graph);
}

Test(eager, trace_keeps_every_value) {
    struct graph *graph = views_and_buffers();
    struct eager_trace trace;
    cr_assert(eager_trace_run(graph, (const void *[]){three, tens}, NULL, &trace, NULL));
    cr_assert_eq(trace.node_count, graph->node_count);
    cr_assert(trace.values[0].data == three);
    cr_assert(memcmp(trace.values[2].data, (float[]){11, 22, 43}, 12) == 0);
    cr_assert(trace.buffers[2] && !trace.buffers[3]);
    cr_assert(trace.values[3].stride[0] == -1 && *(float *)trace.values[3].data == 43);
    cr_assert(memcmp(trace.values[4].data, (float[]){-43, -22, -11}, 12) == 0);
    eager_trace_free(&trace);
    for (unsigned long nth = 1; nth <= 7; nth++) {
        et_fail_allocation(nth);
        cr_assert(!eager_trace_run(graph, (const void *[]){three, tens}, NULL, &trace, NULL));
        eager_trace_free(&trace);
    }
    et_fail_allocation(0);
    graph_free(graph);
}

Test(eager, outputs_show_one_nan) {
    struct graph *graph = graph_new("nan");
    struct node *x = input(graph, "x", DTYPE_FLOAT32, 2), *h = input(graph, "h", DTYPE_FLOAT16, 2);
    output(graph, "negated", unary(graph, OP_NEG, x));
    output(graph, "x", x);
    output(graph, "h", h);
    output(graph, "bits",
           append(graph,
                  (struct node){
                      .op = OP_BITCAST, .dtype = DTYPE_INT32, .source_count = 1, .sources = &x}));
    const uint32_t nans[2] = {0xffc00001, 0x7f800001};
    const uint16_t halves[2] = {0xfe01, 0xfc00};
    uint32_t negated[2], same[2], bits[2];
    uint16_t half[2];
    cr_assert(eager_run(graph, (const void *[]){nans, halves},
                        (void *[]){negated, same, half, bits}, NULL));
    const uint32_t quiet[2] = {0x7fc00000, 0x7fc00000};
    cr_assert(memcmp(negated, quiet, sizeof quiet) == 0);
    cr_assert(memcmp(same, quiet, sizeof quiet) == 0);
    cr_assert(memcmp(bits, quiet, sizeof quiet) == 0);
    cr_assert(half[0] == 0x7e00 && half[1] == 0xfc00);
    graph_free(graph);
}

Test(eager, constants_and_weights_are_read_in_place) {
    struct graph *graph = graph_new("leaves");
    static const float weight[2] = {0.5f, 4}, two = 2;
    struct node *x = input(graph, "x", DTYPE_FLOAT32, 2);
    struct node *w = append(graph, (struct node){.op = OP_WEIGHT,
                                                 .name = "w",
                                                 .rank = 1,
                                                 .shape = {2},
                                                 .value = weight,
                                                 .value_count = 2});
    struct node *c = append(
        graph,
        (struct node){.op = OP_CONST, .rank = 1, .shape = {2}, .value = &two, .value_count = 1});
    output(graph, "y", binary(graph, OP_ADD, binary(graph, OP_MUL, x, w), c));
    float y[2];
    cr_assert(eager_run(graph, (const void *[]){three}, (void *[]){y}, NULL));
    cr_assert(memcmp(y, (float[]){2.5f, 10}, sizeof y) == 0);
    struct eager_trace trace;
    cr_assert(eager_trace_run(graph, (const void *[]){three}, NULL, &trace, NULL));
    cr_assert(trace.values[w->id].data == weight && trace.values[c->id].stride[0] == 0);
    eager_trace_free(&trace);
    w->value = NULL;
    struct et_error error = {0};
    cr_assert(!eager_run(graph, (const void *[]){three}, (void *[]){y}, &error));
    cr_assert_str_eq(error.message, "node 1: weight \"w\": no elements were loaded");
    graph_free(graph);
}

Test(eager, a_missing_input_is_named) {
    struct graph *graph = views_and_buffers();
    struct et_error error = {0};
    cr_assert(!eager_run(graph, (const void *[]){three, NULL}, NULL, &error));
    cr_assert_str_eq(error.message, "input \"y\" is missing");
    graph_free(graph);
}

/* 2^31 elements seen through one: a view is fine, computing with it is refused. */
Test(eager, a_huge_value_is_refused_before_it_is_allocated) {
    struct graph *graph = graph_new("huge");
    struct node *x = input(graph, "x", DTYPE_FLOAT32, 1);
    struct node *wide = append(graph, (struct node){.op = OP_EXPAND,
                                                    .source_count = 1,
                                                    .sources = &x,
                                                    .rank = 1,
                                                    .shape = {(int64_t)1 << 31}});
    output(graph, "y", flip(graph, unary(graph, OP_NEG, wide)));
    struct et_error error = {0};
    cr_assert(!eager_run(graph, (const void *[]){three}, NULL, &error));
    cr_assert_str_eq(error.message, "node 2: neg: 8589934592 bytes for float32[2147483648], "
                                    "expected at most 4294967296");
    graph_free(graph);
}

/* 200 results of 4 MiB under a limit of 256 MiB: only what is still read may be alive. (A sanitizer
 * keeps freed memory for a while, so there the limit would say nothing.) */
Test(eager, buffers_are_freed_after_their_last_use) {
    enum { COUNT = 1 << 20 };
    struct graph *graph = graph_new("chain");
    struct node *node = input(graph, "x", DTYPE_FLOAT32, COUNT);
    for (int i = 0; i < 200; i++)
        node = unary(graph, OP_NEG, i % 2 ? node : flip(graph, node));
    output(graph, "y", node);
    float *memory = calloc(2 * COUNT, sizeof *memory);
    cr_assert(memory);
    memory[0] = 5;
#ifndef __SANITIZE_ADDRESS__
    cr_assert(setrlimit(RLIMIT_DATA, &(struct rlimit){256 << 20, 256 << 20}) == 0);
#endif
    struct et_error error = {0};
    cr_assert(eager_run(graph, (const void *[]){memory}, (void *[]){memory + COUNT}, &error), "%s",
              error.message);
    cr_assert(memory[COUNT] == 5 && memory[2 * COUNT - 1] == 0);
    free(memory);
    graph_free(graph);
}

Test(eager, long_chains_of_views_end) {
    struct graph *graph = graph_new("chain");
    struct node *node = input(graph, "x", DTYPE_FLOAT32, 3);
    node = unary(graph, OP_NEG, node);
    for (int i = 0; i < 100001; i++)
        node = flip(graph, node);
    output(graph, "y", unary(graph, OP_NEG, node));
    float y[3];
    cr_assert(eager_run(graph, (const void *[]){three}, (void *[]){y}, NULL));
    cr_assert(memcmp(y, (float[]){3, 2, 1}, sizeof y) == 0);
    graph_free(graph);
}
