/* Programs that are opened, those that another tool wrote, and programs stored again. */
#include "runtime/et_program.h"

#include <string.h>

#include "compiler/graph/batch.h"
#include "compiler/graph/copy_graph.h"
#include "compiler/import/import.h"

/* The nodes that the outputs need, each once, in the order in which this library writes them. Only
 * then is a product known to have one reader. */
static struct graph *in_order(const struct graph *graph, struct et_error *error) {
    struct graph *ordered = graph_new(graph->name);
    if (!ordered) {
        et_fail(error, "out of memory");
        return NULL;
    }
    if (copy_graph(graph, ordered, graph->output_count, graph->outputs, error) &&
        graph_canonicalize(ordered, error))
        return ordered;
    graph_free(ordered);
    return NULL;
}

struct et_program *et_program_import(const char *json, size_t bytes, const char *weights_path,
                                     struct et_error *error) {
    struct weights *weights = NULL;
    struct graph_load_options options = {.weights_path = weights_path, .as_written = true};
    struct graph *graph = graph_decode(json, bytes, "graph", ".", &options, &weights, error);
    if (!graph)
        return NULL;
    struct graph *ordered = in_order(graph, error);
    graph_free(graph);
    if (ordered)
        return program_from_graph(ordered, weights, error);
    weights_free(weights);
    return NULL;
}

/* The same graph for any number of images; frees the one that is given. */
static struct graph *with_batch(struct graph *graph, struct et_error *error) {
    if (graph->batched)
        return graph;
    struct graph *batched = graph_add_batch(graph, error);
    graph_free(graph);
    if (batched && graph_canonicalize(batched, error))
        return batched;
    graph_free(batched);
    return NULL;
}

/* Loads or imports. `batched`: for any number of images. */
static struct et_program *open_model(const char *path, const struct model_options *options,
                                     bool batched, struct et_error *error) {
    struct weights *weights = NULL;
    struct graph *graph = model_load(path, options, &weights, error);
    if (graph && batched) {
        graph = with_batch(graph, error);
        if (!graph) {
            et_fail_within(error, "%s", path);
            weights_free(weights);
        }
    }
    return graph ? program_from_graph(graph, weights, error) : NULL;
}

struct et_program *et_program_open_batched(const char *path, const char *weights_path,
                                           struct et_error *error) {
    struct model_options options = {.load = {.weights_path = weights_path}};
    return open_model(path, &options, true, error);
}

struct et_program *et_program_open_sized(const char *path, const char *weights_path,
                                         const struct et_axis *axes, int axis_count,
                                         struct et_error *error) {
    struct et_axis *sized = et_allocate((size_t)axis_count + 1, sizeof *sized);
    if (!sized) {
        et_fail(error, "%s: out of memory", path);
        return NULL;
    }
    bool batched = false;
    for (int i = 0; i < axis_count; i++) {
        sized[i] = axes[i];
        batched |= axes[i].size == ET_BATCH;
        if (axes[i].size == ET_BATCH)
            sized[i].size = 1; /* one image is what the graph is of */
    }
    struct model_options options = {.load = {.weights_path = weights_path},
                                    .import = {.axis_count = axis_count, .axes = sized}};
    struct et_program *program = open_model(path, &options, batched, error);
    et_release(sized);
    return program;
}

bool program_weights_path(const char *path, struct text *text, struct et_error *error) {
    static const char ending[] = ".json";
    size_t length = strlen(path), cut = sizeof ending - 1;
    if (length <= cut || strcmp(path + length - cut, ending) != 0)
        return et_fail(error, "%s: expected a name that ends with %s", path, ending);
    text_add_bytes(text, path, length - cut);
    text_add(text, ".safetensors");
    return text_check(text, error) || et_fail_within(error, "%s", path);
}

/* Both files or neither. The graph names the other, and its digest. */
static bool save_with_weights(const struct et_program *program, const char *path,
                              const char *weights_path, struct et_error *error) {
    const struct weights *own = program_weights(program);
    const char *slash = strrchr(weights_path, '/');
    struct new_file files[2] = {{.path = weights_path}, {.path = path}};
    struct text graph = {0};
    void *weights = NULL;
    bool good = weights_encode(own->tensors, own->count, NULL, &weights, &files[0].count, error) ||
                et_fail_within(error, "%s", weights_path);
    if (good) {
        struct digest sha256 = digest_bytes(weights, files[0].count);
        good = graph_encode(program_graph(program), slash ? slash + 1 : weights_path, own, &sha256,
                            &graph, error) ||
               et_fail_within(error, "%s", path);
    }
    files[0].bytes = weights;
    files[1].bytes = good ? text_read(&graph, error) : NULL;
    files[1].count = graph.length;
    good = files[1].bytes && write_files(files, 2, error);
    et_release(weights);
    text_free(&graph);
    return good;
}

bool et_program_save(const struct et_program *program, const char *path, struct et_error *error) {
    struct text weights_path = {0};
    bool good = program_weights_path(path, &weights_path, error);
    if (good)
        good = program_weights(program)
                   ? save_with_weights(program, path, text_read(&weights_path, NULL), error)
                   : graph_store(program_graph(program), NULL, NULL, path, error);
    text_free(&weights_path);
    return good;
}
