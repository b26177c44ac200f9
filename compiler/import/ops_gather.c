/* Operators that take elements at positions. */
#include "compiler/import/importer.h"
#include "compiler/import/movement.h"

#include <inttypes.h>

/* ---- Positions ---- */

/* Positions that count from the end where they are negative, from the front. */
static struct tensor from_front(struct tensor positions, int64_t extent) {
    struct tensor zero = zero_like(positions);
    struct tensor end =
        tensor_cast(tensor_const(positions.context, DTYPE_INT64, SCALAR_SHAPE, 1, &extent),
                    tensor_dtype(positions));
    return tensor_where(tensor_lt(positions, zero), tensor_add(positions, end), positions);
}

/* Known positions, each within the axis; false: refused. */
static bool resolve(struct call *call, struct integers list, int64_t extent, int64_t *positions) {
    for (int i = 0; i < list.count; i++) {
        positions[i] = list.values[i] < 0 ? list.values[i] + extent : list.values[i];
        if (positions[i] < 0 || positions[i] >= extent) {
            call_refuse(call, "position %" PRId64 " along an axis of %" PRId64 " elements",
                        list.values[i], extent);
            return false;
        }
    }
    return true;
}

/* ---- Gather ---- */

static struct tensor gather_known(struct call *call, struct tensor x, int axis,
                                  struct tensor indices) {
    struct integers list = call_known(call, indices, "the indices");
    int64_t shape[MAX_RANK];
    int rank = shape_of(indices, shape);
    int64_t *positions = arena_array(&call->importer->arena, int64_t, (size_t)list.count + 1);
    if (!resolve(call, list, tensor_extent(x, axis), positions))
        return NO_TENSOR;
    return reshape_axes(take_positions(x, axis, list.count, positions), axis, 1, rank, shape);
}

struct tensor import_gather(struct call *call) {
    struct tensor x = call_input(call, 0), indices = call_input(call, 1);
    int axis = call_axis(call, call_int(call, "axis", 0), tensor_rank(x));
    if (tensor_rank(x) == 0)
        return NO_TENSOR;
    if (call_is_known(call, indices) && elements_of(indices) <= MAX_CONSTANT)
        return gather_known(call, x, axis, indices);
    return tensor_gather(x, axis, from_front(indices, tensor_extent(x, axis)));
}
