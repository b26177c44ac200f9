/* ONNX models made by hand, for tests: built of protobuf-c's own structures and packed. */
#ifndef EIGENTENSOR_ONNX_MODEL_H
#define EIGENTENSOR_ONNX_MODEL_H

#include "compiler/import/import.h"
#include "onnx.pb-c.h"

/* All in one arena, to be freed with arena_free(&model->arena). */
struct onnx_model {
    struct arena arena;
    Onnx__Model message;
    Onnx__Graph graph;
    Onnx__OperatorSet opset;
};
/* An empty model of that opset. */
void onnx_model_begin(struct onnx_model *model, int64_t opset);

/* A shape, its open axes by name: "N,3,w". NULL: none is given. */
void onnx_add_input(struct onnx_model *model, const char *name, int type, const char *shape);
void onnx_add_output(struct onnx_model *model, const char *name);
/* Names separated by commas; an empty one is left out. Returns the node, for its attributes. */
Onnx__Node *onnx_add_node(struct onnx_model *model, const char *op, const char *inputs,
                          const char *outputs);
Onnx__Attribute *onnx_add_attribute(struct onnx_model *model, Onnx__Node *node, const char *name);
/* A float32 initialiser of rank 1 without elements: for the caller to fill. */
Onnx__Tensor *onnx_add_initializer(struct onnx_model *model, const char *name, int type,
                                   int64_t extent);
/* Its graph, called m.onnx in errors: onnx_open_bytes() and onnx_graph(). */
struct graph *onnx_import(struct onnx_model *model, const struct import_options *options,
                          struct weights **weights, struct et_error *error);
struct graph *onnx_import_bytes(const void *bytes, size_t count,
                                const struct import_options *options, struct weights **weights,
                                struct et_error *error);
/* Its bytes, in the model's arena. */
const void *onnx_pack(struct onnx_model *model, size_t *count);

#endif
