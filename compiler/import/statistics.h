/* Means and what is made of them, each division done as one. */
#ifndef EIGENTENSOR_IMPORT_STATISTICS_H
#define EIGENTENSOR_IMPORT_STATISTICS_H

#include "compiler/import/importer.h"

/* The sum over axes, which stay with extent 1, divided by how many elements it is of. */
struct tensor mean_over(struct tensor x, int axis_count, const int *axes);
/* The same of x * x. */
struct tensor mean_square_over(struct tensor x, int axis_count, const int *axes);

/* x divided by sqrt(mean square over axes + epsilon). */
struct tensor root_normalised(struct tensor x, int axis_count, const int *axes, double epsilon);

/* x less its mean over axes, times 1 / sqrt(variance + epsilon). */
struct standardised {
    struct tensor x;
    struct tensor mean, inverse; /* axes stay with extent 1 */
};
struct standardised standardise(struct tensor x, int axis_count, const int *axes, double epsilon);

#endif
