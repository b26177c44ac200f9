/* Operators that take elements at positions. */
#include "compiler/import/positions.h"

#include <inttypes.h>

struct tensor import_gather(struct call *call) {
    struct tensor x = call_input(call, 0);
    int axis = call_axis(call, call_int(call, "axis", 0), tensor_rank(x));
    return gather_at(call, x, axis, from_front(call_input(call, 1), tensor_extent(x, axis)));
}

struct tensor import_gather_elements(struct call *call) {
    struct tensor x = call_input(call, 0), indices = call_input(call, 1);
    int64_t shape[MAX_RANK];
    int rank = shape_of(x, shape), axis = call_axis(call, call_int(call, "axis", 0), rank);
    if (rank == 0 || tensor_rank(indices) != rank)
        return call_refuse(call, "indices of rank %d for %s", tensor_rank(indices),
                           tensor_text(x).text);
    for (int i = 0; i < rank; i++)
        if (i != axis && tensor_extent(indices, i) > shape[i])
            return call_refuse(call, "%" PRId64 " indices along axis %d of %s",
                               tensor_extent(indices, i), i, tensor_text(x).text);
    return gather_at(call, in_a_row(x), 0, flat_along(wide_enough(indices, x), axis, shape));
}

struct tensor import_gather_nd(struct call *call) {
    struct tensor x = call_input(call, 0), indices = call_input(call, 1);
    int64_t shape[MAX_RANK], batch = call_int(call, "batch_dims", 0);
    int rank = shape_of(x, shape), index_rank = tensor_rank(indices);
    int64_t count = tensor_extent(indices, index_rank - 1);
    if (index_rank < 1 || batch < 0 || batch >= index_rank || count < 1 || count > rank - batch)
        return call_refuse(call, "indices %s for %s", tensor_text(indices).text,
                           tensor_text(x).text);
    for (int i = 0; i < batch; i++)
        if (tensor_extent(indices, i) != shape[i])
            return call_refuse(call, "%" PRId64 " indices along axis %d of %s",
                               tensor_extent(indices, i), i, tensor_text(x).text);
    int indexed = (int)(batch + count);
    int64_t rows = 1;
    for (int i = 0; i < indexed; i++)
        rows *= shape[i];
    return gather_at(call, reshape_axes(x, 0, indexed, 1, &rows), 0,
                     flat_of_tuples(wide_enough(indices, x), (int)batch, shape));
}

/* ---- Marks at positions ---- */

struct tensor import_one_hot(struct call *call) {
    struct tensor indices = tensor_cast(call_input(call, 0), DTYPE_INT64);
    struct tensor values = call_input(call, 2);
    int rank = tensor_rank(indices) + 1;
    int axis = call_axis(call, call_int(call, "axis", -1), rank);
    struct integers depth = call_known(call, call_input(call, 1), "the depth");
    if (depth.count != 1 || depth.values[0] < 0 || depth.values[0] > MAX_ELEMENTS ||
        elements_of(values) != 2)
        return call_refuse(call, "expected one depth and two values");
    struct tensor off = tensor_reshape(cut_axis(values, 0, 0, 1), SCALAR_SHAPE);
    struct tensor on = tensor_reshape(cut_axis(values, 0, 1, 2), SCALAR_SHAPE);
    indices = unsqueeze(from_front(indices, depth.values[0]), axis);
    struct tensor along = positions_along(call->context, DTYPE_INT64, depth.values[0], axis, rank);
    return tensor_where(tensor_eq(indices, along), on, off);
}

/* ---- Reversed beginnings ---- */

/* x with two of its axes in front, in this order; or back where they were. */
static struct tensor move_in_front(struct tensor x, int first, int second, bool back) {
    int axes[MAX_RANK] = {first, second}, inverse[MAX_RANK], rank = tensor_rank(x), next = 2;
    for (int i = 0; i < rank; i++)
        if (i != first && i != second)
            axes[next++] = i;
    for (int i = 0; i < rank; i++)
        inverse[axes[i]] = i;
    return tensor_permute(x, rank, back ? inverse : axes);
}

/* The element of each time and batch from which the result is taken, as a row of both. */
static struct tensor reversed_rows(struct tensor lengths, int64_t times, int64_t batches) {
    struct tensor_context *context = lengths.context;
    struct tensor time = positions_along(context, DTYPE_INT64, times, 0, 2);
    struct tensor batch = positions_along(context, DTYPE_INT64, batches, 1, 2);
    lengths = along_axis(tensor_cast(lengths, DTYPE_INT64), 1, 2);
    struct tensor mirrored =
        tensor_sub(tensor_sub(lengths, position(context, DTYPE_INT64, 1)), time);
    struct tensor from = tensor_where(tensor_lt(time, lengths), mirrored, time);
    return tensor_add(tensor_mul(from, position(context, DTYPE_INT64, batches)), batch);
}

struct tensor import_reverse_sequence(struct call *call) {
    struct tensor x = call_input(call, 0), lengths = call_input(call, 1);
    int rank = tensor_rank(x);
    int time = call_axis(call, call_int(call, "time_axis", 0), rank);
    int batch = call_axis(call, call_int(call, "batch_axis", 1), rank);
    int64_t times = tensor_extent(x, time), batches = tensor_extent(x, batch);
    if (rank < 2 || time == batch || tensor_rank(lengths) != 1 ||
        tensor_extent(lengths, 0) != batches)
        return call_refuse(call, "lengths %s for %s", tensor_text(lengths).text,
                           tensor_text(x).text);
    const int64_t rows = times * batches;
    x = reshape_axes(move_in_front(x, time, batch, false), 0, 2, 1, &rows);
    return move_in_front(gather_at(call, x, 0, reversed_rows(lengths, times, batches)), time, batch,
                         true);
}
