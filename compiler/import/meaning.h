/* What ONNX means where a primitive means something else, or has no such: shared by builders. */
#ifndef EIGENTENSOR_IMPORT_MEANING_H
#define EIGENTENSOR_IMPORT_MEANING_H

#include "compiler/import/importer.h"

/* What kind of elements a tensor has. */
bool holds_floats(struct tensor x);
/* What floats of the dtype are computed in where ONNX says float32: float64 stays. */
enum dtype computing_dtype(enum dtype dtype);
bool holds_integers(struct tensor x);
bool holds_unsigned(struct tensor x); /* an integer without sign, or bool */

/* x / number, rounded once. */
struct tensor divide_exactly(struct tensor x, double number);

/* The bits of floats, of 32 or 64, as integers; integers themselves. */
struct tensor bits_of(struct tensor x);
/* Integers in the order of the floats that have such bits: zeros are equal, NaN is greatest. */
struct tensor ordered_bits(struct tensor bits);

/* The position along an axis, int32, of the first greatest element (the least, if `smallest`), or
 * the last of equal ones. NaN comes before all else, as argmax and argmin have it. The axis
 * vanishes. */
struct tensor position_of(struct tensor x, int axis, bool smallest, bool last);

/* A tensor of the same shape, each element of which is the number. */
struct tensor filled_like(struct tensor like, enum dtype dtype, double number);

#endif
