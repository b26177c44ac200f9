/* A model as a graph: its inputs with their sizes, its outputs, its weights. */
#include "compiler/import/import.h"

#include "compiler/base/json_read.h"
#include "compiler/base/name.h"
#include "compiler/import/counted.h"
#include "compiler/import/low_types.h"

#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *path, const char *ending) {
    size_t length = strlen(path), count = strlen(ending);
    return length > count && strcmp(path + length - count, ending) == 0;
}

bool is_onnx_path(const char *path) {
    return ends_with(path, ".onnx");
}

/* ---- Inputs ---- */

/* `used`, which marks it, may be NULL. */
static const struct et_axis *axis_named(const struct import_options *options, const char *name,
                                        bool *used) {
    for (int i = 0; i < options->axis_count; i++)
        if (strcmp(options->axes[i].name, name) == 0) {
            if (used)
                used[i] = true;
            return &options->axes[i];
        }
    return NULL;
}

/* Lists the axes that have no size. */
struct sizeless_axes {
    struct text names;
    int count;
};

static void need_axis(struct importer *importer, struct sizeless_axes *open, const char *name,
                      const char *input, int axis) {
    const char *each = arena_format(&importer->arena, "%s (axis %d of \"%s\")", quoted(name).text,
                                    axis, quoted(input).text);
    if (open->count++ < 8)
        text_add(&open->names, "%s%s", open->count > 1 ? ", " : "", each);
}

/* The size of one axis of an input: what the file says, or what was asked for. */
static int64_t size_of(struct importer *importer, const struct declared_input *input, int axis,
                       bool *used, struct sizeless_axes *open) {
    const char *place = arena_format(&importer->arena, "%s.%d", input->name, axis);
    if (!input->axis[axis])
        return input->shape[axis];
    const struct et_axis *asked = axis_named(importer->options, place, used);
    const struct et_axis *named = axis_named(importer->options, input->axis[axis], used);
    if (asked || named)
        return (asked ? asked : named)->size;
    if (axis > 0)
        need_axis(importer, open, input->axis[axis], input->name, axis);
    return 1;
}

static bool describe_input(struct importer *importer, const struct declared_input *input,
                           struct node *node, bool *used, struct sizeless_axes *open) {
    struct quoted name = quoted(input->name);
    const char *elements = onnx_type_name(input->type);
    if (!elements)
        return et_fail(importer->error, "input \"%s\" is no tensor", name.text);
    if (!held_dtype(input->type, &node->dtype))
        return et_fail(importer->error,
                       "input \"%s\": elements of type %s, which graphs do not have", name.text,
                       elements);
    if (input->rank < 0)
        return et_fail(importer->error,
                       "input \"%s\": the file does not say its shape, or one of more than %d axes",
                       name.text, MAX_RANK);
    node->rank = input->rank;
    for (int i = 0; i < input->rank; i++)
        node->shape[i] = size_of(importer, input, i, used, open);
    return true;
}

/* "; there are N, width", or that there are none. */
static const char *known_axes(struct importer *importer) {
    struct text names = text_in(&importer->arena);
    for (int i = 0; i < importer->inputs.count; i++) {
        const struct declared_input *input = &importer->inputs.inputs[i];
        for (int k = 0; k < input->rank && names.length < 300; k++)
            if (input->axis[k])
                text_add(&names, "%s%s", names.length ? ", " : "; there are ",
                         quoted(input->axis[k]).text);
    }
    return names.length ? text_keep(&names) : "; it has none";
}

static bool check_axes(struct importer *importer, const bool *used,
                       const struct sizeless_axes *open) {
    const struct import_options *options = importer->options;
    if (open->count)
        return et_fail(importer->error,
                       "open axes without a size: %s%s; give each one, as --axis NAME=SIZE",
                       text_keep((struct text *)&open->names), open->count > 8 ? ", ..." : "");
    for (int i = 0; i < options->axis_count; i++)
        if (!used[i] && strcmp(options->axes[i].name, LOOP_AXIS) == 0)
            importer->only_loops = true;
        else if (!used[i])
            return et_fail(importer->error, "no input has an open axis \"%s\"%s",
                           quoted(options->axes[i].name).text, known_axes(importer));
    return true;
}

/* An integer input of one element may be given a value for good, by its name: as of a switch that
 * chooses branches. */
static bool fix_input(struct importer *importer, const struct node *node, const char *name,
                      bool *used, struct tensor *x) {
    const struct et_axis *asked = axis_named(importer->options, name, used);
    if (!asked || !dtype_is_integer(node->dtype) || node_elements(node) != 1)
        return false;
    *x = tensor_const(importer->graph->context, node->dtype, node->rank, node->shape, 1,
                      &asked->size); /* little-endian: of narrower ones the low bytes */
    return true;
}

/* The input that is the seed of random numbers, behind all others. */
static bool add_seed(struct importer *importer) {
    const char *name = importer->options->random_seed;
    for (int i = 0; i < importer->inputs.count && name; i++)
        if (strcmp(importer->inputs.inputs[i].name, name) == 0)
            return et_fail(importer->error, "the model has an input \"%s\" already",
                           quoted(name).text);
    if (name)
        importer->random_seed =
            add_graph_input(importer->graph->context, name, DTYPE_UINT64, SCALAR_SHAPE);
    return !tensor_recover(importer->graph->context, importer->error);
}

static bool check_seed(const struct importer *importer) {
    return !importer->options->random_seed || importer->random_nodes ||
           et_fail(importer->error, "no node makes random numbers, for which \"%s\" would be",
                   quoted(importer->options->random_seed).text);
}

/* A tensor for each input of the graph, NO_TENSOR where it is an initialiser. */
static bool import_inputs(struct importer *importer, struct tensor *inputs) {
    const Onnx__Graph *graph = importer->model->graph;
    struct sizeless_axes open = {text_in(&importer->arena), 0};
    bool *used = arena_array(&importer->arena, bool, (size_t)importer->options->axis_count + 1);
    const struct declared_input *input = importer->inputs.inputs;
    const struct declared_input *end = input + importer->inputs.count;
    for (size_t i = 0; i < graph->n_input && input < end; i++) {
        const char *name = graph->input[i]->name;
        struct node node = {0};
        if (strcmp(name, input->name) != 0)
            continue;
        if (!describe_input(importer, input++, &node, used, &open))
            return false;
        if (fix_input(importer, &node, name, used, &inputs[i]))
            continue;
        inputs[i] =
            add_graph_input(importer->graph->context, name, node.dtype, node.rank, node.shape);
        typed(importer, inputs[i], (input - 1)->type);
        if (tensor_recover(importer->graph->context, importer->error))
            return false;
    }
    return check_axes(importer, used, &open) && add_seed(importer);
}

int64_t import_loop_bound(struct importer *importer) {
    const struct et_axis *bound = axis_named(importer->options, LOOP_AXIS, NULL);
    importer->bounds_loop = true;
    return bound ? bound->size : 0;
}

static bool check_loop_axis(const struct importer *importer) {
    return !importer->only_loops || importer->bounds_loop ||
           et_fail(importer->error, "no input has an open axis \"" LOOP_AXIS "\", and no loop "
                                    "runs as often as is known at run time only");
}

/* ---- The model ---- */

/* All refusals in one message, as far as it reaches. */
static bool report_refusals(struct importer *importer) {
    struct et_error *error = importer->error;
    if (importer->refusal_count == 0)
        return true;
    struct text text = text_in(&importer->arena);
    for (int i = 0; i < importer->refusal_count; i++) {
        const struct refusal *refusal = &importer->refusals[i];
        const char *each = arena_format(
            &importer->arena,
            refusal->count == 1 ? "\n  %s \"%s\" (opset %" PRId64 "): %s"
                                : "\n  %s \"%s\" (opset %" PRId64 "): %s; and %d more",
            refusal->name, refusal->node, refusal->opset, refusal->why, refusal->count - 1);
        if (text.length + strlen(each) > ET_ERROR_BYTES - 200) {
            text_add(&text, "\n  and %d%s more kinds", importer->refusal_count - i,
                     importer->more_refusals ? " or" : "");
            break;
        }
        text_add(&text, "%s", each);
    }
    return et_fail(error, "cannot be imported:%s", text_keep(&text));
}

static int compare_weights(const void *a, const void *b) {
    return strcmp(((const struct weight *)a)->name, ((const struct weight *)b)->name);
}

/* Leaves those weights that the graph has. False: out of memory. */
static bool keep_weights(struct weights *weights, struct graph *graph, struct et_error *error) {
    bool *used = et_allocate((size_t)weights->count + 1, sizeof *used); /* an arena would escape */
    if (!used)
        return et_fail(error, "out of memory");
    if (weights->count)
        qsort(weights->tensors, (size_t)weights->count, sizeof *weights->tensors, compare_weights);
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            used[weights_find(weights, graph->nodes[i]->name) - weights->tensors] = true;
    int kept = 0;
    for (int i = 0; i < weights->count; i++)
        if (used[i])
            weights->tensors[kept++] = weights->tensors[i];
    weights->count = kept;
    et_release(used);
    const struct elements_file *files = weights->elements->files;
    for (const struct elements_file *each = files; each; each = each->next)
        if (each->file.count > graph->stored.count)
            graph->stored = each->file; /* most of what is to be packed lies in the largest */
    return true;
}

/* The outputs of the graph: those of the model, each of which may be counted by one of those that
 * follow them. */
struct made_outputs {
    int count;
    struct named_tensor *list;
    int *axes, *counts; /* counts: positions; -1: it is not counted */
};

static bool is_output_name(const struct made_outputs *made, const char *name) {
    for (int i = 0; i < made->count; i++)
        if (strcmp(made->list[i].name, name) == 0)
            return true;
    return false;
}

/* `name`, or what it has to be called so that no other output has that name. */
static const char *output_name(struct importer *importer, const struct made_outputs *made,
                               const char *name, const char *more) {
    while (is_output_name(made, name))
        name = arena_format(&importer->arena, "%s%s", name, more);
    return name;
}

/* The position of the output that is this count, which is new unless one of those from `first` on
 * is it already. */
static int count_output(struct importer *importer, struct made_outputs *made, int first,
                        const char *counted, struct tensor count) {
    for (int i = first; i < made->count; i++)
        if (made->list[i].tensor.node == count.node)
            return i;
    const char *name = arena_format(&importer->arena, "%s.count", counted);
    name = output_name(importer, made, name, ".count");
    made->list[made->count] = (struct named_tensor){name, count};
    made->counts[made->count] = -1;
    return made->count++;
}

/* Zeros stand behind what counts. */
static bool count_outputs(struct importer *importer, struct made_outputs *made) {
    int own = made->count;
    for (int i = 0; i < own; i++) {
        struct named_tensor *output = &made->list[i];
        struct axis_counts counts = counts_of(importer, output->tensor);
        struct counted c = counts.list[0];
        made->counts[i] = -1;
        if (counts.count > 1)
            return et_fail(importer->error,
                           "output \"%s\": several of its extents depend on the data, expected at "
                           "most one",
                           quoted(output->name).text);
        if (counts.count == 0)
            continue;
        output->tensor = filled_behind(output->tensor, c, FILL_ZERO);
        made->axes[i] = c.axis;
        made->counts[i] = count_output(importer, made, own, output->name, c.count);
    }
    return true;
}

/* Tells of a run in which a loop would have gone on at its bound. */
static void tell_cut(struct importer *importer, struct made_outputs *made) {
    struct tensor cut = importer->model_graph->cut;
    if (!is_given(cut))
        return;
    const char *name = output_name(importer, made, LOOP_AXIS ".cut", ".cut");
    made->counts[made->count] = -1;
    made->list[made->count++] = (struct named_tensor){name, cut};
}

static struct graph *with_counts(struct graph *graph, const struct made_outputs *made,
                                 struct et_error *error) {
    for (int i = 0; graph && i < made->count; i++)
        if (made->counts[i] >= 0 &&
            !graph_count_output(graph, i, made->axes[i], made->counts[i], error)) {
            graph_free(graph);
            return NULL;
        }
    return graph;
}

static struct graph *import_outputs(struct importer *importer, const struct tensor *tensors) {
    const Onnx__Graph *graph = importer->model->graph;
    size_t most = 2 * graph->n_output + 2;
    struct made_outputs made = {
        (int)graph->n_output, arena_array(&importer->arena, struct named_tensor, most),
        arena_array(&importer->arena, int, most), arena_array(&importer->arena, int, most)};
    for (int i = 0; i < made.count; i++)
        made.list[i] = (struct named_tensor){graph->output[i]->name, tensors[i]};
    if (!count_outputs(importer, &made))
        return NULL;
    tell_cut(importer, &made);
    struct tensor_context *context = importer->model_graph->context;
    importer->model_graph->context = NULL; /* compile_to_graph frees it */
    return with_counts(compile_to_graph(context, made.count, made.list, importer->error), &made,
                       importer->error);
}

static struct graph *import_model(struct importer *importer) {
    struct arena *arena = &importer->arena;
    const Onnx__Graph *model = importer->model->graph;
    struct tensor *inputs = arena_array(arena, struct tensor, model->n_input + 1);
    struct tensor *outputs = arena_array(arena, struct tensor, model->n_output + 1);
    if (importer->inputs.count > STORE_MOST_NAMED || model->n_output > STORE_MOST_NAMED) {
        et_fail(importer->error, "%d inputs and %zu outputs, expected at most %d of each",
                importer->inputs.count, model->n_output, STORE_MOST_NAMED);
        return NULL;
    }
    if (!import_inputs(importer, inputs) || !import_graph(importer, model, NULL, inputs, outputs) ||
        !report_refusals(importer) || !check_loop_axis(importer) || !check_seed(importer))
        return NULL;
    return import_outputs(importer, outputs);
}

/* Whether the names can be stored, as a digest of the graph needs them: some may be too long. */
static bool check_names(const struct graph *graph, struct et_error *error) {
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        const char *what = node->op == OP_INPUT ? "the name of an input" : "the name of a weight";
        if ((node->op == OP_INPUT || node->op == OP_WEIGHT) &&
            !json_check_name(what, node->name, error))
            return false;
    }
    for (int i = 0; i < graph->output_count; i++)
        if (!json_check_name("the name of an output", graph->outputs[i].name, error))
            return false;
    return true;
}

/* What the trees hold belongs to an arena. */
static void keep_entry(void *entry) {
    (void)entry;
}

/* "models/mnist.onnx" is "mnist". */
static const char *graph_name(struct importer *importer) {
    const char *slash = strrchr(importer->path, '/'), *name = slash ? slash + 1 : importer->path;
    size_t length = strlen(name) - (is_onnx_path(name) ? strlen(".onnx") : 0);
    if (importer->options->name)
        return importer->options->name;
    struct text written = text_in(&importer->arena);
    text_add_name(&written, arena_format(&importer->arena, "%.*s", (int)length, name));
    return text_keep(&written);
}

/* Within an escape, which every arena has meanwhile. */
static struct graph *import_escaping(struct importer *importer) {
    jmp_buf escape;
    importer->arena.escape = importer->weights->arena.escape = &escape;
    importer->weights->elements->arena.escape = &escape;
    if (setjmp(escape) != 0) {
        et_fail(importer->error, "out of memory");
        return NULL;
    }
    importer->model_graph = body_begin(importer, graph_name(importer));
    struct graph *graph = import_model(importer);
    if (!graph)
        return NULL;
    if (check_names(graph, importer->error) &&
        keep_weights(importer->weights, graph, importer->error) &&
        (importer->options->open || graph_canonicalize(graph, importer->error)))
        return graph;
    graph_free(graph);
    return NULL;
}

static struct weights *weights_of(const struct onnx *onnx) {
    struct weights *weights = et_allocate(1, sizeof *weights);
    if (!weights)
        return NULL;
    elements_hold(onnx->elements);
    weights->elements = onnx->elements;
    return weights;
}

struct graph *onnx_graph(const struct onnx *onnx, const struct import_options *options,
                         struct weights **weights, struct et_error *error) {
    static const struct import_options none;
    struct et_error own = {0};
    struct importer importer = {.path = onnx->path,
                                .model = onnx->model,
                                .inputs = onnx->inputs,
                                .options = options ? options : &none,
                                .error = &own};
    struct graph *graph = NULL;
    *weights = NULL;
    importer.weights = weights_of(onnx);
    if (importer.weights)
        graph = import_escaping(&importer);
    else
        et_fail(&own, "out of memory");
    while (importer.innermost)
        body_end(&importer);
    tdestroy(importer.weight_names, keep_entry);
    tdestroy(importer.weight_tensors, keep_entry);
    arena_free(&importer.arena);
    onnx->elements->arena.escape = NULL;
    if (graph) {
        importer.weights->arena.escape = NULL;
        *weights = importer.weights;
        return graph;
    }
    weights_free(importer.weights);
    et_fail(error, "%s: %s", onnx->path, own.message);
    return NULL;
}
