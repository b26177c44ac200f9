/* Blocking: how the loops around tiles are cut for the caches. */
#ifndef EIGENTENSOR_BLOCKING_H
#define EIGENTENSOR_BLOCKING_H

#include "compiler/target/target.h"

struct candidate_visitor;

struct blocking {
    int64_t sum_step; /* of the outermost sum */
    int64_t row_step; /* of the outermost row loop: its rows pass all panels before the next */
    double bytes;     /* that come from beyond L1, weighted; for comparison only */
};

/* Sizes in elements; `sums` is the extent of the outermost sum, `outer_rows` that of the outermost
 * row loop, which goes in steps of `outer_block`. */
struct blocking_sizes {
    int64_t depth, sums;
    int64_t rows, outer_rows, outer_block;
    int64_t tile_rows, columns, panels;
    int64_t stream_elements;                      /* distinct ones that all rows read */
    int64_t stream_bytes, panel_bytes, sum_bytes; /* of one element */
    bool may_split_sums;
};

/* The one that moves the fewest bytes, or the one that the visitor (candidates.h; NULL: there is
 * none) insists on. */
struct blocking find_blocking(const struct target *target, const struct blocking_sizes *sizes,
                              const struct candidate_visitor *visitor);

/* Cycles for a byte that was last used so many bytes ago. */
double byte_cycles(const struct target *target, double distance);

#endif
