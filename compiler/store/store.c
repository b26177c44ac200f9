/* Writes the stored form of a graph and makes its digest: store.h says what they are. */
#include "compiler/store/open_graph.h"

#include "compiler/base/json_read.h"
#include "compiler/store/element.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static unsigned find_attributes(enum op op) {
    static const struct {
        const char *word;
        enum attribute attribute;
    } words[] = {
        {"`name`", ATTRIBUTE_NAME},       {"`value`", ATTRIBUTE_VALUE},
        {"`axes`", ATTRIBUTE_AXES},       {"`axis`", ATTRIBUTE_AXIS},
        {"`padding`", ATTRIBUTE_PADDING}, {"`range`", ATTRIBUTE_RANGE},
        {"`size`", ATTRIBUTE_WINDOW},     {"`body`", ATTRIBUTE_SCAN},
    };
    unsigned attributes = op_facts[op].class == CLASS_REDUCE ? ATTRIBUTE_AXES : 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(op_facts[op].meaning, words[i].word))
            attributes |= words[i].attribute;
    return attributes;
}

unsigned op_attributes(enum op op) {
    enum { KNOWN = 1U << 30 };
    static atomic_uint found[OP_COUNT];
    unsigned attributes = atomic_load_explicit(&found[op], memory_order_relaxed);
    if (!attributes) {
        attributes = find_attributes(op) | KNOWN;
        atomic_store_explicit(&found[op], attributes, memory_order_relaxed);
    }
    return attributes & ~KNOWN;
}

/* The weight nodes of a graph, one for each name, by name. */
struct used_weights {
    struct node **nodes;
    int count;
};

static int by_name(const void *left, const void *right) {
    const struct node *a = *(struct node *const *)left, *b = *(struct node *const *)right;
    int order = strcmp(a->name, b->name);
    return order ? order : a->id - b->id;
}

static bool same_kind(const struct node *a, const struct node *b) {
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* The caller releases used->nodes. */
static bool find_used_weights(const struct graph *graph, struct used_weights *used,
                              struct et_error *error) {
    used->nodes = et_allocate((size_t)graph->node_count, sizeof(struct node *));
    if (!used->nodes)
        return et_fail(error, "out of memory");
    int found = 0;
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            used->nodes[found++] = graph->nodes[i];
    qsort(used->nodes, (size_t)found, sizeof *used->nodes, by_name);
    for (int i = 0; i < found; i++) {
        struct node *node = used->nodes[i];
        const struct node *last = used->count ? used->nodes[used->count - 1] : NULL;
        if (!last || strcmp(last->name, node->name) != 0)
            used->nodes[used->count++] = node;
        else if (!same_kind(last, node))
            return et_fail(error, "weight \"%s\" is %s in node %d, but %s in node %d",
                           quoted(node->name).text, shape_text(last).text, last->id,
                           shape_text(node).text, node->id);
    }
    return true;
}

static bool add_name(struct text *text, const char *what, const char *name,
                     struct et_error *error) {
    if (!json_check_name(what, name, error))
        return false;
    return json_write_string(text, name) || et_fail(error, "%s is not valid UTF-8", what);
}

/* As printf does, but most of a graph's text is numbers. */
static void add_number(struct text *text, int64_t value) {
    char digits[20], *end = digits + sizeof digits, *at = end;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        *--at = '-';
    text_add_bytes(text, at, (size_t)(end - at));
}

static void add_comma(struct text *text, bool wanted) {
    if (wanted)
        text_add_bytes(text, ", ", 2);
}

/* The graph at hand, or a body in it, and what in it depends on open axes. */
struct writer {
    struct text *text;
    const struct open_axes *axes;
    const struct open_node *nodes; /* by id; NULL: nothing is open */
};

static const struct open_node *open_node_of(const struct writer *writer, const struct node *node) {
    return writer->nodes ? &writer->nodes[node->id] : NULL;
}

/* A size as a string; false: an integer stands there. */
static bool add_open(const struct writer *writer, const struct node *node, enum size_place place,
                     int index) {
    const struct size *size = open_integer_find(open_node_of(writer, node), place, index);
    struct text form = {0};
    if (!size)
        return false;
    size_add_text(&form, size, writer->axes);
    const char *bytes = text_read(&form, NULL);
    if (!bytes || !json_write_string(writer->text, bytes))
        text_fail(writer->text); /* names of axes were checked */
    text_free(&form);
    return true;
}

static void add_integer(const struct writer *writer, const struct node *node, enum size_place place,
                        int index) {
    if (!add_open(writer, node, place, index))
        add_number(writer->text, open_integer_value(node, place, index));
}

static void add_dtype_and_shape(const struct writer *writer, const struct node *node) {
    struct text *text = writer->text;
    text_add(text, ", \"dtype\": \"%s\", \"shape\": [", dtype_facts[node->dtype].name);
    if (node->batched)
        text_add(text, "\"" BATCH_SYMBOL "\"");
    for (int i = node->batched; i < node->rank; i++) {
        add_comma(text, i > 0);
        add_integer(writer, node, PLACE_SHAPE, i);
    }
    text_add_bytes(text, "]", 1);
}

/* What integers of an input or output stand for, where that is said. */
static void add_scaling(struct text *text, const struct scaling *scaling) {
    if (scaling->scale == 0)
        return;
    text_add(text,
             ", \"scale\": %s, \"zero\": ", element_text(DTYPE_FLOAT32, &scaling->scale).text);
    add_number(text, scaling->zero);
}

/* {"name": "x", "dtype": "float32", "shape": [3]} on lines of their own. */
static bool add_named(const struct writer *writer, struct node *const *nodes, int count,
                      const char *indent, struct et_error *error) {
    struct text *text = writer->text;
    for (int i = 0; i < count; i++) {
        text_add(text, "%s\n%s  {\"name\": ", i ? "," : "", indent);
        if (!add_name(text, "the name of an input or weight", nodes[i]->name, error))
            return false;
        add_dtype_and_shape(writer, nodes[i]);
        add_scaling(text, &nodes[i]->scaling);
        text_add_bytes(text, "}", 1);
    }
    text_add(text, "%s%s]", count ? "\n" : "", count ? indent : "");
    return true;
}

static bool add_weights(const struct writer *writer, const struct used_weights *used,
                        const char *file, const struct digest *sha256, struct et_error *error) {
    struct text *text = writer->text;
    if (!used->count)
        return true;
    text_add(text, "  \"weights\": {\n");
    if (file && sha256) {
        text_add(text, "    \"file\": ");
        if (!add_name(text, "the weights' file name", file, error))
            return false;
        text_add(text, ",\n    \"sha256\": \"%s\",\n", digest_hex(sha256).text);
    }
    text_add(text, "    \"tensors\": [");
    if (!add_named(writer, used->nodes, used->count, "    ", error))
        return false;
    text_add(text, "\n  },\n");
    return true;
}

static void add_pairs(const struct writer *writer, const char *key, const struct node *node) {
    struct text *text = writer->text;
    bool symbol = node->batched && node->op == OP_SHRINK;
    text_add(text, ", \"%s\": [%s", key, symbol ? "[0, \"" BATCH_SYMBOL "\"]" : "");
    for (int i = symbol; i < node->rank; i++) {
        add_comma(text, i > 0);
        text_add_bytes(text, "[", 1);
        add_integer(writer, node, PLACE_BEFORE, i);
        add_comma(text, true);
        add_integer(writer, node, PLACE_AFTER, i);
        text_add_bytes(text, "]", 1);
    }
    text_add(text, "]");
}

static bool is_zero(const struct node *node) {
    static const uint8_t zero[8];
    return !node->value || node->value_count != 1 ||
           memcmp(node->value, zero, dtype_facts[node->dtype].bytes) == 0;
}

static void add_value(const struct writer *writer, const struct node *node) {
    struct text *text = writer->text;
    if (node->op == OP_PAD && is_zero(node))
        return;
    const char *element = node->value;
    text_add(text, ", \"value\": %s", node->value_count == 1 ? "" : "[");
    for (int i = 0; i < node->value_count; i++, element += dtype_facts[node->dtype].bytes) {
        text_add(text, "%s", i ? ", " : "");
        if (!add_open(writer, node, PLACE_VALUE, i))
            text_add(text, "%s", element_text(node->dtype, element).text);
    }
    text_add(text, "%s", node->value_count == 1 ? "" : "]");
}

static bool add_nodes(const struct writer *writer, const struct graph *graph, int indent,
                      struct et_error *error);

static bool add_scan(const struct writer *writer, const struct node *node, int indent,
                     struct et_error *error) {
    struct text *text = writer->text;
    const struct open_node *open = open_node_of(writer, node);
    const struct writer body = {text, writer->axes, open ? open->body : NULL};
    text_add(text, ", \"scanned\": %d%s, \"body\": {\n%*s\"nodes\": [", node->scanned,
             node->last ? ", \"last\": true" : "", indent + 2, "");
    if (!add_nodes(&body, node->body, indent + 4, error))
        return et_fail_within(error, "body");
    text_add(text, "\n%*s],\n%*s\"output\": %d", indent + 2, "", indent + 2, "",
             node->body->outputs[0].node->id);
    if (scan_may_end(node))
        text_add(text, ", \"goes_on\": %d", node->body->outputs[1].node->id);
    text_add(text, "\n%*s}", indent, "");
    return true;
}

static void add_window(const struct writer *writer, const struct node *node) {
    static const char *const keys[] = {"size", "stride", "dilation"};
    for (int i = 0; i < 3; i++) {
        text_add(writer->text, ", \"%s\": ", keys[i]);
        add_integer(writer, node, (enum size_place)(PLACE_SIZE + i), 0);
    }
}

static bool add_attributes(const struct writer *writer, const struct node *node, int indent,
                           struct et_error *error) {
    struct text *text = writer->text;
    unsigned attributes = op_attributes(node->op);
    if (attributes & ATTRIBUTE_NAME) {
        text_add(text, ", \"name\": ");
        if (!add_name(text, "its name", node->name, error))
            return false;
    }
    if (attributes & ATTRIBUTE_AXES) {
        text_add(text, ", \"axes\": [");
        for (int i = 0; i < node->axis_count; i++)
            text_add(text, "%s%d", i ? ", " : "", node->axes[i]);
        text_add(text, "]");
    }
    if (attributes & ATTRIBUTE_AXIS)
        text_add(text, ", \"axis\": %d", node->axis);
    if (attributes & ATTRIBUTE_PADDING)
        add_pairs(writer, "padding", node);
    if (attributes & ATTRIBUTE_RANGE)
        add_pairs(writer, "range", node);
    if (attributes & ATTRIBUTE_WINDOW)
        add_window(writer, node);
    if (attributes & ATTRIBUTE_VALUE)
        add_value(writer, node);
    return !(attributes & ATTRIBUTE_SCAN) || add_scan(writer, node, indent, error);
}

static bool add_node(const struct writer *writer, const struct node *node, int indent,
                     struct et_error *error) {
    struct text *text = writer->text;
    text_add(text, "%*s{\"id\": %d, \"op\": \"%s\", \"src\": [", indent, "", node->id,
             op_facts[node->op].name);
    for (int i = 0; i < node->source_count; i++) {
        add_comma(text, i > 0);
        add_number(text, node->sources[i]->id);
    }
    text_add_bytes(text, "]", 1);
    if (!add_attributes(writer, node, indent, error))
        return et_fail_within(error, "node %d (%s)", node->id, op_facts[node->op].name);
    add_dtype_and_shape(writer, node);
    text_add_bytes(text, "}", 1);
    return true;
}

static bool add_nodes(const struct writer *writer, const struct graph *graph, int indent,
                      struct et_error *error) {
    for (int i = 0; i < graph->node_count; i++) {
        text_add(writer->text, "%s\n", i ? "," : "");
        if (!add_node(writer, graph->nodes[i], indent, error))
            return false;
    }
    return true;
}

/* [{"name": "seq_len", "least": 1, "most": 512}], with "step" where that is not 1. */
static bool add_axes(struct text *text, const struct open_axes *axes, struct et_error *error) {
    text_add(text, "  \"axes\": [");
    for (int i = 0; i < axes->count; i++) {
        const struct open_axis *axis = &axes->axes[i];
        text_add(text, "%s\n    {\"name\": ", i ? "," : "");
        if (!add_name(text, "the name of an axis", axis->name, error))
            return false;
        text_add(text, ", \"least\": %" PRId64 ", \"most\": %" PRId64, axis->least, axis->most);
        if (axis->step != 1)
            text_add(text, ", \"step\": %" PRId64, axis->step);
        text_add(text, "}");
    }
    text_add(text, "\n  ],\n");
    return true;
}

/* "count": {"axis": 0, "output": "y.count"}, where an output has it. */
static bool add_count(struct text *text, const struct graph *graph, const struct output *output,
                      struct et_error *error) {
    if (!output->count)
        return true;
    text_add(text, ", \"count\": {\"axis\": %d, \"output\": ", output->counted_axis);
    if (!add_name(text, "the name of an output", graph->outputs[output->count - 1].name, error))
        return false;
    text_add(text, "}");
    return true;
}

static bool add_graph(struct text *text, const struct open_graph *open,
                      const struct used_weights *used, const char *file,
                      const struct digest *sha256, struct et_error *error) {
    const struct graph *graph = open->graph;
    const struct writer writer = {text, &open->axes, open->nodes};
    text_add(text,
             "{\n  \"format\": \"eigentensor\",\n  \"version\": %d,\n  \"name\": ", STORE_VERSION);
    if (!add_name(text, "the graph's name", graph->name, error))
        return false;
    text_add(text, ",\n");
    if (open->axes.count && !add_axes(text, &open->axes, error))
        return false;
    text_add(text, "  \"inputs\": [");
    if (!add_named(&writer, graph->inputs, graph->input_count, "  ", error))
        return false;
    text_add(text, ",\n");
    if (!add_weights(&writer, used, file, sha256, error))
        return false;
    text_add(text, "  \"nodes\": [");
    if (!add_nodes(&writer, graph, 4, error))
        return false;
    text_add(text, "\n  ],\n  \"outputs\": [");
    for (int i = 0; i < graph->output_count; i++) {
        text_add(text, "%s\n    {\"name\": ", i ? "," : "");
        if (!add_name(text, "the name of an output", graph->outputs[i].name, error))
            return false;
        text_add(text, ", \"node\": %d", graph->outputs[i].node->id);
        if (!add_count(text, graph, &graph->outputs[i], error))
            return false;
        add_scaling(text, &graph->outputs[i].scaling);
        text_add(text, "}");
    }
    text_add(text, "\n  ]\n}\n");
    return text_check(text, error);
}

static bool check_graph(const struct graph *graph, struct et_error *error) {
    if (!verify_graph(graph, error))
        return false;
    if (graph->input_count > STORE_MOST_NAMED || graph->output_count > STORE_MOST_NAMED)
        return et_fail(error, "%d inputs and %d outputs, expected at most %d of each",
                       graph->input_count, graph->output_count, STORE_MOST_NAMED);
    return true;
}

/* The caller releases used->nodes in any case. */
static bool add_checked(struct text *text, const struct open_graph *open, struct used_weights *used,
                        const char *file, const struct digest *sha256, struct et_error *error) {
    return check_graph(open->graph, error) && find_used_weights(open->graph, used, error) &&
           add_graph(text, open, used, file, sha256, error);
}

/* The canonical text. */
static const char *canonical_text(struct text *text, const struct open_graph *open,
                                  struct used_weights *used, struct et_error *error) {
    return add_checked(text, open, used, NULL, NULL, error) ? text_read(text, error) : NULL;
}

bool open_graph_to_json(const struct open_graph *open, const char *weights_file,
                        const struct digest *sha256, struct text *text, struct et_error *error) {
    struct used_weights used = {0};
    bool good = add_checked(text, open, &used, weights_file, sha256, error);
    et_release(used.nodes);
    return good;
}

/* As an open graph without axes. */
static struct open_graph closed(const struct graph *graph) {
    return (struct open_graph){.graph = (struct graph *)graph};
}

bool graph_to_json(const struct graph *graph, const char *weights_file, const struct digest *sha256,
                   struct text *text, struct et_error *error) {
    const struct open_graph open = closed(graph);
    return open_graph_to_json(&open, weights_file, sha256, text, error);
}

static bool check_bound(const struct used_weights *used, struct et_error *error) {
    for (int i = 0; i < used->count; i++)
        if (!used->nodes[i]->value)
            return et_fail(error, "node %d (weight): \"%s\" is not bound to its elements",
                           used->nodes[i]->id, quoted(used->nodes[i]->name).text);
    return true;
}

static void add_weight_value(struct digest_stream *stream, const struct node *weight) {
    struct digest value = digest_tensor(weight->dtype, weight->rank, weight->shape, weight->value);
    digest_add(stream, value.bytes, sizeof value.bytes);
}

/* Requires that they are bound. */
static void add_values(struct digest_stream *stream, const struct used_weights *used) {
    for (int i = 0; i < used->count; i++)
        add_weight_value(stream, used->nodes[i]);
}

/* What tells the elements of all weights: where those in the file lie, the digests of others.
 * False: they are not bound, or of files that may yet change. */
static bool add_places(struct digest_stream *stream, const struct used_weights *used,
                       const struct mapped_file *file) {
    if (!notes_add_file(stream, file))
        return false;
    for (int i = 0; i < used->count; i++) {
        const struct node *node = used->nodes[i];
        uintptr_t place = (uintptr_t)node->value - (uintptr_t)file->bytes;
        bool within = place < file->count;
        if (!node->value)
            return false;
        digest_add(stream, &within, sizeof within);
        if (within)
            digest_add(stream, &place, sizeof place);
        else
            add_weight_value(stream, node);
    }
    return true;
}

/* The canonical text, and what tells the elements without looking at them. */
static bool make_note_key(const struct graph *graph, const struct used_weights *used,
                          const char *text, size_t length, struct digest *key) {
    static const char what[] = "eigentensor digest of graph 1";
    struct digest_stream stream;
    digest_begin(&stream);
    digest_add(&stream, what, sizeof what);
    digest_add(&stream, text, length);
    bool good = add_places(&stream, used, &graph->stored);
    *key = digest_end(&stream);
    return good;
}

static bool digest_text(const struct graph *graph, const struct used_weights *used,
                        const char *text, size_t length, const struct digest_notes *notes,
                        struct digest *digest, struct et_error *error) {
    struct digest_stream stream;
    struct digest key;
    bool noted = notes && make_note_key(graph, used, text, length, &key);
    if (noted && notes->find(&key, digest))
        return true;
    if (!check_bound(used, error))
        return false;
    digest_begin(&stream);
    digest_add(&stream, text, length);
    add_values(&stream, used);
    *digest = digest_end(&stream);
    if (noted)
        notes->note(&key, digest);
    return true;
}

static bool digest_noted(const struct open_graph *open, const struct digest_notes *notes,
                         struct digest *digest, struct et_error *error) {
    struct used_weights used = {0};
    struct text text = {0};
    const char *bytes = canonical_text(&text, open, &used, error);
    bool good = bytes && digest_text(open->graph, &used, bytes, text.length, notes, digest, error);
    text_free(&text);
    et_release(used.nodes);
    return good;
}

bool open_graph_digest(const struct open_graph *open, struct digest *digest,
                       struct et_error *error) {
    return digest_noted(open, NULL, digest, error);
}

bool graph_digest_noted(const struct graph *graph, const struct digest_notes *notes,
                        struct digest *digest, struct et_error *error) {
    const struct open_graph open = closed(graph);
    return digest_noted(&open, notes, digest, error);
}

bool graph_digest(const struct graph *graph, struct digest *digest, struct et_error *error) {
    return graph_digest_noted(graph, NULL, digest, error);
}

bool graph_identity_begin(const struct graph *graph, struct graph_identity *identity,
                          struct et_error *error) {
    const struct open_graph open = closed(graph);
    struct used_weights used = {0};
    struct text text = {0};
    *identity = (struct graph_identity){0};
    digest_begin(&identity->stream);
    const char *bytes = canonical_text(&text, &open, &used, error);
    bool good = bytes && check_bound(&used, error);
    if (good)
        digest_add(&identity->stream, bytes, text.length);
    text_free(&text);
    identity->count = used.count;
    identity->weights = used.nodes;
    if (!good)
        graph_identity_free(identity);
    return good;
}

struct digest graph_identity_end(struct graph_identity *identity) {
    const struct used_weights used = {identity->weights, identity->count};
    add_values(&identity->stream, &used);
    struct digest digest = digest_end(&identity->stream);
    graph_identity_free(identity);
    return digest;
}

void graph_identity_free(struct graph_identity *identity) {
    et_release(identity->weights);
    identity->weights = NULL;
    identity->count = 0;
}

static bool check_weights(const struct graph *graph, const struct weights *weights,
                          struct et_error *error) {
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        if (node->op == OP_WEIGHT && !weights)
            return et_fail(error, "node %d (weight): the graph is stored without weights", i);
        if (node->op == OP_WEIGHT && !weight_of(node, weights, error))
            return false;
    }
    return true;
}

bool open_graph_encode(const struct open_graph *open, const char *weights_file,
                       const struct weights *weights, const struct digest *sha256,
                       struct text *text, struct et_error *error) {
    if (!check_weights(open->graph, weights, error) ||
        !open_graph_to_json(open, weights_file, sha256, text, error))
        return false;
    return text->length <= STORE_MOST_BYTES ||
           et_fail(error, "%zu bytes, expected at most %d", text->length, STORE_MOST_BYTES);
}

bool graph_encode(const struct graph *graph, const char *weights_file,
                  const struct weights *weights, const struct digest *sha256, struct text *text,
                  struct et_error *error) {
    const struct open_graph open = closed(graph);
    return open_graph_encode(&open, weights_file, weights, sha256, text, error);
}

bool open_graph_store(const struct open_graph *open, const char *weights_file,
                      const struct weights *weights, const char *path, struct et_error *error) {
    struct text text = {0};
    const struct digest *sha256 = weights ? &weights->sha256 : NULL;
    const char *bytes = open_graph_encode(open, weights_file, weights, sha256, &text, error)
                            ? text_read(&text, error)
                            : NULL;
    bool good = bytes || et_fail_within(error, "%s", path);
    good = good && write_file(path, bytes, text.length, error);
    text_free(&text);
    return good;
}

bool graph_store(const struct graph *graph, const char *weights_file, const struct weights *weights,
                 const char *path, struct et_error *error) {
    const struct open_graph open = closed(graph);
    return open_graph_store(&open, weights_file, weights, path, error);
}
