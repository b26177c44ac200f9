/* Integers that stand for real numbers: (x - zero point) * scale. */
#ifndef EIGENTENSOR_IMPORT_QUANTISED_H
#define EIGENTENSOR_IMPORT_QUANTISED_H

#include "compiler/import/low_types.h"

/* A scale or a zero point in the shape in which it goes with x: one for all (a scalar, or one
 * element), one for each place along `axis`, or one for each block of `block` elements along it.
 * NO_TENSOR stays so; x may be NO_TENSOR for one for all. Refuses others. */
struct tensor spread_over(const struct call *call, struct tensor values, struct tensor x, int axis,
                          int64_t block);

/* x less the zero point, in int32; of floats in float32. */
struct tensor centred(const struct call *call, struct tensor x, struct tensor zero);
/* (x - zero) * scale, in float32. */
struct tensor dequantised(const struct call *call, struct tensor x, struct tensor scale,
                          struct tensor zero);
/* To integers: rounds to nearest even, adds the zero point, saturates; NaN becomes 0. To floats:
 * adds the zero point, rounds. */
struct tensor rounded_to(const struct call *call, struct tensor x, struct tensor zero,
                         struct cast_target target);
/* The same of x / scale. */
struct tensor quantised(const struct call *call, struct tensor x, struct tensor scale,
                        struct tensor zero, struct cast_target target);

/* x, float32, as uint8 by its own range. It may be of any context. */
struct dynamic {
    struct tensor x, scale, zero;
};
struct dynamic quantised_dynamically(struct tensor x);

/* The scale or zero point that an input is, for a whole matrix or one for each column; or
 * NO_TENSOR. */
struct tensor by_column(struct call *call, int index);
/* Sums of products in float32, by their scale; the bias (or NO_TENSOR) is added. */
struct tensor scaled_sums(struct tensor sums, struct tensor scale, struct tensor bias);

/* Whether it is known to be 0 everywhere, or is not given. */
bool is_known_zero(const struct call *call, struct tensor x);

#endif
