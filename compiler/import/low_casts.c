/* Codes of low types made of numbers, and what they mean. */
#include "compiler/import/low_types.h"

#include "compiler/base/json_read.h"
#include "compiler/import/meaning.h"

#include <math.h>
#include <string.h>

static struct tensor int32(struct tensor like, int32_t value) {
    return tensor_const(like.context, DTYPE_INT32, SCALAR_SHAPE, 1, &value);
}

static struct tensor int64(struct tensor like, int64_t value) {
    return tensor_const(like.context, DTYPE_INT64, SCALAR_SHAPE, 1, &value);
}

/* ---- What codes mean ---- */

/* The value of a code, whose higher bits are nothing. */
static float value_of(const struct low_type *low, int code) {
    code &= (1 << low->bits) - 1;
    if (!low->is_signed) /* E8M0 */
        return code > low->greatest ? NAN : (float)ldexp(1, code - low->bias);
    int sign = 1 << (low->bits - 1), magnitude = code & (sign - 1);
    float signed_infinity = code & sign ? -INFINITY : INFINITY;
    if (magnitude > low->greatest)
        return magnitude == low->overflow && low->overflow != low->nan ? signed_infinity : NAN;
    if (code == low->overflow && low->overflow == sign)
        return NAN; /* in the place of -0 */
    int exponent = magnitude >> low->mantissa, fraction = magnitude & ((1 << low->mantissa) - 1);
    if (exponent)
        fraction |= 1 << low->mantissa;
    double value = ldexp(fraction, (exponent ? exponent : 1) - low->bias - low->mantissa);
    return (float)(code & sign ? -value : value);
}

/* The values of all codes that a byte holds. */
static struct tensor value_table(const struct call *call, const struct low_type *low) {
    float values[256];
    for (int code = 0; code < 256; code++)
        values[code] = value_of(low, code);
    return tensor_const(call->context, DTYPE_FLOAT32, SHAPE(256), 256, values);
}

/* Codes as numbers themselves. */
static struct tensor as_integers(const struct call *call, struct tensor codes) {
    return typed(call->importer, tensor_cast(codes, DTYPE_INT32), onnx_type_of(DTYPE_INT32));
}

struct tensor numbers(const struct call *call, struct tensor x) {
    const struct low_type *low = low_type(element_type(call->importer, x));
    if (!low)
        return x;
    struct tensor codes = as_integers(call, x);
    return low->is_float ? tensor_gather(value_table(call, low), 0, codes) : codes;
}

/* ---- Integers ---- */

/* Numbers without their fractions, int32. What an integer does not hold becomes its greatest or its
 * least: no float is the former, and the low bits of the latter are 0, as they are of all floats
 * that are so large. */
static struct tensor whole_numbers(struct tensor x) {
    if (!holds_floats(x))
        return tensor_cast(x, DTYPE_INT32);
    if (tensor_dtype(x) == DTYPE_FLOAT64) {
        x = tensor_cast(x, DTYPE_INT64);
        x = tensor_where(tensor_eq(x, int64(x, INT64_MAX)), int64(x, 0), x);
        return tensor_cast(x, DTYPE_INT32);
    }
    x = tensor_cast(x, DTYPE_INT32);
    return tensor_where(tensor_eq(x, int32(x, INT32_MAX)), int32(x, 0), x);
}

/* The low bits of int32, as the type's code. */
static struct tensor low_bits(struct tensor x, const struct low_type *low) {
    if (!low->is_signed || low->is_float)
        return tensor_and(x, int32(x, (1 << low->bits) - 1));
    struct tensor others = int32(x, 32 - low->bits);
    return tensor_shr(tensor_shl(x, others), others);
}

/* The nearest integers that the type holds. */
static struct tensor nearest_integers(struct tensor x, const struct low_type *low) {
    int least = low->is_signed ? -(1 << (low->bits - 1)) : 0;
    int greatest = least + (1 << low->bits) - 1;
    x = tensor_max(tensor_min(tensor_round(x), scalar_like(x, greatest)), scalar_like(x, least));
    return tensor_cast(x, DTYPE_INT32);
}

/* ---- Floats ---- */

/* float64 as float32, towards zero, but with the last bit set where that is not exact: rounded
 * again to fewer bits it is what x is rounded to. The nearest float32 comes first, and is one too
 * far where it is greater. */
static struct tensor rounded_to_odd(struct tensor x) {
    struct tensor near = tensor_cast(x, DTYPE_FLOAT32);
    struct tensor exact = tensor_bitcast(x, DTYPE_INT64);
    struct tensor found = tensor_bitcast(tensor_cast(near, DTYPE_FLOAT64), DTYPE_INT64);
    struct tensor magnitude = int64(x, INT64_MAX);
    struct tensor far = tensor_lt(tensor_and(exact, magnitude), tensor_and(found, magnitude));
    struct tensor bits = tensor_bitcast(near, DTYPE_INT32);
    struct tensor odd = tensor_or(tensor_sub(bits, tensor_cast(far, DTYPE_INT32)), int32(x, 1));
    return tensor_bitcast(tensor_where(tensor_eq(exact, found), bits, odd), DTYPE_FLOAT32);
}

static struct tensor as_float32(struct tensor x) {
    return tensor_dtype(x) == DTYPE_FLOAT64 ? rounded_to_odd(x) : tensor_cast(x, DTYPE_FLOAT32);
}

/* Codes of the magnitudes of float32. The bits of a power of two that makes the last bit that is
 * kept worth 1 are those of an exponent; so a multiplication and a rounding to an integer round to
 * the type, and the exponent goes on top of that. Below the least normal number it stays. */
static struct tensor encoded_magnitudes(struct tensor x, const struct low_type *low,
                                        bool overflows) {
    int least = 128 - low->bias; /* exponent of the least normal number, as float32 has it */
    double greatest = (double)value_of(low, low->greatest);
    x = tensor_min(tensor_abs(x), scalar_like(x, overflows ? 2 * greatest : greatest));
    struct tensor bits = tensor_bitcast(x, DTYPE_INT32);
    struct tensor exponent = tensor_max(tensor_shr(bits, int32(x, 23)), int32(x, least));
    struct tensor unit =
        tensor_shl(tensor_sub(int32(x, 254 + low->mantissa), exponent), int32(x, 23));
    x = tensor_round(tensor_mul(x, tensor_bitcast(unit, DTYPE_FLOAT32)));
    exponent = tensor_shl(tensor_sub(exponent, int32(x, least)), int32(x, low->mantissa));
    struct tensor code = tensor_add(tensor_cast(x, DTYPE_INT32), exponent);
    if (!overflows)
        return code;
    return tensor_where(tensor_lt(int32(x, low->greatest), code), int32(x, low->overflow), code);
}

/* Codes of float32 with a sign. Where NaN is in the place of -0, that is 0. */
static struct tensor encoded_signed(struct tensor x, const struct low_type *low, bool overflows) {
    int sign_bit = 1 << (low->bits - 1);
    struct tensor code = encoded_magnitudes(x, low, overflows);
    struct tensor sign =
        tensor_and(tensor_shr(tensor_bitcast(x, DTYPE_INT32), int32(x, 31)), int32(x, sign_bit));
    struct tensor both = tensor_or(code, sign);
    if (low->overflow == sign_bit)
        both = tensor_where(tensor_eq(code, int32(x, 0)), code, both);
    return tensor_where(tensor_ne(x, x), int32(x, low->nan), both);
}

/* Modes of FLOAT8E8M0: what is added to the fraction of a float32 before it is cut off. */
static const struct mode {
    const char *name;
    int32_t added;
} modes[] = {{"up", 0x7fffff}, {"down", 0}, {"nearest", 0x400000}};

static const struct mode *mode_named(const struct call *call, const char *name) {
    for (size_t i = 0; name && i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    if (name)
        call_refuse(call, "round_mode \"%s\", expected up, down or nearest", quoted(name).text);
    return &modes[0];
}

/* Codes of float32 as FLOAT8E8M0: the exponent. The least power of two is half the least normal
 * float32, so that its fraction has a bit less and the leading one in itself. */
static struct tensor encoded_powers(const struct call *call, struct tensor x,
                                    const struct low_type *low, struct cast_target target) {
    struct tensor least = scalar_like(x, 0x1p-127), greatest = scalar_like(x, 0x1p127);
    struct tensor bits = tensor_bitcast(tensor_max(tensor_min(x, greatest), least), DTYPE_INT32);
    struct tensor normal = int32(x, 0x800000);
    bits = tensor_where(tensor_lt(bits, normal), tensor_sub(tensor_add(bits, bits), normal), bits);
    bits = tensor_add(bits, int32(x, mode_named(call, target.mode)->added));
    struct tensor code = tensor_shr(bits, int32(x, 23)), nan = int32(x, low->nan);
    if (target.overflows)
        code = tensor_where(tensor_or(tensor_lt(x, least), tensor_lt(greatest, x)), nan, code);
    return tensor_where(tensor_ne(x, x), nan, code);
}

/* Codes of float32, int32. */
static struct tensor encoded(const struct call *call, struct tensor x, const struct low_type *low,
                             struct cast_target target) {
    return low->is_signed ? encoded_signed(x, low, target.overflows && low->bits == 8)
                          : encoded_powers(call, x, low, target);
}

/* ---- Any types ---- */

/* Codes, int32, as a tensor of that type. */
static struct tensor as_codes(const struct call *call, struct tensor codes, int type) {
    enum dtype dtype = DTYPE_UINT8;
    held_dtype(type, &dtype);
    return typed(call->importer, tensor_cast(codes, dtype), type);
}

static bool check_type(const struct call *call, int type, enum dtype *dtype) {
    const char *name = onnx_type_name(type);
    if (held_dtype(type, dtype))
        return true;
    call_refuse(call, "to element type %s, which graphs do not have",
                name ? name : "of an unknown number");
    return false;
}

struct tensor cast_to_type(const struct call *call, struct tensor x, struct cast_target target) {
    const struct low_type *low = low_type(target.type);
    enum dtype dtype;
    if (!check_type(call, target.type, &dtype))
        return x;
    x = numbers(call, x);
    if (!low)
        return tensor_cast(x, dtype);
    return as_codes(call,
                    low->is_float ? encoded(call, as_float32(x), low, target)
                                  : low_bits(whole_numbers(x), low),
                    target.type);
}

struct tensor rounded_to_type(const struct call *call, struct tensor x, struct cast_target target) {
    const struct low_type *low = low_type(target.type);
    if (!low)
        return cast_to_type(call, tensor_round(x), target);
    return as_codes(call, low->is_float ? encoded(call, x, low, target) : nearest_integers(x, low),
                    target.type);
}

static int bits_of_type(int type, enum dtype dtype) {
    const struct low_type *low = low_type(type);
    return low ? low->bits : 8 * dtype_bytes(dtype);
}

/* The bits of a bool are 0 or 1 here, so those of an integer mean true when they are not 0. */
struct tensor bits_as_type(const struct call *call, struct tensor x, int type) {
    int from = element_type(call->importer, x);
    enum dtype dtype;
    if (!x.node || !check_type(call, type, &dtype))
        return x;
    if (bits_of_type(from, tensor_dtype(x)) != bits_of_type(type, dtype))
        return call_refuse(call, "the bits of %s as %s, which has more or fewer",
                           onnx_type_name(from), onnx_type_name(type));
    if (low_type(type))
        return as_codes(call, low_bits(as_integers(call, x), low_type(type)), type);
    if (low_type(from) || dtype == DTYPE_BOOL || tensor_dtype(x) == DTYPE_BOOL)
        return tensor_cast(as_integers(call, x), dtype);
    return tensor_bitcast(x, dtype);
}
