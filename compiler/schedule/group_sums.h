/* Sums of which tiles take groups of neighbours. */
#ifndef EIGENTENSOR_GROUP_SUMS_H
#define EIGENTENSOR_GROUP_SUMS_H

#include "compiler/schedule/tiling.h"

/* The summed axis along which groups lie side by side in the stream; NULL: there is none. */
const struct axis *find_grouped_sum(const struct contraction *contraction,
                                    const struct expression *stream, const struct expression *panel,
                                    int group);

/* Splits that axis of an integer contraction into groups and what is within one, which becomes the
 * innermost; the others are ordered as the stream lies in memory. The statement keeps its sum. */
void group_sums(struct contraction *contraction, struct loop_tiling *tiling);

#endif
