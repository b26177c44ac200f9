#include "compiler/graph/graph.h"
#include "compiler/graph/reals.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IS_INTEGER(letter) ((letter) == 'I' || (letter) == 'B')
const struct dtype_facts dtype_facts[DTYPE_COUNT] = {
#define DTYPE(id, name_, c, u, ones, safetensors_, npy_, letter_, short_, protocol_)               \
    {.name = #name_,                                                                               \
     .safetensors = safetensors_,                                                                  \
     .npy = npy_,                                                                                  \
     .c_type = #c,                                                                                 \
     .short_name = #short_,                                                                        \
     .protocol = protocol_,                                                                        \
     .bytes = sizeof(c),                                                                           \
     .letter = letter_,                                                                            \
     .least = IS_INTEGER(letter_) ? DTYPE_LEAST(c, ones) : 0,                                      \
     .greatest = IS_INTEGER(letter_) ? DTYPE_GREATEST(c, ones) : 0},
#include "compiler/graph/dtypes.def"
#undef DTYPE
};

bool dtype_from_name(const char *name, enum dtype *dtype) {
    for (int i = 0; i < DTYPE_COUNT; i++) {
        if (strcmp(dtype_facts[i].name, name) == 0) {
            *dtype = (enum dtype)i;
            return true;
        }
    }
    return false;
}

bool dtype_is_integer(enum dtype dtype) {
    return dtype_facts[dtype].greatest > 0;
}

bool dtype_is_real(enum dtype dtype) {
    return dtype_facts[dtype].letter == 'F';
}

bool dtype_widens(enum dtype from, enum dtype to) {
    return to == DTYPE_FLOAT32 ? from == DTYPE_FLOAT16 || from == DTYPE_BFLOAT16
                               : to == DTYPE_INT32 && (from == DTYPE_UINT8 || from == DTYPE_INT8);
}

struct integer_text integer_text(enum dtype dtype, uint64_t bits) {
    struct integer_text out;
    int unused = 64 - 8 * (int)dtype_facts[dtype].bytes;
    if (dtype_facts[dtype].least < 0)
        snprintf(out.text, sizeof out.text, "%" PRId64, (int64_t)(bits << unused) >> unused);
    else
        snprintf(out.text, sizeof out.text, "%" PRIu64, bits << unused >> unused);
    return out;
}

#define TEXT(form) #form
#define EXPANDED(form) TEXT(form)
#define MANY SOURCES_MANY
#define REAL(narrow, wide) narrow
const struct op_facts op_facts[OP_COUNT] = {
#define OP(id, name_, class_, sources_, accepts_, gives_, cost_, infix_, float_, integer_,         \
           meaning_)                                                                               \
    {.name = #name_,                                                                               \
     .class = CLASS_##class_,                                                                      \
     .sources = sources_,                                                                          \
     .accepts = accepts_,                                                                          \
     .gives = GIVES_##gives_,                                                                      \
     .cost = COST_##cost_,                                                                         \
     .infix = infix_,                                                                              \
     .float_form = EXPANDED(float_),                                                               \
     .integer_form = #integer_,                                                                    \
     .meaning = meaning_},
#include "compiler/graph/ops.def"
#undef OP
};
#undef MANY
#undef REAL

#define REAL(narrow, wide) wide
static const char *const double_forms[OP_COUNT] = {
#define OP(id, name, class, sources, accepts, gives, cost, infix, float_form, integer_form,        \
           meaning)                                                                                \
    EXPANDED(float_form),
#include "compiler/graph/ops.def"
#undef OP
};
#undef REAL

const char *op_form(enum op op, enum dtype dtype) {
    return dtype_is_integer(dtype)  ? op_facts[op].integer_form
           : dtype == DTYPE_FLOAT64 ? double_forms[op]
                                    : op_facts[op].float_form;
}

bool op_from_name(const char *name, enum op *op) {
    for (int i = 0; i < OP_COUNT; i++) {
        if (strcmp(op_facts[i].name, name) == 0) {
            *op = (enum op)i;
            return true;
        }
    }
    return false;
}

bool op_accepts(enum op op, enum dtype dtype) {
    return strchr(op_facts[op].accepts, dtype_facts[dtype].letter) != NULL;
}

struct graph *graph_new(const char *name) {
    struct graph *graph = et_allocate(1, sizeof *graph);
    if (!graph)
        return NULL;
    graph->name = arena_copy_text(&graph->arena, name);
    if (!graph->name) {
        graph_free(graph);
        return NULL;
    }
    return graph;
}

void graph_free(struct graph *graph) {
    if (!graph)
        return;
    for (int i = 0; i < graph->body_count; i++)
        graph_free(graph->bodies[i]);
    arena_free(&graph->arena);
    et_release(graph);
}

static struct node *copy_node(struct graph *graph, const struct node *prototype) {
    struct node *node = arena_new(&graph->arena, struct node);
    if (!node)
        return NULL;
    *node = *prototype;
    node->id = graph->node_count;
    if (prototype->name && !(node->name = arena_copy_text(&graph->arena, prototype->name)))
        return NULL;
    if (prototype->source_count > 0) {
        node->sources = arena_array(&graph->arena, struct node *, (size_t)prototype->source_count);
        if (!node->sources)
            return NULL;
        memcpy(node->sources, prototype->sources,
               (size_t)prototype->source_count * sizeof *node->sources);
    }
    if (prototype->value && prototype->op != OP_WEIGHT) {
        size_t bytes = (size_t)prototype->value_count * dtype_facts[node->dtype].bytes;
        void *value = arena_allocate(&graph->arena, bytes, 1);
        if (!value)
            return NULL;
        memcpy(value, prototype->value, bytes);
        node->value = value;
    }
    return node;
}

/* The node's body becomes a copy that the graph owns. */
static bool take_body(struct graph *graph, struct node *node, struct et_error *error) {
    struct graph **bodies = arena_extend(&graph->arena, graph->bodies, graph->body_count,
                                         &graph->body_capacity, sizeof *bodies);
    if (!bodies)
        return et_fail(error, "out of memory");
    graph->bodies = bodies;
    struct graph *body = graph_copy(node->body, error);
    if (!body)
        return false;
    bodies[graph->body_count++] = body;
    node->body = body;
    if (graph->scan_depth < body->scan_depth + 1)
        graph->scan_depth = body->scan_depth + 1;
    return true;
}

static bool register_input(struct graph *graph, struct node *node, struct et_error *error) {
    if (graph_find_input(graph, node->name))
        return et_fail(error, "input: the name \"%s\" is taken", node->name);
    /* Inputs are few: the array is remade for each. */
    struct node **inputs =
        arena_array(&graph->arena, struct node *, (size_t)graph->input_count + 1);
    if (!inputs)
        return et_fail(error, "out of memory");
    if (graph->input_count)
        memcpy(inputs, graph->inputs, (size_t)graph->input_count * sizeof *inputs);
    inputs[graph->input_count++] = node;
    graph->inputs = inputs;
    graph->batched |= node->batched;
    return true;
}

struct node *graph_append(struct graph *graph, const struct node *prototype,
                          struct et_error *error) {
    if (graph->node_count >= MAX_NODES) {
        et_fail(error, "more than %d nodes", MAX_NODES);
        return NULL;
    }
    struct node checked = *prototype;
    bool stated = checked.op == OP_EXPAND || checked.op == OP_CONST;
    checked.batched |= stated && graph->batched && checked.rank && checked.shape[0] == BATCH_EXTENT;
    if (!infer(&checked, error))
        return NULL;
    struct node *node = copy_node(graph, &checked);
    struct node **nodes = arena_extend(&graph->arena, graph->nodes, graph->node_count,
                                       &graph->node_capacity, sizeof *nodes);
    if (!node || !nodes) {
        et_fail(error, "out of memory");
        return NULL;
    }
    if (node->op == OP_INPUT && !register_input(graph, node, error))
        return NULL;
    if (node->op == OP_SCAN && !take_body(graph, node, error))
        return NULL;
    graph->nodes = nodes;
    graph->nodes[graph->node_count++] = node;
    return node;
}

bool graph_add_output(struct graph *graph, const char *name, struct node *node,
                      struct et_error *error) {
    if (!name[0] || strlen(name) > MAX_NAME)
        return et_fail(error, "output: expected a name of 1 to %d bytes", MAX_NAME);
    for (int i = 0; i < graph->output_count; i++)
        if (strcmp(graph->outputs[i].name, name) == 0)
            return et_fail(error, "output: the name \"%s\" is taken", name);
    struct output *outputs =
        arena_array(&graph->arena, struct output, (size_t)graph->output_count + 1);
    char *copy = arena_copy_text(&graph->arena, name);
    if (!outputs || !copy)
        return et_fail(error, "out of memory");
    if (graph->output_count)
        memcpy(outputs, graph->outputs, (size_t)graph->output_count * sizeof *outputs);
    outputs[graph->output_count++] = (struct output){.name = copy, .node = node};
    graph->outputs = outputs;
    return true;
}

bool graph_add_output_again(struct graph *graph, const struct output *output, struct node *node,
                            struct et_error *error) {
    if (!graph_add_output(graph, output->name, node, error))
        return false;
    struct output *added = &graph->outputs[graph->output_count - 1];
    added->counted_axis = output->counted_axis;
    added->count = output->count;
    added->scaling = output->scaling;
    return true;
}

bool graph_count_output(struct graph *graph, int index, int axis, int count,
                        struct et_error *error) {
    struct output counted = graph->outputs[index];
    counted.counted_axis = axis;
    counted.count = count + 1;
    if (!verify_count(graph, &counted, error))
        return false;
    graph->outputs[index] = counted;
    return true;
}

bool graph_output_counts(const struct graph *graph, int index) {
    for (int i = 0; i < graph->output_count; i++)
        if (graph->outputs[i].count == index + 1)
            return true;
    return false;
}

struct node *graph_find_input(const struct graph *graph, const char *name) {
    for (int i = 0; i < graph->input_count; i++)
        if (strcmp(graph->inputs[i]->name, name) == 0)
            return graph->inputs[i];
    return NULL;
}

bool node_widens(const struct node *node) {
    return node->op == OP_CAST && dtype_widens(node->sources[0]->dtype, node->dtype);
}

int64_t node_elements(const struct node *node) {
    int64_t elements = 1;
    for (int i = 0; i < node->rank; i++)
        elements *= node->shape[i];
    return elements;
}

int64_t node_bytes(const struct node *node) {
    return node_elements(node) * (int64_t)dtype_facts[node->dtype].bytes;
}

bool elements_fit(int rank, const int64_t *shape) {
    int64_t elements = 1;
    for (int i = 0; i < rank; i++)
        if (!checked_multiply(elements, shape[i] ? shape[i] : 1, &elements) ||
            elements > MAX_ELEMENTS)
            return false;
    return true;
}

int64_t image_elements(const struct node *node) {
    return node_elements(node) / (node->batched ? BATCH_EXTENT : 1);
}

int64_t image_bytes(const struct node *node) {
    return node_bytes(node) / (node->batched ? BATCH_EXTENT : 1);
}

struct shape_text shape_text(const struct node *node) {
    struct shape_text shape;
    int used = snprintf(shape.text, sizeof shape.text, "%s[%s", dtype_facts[node->dtype].name,
                        node->batched ? BATCH_SYMBOL : "");
    for (int i = node->batched; i < node->rank; i++)
        used += snprintf(shape.text + used, sizeof shape.text - (size_t)used, "%s%" PRId64,
                         i ? "," : "", node->shape[i]);
    snprintf(shape.text + used, sizeof shape.text - (size_t)used, "]");
    return shape;
}

void row_major_strides(int rank, const int64_t *shape, int64_t *strides) {
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape[i];
    }
}
