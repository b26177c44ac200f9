/* What the files of the rewrite `integers` share: float32 nodes that are integers times scales. */
#ifndef EIGENTENSOR_INTEGERS_H
#define EIGENTENSOR_INTEGERS_H

#include "compiler/rewrite/rewriting.h"

/* float32 holds all integers up to there. */
enum { MOST_FLOAT_INTEGER = 1 << 24 };

/* A float32 node that stands for integer * scale, where the scale depends on no input. */
struct scaled {
    bool found;
    int64_t low, high;     /* what the integer is between; int32 holds both */
    struct view scale;     /* float32, positive, over the axes of the node */
    bool powers;           /* all scales are powers of two */
    bool exact;            /* the node has the bits of float32(integer) * scale */
    bool summed;           /* its integer comes from a contraction that became one of integers */
    const char *name;      /* of the weights there; "": they have none */
    struct tensor integer; /* in the new graph: int32, of the node's shape */
};

/* Scales of both, multiplied or divided, in float32. False: one is not positive and normal, or the
 * greatest number is not finite, or they are too many. Requires a scale over the node's axes. */
enum scale_form { SCALE_TIMES, SCALE_OVER };
bool scale_by(struct rewriting *rewriting, struct scaled *scaled, const struct view *by,
              enum scale_form form);
/* Whether a view has one number for all elements. */
bool scale_is_uniform(const struct view *scale);
/* Whether two scales of one shape are the same; without `exactly`, but for their last two bits. */
bool scales_agree(const struct view *a, const struct view *b, bool exactly);

/* Narrows what an integer node is between, as far as it can be seen: starts with its dtype. */
void integer_bounds(struct rewriting *rewriting, const struct node *node, int64_t *low,
                    int64_t *high);
/* What no partial sum of a contraction of two scaled nodes is beyond, in any order of summing; as
 * near as it takes to tell whether int32 holds it, and float32 where all scales are powers of two.
 * More than INT32_MAX: there is no such bound. */
int64_t sum_bound(struct rewriting *rewriting, const struct node *contract,
                  const struct scaled *sources);

#endif
