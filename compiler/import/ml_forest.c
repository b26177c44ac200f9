#include "compiler/import/ml_forest.h"

#include "compiler/import/meaning.h"
#include "compiler/import/ml_scores.h"
#include "compiler/import/positions.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum {
    MOST_DEPTH = 1024, /* steps of a walk */
    MOST_TREE_NODES = 1 << 26,
};

/* ---- Nodes ---- */

bool forest_reserve(struct call *call, struct forest *forest, int64_t count) {
    int64_t capacity = forest->capacity + count;
    if (count > MOST_TREE_NODES || capacity > MOST_TREE_NODES) {
        call_refuse(call, "more than %d nodes", MOST_TREE_NODES);
        return false;
    }
    if (!call_affords(call, count))
        return false;
    size_t width = sizeof *forest->nodes;
    forest->nodes = arena_resize(&call->importer->arena, forest->nodes,
                                 (size_t)forest->capacity * width, (size_t)capacity * width);
    forest->capacity = (int)capacity;
    return true;
}

void forest_set_leaf(struct forest *forest, int index) {
    forest->nodes[index] = (struct branch){.yes = index, .no = index};
}

/* The float64 that x is compared with by <= or ==; NaN: the answer is always no. */
static double double_threshold(const struct branch *node) {
    if (!node->below)
        return node->threshold;
    return node->threshold == -(double)INFINITY ? (double)NAN
                                                : nextafter(node->threshold, -(double)INFINITY);
}

/* The same of float32: the greatest that is not above the threshold, or is below it. */
static float float_threshold(const struct branch *node) {
    double t = node->threshold;
    float nearest = (float)t;
    if (node->equal)
        return (double)nearest == t ? nearest : NAN;
    if (node->below && t == -(double)INFINITY)
        return NAN;
    bool beyond = node->below ? (double)nearest >= t : (double)nearest > t;
    return beyond ? nextafterf(nearest, -INFINITY) : nearest;
}

/* How a mode is said, and whether yes and no change places. */
struct mode_facts {
    bool equal, below, exchanged;
};
static const struct mode_facts mode_facts[BRANCH_MODES] = {
    [BRANCH_LEQ] = {false, false, false}, [BRANCH_LT] = {false, true, false},
    [BRANCH_GTE] = {false, true, true},   [BRANCH_GT] = {false, false, true},
    [BRANCH_EQ] = {true, false, false},   [BRANCH_NEQ] = {true, false, true},
};

static void set_branch(struct forest *forest, int index, struct branch_of branch) {
    if (isnan(branch.threshold) && branch.mode != BRANCH_NEQ)
        branch.mode = BRANCH_LEQ; /* whatever is compared with NaN, the answer is no */
    const struct mode_facts *facts = &mode_facts[branch.mode];
    bool nan_is_true = branch.nan_is_true || branch.mode == BRANCH_NEQ;
    forest->nodes[index] = (struct branch){
        .feature = branch.feature,
        .threshold = branch.threshold,
        .yes = facts->exchanged ? branch.no : branch.yes,
        .no = facts->exchanged ? branch.yes : branch.no,
        .equal = facts->equal,
        .below = facts->below,
        .nan_yes = nan_is_true != facts->exchanged,
    };
}

static bool check_branch(struct call *call, int index, const struct branch_of *branch,
                         int64_t feature) {
    if (branch->yes < 0 || branch->no < 0)
        return false;
    if (feature < 0 || feature > INT32_MAX)
        call_refuse(call, "a branch asks for feature %" PRId64, feature);
    else if (branch->yes == index || branch->no == index)
        call_refuse(call, "a branch leads to itself");
    else
        return true;
    return false;
}

bool forest_set_branch(struct call *call, struct forest *forest, int index, struct branch_of branch,
                       int64_t feature) {
    if (!check_branch(call, index, &branch, feature))
        return false;
    branch.feature = (int)feature;
    set_branch(forest, index, branch);
    return true;
}

static int compare_numbers(const void *a, const void *b) {
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

/* Halves the sorted values until one is left. NaN is below none, so it meets the last one. */
static void set_search(struct forest *forest, int index, struct branch_of branch, int count,
                       const double *values) {
    struct branch_of here = branch;
    here.mode = count > 1 ? BRANCH_LT : BRANCH_EQ;
    here.threshold = count ? values[count / 2] : (double)NAN;
    if (count > 1) {
        here.nan_is_true = false;
        here.yes = forest->count++;
        here.no = forest->count++;
        set_search(forest, here.yes, branch, count / 2, values);
        set_search(forest, here.no, branch, count - count / 2, values + count / 2);
    }
    set_branch(forest, index, here);
}

bool forest_set_member(struct call *call, struct forest *forest, int index, struct branch_of branch,
                       int64_t feature, int count, double *values) {
    int64_t more = count > 1 ? 2 * ((int64_t)count - 1) : 0;
    if (!check_branch(call, index, &branch, feature))
        return false;
    branch.feature = (int)feature;
    if (forest->count + more > forest->capacity &&
        !forest_reserve(call, forest, forest->count + more))
        return false;
    qsort(values, (size_t)count, sizeof *values, compare_numbers);
    set_search(forest, index, branch, count, values);
    return true;
}

void forest_note(struct forest *forest, double number) {
    forest->wide |= !isnan(number) && (double)(float)number != number;
}

static bool is_leaf(const struct forest *forest, int index) {
    return forest->nodes[index].yes == index && forest->nodes[index].no == index;
}

bool forest_reserve_votes(struct call *call, struct forest *forest, int count) {
    if (!call_affords(call, count))
        return false;
    forest->votes = arena_array(&call->importer->arena, struct vote, (size_t)count + 1);
    return true;
}

bool forest_vote(struct call *call, struct forest *forest, int node, int64_t target,
                 double weight) {
    bool of_extremes = forest->aggregate == AGGREGATE_MIN || forest->aggregate == AGGREGATE_MAX;
    if (target < 0 || target >= forest->targets) {
        call_refuse(call, "a leaf speaks for target %" PRId64 " of %" PRId64, target,
                    forest->targets);
        return false;
    }
    if (of_extremes && !isfinite(weight))
        call_refuse(call, "the least or greatest of weights that are not finite");
    if (!is_leaf(forest, node))
        return true;
    forest->votes[forest->vote_count++] = (struct vote){node, (int)target, weight};
    forest_note(forest, weight);
    return true;
}

/* ---- Order and depth ---- */

/* What the walk needs to know. Nodes that no root leads to are left out. */
struct forest_survey {
    int *place; /* by node: among the leaves, or among the branches; -1: none leads there */
    int *tree;  /* by node: the first that comes there */
    int leaves, branches;
    int *order;            /* nodes, as they were found */
    int depth;             /* of the deepest leaf */
    bool shared;           /* some node is of several trees */
    bool equal, less, nan; /* kinds of branches that there are */
    int64_t features;
};

struct visit {
    struct forest_survey *survey;
    const struct forest *forest;
    int *height; /* 0: not met; -1: on the way; else steps to the deepest leaf, and one */
    int *stack;
    int stacked;
};

static void meet(struct visit *visit, int index, int tree) {
    struct forest_survey *survey = visit->survey;
    const struct branch *node = &visit->forest->nodes[index];
    bool leaf = is_leaf(visit->forest, index);
    survey->order[survey->leaves + survey->branches] = index;
    survey->place[index] = leaf ? survey->leaves++ : survey->branches++;
    survey->tree[index] = tree;
    visit->height[index] = leaf ? 1 : -1;
    if (leaf)
        return;
    survey->equal |= node->equal;
    survey->less |= !node->equal;
    survey->nan |= node->nan_yes;
    if (node->feature >= survey->features)
        survey->features = (int64_t)node->feature + 1;
    visit->stack[visit->stacked++] = node->no;
    visit->stack[visit->stacked++] = node->yes;
}

/* The node on top of the stack, whose ways lie above it until they have been gone. */
static bool visit_top(struct visit *visit, int tree) {
    int index = visit->stack[visit->stacked - 1];
    const struct branch *node = &visit->forest->nodes[index];
    if (visit->height[index] == 0) {
        meet(visit, index, tree);
        return true;
    }
    visit->stacked--;
    visit->survey->shared |= visit->survey->tree[index] != tree;
    if (visit->height[index] > 0)
        return true;
    int yes = visit->height[node->yes], no = visit->height[node->no];
    if (yes < 0 || no < 0)
        return false; /* a way back */
    visit->height[index] = 1 + (yes > no ? yes : no);
    return true;
}

/* Goes through all trees, each node once. */
static bool survey_forest(struct call *call, const struct forest *forest,
                          struct forest_survey *survey) {
    struct arena *arena = &call->importer->arena;
    size_t count = (size_t)forest->count + 1;
    struct visit visit = {.survey = survey, .forest = forest};
    *survey = (struct forest_survey){.place = arena_array(arena, int, count),
                                     .tree = arena_array(arena, int, count),
                                     .order = arena_array(arena, int, count)};
    visit.height = arena_array(arena, int, count);
    visit.stack = arena_array(arena, int, 2 * count + 1);
    for (int i = 0; i < forest->count; i++)
        survey->place[i] = -1;
    for (int tree = 0; tree < forest->tree_count; tree++) {
        visit.stack[visit.stacked++] = forest->roots[tree];
        while (visit.stacked)
            if (!visit_top(&visit, tree)) {
                call_refuse(call, "a tree with a way that leads back");
                return false;
            }
        if (visit.height[forest->roots[tree]] - 1 > survey->depth)
            survey->depth = visit.height[forest->roots[tree]] - 1;
    }
    if (survey->depth > MOST_DEPTH) {
        call_refuse(call, "a tree of depth %d, expected at most %d", survey->depth, MOST_DEPTH);
        return false;
    }
    return call_affords(call, 64 * (int64_t)survey->depth);
}

/* ---- The walk ---- */

struct forest_walk {
    struct tensor feature, threshold, yes, no;
    struct tensor equal, nan_yes; /* bool; NO_TENSOR where none is */
    struct tensor x;              /* all rows in one */
    struct tensor row;            /* where each of them begins: (rows, 1) */
    bool less;                    /* some branch is <= */
};

/* Leaves come first, then one more with no votes, then branches. */
static int place_of(const struct forest *forest, const struct forest_survey *survey, int index) {
    return survey->place[index] + (is_leaf(forest, index) ? 0 : survey->leaves + 1);
}

static void lay_tables(struct call *call, const struct forest *forest,
                       const struct forest_survey *survey, struct tensor x,
                       struct forest_walk *walk) {
    struct arena *arena = &call->importer->arena;
    int64_t count = (int64_t)survey->leaves + 1 + survey->branches;
    int32_t *feature = arena_array(arena, int32_t, (size_t)count);
    int32_t *yes = arena_array(arena, int32_t, (size_t)count);
    int32_t *no = arena_array(arena, int32_t, (size_t)count);
    double *threshold = arena_array(arena, double, (size_t)count);
    uint8_t *equal = arena_array(arena, uint8_t, (size_t)count);
    uint8_t *nan_yes = arena_array(arena, uint8_t, (size_t)count);
    bool wide = tensor_dtype(x) == DTYPE_FLOAT64;
    yes[survey->leaves] = no[survey->leaves] = survey->leaves;
    for (int i = 0; i < survey->leaves + survey->branches; i++) {
        const struct branch *node = &forest->nodes[survey->order[i]];
        int at = place_of(forest, survey, survey->order[i]);
        feature[at] = node->feature;
        threshold[at] = wide ? double_threshold(node) : (double)float_threshold(node);
        yes[at] = place_of(forest, survey, node->yes);
        no[at] = place_of(forest, survey, node->no);
        equal[at] = node->equal;
        nan_yes[at] = node->nan_yes;
    }
    walk->feature = import_table(call, "feature", DTYPE_INT32, 1, &count, feature);
    walk->threshold = number_table(call, "threshold", tensor_dtype(x), 1, &count, threshold);
    walk->yes = import_table(call, "yes", DTYPE_INT32, 1, &count, yes);
    walk->no = import_table(call, "no", DTYPE_INT32, 1, &count, no);
    walk->less = survey->less;
    if (survey->equal && survey->less)
        walk->equal = import_table(call, "equal", DTYPE_BOOL, 1, &count, equal);
    if (survey->nan)
        walk->nan_yes = import_table(call, "nan", DTYPE_BOOL, 1, &count, nan_yes);
}

/* Rows one behind another: an element's position is its row's beginning and its feature. */
static void lay_rows(struct forest_walk *walk, struct tensor x) {
    int64_t rows = tensor_extent(x, 0), features = tensor_extent(x, 1), elements = rows * features;
    enum dtype dtype = elements > INT32_MAX ? DTYPE_INT64 : DTYPE_INT32;
    struct tensor row = tensor_iota(x.context, dtype, rows);
    row = tensor_mul(row, position(x.context, dtype, features));
    walk->x = tensor_reshape(x, SHAPE(elements));
    walk->row = tensor_reshape(row, SHAPE(rows, 1));
}

static struct tensor step_from(const struct forest_walk *walk, struct tensor at) {
    struct tensor feature = tensor_gather(walk->feature, 0, at);
    feature = tensor_cast(feature, tensor_dtype(walk->row));
    struct tensor value = tensor_gather(walk->x, 0, tensor_add(walk->row, feature));
    struct tensor threshold = tensor_gather(walk->threshold, 0, at), says_yes;
    struct tensor equal = tensor_eq(value, threshold), less = tensor_le(value, threshold);
    if (is_given(walk->equal))
        says_yes = tensor_where(tensor_gather(walk->equal, 0, at), equal, less);
    else
        says_yes = walk->less ? less : equal;
    if (is_given(walk->nan_yes)) {
        struct tensor nan_yes = tensor_gather(walk->nan_yes, 0, at);
        says_yes = tensor_or(says_yes, tensor_and(tensor_ne(value, value), nan_yes));
    }
    return tensor_where(says_yes, tensor_gather(walk->yes, 0, at), tensor_gather(walk->no, 0, at));
}

/* The leaf at which each row ends from each root: int32 (rows or 1, roots). */
static struct tensor leaves_from(struct call *call, const struct forest *forest,
                                 const struct forest_survey *survey, struct tensor x, int64_t count,
                                 const int32_t *roots) {
    struct forest_walk walk = {0};
    struct tensor at = import_table(call, "roots", DTYPE_INT32, 2, (int64_t[]){1, count}, roots);
    if (survey->depth == 0)
        return at;
    lay_tables(call, forest, survey, x, &walk);
    lay_rows(&walk, x);
    for (int step = 0; step < survey->depth; step++)
        at = step_from(&walk, at);
    return at;
}

/* ---- Votes ---- */

/* Which trees stand beside each other, a row for each target; or all of them in one row, and a leaf
 * has a weight for each target. */
struct arrangement {
    bool by_target;
    int64_t rows, columns;
    int32_t *roots; /* places */
};

enum { NO_TARGET = -1, MANY_TARGETS = -2 };

/* The one target for which each tree's leaves speak. */
static int64_t *targets_of_trees(struct call *call, const struct forest *forest,
                                 const struct forest_survey *survey) {
    int64_t *targets = arena_array(&call->importer->arena, int64_t, (size_t)forest->tree_count + 1);
    for (int tree = 0; tree < forest->tree_count; tree++)
        targets[tree] = NO_TARGET;
    for (int i = 0; i < forest->vote_count; i++) {
        const struct vote *vote = &forest->votes[i];
        if (survey->place[vote->leaf] < 0)
            continue;
        int64_t *target = &targets[survey->tree[vote->leaf]];
        *target = *target == NO_TARGET || *target == vote->target ? vote->target : MANY_TARGETS;
    }
    return targets;
}

/* How many trees speak for the target that has most; 0 when some tree speaks for several. */
static int64_t longest_row(struct call *call, const struct forest *forest,
                           const struct forest_survey *survey, const int64_t *targets) {
    int64_t longest = 1;
    int64_t *lengths = arena_array(&call->importer->arena, int64_t, (size_t)forest->targets);
    for (int tree = 0; tree < forest->tree_count; tree++) {
        if (targets[tree] == MANY_TARGETS || (survey->shared && forest->targets > 1))
            return 0;
        if (targets[tree] != NO_TARGET && ++lengths[targets[tree]] > longest)
            longest = lengths[targets[tree]];
    }
    return longest;
}

static struct arrangement arrange(struct call *call, const struct forest *forest,
                                  const struct forest_survey *survey) {
    struct arena *arena = &call->importer->arena;
    const int64_t *targets = targets_of_trees(call, forest, survey);
    int64_t longest = longest_row(call, forest, survey, targets), trees = forest->tree_count;
    struct arrangement a = {.rows = forest->targets, .columns = longest};
    a.by_target = forest->targets == 1 || (longest && longest * forest->targets <= 2 * trees);
    if (!a.by_target || forest->targets == 1)
        a.rows = 1, a.columns = trees;
    int64_t *filled = arena_array(arena, int64_t, (size_t)a.rows);
    a.roots = arena_array(arena, int32_t, (size_t)(a.rows * a.columns));
    for (int64_t i = 0; i < a.rows * a.columns; i++)
        a.roots[i] = survey->leaves; /* the leaf with no votes */
    for (int tree = 0; tree < forest->tree_count; tree++) {
        int64_t row = a.rows == 1 ? 0 : targets[tree];
        if (row != NO_TARGET)
            a.roots[row * a.columns + filled[row]++] =
                place_of(forest, survey, forest->roots[tree]);
    }
    return a;
}

/* What changes no result. */
static const double neutral[AGGREGATES] = {
    [AGGREGATE_MIN] = (double)INFINITY, [AGGREGATE_MAX] = -(double)INFINITY};

static double combined(const struct forest *forest, double a, double b) {
    if (forest->aggregate == AGGREGATE_MIN)
        return b < a ? b : a;
    if (forest->aggregate == AGGREGATE_MAX)
        return b > a ? b : a;
    return forest->wide ? a + b : (double)(float)(a + b);
}

/* The weights of leaves, one each or one for each target. */
static struct tensor weights_of_leaves(struct call *call, const struct forest *forest,
                                       const struct forest_survey *survey, bool by_target) {
    int64_t shape[2] = {(int64_t)survey->leaves + 1, forest->targets}, elements = shape[0];
    if ((!by_target && !checked_multiply(shape[0], shape[1], &elements)) ||
        !call_affords(call, elements))
        return call_refuse(call, "too many leaves and targets");
    double *weights = arena_array(&call->importer->arena, double, (size_t)elements);
    for (int64_t i = 0; i < elements; i++)
        weights[i] = neutral[forest->aggregate];
    for (int i = 0; i < forest->vote_count; i++) {
        const struct vote *vote = &forest->votes[i];
        int place = survey->place[vote->leaf];
        double *weight = &weights[by_target ? place : place * shape[1] + vote->target];
        if (place >= 0)
            *weight = combined(forest, *weight, vote->weight);
    }
    return number_table(call, "weights", forest->wide ? DTYPE_FLOAT64 : DTYPE_FLOAT32,
                        by_target ? 1 : 2, shape, weights);
}

/* Over one axis of (rows, .., ..). A product with 1 is added in the order of the axis. */
static struct tensor aggregated(const struct forest *forest, struct tensor x, int axis) {
    struct tensor identity = scalar_like(x, neutral[forest->aggregate]), y;
    switch (forest->aggregate) {
    case AGGREGATE_MIN:
        y = tensor_reduce_min(x, AXES(axis));
        return tensor_where(tensor_eq(y, identity), scalar_like(x, 0), y);
    case AGGREGATE_MAX:
        y = tensor_reduce_max(x, AXES(axis));
        return tensor_where(tensor_eq(y, identity), scalar_like(x, 0), y);
    case AGGREGATE_AVERAGE:
        y = tensor_contract(x, scalar_like(x, 1), AXES(axis));
        return divide_exactly(y, forest->tree_count);
    default:
        return tensor_contract(x, scalar_like(x, 1), AXES(axis));
    }
}

struct tensor forest_scores(struct call *call, struct forest *forest, struct tensor x) {
    struct forest_survey survey;
    int64_t rows = tensor_extent(x, 0);
    if (forest->targets < 1 || forest->targets > MAX_CONSTANT || forest->tree_count < 1)
        return call_refuse(call, "%d trees for %" PRId64 " targets", forest->tree_count,
                           forest->targets);
    forest->wide |= tensor_dtype(x) == DTYPE_FLOAT64;
    if (!survey_forest(call, forest, &survey))
        return NO_TENSOR;
    if (survey.features > tensor_extent(x, 1))
        return call_refuse(call, "feature %" PRId64 " of %" PRId64, survey.features - 1,
                           tensor_extent(x, 1));
    struct arrangement a = arrange(call, forest, &survey);
    struct tensor at = leaves_from(call, forest, &survey, x, a.rows * a.columns, a.roots);
    struct tensor weights = weights_of_leaves(call, forest, &survey, a.by_target);
    struct tensor votes = tensor_gather(weights, 0, at);
    if (a.by_target)
        votes = tensor_reshape(votes, SHAPE(tensor_extent(votes, 0), a.rows, a.columns));
    struct tensor scores = aggregated(forest, votes, a.by_target ? 2 : 1);
    return tensor_expand(scores, SHAPE(rows, forest->targets));
}
