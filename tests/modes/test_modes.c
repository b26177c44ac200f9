/* Small graphs through the eager interpreter, libtcc and gcc: the same bits from all three. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/builder/layers.h"
#include "runtime/et_program.h"
#include "tests/support/narrow_graphs.h"

static struct graph *unary(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(67));
    return compile_to_graph(
        context,
        OUTPUTS({"neg", tensor_neg(x)}, {"abs", tensor_abs(x)}, {"sqrt", tensor_sqrt(x)},
                {"recip", tensor_recip(x)}, {"exp", tensor_exp(x)}, {"log", tensor_log(x)},
                {"sin", tensor_sin(x)}, {"cos", tensor_cos(x)}, {"tanh", tensor_tanh(x)},
                {"erf", tensor_erf(x)}, {"floor", tensor_floor(x)}, {"ceil", tensor_ceil(x)},
                {"round", tensor_round(x)}),
        error);
}

static struct graph *binary(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(41));
    struct tensor y = add_graph_input(context, "y", DTYPE_FLOAT32, SHAPE(3, 41));
    return compile_to_graph(
        context,
        OUTPUTS({"add", tensor_add(x, y)}, {"sub", tensor_sub(x, y)}, {"mul", tensor_mul(x, y)},
                {"div", tensor_div(x, y)}, {"mod", tensor_mod(x, y)}, {"pow", tensor_pow(x, y)},
                {"min", tensor_min(x, y)}, {"max", tensor_max(x, y)}, {"lt", tensor_lt(x, y)},
                {"le", tensor_le(x, y)}, {"eq", tensor_eq(x, y)}, {"ne", tensor_ne(x, y)}),
        error);
}

static struct graph *integers(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_INT32, SHAPE(2, 29));
    struct tensor y = add_graph_input(context, "y", DTYPE_INT32, SHAPE(2, 29));
    struct tensor wide = tensor_cast(x, DTYPE_INT64), bytes = tensor_cast(x, DTYPE_UINT8);
    return compile_to_graph(
        context,
        OUTPUTS({"add", tensor_add(x, y)}, {"mul", tensor_mul(wide, wide)},
                {"div", tensor_div(x, y)}, {"mod", tensor_mod(x, y)}, {"shl", tensor_shl(x, y)},
                {"shr", tensor_shr(x, y)}, {"xor", tensor_xor(bytes, tensor_not(bytes))},
                {"float", tensor_cast(wide, DTYPE_FLOAT32)}, {"sum", tensor_reduce_sum(x, AXES(1))},
                {"argmin", tensor_argmin(x, AXES(0))}),
        error);
}

static struct graph *casts(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(67));
    return compile_to_graph(
        context,
        OUTPUTS({"i8", tensor_cast(x, DTYPE_INT8)}, {"u8", tensor_cast(x, DTYPE_UINT8)},
                {"i32", tensor_cast(x, DTYPE_INT32)}, {"i64", tensor_cast(x, DTYPE_INT64)},
                {"bool", tensor_cast(x, DTYPE_BOOL)}, {"f16", tensor_cast(x, DTYPE_FLOAT16)},
                {"bf16", tensor_cast(x, DTYPE_BFLOAT16)}, {"f64", tensor_cast(x, DTYPE_FLOAT64)},
                {"bits", tensor_bitcast(x, DTYPE_INT32)}),
        error);
}

/* Windows that reach beyond small pictures, channels last, so that guards choose whole rows: of
 * neighbours, of elements that lie apart, and of one element for all channels. */
static struct tensor reaching(struct tensor x, double beyond) {
    struct tensor padded = tensor_pad(x, RANGES({2, 2}, {2, 2}, {0, 0}), beyond);
    return tensor_window(tensor_window(padded, 0, 5, 1, 1), 1, 5, 1, 1);
}

static struct graph *guarded(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(3, 3, 67));
    struct tensor y = add_graph_input(context, "y", DTYPE_FLOAT32, SHAPE(19, 3, 3));
    struct tensor n = add_graph_input(context, "n", DTYPE_INT32, SHAPE(3, 3, 21));
    struct tensor one = add_graph_input(context, "one", DTYPE_FLOAT32, SHAPE(3, 3, 1));
    struct tensor apart = reaching(tensor_permute(y, AXES(1, 2, 0)), 0.5);
    struct tensor same = tensor_expand(one, SHAPE(3, 3, 67));
    return compile_to_graph(
        context,
        OUTPUTS(
            {"neighbours", tensor_reduce_max(reaching(x, -INFINITY), AXES(3, 4))},
            {"apart", tensor_reduce_sum(apart, AXES(3, 4))},
            {"integers", tensor_reduce_min(reaching(n, 9), AXES(3, 4))},
            {"same", tensor_reduce_max(tensor_mul(reaching(x, 1), reaching(same, 2)), AXES(3, 4))}),
        error);
}

/* What chains by libtcc take in one step, with parts that are needed by themselves, too. */
static struct graph *several(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(5, 67));
    struct tensor mean = add_graph_input(context, "mean", DTYPE_FLOAT32, SHAPE(67));
    struct tensor scale = add_graph_input(context, "scale", DTYPE_FLOAT32, SHAPE(67));
    struct tensor bias = add_graph_input(context, "bias", DTYPE_FLOAT32, SHAPE(67));
    struct tensor scaled = tensor_mul(tensor_mul(tensor_sub(x, mean), scale), mean);
    struct tensor normal = tensor_add(scaled, bias), positive = relu(normal);
    struct tensor moved = tensor_add(normal, scalar(context, -0.5f));
    struct tensor ramp = tensor_sub(positive, relu(moved));
    struct tensor number = tensor_where(tensor_ne(x, x), scalar(context, -2), x);
    return compile_to_graph(context,
                            OUTPUTS({"normal", normal}, {"ramp", ramp},
                                    {"positive", tensor_mul(positive, x)},
                                    {"silu", tensor_mul(normal, tensor_exp(tensor_neg(normal)))},
                                    {"number", tensor_mul(number, number)},
                                    {"greatest", tensor_reduce_max(number, AXES(1))}),
                            error);
}

/* Left alone, gcc takes this for a truncation where its vectors end, which is -0 for -0.5. */
static struct graph *truncated(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(1119));
    struct tensor small = tensor_cast(x, DTYPE_INT32), large = tensor_cast(x, DTYPE_INT64);
    return compile_to_graph(context,
                            OUTPUTS({"small", tensor_cast(small, DTYPE_FLOAT32)},
                                    {"large", tensor_cast(large, DTYPE_FLOAT32)}),
                            error);
}

static struct graph *movement(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(5, 7));
    struct tensor positions = add_graph_input(context, "positions", DTYPE_INT32, SHAPE(4));
    struct tensor padded = tensor_pad(x, RANGES({1, 2}, {0, 3}), 0.5);
    struct tensor moved = tensor_flip(tensor_permute(padded, AXES(1, 0)), AXES(0));
    struct tensor cut = tensor_shrink(moved, RANGES({2, 9}, {1, 7}));
    return compile_to_graph(context,
                            OUTPUTS({"cut", cut}, {"window", tensor_window(x, 1, 3, 2, 2)},
                                    {"concat", tensor_concat(TENSORS(x, tensor_neg(x)), 0)},
                                    {"gather", tensor_gather(x, 0, positions)},
                                    {"iota", tensor_iota(context, DTYPE_INT64, 9)}),
                            error);
}

static struct graph *reductions(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(3, 37, 2));
    return compile_to_graph(
        context,
        OUTPUTS({"sum", tensor_reduce_sum(x, AXES(1))}, {"all", tensor_reduce_sum(x, ALL_AXES)},
                {"prod", tensor_reduce_prod(x, AXES(2, 0))}, {"max", tensor_reduce_max(x, AXES(0))},
                {"min", tensor_reduce_min(x, AXES(1, 2))}, {"argmax", tensor_argmax(x, AXES(1))}),
        error);
}

/* Sums and the like whose elements lie beside those of other results: of rows, of rows that are
 * looked up or missing, or counted from the end, of some that are padded before and beside, with
 * what is the same for all. */
static struct graph *columns(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(2, 37, 40));
    struct tensor n = add_graph_input(context, "n", DTYPE_INT32, SHAPE(3, 29));
    struct tensor table = add_weight(context, "table", DTYPE_FLOAT32, SHAPE(6, 150));
    struct tensor scale = add_weight(context, "scale", DTYPE_FLOAT32, SHAPE(2, 37, 1));
    struct tensor wide = add_weight(context, "wide", DTYPE_FLOAT32, SHAPE(7, 300));
    struct tensor rows = embedding(table, tensor_and(n, scalar_like(n, 7)));
    struct tensor p = add_graph_input(context, "positions", DTYPE_INT32, SHAPE(3, 29));
    struct tensor counted =
        tensor_where(tensor_lt(p, scalar_like(p, 0)), tensor_add(p, scalar_like(p, 6)), p);
    struct tensor few = tensor_and(tensor_shrink(n, RANGES({0, 3}, {4, 24})), scalar_like(n, 7));
    struct tensor padded = tensor_pad(x, 3, (struct range[]){{0, 0}, {2, 1}, {0, 0}}, 0.5);
    struct tensor beside = tensor_pad(x, 3, (struct range[]){{0, 0}, {0, 0}, {3, 4}}, 0.5);
    struct tensor steady = tensor_add(x, tensor_sqrt(tensor_abs(scale)));
    struct tensor split = tensor_reshape(tensor_cast(x, DTYPE_FLOAT64), SHAPE(2, 37, 2, 20));
    return compile_to_graph(
        context,
        OUTPUTS({"sum", tensor_reduce_sum(x, AXES(1))}, {"bag", mean(rows, AXES(1), false)},
                {"best", tensor_reduce_max(rows, AXES(1))}, {"counted", embedding(table, counted)},
                {"counted_bag", tensor_reduce_sum(embedding(table, counted), AXES(1))},
                {"wide_bag", tensor_reduce_sum(embedding(wide, few), AXES(0, 1))},
                {"two", tensor_reduce_prod(x, AXES(0, 1))},
                {"exp", tensor_log(tensor_reduce_sum(tensor_exp(x), AXES(1)))},
                {"steady", tensor_reduce_max(steady, AXES(1))},
                {"padded", tensor_reduce_sum(padded, AXES(1))},
                {"beside", tensor_reduce_min(beside, AXES(0, 1))},
                {"double", tensor_reduce_sum(split, AXES(1, 2))},
                {"integers", tensor_reduce_sum(tensor_cast(x, DTYPE_INT32), AXES(1))}),
        error);
}

static struct graph *normalisation(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(2, 3, 19));
    struct tensor weight = add_weight(context, "weight", DTYPE_FLOAT32, SHAPE(19));
    struct tensor normal = layer_norm(x, AXES(-1), 1e-5, weight, NO_TENSOR);
    return compile_to_graph(context,
                            OUTPUTS({"softmax", softmax(x, -1)}, {"log", log_softmax(x, 1)},
                                    {"gelu", gelu(normal)}, {"silu", silu(normal)}),
                            error);
}

static struct graph *convolution(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(2, 3, 11, 9));
    struct tensor weight = add_weight(context, "w", DTYPE_FLOAT32, SHAPE(18, 3, 3, 3));
    struct tensor bias = add_weight(context, "b", DTYPE_FLOAT32, SHAPE(18));
    struct tensor y = conv2d(x, weight, bias, (struct conv2d_options){.padding = {1, 0}});
    struct tensor pooled = max_pool2d(relu(y), (struct pool2d_options){.ceil_mode = true});
    struct tensor grouped =
        conv2d(pooled, add_weight(context, "g", DTYPE_FLOAT32, SHAPE(6, 6, 2, 2)), NO_TENSOR,
               (struct conv2d_options){.stride = {2, 1}, .groups = 3});
    struct tensor transposed = conv_transpose(
        pooled, add_weight(context, "t", DTYPE_FLOAT32, SHAPE(18, 4, 3, 4)), NO_TENSOR,
        (struct conv_transpose_options){
            .stride = {2, 3}, .dilation = {3, 1}, .padding = {{1, 0}, {2, 1}}});
    return compile_to_graph(
        context, OUTPUTS({"pooled", pooled}, {"grouped", grouped}, {"transposed", transposed}),
        error);
}

/* Contractions of float64, side by side and each by itself, of what is padded and what is computed;
 * and what else has kernels of float64. */
static struct graph *doubles(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT64, SHAPE(2, 3, 11, 21));
    struct tensor rows = add_graph_input(context, "rows", DTYPE_FLOAT64, SHAPE(9, 37));
    struct tensor wide = add_weight(context, "wide", DTYPE_FLOAT64, SHAPE(150, 37));
    struct tensor few = add_weight(context, "few", DTYPE_FLOAT64, SHAPE(3, 37));
    struct tensor weight = add_weight(context, "w", DTYPE_FLOAT64, SHAPE(18, 3, 3, 3));
    struct tensor bias = add_weight(context, "b", DTYPE_FLOAT64, SHAPE(18));
    struct tensor y = conv2d(x, weight, bias, (struct conv2d_options){.padding = {1, 1}});
    struct tensor hidden = tensor_tanh(linear(rows, wide, NO_TENSOR));
    struct tensor back = matmul(tensor_exp(tensor_neg(tensor_abs(hidden))), wide);
    return compile_to_graph(
        context,
        OUTPUTS({"y", relu(y)}, {"hidden", hidden}, {"back", back},
                {"few", linear(back, few, NO_TENSOR)}, {"softmax", softmax(rows, -1)},
                {"place", tensor_argmax(rows, AXES(1))},
                {"normal", layer_norm(rows, AXES(-1), 1e-5, NO_TENSOR, NO_TENSOR)},
                {"power", tensor_pow(tensor_abs(rows), tensor_sin(rows))}),
        error);
}

static struct graph *attention(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(2, 5, 16));
    struct tensor q = linear(x, add_weight(context, "q", DTYPE_FLOAT32, SHAPE(16, 16)), NO_TENSOR);
    struct tensor k = linear(x, add_weight(context, "k", DTYPE_FLOAT32, SHAPE(16, 16)), NO_TENSOR);
    struct tensor y =
        scaled_dot_product_attention(q, k, x, (struct attention_options){.causal = true});
    return compile_to_graph(context, OUTPUTS({"y", y}), error);
}

/* Keys and values of many tokens and of one more, which contractions of one row and of few read;
 * in other orders of their axes, too, and of three parts. */
static struct graph *kept_keys(struct tensor_context *context, struct et_error *error) {
    struct tensor q = add_graph_input(context, "q", DTYPE_FLOAT32, SHAPE(3, 1, 16));
    struct tensor few = add_graph_input(context, "few", DTYPE_FLOAT32, SHAPE(3, 3, 16));
    struct tensor old = add_graph_input(context, "old", DTYPE_FLOAT32, SHAPE(3, 70, 16));
    struct tensor new = add_graph_input(context, "new", DTYPE_FLOAT32, SHAPE(3, 1, 16));
    struct tensor keys = tensor_concat(TENSORS(old, new), 1);
    struct tensor more = tensor_concat(TENSORS(new, old, few), 1);
    struct tensor turned = transpose(tensor_concat(TENSORS(old, few), 1), 1, 2);
    struct tensor products = matmul(q, transpose(keys, 1, 2));
    struct tensor flat = tensor_reshape(matmul(q, turned), SHAPE(1, 219));
    struct tensor by = add_weight(context, "by", DTYPE_FLOAT32, SHAPE(1, 219));
    return compile_to_graph(
        context,
        OUTPUTS({"y", matmul(softmax(products, -1), tensor_concat(TENSORS(new, old), 1))},
                {"few", tensor_exp(matmul(few, transpose(more, 1, 2)))},
                {"columns", matmul(more, transpose(q, 1, 2))}, {"flat", tensor_mul(flat, by)}),
        error);
}

/* Operands that are turned into panels, of sizes around those of squares of vectors. */
static struct graph *turned(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(2, 20, 70));
    struct tensor y = add_graph_input(context, "y", DTYPE_FLOAT32, SHAPE(2, 61, 70));
    struct tensor z = add_graph_input(context, "z", DTYPE_FLOAT32, SHAPE(130, 35));
    struct tensor narrow = tensor_shrink(z, RANGES({0, 8}, {0, 35}));
    struct tensor wide = tensor_shrink(y, RANGES({1, 2}, {0, 61}, {0, 17}));
    return compile_to_graph(
        context,
        OUTPUTS({"a", matmul(x, transpose(y, 1, 2))}, {"b", matmul(z, transpose(narrow, 0, 1))},
                {"c", matmul(tensor_reshape(wide, SHAPE(61, 17)),
                             transpose(tensor_shrink(z, RANGES({3, 99}, {9, 26})), 0, 1))}),
        error);
}

/* Weights of which tiles fetch the next while they compute. */
static struct graph *panels(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(1, 96, 7, 7));
    struct tensor rows = add_graph_input(context, "rows", DTYPE_FLOAT32, SHAPE(21, 640));
    struct tensor weight = add_weight(context, "w", DTYPE_FLOAT32, SHAPE(100, 96, 3, 3));
    struct tensor matrix = add_weight(context, "m", DTYPE_FLOAT32, SHAPE(200, 640));
    struct tensor y = conv2d(x, weight, NO_TENSOR, (struct conv2d_options){.padding = {1, 1}});
    return compile_to_graph(context,
                            OUTPUTS({"y", relu(y)}, {"z", linear(rows, matrix, NO_TENSOR)}), error);
}

/* Outputs that nothing computes: inputs, weights, constants, moved or not, one of them twice. */
static struct graph *leaves(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(2, 3));
    struct tensor weight = add_weight(context, "w", DTYPE_FLOAT32, SHAPE(3, 4));
    struct tensor listed = tensor_const(context, DTYPE_INT64, SHAPE(3), 3, (int64_t[]){4, 5, 6});
    return compile_to_graph(context,
                            OUTPUTS({"x", x}, {"again", x},
                                    {"turned", tensor_permute(x, AXES(1, 0))}, {"w", weight},
                                    {"flipped", tensor_flip(weight, AXES(1))}, {"listed", listed},
                                    {"padded", tensor_pad(listed, RANGES({1, 2}), 7)},
                                    {"repeated", tensor_expand(scalar(context, 2.5f), SHAPE(1000))},
                                    {"iota", tensor_iota(context, DTYPE_INT32, 5)}),
                            error);
}

static struct graph *without_elements(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(2, 0, 3));
    struct tensor y = add_graph_input(context, "y", DTYPE_FLOAT32, SHAPE(2, 4, 3));
    struct tensor weight = add_weight(context, "w", DTYPE_FLOAT32, SHAPE(0));
    struct tensor none = tensor_add(x, tensor_shrink(y, RANGES({0, 2}, {1, 1}, {0, 3})));
    return compile_to_graph(
        context,
        OUTPUTS({"x", x}, {"none", none}, {"w", weight}, {"sum", tensor_reduce_sum(none, AXES(1))},
                {"max", tensor_reduce_max(weight, AXES(0))},
                {"argmax", tensor_argmax(none, AXES(1))},
                {"product", tensor_contract(none, x, AXES(1))},
                {"joined", tensor_concat(TENSORS(none, y, x, y), 1)},
                {"padded", tensor_pad(none, RANGES({0, 0}, {1, 2}, {0, 0}), 0.5)},
                {"flat", tensor_reshape(tensor_exp(none), SHAPE(0))},
                {"y",
                 tensor_add(y, tensor_expand(tensor_reduce_min(weight, AXES(0)), SHAPE(2, 4, 3)))}),
        error);
}

/* No kernel at all. */
static struct graph *nothing(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(3, 0));
    return compile_to_graph(context, OUTPUTS({"y", tensor_exp(x)}), error);
}

/* Products with weights of 16 bits: large ones are widened in tiles of few rows, others
 * when they are packed, small ones before that. */
static struct graph *narrow_weights(struct tensor_context *context, struct et_error *error) {
    struct tensor row = add_graph_input(context, "row", DTYPE_FLOAT32, SHAPE(1, 700));
    struct tensor rows = add_graph_input(context, "rows", DTYPE_FLOAT32, SHAPE(14, 700));
    struct tensor f16 = add_weight(context, "f16", DTYPE_FLOAT16, SHAPE(700, 437));
    struct tensor bf16 = add_weight(context, "bf16", DTYPE_BFLOAT16, SHAPE(500, 700));
    struct tensor two = add_weight(context, "two", DTYPE_BFLOAT16, SHAPE(2, 7, 100, 200));
    struct tensor line = add_weight(context, "line", DTYPE_FLOAT16, SHAPE(270000));
    struct tensor small = add_weight(context, "small", DTYPE_FLOAT16, SHAPE(700, 40));
    f16 = tensor_cast(f16, DTYPE_FLOAT32);
    bf16 = transpose(tensor_cast(bf16, DTYPE_FLOAT32), 0, 1);
    two = tensor_reshape(tensor_cast(two, DTYPE_FLOAT32), SHAPE(2, 700, 200));
    small = tensor_cast(small, DTYPE_FLOAT32);
    struct tensor filters = add_weight(context, "filters", DTYPE_FLOAT16, SHAPE(180, 180, 3, 3));
    filters = tensor_cast(filters, DTYPE_FLOAT32);
    struct tensor image = tensor_shrink(tensor_reshape(rows, SHAPE(9800)), RANGES({0, 4500}));
    image = tensor_reshape(image, SHAPE(1, 180, 5, 5));
    struct tensor few = tensor_shrink(rows, RANGES({0, 5}, {0, 700}));
    line = tensor_cast(line, DTYPE_FLOAT32);
    struct tensor long_rows = tensor_expand(tensor_reshape(row, SHAPE(700, 1)), SHAPE(700, 400));
    long_rows = tensor_shrink(tensor_reshape(long_rows, SHAPE(280000)), RANGES({0, 270000}));
    return compile_to_graph(
        context,
        OUTPUTS({"one", relu(matmul(row, f16))}, {"several", matmul(rows, f16)},
                {"transposed", matmul(row, bf16)}, {"and several", matmul(rows, bf16)},
                {"few", matmul(few, f16)}, {"and few", matmul(few, bf16)},
                {"batch",
                 matmul(tensor_expand(tensor_reshape(rows, SHAPE(1, 14, 700)), SHAPE(2, 14, 700)),
                        two)},
                {"convolution", conv2d(image, filters, NO_TENSOR,
                                       (struct conv2d_options){.padding = {1, 1}, .groups = 1})},
                {"dot", tensor_contract(long_rows, line, AXES(0))}, {"small", matmul(rows, small)}),
        error);
}

/* Rows enough to go through one by one, each beginning with its greatest element: for one output
 * the nest behind that is all that reads it, for the other one it is not. */
static struct graph *rows_one_by_one(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(3, 40, 150));
    struct tensor y = add_graph_input(context, "y", DTYPE_FLOAT32, SHAPE(120, 100));
    return compile_to_graph(
        context, OUTPUTS({"softmax", softmax(x, -1)}, {"logarithm", log_softmax(y, -1)}), error);
}

/* ---- Every operation on one dtype ---- */

/* One operation on x and y; there is none that only moves or makes elements. */
typedef struct tensor apply_function(struct tensor x, struct tensor y);
/* Each of half of the positions along the second axis twice. */
static struct tensor some_positions(struct tensor y) {
    struct tensor order = tensor_argsort(y, 1);
    return tensor_shr(order, scalar_like(order, 1));
}
#define FUNCTION(name, expression)                                                                 \
    static struct tensor apply_##name(struct tensor x, struct tensor y) {                          \
        (void)y;                                                                                   \
        return expression;                                                                         \
    }
#define LEAF(name, NAMED)
#define MOVEMENT(name, NAMED)
#define JOIN(name, NAMED)
#define SORT(name, NAMED) NAMED(name, tensor_##name(tensor_sub(x, y), 1))
#define SCATTER(name, NAMED) NAMED(name, tensor_##name(x, 1, some_positions(y), y))
#define SCAN(name, NAMED)
#define CONVERT(name, NAMED)
#define UNARY(name, NAMED) NAMED(name, tensor_##name(x))
#define BINARY(name, NAMED) NAMED(name, tensor_##name(x, y))
#define TERNARY(name, NAMED) NAMED(name, tensor_##name(tensor_lt(x, y), x, y))
#define REDUCE(name, NAMED) NAMED(name, tensor_##name(tensor_sub(x, y), AXES(1)))
#define CONTRACT(name, NAMED) NAMED(name, tensor_##name(x, y, AXES(1)))
#define OP(id, name, class, ...) class(name, FUNCTION)
#include "compiler/graph/ops.def"
#undef OP

#define ENTRY(name, expression) apply_##name
static const struct {
    apply_function *apply;
} functions[OP_COUNT] = {
#define OP(id, name, class, ...) [OP_##id] = {class(name, ENTRY)},
#include "compiler/graph/ops.def"
#undef OP
};

/* Each pair of 24 edges; then along rows, and with constants. */
enum { EDGES = 24 };
static struct graph *arithmetic(struct tensor_context *context, enum dtype dtype,
                                struct et_error *error) {
    struct named_tensor outputs[2 * OP_STORED_COUNT];
    char names[OP_STORED_COUNT][32];
    int count = 0;
    struct tensor x = add_graph_input(context, "x", dtype, SHAPE(EDGES, 1));
    struct tensor y = add_graph_input(context, "y", dtype, SHAPE(1, EDGES));
    uint64_t greatest = dtype_facts[dtype].greatest;
    struct tensor most = tensor_const(context, dtype, SHAPE(EDGES, EDGES), 1, &greatest);
    x = tensor_expand(x, SHAPE(EDGES, EDGES));
    y = tensor_expand(y, SHAPE(EDGES, EDGES));
    for (int op = 0; op < OP_STORED_COUNT; op++) {
        if (!functions[op].apply || !op_accepts((enum op)op, dtype))
            continue;
        outputs[count++] = (struct named_tensor){op_facts[op].name, functions[op].apply(x, y)};
        if (op_facts[op].class != CLASS_BINARY)
            continue;
        snprintf(names[op], sizeof names[op], "%s with a constant", op_facts[op].name);
        outputs[count++] =
            (struct named_tensor){names[op], functions[op].apply(tensor_not(y), most)};
    }
    return compile_to_graph(context, count, outputs, error);
}

static struct graph *casts_of(struct tensor_context *context, enum dtype dtype,
                              struct et_error *error) {
    struct named_tensor outputs[DTYPE_COUNT];
    struct tensor x = add_graph_input(context, "x", dtype, SHAPE(EDGES * EDGES + 7));
    for (int to = 0; to < DTYPE_COUNT; to++)
        outputs[to] = (struct named_tensor){dtype_facts[to].name, tensor_cast(x, (enum dtype)to)};
    return compile_to_graph(context, DTYPE_COUNT, outputs, error);
}

/* Bits that have no influence on each other: a small generator (SplitMix64), always the same. */
static uint64_t random_bits(uint64_t *state) {
    uint64_t bits = *state += 0x9e3779b97f4a7c15u;
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
    return bits ^ bits >> 31;
}

/* Around the limits of integers. */
static double random_real(uint64_t *state) {
    uint64_t bits = random_bits(state);
    double power = ldexp(1, (int)(bits % 67)), aside = (double)(bits >> 8 & 7) / 2 - 2;
    return (bits >> 63 ? -1 : 1) *
           (bits >> 16 & 1 ? power + aside : power * (1 + ldexp(aside, -24)));
}

/* Mostly numbers around 1; `special` puts the difficult ones among them. */
static float random_float(uint64_t *state, bool special) {
    static const float difficult[] = {
        0.0f,  -0.0f, INFINITY, -INFINITY,     NAN,    0x1p-149f,        -1e-40f, 0.5f,
        -2.5f, 1e30f, -1e30f,   2147483648.0f, 255.5f, 0x1.fffffep+127f, 88.8f,   -0.5f};
    uint64_t bits = random_bits(state);
    if (special && bits % 6 == 1)
        return (float)random_real(state);
    if (special && bits % 3 == 0)
        return difficult[(bits >> 8) % (sizeof difficult / sizeof *difficult)];
    return (float)((double)(int64_t)bits * 0x1p-62);
}

/* Around 0, the width and the limits. */
static uint64_t edge(enum dtype dtype, uint64_t i) {
    uint64_t width = 8 * dtype_facts[dtype].bytes, least = (uint64_t)dtype_facts[dtype].least,
             greatest = dtype_facts[dtype].greatest;
    const uint64_t edges[EDGES] = {0,
                                   1,
                                   2,
                                   3,
                                   5,
                                   7,
                                   width - 1,
                                   width,
                                   width + 1,
                                   least,
                                   least + 1,
                                   least + 2,
                                   greatest,
                                   greatest - 1,
                                   greatest - 2,
                                   greatest / 2,
                                   greatest / 2 + 1,
                                   greatest / 3,
                                   (uint64_t)-1,
                                   (uint64_t)-2,
                                   (uint64_t)-3,
                                   181,
                                   211,
                                   65521};
    return edges[i % EDGES];
}

static uint64_t random_integer(enum dtype dtype, uint64_t *state) {
    uint64_t bits = random_bits(state);
    return bits % 2 ? edge(dtype, bits >> 8) : bits >> (bits >> 1) % 64;
}

static uint64_t random_element(enum dtype dtype, uint64_t *state) {
    uint64_t bits = random_bits(state);
    double real = random_real(state);
    if (dtype == DTYPE_BOOL)
        return bits & 1;
    if (dtype_is_integer(dtype))
        return random_integer(dtype, state);
    if (dtype == DTYPE_FLOAT64 && bits % 4)
        memcpy(&bits, &real, sizeof real);
    return bits;
}

/* Of as many integers as there are edges, all edges. */
static void *random_elements(enum dtype dtype, int64_t count, uint64_t *state, bool special) {
    void *elements = et_allocate((size_t)count, dtype_facts[dtype].bytes);
    cr_assert_not_null(elements);
    size_t bytes = dtype_facts[dtype].bytes;
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits = random_element(dtype, state);
        float number = random_float(state, special);
        if (dtype == DTYPE_FLOAT32)
            memcpy(&bits, &number, sizeof number);
        else if (!special && (dtype == DTYPE_FLOAT16 || dtype == DTYPE_BFLOAT16))
            bits &= 0xbfff; /* less than 2 */
        else if (dtype_is_integer(dtype) && count == EDGES)
            bits = edge(dtype, (uint64_t)i);
        memcpy((char *)elements + (size_t)i * bytes, &bits, bytes); /* little-endian */
    }
    return elements;
}

enum { MOST_WEIGHTS = 64 };

/* Weights for every weight node, by way of a file, as in life. NULL for a graph without. */
static struct weights *bound_weights(struct graph *graph, uint64_t *state, struct et_error *error) {
    struct weight tensors[MOST_WEIGHTS];
    int count = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        if (node->op != OP_WEIGHT)
            continue;
        cr_assert_lt(count, MOST_WEIGHTS);
        struct weight *tensor = &tensors[count++];
        *tensor = (struct weight){.name = node->name, .dtype = node->dtype, .rank = node->rank};
        memcpy(tensor->shape, node->shape, sizeof tensor->shape);
        tensor->bytes = (size_t)node_bytes(node);
        tensor->data = random_elements(node->dtype, node_elements(node), state, false);
    }
    if (count == 0)
        return NULL;
    char path[] = "/tmp/test-modes-XXXXXX";
    close(mkstemp(path));
    cr_assert(weights_save(path, tensors, count, NULL, error), "%s", error->message);
    struct weights *weights = weights_load(path, error);
    unlink(path);
    cr_assert(weights && graph_bind(graph, weights, error), "%s", error->message);
    for (int i = 0; i < count; i++)
        et_release((void *)(uintptr_t)tensors[i].data);
    return weights;
}

enum { MOST = 2 * OP_STORED_COUNT };

/* Outputs of one run; every byte is set before, to another value each time. */
static void run(struct et_program *program, enum et_mode mode, const void *const *inputs,
                void **outputs) {
    struct et_error error = {0};
    for (int i = 0; i < et_program_output_count(program); i++) {
        size_t bytes = et_program_output(program, i).bytes;
        outputs[i] = et_allocate(bytes, 1);
        memset(outputs[i], 0xa5 + (int)mode, bytes);
    }
    cr_assert(et_program_run(program, mode, inputs, outputs, NULL, &error), "%s: %s",
              et_mode_name(mode), error.message);
}

static void check_same(struct et_program *program, enum et_mode mode, void *const *expected,
                       void *const *found) {
    for (int i = 0; i < et_program_output_count(program); i++) {
        struct et_tensor output = et_program_output(program, i);
        const unsigned char *a = expected[i], *b = found[i];
        size_t at = 0;
        while (at < output.bytes && a[at] == b[at])
            at++;
        cr_expect_eq(at, output.bytes, "%s: %s differs from eager in byte %zu of %zu",
                     et_mode_name(mode), output.name, at, output.bytes);
    }
}

static void release(int count, void **buffers) {
    for (int i = 0; i < count; i++)
        et_release(buffers[i]);
}

static void check_modes(struct graph *graph, struct et_error error) {
    unsetenv("EIGENTENSOR_CPU");
    uint64_t state = 1;
    cr_assert_not_null(graph, "%s", error.message);
    struct weights *weights = bound_weights(graph, &state, &error);
    struct et_program *program = program_from_graph(graph, weights, &error);
    cr_assert_not_null(program, "%s", error.message);
    bool special = !weights; /* models get numbers, single operations everything */
    void *inputs[MOST], *expected[MOST], *found[MOST];
    for (int i = 0; i < graph->input_count; i++)
        inputs[i] = random_elements(graph->inputs[i]->dtype, node_elements(graph->inputs[i]),
                                    &state, special);
    run(program, ET_EAGER, (const void *const *)inputs, expected);
    for (int mode = ET_JIT; mode <= ET_AOT; mode++) {
        run(program, (enum et_mode)mode, (const void *const *)inputs, found);
        check_same(program, (enum et_mode)mode, expected, found);
        release(graph->output_count, found);
    }
    release(graph->output_count, expected);
    release(graph->input_count, inputs);
    et_program_free(program);
}

TestSuite(modes, .timeout = 60);

#define SMALL_GRAPH(name)                                                                          \
    Test(modes, name) {                                                                            \
        struct et_error error = {0};                                                               \
        struct graph *graph = name(tensor_context_new(#name), &error);                             \
        check_modes(graph, error);                                                                 \
    }
#include "tests/modes/small_graphs.def"
#undef SMALL_GRAPH

Test(modes, every_operation_of_every_integer) {
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        struct et_error error = {0};
        if (dtype_facts[dtype].letter != 'I')
            continue;
        struct tensor_context *context = tensor_context_new(dtype_facts[dtype].name);
        struct graph *graph = arithmetic(context, (enum dtype)dtype, &error);
        check_modes(graph, error);
    }
}

Test(modes, every_cast) {
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        struct et_error error = {0};
        struct tensor_context *context = tensor_context_new(dtype_facts[dtype].name);
        struct graph *graph = casts_of(context, (enum dtype)dtype, &error);
        check_modes(graph, error);
    }
}
