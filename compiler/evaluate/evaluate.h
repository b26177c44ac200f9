/* The evaluator: what each operation of ops.def does to whole tensors, one node at a time. The
 * eager interpreter and constant folding call nothing else. */
#ifndef EIGENTENSOR_EVAL_H
#define EIGENTENSOR_EVAL_H

#include "compiler/graph/view.h"

/* Larger results are refused. */
#define MAX_RESULT_BYTES ((int64_t)1 << 32)

/* Computes a node (any but an input) from the values of its sources, which have its sources' shapes
 * and dtypes. Bools are 0 or 1. On success *result describes the elements, and *buffer is either
 * the row-major memory that holds them, to be freed with et_release, or NULL when *result looks
 * at the first source's elements, or for a leaf at the node's own; those of a weight that are not
 * aligned are copied. Ends early, and fails, when
 * `stop` (which may be NULL) says so; moving elements is not interrupted. */
bool evaluate(const struct node *node, const struct view *sources, struct stop *stop,
              struct view *result, void **buffer, struct et_error *error);

/* How many elements evaluate() goes through for a node, about: its results, or all those that are
 * added up to them. */
double evaluation_steps(const struct node *node);

/* evaluate(), or another meaning of operations. */
typedef bool evaluate_node(const struct node *node, const struct view *sources, struct stop *stop,
                           struct view *result, void **buffer, struct et_error *error);

/* scan.c: all steps of a scan whose result has elements, each node of the body by `evaluate`. The
 * states go into `result`, which has the scan's shape and the dtype that `evaluate` gives states.
 * Fails, with an error, where memory runs out, a node fails or `stop` (which may be NULL) ends it.
 */
bool evaluate_scan(evaluate_node *evaluate, const struct node *node, const struct view *sources,
                   struct stop *stop, const struct view *result, struct et_error *error);

/* Replaces every NaN by the one quiet NaN of its dtype; nothing to do for integers and bool. */
void quiet_nans(enum dtype dtype, void *elements, int64_t count);

/* What follows belongs to the evaluator: by class, each fills `result`, a zeroed row-major buffer,
 * unless `stop` (which may be NULL) ends it. */

/* eval_elementwise.c: unary, binary and ternary */
void evaluate_elementwise(const struct node *node, const struct view *sources, struct stop *stop,
                          const struct view *result);
/* eval_convert.c */
void evaluate_convert(const struct node *node, const struct view *source, struct stop *stop,
                      const struct view *result);
/* eval_movement.c: iota, reshape, pad, concat, gather */
void evaluate_movement(const struct node *node, const struct view *sources, struct stop *stop,
                       const struct view *result);
/* eval_reduce.c */
void evaluate_reduce(const struct node *node, const struct view *source, struct stop *stop,
                     const struct view *result);
/* eval_contract.c */
void evaluate_contract(const struct node *node, const struct view *sources, struct stop *stop,
                       const struct view *result);
/* argsort.c; false, and an error, where memory runs out */
bool evaluate_argsort(const struct node *node, const struct view *source, struct stop *stop,
                      const struct view *result, struct et_error *error);
/* scatter.c */
void evaluate_scatter(const struct node *node, const struct view *sources, struct stop *stop,
                      const struct view *result);

/* Separates `source` into the axes named by node->axes, in their order, and the others. */
void separate_axes(const struct node *node, const struct view *source, struct view *named,
                   struct view *others);

#endif
