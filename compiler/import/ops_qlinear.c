/* Operators of com.microsoft on integers that stand for real numbers: each as its numbers, computed
 * in float32, and quantised again. */
#include "compiler/import/activation.h"
#include "compiler/import/movement.h"
#include "compiler/import/quantised.h"
#include "compiler/import/spatial.h"
#include "compiler/import/statistics.h"

#include <inttypes.h>

/* A scale or zero point for a whole tensor. */
static struct tensor whole(struct call *call, int index) {
    return spread_over(call, call_input(call, index), NO_TENSOR, 0, 0);
}

/* The numbers that input `first` stands for; its scale and zero point are behind it. */
static struct tensor real_input(struct call *call, int first) {
    return dequantised(call, call_input(call, first), whole(call, first + 1),
                       whole(call, first + 2));
}

/* y with the scale and the zero point at inputs `first` and after, as what input `like` is. */
static struct tensor real_output(struct call *call, struct tensor y, int first, int like) {
    int type = element_type(call->importer, call_input(call, like));
    return quantised(call, y, whole(call, first), whole(call, first + 1),
                     (struct cast_target){.type = type});
}

/* ---- Elementwise ---- */

struct tensor import_qlinear_add(struct call *call) {
    struct tensor sum = tensor_add(real_input(call, 0), real_input(call, 3));
    return real_output(call, sum, 6, 0);
}

/* The product of the integers is exact. */
struct tensor import_qlinear_mul(struct call *call) {
    struct tensor a = centred(call, call_input(call, 0), whole(call, 2));
    struct tensor b = centred(call, call_input(call, 3), whole(call, 5));
    struct tensor product = tensor_cast(tensor_mul(a, b), DTYPE_FLOAT32);
    struct tensor scale = tensor_mul(whole(call, 1), whole(call, 4));
    return real_output(call, tensor_mul(product, scale), 6, 0);
}

struct tensor import_qlinear_sigmoid(struct call *call) {
    return real_output(call, sigmoid(real_input(call, 0)), 3, 0);
}

struct tensor import_qlinear_leaky_relu(struct call *call) {
    double alpha = call_float(call, "alpha", (double)0.01F);
    return real_output(call, leaky_relu(real_input(call, 0), alpha), 3, 0);
}

struct tensor import_qlinear_where(struct call *call) {
    struct tensor chosen =
        tensor_where(call_input(call, 0), real_input(call, 1), real_input(call, 4));
    return real_output(call, chosen, 7, 1);
}

struct tensor import_qlinear_concat(struct call *call) {
    int count = (call->input_count - 2) / 3;
    if (count < 1 || count > MAX_SOURCES)
        return call_refuse(call, "%d inputs", call->input_count);
    struct tensor *parts = arena_array(&call->importer->arena, struct tensor, (size_t)count);
    for (int i = 0; i < count; i++)
        parts[i] = real_input(call, 2 + 3 * i);
    int axis = call_axis(call, call_int(call, "axis", 0), tensor_rank(parts[0]));
    return real_output(call, tensor_concat(count, parts, axis), 0, 2);
}

/* ---- Over axes ---- */

/* Images whose channels are the last axis, as others; and back. */
static struct tensor channels_first(struct tensor x, bool last) {
    return last && tensor_rank(x) > 2 ? move_axis(x, tensor_rank(x) - 1, 1) : x;
}

static struct tensor channels_last(struct tensor x, bool last) {
    return last && tensor_rank(x) > 2 ? move_axis(x, 1, tensor_rank(x) - 1) : x;
}

struct tensor import_qlinear_average_pool(struct call *call) {
    bool last = call_int(call, "channels_last", 0) != 0;
    struct tensor x = average_pooled(call, channels_first(real_input(call, 0), last));
    return real_output(call, channels_last(x, last), 3, 0);
}

struct tensor import_qlinear_global_average_pool(struct call *call) {
    bool last = call_int(call, "channels_last", 0) != 0;
    struct tensor x = channels_first(real_input(call, 0), last);
    struct axes axes = last_axes(x, tensor_rank(x) - 2);
    if (tensor_rank(x) < 3)
        return call_refuse(call, "expected (batch, channels, ..), found %s", tensor_text(x).text);
    return real_output(call, channels_last(mean_over(x, axes.count, axes.list), last), 3, 0);
}

/* No axes: all of them. */
struct tensor import_qlinear_reduce_mean(struct call *call) {
    struct tensor x = real_input(call, 0);
    struct integers given = call_ints(call, "axes");
    bool keep = call_int(call, "keepdims", 1) != 0, reduced[MAX_RANK] = {false};
    struct axes axes = {0};
    for (int i = 0; i < given.count; i++)
        reduced[call_axis(call, given.values[i], tensor_rank(x))] = true;
    for (int axis = 0; axis < tensor_rank(x); axis++)
        if (given.count == 0 || reduced[axis])
            axes.list[axes.count++] = axis;
    struct tensor y = axes.count ? mean_over(x, axes.count, axes.list) : x;
    for (int i = axes.count; !keep && i-- > 0;)
        y = squeeze(y, axes.list[i]);
    return real_output(call, y, 3, 0);
}

/* Before opset 13, all axes from `axis` on are one. */
struct tensor import_qlinear_softmax(struct call *call) {
    struct tensor x = real_input(call, 0);
    int64_t shape[MAX_RANK];
    int rank = shape_of(x, shape);
    bool one = call_int(call, "opset", 13) >= 13;
    int axis = call_axis(call, call_int(call, "axis", one ? -1 : 1), rank);
    x = softmax(one ? x : flatten(x, axis), axis);
    return real_output(call, tensor_reshape(x, rank, shape), 3, 0);
}

/* ---- Products ---- */

struct tensor import_matmul_integer_to_float(struct call *call) {
    struct tensor a = centred(call, call_input(call, 0), by_column(call, 4));
    struct tensor b = centred(call, call_input(call, 1), by_column(call, 5));
    struct tensor scale = tensor_mul(by_column(call, 2), by_column(call, 3));
    return scaled_sums(matmul(a, b), scale, call_optional(call, 6));
}

/* The left matrix is quantised as DynamicQuantizeLinear does. */
struct tensor import_dynamic_quantize_matmul(struct call *call) {
    struct dynamic a = quantised_dynamically(call_input(call, 0));
    struct tensor b = centred(call, call_input(call, 1), by_column(call, 3));
    struct tensor sums = matmul(centred(call, a.x, a.zero), b);
    return scaled_sums(sums, tensor_mul(a.scale, by_column(call, 2)), call_optional(call, 4));
}

/* One number for each column of the right matrix, which transB makes its rows. */
static struct tensor by_output(struct call *call, int index, bool turned) {
    struct tensor values = by_column(call, index);
    return turned && tensor_rank(values) == 1 ? unsqueeze(values, 1) : values;
}

struct tensor import_qgemm(struct call *call) {
    bool turned = call_int(call, "transB", 0) != 0;
    double alpha = call_float(call, "alpha", 1);
    struct tensor a = centred(call, call_input(call, 0), whole(call, 2));
    struct tensor b = centred(call, call_input(call, 3), by_output(call, 5, turned));
    if (call_int(call, "transA", 0))
        a = transpose(a, 0, 1);
    struct tensor sums = matmul(a, turned ? transpose(b, 0, 1) : b);
    if (call_has_input(call, 6))
        sums = tensor_add(sums, call_input(call, 6));
    struct tensor scale = multiply_by(tensor_mul(whole(call, 1), by_column(call, 4)), alpha);
    struct tensor y = scaled_sums(sums, scale, NO_TENSOR);
    return call_has_input(call, 7) ? real_output(call, y, 7, 0) : y;
}
