#include "compiler/rewrite/rewriting.h"

#include "compiler/store/store.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

const struct rewrite_facts rewrite_facts[REWRITE_COUNT] = {
#define REWRITE_ROW(id, name, summary) {name, summary, rewrite_##id},
    REWRITES(REWRITE_ROW)
#undef REWRITE_ROW
};

bool rewrite_from_name(const char *name, enum rewrite_kind *rewrite) {
    for (int i = 0; i < REWRITE_COUNT; i++) {
        if (strcmp(rewrite_facts[i].name, name) != 0)
            continue;
        *rewrite = (enum rewrite_kind)i;
        return true;
    }
    return false;
}

void rewriting_fail(struct rewriting *rewriting) {
    longjmp(*rewriting->elements.escape, 1);
}

/* ---- The next graph ---- */

/* Which node of the graph that was given a node was. */
static int first_id(const struct rewriting *rewriting, const struct node *node) {
    return rewriting->owned ? node->origin : node->id;
}

struct tensor rewriting_again(struct rewriting *rewriting, const struct node *node) {
    struct tensor sources[MAX_SOURCES];
    struct node again = *node;
    again.origin = first_id(rewriting, node);
    for (int i = 0; i < node->source_count; i++)
        sources[i] = rewriting->made[node->sources[i]->id];
    return tensor_of_node(rewriting->context, &again, node->source_count, sources);
}

static struct graph *finish_graph(struct rewriting *rewriting) {
    const struct graph *graph = rewriting->graph;
    struct named_tensor *outputs =
        arena_array(&rewriting->analysis->arena, struct named_tensor, (size_t)graph->output_count);
    for (int i = 0; i < graph->output_count; i++)
        outputs[i] = (struct named_tensor){graph->outputs[i].name,
                                           rewriting->made[graph->outputs[i].node->id]};
    struct tensor_context *context = rewriting->context;
    rewriting->context = NULL;
    struct graph *next = compile_to_graph(context, graph->output_count, outputs, rewriting->error);
    for (int i = 0; next && i < graph->output_count; i++) {
        next->outputs[i].counted_axis = graph->outputs[i].counted_axis;
        next->outputs[i].count = graph->outputs[i].count;
        next->outputs[i].scaling = graph->outputs[i].scaling;
    }
    return next;
}

static void remake_nodes(struct rewriting *rewriting, emit_node *emit, void *plan) {
    const struct graph *graph = rewriting->graph;
    rewriting->made =
        arena_array(&rewriting->analysis->arena, struct tensor, (size_t)graph->node_count);
    rewriting->context = tensor_context_new(rewriting->options.name);
    if (!rewriting->context)
        rewriting_fail(rewriting);
    for (int i = 0; i < graph->node_count; i++) {
        struct tensor tensor = emit ? emit(rewriting, graph->nodes[i], plan) : NO_TENSOR;
        rewriting->made[i] =
            is_given(tensor) ? tensor : rewriting_again(rewriting, graph->nodes[i]);
    }
}

static struct graph *finish_probe(struct rewriting *rewriting, int count,
                                  const struct tensor *tensors) {
    struct arena *arena = &rewriting->analysis->arena;
    struct named_tensor *outputs = arena_array(arena, struct named_tensor, (size_t)count);
    for (int i = 0; i < count; i++)
        outputs[i] = (struct named_tensor){arena_format(arena, "probe_%d", i), tensors[i]};
    struct tensor_context *context = rewriting->context;
    rewriting->context = NULL;
    struct graph *probe = compile_to_graph(context, count, outputs, rewriting->error);
    if (!probe)
        rewriting_fail(rewriting);
    return probe;
}

struct graph *rewriting_probe(struct rewriting *rewriting, int count,
                              const struct node *const *nodes) {
    struct tensor *tensors = arena_array(&rewriting->analysis->arena, struct tensor, (size_t)count);
    remake_nodes(rewriting, NULL, NULL);
    for (int i = 0; i < count; i++)
        tensors[i] = rewriting->made[nodes[i]->id];
    return finish_probe(rewriting, count, tensors);
}

/* Once more in the same context: what is not changed is what it was. */
static void emit_again(struct rewriting *rewriting, emit_node *emit, void *plan) {
    const struct graph *graph = rewriting->graph;
    bool *changed = arena_array(&rewriting->analysis->arena, bool, (size_t)graph->node_count);
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        struct tensor tensor = emit(rewriting, node, plan);
        changed[i] = is_given(tensor);
        for (int k = 0; k < node->source_count; k++)
            changed[i] |= changed[node->sources[k]->id];
        if (changed[i])
            rewriting->made[i] = is_given(tensor) ? tensor : rewriting_again(rewriting, node);
    }
}

struct graph *rewriting_both(struct rewriting *rewriting, emit_node *emit, void *plan) {
    struct analysis *analysis = rewriting->analysis;
    const struct graph *graph = rewriting->graph;
    int count = graph->output_count;
    size_t slots = (size_t)analysis->name_slots;
    struct tensor *tensors = arena_array(&analysis->arena, struct tensor, 2 * (size_t)count);
    const char **names = arena_array(&analysis->arena, const char *, slots);
    memcpy((void *)names, (const void *)analysis->names, slots * sizeof *names);
    remake_nodes(rewriting, NULL, NULL);
    for (int i = 0; i < count; i++)
        tensors[i] = rewriting->made[graph->outputs[i].node->id];
    emit_again(rewriting, emit, plan);
    for (int i = 0; i < count; i++)
        tensors[count + i] = rewriting->made[graph->outputs[i].node->id];
    analysis->names = names;
    return finish_probe(rewriting, 2 * count, tensors);
}

void rewriting_remake(struct rewriting *rewriting, emit_node *emit, void *plan) {
    remake_nodes(rewriting, emit, plan);
    struct graph *next = finish_graph(rewriting);
    if (!next)
        rewriting_fail(rewriting);
    graph_free(rewriting->owned);
    rewriting->graph = rewriting->owned = next;
}

struct rewrite_site *rewriting_site(struct rewriting *rewriting, const struct node *node) {
    struct rewritten *result = rewriting->result;
    result->sites = arena_extend(&result->arena, result->sites, result->site_count,
                                 &result->site_capacity, sizeof *result->sites);
    struct rewrite_site *site = &result->sites[result->site_count++];
    *site = (struct rewrite_site){.rewrite = rewriting->rewrite,
                                  .node = first_id(rewriting, node),
                                  .name = "",
                                  .shape = "",
                                  .what = ""};
    return site;
}

void *rewriting_elements(struct rewriting *rewriting, enum dtype dtype, int64_t count) {
    rewriting->element_count += count;
    if (rewriting->element_count > MOST_NEW_ELEMENTS) {
        et_fail(rewriting->error, "new weights of more than %" PRId64 " elements",
                MOST_NEW_ELEMENTS);
        rewriting_fail(rewriting);
    }
    return arena_allocate(&rewriting->elements, (size_t)count, (size_t)dtype_bytes(dtype));
}

struct tensor rewriting_weight(struct rewriting *rewriting, const char *base, const char *suffix,
                               enum dtype dtype, int rank, const int64_t *shape,
                               const void *elements) {
    struct node weight = {.op = OP_WEIGHT, .dtype = dtype, .value = elements};
    for (int i = 0; i < rank; i++)
        if (shape[i] != 1)
            weight.shape[weight.rank++] = shape[i];
    weight.name = analysis_new_name(rewriting, base, suffix);
    return tensor_reshape(tensor_of_node(rewriting->context, &weight, 0, NULL), rank, shape);
}

/* ---- The weights of the last graph ---- */

static int by_name(const void *left, const void *right) {
    return strcmp(((const struct weight *)left)->name, ((const struct weight *)right)->name);
}

/* One entry for each name, ascending. */
static int list_weights(const struct graph *graph, struct weight *list) {
    int count = 0, distinct = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        if (node->op != OP_WEIGHT)
            continue;
        struct weight *weight = &list[count++];
        *weight = (struct weight){.name = node->name,
                                  .dtype = node->dtype,
                                  .rank = node->rank,
                                  .data = node->value,
                                  .bytes = (size_t)node_bytes(node)};
        memcpy(weight->shape, node->shape, sizeof weight->shape);
    }
    if (count)
        qsort(list, (size_t)count, sizeof *list, by_name);
    for (int i = 0; i < count; i++)
        if (!distinct || strcmp(list[distinct - 1].name, list[i].name) != 0)
            list[distinct++] = list[i];
    return distinct;
}

/* Copies the listed elements and names, so that nothing of the old graphs is needed. */
static bool fill_weights(struct weights *weights, const struct weight *list, int count) {
    size_t bytes = 0, at = 0;
    for (int i = 0; i < count; i++)
        bytes += whole_lines(list[i].bytes);
    weights->tensors = arena_array(&weights->arena, struct weight, (size_t)count);
    weights->block = et_allocate_aligned(bytes);
    if (!weights->tensors || !weights->block)
        return false;
    weights->count = count;
    for (int i = 0; i < count; i++) {
        weights->tensors[i] = list[i];
        weights->tensors[i].name = arena_copy_text(&weights->arena, list[i].name);
        weights->tensors[i].data = memcpy((char *)weights->block + at, list[i].data, list[i].bytes);
        at += whole_lines(list[i].bytes);
        if (!weights->tensors[i].name)
            return false;
    }
    return true;
}

static void collect_weights(struct rewriting *rewriting) {
    struct rewritten *result = rewriting->result;
    struct weight *list =
        arena_array(&rewriting->elements, struct weight, (size_t)rewriting->graph->node_count);
    int count = list_weights(rewriting->graph, list);
    if (count == 0)
        return;
    result->weights = et_allocate(1, sizeof *result->weights);
    if (!result->weights || !fill_weights(result->weights, list, count) ||
        !graph_bind(rewriting->owned, result->weights, rewriting->error))
        rewriting_fail(rewriting);
}

/* ---- All rewrites ---- */

static bool apply_all(struct rewriting *rewriting, int count, const enum rewrite_kind *rewrites) {
    analysis_begin(rewriting);
    rewriting_remake(rewriting, NULL, NULL); /* a copy, under the new name */
    analysis_end(rewriting);
    for (int i = 0; i < count; i++) {
        rewriting->rewrite = rewrites[i];
        rewrite_facts[rewrites[i]].apply(rewriting);
    }
    collect_weights(rewriting);
    rewriting->result->graph = rewriting->owned;
    rewriting->owned = NULL;
    return true;
}

bool rewrite_graph(const struct graph *graph, const struct rewrite_options *options, int count,
                   const enum rewrite_kind *rewrites, struct rewritten *rewritten,
                   struct et_error *error) {
    jmp_buf escape;
    struct analysis analysis = {0};
    struct et_error reason = {0};
    struct rewriting rewriting = {.graph = graph,
                                  .options = options ? *options : (struct rewrite_options){0},
                                  .result = rewritten,
                                  .error = &reason,
                                  .analysis = &analysis};
    if (!rewriting.options.name)
        rewriting.options.name = graph->name;
    *rewritten = (struct rewritten){0};
    if (graph->batched)
        return et_fail(error, "the graph has a batch axis: rewrite the one for one image, then "
                              "give that the axis");
    rewriting.elements.escape = analysis.arena.escape = rewritten->arena.escape = &escape;
    bool good;
    if (setjmp(escape) == 0)
        good = apply_all(&rewriting, count, rewrites);
    else
        good = et_fail(error, "%s", reason.message[0] ? reason.message : "out of memory");
    rewritten->arena.escape = NULL;
    tensor_context_free(rewriting.context);
    analysis_end(&rewriting);
    graph_free(rewriting.owned);
    arena_free(&rewriting.elements);
    if (!good)
        rewritten_free(rewritten);
    return good;
}

void rewritten_free(struct rewritten *rewritten) {
    graph_free(rewritten->graph);
    weights_free(rewritten->weights);
    arena_free(&rewritten->arena);
    *rewritten = (struct rewritten){0};
}

int rewritten_count(const struct rewritten *rewritten, enum rewrite_kind rewrite) {
    int count = 0;
    for (int i = 0; i < rewritten->site_count; i++)
        count += rewritten->sites[i].applied && rewritten->sites[i].rewrite == rewrite;
    return count;
}
