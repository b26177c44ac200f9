/* The cost model: estimated cycles of tiles. */
#ifndef EIGENTENSOR_COST_H
#define EIGENTENSOR_COST_H

#include "compiler/schedule/tiling.h"

/* What the one element that a step adds to every sum of a tile takes; `far`: the panel comes from
 * L2. */
double step_cycles(const struct target *target, const struct tile_kind *kind, bool lanes, int rows,
                   int columns, bool far);

/* What a whole tiling takes, without the caches beyond L1. */
double tiling_cycles(const struct contraction *contraction, const struct loop_tiling *tiling);

/* The same where the panel, a constant, is read once in a run, in which `distance` bytes of
 * constants are: no tiling is faster than its panel comes. */
double fetching_cycles(const struct contraction *contraction, const struct loop_tiling *tiling,
                       double distance);

/* The same where a larger block of the batch has the panel, a constant, packed otherwise, so that
 * it would be there twice: that must be worth it, and no tiling is faster than the panel comes. */
double sharing_cycles(const struct contraction *contraction, const struct loop_tiling *tiling);

#endif
