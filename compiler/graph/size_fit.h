/* Sizes found from their values: which expression of open axes gives these integers? */
#ifndef EIGENTENSOR_SIZE_FIT_H
#define EIGENTENSOR_SIZE_FIT_H

#include "compiler/graph/size.h"

/* Where an integer was looked at: along each axis, the others at their reference sizes; and where
 * each axis has its reference size or one of two others, in all combinations. */
enum { MARKED_SIZES = 3 };
struct size_samples {
    int axis_count;
    struct axis_samples {
        int count;                /* at least 1 */
        const int64_t *sizes;     /* ascending */
        int64_t step;             /* between neighbours, where none is left out */
        int marked[MARKED_SIZES]; /* positions in `sizes`: of the reference size, the two others */
    } axes[MOST_OPEN_AXES];
};

/* How many values there are: those along axis 0, along axis 1, ..., and the combinations, of which
 * axis 0 changes first. */
int size_value_count(const struct size_samples *samples);
/* How many of them are combinations, and the marked size that an axis has in one. */
int combination_count(const struct size_samples *samples);
int64_t size_in_combination(const struct size_samples *samples, int combination, int axis);

/* More than that would not fit the arithmetic. */
#define MOST_FITTED_SIZE ((int64_t)1 << 20)
#define MOST_FITTED_VALUE ((int64_t)1 << 40)

/* A size that has these values, within the limits above. It may be, of one axis n, with integers a
 * to e,
 *
 *     b*n + a*((p*n + c) // d) + e      min(b*n + e, c*n + d)      max(...)
 *
 * and sums and products of such sizes of different axes. NULL where there is none, or where memory
 * of the arena is exhausted: `none` tells. */
const struct size *size_fit(const struct size_samples *samples, const int64_t *values,
                            struct arena *arena, bool *none);

#endif
