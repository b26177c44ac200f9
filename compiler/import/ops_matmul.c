/* Products of matrices. */
#include "compiler/import/convolution.h"
#include "compiler/import/movement.h"

struct tensor import_matmul(struct call *call) {
    return matmul(call_input(call, 0), call_input(call, 1));
}

/* x, if the number is 1. */
static struct tensor times(struct tensor x, double number) {
    return number == 1 ? x : multiply_by(x, number);
}

struct tensor gemm(struct call *call, struct tensor a, struct tensor b, struct tensor c) {
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

struct tensor import_gemm(struct call *call) {
    return gemm(call, call_input(call, 0), call_input(call, 1), call_optional(call, 2));
}

/* ---- Det ---- */

enum { MOST_ROWS = 4 }; /* of a determinant: each further one makes that many times the products */

/* The determinant of what is left of x (.., rows, rows) below row `first` without the columns that
 * are used, by the elements of its first row. */
static struct tensor minor_of(struct tensor x, int first, unsigned used) {
    int rows = (int)tensor_extent(x, -1), axis = tensor_rank(x) - 2;
    struct tensor sum = NO_TENSOR;
    bool negative = false;
    for (int column = 0; column < rows; column++) {
        if (used >> column & 1)
            continue;
        struct tensor part =
            cut_axis(cut_axis(x, axis, first, first + 1), axis + 1, column, column + 1);
        if (first + 1 < rows)
            part = tensor_mul(part, minor_of(x, first + 1, used | 1U << column));
        if (is_given(sum))
            part = negative ? tensor_sub(sum, part) : tensor_add(sum, part);
        sum = part;
        negative = !negative;
    }
    return sum;
}

struct tensor import_det(struct call *call) {
    struct tensor x = call_input(call, 0);
    int rank = tensor_rank(x);
    int64_t rows = tensor_extent(x, -1);
    if (rank < 2 || tensor_extent(x, -2) != rows || rows < 1 || rows > MOST_ROWS)
        return call_refuse(call, "the determinant of %s: expected 1 to %d rows",
                           tensor_text(x).text, MOST_ROWS);
    return squeeze(squeeze(minor_of(x, 0, 0), rank - 1), rank - 2);
}
