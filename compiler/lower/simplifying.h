/* A graph while it is simplified, and how nodes are added to it. */
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

/* Adds a node of which sources and attributes are set, or the constant that it folds to, unless it
 * is equal to a source; gives what it is then. NULL and an error when memory is exhausted. */
struct node *simplify_make(struct simplifying *simplifying, const struct node *node);
/* The elements, which are copied, as a weight of the simplified graph: dtype, shape and origin are
 * those of `like`. `what` tells it from others of the same origin. */
struct node *simplify_constant(struct simplifying *simplifying, const struct node *like,
                               const char *what, const void *elements);

#endif
