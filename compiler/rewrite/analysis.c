/* What a rewrite can know of a graph: its readers, and the value of what depends on no input. */
#include "compiler/rewrite/rewriting.h"

#include "compiler/evaluate/evaluate.h"

#include <stdio.h>
#include <string.h>

/* A node that depends on no input, worked out when somebody asks. */
struct constant {
    enum { NOT_ASKED, KNOWN, TOO_LARGE } state;
    struct view view;
    void *buffer;
};

/* ---- Readers ---- */

static void count_readers(struct analysis *analysis, const struct graph *graph) {
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i]->source_count; k++) {
            int source = graph->nodes[i]->sources[k]->id;
            analysis->uses[source]++;
            analysis->readers[source] = graph->nodes[i];
        }
    for (int i = 0; i < graph->output_count; i++) {
        analysis->uses[graph->outputs[i].node->id]++;
        analysis->readers[graph->outputs[i].node->id] = NULL;
    }
}

struct node *analysis_only_reader(const struct analysis *analysis, const struct node *node) {
    return analysis->uses[node->id] == 1 ? analysis->readers[node->id] : NULL;
}

static void find_constants(struct analysis *analysis, const struct graph *graph) {
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        analysis->constant[i] = node->op != OP_INPUT;
        for (int k = 0; k < node->source_count; k++)
            analysis->constant[i] &= analysis->constant[node->sources[k]->id];
    }
}

int analysis_constant_operand(const struct analysis *analysis, const struct node *node) {
    bool a = analysis->constant[node->sources[0]->id], b = analysis->constant[node->sources[1]->id];
    return a == b ? -1 : a ? 0 : 1;
}

/* ---- Names ---- */

const char *analysis_weight_name(const struct node *node) {
    while (node->source_count > 0)
        node = node->sources[0];
    return node->op == OP_WEIGHT ? node->name : "";
}

static const char **name_place(const struct analysis *analysis, const char *name) {
    uint32_t hash = 2166136261;
    for (const char *at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619;
    int slot = (int)(hash & (uint32_t)(analysis->name_slots - 1));
    while (analysis->names[slot] && strcmp(analysis->names[slot], name) != 0)
        slot = (slot + 1) & (analysis->name_slots - 1);
    return &analysis->names[slot];
}

/* Room for as many new names as there are nodes, twice over. */
static void list_names(struct analysis *analysis, const struct graph *graph) {
    analysis->name_slots = 64;
    while (analysis->name_slots < 6 * graph->node_count)
        analysis->name_slots *= 2;
    analysis->names = arena_array(&analysis->arena, const char *, (size_t)analysis->name_slots);
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            *name_place(analysis, graph->nodes[i]->name) = graph->nodes[i]->name;
}

/* The base without an ending that is the suffix already. */
static int base_length(const char *base, const char *suffix) {
    size_t length = strlen(base), ending = strlen(suffix) + 1;
    if (length > ending && base[length - ending] == '.' &&
        strcmp(base + length - ending + 1, suffix) == 0)
        length -= ending;
    return (int)length;
}

const char *analysis_new_name(struct rewriting *rewriting, const char *base, const char *suffix) {
    struct analysis *analysis = rewriting->analysis;
    if (!base[0] || strlen(base) + strlen(suffix) + 12 > MAX_NAME)
        base = "constant";
    int length = base_length(base, suffix);
    char *name = arena_format(&analysis->arena, "%.*s.%s", length, base, suffix);
    for (int again = 2; *name_place(analysis, name); again++)
        name = arena_format(&analysis->arena, "%.*s.%s_%d", length, base, suffix, again);
    *name_place(analysis, name) = name;
    return name;
}

/* ---- Constants ---- */

/* Along axes where all sources repeat, the result repeats too: it is worked out once. */
static void narrow_axes(struct node *node, const struct view *sources) {
    for (int axis = 0; axis < node->rank; axis++) {
        bool repeats = true;
        for (int k = 0; k < node->source_count; k++)
            repeats &= sources[k].stride[axis] == 0 || sources[k].shape[axis] == 1;
        if (repeats)
            node->shape[axis] = 1;
    }
}

/* Axes of extent 1 get their extent back, with stride 0. */
static void widen_axes(struct view *view, const struct node *node) {
    for (int axis = 0; axis < node->rank; axis++)
        if (view->shape[axis] != node->shape[axis]) {
            view->shape[axis] = node->shape[axis];
            view->stride[axis] = 0;
        }
}

static bool is_elementwise(const struct node *node) {
    enum op_class class = op_facts[node->op].class;
    return class == CLASS_UNARY || class == CLASS_BINARY || class == CLASS_TERNARY ||
           node->op == OP_CAST;
}

/* Whether working it out takes memory and time in reason; if so, they are spent. */
static bool is_affordable(struct analysis *analysis, const struct node *node) {
    enum op_class class = op_facts[node->op].class;
    int64_t work = node_elements(node);
    if (class == CLASS_REDUCE || class == CLASS_CONTRACT)
        work = node_elements(node->sources[0]);
    if (class == CLASS_SCAN || class == CLASS_SORT || work > MOST_CONSTANT_ELEMENTS ||
        work > analysis->work_left)
        return false;
    analysis->work_left -= work;
    return true;
}

static void work_out(struct rewriting *rewriting, const struct node *node) {
    struct constant *constant = &rewriting->analysis->constants[node->id];
    struct view sources[MAX_SOURCES];
    struct node narrow = *node;
    constant->state = TOO_LARGE;
    for (int k = 0; k < node->source_count; k++) {
        const struct constant *source = &rewriting->analysis->constants[node->sources[k]->id];
        if (source->state != KNOWN)
            return;
        sources[k] = source->view;
    }
    if (is_elementwise(node)) {
        narrow_axes(&narrow, sources);
        for (int k = 0; k < node->source_count; k++)
            memcpy(sources[k].shape, narrow.shape, sizeof narrow.shape);
    }
    bool moves = op_facts[node->op].class == CLASS_MOVEMENT;
    bool is_there = moves ? view_move(node, sources, &constant->view)
                          : node->op == OP_CONST || node->op == OP_WEIGHT;
    if (!is_there && !is_affordable(rewriting->analysis, &narrow))
        return;
    if (!evaluate(&narrow, sources, NULL, &constant->view, &constant->buffer, rewriting->error))
        rewriting_fail(rewriting);
    widen_axes(&constant->view, node);
    constant->state = KNOWN;
}

static const struct node *next_unknown(const struct analysis *analysis, const struct node *node) {
    for (int k = 0; k < node->source_count; k++)
        if (analysis->constants[node->sources[k]->id].state == NOT_ASKED)
            return node->sources[k];
    return NULL;
}

bool analysis_constant(struct rewriting *rewriting, const struct node *node, struct view *view) {
    struct analysis *analysis = rewriting->analysis;
    int length = 0;
    if (!analysis->constant[node->id])
        return false;
    const struct constant *constant = &analysis->constants[node->id];
    if (constant->state == NOT_ASKED)
        analysis->path[length++] = node;
    while (length > 0) {
        const struct node *below = next_unknown(analysis, analysis->path[length - 1]);
        if (below)
            analysis->path[length++] = below;
        else
            work_out(rewriting, analysis->path[--length]);
    }
    if (constant->state != KNOWN)
        return false;
    *view = constant->view;
    for (int axis = 0; axis < view->rank; axis++)
        if (view->shape[axis] == 1)
            view->stride[axis] = 0;
    return true;
}

bool analysis_weight(struct rewriting *rewriting, const struct node *node, struct view *weight) {
    if (node->op != OP_CONTRACT || node->dtype != DTYPE_FLOAT32 ||
        rewriting->analysis->constant[node->id])
        return false;
    int operand = analysis_constant_operand(rewriting->analysis, node);
    return operand >= 0 && analysis_constant(rewriting, node->sources[operand], weight);
}

/* ---- The analysis ---- */

void analysis_begin(struct rewriting *rewriting) {
    struct analysis *analysis = rewriting->analysis;
    const struct graph *graph = rewriting->graph;
    size_t nodes = (size_t)graph->node_count;
    analysis->constants = arena_array(&analysis->arena, struct constant, nodes);
    analysis->node_count = graph->node_count;
    analysis->work_left = 2 * MOST_CONSTANT_ELEMENTS;
    analysis->uses = arena_array(&analysis->arena, int, nodes);
    analysis->readers = arena_array(&analysis->arena, struct node *, nodes);
    analysis->constant = arena_array(&analysis->arena, bool, nodes);
    analysis->path = arena_array(&analysis->arena, const struct node *, nodes);
    count_readers(analysis, graph);
    find_constants(analysis, graph);
    list_names(analysis, graph);
}

void analysis_end(struct rewriting *rewriting) {
    struct analysis *analysis = rewriting->analysis;
    for (int i = 0; i < analysis->node_count; i++)
        et_release(analysis->constants[i].buffer);
    arena_free(&analysis->arena);
    *analysis = (struct analysis){.arena = {.escape = analysis->arena.escape}};
}
