/* Resize of axes of which a run computes the lengths: positions and weights are computed in
 * float64, by the same steps as for lengths that are known (ops_resize.c). */
#include "compiler/import/counted.h"
#include "compiler/import/movement.h"
#include "compiler/import/resizing.h"

static struct tensor number(struct tensor like, double value) {
    return scalar_like(like, value);
}

/* ---- Coordinates: to sizes, so that their quotient is the scale ---- */

struct tensor run_asymmetric(const struct axis_now *axis, struct tensor i) {
    return tensor_div(tensor_mul(i, axis->from), axis->to);
}

struct tensor run_half_pixel(const struct axis_now *axis, struct tensor i) {
    struct tensor half = number(i, 0.5);
    return tensor_sub(run_asymmetric(axis, tensor_add(i, half)), half);
}

struct tensor run_half_pixel_symmetric(const struct axis_now *axis, struct tensor i) {
    struct tensor half = number(i, 0.5), scale = tensor_div(axis->to, axis->from);
    return tensor_sub(tensor_div(tensor_add(i, half), scale), half);
}

struct tensor run_pytorch_half_pixel(const struct axis_now *axis, struct tensor i) {
    return tensor_where(tensor_lt(number(i, 1), axis->to), run_half_pixel(axis, i), number(i, 0));
}

struct tensor run_align_corners(const struct axis_now *axis, struct tensor i) {
    struct tensor one = number(i, 1);
    struct tensor at =
        tensor_div(tensor_mul(i, tensor_sub(axis->from, one)), tensor_sub(axis->to, one));
    return tensor_where(tensor_eq(axis->to, one), number(i, 0), at);
}

/* ---- Nearest ---- */

struct tensor run_round_prefer_floor(struct tensor x) {
    return tensor_ceil(tensor_sub(x, number(x, 0.5)));
}

struct tensor run_round_prefer_ceil(struct tensor x) {
    return tensor_floor(tensor_add(x, number(x, 0.5)));
}

struct tensor run_nearest_floor(struct tensor x) {
    return tensor_floor(x);
}

struct tensor run_nearest_ceil(struct tensor x) {
    return tensor_ceil(x);
}

/* ---- Weights ---- */

/* Of an element so far away. */
static struct tensor linear_weight(struct tensor distance) {
    struct tensor one = number(distance, 1), zero = number(distance, 0);
    return tensor_where(tensor_lt(distance, one), tensor_sub(one, distance), zero);
}

static struct tensor cubic_weight(struct tensor x, double a) {
    struct tensor near = tensor_sub(tensor_mul(number(x, a + 2), x), number(x, a + 3));
    near = tensor_add(tensor_mul(tensor_mul(near, x), x), number(x, 1));
    struct tensor far = tensor_sub(tensor_mul(number(x, a), x), number(x, 5 * a));
    far = tensor_add(tensor_mul(far, x), number(x, 8 * a));
    far = tensor_sub(tensor_mul(far, x), number(x, 4 * a));
    far = tensor_where(tensor_lt(x, number(x, 2)), far, number(x, 0));
    return tensor_where(tensor_le(x, number(x, 1)), near, far);
}

static struct tensor within(struct tensor x, struct tensor least, struct tensor most) {
    return tensor_min(tensor_max(x, least), most);
}

/* The neighbours of each new element. */
struct run_neighbours {
    int taps;
    struct tensor at[4], weights[4]; /* float64, of rank 1 */
};

static struct run_neighbours find_neighbours(const struct resize *resize,
                                             const struct axis_now *now, struct tensor x) {
    struct run_neighbours n = {.taps = resize->kind == CUBIC ? 4 : 2};
    struct tensor zero = number(x, 0), sum = zero;
    struct tensor first = tensor_sub(tensor_ceil(x), number(x, n.taps / 2));
    for (int k = 0; k < n.taps; k++) {
        n.at[k] = tensor_add(first, number(x, k));
        struct tensor distance = tensor_abs(tensor_sub(n.at[k], x));
        n.weights[k] = resize->kind == CUBIC ? cubic_weight(distance, resize->cubic_a)
                                             : linear_weight(distance);
        struct tensor inside = tensor_and(tensor_le(zero, n.at[k]), tensor_lt(n.at[k], now->from));
        if (resize->exclude_outside)
            n.weights[k] = tensor_where(inside, n.weights[k], zero);
        sum = tensor_add(sum, n.weights[k]);
    }
    for (int k = 0; k < n.taps && resize->exclude_outside; k++)
        n.weights[k] =
            tensor_where(tensor_eq(sum, zero), n.weights[k], tensor_div(n.weights[k], sum));
    return n;
}

static struct tensor gather_from(struct tensor x, int axis, struct tensor at,
                                 const struct axis_now *now) {
    struct tensor last = tensor_sub(now->from, number(at, 1));
    at = within(at, number(at, 0), last);
    return tensor_gather(x, axis, tensor_cast(at, DTYPE_INT64));
}

struct tensor resize_at_run(const struct resize *resize, struct tensor x, int axis) {
    const struct axis_change *change = &resize->axes[axis];
    struct axis_now now = {tensor_cast(change->from_now, DTYPE_FLOAT64),
                           tensor_cast(change->to_now, DTYPE_FLOAT64)};
    struct tensor i = tensor_iota(x.context, DTYPE_INT64, change->to), sum = NO_TENSOR;
    struct tensor at = resize->coordinate_at_run(&now, tensor_cast(i, DTYPE_FLOAT64));
    if (resize->kind == NEAREST)
        return gather_from(x, axis, resize->nearest_at_run(at), &now);
    struct run_neighbours n = find_neighbours(resize, &now, at);
    for (int k = 0; k < n.taps; k++) {
        struct tensor weights = tensor_cast(n.weights[k], tensor_dtype(x));
        struct tensor term = tensor_mul(gather_from(x, axis, n.at[k], &now),
                                        along_axis(weights, axis, tensor_rank(x)));
        sum = is_given(sum) ? tensor_add(sum, term) : term;
    }
    return sum;
}
