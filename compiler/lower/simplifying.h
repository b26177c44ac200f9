/* A graph while it is simplified: simplify.c, and what makes nodes for it. */
#ifndef EIGENTENSOR_SIMPLIFYING_H
#define EIGENTENSOR_SIMPLIFYING_H

#include "compiler/graph/view.h"
#include "compiler/target/target.h"

struct simplifying {
    struct graph *result;
    const struct target *target;
    struct node **made;    /* by the old node's id: what stands for it */
    struct view **known;   /* by the new node's id: its elements, if they are known now */
    int64_t *origin_bytes; /* by the new node's id: the largest list of elements behind it */
    int capacity;          /* new nodes that known and origin_bytes have room for */
    double steps_left;     /* of evaluation */
    struct et_error *error;
};

/* Adds a node of which sources and attributes are set, or what it folds to; NULL and an error when
 * memory is exhausted. */
struct node *simplify_make(struct simplifying *simplifying, const struct node *node);
/* The elements, which are copied, as a weight of the simplified graph: dtype, shape and origin are
 * those of `like`. `what` tells it from others of the same origin. */
struct node *simplify_constant(struct simplifying *simplifying, const struct node *like,
                               const char *what, const void *elements);

/* narrow.c: gives a contraction in int32 whose operands are 8-bit integers less their zero points
 * as one of casts of 8-bit integers, uint8 or int8 by int8, which tiles of the target multiply as
 * they are, and what the zero points add to it. *made stays NULL where it is not such a
 * contraction, or would not run as tiles. False and an error when memory is exhausted. */
bool narrow_contraction(struct simplifying *simplifying, const struct node *contraction,
                        struct node **made);
/* Gives (x - a) + b of int32 constants a and b as x + (b - a), for targets whose zero points always
 * add something; as above. */
bool narrow_addition(struct simplifying *simplifying, const struct node *addition,
                     struct node **made);

#endif
