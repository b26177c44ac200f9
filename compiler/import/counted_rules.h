/* The rules of counted_ops.def, and what they have in common. */
#ifndef EIGENTENSOR_IMPORT_COUNTED_RULES_H
#define EIGENTENSOR_IMPORT_COUNTED_RULES_H

#include "compiler/import/counted.h"

struct length; /* lengths.h */

#define COUNTED(domain, name, rule, axes, fill) count_rule count_##rule;
#include "compiler/import/counted_ops.def"
#undef COUNTED

/* The node as its operator builds it. */
static inline struct tensor build_plain(struct call *call) {
    return call->op->build(call);
}
/* The same, and all outputs are counted along that axis. */
struct tensor build_along(struct call *call, int axis, struct tensor count);
/* y has the elements of x in another shape: whether its axis `to` is the counted one, together with
 * `*times` elements that stood behind it. */
bool counted_goes_to(struct tensor x, int axis, struct tensor y, int to, int64_t *times);
/* A Reshape of counted axes: each is an axis of which the shape says 0 or -1, or, where the shape
 * is one of lengths (not NULL, one for each axis), as many times its count; or it is joined with
 * its neighbours in one of which the shape says -1. */
struct tensor reshape_counted(struct call *call, const struct length *lengths);
/* x with what the slice leaves of an axis, and of its count. */
struct tensor slice_counted(struct tensor x, struct slice slice, struct counted *c);
/* What is left from `from` to `to`, int64 of rank 0, of an axis with so many true elements: at most
 * `most`. Sets the count. */
struct tensor slice_between(struct tensor x, struct tensor from, struct tensor to, int64_t step,
                            int64_t most, struct counted *c, struct tensor count);
/* A Resize to sizes that are lengths (ops_resize.c). */
struct tensor resize_to_lengths(struct call *call, int count, const struct length *lengths);
/* Marks the axes that are listed, of so many. */
void mark_listed(struct call *call, struct integers axes, int rank, bool listed[MAX_RANK]);
/* Refuses the node for what is counted. */
struct tensor refuse_counted(struct call *call, const char *why);
/* The fill that the operator's row names. */
enum fill fill_of(const struct call *call);
/* Whether no input but those below `most` is counted; refuses the node otherwise. */
bool only_counted_below(struct call *call, int most);

#endif
