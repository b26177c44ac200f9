/* One element of a tensor as JSON: how the values of constants are written and read.
 *
 *   bool        true, false
 *   integers    decimal; of uint64 those above 9223372036854775807 as strings,
 * "18446744073709551615", since readers of JSON (ours too) keep no greater integers; any uint64 may
 * be one floats      the fewest digits that read back as the same bits, always with a point or an
 *               exponent: 1.0, -0.0, 0.1, 1.5e-7; positional from 1e-5 up to 1e16; "nan", "inf" and
 *               "-inf" as strings.  A decimal is read as float64 and then rounded to the dtype, to
 *               nearest even. Every NaN is the quiet one.
 */
#ifndef EIGENTENSOR_ELEMENT_H
#define EIGENTENSOR_ELEMENT_H

#include "compiler/graph/graph.h"

#include <jansson.h>

struct element_text {
    char text[40];
};
struct element_text element_text(enum dtype dtype, const void *element);

/* Writes one element of the dtype; false and an error when the value is of another kind or does not
 * fit the dtype. */
bool element_from_json(const json_t *value, enum dtype dtype, void *element,
                       struct et_error *error);

/* The same of a number, true or false at the beginning of a text that ends with a zero byte: where
 * it ends; NULL for what is none, or does not fit, or is not so easily told: for the parser. */
const char *element_from_text(const char *text, enum dtype dtype, void *element);

/* The element of that value, rounded to a float's dtype; false and an error when it does not fit.
 */
bool element_from_integer(int64_t integer, enum dtype dtype, void *element, struct et_error *error);
/* Its value, where it is an integer of at most 2^53 in a float; else false. */
bool element_to_integer(enum dtype dtype, const void *element, int64_t *integer);

#endif
