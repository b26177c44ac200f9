/* What Resize and Upsample ask for, and axes of which a run computes the lengths. */
#ifndef EIGENTENSOR_IMPORT_RESIZING_H
#define EIGENTENSOR_IMPORT_RESIZING_H

#include "compiler/import/importer.h"

enum resize_kind { NEAREST, LINEAR, CUBIC };

/* How one axis changes. */
struct axis_change {
    int64_t from, to; /* lengths */
    double scale;
    double length;                  /* scale * from, which may be between two lengths */
    double start, end;              /* of what is cropped, as a part of the axis */
    struct tensor from_now, to_now; /* int64 of rank 0, where a run computes them; `to`: at most */
};

/* Where new element i stands among the old ones. */
typedef double coordinate(const struct axis_change *axis, double i);
/* Which element is nearest to that. */
typedef double nearest(const struct axis_change *axis, double x);

/* The same of an axis of which a run computes the lengths: of float64. */
struct axis_now {
    struct tensor from, to; /* of rank 0 */
};
typedef struct tensor coordinate_at_run(const struct axis_now *axis, struct tensor i);
typedef struct tensor nearest_at_run(struct tensor x);

struct resize {
    struct call *call;
    enum resize_kind kind;
    coordinate *coordinate;
    coordinate_at_run *coordinate_at_run;
    nearest *nearest;
    nearest_at_run *nearest_at_run; /* NULL: of opset 10 */
    bool antialias, exclude_outside;
    double cubic_a, extrapolation;
    struct axis_change axes[MAX_RANK];
};

/* resize_run.c */
coordinate_at_run run_half_pixel, run_half_pixel_symmetric, run_pytorch_half_pixel,
    run_align_corners, run_asymmetric;
nearest_at_run run_round_prefer_floor, run_round_prefer_ceil, run_nearest_floor, run_nearest_ceil;
/* The axis of x (floats that the core computes with, or for nearest any) at its new length: as many
 * elements as there can be, of which the first ones are true. */
struct tensor resize_at_run(const struct resize *resize, struct tensor x, int axis);

#endif
