/* Simplification of a graph before it is lowered.
 *
 *   - What depends on constants only is computed now, with the evaluator that the interpreter uses,
 *     unless the result would be larger than what it came from (float32 made of 16-bit floats: and
 *     than 1 MiB), or all that takes more steps than the elements that the graph holds give reason
 *     for.
 *   - Tensors without elements become empty constants, and what is made of them alone constants
 *     that are the same everywhere. So nothing reads a tensor without elements: only inputs and
 *     outputs are left of them.
 *   - Identities that hold for every bit pattern: x * 1, x / 1, x - 0, x + -0, a cast to its own
 *     dtype, --x, not not x, rounding of what has no fractions.
 *   - Contractions of 8-bit integers less their zero points are said as such (narrow.c).
 *   - Equal nodes become one; nodes that no output needs are dropped (copy_graph.c). */
#include "compiler/evaluate/evaluate.h"
#include "compiler/graph/copy_graph.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/narrow.h"

#include <string.h>

enum {
    ALWAYS_FOLD_STEPS = 1 << 26, /* of all nodes together */
    FOLD_STEPS_OF_BYTE = 16,     /* more of them, for each byte of the graph's weights */
};

/* ---- Tensors without elements ---- */

/* What a node gives, everywhere, whose first source has no elements. */
static bool element_of_nothing(const struct simplifying *simplifying, const struct node *node,
                               uint64_t *element) {
    size_t bytes = dtype_facts[node->dtype].bytes;
    *element = 0; /* of contract, gather, and where nothing is computed */
    if (node->op == OP_PAD && node->value)
        memcpy(element, node->value, bytes);
    if (op_facts[node->op].class != CLASS_REDUCE || node_elements(node) == 0)
        return true;
    struct node one = *node;
    struct view nothing = {.data = element, .dtype = node->sources[0]->dtype, .rank = 1}, result;
    void *buffer;
    one.rank = 0;
    one.axis_count = 1;
    one.axes[0] = 0;
    if (!evaluate(&one, &nothing, NULL, &result, &buffer, simplifying->error))
        return false;
    memcpy(element, result.data, bytes);
    et_release(buffer);
    return true;
}

/* Leaves out the sources of a concat that have no elements. */
static void drop_empty_sources(struct node *node) {
    int kept = 0;
    for (int i = 0; i < node->source_count; i++)
        if (node_elements(node->sources[i]) > 0)
            node->sources[kept++] = node->sources[i];
    node->source_count = kept;
}

/* *made stays NULL where the node and its sources have elements. */
static bool replace_empty(struct simplifying *simplifying, struct node *node, struct node **made) {
    bool empty = node_elements(node) == 0 && node->op != OP_INPUT;
    if (!empty && node->op == OP_CONCAT) {
        int count = node->source_count;
        drop_empty_sources(node);
        *made = node->source_count < count && node->source_count == 1 ? node->sources[0] : NULL;
        return true;
    }
    if (!empty && (node->source_count == 0 || node_elements(node->sources[0]) > 0))
        return true;
    uint64_t element;
    if (!element_of_nothing(simplifying, node, &element))
        return false;
    struct node same = {.op = OP_CONST,
                        .dtype = node->dtype,
                        .rank = node->rank,
                        .batched = node->batched,
                        .origin = node->origin,
                        .value = &element,
                        .value_count = 1};
    memcpy(same.shape, node->shape, sizeof same.shape);
    *made = simplify_make(simplifying, &same);
    return *made != NULL;
}

/* ---- The pass ---- */

static bool simplify_node(struct simplifying *simplifying, const struct node *old) {
    struct node *sources[MAX_SOURCES], node = *old;
    for (int i = 0; i < old->source_count; i++)
        sources[i] = simplifying->made[old->sources[i]->id];
    node.sources = sources;
    node.origin = old->id;
    struct node *made = NULL;
    if (!replace_empty(simplifying, &node, &made))
        return false;
    if (!made && (!narrow_contraction(simplifying, &node, &made) ||
                  !narrow_addition(simplifying, &node, &made)))
        return false;
    if (!made)
        made = simplify_make(simplifying, &node);
    simplifying->made[old->id] = made;
    return made != NULL;
}

static bool simplify_nodes(struct simplifying *simplifying, const struct graph *graph) {
    size_t count = (size_t)graph->node_count;
    simplifying->made = et_allocate(count, sizeof *simplifying->made);
    if (!simplifying->made)
        return et_fail(simplifying->error, "out of memory");
    simplifying->steps_left = ALWAYS_FOLD_STEPS;
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            simplifying->steps_left += FOLD_STEPS_OF_BYTE * (double)node_bytes(graph->nodes[i]);
    for (int i = 0; i < graph->node_count; i++)
        if (!simplify_node(simplifying, graph->nodes[i]))
            return et_fail_within(simplifying->error, "node %d", i);
    for (int i = 0; i < graph->output_count; i++)
        if (!graph_add_output_again(simplifying->result, &graph->outputs[i],
                                    simplifying->made[graph->outputs[i].node->id],
                                    simplifying->error))
            return false;
    return true;
}

struct graph *simplify(const struct graph *graph, const struct target *target,
                       struct graph **folded, struct et_error *error) {
    struct simplifying simplifying = {
        .result = graph_new(graph->name), .target = target, .error = error};
    struct graph *program = graph_new(graph->name);
    bool good = simplifying.result && program;
    if (!good)
        et_fail(error, "out of memory");
    good = good && simplify_nodes(&simplifying, graph) &&
           copy_graph(simplifying.result, program, simplifying.result->output_count,
                      simplifying.result->outputs, error);
    et_release(simplifying.made);
    et_release(simplifying.known);
    et_release(simplifying.origin_bytes);
    *folded = simplifying.result;
    if (good)
        return program;
    graph_free(program);
    return NULL;
}
