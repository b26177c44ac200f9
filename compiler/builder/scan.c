/* Scans in C: the body is a context of its own. */
#include "compiler/builder/builder.h"

#include <string.h>

/* The first source, the scanned ones, the captured ones; false: they are too many. */
static bool list_sources(const struct scan_options *options, struct tensor *sources, int *count) {
    if (options->scanned_count < 0 || options->captured_count < 0 ||
        options->scanned_count > MAX_SOURCES - 1 ||
        options->captured_count > MAX_SOURCES - 1 - options->scanned_count)
        return false;
    sources[0] = options->initial;
    *count = 1;
    for (int i = 0; i < options->scanned_count; i++)
        sources[(*count)++] = options->scanned[i];
    for (int i = 0; i < options->captured_count; i++)
        sources[(*count)++] = options->captured[i];
    return true;
}

static struct tensor append_scan(const struct scan_options *options, const struct graph *body,
                                 int axis) {
    struct tensor sources[MAX_SOURCES];
    struct node node = {.op = OP_SCAN,
                        .axis = axis,
                        .scanned = options->scanned_count,
                        .last = options->last,
                        .body = body};
    int count;
    if (!list_sources(options, sources, &count))
        return tensor_fail(options->initial.context, "scan: more than %d sources", MAX_SOURCES);
    return tensor_of_node(options->initial.context, &node, count, sources);
}

struct tensor tensor_scan(const struct scan_options *options) {
    struct tensor_context *context = options->initial.context;
    bool along = options->last && options->scanned_count > 0;
    int rank = along ? tensor_rank(options->scanned[0]) : tensor_rank(options->initial) + 1;
    int axis = options->axis < 0 ? options->axis + rank : options->axis;
    if (options->next.context == context) {
        tensor_fail(context, "scan: the next state is of the same context");
        return (struct tensor){context, NULL};
    }
    struct et_error error = {0};
    struct named_tensor outputs[] = {{"state", options->next}, {"goes_on", options->goes_on}};
    int count = options->goes_on.context ? 2 : 1;
    struct graph *body = compile_to_graph(options->next.context, count, outputs, &error);
    struct tensor states = body ? append_scan(options, body, axis)
                                : tensor_fail(context, "scan: body: %s", error.message);
    graph_free(body);
    return states;
}
