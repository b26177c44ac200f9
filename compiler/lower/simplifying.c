/* What simplification makes of one node: it, the source that it is equal to, or the constant that
 * it folds to. */
#include "compiler/lower/simplifying.h"

#include "compiler/evaluate/evaluate.h"

#include <math.h>
#include <string.h>

enum {
    ALWAYS_FOLD_BYTES = 64,
    ALWAYS_WIDEN_BYTES = 1 << 20, /* of float32, made of 16-bit floats: stays in a second cache */
};

/* ---- What is known ---- */

static bool remember(struct simplifying *simplifying, const struct node *node,
                     const struct view *view, int64_t origin_bytes) {
    struct view *copy = arena_new(&simplifying->result->arena, struct view);
    if (!copy)
        return et_fail(simplifying->error, "out of memory");
    *copy = *view;
    simplifying->known[node->id] = copy;
    simplifying->origin_bytes[node->id] = origin_bytes;
    return true;
}

static bool all_known(const struct simplifying *simplifying, const struct node *node,
                      struct view *sources, int64_t *origin_bytes) {
    *origin_bytes = 0;
    for (int i = 0; i < node->source_count; i++) {
        int id = node->sources[i]->id;
        if (!simplifying->known[id])
            return false;
        if (i < 3)
            sources[i] = *simplifying->known[id];
        if (simplifying->origin_bytes[id] > *origin_bytes)
            *origin_bytes = simplifying->origin_bytes[id];
    }
    return node->source_count > 0;
}

static bool know_leaf(struct simplifying *simplifying, const struct node *node) {
    struct view view;
    void *buffer;
    if (node->op != OP_CONST && node->op != OP_WEIGHT)
        return true;
    if (node->op == OP_WEIGHT && node->value)
        view = view_contiguous(node, node->value); /* aligned or not: only fold() computes */
    else if (!evaluate(node, NULL, NULL, &view, &buffer, simplifying->error))
        return false;
    return remember(simplifying, node, &view,
                    node->op == OP_CONST && node->value_count == 1 ? 0 : node_bytes(node));
}

/* Movement of something known is known too, as long as it is only another view. */
static bool know_movement(struct simplifying *simplifying, const struct node *node) {
    const struct view *source = simplifying->known[node->sources[0]->id];
    struct view view;
    if (!source || !view_move(node, source, &view))
        return true;
    return remember(simplifying, node, &view, simplifying->origin_bytes[node->sources[0]->id]);
}

/* ---- Folding ---- */

/* Room for what is known of one more node. */
static bool make_room(struct simplifying *simplifying) {
    size_t count = (size_t)simplifying->capacity, more = 2 * count + 64;
    if (simplifying->result->node_count < simplifying->capacity)
        return true;
    struct view **known = et_allocate(more, sizeof *known);
    int64_t *origin_bytes = et_allocate(more, sizeof *origin_bytes);
    if (!known || !origin_bytes) {
        et_release(known);
        et_release(origin_bytes);
        return et_fail(simplifying->error, "out of memory");
    }
    if (count) {
        memcpy(known, simplifying->known, count * sizeof *known);
        memcpy(origin_bytes, simplifying->origin_bytes, count * sizeof *origin_bytes);
    }
    et_release(simplifying->known);
    et_release(simplifying->origin_bytes);
    simplifying->known = known;
    simplifying->origin_bytes = origin_bytes;
    simplifying->capacity = (int)more;
    return true;
}

static struct node *append(struct simplifying *simplifying, const struct node *node) {
    struct node *made =
        make_room(simplifying) ? graph_append(simplifying->result, node, simplifying->error) : NULL;
    if (!made)
        return NULL;
    bool good = op_facts[made->op].class == CLASS_LEAF       ? know_leaf(simplifying, made)
                : op_facts[made->op].class == CLASS_MOVEMENT ? know_movement(simplifying, made)
                                                             : true;
    return good ? made : NULL;
}

struct node *simplify_constant(struct simplifying *simplifying, const struct node *like,
                               const char *what, const void *elements) {
    struct arena *arena = &simplifying->result->arena;
    size_t bytes = (size_t)node_bytes(like);
    void *value = arena_allocate(arena, bytes, 1);
    char *name = arena_format(arena, "%s_%d", what, like->origin);
    if (!value || !name) {
        et_fail(simplifying->error, "out of memory");
        return NULL;
    }
    memcpy(value, elements, bytes);
    struct node folded = {.op = OP_WEIGHT,
                          .dtype = like->dtype,
                          .rank = like->rank,
                          .name = name,
                          .origin = like->origin,
                          .value = value};
    memcpy(folded.shape, like->shape, sizeof folded.shape);
    return append(simplifying, &folded);
}

static bool evaluate_aligned(struct simplifying *simplifying, const struct node *node,
                             struct view *sources, struct view *view, void **buffer) {
    void *copies[3] = {0};
    bool good = true;
    for (int i = 0; good && i < node->source_count; i++)
        if (!view_is_aligned(&sources[i]))
            good = (copies[i] = view_align(&sources[i])) != NULL ||
                   et_fail(simplifying->error, "out of memory");
    good = good && evaluate(node, sources, NULL, view, buffer, simplifying->error);
    for (int i = 0; i < 3; i++)
        et_release(copies[i]);
    return good;
}

/* Evaluates a node whose sources are known; *made stays NULL where it is better computed later. */
static bool fold(struct simplifying *simplifying, const struct node *node, struct node **made) {
    struct view sources[3], view;
    void *buffer;
    int64_t origin_bytes;
    struct node inferred = *node;
    enum op_class class = op_facts[node->op].class;
    if (class == CLASS_MOVEMENT || class == CLASS_LEAF || class == CLASS_SCAN ||
        node->source_count > 3 || !all_known(simplifying, node, sources, &origin_bytes))
        return true;
    if (!infer(&inferred, simplifying->error))
        return false;
    bool widens = node->dtype == DTYPE_FLOAT32 && node_widens(node);
    int64_t least = widens ? ALWAYS_WIDEN_BYTES : ALWAYS_FOLD_BYTES;
    int64_t limit = origin_bytes > least ? origin_bytes : least;
    double steps = evaluation_steps(&inferred);
    if (node_bytes(&inferred) > limit || steps > simplifying->steps_left)
        return true;
    simplifying->steps_left -= steps;
    if (!evaluate_aligned(simplifying, &inferred, sources, &view, &buffer))
        return false;
    *made = simplify_constant(simplifying, &inferred, "folded", view.data);
    et_release(buffer);
    return *made != NULL;
}

/* ---- Identities ---- */

/* Whether every element of a known tensor is this float. */
static bool is_all(const struct simplifying *simplifying, const struct node *node, float value) {
    const struct view *view = simplifying->known[node->id];
    const double wide = (double)value;
    if (!view || !dtype_is_real(view->dtype))
        return false;
    for (int i = 0; i < view->rank; i++)
        if (view->shape[i] > 1 && view->stride[i] != 0)
            return false;
    return view->dtype == DTYPE_FLOAT64 ? memcmp(view->data, &wide, sizeof wide) == 0
                                        : memcmp(view->data, &value, sizeof value) == 0;
}

enum { MOST_STEPS_TO_INTEGERS = 8 };

/* Whether a known tensor has one number everywhere, and no fraction. */
static bool is_known_integer(const struct view *view) {
    double wide;
    float number;
    if ((view->dtype != DTYPE_FLOAT32 && view->dtype != DTYPE_FLOAT64) || view_is_empty(view))
        return false;
    for (int i = 0; i < view->rank; i++)
        if (view->shape[i] > 1 && view->stride[i] != 0)
            return false;
    memcpy(&number, view->data, sizeof number);
    if (view->dtype == DTYPE_FLOAT64)
        memcpy(&wide, view->data, sizeof wide);
    else
        wide = (double)number;
    return wide == trunc(wide);
}

/* Whether all elements of floats are integers, infinite or NaN: sums and products of integers are
 * again, since floats that are too large for fractions are integers. */
static bool is_integral(const struct simplifying *simplifying, const struct node *node, int steps) {
    const struct view *known = simplifying->known[node->id];
    if (steps == 0 || (known && is_known_integer(known)))
        return steps > 0;
    switch (node->op) {
    case OP_ROUND:
    case OP_FLOOR:
    case OP_CEIL:
        return true;
    case OP_CAST:
        if (dtype_is_integer(node->sources[0]->dtype) || node->sources[0]->dtype == DTYPE_BOOL)
            return true;
        return is_integral(simplifying, node->sources[0], steps - 1);
    case OP_NEG:
    case OP_RESHAPE:
    case OP_EXPAND:
    case OP_PERMUTE:
    case OP_SHRINK:
    case OP_FLIP:
    case OP_WINDOW:
        return is_integral(simplifying, node->sources[0], steps - 1);
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_MAX:
    case OP_MIN:
        return is_integral(simplifying, node->sources[0], steps / 2) &&
               is_integral(simplifying, node->sources[1], steps / 2);
    default:
        return false;
    }
}

/* The source that a node is equal to, bit for bit, or NULL. */
static struct node *identity(const struct simplifying *simplifying, const struct node *node) {
    struct node *a = node->source_count > 0 ? node->sources[0] : NULL;
    struct node *b = node->source_count > 1 ? node->sources[1] : NULL;
    if (op_facts[node->op].class == CLASS_SCATTER && node_elements(node->sources[2]) == 0)
        return a;
    switch (node->op) {
    case OP_MUL:
        return is_all(simplifying, b, 1.0f) ? a : is_all(simplifying, a, 1.0f) ? b : NULL;
    case OP_ADD:
        return is_all(simplifying, b, -0.0f) ? a : is_all(simplifying, a, -0.0f) ? b : NULL;
    case OP_DIV:
        return is_all(simplifying, b, 1.0f) ? a : NULL;
    case OP_SUB:
        return is_all(simplifying, b, 0.0f) ? a : NULL;
    case OP_CAST:
        return node->dtype == a->dtype ? a : NULL;
    case OP_NEG:
    case OP_NOT:
        return a->op == node->op ? a->sources[0] : NULL;
    case OP_ROUND:
    case OP_FLOOR:
    case OP_CEIL:
        return is_integral(simplifying, a, MOST_STEPS_TO_INTEGERS) ? a : NULL;
    default:
        return NULL;
    }
}

struct node *simplify_make(struct simplifying *simplifying, const struct node *node) {
    struct node *made = identity(simplifying, node);
    if (!made && !fold(simplifying, node, &made))
        return NULL;
    return made ? made : append(simplifying, node);
}
