/* Copies of panels: what windows share lies there once, with columns side by side. */
#ifndef EIGENTENSOR_COPY_PANEL_H
#define EIGENTENSOR_COPY_PANEL_H

#include "compiler/schedule/tiling.h"

/* Along one dimension of the operand, the copy has elements lowest, lowest + step, .... */
struct copied_dimension {
    int64_t lowest, step, extent;
};

/* An axis that moves the copy along a dimension of its own, since along that of the columns it goes
 * on by no whole step of theirs. Of a sum's axis that is an inner part of so many elements; its
 * outer part goes along the columns. */
struct copied_apart {
    const struct axis *axis;
    int64_t coefficient, extent;
};

struct panel_copy {
    const struct contraction *contraction;
    const struct expression *load;
    const struct axis *column;
    int along; /* the dimension of the operand that the columns run along */
    struct copied_dimension dimensions[MAX_RANK];
    int apart_count;
    struct copied_apart apart[MAX_RANK];
    int64_t row;      /* elements from one row of columns to the next */
    int64_t elements; /* of the copy */
};

/* How a copy of the panel would lie of which tiles read so many columns beyond the last; false
 * where it cannot, or is not much smaller than a packed panel. */
bool plan_panel_copy(const struct contraction *contraction, const struct expression *load,
                     const struct axis *column, int64_t beyond, struct panel_copy *copy);

/* Lets the tiling read its panel from a copy. The contraction's sum is another one then, where axes
 * had to be split. Gives the statement that copies, to run before the tile. */
struct statement *copy_panel(struct contraction *contraction, struct loop_tiling *tiling,
                             struct kernel *kernel);

#endif
