/* Nodes in their order, with what they read by name; functions and branches as if they were written
 * in their places. Only what some output needs is imported. */
#include "compiler/import/lengths.h"
#include "compiler/import/low_types.h"

#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_SCOPES = 24,       /* within each other */
    MOST_REFUSALS = 256,    /* kinds: more than a message has room for */
    MOST_IMPORTED = 1 << 22 /* nodes and names, those of functions at each call */
};

/* ---- What outputs need ---- */

static void want(const struct scope *scope, const char *name) {
    struct value *value = value_find(scope, name);
    if (value)
        value->wanted = true;
}

/* All that the nodes read, and graphs within them: more than is needed does no harm. */
static void want_inputs(const struct scope *scope, const Onnx__Node *node) {
    for (size_t i = 0; i < node->n_input; i++)
        want(scope, node->input[i]);
    for (size_t i = 0; i < node->n_attribute; i++) {
        const Onnx__Graph *graph = node->attribute[i]->g;
        for (size_t k = 0; graph && k < graph->n_node; k++)
            want_inputs(scope, graph->node[k]);
        for (size_t k = 0; graph && k < graph->n_output; k++)
            want(scope, graph->output[k]->name);
    }
}

static bool is_wanted(const struct scope *scope, const Onnx__Node *node) {
    for (size_t i = 0; i < node->n_output; i++) {
        const struct value *value = value_find(scope, node->output[i]);
        if (value && value->wanted)
            return true;
    }
    return false;
}

/* ---- Operators ---- */

static bool same_domain(const char *a, const char *b) {
    return strcmp(onnx_domain(a), onnx_domain(b)) == 0;
}

static int64_t opset_of(const struct scope *scope, const char *domain) {
    for (size_t i = 0; i < scope->opset_count; i++)
        if (same_domain(scope->opsets[i]->domain, domain))
            return scope->opsets[i]->version;
    return 1; /* as the oldest files have it, which do not say */
}

static int compare_functions(const Onnx__Function *a, const Onnx__Function *b) {
    int order = strcmp(a->name, b->name);
    if (order == 0)
        order = strcmp(onnx_domain(a->domain), onnx_domain(b->domain));
    return order ? order : strcmp(a->overload, b->overload);
}

static int compare_listed(const void *a, const void *b) {
    return compare_functions(*(const Onnx__Function *const *)a, *(const Onnx__Function *const *)b);
}

/* The function that a node calls, or NULL. */
static const Onnx__Function *function_of(struct importer *importer, const Onnx__Node *node) {
    size_t count = importer->model->n_functions;
    if (count == 0)
        return NULL;
    if (!importer->functions) {
        importer->functions = arena_array(&importer->arena, const Onnx__Function *, count);
        memcpy(importer->functions, importer->model->functions, count * sizeof(void *));
        qsort(importer->functions, count, sizeof(void *), compare_listed);
    }
    const Onnx__Function wanted = {
        .name = node->op_type, .domain = node->domain, .overload = node->overload};
    const Onnx__Function *key = &wanted, **found = bsearch(&key, importer->functions, count,
                                                           sizeof(void *), compare_listed);
    return found ? *found : NULL;
}

/* Nodes of one operator, refused for one reason, are one refusal. */
static void record_refusal(struct importer *importer, const char *name, const char *node,
                           int64_t opset, const char *why) {
    for (int i = 0; i < importer->refusal_count; i++)
        if (strcmp(importer->refusals[i].name, name) == 0 &&
            strcmp(importer->refusals[i].why, why) == 0) {
            importer->refusals[i].count++;
            return;
        }
    if (importer->refusal_count == MOST_REFUSALS) {
        importer->more_refusals = true;
        return;
    }
    importer->refusals = arena_extend(&importer->arena, importer->refusals, importer->refusal_count,
                                      &importer->refusal_capacity, sizeof *importer->refusals);
    importer->refusals[importer->refusal_count++] =
        (struct refusal){name, arena_copy_text(&importer->arena, why),
                         arena_copy_text(&importer->arena, quoted(node).text), opset, 1};
}

static void refuse_node(const struct call *call, const char *why) {
    const Onnx__Node *node = call->node;
    const char *name = arena_format(&call->importer->arena, "%s%s%s", quoted(node->domain).text,
                                    node->domain[0] ? "." : "", quoted(node->op_type).text);
    const char *own = node->name[0] ? node->name : node->output[0];
    record_refusal(call->importer, name, own, call->opset, why);
}

static bool is_narrow(struct tensor x) {
    return x.node && (x.node->dtype == DTYPE_FLOAT16 || x.node->dtype == DTYPE_BFLOAT16);
}

/* 16-bit floats as float32. Outputs are to have the dtype of the first input that is float32 or a
 * 16-bit float: true, and which, when it is the latter. */
static bool widen(struct call *call, enum dtype *narrow) {
    bool decided = false, widened = false;
    for (int i = 0; i < call->input_count; i++) {
        struct tensor x = call->inputs[i];
        if (!decided && is_narrow(x)) {
            *narrow = x.node->dtype;
            widened = true;
        }
        decided |= x.node && (is_narrow(x) || x.node->dtype == DTYPE_FLOAT32);
        if (is_narrow(x))
            call->inputs[i] = tensor_cast(x, DTYPE_FLOAT32);
    }
    return widened;
}

/* What the node says and nothing asked for. */
static void refuse_unasked(const struct call *call) {
    for (size_t i = 0; i < call->node->n_attribute; i++)
        if (!call->asked[i])
            call_refuse(call, "attribute \"%s\" is not known here",
                        quoted(call->node->attribute[i]->name).text);
    for (int i = 0; i < call->input_count; i++)
        if (!call->taken[i] && is_given(call->inputs[i]))
            call_refuse(call, "input %d, \"%s\", is not known here", i,
                        quoted(call->node->input[i]).text);
}

static void build(struct call *call) {
    enum dtype narrow = DTYPE_FLOAT32;
    bool is_of_counted = counted_inputs(call);
    bool widened = call->op->arithmetic == WIDENED && widen(call, &narrow);
    bool has_shape = takes_lengths(call);
    struct tensor first = has_shape       ? build_of_lengths(call)
                          : is_of_counted ? build_counted(call)
                                          : call->op->build(call);
    if (call->output_count)
        call->outputs[0] = first;
    if (!is_of_counted && !has_shape)
        lengths_follow(call);
    for (int i = 0; widened && i < call->output_count; i++)
        if (call->outputs[i].node && call->outputs[i].node->dtype == DTYPE_FLOAT32)
            call->outputs[i] = tensor_cast(call->outputs[i], narrow);
    keep_counts(call);
    refuse_unasked(call);
    for (int i = 0; i < call->output_count; i++)
        if (call_wants_output(call, i) && !is_given(call->outputs[i]))
            call_refuse(call, "output %d is not made here", i);
    check_low_types(call);
}

/* ---- Nodes ---- */

/* The tensors that a node reads. False: one of them is not there. `refused`: one was refused. */
static bool find_inputs(struct call *call, bool *refused) {
    const Onnx__Node *node = call->node;
    for (int i = 0; i < call->input_count; i++) {
        const char *name = node->input[i];
        const struct value *value = value_find(call->scope, name);
        if (name[0] && !value)
            return et_fail(call->importer->error,
                           "node \"%s\" (%s) reads \"%s\", which nothing makes",
                           quoted(node->name).text, quoted(node->op_type).text, quoted(name).text);
        if (value && value->state == VALUE_UNMADE)
            return et_fail(call->importer->error,
                           "node \"%s\" (%s) reads \"%s\" before it is made: expected nodes in the "
                           "order of their use, without cycles",
                           quoted(node->name).text, quoted(node->op_type).text, quoted(name).text);
        *refused |= value && value->state == VALUE_REFUSED;
        if (value)
            call->inputs[i] = captured(call->importer, value->tensor);
    }
    return true;
}

static void keep_outputs(struct call *call) {
    for (int i = 0; i < call->output_count; i++) {
        struct value *value = value_find(call->scope, call->node->output[i]);
        if (!value)
            continue;
        struct tensor x = folded_output(call->importer, call->outputs[i], call->node->output[i]);
        value->tensor = x;
        value->state = x.node ? VALUE_MADE : VALUE_REFUSED;
    }
}

static bool import_function(struct call *call, const Onnx__Function *function);

/* The reason for which the node is refused, with what it leaves out that its builder took. */
static const char *reason_of(const struct call *call, const char *why) {
    const char *reason = with_low_type(call, why);
    return *call->absent < 0 ? reason
                             : arena_format(&call->importer->arena, "%s (input %d is left out)",
                                            reason, *call->absent);
}

/* Builds what an operator stands for; what is wrong with it is recorded. */
static bool import_operator(struct call *call, bool refused) {
    const Onnx__Function *function = function_of(call->importer, call->node);
    call->op = function ? NULL : onnx_op_find(call->node->domain, call->node->op_type);
    struct et_error error = {0};
    unsigned long failed = et_failed_allocations();
    if (function && !refused && !import_function(call, function))
        return false;
    if (!function && !call->op)
        et_fail(&error, "there is no such operator here");
    else if (!function && call->op->since > call->opset)
        et_fail(&error, "an operator of opset %d", call->op->since);
    else if (!function && !refused)
        build(call);
    tensor_recover(call->context, &error);
    if (failed != et_failed_allocations())
        return et_fail(call->importer->error, "out of memory");
    if (error.message[0]) {
        memset(call->outputs, 0, (size_t)call->output_count * sizeof *call->outputs);
        refuse_node(call, reason_of(call, error.message));
    }
    return !call->importer->error->message[0];
}

static bool import_node(struct importer *importer, struct scope *scope, const Onnx__Node *node) {
    struct arena *arena = &importer->arena;
    int absent = -1;
    struct call call = {.importer = importer,
                        .context = importer->graph->context,
                        .scope = scope,
                        .node = node,
                        .opset = opset_of(scope, node->domain),
                        .input_count = (int)node->n_input,
                        .output_count = (int)node->n_output};
    call.inputs = arena_array(arena, struct tensor, node->n_input + 1);
    call.outputs = arena_array(arena, struct tensor, node->n_output + 1);
    call.input_counted = arena_array(arena, struct axis_counts, node->n_input + 1);
    call.output_counted = arena_array(arena, struct axis_counts, node->n_output + 1);
    call.asked = arena_array(arena, bool, node->n_attribute + 1);
    call.taken = arena_array(arena, bool, node->n_input + 1);
    call.absent = &absent;
    bool refused = false;
    if (!find_inputs(&call, &refused) || !import_operator(&call, refused))
        return false;
    keep_outputs(&call);
    return true;
}

/* Which nodes some output needs. What they read is wanted, too. */
static bool *wanted_nodes(struct importer *importer, const struct scope *scope, size_t count,
                          Onnx__Node *const *nodes) {
    bool *wanted = arena_array(&importer->arena, bool, count + 1);
    for (size_t i = count; i-- > 0;)
        if ((wanted[i] = is_wanted(scope, nodes[i])))
            want_inputs(scope, nodes[i]);
    return wanted;
}

static bool import_nodes(struct importer *importer, struct scope *scope, size_t count,
                         Onnx__Node *const *nodes, const bool *wanted) {
    if (scope->depth > MOST_SCOPES)
        return et_fail(importer->error, "functions and graphs within each other, over %d deep",
                       MOST_SCOPES);
    importer->imported += scope->count; /* what a body costs that is imported again and again */
    for (size_t i = 0; i < count; i++) {
        if (wanted[i] && importer->imported++ >= MOST_IMPORTED)
            return et_fail(importer->error, "more than %d nodes and names", MOST_IMPORTED);
        if (wanted[i] && !import_node(importer, scope, nodes[i]))
            return false;
    }
    return true;
}

/* ---- Functions and graphs ---- */

static void set_value(struct scope *scope, const char *name, struct tensor x) {
    struct value *value = value_find(scope, name);
    if (value)
        *value = (struct value){value->name, x, VALUE_MADE, value->wanted};
}

static struct tensor get_value(struct importer *importer, const struct scope *scope,
                               const char *name) {
    const struct value *value = value_find(scope, name);
    return value && value->state == VALUE_MADE ? captured(importer, value->tensor) : NO_TENSOR;
}

static bool import_function(struct call *call, const Onnx__Function *function) {
    struct importer *importer = call->importer;
    struct scope scope;
    if (!scope_of_function(call, function, &scope))
        return false;
    for (size_t i = 0; i < function->n_input; i++)
        set_value(&scope, function->input[i], call_input(call, (int)i));
    size_t outputs = (size_t)call->output_count;
    if (outputs > function->n_output)
        outputs = function->n_output;
    for (size_t i = 0; i < outputs; i++)
        if (call_wants_output(call, (int)i))
            want(&scope, function->output[i]);
    const bool *wanted = wanted_nodes(importer, &scope, function->n_node, function->node);
    if (!import_nodes(importer, &scope, function->n_node, function->node, wanted))
        return false;
    for (size_t i = 0; i < outputs; i++)
        call->outputs[i] = get_value(importer, &scope, function->output[i]);
    return true;
}

/* Those that something needs. */
static void import_initialisers(struct importer *importer, struct scope *scope,
                                const Onnx__Graph *graph) {
    for (size_t i = 0; i < graph->n_initializer; i++) {
        const char *name = graph->initializer[i]->name;
        struct value *value = value_find(scope, name);
        if (!value || !value->wanted)
            continue;
        struct et_error error = {0};
        set_value(scope, name, import_tensor(importer, graph->initializer[i], name));
        if (tensor_recover(importer->graph->context, &error)) {
            value->state = VALUE_REFUSED;
            record_refusal(importer, "initializer", name, opset_of(scope, ""), error.message);
        }
    }
}

bool import_graph(struct importer *importer, const Onnx__Graph *graph, struct scope *outer,
                  const struct tensor *inputs, struct tensor *outputs) {
    struct scope scope;
    if (graph->n_sparse_initializer)
        return et_fail(importer->error, "a sparse initializer; they are not known here");
    if (!scope_of_graph(importer, graph, outer, &scope))
        return false;
    for (size_t i = 0; i < graph->n_output; i++)
        want(&scope, graph->output[i]->name);
    const bool *wanted = wanted_nodes(importer, &scope, graph->n_node, graph->node);
    for (size_t i = 0; i < graph->n_input; i++)
        set_value(&scope, graph->input[i]->name, inputs[i]);
    import_initialisers(importer, &scope, graph);
    if (!import_nodes(importer, &scope, graph->n_node, graph->node, wanted))
        return false;
    for (size_t i = 0; i < graph->n_output; i++) {
        if (!value_find(&scope, graph->output[i]->name))
            return et_fail(importer->error, "output \"%s\", which nothing makes",
                           quoted(graph->output[i]->name).text);
        outputs[i] = get_value(importer, &scope, graph->output[i]->name);
    }
    return true;
}
