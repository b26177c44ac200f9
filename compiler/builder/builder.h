/* Building a graph program in C.
 *
 *     struct tensor_context *context = tensor_context_new("scaled_relu");
 *     struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(2, 3));
 *     struct tensor scale = add_weight(context, "scale", DTYPE_FLOAT32, SHAPE(3));
 *     struct tensor y = relu(tensor_mul(x, scale));
 *     struct graph *graph = compile_to_graph(context, OUTPUTS({"y", y}), &error);
 *
 * Errors stick to the context: after the first one every call returns a dead tensor, and
 * compile_to_graph reports that first error, with the layers in which it happened.  So nothing
 * needs to be checked on the way.  Nothing prints, exits or crashes on wrong use.
 *
 * Each operation of ops.def is here as tensor_NAME; layers.h has what is written with them.
 * Negative axes count from the end, and shapes of operands broadcast as NumPy's do.  Dtypes do not:
 * operands must agree (see tensor_cast).  Movements that move nothing add no node. */
#ifndef EIGENTENSOR_BUILDER_H
#define EIGENTENSOR_BUILDER_H

#include "compiler/graph/graph.h"

struct tensor_context;

/* A handle, passed by value; its fields are the builder's own.  It is valid until its context is
 * compiled or freed. */
struct tensor {
    struct tensor_context *context;
    struct node *node; /* NULL: dead */
};
#define NO_TENSOR ((struct tensor){0}) /* an optional operand that is not there */

/* Lists, each of which fills the two parameters "how many" and "which". */
#define LIST_(type, ...)                                                                           \
    (int)(sizeof((type[]){__VA_ARGS__}) / sizeof(type)), (type[]) {                                \
        __VA_ARGS__                                                                                \
    }
#define SHAPE(...) LIST_(const int64_t, __VA_ARGS__)
#define AXES(...) LIST_(const int, __VA_ARGS__)
#define TENSORS(...) LIST_(const struct tensor, __VA_ARGS__)
#define OUTPUTS(...) LIST_(const struct named_tensor, __VA_ARGS__)
#define RANGES(...) LIST_(const struct range, __VA_ARGS__)
#define SCALAR_SHAPE 0, NULL
/* The first extent of inputs, SHAPE(BATCH, 3, 224, 224): any number of images (batch.h). Wherever
 * else a shape is given, it means that axis. */
enum { BATCH = -2 };
#define ALL_AXES -1, NULL

struct named_tensor {
    const char *name;
    struct tensor tensor;
};

/* pad: elements before and after an axis.  shrink: the half-open range that stays. */
struct range {
    int64_t begin, end;
};

/* A context for the model `name`; NULL, which every function takes, when memory is exhausted. */
struct tensor_context *tensor_context_new(const char *name);
/* For a context that is not to be compiled. */
void tensor_context_free(struct tensor_context *context);
/* From now on movements stay that move nothing, as those do whose shapes happen to be equal, and
 * nodes apart that say the same: the nodes of graphs of several sizes are the same then.
 * open_graph.h makes graphs of them as they are otherwise. */
void tensor_keep_all(struct tensor_context *context);
bool tensor_keeps_all(const struct tensor_context *context);

/* The graph program of the context: the inputs, and what the outputs need, in the order of
 * copy_graph; so the order of calls (of arguments, too) has no influence on it.  Frees the
 * context in any case.  NULL and the first error when anything went wrong; else the caller owns the
 * graph. */
struct graph *compile_to_graph(struct tensor_context *context, int count,
                               const struct named_tensor *outputs, struct et_error *error);

/* Leaves */
struct tensor add_graph_input(struct tensor_context *context, const char *name, enum dtype dtype,
                              int rank, const int64_t *shape);
struct tensor add_weight(struct tensor_context *context, const char *name, enum dtype dtype,
                         int rank, const int64_t *shape);
/* `values` holds `count` elements of `dtype`: one for all, or as many as the shape has; of none it
 * may be NULL. */
struct tensor tensor_const(struct tensor_context *context, enum dtype dtype, int rank,
                           const int64_t *shape, int64_t count, const void *values);
struct tensor tensor_iota(struct tensor_context *context, enum dtype dtype, int64_t count);
/* A number, rank 0: float32, or of the dtype of `like`, which must be able to hold it. */
struct tensor scalar(struct tensor_context *context, float value);
struct tensor scalar_like(struct tensor like, double value);

/* Movement */
/* One extent may be -1: what is left. */
struct tensor tensor_reshape(struct tensor x, int rank, const int64_t *shape);
struct tensor tensor_permute(struct tensor x, int axis_count, const int *axes);
/* Adds axes in front and repeats axes of extent 1; an extent of -1 stays as it is. */
struct tensor tensor_expand(struct tensor x, int rank, const int64_t *shape);
struct tensor tensor_pad(struct tensor x, int rank, const struct range *padding, double value);
struct tensor tensor_shrink(struct tensor x, int rank, const struct range *ranges);
struct tensor tensor_flip(struct tensor x, int axis_count, const int *axes);
struct tensor tensor_window(struct tensor x, int axis, int64_t size, int64_t stride,
                            int64_t dilation);

/* Join */
struct tensor tensor_concat(int count, const struct tensor *tensors, int axis);
struct tensor tensor_gather(struct tensor data, int axis, struct tensor positions);

/* The other operations: tensor_exp(x), tensor_cast(x, DTYPE_INT32), tensor_add(a, b),
 * tensor_where(mask, a, b), tensor_reduce_sum(x, AXES(-1)), tensor_contract(a, b, AXES(1)).
 * Reduced axes vanish; ALL_AXES reduces to rank 0.  contract sums in the order of its axes, which
 * are those of the operands' common shape. */
#define DECLARE_LEAF(name)
#define DECLARE_MOVEMENT(name)
#define DECLARE_JOIN(name)
#define DECLARE_UNARY(name) struct tensor tensor_##name(struct tensor x);
#define DECLARE_CONVERT(name) struct tensor tensor_##name(struct tensor x, enum dtype dtype);
#define DECLARE_BINARY(name) struct tensor tensor_##name(struct tensor a, struct tensor b);
#define DECLARE_TERNARY(name)                                                                      \
    struct tensor tensor_##name(struct tensor a, struct tensor b, struct tensor c);
#define DECLARE_REDUCE(name)                                                                       \
    struct tensor tensor_##name(struct tensor x, int axis_count, const int *axes);
#define DECLARE_CONTRACT(name)                                                                     \
    struct tensor tensor_##name(struct tensor a, struct tensor b, int axis_count, const int *axes);
#define DECLARE_SORT(name) struct tensor tensor_##name(struct tensor x, int axis);
#define DECLARE_SCATTER(name)                                                                      \
    struct tensor tensor_##name(struct tensor data, int axis, struct tensor positions,             \
                                struct tensor updates);
#define DECLARE_SCAN(name)
#define OP(id, name, class, ...) DECLARE_##class(name)
#include "compiler/graph/ops.def"
#undef OP

/* Scan: one state carried over the steps of an axis.
 *
 *     struct tensor_context *body = tensor_context_new("sum");
 *     struct tensor sum = add_graph_input(body, "sum", DTYPE_FLOAT32, SHAPE(8));
 *     struct tensor x = add_graph_input(body, "x", DTYPE_FLOAT32, SHAPE(8));
 *     struct tensor sums = tensor_scan(&(struct scan_options){
 *         .initial = zeros, .scanned_count = 1, .scanned = &xs, .next = tensor_add(sum, x)});
 */
struct scan_options {
    struct tensor initial;        /* the state before the first step */
    int axis;                     /* of the steps, in what is scanned and in the result */
    int scanned_count;            /* at least 1: they say how many steps there are */
    const struct tensor *scanned; /* the body sees a slice of each */
    int captured_count;
    const struct tensor *captured; /* the body sees all of each; weights of a body are among them */
    struct tensor next;            /* the next state: a tensor of a context of its own, whose inputs
                                    are, in order, the state, the slices and what is captured */
    struct tensor goes_on;         /* optional, of that context: a bool, whether there is another */
    bool last;                     /* gives the last state alone, without the axis */
};
/* The states after each step, stacked along the axis, or the last one; once it does not go on, they
 * stay what they are. Frees the body's context in any case. */
struct tensor tensor_scan(const struct scan_options *options);

/* What a tensor is.  A dead tensor has rank 0, float32; an axis that is not there, extent 1. */
int tensor_rank(struct tensor x);
int64_t tensor_extent(struct tensor x, int axis);
enum dtype tensor_dtype(struct tensor x);
bool is_given(struct tensor optional); /* false for NO_TENSOR */

/* For writers of layers */

/* Records the first error, after the names of the layers around it; returns a dead tensor. */
struct tensor tensor_fail(struct tensor_context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Takes the error off a context that has failed, so that others can be built in it; false when it
 * had not. What the failed calls were to make stays dead. */
bool tensor_recover(struct tensor_context *context, struct et_error *error);

/* The nodes that a context has so far, by their ids: each after its sources. */
const struct node *const *tensor_nodes(const struct tensor_context *context, int *count);

/* "\"layers.0.weight\" float32[32,1,5,5]", for messages; the name is there for named nodes. */
struct tensor_text {
    char text[108 + sizeof(struct shape_text)]; /* as much of a name as quoted() shows */
};
struct tensor_text tensor_text(struct tensor x);

/* The node of a graph again, over these sources: for rewrites. The elements of a weight
 * are not copied: they must outlive the graph. */
struct tensor tensor_of_node(struct tensor_context *context, const struct node *node, int count,
                             const struct tensor *sources);

/* The first line of a layer, with its operands that must be there: LAYER(x, weight).  Errors within
 * the function carry its name; when an operand is dead or missing, the function returns here. */
#define LAYER(...)                                                                                 \
    struct layer layer __attribute__((cleanup(layer_leave))) =                                     \
        layer_enter(__func__, TENSORS(__VA_ARGS__));                                               \
    if (!layer.alive)                                                                              \
        return (struct tensor) {                                                                   \
            layer.context, NULL                                                                    \
        }

struct layer {
    struct tensor_context *context;
    bool alive;
};
struct layer layer_enter(const char *name, int count, const struct tensor *operands);
void layer_leave(struct layer *layer);

#endif
