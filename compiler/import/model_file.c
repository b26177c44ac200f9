#include "compiler/import/model_file.h"

#include "compiler/graph/batch.h"

#include <pthread.h>
#include <string.h>

struct model_file {
    struct onnx *onnx; /* NULL: a stored graph */
    struct graph_load_options load;
    struct arena arena; /* of the texts and axes */
    const char *path;
    struct open_axes axes;
    pthread_mutex_t importing; /* one at a time */
};

/* ---- What is open ---- */

static bool lists_axis(const struct open_axis *axes, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(axes[i].name, name) == 0)
            return true;
    return false;
}

/* False: out of memory. */
static bool list_axes(struct model_file *file) {
    struct declared_inputs inputs = model_file_inputs(file);
    struct open_axis *axes =
        arena_array(&file->arena, struct open_axis, (size_t)inputs.count * MAX_RANK + 1);
    int count = 0;
    for (int i = 0; axes && i < inputs.count; i++)
        for (int k = 0; k < inputs.inputs[i].rank; k++) {
            const char *name = inputs.inputs[i].axis[k];
            if (name && !lists_axis(axes, count, name))
                axes[count++] = (struct open_axis){name, 1, MAX_ELEMENTS};
        }
    file->axes = (struct open_axes){count, axes};
    return axes;
}

struct declared_inputs model_file_inputs(const struct model_file *file) {
    return file->onnx ? onnx_inputs(file->onnx) : (struct declared_inputs){0};
}

struct open_axes model_file_axes(const struct model_file *file) {
    return file->axes;
}

bool model_file_has_axis(const struct model_file *file, const char *name) {
    return file->onnx && onnx_has_axis(file->onnx, name);
}

/* ---- Opening ---- */

static bool open_file(struct model_file *file, const char *path,
                      const struct graph_load_options *options, struct et_error *error) {
    const char *weights_path = options ? options->weights_path : NULL;
    if (options)
        file->load = *options;
    file->path = arena_copy_text(&file->arena, path);
    if (weights_path)
        file->load.weights_path = arena_copy_text(&file->arena, weights_path);
    if (!file->path || (weights_path && !file->load.weights_path))
        return et_fail(error, "%s: out of memory", path);
    if (!is_onnx_path(path))
        return true;
    file->onnx = onnx_open(path, error);
    return file->onnx && (list_axes(file) || et_fail(error, "%s: out of memory", path));
}

struct model_file *model_file_open(const char *path, const struct graph_load_options *options,
                                   struct et_error *error) {
    struct model_file *file = et_allocate(1, sizeof *file);
    if (!file) {
        et_fail(error, "%s: out of memory", path);
        return NULL;
    }
    pthread_mutex_init(&file->importing, NULL);
    if (open_file(file, path, options, error))
        return file;
    model_file_close(file);
    return NULL;
}

void model_file_close(struct model_file *file) {
    if (!file)
        return;
    onnx_close(file->onnx);
    arena_free(&file->arena);
    pthread_mutex_destroy(&file->importing);
    et_release(file);
}

/* ---- Graphs ---- */

struct graph *graph_with_batch(struct graph *graph, struct weights **weights,
                               struct et_error *error) {
    struct graph *batched = graph_add_batch(graph, error);
    graph_free(graph);
    if (batched && graph_canonicalize(batched, error))
        return batched;
    graph_free(batched);
    weights_free(*weights);
    *weights = NULL;
    return NULL;
}

static struct graph *make_graph(struct model_file *file, const struct import_options *options,
                                struct weights **weights, struct et_error *error) {
    if (!file->onnx && options->axis_count) {
        et_fail(error, "%s: a stored graph has no open axes to give a size (--axis)", file->path);
        return NULL;
    }
    if (!file->onnx)
        return graph_load_with(file->path, &file->load, weights, error);
    pthread_mutex_lock(&file->importing);
    struct graph *graph = onnx_graph(file->onnx, options, weights, error);
    pthread_mutex_unlock(&file->importing);
    return graph;
}

struct graph *model_file_graph(struct model_file *file, const struct import_options *options,
                               struct weights **weights, struct et_error *error) {
    struct import_options plain = options ? *options : (struct import_options){0};
    struct et_axis *axes = et_allocate((size_t)plain.axis_count + 1, sizeof *axes);
    bool batched = false;
    if (!axes) {
        et_fail(error, "%s: out of memory", file->path);
        return NULL;
    }
    for (int i = 0; i < plain.axis_count; i++) {
        axes[i] = plain.axes[i];
        batched |= axes[i].size == ET_BATCH;
        if (axes[i].size == ET_BATCH)
            axes[i].size = 1; /* one image is what the graph is of */
    }
    plain.axes = axes;
    struct graph *graph = make_graph(file, &plain, weights, error);
    if (graph && batched && !(graph = graph_with_batch(graph, weights, error)))
        et_fail_within(error, "%s", file->path);
    et_release(axes);
    return graph;
}

struct graph *model_load(const char *path, const struct graph_load_options *load,
                         const struct import_options *options, struct weights **weights,
                         struct et_error *error) {
    struct model_file *file = model_file_open(path, load, error);
    struct graph *graph = file ? model_file_graph(file, options, weights, error) : NULL;
    model_file_close(file);
    return graph;
}
