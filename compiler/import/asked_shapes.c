/* Operators that take integers for a shape which a run computes: they get the greatest that each
 * can be, and their results are counted. */
#include "compiler/import/counted_rules.h"
#include "compiler/import/elements.h"
#include "compiler/import/lengths.h"
#include "compiler/import/movement.h"

#include <math.h>
#include <string.h>

enum { MOST_FOUND = 1 << 24 }; /* that an extent may be of which only a bound is known */

/* ---- What a run computes ---- */

/* The tensor that has the element, as the graph at hand has it: int64, of rank 0. */
static struct tensor picked(struct call *call, const struct tensor_element *e) {
    struct tensor x = {e->graph->context, (struct node *)e->node};
    x = tensor_cast(captured(call->importer, x), DTYPE_INT64);
    for (int i = 0; i < e->node->rank; i++)
        x = pick_axis(x, 0, e->at[i]);
    return x;
}

static bool is_certain(const struct tensor_element *e) {
    for (int i = 0; i < e->node->rank; i++)
        if (e->at[i] < 0)
            return false;
    return true;
}

/* What the element is said to be where it is one of lengths. */
static bool is_length(struct call *call, const struct tensor_element *e, struct length *length) {
    const struct built_graph *graph = e->graph;
    struct lengths lengths = {0};
    if (e->node->id < graph->lengths_count)
        lengths = graph->lengths[e->node->id];
    if (!lengths.count || !is_certain(e))
        return false;
    *length = lengths.list[e->node->rank ? e->at[0] : 0];
    if (length_varies(length))
        length->count = captured(call->importer, length->count);
    return true;
}

/* An element as a length: known, one already, or a count of its own if it is bounded. */
static bool find_length(struct call *call, struct tensor x, int64_t index, struct length *length) {
    struct elements_seen seen = elements_begin(call->importer);
    struct tensor_element e = element_in(call->importer, x, index);
    double value;
    do
        if (is_length(call, &e, length))
            return true;
    while (element_moves(&seen, &e));
    if (element_is_known(&e, &value) && fabs(value) <= (double)INT64_MAX / 2) {
        *length = (struct length){.offset = (int64_t)value};
        return true;
    }
    struct number_span span = span_of_element(call->importer, x, index);
    if (!(span.most <= MOST_FOUND))
        return false;
    int64_t most = span.most > 0 ? (int64_t)span.most : 0;
    struct tensor_element own = is_certain(&e) ? e : element_in(call->importer, x, index);
    struct tensor count = tensor_max(picked(call, &own), number64(call->context, 0));
    *length = (struct length){tensor_min(count, number64(call->context, most)), 1, 0, most};
    return true;
}

/* The lengths of a shape, which are found now if they are not kept; none: it is known, or of some
 * there is no bound. */
static struct lengths asked_lengths(struct call *call, int input) {
    struct tensor x = input < call->input_count ? call->inputs[input] : NO_TENSOR;
    struct lengths lengths = lengths_of(call->importer, x);
    if (lengths.count || !x.node || tensor_rank(x) > 1 || elements_of(x) > MOST_LENGTHS ||
        elements_of(x) < 1 || dtype_facts[tensor_dtype(x)].letter != 'I' || call_is_known(call, x))
        return lengths;
    struct length *list = arena_array(&call->importer->arena, struct length, MOST_LENGTHS);
    int count = (int)elements_of(x);
    for (int i = 0; i < count; i++)
        if (!find_length(call, x, i, &list[i]))
            return (struct lengths){0, NULL};
    lengths = (struct lengths){count, list};
    with_lengths(call->importer, x, lengths);
    return lengths;
}

int64_t integer_bound(struct call *call, struct tensor x) {
    struct length length;
    if (!x.node || elements_of(x) != 1 || !find_length(call, x, 0, &length))
        return -1;
    return length_most(&length);
}

/* ---- Shapes ---- */

/* The greatest that each can be, in the place of that input. */
static void ask_for_most(struct call *call, int input, struct lengths lengths) {
    int64_t values[MOST_LENGTHS];
    for (int i = 0; i < lengths.count; i++)
        values[i] = length_most(&lengths.list[i]);
    call->inputs[input] = list_like(call_input(call, input), lengths.count, values);
}

static struct tensor reshape_by_lengths(struct call *call) {
    struct lengths lengths = asked_lengths(call, 1);
    call_input(call, 1);
    ask_for_most(call, 1, lengths);
    return reshape_counted(call, lengths.list);
}

/* The output y, of those counts, as a node that no tensor is which is counted in another way. */
static struct tensor counted_apart(struct call *call, struct tensor y,
                                   const struct axis_counts *counts) {
    for (int i = 0; i < counts->count; i++)
        call_counts_output(call, 0, counts->list[i].axis, counts->list[i].count);
    return filled_behind_all(y, counts, FILL_ZERO);
}

static struct tensor expand_by_lengths(struct call *call) {
    struct lengths lengths = asked_lengths(call, 1);
    struct axis_counts own = call_counts(call, 0), counts = {0};
    struct tensor x = call_input(call, 0);
    int rank = tensor_rank(x) > lengths.count ? tensor_rank(x) : lengths.count;
    for (int i = 0; i < rank; i++) {
        int at = i - (rank - lengths.count), axis = i - (rank - tensor_rank(x));
        const struct length *length = at >= 0 ? &lengths.list[at] : NULL;
        struct counted c = counted_along(&own, axis);
        bool says_one = !length || (!length_varies(length) && length->offset == 1);
        bool says_own = length && is_counted(c) && is_times(length, c.count, 1);
        if (is_counted(c)
                ? !says_one && !says_own
                : length && length_varies(length) && axis >= 0 && tensor_extent(x, axis) != 1)
            return call_refuse(call, "%s to an extent that depends on the data",
                               tensor_text(x).text);
        if (is_counted(c))
            count_along(&counts, (struct counted){c.count, i});
        else if (length && length_varies(length))
            count_along(&counts, (struct counted){length_now(length), i});
    }
    ask_for_most(call, 1, lengths);
    return counted_apart(call, build_plain(call), &counts);
}

static struct tensor fill_by_lengths(struct call *call) {
    struct lengths lengths = asked_lengths(call, 0);
    call_input(call, 0);
    ask_for_most(call, 0, lengths);
    for (int i = 0; i < lengths.count; i++)
        if (length_varies(&lengths.list[i]))
            call_counts_output(call, 0, i, length_now(&lengths.list[i]));
    return build_plain(call);
}

/* Up to a limit that depends on the data, from a number on that does not. */
static struct tensor range_by_lengths(struct call *call) {
    struct lengths lengths = asked_lengths(call, 1);
    const struct length *limit = lengths.list;
    if (lengths.count != 1 || !call_is_known(call, call_input(call, 0)) ||
        !call_is_known(call, call_input(call, 2)))
        return call_refuse(call, "a start or a delta that depends on the data");
    double first = call_known_number(call, call_input(call, 0), "the start");
    double step = call_known_number(call, call_input(call, 2), "the delta");
    if (step < 1 || step > 0x1p40 || fabs(first) > 0x1p40)
        return call_refuse(call, "a start or a delta out of their range, to a limit that depends "
                                 "on the data");
    call_input(call, 1);
    ask_for_most(call, 1, lengths);
    if (!length_varies(limit))
        return build_plain(call);
    int64_t start = (int64_t)first, delta = (int64_t)step;
    struct tensor count = length_now(limit);
    if (start == 0 && delta == 1 && limit->offset >= 0)
        return build_along(call, 0, count);
    struct tensor distance = tensor_add(count, number64(call->context, delta - 1 - start));
    distance = tensor_max(distance, number64(call->context, 0));
    return build_along(call, 0, tensor_div(distance, number64(call->context, delta)));
}

/* ---- Parts ---- */

/* Bounds of slices, of which a run may compute any. */
struct cuts {
    int count;
    struct integers axes, steps; /* NULL values: 0, 1, ..; all 1 */
    struct tensor starts, ends;
};

static bool read_cuts(struct call *call, struct cuts *cuts) {
    *cuts = (struct cuts){.starts = call_input(call, 1), .ends = call_input(call, 2)};
    cuts->axes = call_ints_or_input(call, "axes", 3);
    cuts->steps = call_ints_or_input(call, "steps", 4);
    if (!cuts->starts.node || !cuts->ends.node || (call_has_input(call, 3) && !cuts->axes.values) ||
        (call_has_input(call, 4) && !cuts->steps.values))
        return false; /* refused already */
    cuts->count = (int)elements_of(cuts->starts);
    if (tensor_rank(cuts->starts) != 1 || tensor_rank(cuts->ends) != 1 ||
        elements_of(cuts->starts) > MAX_RANK || elements_of(cuts->ends) != cuts->count ||
        (cuts->axes.values && cuts->axes.count != cuts->count) ||
        (cuts->steps.values && cuts->steps.count != cuts->count)) {
        call_refuse(call, "lists of starts, ends, axes and steps of different lengths");
        return false;
    }
    return true;
}

/* Whether a bound is known, and which it is. */
static bool known_bound(struct call *call, struct tensor bounds, int which, int64_t *value) {
    struct elements_seen seen = elements_begin(call->importer);
    struct tensor_element e = element_in(call->importer, bounds, which);
    double number;
    if (call_is_known(call, bounds)) {
        *value = call_known(call, bounds, "the bounds").values[which];
        return true;
    }
    element_settles(&seen, &e);
    if (!element_is_known(&e, &number) || fabs(number) > 0x1p53)
        return false;
    *value = (int64_t)number;
    return true;
}

static struct tensor bound_now(struct tensor bounds, int which) {
    return pick_axis(tensor_cast(bounds, DTYPE_INT64), 0, which);
}

/* The most that a slice takes from `start` up to `end`: the whole axis, or what is between them
 * where neither counts from the end. */
static int64_t most_between(struct call *call, struct tensor start, struct tensor end,
                            int64_t extent) {
    struct number_span from = span_of_element(call->importer, start, 0);
    struct number_span to = span_of_element(call->importer, end, 0);
    struct number_span between = span_of_element(call->importer, tensor_sub(end, start), 0);
    if (from.least < 0 || to.least < 0 || !(between.most < (double)extent))
        return extent;
    return between.most > 0 ? (int64_t)between.most : 0;
}

/* Up to an end from the first element on: they stand there already. */
static struct tensor slice_to_end(struct call *call, struct tensor x, struct counted *c,
                                  const struct length *end) {
    int64_t extent = tensor_extent(x, c->axis), most = length_most(end);
    struct tensor own = is_counted(*c) ? c->count : number64(call->context, extent);
    if (!is_counted(*c) || !is_times(end, c->count, 1))
        c->count = tensor_min(own, length_now(end));
    return most < extent ? cut_axis(x, c->axis, 0, most) : x;
}

static struct tensor slice_at_run(struct call *call, struct tensor x, struct counted *c,
                                  const struct cuts *cuts, int which) {
    int64_t extent = tensor_extent(x, c->axis), start, step = integer_or(cuts->steps, which, 1);
    struct lengths ends = asked_lengths(call, 2);
    struct tensor_context *context = call->context;
    if (step == 0 || step > MAX_ELEMENTS || step < -MAX_ELEMENTS)
        return call_refuse(call, "a step of %lld", (long long)step);
    if (step == 1 && ends.count && ends.list[which].offset >= 0 &&
        length_varies(&ends.list[which]) && known_bound(call, cuts->starts, which, &start) &&
        start == 0)
        return slice_to_end(call, x, c, &ends.list[which]);
    struct tensor count = is_counted(*c) ? c->count : number64(context, extent);
    struct tensor from = bound_now(cuts->starts, which), to = bound_now(cuts->ends, which);
    int64_t most = step == 1 ? most_between(call, from, to, extent) : extent;
    return slice_between(x, from, to, step, divide_up(most, step < 0 ? -step : step), c, count);
}

static struct tensor slice_by_lengths(struct call *call) {
    struct tensor x = call_input(call, 0), given = x;
    struct axis_counts counts = call_counts(call, 0);
    struct cuts cuts;
    bool seen[MAX_RANK] = {false};
    if (!read_cuts(call, &cuts))
        return NO_TENSOR;
    for (int i = 0; i < cuts.count && x.node; i++) {
        struct slice slice = {.axis = call_axis(call, integer_or(cuts.axes, i, i), tensor_rank(x)),
                              .step = integer_or(cuts.steps, i, 1)};
        struct counted c = counted_along(&counts, slice.axis);
        if (tensor_rank(x) == 0 || seen[slice.axis])
            return call_refuse(call, "an axis is named twice");
        seen[slice.axis] = true;
        if (tensor_extent(x, slice.axis) == 0)
            continue;
        if (known_bound(call, cuts.starts, i, &slice.start) &&
            known_bound(call, cuts.ends, i, &slice.end) && slice.step != 0)
            x = slice_counted(x, slice, &c);
        else
            x = slice_at_run(call, x, &c, &cuts, i);
        if (is_counted(c))
            count_along(&counts, c);
    }
    if (x.node == given.node)
        return counted_apart(call, x, &counts);
    for (int i = 0; i < counts.count; i++)
        call_counts_output(call, 0, counts.list[i].axis, counts.list[i].count);
    return x;
}

static struct tensor resize_by_lengths(struct call *call) {
    struct lengths lengths = asked_lengths(call, 3);
    call_input(call, 3);
    ask_for_most(call, 3, lengths);
    return resize_to_lengths(call, lengths.count, lengths.list);
}

/* ---- Which ---- */

static const struct shaped_op {
    const char *name;
    int input; /* that is a shape */
    int also;  /* another that need not be known; else 0 */
    bool any;  /* whether they need no bound */
    struct tensor (*build)(struct call *call);
} shaped_ops[] = {
    {"Reshape", 1, 0, false, reshape_by_lengths},      {"Expand", 1, 0, false, expand_by_lengths},
    {"ConstantOfShape", 0, 0, false, fill_by_lengths}, {"Range", 1, 0, false, range_by_lengths},
    {"Slice", 2, 1, true, slice_by_lengths},           {"Resize", 3, 0, false, resize_by_lengths},
};

static bool is_computed(struct call *call, int input) {
    struct tensor x = input < call->input_count ? call->inputs[input] : NO_TENSOR;
    return x.node && tensor_rank(x) == 1 && dtype_facts[tensor_dtype(x)].letter == 'I' &&
           !call_is_known(call, x);
}

static const struct shaped_op *shaped_op_of(struct call *call) {
    for (size_t i = 0; i < sizeof shaped_ops / sizeof shaped_ops[0]; i++) {
        const struct shaped_op *op = &shaped_ops[i];
        if (call->op->domain[0] || strcmp(call->op->name, op->name) != 0)
            continue;
        if (asked_lengths(call, op->input).count ||
            (op->any && (is_computed(call, op->input) || is_computed(call, op->also))))
            return op;
    }
    return NULL;
}

bool takes_lengths(struct call *call) {
    return shaped_op_of(call) != NULL;
}

struct tensor build_of_lengths(struct call *call) {
    return shaped_op_of(call)->build(call);
}
