/* The generator's words: one node each, and the search for a node that fits. */
#include "tests/support/random_graph.h"

#include <stdio.h>
#include <string.h>

struct node *append(struct generator *generator, const struct node *prototype) {
    struct node *node = graph_append(generator->graph, prototype, generator->error);
    if (!node)
        longjmp(generator->escape, 1);
    return node;
}

static void set_sources(struct node *node, int count, struct node **sources) {
    node->source_count = count;
    node->sources = sources;
}

static void set_shape(struct node *node, int rank, const int64_t *shape) {
    node->rank = rank;
    memcpy(node->shape, shape, (size_t)rank * sizeof *shape);
}

static void set_axes(struct node *node, int count, const int *axes) {
    node->axis_count = count;
    memcpy(node->axes, axes, (size_t)count * sizeof *axes);
}

struct node *append_reshape(struct generator *generator, struct node *node, int rank,
                            const int64_t *shape) {
    struct node prototype = {.op = OP_RESHAPE};
    set_sources(&prototype, 1, &node);
    set_shape(&prototype, rank, shape);
    return append(generator, &prototype);
}

struct node *append_permute(struct generator *generator, struct node *node, const int *axes) {
    struct node prototype = {.op = OP_PERMUTE};
    set_sources(&prototype, 1, &node);
    set_axes(&prototype, node->rank, axes);
    return append(generator, &prototype);
}

struct node *append_expand(struct generator *generator, struct node *node, const int64_t *shape) {
    struct node prototype = {.op = OP_EXPAND};
    set_sources(&prototype, 1, &node);
    set_shape(&prototype, node->rank, shape);
    return append(generator, &prototype);
}

static struct node *append_ranges(struct generator *generator, enum op op, struct node *node,
                                  const int64_t *first, const int64_t *second, const void *value) {
    struct node prototype = {.op = op, .value = value, .value_count = value ? 1 : 0};
    set_sources(&prototype, 1, &node);
    memcpy(prototype.before, first, (size_t)node->rank * sizeof *first);
    memcpy(prototype.after, second, (size_t)node->rank * sizeof *second);
    return append(generator, &prototype);
}

struct node *append_pad(struct generator *generator, struct node *node, const int64_t *before,
                        const int64_t *after, const void *value) {
    return append_ranges(generator, OP_PAD, node, before, after, value);
}

struct node *append_shrink(struct generator *generator, struct node *node, const int64_t *begin,
                           const int64_t *end) {
    return append_ranges(generator, OP_SHRINK, node, begin, end, NULL);
}

struct node *append_window(struct generator *generator, struct node *node, int axis, int64_t size,
                           int64_t stride, int64_t dilation) {
    struct node prototype = {
        .op = OP_WINDOW, .axis = axis, .size = size, .stride = stride, .dilation = dilation};
    set_sources(&prototype, 1, &node);
    return append(generator, &prototype);
}

struct node *append_cast(struct generator *generator, struct node *node, enum dtype dtype) {
    struct node prototype = {.op = OP_CAST, .dtype = dtype};
    set_sources(&prototype, 1, &node);
    return append(generator, &prototype);
}

struct node *append_unary(struct generator *generator, enum op op, struct node *a) {
    struct node prototype = {.op = op};
    set_sources(&prototype, 1, &a);
    return append(generator, &prototype);
}

struct node *append_binary(struct generator *generator, enum op op, struct node *a,
                           struct node *b) {
    struct node prototype = {.op = op};
    set_sources(&prototype, 2, (struct node *[]){a, b});
    return append(generator, &prototype);
}

struct node *append_reduce(struct generator *generator, enum op op, struct node *node,
                           int axis_count, const int *axes) {
    struct node prototype = {.op = op};
    set_sources(&prototype, 1, &node);
    set_axes(&prototype, axis_count, axes);
    return append(generator, &prototype);
}

struct node *append_contract(struct generator *generator, struct node *a, struct node *b,
                             int axis_count, const int *axes) {
    struct node prototype = {.op = OP_CONTRACT};
    set_sources(&prototype, 2, (struct node *[]){a, b});
    set_axes(&prototype, axis_count, axes);
    return append(generator, &prototype);
}

/* Leaves. */

/* Names that C, JSON or the emitter could trip over; those of inputs must differ. */
static const char *const names[] = {"x",   "y",        "a b",     "a_b",    "a.b", "layers.0.w",
                                    "int", "for",      "inputs",  "arena",  "1st", "X",
                                    "run", "restrict", "weights", "output", "\"",  "caf\xc3\xa9"};

static bool name_taken(const struct graph *graph, const char *name) {
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->name && strcmp(graph->nodes[i]->name, name) == 0)
            return true;
    return false;
}

static void pick_name(struct generator *generator, const char *stem, char name[64]) {
    static const char *const joints[] = {".", "_", "-", ""};
    snprintf(name, 64, "%s", stem ? stem : generator_pick(generator, names));
    for (int serial = 1; name_taken(generator->graph, name); serial++) {
        const char *const joint = generator_pick(generator, joints);
        snprintf(name, 64, "%s%s%d", stem ? stem : generator_pick(generator, names), joint, serial);
    }
}

static void *allocate(struct generator *generator, int64_t count, enum dtype dtype) {
    void *memory =
        arena_allocate(&generator->graph->arena, (size_t)count, dtype_facts[dtype].bytes);
    if (!memory) {
        et_fail(generator->error, "out of memory");
        longjmp(generator->escape, 1);
    }
    return memory;
}

static struct node *named_leaf(struct generator *generator, enum op op, const char *stem,
                               enum dtype dtype, int rank, const int64_t *shape) {
    char name[64];
    pick_name(generator, stem, name);
    struct node prototype = {.op = op, .dtype = dtype, .name = name};
    set_shape(&prototype, rank, shape);
    if (op == OP_INPUT)
        return append(generator, &prototype);
    int64_t count = node_elements(&prototype);
    void *elements = allocate(generator, count, dtype);
    random_elements(generator->seed, name, dtype, count, elements);
    prototype.value = elements;
    prototype.value_count = count;
    return append(generator, &prototype);
}

enum { MOST_LISTED = 600 }; /* elements of a constant: they are JSON text */

static struct node *constant(struct generator *generator, const char *stem, enum dtype dtype,
                             int rank, const int64_t *shape) {
    struct node prototype = {.op = OP_CONST, .dtype = dtype};
    set_shape(&prototype, rank, shape);
    int64_t count = node_elements(&prototype);
    if (count > MOST_LISTED || generator_chance(generator, 30)) {
        prototype.value = pick_value(generator, dtype);
        prototype.value_count = 1;
        return append(generator, &prototype);
    }
    uint64_t words[MOST_LISTED];
    random_elements(random_next(&generator->random), stem ? stem : "", dtype, count, words);
    prototype.value = words;
    prototype.value_count = count;
    return append(generator, &prototype);
}

static struct node *leaf(struct generator *generator, const char *stem, enum dtype dtype, int rank,
                         const int64_t *shape) {
    int64_t choice = generator->depth ? 9 : generator_between(generator, 0, 9);
    if (choice < 5)
        return named_leaf(generator, OP_INPUT, stem, dtype, rank, shape);
    if (choice < 8)
        return named_leaf(generator, OP_WEIGHT, stem, dtype, rank, shape);
    return constant(generator, stem, dtype, rank, shape);
}

struct node *append_leaf(struct generator *generator, enum dtype dtype, int rank,
                         const int64_t *shape) {
    return leaf(generator, NULL, dtype, rank, shape);
}

struct node *append_weight(struct generator *generator, enum dtype dtype, int rank,
                           const int64_t *shape) {
    return named_leaf(generator, OP_WEIGHT, NULL, dtype, rank, shape);
}

struct node *append_positions(struct generator *generator, int64_t extent, int rank,
                              const int64_t *shape) {
    enum dtype dtype = generator_chance(generator, 50) ? DTYPE_INT32 : DTYPE_INT64;
    struct node *positions = leaf(generator, "positions", dtype, rank, shape);
    if (extent < 8 || generator_chance(generator, 50))
        return positions; /* from -3 to 8 */
    struct node factor = {.op = OP_CONST, .dtype = dtype, .value_count = 1};
    factor.value = &(int64_t){extent / 8 + 1};
    set_shape(&factor, rank, shape);
    return append_binary(generator, OP_MUL, positions, append(generator, &factor));
}

struct node *append_number(struct generator *generator, float value, const struct node *like) {
    struct node prototype = {
        .op = OP_CONST, .dtype = DTYPE_FLOAT32, .value = &value, .value_count = 1};
    if (generator_chance(generator, 50)) {
        set_shape(&prototype, like->rank, like->shape);
        return append(generator, &prototype);
    }
    int64_t ones[MAX_RANK];
    for (int i = 0; i < like->rank; i++)
        ones[i] = 1;
    struct node *number = append(generator, &prototype);
    number = append_reshape(generator, number, like->rank, ones);
    return append_expand(generator, number, like->shape);
}

struct node *append_broadcast(struct generator *generator, enum dtype dtype, int rank,
                              const int64_t *shape) {
    int64_t leaf_shape[MAX_RANK], kept[MAX_RANK];
    int kept_rank = 0;
    bool repeated = false;
    for (int i = 0; i < rank; i++) {
        leaf_shape[i] = generator_chance(generator, 35) ? 1 : shape[i];
        repeated |= leaf_shape[i] != shape[i];
        if (leaf_shape[i] != 1)
            kept[kept_rank++] = shape[i];
    }
    if (!repeated && generator_chance(generator, 80))
        return append_leaf(generator, dtype, rank, shape);
    struct node *node =
        generator_chance(generator, 50)
            ? append_leaf(generator, dtype, rank, leaf_shape)
            : append_reshape(generator, append_leaf(generator, dtype, kept_rank, kept), rank,
                             leaf_shape);
    return append_expand(generator, node, shape);
}

/* Choices. */

enum dtype pick_dtype(struct generator *generator, const char *letters) {
    if (strchr(letters, 'F') && generator_chance(generator, 55))
        return DTYPE_FLOAT32;
    enum dtype dtype;
    do
        dtype = (enum dtype)generator_between(generator, 0, DTYPE_COUNT - 1);
    while (!strchr(letters, dtype_facts[dtype].letter));
    return dtype;
}

const void *pick_value(struct generator *generator, enum dtype dtype) {
    static uint64_t value;
    static const float floats[] = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, 3.0f, 0x1p-149f, -0x1.fp127f};
    value = 0;
    if (dtype == DTYPE_FLOAT32 && generator_chance(generator, 60)) {
        float chosen = generator_pick(generator, floats);
        if (generator_chance(generator, 30))
            chosen = -__builtin_inff();
        memcpy(&value, &chosen, sizeof chosen);
    } else {
        random_elements(random_next(&generator->random), "", dtype, 1, &value);
    }
    return &value;
}

static const int64_t extents[] = {1, 1,  1,  2,  2,  3,  3,  4,  4,  5,  6,  7,  7,  8,
                                  9, 11, 12, 13, 15, 16, 17, 23, 31, 32, 33, 48, 64, 65};

int pick_shape(struct generator *generator, int least_rank, int most_rank, int64_t most_elements,
               int64_t *shape) {
    int rank = (int)generator_between(generator, least_rank, most_rank);
    int64_t elements = 1;
    for (int i = 0; i < rank; i++) {
        shape[i] = generator_pick(generator, extents);
        if (elements * shape[i] > most_elements)
            shape[i] = 1;
        elements *= shape[i];
    }
    return rank;
}

void empty_some_axes(struct generator *generator, int rank, int64_t *shape) {
    for (int i = 0; generator->empties && i < rank; i++)
        if (generator_chance(generator, 8))
            shape[i] = 0;
}

/* Earlier nodes. */

static struct node *any_node(struct generator *generator) {
    int64_t count = generator->graph->node_count;
    int64_t oldest = count > 8 && generator_chance(generator, 60) ? count - 8 : 0;
    return generator->graph->nodes[generator_between(generator, oldest, count - 1)];
}

struct node *find_node(struct generator *generator, const char *letters) {
    struct node *only = generator->only;
    if (only)
        return strchr(letters, dtype_facts[only->dtype].letter)
                   ? only
                   : append_cast(generator, only, pick_dtype(generator, letters));
    if (generator->graph->node_count && generator_chance(generator, 85)) {
        for (int tries = 0; tries < 8; tries++) {
            struct node *node = any_node(generator);
            if (strchr(letters, dtype_facts[node->dtype].letter) && node->rank <= 6 &&
                node_elements(node) <= generator->most_elements)
                return node;
        }
    }
    int64_t shape[MAX_RANK];
    int rank = pick_shape(generator, 0, 5, generator->most_elements, shape);
    empty_some_axes(generator, rank, shape);
    return append_leaf(generator, pick_dtype(generator, letters), rank, shape);
}

static bool same_shape(const struct node *a, const struct node *b) {
    return a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

struct node *find_operand(struct generator *generator, const struct node *like) {
    for (int tries = 0; tries < 12 && generator_chance(generator, 90); tries++) {
        struct node *node = any_node(generator);
        if (node_elements(node) != node_elements(like))
            continue;
        if (node->dtype != like->dtype)
            node = append_cast(generator, node, like->dtype);
        return same_shape(node, like) ? node
                                      : append_reshape(generator, node, like->rank, like->shape);
    }
    return append_broadcast(generator, like->dtype, like->rank, like->shape);
}
