/* Pools: windows of the spatial axes, or all of each, as one number. */
#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"
#include "compiler/import/spatial.h"
#include "compiler/import/statistics.h"

#include <inttypes.h>
#include <math.h>

/* ---- MaxPool ---- */

/* The least value that a dtype has, with which maxima are padded. */
static double least_of(struct tensor x) {
    enum dtype dtype = tensor_dtype(x);
    if (holds_floats(x))
        return -INFINITY;
    return holds_unsigned(x) ? 0 : -ldexp(1, 8 * (int)dtype_bytes(dtype) - 1);
}

/* The row-major positions of the elements of x among its spatial axes: (1, 1, d1, .., dn), int64.
 */
static struct tensor spatial_positions(struct tensor x) {
    int64_t shape[MAX_RANK], count = 1;
    int rank = shape_of(x, shape);
    for (int i = 2; i < rank; i++)
        count *= shape[i];
    shape[0] = shape[1] = 1;
    return tensor_reshape(tensor_iota(x.context, DTYPE_INT64, count), rank, shape);
}

/* Row-major positions among the spatial axes of x as positions where the first of them runs
 * fastest. */
static struct tensor column_major(struct tensor positions, struct tensor x) {
    struct tensor result = zero_like(positions);
    int64_t behind = elements_of(x) / (tensor_extent(x, 0) * tensor_extent(x, 1)), before = 1;
    for (int i = 2; i < tensor_rank(x); i++) {
        int64_t extent = tensor_extent(x, i);
        behind /= extent;
        struct tensor along =
            tensor_mod(tensor_div(positions, scalar_like(positions, (double)behind)),
                       scalar_like(positions, (double)extent));
        result = tensor_add(result, tensor_mul(along, scalar_like(along, (double)before)));
        before *= extent;
    }
    return result;
}

/* Where in x the greatest elements of its windows are: the first of equal ones, or of NaNs. */
static struct tensor greatest_positions(struct call *call, struct tensor x,
                                        const struct spatial *spatial, struct tensor windows,
                                        struct tensor pooled) {
    int64_t order = call_int(call, "storage_order", 0);
    double none = ldexp(1, 62); /* behind all positions */
    struct axes kernel = last_axes(windows, spatial->axes);
    struct tensor positions = pooled_windows(spatial_positions(x), spatial, none);
    struct tensor is_greatest =
        tensor_eq(windows, restore_axes(pooled, windows, kernel.count, kernel.list));
    if (holds_floats(x))
        is_greatest = tensor_or(is_greatest, tensor_ne(windows, windows));
    positions = tensor_where(is_greatest, positions, scalar_like(positions, none));
    positions = tensor_reduce_min(positions, kernel.count, kernel.list);
    if (order)
        positions = column_major(positions, x);
    int64_t channels = tensor_extent(x, 0) * tensor_extent(x, 1), first[MAX_RANK];
    for (int i = 0; i < tensor_rank(x); i++)
        first[i] = i < 2 ? tensor_extent(x, i) : 1;
    struct tensor offset = tensor_mul(tensor_iota(x.context, DTYPE_INT64, channels),
                                      scalar_like(positions, (double)(elements_of(x) / channels)));
    return tensor_add(positions, tensor_reshape(offset, tensor_rank(x), first));
}

struct tensor import_max_pool(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct spatial spatial;
    call_ignore(call, "storage_order"); /* of the positions only */
    if (!call_spatial(call, x, NULL, &spatial))
        return NO_TENSOR;
    struct tensor windows = pooled_windows(x, &spatial, least_of(x));
    struct axes kernel = last_axes(windows, spatial.axes);
    struct tensor pooled = tensor_reduce_max(windows, kernel.count, kernel.list);
    if (call_wants_output(call, 1)) {
        if (elements_of(x) == 0)
            return call_refuse(call, "the positions of elements where there are none");
        call_output(call, 1, greatest_positions(call, x, &spatial, windows, pooled));
    }
    return pooled;
}

/* ---- AveragePool ---- */

/* How many elements the windows along one axis count: (o), or a scalar where all count as many.
 * What ceil_mode adds is never counted. */
static struct tensor counted_along(struct tensor x, const struct spatial *spatial, int axis,
                                   bool padding_counts) {
    struct range padding = spatial->padding[axis];
    int64_t extent = tensor_extent(x, 2 + axis), beyond = spatial->beyond[axis];
    if (beyond == 0 && (padding_counts || (padding.begin == 0 && padding.end == 0)))
        return scalar_like(x, (double)spatial->kernel[axis]);
    if (padding_counts) {
        extent += padding.begin + padding.end;
        padding = (struct range){0, 0};
    }
    padding.end += beyond;
    struct tensor ones = tensor_expand(scalar_like(x, 1), SHAPE(extent));
    ones = tensor_pad(ones, 1, &padding, 0);
    ones = tensor_window(ones, 0, spatial->kernel[axis], spatial->stride[axis],
                         spatial->dilation[axis]);
    return along_axis(tensor_reduce_sum(ones, AXES(1)), axis, spatial->axes);
}

struct tensor average_pooled(struct call *call, struct tensor x) {
    struct spatial spatial;
    bool padding_counts = call_int(call, "count_include_pad", 0) != 0;
    if (!call_spatial(call, x, NULL, &spatial))
        return NO_TENSOR;
    struct tensor windows = pooled_windows(x, &spatial, 0);
    struct axes kernel = last_axes(windows, spatial.axes);
    struct tensor count = counted_along(x, &spatial, 0, padding_counts);
    for (int i = 1; i < spatial.axes; i++)
        count = tensor_mul(count, counted_along(x, &spatial, i, padding_counts));
    const char *name = arena_format(&call->importer->arena, "%s count", call->node->output[0]);
    return tensor_div(tensor_reduce_sum(windows, kernel.count, kernel.list),
                      folded_output(call->importer, count, name));
}

struct tensor import_average_pool(struct call *call) {
    return average_pooled(call, call_input(call, 0));
}

/* ---- LpPool ---- */

/* (the sum of |x| ^ p over axes) ^ (1 / p) */
static struct tensor norm_over(struct tensor x, double p, struct axes axes) {
    if (p == 2)
        return tensor_sqrt(squared_sum(x, axes.count, axes.list));
    x = tensor_abs(x);
    if (p == 1)
        return tensor_reduce_sum(x, axes.count, axes.list);
    struct tensor sum = tensor_reduce_sum(tensor_pow(x, scalar_like(x, p)), axes.count, axes.list);
    return tensor_pow(sum, scalar_like(sum, 1 / p));
}

static double read_p(struct call *call) {
    return call->opset < 2 ? call_float(call, "p", 2) : (double)call_int(call, "p", 2);
}

struct tensor import_lp_pool(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct spatial spatial;
    double p = read_p(call);
    if (!call_spatial(call, x, NULL, &spatial))
        return NO_TENSOR;
    struct tensor windows = pooled_windows(x, &spatial, 0);
    return norm_over(windows, p, last_axes(windows, spatial.axes));
}

/* ---- Pools of all of each axis ---- */

static struct axes all_spatial(struct call *call, struct tensor x) {
    if (tensor_rank(x) < 2)
        call_refuse(call, "expected (batch, channels, ..), found %s", tensor_text(x).text);
    return last_axes(x, tensor_rank(x) - 2);
}

struct tensor import_global_max_pool(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct axes axes = all_spatial(call, x);
    return restore_axes(tensor_reduce_max(x, axes.count, axes.list), x, axes.count, axes.list);
}

struct tensor import_global_average_pool(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct axes axes = all_spatial(call, x);
    return mean_over(x, axes.count, axes.list);
}

struct tensor import_global_lp_pool(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct axes axes = all_spatial(call, x);
    return restore_axes(norm_over(x, read_p(call), axes), x, axes.count, axes.list);
}
