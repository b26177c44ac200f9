#include "compiler/store/open_graph.h"

#include "compiler/base/json_read.h"
#include "compiler/graph/copy_graph.h"
#include "compiler/store/element.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct open_graph *open_graph_new(void) {
    return et_allocate(1, sizeof(struct open_graph));
}

void open_graph_free(struct open_graph *open) {
    if (!open)
        return;
    graph_free(open->graph);
    arena_free(&open->arena);
    et_release(open);
}

struct graph *open_graph_take(struct open_graph *open) {
    struct graph *graph = open->graph;
    open->graph = NULL;
    return graph;
}

/* ---- Places ---- */

int open_integer_count(const struct node *node, enum size_place place) {
    switch (place) {
    case PLACE_SHAPE:
        return node->rank;
    case PLACE_BEFORE:
    case PLACE_AFTER:
        return node->op == OP_PAD || node->op == OP_SHRINK ? node->rank : 0;
    case PLACE_SIZE:
    case PLACE_STRIDE:
    case PLACE_DILATION:
        return node->op == OP_WINDOW ? 1 : 0;
    case PLACE_VALUE:
        return node->op == OP_CONST && node->dtype != DTYPE_BOOL ? (int)node->value_count : 0;
    default:
        unreachable();
    }
}

/* Of all places but PLACE_VALUE. */
static int64_t *integer_at(struct node *node, enum size_place place, int index) {
    switch (place) {
    case PLACE_SHAPE:
        return &node->shape[index];
    case PLACE_BEFORE:
        return &node->before[index];
    case PLACE_AFTER:
        return &node->after[index];
    case PLACE_SIZE:
        return &node->size;
    case PLACE_STRIDE:
        return &node->stride;
    case PLACE_DILATION:
        return &node->dilation;
    default:
        unreachable();
    }
}

static int compare_places(const void *a, const void *b) {
    const struct open_integer *one = a, *other = b;
    return one->place != other->place ? (int)one->place - (int)other->place
                                      : one->index - other->index;
}

const struct size *open_integer_find(const struct open_node *node, enum size_place place,
                                     int index) {
    const struct open_integer wanted = {.place = place, .index = index}, *found = NULL;
    if (node && node->count)
        found =
            bsearch(&wanted, node->integers, (size_t)node->count, sizeof wanted, compare_places);
    return found ? found->size : NULL;
}

void open_integers_sort(struct open_node *node) {
    if (node->count)
        qsort(node->integers, (size_t)node->count, sizeof *node->integers, compare_places);
}

bool open_integers_equal(const struct open_node *a, const struct open_node *b) {
    bool same = a->count == b->count;
    for (int i = 0; same && i < a->count; i++)
        same = compare_places(&a->integers[i], &b->integers[i]) == 0 &&
               size_equal(a->integers[i].size, b->integers[i].size);
    return same;
}

int64_t open_integer_value(const struct node *node, enum size_place place, int index) {
    int64_t value = 0;
    if (place != PLACE_VALUE)
        return *integer_at((struct node *)node, place, index);
    element_to_integer(node->dtype,
                       (const char *)node->value + (size_t)index * dtype_facts[node->dtype].bytes,
                       &value);
    return value;
}

/* ---- At sizes ---- */

/* A graph, or the body of a scan, on its way from the open one. */
struct sizing {
    const int64_t *sizes;
    struct graph *plain; /* node by node */
    struct node **made;  /* what stands for each node of the open one */
    struct et_error *error;
};

/* The elements of a const get a copy; the caller releases it. */
static bool set_integer(struct node *node, const struct open_integer *integer, int64_t value,
                        char *elements, struct et_error *error) {
    size_t width = dtype_facts[node->dtype].bytes;
    if (integer->place == PLACE_VALUE)
        return element_from_integer(value, node->dtype, elements + (size_t)integer->index * width,
                                    error);
    *integer_at(node, integer->place, integer->index) = value;
    return true;
}

static bool set_integers(struct node *node, const struct open_node *open, const int64_t *sizes,
                         char *elements, struct et_error *error) {
    if (elements)
        memcpy(elements, node->value, (size_t)node->value_count * dtype_facts[node->dtype].bytes);
    for (int i = 0; i < open->count; i++) {
        int64_t value;
        if (!size_value(open->integers[i].size, sizes, &value, error) ||
            !set_integer(node, &open->integers[i], value, elements, error))
            return false;
    }
    if (elements)
        node->value = elements;
    return true;
}

static bool has_open_value(const struct open_node *open) {
    return open->count && open->integers[open->count - 1].place == PLACE_VALUE;
}

static bool same_shape(const struct node *a, const struct node *b) {
    return a->rank == b->rank && a->batched == b->batched &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* What the builder would not have added. Requires that the node's shape is inferred. */
static bool moves_nothing(const struct node *node) {
    switch (node->op) {
    case OP_RESHAPE:
    case OP_EXPAND:
    case OP_SHRINK:
    case OP_PAD:
        return same_shape(node, node->sources[0]);
    default:
        return false;
    }
}

static bool append_sized(struct sizing *sizing, struct node *node) {
    const struct node stated = *node;
    struct node *appended = graph_append(sizing->plain, node, sizing->error);
    if (!appended)
        return false;
    if (!same_shape(appended, &stated))
        return et_fail(sizing->error, "stated as %s, but its sources give %s",
                       shape_text(&stated).text, shape_text(appended).text);
    sizing->made[stated.id] = moves_nothing(appended) ? appended->sources[0] : appended;
    return true;
}

static struct graph *graph_at(const struct graph *graph, const struct open_node *nodes,
                              const int64_t *sizes, struct et_error *error);

static bool size_node(struct sizing *sizing, const struct node *original,
                      const struct open_node *open) {
    struct node *sources[MAX_SOURCES], node = *original;
    for (int i = 0; i < node.source_count; i++)
        sources[i] = sizing->made[node.sources[i]->id];
    node.sources = sources;
    char *elements = NULL;
    if (has_open_value(open) &&
        !(elements = et_allocate((size_t)node.value_count, dtype_facts[node.dtype].bytes)))
        return et_fail(sizing->error, "out of memory");
    struct graph *body = NULL;
    bool good = set_integers(&node, open, sizing->sizes, elements, sizing->error);
    if (good && node.body) {
        body = graph_at(node.body, open->body, sizing->sizes, sizing->error);
        node.body = body;
        good = body != NULL;
    }
    good = good && append_sized(sizing, &node);
    graph_free(body);
    et_release(elements);
    return good ||
           et_fail_within(sizing->error, "node %d (%s)", original->id, op_facts[original->op].name);
}

static bool order(const struct sizing *sizing, const struct graph *graph, struct graph *ordered) {
    struct output *outputs = et_allocate((size_t)graph->output_count, sizeof *outputs);
    if (!outputs)
        return et_fail(sizing->error, "out of memory");
    for (int i = 0; i < graph->output_count; i++) {
        outputs[i] = graph->outputs[i];
        outputs[i].node = sizing->made[outputs[i].node->id];
    }
    bool good = copy_graph(sizing->plain, ordered, graph->output_count, outputs, sizing->error);
    et_release(outputs);
    return good;
}

/* `nodes` NULL: it has no sizes. */
static struct graph *graph_at(const struct graph *graph, const struct open_node *nodes,
                              const int64_t *sizes, struct et_error *error) {
    static const struct open_node closed;
    struct sizing sizing = {sizes, graph_new(graph->name),
                            et_allocate((size_t)graph->node_count + 1, sizeof(struct node *)),
                            error};
    struct graph *ordered = graph_new(graph->name);
    bool good = (sizing.plain && sizing.made && ordered) || et_fail(error, "out of memory");
    for (int i = 0; good && i < graph->node_count; i++)
        good = size_node(&sizing, graph->nodes[i], nodes ? &nodes[i] : &closed);
    good = good && order(&sizing, graph, ordered);
    graph_free(sizing.plain);
    et_release(sizing.made);
    if (good) {
        ordered->stored = graph->stored;
        return ordered;
    }
    graph_free(ordered);
    return NULL;
}

/* "at batch=2 seq_len=7" */
static bool fail_at_sizes(const struct open_graph *open, const int64_t *sizes,
                          struct et_error *error) {
    struct text text = {0};
    for (int i = 0; i < open->axes.count; i++)
        text_add(&text, " %s=%" PRId64, quoted(open->axes.axes[i].name).text, sizes[i]);
    const char *at = text_read(&text, NULL);
    et_fail_within(error, "at%s", at ? at : " these sizes");
    text_free(&text);
    return false;
}

static struct graph *same_graph(const struct graph *graph, struct et_error *error) {
    struct graph *same = graph_copy(graph, error);
    if (same)
        same->stored = graph->stored;
    return same;
}

struct graph *graph_settled(const struct graph *graph, struct et_error *error) {
    struct graph *settled = graph_at(graph, NULL, NULL, error);
    if (settled && graph_canonicalize(settled, error))
        return settled;
    graph_free(settled);
    return NULL;
}

struct graph *open_graph_at(const struct open_graph *open, const int64_t *sizes,
                            struct et_error *error) {
    for (int i = 0; i < open->axes.count; i++)
        if (!open_axis_allows(&open->axes.axes[i], sizes[i], error))
            return NULL;
    if (!open->axes.count)
        return same_graph(open->graph, error);
    struct graph *graph = graph_at(open->graph, open->nodes, sizes, error);
    if (graph && graph_canonicalize(graph, error))
        return graph;
    fail_at_sizes(open, sizes, error);
    graph_free(graph);
    return NULL;
}

/* ---- Sizes by name ---- */

/* "seq_len (1..512), batch (1..64)" */
static void list_axes(struct text *text, const struct open_axes *axes) {
    for (int i = 0; i < axes->count; i++) {
        text_add(text, "%s%s (", i ? ", " : "", quoted(axes->axes[i].name).text);
        open_axis_add_bounds(text, &axes->axes[i]);
        text_add(text, ")");
    }
}

/* Names what is open behind the message that is there. */
static bool fail_with_axes(const struct open_graph *open, struct et_error *error) {
    struct text text = {0};
    const char *listed;
    list_axes(&text, &open->axes);
    if (error && (listed = text_read(&text, NULL))) {
        const struct et_error said = *error;
        et_fail(error, "%s; open are %s", said.message, listed);
    }
    text_free(&text);
    return false;
}

static bool fail_unknown(const struct open_graph *open, const char *name, struct et_error *error) {
    if (!open->axes.count)
        return et_fail(error, "a stored graph has no open axes to give a size (--axis)");
    et_fail(error, "there is no open axis \"%s\"", quoted(name).text);
    return fail_with_axes(open, error);
}

bool open_graph_sizes(const struct open_graph *open, int count, const struct et_axis *given,
                      int64_t *sizes, struct et_error *error) {
    bool found[MOST_OPEN_AXES] = {false};
    for (int i = 0; i < count; i++) {
        int axis = open_axis_find(&open->axes, given[i].name);
        if (axis < 0)
            return fail_unknown(open, given[i].name, error);
        sizes[axis] = given[i].size;
        found[axis] = true;
    }
    for (int i = 0; i < open->axes.count; i++) {
        const struct open_axis *axis = &open->axes.axes[i];
        if (!found[i]) {
            et_fail(error, "axis \"%s\" needs a size, as --axis NAME=SIZE",
                    quoted(axis->name).text);
            return fail_with_axes(open, error);
        }
        if (!open_axis_allows(axis, sizes[i], error))
            return false;
    }
    return true;
}
