/* Quantisation, and products of what is quantised. */
#include "compiler/import/convolution.h"
#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"
#include "compiler/import/quantised.h"

#include <inttypes.h>

/* ---- QuantizeLinear, DequantizeLinear ---- */

/* The scales and zero points (inputs 1 and 2) as they go with input 0. */
static void read_scales(struct call *call, struct tensor *scale, struct tensor *zero) {
    struct tensor x = call_input(call, 0);
    int64_t axis = call_int(call, "axis", 1), block = call_int(call, "block_size", 0);
    bool one = tensor_rank(call_input(call, 1)) == 0 || elements_of(call_input(call, 1)) == 1;
    int from_front = one ? 0 : call_axis(call, axis, tensor_rank(x));
    *scale = spread_over(call, call_input(call, 1), x, from_front, block);
    *zero = spread_over(call, call_optional(call, 2), x, from_front, block);
}

/* The type that "output_dtype" names, if it does. */
static int output_type(struct call *call, int otherwise) {
    int64_t number = call_int(call, "output_dtype", 0);
    if (number < 0 || number > INT32_MAX)
        call_refuse(call, "output_dtype %" PRId64 ", which there is not", number);
    return number ? (int)number : otherwise;
}

struct tensor import_quantize_linear(struct call *call) {
    struct tensor scale, zero, x = call_input(call, 0);
    struct cast_target target = {.overflows = call_int(call, "saturate", 1) == 0};
    call_ignore(call, "precision"); /* it is float32 */
    read_scales(call, &scale, &zero);
    target.type = output_type(call, is_given(zero) ? element_type(call->importer, zero)
                                                   : onnx_type_of(DTYPE_UINT8));
    return quantised(call, x, scale, zero, target);
}

struct tensor import_dequantize_linear(struct call *call) {
    struct tensor scale, zero, x = call_input(call, 0);
    read_scales(call, &scale, &zero);
    int type = element_type(call->importer, scale);
    struct cast_target target = {.type = low_type(type) ? onnx_type_of(DTYPE_FLOAT32) : type};
    target.type = output_type(call, target.type);
    return cast_to_type(call, dequantised(call, x, scale, zero), target);
}

struct tensor import_dynamic_quantize_linear(struct call *call) {
    struct dynamic result = quantised_dynamically(call_input(call, 0));
    call_output(call, 1, result.scale);
    call_output(call, 2, result.zero);
    return result.x;
}

/* ---- Products of matrices ---- */

/* One number for each row of a matrix: (rows) as (rows, 1). */
static struct tensor along_rows(struct tensor values) {
    if (tensor_rank(values) != 1)
        return values;
    return tensor_extent(values, 0) == 1 ? tensor_reshape(values, SCALAR_SHAPE)
                                         : unsqueeze(values, 1);
}

struct tensor import_matmul_integer(struct call *call) {
    return matmul(centred(call, call_input(call, 0), along_rows(call_optional(call, 2))),
                  centred(call, call_input(call, 1), call_optional(call, 3)));
}

/* The product of two scales over a third, as float32. */
static struct tensor scale_ratio(struct tensor a, struct tensor b, struct tensor y) {
    struct tensor product =
        tensor_mul(tensor_cast(a, DTYPE_FLOAT32), tensor_cast(b, DTYPE_FLOAT32));
    return tensor_div(product, tensor_cast(y, DTYPE_FLOAT32));
}

/* Sums of products, int32, in the steps of the result. */
static struct tensor rescaled(const struct call *call, struct tensor sums, struct tensor ratio,
                              struct tensor zero) {
    return rounded_to(call, scaled_integers(sums, ratio), zero,
                      (struct cast_target){.type = element_type(call->importer, zero)});
}

struct tensor import_qlinear_matmul(struct call *call) {
    struct tensor a = centred(call, call_input(call, 0), along_rows(call_input(call, 2)));
    struct tensor b = centred(call, call_input(call, 3), call_input(call, 5));
    struct tensor ratio =
        scale_ratio(along_rows(call_input(call, 1)), call_input(call, 4), call_input(call, 6));
    return rescaled(call, matmul(a, b), ratio, call_input(call, 7));
}

/* ---- Convolutions ---- */

/* One number for each output of a convolution, to go with its weight or its result. */
static struct tensor per_output(const struct call *call, struct tensor values, struct tensor x,
                                int axis) {
    return spread_over(call, values, x, axis, 0);
}

struct tensor import_conv_integer(struct call *call) {
    struct tensor x = call_input(call, 0), weight = call_input(call, 1);
    struct conv_options options;
    if (!call_convolution(call, x, weight, &options))
        return NO_TENSOR;
    x = centred(call, x, call_optional(call, 2));
    weight = centred(call, weight, per_output(call, call_optional(call, 3), weight, 0));
    return conv(x, weight, NO_TENSOR, options);
}

struct tensor import_qlinear_conv(struct call *call) {
    struct tensor x = call_input(call, 0), weight = call_input(call, 3);
    struct conv_options options;
    if (!call_convolution(call, x, weight, &options))
        return NO_TENSOR;
    x = centred(call, x, per_output(call, call_input(call, 2), x, 1));
    weight = centred(call, weight, per_output(call, call_input(call, 5), weight, 0));
    struct tensor sums = conv(x, weight, call_optional(call, 8), options);
    struct tensor x_scale = per_output(call, call_input(call, 1), sums, 1);
    struct tensor weight_scale = per_output(call, call_input(call, 4), sums, 1);
    struct tensor y_scale = per_output(call, call_input(call, 6), sums, 1);
    struct tensor y_zero = per_output(call, call_input(call, 7), sums, 1);
    return rescaled(call, sums, scale_ratio(x_scale, weight_scale, y_scale), y_zero);
}
