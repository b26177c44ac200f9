/* The builder: shapes, broadcasting, errors that stick, and what a program keeps. */
#include "compiler/builder/layers.h"

#include "tests/support/graph_text.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct tensor input(struct tensor_context *context, const char *name, int rank,
                           const int64_t *shape) {
    return add_graph_input(context, name, DTYPE_FLOAT32, rank, shape);
}

/* Compiles with the one output y and compares the nodes. */
static void expect_nodes(struct tensor y, const char *expected) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(y.context, OUTPUTS({"y", y}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    struct text text = graph_text(graph);
    cr_expect_str_eq(text.bytes, expected, "found:\n%s", text.bytes);
    text_free(&text);
    graph_free(graph);
}

static void expect_error(struct tensor y, const char *expected) {
    struct et_error error = {0};
    cr_expect_null(y.node);
    struct graph *graph = compile_to_graph(y.context, OUTPUTS({"y", y}), &error);
    cr_expect_null(graph);
    cr_expect_str_eq(error.message, expected, "found: %s", error.message);
}

/* Broadcasting */

struct shape {
    int rank;
    int64_t extents[4];
};

static const struct broadcast {
    struct shape a, b, result; /* result.rank -1: they do not broadcast */
} broadcasts[] = {
    {{0}, {0}, {0}},
    {{0}, {1, {3}}, {1, {3}}},
    {{2, {2, 3}}, {0}, {2, {2, 3}}},
    {{1, {3}}, {2, {2, 3}}, {2, {2, 3}}},
    {{2, {2, 1}}, {1, {3}}, {2, {2, 3}}},
    {{3, {4, 1, 3}}, {2, {2, 1}}, {3, {4, 2, 3}}},
    {{1, {1}}, {3, {1, 1, 1}}, {3, {1, 1, 1}}},
    {{4, {2, 1, 4, 1}}, {3, {3, 1, 5}}, {4, {2, 3, 4, 5}}},
    {{1, {3}}, {1, {4}}, {-1, {0}}},
    {{2, {2, 3}}, {1, {2}}, {-1, {0}}},
    {{3, {2, 1, 3}}, {3, {3, 1, 3}}, {-1, {0}}},
};

Test(builder, broadcasting_follows_numpy) {
    for (size_t i = 0; i < sizeof broadcasts / sizeof *broadcasts; i++) {
        const struct broadcast *row = &broadcasts[i];
        struct tensor_context *context = tensor_context_new("t");
        struct tensor a = input(context, "a", row->a.rank, row->a.extents);
        struct tensor b = input(context, "b", row->b.rank, row->b.extents);
        struct tensor sums[] = {tensor_add(a, b), tensor_add(b, a)};
        for (int k = 0; k < 2; k++) {
            cr_expect_eq(sums[k].node != NULL, row->result.rank >= 0, "row %zu", i);
            if (!sums[k].node)
                continue;
            cr_expect_eq(tensor_rank(sums[k]), row->result.rank, "row %zu", i);
            for (int axis = 0; axis < row->result.rank; axis++)
                cr_expect_eq(tensor_extent(sums[k], axis), row->result.extents[axis], "row %zu", i);
        }
        tensor_context_free(context);
    }
}

Test(builder, broadcasting_is_written_out) {
    struct tensor_context *context = tensor_context_new("t");
    struct tensor a = input(context, "a", SHAPE(2, 1)), b = input(context, "b", SHAPE(3));
    expect_nodes(tensor_sub(a, b), "0 input a float32[2,1]\n"
                                   "1 input b float32[3]\n"
                                   "2 reshape(1) float32[1,3]\n"
                                   "3 expand(2) float32[2,3]\n"
                                   "4 expand(0) float32[2,3]\n"
                                   "5 sub(4,3) float32[2,3]\n"
                                   "y = 5\n");
}

Test(builder, three_operands_broadcast) {
    struct tensor_context *context = tensor_context_new("t");
    struct tensor a = input(context, "a", SHAPE(3)), b = input(context, "b", SHAPE(2, 1));
    struct tensor mask = tensor_le(a, scalar(context, 0.5f));
    struct tensor y = tensor_where(mask, b, scalar_like(b, -1));
    expect_nodes(y, "0 input a float32[3]\n"
                    "1 input b float32[2,1]\n"
                    "2 const value 0.5 float32[]\n"
                    "3 reshape(2) float32[1]\n"
                    "4 expand(3) float32[3]\n"
                    "5 le(0,4) bool[3]\n"
                    "6 reshape(5) bool[1,3]\n"
                    "7 expand(6) bool[2,3]\n"
                    "8 const value -1 float32[]\n"
                    "9 reshape(8) float32[1,1]\n"
                    "10 expand(9) float32[2,3]\n"
                    "11 expand(1) float32[2,3]\n"
                    "12 where(7,11,10) float32[2,3]\n"
                    "y = 12\n");
}

/* Operations */

Test(builder, movement_that_moves_nothing_adds_no_node) {
    struct tensor_context *context = tensor_context_new("t");
    struct tensor x = input(context, "x", SHAPE(2, 3));
    struct tensor same[] = {
        tensor_reshape(x, SHAPE(2, -1)),
        tensor_permute(x, AXES(0, -1)),
        tensor_expand(x, SHAPE(-1, 3)),
        tensor_pad(x, RANGES({0, 0}, {0, 0}), 1),
        tensor_shrink(x, RANGES({0, 2}, {0, 3})),
        tensor_flip(x, 0, NULL),
        tensor_concat(TENSORS(x), 1),
        tensor_cast(x, DTYPE_FLOAT32),
        tensor_bitcast(x, DTYPE_FLOAT32),
        transpose(x, 1, 1),
        flatten(x, 1),
        squeeze(x, 0),
        repeat(x, SHAPE(1, 1)),
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        cr_expect_eq(same[i].node, x.node, "row %zu", i);
    tensor_context_free(context);
}

Test(builder, every_kind_of_operation) {
    struct tensor_context *context = tensor_context_new("t");
    struct tensor x = input(context, "x", SHAPE(2, 3));
    struct tensor w = add_weight(context, "w", DTYPE_FLOAT32, SHAPE(3, 2));
    struct tensor a = tensor_pad(x, RANGES({1, 0}, {0, 2}), -2.5);
    a = tensor_shrink(a, RANGES({0, 3}, {1, 4}));
    a = tensor_flip(a, AXES(-1));
    a = tensor_window(a, -1, 2, 1, 1);
    struct tensor b = tensor_concat(TENSORS(w, tensor_permute(x, AXES(1, 0))), 0);
    b = tensor_gather(b, -2, tensor_iota(context, DTYPE_INT64, 3));
    struct tensor c = tensor_contract(a, unsqueeze(b, 1), AXES(-1, 1));
    c = tensor_mul(c, tensor_exp(tensor_reduce_sum(w, AXES(-1, 0))));
    struct tensor y =
        tensor_add(tensor_cast(tensor_argmax(c, ALL_AXES), DTYPE_INT64),
                   tensor_const(context, DTYPE_INT64, SHAPE(2), 2, (const int64_t[]){7, 8}));
    expect_nodes(y, "0 input x float32[2,3]\n"
                    "1 permute(0) axes 1,0 float32[3,2]\n"
                    "2 weight w float32[3,2]\n"
                    "3 concat(2,1) axis 0 float32[6,2]\n"
                    "4 iota int64[3]\n"
                    "5 gather(3,4) axis 0 float32[3,2]\n"
                    "6 reshape(5) float32[3,1,2]\n"
                    "7 expand(6) float32[3,2,2]\n"
                    "8 pad(0) 1:0,0:2 value -2.5 float32[3,5]\n"
                    "9 shrink(8) 0:3,1:4 float32[3,3]\n"
                    "10 flip(9) axes 1 float32[3,3]\n"
                    "11 window(10) axis 1 size 2 stride 1 dilation 1 float32[3,2,2]\n"
                    "12 contract(11,7) axes 2,1 float32[3]\n"
                    "13 reduce_sum(2) axes 0,1 float32[]\n"
                    "14 exp(13) float32[]\n"
                    "15 reshape(14) float32[1]\n"
                    "16 expand(15) float32[3]\n"
                    "17 mul(12,16) float32[3]\n"
                    "18 argmax(17) axes 0 int32[]\n"
                    "19 cast(18) int64[]\n"
                    "20 reshape(19) int64[1]\n"
                    "21 expand(20) int64[2]\n"
                    "22 const value 7 int64[2]\n"
                    "23 add(21,22) int64[2]\n"
                    "y = 23\n");
}

Test(builder, scalars_take_the_dtype) {
    static const struct {
        enum dtype dtype;
        double value;
        bool fits;
    } rows[] = {
        {DTYPE_FLOAT32, 0.1, true},
        {DTYPE_FLOAT64, 0.1, true},
        {DTYPE_INT32, -2147483648., true},
        {DTYPE_INT32, 2147483648., false},
        {DTYPE_INT32, 0.5, false},
        {DTYPE_INT64, -0x1p63, true},
        {DTYPE_INT64, 0x1p63, false},
        {DTYPE_INT64, NAN, false},
        {DTYPE_UINT8, 255, true},
        {DTYPE_UINT8, 256, false},
        {DTYPE_UINT8, -1, false},
        {DTYPE_INT8, -128, true},
        {DTYPE_INT8, 128, false},
        {DTYPE_INT16, -32768, true},
        {DTYPE_INT16, 32768, false},
        {DTYPE_UINT16, 65535, true},
        {DTYPE_UINT16, 65536, false},
        {DTYPE_UINT32, 4294967295., true},
        {DTYPE_UINT32, 4294967296., false},
        {DTYPE_UINT32, -1, false},
        {DTYPE_UINT64, 0x1p63, true},
        {DTYPE_UINT64, 0x1.fffffffffffffp63, true},
        {DTYPE_UINT64, 0x1p64, false},
        {DTYPE_UINT64, INFINITY, false},
        {DTYPE_UINT64, NAN, false},
        {DTYPE_BOOL, 1, true},
        {DTYPE_BOOL, 2, false},
        {DTYPE_FLOAT16, 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tensor_context *context = tensor_context_new("t");
        struct tensor x = add_graph_input(context, "x", rows[i].dtype, SHAPE(2));
        struct tensor y = scalar_like(x, rows[i].value);
        cr_expect_eq(y.node != NULL, rows[i].fits, "row %zu", i);
        if (y.node) {
            cr_expect_eq(tensor_dtype(y), rows[i].dtype, "row %zu", i);
            cr_expect_eq(tensor_rank(y), 0, "row %zu", i);
            if (dtype_is_integer(rows[i].dtype))
                cr_expect_eq(memcmp(y.node->value,
                                    &(uint64_t){rows[i].value < 0 ? (uint64_t)(int64_t)rows[i].value
                                                                  : (uint64_t)rows[i].value},
                                    dtype_facts[rows[i].dtype].bytes),
                             0, "row %zu", i);
        }
        tensor_context_free(context);
    }
}

/* Errors */

typedef struct tensor (*mistake)(struct tensor x);

static struct tensor differing_shapes(struct tensor x) {
    return tensor_add(x, add_weight(x.context, "w", DTYPE_FLOAT32, SHAPE(4)));
}
static struct tensor differing_dtypes(struct tensor x) {
    return tensor_mul(x, add_weight(x.context, "w", DTYPE_INT32, SHAPE(2, 3)));
}
static struct tensor reshape_too_small(struct tensor x) {
    return tensor_reshape(x, SHAPE(5));
}
static struct tensor reshape_does_not_divide(struct tensor x) {
    return tensor_reshape(x, SHAPE(-1, 4));
}
static struct tensor reshape_twice_unknown(struct tensor x) {
    return tensor_reshape(x, SHAPE(-1, -1));
}
static struct tensor reshape_rank(struct tensor x) {
    return tensor_reshape(x, 17, NULL);
}
static struct tensor permute_axis(struct tensor x) {
    return tensor_permute(x, AXES(0, -3));
}
static struct tensor permute_twice(struct tensor x) {
    return tensor_permute(x, AXES(1, -1));
}
static struct tensor expand_rank(struct tensor x) {
    return tensor_expand(x, SHAPE(3));
}
static struct tensor expand_extent(struct tensor x) {
    return tensor_expand(x, SHAPE(4, 3));
}
static struct tensor pad_count(struct tensor x) {
    return tensor_pad(x, RANGES({1, 1}), 0);
}
static struct tensor pad_integer(struct tensor x) {
    return tensor_pad(tensor_cast(x, DTYPE_INT32), RANGES({1, 1}, {0, 0}), 0.5);
}
static struct tensor shrink_backwards(struct tensor x) {
    return tensor_shrink(x, RANGES({2, 1}, {0, 3}));
}
static struct tensor no_axes_given(struct tensor x) {
    return tensor_flip(x, 1, NULL);
}
static struct tensor reduce_scalar(struct tensor x) {
    return tensor_reduce_max(scalar(x.context, 1), AXES(0));
}
static struct tensor reduce_twice(struct tensor x) {
    return tensor_reduce_sum(x, AXES(0, -2));
}
static struct tensor cast_to_nothing(struct tensor x) {
    return tensor_cast(x, DTYPE_COUNT);
}
static struct tensor missing_operand(struct tensor x) {
    return tensor_add(x, NO_TENSOR);
}
static struct tensor missing_first_operand(struct tensor x) {
    return tensor_add(NO_TENSOR, x);
}
static struct tensor missing_layer_operand(struct tensor x) {
    return conv2d(x, NO_TENSOR, NO_TENSOR, (struct conv2d_options){0});
}
static struct tensor name_taken(struct tensor x) {
    return input(x.context, "x", SHAPE(1));
}
static struct tensor name_missing(struct tensor x) {
    return add_weight(x.context, NULL, DTYPE_FLOAT32, SHAPE(1));
}
static struct tensor dtype_missing(struct tensor x) {
    return add_weight(x.context, "w", (enum dtype) - 1, SHAPE(1));
}
static struct tensor negative_extent(struct tensor x) {
    return add_weight(x.context, "w", DTYPE_FLOAT32, SHAPE(2, -1));
}
static struct tensor not_an_integer(struct tensor x) {
    return tensor_not(x);
}
static struct tensor within_a_layer(struct tensor x) {
    return softmax(x, 5);
}
static struct tensor within_two_layers(struct tensor x) {
    return scaled_dot_product_attention(x, add_weight(x.context, "k", DTYPE_FLOAT32, SHAPE(2, 4)),
                                        x, (struct attention_options){0});
}
static struct tensor linear_extents(struct tensor x) {
    return linear(x, add_weight(x.context, "w", DTYPE_FLOAT32, SHAPE(10)), NO_TENSOR);
}
static struct tensor conv2d_channels(struct tensor x) {
    struct tensor w = add_weight(x.context, "layers.2.weight", DTYPE_FLOAT32, SHAPE(8, 5, 3, 3));
    return conv2d(tensor_reshape(x, SHAPE(1, 6, 1, 1)), w, NO_TENSOR,
                  (struct conv2d_options){.groups = 2});
}
static struct tensor conv2d_kernel(struct tensor x) {
    struct tensor w = add_weight(x.context, "w", DTYPE_FLOAT32, SHAPE(8, 1, 3, 3));
    return conv2d(tensor_reshape(x, SHAPE(1, 1, 2, 3)), w, NO_TENSOR, (struct conv2d_options){0});
}
static struct tensor half_a_stride(struct tensor x) {
    return max_pool2d(x, (struct pool2d_options){.stride = {2}});
}
static struct tensor split_sizes(struct tensor x) {
    struct tensor parts[2];
    split(x, -1, 2, (const int64_t[]){1, 1}, parts);
    return parts[1];
}
static struct tensor squares_of_an_axis(struct tensor x) {
    return squared_sum(x, AXES(-3));
}
static struct tensor both_masks(struct tensor x) {
    return scaled_dot_product_attention(x, x, x,
                                        (struct attention_options){.mask = x, .causal = true});
}

static const struct {
    mistake make;
    const char *message;
} mistakes[] = {
    {differing_shapes, "add: \"x\" float32[2,3] and \"w\" float32[4] do not broadcast"},
    {differing_dtypes, "mul: dtypes differ: float32[2,3] and int32[2,3]"},
    {reshape_too_small, "reshape: float32[5] does not hold the 6 elements of float32[2,3]"},
    {reshape_does_not_divide,
     "reshape: \"x\" float32[2,3] does not divide into rows of 4 elements"},
    {reshape_twice_unknown, "reshape: more than one extent of -1"},
    {reshape_rank, "reshape: rank 17, expected 0 to 16"},
    {permute_axis, "permute: axis -3, expected -2 to 1 for \"x\" float32[2,3]"},
    {permute_twice, "permute: axis 1 is named twice"},
    {expand_rank, "expand: rank 1, expected at least that of \"x\" float32[2,3]"},
    {expand_extent, "expand: float32[2,3] cannot be repeated to float32[4,3]"},
    {pad_count, "pad: 1 ranges for \"x\" float32[2,3]"},
    {pad_integer, "pad: int32 cannot hold 0.5"},
    {shrink_backwards, "shrink: range [2,1] on axis 0 of float32[2,3]"},
    {no_axes_given, "flip: 1 axes for \"x\" float32[2,3]"},
    {reduce_scalar, "reduce_max: 1 axes for float32[]"},
    {reduce_twice, "reduce_sum: axis 0 is named twice"},
    {cast_to_nothing, "cast: no such dtype"},
    {missing_operand, "add: operand 2 is no tensor"},
    {missing_first_operand, "add: operand 1 is no tensor"},
    {missing_layer_operand, "conv2d: operand 2 is no tensor"},
    {name_taken, "input: the name \"x\" is taken"},
    {name_missing, "weight: expected a name of 1 to 20480 bytes"},
    {dtype_missing, "weight: no such dtype"},
    {negative_extent, "weight: axis 1 has extent -1, expected at least 0"},
    {not_an_integer, "not: source 0 is float32[2,3], which it does not accept"},
    {within_a_layer, "softmax: reduce_max: axis 5, expected -2 to 1 for \"x\" float32[2,3]"},
    {within_two_layers,
     "scaled_dot_product_attention: matmul: \"x\" float32[2,3] does not multiply "
     "float32[4,2]"},
    {linear_extents, "linear: weight: expected (outputs, inputs), found \"w\" float32[10]"},
    {conv2d_channels,
     "conv2d: weight \"layers.2.weight\" float32[8,5,3,3] takes 5 channels in each "
     "of 2 groups, but the input is float32[1,6,1,1]"},
    {conv2d_kernel, "conv2d: window: size 3, dilation 1 on axis 2 of float32[1,1,2,3]: "
                    "too large"},
    {half_a_stride, "max_pool2d: stride {2, 0}, expected 1 to 1048576"},
    {squares_of_an_axis, "reduce_sum: axis -3, expected -2 to 1 for float32[2,3]"},
    {split_sizes, "split_part: 2 elements along axis -1 of \"x\" float32[2,3]"},
    {both_masks, "scaled_dot_product_attention: causal and a mask are given: expected one of them"},
};

Test(builder, errors_say_what_was_expected_and_found) {
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct tensor_context *context = tensor_context_new("model");
        char message[ET_ERROR_BYTES];
        snprintf(message, sizeof message, "model: %s", mistakes[i].message);
        expect_error(mistakes[i].make(input(context, "x", SHAPE(2, 3))), message);
    }
}

Test(builder, the_first_error_stays) {
    struct tensor_context *context = tensor_context_new("model");
    struct tensor x = input(context, "x", SHAPE(2, 3));
    struct tensor broken = tensor_reshape(x, SHAPE(7));
    cr_expect_null(relu(broken).node);
    cr_expect_null(tensor_permute(x, AXES(9, 9)).node, "a live tensor of a failed context");
    cr_expect_null(input(context, "y", SHAPE(1)).node);
    cr_expect_eq(tensor_rank(broken), 0);
    cr_expect_eq(tensor_extent(broken, 3), 1);
    cr_expect_eq(tensor_dtype(broken), DTYPE_FLOAT32);
    expect_error(conv2d(broken, x, x, (struct conv2d_options){0}),
                 "model: reshape: float32[7] does not hold the 6 elements of float32[2,3]");
}

Test(builder, operands_must_share_the_context) {
    struct tensor_context *one = tensor_context_new("one"), *other = tensor_context_new("other");
    struct tensor x = input(one, "x", SHAPE(2)), y = input(other, "y", SHAPE(2));
    expect_error(tensor_add(x, y), "one: add: operand 2 is of another context");
    tensor_context_free(other);
}

Test(builder, outputs_are_checked) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("t");
    cr_expect_null(compile_to_graph(context, 0, NULL, &error));
    cr_expect_str_eq(error.message, "t: no outputs");

    context = tensor_context_new("t");
    struct tensor x = input(context, "x", SHAPE(2));
    cr_expect_null(compile_to_graph(context, OUTPUTS({"y", NO_TENSOR}), &error));
    cr_expect_str_eq(error.message, "t: output \"y\" is no tensor of this context");

    context = tensor_context_new("t");
    x = input(context, "x", SHAPE(2));
    cr_expect_null(compile_to_graph(context, OUTPUTS({NULL, x}), &error));
    cr_expect_str_eq(error.message, "t: output 1 has no name");

    context = tensor_context_new("t");
    x = input(context, "x", SHAPE(2));
    cr_expect_null(compile_to_graph(context, OUTPUTS({"y", x}, {"y", x}), &error));
    cr_expect_str_eq(error.message, "t: output: the name \"y\" is taken");
}

Test(builder, a_model_needs_a_name) {
    struct tensor_context *context = tensor_context_new("");
    expect_error(input(context, "x", SHAPE(1)), ": the model's name: expected 1 to 4096 bytes");
}

Test(builder, no_context_is_no_crash) {
    struct et_error error = {0};
    struct tensor x = input(NULL, "x", SHAPE(2));
    struct tensor y = tensor_add(relu(x), softmax(tensor_reshape(x, SHAPE(1, 2)), 0));
    cr_expect_null(compile_to_graph(NULL, OUTPUTS({"y", y}), &error));
    cr_expect_str_eq(error.message, "out of memory");
    tensor_context_free(NULL);
}

/* Programs */

Test(builder, a_program_keeps_what_outputs_need) {
    struct tensor_context *context = tensor_context_new("t");
    struct tensor unused = input(context, "unused", SHAPE(4));
    struct tensor x = input(context, "x", SHAPE(2));
    tensor_exp(unused);
    add_weight(context, "w", DTYPE_FLOAT32, SHAPE(2));
    expect_nodes(tensor_neg(x), "0 input unused float32[4]\n"
                                "1 input x float32[2]\n"
                                "2 neg(1) float32[2]\n"
                                "y = 2\n");
}

Test(builder, equal_nodes_become_one) {
    struct tensor_context *context = tensor_context_new("t");
    struct tensor x = input(context, "x", SHAPE(2));
    struct tensor a = tensor_add(x, add_weight(context, "w", DTYPE_FLOAT32, SHAPE(2)));
    struct tensor b = tensor_add(x, add_weight(context, "w", DTYPE_FLOAT32, SHAPE(2)));
    struct tensor zeros = tensor_add(scalar_like(x, 0.0), scalar_like(x, -0.0));
    zeros = tensor_add(zeros, scalar_like(x, 0.0));
    expect_nodes(tensor_mul(tensor_mul(a, b), zeros), "0 input x float32[2]\n"
                                                      "1 const value 0 float32[]\n"
                                                      "2 const value -0 float32[]\n"
                                                      "3 add(1,2) float32[]\n"
                                                      "4 add(3,1) float32[]\n"
                                                      "5 reshape(4) float32[1]\n"
                                                      "6 expand(5) float32[2]\n"
                                                      "7 weight w float32[2]\n"
                                                      "8 add(0,7) float32[2]\n"
                                                      "9 mul(8,8) float32[2]\n"
                                                      "10 mul(9,6) float32[2]\n"
                                                      "y = 10\n");
}

Test(builder, nodes_that_differ_in_one_thing_stay_apart) {
    struct tensor_context *context = tensor_context_new("t");
    struct tensor x = input(context, "x", SHAPE(2, 2));
    struct tensor all[] = {
        x,
        tensor_flip(x, AXES(0)),
        tensor_flip(x, AXES(1)),
        tensor_flip(x, AXES(0, 1)),
        tensor_cast(x, DTYPE_INT32),
        tensor_cast(x, DTYPE_INT64),
        tensor_pad(x, RANGES({1, 0}, {0, 0}), 0),
        tensor_pad(x, RANGES({0, 1}, {0, 0}), 0),
        tensor_pad(x, RANGES({1, 0}, {0, 0}), -0.0),
        tensor_pad(x, RANGES({1, 0}, {0, 0}), 1),
        tensor_window(x, 0, 2, 1, 1),
        tensor_window(x, 0, 2, 2, 1),
        tensor_window(x, 0, 1, 1, 1),
        tensor_window(x, 0, 1, 1, 2),
        tensor_window(x, 1, 1, 1, 1),
        tensor_shrink(x, RANGES({0, 1}, {0, 2})),
        tensor_shrink(x, RANGES({1, 2}, {0, 2})),
        tensor_sub(x, add_weight(context, "v", DTYPE_FLOAT32, SHAPE(2, 2))),
        tensor_sub(x, add_weight(context, "w", DTYPE_FLOAT32, SHAPE(2, 2))),
        tensor_sub(add_weight(context, "w", DTYPE_FLOAT32, SHAPE(2, 2)), x),
        scalar(context, 0),
        tensor_const(context, DTYPE_INT32, SCALAR_SHAPE, 1, &(int32_t){0}),
    };
    enum { COUNT = sizeof all / sizeof *all, WEIGHTS = 2 };
    struct named_tensor outputs[COUNT];
    char names[COUNT][8];
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "y%d", i);
        outputs[i] = (struct named_tensor){names[i], all[i]};
    }
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(context, COUNT, outputs, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_expect_eq(graph->node_count, COUNT + WEIGHTS);
    graph_free(graph);
}

/* (x + a) * b, with the leaves made in either order. */
static struct tensor in_some_order(bool b_first) {
    struct tensor_context *context = tensor_context_new("t");
    struct tensor x = input(context, "x", SHAPE(2)), a = NO_TENSOR, b = NO_TENSOR;
    if (b_first)
        b = add_weight(context, "b", DTYPE_FLOAT32, SHAPE(2));
    a = add_weight(context, "a", DTYPE_FLOAT32, SHAPE(2));
    if (!b_first)
        b = add_weight(context, "b", DTYPE_FLOAT32, SHAPE(2));
    return tensor_mul(tensor_add(x, a), b);
}

Test(builder, the_order_of_calls_has_no_influence) {
    const char *expected = "0 input x float32[2]\n"
                           "1 weight a float32[2]\n"
                           "2 add(0,1) float32[2]\n"
                           "3 weight b float32[2]\n"
                           "4 mul(2,3) float32[2]\n"
                           "y = 4\n";
    expect_nodes(in_some_order(false), expected);
    expect_nodes(in_some_order(true), expected);
}

Test(builder, deep_chains_need_no_stack) {
    struct tensor_context *context = tensor_context_new("t");
    struct tensor x = input(context, "x", SHAPE(1));
    for (int i = 0; i < 200000; i++)
        x = tensor_neg(x);
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", x}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_expect_eq(graph->node_count, 200001);
    graph_free(graph);
}

Test(builder, every_failed_allocation_is_an_error) {
    for (unsigned long nth = 1;; nth++) {
        struct et_error error = {0};
        et_fail_allocation(nth);
        struct tensor_context *context = tensor_context_new("t");
        struct tensor x = input(context, "x", SHAPE(2, 3));
        struct tensor y =
            linear(softmax(x, -1), add_weight(context, "w", DTYPE_FLOAT32, SHAPE(4, 3)), NO_TENSOR);
        struct graph *graph = compile_to_graph(context, OUTPUTS({"y", y}), &error);
        et_fail_allocation(0);
        if (graph) {
            graph_free(graph);
            cr_expect_gt(nth, 8, "the program allocates");
            break;
        }
        cr_expect_not_null(strstr(error.message, "out of memory"), "allocation %lu: %s", nth,
                           error.message);
    }
}
