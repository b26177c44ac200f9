#include "compiler/import/counted.h"

#include "compiler/graph/copy_graph.h"
#include "compiler/import/positions.h"

#include <math.h>

/* ---- Which tensors are counted ---- */

struct counted counted_along(const struct axis_counts *counts, int axis) {
    for (int i = 0; i < counts->count; i++)
        if (counts->list[i].axis == axis)
            return counts->list[i];
    return (struct counted){NO_TENSOR, axis};
}

void count_along(struct axis_counts *counts, struct counted c) {
    int i = 0;
    while (i < counts->count && counts->list[i].axis != c.axis)
        i++;
    counts->list[i] = c;
    counts->count += i == counts->count;
}

struct axis_counts counts_of(struct importer *importer, struct tensor x) {
    const struct built_graph *graph = importer->graph;
    if (!x.node || x.context != graph->context || x.node->id >= graph->counted_count ||
        !graph->counted[x.node->id])
        return (struct axis_counts){0};
    return *graph->counted[x.node->id];
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

struct tensor counted(struct importer *importer, struct tensor x,
                      const struct axis_counts *counts) {
    struct built_graph *graph = importer->graph;
    if (!x.node || counts->count == 0)
        return x;
    graph->counted = arena_reach(&importer->arena, graph->counted, &graph->counted_count,
                                 x.node->id, sizeof(struct axis_counts *));
    struct axis_counts *own = arena_new(&importer->arena, struct axis_counts);
    *own = *counts;
    for (int i = 0; i < own->count; i++)
        own->list[i].count = first_alike(importer, own->list[i].count);
    graph->counted[x.node->id] = own;
    return x;
}

/* How many elements of an axis are true. */
static struct tensor true_extent(struct tensor x, struct counted c) {
    return is_counted(c) ? c.count : number64(x.context, tensor_extent(x, c.axis));
}

struct tensor select_counted(struct importer *importer, struct tensor condition, struct tensor a,
                             struct tensor b) {
    struct axis_counts of_a = counts_of(importer, a), of_b = counts_of(importer, b), counts = {0};
    if (tensor_dtype(a) != tensor_dtype(b) || tensor_rank(a) != tensor_rank(b))
        return NO_TENSOR;
    for (int i = 0; i < tensor_rank(a); i++) {
        struct counted own = counted_along(&of_a, i), other = counted_along(&of_b, i);
        int64_t one = tensor_extent(a, i), another = tensor_extent(b, i);
        int64_t most = one > another ? one : another;
        struct tensor count = own.count;
        if (!same_counted(own, other) || (!is_counted(own) && one != another))
            count = tensor_where(condition, true_extent(a, own), true_extent(b, other));
        if (is_given(count))
            count_along(&counts, (struct counted){count, i});
        a = one < most ? reach_of_axis(a, i, 0, most) : a;
        b = another < most ? reach_of_axis(b, i, 0, most) : b;
    }
    return counted(importer, a.node == b.node ? a : tensor_where(condition, a, b), &counts);
}

void call_counts_output(struct call *call, int index, int axis, struct tensor count) {
    if (index < call->output_count && count.node)
        count_along(&call->output_counted[index], (struct counted){count, axis});
}

struct counted call_counted(const struct call *call, int index) {
    const struct axis_counts *own = index < call->input_count ? &call->input_counted[index] : NULL;
    return own && own->count ? own->list[0] : (struct counted){NO_TENSOR, 0};
}

struct axis_counts call_counts(const struct call *call, int index) {
    return index < call->input_count ? call->input_counted[index] : (struct axis_counts){0};
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

struct tensor filled_behind_all(struct tensor x, const struct axis_counts *counts, enum fill fill) {
    for (int i = 0; i < counts->count; i++)
        x = filled_behind(x, counts->list[i], fill);
    return x;
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
        call->input_counted[i] = counts_of(call->importer, call->inputs[i]);
        any |= call->input_counted[i].count > 0;
    }
    return any;
}

/* The rule about each counted axis of input 0 in turn; what it makes of the inputs for one, it
 * finds when it is asked about the next. */
static struct tensor build_each(struct call *call, count_rule *rule) {
    struct axis_counts all = call->input_counted[0];
    struct tensor y = NO_TENSOR;
    for (int i = 0; i < all.count; i++) {
        call->input_counted[0] = (struct axis_counts){1, {all.list[i]}};
        y = rule(call);
        if (!y.node)
            return y;
    }
    return y;
}

struct tensor build_counted(struct call *call) {
    const struct counted_op *op = counted_op_find(call->op->domain, call->op->name);
    if (!op)
        return call_refuse(call, "of a tensor whose extent depends on the data");
    for (int i = 0; i < call->input_count && op->axes != RULE_ALL; i++)
        if (call->input_counted[i].count > 1 && (i > 0 || op->axes == RULE_ONE))
            return call_refuse(call, "of a tensor of which several extents depend on the data");
    bool many = op->axes == RULE_EACH && call->input_counted[0].count > 1;
    return many ? build_each(call, op->rule) : op->rule(call);
}

/* Nodes that are known may be those of other tensors, too. */
void keep_counts(struct call *call) {
    for (int i = 0; i < call->output_count; i++) {
        const struct axis_counts *counts = &call->output_counted[i];
        if (counts->count && known_elements(call->importer, call->outputs[i]))
            call->outputs[i] = filled_behind_all(call->outputs[i], counts, FILL_ZERO);
        counted(call->importer, call->outputs[i], counts);
    }
}
