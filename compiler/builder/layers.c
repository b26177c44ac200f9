/* Elementwise layers, and those that normalise over axes. */
#include "compiler/builder/layers.h"

#include <math.h>

/* Elementwise */

/* relu: where 0 < x, x; not a maximum, which would pass on other NaNs and zeros. */
struct tensor relu(struct tensor x) {
    LAYER(x);
    struct tensor zero = scalar_like(x, 0);
    return tensor_where(tensor_lt(zero, x), x, zero);
}

/* sigmoid: 1 / (1 + exp(-x)) */
struct tensor sigmoid(struct tensor x) {
    LAYER(x);
    return tensor_recip(tensor_add(scalar_like(x, 1), tensor_exp(tensor_neg(x))));
}

/* silu, swish: x * sigmoid(x) */
struct tensor silu(struct tensor x) {
    LAYER(x);
    return tensor_mul(x, sigmoid(x));
}

/* tanh, which TinyGrad has no operation for: 2 * sigmoid(2 * x) - 1 */
static struct tensor tanh_by_sigmoid(struct tensor x) {
    struct tensor two = scalar_like(x, 2);
    return tensor_sub(tensor_mul(two, sigmoid(tensor_mul(two, x))), scalar_like(x, 1));
}

/* gelu: 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))) */
struct tensor gelu(struct tensor x) {
    LAYER(x);
    struct tensor cube = tensor_mul(tensor_mul(x, x), x);
    struct tensor inner = tensor_add(x, tensor_mul(scalar_like(x, 0.044715), cube));
    struct tensor angle = tensor_mul(scalar_like(x, sqrt(2 / M_PI)), inner);
    struct tensor gate = tensor_add(scalar_like(x, 1), tanh_by_sigmoid(angle));
    return tensor_mul(tensor_mul(scalar_like(x, 0.5), x), gate);
}

struct tensor divide(struct tensor a, struct tensor b) {
    LAYER(a, b);
    return tensor_mul(a, tensor_recip(b));
}

struct tensor divide_by(struct tensor a, double number) {
    return multiply_by(a, 1 / number);
}

struct tensor multiply_by(struct tensor a, double number) {
    LAYER(a);
    return tensor_mul(a, scalar_like(a, number));
}

struct tensor add_number(struct tensor a, double number) {
    LAYER(a);
    return tensor_add(a, scalar_like(a, number));
}

/* 1 / sqrt(x) */
static struct tensor rsqrt(struct tensor x) {
    return tensor_recip(tensor_sqrt(x));
}

/* Over axes */

/* How many elements of x one element of its reduction over axes stands for; 1 if there is none. */
static int64_t reduced_elements(struct tensor x, struct tensor reduced) {
    if (!x.node || !reduced.node || node_elements(reduced.node) == 0)
        return 1;
    return node_elements(x.node) / node_elements(reduced.node);
}

struct tensor restore_axes(struct tensor reduced, struct tensor x, int axis_count,
                           const int *axes) {
    int64_t shape[MAX_RANK];
    int rank = tensor_rank(x);
    for (int i = 0; i < rank; i++)
        shape[i] = axis_count < 0 ? 1 : tensor_extent(x, i);
    for (int i = 0; reduced.node && i < axis_count; i++)
        shape[axes[i] < 0 ? axes[i] + rank : axes[i]] = 1;
    return tensor_reshape(reduced, rank, shape);
}

struct tensor squared_sum(struct tensor x, int axis_count, const int *axes) {
    return tensor_reduce_sum(tensor_mul(x, x), axis_count, axes);
}

/* mean: the sum, in int32 for smaller integers, divided by how many; float32 but of float64. */
struct tensor mean(struct tensor x, int axis_count, const int *axes, bool keep_axes) {
    LAYER(x);
    if (dtype_is_integer(tensor_dtype(x)) && dtype_bytes(tensor_dtype(x)) < 4)
        x = tensor_cast(x, DTYPE_INT32);
    struct tensor sum = tensor_reduce_sum(x, axis_count, axes);
    int64_t count = reduced_elements(x, sum);
    if (keep_axes)
        sum = restore_axes(sum, x, axis_count, axes);
    if (tensor_dtype(sum) != DTYPE_FLOAT64)
        sum = tensor_cast(sum, DTYPE_FLOAT32);
    return divide_by(sum, (double)count);
}

/* var: the sum of squared distances from the mean, divided by how many less the correction. */
struct tensor variance(struct tensor x, int axis_count, const int *axes, int correction,
                       bool keep_axes) {
    LAYER(x);
    struct tensor distance = tensor_sub(x, mean(x, axis_count, axes, true));
    if (!distance.node)
        return distance;
    struct tensor sum = squared_sum(distance, axis_count, axes);
    int64_t count = reduced_elements(x, sum) - correction;
    if (keep_axes)
        sum = restore_axes(sum, x, axis_count, axes);
    return divide_by(sum, count > 0 ? (double)count : 0.0);
}

/* _softmax: the scores less their maximum, their exponentials, and the sum of those. */
struct softmax_parts {
    struct tensor scores, exponentials, sum;
};

static struct softmax_parts softmax_parts(struct tensor x, int axis) {
    struct tensor greatest = tensor_reduce_max(x, AXES(axis));
    struct softmax_parts parts;
    parts.scores = tensor_sub(x, restore_axes(greatest, x, AXES(axis)));
    parts.exponentials = tensor_exp(parts.scores);
    parts.sum = restore_axes(tensor_reduce_sum(parts.exponentials, AXES(axis)), x, AXES(axis));
    return parts;
}

/* softmax: exponentials * (1 / sum) */
struct tensor softmax(struct tensor x, int axis) {
    LAYER(x);
    struct softmax_parts parts = softmax_parts(x, axis);
    return divide(parts.exponentials, parts.sum);
}

/* log_softmax: scores - log(sum) */
struct tensor log_softmax(struct tensor x, int axis) {
    LAYER(x);
    struct softmax_parts parts = softmax_parts(x, axis);
    return tensor_sub(parts.scores, tensor_log(parts.sum));
}

/* layernorm: y = x - mean; y * (1 / sqrt(mean(y * y) + epsilon)), then LayerNorm's weight, bias */
struct tensor layer_norm(struct tensor x, int axis_count, const int *axes, double epsilon,
                         struct tensor weight, struct tensor bias) {
    LAYER(x);
    struct tensor y = tensor_sub(x, mean(x, axis_count, axes, true));
    if (!y.node)
        return y;
    struct tensor sum = squared_sum(y, axis_count, axes);
    int64_t count = reduced_elements(y, sum);
    struct tensor spread = divide_by(restore_axes(sum, y, axis_count, axes), (double)count);
    y = tensor_mul(y, rsqrt(add_number(spread, epsilon)));
    if (is_given(weight))
        y = tensor_mul(y, weight);
    return is_given(bias) ? tensor_add(y, bias) : y;
}

/* One number a channel, for broadcasting: (1, channels, 1, ..). */
static struct tensor per_channel(struct tensor values, struct tensor x) {
    int64_t shape[MAX_RANK];
    for (int i = 0; i < tensor_rank(x); i++)
        shape[i] = i == 1 ? tensor_extent(x, 1) : 1;
    return tensor_reshape(values, tensor_rank(x), shape);
}

/* batchnorm: (x - mean) * weight * (1 / sqrt(variance + epsilon)) + bias */
struct tensor batch_norm(struct tensor x, struct batch_norm_parameters parameters, double epsilon) {
    LAYER(x, parameters.running_mean, parameters.running_var);
    if (tensor_rank(x) < 2)
        return tensor_fail(x.context, "expected (batch, channels, ..), found %s",
                           tensor_text(x).text);
    struct tensor spread = add_number(per_channel(parameters.running_var, x), epsilon);
    struct tensor y = tensor_sub(x, per_channel(parameters.running_mean, x));
    if (is_given(parameters.weight))
        y = tensor_mul(y, per_channel(parameters.weight, x));
    y = tensor_mul(y, rsqrt(spread));
    return is_given(parameters.bias) ? tensor_add(y, per_channel(parameters.bias, x)) : y;
}
