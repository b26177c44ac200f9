/* Products of matrices. */
#include "compiler/import/importer.h"

struct tensor import_matmul(struct call *call) {
    return matmul(call_input(call, 0), call_input(call, 1));
}

/* x, if the number is 1. */
static struct tensor times(struct tensor x, double number) {
    return number == 1 ? x : multiply_by(x, number);
}

/* alpha * a * b + beta * c */
struct tensor import_gemm(struct call *call) {
    struct tensor a = call_input(call, 0), b = call_input(call, 1), c = call_input(call, 2);
    double alpha = call_float(call, "alpha", 1), beta = call_float(call, "beta", 1);
    call_ignore(call, "broadcast"); /* c is repeated as need be */
    if (tensor_rank(a) != 2 || tensor_rank(b) != 2)
        return call_refuse(call, "expected matrices, found %s and %s", tensor_text(a).text,
                           tensor_text(b).text);
    if (call_int(call, "transA", 0))
        a = transpose(a, 0, 1);
    if (call_int(call, "transB", 0))
        b = transpose(b, 0, 1);
    struct tensor y = times(matmul(a, b), alpha);
    if (!is_given(c) || beta == 0)
        return y;
    c = tensor_expand(times(c, beta), SHAPE(tensor_extent(y, 0), tensor_extent(y, 1)));
    return tensor_add(y, c);
}
