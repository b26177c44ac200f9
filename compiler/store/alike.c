/* Graphs of the same nodes, at different sizes. */
#include "compiler/store/open_fit.h"

#include "compiler/base/json_read.h"
#include "compiler/store/element.h"

#include <inttypes.h>
#include <string.h>

enum { MOST_OPEN_VALUES = MAX_RANK }; /* of a const that may depend on open axes: a shape's */

int open_place_count(const struct node *node, enum size_place place) {
    int count = open_integer_count(node, place);
    return place == PLACE_VALUE && count > MOST_OPEN_VALUES ? 0 : count;
}

/* ---- Places ---- */

int note_places(const struct graph *graph, int64_t *integers) {
    int at = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        for (int place = 0; place < SIZE_PLACE_COUNT; place++) {
            int count = open_place_count(node, (enum size_place)place);
            for (int k = 0; integers && k < count; k++)
                integers[at + k] = open_integer_value(node, (enum size_place)place, k);
            at += count;
        }
        if (node->body)
            at += note_places(node->body, integers ? integers + at : NULL);
    }
    return at;
}

/* ---- Nodes ---- */

static bool same_name(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_sources(const struct node *a, const struct node *b) {
    bool same = a->source_count == b->source_count;
    for (int i = 0; same && i < a->source_count; i++)
        same = a->sources[i]->id == b->sources[i]->id;
    return same;
}

static bool same_axes(const struct node *a, const struct node *b) {
    return a->axis == b->axis && a->axis_count == b->axis_count &&
           memcmp(a->axes, b->axes, (size_t)a->axis_count * sizeof *a->axes) == 0;
}

/* Elements that are not the same are integers in both, where they may be open. */
static bool alike_values(const struct node *a, const struct node *b) {
    if (a->op == OP_WEIGHT)
        return true;
    if (a->value_count != b->value_count || !a->value != !b->value)
        return false;
    size_t width = dtype_facts[a->op == OP_PAD ? a->sources[0]->dtype : a->dtype].bytes;
    const char *left = a->value, *right = b->value;
    if (!a->value || memcmp(left, right, (size_t)a->value_count * width) == 0)
        return true;
    bool alike = open_place_count(a, PLACE_VALUE) > 0;
    for (int64_t i = 0; alike && i < a->value_count; i++, left += width, right += width) {
        int64_t one, other;
        alike = memcmp(left, right, width) == 0 || (element_to_integer(a->dtype, left, &one) &&
                                                    element_to_integer(b->dtype, right, &other));
    }
    return alike;
}

bool node_alike(const struct node *a, const struct node *b) {
    return a->op == b->op && a->dtype == b->dtype && a->rank == b->rank &&
           a->batched == b->batched && a->scanned == b->scanned && a->last == b->last &&
           same_name(a->name, b->name) && same_sources(a, b) && same_axes(a, b) &&
           !a->body == !b->body;
}

static bool nodes_alike(const struct node *a, const struct node *b, struct et_error *error) {
    if (!node_alike(a, b))
        return et_fail(error, "node %d is %s %s, or %s %s", a->id, op_facts[a->op].name,
                       shape_text(a).text, op_facts[b->op].name, shape_text(b).text);
    if (!alike_values(a, b))
        return et_fail(error, "node %d (%s %s): its elements depend on the size", a->id,
                       op_facts[a->op].name, shape_text(a).text);
    return !a->body || graphs_alike(a->body, b->body, error) ||
           et_fail_within(error, "node %d (scan): body", a->id);
}

bool graphs_alike(const struct graph *a, const struct graph *b, struct et_error *error) {
    for (int i = 0; i < a->node_count && i < b->node_count; i++)
        if (!nodes_alike(a->nodes[i], b->nodes[i], error))
            return false;
    bool same = a->node_count == b->node_count && a->output_count == b->output_count;
    for (int i = 0; same && i < a->output_count; i++)
        same = a->outputs[i].node->id == b->outputs[i].node->id &&
               same_name(a->outputs[i].name, b->outputs[i].name) &&
               a->outputs[i].counted_axis == b->outputs[i].counted_axis &&
               a->outputs[i].count == b->outputs[i].count &&
               a->outputs[i].scaling.scale == b->outputs[i].scaling.scale &&
               a->outputs[i].scaling.zero == b->outputs[i].scaling.zero;
    return same || et_fail(error, "there are %d nodes, or %d", a->node_count, b->node_count);
}

/* ---- Integers ---- */

/* The node of the graph itself, of which or in whose body the place is. */
static const struct node *node_of_place(const struct graph *graph, int at) {
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        for (int place = 0; place < SIZE_PLACE_COUNT; place++)
            at -= open_place_count(node, (enum size_place)place);
        if (node->body)
            at -= note_places(node->body, NULL);
        if (at < 0)
            return node;
    }
    unreachable();
}

bool graphs_equal(const struct graph *a, const struct graph *b, struct et_error *error) {
    int count = note_places(a, NULL), at = 0;
    int64_t *one = et_allocate((size_t)count + 1, sizeof *one);
    int64_t *other = et_allocate((size_t)count + 1, sizeof *other);
    bool good = (one && other) || et_fail(error, "out of memory");
    if (good) {
        note_places(a, one);
        note_places(b, other);
        while (at < count && one[at] == other[at])
            at++;
    }
    et_release(one);
    et_release(other);
    if (!good || at == count)
        return good;
    const struct node *left = node_of_place(a, at), *right = b->nodes[left->id];
    return et_fail(error, "node %d (%s): it is %s, or %s with other numbers", left->id,
                   op_facts[left->op].name, shape_text(left).text, shape_text(right).text);
}

bool weights_equal(const struct graph *a, const struct graph *b, struct et_error *error) {
    for (int i = 0; i < a->node_count; i++) {
        const struct node *one = a->nodes[i], *other = b->nodes[i];
        if (one->op == OP_WEIGHT && one->value != other->value &&
            memcmp(one->value, other->value, (size_t)node_bytes(one)) != 0)
            return et_fail(error, "node %d (weight): the elements of \"%s\" depend on the size", i,
                           quoted(one->name).text);
    }
    return true;
}
