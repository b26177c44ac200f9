/* Names, and what they stand for. */
#include "compiler/import/importer.h"

#include "compiler/base/json_read.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct value *)a)->name, ((const struct value *)b)->name);
}

struct value *value_find(const struct scope *scope, const char *name) {
    const struct value key = {.name = name};
    for (; scope && name[0]; scope = scope->outer) {
        struct value *value =
            scope->count ? bsearch(&key, scope->values, (size_t)scope->count, sizeof key, by_name)
                         : NULL;
        if (value)
            return value;
    }
    return NULL;
}

static void add_name(struct scope *scope, const char *name) {
    if (name[0])
        scope->values[scope->count++].name = name;
}

static size_t count_outputs(size_t count, Onnx__Node *const *nodes) {
    size_t outputs = 0;
    for (size_t i = 0; i < count; i++)
        outputs += nodes[i]->n_output;
    return outputs;
}

static void add_outputs(struct scope *scope, size_t count, Onnx__Node *const *nodes) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < nodes[i]->n_output; k++)
            add_name(scope, nodes[i]->output[k]);
}

static bool sort_names(struct importer *importer, struct scope *scope) {
    if (scope->count)
        qsort(scope->values, (size_t)scope->count, sizeof *scope->values, by_name);
    for (int i = 1; i < scope->count; i++)
        if (strcmp(scope->values[i - 1].name, scope->values[i].name) == 0)
            return et_fail(importer->error, "\"%s\" is the name of two values",
                           quoted(scope->values[i].name).text);
    return true;
}

bool scope_of_graph(struct importer *importer, const Onnx__Graph *graph, struct scope *outer,
                    struct scope *scope) {
    *scope = outer ? *outer
                   : (struct scope){.opset_count = importer->model->n_opset_import,
                                    .opsets = importer->model->opset_import};
    scope->outer = outer;
    scope->depth = outer ? outer->depth + 1 : 0;
    scope->count = 0;
    scope->values = arena_array(&importer->arena, struct value,
                                graph->n_initializer + graph->n_input +
                                    count_outputs(graph->n_node, graph->node) + 1);
    for (size_t i = 0; i < graph->n_initializer; i++)
        add_name(scope, graph->initializer[i]->name);
    int initialisers = scope->count;
    if (!sort_names(importer, scope))
        return false;
    for (size_t i = 0; i < graph->n_input; i++) { /* unless it is an initialiser, too */
        struct scope known = {.count = initialisers, .values = scope->values};
        if (!value_find(&known, graph->input[i]->name))
            add_name(scope, graph->input[i]->name);
    }
    add_outputs(scope, graph->n_node, graph->node);
    return sort_names(importer, scope);
}

bool scope_of_function(const struct call *call, const Onnx__Function *function,
                       struct scope *scope) {
    struct importer *importer = call->importer;
    *scope = (struct scope){.depth = call->scope->depth + 1,
                            .opset_count = function->n_opset_import,
                            .opsets = function->opset_import,
                            .caller = call,
                            .function = function};
    scope->values =
        arena_array(&importer->arena, struct value,
                    function->n_input + count_outputs(function->n_node, function->node) + 1);
    for (size_t i = 0; i < function->n_input; i++)
        add_name(scope, function->input[i]);
    add_outputs(scope, function->n_node, function->node);
    return sort_names(importer, scope);
}
