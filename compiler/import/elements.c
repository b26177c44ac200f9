/* Which element of a source an element is: movement, joins and what bodies capture, backwards. */
#include "compiler/import/elements.h"

#include "compiler/graph/view.h"

#include <string.h>

enum {
    MOST_STEPS = 1 << 12,  /* of one search */
    MOST_SOUGHT = 1 << 20, /* of all of an import */
    MOST_POSITIONS = 256,
};

struct elements_seen elements_begin(struct importer *importer) {
    int64_t left = MOST_SOUGHT - importer->sought;
    return (struct elements_seen){.importer = importer,
                                  .left = left < MOST_STEPS ? (int)left : MOST_STEPS};
}

bool elements_step(struct elements_seen *seen) {
    if (seen->left <= 0 || seen->depth > MOST_DEPTH)
        return false;
    seen->left--;
    seen->importer->sought++;
    return true;
}

/* The position along each axis of that shape. */
static void place_of(int rank, const int64_t *shape, int64_t index, int64_t *at) {
    for (int i = rank; i-- > 0;) {
        at[i] = shape[i] ? index % shape[i] : 0;
        index = shape[i] ? index / shape[i] : 0;
    }
}

struct tensor_element element_in(struct importer *importer, struct tensor x, int64_t index) {
    struct tensor_element e = {.graph = importer->graph, .node = x.node};
    place_of(x.node->rank, x.node->shape, index, e.at);
    return e;
}

bool is_same_element(const struct tensor_element *a, const struct tensor_element *b) {
    if (a->node != b->node)
        return false;
    for (int i = 0; i < a->node->rank; i++)
        if (a->at[i] != b->at[i] || a->at[i] == ANYWHERE)
            return false;
    return true;
}

/* The row-major position; -1: a run brings it. */
static int64_t index_of(const struct tensor_element *e) {
    int64_t index = 0;
    for (int i = 0; i < e->node->rank; i++) {
        if (e->at[i] < 0)
            return -1;
        index = index * e->node->shape[i] + e->at[i];
    }
    return index;
}

bool element_is_known(const struct tensor_element *e, double *value) {
    const struct node *node = e->node;
    int64_t index = index_of(e);
    if (node->op == OP_CONST && node->value_count == 1)
        index = 0;
    if (index < 0 || (node->op != OP_CONST && node->op != OP_IOTA))
        return false;
    struct view view = view_contiguous(node, (void *)node->value);
    *value = node->op == OP_IOTA ? (double)index : number_at(&view, index);
    return true;
}

/* ---- Movement, backwards ---- */

/* The axes that have more than one element; how many. */
static int long_axes(const struct node *node, int axes[MAX_RANK]) {
    int count = 0;
    for (int i = 0; i < node->rank; i++)
        if (node->shape[i] != 1)
            axes[count++] = i;
    return count;
}

static bool reshape_moves(const struct tensor_element *e, struct tensor_element *source) {
    int64_t index = index_of(e);
    int own[MAX_RANK], others[MAX_RANK];
    if (index >= 0) {
        place_of(source->node->rank, source->node->shape, index, source->at);
        return true;
    }
    int count = long_axes(e->node, own);
    if (long_axes(source->node, others) != count)
        return false;
    for (int i = 0; i < count; i++) {
        if (e->node->shape[own[i]] != source->node->shape[others[i]])
            return false;
        source->at[others[i]] = e->at[own[i]];
    }
    return true;
}

static bool permute_moves(const struct tensor_element *e, struct tensor_element *source) {
    for (int i = 0; i < e->node->rank; i++)
        source->at[e->node->axes[i]] = e->at[i];
    return true;
}

static bool expand_moves(const struct tensor_element *e, struct tensor_element *source) {
    for (int i = 0; i < e->node->rank; i++)
        source->at[i] = source->node->shape[i] == 1 ? 0 : e->at[i];
    return true;
}

static bool shrink_moves(const struct tensor_element *e, struct tensor_element *source) {
    for (int i = 0; i < e->node->rank; i++) {
        if (e->at[i] < 0 && e->node->before[i])
            return false;
        source->at[i] = e->at[i] < 0 ? e->at[i] : e->at[i] + e->node->before[i];
    }
    return true;
}

static bool pad_moves(const struct tensor_element *e, struct tensor_element *source) {
    for (int i = 0; i < e->node->rank; i++) {
        int64_t before = e->node->before[i], after = e->node->after[i];
        source->at[i] = e->at[i] < 0 ? e->at[i] : e->at[i] - before;
        if (e->at[i] < 0 ? before || after
                         : source->at[i] < 0 || source->at[i] >= source->node->shape[i])
            return false;
    }
    return true;
}

static bool flip_moves(const struct tensor_element *e, struct tensor_element *source) {
    memcpy(source->at, e->at, sizeof source->at);
    for (int i = 0; i < e->node->axis_count; i++) {
        int axis = e->node->axes[i];
        if (e->at[axis] < 0)
            return false;
        source->at[axis] = e->node->shape[axis] - 1 - e->at[axis];
    }
    return true;
}

static bool concat_moves(const struct tensor_element *e, struct tensor_element *source) {
    int axis = e->node->axis;
    int64_t at = e->at[axis];
    memcpy(source->at, e->at, sizeof source->at);
    for (int i = 0; at >= 0 && i < e->node->source_count; i++) {
        source->node = e->node->sources[i];
        source->at[axis] = at;
        at -= source->node->shape[axis];
    }
    return at < 0 && e->at[axis] >= 0;
}

/* What stands for a position that a run brings. */
static int64_t position_brought(struct elements_seen *seen, const struct tensor_element *position) {
    for (int i = 0; i < seen->count; i++)
        if (is_same_element(&seen->positions[i], position))
            return -1 - i;
    if (seen->count == MOST_POSITIONS)
        return ANYWHERE;
    seen->positions = arena_extend(&seen->importer->arena, seen->positions, seen->count,
                                   &seen->capacity, sizeof *seen->positions);
    seen->positions[seen->count] = *position;
    return -1 - seen->count++;
}

static bool gather_moves(struct elements_seen *seen, const struct tensor_element *e,
                         struct tensor_element *source) {
    int axis = e->node->axis, positions = e->node->sources[1]->rank;
    struct tensor_element position = {.graph = e->graph, .node = e->node->sources[1]};
    double value;
    memcpy(position.at, e->at + axis, (size_t)positions * sizeof *position.at);
    element_settles(seen, &position);
    for (int i = 0; i < source->node->rank; i++)
        source->at[i] = i < axis ? e->at[i] : e->at[i + positions - (i > axis)];
    if (element_is_known(&position, &value)) {
        source->at[axis] = (int64_t)value;
        return value >= 0 && value < (double)source->node->shape[axis];
    }
    source->at[axis] =
        position.node->op == OP_IOTA ? position.at[0] : position_brought(seen, &position);
    return true;
}

/* What a body has captured, as the graph around it has it. */
static bool capture_moves(const struct tensor_element *e, struct tensor_element *source) {
    const struct built_graph *graph = e->graph;
    for (int i = 0; i < graph->captured_count; i++)
        if (graph->captured[i].inner.node == e->node) {
            *source = *e;
            source->graph = graph->around;
            source->node = graph->captured[i].outer.node;
            return true;
        }
    return false;
}

static bool moves_to(struct elements_seen *seen, const struct tensor_element *e,
                     struct tensor_element *source) {
    switch (e->node->op) {
    case OP_INPUT:
        return capture_moves(e, source);
    case OP_RESHAPE:
        return reshape_moves(e, source);
    case OP_PERMUTE:
        return permute_moves(e, source);
    case OP_EXPAND:
        return expand_moves(e, source);
    case OP_SHRINK:
        return shrink_moves(e, source);
    case OP_PAD:
        return pad_moves(e, source);
    case OP_FLIP:
        return flip_moves(e, source);
    case OP_CONCAT:
        return concat_moves(e, source);
    case OP_GATHER:
        return gather_moves(seen, e, source);
    default:
        return false;
    }
}

bool element_moves(struct elements_seen *seen, struct tensor_element *e) {
    struct tensor_element source = {.graph = e->graph};
    if (!elements_step(seen))
        return false;
    source.node = e->node->source_count ? e->node->sources[0] : NULL;
    seen->depth++;
    bool moves = moves_to(seen, e, &source);
    seen->depth--;
    if (!moves)
        return false;
    for (int i = 0; i < source.node->rank; i++)
        if (source.node->shape[i] < 1)
            return false;
    *e = source;
    return true;
}

void element_settles(struct elements_seen *seen, struct tensor_element *e) {
    while (element_moves(seen, e))
        ;
}

struct tensor_element element_operand(const struct tensor_element *e, int i) {
    struct tensor_element operand = {.graph = e->graph, .node = e->node->sources[i]};
    int more = e->node->rank - operand.node->rank;
    for (int k = 0; k < operand.node->rank; k++)
        operand.at[k] = operand.node->shape[k] == 1 ? 0 : e->at[k + more];
    return operand;
}
