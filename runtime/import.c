/* Programs that are opened, those that another tool wrote, and programs stored again. */
#include "runtime/et_program.h"

#include <string.h>

#include "compiler/graph/copy_graph.h"
#include "compiler/import/model_file.h"
#include "compiler/store/open_graph.h"
#include "runtime/digest_notes.h"

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

struct et_program *et_program_open_batched(const char *path, const char *weights_path,
                                           struct et_error *error) {
    const struct graph_load_options load = {.weights_path = weights_path};
    struct weights *weights = NULL;
    struct graph *graph = model_load(path, &load, NULL, &weights, error);
    if (graph && !graph->batched && !(graph = graph_with_batch(graph, &weights, error)))
        et_fail_within(error, "%s", path);
    return graph ? program_from_graph(graph, weights, error) : NULL;
}

typedef struct et_program *program_maker(struct graph *graph, struct weights *weights,
                                         struct et_error *error);

static struct et_program *open_at(const char *path, const struct graph_load_options *load,
                                  const struct et_axis *axes, int axis_count, program_maker *make,
                                  struct et_error *error) {
    const struct import_options options = {.axis_count = axis_count, .axes = axes};
    struct weights *weights = NULL;
    struct graph *graph = model_load(path, load, &options, &weights, error);
    return graph ? make(graph, weights, error) : NULL;
}

struct et_program *et_program_open_sized(const char *path, const char *weights_path,
                                         const struct et_axis *axes, int axis_count,
                                         struct et_error *error) {
    const struct graph_load_options load = {.weights_path = weights_path};
    return open_at(path, &load, axes, axis_count, program_from_graph, error);
}

struct et_program *et_program_open_kept(const char *path, const char *weights_path,
                                        const struct et_axis *axes, int axis_count,
                                        struct et_error *error) {
    const struct graph_load_options load = {.weights_path = weights_path, .notes = &cached_notes};
    return open_at(path, &load, axes, axis_count, program_from_graph_kept, error);
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
static bool save_with_weights(const struct open_graph *open, const struct weights *own,
                              const char *path, const char *weights_path, struct et_error *error) {
    const char *slash = strrchr(weights_path, '/');
    struct new_file files[2] = {{.path = weights_path}, {.path = path}};
    struct text graph = {0};
    void *weights = NULL;
    bool good =
        weights_encode(own->tensors, own->count, own, NULL, &weights, &files[0].count, error) ||
        et_fail_within(error, "%s", weights_path);
    if (good) {
        struct digest sha256 = digest_bytes(weights, files[0].count);
        good = open_graph_encode(open, slash ? slash + 1 : weights_path, own, &sha256, &graph,
                                 error) ||
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

bool open_graph_save(const struct open_graph *open, const struct weights *weights, const char *path,
                     struct et_error *error) {
    struct text weights_path = {0};
    bool good = program_weights_path(path, &weights_path, error);
    if (good)
        good = weights
                   ? save_with_weights(open, weights, path, text_read(&weights_path, NULL), error)
                   : open_graph_store(open, NULL, NULL, path, error);
    text_free(&weights_path);
    return good;
}

bool et_program_save(const struct et_program *program, const char *path, struct et_error *error) {
    const struct open_graph open = {.graph = (struct graph *)program_graph(program)};
    return open_graph_save(&open, program_weights(program), path, error);
}
