/* Scans: what a body must be for its sources; and copies of bodies. */
#include "compiler/graph/graph.h"

#include <inttypes.h>
#include <string.h>

/* ---- What the body is given ---- */

static bool is_scanned(const struct node *scan, int source) {
    return source >= 1 && source <= scan->scanned;
}

/* A source as the body sees it. */
static struct node seen_by_body(const struct node *scan, int source) {
    struct node seen = *scan->sources[source];
    if (!is_scanned(scan, source))
        return seen;
    seen.rank--;
    memmove(seen.shape + scan->axis, seen.shape + scan->axis + 1,
            (size_t)(seen.rank - scan->axis) * sizeof *seen.shape);
    return seen;
}

static bool same_kind(const struct node *a, const struct node *b) {
    return a->dtype == b->dtype && a->rank == b->rank && a->batched == b->batched &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* ---- Inference ---- */

static bool check_body(const struct node *scan, struct et_error *error) {
    const struct graph *body = scan->body;
    if (!body)
        return et_fail(error, "scan: the body is missing");
    if (body->scan_depth >= MAX_SCAN_DEPTH)
        return et_fail(error, "scan: more than %d scans within one another", MAX_SCAN_DEPTH);
    if (body->input_count != scan->source_count)
        return et_fail(error, "scan: the body has %d inputs, expected one for each of %d sources",
                       body->input_count, scan->source_count);
    return body->output_count == 1 || body->output_count == 2 ||
           et_fail(error, "scan: the body has %d outputs, expected 1 or 2", body->output_count);
}

/* Whether there is another step is one bool for all. */
static bool check_condition(const struct node *scan, struct et_error *error) {
    if (!scan_may_end(scan))
        return true;
    const struct node *condition = scan->body->outputs[1].node;
    if (scan->body->batched)
        return et_fail(error,
                       "scan: the body says whether there is another step, but it has the batch "
                       "axis " BATCH_SYMBOL ": images would end at different steps");
    return (condition->dtype == DTYPE_BOOL && condition->rank == 0) ||
           et_fail(error,
                   "scan: the body says by %s whether there is another step, expected bool[]",
                   shape_text(condition).text);
}

/* The scanned sources have the axis, all with the same extent. */
static bool check_scanned(const struct node *scan, struct et_error *error) {
    if (scan->scanned < 1 || scan->scanned >= scan->source_count)
        return et_fail(error,
                       "scan: %d scanned sources of %d, expected at least 1 behind the first",
                       scan->scanned, scan->source_count);
    const struct node *first = scan->sources[1];
    for (int i = 1; i <= scan->scanned; i++) {
        const struct node *source = scan->sources[i];
        if (scan->axis >= source->rank)
            return et_fail(error, "scan: source %d is %s, which has no axis %d", i,
                           shape_text(source).text, scan->axis);
        if (source->shape[scan->axis] != first->shape[scan->axis])
            return et_fail(error, "scan: steps differ: axis %d of %s and of %s", scan->axis,
                           shape_text(first).text, shape_text(source).text);
        if (scan->axis == 0 && source->batched)
            return et_fail(error,
                           "scan: runs along the batch axis " BATCH_SYMBOL
                           " of %s: images must stay apart",
                           shape_text(source).text);
    }
    return true;
}

static bool check_inputs(const struct node *scan, struct et_error *error) {
    for (int i = 0; i < scan->source_count; i++) {
        struct node seen = seen_by_body(scan, i);
        const struct node *input = scan->body->inputs[i];
        if (!same_kind(&seen, input))
            return et_fail(error, "scan: input %d of the body is %s, expected %s", i,
                           shape_text(input).text, shape_text(&seen).text);
    }
    const struct node *output = scan->body->outputs[0].node;
    return same_kind(output, scan->sources[0]) ||
           et_fail(error, "scan: the body gives %s, expected %s like the first source",
                   shape_text(output).text, shape_text(scan->sources[0]).text);
}

static bool check_parts(const struct node *scan, struct et_error *error) {
    return check_body(scan, error) && check_scanned(scan, error) && check_inputs(scan, error) &&
           check_condition(scan, error);
}

/* Of a scan that gives the last state alone. */
static bool infer_last(struct node *node, struct et_error *error) {
    const struct node *initial = node->sources[0];
    if (node->axis < 0 || node->axis >= MAX_RANK)
        return et_fail(error, "scan: axis %d, expected 0 to %d", node->axis, MAX_RANK - 1);
    if (!check_parts(node, error))
        return false;
    node->batched = initial->batched;
    node->rank = initial->rank;
    memcpy(node->shape, initial->shape, sizeof node->shape);
    return scan_step_count(node) > 0 ||
           et_fail(error, "scan: no step, after which there would be a state");
}

bool infer_scan(struct node *node, struct et_error *error) {
    const struct node *initial = node->sources[0];
    if (node->last)
        return infer_last(node, error);
    if (node->axis < 0 || node->axis > initial->rank || initial->rank == MAX_RANK)
        return et_fail(error, "scan: axis %d, expected 0 to %d for states %s of rank under %d",
                       node->axis, initial->rank, shape_text(initial).text, MAX_RANK);
    if (node->axis == 0 && initial->batched)
        return et_fail(error, "scan: states %s with the steps as first axis, which is the batch's",
                       shape_text(initial).text);
    if (!check_parts(node, error))
        return false;
    node->batched = initial->batched;
    node->rank = initial->rank + 1;
    for (int i = 0, from = 0; i < node->rank; i++)
        node->shape[i] = i == node->axis ? scan_step_count(node) : initial->shape[from++];
    return elements_fit(node->rank - node->batched, node->shape + node->batched) ||
           et_fail(error, "scan: more than %" PRId64 " elements", MAX_ELEMENTS);
}

/* ---- Copies ---- */

struct graph *graph_remade(const struct graph *graph, node_remaker *remake, const void *context,
                           struct et_error *error) {
    struct graph *copy = graph_new(graph->name);
    struct node **made = et_allocate((size_t)graph->node_count + 1, sizeof *made);
    bool good = (copy && made) || et_fail(error, "out of memory");
    for (int i = 0; good && i < graph->node_count; i++) {
        struct node *sources[MAX_SOURCES], again = *graph->nodes[i];
        for (int k = 0; k < again.source_count; k++)
            sources[k] = made[again.sources[k]->id];
        again.sources = sources;
        good = remake(copy, &again, context, error);
        if (good)
            made[i] = copy->nodes[copy->node_count - 1];
    }
    for (int i = 0; good && i < graph->output_count; i++)
        good = graph_add_output_again(copy, &graph->outputs[i], made[graph->outputs[i].node->id],
                                      error);
    et_release(made);
    if (good)
        return copy;
    graph_free(copy);
    return NULL;
}

static bool append_same(struct graph *copy, struct node *node, const void *context,
                        struct et_error *error) {
    (void)context;
    return graph_append(copy, node, error) != NULL;
}

struct graph *graph_copy(const struct graph *graph, struct et_error *error) {
    return graph_remade(graph, append_same, NULL, error);
}
