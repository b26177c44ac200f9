/* Elementwise operators of two tensors or more, which broadcast as NumPy's do. */
#include "compiler/import/meaning.h"

#include "compiler/base/json_read.h"

#include <string.h>

struct two_tensors {
    struct tensor a, b;
};

/* Before opset 7 the axes of b are those of a from `axis` on, or the last ones. */
static struct tensor aligned_at(struct call *call, struct tensor a, struct tensor b) {
    bool broadcast = call_int(call, "broadcast", 0) != 0;
    int rank = tensor_rank(a), own_rank = tensor_rank(b);
    if (!call_has(call, "axis") || !broadcast || own_rank == 0)
        return b;
    int axis = call_axis(call, call_int(call, "axis", 0), rank);
    if (axis + own_rank > rank)
        return call_refuse(call, "axis %d for operands %s and %s", axis, tensor_text(a).text,
                           tensor_text(b).text);
    int64_t shape[MAX_RANK];
    for (int i = axis; i < rank; i++)
        shape[i - axis] = tensor_extent(b, i - axis);
    return tensor_reshape(b, rank - axis, shape);
}

static struct two_tensors operands_of(struct call *call) {
    struct two_tensors operands = {call_input(call, 0), call_input(call, 1)};
    call_ignore(call, "consumed_inputs");
    if (call->opset < 7)
        operands.b = aligned_at(call, operands.a, operands.b);
    return operands;
}

typedef struct tensor binary(struct tensor a, struct tensor b);

static binary *const binaries[OP_COUNT] = {
    [OP_ADD] = tensor_add, [OP_SUB] = tensor_sub, [OP_MUL] = tensor_mul, [OP_DIV] = tensor_div,
    [OP_AND] = tensor_and, [OP_OR] = tensor_or,   [OP_XOR] = tensor_xor, [OP_EQ] = tensor_eq,
    [OP_LT] = tensor_lt,   [OP_LE] = tensor_le,
};

struct tensor import_binary(struct call *call) {
    struct two_tensors operands = operands_of(call);
    return binaries[call->op->detail](operands.a, operands.b);
}

/* a > b as b < a. */
struct tensor import_swapped(struct call *call) {
    struct two_tensors operands = operands_of(call);
    return binaries[call->op->detail](operands.b, operands.a);
}

struct tensor import_where(struct call *call) {
    return tensor_where(call_input(call, 0), call_input(call, 1), call_input(call, 2));
}

struct tensor import_bit_shift(struct call *call) {
    const char *direction = call_text(call, "direction", "");
    struct tensor x = call_input(call, 0), by = call_input(call, 1);
    if (strcmp(direction, "LEFT") == 0)
        return tensor_shl(x, by);
    if (strcmp(direction, "RIGHT") == 0)
        return tensor_shr(x, by);
    return call_refuse(call, "direction is \"%s\", expected \"LEFT\" or \"RIGHT\"",
                       quoted(direction).text);
}

/* ---- Any number of operands ---- */

static struct tensor join_all(struct call *call, binary *join) {
    struct tensor y = call_input(call, 0);
    call_ignore(call, "consumed_inputs");
    for (int i = 1; i < call->input_count; i++)
        y = join(y, call_input(call, i));
    return y;
}

struct tensor import_max(struct call *call) {
    return join_all(call, tensor_max);
}

struct tensor import_min(struct call *call) {
    return join_all(call, tensor_min);
}

struct tensor import_sum(struct call *call) {
    return join_all(call, tensor_add);
}

struct tensor import_mean(struct call *call) {
    struct tensor sum = join_all(call, tensor_add);
    return call->input_count > 1 ? divide_exactly(sum, call->input_count) : sum;
}

/* ---- Clip ---- */

/* A bound, of rank 0, or NO_TENSOR. Opset 6 has the greatest finite numbers where it is left out;
 * opset 11 made inputs of the attributes. */
static struct tensor bound(struct call *call, const char *name, int index, float otherwise) {
    struct tensor x = call_input(call, 0);
    if (call->opset < 11 && (call_has(call, name) || call->opset >= 6))
        return scalar_like(x, call_float(call, name, (double)otherwise));
    if (call->opset < 11 || !call_has_input(call, index))
        return NO_TENSOR;
    return tensor_reshape(call_input(call, index), SCALAR_SHAPE);
}

struct tensor import_clip(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct tensor low = bound(call, "min", 1, -0x1.fffffep127F);
    struct tensor high = bound(call, "max", 2, 0x1.fffffep127F);
    call_ignore(call, "consumed_inputs");
    if (is_given(low))
        x = tensor_max(x, low);
    return is_given(high) ? tensor_min(x, high) : x;
}

/* ---- Mod ---- */

/* Without `fmod` the result has the sign of b, and so have floats' zeros. */
static struct tensor mod_by_floor(struct tensor a, struct tensor b) {
    struct tensor rest = tensor_mod(a, b), zero = scalar_like(rest, 0);
    struct tensor negative = tensor_lt(b, zero), is_zero = tensor_eq(rest, zero);
    struct tensor moved =
        tensor_where(tensor_ne(tensor_lt(rest, zero), negative), tensor_add(rest, b), rest);
    struct tensor none = rest;
    if (holds_floats(rest))
        none = tensor_where(negative, scalar_like(rest, -0.0), zero);
    return tensor_where(is_zero, none, moved);
}

struct tensor import_mod(struct call *call) {
    struct tensor a = call_input(call, 0), b = call_input(call, 1);
    bool truncates = call_int(call, "fmod", 0) != 0 || holds_unsigned(a);
    return truncates ? tensor_mod(a, b) : mod_by_floor(a, b);
}

/* ---- Pow ---- */

enum { EXPONENT_BITS = 7 };

static struct tensor is_odd(struct tensor x) {
    struct tensor one = scalar_like(x, 1);
    return tensor_eq(tensor_and(x, one), one);
}

/* x ** exponent of integers that are not negative, by squaring. From 64 on only whether they are
 * odd matters, wherever the result does not overflow. */
static struct tensor power_by_squaring(struct tensor x, struct tensor exponent) {
    struct tensor most = scalar_like(exponent, 64);
    struct tensor few = tensor_min(exponent, most);
    few = tensor_where(tensor_lt(most, exponent),
                       tensor_or(few, tensor_and(exponent, scalar_like(exponent, 1))), few);
    struct tensor y = scalar_like(x, 1);
    for (int bit = 0; bit < EXPONENT_BITS; bit++) {
        struct tensor rest = tensor_shr(few, scalar_like(few, bit));
        y = tensor_where(is_odd(rest), tensor_mul(y, x), y);
        x = tensor_mul(x, x);
    }
    return y;
}

/* Integers: 1 / x ** -exponent is cut to an integer; 1 / 0 is 0 here. */
static struct tensor integer_power(struct tensor x, struct tensor exponent) {
    struct tensor y = power_by_squaring(x, exponent);
    if (holds_unsigned(exponent))
        return y;
    struct tensor zero = scalar_like(x, 0), one = scalar_like(x, 1), inverse;
    inverse = tensor_where(tensor_eq(x, one), one, zero);
    if (!holds_unsigned(x)) {
        struct tensor less = scalar_like(x, -1);
        inverse =
            tensor_where(tensor_eq(x, less), tensor_where(is_odd(exponent), less, one), inverse);
    }
    return tensor_where(tensor_lt(exponent, scalar_like(exponent, 0)), inverse, y);
}

/* The exponent, if it is one known number; else 0. */
static double known_exponent(struct call *call, struct two_tensors operands) {
    struct tensor exponent = operands.b;
    bool is_one = exponent.node && node_elements(exponent.node) == 1 &&
                  tensor_rank(exponent) <= tensor_rank(operands.a);
    if (!is_one || !call_is_known(call, exponent))
        return 0;
    return call_known_number(call, exponent, "the exponent");
}

/* Squares and cubes are products. */
struct tensor import_pow(struct call *call) {
    struct two_tensors operands = operands_of(call);
    struct tensor x = operands.a, exponent = operands.b;
    double known = known_exponent(call, operands);
    if (known == 2 || known == 3) {
        struct tensor square = tensor_mul(x, x);
        return known == 2 ? square : tensor_mul(square, x);
    }
    if (!holds_integers(x))
        return tensor_pow(x, tensor_cast(exponent, tensor_dtype(x)));
    if (holds_integers(exponent))
        return integer_power(x, exponent);
    struct tensor y = tensor_pow(tensor_cast(x, tensor_dtype(exponent)), exponent);
    return tensor_cast(y, tensor_dtype(x));
}
