/* Integers that stand for real numbers: (integer - zero point) * scale. */
#include "compiler/builder/layers.h"

struct tensor without_zero_point(struct tensor x, struct tensor zero, enum dtype dtype) {
    x = tensor_cast(x, dtype);
    return is_given(zero) ? tensor_sub(x, tensor_cast(zero, dtype)) : x;
}

struct tensor scaled_integers(struct tensor x, struct tensor scale) {
    return tensor_mul(tensor_cast(x, DTYPE_FLOAT32), scale);
}

struct tensor rounded_from_zero_point(struct tensor x, struct tensor zero) {
    x = tensor_round(x);
    return is_given(zero) ? tensor_add(x, tensor_cast(zero, DTYPE_FLOAT32)) : x;
}
