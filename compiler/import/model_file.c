#include "compiler/import/model_file.h"

#include "compiler/graph/batch.h"
#include "compiler/import/onnx_file.h"
#include "compiler/store/open_graph.h"

#include <pthread.h>
#include <string.h>

struct model_file {
    struct onnx *onnx; /* NULL: a stored graph */
    struct open_graph *stored;
    struct weights *weights; /* of the stored graph; NULL: it has none */
    struct arena arena;      /* of the texts and axes */
    const char *path;
    struct declared_inputs inputs, outputs;
    struct open_axes axes;
    pthread_mutex_t importing; /* one at a time */
};

/* ---- What is open ---- */

/* False: out of memory. */
static bool list_axes(struct model_file *file) {
    struct declared_inputs inputs = file->inputs;
    struct open_axis *axes =
        arena_array(&file->arena, struct open_axis, (size_t)inputs.count * MAX_RANK + 1);
    file->axes = (struct open_axes){0, axes};
    for (int i = 0; axes && i < inputs.count; i++)
        for (int k = 0; k < inputs.inputs[i].rank; k++) {
            const char *name = inputs.inputs[i].axis[k];
            if (name && open_axis_find(&file->axes, name) < 0)
                axes[file->axes.count++] = (struct open_axis){name, 1, MAX_ELEMENTS, 1};
        }
    return axes;
}

static void declare_input(const struct open_graph *open, const struct node *node,
                          struct declared_input *input) {
    input->name = node->name;
    input->type = onnx_type_of(node->dtype);
    input->rank = node->rank;
    for (int i = 0; i < node->rank; i++) {
        const struct size *size = open_integer_find(&open->nodes[node->id], PLACE_SHAPE, i);
        input->shape[i] = size ? -1 : node->shape[i];
        if (size_is_axis(size))
            input->axis[i] = open->axes.axes[size->axis].name;
    }
}

/* Of a stored graph. False: out of memory. */
static bool declare_inputs(struct model_file *file) {
    const struct graph *graph = file->stored->graph;
    struct declared_input *inputs =
        arena_array(&file->arena, struct declared_input, (size_t)graph->input_count + 1);
    struct declared_input *outputs =
        arena_array(&file->arena, struct declared_input, (size_t)graph->output_count + 1);
    if (!inputs || !outputs)
        return false;
    for (int i = 0; i < graph->input_count; i++)
        declare_input(file->stored, graph->inputs[i], &inputs[i]);
    for (int i = 0; i < graph->output_count; i++) {
        declare_input(file->stored, graph->outputs[i].node, &outputs[i]);
        outputs[i].name = graph->outputs[i].name;
    }
    file->inputs = (struct declared_inputs){graph->input_count, inputs};
    file->outputs = (struct declared_inputs){graph->output_count, outputs};
    file->axes = file->stored->axes;
    return true;
}

struct declared_inputs model_file_inputs(const struct model_file *file) {
    return file->inputs;
}

struct declared_inputs model_file_outputs(const struct model_file *file) {
    return file->outputs;
}

struct open_axes model_file_axes(const struct model_file *file) {
    return file->axes;
}

const struct open_graph *model_file_stored(const struct model_file *file) {
    return file->stored;
}

bool model_file_has_axis(const struct model_file *file, const char *name) {
    return file->onnx ? onnx_has_axis(file->onnx, name) : open_axis_find(&file->axes, name) >= 0;
}

/* ---- Opening ---- */

static bool open_onnx(struct model_file *file, struct et_error *error) {
    file->onnx = onnx_open(file->path, error);
    if (!file->onnx)
        return false;
    file->inputs = onnx_inputs(file->onnx);
    file->outputs = onnx_outputs(file->onnx);
    return list_axes(file) || et_fail(error, "%s: out of memory", file->path);
}

static bool open_stored(struct model_file *file, const struct graph_load_options *options,
                        struct et_error *error) {
    file->stored = open_graph_load(file->path, options, &file->weights, error);
    if (!file->stored || !file->stored->axes.count)
        return file->stored;
    return declare_inputs(file) || et_fail(error, "%s: out of memory", file->path);
}

static bool open_file(struct model_file *file, const char *path,
                      const struct graph_load_options *options, struct et_error *error) {
    file->path = arena_copy_text(&file->arena, path);
    if (!file->path)
        return et_fail(error, "%s: out of memory", path);
    return is_onnx_path(path) ? open_onnx(file, error) : open_stored(file, options, error);
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
    open_graph_free(file->stored);
    weights_free(file->weights);
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

static struct graph *stored_graph(const struct model_file *file,
                                  const struct import_options *options, struct weights **weights,
                                  struct et_error *error) {
    int64_t sizes[MOST_OPEN_AXES];
    struct graph *graph = NULL;
    *weights = NULL;
    if (open_graph_sizes(file->stored, options->axis_count, options->axes, sizes, error))
        graph = open_graph_at(file->stored, sizes, error);
    if (!graph) {
        et_fail_within(error, "%s", file->path);
        return NULL;
    }
    if (file->weights)
        weights_hold(file->weights);
    *weights = file->weights;
    return graph;
}

static struct graph *make_graph(struct model_file *file, const struct import_options *options,
                                struct weights **weights, struct et_error *error) {
    if (!file->onnx)
        return stored_graph(file, options, weights, error);
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
