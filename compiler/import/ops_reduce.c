/* Reductions, the positions of extremes, and what normalises by a reduction. */
#include "compiler/import/meaning.h"

#include <math.h>

typedef struct tensor reducer(struct tensor x, int axis_count, const int *axes);

struct onnx_reduction {
    struct tensor x;
    int count, axes[MAX_RANK]; /* ascending; none: each element is a result */
    int64_t elements;          /* that make one of the result */
    bool keep;                 /* reduced axes, with extent 1 */
};

static struct onnx_reduction reduction_over(const struct call *call, struct tensor x,
                                            struct integers given, bool all, bool keep) {
    struct onnx_reduction r = {.x = x, .elements = 1, .keep = keep};
    int rank = tensor_rank(x);
    bool reduced[MAX_RANK] = {false};
    for (int i = 0; i < given.count; i++)
        reduced[call_axis(call, given.values[i], rank)] = true;
    for (int axis = 0; axis < rank; axis++)
        if (all || reduced[axis]) {
            r.axes[r.count++] = axis;
            r.elements *= tensor_extent(x, axis);
        }
    return r;
}

/* No axes, or an empty list: all of them, or, if the node says so, none. */
static struct onnx_reduction reduction_of(struct call *call) {
    bool keep = call_int(call, "keepdims", 1) != 0;
    bool none = call_int(call, "noop_with_empty_axes", 0) != 0;
    struct integers axes = call_ints_or_input(call, "axes", 1);
    return reduction_over(call, call_input(call, 0), axes, axes.count == 0 && !none, keep);
}

/* A result with the reduced axes put back. */
static struct tensor kept(const struct onnx_reduction *r, struct tensor reduced) {
    int64_t shape[MAX_RANK];
    int rank = tensor_rank(r->x);
    for (int i = 0; i < rank; i++)
        shape[i] = tensor_extent(r->x, i);
    for (int i = 0; i < r->count; i++)
        shape[r->axes[i]] = 1;
    return tensor_reshape(reduced, rank, shape);
}

/* The reduction of a tensor of x's shape. */
static struct tensor reduced(const struct onnx_reduction *r, reducer *reduce, struct tensor x) {
    struct tensor y = r->count ? reduce(x, r->count, r->axes) : x;
    return r->keep ? kept(r, y) : y;
}

static struct tensor sum_of_squares(const struct onnx_reduction *r, struct tensor x) {
    return reduced(r, tensor_reduce_sum, tensor_mul(x, x));
}

/* In floats what is a root or a logarithm; the result of integers is cut to their type. */
static struct tensor in_floats(struct tensor x) {
    return holds_floats(x) ? x : tensor_cast(x, DTYPE_FLOAT32);
}

static struct tensor as_before(const struct onnx_reduction *r, struct tensor y) {
    return tensor_cast(y, tensor_dtype(r->x));
}

static reducer *const reducers[OP_COUNT] = {
    [OP_REDUCE_SUM] = tensor_reduce_sum,
    [OP_REDUCE_PROD] = tensor_reduce_prod,
    [OP_REDUCE_MAX] = tensor_reduce_max,
    [OP_REDUCE_MIN] = tensor_reduce_min,
};

struct tensor import_reduce(struct call *call) {
    struct onnx_reduction r = reduction_of(call);
    return reduced(&r, reducers[call->op->detail], r.x);
}

struct tensor import_reduce_mean(struct call *call) {
    struct onnx_reduction r = reduction_of(call);
    return divide_exactly(reduced(&r, tensor_reduce_sum, r.x), (double)r.elements);
}

struct tensor import_reduce_l1(struct call *call) {
    struct onnx_reduction r = reduction_of(call);
    return reduced(&r, tensor_reduce_sum, tensor_abs(r.x));
}

struct tensor import_reduce_sum_square(struct call *call) {
    struct onnx_reduction r = reduction_of(call);
    return sum_of_squares(&r, r.x);
}

struct tensor import_reduce_l2(struct call *call) {
    struct onnx_reduction r = reduction_of(call);
    return as_before(&r, tensor_sqrt(sum_of_squares(&r, in_floats(r.x))));
}

struct tensor import_reduce_log_sum(struct call *call) {
    struct onnx_reduction r = reduction_of(call);
    return as_before(&r, tensor_log(in_floats(reduced(&r, tensor_reduce_sum, r.x))));
}

/* log(sum(exp(x - m))) + m, where m is the greatest, or 0 if that is infinite. */
struct tensor import_reduce_log_sum_exp(struct call *call) {
    struct onnx_reduction r = reduction_of(call);
    bool keep = r.keep;
    struct tensor x = in_floats(r.x);
    r.keep = true;
    struct tensor m = reduced(&r, tensor_reduce_max, x);
    struct tensor finite = tensor_lt(tensor_abs(m), scalar_like(m, INFINITY));
    m = tensor_where(finite, m, scalar_like(m, 0));
    struct tensor sum = reduced(&r, tensor_reduce_sum, tensor_exp(tensor_sub(x, m)));
    struct tensor y = as_before(&r, tensor_add(tensor_log(sum), m));
    for (int i = r.count; !keep && i-- > 0;)
        y = squeeze(y, r.axes[i]);
    return y;
}

/* ---- Positions ---- */

static struct tensor position_result(struct call *call, bool smallest) {
    struct tensor x = call_input(call, 0);
    int axis = call_axis(call, call_int(call, "axis", 0), tensor_rank(x));
    bool last = call_int(call, "select_last_index", 0) != 0;
    struct tensor y = position_of(x, axis, smallest, last);
    if (call_int(call, "keepdims", 1))
        y = unsqueeze(y, axis);
    return tensor_cast(y, DTYPE_INT64);
}

struct tensor import_arg_max(struct call *call) {
    return position_result(call, false);
}

struct tensor import_arg_min(struct call *call) {
    return position_result(call, true);
}

/* ---- Softmax and its like ---- */

typedef struct tensor along_axis(struct tensor x, int axis);

/* Before opset 13 the axes from `axis` on are one, and those before it another. */
static struct tensor by_rows(struct call *call, along_axis *build) {
    struct tensor x = call_input(call, 0);
    int rank = tensor_rank(x);
    int axis = call_axis(call, call_int(call, "axis", call->opset < 13 ? 1 : -1), rank);
    if (call->opset >= 13)
        return build(x, axis);
    int64_t rows[2] = {1, 1}, shape[MAX_RANK];
    for (int i = 0; i < rank; i++) {
        shape[i] = tensor_extent(x, i);
        rows[i >= axis] *= shape[i];
    }
    return tensor_reshape(build(tensor_reshape(x, 2, rows), 1), rank, shape);
}

struct tensor import_softmax(struct call *call) {
    return by_rows(call, softmax);
}

struct tensor import_log_softmax(struct call *call) {
    return by_rows(call, log_softmax);
}

/* 1 at the first greatest element, else 0. */
static struct tensor hardmax(struct tensor x, int axis) {
    struct tensor at = unsqueeze(position_of(x, axis, false, false), axis);
    int64_t shape[MAX_RANK];
    int rank = tensor_rank(x);
    for (int i = 0; i < rank; i++)
        shape[i] = i == axis ? tensor_extent(x, i) : 1;
    struct tensor positions = tensor_iota(x.context, DTYPE_INT32, tensor_extent(x, axis));
    positions = tensor_reshape(positions, rank, shape);
    return tensor_cast(tensor_eq(positions, at), tensor_dtype(x));
}

struct tensor import_hardmax(struct call *call) {
    return by_rows(call, hardmax);
}

/* ---- Normalisations ---- */

/* x / norm; zeros where the norm is 0. */
struct tensor import_lp_normalization(struct call *call) {
    int64_t axis = call_int(call, "axis", -1), p = call_int(call, "p", 2);
    struct tensor x = call_input(call, 0), norm;
    struct onnx_reduction r = reduction_over(call, x, (struct integers){1, &axis}, false, true);
    if (p == 1)
        norm = reduced(&r, tensor_reduce_sum, tensor_abs(x));
    else if (p == 2)
        norm = tensor_sqrt(sum_of_squares(&r, x));
    else
        return call_refuse(call, "p is %lld, expected 1 or 2", (long long)p);
    struct tensor is_zero = tensor_eq(norm, scalar_like(norm, 0));
    return tensor_div(x, tensor_where(is_zero, scalar_like(norm, 1), norm));
}

/* (x - mean) / (sqrt(variance) + 1e-9) */
struct tensor import_mean_variance_normalization(struct call *call) {
    static const int64_t spatial[] = {0, 2, 3};
    struct integers axes = call_ints(call, "axes");
    if (!axes.values)
        axes = (struct integers){3, spatial};
    struct onnx_reduction r =
        reduction_over(call, call_input(call, 0), axes, axes.count == 0, true);
    double elements = (double)r.elements;
    struct tensor mean = divide_exactly(reduced(&r, tensor_reduce_sum, r.x), elements);
    struct tensor distance = tensor_sub(r.x, mean);
    struct tensor variance = divide_exactly(sum_of_squares(&r, distance), elements);
    return tensor_div(distance, add_number(tensor_sqrt(variance), 1e-9));
}
