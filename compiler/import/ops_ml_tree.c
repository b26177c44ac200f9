/* The tree ensembles of ai.onnx.ml: nodes that know their trees, as versions 1 to 3 have them, and
 * TreeEnsemble, in which branches and leaves are apart. */
#include "compiler/import/meaning.h"
#include "compiler/import/ml_forest.h"
#include "compiler/import/ml_scores.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Lists that belong together ---- */

/* An attribute of integers, one for each of `count` things; refuses another number of them. */
static const int64_t *column(struct call *call, const char *name, int count) {
    struct integers list = call_table(call, name);
    if (list.count == count)
        return list.values;
    call_refuse(call, "%d numbers in \"%s\", expected %d", list.count, name, count);
    return NULL;
}

static const double *number_column(struct call *call, const char *name, const char *tensor_name,
                                   int count) {
    struct doubles list = call_numbers(call, name, tensor_name);
    if (list.count == count)
        return list.values;
    call_refuse(call, "%d numbers in \"%s\", expected %d", list.count, name ? name : tensor_name,
                count);
    return NULL;
}

/* Which says of NaN where it goes; may be left out. */
static const int64_t *missing_column(struct call *call, int count) {
    const char *name = "nodes_missing_value_tracks_true";
    struct integers list = call_table(call, name);
    return list.count ? column(call, name, count)
                      : arena_array(&call->importer->arena, int64_t, (size_t)count + 1);
}

/* ---- Nodes that know their trees ---- */

/* A node of the file, for finding it by its tree and its number within that. */
struct tree_place {
    int64_t tree, node;
    int index;
};

static int compare_places(const void *a, const void *b) {
    const struct tree_place *one = a, *other = b;
    if (one->tree != other->tree)
        return one->tree < other->tree ? -1 : 1;
    return (one->node > other->node) - (one->node < other->node);
}

struct tree_places {
    int count;
    struct tree_place *sorted;
};

static bool sort_places(struct call *call, int count, const int64_t *trees, const int64_t *nodes,
                        struct tree_places *places) {
    places->count = count;
    places->sorted = arena_array(&call->importer->arena, struct tree_place, (size_t)count + 1);
    for (int i = 0; i < count; i++)
        places->sorted[i] = (struct tree_place){trees[i], nodes[i], i};
    qsort(places->sorted, (size_t)count, sizeof *places->sorted, compare_places);
    for (int i = 1; i < count; i++)
        if (compare_places(&places->sorted[i - 1], &places->sorted[i]) == 0) {
            call_refuse(call, "node %" PRId64 " of tree %" PRId64 " is there twice",
                        places->sorted[i].node, places->sorted[i].tree);
            return false;
        }
    return true;
}

/* -1, and the node is refused, when there is none. */
static int find_place(struct call *call, const struct tree_places *places, int64_t tree,
                      int64_t node) {
    struct tree_place wanted = {tree, node, 0};
    const struct tree_place *found = bsearch(&wanted, places->sorted, (size_t)places->count,
                                             sizeof *places->sorted, compare_places);
    if (!found)
        call_refuse(call, "node %" PRId64 " of tree %" PRId64 ", which there is not", node, tree);
    return found ? found->index : -1;
}

static bool mode_named(struct call *call, ProtobufCBinaryData name, enum branch_mode *mode) {
    static const char *const names[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                        "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};
    enum { NAMES = sizeof names / sizeof names[0] };
    for (int i = 0; i < NAMES; i++)
        if (name.len == strlen(names[i]) && memcmp(name.data, names[i], name.len) == 0)
            return *mode = (enum branch_mode)i, true;
    if (name.len == 4 && memcmp(name.data, "LEAF", 4) == 0)
        return *mode = TREE_LEAF, true;
    call_refuse(call, "a node of no mode that there is");
    return false;
}

/* The lists of nodes, all of one length. */
struct node_lists {
    int count;
    const int64_t *trees, *nodes, *features, *yes, *no, *missing;
    const double *thresholds;
    const ProtobufCBinaryData *modes;
};

static bool read_node_lists(struct call *call, struct node_lists *lists) {
    struct integers trees = call_table(call, "nodes_treeids");
    struct spellings modes = call_spellings(call, "nodes_modes");
    int count = lists->count = trees.count;
    lists->trees = trees.values;
    lists->modes = modes.values;
    lists->nodes = column(call, "nodes_nodeids", count);
    lists->features = column(call, "nodes_featureids", count);
    lists->yes = column(call, "nodes_truenodeids", count);
    lists->no = column(call, "nodes_falsenodeids", count);
    lists->missing = missing_column(call, count);
    lists->thresholds = number_column(call, "nodes_values", "nodes_values_as_tensor", count);
    call_ignore(call, "nodes_hitrates"); /* how often a branch is taken */
    call_ignore(call, "nodes_hitrates_as_tensor");
    if (count < 1 || modes.count != count)
        call_refuse(call, "%d nodes with %d modes", count, modes.count);
    return count > 0 && modes.count == count && lists->nodes && lists->features && lists->yes &&
           lists->no && lists->missing && lists->thresholds;
}

static bool set_node(struct call *call, const struct node_lists *lists,
                     const struct tree_places *places, struct forest *forest, int index) {
    struct branch_of branch = {.threshold = lists->thresholds[index],
                               .nan_is_true = lists->missing[index] != 0};
    if (!mode_named(call, lists->modes[index], &branch.mode))
        return false;
    if (branch.mode == TREE_LEAF) {
        forest_set_leaf(forest, index);
        return true;
    }
    branch.yes = find_place(call, places, lists->trees[index], lists->yes[index]);
    branch.no = find_place(call, places, lists->trees[index], lists->no[index]);
    return forest_set_branch(call, forest, index, branch, lists->features[index]);
}

/* The first node of a tree is its root. */
static bool find_roots(struct call *call, const struct node_lists *lists,
                       const struct tree_places *places, struct forest *forest) {
    int trees = 0;
    forest->roots = arena_array(&call->importer->arena, int, (size_t)lists->count);
    for (int i = 0; i < lists->count; i++) {
        trees += i == 0 || places->sorted[i].tree != places->sorted[i - 1].tree;
        if (i == 0 || lists->trees[i] != lists->trees[i - 1])
            forest->roots[forest->tree_count++] = i;
    }
    if (trees != forest->tree_count)
        call_refuse(call, "the nodes of a tree do not stand together");
    return trees == forest->tree_count;
}

/* Who votes for what: "class" or "target" begins the names of the lists. */
static bool read_votes(struct call *call, const char *prefix, const struct tree_places *places,
                       struct forest *forest) {
    struct arena *arena = &call->importer->arena;
    struct integers trees = call_table(call, arena_format(arena, "%s_treeids", prefix));
    int count = trees.count;
    const int64_t *nodes = column(call, arena_format(arena, "%s_nodeids", prefix), count);
    const int64_t *targets = column(call, arena_format(arena, "%s_ids", prefix), count);
    const double *weights =
        number_column(call, arena_format(arena, "%s_weights", prefix),
                      arena_format(arena, "%s_weights_as_tensor", prefix), count);
    if (count == 0)
        return true;
    if (!nodes || !targets || !weights || !forest_reserve_votes(call, forest, count))
        return false;
    for (int i = 0; i < count; i++) {
        int leaf = find_place(call, places, trees.values[i], nodes[i]);
        if (leaf < 0 || !forest_vote(call, forest, leaf, targets[i], weights[i]))
            return false;
    }
    return true;
}

static bool read_forest(struct call *call, const char *prefix, struct forest *forest) {
    struct node_lists lists;
    struct tree_places places;
    if (!read_node_lists(call, &lists) || !forest_reserve(call, forest, lists.count) ||
        !sort_places(call, lists.count, lists.trees, lists.nodes, &places))
        return false;
    forest->count = lists.count;
    for (int i = 0; i < lists.count; i++)
        if (!set_node(call, &lists, &places, forest, i))
            return false;
    struct doubles base = call_numbers(call, "base_values", "base_values_as_tensor");
    for (int i = 0; i < base.count; i++)
        forest_note(forest, base.values[i]);
    return find_roots(call, &lists, &places, forest) && read_votes(call, prefix, &places, forest);
}

/* The scores and what is added to each behind all trees; refuses another number of them. */
static struct tensor with_base(struct call *call, struct tensor scores) {
    struct doubles list = call_numbers(call, "base_values", "base_values_as_tensor");
    int64_t count = tensor_extent(scores, 1);
    if (!list.count)
        return scores;
    if (list.count != count)
        return call_refuse(call, "%d base_values, expected %" PRId64, list.count, count);
    return tensor_add(scores,
                      number_table(call, "base", tensor_dtype(scores), 1, &count, list.values));
}

static enum aggregate aggregate_named(struct call *call) {
    static const char *const names[AGGREGATES] = {"AVERAGE", "SUM", "MIN", "MAX"};
    const char *name = call_text(call, "aggregate_function", "SUM");
    for (int i = 0; i < AGGREGATES; i++)
        if (strcmp(names[i], name) == 0)
            return (enum aggregate)i;
    call_refuse(call, "aggregate_function is none of the four that there are");
    return AGGREGATE_SUM;
}

struct tensor import_tree_ensemble_regressor(struct call *call) {
    enum post_transform transform = post_transform(call);
    struct forest forest = {.targets = call_int(call, "n_targets", 1),
                            .aggregate = aggregate_named(call)};
    struct tensor x = rows_of_features(call);
    if (!read_forest(call, "target", &forest))
        return NO_TENSOR;
    struct tensor scores = with_base(call, forest_scores(call, &forest, x));
    return tensor_cast(transformed(scores, transform), DTYPE_FLOAT32);
}

/* ---- Classes ---- */

/* Which class all votes are for, when they are for one of two; else -1. */
static int64_t only_class(const struct forest *forest) {
    int64_t class = forest->vote_count ? forest->votes[0].target : -1;
    for (int i = 0; i < forest->vote_count; i++)
        if (forest->votes[i].target != class)
            return -1;
    return forest->targets == 2 ? class : -1;
}

static bool are_shares(const struct forest *forest) {
    for (int i = 0; i < forest->vote_count; i++)
        if (forest->votes[i].weight < 0)
            return false;
    return true;
}

/* Votes for one of two classes are a score by themselves: a share of 1 when no weight is negative,
 * else one that says by its sign which class it is. Votes for the first class speak for the second
 * then; votes for the second class leave the first at 0. */
static struct tensor import_one_of_two(struct call *call, struct forest *forest,
                                       const struct classes *classes, enum post_transform transform,
                                       struct tensor x) {
    int64_t voted = only_class(forest);
    bool share = are_shares(forest);
    for (int i = 0; i < forest->vote_count; i++)
        forest->votes[i].target = 0;
    forest->targets = 1;
    struct tensor score = forest_scores(call, forest, x), zero = scalar_like(score, 0);
    if (voted == 0) {
        score = with_base(call, score);
        call_output(call, 1, tensor_cast(of_two_classes(score, transform, share), DTYPE_FLOAT32));
    } else if (call_numbers(call, "base_values", "base_values_as_tensor").count) {
        return call_refuse(call, "base_values where all votes are for the second of two classes");
    } else {
        struct tensor none = filled_like(score, tensor_dtype(score), 0);
        struct tensor both = transformed(tensor_concat(TENSORS(none, score), 1), transform);
        call_output(call, 1, tensor_cast(both, DTYPE_FLOAT32));
    }
    struct tensor second = tensor_lt(share ? scalar_like(score, 0.5) : zero, score);
    return labels_at(call, classes, as_position(tensor_reshape(second, SHAPE(-1))));
}

struct tensor import_tree_ensemble_classifier(struct call *call) {
    enum post_transform transform = post_transform(call);
    struct classes classes = classes_of(call, "classlabels_int64s", "classlabels_strings");
    struct forest forest = {.targets = classes.count, .aggregate = AGGREGATE_SUM};
    struct tensor x = rows_of_features(call);
    if (!read_forest(call, "class", &forest))
        return NO_TENSOR;
    if (only_class(&forest) >= 0)
        return import_one_of_two(call, &forest, &classes, transform, x);
    struct tensor scores = with_base(call, forest_scores(call, &forest, x));
    call_output(call, 1, tensor_cast(transformed(scores, transform), DTYPE_FLOAT32));
    return labels_at(call, &classes, tensor_argmax(scores, AXES(1)));
}

/* ---- TreeEnsemble ---- */

/* The lists of branches; leaves come behind them in the forest. */
struct branch_lists {
    int branches, leaves;
    const int64_t *features, *yes, *no, *yes_is_leaf, *no_is_leaf, *missing;
    const double *splits, *modes;
    struct doubles members;
    int member; /* the next of them that is to be used */
};

static bool read_branch_lists(struct call *call, struct branch_lists *lists) {
    struct integers features = call_table(call, "nodes_featureids");
    int count = lists->branches = features.count;
    lists->leaves = call_table(call, "leaf_targetids").count;
    lists->features = features.values;
    lists->yes = column(call, "nodes_truenodeids", count);
    lists->no = column(call, "nodes_falsenodeids", count);
    lists->yes_is_leaf = column(call, "nodes_trueleafs", count);
    lists->no_is_leaf = column(call, "nodes_falseleafs", count);
    lists->missing = missing_column(call, count);
    lists->splits = number_column(call, NULL, "nodes_splits", count);
    lists->modes = number_column(call, NULL, "nodes_modes", count);
    lists->members = call_numbers(call, NULL, "membership_values");
    call_ignore(call, "nodes_hitrates");
    if (count < 1 || lists->leaves < 1)
        call_refuse(call, "%d branches and %d leaves", count, lists->leaves);
    return count > 0 && lists->leaves > 0 && lists->yes && lists->no && lists->yes_is_leaf &&
           lists->no_is_leaf && lists->missing && lists->splits && lists->modes;
}

/* The node of a branch's way; -1, and the node is refused, when there is none. */
static int way(struct call *call, const struct branch_lists *lists, int64_t to, bool is_leaf) {
    int64_t count = is_leaf ? lists->leaves : lists->branches;
    if (to >= 0 && to < count)
        return (int)to + (is_leaf ? lists->branches : 0);
    call_refuse(call, "%s %" PRId64 " of %" PRId64, is_leaf ? "leaf" : "branch", to, count);
    return -1;
}

/* The next set of members: up to a NaN, or all that are left. */
static bool set_member(struct call *call, struct branch_lists *lists, struct forest *forest,
                       int index, struct branch_of branch) {
    int first = lists->member, end = first;
    if (first >= lists->members.count) {
        call_refuse(call, "membership_values of fewer sets than branches ask for");
        return false;
    }
    while (end < lists->members.count && !isnan(lists->members.values[end]))
        end++;
    lists->member = end + 1;
    double *values = arena_array(&call->importer->arena, double, (size_t)(end - first) + 1);
    for (int i = first; i < end; i++)
        values[i - first] = lists->members.values[i];
    return forest_set_member(call, forest, index, branch, lists->features[index], end - first,
                             values);
}

static bool set_branch(struct call *call, struct branch_lists *lists, struct forest *forest,
                       int index) {
    double mode = lists->modes[index];
    struct branch_of branch = {.threshold = lists->splits[index],
                               .nan_is_true = lists->missing[index] != 0};
    branch.yes = way(call, lists, lists->yes[index], lists->yes_is_leaf[index] != 0);
    branch.no = way(call, lists, lists->no[index], lists->no_is_leaf[index] != 0);
    if (!(mode >= 0 && mode < BRANCH_MODES)) {
        call_refuse(call, "a branch of mode %g, which there is not", mode);
        return false;
    }
    branch.mode = (enum branch_mode)mode;
    if (branch.mode == BRANCH_MEMBER)
        return set_member(call, lists, forest, index, branch);
    return forest_set_branch(call, forest, index, branch, lists->features[index]);
}

static bool read_leaves(struct call *call, const struct branch_lists *lists,
                        struct forest *forest) {
    const int64_t *targets = column(call, "leaf_targetids", lists->leaves);
    const double *weights = number_column(call, NULL, "leaf_weights", lists->leaves);
    if (!targets || !weights || !forest_reserve_votes(call, forest, lists->leaves))
        return false;
    for (int i = 0; i < lists->leaves; i++) {
        int node = lists->branches + i;
        forest_set_leaf(forest, node);
        if (!forest_vote(call, forest, node, targets[i], weights[i]))
            return false;
    }
    return true;
}

static bool read_roots(struct call *call, const struct branch_lists *lists, struct forest *forest) {
    struct integers roots = call_table(call, "tree_roots");
    if (!call_affords(call, roots.count))
        return false;
    forest->roots = arena_array(&call->importer->arena, int, (size_t)roots.count + 1);
    for (int i = 0; i < roots.count; i++) {
        int root = way(call, lists, roots.values[i], false);
        if (root < 0)
            return false;
        forest->roots[forest->tree_count++] = root;
    }
    return true;
}

static bool read_apart(struct call *call, struct forest *forest) {
    struct branch_lists lists = {0};
    if (!read_branch_lists(call, &lists) ||
        !forest_reserve(call, forest, (int64_t)lists.branches + lists.leaves))
        return false;
    forest->count = lists.branches + lists.leaves;
    for (int i = 0; i < lists.branches; i++)
        if (!set_branch(call, &lists, forest, i))
            return false;
    return read_leaves(call, &lists, forest) && read_roots(call, &lists, forest);
}

struct tensor import_tree_ensemble(struct call *call) {
    int64_t aggregate = call_int(call, "aggregate_function", AGGREGATE_SUM);
    int64_t transform = call_int(call, "post_transform", TRANSFORM_NONE);
    struct forest forest = {.targets = call_int(call, "n_targets", 0)};
    if (aggregate < 0 || aggregate >= AGGREGATES || transform < 0 || transform >= TRANSFORMS)
        return call_refuse(call, "aggregate_function %" PRId64 " and post_transform %" PRId64,
                           aggregate, transform);
    forest.aggregate = (enum aggregate)aggregate;
    struct tensor x = rows_of_features(call);
    if (!read_apart(call, &forest))
        return NO_TENSOR;
    struct tensor scores = forest_scores(call, &forest, x);
    return tensor_cast(transformed(scores, (enum post_transform)transform), tensor_dtype(x));
}
