/* Positions of elements, as tensors of int32 or int64. */
#ifndef EIGENTENSOR_IMPORT_POSITIONS_H
#define EIGENTENSOR_IMPORT_POSITIONS_H

#include "compiler/import/importer.h"
#include "compiler/import/movement.h"

/* A number as a scalar of rank 0, of that dtype: int32 or int64. */
struct tensor position(struct tensor_context *context, enum dtype dtype, int64_t value);
/* Positions along an axis of that extent; those that are negative count from its end. */
struct tensor from_front(struct tensor positions, int64_t extent);
/* Positions as int64 where int32 could not count the elements of x. */
struct tensor wide_enough(struct tensor positions, struct tensor x);
/* All elements of x in one row. */
struct tensor in_a_row(struct tensor x);
/* The axis replaced by the axes of the positions, which count from its front. Known ones are
 * checked, and become movement where they can. */
struct tensor gather_at(struct call *call, struct tensor x, int axis, struct tensor positions);
/* Positions in the row-major order of all axes of `shape`: along `axis` they are given, along the
 * other axes an element's own. They have the rank of the shape. */
struct tensor flat_along(struct tensor positions, int axis, const int64_t *shape);
/* Positions in the row-major order of the axes of `shape` before `batch` + the extent of the last
 * axis of the tuples, which has the positions along those from `batch` on; that axis vanishes, and
 * along those before `batch` an element's own position counts. */
struct tensor flat_of_tuples(struct tensor tuples, int batch, const int64_t *shape);

#endif
