#include "tests/support/onnx_model.h"

#include <stdlib.h>
#include <string.h>

void onnx_model_begin(struct onnx_model *model, int64_t opset) {
    *model = (struct onnx_model){.message = ONNX__MODEL__INIT,
                                 .graph = ONNX__GRAPH__INIT,
                                 .opset = ONNX__OPERATOR_SET__INIT};
    model->opset.has_version = true;
    model->opset.version = opset;
    model->message.graph = &model->graph;
}

/* One more message at the end of a repeated field. */
static void *extended(struct onnx_model *model, void *list, size_t *count, void *message) {
    void **grown = arena_array(&model->arena, void *, *count + 1);
    if (*count)
        memcpy(grown, list, *count * sizeof *grown);
    grown[(*count)++] = message;
    return grown;
}

#define NEW(model, type, init)                                                                     \
    ({                                                                                             \
        type *message = arena_new(&(model)->arena, type);                                          \
        *message = (type)init;                                                                     \
        message;                                                                                   \
    })

static char *copied(struct onnx_model *model, const char *text) {
    return arena_copy_text(&model->arena, text);
}

/* The parts of a text between commas. */
static char **split(struct onnx_model *model, const char *text, size_t *count) {
    char **parts = arena_array(&model->arena, char *, strlen(text) + 1), *rest, *part;
    *count = 0;
    for (rest = copied(model, text); text[0] && (part = strsep(&rest, ","));)
        parts[(*count)++] = part;
    return parts;
}

static Onnx__Shape *shape_of(struct onnx_model *model, const char *text) {
    Onnx__Shape *shape = NEW(model, Onnx__Shape, ONNX__SHAPE__INIT);
    size_t count;
    char **extents = split(model, text, &count);
    for (size_t i = 0; i < count; i++) {
        Onnx__Shape__Dimension *dim =
            NEW(model, Onnx__Shape__Dimension, ONNX__SHAPE__DIMENSION__INIT);
        char *end;
        dim->dim_value = strtoll(extents[i], &end, 10);
        dim->has_dim_value = end != extents[i];
        dim->dim_param = dim->has_dim_value ? NULL : extents[i];
        shape->dim = extended(model, shape->dim, &shape->n_dim, dim);
    }
    return shape;
}

void onnx_add_input(struct onnx_model *model, const char *name, int type, const char *shape) {
    Onnx__ValueInfo *input = NEW(model, Onnx__ValueInfo, ONNX__VALUE_INFO__INIT);
    input->name = copied(model, name);
    input->type = NEW(model, Onnx__Type, ONNX__TYPE__INIT);
    Onnx__Type__TensorType *tensor =
        NEW(model, Onnx__Type__TensorType, ONNX__TYPE__TENSOR_TYPE__INIT);
    tensor->has_elem_type = true;
    tensor->elem_type = type;
    tensor->shape = shape ? shape_of(model, shape) : NULL;
    input->type->tensor_type = tensor;
    model->graph.input = extended(model, model->graph.input, &model->graph.n_input, input);
}

void onnx_add_output(struct onnx_model *model, const char *name) {
    Onnx__ValueInfo *output = NEW(model, Onnx__ValueInfo, ONNX__VALUE_INFO__INIT);
    output->name = copied(model, name);
    model->graph.output = extended(model, model->graph.output, &model->graph.n_output, output);
}

Onnx__Node *onnx_add_node(struct onnx_model *model, const char *op, const char *inputs,
                          const char *outputs) {
    Onnx__Node *node = NEW(model, Onnx__Node, ONNX__NODE__INIT);
    node->op_type = copied(model, op);
    node->input = split(model, inputs, &node->n_input);
    node->output = split(model, outputs, &node->n_output);
    model->graph.node = extended(model, model->graph.node, &model->graph.n_node, node);
    return node;
}

Onnx__Attribute *onnx_add_attribute(struct onnx_model *model, Onnx__Node *node, const char *name) {
    Onnx__Attribute *attribute = NEW(model, Onnx__Attribute, ONNX__ATTRIBUTE__INIT);
    attribute->name = copied(model, name);
    node->attribute = extended(model, node->attribute, &node->n_attribute, attribute);
    return attribute;
}

Onnx__Tensor *onnx_add_initializer(struct onnx_model *model, const char *name, int type,
                                   int64_t extent) {
    Onnx__Tensor *tensor = NEW(model, Onnx__Tensor, ONNX__TENSOR__INIT);
    tensor->name = copied(model, name);
    tensor->has_data_type = true;
    tensor->data_type = type;
    tensor->dims = arena_array(&model->arena, int64_t, 1);
    tensor->dims[0] = extent;
    tensor->n_dims = 1;
    model->graph.initializer =
        extended(model, model->graph.initializer, &model->graph.n_initializer, tensor);
    return tensor;
}

const void *onnx_pack(struct onnx_model *model, size_t *count) {
    static Onnx__OperatorSet *opsets[1];
    opsets[0] = &model->opset;
    model->message.n_opset_import = 1;
    model->message.opset_import = opsets;
    *count = onnx__model__get_packed_size(&model->message);
    void *bytes = arena_allocate(&model->arena, *count + 1, 1);
    onnx__model__pack(&model->message, bytes);
    return bytes;
}

struct graph *onnx_import_bytes(const void *bytes, size_t count,
                                const struct import_options *options, struct weights **weights,
                                struct et_error *error) {
    struct onnx *onnx = onnx_open_bytes(bytes, count, "m.onnx", error);
    struct graph *graph = onnx ? onnx_graph(onnx, options, weights, error) : NULL;
    onnx_close(onnx);
    return graph;
}

struct graph *onnx_import(struct onnx_model *model, const struct import_options *options,
                          struct weights **weights, struct et_error *error) {
    size_t count;
    const void *bytes = onnx_pack(model, &count);
    return onnx_import_bytes(bytes, count, options, weights, error);
}
