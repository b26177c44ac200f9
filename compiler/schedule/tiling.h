/* Tilings: how the loops of a contraction become the rows and columns of tiles. */
#ifndef EIGENTENSOR_TILING_H
#define EIGENTENSOR_TILING_H

#include "compiler/schedule/contraction.h"
#include "compiler/schedule/tile_kind.h"

struct candidate_visitor;

/* Where tiles read the panel: where it lies, in the order in which they read it, or in a copy
 * (copy_panel.h). */
enum panel_place { PANEL_IN_PLACE, PANEL_PACKED, PANEL_COPIED };

struct row_loop {
    const struct axis *loop;
    int64_t block;
};

struct loop_tiling {
    const struct tile_kind *kind;
    bool lanes; /* the stream goes lane by lane */
    const struct expression *stream, *panel;
    const struct axis *column;
    int columns, last_columns; /* 0: the columns divide */
    int rows;                  /* of a whole block, pooled ones included */
    int row_count;
    struct row_loop row_loops[MAX_RANK]; /* the first may leave a shorter last block */
    enum panel_place place;
    int64_t copied_elements;   /* of a copy of the panel; 0: there can be none */
    const struct axis *groups; /* where sums are taken in groups (group_sums.h); or NULL */
    int64_t grouped_extent;    /* of the sum that they are of, without what fills up the last */
    double cycles;
};

/* How many columns of the last panel are computed and not used. */
int64_t columns_beyond(const struct loop_tiling *tiling);

/* The cheapest of all tilings, or the one that the visitor (candidates.h; NULL: there is none)
 * insists on; false where tiles cannot run the contraction. */
bool find_tiling(const struct contraction *contraction, const struct candidate_visitor *visitor,
                 struct loop_tiling *tiling);

#endif
