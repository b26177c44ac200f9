/* Images read between their elements. */
#ifndef EIGENTENSOR_IMPORT_SAMPLING_H
#define EIGENTENSOR_IMPORT_SAMPLING_H

#include "compiler/import/importer.h"

/* The two elements around each place along an axis, and what either counts. */
struct sample_axis {
    struct tensor place[2];  /* int64, within the axis */
    struct tensor weight[2]; /* 0 for what is outside */
};
/* For places in float32; the weights add up to 1 where both elements are within the extent. */
struct sample_axis sample_along(struct tensor place, int64_t extent);

/* x (batch, channels, height, width) at places in images `image` (int64): the common shape of all
 * of them, and the channels last. `combine` says how the four weighted neighbours become one. */
struct tensor sample_between(struct tensor x, struct tensor image, const struct sample_axis *rows,
                             const struct sample_axis *columns,
                             struct tensor (*combine)(struct tensor, struct tensor));

#endif
