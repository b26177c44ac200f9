#include "compiler/import/positions.h"

#include <inttypes.h>

struct tensor position(struct tensor_context *context, enum dtype dtype, int64_t value) {
    return tensor_cast(tensor_const(context, DTYPE_INT64, SCALAR_SHAPE, 1, &value), dtype);
}

static struct tensor times(struct tensor positions, int64_t stride) {
    return stride == 1 ? positions
                       : tensor_mul(positions,
                                    position(positions.context, tensor_dtype(positions), stride));
}

struct tensor from_front(struct tensor positions, int64_t extent) {
    struct tensor end = position(positions.context, tensor_dtype(positions), extent);
    return tensor_where(tensor_lt(positions, zero_like(positions)), tensor_add(positions, end),
                        positions);
}

struct tensor wide_enough(struct tensor positions, struct tensor x) {
    return elements_of(x) > INT32_MAX ? tensor_cast(positions, DTYPE_INT64) : positions;
}

struct tensor in_a_row(struct tensor x) {
    return tensor_reshape(x, SHAPE(elements_of(x)));
}

static bool are_within(struct call *call, struct integers positions, int64_t extent) {
    for (int i = 0; i < positions.count; i++)
        if (positions.values[i] < 0 || positions.values[i] >= extent) {
            call_refuse(call, "position %" PRId64 " along an axis of %" PRId64 " elements",
                        positions.values[i], extent);
            return false;
        }
    return true;
}

struct tensor gather_at(struct call *call, struct tensor x, int axis, struct tensor positions) {
    int64_t shape[MAX_RANK];
    if (!call_is_known(call, positions) || elements_of(positions) > MAX_CONSTANT)
        return tensor_gather(x, axis, positions);
    struct integers list = call_known(call, positions, "the positions");
    if (!are_within(call, list, tensor_extent(x, axis)))
        return NO_TENSOR;
    int rank = shape_of(positions, shape);
    return reshape_axes(take_positions(x, axis, list.count, list.values), axis, 1, rank, shape);
}

struct tensor flat_along(struct tensor positions, int axis, const int64_t *shape) {
    int rank = tensor_rank(positions);
    int64_t strides[MAX_RANK];
    enum dtype dtype = tensor_dtype(positions);
    row_major_strides(rank, shape, strides);
    struct tensor sum = times(from_front(positions, shape[axis]), strides[axis]);
    for (int i = 0; i < rank; i++)
        if (i != axis && tensor_extent(positions, i) != 1)
            sum = tensor_add(sum, times(positions_along(positions.context, dtype,
                                                        tensor_extent(positions, i), i, rank),
                                        strides[i]));
    return sum;
}

struct tensor flat_of_tuples(struct tensor tuples, int batch, const int64_t *shape) {
    int rank = tensor_rank(tuples) - 1, count = (int)tensor_extent(tuples, rank);
    int64_t strides[MAX_RANK];
    enum dtype dtype = tensor_dtype(tuples);
    row_major_strides(batch + count, shape, strides);
    struct tensor sum = NO_TENSOR;
    for (int i = 0; i < batch + count; i++) {
        struct tensor along = i < batch ? positions_along(tuples.context, dtype, shape[i], i, rank)
                                        : from_front(pick_axis(tuples, rank, i - batch), shape[i]);
        along = times(along, strides[i]);
        sum = is_given(sum) ? tensor_add(sum, along) : along;
    }
    return sum;
}
