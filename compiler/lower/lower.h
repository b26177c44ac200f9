/* From a graph to loops, blind to the machine but for the integers that its tiles multiply:
 * passes.def says what each pass needs. */
#ifndef EIGENTENSOR_LOWER_H
#define EIGENTENSOR_LOWER_H

#include "compiler/ir/ir.h"

/* What a statement's value may grow to where others move into it. */
enum {
    LARGEST_VALUE = 1024, /* expressions and terms of indices, as expression_extent counts them */
    DEEPEST_GUARDS = 24,  /* guards in guards */
};

/* simplify.c
 * requires a verified graph with weights bound
 * provides an equal graph: constants folded, equal nodes merged, identities gone, dead nodes gone.
 * Both it and *folded, which owns the folded constants, are the caller's to free, on failure too.
 */
struct graph *simplify(const struct graph *graph, const struct target *target,
                       struct graph **folded, struct et_error *error);

/* lower.c
 * provides a statement for every node that computes, and for every output; no movement is left */
void lower(struct ir *ir);

/* scan_body.c: a scan's body as a graph to compile. Inputs stay at their positions; those that are
 * given constants are not read: the constants stand in the graph, where they can be folded and
 * packed. Requires a scan of a simplified graph, whose values of weights it looks at. The caller
 * frees it; NULL and an error when memory is exhausted. */
struct graph *scan_body(const struct node *scan, struct et_error *error);
/* The inputs that the kernels of a compiled body read, by position: how many. */
int list_body_inputs(struct ir *body, struct buffer ***inputs);

/* fuse.c
 * provides fewer statements: producers inlined into their consumers where no work is done twice */
void fuse(struct ir *ir);

/* pool_sums.c: of a statement of fuse's, for a machine without vectors: maxima of what is made of
 * sums become what is made of the greatest sum. */
void pool_sums(struct ir *ir, struct statement *statement);

/* split_axes.c
 * provides loops and stores; axes split until divisions and remainders are gone wherever extents
 * allow; no axis of extent 1; reductions of at most 16 elements unrolled into their lanes */
void split_axes(struct ir *ir);
/* The same for one statement that has loops already, if asked for also for loops that guards test.
 * Whether anything was split. */
bool split_statement_axes(struct ir *ir, struct statement *statement, bool tested_too);
/* How much of a loop is whole periods of the longest division or remainder that cuts it: what is
 * left keeps the loop from being split. */
int64_t whole_periods(struct ir *ir, const struct statement *statement, const struct axis *axis);

/* unroll.c */

/* What each lane of a reduction starts from, and the binary operation that it repeats. */
uint64_t identity_bits(enum op op, enum dtype dtype);
enum op combining_op(enum op op);
/* Whether a reduction has no more elements than there are lanes. */
bool unrolls(const struct expression *e);
/* What a lane holds after its first element; and the tree over such lanes, where `lane` is given in
 * terms of the reduction's axes, once they have taken any further elements. */
const struct expression *begin_lane(struct ir *ir, const struct expression *reduce,
                                    const struct expression *element);
const struct expression *combine_lanes(struct ir *ir, const struct expression *reduce,
                                       const struct expression *lane);
const struct expression *unroll_small_reductions(struct ir *ir, const struct expression *value);

/* partition_loops.c
 * provides statements for parts of buffers, in most of which nothing is guarded any more */
void partition_loops(struct ir *ir);

/* eliminate_copies.c
 * provides buffers that take in those that were only copied into them; statements that store
 * constants around them come right after, in the same kernel */
void eliminate_copies(struct ir *ir);

/* fuse_loops.c
 * provides nests: plain statements over the same loops that run in one innermost loop; no load of
 * what another statement of the nest stores at the same point */
void fuse_loops(struct ir *ir);

#endif
