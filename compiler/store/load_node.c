/* Reads one node of a stored graph. Its kinds, keys and ranges are checked here; what the operation
 * asks of its sources and attributes is checked by infer(). */
#include "compiler/store/open_graph.h"

#include "compiler/base/json_read.h"
#include "compiler/store/element.h"

#include <inttypes.h>
#include <string.h>

_Static_assert((int)JSON_MOST_NAME == (int)MAX_NAME, "names are as long wherever they are read");

static bool is_batch_symbol(const json_t *value) {
    return json_is_string(value) && strcmp(json_string_value(value), BATCH_SYMBOL) == 0;
}

/* ---- Sizes ---- */

static bool is_size(const struct size_loader *loader, const json_t *item) {
    return json_is_string(item) && loader && loader->nodes;
}

/* Notes where it stands, in the node at hand. */
static bool note_size(struct size_loader *loader, enum size_place place, int index,
                      const struct size *size, struct et_error *error) {
    struct open_node *node = loader->node;
    struct open_integer *integers = arena_extend(&loader->open->arena, node->integers, node->count,
                                                 &loader->capacity, sizeof *node->integers);
    if (!integers)
        return et_fail(error, "out of memory");
    node->integers = integers;
    integers[node->count++] = (struct open_integer){place, index, size};
    return true;
}

/* Reads the size that stands in a place, and its value at the most of each axis. */
static bool load_size(struct size_loader *loader, const json_t *item, enum size_place place,
                      int index, int64_t least, int64_t most, int64_t *value,
                      struct et_error *error) {
    const char *text = json_string_value(item);
    loader->read += strlen(text);
    if (loader->read > STORE_MOST_SIZES)
        return et_fail(error, "sizes of more than %d bytes, together", STORE_MOST_SIZES);
    const struct size *size = size_read(text, &loader->open->axes, &loader->open->arena, error);
    if (!size || !size_value(size, loader->sizes, value, error))
        return et_fail_within(error, "\"%s\"", quoted(text).text);
    if (*value < least || *value > most)
        return et_fail(error, "\"%s\" becomes %" PRId64 ", expected %" PRId64 " to %" PRId64,
                       quoted(text).text, *value, least, most);
    return note_size(loader, place, index, size, error);
}

/* ---- Nodes ---- */

/* Extents, of which the first may be BATCH_SYMBOL unless `batched` is NULL. */
static bool load_shape(const json_t *object, int64_t *shape, int *rank, bool *batched,
                       struct size_loader *loader, struct et_error *error) {
    const json_t *array = json_read_array(object, "shape", MAX_RANK, rank, error);
    bool symbol = batched && is_batch_symbol(json_array_get(array, 0));
    if (symbol) {
        shape[0] = BATCH_EXTENT;
        *batched = true;
    }
    for (int i = symbol; array && i < *rank; i++) {
        const json_t *item = json_array_get(array, (size_t)i);
        if (is_size(loader, item) &&
            !load_size(loader, item, PLACE_SHAPE, i, 0, MAX_ELEMENTS, &shape[i], error))
            return et_fail_within(error, "\"shape\"[%d]", i);
        if (!is_size(loader, item) &&
            !json_read_item(array, "shape", i, 0, MAX_ELEMENTS, &shape[i], error))
            return false;
    }
    return array != NULL;
}

bool load_dtype_and_shape(const json_t *object, struct node *node, bool may_be_batched,
                          struct size_loader *loader, struct et_error *error) {
    const char *name = json_read_name(object, "dtype", error);
    if (!name)
        return false;
    if (!dtype_from_name(name, &node->dtype))
        return et_fail(error, "unknown dtype \"%s\"", quoted(name).text);
    return load_shape(object, node->shape, &node->rank, may_be_batched ? &node->batched : NULL,
                      loader, error);
}

static bool check_node_keys(enum op op, const json_t *object, struct et_error *error) {
    static const struct {
        const char *key;
        unsigned attribute;
    } attribute_keys[] = {
        {"name", ATTRIBUTE_NAME},    {"value", ATTRIBUTE_VALUE},   {"axes", ATTRIBUTE_AXES},
        {"axis", ATTRIBUTE_AXIS},    {"range", ATTRIBUTE_RANGE},   {"padding", ATTRIBUTE_PADDING},
        {"size", ATTRIBUTE_WINDOW},  {"stride", ATTRIBUTE_WINDOW}, {"dilation", ATTRIBUTE_WINDOW},
        {"scanned", ATTRIBUTE_SCAN}, {"body", ATTRIBUTE_SCAN},     {"last", ATTRIBUTE_SCAN},
    };
    const char *keys[16] = {"id", "op", "src", "dtype", "shape"};
    unsigned attributes = op_attributes(op);
    int count = 5;
    for (size_t i = 0; i < sizeof attribute_keys / sizeof *attribute_keys; i++)
        if (attributes & attribute_keys[i].attribute)
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

/* [a, b] of one axis. */
static bool load_pair(const json_t *pair, const char *key, struct node *node, int axis,
                      struct size_loader *loader, struct et_error *error) {
    int64_t *const numbers[] = {&node->before[axis], &node->after[axis]};
    if (!json_is_array(pair) || json_array_size(pair) != 2)
        return et_fail(error, "\"%s\"[%d] is no pair of integers", key, axis);
    for (int k = 0; k < 2; k++) {
        const json_t *number = json_array_get(pair, (size_t)k);
        if (is_size(loader, number)) {
            if (!load_size(loader, number, k ? PLACE_AFTER : PLACE_BEFORE, axis, 0, MAX_ELEMENTS,
                           numbers[k], error))
                return et_fail_within(error, "\"%s\"[%d]", key, axis);
            continue;
        }
        if (!json_is_whole(number))
            return et_fail(error, "\"%s\"[%d] is no pair of integers", key, axis);
        *numbers[k] = json_integer_value(number);
        if (*numbers[k] < 0 || *numbers[k] > MAX_ELEMENTS)
            return et_fail(error, "\"%s\"[%d] has %" PRId64 ", expected 0 to %" PRId64, key, axis,
                           *numbers[k], MAX_ELEMENTS);
    }
    return true;
}

/* [[a, b], ...], one pair for each axis of the source. */
static bool load_pairs(const json_t *object, const char *key, struct node *node,
                       struct size_loader *loader, struct et_error *error) {
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
    for (int i = symbol; i < rank; i++)
        if (!load_pair(json_array_get(pairs, (size_t)i), key, node, i, loader, error))
            return false;
    return true;
}

static bool load_window(const json_t *object, struct node *node, struct size_loader *loader,
                        struct et_error *error) {
    static const char *const keys[] = {"size", "stride", "dilation"};
    int64_t *const numbers[] = {&node->size, &node->stride, &node->dilation};
    for (int i = 0; i < 3; i++) {
        const json_t *number = json_object_get(object, keys[i]);
        if (!is_size(loader, number)) {
            if (!json_read_integer(object, keys[i], 1, MAX_ELEMENTS, numbers[i], error))
                return false;
        } else if (!load_size(loader, number, (enum size_place)(PLACE_SIZE + i), 0, 1, MAX_ELEMENTS,
                              numbers[i], error)) {
            return et_fail_within(error, "\"%s\"", keys[i]);
        }
    }
    return true;
}

/* A pad's value is of the source's dtype, whatever the node states. */
static enum dtype value_dtype(const struct node *node) {
    return node->op == OP_PAD ? node->sources[0]->dtype : node->dtype;
}

/* A number, or the size of which it becomes one. Strings that stand for elements come first. */
static bool load_element(const json_t *item, struct node *node, int index, void *element,
                         struct size_loader *loader, struct et_error *error) {
    enum dtype dtype = value_dtype(node);
    bool may_be_size = is_size(loader, item) && node->op == OP_CONST && node->dtype != DTYPE_BOOL;
    int64_t value;
    if (element_from_json(item, dtype, element, may_be_size ? NULL : error))
        return true;
    return may_be_size &&
           load_size(loader, item, PLACE_VALUE, index, INT64_MIN, INT64_MAX, &value, error) &&
           element_from_integer(value, dtype, element, error);
}

/* One value or a list of them. The caller releases node->value. */
static bool load_value(const json_t *object, struct node *node, struct size_loader *loader,
                       struct et_error *error) {
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
        if (!load_element(item, node, (int)i, elements + i * width, loader, error))
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
static bool load_body_nodes(const json_t *nodes, struct graph *body, struct size_loader *loader,
                            struct et_error *error) {
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *op = json_object_get(json_array_get(nodes, i), "op");
        if (json_is_string(op) && strcmp(json_string_value(op), "weight") == 0)
            return et_fail(error,
                           "node %zu (weight): a body takes weights from sources of the scan", i);
        if (!load_node(body, NULL, json_array_get(nodes, i), loader, error))
            return false;
    }
    return true;
}

static bool load_body_output(const json_t *object, const char *key, const char *name,
                             struct graph *body, struct et_error *error) {
    int64_t output;
    return json_read_integer(object, key, 0, body->node_count - 1, &output, error) &&
           graph_add_output(body, name, body->nodes[output], error);
}

static bool load_body(const json_t *object, struct graph *body, struct size_loader *loader,
                      struct et_error *error) {
    static const char *const keys[] = {"nodes", "output", "goes_on", NULL};
    const json_t *nodes = json_read_member(object, "nodes", JSON_ARRAY, error);
    return nodes && json_check_keys(object, keys, error) &&
           load_body_nodes(nodes, body, loader, error) &&
           load_body_output(object, "output", "state", body, error) &&
           (!json_object_get(object, "goes_on") ||
            load_body_output(object, "goes_on", "goes_on", body, error));
}

/* What depends on open axes in the body is the scan's. */
static bool load_open_body(const json_t *object, struct graph *body, struct size_loader *loader,
                           struct et_error *error) {
    const struct size_loader scan = *loader;
    if (!loader->nodes)
        return load_body(object, body, loader, error);
    size_t count = json_array_size(json_object_get(object, "nodes"));
    loader->nodes = arena_array(&loader->open->arena, struct open_node, count + 1);
    if (!loader->nodes)
        return et_fail(error, "out of memory");
    bool good = load_body(object, body, loader, error);
    scan.node->body = loader->nodes;
    loader->nodes = scan.nodes;
    loader->node = scan.node;
    loader->capacity = scan.capacity;
    return good;
}

/* The caller frees node->body. */
static bool load_scan(const json_t *object, struct node *node, struct size_loader *loader,
                      struct et_error *error) {
    int64_t scanned;
    if (!json_read_integer(object, "scanned", 1, MAX_SOURCES - 1, &scanned, error))
        return false;
    node->scanned = (int)scanned;
    const json_t *last = json_object_get(object, "last");
    if (last && !json_is_true(last))
        return et_fail(error, "\"last\" is not true, which is all that it can be");
    node->last = last != NULL;
    const json_t *stored = json_read_member(object, "body", JSON_OBJECT, error);
    struct graph *body = stored ? graph_new("body") : NULL;
    node->body = body;
    if (!body)
        return stored && et_fail(error, "out of memory");
    return load_open_body(stored, body, loader, error) || et_fail_within(error, "body");
}

static bool load_attributes(const json_t *object, struct node *node, struct size_loader *loader,
                            struct et_error *error) {
    unsigned attributes = op_attributes(node->op);
    if (attributes & ATTRIBUTE_NAME && !(node->name = json_read_name(object, "name", error)))
        return false;
    if (attributes & ATTRIBUTE_AXES && !load_axes(object, node, error))
        return false;
    if (attributes & ATTRIBUTE_AXIS && !load_axis(object, node, error))
        return false;
    if (attributes & ATTRIBUTE_PADDING && !load_pairs(object, "padding", node, loader, error))
        return false;
    if (attributes & ATTRIBUTE_RANGE && !load_pairs(object, "range", node, loader, error))
        return false;
    if (attributes & ATTRIBUTE_WINDOW && !load_window(object, node, loader, error))
        return false;
    if (attributes & ATTRIBUTE_VALUE && !load_value(object, node, loader, error))
        return false;
    if (attributes & ATTRIBUTE_SCAN && !load_scan(object, node, loader, error))
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
                      struct node *node, struct size_loader *loader, struct et_error *error) {
    struct node *sources[MAX_SOURCES];
    node->sources = sources;
    bool good = check_node_keys(node->op, object, error) &&
                load_sources(graph, object, node, error) &&
                load_dtype_and_shape(object, node, true, loader, error) &&
                load_attributes(object, node, loader, error) && append(graph, node, listed, error);
    et_release((void *)node->value);
    node->value = NULL;
    graph_free((struct graph *)node->body); /* the graph has a copy */
    node->body = NULL;
    return good;
}

bool load_node(struct graph *graph, const struct weights *listed, const json_t *object,
               struct size_loader *loader, struct et_error *error) {
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
    if (!op_from_name(name, &node.op) || node.op >= OP_STORED_COUNT)
        return et_fail(error, "node %d: unknown operation \"%s\"", id, quoted(name).text);
    loader->node = loader->nodes ? &loader->nodes[id] : NULL;
    loader->capacity = 0;
    if (!load_rest(graph, listed, object, &node, loader, error))
        return fail_at(node.op, id, error);
    if (loader->nodes)
        open_integers_sort(&loader->nodes[id]);
    return true;
}
