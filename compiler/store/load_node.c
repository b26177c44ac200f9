/* Reads one node of a stored graph. Its kinds, keys and ranges are checked here; what the operation
 * asks of its sources and attributes is checked by infer(). */
#include "compiler/base/json_read.h"
#include "compiler/store/element.h"
#include "compiler/store/store.h"

#include <inttypes.h>
#include <string.h>

_Static_assert((int)JSON_MOST_NAME == (int)MAX_NAME, "names are as long wherever they are read");

static bool is_batch_symbol(const json_t *value) {
    return json_is_string(value) && strcmp(json_string_value(value), BATCH_SYMBOL) == 0;
}

/* Extents, of which the first may be BATCH_SYMBOL unless `batched` is NULL. */
static bool load_shape(const json_t *object, int64_t *shape, int *rank, bool *batched,
                       struct et_error *error) {
    const json_t *array = json_read_array(object, "shape", MAX_RANK, rank, error);
    bool symbol = batched && is_batch_symbol(json_array_get(array, 0));
    if (symbol) {
        shape[0] = BATCH_EXTENT;
        *batched = true;
    }
    for (int i = symbol; array && i < *rank; i++)
        if (!json_read_item(array, "shape", i, 0, MAX_ELEMENTS, &shape[i], error))
            return false;
    return array != NULL;
}

bool load_dtype_and_shape(const json_t *object, struct node *node, bool may_be_batched,
                          struct et_error *error) {
    const char *name = json_read_name(object, "dtype", error);
    if (!name)
        return false;
    if (!dtype_from_name(name, &node->dtype))
        return et_fail(error, "unknown dtype \"%s\"", quoted(name).text);
    return load_shape(object, node->shape, &node->rank, may_be_batched ? &node->batched : NULL,
                      error);
}

static bool check_node_keys(enum op op, const json_t *object, struct et_error *error) {
    static const struct {
        const char *key;
        unsigned attribute;
    } attribute_keys[] = {
        {"name", ATTRIBUTE_NAME},    {"value", ATTRIBUTE_VALUE},   {"axes", ATTRIBUTE_AXES},
        {"axis", ATTRIBUTE_AXIS},    {"range", ATTRIBUTE_RANGE},   {"padding", ATTRIBUTE_PADDING},
        {"size", ATTRIBUTE_WINDOW},  {"stride", ATTRIBUTE_WINDOW}, {"dilation", ATTRIBUTE_WINDOW},
        {"scanned", ATTRIBUTE_SCAN}, {"body", ATTRIBUTE_SCAN},
    };
    const char *keys[16] = {"id", "op", "src", "dtype", "shape"};
    int count = 5;
    for (size_t i = 0; i < sizeof attribute_keys / sizeof *attribute_keys; i++)
        if (op_attributes(op) & attribute_keys[i].attribute)
            keys[count++] = attribute_keys[i].key;
    return json_check_keys(object, keys, error);
}

static bool load_sources(const struct graph *graph, const json_t *object, struct node *node,
                         struct et_error *error) {
    int64_t ids[MAX_SOURCES];
    if (!json_read_integers(object, "src", 0, MAX_NODES, MAX_SOURCES, ids, &node->source_count,
                            error))
        return false;
    int expected = op_facts[node->op].sources;
    if (expected == SOURCES_MANY ? node->source_count < 1 : node->source_count != expected)
        return et_fail(error, "%d sources, expected %d%s", node->source_count,
                       expected == SOURCES_MANY ? 1 : expected,
                       expected == SOURCES_MANY ? " or more" : "");
    for (int i = 0; i < node->source_count; i++) {
        if (ids[i] >= graph->node_count)
            return et_fail(error, "source %" PRId64 " is not an earlier node", ids[i]);
        node->sources[i] = graph->nodes[ids[i]];
    }
    return true;
}

static bool load_axes(const json_t *object, struct node *node, struct et_error *error) {
    int64_t axes[MAX_RANK];
    if (!json_read_integers(object, "axes", 0, MAX_RANK - 1, MAX_RANK, axes, &node->axis_count,
                            error))
        return false;
    for (int i = 0; i < node->axis_count; i++)
        node->axes[i] = (int)axes[i];
    return true;
}

static bool load_axis(const json_t *object, struct node *node, struct et_error *error) {
    int64_t axis;
    if (!json_read_integer(object, "axis", 0, MAX_RANK - 1, &axis, error))
        return false;
    node->axis = (int)axis;
    return true;
}

/* A range along the batch axis is all of it. */
static bool load_batch_range(const json_t *pair, struct node *node, struct et_error *error) {
    const json_t *begin = json_array_get(pair, 0);
    node->after[0] = BATCH_EXTENT;
    return (json_array_size(pair) == 2 && json_is_whole(begin) && json_integer_value(begin) == 0 &&
            is_batch_symbol(json_array_get(pair, 1))) ||
           et_fail(error, "\"range\"[0], along the batch axis: expected [0, \"" BATCH_SYMBOL
                          "\"]: images must stay apart");
}

/* [[a, b], ...], one pair for each axis of the source. */
static bool load_pairs(const json_t *object, const char *key, struct node *node,
                       struct et_error *error) {
    const json_t *pairs = json_read_member(object, key, JSON_ARRAY, error);
    if (!pairs)
        return false;
    int rank = node->sources[0]->rank;
    if (json_array_size(pairs) != (size_t)rank)
        return et_fail(error, "\"%s\" has %zu items, expected %d for %s", key,
                       json_array_size(pairs), rank, shape_text(node->sources[0]).text);
    bool symbol = node->sources[0]->batched && node->op == OP_SHRINK;
    if (symbol && !load_batch_range(json_array_get(pairs, 0), node, error))
        return false;
    for (int i = symbol; i < rank; i++) {
        const json_t *pair = json_array_get(pairs, (size_t)i);
        int64_t numbers[2];
        if (!json_is_array(pair) || json_array_size(pair) != 2)
            return et_fail(error, "\"%s\"[%d] is no pair of integers", key, i);
        for (size_t k = 0; k < 2; k++) {
            const json_t *number = json_array_get(pair, k);
            if (!json_is_whole(number))
                return et_fail(error, "\"%s\"[%d] is no pair of integers", key, i);
            numbers[k] = json_integer_value(number);
            if (numbers[k] < 0 || numbers[k] > MAX_ELEMENTS)
                return et_fail(error, "\"%s\"[%d] has %" PRId64 ", expected 0 to %" PRId64, key, i,
                               numbers[k], MAX_ELEMENTS);
        }
        node->before[i] = numbers[0];
        node->after[i] = numbers[1];
    }
    return true;
}

static bool load_window(const json_t *object, struct node *node, struct et_error *error) {
    return json_read_integer(object, "size", 1, MAX_ELEMENTS, &node->size, error) &&
           json_read_integer(object, "stride", 1, MAX_ELEMENTS, &node->stride, error) &&
           json_read_integer(object, "dilation", 1, MAX_ELEMENTS, &node->dilation, error);
}

/* A pad's value is of the source's dtype, whatever the node states. */
static enum dtype value_dtype(const struct node *node) {
    return node->op == OP_PAD ? node->sources[0]->dtype : node->dtype;
}

/* One value or a list of them. The caller releases node->value. */
static bool load_value(const json_t *object, struct node *node, struct et_error *error) {
    const json_t *value = json_object_get(object, "value");
    if (!value)
        return node->op == OP_PAD || et_fail(error, "\"value\" is missing");
    bool list = node->op == OP_CONST && json_is_array(value);
    size_t count = list ? json_array_size(value) : 1;
    if (count > MAX_CONSTANT)
        return et_fail(error, "\"value\" has %zu items, expected at most %d", count, MAX_CONSTANT);
    enum dtype dtype = value_dtype(node);
    size_t width = dtype_facts[dtype].bytes;
    char *elements = et_allocate(count, width);
    if (!elements)
        return et_fail(error, "out of memory");
    node->value = elements;
    node->value_count = (int64_t)count;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = list ? json_array_get(value, i) : value;
        if (!element_from_json(item, dtype, elements + i * width, error))
            return list ? et_fail_within(error, "\"value\"[%zu]", i)
                        : et_fail_within(error, "\"value\"");
    }
    return true;
}

/* A pad with zeros is the same pad, however it was written. */
static void drop_zero_value(struct node *node) {
    static const uint8_t zero[8];
    if (node->op != OP_PAD || !node->value ||
        memcmp(node->value, zero, dtype_facts[value_dtype(node)].bytes) != 0)
        return;
    et_release((void *)node->value);
    node->value = NULL;
    node->value_count = 0;
}

/* Bodies in bodies are as few as the JSON may be nested. */
static bool load_body_nodes(const json_t *nodes, struct graph *body, struct et_error *error) {
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *op = json_object_get(json_array_get(nodes, i), "op");
        if (json_is_string(op) && strcmp(json_string_value(op), "weight") == 0)
            return et_fail(error,
                           "node %zu (weight): a body takes weights from sources of the scan", i);
        if (!load_node(body, NULL, json_array_get(nodes, i), error))
            return false;
    }
    return true;
}

static bool load_body(const json_t *object, struct graph *body, struct et_error *error) {
    static const char *const keys[] = {"nodes", "output", NULL};
    const json_t *nodes = json_read_member(object, "nodes", JSON_ARRAY, error);
    int64_t output;
    return nodes && json_check_keys(object, keys, error) && load_body_nodes(nodes, body, error) &&
           json_read_integer(object, "output", 0, body->node_count - 1, &output, error) &&
           graph_add_output(body, "state", body->nodes[output], error);
}

/* The caller frees node->body. */
static bool load_scan(const json_t *object, struct node *node, struct et_error *error) {
    int64_t scanned;
    if (!json_read_integer(object, "scanned", 1, MAX_SOURCES - 1, &scanned, error))
        return false;
    node->scanned = (int)scanned;
    const json_t *stored = json_read_member(object, "body", JSON_OBJECT, error);
    struct graph *body = stored ? graph_new("body") : NULL;
    node->body = body;
    if (!body)
        return stored && et_fail(error, "out of memory");
    return load_body(stored, body, error) || et_fail_within(error, "body");
}

static bool load_attributes(const json_t *object, struct node *node, struct et_error *error) {
    unsigned attributes = op_attributes(node->op);
    if (attributes & ATTRIBUTE_NAME && !(node->name = json_read_name(object, "name", error)))
        return false;
    if (attributes & ATTRIBUTE_AXES && !load_axes(object, node, error))
        return false;
    if (attributes & ATTRIBUTE_AXIS && !load_axis(object, node, error))
        return false;
    if (attributes & ATTRIBUTE_PADDING && !load_pairs(object, "padding", node, error))
        return false;
    if (attributes & ATTRIBUTE_RANGE && !load_pairs(object, "range", node, error))
        return false;
    if (attributes & ATTRIBUTE_WINDOW && !load_window(object, node, error))
        return false;
    if (attributes & ATTRIBUTE_VALUE && !load_value(object, node, error))
        return false;
    if (attributes & ATTRIBUTE_SCAN && !load_scan(object, node, error))
        return false;
    drop_zero_value(node);
    return true;
}

/* A weight node is one of those that the graph names. */
static bool check_listed(const struct node *node, const struct weights *listed,
                         struct et_error *error) {
    if (!listed)
        return et_fail(error, "the graph has no \"weights\"");
    return weight_of(node, listed, error) || et_fail_within(error, "\"weights\"");
}

/* What infer() says begins with the operation, which the place says already. */
static bool fail_at(enum op op, int id, struct et_error *error) {
    const char *name = op_facts[op].name;
    size_t length = strlen(name);
    if (error && strncmp(error->message, name, length) == 0 &&
        strncmp(error->message + length, ": ", 2) == 0)
        memmove(error->message, error->message + length + 2,
                strlen(error->message + length + 2) + 1);
    return et_fail_within(error, "node %d (%s)", id, name);
}

static bool append(struct graph *graph, const struct node *node, const struct weights *listed,
                   struct et_error *error) {
    if (node->op == OP_WEIGHT && !check_listed(node, listed, error))
        return false;
    if (node->op == OP_INPUT && graph->input_count == STORE_MOST_NAMED)
        return et_fail(error, "more than %d inputs", STORE_MOST_NAMED);
    const struct node *appended = graph_append(graph, node, error);
    if (!appended)
        return false;
    bool same = appended->dtype == node->dtype && appended->rank == node->rank &&
                appended->batched == node->batched;
    for (int i = 0; same && i < node->rank; i++)
        same = appended->shape[i] == node->shape[i];
    return same || et_fail(error, "stated as %s, but its sources give %s", shape_text(node).text,
                           shape_text(appended).text);
}

static bool load_rest(struct graph *graph, const struct weights *listed, const json_t *object,
                      struct node *node, struct et_error *error) {
    struct node *sources[MAX_SOURCES];
    node->sources = sources;
    bool good = check_node_keys(node->op, object, error) &&
                load_sources(graph, object, node, error) &&
                load_dtype_and_shape(object, node, true, error) &&
                load_attributes(object, node, error) && append(graph, node, listed, error);
    et_release((void *)node->value);
    node->value = NULL;
    graph_free((struct graph *)node->body); /* the graph has a copy */
    node->body = NULL;
    return good;
}

bool load_node(struct graph *graph, const struct weights *listed, const json_t *object,
               struct et_error *error) {
    int id = graph->node_count;
    struct node node = {0};
    if (!json_is_object(object))
        return et_fail(error, "node %d: %s, expected an object", id, json_kind(object));
    int64_t stated;
    if (!json_read_integer(object, "id", 0, MAX_NODES, &stated, error))
        return et_fail_within(error, "node %d", id);
    if (stated != id)
        return et_fail(error, "node %d: \"id\" is %" PRId64 ", expected %d", id, stated, id);
    const char *name = json_read_name(object, "op", error);
    if (!name)
        return et_fail_within(error, "node %d", id);
    if (!op_from_name(name, &node.op))
        return et_fail(error, "node %d: unknown operation \"%s\"", id, quoted(name).text);
    return load_rest(graph, listed, object, &node, error) || fail_at(node.op, id, error);
}
