#include "compiler/import/counted.h"

#include "compiler/graph/copy_graph.h"
#include "compiler/import/positions.h"

#include <math.h>

/* ---- Which tensors are counted ---- */

struct counted counted_of(struct importer *importer, struct tensor x) {
    const struct built_graph *graph = importer->graph;
    if (!x.node || x.context != graph->context || x.node->id >= graph->counted_count)
        return (struct counted){NO_TENSOR, 0};
    return graph->counted[x.node->id];
}

bool same_counted(struct counted a, struct counted b) {
    return a.count.node == b.count.node && (!is_counted(a) || a.axis == b.axis);
}

/* ---- Counts that are alike ---- */

enum { MOST_COMPARED = 1024 }; /* nodes, for two counts; counts, for one */

/* Whether two nodes are computed alike, of the same leaves; `left` bounds the nodes looked at. */
static bool is_alike(const struct node *a, const struct node *b, int *left) {
    if (a == b)
        return true;
    if (--*left < 0 || a->op == OP_INPUT || a->op == OP_WEIGHT || a->op == OP_SCAN ||
        !same_but_sources(a, b))
        return false;
    for (int i = 0; i < a->source_count; i++)
        if (!is_alike(a->sources[i], b->sources[i], left))
            return false;
    return true;
}

/* The first of the counts that are like this one. (In a graph that is to have open axes equal nodes
 * stay apart.) */
static struct tensor first_alike(struct importer *importer, struct tensor count) {
    struct built_graph *graph = importer->graph;
    int from = graph->count_count > MOST_COMPARED ? graph->count_count - MOST_COMPARED : 0;
    for (int i = from; i < graph->count_count; i++) {
        int left = MOST_COMPARED;
        if (is_alike(graph->counts[i].node, count.node, &left))
            return graph->counts[i];
    }
    graph->counts = arena_extend(&importer->arena, graph->counts, graph->count_count,
                                 &graph->count_capacity, sizeof *graph->counts);
    graph->counts[graph->count_count++] = count;
    return count;
}

struct tensor counted(struct importer *importer, struct tensor x, struct counted c) {
    struct built_graph *graph = importer->graph;
    if (!x.node || !is_counted(c))
        return x;
    graph->counted = arena_reach(&importer->arena, graph->counted, &graph->counted_count,
                                 x.node->id, sizeof *graph->counted);
    c.count = first_alike(importer, c.count);
    graph->counted[x.node->id] = c;
    return x;
}

/* The one axis along which two tensors may differ; -1: they differ in more. */
static int axis_of_difference(struct tensor a, struct counted of_a, struct tensor b,
                              struct counted of_b) {
    int axis = is_counted(of_a) ? of_a.axis : is_counted(of_b) ? of_b.axis : -1;
    if (tensor_dtype(a) != tensor_dtype(b) || tensor_rank(a) != tensor_rank(b) ||
        (is_counted(of_a) && is_counted(of_b) && of_a.axis != of_b.axis))
        return -1;
    for (int i = 0; i < tensor_rank(a); i++) {
        if (i == axis || tensor_extent(a, i) == tensor_extent(b, i))
            continue;
        if (axis >= 0)
            return -1;
        axis = i;
    }
    return axis;
}

struct tensor select_counted(struct importer *importer, struct tensor condition, struct tensor a,
                             struct tensor b) {
    struct counted of_a = counted_of(importer, a), of_b = counted_of(importer, b);
    int axis = axis_of_difference(a, of_a, b, of_b);
    if (axis < 0)
        return NO_TENSOR;
    int64_t one = tensor_extent(a, axis), other = tensor_extent(b, axis);
    int64_t most = one > other ? one : other;
    struct tensor own = is_counted(of_a) ? of_a.count : number64(a.context, one);
    struct tensor others = is_counted(of_b) ? of_b.count : number64(a.context, other);
    struct tensor y =
        tensor_where(condition, reach_of_axis(a, axis, 0, most), reach_of_axis(b, axis, 0, most));
    return counted(importer, y, (struct counted){tensor_where(condition, own, others), axis});
}

void call_counts_output(struct call *call, int index, int axis, struct tensor count) {
    if (index < call->output_count)
        call->output_counted[index] = (struct counted){count, axis};
}

struct counted call_counted(const struct call *call, int index) {
    return index < call->input_count ? call->input_counted[index] : (struct counted){NO_TENSOR, 0};
}

/* ---- What lies behind the count ---- */

struct tensor number64(struct tensor_context *context, int64_t value) {
    return position(context, DTYPE_INT64, value);
}

struct tensor before_count(struct tensor x, struct counted c) {
    struct tensor along =
        positions_along(x.context, DTYPE_INT64, tensor_extent(x, c.axis), c.axis, tensor_rank(x));
    return tensor_lt(along, c.count);
}

static struct tensor fill_like(struct tensor x, enum fill fill) {
    static const double floats[] = {[FILL_ZERO] = 0,
                                    [FILL_ONE] = 1,
                                    [FILL_LEAST] = -INFINITY,
                                    [FILL_GREATEST] = INFINITY,
                                    [FILL_LAST] = NAN};
    const struct dtype_facts *facts = &dtype_facts[tensor_dtype(x)];
    if (facts->letter == 'F')
        return scalar_like(x, floats[fill]);
    if (facts->letter == 'S')
        return tensor_cast(scalar(x.context, (float)floats[fill]), tensor_dtype(x));
    int64_t least = facts->least;
    uint64_t bits = fill == FILL_ZERO    ? 0
                    : fill == FILL_ONE   ? 1
                    : fill == FILL_LEAST ? (uint64_t)least
                                         : facts->greatest;
    return tensor_const(x.context, tensor_dtype(x), SCALAR_SHAPE, 1, &bits); /* little-endian */
}

struct tensor filled_behind(struct tensor x, struct counted c, enum fill fill) {
    if (!is_counted(c) || !x.node)
        return x;
    return tensor_where(before_count(x, c), x, fill_like(x, fill));
}

struct tensor count_of(struct tensor truths) {
    return tensor_reduce_sum(tensor_cast(truths, DTYPE_INT64), ALL_AXES);
}

struct tensor places_of(struct tensor truths) {
    return tensor_argsort(tensor_not(truths), 0);
}

/* ---- Building ---- */

bool counted_inputs(struct call *call) {
    bool any = false;
    for (int i = 0; i < call->input_count; i++) {
        call->input_counted[i] = counted_of(call->importer, call->inputs[i]);
        any |= is_counted(call->input_counted[i]);
    }
    return any;
}

struct tensor build_counted(struct call *call) {
    const struct counted_op *op = counted_op_find(call->op->domain, call->op->name);
    if (op)
        return op->rule(call);
    return call_refuse(call, "of a tensor whose extent depends on the data");
}

/* Nodes that are known may be those of other tensors, too. */
void keep_counts(struct call *call) {
    for (int i = 0; i < call->output_count; i++) {
        struct counted c = call->output_counted[i];
        if (is_counted(c) && known_elements(call->importer, call->outputs[i]))
            call->outputs[i] = filled_behind(call->outputs[i], c, FILL_ZERO);
        counted(call->importer, call->outputs[i], c);
    }
}
