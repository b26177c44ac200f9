/* Movement that builders of several families need. Errors stick to the context. */
#ifndef EIGENTENSOR_IMPORT_MOVEMENT_H
#define EIGENTENSOR_IMPORT_MOVEMENT_H

#include "compiler/builder/layers.h"

/* Copies the extents of x; returns its rank. */
int shape_of(struct tensor x, int64_t shape[MAX_RANK]);
int64_t elements_of(struct tensor x);

/* The range [begin, end) of an axis. */
struct tensor cut_axis(struct tensor x, int axis, int64_t begin, int64_t end);
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
/* `count` axes from `axis` on as those of `shape`, of as many elements. */
struct tensor reshape_axes(struct tensor x, int axis, int count, int rank, const int64_t *shape);
/* x with axes of extent 1 around, so that it lies along `axis` of `rank`; x has rank 1. */
struct tensor along_axis(struct tensor x, int axis, int rank);
/* 0, 1, ... along an axis of a tensor of that rank. */
struct tensor positions_along(struct tensor_context *context, enum dtype dtype, int64_t extent,
                              int axis, int rank);

/* `step` - 1 zeros after every element of an axis. */
struct tensor spread_axis(struct tensor x, int axis, int64_t step);
/* Elements [begin, end) of an axis, zeros where it has none. */
struct tensor reach_of_axis(struct tensor x, int axis, int64_t begin, int64_t end);

struct tensor zeros(struct tensor_context *context, enum dtype dtype, int rank,
                    const int64_t *shape);
/* 0, of the dtype of x: a scalar. */
struct tensor zero_like(struct tensor x);

#endif
