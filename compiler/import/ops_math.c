/* Elementary functions that are not operations of the graph, made of those that are; for float64
 * see math64.h.
 *
 * Each reduces its argument to where a polynomial or exp, log, sin or cos serves, as textbooks and
 * the Cephes library of S. Moshier do. The polynomials are our own: minimax by the Remez exchange
 * for the relative error of the function, the coefficients rounded to float one after the other;
 * their errors stand beside them. tests/import/operators_math.py measures the whole functions. */
#include "compiler/import/activation.h"
#include "compiler/import/math64.h"
#include "compiler/import/meaning.h"

#include <math.h>

struct polynomial {
    int count;
    double coefficients[10]; /* of x ** 0 on; each is a float */
};

static struct tensor evaluated(const struct polynomial *p, struct tensor x) {
    struct tensor y = scalar_like(x, p->coefficients[p->count - 1]);
    for (int i = p->count - 2; i >= 0; i--)
        y = add_number(tensor_mul(y, x), p->coefficients[i]);
    return y;
}

/* t + t ** 3 * p(t * t), given t * t. */
static struct tensor odd_of_square(const struct polynomial *p, struct tensor t, struct tensor z) {
    return tensor_add(t, tensor_mul(tensor_mul(t, z), evaluated(p, z)));
}

static struct tensor odd(const struct polynomial *p, struct tensor t) {
    return odd_of_square(p, t, tensor_mul(t, t));
}

/* The input, which must be float32 or float64 by now. */
static struct tensor argument(const struct call *call) {
    struct tensor x = call_input(call, 0);
    if (dtype_is_real(tensor_dtype(x)))
        return x;
    return call_refuse(call, "of %s; it is made for floats", dtype_facts[tensor_dtype(x)].name);
}

static bool is_wide(struct tensor x) {
    return tensor_dtype(x) == DTYPE_FLOAT64;
}

static struct tensor less_than(struct tensor x, double number) {
    return tensor_lt(x, scalar_like(x, number));
}

/* |y| with the sign of x, that of a zero, too. */
static struct tensor with_sign_of(struct tensor x, struct tensor y) {
    enum dtype as_bits = is_wide(x) ? DTYPE_INT64 : DTYPE_INT32;
    struct tensor bits = tensor_bitcast(x, as_bits);
    struct tensor sign = tensor_and(bits, scalar_like(bits, (double)dtype_facts[as_bits].least));
    return tensor_bitcast(tensor_or(tensor_bitcast(y, as_bits), sign), tensor_dtype(x));
}

/* pi / 2 and ln(2) as sums of two floats, and pi / 2 as one of two float64. */
static const double half_pi = 0x1.921fb6p+0, half_pi_rest = -0x1.777a5cp-25;
static const double half_pi_wide = 0x1.921fb54442d18p+0, half_pi_wide_rest = 0x1.1a62633145c07p-54;
static const double ln_2 = 0x1.62e430p-1;

/* ---- Inverse circular functions ---- */

struct tensor import_tan(struct call *call) {
    struct tensor x = argument(call);
    return tensor_div(tensor_sin(x), tensor_cos(x));
}

/* Up to tan(pi / 8): 2^-30.4. */
static const struct polynomial atan_rest = {
    5, {-0x1.55554ap-2, 0x1.9991e2p-3, -0x1.23b9a2p-3, 0x1.b22456p-4, -0x1.f2e5a6p-5}};

/* Of |x|: atan(x) itself, pi / 4 + atan((x - 1) / (x + 1)) from tan(pi / 8) on, or
 * pi / 2 + atan(-1 / x) from tan(3 * pi / 8) on. */
static struct tensor atan_of(struct tensor a) {
    struct tensor one = scalar_like(a, 1), zero = scalar_like(a, 0);
    struct tensor small = less_than(a, 0x1.a8279ap-2),
                  great = tensor_le(scalar_like(a, 0x1.3504f4p+1), a);
    struct tensor above = tensor_where(great, scalar_like(a, -1), add_number(a, -1));
    struct tensor below = tensor_where(great, a, add_number(a, 1));
    struct tensor t = tensor_div(tensor_where(small, a, above), tensor_where(small, one, below));
    struct tensor base = tensor_where(great, scalar_like(a, half_pi), scalar_like(a, half_pi / 2));
    struct tensor rest =
        tensor_where(great, scalar_like(a, half_pi_rest), scalar_like(a, half_pi_rest / 2));
    base = tensor_where(small, zero, base);
    rest = tensor_where(small, zero, rest);
    t = odd(&atan_rest, t);
    return tensor_add(base, tensor_add(t, rest));
}

/* pi / 2 - x */
static struct tensor from_half_pi(struct tensor x) {
    double rest = is_wide(x) ? half_pi_wide_rest : half_pi_rest;
    return tensor_sub(scalar_like(x, is_wide(x) ? half_pi_wide : half_pi), add_number(x, -rest));
}

/* Beyond 1 that of 1 / |x| from pi / 2. */
static struct tensor atan_wide(struct tensor a) {
    struct tensor great = tensor_lt(scalar_like(a, 1), a);
    struct tensor b = tensor_where(great, tensor_recip(a), a), y = atan_from(b, atan_of(b));
    return tensor_where(great, from_half_pi(y), y);
}

struct tensor import_atan(struct call *call) {
    struct tensor x = argument(call), a = tensor_abs(x);
    return with_sign_of(x, is_wide(x) ? atan_wide(a) : atan_of(a));
}

/* Up to 1 / 2: 2^-31.7. */
static const struct polynomial asin_rest = {
    6, {0x1.55554cp-3, 0x1.3338acp-4, 0x1.6ca744p-5, 0x1.04d452p-5, 0x1.d4fb6ep-7, 0x1.34dad8p-5}};

/* Of a >= 0: asin(a) up to 1 / 2, and asin(sqrt((1 - a) / 2)) = acos(a) / 2 beyond. */
static struct tensor asin_of_reduced(struct tensor a, struct tensor small) {
    struct tensor z = multiply_by(tensor_sub(scalar_like(a, 1), a), 0.5);
    z = tensor_where(small, tensor_mul(a, a), z);
    struct tensor root = tensor_where(small, a, tensor_sqrt(z));
    struct tensor y = odd_of_square(&asin_rest, root, z);
    return is_wide(y) ? asin_from(root, y) : y;
}

struct tensor import_asin(struct call *call) {
    struct tensor x = argument(call), a = tensor_abs(x), small = less_than(a, 0.5);
    struct tensor y = asin_of_reduced(a, small);
    return with_sign_of(x, tensor_where(small, y, from_half_pi(multiply_by(y, 2))));
}

/* pi - acos(|x|) for a negative x: twice what is left of pi / 2. */
struct tensor import_acos(struct call *call) {
    struct tensor x = argument(call), a = tensor_abs(x), small = less_than(a, 0.5);
    struct tensor y = asin_of_reduced(a, small), negative = less_than(x, 0);
    struct tensor beyond = multiply_by(tensor_where(negative, from_half_pi(y), y), 2);
    return tensor_where(small, from_half_pi(tensor_where(negative, tensor_neg(y), y)), beyond);
}

/* ---- Hyperbolic functions ---- */

/* exp(a) / 2 and exp(-a) / 2 of a >= 0, added or subtracted. From 88 on, where exp(a) may be
 * infinite and the result is not, exp(a / 2) ** 2 / 2. */
static struct tensor of_exponentials(struct tensor a,
                                     struct tensor (*join)(struct tensor a, struct tensor b)) {
    struct tensor moderate = less_than(a, 88);
    struct tensor e = tensor_exp(tensor_where(moderate, a, multiply_by(a, 0.5)));
    struct tensor half = multiply_by(e, 0.5);
    struct tensor both = join(half, tensor_div(scalar_like(e, 0.5), e));
    return tensor_where(moderate, both, tensor_mul(half, e));
}

/* Up to 1: 2^-31.6. */
static const struct polynomial sinh_rest = {
    4, {0x1.555556p-3, 0x1.1110e0p-7, 0x1.a022bcp-13, 0x1.756c14p-19}};

struct tensor import_sinh(struct call *call) {
    struct tensor x = argument(call), a = tensor_abs(x);
    struct tensor great = of_exponentials(a, tensor_sub);
    struct tensor small = is_wide(a) ? sinh_of_small(a) : odd(&sinh_rest, a);
    return with_sign_of(x, tensor_where(less_than(a, 1), small, great));
}

struct tensor import_cosh(struct call *call) {
    return of_exponentials(tensor_abs(argument(call)), tensor_add);
}

/* log(a + root) of a >= 1 / 2; where the root is a to all digits and may overflow, log(a) + ln(2).
 */
static struct tensor log_with_root(struct tensor a, struct tensor root) {
    struct tensor great = tensor_lt(scalar_like(a, 0x1p+14), a);
    struct tensor y = tensor_log(tensor_where(great, a, tensor_add(a, root)));
    return tensor_where(great, add_number(y, ln_2), y);
}

/* Up to 1: 2^-30.8. */
static const struct polynomial asinh_rest = {9,
                                             {-0x1.55554cp-3, 0x1.33301ap-4, -0x1.6d5b46p-5,
                                              0x1.ec8040p-6, -0x1.57de4ep-6, 0x1.bcca30p-7,
                                              -0x1.cb3668p-8, 0x1.39334ap-9, -0x1.94a498p-12}};

struct tensor import_asinh(struct call *call) {
    struct tensor x = argument(call), a = tensor_abs(x);
    if (is_wide(x))
        return with_sign_of(x, asinh_of(a));
    struct tensor root = tensor_sqrt(add_number(tensor_mul(a, a), 1));
    struct tensor great = log_with_root(a, root);
    return with_sign_of(x, tensor_where(less_than(a, 1), odd(&asinh_rest, a), great));
}

/* acosh(1 + t) = sqrt(2 * t) * (1 + t * p(t)) up to 1 / 2: 2^-29.6. */
static const struct polynomial acosh_rest = {
    5, {-0x1.555536p-4, 0x1.3324f2p-6, -0x1.6b95d0p-8, 0x1.cd642ap-10, -0x1.b14ed8p-12}};

struct tensor import_acosh(struct call *call) {
    struct tensor x = argument(call), t = add_number(x, -1);
    if (is_wide(x))
        return acosh_beyond_1(t);
    struct tensor root = tensor_sqrt(add_number(tensor_mul(x, x), -1));
    struct tensor great = log_with_root(x, root), small = tensor_sqrt(multiply_by(t, 2));
    small = tensor_add(small, tensor_mul(tensor_mul(small, t), evaluated(&acosh_rest, t)));
    return tensor_where(less_than(x, 1.5), small, great);
}

/* Up to 1 / 2: 2^-29.4. */
static const struct polynomial atanh_rest = {
    6, {0x1.555540p-2, 0x1.99a676p-3, 0x1.234d98p-3, 0x1.e4000ep-4, 0x1.a6bb2ap-5, 0x1.693a8cp-3}};

/* log((1 + a) / (1 - a)) / 2 from 1 / 2 on. */
struct tensor import_atanh(struct call *call) {
    struct tensor x = argument(call), a = tensor_abs(x), one = scalar_like(x, 1);
    if (is_wide(x))
        return with_sign_of(x, atanh_of(a));
    struct tensor ratio = tensor_div(tensor_add(one, a), tensor_sub(one, a));
    struct tensor great = multiply_by(tensor_log(ratio), 0.5);
    return with_sign_of(x, tensor_where(less_than(a, 0.5), odd(&atanh_rest, a), great));
}

/* ---- Softplus ---- */

/* log(1 + e) = e + e ** 2 * p(e) up to 1: 2^-30.1. */
static const struct polynomial log1p_rest = {
    10,
    {-0x1.fffff8p-2, 0x1.5553b6p-2, -0x1.ffc59ep-3, 0x1.978b56p-3, -0x1.4a72c6p-3, 0x1.ff2974p-4,
     -0x1.54f2a2p-4, 0x1.5901e2p-5, -0x1.c0a7e0p-7, 0x1.113b94p-9}};

/* log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)) */
struct tensor softplus(struct tensor x) {
    struct tensor e = tensor_exp(tensor_neg(tensor_abs(x)));
    struct tensor log;
    if (is_wide(x))
        log = log_of_1_and(e);
    else
        log = tensor_add(e, tensor_mul(tensor_mul(e, e), evaluated(&log1p_rest, e)));
    return tensor_add(tensor_max(x, scalar_like(x, 0)), log);
}

struct tensor import_softplus(struct call *call) {
    return softplus(argument(call));
}
