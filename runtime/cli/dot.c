/* The nodes of a model for Graphviz. (Its kernels the compiler draws itself.) */
#include "runtime/cli/cli.h"

/* Text within a label. */
static void add_label(struct text *text, const char *label) {
    for (const char *at = label; *at; at++)
        text_add(text, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
}

static void begin(struct text *text, const char *name) {
    text_add(text, "digraph \"");
    add_label(text, name);
    text_add(text, "\" {\n  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\", "
                   "fontname=\"sans-serif\", fontsize=10, fillcolor=white];\n"
                   "  edge [arrowsize=0.6];\n");
}

static const char *colour_of(enum op_class class, enum op op) {
    if (op == OP_INPUT)
        return "#cde7d8";
    switch (class) {
    case CLASS_LEAF:
        return "#e6e6e6";
    case CLASS_MOVEMENT:
    case CLASS_JOIN:
        return "#f7f7f7";
    case CLASS_REDUCE:
        return "#f6dfb7";
    case CLASS_CONTRACT:
    case CLASS_SCAN:
    case CLASS_SORT:
    case CLASS_SCATTER:
        return "#f3c9b5";
    default:
        return "#d6e4f5";
    }
}

static void add_node(struct text *text, const struct node *node) {
    text_add(text, "  n%d [fillcolor=\"%s\", label=\"%d  %s", node->id,
             colour_of(op_facts[node->op].class, node->op), node->id, op_facts[node->op].name);
    if (node->name) {
        text_add(text, "\\n");
        add_label(text, node->name);
    }
    text_add(text, "\\n%s\"];\n", shape_text(node).text);
    for (int i = 0; i < node->source_count; i++)
        text_add(text, "  n%d -> n%d;\n", node->sources[i]->id, node->id);
}

static void add_outputs(struct text *text, const struct graph *graph) {
    for (int i = 0; i < graph->output_count; i++) {
        text_add(text, "  output%d [shape=ellipse, fillcolor=\"#cde7d8\", label=\"", i);
        add_label(text, graph->outputs[i].name);
        text_add(text, "\"];\n  n%d -> output%d;\n", graph->outputs[i].node->id, i);
    }
}

void graph_dot(const struct graph *graph, struct text *text) {
    begin(text, graph->name);
    for (int i = 0; i < graph->node_count; i++)
        add_node(text, graph->nodes[i]);
    add_outputs(text, graph);
    text_add(text, "}\n");
}
