/* Lengths: integers that say shapes, of which some depend on the data.
 *
 * The shape of a counted tensor is computed when the graph runs, as its count is. What takes a
 * tensor for a shape must know it before: its greatest extents, and which of them a count says.
 * So of such integers it is kept beside their nodes what each is: factor * count + offset, of one
 * count or none. Operators that move and add them hand that on (lengths_follow); those that take
 * shapes build by it (asked_shapes.c), and there integers that a run computes in any other way
 * become counts of their own, where they have a bound (elements.h). */
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
enum { MOST_LENGTHS = 64 }; /* of one tensor */

static inline bool length_varies(const struct length *length) {
    return length->count.node && length->factor;
}
/* The greatest that it can be. */
int64_t length_most(const struct length *length);
/* What one that varies is when the graph runs: int64, of rank 0. */
struct tensor length_now(const struct length *length);
/* Integers in the place of x, of its dtype and rank. */
struct tensor list_like(struct tensor x, int count, const int64_t *values);

/* Of a tensor of the graph at hand, of rank 0 or 1. */
struct lengths lengths_of(struct importer *importer, struct tensor x);
/* Whether a length is so many times that count. */
bool is_times(const struct length *length, struct tensor count, int64_t times);
/* x, whose elements are these from now on. */
struct tensor with_lengths(struct importer *importer, struct tensor x, struct lengths lengths);

/* Whether the node takes a shape that a run computes (asked_shapes.c). */
bool takes_lengths(struct call *call);
/* Builds it, then. */
struct tensor build_of_lengths(struct call *call);
/* The bound of an integer that a run computes, of one element; -1: none is found. */
int64_t integer_bound(struct call *call, struct tensor x);
/* After a node was built: says of its outputs which lengths they are, and makes those known of
 * which that is so whatever the counts are. */
void lengths_follow(struct call *call);

#endif
