#include "compiler/evaluate/float64.h"

#include "compiler/evaluate/evaluate.h"

#include <math.h>
#include <string.h>

/* ---- The forms of ops.def, with double for float ---- */

#define fabsf fabs
#define sqrtf sqrt
#define floorf floor
#define ceilf ceil
#define rintf rint
#define fmodf fmod
#define fmaf(a, b, c) ((a) * (b) + (c))
#define f32_exp exp
#define f32_log log
#define f32_sin sin
#define f32_cos cos
#define f32_tanh tanh
#define f32_erf erf
#define f32_pow pow
#define NONE 0 /* never reached: infer() refuses such nodes */

#define WIDE_LEAF(name, form)
#define WIDE_MOVEMENT(name, form)
#define WIDE_JOIN(name, form)
#define WIDE_SCAN(name, form)
#define WIDE_CONVERT(name, form)
#define WIDE_TERNARY(name, form)
#define WIDE_CONTRACT(name, form)
#define WIDE_UNARY(name, form)                                                                     \
    static double wide_##name(double a __attribute__((unused)),                                    \
                              double b __attribute__((unused))) {                                  \
        return form;                                                                               \
    }
#define WIDE_BINARY(name, form) WIDE_UNARY(name, form)
#define WIDE_REDUCE(name, form) WIDE_UNARY(name, form)
#define OP(id, name, class, sources, accepts, gives, cost, infix, float_form, integer_form,        \
           meaning)                                                                                \
    WIDE_##class(name, float_form)
#include "compiler/graph/ops.def"
#undef OP
#undef WIDE_UNARY
#undef WIDE_BINARY
#undef WIDE_REDUCE

typedef double wide_function(double a, double b);
#define WIDE_UNARY(name) wide_##name
#define WIDE_BINARY(name) wide_##name
#define WIDE_REDUCE(name) wide_##name
#undef WIDE_LEAF
#undef WIDE_MOVEMENT
#undef WIDE_JOIN
#undef WIDE_SCAN
#undef WIDE_CONVERT
#undef WIDE_TERNARY
#undef WIDE_CONTRACT
#define WIDE_LEAF(name) NULL
#define WIDE_MOVEMENT(name) NULL
#define WIDE_JOIN(name) NULL
#define WIDE_SCAN(name) NULL
#define WIDE_CONVERT(name) NULL
#define WIDE_TERNARY(name) NULL
#define WIDE_CONTRACT(name) NULL
#define OP(id, name, class, ...) [OP_##id] = WIDE_##class(name),
static wide_function *const wide_functions[OP_COUNT] = {
#include "compiler/graph/ops.def"
};
#undef OP

/* ---- Operations over elements ---- */

static void elementwise(const struct node *node, const struct view *sources,
                        const struct view *result) {
    const struct view *b = &sources[node->source_count - 1];
    struct rows rows = rows_of(3, (const struct view *const[]){result, sources, b});
    wide_function *function = wide_functions[node->op];
    bool compares = result->dtype == DTYPE_BOOL;
    do
        for (int64_t i = 0; i < rows.length; i++) {
            double value = function(((const double *)rows.data[1])[i * rows.stride[1]],
                                    ((const double *)rows.data[2])[i * rows.stride[2]]);
            if (compares)
                ((uint8_t *)rows.data[0])[i * rows.stride[0]] = value != 0;
            else
                ((double *)rows.data[0])[i * rows.stride[0]] = value;
        }
    while (rows_next(&rows));
}

static double identity_of(enum op op) {
    return op == OP_REDUCE_SUM                      ? 0
           : op == OP_REDUCE_PROD                   ? 1
           : op == OP_REDUCE_MAX || op == OP_ARGMAX ? -INFINITY
                                                    : INFINITY;
}

static void reduce_one(const struct node *node, struct rows *elements, void *result) {
    wide_function *function = wide_functions[node->op];
    bool positions = op_facts[node->op].gives == GIVES_INDEX;
    double value = identity_of(node->op);
    int32_t position = 0, at = 0;
    do
        for (int64_t i = 0; i < elements->length; i++, at++) {
            double element = ((const double *)elements->data[0])[i * elements->stride[0]];
            double combined = function(value, element);
            if (!positions) {
                value = combined;
            } else if (combined != 0) {
                value = element;
                position = at;
            }
        }
    while (rows_next(elements));
    if (positions)
        *(int32_t *)result = position;
    else
        *(double *)result = value;
}

static void reduce(const struct node *node, const struct view *source, const struct view *result) {
    struct view reduced, kept;
    separate_axes(node, source, &reduced, &kept);
    struct rows elements = rows_of(1, (const struct view *const[]){&reduced});
    struct rows rows = rows_of(2, (const struct view *const[]){result, &kept});
    int64_t step = rows.stride[0] * (int64_t)dtype_facts[result->dtype].bytes;
    do
        for (int64_t i = 0; i < rows.length; i++) {
            elements.data[0] = (double *)rows.data[1] + i * rows.stride[1];
            reduce_one(node, &elements, (char *)rows.data[0] + i * step);
        }
    while (rows_next(&rows));
}

/* Contracted positions are taken in blocks: where each lies in a and b. */
enum { BLOCK = 1024 };
struct float64_block {
    int count;
    int64_t a[BLOCK], b[BLOCK];
};

/* A row of results gains the products of a block. */
static void add_products(const struct rows *rows, const struct float64_block *block) {
    double *sum = rows->data[0];
    const int64_t count = rows->length, sa = rows->stride[1], sb = rows->stride[2];
    for (int k = 0; k < block->count; k++) {
        const double *a = (const double *)rows->data[1] + block->a[k];
        const double *b = (const double *)rows->data[2] + block->b[k];
        if (sb == 0)
            for (int64_t i = 0; i < count; i++)
                sum[i] += a[i * sa] * *b;
        else
            for (int64_t i = 0; i < count; i++)
                sum[i] += a[i * sa] * b[i * sb];
    }
}

static void add_block(struct rows *rows, struct float64_block *block) {
    if (block->count > 0)
        do
            add_products(rows, block);
        while (rows_next(rows));
    block->count = 0;
}

static void contract(const struct node *node, const struct view *sources,
                     const struct view *result) {
    struct view along_a, along_b, kept_a, kept_b;
    separate_axes(node, &sources[0], &along_a, &kept_a);
    separate_axes(node, &sources[1], &along_b, &kept_b);
    const double *a = along_a.data, *b = along_b.data;
    struct rows along = rows_of(2, (const struct view *const[]){&along_a, &along_b});
    struct rows rows = rows_of(3, (const struct view *const[]){result, &kept_a, &kept_b});
    struct float64_block block;
    block.count = 0;
    do
        for (int64_t i = 0; i < along.length; i++) {
            block.a[block.count] = (const double *)along.data[0] - a + i * along.stride[0];
            block.b[block.count] = (const double *)along.data[1] - b + i * along.stride[1];
            if (++block.count == BLOCK)
                add_block(&rows, &block);
        }
    while (rows_next(&along));
    add_block(&rows, &block);
}

/* ---- One node ---- */

static enum dtype wide_dtype(enum dtype dtype) {
    return dtype == DTYPE_FLOAT32 ? DTYPE_FLOAT64 : dtype;
}

/* The elements as another dtype, in a buffer of their own. */
static bool convert(const struct view *source, enum dtype dtype, struct view *result, void **buffer,
                    struct et_error *error) {
    struct node cast = {.op = OP_CAST, .dtype = dtype, .rank = source->rank};
    memcpy(cast.shape, source->shape, sizeof cast.shape);
    return evaluate(&cast, source, NULL, result, buffer, error);
}

/* bitcast is about the bits of float32. */
static bool bitcast(const struct node *node, const struct view *source, struct view *result,
                    void **buffer, struct et_error *error) {
    struct view narrow = *source, bits;
    void *narrow_buffer = NULL, *bits_buffer = NULL;
    bool good = node->sources[0]->dtype != DTYPE_FLOAT32 ||
                convert(source, DTYPE_FLOAT32, &narrow, &narrow_buffer, error);
    good = good && evaluate(node, &narrow, NULL, &bits, &bits_buffer, error) &&
           convert(&bits, wide_dtype(node->dtype), result, buffer, error);
    et_release(narrow_buffer);
    et_release(bits_buffer);
    return good;
}

static bool computes_in_float(const struct node *node) {
    enum op_class class = op_facts[node->op].class;
    return (class == CLASS_UNARY || class == CLASS_BINARY || class == CLASS_REDUCE ||
            class == CLASS_CONTRACT) &&
           node->sources[0]->dtype == DTYPE_FLOAT32;
}

static void compute(const struct node *node, const struct view *sources,
                    const struct view *result) {
    switch (op_facts[node->op].class) {
    case CLASS_REDUCE:
        reduce(node, sources, result);
        return;
    case CLASS_CONTRACT:
        contract(node, sources, result);
        return;
    default:
        elementwise(node, sources, result);
    }
}

static evaluate_node wide_evaluate_until;

static bool compute_scan(const struct node *node, const struct view *sources,
                         const struct view *result, struct et_error *error) {
    return evaluate_scan(wide_evaluate_until, node, sources, NULL, result, error);
}

static bool wide_evaluate(const struct node *node, const struct view *sources, struct view *result,
                          void **buffer, struct et_error *error) {
    struct node wide = *node;
    wide.dtype = wide_dtype(node->dtype);
    double padding = 0;
    struct view leaf;
    void *leaf_buffer;
    if (node->op == OP_BITCAST)
        return bitcast(node, sources, result, buffer, error);
    if (op_facts[node->op].class == CLASS_LEAF && node->dtype == DTYPE_FLOAT32)
        return evaluate(node, NULL, NULL, &leaf, &leaf_buffer, error) &&
               convert(&leaf, DTYPE_FLOAT64, result, buffer, error);
    if (node->op == OP_PAD && node->dtype == DTYPE_FLOAT32 && node->value) {
        padding = (double)*(const float *)node->value;
        wide.value = &padding;
    }
    if (!computes_in_float(node) && node->op != OP_SCAN)
        return evaluate(&wide, sources, NULL, result, buffer, error);
    *buffer = et_allocate_aligned((size_t)node_bytes(&wide));
    if (!*buffer)
        return et_fail(error, "%s: out of memory", op_facts[node->op].name);
    *result = view_contiguous(&wide, *buffer);
    if (node_elements(node) == 0)
        return true;
    if (node->op == OP_SCAN)
        return compute_scan(node, sources, result, error);
    compute(node, sources, result);
    return true;
}

static bool wide_evaluate_until(const struct node *node, const struct view *sources,
                                struct stop *stop, struct view *result, void **buffer,
                                struct et_error *error) {
    (void)stop;
    return wide_evaluate(node, sources, result, buffer, error);
}

/* ---- All nodes; a buffer goes after its last reader ---- */

struct float64_run {
    const struct graph *graph;
    struct view *values, *arguments;
    void **buffers;
    int *last;  /* by node: the last that reads it, or a view of it; node_count: an output */
    int *first; /* by node: a list of those of which it is the last reader; -1: none */
    int *next;
};

static bool run_begin(struct float64_run *run, struct et_error *error) {
    size_t nodes = (size_t)run->graph->node_count + 1;
    run->values = et_allocate(nodes, sizeof *run->values);
    run->arguments = et_allocate(MAX_SOURCES, sizeof *run->arguments);
    run->buffers = et_allocate(nodes, sizeof *run->buffers);
    run->last = et_allocate(nodes, sizeof *run->last);
    run->first = et_allocate(nodes, sizeof *run->first);
    run->next = et_allocate(nodes, sizeof *run->next);
    return (run->values && run->arguments && run->buffers && run->last && run->first &&
            run->next) ||
           et_fail(error, "out of memory");
}

static void run_end(struct float64_run *run) {
    for (int i = 0; run->buffers && i < run->graph->node_count; i++)
        et_release(run->buffers[i]);
    et_release(run->values);
    et_release(run->arguments);
    et_release(run->buffers);
    et_release(run->last);
    et_release(run->first);
    et_release(run->next);
}

static void find_last_readers(struct float64_run *run) {
    const struct graph *graph = run->graph;
    for (int i = 0; i < graph->output_count; i++)
        run->last[graph->outputs[i].node->id] = graph->node_count;
    for (int i = graph->node_count - 1; i >= 0; i--) {
        const struct node *node = graph->nodes[i];
        int reader = i; /* views of views last as long as the longest */
        if (op_facts[node->op].class == CLASS_MOVEMENT && run->last[i] > i)
            reader = run->last[i];
        for (int k = 0; k < node->source_count; k++)
            if (run->last[node->sources[k]->id] < reader)
                run->last[node->sources[k]->id] = reader;
    }
    for (int i = 0; i <= graph->node_count; i++)
        run->first[i] = -1;
    for (int i = 0; i < graph->node_count; i++) {
        int last = run->last[i] > i ? run->last[i] : i; /* i: it has no reader */
        run->next[i] = run->first[last];
        run->first[last] = i;
    }
}

static bool run_node(struct float64_run *run, const struct node *node, struct et_error *error) {
    for (int k = 0; k < node->source_count; k++)
        run->arguments[k] = run->values[node->sources[k]->id];
    if (!wide_evaluate(node, run->arguments, &run->values[node->id], &run->buffers[node->id],
                       error))
        return et_fail_within(error, "node %d", node->id);
    for (int i = run->first[node->id]; i >= 0; i = run->next[i]) {
        et_release(run->buffers[i]);
        run->buffers[i] = NULL;
    }
    return true;
}

static bool take_input(struct float64_run *run, const struct node *node, const void *elements,
                       struct et_error *error) {
    struct view given = view_contiguous(node, elements);
    run->values[node->id] = given;
    return node->dtype != DTYPE_FLOAT32 ||
           convert(&given, DTYPE_FLOAT64, &run->values[node->id], &run->buffers[node->id], error);
}

static void write_outputs(const struct float64_run *run, void *const *outputs) {
    for (int i = 0; i < run->graph->output_count; i++) {
        struct node wide = *run->graph->outputs[i].node;
        wide.dtype = wide_dtype(wide.dtype);
        struct view output = view_contiguous(&wide, outputs[i]);
        view_copy(&output, &run->values[wide.id]);
    }
}

bool wide_run(const struct graph *graph, const void *const *inputs, void *const *outputs,
              struct et_error *error) {
    struct float64_run run = {.graph = graph};
    bool good = run_begin(&run, error);
    if (good)
        find_last_readers(&run);
    for (int i = 0; good && i < graph->input_count; i++)
        good = take_input(&run, graph->inputs[i], inputs[i], error);
    for (int i = 0; good && i < graph->node_count; i++)
        good = graph->nodes[i]->op == OP_INPUT || run_node(&run, graph->nodes[i], error);
    if (good)
        write_outputs(&run, outputs);
    run_end(&run);
    return good;
}
