/* What ONNX means where a primitive means something else. */
#include "compiler/import/meaning.h"

#include <math.h>

bool holds_floats(struct tensor x) {
    char letter = dtype_facts[tensor_dtype(x)].letter;
    return letter == 'F' || letter == 'S';
}

enum dtype computing_dtype(enum dtype dtype) {
    return dtype == DTYPE_FLOAT64 ? dtype : DTYPE_FLOAT32;
}

bool holds_integers(struct tensor x) {
    return dtype_facts[tensor_dtype(x)].letter == 'I';
}

bool holds_unsigned(struct tensor x) {
    return dtype_facts[tensor_dtype(x)].name[0] == 'u' || tensor_dtype(x) == DTYPE_BOOL;
}

struct tensor divide_exactly(struct tensor x, double number) {
    return tensor_div(x, scalar_like(x, number));
}

struct tensor filled_like(struct tensor like, enum dtype dtype, double number) {
    struct tensor value = tensor_cast(scalar(like.context, (float)number), dtype);
    if (!like.node)
        return value;
    int64_t ones[MAX_RANK];
    for (int i = 0; i < like.node->rank; i++)
        ones[i] = 1;
    return tensor_expand(tensor_reshape(value, like.node->rank, ones), like.node->rank,
                         like.node->shape);
}

/* ---- Order ---- */

struct tensor bits_of(struct tensor x) {
    if (!holds_floats(x))
        return x;
    return tensor_bitcast(x, dtype_bytes(tensor_dtype(x)) == 8 ? DTYPE_INT64 : DTYPE_INT32);
}

/* The bits of a float are its sign and its magnitude. As two's complement they are in its order:
 * with the sign, the least integer less the bits. */
struct tensor ordered_bits(struct tensor bits) {
    double least_integer = dtype_bytes(tensor_dtype(bits)) == 8 ? -0x1p63 : -0x1p31;
    struct tensor negative = tensor_sub(scalar_like(bits, least_integer), bits);
    return tensor_where(tensor_lt(bits, scalar_like(bits, 0)), negative, bits);
}

struct tensor position_of(struct tensor x, int axis, bool smallest, bool last) {
    double end = (double)tensor_extent(x, axis) - 1;
    if (last)
        x = tensor_flip(x, AXES(axis));
    struct tensor position = smallest ? tensor_argmin(x, AXES(axis)) : tensor_argmax(x, AXES(axis));
    return last ? tensor_sub(scalar_like(position, end), position) : position;
}
