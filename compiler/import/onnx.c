/* An ONNX model in memory, and the inputs that it declares. */
#include "compiler/import/importer.h"

#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEWEST_OPSET = 28,
    MOST_OPSETS = 256, /* domains that a model or function names */
};

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of initialisers, sorted: what has one needs not be given. */
static const char **initialiser_names(struct arena *arena, const Onnx__Graph *graph) {
    size_t count = graph->n_initializer;
    const char **names = arena_array(arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++)
        names[i] = graph->initializer[i]->name;
    qsort(names, count, sizeof *names, by_text);
    return names;
}

static void describe_shape(struct arena *arena, const Onnx__Shape *shape,
                           struct declared_input *input) {
    if (!shape || shape->n_dim > MAX_RANK)
        return;
    input->rank = (int)shape->n_dim;
    for (int i = 0; i < input->rank; i++) {
        const Onnx__Shape__Dimension *dim = shape->dim[i];
        bool open = !dim->has_dim_value || dim->dim_value < 0;
        input->shape[i] = open ? -1 : dim->dim_value;
        const char *name = dim->dim_param;
        bool named = name[0] && strcmp(name, "?") != 0; /* as a converter calls them all */
        if (open)
            input->axis[i] = named ? name : arena_format(arena, "%s.%d", input->name, i);
    }
}

static void describe_tensor(struct arena *arena, const Onnx__ValueInfo *declared,
                            struct declared_input *input) {
    const Onnx__Type__TensorType *type = declared->type ? declared->type->tensor_type : NULL;
    *input = (struct declared_input){.name = declared->name, .rank = -1};
    if (!type)
        return;
    input->type = type->elem_type;
    describe_shape(arena, type->shape, input);
}

static void describe_inputs(struct onnx *onnx) {
    struct arena *arena = &onnx->elements->arena;
    const Onnx__Graph *graph = onnx->model->graph;
    const char **known = initialiser_names(arena, graph);
    struct declared_input *inputs = arena_array(arena, struct declared_input, graph->n_input + 1);
    for (size_t i = 0; i < graph->n_input; i++) {
        const char *name = graph->input[i]->name;
        if (!bsearch(&name, known, graph->n_initializer, sizeof name, by_text))
            describe_tensor(arena, graph->input[i], &inputs[onnx->inputs.count++]);
    }
    onnx->inputs.inputs = inputs;
}

static void describe_outputs(struct onnx *onnx) {
    struct arena *arena = &onnx->elements->arena;
    const Onnx__Graph *graph = onnx->model->graph;
    struct declared_input *outputs = arena_array(arena, struct declared_input, graph->n_output + 1);
    for (size_t i = 0; i < graph->n_output; i++)
        describe_tensor(arena, graph->output[i], &outputs[i]);
    onnx->outputs = (struct declared_inputs){(int)graph->n_output, outputs};
}

static bool check_opsets(const Onnx__Model *model, struct et_error *error) {
    bool few = model->n_opset_import <= MOST_OPSETS;
    for (size_t i = 0; i < model->n_functions; i++)
        few &= model->functions[i]->n_opset_import <= MOST_OPSETS;
    if (!few) /* each node looks for its own */
        return et_fail(error, "expected at most %d opsets, of the model and of each function",
                       MOST_OPSETS);
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSet *opset = model->opset_import[i];
        if (!onnx_domain(opset->domain)[0] && (opset->version < 1 || opset->version > NEWEST_OPSET))
            return et_fail(error, "opset %" PRId64 ", expected 1 to %d", opset->version,
                           NEWEST_OPSET);
    }
    return true;
}

/* Unpacks the outline into what the model holds; false and an error. */
static bool take_outline(struct onnx *onnx, const struct onnx_outline *outline,
                         struct et_error *error) {
    struct arena *arena = &onnx->elements->arena;
    jmp_buf escape;
    arena->escape = &escape;
    bool good = setjmp(escape) == 0;
    if (good) {
        onnx->model = onnx_unpack(outline, arena, error);
        good = onnx->model && check_opsets(onnx->model, error);
        if (good) {
            describe_inputs(onnx);
            describe_outputs(onnx);
        }
    } else {
        et_fail(error, "out of memory");
    }
    arena->escape = NULL;
    arena->limit = NULL; /* onnx_unpack's, when it did not come to its end */
    return good;
}

static bool take_bytes(struct onnx *onnx, const void *bytes, size_t count, struct et_error *error) {
    struct onnx_outline outline;
    bool good = onnx_outline(bytes, count, &outline, error);
    elements_rest(onnx->elements);
    good = good && take_outline(onnx, &outline, error);
    et_release(outline.bytes);
    return good;
}

/* Without a model yet; NULL and an error. */
static struct onnx *onnx_new(const char *path, struct et_error *error) {
    struct onnx *onnx = et_allocate(1, sizeof *onnx);
    if (onnx && (onnx->elements = elements_new()) != NULL &&
        (onnx->path = arena_copy_text(&onnx->elements->arena, path)) != NULL)
        return onnx;
    onnx_close(onnx);
    et_fail(error, "%s: out of memory", path);
    return NULL;
}

struct onnx *onnx_open_bytes(const void *bytes, size_t count, const char *path,
                             struct et_error *error) {
    struct onnx *onnx = onnx_new(path, error);
    if (!onnx || take_bytes(onnx, bytes, count, error))
        return onnx;
    et_fail_within(error, "%s", path);
    onnx_close(onnx);
    return NULL;
}

struct onnx *onnx_open(const char *path, struct et_error *error) {
    struct onnx *onnx = onnx_new(path, error);
    if (!onnx)
        return NULL;
    struct mapped_file *file = elements_map(onnx->elements, path, MOST_ONNX_BYTES, error);
    bool good = file != NULL;
    if (good && !take_bytes(onnx, file->bytes, file->count, error))
        good = et_fail_within(error, "%s", path);
    if (good)
        return onnx;
    onnx_close(onnx);
    return NULL;
}

void onnx_close(struct onnx *onnx) {
    if (!onnx)
        return;
    elements_release(onnx->elements);
    et_release(onnx);
}

struct declared_inputs onnx_inputs(const struct onnx *onnx) {
    return onnx->inputs;
}

struct declared_inputs onnx_outputs(const struct onnx *onnx) {
    return onnx->outputs;
}

bool names_place(const struct declared_input *input, int axis, const char *name) {
    size_t length = strlen(input->name);
    char place[16];
    snprintf(place, sizeof place, ".%d", axis);
    return strncmp(name, input->name, length) == 0 && strcmp(name + length, place) == 0;
}

bool onnx_has_axis(const struct onnx *onnx, const char *name) {
    if (strcmp(name, LOOP_AXIS) == 0)
        return true;
    for (int i = 0; i < onnx->inputs.count; i++) {
        const struct declared_input *input = &onnx->inputs.inputs[i];
        if (strcmp(input->name, name) == 0)
            return true;
        for (int k = 0; k < input->rank; k++)
            if (input->axis[k] &&
                (strcmp(input->axis[k], name) == 0 || names_place(input, k, name)))
                return true;
    }
    return false;
}
