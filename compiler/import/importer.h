/* What the files of this room share: a model on its way into a graph, and what a builder of an
 * operator is given.
 *
 * An operator is a row of onnx_ops.def and a function that builds its nodes:
 *
 *     struct tensor import_softplus(struct call *call) {
 *         struct tensor x = call_input(call, 0);
 *         ...
 *         return y;
 *     }
 *
 * It returns the first output and sets others with call_output. It reads attributes by the
 * functions below; one that nothing asked for refuses the node. Errors stick to the context, as
 * builder.h says, so nothing needs to be checked on the way, and whatever is wrong is said by
 * call_refuse. */
#ifndef EIGENTENSOR_IMPORTER_H
#define EIGENTENSOR_IMPORTER_H

#include "compiler/builder/layers.h"
#include "compiler/graph/view.h"
#include "compiler/import/import.h"
#include "compiler/import/onnx_file.h"

struct call;
struct counted;
struct lengths;
typedef struct tensor onnx_builder(struct call *call);

enum onnx_arithmetic {
    AS_IT_IS, /* the builder takes the dtypes that come */
    WIDENED,  /* 16-bit floats are computed with in float32, and the results rounded to them */
};

struct onnx_op {
    const char *domain, *name;
    int since; /* the first opset that has it */
    onnx_builder *build;
    int detail; /* an operation of ops.def, for builders that serve several; else 0 */
    enum onnx_arithmetic arithmetic;
    const char *notes; /* for docs/onnx.md */
};
/* The row of an operator, or NULL; "" and "ai.onnx" are the same domain. */
const struct onnx_op *onnx_op_find(const char *domain, const char *name);

struct onnx {
    const char *path;
    struct elements *elements; /* their arena holds the model */
    const Onnx__Model *model;
    struct declared_inputs inputs, outputs;
};

/* A name of the model and what it stands for. */
enum value_state {
    VALUE_UNMADE, /* the node that makes it has not been imported yet */
    VALUE_MADE,
    VALUE_REFUSED, /* it cannot be made; the error was said where it arose */
};
struct value {
    const char *name;
    struct tensor tensor;
    enum value_state state;
    bool wanted; /* some output needs it */
};

/* The names of a graph, or of a function's body: sorted, each once. */
struct scope {
    struct scope *outer; /* whose names can be read, too; NULL for a function */
    int count;
    struct value *values;
    size_t opset_count;
    Onnx__OperatorSet **opsets;
    const struct call *caller;      /* of a function: whose attributes it reads */
    const Onnx__Function *function; /* which has defaults for them */
    int depth;
};

/* Elements that are known now. */
struct known {
    bool tried;
    const struct view *view; /* contiguous; NULL: they are not known. Stays where it is */
};

/* What elements nodes have, by their ids (low_types.c). */
struct low_nodes {
    bool any; /* have codes of types that graphs do not have */
    int count, capacity;
    uint8_t *types;
};

/* Nodes that one operator's builder refused for one reason. */
struct refusal {
    const char *name, *why; /* the operator's name */
    const char *node;       /* the first of them */
    int64_t opset;
    int count;
};

/* What a body of a scan reads of the graph around it. */
struct captured {
    struct tensor outer, inner;
    bool is_const; /* a const again, else an input of the body */
};

/* A graph that is being built: the model's, or the body of a scan within another. */
struct built_graph {
    struct tensor_context *context;
    struct graph *program;   /* what that was compiled to, if it was; else NULL */
    struct known *constants; /* by id of the context's nodes */
    int constant_count;
    struct low_nodes low_nodes;
    struct axis_counts **counted; /* by id of the context's nodes (counted.h); NULL: it is not */
    int counted_count;
    struct tensor *counts; /* that differ */
    int count_count, count_capacity;
    struct lengths *lengths; /* the same (lengths.h) */
    int lengths_count;
    struct tensor
        cut; /* whether a loop's bound ended it, a bool; NO_TENSOR: none can (scanned.h) */
    struct built_graph *around; /* NULL: of the model's */
    int captured_count, captured_capacity;
    struct captured *captured;
};

struct importer {
    struct arena arena; /* scratch; its escape ends the import */
    struct weights *weights;
    int weight_capacity;
    void *weight_names;   /* tsearch's */
    void *weight_tensors; /* tsearch's: tensors of the file that are weights already */
    const char *path;
    const struct import_options *options;
    const Onnx__Model *model;
    struct declared_inputs inputs;
    struct built_graph *model_graph;
    struct built_graph *innermost; /* of those that are being built */
    struct built_graph *graph;     /* the one at hand: that, or for a moment one around it */
    int refusal_count, refusal_capacity;
    bool more_refusals; /* than are listed */
    bool bounds_loop;   /* some loop asked for LOOP_AXIS */
    bool only_loops;    /* could, as no input has an axis of that name */
    struct refusal *refusals;
    int64_t imported;                 /* nodes, so far */
    bool left_out;                    /* something that is known was too much to evaluate */
    double evaluated;                 /* steps of the interpreter, so far */
    const Onnx__Function **functions; /* by name; NULL: nothing asked for one */
    uint64_t random_nodes;            /* without a seed of their own, so far */
    struct tensor random_seed;        /* an input, where one was asked for */
    int64_t sought;                   /* steps of searches for bounds, so far (elements.h) */
    int64_t tabled;                   /* elements of tables that were made of attributes, so far */
    struct et_error *error;           /* what ends the import: the file is not a model */
};

/* One node of the model, and what its builder needs of it. */
struct call {
    struct importer *importer;
    struct tensor_context *context;
    struct scope *scope;
    const Onnx__Node *node;
    const struct onnx_op *op;
    int64_t opset; /* of the operator's domain */
    int input_count;
    struct tensor *inputs; /* NO_TENSOR: left out */
    int output_count;
    struct tensor *outputs;
    struct axis_counts *input_counted, *output_counted; /* of each of them */
    bool *asked;                                        /* of each attribute of the node */
    bool *taken; /* of each input, whether anything asked for it */
    int *absent; /* an input that is left out and was taken all the same; -1: none */
    int choices; /* of its builder that folds.c was asked about */
};

/* captured.c: bodies of scans, which are graphs of their own */

/* Begins a graph within the innermost, which is the one at hand then; or ends it. Those that an
 * escape leaves open are ended with the importer. */
struct built_graph *body_begin(struct importer *importer, const char *name);
void body_end(struct importer *importer);
/* x, of the graph at hand or of one around it, as the graph at hand has it. */
struct tensor captured(struct importer *importer, struct tensor x);

/* call.c: inputs and outputs */

/* NO_TENSOR where it is left out: which an error says, then, but not of one that is optional. An
 * input that nothing asks for refuses the node. */
struct tensor call_input(const struct call *call, int index);
struct tensor call_optional(const struct call *call, int index);
bool call_has_input(const struct call *call, int index);
/* All from this index on. */
const struct tensor *call_inputs(const struct call *call, int first);
/* One whose elements change nothing. */
void call_ignore_input(const struct call *call, int index);
/* Whether anything that is imported reads that output. */
bool call_wants_output(const struct call *call, int index);
void call_output(struct call *call, int index, struct tensor x);
/* The node cannot be imported: why. Returns a dead tensor. */
struct tensor call_refuse(const struct call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* An axis as ONNX counts it, -rank .. rank - 1, from 0 on; refuses others, and gives 0 then. */
int call_axis(const struct call *call, int64_t axis, int rank);

/* call.c: attributes; `otherwise` stands for one that is not there */

bool call_has(struct call *call, const char *name);
int64_t call_int(struct call *call, const char *name, int64_t otherwise);
/* A type of elements that graphs have; refuses others. */
bool call_dtype(struct call *call, const char *name, enum dtype otherwise, enum dtype *dtype);
double call_float(struct call *call, const char *name, double otherwise);
/* A copy that ends with a zero byte. */
const char *call_text(struct call *call, const char *name, const char *otherwise);
struct integers {
    int count;
    const int64_t *values;
};
/* A number of a list that need not be there, or be so long. */
static inline int64_t integer_or(struct integers list, int i, int64_t otherwise) {
    return list.values && i < list.count ? list.values[i] : otherwise;
}
/* Lists: NULL values where it is not there. */
struct integers call_ints(struct call *call, const char *name);
struct floats {
    int count;
    const float *values;
};
struct floats call_floats(struct call *call, const char *name);
struct texts {
    int count;
    const char *const *values;
};
struct texts call_texts(struct call *call, const char *name);
/* Longer ones, for tables: as many as the file has. Texts as they lie there, without zero bytes. */
struct integers call_table(struct call *call, const char *name);
struct spellings {
    int count;
    const ProtobufCBinaryData *values;
};
struct spellings call_spellings(struct call *call, const char *name);
const Onnx__Tensor *call_tensor(struct call *call, const char *name);
const Onnx__Graph *call_graph(struct call *call, const char *name);
/* For attributes that say nothing about the values. */
void call_ignore(struct call *call, const char *name);

/* constants.c: what is known when the model is imported */

/* The elements of x, contiguous, when they depend on no input; else NULL. */
const struct view *known_elements(struct importer *importer, struct tensor x);
/* What an input of a body stands for is known. */
void set_known_elements(struct importer *importer, struct tensor x, const struct view *view);
/* The elements of an integer, bool or float tensor (of integral values) as integers. Refuses the
 * node when they are not known: `what` names them. */
struct integers call_known(struct call *call, struct tensor x, const char *what);
/* The same of a shape: at most MAX_RANK extents, each at least `least`. */
struct integers call_known_shape(struct call *call, struct tensor x, int64_t least);
/* The elements themselves, contiguous. Refuses the node, and gives NULL, when they are not known.
 */
const struct view *call_known_elements(struct call *call, struct tensor x, const char *what);
/* Whether it is so, without refusing. */
bool call_is_known(struct call *call, struct tensor x);
/* The one element of a tensor, as a number. Refuses the node when it is not known. */
double call_known_number(struct call *call, struct tensor x, const char *what);
/* An element as a number. */
double number_at(const struct view *view, int64_t i);
/* The value of the attribute up to some opset, and of the input `index` since: both kinds are asked
 * for. NULL values where neither is there. */
struct integers call_ints_or_input(struct call *call, const char *name, int index);
/* x itself, or one const of its elements when they are known and few. */
struct tensor folded(struct importer *importer, struct tensor x);
/* The same of the output of that name, unless its elements depend on open axes (folds.c). */
struct tensor folded_output(struct importer *importer, struct tensor x, const char *name);

/* folds.c */

/* Whether the elements under that name (NULL: none are known, or too many) may become a const: they
 * were the same at all sizes, or are integers that a const can say for all sizes. */
bool folds_agree(struct folds *folds, const char *name, const struct view *view);
/* Why a node is refused in a graph with open axes. */
#define DEPENDS_ON_SIZE                                                                            \
    "its nodes or a table of it depend on the size of an open axis; such an axis needs one size, " \
    "as --axis NAME=SIZE"
/* Whether a number by which a builder chooses among nodes is the same at all sizes. */
bool call_number_agrees(struct call *call, int64_t number);
/* The same of a table that a builder makes of sizes; refuses the node where it differs. */
bool call_table_agrees(struct call *call, enum dtype dtype, int rank, const int64_t *shape,
                       const void *elements);
int64_t view_elements(const struct view *view); /* how many there are */
/* Whether all elements are the same, and there are some. */
bool view_is_uniform(const struct view *view);
/* A const of rank 1, int64. */
struct tensor int64_list(struct tensor_context *context, int count, const int64_t *values);

/* ops_slice.c */

/* What a Slice leaves of an axis: positions count from the end where they are negative. */
struct slice {
    int axis;
    int64_t start, end, step; /* not 0 */
};
/* Reads those of a node whose input has that rank, of which each has another axis; how many, or -1:
 * refused. */
int call_slices(struct call *call, int rank, struct slice slices[MAX_RANK]);
/* x without what the slice leaves out. */
struct tensor take_slice(struct tensor x, struct slice slice);
/* Whether the end stands for that of the axis, whichever way the slice goes. */
bool slice_is_to_the_end(int64_t end);
/* Reads the borders that a Pad puts around x, by axis; false: refused. */
bool call_borders(struct call *call, struct tensor x, struct range pads[MAX_RANK]);
/* x as the Pad leaves it, with these borders; negative ones take from it. */
struct tensor put_border(struct call *call, struct tensor x, struct range pads[MAX_RANK]);
/* What a Pad of x puts around it, where that is a constant: a scalar. */
struct tensor call_pad_value(struct call *call, struct tensor x);

/* ops_constant.c */

/* The axes of which a Shape gives the extents, as Python's slices have them: perhaps none. */
struct range call_shown_axes(struct call *call, int rank);

/* initialisers.c: tensors that the file holds */

/* A weight or const. `name` is the weight's. Dead when it cannot be taken. */
struct tensor import_tensor(struct importer *importer, const Onnx__Tensor *tensor,
                            const char *name);

enum { MOST_COMPUTED = 1 << 24 }; /* elements of one table that a builder computes */
/* Room for the elements of such a table, of float32 or float64; NULL: it would be too large. */
void *computed_elements(struct importer *importer, enum dtype dtype, int rank,
                        const int64_t *shape);
void set_computed(void *elements, enum dtype dtype, int64_t at, double value);
/* The table as a const, or as a weight that is named after the node. */
struct tensor computed_tensor(struct call *call, const char *name, enum dtype dtype, int rank,
                              const int64_t *shape, const void *elements);
/* The attribute `name`, a list of floats, or where that is not there the tensor `tensor_name`
 * (NULL: there is none), as numbers; NULL values where neither is. Refuses both at once. */
struct doubles {
    int count;
    const double *values;
};
struct doubles call_numbers(struct call *call, const char *name, const char *tensor_name);
/* The same of any dtype, of elements that are copied. */
struct tensor import_table(struct call *call, const char *name, enum dtype dtype, int rank,
                           const int64_t *shape, const void *elements);
/* Counts elements that a builder makes of attributes. Refuses the node, and is false, where there
 * are more than files have reason for: bodies of loops bring the same attributes at each step. */
bool call_affords(struct call *call, int64_t elements);

/* scope.c: names */

/* The value of that name, here or around; NULL when there is none, or no name. */
struct value *value_find(const struct scope *scope, const char *name);
/* The names of a graph, within those of `outer` (NULL: the model's), or of a function's body. False
 * and the importer's error when a name is given twice. */
bool scope_of_graph(struct importer *importer, const Onnx__Graph *graph, struct scope *outer,
                    struct scope *scope);
bool scope_of_function(const struct call *call, const Onnx__Function *function,
                       struct scope *scope);

/* import.c */

/* The size of LOOP_AXIS; 0: it has none. */
int64_t import_loop_bound(struct importer *importer);

/* import_graph.c */

/* Imports what the outputs of a graph need: the model's, or one within a node (call->scope is
 * around it). Takes a tensor for each input, unless an initialiser has its name, and sets one for
 * each output, NO_TENSOR for what was refused. False and the importer's error when the graph is
 * wrong as a whole; a builder returns a dead tensor then. */
bool import_graph(struct importer *importer, const Onnx__Graph *graph, struct scope *outer,
                  const struct tensor *inputs, struct tensor *outputs);

#endif
