/* Importing: models in other formats become graphs.
 *
 * An ONNX model (its IR versions 3 to 14, opsets 1 to 28 of the domain ai.onnx; onnx_ops.def has
 * the operators) becomes the graph of the sizes that are asked for: an axis whose size the file
 * leaves open gets one by its name. Shapes that the model computes from shapes are computed then,
 * too. */
#ifndef EIGENTENSOR_IMPORT_H
#define EIGENTENSOR_IMPORT_H

#include "compiler/store/store.h"
#include "runtime/eigentensor.h"

struct import_options {
    int axis_count;
    const struct et_axis *axes;
    const char *name; /* the graph's; NULL: the file's without ".onnx" */
};

/* Whether a file of that name is one to import. */
bool is_onnx_path(const char *path);

/* Reads the model in the file. A first axis that is open and not named in `options` (which may be
 * NULL) gets size 1. Elements of the model's initialisers are in *weights then, which are the
 * caller's, and must outlive the graph. NULL and an error that names all of the model's nodes that
 * cannot be imported, and why, or all open axes that have no size. */
struct graph *import_onnx(const char *path, const struct import_options *options,
                          struct weights **weights, struct et_error *error);
/* The same of a model in memory, which is not needed afterwards; `path` stands for its file in
 * messages, and in its folder lie files that the model names. */
struct graph *import_onnx_bytes(const void *bytes, size_t count, const char *path,
                                const struct import_options *options, struct weights **weights,
                                struct et_error *error);

/* Adds docs/onnx.md: the operators that are imported, a line each. */
void onnx_describe(struct text *text);

/* Reads a model of either kind, by the end of its name: a stored graph or one to import. */
struct model_options {
    struct graph_load_options load;
    struct import_options import;
};
struct graph *model_load(const char *path, const struct model_options *options,
                         struct weights **weights, struct et_error *error);

#endif
