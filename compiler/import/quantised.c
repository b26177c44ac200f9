#include "compiler/import/quantised.h"

#include "compiler/builder/layers.h"
#include "compiler/import/low_types.h"
#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"

#include <inttypes.h>

/* ---- Shapes ---- */

/* One number for each block of an axis, as one for each of its elements. */
static struct tensor spread_blocks(const struct call *call, struct tensor values, struct tensor x,
                                   int axis, int64_t block) {
    int64_t extent = tensor_extent(x, axis), blocks = tensor_extent(values, axis), merged;
    int64_t shape[MAX_RANK];
    if (block < 1 || blocks != divide_up(extent, block) ||
        !checked_multiply(blocks, block, &merged))
        return call_refuse(call, "%s for blocks of %" PRId64 " along axis %d of %s",
                           tensor_text(values).text, block, axis, tensor_text(x).text);
    values = unsqueeze(values, axis + 1);
    int rank = shape_of(values, shape);
    shape[axis + 1 < rank ? axis + 1 : 0] = block;
    values = reshape_axes(tensor_expand(values, rank, shape), axis, 2, 1, &merged);
    return cut_axis(values, axis, 0, extent);
}

struct tensor spread_over(const struct call *call, struct tensor values, struct tensor x, int axis,
                          int64_t block) {
    int rank = tensor_rank(values);
    if (!is_given(values))
        return values;
    if (rank == 0 || (rank == 1 && tensor_extent(values, 0) == 1))
        return tensor_reshape(values, SCALAR_SHAPE);
    if (rank == 1 && block == 0 && tensor_extent(values, 0) == tensor_extent(x, axis))
        return along_axis(values, axis, tensor_rank(x));
    if (rank == tensor_rank(x) && block > 0)
        return spread_blocks(call, values, x, axis, block);
    return call_refuse(call, "scales or zero points %s along axis %d of %s",
                       tensor_text(values).text, axis, tensor_text(x).text);
}

/* ---- Values ---- */

bool is_known_zero(const struct call *call, struct tensor x) {
    if (!is_given(x))
        return true;
    const struct view *view = known_elements(call->importer, x);
    const char *bytes = view ? view->data : NULL;
    for (int64_t i = 0; view && i < node_bytes(x.node); i++)
        if (bytes[i])
            return false;
    return view != NULL;
}

/* NO_TENSOR where it is 0. */
static struct tensor zero_point(const struct call *call, struct tensor zero) {
    return is_known_zero(call, zero) ? NO_TENSOR : numbers(call, zero);
}

struct tensor centred(const struct call *call, struct tensor x, struct tensor zero) {
    x = numbers(call, x);
    return without_zero_point(x, zero_point(call, zero),
                              holds_floats(x) ? DTYPE_FLOAT32 : DTYPE_INT32);
}

struct tensor dequantised(const struct call *call, struct tensor x, struct tensor scale,
                          struct tensor zero) {
    struct tensor number = is_known_zero(call, zero) ? numbers(call, x) : centred(call, x, zero);
    return scaled_integers(number, tensor_cast(numbers(call, scale), DTYPE_FLOAT32));
}

struct tensor rounded_to(const struct call *call, struct tensor x, struct tensor zero,
                         struct cast_target target) {
    const struct low_type *low = low_type(target.type);
    zero = zero_point(call, zero);
    if (!low || !low->is_float)
        x = rounded_from_zero_point(x, zero);
    else if (is_given(zero))
        x = tensor_add(x, tensor_cast(zero, DTYPE_FLOAT32));
    return rounded_to_type(call, x, target);
}

struct tensor quantised(const struct call *call, struct tensor x, struct tensor scale,
                        struct tensor zero, struct cast_target target) {
    x = tensor_div(tensor_cast(x, DTYPE_FLOAT32), tensor_cast(numbers(call, scale), DTYPE_FLOAT32));
    return rounded_to(call, x, zero, target);
}

/* The range of x, which includes 0, is dealt to 255 steps; where it is 0 alone, the scale is 1. */
struct dynamic quantised_dynamically(struct tensor x) {
    struct tensor nothing = scalar_like(x, 0);
    struct tensor high = tensor_max(tensor_reduce_max(x, ALL_AXES), nothing);
    struct tensor low = tensor_min(tensor_reduce_min(x, ALL_AXES), nothing);
    struct tensor range = tensor_sub(high, low);
    struct dynamic result;
    result.scale =
        tensor_where(tensor_eq(range, nothing), scalar_like(x, 1), divide_exactly(range, 255));
    result.zero = tensor_cast(tensor_round(tensor_neg(tensor_div(low, result.scale))), DTYPE_UINT8);
    struct tensor steps = rounded_from_zero_point(tensor_div(x, result.scale), result.zero);
    result.x = tensor_cast(tensor_round(steps), DTYPE_UINT8);
    return result;
}

/* ---- Products ---- */

struct tensor by_column(struct call *call, int index) {
    struct tensor values = call_optional(call, index);
    bool is_one = tensor_rank(values) == 1 && tensor_extent(values, 0) == 1;
    return is_given(values) && is_one ? tensor_reshape(values, SCALAR_SHAPE) : values;
}

struct tensor scaled_sums(struct tensor sums, struct tensor scale, struct tensor bias) {
    struct tensor y = scaled_integers(sums, scale);
    return is_given(bias) ? tensor_add(y, bias) : y;
}
