/* Tensors whose extents along some axes depend on the data: counted tensors.
 *
 * Such a tensor has the greatest extent that there can be along each counted axis. The count of the
 * axis, an int64 of rank 0, says how many elements of it are true: the first ones, 0 .. extent of
 * them. What lies behind them is of no account: whatever came of it.  The graph stays static.
 *
 * An operator that finds things makes one:
 *
 *     struct tensor found = ...;                     all places where something can be found
 *     call_counts_output(call, 0, axis, count);      but so many, and they stand first
 *     return found;
 *
 * and everything else is done here.  An operator that is given one is built by its rule, the row of
 * counted_ops.def, which says what becomes of the count; one without a row is refused.  So builders
 * know nothing of counts, unless they import graphs within them (counted_of, counted). Outputs of
 * the model get zeros behind the count, and an output "NAME.count" beside them (graph.h).
 *
 * A counted tensor must not be the node of one that is not: what is made of constants only, or as
 * another tensor may be made, too, gets zeros behind the count (filled_behind). */
#ifndef EIGENTENSOR_IMPORT_COUNTED_H
#define EIGENTENSOR_IMPORT_COUNTED_H

#include "compiler/import/importer.h"

/* ---- Which tensors are counted (counted.c) ---- */

struct counted {
    struct tensor count; /* NO_TENSOR: it is not counted */
    int axis;
};
static inline bool is_counted(struct counted c) {
    return c.count.node != NULL;
}
/* All counted axes of a tensor. */
struct axis_counts {
    int count;
    struct counted list[MAX_RANK];
};
/* That of an axis, if it is counted. */
struct counted counted_along(const struct axis_counts *counts, int axis);
/* The axis is counted by `c.count` from now on. */
void count_along(struct axis_counts *counts, struct counted c);
/* Of a tensor of the graph at hand. */
struct axis_counts counts_of(struct importer *importer, struct tensor x);
/* x, which is counted so from now on. Counts that are computed alike are one. */
struct tensor counted(struct importer *importer, struct tensor x, const struct axis_counts *counts);
/* Whether two are counted in the same way, or both not. */
bool same_counted(struct counted a, struct counted b);
/* `a` where the scalar condition holds, else `b`, of the same dtype and rank: axes along which they
 * differ are counted then. NO_TENSOR where they cannot be one tensor. */
struct tensor select_counted(struct importer *importer, struct tensor condition, struct tensor a,
                             struct tensor b);
/* Output `index` of the node that is being built is counted, also along that axis. */
void call_counts_output(struct call *call, int index, int axis, struct tensor count);
/* What that input is, whatever its dtype was made: along the axis that its rule is asked about, or
 * its only one; and along all. */
struct counted call_counted(const struct call *call, int index);
struct axis_counts call_counts(const struct call *call, int index);

/* ---- What lies behind the count (counted.c) ---- */

/* Of the axis, as tall as x's rank: whether an element is before the count. */
struct tensor before_count(struct tensor x, struct counted c);
/* What takes the place of elements that do not count. */
enum fill {
    FILL_ZERO,
    FILL_ONE,
    FILL_LEAST,    /* of floats -infinity */
    FILL_GREATEST, /* of floats infinity */
    FILL_LAST,     /* what sorts last: of floats NaN */
};
/* x with that behind the count; x itself where it is not counted. */
struct tensor filled_behind(struct tensor x, struct counted c, enum fill fill);
struct tensor filled_behind_all(struct tensor x, const struct axis_counts *counts, enum fill fill);
/* x with a border along its counted axis, of elements that a Pad's mode takes from the axis (from
 * at least one); NO_TENSOR where it takes none (ops_slice.c). */
struct tensor border_by_count(struct call *call, struct tensor x, struct counted c,
                              struct range border);
/* How many bools are true, an int64 of rank 0. */
struct tensor count_of(struct tensor truths);
/* The positions of those that are true among bools of rank 1, in their order, and behind them those
 * of the others: int32. */
struct tensor places_of(struct tensor truths);
/* The number as an int64 of rank 0. */
struct tensor number64(struct tensor_context *context, int64_t value);

/* ---- Building (counted.c) ---- */

/* Looks at the inputs, before they are widened; true: some are counted. */
bool counted_inputs(struct call *call);
/* Builds the node by the rule of its operator. */
struct tensor build_counted(struct call *call);
/* Marks the outputs, once they have the dtype that they keep. */
void keep_counts(struct call *call);

/* A rule builds the node, with its inputs as they should be, and says of its outputs whether they
 * are counted. */
typedef struct tensor count_rule(struct call *call);
/* What a rule knows of: */
enum rule_axes {
    RULE_ONE,  /* one counted axis of each input; others are refused */
    RULE_EACH, /* the same, but it may be asked about each of input 0 in turn */
    RULE_ALL,  /* all of them */
};
struct counted_op {
    const char *domain, *name;
    count_rule *rule;
    enum rule_axes axes;
    enum fill fill; /* what reductions are to find behind the count */
};
const struct counted_op *counted_op_find(const char *domain, const char *name);
/* The names of the operators that have rules, for docs/onnx.md. */
void counted_describe(struct text *text);

#endif
