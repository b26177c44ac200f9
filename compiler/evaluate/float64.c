#include "compiler/evaluate/float64.h"

#include "compiler/evaluate/evaluate.h"

#include <string.h>

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

static evaluate_node wide_evaluate_until;

static bool compute_scan(const struct node *node, const struct node *wide,
                         const struct view *sources, struct view *result, void **buffer,
                         struct et_error *error) {
    *buffer = et_allocate_aligned((size_t)node_bytes(wide));
    if (!*buffer)
        return et_fail(error, "%s: out of memory", op_facts[node->op].name);
    *result = view_contiguous(wide, *buffer);
    return node_elements(node) == 0 ||
           evaluate_scan(wide_evaluate_until, node, sources, NULL, result, error);
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
    if (op_facts[node->op].class == CLASS_LEAF && node->dtype == DTYPE_FLOAT32) {
        bool good = evaluate(node, NULL, NULL, &leaf, &leaf_buffer, error) &&
                    convert(&leaf, DTYPE_FLOAT64, result, buffer, error);
        et_release(leaf_buffer);
        return good;
    }
    if (node->op == OP_PAD && node->dtype == DTYPE_FLOAT32 && node->value) {
        padding = (double)*(const float *)node->value;
        wide.value = &padding;
    }
    if (node->op == OP_SCAN)
        return compute_scan(node, &wide, sources, result, buffer, error);
    return evaluate(&wide, sources, NULL, result, buffer, error);
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
