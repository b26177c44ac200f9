/* Greedy: tries one simpler variant of the graph after another and goes on with each that still
 * fails, until none does. A variant is the graph built anew with one edit; later nodes take over
 * the shapes that follow, where they can, and otherwise the variant is dropped. */
#include "tests/support/shrink.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum edit_kind {
    EDIT_NOTHING,
    EDIT_ONLY_OUTPUT, /* the node is the only output */
    EDIT_DROP_OUTPUT, /* output `choice` */
    EDIT_TO_INPUT,    /* a new input instead of the node */
    EDIT_TO_CONSTANT, /* all elements `choice` (0 or 1) instead of the node */
    EDIT_BYPASS,      /* source `choice` instead of the node */
    EDIT_ALL_EXTENTS, /* `to` wherever a shape is stated as `from` */
    EDIT_LEAF_EXTENT, /* `to` on axis `choice` of a leaf */
    EDIT_NO_PADDING,  /* before axis `choice` / 2, or after where `choice` is odd */
    EDIT_NO_VALUE,    /* of a pad */
    EDIT_WINDOW_SIZE, /* `to` */
    EDIT_WINDOW_STEP, /* stride and dilation 1 */
    EDIT_DROP_SOURCE, /* of a concat: `choice` */
    EDIT_DROP_AXIS,   /* of a flip, reduction or contraction: `choice` */
};

struct edit {
    enum edit_kind kind;
    int node;
    int choice;
    int64_t from, to;
};

/* A graph being built anew. */
struct rebuild {
    const struct graph *old;
    const struct edit *edit;
    const bool *kept; /* by old id; NULL: all */
    struct graph *graph;
    struct node **image; /* by old id */
};

static bool stated_shape(enum op op) {
    return op_facts[op].class == CLASS_LEAF || op == OP_RESHAPE || op == OP_EXPAND;
}

static void unused_name(const struct graph *graph, char name[32]) {
    int serial = 0;
    do
        snprintf(name, 32, "cut%d", serial++);
    while (graph_find_input(graph, name));
}

static struct node *replacement(struct rebuild *rebuild, const struct node *node) {
    const struct edit *edit = rebuild->edit;
    if (edit->kind == EDIT_BYPASS && edit->choice < node->source_count)
        return rebuild->image[node->sources[edit->choice]->id];
    char name[32];
    unused_name(rebuild->old, name);
    struct node leaf = {.op = OP_INPUT, .dtype = node->dtype, .name = name, .rank = node->rank};
    memcpy(leaf.shape, node->shape, sizeof leaf.shape);
    uint64_t bits = 0;
    if (edit->kind == EDIT_TO_CONSTANT) {
        const uint64_t float_ones[DTYPE_COUNT] = {[DTYPE_FLOAT32] = 0x3f800000,
                                                  [DTYPE_FLOAT64] = 0x3ff0000000000000,
                                                  [DTYPE_FLOAT16] = 0x3c00,
                                                  [DTYPE_BFLOAT16] = 0x3f80};
        uint64_t one = dtype_is_integer(node->dtype) ? 1 : float_ones[node->dtype];
        bits = edit->choice ? one : 0;
        leaf.op = OP_CONST;
        leaf.name = NULL;
        leaf.value = &bits;
        leaf.value_count = 1;
    }
    return graph_append(rebuild->graph, &leaf, NULL);
}

/* Ids move while a round goes on, so an edit may meet another node than it was meant for. */
static void drop_source(struct node *node, int choice) {
    if (choice >= node->source_count)
        return;
    node->source_count--;
    memmove(node->sources + choice, node->sources + choice + 1,
            (size_t)(node->source_count - choice) * sizeof *node->sources);
}

static void drop_axis(struct node *node, int choice) {
    if (choice >= node->axis_count)
        return;
    node->axis_count--;
    memmove(node->axes + choice, node->axes + choice + 1,
            (size_t)(node->axis_count - choice) * sizeof *node->axes);
}

static bool same_leaf(const struct node *a, const struct node *b) {
    return a == b || (a->op == OP_WEIGHT && b->op == OP_WEIGHT && strcmp(a->name, b->name) == 0);
}

static void edit_node(const struct rebuild *rebuild, const struct node *old, struct node *node) {
    const struct edit *edit = rebuild->edit;
    if (edit->kind == EDIT_ALL_EXTENTS)
        for (int i = 0; i < MAX_RANK; i++) {
            if (i < old->rank && stated_shape(old->op) && node->shape[i] == edit->from)
                node->shape[i] = edit->to;
            if (old->op == OP_SHRINK && node->after[i] == edit->from)
                node->after[i] = edit->to;
        }
    if (edit->kind == EDIT_LEAF_EXTENT && same_leaf(rebuild->old->nodes[edit->node], old))
        node->shape[edit->choice] = edit->to;
    if (edit->node != old->id)
        return;
    if (edit->kind == EDIT_NO_PADDING)
        (edit->choice % 2 ? node->after : node->before)[edit->choice / 2] = 0;
    else if (edit->kind == EDIT_NO_VALUE)
        node->value = NULL, node->value_count = 0;
    else if (edit->kind == EDIT_WINDOW_SIZE)
        node->size = edit->to;
    else if (edit->kind == EDIT_WINDOW_STEP)
        node->stride = node->dilation = 1;
    else if (edit->kind == EDIT_DROP_SOURCE && old->op == OP_CONCAT)
        drop_source(node, edit->choice);
    else if (edit->kind == EDIT_DROP_AXIS)
        drop_axis(node, edit->choice);
}

/* Makes the axis after which the elements are as many as the source's, if there is one. */
static void adapt_reshape(struct node *node) {
    int64_t wanted = node_elements(node->sources[0]);
    for (int i = node->rank - 1; i >= 0 && node_elements(node) != wanted; i--) {
        int64_t rest = node->shape[i] ? node_elements(node) / node->shape[i] : 0;
        if (rest > 0 && wanted % rest == 0)
            node->shape[i] = wanted / rest;
    }
}

/* The nearest attributes that the sources, as they are now, allow. */
static void adapt(struct node *node) {
    const struct node *source = node->source_count ? node->sources[0] : NULL;
    if (node->op == OP_RESHAPE)
        adapt_reshape(node);
    for (int i = 0; source && i < source->rank; i++) {
        if (node->op == OP_EXPAND && source->shape[i] != 1)
            node->shape[i] = source->shape[i];
        if (node->op != OP_SHRINK)
            continue;
        if (node->after[i] > source->shape[i])
            node->after[i] = source->shape[i];
        if (node->before[i] >= node->after[i])
            node->before[i] = node->after[i] - (node->shape[i] > 0);
    }
    if (node->op == OP_CONST && node->value_count != 1)
        node->value_count = node_elements(node);
}

/* Weights' elements come along, so that they live as long as the new graph. */
static bool bring_elements(struct graph *graph, struct node *node) {
    if (node->op != OP_WEIGHT)
        return true;
    node->value_count = node_elements(node);
    void *copy =
        arena_allocate(&graph->arena, (size_t)node->value_count, dtype_facts[node->dtype].bytes);
    if (copy)
        memcpy(copy, node->value, (size_t)node_bytes(node));
    node->value = copy;
    return copy;
}

static bool rebuild_node(struct rebuild *rebuild, const struct node *old) {
    const struct edit *edit = rebuild->edit;
    bool replaced =
        edit->kind == EDIT_TO_INPUT || edit->kind == EDIT_TO_CONSTANT || edit->kind == EDIT_BYPASS;
    if (replaced && edit->node == old->id)
        return (rebuild->image[old->id] = replacement(rebuild, old));
    struct node node = *old;
    struct node *sources[MAX_SOURCES];
    for (int k = 0; k < old->source_count; k++)
        sources[k] = rebuild->image[old->sources[k]->id];
    node.sources = sources;
    edit_node(rebuild, old, &node);
    adapt(&node);
    /* A leaf that grew would need elements that do not exist. */
    if (node.source_count == 0 && node_elements(&node) > node_elements(old))
        return false;
    return bring_elements(rebuild->graph, &node) &&
           (rebuild->image[old->id] = graph_append(rebuild->graph, &node, NULL));
}

/* Outputs that are counted, and what counts them, are so again, unless one of them was dropped. */
static bool count_outputs(struct rebuild *rebuild) {
    const struct edit *edit = rebuild->edit;
    int dropped = edit->kind == EDIT_DROP_OUTPUT ? edit->choice : INT_MAX;
    for (int i = 0; i < rebuild->old->output_count; i++) {
        const struct output *output = &rebuild->old->outputs[i];
        int by = output->count - 1;
        if (by < 0 || i == dropped || by == dropped)
            continue;
        if (!graph_count_output(rebuild->graph, i - (i > dropped), output->counted_axis,
                                by - (by > dropped), NULL))
            return false;
    }
    return true;
}

static bool rebuild_outputs(struct rebuild *rebuild) {
    const struct edit *edit = rebuild->edit;
    if (edit->kind == EDIT_ONLY_OUTPUT)
        return graph_add_output(rebuild->graph, "y", rebuild->image[edit->node], NULL);
    for (int i = 0; i < rebuild->old->output_count; i++) {
        const struct output *output = &rebuild->old->outputs[i];
        if (edit->kind == EDIT_DROP_OUTPUT && edit->choice == i)
            continue;
        if (!graph_add_output(rebuild->graph, output->name, rebuild->image[output->node->id], NULL))
            return false;
    }
    return rebuild->graph->output_count > 0 && count_outputs(rebuild);
}

/* NULL when the edit does not fit the graph. */
static struct graph *rebuild_graph(const struct graph *old, const struct edit *edit,
                                   const bool *kept) {
    struct rebuild rebuild = {.old = old, .edit = edit, .kept = kept};
    rebuild.graph = graph_new(old->name);
    rebuild.image = et_allocate((size_t)old->node_count, sizeof *rebuild.image);
    bool good = rebuild.graph && rebuild.image;
    for (int i = 0; good && i < old->node_count; i++)
        if (!kept || kept[i])
            good = rebuild_node(&rebuild, old->nodes[i]);
    good = good && rebuild_outputs(&rebuild);
    et_release(rebuild.image);
    if (good)
        return rebuild.graph;
    graph_free(rebuild.graph);
    return NULL;
}

/* Without the nodes that no output needs. */
static struct graph *without_dead(const struct graph *graph) {
    bool *kept = et_allocate((size_t)graph->node_count, sizeof *kept);
    if (!kept)
        return NULL;
    for (int i = 0; i < graph->output_count; i++)
        kept[graph->outputs[i].node->id] = true;
    for (int i = graph->node_count - 1; i >= 0; i--)
        for (int k = 0; kept[i] && k < graph->nodes[i]->source_count; k++)
            kept[graph->nodes[i]->sources[k]->id] = true;
    struct graph *alive = rebuild_graph(graph, &(struct edit){.kind = EDIT_NOTHING}, kept);
    et_release(kept);
    return alive;
}

static struct graph *edited(const struct graph *graph, const struct edit *edit) {
    struct graph *variant = rebuild_graph(graph, edit, NULL);
    struct graph *alive = variant ? without_dead(variant) : NULL;
    graph_free(variant);
    return alive;
}

/* What is to become small. */
static double cost_of(const struct graph *graph) {
    double cost = graph->output_count;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        bool listed = node->op == OP_CONST && node->value_count != 1;
        cost += 1e12 + 1e3 * (double)node_elements(node);
        cost += node->axis_count + node->source_count + (node->op == OP_PAD && node->value);
        cost += node->op == OP_INPUT ? 1 : node->op == OP_WEIGHT ? 2 : listed ? 3 : 0;
        if (node->op == OP_WINDOW)
            cost += (double)(node->stride + node->dilation + node->size);
        for (int k = 0; node->op == OP_PAD && k < node->rank; k++)
            cost += (double)(node->before[k] + node->after[k]);
    }
    return cost;
}

struct search {
    struct graph *graph; /* the smallest so far */
    shrink_predicate *fails;
    void *context;
    int tries; /* left */
};

/* True when the edited graph is smaller and fails too; it is the graph then. */
static bool try_edit(struct search *search, struct edit edit) {
    if (search->tries <= 0 || edit.node >= search->graph->node_count)
        return false;
    struct graph *variant = edited(search->graph, &edit);
    if (!variant)
        return false;
    bool better = cost_of(variant) < cost_of(search->graph) && verify_graph(variant, NULL);
    if (better) {
        search->tries--;
        better = search->fails(variant, search->context);
    }
    if (better) {
        graph_free(search->graph);
        search->graph = variant;
    } else {
        graph_free(variant);
    }
    return better;
}

static bool try_outputs(struct search *search) {
    bool any = false;
    for (int i = 0; i < search->graph->node_count; i++)
        if (try_edit(search, (struct edit){.kind = EDIT_ONLY_OUTPUT, .node = i}))
            return true;
    for (int i = search->graph->output_count - 1; i >= 0; i--)
        any |= try_edit(search, (struct edit){.kind = EDIT_DROP_OUTPUT, .choice = i});
    return any;
}

static bool try_replacements(struct search *search) {
    bool any = false;
    for (int i = search->graph->node_count - 1; i >= 0; i--) {
        bool done = try_edit(search, (struct edit){.kind = EDIT_TO_CONSTANT, .node = i}) ||
                    try_edit(search, (struct edit){.kind = EDIT_TO_INPUT, .node = i});
        for (int k = 0; !done && i < search->graph->node_count; k++) {
            if (k >= search->graph->nodes[i]->source_count)
                break;
            done = try_edit(search, (struct edit){.kind = EDIT_BYPASS, .node = i, .choice = k});
        }
        done = done ||
               try_edit(search, (struct edit){.kind = EDIT_TO_CONSTANT, .node = i, .choice = 1});
        any |= done;
    }
    return any;
}

/* Smaller values for an extent, the boldest first. */
static bool try_extent(struct search *search, struct edit edit, int64_t extent) {
    const int64_t smaller[] = {1, 2, 3, extent / 2, extent - 1};
    for (size_t i = 0; i < sizeof smaller / sizeof *smaller; i++) {
        edit.to = smaller[i];
        if (edit.to >= 1 && edit.to < extent && try_edit(search, edit))
            return true;
    }
    return false;
}

static bool try_extents(struct search *search) {
    bool any = false;
    for (int i = 0; i < search->graph->node_count; i++)
        for (int k = 0; i < search->graph->node_count && k < search->graph->nodes[i]->rank; k++) {
            const struct node *node = search->graph->nodes[i];
            int64_t extent = node->shape[k];
            if (!stated_shape(node->op) || extent == 1)
                continue;
            struct edit edit = {.kind = EDIT_ALL_EXTENTS, .node = i, .from = extent};
            bool done = try_extent(search, edit, extent);
            edit = (struct edit){.kind = EDIT_LEAF_EXTENT, .node = i, .choice = k};
            if (!done && node->source_count == 0)
                done = try_extent(search, edit, extent);
            any |= done;
        }
    return any;
}

static bool try_attributes_of(struct search *search, int id) {
    const struct node node = *search->graph->nodes[id];
    bool any = false;
    struct edit edit = {.node = id};
    edit.kind = EDIT_NO_PADDING;
    for (edit.choice = 0; node.op == OP_PAD && edit.choice < 2 * node.rank; edit.choice++)
        any |= try_edit(search, edit);
    edit.kind = EDIT_NO_VALUE;
    any |= node.op == OP_PAD && node.value && try_edit(search, edit);
    edit.kind = EDIT_WINDOW_SIZE;
    any |= node.op == OP_WINDOW && try_extent(search, edit, node.size);
    edit.kind = EDIT_WINDOW_STEP;
    any |= node.op == OP_WINDOW && try_edit(search, edit);
    edit.kind = EDIT_DROP_SOURCE;
    for (edit.choice = node.source_count - 1; node.op == OP_CONCAT && edit.choice >= 0;
         edit.choice--)
        any |= try_edit(search, edit);
    edit.kind = EDIT_DROP_AXIS;
    for (edit.choice = node.axis_count - 1; node.op != OP_PERMUTE && edit.choice >= 0;
         edit.choice--)
        any |= try_edit(search, edit);
    return any;
}

static bool try_attributes(struct search *search) {
    bool any = false;
    for (int i = 0; i < search->graph->node_count; i++)
        any |= try_attributes_of(search, i);
    return any;
}

struct graph *shrink(const struct graph *graph, shrink_predicate *fails, void *context, int tries,
                     struct et_error *error) {
    struct search search = {.fails = fails, .context = context, .tries = tries};
    search.graph = rebuild_graph(graph, &(struct edit){.kind = EDIT_NOTHING, .node = -1}, NULL);
    if (!search.graph) {
        et_fail(error, "out of memory");
        return NULL;
    }
    bool smaller = true;
    while (smaller) {
        smaller = try_outputs(&search);
        smaller |= try_replacements(&search);
        smaller |= try_extents(&search);
        smaller |= try_attributes(&search);
    }
    return search.graph;
}
