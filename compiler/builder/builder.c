#include "compiler/builder/builder.h"

#include "compiler/base/json_read.h"
#include "compiler/graph/copy_graph.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LAYER_DEPTH = 8 }; /* layers within layers whose names an error shows */

struct tensor_context {
    struct graph *graph;
    bool keeps_all; /* movement that moves nothing, and equal nodes apart */
    bool failed;
    struct et_error error;
    int depth;
    const char *layers[MAX_LAYER_DEPTH];
};

/* Context and errors */

struct tensor_context *tensor_context_new(const char *name) {
    struct tensor_context *context = et_allocate(1, sizeof *context);
    if (!context)
        return NULL;
    context->graph = graph_new(name ? name : "");
    if (!context->graph) {
        et_release(context);
        return NULL;
    }
    if (!name || !name[0] || strlen(name) > MAX_GRAPH_NAME)
        tensor_fail(context, "the model's name: expected 1 to %d bytes", MAX_GRAPH_NAME);
    return context;
}

void tensor_context_free(struct tensor_context *context) {
    if (!context)
        return;
    graph_free(context->graph);
    et_release(context);
}

static struct tensor dead(struct tensor_context *context) {
    return (struct tensor){context, NULL};
}

struct tensor tensor_fail(struct tensor_context *context, const char *format, ...) {
    if (!context || context->failed)
        return dead(context);
    char message[ET_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    context->failed = true;
    et_fail(&context->error, "%s", message);
    for (int i = context->depth < MAX_LAYER_DEPTH ? context->depth : MAX_LAYER_DEPTH; i-- > 0;)
        et_fail_within(&context->error, "%s", context->layers[i]);
    return dead(context);
}

bool tensor_recover(struct tensor_context *context, struct et_error *error) {
    if (!context || !context->failed)
        return false;
    et_fail(error, "%s", context->error.message);
    context->failed = false;
    context->error = (struct et_error){0};
    return true;
}

const struct node *const *tensor_nodes(const struct tensor_context *context, int *count) {
    *count = context ? context->graph->node_count : 0;
    return context ? (const struct node *const *)context->graph->nodes : NULL;
}

static struct tensor_context *common_context(int count, const struct tensor *operands) {
    for (int i = 0; i < count; i++)
        if (operands[i].context)
            return operands[i].context;
    return NULL;
}

/* Are all operands live tensors of the context?  If not, the context has failed. */
static bool alive(struct tensor_context *context, const char *name, int count,
                  const struct tensor *operands) {
    if (!context || context->failed)
        return false;
    for (int i = 0; i < count; i++) {
        if (!operands[i].context || !operands[i].node)
            tensor_fail(context, "%s: operand %d is no tensor", name, i + 1);
        else if (operands[i].context != context)
            tensor_fail(context, "%s: operand %d is of another context", name, i + 1);
    }
    return !context->failed;
}

struct layer layer_enter(const char *name, int count, const struct tensor *operands) {
    struct tensor_context *context = common_context(count, operands);
    bool all_alive = alive(context, name, count, operands);
    if (context && context->depth++ < MAX_LAYER_DEPTH)
        context->layers[context->depth - 1] = name;
    return (struct layer){context, all_alive};
}

void layer_leave(struct layer *layer) {
    if (layer->context)
        layer->context->depth--;
}

/* What a tensor is */

int tensor_rank(struct tensor x) {
    return x.node ? x.node->rank : 0;
}

int64_t tensor_extent(struct tensor x, int axis) {
    int rank = tensor_rank(x);
    if (axis < -rank || axis >= rank)
        return 1;
    return x.node->shape[axis < 0 ? axis + rank : axis];
}

enum dtype tensor_dtype(struct tensor x) {
    return x.node ? x.node->dtype : DTYPE_FLOAT32;
}

bool is_given(struct tensor optional) {
    return optional.context != NULL;
}

struct tensor_text tensor_text(struct tensor x) {
    struct tensor_text text = {"no tensor"};
    if (x.node && x.node->name)
        snprintf(text.text, sizeof text.text, "\"%s\" %s", quoted(x.node->name).text,
                 shape_text(x.node).text);
    else if (x.node)
        snprintf(text.text, sizeof text.text, "%s", shape_text(x.node).text);
    return text;
}

/* Adding nodes */

static struct tensor append(struct tensor_context *context, struct node prototype, int count,
                            const struct tensor *operands) {
    struct node *sources[MAX_SOURCES];
    const char *name = op_facts[prototype.op].name;
    if (count > MAX_SOURCES)
        return tensor_fail(context, "%s: %d operands, expected at most %d", name, count,
                           MAX_SOURCES);
    if (!alive(context, name, count, operands))
        return dead(context);
    for (int i = 0; i < count; i++)
        sources[i] = operands[i].node;
    prototype.sources = sources;
    prototype.source_count = count;
    struct et_error error = {0};
    struct node *node = graph_append(context->graph, &prototype, &error);
    if (!node)
        return tensor_fail(context, "%s", error.message);
    return (struct tensor){context, node};
}

struct tensor tensor_of_node(struct tensor_context *context, const struct node *node, int count,
                             const struct tensor *sources) {
    if (!context || context->failed)
        return dead(context);
    return append(context, *node, count, sources);
}

static bool set_shape(struct tensor_context *context, struct node *node, int rank,
                      const int64_t *shape) {
    if (rank < 0 || rank > MAX_RANK || (rank > 0 && !shape)) {
        tensor_fail(context, "%s: rank %d, expected 0 to %d", op_facts[node->op].name, rank,
                    MAX_RANK);
        return false;
    }
    node->rank = rank;
    if (rank > 0)
        memcpy(node->shape, shape, (size_t)rank * sizeof *shape);
    if (rank > 0 && shape[0] == BATCH) {
        node->shape[0] = BATCH_EXTENT;
        node->batched = true;
    }
    return true;
}

static bool has_shape(const struct node *node, int rank, const int64_t *shape) {
    return node->rank == rank &&
           (rank == 0 || memcmp(node->shape, shape, (size_t)rank * sizeof *shape) == 0);
}

static bool resolve_axis(struct tensor x, const char *name, int axis, int *resolved) {
    int rank = tensor_rank(x);
    *resolved = axis < 0 ? axis + rank : axis;
    if (axis >= -rank && axis < rank)
        return true;
    if (rank == 0)
        tensor_fail(x.context, "%s: axis %d, but %s has no axes", name, axis, tensor_text(x).text);
    else
        tensor_fail(x.context, "%s: axis %d, expected %d to %d for %s", name, axis, -rank, rank - 1,
                    tensor_text(x).text);
    return false;
}

/* Sets the node's axes, counted from the front; all of them when axis_count is negative. */
static bool set_axes(struct tensor x, struct node *node, int axis_count, const int *axes) {
    const char *name = op_facts[node->op].name;
    int rank = tensor_rank(x);
    if (axis_count > rank || (axis_count > 0 && !axes)) {
        tensor_fail(x.context, "%s: %d axes for %s", name, axis_count, tensor_text(x).text);
        return false;
    }
    node->axis_count = axis_count < 0 ? rank : axis_count;
    for (int i = 0; i < node->axis_count; i++)
        if (!resolve_axis(x, name, axis_count < 0 ? i : axes[i], &node->axes[i]))
            return false;
    return true;
}

/* Leaves */

static struct tensor add_leaf(struct tensor_context *context, struct node leaf, int rank,
                              const int64_t *shape) {
    if (!context || context->failed)
        return dead(context);
    if ((unsigned)leaf.dtype >= DTYPE_COUNT)
        return tensor_fail(context, "%s: no such dtype", op_facts[leaf.op].name);
    if (!set_shape(context, &leaf, rank, shape))
        return dead(context);
    return append(context, leaf, 0, NULL);
}

struct tensor add_graph_input(struct tensor_context *context, const char *name, enum dtype dtype,
                              int rank, const int64_t *shape) {
    return add_leaf(context, (struct node){.op = OP_INPUT, .name = name, .dtype = dtype}, rank,
                    shape);
}

struct tensor add_weight(struct tensor_context *context, const char *name, enum dtype dtype,
                         int rank, const int64_t *shape) {
    return add_leaf(context, (struct node){.op = OP_WEIGHT, .name = name, .dtype = dtype}, rank,
                    shape);
}

/* Whether a tensor of that shape has none. */
static bool has_no_elements(int rank, const int64_t *shape) {
    for (int i = 0; i < rank && i < MAX_RANK; i++)
        if (shape[i] == 0)
            return true;
    return false;
}

struct tensor tensor_const(struct tensor_context *context, enum dtype dtype, int rank,
                           const int64_t *shape, int64_t count, const void *values) {
    static const int64_t zero;
    if (count == 0 && has_no_elements(rank, shape)) {
        count = 1;
        values = &zero;
    }
    struct node leaf = {.op = OP_CONST, .dtype = dtype, .value = values, .value_count = count};
    return add_leaf(context, leaf, rank, shape);
}

struct tensor tensor_iota(struct tensor_context *context, enum dtype dtype, int64_t count) {
    return add_leaf(context, (struct node){.op = OP_IOTA, .dtype = dtype}, SHAPE(count));
}

union element {
    float float32;
    double float64;
    uint64_t integer; /* little-endian: its low bytes, of any width */
};

/* The number as one element; false when the dtype cannot hold it. */
static bool encode(double value, enum dtype dtype, union element *element) {
    if (dtype == DTYPE_FLOAT32)
        return element->float32 = (float)value, true;
    if (dtype == DTYPE_FLOAT64)
        return element->float64 = value, true;
    const struct dtype_facts *facts = &dtype_facts[dtype];
    double beyond = (double)facts->greatest + 1; /* of 64 bits, greatest itself rounds up to it */
    if (!dtype_is_integer(dtype) || value != floor(value) || value < (double)facts->least ||
        value >= beyond)
        return false;
    element->integer = value < 0 ? (uint64_t)(int64_t)value : (uint64_t)value;
    return true;
}

struct tensor scalar(struct tensor_context *context, float value) {
    return tensor_const(context, DTYPE_FLOAT32, SCALAR_SHAPE, 1, &value);
}

struct tensor scalar_like(struct tensor like, double value) {
    union element element;
    if (!alive(like.context, "scalar", 1, &like))
        return dead(like.context);
    if (!encode(value, like.node->dtype, &element))
        return tensor_fail(like.context, "scalar: %s cannot hold %g",
                           dtype_facts[like.node->dtype].name, value);
    return tensor_const(like.context, like.node->dtype, SCALAR_SHAPE, 1, &element);
}

/* Movement */

void tensor_keep_all(struct tensor_context *context) {
    if (context)
        context->keeps_all = true;
}

bool tensor_keeps_all(const struct tensor_context *context) {
    return context && context->keeps_all;
}

/* Replaces an extent of -1 by what the others leave of the source's elements. */
static bool infer_extent(struct tensor x, struct node *node) {
    int64_t known = 1;
    int unknown = -1;
    for (int i = 0; i < node->rank; i++) {
        if (node->shape[i] == -1 && unknown >= 0) {
            tensor_fail(x.context, "reshape: more than one extent of -1");
            return false;
        }
        if (node->shape[i] == -1)
            unknown = i;
        else if (node->shape[i] < 0 || !checked_multiply(known, node->shape[i], &known))
            return true; /* for `infer` to reject */
    }
    if (unknown < 0)
        return true;
    if (known == 0 || node_elements(x.node) % known != 0) {
        tensor_fail(x.context, "reshape: %s does not divide into rows of %" PRId64 " elements",
                    tensor_text(x).text, known);
        return false;
    }
    node->shape[unknown] = node_elements(x.node) / known;
    return true;
}

struct tensor tensor_reshape(struct tensor x, int rank, const int64_t *shape) {
    struct node node = {.op = OP_RESHAPE};
    if (!alive(x.context, "reshape", 1, &x) || !set_shape(x.context, &node, rank, shape) ||
        !infer_extent(x, &node))
        return dead(x.context);
    if (has_shape(x.node, node.rank, node.shape) && !x.context->keeps_all)
        return x;
    return append(x.context, node, 1, &x);
}

struct tensor tensor_permute(struct tensor x, int axis_count, const int *axes) {
    struct node node = {.op = OP_PERMUTE};
    if (!alive(x.context, "permute", 1, &x) || !set_axes(x, &node, axis_count, axes))
        return dead(x.context);
    bool moves = node.axis_count != x.node->rank;
    for (int i = 0; i < node.axis_count; i++)
        moves |= node.axes[i] != i;
    return moves ? append(x.context, node, 1, &x) : x;
}

struct tensor tensor_expand(struct tensor x, int rank, const int64_t *shape) {
    struct node node = {.op = OP_EXPAND};
    if (!alive(x.context, "expand", 1, &x) || !set_shape(x.context, &node, rank, shape))
        return dead(x.context);
    int added = rank - x.node->rank;
    if (added < 0)
        return tensor_fail(x.context, "expand: rank %d, expected at least that of %s", rank,
                           tensor_text(x).text);
    int64_t aligned[MAX_RANK];
    for (int i = 0; i < rank; i++) {
        aligned[i] = i < added ? 1 : x.node->shape[i - added];
        if (node.shape[i] == -1)
            node.shape[i] = aligned[i];
    }
    x = tensor_reshape(x, rank, aligned);
    if (!x.node || (has_shape(x.node, node.rank, node.shape) && !x.context->keeps_all))
        return x;
    return append(x.context, node, 1, &x);
}

static bool set_ranges(struct tensor x, struct node *node, int rank, const struct range *ranges) {
    if (rank != x.node->rank || (rank > 0 && !ranges)) {
        tensor_fail(x.context, "%s: %d ranges for %s", op_facts[node->op].name, rank,
                    tensor_text(x).text);
        return false;
    }
    for (int i = 0; i < rank; i++) {
        node->before[i] = ranges[i].begin;
        node->after[i] = ranges[i].end;
    }
    return true;
}

struct tensor tensor_pad(struct tensor x, int rank, const struct range *padding, double value) {
    struct node node = {.op = OP_PAD};
    union element element;
    if (!alive(x.context, "pad", 1, &x) || !set_ranges(x, &node, rank, padding))
        return dead(x.context);
    bool pads = x.context->keeps_all;
    for (int i = 0; i < rank; i++)
        pads |= node.before[i] != 0 || node.after[i] != 0;
    if (!pads)
        return x;
    if (value != 0 || signbit(value)) {
        if (!encode(value, x.node->dtype, &element))
            return tensor_fail(x.context, "pad: %s cannot hold %g", dtype_facts[x.node->dtype].name,
                               value);
        node.value = &element;
        node.value_count = 1;
    }
    return append(x.context, node, 1, &x);
}

struct tensor tensor_shrink(struct tensor x, int rank, const struct range *ranges) {
    struct node node = {.op = OP_SHRINK};
    if (!alive(x.context, "shrink", 1, &x) || !set_ranges(x, &node, rank, ranges))
        return dead(x.context);
    bool cuts = x.context->keeps_all;
    for (int i = 0; i < rank; i++)
        cuts |= node.before[i] != 0 || node.after[i] != x.node->shape[i];
    return cuts ? append(x.context, node, 1, &x) : x;
}

struct tensor tensor_flip(struct tensor x, int axis_count, const int *axes) {
    struct node node = {.op = OP_FLIP};
    if (!alive(x.context, "flip", 1, &x) || !set_axes(x, &node, axis_count, axes))
        return dead(x.context);
    return node.axis_count > 0 ? append(x.context, node, 1, &x) : x;
}

struct tensor tensor_window(struct tensor x, int axis, int64_t size, int64_t stride,
                            int64_t dilation) {
    struct node node = {.op = OP_WINDOW, .size = size, .stride = stride, .dilation = dilation};
    if (!alive(x.context, "window", 1, &x) || !resolve_axis(x, "window", axis, &node.axis))
        return dead(x.context);
    return append(x.context, node, 1, &x);
}

/* Join */

struct tensor tensor_concat(int count, const struct tensor *tensors, int axis) {
    struct node node = {.op = OP_CONCAT};
    struct tensor_context *context = common_context(count, tensors);
    if (!alive(context, "concat", count, tensors) ||
        !resolve_axis(tensors[0], "concat", axis, &node.axis))
        return dead(context);
    return count == 1 ? tensors[0] : append(context, node, count, tensors);
}

struct tensor tensor_gather(struct tensor data, int axis, struct tensor positions) {
    struct node node = {.op = OP_GATHER};
    struct tensor operands[] = {data, positions};
    struct tensor_context *context = common_context(2, operands);
    if (!alive(context, "gather", 2, operands) || !resolve_axis(data, "gather", axis, &node.axis))
        return dead(context);
    return append(context, node, 2, operands);
}

static struct tensor sort(enum op op, struct tensor x, int axis) {
    struct node node = {.op = op};
    if (!alive(x.context, op_facts[op].name, 1, &x) ||
        !resolve_axis(x, op_facts[op].name, axis, &node.axis))
        return dead(x.context);
    return append(x.context, node, 1, &x);
}

static struct tensor scatter(enum op op, struct tensor data, int axis, struct tensor positions,
                             struct tensor updates) {
    struct node node = {.op = op};
    struct tensor operands[] = {data, positions, updates};
    struct tensor_context *context = common_context(3, operands);
    if (!alive(context, op_facts[op].name, 3, operands) ||
        !resolve_axis(data, op_facts[op].name, axis, &node.axis))
        return dead(context);
    return append(context, node, 3, operands);
}

/* Arithmetic: operands broadcast to their common shape by explicit reshape and expand */

static bool broadcast(struct tensor_context *context, enum op op, int count,
                      struct tensor *operands) {
    if (!alive(context, op_facts[op].name, count, operands))
        return false;
    int rank = 0;
    for (int i = 0; i < count; i++)
        rank = operands[i].node->rank > rank ? operands[i].node->rank : rank;
    int64_t shape[MAX_RANK];
    for (int axis = -rank; axis < 0; axis++) {
        int64_t extent = 1;
        int first = 0; /* the operand that has the extent */
        for (int i = 0; i < count; i++) {
            int64_t other = tensor_extent(operands[i], axis);
            if (other != 1 && extent != 1 && other != extent) {
                tensor_fail(context, "%s: %s and %s do not broadcast", op_facts[op].name,
                            tensor_text(operands[first]).text, tensor_text(operands[i]).text);
                return false;
            }
            if (other != 1 && extent == 1) {
                extent = other;
                first = i;
            }
        }
        shape[axis + rank] = extent;
    }
    for (int i = 0; i < count; i++)
        operands[i] = tensor_expand(operands[i], rank, shape);
    return !context->failed;
}

static struct tensor elementwise(enum op op, int count, struct tensor *operands) {
    struct tensor_context *context = common_context(count, operands);
    if (!broadcast(context, op, count, operands))
        return dead(context);
    return append(context, (struct node){.op = op}, count, operands);
}

static struct tensor convert(enum op op, struct tensor x, enum dtype dtype) {
    if (!alive(x.context, op_facts[op].name, 1, &x))
        return dead(x.context);
    if ((unsigned)dtype >= DTYPE_COUNT)
        return tensor_fail(x.context, "%s: no such dtype", op_facts[op].name);
    return dtype == x.node->dtype
               ? x
               : append(x.context, (struct node){.op = op, .dtype = dtype}, 1, &x);
}

static void sort_axes(struct node *node) {
    for (int i = 1; i < node->axis_count; i++)
        for (int j = i; j > 0 && node->axes[j] < node->axes[j - 1]; j--) {
            int axis = node->axes[j];
            node->axes[j] = node->axes[j - 1];
            node->axes[j - 1] = axis;
        }
}

static struct tensor reduce(enum op op, struct tensor x, int axis_count, const int *axes) {
    struct node node = {.op = op};
    if (!alive(x.context, op_facts[op].name, 1, &x) || !set_axes(x, &node, axis_count, axes))
        return dead(x.context);
    sort_axes(&node);
    return append(x.context, node, 1, &x);
}

static struct tensor contract(enum op op, struct tensor a, struct tensor b, int axis_count,
                              const int *axes) {
    struct node node = {.op = op};
    struct tensor operands[] = {a, b};
    struct tensor_context *context = common_context(2, operands);
    if (!broadcast(context, op, 2, operands) || !set_axes(operands[0], &node, axis_count, axes))
        return dead(context);
    return append(context, node, 2, operands);
}

#define DEFINE_LEAF(id, name)
#define DEFINE_MOVEMENT(id, name)
#define DEFINE_JOIN(id, name)
#define DEFINE_UNARY(id, name)                                                                     \
    struct tensor tensor_##name(struct tensor x) {                                                 \
        return elementwise(OP_##id, 1, &x);                                                        \
    }
#define DEFINE_CONVERT(id, name)                                                                   \
    struct tensor tensor_##name(struct tensor x, enum dtype dtype) {                               \
        return convert(OP_##id, x, dtype);                                                         \
    }
#define DEFINE_BINARY(id, name)                                                                    \
    struct tensor tensor_##name(struct tensor a, struct tensor b) {                                \
        return elementwise(OP_##id, 2, (struct tensor[]){a, b});                                   \
    }
#define DEFINE_TERNARY(id, name)                                                                   \
    struct tensor tensor_##name(struct tensor a, struct tensor b, struct tensor c) {               \
        return elementwise(OP_##id, 3, (struct tensor[]){a, b, c});                                \
    }
#define DEFINE_REDUCE(id, name)                                                                    \
    struct tensor tensor_##name(struct tensor x, int axis_count, const int *axes) {                \
        return reduce(OP_##id, x, axis_count, axes);                                               \
    }
#define DEFINE_CONTRACT(id, name)                                                                  \
    struct tensor tensor_##name(struct tensor a, struct tensor b, int axis_count,                  \
                                const int *axes) {                                                 \
        return contract(OP_##id, a, b, axis_count, axes);                                          \
    }
#define DEFINE_SORT(id, name)                                                                      \
    struct tensor tensor_##name(struct tensor x, int axis) {                                       \
        return sort(OP_##id, x, axis);                                                             \
    }
#define DEFINE_SCATTER(id, name)                                                                   \
    struct tensor tensor_##name(struct tensor data, int axis, struct tensor positions,             \
                                struct tensor updates) {                                           \
        return scatter(OP_##id, data, axis, positions, updates);                                   \
    }
#define DEFINE_SCAN(id, name)
#define OP(id, name, class, ...) DEFINE_##class(id, name)
#include "compiler/graph/ops.def"
#undef OP

/* Compiling */

static void check_outputs(struct tensor_context *context, int count,
                          const struct named_tensor *outputs) {
    if (count < 1)
        tensor_fail(context, "no outputs");
    for (int i = 0; i < count; i++) {
        if (!outputs[i].name)
            tensor_fail(context, "output %d has no name", i + 1);
        else if (!outputs[i].tensor.node || outputs[i].tensor.context != context)
            tensor_fail(context, "output \"%s\" is no tensor of this context", outputs[i].name);
    }
}

static struct graph *program_of(struct tensor_context *context, int count,
                                const struct named_tensor *named) {
    struct output *outputs = et_allocate((size_t)count, sizeof *outputs);
    struct graph *program = graph_new(context->graph->name);
    bool copied = false;
    if (outputs && program) {
        for (int i = 0; i < count; i++)
            outputs[i] = (struct output){.name = named[i].name, .node = named[i].tensor.node};
        copied = (context->keeps_all ? copy_graph_apart : copy_graph)(
            context->graph, program, count, outputs, &context->error);
    } else {
        et_fail(&context->error, "out of memory");
    }
    et_release(outputs);
    if (copied)
        return program;
    graph_free(program);
    return NULL;
}

struct graph *compile_to_graph(struct tensor_context *context, int count,
                               const struct named_tensor *outputs, struct et_error *error) {
    if (!context) {
        et_fail(error, "out of memory");
        return NULL;
    }
    check_outputs(context, count, outputs);
    struct graph *program = context->failed ? NULL : program_of(context, count, outputs);
    if (!program)
        et_fail(error, "%s: %s", context->graph->name, context->error.message);
    tensor_context_free(context);
    return program;
}
