#include "compiler/import/sampling.h"

#include "compiler/import/movement.h"

struct sample_axis sample_along(struct tensor place, int64_t extent) {
    struct sample_axis axis;
    struct tensor low = tensor_floor(place), distance = tensor_sub(place, low);
    struct tensor none = scalar_like(place, 0), last = scalar_like(place, (double)extent - 1);
    axis.weight[0] = tensor_sub(scalar_like(place, 1), distance);
    axis.weight[1] = distance;
    for (int i = 0; i < 2; i++) {
        struct tensor at = i ? add_number(low, 1) : low;
        struct tensor inside = tensor_and(tensor_le(none, at), tensor_le(at, last));
        axis.weight[i] = tensor_where(inside, axis.weight[i], none);
        axis.place[i] = tensor_cast(tensor_where(inside, at, none), DTYPE_INT64);
    }
    return axis;
}

struct tensor sample_between(struct tensor x, struct tensor image, const struct sample_axis *rows,
                             const struct sample_axis *columns,
                             struct tensor (*combine)(struct tensor, struct tensor)) {
    int64_t height = tensor_extent(x, 2), width = tensor_extent(x, 3),
            channels = tensor_extent(x, 1);
    struct tensor sum = NO_TENSOR;
    struct tensor pixels = tensor_reshape(tensor_permute(x, AXES(0, 2, 3, 1)), SHAPE(-1, channels));
    struct tensor first = tensor_mul(image, scalar_like(image, (double)(height * width)));
    for (int i = 0; i < 4; i++) {
        struct tensor row = rows->place[i / 2], column = columns->place[i % 2];
        struct tensor at =
            tensor_add(tensor_add(first, tensor_mul(row, scalar_like(row, (double)width))), column);
        struct tensor weight = tensor_mul(rows->weight[i / 2], columns->weight[i % 2]);
        struct tensor part =
            tensor_mul(unsqueeze(weight, tensor_rank(weight)), tensor_gather(pixels, 0, at));
        sum = is_given(sum) ? combine(sum, part) : part;
    }
    return sum;
}
