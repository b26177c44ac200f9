/* Graphs of version 1 of the stored form, in the words of today's.
 *
 * In version 1 max and min gave `a` where either operand was NaN, reductions passed over NaN, and
 * so did argmax and argmin; casts to 16-bit floats went through float32. Said exactly:
 *
 *   max(a, b)      where(lt(a, b), b, a)            unless b is certainly no NaN
 *   min(a, b)      where(lt(b, a), b, a)
 *   reduce_max(x)  reduce_max(where(ne(x, x), -inf, x))        unless x is certainly no NaN
 *   argmax(x)      argmax(where(ne(x, x), -inf, x))
 *   reduce_min(x), argmin(x)    the same with +inf
 *   cast(x) to 16 bits          cast(cast(x) to float32), where float32 may round x
 *
 * An element that is the least value never was better than what a lane began with, nor is it now:
 * it gives the result and the position that a NaN gave. */
#include "compiler/store/store.h"

#include <math.h>
#include <string.h>

static struct graph *translate(const struct graph *graph, struct et_error *error);

enum { DEEPEST = 16 }; /* that a source is looked into */

static bool are_numbers(const struct node *node) {
    const float *narrow = node->value;
    const double *wide = node->value;
    for (int64_t i = 0; i < node->value_count; i++)
        if (node->dtype == DTYPE_FLOAT32 ? isnan(narrow[i]) : isnan(wide[i]))
            return false;
    return true;
}

/* Whether no element can be NaN, as far as a constant, or a number that was an integer, tells. */
static bool is_number(const struct node *node) {
    for (int depth = 0; depth < DEEPEST; depth++) {
        if (!dtype_is_real(node->dtype) || node_elements(node) == 0)
            return true;
        if (node->op == OP_CONST)
            return are_numbers(node);
        if (node->op == OP_CAST)
            return dtype_is_integer(node->sources[0]->dtype);
        if (op_facts[node->op].class != CLASS_MOVEMENT ||
            (node->op == OP_PAD && !are_numbers(node)))
            return false;
        node = node->sources[0];
    }
    return false;
}

static struct node *append(struct graph *graph, enum op op, int count, struct node *const *sources,
                           struct et_error *error) {
    struct node *own[3];
    for (int i = 0; i < count; i++) {
        if (!sources[i])
            return NULL;
        own[i] = sources[i];
    }
    return graph_append(graph, &(struct node){.op = op, .source_count = count, .sources = own},
                        error);
}

/* A number as often as `like` has elements. */
static struct node *filled_like(struct graph *graph, struct node *like, float number,
                                struct et_error *error) {
    double wide = (double)number;
    struct node one = {.op = OP_CONST,
                       .dtype = like->dtype,
                       .rank = like->rank,
                       .value = like->dtype == DTYPE_FLOAT32 ? (void *)&number : (void *)&wide,
                       .value_count = 1};
    for (int i = 0; i < one.rank; i++)
        one.shape[i] = 1;
    struct node *source = graph_append(graph, &one, error);
    struct node repeated = {.op = OP_EXPAND,
                            .source_count = 1,
                            .sources = &source,
                            .rank = like->rank,
                            .batched = like->batched};
    memcpy(repeated.shape, like->shape, sizeof repeated.shape);
    return source ? graph_append(graph, &repeated, error) : NULL;
}

static struct node *append_choice(struct graph *graph, const struct node *node,
                                  struct et_error *error) {
    struct node *a = node->sources[0], *b = node->sources[1];
    bool greater = node->op == OP_MAX;
    struct node *better =
        append(graph, OP_LT, 2, (struct node *const[]){greater ? a : b, greater ? b : a}, error);
    return append(graph, OP_WHERE, 3, (struct node *const[]){better, b, a}, error);
}

/* The node, after NaN has become what no element is worse than. */
static struct node *append_reduction(struct graph *graph, struct node *node,
                                     struct et_error *error) {
    struct node *x = node->sources[0];
    bool greatest = node->op == OP_REDUCE_MAX || node->op == OP_ARGMAX;
    struct node *is_nan = append(graph, OP_NE, 2, (struct node *const[]){x, x}, error);
    struct node *worst =
        is_nan ? filled_like(graph, x, greatest ? -INFINITY : INFINITY, error) : NULL;
    struct node *numbers =
        append(graph, OP_WHERE, 3, (struct node *const[]){is_nan, worst, x}, error);
    node->sources[0] = numbers;
    return numbers ? graph_append(graph, node, error) : NULL;
}

/* Whether float32 does not have all numbers of the type. */
static bool is_finer(enum dtype dtype) {
    return dtype != DTYPE_FLOAT32 && dtype_bytes(dtype) >= dtype_bytes(DTYPE_FLOAT32);
}

static struct node *append_cast(struct graph *graph, struct node *node, struct et_error *error) {
    struct node narrow = *node;
    narrow.dtype = DTYPE_FLOAT32;
    struct node *rounded = graph_append(graph, &narrow, error);
    node->sources[0] = rounded;
    return rounded ? graph_append(graph, node, error) : NULL;
}

static struct node *append_scan(struct graph *graph, struct node *node, struct et_error *error) {
    struct graph *body = translate(node->body, error);
    node->body = body;
    struct node *appended = body ? graph_append(graph, node, error) : NULL;
    graph_free(body); /* the graph has a copy */
    return appended;
}

/* What becomes of a node whose sources are the new graph's. */
static struct node *append_node(struct graph *graph, struct node *node, struct et_error *error) {
    switch (node->op) {
    case OP_MAX:
    case OP_MIN:
        if (!is_number(node->sources[1]))
            return append_choice(graph, node, error);
        break;
    case OP_REDUCE_MAX:
    case OP_REDUCE_MIN:
    case OP_ARGMAX:
    case OP_ARGMIN:
        if (!is_number(node->sources[0]))
            return append_reduction(graph, node, error);
        break;
    case OP_CAST:
        if (dtype_facts[node->dtype].letter == 'S' && is_finer(node->sources[0]->dtype))
            return append_cast(graph, node, error);
        break;
    case OP_SCAN:
        return append_scan(graph, node, error);
    default:
        break;
    }
    return graph_append(graph, node, error);
}

static bool append_translated(struct graph *graph, struct node *node, const void *context,
                              struct et_error *error) {
    (void)context;
    int id = node->id;
    return append_node(graph, node, error) ||
           et_fail_within(error, "node %d, as version 1 has it", id);
}

static struct graph *translate(const struct graph *graph, struct et_error *error) {
    return graph_remade(graph, append_translated, NULL, error);
}

bool graph_from_version_1(struct graph **graph, struct et_error *error) {
    struct graph *made = translate(*graph, error);
    if (!made)
        return false;
    graph_free(*graph);
    *graph = made;
    return true;
}
