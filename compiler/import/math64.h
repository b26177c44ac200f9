/* The functions of ops_math.c over float64, of elements that may be negative, too. They are made of
 * exp, log, sin and cos where float32 has polynomials: float32's digits, where those are a
 * beginning, and a step of Newton's from there; or log(1 + x) and exp(x) - 1 for small x, as W.
 * Kahan makes them of log and exp. Errors are a few units in the last place. */
#ifndef EIGENTENSOR_IMPORT_MATH64_H
#define EIGENTENSOR_IMPORT_MATH64_H

#include "compiler/builder/builder.h"

/* `near`, an arc tangent of x to about 30 bits, to all of them; |x| <= 1. */
struct tensor atan_from(struct tensor x, struct tensor near);
/* `near`, an arc sine of x to about 30 bits, to all of them; |x| <= 1 / 2 or so. */
struct tensor asin_from(struct tensor x, struct tensor near);
/* log(1 + x) of x >= 0, and infinity. */
struct tensor log_of_1_and(struct tensor x);
/* Of a >= 0. */
struct tensor sinh_of_small(struct tensor a);
struct tensor asinh_of(struct tensor a);
/* Of 0 <= a < 1 and 1. */
struct tensor atanh_of(struct tensor a);
/* acosh(1 + t). */
struct tensor acosh_beyond_1(struct tensor t);

#endif
