#include "compiler/size_set.h"

#include <string.h>

static bool same_kind(const struct node *a, const struct node *b) {
    return a->dtype == b->dtype && a->rank == b->rank && a->batched == b->batched;
}

/* Whether two graphs have the same inputs and outputs, but for extents. */
static bool same_tensors(const struct graph *a, const struct graph *b) {
    bool same = a->input_count == b->input_count && a->output_count == b->output_count &&
                a->batched == b->batched;
    for (int i = 0; same && i < a->input_count; i++)
        same = strcmp(a->inputs[i]->name, b->inputs[i]->name) == 0 &&
               same_kind(a->inputs[i], b->inputs[i]);
    for (int i = 0; same && i < a->output_count; i++)
        same = strcmp(a->outputs[i].name, b->outputs[i].name) == 0 &&
               same_kind(a->outputs[i].node, b->outputs[i].node);
    return same;
}

static bool same_sizes(const struct size_set *set, int one, int other) {
    return memcmp(set->items[one].sizes, set->items[other].sizes,
                  (size_t)set->axis_count * sizeof *set->items[one].sizes) == 0;
}

static bool check_item(const struct size_set *set, int item, struct et_error *error) {
    const struct graph *graph = set->items[item].graph;
    for (int i = 0; i < item; i++)
        if (same_sizes(set, i, item))
            return et_fail(error, "%s: the same sizes twice", graph->name);
    return same_tensors(set->items[0].graph, graph) ||
           et_fail(error,
                   "%s: its inputs and outputs are others at other sizes, not only their extents",
                   graph->name);
}

bool check_size_set(const struct size_set *set, const struct compile_options *options,
                    struct et_error *error) {
    if (set->axis_count < 1 || set->axis_count > MOST_SET_AXES)
        return et_fail(error, "%d axes of several sizes, expected 1 to %d", set->axis_count,
                       MOST_SET_AXES);
    if (set->count < 1 || set->count > MOST_SET_SIZES)
        return et_fail(error, "%d sizes, expected 1 to %d in one text", set->count, MOST_SET_SIZES);
    if (options->tuning)
        return et_fail(error, "a text for several sizes takes a tuning of each");
    for (int i = 0; i < set->count; i++)
        if (!check_item(set, i, error))
            return false;
    return true;
}
