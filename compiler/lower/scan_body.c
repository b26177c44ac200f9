/* The body of a scan as a graph to compile: what its scan gives it that is known at compile time
 * moves into it, so that weights are packed once and not at each step. */
#include "compiler/lower/lower.h"

#include <string.h>

/* ---- What is known ---- */

enum { MOST_MOVES = 64 }; /* between a constant and the body */

/* A weight or constant, or only moved from one. */
static bool is_constant(const struct node *node) {
    for (int i = 0; i < MOST_MOVES && op_facts[node->op].class == CLASS_MOVEMENT; i++)
        node = node->sources[0];
    return op_facts[node->op].class == CLASS_LEAF && node->op != OP_INPUT;
}

/* A constant again, with the movements on the way to it. */
static struct node *copy_constant(struct graph *body, const struct node *node,
                                  struct et_error *error) {
    const struct node *moves[MOST_MOVES];
    int count = 0;
    for (; op_facts[node->op].class == CLASS_MOVEMENT; node = node->sources[0])
        moves[count++] = node;
    struct node *copy = graph_append(body, node, error);
    while (copy && count > 0) {
        struct node again = *moves[--count];
        again.sources = &copy;
        copy = graph_append(body, &again, error);
    }
    return copy;
}

/* A tensor without elements has no other value than this. */
static struct node *append_nothing(struct graph *body, const struct node *input,
                                   struct et_error *error) {
    uint64_t zero = 0;
    struct node nothing = {.op = OP_CONST,
                           .dtype = input->dtype,
                           .rank = input->rank,
                           .value = &zero,
                           .value_count = 1};
    memcpy(nothing.shape, input->shape, sizeof nothing.shape);
    return graph_append(body, &nothing, error);
}

/* What the body reads instead of an input; the input itself where it is not known. */
static struct node *known_input(const struct node *scan, int position, struct graph *body,
                                struct node *input, struct et_error *error) {
    const struct node *source = scan->sources[position];
    if (node_elements(input) == 0)
        return append_nothing(body, input, error);
    return position > scan->scanned && is_constant(source) ? copy_constant(body, source, error)
                                                           : input;
}

/* ---- The graph ---- */

static struct node *copy_node(struct graph *body, struct node *const *made, const struct node *node,
                              struct et_error *error) {
    struct node *sources[MAX_SOURCES], again = *node;
    for (int i = 0; i < node->source_count; i++)
        sources[i] = made[node->sources[i]->id];
    again.sources = sources;
    return graph_append(body, &again, error);
}

/* `made`: by the id of a node of the scan's body. */
static bool fill_body(const struct node *scan, struct graph *body, struct node **made,
                      struct et_error *error) {
    const struct graph *original = scan->body;
    int position = 0;
    for (int i = 0; i < original->node_count; i++) {
        const struct node *node = original->nodes[i];
        made[i] = copy_node(body, made, node, error);
        if (made[i] && node->op == OP_INPUT)
            made[i] = known_input(scan, position++, body, made[i], error);
        if (!made[i])
            return false;
    }
    for (int i = 0; i < original->output_count; i++) {
        const struct output *output = &original->outputs[i];
        if (!graph_add_output(body, output->name, made[output->node->id], error))
            return false;
    }
    return true;
}

struct graph *scan_body(const struct node *scan, struct et_error *error) {
    struct graph *body = graph_new(scan->body->name);
    struct node **made = et_allocate((size_t)scan->body->node_count, sizeof(struct node *));
    bool good = (body && made) || et_fail(error, "out of memory");
    good = good && fill_body(scan, body, made, error);
    et_release(made);
    if (good)
        return body;
    graph_free(body);
    return NULL;
}

/* ---- What is read ---- */

int list_body_inputs(struct ir *body, struct buffer ***inputs) {
    int count = 0, positions = body->graph->input_count;
    struct buffer **read = arena_array(body->arena, struct buffer *, (size_t)positions + 1);
    for (int g = 0; g < body->kernel_count; g++)
        for (int i = 0; i < body->kernels[g]->buffer_count; i++) {
            struct buffer *buffer = body->kernels[g]->buffers[i].buffer;
            if (buffer->kind == BUFFER_INPUT)
                read[buffer->position] = buffer;
        }
    for (int i = 0; i < positions; i++)
        if (read[i])
            read[count++] = read[i];
    *inputs = read;
    return count;
}
