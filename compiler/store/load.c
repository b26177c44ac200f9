/* Reads a stored graph from a file that anybody may have written.
 *
 * In this order: the file's size; JSON (nesting, number of values, syntax, UTF-8, duplicate keys);
 * format and version; each node (load_node.c); outputs and inputs; the weights' file name, then the
 * file, its digest, and each weight's dtype and shape; verify_graph. No size is allocated for that
 * was not checked, and no file is read but the JSON and the regular file beside it that it names,
 * behind a link or not: the digest tells whether it is the right one. */
#include "compiler/base/json_read.h"
#include "compiler/store/store.h"

#include <errno.h>
#include <string.h>

/* What is being read, and what of it the parts need of each other. */
struct reader {
    const char *folder;
    const struct graph_load_options *options;
    struct graph *graph;
    struct weights listed; /* names, dtypes and shapes of "tensors"; no data */
    const char *weights_file;
    struct digest sha256;
    bool has_weights, has_file;
    struct weights *weights;
};

const struct weight *weight_of(const struct node *node, const struct weights *weights,
                               struct et_error *error) {
    const struct weight *weight = weights_find(weights, node->name);
    if (!weight) {
        et_fail(error, "there is no weight \"%s\"", quoted(node->name).text);
        return NULL;
    }
    bool same = !weight->unusable && weight->dtype == node->dtype && weight->rank == node->rank;
    for (int i = 0; same && i < node->rank; i++)
        same = weight->shape[i] == node->shape[i];
    if (same)
        return weight;
    et_fail(error, "weight \"%s\" is %s, expected %s", quoted(node->name).text,
            weight_shape_text(weight).text, shape_text(node).text);
    return NULL;
}

bool graph_bind(struct graph *graph, const struct weights *weights, struct et_error *error) {
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = graph->nodes[i];
        if (node->op != OP_WEIGHT)
            continue;
        const struct weight *weight = weight_of(node, weights, error);
        if (!weight)
            return et_fail_within(error, "node %d (weight)", i);
        node->value = weight->data;
        node->value_count = node_elements(node);
    }
    graph->stored = weights->file;
    return true;
}

static bool read_format(const json_t *document, struct et_error *error) {
    static const char *const keys[] = {"format",  "version", "name",    "inputs",
                                       "weights", "nodes",   "outputs", NULL};
    if (!json_is_object(document))
        return et_fail(error, "the document is %s, expected an object", json_kind(document));
    const char *format = json_read_name(document, "format", error);
    if (!format)
        return false;
    if (strcmp(format, "eigentensor") != 0)
        return et_fail(error, "\"format\" is \"%s\", expected \"eigentensor\"",
                       quoted(format).text);
    int64_t version;
    if (!json_read_integer(document, "version", 1, 1, &version, error))
        return false;
    return json_check_keys(document, keys, error);
}

/* "sha256" and "file", which the canonical text does not have. */
static bool read_weights_file(struct reader *reader, const json_t *object, struct et_error *error) {
    if (reader->options->weights_path && !json_object_get(object, "file") &&
        !json_object_get(object, "sha256"))
        return true;
    const char *file = json_read_name(object, "file", error);
    const char *sha256 = file ? json_read_name(object, "sha256", error) : NULL;
    if (!sha256)
        return false;
    if (strpbrk(file, "/\\") || strcmp(file, ".") == 0 || strcmp(file, "..") == 0)
        return et_fail(error, "\"file\" is \"%s\", expected the name of a file beside the graph",
                       quoted(file).text);
    if (!digest_from_hex(sha256, &reader->sha256))
        return et_fail(error, "\"sha256\" is \"%s\", expected 64 digits of 0-9, a-f",
                       quoted(sha256).text);
    reader->weights_file = file;
    reader->has_file = true;
    return true;
}

static bool read_listed(struct node *node, const json_t *object, bool may_be_batched,
                        struct et_error *error) {
    static const char *const keys[] = {"name", "dtype", "shape", NULL};
    if (!json_is_object(object))
        return et_fail(error, "%s, expected an object", json_kind(object));
    node->name = json_read_name(object, "name", error);
    return node->name && json_check_keys(object, keys, error) &&
           load_dtype_and_shape(object, node, may_be_batched, error);
}

static bool read_tensors(struct reader *reader, const json_t *tensors, struct et_error *error) {
    size_t count = json_array_size(tensors);
    if (count > SAFETENSORS_MOST_TENSORS)
        return et_fail(error, "%zu tensors, expected at most %d", count, SAFETENSORS_MOST_TENSORS);
    struct weight *list = arena_array(&reader->listed.arena, struct weight, count);
    if (!list)
        return et_fail(error, "out of memory");
    reader->listed.tensors = list;
    for (size_t i = 0; i < count; i++) {
        struct node node = {0};
        if (!read_listed(&node, json_array_get(tensors, i), false, error))
            return et_fail_within(error, "\"tensors\"[%zu]", i);
        list[i].name = node.name;
        list[i].dtype = node.dtype;
        list[i].rank = node.rank;
        memcpy(list[i].shape, node.shape, sizeof list[i].shape);
        if (i && strcmp(list[i - 1].name, list[i].name) >= 0) /* so there is none twice */
            return et_fail(error, "\"tensors\"[%zu]: \"%s\" does not come after \"%s\"", i,
                           quoted(list[i].name).text, quoted(list[i - 1].name).text);
        reader->listed.count++;
    }
    return true;
}

static bool read_weights(struct reader *reader, const json_t *document, struct et_error *error) {
    static const char *const keys[] = {"file", "sha256", "tensors", NULL};
    if (!json_object_get(document, "weights"))
        return true;
    const json_t *object = json_read_member(document, "weights", JSON_OBJECT, error);
    if (!object)
        return false;
    reader->has_weights = true;
    const json_t *tensors = NULL;
    bool good = json_check_keys(object, keys, error) && read_weights_file(reader, object, error) &&
                (tensors = json_read_member(object, "tensors", JSON_ARRAY, error)) != NULL &&
                read_tensors(reader, tensors, error);
    return good || et_fail_within(error, "weights");
}

static bool read_nodes(struct reader *reader, const json_t *document, struct et_error *error) {
    const json_t *nodes = json_read_member(document, "nodes", JSON_ARRAY, error);
    if (!nodes)
        return false;
    if (json_array_size(nodes) > MAX_NODES)
        return et_fail(error, "%zu nodes, expected at most %d", json_array_size(nodes), MAX_NODES);
    const struct weights *listed = reader->has_weights ? &reader->listed : NULL;
    for (size_t i = 0; i < json_array_size(nodes); i++)
        if (!load_node(reader->graph, listed, json_array_get(nodes, i), error))
            return false;
    return true;
}

static bool read_output(struct graph *graph, const json_t *object, struct et_error *error) {
    static const char *const keys[] = {"name", "node", NULL};
    if (!json_is_object(object))
        return et_fail(error, "%s, expected an object", json_kind(object));
    const char *name = json_read_name(object, "name", error);
    int64_t id;
    if (!name || !json_check_keys(object, keys, error) ||
        !json_read_integer(object, "node", 0, graph->node_count - 1, &id, error))
        return false;
    return graph_add_output(graph, name, graph->nodes[id], error);
}

static bool read_outputs(struct reader *reader, const json_t *document, struct et_error *error) {
    const json_t *outputs = json_read_member(document, "outputs", JSON_ARRAY, error);
    if (!outputs)
        return false;
    size_t count = json_array_size(outputs);
    if (count < 1 || count > STORE_MOST_NAMED)
        return et_fail(error, "%zu outputs, expected 1 to %d", count, STORE_MOST_NAMED);
    for (size_t i = 0; i < count; i++)
        if (!read_output(reader->graph, json_array_get(outputs, i), error))
            return et_fail_within(error, "\"outputs\"[%zu]", i);
    return true;
}

/* "inputs" says again what the input nodes are, in their order. */
static bool check_input(const struct node *input, const json_t *object, struct et_error *error) {
    struct node stated = {0};
    if (!read_listed(&stated, object, true, error))
        return false;
    struct shape_text found = shape_text(&stated), expected = shape_text(input);
    if (strcmp(stated.name, input->name) == 0 && strcmp(found.text, expected.text) == 0)
        return true;
    return et_fail(error, "\"%s\" %s, but node %d is \"%s\" %s", quoted(stated.name).text,
                   found.text, input->id, quoted(input->name).text, expected.text);
}

static bool check_inputs(struct reader *reader, const json_t *document, struct et_error *error) {
    const json_t *inputs = json_read_member(document, "inputs", JSON_ARRAY, error);
    if (!inputs)
        return false;
    if (json_array_size(inputs) != (size_t)reader->graph->input_count)
        return et_fail(error, "\"inputs\" has %zu items, but %d nodes are inputs",
                       json_array_size(inputs), reader->graph->input_count);
    for (int i = 0; i < reader->graph->input_count; i++)
        if (!check_input(reader->graph->inputs[i], json_array_get(inputs, (size_t)i), error))
            return et_fail_within(error, "\"inputs\"[%d]", i);
    return true;
}

static struct weights *load_file(const struct reader *reader, const char *path,
                                 struct et_error *error) {
    return reader->options->in_memory ? weights_read(path, error) : weights_load(path, error);
}

static struct weights *load_named_file(const struct reader *reader, struct et_error *error) {
    struct text path = {0};
    struct weights *weights = NULL;
    text_add(&path, "%s/%s", reader->folder, reader->weights_file);
    const char *file = text_read(&path, error);
    if (file)
        weights = load_file(reader, file, error);
    text_free(&path);
    return weights;
}

static bool load_weights(struct reader *reader, struct et_error *error) {
    const char *other = reader->options->weights_path;
    if (!reader->has_weights)
        return true;
    reader->weights = other ? load_file(reader, other, error) : load_named_file(reader, error);
    if (!reader->weights)
        return false;
    bool must_match = !other || reader->options->require_sha256;
    if (must_match && !reader->has_file)
        return et_fail(error, "weights: \"sha256\" is missing");
    if (must_match && !digest_equal(&reader->weights->sha256, &reader->sha256))
        return et_fail(error, "weights: the sha256 of \"%s\" is %s, expected %s",
                       other ? other : reader->weights_file,
                       digest_hex(&reader->weights->sha256).text, digest_hex(&reader->sha256).text);
    return graph_bind(reader->graph, reader->weights, error) ||
           et_fail_within(error, "%s", other ? other : reader->weights_file);
}

static bool read_graph(struct reader *reader, const json_t *document, struct et_error *error) {
    if (!read_format(document, error))
        return false;
    const char *name = json_read_name(document, "name", error);
    if (!name)
        return false;
    reader->graph = graph_new(name);
    if (!reader->graph)
        return et_fail(error, "out of memory");
    return read_weights(reader, document, error) && read_nodes(reader, document, error) &&
           read_outputs(reader, document, error) && check_inputs(reader, document, error) &&
           load_weights(reader, error) && verify_graph(reader->graph, error) &&
           (reader->options->as_written || graph_canonicalize(reader->graph, error));
}

struct graph *graph_decode(const char *json, size_t count, const char *name, const char *folder,
                           const struct graph_load_options *options, struct weights **weights,
                           struct et_error *error) {
    static const struct graph_load_options none;
    struct reader reader = {.folder = folder, .options = options ? options : &none};
    *weights = NULL;
    bool good = count <= STORE_MOST_BYTES ||
                et_fail(error, "%zu bytes, expected at most %d", count, STORE_MOST_BYTES);
    json_t *document = good ? json_read_document(json, count, error) : NULL;
    good = document && read_graph(&reader, document, error);
    json_decref(document); /* NULL is fine */
    arena_free(&reader.listed.arena);
    if (good) {
        *weights = reader.weights;
        return reader.graph;
    }
    et_fail_within(error, "%s", name);
    graph_free(reader.graph);
    weights_free(reader.weights);
    return NULL;
}

struct graph *graph_load_with(const char *path, const struct graph_load_options *options,
                              struct weights **weights, struct et_error *error) {
    char *json;
    size_t count;
    *weights = NULL;
    if (!read_file(path, STORE_MOST_BYTES, &json, &count, error))
        return NULL;
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 1;
    struct text folder = {0};
    text_add_bytes(&folder, slash ? path : ".", length);
    const char *place = text_read(&folder, error);
    struct graph *graph =
        place ? graph_decode(json, count, path, place, options, weights, error) : NULL;
    if (!place)
        et_fail_within(error, "%s", path);
    text_free(&folder);
    et_release(json);
    return graph;
}

struct graph *graph_load(const char *path, struct weights **weights, struct et_error *error) {
    return graph_load_with(path, NULL, weights, error);
}
