/* The stored tensor graph: a list of nodes in topological order, each one row of ops.def. */
#ifndef EIGENTENSOR_GRAPH_H
#define EIGENTENSOR_GRAPH_H

#include "compiler/base/base.h"

enum dtype {
#define DTYPE(id, ...) DTYPE_##id,
#include "compiler/graph/dtypes.def"
#undef DTYPE
    DTYPE_COUNT
};

enum op {
#define OP(id, ...) OP_##id,
#include "compiler/graph/ops.def"
#undef OP
    OP_COUNT,
    OP_STORED_COUNT = OP_GREATER_OF, /* from here on: within the compiler only */
};

enum op_class {
    CLASS_LEAF,
    CLASS_MOVEMENT,
    CLASS_JOIN,
    CLASS_UNARY,
    CLASS_CONVERT,
    CLASS_BINARY,
    CLASS_TERNARY,
    CLASS_REDUCE,
    CLASS_CONTRACT,
    CLASS_SORT,
    CLASS_SCATTER,
    CLASS_SCAN,
};

enum gives { GIVES_SAME, GIVES_BOOL, GIVES_INDEX, GIVES_STATED };
enum cost { COST_CHEAP, COST_COSTLY };

/* To so many lanes ops.def deals the elements of a reduction. */
enum { REDUCTION_LANES = 16 };

/* Limits against hostile files; far above any real model. */
enum {
    MAX_RANK = 16,
    MAX_SOURCES = 1024, /* of one node */
    MAX_NODES = 1 << 20,
    MAX_GRAPH_NAME = 4096,
    MAX_NAME = 5 * 4096,  /* bytes of any other name: of 4096, all escaped (name.h), and endings */
    MAX_CONSTANT = 65536, /* elements listed in one const */
    MAX_SCAN_DEPTH = 3,   /* scans within bodies of scans */
};
#define MAX_ELEMENTS ((int64_t)1 << 40)     /* of one tensor, views included */
#define MAX_TENSOR_BYTES ((int64_t)1 << 36) /* of one input, weight or output */

/* A graph may leave open how many images it is run on: "N" in its shapes. Axis 0 of every node that
 * depends on the images is then the batch axis, and this stands for its extent. No operation may
 * look from one image at another. batch.h */
enum { BATCH_EXTENT = 65521 };
#define BATCH_SYMBOL "N"

struct dtype_facts {
    const char *name;        /* "float32" */
    const char *safetensors; /* "F32" */
    const char *npy;         /* "<f4"; "": NumPy has none */
    const char *c_type;      /* "float" */
    const char *short_name;  /* "f32": prefix of the scalar functions of the emitted C */
    const char *protocol;    /* "FP32", in the Open Inference Protocol */
    size_t bytes;
    char letter;   /* of ops.def's `accepts` */
    int64_t least; /* of integers and bool: the values that there are; else 0 */
    uint64_t greatest;
};
extern const struct dtype_facts dtype_facts[DTYPE_COUNT];
/* The same of a C type and its value of all bits, as constant expressions. */
#define DTYPE_IS_SIGNED(type) ((type)-1 < (type)1)
#define DTYPE_GREATEST(type, ones)                                                                 \
    (((uint64_t)(ones)&UINT64_MAX >> (64 - 8 * sizeof(type))) >> DTYPE_IS_SIGNED(type))
#define DTYPE_LEAST(type, ones)                                                                    \
    (DTYPE_IS_SIGNED(type) ? -(int64_t)DTYPE_GREATEST(type, ones) - 1 : 0)
/* Whether C would take a -1 beside an element for the greatest one. */
#define DTYPE_READS_MINUS_1(type) (!DTYPE_IS_SIGNED(type) && sizeof(type) >= sizeof(int))
/* Of one element. */
static inline int64_t dtype_bytes(enum dtype dtype) {
    return (int64_t)dtype_facts[dtype].bytes;
}
bool dtype_from_name(const char *name, enum dtype *dtype);
/* An integer, or bool, which counts as one of 0 and 1. */
bool dtype_is_integer(enum dtype dtype);
/* A float that is computed with: those that are stored only are not. */
bool dtype_is_real(enum dtype dtype);
/* Whether `to` is what products of the narrow type `from` are summed in: float32 for float16 and
 * bfloat16, int32 for 8-bit integers. Such casts are exact. */
bool dtype_widens(enum dtype from, enum dtype to);
/* The decimal of an integer, from its element's bits; those above its width are not looked at. */
struct integer_text {
    char text[24];
};
struct integer_text integer_text(enum dtype dtype, uint64_t bits);

enum { SOURCES_MANY = -1 };
struct op_facts {
    const char *name;
    enum op_class class;
    int sources;
    const char *accepts;
    enum gives gives;
    enum cost cost;
    const char *infix;        /* "": none */
    const char *float_form;   /* C text over a, b, (c), for float32; "NONE" */
    const char *integer_form; /* C text over a, b, (c), T, U, ONES, MINUS_1; "NONE" */
    const char *meaning;
};
extern const struct op_facts op_facts[OP_COUNT];
bool op_from_name(const char *name, enum op *op);
bool op_accepts(enum op op, enum dtype dtype);
/* The form of its operands' dtype, C text; "NONE" */
const char *op_form(enum op op, enum dtype dtype);

/* What the integers of an input or output stand for: the numbers (integer - zero) * scale. No
 * operation heeds it; it is for those who make the inputs and read the outputs. */
struct scaling {
    float scale;  /* positive and finite; 0: nothing is said */
    int64_t zero; /* one of the dtype's integers, which has at most 32 bits */
};

/* One node. Fields after `shape` are attributes; each belongs to the operations named beside it. */
struct node {
    int id;     /* position in the graph */
    int origin; /* in a simplified graph: id of the node this one was made from */
    enum op op;
    enum dtype dtype;
    int rank;
    int64_t shape[MAX_RANK];
    bool batched; /* axis 0 is the batch axis: its extent is open, shape[0] is BATCH_EXTENT */
    int source_count;
    struct node **sources;

    const char *name;       /* input, weight */
    struct scaling scaling; /* input */
    int axis;               /* window, concat, gather, argsort, scatters, scan */
    int axis_count;         /* permute, flip, reductions, contract: how many of `axes` */
    int axes[MAX_RANK];
    int64_t before[MAX_RANK];       /* pad: elements before; shrink: begin */
    int64_t after[MAX_RANK];        /* pad: elements after;  shrink: end */
    int64_t size, stride, dilation; /* window */
    int scanned;                    /* scan: how many sources it goes along */
    bool last;                      /* scan: it gives the last state, not all of them */
    const struct graph *body;       /* scan: the graph's own, once the node is appended */
    /* weight, const: the elements, row-major; for const, value_count of them: 1 (every element is
     * that one) or all. pad: one element. Those of a weight may begin at any byte. */
    const void *value;
    int64_t value_count;
};

/* Where the extent along one axis depends on the data, the node has the greatest one that there can
 * be, and another output says the true one, an int64 of rank 0: the output is COUNTED. What reads
 * it shows as many elements as are true; a writer of graphs puts zeros into the others. Such an
 * output has no batch axis. */
struct output {
    const char *name;
    struct node *node;
    int counted_axis;
    int count; /* 1 + the position of the output that says it; 0: the extent is as it stands */
    struct scaling scaling;
};

/* A graph owns its nodes and names through its arena. Values of weights belong to whoever loaded
 * them, and must outlive the graph's use. */
struct graph {
    struct arena arena;
    const char *name;
    struct mapped_file stored; /* where values of weights lie whose pages can be given back */
    int node_count, node_capacity;
    struct node **nodes;
    int input_count;
    struct node **inputs; /* in the order in which they were added */
    bool batched;         /* some input is: the graph runs any number of images */
    int output_count;
    struct output *outputs;
    int body_count, body_capacity; /* of its scans; the graph owns them */
    struct graph **bodies;
    int scan_depth; /* scans within scans: 0 where there is none */
};

/* graph.c */

/* An empty graph, or NULL when memory is exhausted. */
struct graph *graph_new(const char *name);
void graph_free(struct graph *graph);

/* Adds a copy of `prototype`, of which op, sources and attributes are set (for leaves and `stated`
 * dtypes also dtype and shape; for reshape and expand the shape; for inputs whether they are
 * batched), with a copy of a scan's body. Infers the rest. NULL and an error when the node breaks a
 * rule of ops.def. */
struct node *graph_append(struct graph *graph, const struct node *prototype,
                          struct et_error *error);
bool graph_add_output(struct graph *graph, const char *name, struct node *node,
                      struct et_error *error);
/* The same for what an output of another graph has become, with its name, what its integers stand
 * for and, if its outputs are these in the same order, what counts it. */
bool graph_add_output_again(struct graph *graph, const struct output *output, struct node *node,
                            struct et_error *error);
/* Lets output `index` be counted along `axis` by the output at position `count`. */
bool graph_count_output(struct graph *graph, int index, int axis, int count,
                        struct et_error *error);
/* Whether an output counts another. */
bool graph_output_counts(const struct graph *graph, int index);
struct node *graph_find_input(const struct graph *graph, const char *name);

int64_t
node_elements(const struct node *node); /* product of the shape; never overflows once inferred */
int64_t node_bytes(const struct node *node);
/* The same of one image, where a node is batched. */
int64_t image_elements(const struct node *node);
int64_t image_bytes(const struct node *node);
/* Whether it is a cast as dtype_widens() says. */
bool node_widens(const struct node *node);
/* Whether a tensor of that shape, of extents from 0 on, is within MAX_ELEMENTS, and so are its
 * strides: an extent of 0 counts as 1. */
bool elements_fit(int rank, const int64_t *shape);
/* "float32[1,28,28]" or "float32[N,28,28]", for messages; at most 16 axes of 20 digits. */
struct shape_text {
    char text[16 + MAX_RANK * 21];
};
struct shape_text shape_text(const struct node *node);
/* Row-major strides, in elements. */
void row_major_strides(int rank, const int64_t *shape, int64_t *strides);

/* infer.c */

/* Checks op, sources and attributes of a node and sets its shape and dtype. The error names the
 * operation, and what was expected and found; the caller adds file and node. */
bool infer(struct node *node, struct et_error *error);

/* scan.c: bodies of scans */

/* A graph with one or more nodes for each node of another, and its outputs. `remake` appends to the
 * copy what becomes of `node`, which is the old one but for its sources: they are the copy's; the
 * last that it appends stands for the node. The caller frees it; NULL and an error when that fails.
 */
typedef bool node_remaker(struct graph *copy, struct node *node, const void *context,
                          struct et_error *error);
struct graph *graph_remade(const struct graph *graph, node_remaker *remake, const void *context,
                           struct et_error *error);
/* The same nodes and outputs again. Values of weights stay where they are. The caller frees it;
 * NULL and an error when memory is exhausted. */
struct graph *graph_copy(const struct graph *graph, struct et_error *error);
/* Steps of a scan; requires its sources. */
static inline int64_t scan_step_count(const struct node *scan) {
    return scan->sources[1]->shape[scan->axis];
}
/* Whether its body says after each step if there is another; requires a body. */
static inline bool scan_may_end(const struct node *scan) {
    return scan->body->output_count == 2;
}
/* The part of infer() for a scan. */
bool infer_scan(struct node *node, struct et_error *error);

/* verify.c */

/* Checks what an output says of its count: an axis that it has, an int64 of rank 0, no batch. */
bool verify_count(const struct graph *graph, const struct output *output, struct et_error *error);

/* Checks the whole graph and the bodies of its scans: order, arity, inferred against stored shapes
 * and dtypes, unique names, limits, at least one output. */
bool verify_graph(const struct graph *graph, struct et_error *error);

#endif
