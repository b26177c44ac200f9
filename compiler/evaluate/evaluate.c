#include "compiler/evaluate/evaluate.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The elements that a const or weight brings along. */
static bool view_of_leaf(const struct node *node, struct view *result, void **buffer,
                         struct et_error *error) {
    if (!node->value)
        return et_fail(error, "%s \"%s\": no elements were loaded", op_facts[node->op].name,
                       node->name ? node->name : "");
    *result = view_contiguous(node, node->value);
    if (node->op == OP_CONST && node->value_count == 1)
        memset(result->stride, 0, sizeof result->stride);
    if (view_is_aligned(result) || (*buffer = view_align(result)) != NULL)
        return true;
    return et_fail(error, "%s: out of memory", op_facts[node->op].name);
}

/* False: an error, which only a scan and a sort can have. */
static bool evaluate_class(const struct node *node, const struct view *sources, struct stop *stop,
                           const struct view *result, struct et_error *error) {
    switch (op_facts[node->op].class) {
    case CLASS_LEAF:
    case CLASS_MOVEMENT:
    case CLASS_JOIN:
        evaluate_movement(node, sources, stop, result);
        return true;
    case CLASS_UNARY:
    case CLASS_BINARY:
    case CLASS_TERNARY:
        evaluate_elementwise(node, sources, stop, result);
        return true;
    case CLASS_CONVERT:
        evaluate_convert(node, sources, stop, result);
        return true;
    case CLASS_REDUCE:
        evaluate_reduce(node, sources, stop, result);
        return true;
    case CLASS_CONTRACT:
        evaluate_contract(node, sources, stop, result);
        return true;
    case CLASS_SORT:
        return evaluate_argsort(node, sources, stop, result, error);
    case CLASS_SCATTER:
        evaluate_scatter(node, sources, stop, result);
        return true;
    case CLASS_SCAN:
        return evaluate_scan(evaluate, node, sources, stop, result, error);
    }
    unreachable();
}

bool evaluate(const struct node *node, const struct view *sources, struct stop *stop,
              struct view *result, void **buffer, struct et_error *error) {
    *buffer = NULL;
    if (node->op == OP_INPUT)
        unreachable();
    if (node->op == OP_CONST || node->op == OP_WEIGHT)
        return view_of_leaf(node, result, buffer, error);
    if (op_facts[node->op].class == CLASS_MOVEMENT && view_move(node, sources, result))
        return true;
    int64_t bytes = node_bytes(node);
    if (bytes > MAX_RESULT_BYTES)
        return et_fail(error, "%s: %" PRId64 " bytes for %s, expected at most %" PRId64,
                       op_facts[node->op].name, bytes, shape_text(node).text, MAX_RESULT_BYTES);
    *buffer = et_allocate_aligned((size_t)bytes);
    if (!*buffer)
        return et_fail(error, "%s: out of memory for %" PRId64 " bytes", op_facts[node->op].name,
                       bytes);
    *result = view_contiguous(node, *buffer);
    bool good = bytes == 0 || evaluate_class(node, sources, stop, result, error);
    if (good && !stop_passed(stop))
        return true;
    et_release(*buffer);
    *buffer = NULL;
    return good ? et_fail(error, "%s: ended early", op_facts[node->op].name)
                : et_fail_within(error, "%s", op_facts[node->op].name);
}

/* As many as it takes to evaluate a node of one element. */
enum { STEPS_OF_A_NODE = 100 };

static double scan_steps(const struct node *scan) {
    double steps = 0;
    for (int i = 0; i < scan->body->node_count; i++)
        steps += STEPS_OF_A_NODE + evaluation_steps(scan->body->nodes[i]);
    return steps * (double)scan_step_count(scan);
}

double evaluation_steps(const struct node *node) {
    enum op_class class = op_facts[node->op].class;
    double steps = (double)node_elements(node);
    if (class == CLASS_SCAN)
        return scan_steps(node);
    if (class == CLASS_SORT)
        steps *= 1 + log2((double)node->shape[node->axis] + 1);
    if (class == CLASS_SCATTER)
        steps += (double)node_elements(node->sources[2]);
    for (int i = 0; (class == CLASS_REDUCE || class == CLASS_CONTRACT) && i < node->axis_count; i++)
        steps *= (double)node->sources[0]->shape[node->axes[i]];
    return steps;
}

void separate_axes(const struct node *node, const struct view *source, struct view *named,
                   struct view *others) {
    bool is_named[MAX_RANK] = {false};
    *named = *others = *source;
    named->rank = others->rank = 0;
    for (int i = 0; i < node->axis_count; i++) {
        is_named[node->axes[i]] = true;
        named->shape[named->rank] = source->shape[node->axes[i]];
        named->stride[named->rank++] = source->stride[node->axes[i]];
    }
    for (int i = 0; i < source->rank; i++) {
        if (is_named[i])
            continue;
        others->shape[others->rank] = source->shape[i];
        others->stride[others->rank++] = source->stride[i];
    }
}
