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

/* ---- Sizes that a run computes ---- */

static void add_integer(const char *name, int64_t value) {
    Onnx__Tensor *tensor = onnx_add_initializer(&model, name, 7, 1);
    int64_t *values = arena_array(&model.arena, int64_t, 1);
    values[0] = value;
    tensor->int64_data = values;
    tensor->n_int64_data = 1;
}

static void add_float(const char *name, float value) {
    Onnx__Tensor *tensor = onnx_add_initializer(&model, name, 1, 1);
    float *values = arena_array(&model.arena, float, 1);
    values[0] = value;
    tensor->float_data = values;
    tensor->n_float_data = 1;
}

/* An output of zeros, as many as `size` says. */
static void expect_most(const char *size, const char *shape) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    Onnx__Attribute *to =
        onnx_add_attribute(&model, onnx_add_node(&model, "Cast", size, "whole"), "to");
    to->has_type = to->has_i = true;
    to->type = 2;
    to->i = 7;
    onnx_add_node(&model, "ConstantOfShape", "whole", "z");
    onnx_add_output(&model, "z");
    struct graph *graph = onnx_import(&model, NULL, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    expect_output(graph, 0, "z", shape, 0, 1);
    graph_free(graph);
    weights_free(weights);
}

/* x0 and x1: the sides of a box in a picture that is 100 wide. */
static void make_sides(void) {
    onnx_add_input(&model, "sides", 1, "2");
    add_integer("zero", 0);
    add_integer("one", 1);
    add_float("null", 0);
    add_float("hundred", 100);
    add_float("half", 0.5F);
    onnx_add_node(&model, "Max", "sides,null", "right");
    onnx_add_node(&model, "Min", "right,hundred", "inside");
    onnx_add_node(&model, "Gather", "inside,zero", "x0");
    onnx_add_node(&model, "Gather", "inside,one", "x1");
}

Test(counted, sizes_have_the_bounds_of_what_they_are_made_of) {
    make_sides();
    onnx_add_node(&model, "Mul", "x1,half", "size");
    expect_most("size", "float32[50]");
}

/* The middle is anywhere, and a side far from it; but they are as far from each other as before. */
Test(counted, boxes_around_their_middle_stay_as_wide) {
    make_sides();
    onnx_add_node(&model, "Add", "x0,x1", "twice");
    onnx_add_node(&model, "Mul", "twice,half", "middle");
    onnx_add_node(&model, "Sub", "x1,x0", "wide");
    onnx_add_node(&model, "Mul", "wide,half", "half_wide");
    onnx_add_node(&model, "Sub", "middle,half_wide", "left");
    onnx_add_node(&model, "Add", "middle,half_wide", "right_side");
    onnx_add_node(&model, "Sub", "right_side,left", "size");
    expect_most("size", "float32[100]");
}

/* Either it is 60, or 120 - x1, of which x1 is at least 60. */
Test(counted, differences_of_the_lesser_are_bounded) {
    make_sides();
    add_float("sixty", 60);
    onnx_add_node(&model, "Min", "x1,sixty", "a");
    onnx_add_node(&model, "Sub", "a,x1", "less");
    onnx_add_node(&model, "Add", "less,sixty", "size");
    expect_most("size", "float32[60]");
}

Test(counted, sizes_without_a_bound_are_refused) {
    onnx_add_input(&model, "size", 7, "1");
    onnx_add_node(&model, "ConstantOfShape", "size", "z");
    onnx_add_output(&model, "z");
    refuses("m.onnx: cannot be imported:\n  ConstantOfShape \"z\" (opset 13): the shape depends on "
            "the model's inputs; here it must be known before");
}

Test(counted, outputs_of_two_extents_are_refused) {
    make_filter();
    onnx_add_input(&model, "columns", 7, "2");
    onnx_add_node(&model, "NonZero", "columns", "other");
    onnx_add_node(&model, "Squeeze", "other,zero", "them");
    onnx_add_node(&model, "Transpose", "found", "turned");
    onnx_add_node(&model, "Gather", "turned,them", "part");
    onnx_add_output(&model, "part");
    refuses(
        "m.onnx: output \"part\": several of its extents depend on the data, expected at most one");
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
