/* Shape and dtype inference: the rules that each operation's attributes and sources obey.
 * Sizes from outside are checked here before anything is computed or allocated from them. */
#include "compiler/graph/graph.h"

#include <inttypes.h>
#include <string.h>

static const char *name_of(const struct node *node) {
    return op_facts[node->op].name;
}

static bool check_shape(const struct node *node, struct et_error *error) {
    if (node->rank < 0 || node->rank > MAX_RANK)
        return et_fail(error, "%s: rank %d, expected 0 to %d", name_of(node), node->rank, MAX_RANK);
    for (int i = node->batched; i < node->rank; i++)
        if (node->shape[i] < 0)
            return et_fail(error, "%s: axis %d has extent %" PRId64 ", expected at least 0",
                           name_of(node), i, node->shape[i]);
    /* Of one image, where there is a batch. */
    return elements_fit(node->rank - node->batched, node->shape + node->batched) ||
           et_fail(error, "%s: more than %" PRId64 " elements", name_of(node), MAX_ELEMENTS);
}

static bool check_axis(const struct node *node, int axis, int rank, struct et_error *error) {
    if (axis < 0 || axis >= rank)
        return et_fail(error, "%s: axis %d, expected 0 to %d for %s", name_of(node), axis, rank - 1,
                       shape_text(node->sources[0]).text);
    return true;
}

/* Each axis within the source's rank and named once. */
static bool check_axes(const struct node *node, struct et_error *error) {
    bool seen[MAX_RANK] = {false};
    if (node->axis_count < 0 || node->axis_count > node->sources[0]->rank)
        return et_fail(error, "%s: %d axes for %s", name_of(node), node->axis_count,
                       shape_text(node->sources[0]).text);
    for (int i = 0; i < node->axis_count; i++) {
        if (!check_axis(node, node->axes[i], node->sources[0]->rank, error))
            return false;
        if (seen[node->axes[i]])
            return et_fail(error, "%s: axis %d is named twice", name_of(node), node->axes[i]);
        seen[node->axes[i]] = true;
    }
    return true;
}

/* What was found would look from one image at another. */
static bool fail_at_batch(const struct node *node, const char *what, struct et_error *error) {
    return et_fail(error, "%s: %s the batch axis " BATCH_SYMBOL " of %s: images must stay apart",
                   name_of(node), what, shape_text(node->sources[0]).text);
}

static bool names_batch(const struct node *node) {
    for (int i = 0; i < node->axis_count; i++)
        if (node->axes[i] == 0)
            return node->sources[0]->batched;
    return false;
}

static bool same_shape(const struct node *a, const struct node *b) {
    return a->rank == b->rank && a->batched == b->batched &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

static void take_shape(struct node *node, const struct node *source) {
    node->rank = source->rank;
    node->batched = source->batched;
    memcpy(node->shape, source->shape, sizeof node->shape);
}

static bool check_batched_leaf(const struct node *node, struct et_error *error) {
    if (node->op == OP_WEIGHT || node->op == OP_IOTA)
        return et_fail(error, "%s: has the batch axis " BATCH_SYMBOL, name_of(node));
    if (node->rank < 1 || node->shape[0] != BATCH_EXTENT)
        return et_fail(error, "%s: the batch axis is not the first", name_of(node));
    return node->op != OP_CONST || node->value_count == 1 ||
           et_fail(error, "const: %" PRId64 " values listed for %s", node->value_count,
                   shape_text(node).text);
}

static bool infer_leaf(struct node *node, struct et_error *error) {
    if (!check_shape(node, error) || (node->batched && !check_batched_leaf(node, error)))
        return false;
    if (!op_accepts(node->op, node->dtype))
        return et_fail(error, "%s: dtype %s is not supported", name_of(node),
                       dtype_facts[node->dtype].name);
    if (node->op == OP_INPUT || node->op == OP_WEIGHT) {
        if (!node->name || !node->name[0] || strlen(node->name) > MAX_NAME)
            return et_fail(error, "%s: expected a name of 1 to %d bytes", name_of(node), MAX_NAME);
        if (image_bytes(node) > MAX_TENSOR_BYTES)
            return et_fail(error, "%s \"%s\": %" PRId64 " bytes, expected at most %" PRId64,
                           name_of(node), node->name, image_bytes(node), MAX_TENSOR_BYTES);
    }
    if (node->op == OP_CONST) {
        if (!node->value)
            return et_fail(error, "const: value is missing");
        if (node->value_count > MAX_CONSTANT)
            return et_fail(error, "const: %" PRId64 " values listed, expected at most %d",
                           node->value_count, MAX_CONSTANT);
        if (node->value_count != 1 && node->value_count != node_elements(node))
            return et_fail(error, "const: %" PRId64 " values listed for %s", node->value_count,
                           shape_text(node).text);
    }
    if (node->op == OP_IOTA && node->rank != 1)
        return et_fail(error, "iota: rank %d, expected 1", node->rank);
    if (node->op == OP_IOTA && node->dtype != DTYPE_INT32 && node->dtype != DTYPE_INT64)
        return et_fail(error, "iota: dtype %s, expected int32 or int64",
                       dtype_facts[node->dtype].name);
    return true;
}

static bool infer_reshape(struct node *node, struct et_error *error) {
    node->batched = node->sources[0]->batched;
    if (node->batched && (node->rank < 1 || node->shape[0] != BATCH_EXTENT))
        return fail_at_batch(node, "joins or moves", error);
    if (!check_shape(node, error))
        return false;
    if (node_elements(node) != node_elements(node->sources[0]))
        return et_fail(error, "reshape: %s does not hold the %" PRId64 " elements of %s",
                       shape_text(node).text, node_elements(node->sources[0]),
                       shape_text(node->sources[0]).text);
    return true;
}

static bool infer_permute(struct node *node, struct et_error *error) {
    const struct node *source = node->sources[0];
    if (!check_axes(node, error))
        return false;
    if (node->axis_count != source->rank)
        return et_fail(error, "permute: %d axes, expected %d for %s", node->axis_count,
                       source->rank, shape_text(source).text);
    if (source->batched && node->axes[0] != 0)
        return fail_at_batch(node, "moves", error);
    node->rank = source->rank;
    node->batched = source->batched;
    for (int i = 0; i < source->rank; i++)
        node->shape[i] = source->shape[node->axes[i]];
    return true;
}

static bool infer_expand(struct node *node, struct et_error *error) {
    const struct node *source = node->sources[0];
    if (!check_shape(node, error))
        return false;
    bool fits = node->rank == source->rank;
    for (int i = 0; fits && i < node->rank; i++)
        fits = source->shape[i] == 1 || source->shape[i] == node->shape[i];
    if (node->batched) /* the batch axis begins here, or it is the source's */
        fits &= node->shape[0] == BATCH_EXTENT && (source->batched || source->shape[0] == 1);
    if (!fits)
        return et_fail(error, "expand: %s cannot be repeated to %s", shape_text(source).text,
                       shape_text(node).text);
    node->batched |= source->batched;
    return true;
}

static bool infer_pad(struct node *node, struct et_error *error) {
    take_shape(node, node->sources[0]);
    if (node->batched && (node->before[0] || node->after[0]))
        return fail_at_batch(node, "pads", error);
    for (int i = 0; i < node->rank; i++) {
        if (node->before[i] < 0 || node->after[i] < 0)
            return et_fail(error, "pad: negative padding on axis %d", i);
        if (!checked_add(node->shape[i], node->before[i], &node->shape[i]) ||
            !checked_add(node->shape[i], node->after[i], &node->shape[i]))
            return et_fail(error, "pad: axis %d overflows", i);
    }
    return check_shape(node, error);
}

static bool infer_shrink(struct node *node, struct et_error *error) {
    const struct node *source = node->sources[0];
    node->rank = source->rank;
    node->batched = source->batched;
    if (node->batched && (node->before[0] || node->after[0] != BATCH_EXTENT))
        return fail_at_batch(node, "takes a part of", error);
    for (int i = 0; i < node->rank; i++) {
        if (node->before[i] < 0 || node->before[i] > node->after[i] ||
            node->after[i] > source->shape[i])
            return et_fail(error, "shrink: range [%" PRId64 ",%" PRId64 "] on axis %d of %s",
                           node->before[i], node->after[i], i, shape_text(source).text);
        node->shape[i] = node->after[i] - node->before[i];
    }
    return true;
}

static bool infer_flip(struct node *node, struct et_error *error) {
    take_shape(node, node->sources[0]);
    if (names_batch(node))
        return fail_at_batch(node, "turns round", error);
    return check_axes(node, error);
}

static bool infer_window(struct node *node, struct et_error *error) {
    const struct node *source = node->sources[0];
    if (!check_axis(node, node->axis, source->rank, error))
        return false;
    if (node->size < 1 || node->stride < 1 || node->dilation < 1)
        return et_fail(error, "window: size, stride and dilation must be at least 1");
    int64_t span; /* from the first to the last element of one window */
    if (!checked_multiply(node->size - 1, node->dilation, &span) ||
        span >= source->shape[node->axis])
        return et_fail(error,
                       "window: size %" PRId64 ", dilation %" PRId64 " on axis %d of %s: too large",
                       node->size, node->dilation, node->axis, shape_text(source).text);
    if (source->batched && node->axis == 0)
        return fail_at_batch(node, "runs along", error);
    take_shape(node, source);
    node->shape[node->axis] = (source->shape[node->axis] - 1 - span) / node->stride + 1;
    if (node->rank == MAX_RANK)
        return et_fail(error, "window: rank over %d", MAX_RANK);
    node->shape[node->rank++] = node->size;
    return check_shape(node, error);
}

static bool infer_concat(struct node *node, struct et_error *error) {
    const struct node *first = node->sources[0];
    if (!check_axis(node, node->axis, first->rank, error))
        return false;
    if (first->batched && node->axis == 0)
        return fail_at_batch(node, "lengthens", error);
    take_shape(node, first);
    for (int k = 1; k < node->source_count; k++) {
        struct node other = *node->sources[k];
        bool fits =
            other.rank == first->rank &&
            checked_add(node->shape[node->axis], other.shape[node->axis], &node->shape[node->axis]);
        other.shape[node->axis] = first->shape[node->axis];
        if (!fits || !same_shape(&other, first))
            return et_fail(error, "concat: %s does not join %s along axis %d",
                           shape_text(node->sources[k]).text, shape_text(first).text, node->axis);
    }
    return check_shape(node, error);
}

static bool infer_gather(struct node *node, struct et_error *error) {
    const struct node *data = node->sources[0], *index = node->sources[1];
    if (!check_axis(node, node->axis, data->rank, error))
        return false;
    if (index->dtype != DTYPE_INT32 && index->dtype != DTYPE_INT64)
        return et_fail(error, "gather: positions are %s, expected int32 or int64",
                       shape_text(index).text);
    if (data->rank + index->rank - 1 > MAX_RANK)
        return et_fail(error, "gather: rank over %d", MAX_RANK);
    if (data->batched && (node->axis == 0 || index->batched))
        return fail_at_batch(node, "picks along", error);
    if (index->batched && node->axis != 0)
        return et_fail(error,
                       "gather: positions %s along axis %d of %s: the batch axis would not "
                       "be the first",
                       shape_text(index).text, node->axis, shape_text(data).text);
    node->batched = data->batched || index->batched;
    node->rank = 0;
    for (int i = 0; i < node->axis; i++)
        node->shape[node->rank++] = data->shape[i];
    for (int i = 0; i < index->rank; i++)
        node->shape[node->rank++] = index->shape[i];
    for (int i = node->axis + 1; i < data->rank; i++)
        node->shape[node->rank++] = data->shape[i];
    return check_shape(node, error);
}

static bool infer_elementwise(struct node *node, struct et_error *error) {
    take_shape(node, node->sources[0]);
    for (int i = 1; i < node->source_count; i++)
        if (!same_shape(node->sources[i], node->sources[0]))
            return et_fail(error, "%s: shapes differ: %s and %s", name_of(node),
                           shape_text(node->sources[0]).text, shape_text(node->sources[i]).text);
    return true;
}

static bool infer_convert(struct node *node, struct et_error *error) {
    take_shape(node, node->sources[0]);
    if (!op_accepts(node->op, node->dtype))
        return et_fail(error, "%s: to %s is not supported", name_of(node),
                       dtype_facts[node->dtype].name);
    if (node->op == OP_BITCAST &&
        dtype_facts[node->dtype].bytes != dtype_facts[node->sources[0]->dtype].bytes)
        return et_fail(error, "bitcast: %s to %s: widths differ", shape_text(node->sources[0]).text,
                       dtype_facts[node->dtype].name);
    return true;
}

static bool infer_reduce(struct node *node, struct et_error *error) {
    const struct node *source = node->sources[0];
    bool reduced[MAX_RANK] = {false};
    if (!infer_elementwise(node, error) || !check_axes(node, error))
        return false;
    if (names_batch(node))
        return fail_at_batch(node, "runs over", error);
    int64_t positions = 1;
    for (int i = 0; i < node->axis_count; i++) {
        reduced[node->axes[i]] = true;
        positions *= source->shape[node->axes[i]];
        if (node->op != OP_CONTRACT && i > 0 && node->axes[i] < node->axes[i - 1])
            return et_fail(error, "%s: axes must ascend", name_of(node));
    }
    if (op_facts[node->op].gives == GIVES_INDEX && positions > INT32_MAX)
        return et_fail(error, "%s: %" PRId64 " positions do not fit int32", name_of(node),
                       positions);
    node->rank = 0;
    for (int i = 0; i < source->rank; i++)
        if (!reduced[i])
            node->shape[node->rank++] = source->shape[i];
    return true;
}

static bool infer_argsort(struct node *node, struct et_error *error) {
    const struct node *source = node->sources[0];
    if (!check_axis(node, node->axis, source->rank, error))
        return false;
    if (source->batched && node->axis == 0)
        return fail_at_batch(node, "sorts along", error);
    if (source->shape[node->axis] > INT32_MAX)
        return et_fail(error, "argsort: %" PRId64 " positions do not fit int32",
                       source->shape[node->axis]);
    take_shape(node, source);
    return true;
}

/* Whether `source` repeated along its axes of extent 1 has the shape of `whole`. */
static bool repeats_to(const struct node *source, const struct node *whole) {
    bool fits = source->rank == whole->rank && (whole->batched || !source->batched);
    for (int i = 0; fits && i < source->rank; i++)
        fits = source->shape[i] == 1 || source->shape[i] == whole->shape[i];
    return fits;
}

static bool infer_scatter(struct node *node, struct et_error *error) {
    const struct node *data = node->sources[0], *positions = node->sources[1];
    struct node updates = *node->sources[2];
    if (!check_axis(node, node->axis, data->rank, error))
        return false;
    if (positions->dtype != DTYPE_INT32 && positions->dtype != DTYPE_INT64)
        return et_fail(error, "%s: positions are %s, expected int32 or int64", name_of(node),
                       shape_text(positions).text);
    if (data->batched && node->axis == 0)
        return fail_at_batch(node, "puts along", error);
    if (!repeats_to(positions, &updates))
        return et_fail(error, "%s: positions %s for updates %s", name_of(node),
                       shape_text(positions).text, shape_text(&updates).text);
    if (updates.rank == data->rank)
        updates.shape[node->axis] = data->shape[node->axis];
    if (!same_shape(&updates, data))
        return et_fail(error, "%s: updates %s along axis %d of %s", name_of(node),
                       shape_text(node->sources[2]).text, node->axis, shape_text(data).text);
    take_shape(node, data);
    return true;
}

static bool check_sources(const struct node *node, struct et_error *error) {
    int expected = op_facts[node->op].sources;
    if (expected == SOURCES_MANY ? node->source_count < 1 || node->source_count > MAX_SOURCES
                                 : node->source_count != expected)
        return et_fail(error, "%s: %d sources, expected %s%d", name_of(node), node->source_count,
                       expected == SOURCES_MANY ? "1 to " : "",
                       expected == SOURCES_MANY ? MAX_SOURCES : expected);
    for (int i = 0; i < node->source_count; i++) {
        const struct node *source = node->sources[i];
        bool mask = node->op == OP_WHERE && i == 0;
        bool takes_positions = node->op == OP_GATHER || op_facts[node->op].class == CLASS_SCATTER;
        bool positions = takes_positions && i == 1;
        if (mask && source->dtype != DTYPE_BOOL)
            return et_fail(error, "where: the first source is %s, expected bool",
                           shape_text(source).text);
        if (!op_accepts(node->op, source->dtype))
            return et_fail(error, "%s: source %d is %s, which it does not accept", name_of(node), i,
                           shape_text(source).text);
        int first = node->op == OP_WHERE ? 1 : 0;
        if (!mask && !positions && node->op != OP_SCAN &&
            source->dtype != node->sources[first]->dtype)
            return et_fail(error, "%s: dtypes differ: %s and %s", name_of(node),
                           shape_text(node->sources[first]).text, shape_text(source).text);
    }
    return true;
}

static void infer_dtype(struct node *node) {
    switch (op_facts[node->op].gives) {
    case GIVES_SAME:
        node->dtype = node->sources[node->op == OP_WHERE ? 1 : 0]->dtype;
        break;
    case GIVES_BOOL:
        node->dtype = DTYPE_BOOL;
        break;
    case GIVES_INDEX:
        node->dtype = DTYPE_INT32;
        break;
    case GIVES_STATED:
        break;
    }
}

static bool infer_movement(struct node *node, struct et_error *error) {
    switch (node->op) {
    case OP_RESHAPE:
        return infer_reshape(node, error);
    case OP_PERMUTE:
        return infer_permute(node, error);
    case OP_EXPAND:
        return infer_expand(node, error);
    case OP_PAD:
        return infer_pad(node, error);
    case OP_SHRINK:
        return infer_shrink(node, error);
    case OP_FLIP:
        return infer_flip(node, error);
    case OP_WINDOW:
        return infer_window(node, error);
    default:
        unreachable();
    }
}

bool infer(struct node *node, struct et_error *error) {
    if (node->op >= OP_STORED_COUNT)
        return et_fail(error, "%s: no operation of a graph", op_facts[node->op].name);
    if (!check_sources(node, error))
        return false;
    infer_dtype(node);
    if (op_facts[node->op].class != CLASS_LEAF && node->op != OP_EXPAND)
        node->batched = false; /* unless a source is */
    switch (op_facts[node->op].class) {
    case CLASS_LEAF:
        return infer_leaf(node, error);
    case CLASS_MOVEMENT:
        return infer_movement(node, error);
    case CLASS_JOIN:
        return node->op == OP_CONCAT ? infer_concat(node, error) : infer_gather(node, error);
    case CLASS_UNARY:
    case CLASS_BINARY:
    case CLASS_TERNARY:
        return infer_elementwise(node, error);
    case CLASS_CONVERT:
        return infer_convert(node, error);
    case CLASS_REDUCE:
    case CLASS_CONTRACT:
        return infer_reduce(node, error);
    case CLASS_SORT:
        return infer_argsort(node, error);
    case CLASS_SCATTER:
        return infer_scatter(node, error);
    case CLASS_SCAN:
        return infer_scan(node, error);
    }
    unreachable();
}
