/* Lengths: integers that say shapes, of which some depend on the data.
 *
 * The shape of a counted tensor is computed when the graph runs, as its count is. What takes a
 * tensor for a shape must know it before: its greatest extents, and which of them a count says.
 * So of such integers it is kept beside their nodes what each is: factor * count + offset, of one
 * count or none. Operators that move and add them hand that on (lengths_follow); those that take
 * shapes build by it (lengths.c). */
#ifndef EIGENTENSOR_IMPORT_LENGTHS_H
#define EIGENTENSOR_IMPORT_LENGTHS_H

#include "compiler/import/counted.h"

/* One integer: factor * count + offset. */
struct length {
    struct tensor count; /* NO_TENSOR: it is the offset */
    int64_t factor, offset;
    int64_t most; /* that the count can be */
};
struct lengths {
    int count; /* 0: it is no such tensor */
    const struct length *list;
};
/* Of a tensor of the graph at hand, of rank 0 or 1. */
struct lengths lengths_of(struct importer *importer, struct tensor x);
/* Whether a length is so many times that count. */
bool is_times(const struct length *length, struct tensor count, int64_t times);
/* x, whose elements are these from now on. */
struct tensor with_lengths(struct importer *importer, struct tensor x, struct lengths lengths);

/* Whether the node takes lengths for a shape. */
bool takes_lengths(const struct call *call);
/* Builds it, then. */
struct tensor build_of_lengths(struct call *call);
/* After a node was built: says of its outputs which lengths they are, and makes those known of
 * which that is so whatever the counts are. */
void lengths_follow(struct call *call);

#endif
