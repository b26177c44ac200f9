#include "runtime/eager.h"

#include "compiler/evaluate/evaluate.h"

struct eager_run {
    const struct graph *graph;
    struct view *values;    /* by node */
    void **buffers;         /* by node */
    int *uses;              /* by node: readers to come, outputs, and views; NULL: free nothing */
    struct view *arguments; /* the values of one node's sources */
    struct stop *stop;
};

static void run_free(struct eager_run *run) {
    for (int i = 0; run->buffers && i < run->graph->node_count; i++)
        et_release(run->buffers[i]);
    et_release(run->values);
    et_release(run->buffers);
    et_release(run->uses);
    et_release(run->arguments);
}

static bool run_begin(struct eager_run *run, const struct graph *graph, struct et_error *error) {
    size_t nodes = (size_t)graph->node_count;
    *run = (struct eager_run){
        .graph = graph,
        .values = et_allocate(nodes, sizeof *run->values),
        .buffers = et_allocate(nodes, sizeof *run->buffers),
        .arguments = et_allocate(MAX_SOURCES, sizeof *run->arguments),
    };
    if (run->values && run->buffers && run->arguments)
        return true;
    run_free(run);
    return et_fail(error, "out of memory for the values of %zu nodes", nodes);
}

static bool count_uses(struct eager_run *run, struct et_error *error) {
    const struct graph *graph = run->graph;
    run->uses = et_allocate((size_t)graph->node_count, sizeof *run->uses);
    if (!run->uses)
        return et_fail(error, "out of memory");
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i]->source_count; k++)
            run->uses[graph->nodes[i]->sources[k]->id]++;
    for (int i = 0; i < graph->output_count; i++)
        run->uses[graph->outputs[i].node->id]++;
    return true;
}

static bool looks_at_source(const struct eager_run *run, const struct node *node) {
    return !run->buffers[node->id] && node->source_count > 0;
}

/* One use of a value has ended. With its last use a buffer is freed, and a view's use of its source
 * ends too. */
static void end_use(struct eager_run *run, const struct node *node) {
    while (--run->uses[node->id] == 0) {
        if (!looks_at_source(run, node)) {
            et_release(run->buffers[node->id]);
            run->buffers[node->id] = NULL;
            return;
        }
        node = node->sources[0];
    }
}

/* A node without readers counts as used by itself until now. */
static void end_uses_by(struct eager_run *run, const struct node *node) {
    for (int k = looks_at_source(run, node) ? 1 : 0; k < node->source_count; k++)
        end_use(run, node->sources[k]);
    if (run->uses[node->id] == 0) {
        run->uses[node->id] = 1;
        end_use(run, node);
    }
}

static bool run_node(struct eager_run *run, const struct node *node, struct et_error *error) {
    for (int k = 0; k < node->source_count; k++)
        run->arguments[k] = run->values[node->sources[k]->id];
    if (!evaluate(node, run->arguments, run->stop, &run->values[node->id], &run->buffers[node->id],
                  error))
        return et_fail_within(error, "node %d", node->id);
    if (run->uses)
        end_uses_by(run, node);
    return true;
}

static bool run_nodes(struct eager_run *run, const void *const *inputs, struct et_error *error) {
    const struct graph *graph = run->graph;
    for (int i = 0; i < graph->input_count; i++) {
        if (!inputs[i])
            return et_fail(error, "input \"%s\" is missing", graph->inputs[i]->name);
        run->values[graph->inputs[i]->id] = view_contiguous(graph->inputs[i], inputs[i]);
    }
    for (int i = 0; i < graph->node_count; i++) {
        if (stop_passed(run->stop))
            return et_fail(error, "ended early, before node %d", i);
        if (graph->nodes[i]->op != OP_INPUT && !run_node(run, graph->nodes[i], error))
            return false;
    }
    return true;
}

static void write_outputs(const struct eager_run *run, void *const *outputs) {
    for (int i = 0; i < run->graph->output_count; i++) {
        const struct node *node = run->graph->outputs[i].node;
        struct view output = view_contiguous(node, outputs[i]);
        view_copy(&output, &run->values[node->id]);
        quiet_nans(node->dtype, outputs[i], node_elements(node));
    }
}

bool eager_run(const struct graph *graph, const void *const *inputs, void *const *outputs,
               struct et_error *error) {
    return eager_run_within(graph, inputs, outputs, NULL, error);
}

bool eager_run_within(const struct graph *graph, const void *const *inputs, void *const *outputs,
                      struct stop *stop, struct et_error *error) {
    struct eager_run run;
    if (!run_begin(&run, graph, error))
        return false;
    run.stop = stop;
    bool good = count_uses(&run, error) && run_nodes(&run, inputs, error);
    if (good)
        write_outputs(&run, outputs);
    run_free(&run);
    return good;
}

static bool is_aligned(const struct node *leaf) {
    struct view view = view_contiguous(leaf, leaf->value);
    return view_is_aligned(&view);
}

/* Strided movements and most leaves have no buffer of their own; what reshape and pad have is not
 * known before the run. */
static bool may_have_buffer(const struct node *node) {
    enum op_class class = op_facts[node->op].class;
    if (class == CLASS_LEAF)
        return node->op == OP_WEIGHT && !is_aligned(node);
    return (class != CLASS_MOVEMENT || node->op == OP_RESHAPE || node->op == OP_PAD);
}

double eager_peak_bytes(const struct graph *graph, int64_t batch) {
    size_t nodes = (size_t)graph->node_count;
    int *last = et_allocate(nodes + 1, sizeof *last); /* by node: the last reader of its buffer */
    double *ending = et_allocate(nodes + 1, sizeof *ending), live = 0, peak = 0;
    bool good = last && ending;
    for (int i = 0; good && i < graph->output_count; i++)
        last[graph->outputs[i].node->id] = graph->node_count;
    for (int i = graph->node_count - 1; good && i >= 0; i--) {
        const struct node *node = graph->nodes[i];
        int reader = may_have_buffer(node) || last[i] < i ? i : last[i];
        for (int k = 0; k < node->source_count; k++)
            if (last[node->sources[k]->id] < reader)
                last[node->sources[k]->id] = reader;
    }
    for (int i = 0; good && i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        double bytes = (double)image_bytes(node) * (double)(node->batched ? batch : 1);
        if (may_have_buffer(node)) {
            live += bytes;
            ending[last[i] > i ? last[i] : i] += bytes;
        }
        peak = live > peak ? live : peak;
        live -= ending[i];
    }
    et_release(last);
    et_release(ending);
    return good ? peak : -1;
}

bool eager_trace_run(const struct graph *graph, const void *const *inputs, struct stop *stop,
                     struct eager_trace *trace, struct et_error *error) {
    struct eager_run run;
    *trace = (struct eager_trace){0};
    if (!run_begin(&run, graph, error))
        return false;
    run.stop = stop;
    if (!run_nodes(&run, inputs, error)) {
        run_free(&run);
        return false;
    }
    *trace = (struct eager_trace){graph->node_count, run.values, run.buffers};
    et_release(run.arguments);
    return true;
}

void eager_trace_free(struct eager_trace *trace) {
    for (int i = 0; i < trace->node_count; i++)
        et_release(trace->buffers[i]);
    et_release(trace->values);
    et_release(trace->buffers);
    *trace = (struct eager_trace){0};
}
