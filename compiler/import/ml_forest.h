/* Decision trees as tables.
 *
 * All rows and all trees walk at once: at = where(x[feature[at]] <= threshold[at], yes[at],
 * no[at]), as often as the deepest leaf is deep. Leaves lead to themselves. So every mode of a
 * branch is said with <= or ==: x < t is x <= the float below t, x > t is x <= t with the ways
 * exchanged. Ways may meet again, but not lead back. */
#ifndef EIGENTENSOR_IMPORT_ML_FOREST_H
#define EIGENTENSOR_IMPORT_ML_FOREST_H

#include "compiler/import/importer.h"

enum branch_mode { /* in TreeEnsemble's numbers, but for leaves */
                   BRANCH_LEQ,
                   BRANCH_LT,
                   BRANCH_GTE,
                   BRANCH_GT,
                   BRANCH_EQ,
                   BRANCH_NEQ,
                   BRANCH_MEMBER,
                   BRANCH_MODES,
                   TREE_LEAF = BRANCH_MODES,
};

struct branch {
    int feature;
    double threshold;
    int yes, no;  /* nodes; of a leaf its own */
    bool equal;   /* ==, not <= */
    bool below;   /* <, not <= */
    bool nan_yes; /* where NaN goes */
};

/* What a leaf adds to one target. */
struct vote {
    int leaf, target;
    double weight;
};

enum aggregate { AGGREGATE_AVERAGE, AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX, AGGREGATES };

struct forest {
    int count, capacity;
    struct branch *nodes;
    int tree_count;
    int *roots; /* in the order in which their leaves are added up */
    int vote_count;
    struct vote *votes;
    int64_t targets;
    enum aggregate aggregate;
    bool wide; /* votes are added up in float64: not all are float32 */
};

/* Room for nodes that are set later; false when the node is refused. */
bool forest_reserve(struct call *call, struct forest *forest, int64_t count);
/* A leaf with no votes. */
void forest_set_leaf(struct forest *forest, int index);
/* A branch. The modes say no for NaN, but that x != t, and `nan_is_true` says yes. */
struct branch_of {
    enum branch_mode mode;
    int feature;
    double threshold;
    int yes, no; /* nodes; negative: refused already */
    bool nan_is_true;
};
/* One of any mode but BRANCH_MEMBER. False, and the node is refused, for a feature that there
 * cannot be and for one that leads to itself. */
bool forest_set_branch(struct call *call, struct forest *forest, int index, struct branch_of branch,
                       int64_t feature);
/* The same, of whether the feature is one of the values: a search among them, in nodes behind the
 * others. The values are sorted. */
bool forest_set_member(struct call *call, struct forest *forest, int index, struct branch_of branch,
                       int64_t feature, int count, double *values);

/* Notes whether a number that is added up is none of float32. */
void forest_note(struct forest *forest, double number);
/* Room for that many votes; false when the node is refused. */
bool forest_reserve_votes(struct call *call, struct forest *forest, int count);
/* One of them. False, and the node is refused, for a target that there is not. Votes of branches do
 * not count. */
bool forest_vote(struct call *call, struct forest *forest, int node, int64_t target, double weight);

/* What the leaves add up to for each row of x (rows, features) and target: (rows, targets). Each
 * target's sum begins with +0; trees are added in their order, what a leaf says more than once is
 * added up before. Targets for which no leaf speaks get 0. In float64 where x is, or where votes
 * are not all float32. */
struct tensor forest_scores(struct call *call, struct forest *forest, struct tensor x);

#endif
