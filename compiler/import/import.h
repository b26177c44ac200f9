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

/* What is computed while models are imported, at one size after another: what differs is left to
 * the graph, when it is imported once more. */
struct folds;
struct folds *folds_new(void); /* NULL when memory is exhausted */
void folds_free(struct folds *folds);
/* From now on imports leave what differed to the graph, and nothing more is remembered. */
void folds_settle(struct folds *folds);

/* An axis that every model has: of the steps of loops whose count is known at run time only. Its
 * size is how many there are at most. */
#define LOOP_AXIS "loop"

struct import_options {
    int axis_count;
    const struct et_axis *axes;
    const char *name; /* the graph's; NULL: the file's without ".onnx" */
    /* What an input is called, a uint64 of rank 0, that is the seed of all random numbers; the
     * number of a node among those that make some is their stream. NULL: nodes have their own. */
    const char *random_seed;
    /* For graphs of other sizes, too: nodes do not depend on a size where they need not, and
     * movement that moves nothing stays. The graph is not canonical. */
    bool open;
    struct folds *folds; /* with `open`; NULL: nothing is remembered */
};

/* Whether a file of that name is one to import. */
bool is_onnx_path(const char *path);

/* An ONNX model whose open axes may get any sizes. Not for several threads at once. */
struct onnx;

/* Reads the model in the file, or of the bytes: `path` stands for their file in messages then, and
 * in its folder lie the files that the model names. The bytes must stay, and files must not be
 * written into, as long as the model is open and weights of it are there. The caller closes it.
 * NULL and an error that names the file. */
struct onnx *onnx_open(const char *path, struct et_error *error);
struct onnx *onnx_open_bytes(const void *bytes, size_t count, const char *path,
                             struct et_error *error);
void onnx_close(struct onnx *onnx); /* NULL is fine */

/* The graph of the model at these sizes. A first axis that is open and not named in `options`
 * (which may be NULL) gets size 1. Elements of the model's initialisers are in *weights then, which
 * are the caller's, must outlive the graph and may outlive the model. NULL and an error that names
 * all of the model's nodes that cannot be imported, and why, or all open axes that have no size. */
struct graph *onnx_graph(const struct onnx *onnx, const struct import_options *options,
                         struct weights **weights, struct et_error *error);

/* An input as the file declares it. */
struct declared_input {
    const char *name;           /* as long as the model is open, as all texts here */
    int type;                   /* of elements, in ONNX's numbers; 0: it is no tensor */
    int rank;                   /* -1: the file does not say its shape */
    int64_t shape[MAX_RANK];    /* of an open axis -1 */
    const char *axis[MAX_RANK]; /* the name of an open axis; NULL: it is not open */
};
struct declared_inputs {
    int count;
    const struct declared_input *inputs; /* in the file's order, without initialisers */
};
struct declared_inputs onnx_inputs(const struct onnx *onnx);
/* The same of its outputs. What the file says of their shapes may be wrong. */
struct declared_inputs onnx_outputs(const struct onnx *onnx);
/* Whether the name is that of the axis by its place: "X.2" of axis 2 of the input X. */
bool names_place(const struct declared_input *input, int axis, const char *name);
/* Whether the model has such an open axis, or an input of that name. */
bool onnx_has_axis(const struct onnx *onnx, const char *name);

/* Adds docs/onnx.md: the operators that are imported, a line each. */
void onnx_describe(struct text *text);

#endif
