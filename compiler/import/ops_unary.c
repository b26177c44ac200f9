/* Elementwise operators of one tensor, but those of ops_activation.c and ops_math.c. */
#include "compiler/import/low_types.h"
#include "compiler/import/meaning.h"

#include <math.h>

struct tensor import_unary(struct call *call) {
    struct node node = {.op = (enum op)call->op->detail};
    struct tensor x = call_input(call, 0);
    call_ignore(call, "consumed_inputs");
    return tensor_of_node(call->context, &node, 1, &x);
}

struct tensor import_identity(struct call *call) {
    return call_input(call, 0);
}

/* Zeros and NaN stay what they are. */
struct tensor import_sign(struct call *call) {
    struct tensor x = call_input(call, 0), zero = scalar_like(x, 0);
    struct tensor rest =
        holds_unsigned(x) ? x : tensor_where(tensor_lt(x, zero), scalar_like(x, -1), x);
    return tensor_where(tensor_lt(zero, x), scalar_like(x, 1), rest);
}

struct tensor import_is_nan(struct call *call) {
    struct tensor x = numbers(call, call_input(call, 0));
    return tensor_ne(x, x);
}

struct tensor import_is_inf(struct call *call) {
    struct tensor x = numbers(call, call_input(call, 0));
    bool negative = call_int(call, "detect_negative", 1) != 0;
    bool positive = call_int(call, "detect_positive", 1) != 0;
    if (!negative && !positive)
        return filled_like(x, DTYPE_BOOL, 0);
    struct tensor infinity = scalar_like(x, positive ? INFINITY : -INFINITY);
    return tensor_eq(negative && positive ? tensor_abs(x) : x, infinity);
}
