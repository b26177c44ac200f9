/* A graph as text, one line a node: "4 lt(3,0) bool[2,3]". For golden strings. */
#ifndef EIGENTENSOR_GRAPH_TEXT_H
#define EIGENTENSOR_GRAPH_TEXT_H

#include "compiler/graph/graph.h"

#include <inttypes.h>

static inline void list_axes(struct text *text, const struct node *node) {
    text_add(text, " axes");
    for (int i = 0; i < node->axis_count; i++)
        text_add(text, "%c%d", i ? ',' : ' ', node->axes[i]);
}

static inline void list_ranges(struct text *text, const struct node *node) {
    for (int i = 0; i < node->rank; i++)
        text_add(text, "%c%" PRId64 ":%" PRId64, i ? ',' : ' ', node->before[i], node->after[i]);
}

static inline void list_value(struct text *text, const struct node *node) {
    if (node->value && node->dtype == DTYPE_FLOAT32)
        text_add(text, " value %.9g", (double)*(const float *)node->value);
    else if (node->value && node->dtype == DTYPE_INT32)
        text_add(text, " value %d", *(const int32_t *)node->value);
    else if (node->value && node->dtype == DTYPE_INT64)
        text_add(text, " value %" PRId64, *(const int64_t *)node->value);
    else if (node->value)
        text_add(text, " value %d", *(const int8_t *)node->value);
}

static inline void list_node(struct text *text, const struct node *node) {
    text_add(text, "%d %s", node->id, op_facts[node->op].name);
    for (int i = 0; i < node->source_count; i++)
        text_add(text, "%c%d", i ? ',' : '(', node->sources[i]->id);
    text_add(text, node->source_count ? ")" : "");
    if (node->name)
        text_add(text, " %s", node->name);
    if (node->op == OP_PERMUTE || node->op == OP_FLIP || node->op == OP_CONTRACT ||
        op_facts[node->op].class == CLASS_REDUCE)
        list_axes(text, node);
    if (node->op == OP_PAD || node->op == OP_SHRINK)
        list_ranges(text, node);
    if (node->op == OP_WINDOW || node->op == OP_CONCAT || node->op == OP_GATHER ||
        op_facts[node->op].class == CLASS_SORT || op_facts[node->op].class == CLASS_SCATTER)
        text_add(text, " axis %d", node->axis);
    if (node->op == OP_WINDOW)
        text_add(text, " size %" PRId64 " stride %" PRId64 " dilation %" PRId64, node->size,
                 node->stride, node->dilation);
    list_value(text, node);
    text_add(text, " %s\n", shape_text(node).text);
}

/* The caller frees the text. */
static inline struct text graph_text(const struct graph *graph) {
    struct text text = {0};
    for (int i = 0; i < graph->node_count; i++)
        list_node(&text, graph->nodes[i]);
    for (int i = 0; i < graph->output_count; i++)
        text_add(&text, "%s = %d\n", graph->outputs[i].name, graph->outputs[i].node->id);
    return text;
}

#endif
