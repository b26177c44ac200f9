/* One random operation of the table, applied to what the graph has so far. */
#include "tests/support/random_graph.h"

#include <string.h>

static void shuffle(struct generator *generator, int count, int *items) {
    for (int i = count - 1; i > 0; i--) {
        int k = (int)generator_between(generator, 0, i), item = items[i];
        items[i] = items[k];
        items[k] = item;
    }
}

/* A random subset of a node's axes, ascending. */
static int pick_axes(struct generator *generator, const struct node *node, int *axes) {
    static const int shares[] = {0, 30, 50, 50, 70, 100};
    int count = 0, share = generator_pick(generator, shares);
    for (int i = 0; i < node->rank; i++)
        if (generator_chance(generator, share))
            axes[count++] = i;
    return count;
}

/* A source with at least one axis. */
static struct node *find_ranked(struct generator *generator, const char *letters) {
    struct node *node = find_node(generator, letters);
    return node->rank ? node : append_reshape(generator, node, 1, (int64_t[]){1});
}

/* The elements' prime factors dealt anew to axes. */
static void step_reshape_anew(struct generator *generator, struct node *node) {
    int64_t shape[MAX_RANK], rest = node_elements(node);
    int rank = (int)generator_between(generator, rest != 1 ? 1 : 0, 5);
    for (int i = 0; i < rank; i++)
        shape[i] = 1;
    if (rest == 0)
        shape[generator_between(generator, 0, rank - 1)] = 0;
    for (int64_t factor = 2; rest > 1; factor++) {
        if (factor * factor > rest)
            factor = rest;
        for (; rest % factor == 0; rest /= factor)
            shape[generator_between(generator, 0, rank - 1)] *= factor;
    }
    append_reshape(generator, node, rank, shape);
}

static void step_reshape_merge(struct generator *generator, struct node *node) {
    int64_t shape[MAX_RANK];
    int rank = 0, merged = (int)generator_between(generator, 1, node->rank - 1);
    for (int i = 0; i < node->rank; i++) {
        if (i == merged)
            shape[rank - 1] *= node->shape[i];
        else
            shape[rank++] = node->shape[i];
    }
    append_reshape(generator, node, rank, shape);
}

static void step_reshape_split(struct generator *generator, struct node *node) {
    int64_t shape[MAX_RANK];
    int rank = 0, split = (int)generator_between(generator, 0, node->rank - 1);
    for (int i = 0; i < node->rank; i++) {
        int64_t extent = node->shape[i], factor = 1;
        for (int64_t f = 1; i == split && f < extent; f++)
            if (extent % f == 0 && generator_chance(generator, 60))
                factor = f;
        if (i == split)
            shape[rank++] = factor;
        shape[rank++] = extent / factor;
    }
    append_reshape(generator, node, rank, shape);
}

static void step_reshape(struct generator *generator) {
    struct node *node = find_node(generator, "FIBS");
    int64_t choice = generator_between(generator, 0, 2);
    if (choice == 0 && node->rank >= 2)
        step_reshape_merge(generator, node);
    else if (choice == 1 && node->rank >= 1)
        step_reshape_split(generator, node);
    else
        step_reshape_anew(generator, node);
}

static void step_permute(struct generator *generator) {
    struct node *node = find_node(generator, "FIBS");
    int axes[MAX_RANK];
    for (int i = 0; i < node->rank; i++)
        axes[i] = i;
    shuffle(generator, node->rank, axes);
    append_permute(generator, node, axes);
}

/* Inserts an axis, or takes those of extent 1 that are there, and repeats. */
static void step_expand(struct generator *generator) {
    struct node *node = find_node(generator, "FIBS");
    int64_t ones[MAX_RANK], shape[MAX_RANK], elements = node_elements(node);
    int rank = 0, inserted = (int)generator_between(generator, 0, node->rank);
    for (int i = 0; i <= node->rank; i++) {
        if (i == inserted)
            ones[rank++] = 1;
        if (i < node->rank)
            ones[rank++] = node->shape[i];
    }
    for (int i = 0; i < rank; i++) {
        int64_t extent = generator_between(generator, 1, 9);
        bool repeat = ones[i] == 1 && elements * extent <= generator->most_elements;
        shape[i] = repeat ? extent : ones[i];
        elements *= repeat ? extent : 1;
    }
    append_expand(generator, append_reshape(generator, node, rank, ones), shape);
}

static void step_pad(struct generator *generator) {
    struct node *node = find_node(generator, "FIBS");
    int64_t before[MAX_RANK], after[MAX_RANK];
    struct node padded = *node;
    for (int i = 0; i < node->rank; i++) {
        before[i] = generator_between(generator, 0, 3);
        after[i] = generator_chance(generator, 40) ? before[i] : generator_between(generator, 0, 3);
        padded.shape[i] = node->shape[i] + before[i] + after[i];
        if (node_elements(&padded) > generator->most_elements || generator_chance(generator, 30)) {
            before[i] = after[i] = 0;
            padded.shape[i] = node->shape[i];
        }
    }
    bool zero = generator_chance(generator, 40);
    append_pad(generator, node, before, after, zero ? NULL : pick_value(generator, node->dtype));
}

static struct node *cut(struct generator *generator, struct node *node) {
    int64_t begin[MAX_RANK], end[MAX_RANK];
    for (int i = 0; i < node->rank; i++) {
        int64_t extent = node->shape[i];
        bool whole = generator_chance(generator, 40);
        whole |= extent == 0;
        begin[i] = whole ? 0 : generator_between(generator, 0, extent - 1);
        end[i] = whole ? extent : generator_between(generator, begin[i] + 1, extent);
        if (generator->empties && generator_chance(generator, 8))
            begin[i] = end[i];
    }
    return append_shrink(generator, node, begin, end);
}

static void step_flip(struct generator *generator) {
    struct node *node = find_node(generator, "FIBS");
    struct node prototype = {.op = OP_FLIP, .source_count = 1, .sources = &node};
    prototype.axis_count = pick_axes(generator, node, prototype.axes);
    append(generator, &prototype);
}

static void step_window(struct generator *generator) {
    struct node *node = find_ranked(generator, "FIBS");
    int axis = (int)generator_between(generator, 0, node->rank - 1);
    int64_t extent = node->shape[axis], size = generator_between(generator, 1, 5);
    int64_t stride = generator_between(generator, 1, 3), dilation = 1;
    if (size > extent)
        size = extent;
    if (extent == 0)
        return;
    if (size > 1)
        dilation = generator_between(generator, 1, (extent - 1) / (size - 1));
    dilation = dilation > 3 ? 3 : dilation;
    if (node_elements(node) * size <= generator->most_elements)
        append_window(generator, node, axis, size, stride, dilation);
}

/* The node itself, a piece of it along `axis`, or something new of such a shape. */
static struct node *part_along(struct generator *generator, struct node *node, int axis) {
    if (generator_chance(generator, 30))
        return node;
    int64_t shape[MAX_RANK], begin[MAX_RANK] = {0};
    memcpy(shape, node->shape, sizeof shape);
    shape[axis] = generator_between(generator, node->shape[axis] ? 1 : 0, node->shape[axis]);
    if (generator->empties && generator_chance(generator, 20))
        shape[axis] = 0;
    if (generator_chance(generator, 50))
        return append_shrink(generator, node, begin, shape);
    return append_broadcast(generator, node->dtype, node->rank, shape);
}

static void step_concat(struct generator *generator) {
    struct node *sources[5], *node = find_ranked(generator, "FIBS");
    int axis = (int)generator_between(generator, 0, node->rank - 1);
    int count = (int)generator_between(generator, 1, 5);
    if (node_elements(node) * count > generator->most_elements)
        return;
    for (int i = 0; i < count; i++)
        sources[i] = part_along(generator, node, axis);
    append(
        generator,
        &(struct node){.op = OP_CONCAT, .axis = axis, .source_count = count, .sources = sources});
}

static void step_gather(struct generator *generator) {
    struct node *data = find_ranked(generator, "FIBS");
    int axis = (int)generator_between(generator, 0, data->rank - 1);
    int64_t shape[MAX_RANK], extent = data->shape[axis];
    struct node slice = *data;
    slice.shape[axis] = 1;
    int64_t elements = node_elements(&slice);
    int64_t most = generator->most_elements / (elements ? elements : 1);
    int rank = pick_shape(generator, 0, 2, most, shape);
    empty_some_axes(generator, rank, shape);
    struct node *positions = find_node(generator, "I");
    bool fits = (positions->dtype == DTYPE_INT32 || positions->dtype == DTYPE_INT64) &&
                node_elements(positions) <= most && positions->rank <= 3;
    if (!fits || generator_chance(generator, 70))
        positions = append_positions(generator, extent, rank, shape);
    append(generator, &(struct node){.op = OP_GATHER,
                                     .axis = axis,
                                     .source_count = 2,
                                     .sources = (struct node *[]){data, positions}});
}

static void step_argsort(struct generator *generator) {
    struct node *node = find_ranked(generator, op_facts[OP_ARGSORT].accepts);
    int axis = (int)generator_between(generator, 0, node->rank - 1);
    append(generator,
           &(struct node){.op = OP_ARGSORT, .axis = axis, .source_count = 1, .sources = &node});
}

static void step_scatter(struct generator *generator, enum op op) {
    struct node *data = find_ranked(generator, op_facts[op].accepts);
    int axis = (int)generator_between(generator, 0, data->rank - 1);
    struct node like = *data;
    like.shape[axis] = generator_pick(generator, ((const int64_t[]){1, 2, 3, 5, 8, 17, 40}));
    if (node_elements(&like) > generator->most_elements)
        like.shape[axis] = 1;
    if (generator->empties && generator_chance(generator, 10))
        like.shape[axis] = 0;
    struct node *updates = find_operand(generator, &like);
    for (int i = 0; i < like.rank; i++)
        if (generator_chance(generator, 30))
            like.shape[i] = 1;
    int64_t extent = data->shape[axis];
    struct node *positions = append_positions(generator, extent, like.rank, like.shape);
    append(generator, &(struct node){.op = op,
                                     .axis = axis,
                                     .source_count = 3,
                                     .sources = (struct node *[]){data, positions, updates}});
}

static void step_cast(struct generator *generator) {
    const enum dtype dtype = pick_dtype(generator, "FIBS");
    append_cast(generator, find_node(generator, "FIBS"), dtype);
}

static void step_bitcast(struct generator *generator) {
    struct node *node = find_node(generator, "FIS");
    struct node prototype = {.op = OP_BITCAST, .source_count = 1, .sources = &node};
    do
        prototype.dtype = (enum dtype)generator_between(generator, 0, DTYPE_COUNT - 1);
    while (dtype_facts[prototype.dtype].bytes != dtype_facts[node->dtype].bytes ||
           prototype.dtype == DTYPE_BOOL);
    append(generator, &prototype);
}

static void step_where(struct generator *generator) {
    struct node *a = find_node(generator, "FIBS"), *b = find_operand(generator, a);
    struct node like = *a;
    like.dtype = DTYPE_BOOL;
    struct node *mask = find_operand(generator, &like);
    append(generator, &(struct node){.op = OP_WHERE,
                                     .source_count = 3,
                                     .sources = (struct node *[]){mask, a, b}});
}

static void step_reduce(struct generator *generator, enum op op) {
    struct node *node = find_node(generator, op_facts[op].accepts);
    int axes[MAX_RANK], count = pick_axes(generator, node, axes);
    append_reduce(generator, op, node, count, axes);
}

static void step_contract(struct generator *generator) {
    struct node *a = find_node(generator, op_facts[OP_CONTRACT].accepts);
    int axes[MAX_RANK], count = pick_axes(generator, a, axes);
    if (generator_chance(generator, 50))
        shuffle(generator, count, axes);
    append_contract(generator, a, find_operand(generator, a), count, axes);
}

static void step_binary(struct generator *generator, enum op op) {
    struct node *a = find_node(generator, op_facts[op].accepts), *b = find_operand(generator, a);
    if (generator_chance(generator, 50))
        append_binary(generator, op, a, b);
    else
        append_binary(generator, op, b, a);
}

/* A second node of a weight that the graph has: tied weights. */
static bool append_tied_weight(struct generator *generator) {
    const struct graph *graph = generator->graph;
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT && generator_chance(generator, 30))
            return append(generator, graph->nodes[i]);
    return false;
}

static void step_leaf(struct generator *generator, enum op op) {
    int64_t shape[MAX_RANK];
    int rank = pick_shape(generator, 0, 4, generator->most_elements, shape);
    empty_some_axes(generator, rank, shape);
    if (op == OP_IOTA) {
        struct node iota = {.op = OP_IOTA,
                            .dtype = generator_chance(generator, 50) ? DTYPE_INT32 : DTYPE_INT64,
                            .rank = 1,
                            .shape = {generator_between(generator, 1, 70)}};
        append(generator, &iota);
    } else if (op != OP_WEIGHT || !append_tied_weight(generator)) {
        append_leaf(generator, pick_dtype(generator, "FIBS"), rank, shape);
    }
}

static void step_movement(struct generator *generator, enum op op) {
    if (op == OP_RESHAPE)
        step_reshape(generator);
    else if (op == OP_PERMUTE)
        step_permute(generator);
    else if (op == OP_EXPAND)
        step_expand(generator);
    else if (op == OP_PAD)
        step_pad(generator);
    else if (op == OP_SHRINK)
        cut(generator, find_node(generator, "FIBS"));
    else if (op == OP_FLIP)
        step_flip(generator);
    else
        step_window(generator);
}

void append_step(struct generator *generator, enum op op) {
    switch (op_facts[op].class) {
    case CLASS_LEAF:
        step_leaf(generator, op);
        return;
    case CLASS_MOVEMENT:
        step_movement(generator, op);
        return;
    case CLASS_JOIN:
        op == OP_CONCAT ? step_concat(generator) : step_gather(generator);
        return;
    case CLASS_UNARY:
        append_unary(generator, op, find_node(generator, op_facts[op].accepts));
        return;
    case CLASS_CONVERT:
        if (op == OP_BITCAST)
            step_bitcast(generator);
        else
            step_cast(generator);
        return;
    case CLASS_BINARY:
        step_binary(generator, op);
        return;
    case CLASS_TERNARY:
        step_where(generator);
        return;
    case CLASS_REDUCE:
        step_reduce(generator, op);
        return;
    case CLASS_CONTRACT:
        step_contract(generator);
        return;
    case CLASS_SORT:
        step_argsort(generator);
        return;
    case CLASS_SCATTER:
        step_scatter(generator, op);
        return;
    case CLASS_SCAN:
        step_scan(generator);
        return;
    }
    unreachable();
}
