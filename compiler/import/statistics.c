#include "compiler/import/statistics.h"

#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"

/* Restores the axes and divides; the mean of nothing is 0 / 0. */
static struct tensor divide_by_count(struct tensor sum, struct tensor x, int axis_count,
                                     const int *axes) {
    int64_t count = 1;
    for (int i = 0; i < axis_count; i++)
        count *= tensor_extent(x, axes[i]);
    return divide_exactly(restore_axes(sum, x, axis_count, axes), (double)count);
}

struct tensor mean_over(struct tensor x, int axis_count, const int *axes) {
    return divide_by_count(tensor_reduce_sum(x, axis_count, axes), x, axis_count, axes);
}

struct tensor mean_square_over(struct tensor x, int axis_count, const int *axes) {
    return divide_by_count(squared_sum(x, axis_count, axes), x, axis_count, axes);
}

struct tensor root_normalised(struct tensor x, int axis_count, const int *axes, double epsilon) {
    struct tensor square = add_number(mean_square_over(x, axis_count, axes), epsilon);
    return tensor_div(x, tensor_sqrt(square));
}

struct standardised standardise(struct tensor x, int axis_count, const int *axes, double epsilon) {
    struct standardised result = {.mean = mean_over(x, axis_count, axes)};
    struct tensor distance = tensor_sub(x, result.mean);
    struct tensor variance = mean_square_over(distance, axis_count, axes);
    result.inverse = tensor_recip(tensor_sqrt(add_number(variance, epsilon)));
    result.x = tensor_mul(distance, result.inverse);
    return result;
}
