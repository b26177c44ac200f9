/* Movement that builders of several families need. Errors stick to the context. */
#ifndef EIGENTENSOR_IMPORT_MOVEMENT_H
#define EIGENTENSOR_IMPORT_MOVEMENT_H

#include "compiler/builder/layers.h"

int64_t elements_of(struct tensor x);

/* One index of an axis, which vanishes. */
struct tensor pick_axis(struct tensor x, int axis, int64_t index);
/* `count` elements of an axis from `begin` on, `step` (of any sign, or 0) apart. */
struct tensor slice_axis(struct tensor x, int axis, int64_t begin, int64_t count, int64_t step);
/* Elements of an axis at positions within it. Few runs of equal steps become movement. */
struct tensor take_positions(struct tensor x, int axis, int64_t count, const int64_t *positions);
/* Whether they are so few runs. */
bool are_few_runs(int64_t count, const int64_t *positions);
/* The axis to another place. */
struct tensor move_axis(struct tensor x, int from, int to);
/* x with axes of extent 1 around, so that it lies along `axis` of `rank`; x has rank 1. */
struct tensor along_axis(struct tensor x, int axis, int rank);
/* 0, 1, ... along an axis of a tensor of that rank. */
struct tensor positions_along(struct tensor_context *context, enum dtype dtype, int64_t extent,
                              int axis, int rank);

/* `step` - 1 zeros after every element of an axis. */
struct tensor spread_axis(struct tensor x, int axis, int64_t step);

struct tensor zeros(struct tensor_context *context, enum dtype dtype, int rank,
                    const int64_t *shape);
/* 0, of the dtype of x: a scalar. */
struct tensor zero_like(struct tensor x);

#endif
