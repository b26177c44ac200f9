/* A graph in float64: each operation near its float32 self, and nearer to the truth. */
#include "tests/support/rewrite_support.h"

TestSuite(wide, .timeout = 120);

/* ---- Each operation ---- */

/* One operation of two inputs, x around 0 and var around 1; both positive where that is needed. */
static struct graph *graph_of(enum op op) {
    struct tensor_context *context = tensor_context_new(op_facts[op].name);
    bool positive = op == OP_LOG || op == OP_SQRT || op == OP_POW;
    struct tensor x =
        add_graph_input(context, positive ? "x_var" : "x", DTYPE_FLOAT32, SHAPE(3, 40));
    struct tensor y = add_graph_input(context, "var", DTYPE_FLOAT32, SHAPE(3, 40));
    struct node node = {.op = op, .axis_count = 1, .axes = {1}};
    struct tensor sources[] = {x, y};
    int count = op_facts[op].sources;
    return test_graph(tensor_of_node(context, &node, count, sources));
}

static void check_operation(enum op op) {
    struct graph *graph = graph_of(op);
    struct inputs inputs = ordinary_inputs(graph, (uint64_t)op + 1);
    const struct node *y = graph->outputs[0].node;
    float *narrow = run_eagerly(graph, &inputs);
    double *wide = run_widely(graph, &inputs);
    if (y->dtype != DTYPE_FLOAT32)
        cr_expect_arr_eq(wide, narrow, (size_t)node_bytes(y), "%s", op_facts[op].name);
    else
        for (int64_t i = 0; i < node_elements(y); i++)
            cr_expect_float_eq(wide[i], (double)narrow[i], 1e-5 * (1 + fabs(wide[i])),
                               "%s: element %d is %.17g, in float32 %.9g", op_facts[op].name,
                               (int)i, wide[i], (double)narrow[i]);
    et_release(narrow);
    et_release(wide);
    inputs_free(&inputs);
    graph_free(graph);
}

Test(wide, each_operation_is_near_its_float32_self) {
    int checked = 0;
    for (int op = 0; op < OP_STORED_COUNT; op++) {
        enum op_class class = op_facts[op].class;
        bool computes = class == CLASS_UNARY || class == CLASS_BINARY || class == CLASS_REDUCE ||
                        class == CLASS_CONTRACT;
        if (!computes || !op_accepts((enum op)op, DTYPE_FLOAT32))
            continue;
        check_operation((enum op)op);
        checked++;
    }
    cr_expect_gt(checked, 30);
}

/* ---- What float64 is for ---- */

static double first_of(struct tensor y) {
    struct graph *graph = test_graph(y);
    struct inputs inputs = {0};
    double *wide = run_widely(graph, &inputs), first = wide[0];
    et_release(wide);
    graph_free(graph);
    return first;
}

Test(wide, small_numbers_survive) {
    struct tensor_context *context = tensor_context_new("sum");
    struct tensor one = scalar(context, 1), small = scalar(context, 0x1p-40f);
    cr_expect_eq(first_of(tensor_sub(tensor_add(one, small), one)), 0x1p-40);

    context = tensor_context_new("contract");
    const float elements[] = {0x1p30f, 1, -0x1p30f};
    struct tensor x = tensor_const(context, DTYPE_FLOAT32, SHAPE(3), 3, elements);
    cr_expect_eq(first_of(tensor_contract(x, scalar(context, 1), AXES(0))), 1);

    context = tensor_context_new("third");
    cr_expect_eq(first_of(tensor_recip(scalar(context, 3))), 1.0 / 3);
}

/* ---- What has no float32 in it, or only its bits ---- */

Test(wide, other_dtypes_are_as_ever) {
    struct tensor_context *context = tensor_context_new("bits");
    int32_t one = 0x3f800000;
    struct tensor bits = tensor_const(context, DTYPE_INT32, SCALAR_SHAPE, 1, &one);
    struct tensor x = tensor_add(tensor_bitcast(bits, DTYPE_FLOAT32), scalar(context, 0.5f));
    cr_expect_eq(first_of(x), 1.5);

    context = tensor_context_new("from bits");
    bits = tensor_bitcast(tensor_add(scalar(context, 1), scalar(context, 0x1p-40f)), DTYPE_INT32);
    cr_expect_eq(first_of(tensor_cast(bits, DTYPE_FLOAT32)), (double)one);

    context = tensor_context_new("halves");
    x = tensor_cast(scalar(context, 1.0f + 0x1p-20f), DTYPE_FLOAT16);
    cr_expect_eq(first_of(tensor_cast(x, DTYPE_FLOAT32)), 1);

    context = tensor_context_new("padded");
    x = tensor_pad(tensor_recip(scalar(context, 3)), 0, NULL, 0);
    x = tensor_pad(tensor_reshape(x, SHAPE(1)), RANGES({1, 0}), 0.25);
    cr_expect_eq(first_of(x), 0.25);
}

/* Whether anything of float32 is in a node. */
static bool has_floats(const struct node *node) {
    bool found = node->dtype == DTYPE_FLOAT32;
    for (int i = 0; !found && i < node->source_count; i++)
        found = has_floats(node->sources[i]);
    return found;
}

static void check_random_graph(uint64_t seed) {
    struct et_error error = {0};
    struct graph *graph = random_graph(seed, &error);
    struct trial trial;
    cr_assert(graph && trial_begin(&trial, graph, seed, &error), "%s", error.message);
    void **wide = et_allocate((size_t)graph->output_count, sizeof *wide);
    for (int i = 0; i < graph->output_count; i++)
        wide[i] = et_allocate_aligned(2 * (size_t)node_bytes(graph->outputs[i].node));
    cr_assert(wide_run(graph, (const void *const *)trial.inputs, wide, &error), "seed %d: %s",
              (int)seed, error.message);
    for (int i = 0; i < graph->output_count; i++) {
        struct node *output = graph->outputs[i].node;
        if (!has_floats(output)) {
            quiet_nans(output->dtype, wide[i], node_elements(output));
            cr_expect_arr_eq(wide[i], trial.expected[i], (size_t)node_bytes(output),
                             "seed %d, output %d", (int)seed, i);
        }
        et_release(wide[i]);
    }
    et_release(wide);
    trial_end(&trial);
    graph_free(graph);
}

Test(wide, random_graphs_run) {
    for (uint64_t seed = 1; seed <= 300; seed++)
        check_random_graph(seed);
}

Test(wide, every_allocation_fails_once) {
    struct tensor_context *context = tensor_context_new("memory");
    struct tensor x = test_input(context, SHAPE(2, 3));
    x = tensor_pad(softmax(x, 1), RANGES({1, 0}, {0, 0}), 0.5);
    struct graph *graph = test_graph(tensor_bitcast(x, DTYPE_INT32));
    struct inputs inputs = ordinary_inputs(graph, 1);
    int32_t elements[9];
    void *output = elements;
    bool done = false;
    for (unsigned long nth = 1; !done; nth++) {
        struct et_error error = {0};
        et_fail_allocation(nth);
        done = wide_run(graph, (const void *const *)inputs.elements, &output, &error);
        et_fail_allocation(0);
        cr_assert(done || error.message[0], "allocation %lu", nth);
    }
    inputs_free(&inputs);
    graph_free(graph);
}
