/* What a rewrite can know of a graph: who reads what, and the value of what depends on no input. */
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

static void count_readers(struct study *study, const struct graph *graph) {
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i]->source_count; k++) {
            int source = graph->nodes[i]->sources[k]->id;
            study->uses[source]++;
            study->readers[source] = graph->nodes[i];
        }
    for (int i = 0; i < graph->output_count; i++) {
        study->uses[graph->outputs[i].node->id]++;
        study->readers[graph->outputs[i].node->id] = NULL;
    }
}

struct node *study_only_reader(const struct study *study, const struct node *node) {
    return study->uses[node->id] == 1 ? study->readers[node->id] : NULL;
}

static void find_constants(struct study *study, const struct graph *graph) {
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        study->constant[i] = node->op != OP_INPUT;
        for (int k = 0; k < node->source_count; k++)
            study->constant[i] &= study->constant[node->sources[k]->id];
    }
}

int study_constant_operand(const struct study *study, const struct node *node) {
    bool a = study->constant[node->sources[0]->id], b = study->constant[node->sources[1]->id];
    return a == b ? -1 : a ? 0 : 1;
}

/* ---- Names ---- */

const char *study_weight_name(const struct node *node) {
    while (node->source_count > 0)
        node = node->sources[0];
    return node->op == OP_WEIGHT ? node->name : "";
}

static const char **name_place(const struct study *study, const char *name) {
    uint32_t hash = 2166136261;
    for (const char *at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619;
    int slot = (int)(hash & (uint32_t)(study->name_slots - 1));
    while (study->names[slot] && strcmp(study->names[slot], name) != 0)
        slot = (slot + 1) & (study->name_slots - 1);
    return &study->names[slot];
}

/* Room for as many new names as there are nodes, twice over. */
static void list_names(struct study *study, const struct graph *graph) {
    study->name_slots = 64;
    while (study->name_slots < 6 * graph->node_count)
        study->name_slots *= 2;
    study->names = arena_array(&study->arena, const char *, (size_t)study->name_slots);
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            *name_place(study, graph->nodes[i]->name) = graph->nodes[i]->name;
}

/* The base without an ending that is the suffix already. */
static int base_length(const char *base, const char *suffix) {
    size_t length = strlen(base), ending = strlen(suffix) + 1;
    if (length > ending && base[length - ending] == '.' &&
        strcmp(base + length - ending + 1, suffix) == 0)
        length -= ending;
    return (int)length;
}

const char *study_new_name(struct rewriting *rewriting, const char *base, const char *suffix) {
    struct study *study = rewriting->study;
    if (!base[0] || strlen(base) + strlen(suffix) + 12 > MAX_NAME)
        base = "constant";
    int length = base_length(base, suffix);
    char *name = arena_format(&study->arena, "%.*s.%s", length, base, suffix);
    for (int again = 2; *name_place(study, name); again++)
        name = arena_format(&study->arena, "%.*s.%s_%d", length, base, suffix, again);
    *name_place(study, name) = name;
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
static bool is_affordable(struct study *study, const struct node *node) {
    enum op_class class = op_facts[node->op].class;
    int64_t work = node_elements(node);
    if (class == CLASS_REDUCE || class == CLASS_CONTRACT)
        work = node_elements(node->sources[0]);
    if (work > MOST_CONSTANT_ELEMENTS || work > study->work_left)
        return false;
    study->work_left -= work;
    return true;
}

static void work_out(struct rewriting *rewriting, const struct node *node) {
    struct constant *constant = &rewriting->study->constants[node->id];
    struct view sources[MAX_SOURCES];
    struct node narrow = *node;
    constant->state = TOO_LARGE;
    for (int k = 0; k < node->source_count; k++) {
        const struct constant *source = &rewriting->study->constants[node->sources[k]->id];
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
    if (!is_there && !is_affordable(rewriting->study, &narrow))
        return;
    if (!evaluate(&narrow, sources, &constant->view, &constant->buffer, rewriting->error))
        rewriting_fail(rewriting);
    widen_axes(&constant->view, node);
    constant->state = KNOWN;
}

static const struct node *next_unknown(const struct study *study, const struct node *node) {
    for (int k = 0; k < node->source_count; k++)
        if (study->constants[node->sources[k]->id].state == NOT_ASKED)
            return node->sources[k];
    return NULL;
}

bool study_constant(struct rewriting *rewriting, const struct node *node, struct view *view) {
    struct study *study = rewriting->study;
    int length = 0;
    if (!study->constant[node->id])
        return false;
    const struct constant *constant = &study->constants[node->id];
    if (constant->state == NOT_ASKED)
        study->path[length++] = node;
    while (length > 0) {
        const struct node *below = next_unknown(study, study->path[length - 1]);
        if (below)
            study->path[length++] = below;
        else
            work_out(rewriting, study->path[--length]);
    }
    if (constant->state != KNOWN)
        return false;
    *view = constant->view;
    for (int axis = 0; axis < view->rank; axis++)
        if (view->shape[axis] == 1)
            view->stride[axis] = 0;
    return true;
}

bool study_weight(struct rewriting *rewriting, const struct node *node, struct view *weight) {
    if (node->op != OP_CONTRACT || node->dtype != DTYPE_FLOAT32 ||
        rewriting->study->constant[node->id])
        return false;
    int operand = study_constant_operand(rewriting->study, node);
    return operand >= 0 && study_constant(rewriting, node->sources[operand], weight);
}

/* ---- The study ---- */

void study_begin(struct rewriting *rewriting) {
    struct study *study = rewriting->study;
    const struct graph *graph = rewriting->graph;
    size_t nodes = (size_t)graph->node_count;
    study->constants = arena_array(&study->arena, struct constant, nodes);
    study->node_count = graph->node_count;
    study->work_left = 2 * MOST_CONSTANT_ELEMENTS;
    study->uses = arena_array(&study->arena, int, nodes);
    study->readers = arena_array(&study->arena, struct node *, nodes);
    study->constant = arena_array(&study->arena, bool, nodes);
    study->path = arena_array(&study->arena, const struct node *, nodes);
    count_readers(study, graph);
    find_constants(study, graph);
    list_names(study, graph);
}

void study_end(struct rewriting *rewriting) {
    struct study *study = rewriting->study;
    for (int i = 0; i < study->node_count; i++)
        et_release(study->constants[i].buffer);
    arena_free(&study->arena);
    *study = (struct study){.arena = {.escape = study->arena.escape}};
}
