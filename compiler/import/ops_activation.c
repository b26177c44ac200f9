/* Activations. */
#include "compiler/import/activation.h"
#include "compiler/import/meaning.h"

#include "compiler/base/json_read.h"

#include <math.h>
#include <string.h>

/* x where it is not negative (or NaN), else `negative`. */
static struct tensor unless_negative(struct tensor x, struct tensor negative) {
    return tensor_where(tensor_lt(x, scalar_like(x, 0)), negative, x);
}

struct tensor clamped(struct tensor x, double low, double high) {
    return tensor_max(tensor_min(x, scalar_like(x, high)), scalar_like(x, low));
}

/* exp(x) - 1, as the operators' definitions have it. */
static struct tensor exp_less_one(struct tensor x) {
    return add_number(tensor_exp(x), -1);
}

/* The input, and the attribute that the oldest opsets have. */
static struct tensor activated(struct call *call) {
    call_ignore(call, "consumed_inputs");
    return call_input(call, 0);
}

struct tensor import_relu(struct call *call) {
    struct tensor x = activated(call);
    return tensor_max(x, scalar_like(x, 0));
}

struct tensor leaky_relu(struct tensor x, double alpha) {
    return unless_negative(x, multiply_by(x, alpha));
}

struct tensor import_leaky_relu(struct call *call) {
    return leaky_relu(activated(call), call_float(call, "alpha", (double)0.01F));
}

/* Before opset 7 a list of slopes is one a channel. */
struct tensor import_prelu(struct call *call) {
    struct tensor x = activated(call), slope = call_input(call, 1);
    int rank = tensor_rank(x);
    if (call->opset < 7 && tensor_rank(slope) == 1 && rank > 2) {
        int64_t shape[MAX_RANK] = {tensor_extent(slope, 0)};
        for (int i = 1; i < rank - 1; i++)
            shape[i] = 1;
        slope = tensor_reshape(slope, rank - 1, shape);
    }
    return unless_negative(x, tensor_mul(slope, x));
}

struct tensor elu(struct tensor x, double alpha) {
    return unless_negative(x, multiply_by(exp_less_one(x), alpha));
}

struct tensor import_elu(struct call *call) {
    return elu(activated(call), call_float(call, "alpha", 1));
}

/* Its numbers had fewer digits in opset 1. */
struct tensor import_selu(struct call *call) {
    struct tensor x = activated(call);
    bool first = call->opset < 6;
    double alpha = call_float(call, "alpha", (double)(first ? 1.6732F : 1.67326319F));
    double gamma = call_float(call, "gamma", (double)(first ? 1.0507F : 1.05070102F));
    return multiply_by(unless_negative(x, multiply_by(exp_less_one(x), alpha)), gamma);
}

struct tensor import_celu(struct call *call) {
    struct tensor x = activated(call);
    double alpha = call_float(call, "alpha", 1);
    struct tensor scaled = alpha == 1 ? x : divide_exactly(x, alpha);
    return unless_negative(x, multiply_by(exp_less_one(scaled), alpha));
}

struct tensor import_sigmoid(struct call *call) {
    return sigmoid(activated(call));
}

struct tensor hard_sigmoid(struct tensor x, double alpha, double beta) {
    return clamped(add_number(multiply_by(x, alpha), beta), 0, 1);
}

struct tensor import_hard_sigmoid(struct call *call) {
    double alpha = call_float(call, "alpha", (double)0.2F);
    return hard_sigmoid(activated(call), alpha, call_float(call, "beta", 0.5));
}

struct tensor import_hard_swish(struct call *call) {
    struct tensor x = activated(call);
    return tensor_mul(x, hard_sigmoid(x, 1.0 / 6, 0.5));
}

/* x * tanh(softplus(x)). With e = exp(x) that is x * (e * e + 2 * e) / (e * e + 2 * e + 2); from
 * x = 16 on the quotient is 1 in float32, and 40 keeps e * e finite. */
struct tensor import_mish(struct call *call) {
    struct tensor x = activated(call);
    struct tensor e = tensor_exp(tensor_min(x, scalar_like(x, 40)));
    struct tensor part = tensor_mul(e, add_number(e, 2));
    return tensor_mul(x, tensor_div(part, add_number(part, 2)));
}

struct tensor softsign(struct tensor x) {
    return tensor_div(x, add_number(tensor_abs(x), 1));
}

struct tensor import_softsign(struct call *call) {
    return softsign(activated(call));
}

struct tensor thresholded_relu(struct tensor x, double alpha) {
    return tensor_where(tensor_lt(scalar_like(x, alpha), x), x, scalar_like(x, 0));
}

struct tensor import_thresholded_relu(struct call *call) {
    return thresholded_relu(activated(call), call_float(call, "alpha", 1));
}

static struct tensor swish(struct tensor x, double alpha) {
    return tensor_mul(x, sigmoid(alpha == 1 ? x : multiply_by(x, alpha)));
}

struct tensor import_swish(struct call *call) {
    return swish(call_input(call, 0), call_float(call, "alpha", 1));
}

struct tensor import_quick_gelu(struct call *call) {
    return swish(call_input(call, 0), call_float(call, "alpha", (double)1.702F));
}

struct tensor import_swiglu(struct call *call) {
    struct tensor gate = swish(call_input(call, 0), call_float(call, "alpha", 1));
    return tensor_mul(gate, call_input(call, 1));
}

/* ---- Gelu ---- */

/* x * 0.5 * (1 + erf(x / sqrt(2))) */
static struct tensor gelu_by_erf(struct tensor x) {
    struct tensor gate = add_number(tensor_erf(multiply_by(x, M_SQRT1_2)), 1);
    return tensor_mul(multiply_by(x, 0.5), gate);
}

/* 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))) */
static struct tensor gelu_by_tanh(struct tensor x) {
    struct tensor cube = tensor_mul(tensor_mul(x, x), x);
    struct tensor inner = tensor_add(x, multiply_by(cube, 0.044715));
    struct tensor gate = add_number(tensor_tanh(multiply_by(inner, sqrt(2 / M_PI))), 1);
    return tensor_mul(multiply_by(x, 0.5), gate);
}

struct tensor import_gelu(struct call *call) {
    const char *approximate = call_text(call, "approximate", "none");
    if (strcmp(approximate, "tanh") == 0)
        return gelu_by_tanh(call_input(call, 0));
    if (strcmp(approximate, "none") != 0)
        return call_refuse(call, "approximate is \"%s\", expected \"none\" or \"tanh\"",
                           quoted(approximate).text);
    return gelu_by_erf(call_input(call, 0));
}

static struct tensor with_bias(struct call *call) {
    struct tensor x = call_input(call, 0);
    return call_has_input(call, 1) ? tensor_add(x, call_input(call, 1)) : x;
}

struct tensor import_bias_gelu(struct call *call) {
    return gelu_by_erf(with_bias(call));
}

struct tensor import_fast_gelu(struct call *call) {
    return gelu_by_tanh(with_bias(call));
}

/* ---- Shrink ---- */

/* Integers are moved as float64 and cut to integers again. */
struct tensor import_shrink(struct call *call) {
    struct tensor x = call_input(call, 0);
    double bias = call_float(call, "bias", 0), limit = call_float(call, "lambd", 0.5);
    enum dtype dtype = tensor_dtype(x);
    if (!holds_floats(x))
        x = tensor_cast(x, DTYPE_FLOAT64);
    struct tensor above =
        tensor_where(tensor_lt(scalar_like(x, limit), x), add_number(x, -bias), scalar_like(x, 0));
    x = tensor_where(tensor_lt(x, scalar_like(x, -limit)), add_number(x, bias), above);
    return tensor_cast(x, dtype);
}
