/* Lowering: from nodes over whole tensors to statements over single elements.
 *
 * Each node that computes becomes a statement with one axis for each axis of its result. Its
 * sources are followed down through movement operations, each of which transforms the vector of
 * index expressions, until a buffer is reached. So no movement is left; padding became a guard. */
#include "compiler/lower/lower.h"

#include "compiler/ir/movement.h"

#include <string.h>

enum {
    MOST_TERMS = 64, /* in the indices of one element: with more, what it is read from is stored */
    MOST_MOVES = 64, /* looked through on the way to one element */
};

struct lowering {
    struct ir *ir;
    struct buffer **buffers; /* by node id; NULL: none yet */
};

static struct place place_of_axes(struct ir *ir, int rank, const struct axis *const *axes) {
    struct place place = {.rank = rank};
    for (int i = 0; i < rank; i++)
        place.at[i] = index_axis(ir, axes[i]);
    return place;
}

/* ---- Where axes are stored ---- */

/* Of what is stored for a node, an axis stands elsewhere: the steps of a scan come first, and what
 * a sort goes along last. */
struct axis_move {
    int from, to;
};

static struct axis_move stored_move(const struct node *node) {
    if (node->op == OP_SCAN && !node->last)
        return (struct axis_move){node->axis, 0};
    if (node->op == OP_ARGSORT)
        return (struct axis_move){node->axis, node->rank - 1};
    return (struct axis_move){0, 0};
}

static void move_index(const struct index **indices, int from, int to) {
    const struct index *moved = indices[from];
    if (from < to)
        memmove(indices + from, indices + from + 1, (size_t)(to - from) * sizeof *indices);
    else
        memmove(indices + to + 1, indices + to, (size_t)(from - to) * sizeof *indices);
    indices[to] = moved;
}

static void move_extent(int64_t *shape, int from, int to) {
    int64_t moved = shape[from];
    if (from < to)
        memmove(shape + from, shape + from + 1, (size_t)(to - from) * sizeof *shape);
    else
        memmove(shape + to + 1, shape + to, (size_t)(from - to) * sizeof *shape);
    shape[to] = moved;
}

static int64_t extent_between(const struct node *node, int begin, int end) {
    int64_t extent = 1;
    for (int i = begin; i < end; i++)
        extent *= node->shape[i];
    return extent;
}

/* Whether the elements lie in row-major order all the same. */
static bool keeps_order(const struct node *node, struct axis_move move) {
    return extent_between(node, move.to, move.from) == 1 &&
           extent_between(node, move.from + 1, move.to + 1) == 1;
}

static uint64_t element_bits(const void *element, enum dtype dtype) {
    uint64_t bits = 0;
    memcpy(&bits, element, dtype_facts[dtype].bytes); /* little-endian machines only, as stated */
    return bits;
}

static const struct expression *pad_value(struct ir *ir, const struct node *pad) {
    return expression_constant(ir, pad->dtype,
                               pad->value ? element_bits(pad->value, pad->dtype) : 0);
}

static struct buffer *buffer_of(struct lowering *lowering, const struct node *node);

static const struct expression *leaf_value(struct lowering *lowering, const struct node *node,
                                           const struct place *place) {
    struct ir *ir = lowering->ir;
    if (node->op == OP_IOTA)
        return expression_index(ir, node->dtype, place->at[0]);
    if (node->op == OP_CONST && node->value_count == 1)
        return expression_constant(ir, node->dtype, element_bits(node->value, node->dtype));
    return expression_load(ir, buffer_of(lowering, node), place->at);
}

/* Padding that was passed on the way down, outermost first. */
struct passed_pad {
    struct passed_pad *outer;
    const struct expression *value;
    int count;
    struct predicate predicates[MAX_RANK];
};

static struct passed_pad *pass_pad(struct ir *ir, const struct node *pad,
                                   const struct place *source, struct passed_pad *outer) {
    struct passed_pad *passed = arena_new(ir->arena, struct passed_pad);
    passed->outer = outer;
    passed->value = pad_value(ir, pad);
    for (int i = 0; i < source->rank; i++)
        if (pad->before[i] || pad->after[i])
            passed->predicates[passed->count++] = (struct predicate){
                .index = source->at[i], .lower = 0, .upper = pad->sources[0]->shape[i]};
    return passed;
}

static bool has_buffer(const struct lowering *lowering, const struct node *node) {
    return lowering->buffers[node->id] != NULL;
}

/* ---- Down through movement ---- */

/* Where the way down stands: at an element of a node. */
struct descent {
    const struct node *node;
    struct place place;
    bool stored; /* padding is not looked through */
    struct passed_pad *pads;
    int moves;
};

static int place_size(const struct place *place) {
    int size = 0;
    for (int i = 0; i < place->rank; i++)
        size += place->at[i]->size;
    return size;
}

/* One step. False where the node has to be in a buffer: indices would grow too large, or the way
 * is long, and others may go it too. */
static bool move_down(struct lowering *lowering, struct descent *at) {
    struct ir *ir = lowering->ir;
    const struct node *node = at->node;
    if (op_facts[node->op].class != CLASS_MOVEMENT || (at->stored && node->op == OP_PAD) ||
        at->moves == MOST_MOVES)
        return false;
    struct place place = through_movement(ir, node, at->place);
    if (at->moves && place_size(&place) > MOST_TERMS)
        return false;
    at->place = place;
    at->moves++;
    at->stored |= node->op == OP_WINDOW;
    if (node->op == OP_PAD)
        at->pads = pass_pad(ir, node, &place, at->pads);
    at->node = node->sources[0];
    return true;
}

/* The movement node that has to be in a buffer for a statement that computes `node`, and is not
 * yet; NULL: none. The axes are of no statement, and their numbers are free again. */
static const struct node *next_stored(struct lowering *lowering, const struct node *node) {
    struct ir *ir = lowering->ir;
    const struct axis *axes[MAX_RANK];
    int first_axis = ir->axis_count;
    for (int i = 0; i < node->rank; i++)
        axes[i] = ir_axis(ir, node->shape[i]);
    struct descent at = {.node = node, .place = place_of_axes(ir, node->rank, axes)};
    while (move_down(lowering, &at))
        continue;
    ir->axis_count = first_axis;
    bool moves = op_facts[at.node->op].class == CLASS_MOVEMENT;
    return moves && !has_buffer(lowering, at.node) ? at.node : NULL;
}

/* The element of a node at a place. With `stored`, padding is not looked through but stored by a
 * statement of its own: contractions read their operands without guards. Nor is it behind a window,
 * through which its elements are seen several times. */
static const struct expression *value_at(struct lowering *lowering, const struct node *node,
                                         struct place place, bool stored) {
    struct ir *ir = lowering->ir;
    struct descent at = {.node = node, .place = place, .stored = stored};
    while (move_down(lowering, &at))
        continue;
    const struct axis_move move = stored_move(at.node);
    move_index(at.place.at, move.from, move.to);
    const struct expression *value =
        op_facts[at.node->op].class == CLASS_LEAF && !has_buffer(lowering, at.node)
            ? leaf_value(lowering, at.node, &at.place)
            : expression_load(ir, buffer_of(lowering, at.node), at.place.at);
    for (; at.pads; at.pads = at.pads->outer)
        value = expression_guard(ir, at.pads->count, at.pads->predicates, value, at.pads->value);
    return value;
}

static const struct expression *elementwise(struct lowering *lowering, const struct node *node,
                                            const struct place *place) {
    const struct expression *sources[3];
    for (int i = 0; i < node->source_count; i++)
        sources[i] = value_at(lowering, node->sources[i], *place, false);
    return expression_op(lowering->ir, node->op, node->dtype, node->source_count, sources);
}

/* A contraction of casts of 8-bit integers, as narrow.c makes them: they are not stored, but stand
 * within it. */
static bool multiplies_bytes(const struct node *node) {
    return node->op == OP_CONTRACT && node->dtype == DTYPE_INT32 && node_widens(node->sources[0]) &&
           node_widens(node->sources[1]);
}

static const struct expression *reduction(struct lowering *lowering, const struct node *node,
                                          const struct place *place) {
    struct ir *ir = lowering->ir;
    const struct node *source = node->sources[0];
    const struct axis *bound[MAX_RANK];
    struct place inner = {.rank = source->rank};
    for (int i = 0; i < node->axis_count; i++) {
        bound[i] = ir_axis(ir, source->shape[node->axes[i]]);
        inner.at[node->axes[i]] = index_axis(ir, bound[i]);
    }
    for (int i = 0, kept = 0; i < source->rank; i++)
        if (!inner.at[i])
            inner.at[i] = place->at[kept++];
    bool contract = node->op == OP_CONTRACT, narrow = multiplies_bytes(node);
    const struct expression *sources[3];
    for (int i = 0; i < node->source_count; i++) {
        const struct node *cast = node->sources[i];
        sources[i] = value_at(lowering, narrow ? cast->sources[0] : cast, inner, contract);
        if (narrow)
            sources[i] = expression_op(ir, OP_CAST, cast->dtype, 1, &sources[i]);
    }
    return expression_reduce(ir, node->op, node->dtype, node->axis_count, bound, node->source_count,
                             sources);
}

/* A choice by position along the axis among sources first .. last, of which the first begins at
 * `begin`: halves, so that many sources need few tests for each element. */
static const struct expression *choose_source(struct lowering *lowering, const struct node *node,
                                              const struct place *place, int first, int last,
                                              int64_t begin) {
    struct ir *ir = lowering->ir;
    if (first == last) {
        struct place inner = *place;
        inner.at[node->axis] = index_add(ir, place->at[node->axis], index_constant(ir, -begin));
        return value_at(lowering, node->sources[first], inner, false);
    }
    int middle = first + (last - first + 1) / 2;
    int64_t end = begin;
    for (int i = first; i < middle; i++)
        end += node->sources[i]->shape[node->axis];
    struct predicate before_end = {.index = place->at[node->axis], .lower = 0, .upper = end};
    return expression_guard(ir, 1, &before_end,
                            choose_source(lowering, node, place, first, middle - 1, begin),
                            choose_source(lowering, node, place, middle, last, end));
}

static const struct expression *concatenation(struct lowering *lowering, const struct node *node,
                                              const struct place *place) {
    return choose_source(lowering, node, place, 0, node->source_count - 1, 0);
}

static const struct expression *gathering(struct lowering *lowering, const struct node *node,
                                          const struct place *place) {
    struct ir *ir = lowering->ir;
    const struct node *data = node->sources[0], *positions = node->sources[1];
    struct place where = {.rank = positions->rank}, inner = {.rank = data->rank};
    for (int i = 0; i < positions->rank; i++)
        where.at[i] = place->at[node->axis + i];
    /* What the guard lets through is a position; what it tests may be anything. */
    const struct expression *value = value_at(lowering, positions, where, false);
    int64_t extent = data->shape[node->axis];
    const struct index *position = index_value(ir, value, 0, extent - 1);
    struct predicate within = {
        .index = index_value(ir, value, -MAX_ELEMENTS, MAX_ELEMENTS), .lower = 0, .upper = extent};
    for (int i = 0; i < data->rank; i++)
        inner.at[i] = i < node->axis    ? place->at[i]
                      : i == node->axis ? position
                                        : place->at[i + positions->rank - 1];
    const struct expression *element = value_at(lowering, data, inner, false);
    return expression_guard(ir, 1, &within, element, expression_zero(ir, node->dtype));
}

/* ---- What stands alone: scans, sorts, scatters ---- */

static struct place first_place(struct ir *ir, int rank) {
    struct place place = {.rank = rank};
    for (int i = 0; i < rank; i++)
        place.at[i] = index_constant(ir, 0);
    return place;
}

/* The node whose buffer holds the elements of `source` in its row-major order; NULL: there is none.
 */
static const struct node *holder_of(const struct node *source) {
    while (source->op == OP_RESHAPE)
        source = source->sources[0];
    bool listed = source->op == OP_CONST ? source->value_count > 1 : source->op != OP_IOTA;
    return op_facts[source->op].class != CLASS_MOVEMENT && listed &&
                   keeps_order(source, stored_move(source))
               ? source
               : NULL;
}

/* Stores a source of a node for it: row-major, repeated to `shape`, and with an axis moved. */
static struct buffer *store_source(struct lowering *lowering, const struct node *user, int source,
                                   const int64_t *shape, struct axis_move move) {
    struct ir *ir = lowering->ir;
    const struct node *node = user->sources[source];
    int64_t stored[MAX_RANK];
    memcpy(stored, shape, sizeof stored);
    move_extent(stored, move.from, move.to);
    struct buffer *buffer = ir_buffer(ir, BUFFER_TEMPORARY, node->dtype, node->rank, stored,
                                      arena_format(ir->arena, "t%d_%d", user->id, source));
    struct statement *statement = ir_statement(ir, buffer);
    struct place place = place_of_axes(ir, node->rank, statement->axes);
    move_index(place.at, move.to, move.from);
    for (int i = 0; i < node->rank; i++)
        if (node->shape[i] != shape[i])
            place.at[i] = index_constant(ir, 0);
    statement->value = value_at(lowering, node, place, false);
    statement->nodes = arena_array(ir->arena, const struct node *, 1);
    statement->nodes[statement->node_count++] = node;
    ir_add_statement(ir, statement);
    return buffer;
}

/* A load that stands for all of a source. */
static const struct expression *load_source(struct lowering *lowering, const struct node *user,
                                            int source, const int64_t *shape,
                                            struct axis_move move) {
    const struct node *node = user->sources[source], *holder = holder_of(node);
    bool same = memcmp(shape, node->shape, (size_t)node->rank * sizeof *shape) == 0;
    struct buffer *buffer = holder && same && keeps_order(node, move)
                                ? buffer_of(lowering, holder)
                                : store_source(lowering, user, source, shape, move);
    return expression_load(lowering->ir, buffer, first_place(lowering->ir, buffer->rank).at);
}

/* ---- Sorts and scatters ---- */

static const struct expression *sort(struct lowering *lowering, const struct node *node) {
    const struct node *source = node->sources[0];
    const struct expression *load =
        load_source(lowering, node, 0, source->shape, stored_move(node));
    int64_t sizes[SORT_SIZES] = {[WHOLE_EXTENT] = node->shape[node->axis]};
    sizes[WHOLE_OUTER] = node_elements(node) / sizes[WHOLE_EXTENT];
    return expression_whole(lowering->ir, node->op, node->dtype, sizes, 1, &load);
}

/* Positions are the same for all of some neighbouring axes of the updates, or for none of them:
 * repeats them along those that are left. */
static void repeat_evenly(const struct node *positions, const struct node *updates, int begin,
                          int end, int64_t *shape) {
    if (extent_between(positions, begin, end) > 1)
        memcpy(shape + begin, updates->shape + begin, (size_t)(end - begin) * sizeof *shape);
}

static const struct expression *scatter(struct lowering *lowering, const struct node *node) {
    const struct node *positions = node->sources[1], *updates = node->sources[2];
    const int axis = node->axis, rank = node->rank;
    const struct axis_move stays = {0, 0};
    struct node repeated = *positions;
    repeat_evenly(positions, updates, 0, axis, repeated.shape);
    repeat_evenly(positions, updates, axis + 1, rank, repeated.shape);
    repeated.shape[axis] = updates->shape[axis];
    const struct expression *loads[] = {
        load_source(lowering, node, 0, node->shape, stays),
        load_source(lowering, node, 1, repeated.shape, stays),
        load_source(lowering, node, 2, updates->shape, stays),
    };
    const int64_t sizes[SCATTER_SIZES] = {
        [WHOLE_OUTER] = extent_between(node, 0, axis),
        [WHOLE_EXTENT] = node->shape[axis],
        [WHOLE_COUNT] = updates->shape[axis],
        [WHOLE_INNER] = extent_between(node, axis + 1, rank),
        [WHOLE_POSITIONS_OUTER] = extent_between(&repeated, 0, axis),
        [WHOLE_POSITIONS_INNER] = extent_between(&repeated, axis + 1, rank),
    };
    return expression_whole(lowering->ir, node->op, node->dtype, sizes, 3, loads);
}

/* ---- Scans ---- */

/* The place of a scan among those of the graph. */
static int number_of_scan(const struct graph *graph, const struct node *scan) {
    int number = 0;
    for (int i = 0; i < scan->id; i++)
        number += graph->nodes[i]->op == OP_SCAN;
    return number;
}

/* The sources of a scan that its body reads, or all where the body is not compiled: this pass is
 * run alone. */
static int list_sources_read(const struct ir *ir, const struct node *scan, int number,
                             int *sources) {
    struct buffer **inputs;
    int count = ir->bodies ? list_body_inputs(ir->bodies[number], &inputs) : scan->source_count;
    for (int i = 0; i < count; i++)
        sources[i] = ir->bodies ? inputs[i]->position : i;
    return count;
}

/* Loads of what the body reads. */
static const struct expression *scan(struct lowering *lowering, const struct node *node) {
    struct ir *ir = lowering->ir;
    const struct expression *loads[MAX_SOURCES];
    int sources[MAX_SOURCES], number = number_of_scan(ir->graph, node);
    int count = list_sources_read(ir, node, number, sources);
    for (int i = 0; i < count; i++) {
        bool scanned = sources[i] >= 1 && sources[i] <= node->scanned;
        loads[i] = load_source(lowering, node, sources[i], node->sources[sources[i]]->shape,
                               (struct axis_move){scanned ? node->axis : 0, 0});
    }
    return expression_scan(ir, node->dtype, number, count, loads);
}

static const struct expression *computed_value(struct lowering *lowering, const struct node *node,
                                               const struct place *place) {
    switch (op_facts[node->op].class) {
    case CLASS_LEAF:
    case CLASS_MOVEMENT:
        return value_at(lowering, node, *place, false);
    case CLASS_JOIN:
        return node->op == OP_CONCAT ? concatenation(lowering, node, place)
                                     : gathering(lowering, node, place);
    case CLASS_REDUCE:
    case CLASS_CONTRACT:
        return reduction(lowering, node, place);
    case CLASS_UNARY:
    case CLASS_CONVERT:
    case CLASS_BINARY:
    case CLASS_TERNARY:
        return elementwise(lowering, node, place);
    case CLASS_SORT:
        return sort(lowering, node);
    case CLASS_SCATTER:
        return scatter(lowering, node);
    case CLASS_SCAN:
        return scan(lowering, node);
    }
    unreachable();
}

/* Adds the statement that computes `node` into `output`, after those of stored padding it needs. */
static void add_statement_of(struct lowering *lowering, const struct node *node,
                             struct buffer *output) {
    struct ir *ir = lowering->ir;
    struct statement *statement = ir_statement(ir, output);
    struct place place = place_of_axes(ir, node->rank, statement->axes);
    statement->value = computed_value(lowering, node, &place);
    statement->nodes = arena_array(ir->arena, const struct node *, 1);
    statement->nodes[statement->node_count++] = node;
    ir_add_statement(ir, statement);
}

static struct buffer *leaf_buffer(struct lowering *lowering, const struct node *node) {
    struct ir *ir = lowering->ir;
    const char *name = node->name ? node->name : arena_format(ir->arena, "constant_%d", node->id);
    struct buffer *buffer = ir_buffer(ir, node->op == OP_INPUT ? BUFFER_INPUT : BUFFER_CONSTANT,
                                      node->dtype, node->rank, node->shape, name);
    buffer->node = node;
    buffer->value = node->value;
    buffer->splat = node->op == OP_CONST && node->value_count == 1;
    for (int i = 0; i < ir->graph->input_count; i++)
        if (ir->graph->inputs[i] == node)
            buffer->position = i;
    return buffer;
}

static struct buffer *temporary_of(struct lowering *lowering, const struct node *node) {
    struct arena *arena = lowering->ir->arena;
    int64_t shape[MAX_RANK];
    memcpy(shape, node->shape, sizeof shape);
    const struct axis_move move = stored_move(node);
    move_extent(shape, move.from, move.to);
    return lowering->buffers[node->id] =
               ir_buffer(lowering->ir, BUFFER_TEMPORARY, node->dtype, node->rank, shape,
                         arena_format(arena, "t%d", node->id));
}

/* Stores a movement node and, before it, those that it needs stored in turn: a list, since they may
 * be more than recursion could follow. */
static void store_movement(struct lowering *lowering, const struct node *node) {
    struct arena *arena = lowering->ir->arena;
    const struct node **nodes = NULL;
    int count = 0, capacity = 0;
    for (; node; node = next_stored(lowering, node)) {
        nodes = arena_extend(arena, nodes, count, &capacity, sizeof *nodes);
        nodes[count++] = node;
        temporary_of(lowering, node);
    }
    while (count--)
        add_statement_of(lowering, nodes[count], lowering->buffers[nodes[count]->id]);
}

static struct buffer *buffer_of(struct lowering *lowering, const struct node *node) {
    enum op_class class = op_facts[node->op].class;
    if (has_buffer(lowering, node))
        return lowering->buffers[node->id];
    if (class == CLASS_LEAF)
        return lowering->buffers[node->id] = leaf_buffer(lowering, node);
    if (class == CLASS_MOVEMENT)
        store_movement(lowering, node);
    else
        add_statement_of(lowering, node, temporary_of(lowering, node));
    return lowering->buffers[node->id];
}

void lower(struct ir *ir) {
    const struct graph *graph = ir->graph;
    struct lowering lowering = {
        .ir = ir, .buffers = arena_array(ir->arena, struct buffer *, (size_t)graph->node_count)};
    bool *within = arena_array(ir->arena, bool, (size_t)graph->node_count);
    for (int i = 0; i < graph->node_count; i++)
        if (multiplies_bytes(graph->nodes[i]))
            within[graph->nodes[i]->sources[0]->id] = within[graph->nodes[i]->sources[1]->id] =
                true;
    /* In graph order, so that what a node reads has its statement already: no deep recursion. */
    for (int i = 0; i < graph->node_count; i++) {
        enum op_class class = op_facts[graph->nodes[i]->op].class;
        if (!within[i] && class != CLASS_MOVEMENT &&
            (class != CLASS_LEAF || graph->nodes[i]->op == OP_INPUT))
            buffer_of(&lowering, graph->nodes[i]);
    }
    for (int i = 0; i < graph->output_count; i++) {
        const struct node *node = graph->outputs[i].node;
        struct buffer *output = ir_buffer(ir, BUFFER_OUTPUT, node->dtype, node->rank, node->shape,
                                          graph->outputs[i].name);
        output->position = i;
        if (node_elements(node) == 0)
            continue; /* there is nothing to store */
        struct statement *statement = ir_statement(ir, output);
        statement->value =
            value_at(&lowering, node, place_of_axes(ir, node->rank, statement->axes), false);
        ir_add_statement(ir, statement);
    }
}
