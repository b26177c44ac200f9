/* Scans with random bodies: some nodes over the state, slices and what is captured. */
#include "tests/support/random_graph.h"

#include <stdio.h>
#include <string.h>

enum { MOST_STEPS = 6, MOST_SCANNED = 2, MOST_CAPTURED = 2, MOST_DEPTH = 2 };

/* ---- Sources ---- */

/* The shape with the steps at the axis. */
static void with_steps(int axis, int64_t steps, int rank, const int64_t *slice, int64_t *shape) {
    for (int i = 0; i <= rank; i++)
        shape[i] = i < axis ? slice[i] : i == axis ? steps : slice[i - 1];
}

/* A leaf, or an earlier node once for each step. */
static struct node *scanned_source(struct generator *generator, int axis, int64_t steps) {
    int64_t slice[MAX_RANK], shape[MAX_RANK];
    struct node *node = find_node(generator, "FIBS");
    if (generator_chance(generator, 40) && node->rank >= axis && node->rank < 6 &&
        node_elements(node) * steps <= generator->most_elements) {
        with_steps(axis, 1, node->rank, node->shape, shape);
        struct node *one = append_reshape(generator, node, node->rank + 1, shape);
        shape[axis] = steps;
        return append_expand(generator, one, shape);
    }
    int64_t most = generator->most_elements / (steps ? steps : 1);
    int rank = pick_shape(generator, axis, axis + 2, most ? most : 1, slice);
    empty_some_axes(generator, rank, slice);
    with_steps(axis, steps, rank, slice, shape);
    return append_leaf(generator, pick_dtype(generator, "FIBS"), rank + 1, shape);
}

/* ---- Bodies ---- */

static struct node *body_input(struct generator *generator, const struct node *source, int removed,
                               int number) {
    static const char *const names[] = {"state", "x", "step", "weights", "arena", "inputs", "h"};
    char name[32];
    struct node input = {.op = OP_INPUT, .dtype = source->dtype, .name = name};
    snprintf(name, sizeof name, "%s%d", generator_pick(generator, names), number);
    for (int i = 0; i < source->rank; i++)
        if (i != removed)
            input.shape[input.rank++] = source->shape[i];
    return append(generator, &input);
}

static void random_steps(struct generator *generator) {
    for (int64_t i = generator_between(generator, 1, 6); i > 0; i--) {
        enum op op = (enum op)generator_between(generator, 0, OP_STORED_COUNT - 1);
        if (op == OP_SCAN && generator->depth >= MOST_DEPTH)
            op = OP_ADD;
        append_step(generator, op);
    }
}

/* The last axis of the state times a square matrix, and perhaps a function of that. */
static struct node *recurrent_product(struct generator *generator, struct node *state,
                                      struct node *matrix) {
    int64_t shape[MAX_RANK];
    int rank = state->rank;
    memcpy(shape, state->shape, sizeof shape);
    shape[rank] = 1;
    struct node *rows = append_reshape(generator, state, rank + 1, shape);
    shape[rank] = state->shape[rank - 1];
    rows = append_expand(generator, rows, shape);
    int64_t ones[MAX_RANK];
    for (int i = 0; i < rank - 1; i++)
        ones[i] = 1;
    ones[rank - 1] = ones[rank] = state->shape[rank - 1];
    struct node *columns = append_reshape(generator, matrix, rank + 1, ones);
    columns = append_expand(generator, columns, shape);
    struct node *product = append_contract(generator, rows, columns, 1, (int[]){rank - 1});
    return generator_chance(generator, 70) ? append_unary(generator, OP_TANH, product) : product;
}

static struct node *next_state(struct generator *generator, struct node *state,
                               struct node *matrix) {
    struct graph *body = generator->graph;
    random_steps(generator);
    if (matrix) {
        struct node *product = recurrent_product(generator, state, matrix);
        return append_binary(generator, OP_ADD, product, find_operand(generator, state));
    }
    struct node *last = body->nodes[body->node_count - 1];
    if (node_elements(last) != node_elements(state) || generator_chance(generator, 30))
        return find_operand(generator, state);
    if (last->dtype != state->dtype)
        last = append_cast(generator, last, state->dtype);
    return append_reshape(generator, last, state->rank, state->shape);
}

/* A bool that often changes from step to step: two elements compared. */
static struct node *another_step(struct generator *generator) {
    struct node *a = find_node(generator, "FI"), *pair[2] = {a, find_operand(generator, a)};
    int64_t begin[MAX_RANK] = {0}, end[MAX_RANK] = {0};
    if (node_elements(a) == 0)
        return append_leaf(generator, DTYPE_BOOL, 0, begin);
    for (int i = 0; i < a->rank; i++)
        end[i] = (begin[i] = generator_between(generator, 0, a->shape[i] - 1)) + 1;
    for (int i = 0; i < 2; i++)
        pair[i] =
            append_reshape(generator, append_shrink(generator, pair[i], begin, end), 0, begin);
    return append_binary(generator, generator_chance(generator, 50) ? OP_LT : OP_NE, pair[0],
                         pair[1]);
}

/* `scan` has all but its body; the last source is a square matrix for the state if `squares`. */
static struct graph *random_body(struct generator *outer, const struct node *scan, bool squares) {
    struct generator inner = {.graph = graph_new("body"),
                              .random = outer->random,
                              .seed = outer->seed,
                              .most_elements =
                                  outer->most_elements < 512 ? outer->most_elements : 512,
                              .empties = outer->empties,
                              .depth = outer->depth + 1,
                              .error = outer->error};
    if (!inner.graph || setjmp(inner.escape)) {
        graph_free(inner.graph);
        return NULL;
    }
    struct node *state = NULL, *input = NULL;
    for (int i = 0; i < scan->source_count; i++) {
        bool scanned = i >= 1 && i <= scan->scanned;
        input = body_input(&inner, scan->sources[i], scanned ? scan->axis : -1, i);
        state = i ? state : input;
    }
    struct node *next = next_state(&inner, state, squares ? input : NULL);
    bool good = graph_add_output(inner.graph, "state", next, inner.error);
    if (generator_chance(&inner, 30))
        good = good && graph_add_output(inner.graph, "goes_on", another_step(&inner), inner.error);
    if (!good)
        longjmp(inner.escape, 1);
    outer->random = inner.random;
    return inner.graph;
}

/* ---- The scan ---- */

void step_scan(struct generator *generator) {
    struct node *initial = find_node(generator, "FIBS");
    int axis = (int)generator_between(generator, 0, initial->rank);
    int64_t steps = generator_between(generator, generator->empties ? 0 : 1, MOST_STEPS);
    struct node *sources[2 + MOST_SCANNED + MOST_CAPTURED] = {initial};
    struct node scan = {.op = OP_SCAN, .axis = axis, .source_count = 1, .sources = sources};
    if (generator->depth >= MOST_DEPTH || node_elements(initial) * steps > generator->most_elements)
        return;
    scan.scanned = (int)generator_between(generator, 1, MOST_SCANNED);
    for (int i = 0; i < scan.scanned; i++)
        sources[scan.source_count++] = scanned_source(generator, axis, steps);
    for (int64_t i = generator_between(generator, 0, MOST_CAPTURED); i > 0; i--)
        sources[scan.source_count++] = find_node(generator, "FIBS");
    int64_t side = initial->rank ? initial->shape[initial->rank - 1] : 0;
    bool squares = initial->dtype == DTYPE_FLOAT32 && side > 0 && side <= 64 && initial->rank < 5 &&
                   generator_chance(generator, 60);
    if (squares)
        sources[scan.source_count++] =
            append_leaf(generator, DTYPE_FLOAT32, 2, (int64_t[]){side, side});
    scan.last = steps > 0 && generator_chance(generator, 25);
    struct graph *body = random_body(generator, &scan, squares);
    if (!body)
        longjmp(generator->escape, 1);
    scan.body = body;
    struct node *made = graph_append(generator->graph, &scan, generator->error);
    graph_free(body);
    if (!made)
        longjmp(generator->escape, 1);
}
