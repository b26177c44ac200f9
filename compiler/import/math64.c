#include "compiler/import/math64.h"

#include "compiler/builder/layers.h"
#include "compiler/import/meaning.h"

/* tan(y - near) = (x * cos(near) - sin(near)) / (cos(near) + x * sin(near)), which is y - near. */
struct tensor atan_from(struct tensor x, struct tensor near) {
    struct tensor sine = tensor_sin(near), cosine = tensor_cos(near);
    struct tensor above = tensor_sub(tensor_mul(x, cosine), sine);
    return tensor_add(near, tensor_div(above, tensor_add(cosine, tensor_mul(x, sine))));
}

struct tensor asin_from(struct tensor x, struct tensor near) {
    struct tensor off = tensor_sub(x, tensor_sin(near));
    return tensor_add(near, tensor_div(off, tensor_cos(near)));
}

/* log(u) * x / (u - 1) with u = 1 + x as it was rounded: both err alike. */
struct tensor log_of_1_and(struct tensor x) {
    struct tensor u = add_number(x, 1), rest = add_number(u, -1), log = tensor_log(u);
    struct tensor small = tensor_eq(u, scalar_like(u, 1));
    struct tensor great = tensor_lt(scalar_like(x, 0x1p+54), x); /* and where it is infinite */
    struct tensor y = tensor_mul(log, tensor_div(x, tensor_where(small, u, rest)));
    return tensor_where(small, x, tensor_where(great, log, y));
}

/* exp(x) - 1 is (u - 1) * x / log(u) with u = exp(x) as it was rounded. */
struct tensor sinh_of_small(struct tensor a) {
    struct tensor u = tensor_exp(a), rest = add_number(u, -1);
    struct tensor same = tensor_eq(u, scalar_like(u, 1));
    struct tensor log = tensor_where(same, u, tensor_log(u));
    struct tensor less_1 = tensor_where(same, a, tensor_mul(rest, tensor_div(a, log)));
    return multiply_by(tensor_add(less_1, tensor_div(less_1, add_number(less_1, 1))), 0.5);
}

/* log(1 + a + a^2 / (1 + sqrt(1 + a^2))); log(a) + ln(2) where that is the same. */
struct tensor asinh_of(struct tensor a) {
    struct tensor square = tensor_mul(a, a), great = tensor_lt(scalar_like(a, 0x1p+30), a);
    struct tensor root = add_number(tensor_sqrt(add_number(square, 1)), 1);
    struct tensor y = log_of_1_and(tensor_add(a, tensor_div(square, root)));
    return tensor_where(great, add_number(tensor_log(a), 0x1.62e42fefa39efp-1), y);
}

/* log(1 + 2 * a / (1 - a)) / 2 */
struct tensor atanh_of(struct tensor a) {
    struct tensor ratio = tensor_div(multiply_by(a, 2), tensor_sub(scalar_like(a, 1), a));
    return multiply_by(log_of_1_and(ratio), 0.5);
}

/* log(1 + t + sqrt(2 * t + t^2)); log(t) + ln(2) where that is the same. */
struct tensor acosh_beyond_1(struct tensor t) {
    struct tensor great = tensor_lt(scalar_like(t, 0x1p+60), t);
    struct tensor root = tensor_sqrt(tensor_mul(t, add_number(t, 2)));
    struct tensor y = log_of_1_and(tensor_add(t, root));
    return tensor_where(great, add_number(tensor_log(t), 0x1.62e42fefa39efp-1), y);
}
