/* Axes of other lengths, each element of which is a weighted sum of old ones. */
#ifndef EIGENTENSOR_IMPORT_RESAMPLE_H
#define EIGENTENSOR_IMPORT_RESAMPLE_H

#include "compiler/import/importer.h"

/* For each of `count` new elements: `taps` neighbours from position `first` on, which may be
 * outside of the axis (the elements at its ends stand there, too), and the weight of each. */
struct resampling {
    int64_t count, taps;
    int64_t *first;
    double *weights; /* [count][taps] */
};

/* Lists for that many; NULL lists and a refusal where that is too much. */
struct resampling resampling_new(struct call *call, int64_t count, int64_t taps);
/* The axis of x (floats that the core computes with) resampled. */
struct tensor resample(struct call *call, struct tensor x, int axis,
                       const struct resampling *resampling);

#endif
