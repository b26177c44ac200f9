/* Models whose results are as large as what a run finds: which outputs count which, and what is
 * refused. */
#include "tests/support/onnx_model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct onnx_model model;

static void begin(void) {
    onnx_model_begin(&model, 13);
}

static void end(void) {
    arena_free(&model.arena);
}

TestSuite(counted, .init = begin, .fini = end);

/* rows: where x (6) is not 0; found: these rows of y (6, 2). */
static void make_filter(void) {
    Onnx__Tensor *zero = onnx_add_initializer(&model, "zero", 7, 1);
    static int64_t zeros[1];
    zero->int64_data = zeros;
    zero->n_int64_data = 1;
    onnx_add_input(&model, "x", 1, "6");
    onnx_add_input(&model, "y", 1, "6,2");
    onnx_add_node(&model, "NonZero", "x", "places");
    onnx_add_node(&model, "Squeeze", "places,zero", "rows");
    onnx_add_node(&model, "Gather", "y,rows", "found");
}

static void expect_output(const struct graph *graph, int index, const char *name, const char *shape,
                          int axis, int count) {
    const struct output *output = &graph->outputs[index];
    cr_expect_str_eq(output->name, name);
    cr_expect_str_eq(shape_text(output->node).text, shape);
    cr_expect_eq(output->count, count + 1, "%s", name);
    cr_expect(count < 0 || output->counted_axis == axis, "%s", name);
}

Test(counted, outputs_that_are_as_long_share_a_count) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    make_filter();
    onnx_add_node(&model, "Transpose", "found", "columns");
    onnx_add_node(&model, "ReduceSum", "found", "sum");
    onnx_add_node(&model, "Neg", "y", "found.count");
    onnx_add_output(&model, "found");
    onnx_add_output(&model, "columns");
    onnx_add_output(&model, "sum");
    onnx_add_output(&model, "found.count");
    struct graph *graph = onnx_import(&model, NULL, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_assert(verify_graph(graph, &error), "%s", error.message);
    cr_assert_eq(graph->output_count, 5);
    expect_output(graph, 0, "found", "float32[6,2]", 0, 4);
    expect_output(graph, 1, "columns", "float32[2,6]", 1, 4);
    expect_output(graph, 2, "sum", "float32[1,1]", 0, -1);
    expect_output(graph, 3, "found.count", "float32[6,2]", 0, -1);
    expect_output(graph, 4, "found.count.count", "int64[]", 0, -1);
    graph_free(graph);
    weights_free(weights);
}

/* However many rows are found, none of them has an element. */
Test(counted, the_size_of_what_has_no_elements_is_known) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    make_filter();
    onnx_add_input(&model, "empty", 1, "6,0");
    onnx_add_node(&model, "Gather", "empty,rows", "none");
    onnx_add_node(&model, "Size", "none", "size");
    onnx_add_node(&model, "Unsqueeze", "size,zero", "shape");
    onnx_add_node(&model, "ConstantOfShape", "shape", "filled");
    onnx_add_node(&model, "Expand", "zero,size", "spread"); /* a scalar is one extent */
    onnx_add_output(&model, "filled");
    onnx_add_output(&model, "spread");
    struct graph *graph = onnx_import(&model, NULL, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_assert_eq(graph->output_count, 2);
    expect_output(graph, 0, "filled", "float32[0]", 0, -1);
    expect_output(graph, 1, "spread", "int64[0]", 0, -1);
    graph_free(graph);
    weights_free(weights);
}

static void refuses(const char *message) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    cr_assert_null(onnx_import(&model, NULL, &weights, &error));
    cr_assert_null(weights);
    cr_expect_str_eq(error.message, message);
}

Test(counted, operators_without_a_rule_are_named) {
    make_filter();
    onnx_add_node(&model, "Trilu", "found", "z")->name = "corner";
    onnx_add_output(&model, "z");
    model.opset.version = 14;
    refuses("m.onnx: cannot be imported:\n  Trilu \"corner\" (opset 14): of a tensor whose extent "
            "depends on the data");
}

Test(counted, other_extents_are_named) {
    make_filter();
    onnx_add_node(&model, "Add", "found,y", "z");
    onnx_add_output(&model, "z");
    refuses("m.onnx: cannot be imported:\n  Add \"z\" (opset 13): \"y\" float32[6,2] beside a "
            "tensor whose extent depends on the data");
}

/* Every allocation fails once. */
Test(counted, says_when_memory_runs_out, .timeout = 60) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    struct graph *graph = NULL;
    make_filter();
    onnx_add_node(&model, "Shape", "found", "shape");
    onnx_add_node(&model, "ConstantOfShape", "shape", "filled");
    onnx_add_node(&model, "Unique", "x", "each,,inverse");
    onnx_add_output(&model, "filled");
    onnx_add_output(&model, "each");
    onnx_add_output(&model, "inverse");
    for (unsigned long nth = 1; !graph; nth++) {
        cr_assert_lt(nth, 100000);
        et_fail_allocation(nth);
        error.message[0] = 0;
        graph = onnx_import(&model, NULL, &weights, &error);
        et_fail_allocation(0);
        cr_assert(graph || strstr(error.message, "out of memory"), "%lu: %s", nth, error.message);
    }
    graph_free(graph);
    weights_free(weights);
}
