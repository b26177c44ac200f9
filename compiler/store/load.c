/* Reads a stored graph from a file that anybody may have written.
 *
 * In this order: the file's size; JSON (nesting, number of values, syntax, UTF-8, duplicate keys);
 * format and version; each node (load_node.c); outputs and inputs; the weights' file name, then the
 * file, its digest, and each weight's dtype and shape; verify_graph. No size is allocated for that
 * was not checked, and no file is read but the JSON and the regular file beside it that it names,
 * behind a link or not: the digest tells whether it is the right one. */
#include "compiler/store/open_graph.h"

#include "compiler/base/json_read.h"
#include "compiler/store/element.h"

#include <errno.h>
#include <string.h>

/* What is being read, and what of it the parts need of each other. */
struct reader {
    const char *folder;
    const struct graph_load_options *options;
    struct open_graph *open;
    struct size_loader loader;
    struct weights listed; /* names, dtypes and shapes of "tensors"; no data */
    const char *weights_file;
    struct digest sha256;
    int64_t version;
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

static bool read_format(struct reader *reader, const json_t *document, struct et_error *error) {
    static const char *const keys[] = {"format",  "version", "name",    "axes", "inputs",
                                       "weights", "nodes",   "outputs", NULL};
    if (!json_is_object(document))
        return et_fail(error, "the document is %s, expected an object", json_kind(document));
    const char *format = json_read_name(document, "format", error);
    if (!format)
        return false;
    if (strcmp(format, "eigentensor") != 0)
        return et_fail(error, "\"format\" is \"%s\", expected \"eigentensor\"",
                       quoted(format).text);
    if (!json_read_integer(document, "version", 1, STORE_VERSION, &reader->version, error))
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

/* ---- Axes ---- */

static bool read_axis(struct reader *reader, const json_t *object, struct open_axis *axis,
                      struct et_error *error) {
    static const char *const keys[] = {"name", "least", "most", "step", NULL};
    if (!json_is_object(object))
        return et_fail(error, "%s, expected an object", json_kind(object));
    const char *name = json_read_name(object, "name", error);
    if (!name || !json_check_keys(object, keys, error) ||
        !json_read_integer(object, "least", 0, MAX_ELEMENTS, &axis->least, error) ||
        !json_read_integer(object, "most", 0, MAX_ELEMENTS, &axis->most, error))
        return false;
    axis->step = 1;
    if (json_object_get(object, "step") &&
        !json_read_integer(object, "step", 1, MAX_ELEMENTS, &axis->step, error))
        return false;
    if (open_axis_find(&reader->open->axes, name) >= 0)
        return et_fail(error, "the name \"%s\" is taken", quoted(name).text);
    axis->name = arena_copy_text(&reader->open->arena, name);
    return axis->name ? open_axis_check(axis, error) : et_fail(error, "out of memory");
}

static bool read_axes(struct reader *reader, const json_t *document, struct et_error *error) {
    if (!json_object_get(document, "axes"))
        return true;
    const json_t *array = json_read_member(document, "axes", JSON_ARRAY, error);
    if (!array)
        return false;
    size_t count = json_array_size(array);
    if (count < 1 || count > MOST_OPEN_AXES)
        return et_fail(error, "\"axes\" has %zu items, expected 1 to %d", count, MOST_OPEN_AXES);
    struct open_axis *axes = arena_array(&reader->open->arena, struct open_axis, count);
    if (!axes)
        return et_fail(error, "out of memory");
    reader->open->axes.axes = axes;
    for (size_t i = 0; i < count; i++) {
        if (!read_axis(reader, json_array_get(array, i), &axes[i], error))
            return et_fail_within(error, "\"axes\"[%zu]", i);
        reader->open->axes.count++;
        reader->loader.sizes[i] = axes[i].most;
    }
    return true;
}

/* ---- Lists of tensors ---- */

/* "scale" and "zero": both or neither. verify_graph() looks at what they are. */
static bool read_scaling(const json_t *object, struct scaling *scaling, struct et_error *error) {
    const json_t *scale = json_object_get(object, "scale");
    if (!scale && !json_object_get(object, "zero"))
        return true;
    if (!scale)
        return et_fail(error, "\"scale\" is missing");
    if (!element_from_json(scale, DTYPE_FLOAT32, &scaling->scale, error))
        return et_fail_within(error, "\"scale\"");
    if (scaling->scale == 0)
        return et_fail(error, "\"scale\" is 0");
    return json_read_integer(object, "zero", INT64_MIN, INT64_MAX, &scaling->zero, error);
}

/* An input may say what its integers stand for. */
static bool read_listed(struct node *node, const json_t *object, bool is_input,
                        struct size_loader *loader, struct et_error *error) {
    static const char *const keys[] = {"name", "dtype", "shape", NULL};
    static const char *const input_keys[] = {"name", "dtype", "shape", "scale", "zero", NULL};
    if (!json_is_object(object))
        return et_fail(error, "%s, expected an object", json_kind(object));
    node->name = json_read_name(object, "name", error);
    return node->name && json_check_keys(object, is_input ? input_keys : keys, error) &&
           load_dtype_and_shape(object, node, is_input, loader, error) &&
           read_scaling(object, &node->scaling, error);
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
        if (!read_listed(&node, json_array_get(tensors, i), false, NULL, error))
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
    if (reader->open->axes.count) {
        reader->open->nodes =
            arena_array(&reader->open->arena, struct open_node, json_array_size(nodes) + 1);
        if (!reader->open->nodes)
            return et_fail(error, "out of memory");
    }
    reader->loader.nodes = reader->open->nodes;
    for (size_t i = 0; i < json_array_size(nodes); i++)
        if (!load_node(reader->open->graph, listed, json_array_get(nodes, i), &reader->loader,
                       error))
            return false;
    return true;
}

static int find_output(const struct graph *graph, const char *name) {
    for (int i = 0; i < graph->output_count; i++)
        if (strcmp(graph->outputs[i].name, name) == 0)
            return i;
    return -1;
}

/* "count", once all outputs are there. */
static bool read_count(struct graph *graph, int index, const json_t *object,
                       struct et_error *error) {
    static const char *const keys[] = {"axis", "output", NULL};
    if (!json_object_get(object, "count"))
        return true;
    const json_t *count = json_read_member(object, "count", JSON_OBJECT, error);
    const char *name = count ? json_read_name(count, "output", error) : NULL;
    int64_t axis;
    if (!name || !json_check_keys(count, keys, error) ||
        !json_read_integer(count, "axis", 0, MAX_RANK - 1, &axis, error))
        return false;
    int by = find_output(graph, name);
    if (by < 0)
        return et_fail(error, "\"count\": there is no output \"%s\"", quoted(name).text);
    return graph_count_output(graph, index, (int)axis, by, error);
}

static bool read_output(struct graph *graph, const json_t *object, struct et_error *error) {
    static const char *const keys[] = {"name", "node", "count", "scale", "zero", NULL};
    if (!json_is_object(object))
        return et_fail(error, "%s, expected an object", json_kind(object));
    struct output output = {.name = json_read_name(object, "name", error)};
    int64_t id;
    if (!output.name || !json_check_keys(object, keys, error) ||
        !json_read_integer(object, "node", 0, graph->node_count - 1, &id, error) ||
        !read_scaling(object, &output.scaling, error))
        return false;
    return graph_add_output_again(graph, &output, graph->nodes[id], error);
}

static bool read_outputs(struct reader *reader, const json_t *document, struct et_error *error) {
    const json_t *outputs = json_read_member(document, "outputs", JSON_ARRAY, error);
    if (!outputs)
        return false;
    size_t count = json_array_size(outputs);
    if (count < 1 || count > STORE_MOST_NAMED)
        return et_fail(error, "%zu outputs, expected 1 to %d", count, STORE_MOST_NAMED);
    for (size_t i = 0; i < count; i++)
        if (!read_output(reader->open->graph, json_array_get(outputs, i), error))
            return et_fail_within(error, "\"outputs\"[%zu]", i);
    for (size_t i = 0; i < count; i++)
        if (!read_count(reader->open->graph, (int)i, json_array_get(outputs, i), error))
            return et_fail_within(error, "\"outputs\"[%zu]", i);
    return true;
}

/* "inputs" says again what the input nodes are, in their order, and what their integers stand for.
 */
static bool check_input(struct reader *reader, struct node *input, const json_t *object,
                        struct et_error *error) {
    struct node stated = {0};
    struct open_node sizes = {0};
    reader->loader.node = &sizes;
    reader->loader.capacity = 0;
    if (!read_listed(&stated, object, true, &reader->loader, error))
        return false;
    input->scaling = stated.scaling;
    struct shape_text found = shape_text(&stated), expected = shape_text(input);
    bool same = strcmp(stated.name, input->name) == 0 && strcmp(found.text, expected.text) == 0;
    if (same && reader->open->nodes &&
        !open_integers_equal(&sizes, &reader->open->nodes[input->id]))
        return et_fail(error, "\"%s\": its sizes are not those of node %d",
                       quoted(stated.name).text, input->id);
    return same || et_fail(error, "\"%s\" %s, but node %d is \"%s\" %s", quoted(stated.name).text,
                           found.text, input->id, quoted(input->name).text, expected.text);
}

static bool check_inputs(struct reader *reader, const json_t *document, struct et_error *error) {
    const json_t *inputs = json_read_member(document, "inputs", JSON_ARRAY, error);
    if (!inputs)
        return false;
    if (json_array_size(inputs) != (size_t)reader->open->graph->input_count)
        return et_fail(error, "\"inputs\" has %zu items, but %d nodes are inputs",
                       json_array_size(inputs), reader->open->graph->input_count);
    for (int i = 0; i < reader->open->graph->input_count; i++)
        if (!check_input(reader, reader->open->graph->inputs[i], json_array_get(inputs, (size_t)i),
                         error))
            return et_fail_within(error, "\"inputs\"[%d]", i);
    return true;
}

static struct weights *load_file(const struct reader *reader, const char *path,
                                 struct et_error *error) {
    return reader->options->in_memory ? weights_read(path, error)
                                      : weights_load_noted(path, reader->options->notes, error);
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
    return graph_bind(reader->open->graph, reader->weights, error) ||
           et_fail_within(error, "%s", other ? other : reader->weights_file);
}

/* Says today's way what an older version said in its own. */
static bool take_version(struct reader *reader, struct et_error *error) {
    if (reader->version > 1)
        return true;
    if (reader->open->axes.count)
        return et_fail(error, "\"axes\": version 1 has none");
    return graph_from_version_1(&reader->open->graph, error);
}

static bool read_graph(struct reader *reader, const json_t *document, struct et_error *error) {
    if (!read_format(reader, document, error))
        return false;
    const char *name = json_read_name_within(document, "name", MAX_GRAPH_NAME, error);
    if (!name)
        return false;
    reader->open = open_graph_new();
    if (!reader->open || !(reader->open->graph = graph_new(name)))
        return et_fail(error, "out of memory");
    reader->loader.open = reader->open;
    return read_axes(reader, document, error) && read_weights(reader, document, error) &&
           read_nodes(reader, document, error) && read_outputs(reader, document, error) &&
           check_inputs(reader, document, error) && take_version(reader, error) &&
           load_weights(reader, error) && verify_graph(reader->open->graph, error) &&
           (reader->options->as_written || reader->open->nodes ||
            graph_canonicalize(reader->open->graph, error));
}

struct open_graph *open_graph_decode(const char *json, size_t count, const char *name,
                                     const char *folder, const struct graph_load_options *options,
                                     struct weights **weights, struct et_error *error) {
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
        return reader.open;
    }
    et_fail_within(error, "%s", name);
    open_graph_free(reader.open);
    weights_free(reader.weights);
    return NULL;
}

/* The file's bytes, which the caller releases, and its folder. */
static bool read_stored(const char *path, char **json, size_t *count, struct text *folder,
                        struct et_error *error) {
    const char *slash = strrchr(path, '/');
    if (!read_file(path, STORE_MOST_BYTES, json, count, error))
        return false;
    text_add_bytes(folder, slash ? path : ".", slash ? (size_t)(slash - path) : 1);
    return text_check(folder, error) || et_fail_within(error, "%s", path);
}

struct open_graph *open_graph_load(const char *path, const struct graph_load_options *options,
                                   struct weights **weights, struct et_error *error) {
    char *json = NULL;
    size_t count;
    struct text folder = {0};
    struct open_graph *open = NULL;
    *weights = NULL;
    if (read_stored(path, &json, &count, &folder, error))
        open =
            open_graph_decode(json, count, path, text_read(&folder, NULL), options, weights, error);
    text_free(&folder);
    et_release(json);
    return open;
}

static struct graph *at_given_sizes(struct open_graph *open,
                                    const struct graph_load_options *options,
                                    struct et_error *error) {
    int64_t sizes[MOST_OPEN_AXES];
    int count = options ? options->axis_count : 0;
    if (!open_graph_sizes(open, count, options ? options->axes : NULL, sizes, error))
        return NULL;
    return open->axes.count ? open_graph_at(open, sizes, error) : open_graph_take(open);
}

/* The graph at the sizes that the options give, of an open graph that goes. */
static struct graph *sized(struct open_graph *open, const char *name,
                           const struct graph_load_options *options, struct weights **weights,
                           struct et_error *error) {
    struct graph *graph;
    if (!open)
        return NULL;
    graph = at_given_sizes(open, options, error);
    open_graph_free(open);
    if (!graph) {
        et_fail_within(error, "%s", name);
        weights_free(*weights);
        *weights = NULL;
    }
    return graph;
}

struct graph *graph_decode(const char *json, size_t count, const char *name, const char *folder,
                           const struct graph_load_options *options, struct weights **weights,
                           struct et_error *error) {
    return sized(open_graph_decode(json, count, name, folder, options, weights, error), name,
                 options, weights, error);
}

struct graph *graph_load_with(const char *path, const struct graph_load_options *options,
                              struct weights **weights, struct et_error *error) {
    return sized(open_graph_load(path, options, weights, error), path, options, weights, error);
}

struct graph *graph_load(const char *path, struct weights **weights, struct et_error *error) {
    return graph_load_with(path, NULL, weights, error);
}
