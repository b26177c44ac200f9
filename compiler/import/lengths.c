#include "compiler/import/lengths.h"

#include "compiler/base/arithmetic.h"
#include "compiler/import/counted_rules.h"
#include "compiler/import/movement.h"

#include <math.h>
#include <string.h>

enum { MOST_LENGTHS = 64 }; /* of one tensor */

struct lengths lengths_of(struct importer *importer, struct tensor x) {
    const struct built_graph *graph = importer->graph;
    if (!x.node || x.context != graph->context || x.node->id >= graph->lengths_count)
        return (struct lengths){0, NULL};
    return graph->lengths[x.node->id];
}

struct tensor with_lengths(struct importer *importer, struct tensor x, struct lengths lengths) {
    struct built_graph *graph = importer->graph;
    if (!x.node)
        return x;
    graph->lengths = arena_reach(&importer->arena, graph->lengths, &graph->lengths_count,
                                 x.node->id, sizeof *graph->lengths);
    graph->lengths[x.node->id] = lengths;
    return x;
}

static bool varies(const struct length *length) {
    return length->count.node && length->factor;
}

bool is_times(const struct length *length, struct tensor count, int64_t times) {
    return length->count.node == count.node && length->factor == times && length->offset == 0;
}

/* Integers in the place of x, of its dtype and rank. */
static struct tensor list_like(struct tensor x, int count, const int64_t *values) {
    struct tensor list = int64_list(x.context, count, values);
    return tensor_cast(tensor_rank(x) ? list : tensor_reshape(list, SCALAR_SHAPE), tensor_dtype(x));
}

/* ---- Operators that hand lengths on ---- */

/* Those whose results are sums of multiples of their operands' elements; of a product at most one
 * operand may have a count in it. */
static const struct linear_op {
    const char *name;
    bool is_product;
} linear_ops[] = {
    {"Identity", false},  {"Cast", false},    {"Gather", false},    {"Slice", false},
    {"Concat", false},    {"Squeeze", false}, {"Reshape", false},   {"Unsqueeze", false},
    {"Split", false},     {"Add", false},     {"Sub", false},       {"Neg", false},
    {"ReduceSum", false}, {"Mul", true},      {"ReduceProd", true},
};

static const struct linear_op *find_linear(const struct onnx_op *op) {
    for (size_t i = 0; i < sizeof linear_ops / sizeof linear_ops[0]; i++)
        if (!op->domain[0] && strcmp(op->name, linear_ops[i].name) == 0)
            return &linear_ops[i];
    return NULL;
}

/* The counts that inputs have in them, each once, and how many lengths have one. */
struct found_counts {
    int count, varying;
    struct length list[8];
};

static bool add_count(struct found_counts *counts, const struct length *length) {
    enum { MOST = sizeof counts->list / sizeof counts->list[0] };
    for (int i = 0; i < counts->count; i++)
        if (counts->list[i].count.node == length->count.node)
            return true;
    if (counts->count == MOST)
        return false;
    counts->list[counts->count++] = *length;
    return true;
}

/* False: none, or too many. */
static bool find_counts(struct importer *importer, const struct tensor *inputs, int input_count,
                        struct found_counts *counts) {
    memset(counts, 0, sizeof *counts);
    for (int i = 0; i < input_count; i++) {
        struct lengths lengths = lengths_of(importer, inputs[i]);
        for (int k = 0; k < lengths.count; k++) {
            counts->varying += varies(&lengths.list[k]);
            if (varies(&lengths.list[k]) && !add_count(counts, &lengths.list[k]))
                return false;
        }
    }
    return counts->count > 0;
}

/* The elements where that count is 1, and all others are 0; NULL: all are. */
static struct tensor at_count(struct tensor x, struct lengths lengths, const struct node *one) {
    int64_t values[MOST_LENGTHS];
    for (int i = 0; i < lengths.count; i++) {
        const struct length *length = &lengths.list[i];
        bool is_one = varies(length) && length->count.node == one;
        values[i] = length->offset + (is_one ? length->factor : 0);
    }
    return list_like(x, lengths.count, values);
}

/* The outputs there, as far as they are known. */
static void outputs_at(struct call *call, const struct tensor *inputs, const struct node *one,
                       const struct view **views) {
    struct tensor *own_inputs = call->inputs, *own_outputs = call->outputs;
    struct arena *arena = &call->importer->arena;
    call->inputs = arena_array(arena, struct tensor, (size_t)call->input_count + 1);
    call->outputs = arena_array(arena, struct tensor, (size_t)call->output_count + 1);
    for (int i = 0; i < call->input_count; i++) {
        struct lengths lengths = lengths_of(call->importer, inputs[i]);
        call->inputs[i] = lengths.count ? at_count(inputs[i], lengths, one) : inputs[i];
    }
    struct tensor first = call->op->build(call);
    call_output(call, 0, first);
    for (int i = 0; i < call->output_count; i++)
        views[i] = known_elements(call->importer, tensor_cast(call->outputs[i], DTYPE_INT64));
    call->inputs = own_inputs;
    call->outputs = own_outputs;
}

static int64_t element_at(const struct view *view, int64_t i) {
    return ((const int64_t *)view->data)[i];
}

/* An integer by what it is where all counts are 0, and where one of them is 1. False: two counts
 * are in it, or it is too large. */
static bool length_at(const struct found_counts *counts, const struct view *none,
                      const struct view *const *ones, int64_t i, struct length *length) {
    *length = (struct length){.offset = element_at(none, i)};
    for (int k = 0; k < counts->count; k++) {
        int64_t factor = element_at(ones[k], i) - length->offset, most;
        if (!factor)
            continue;
        if (length->factor || !checked_multiply(factor, counts->list[k].most, &most) ||
            !checked_add(most, length->offset, &most) || most > MAX_ELEMENTS || factor < 0)
            return false;
        length->factor = factor;
        length->count = counts->list[k].count;
        length->most = counts->list[k].most;
    }
    return true;
}

/* What one output is; it is known after all where no count is in it. */
static void set_lengths(struct call *call, int output, const struct found_counts *counts,
                        const struct view *none, const struct view *const *ones) {
    struct tensor x = call->outputs[output];
    int64_t elements = x.node ? elements_of(x) : 0;
    bool is_list = x.node && tensor_rank(x) <= 1 && elements <= MOST_LENGTHS && none;
    bool varying = false;
    struct length *list =
        arena_array(&call->importer->arena, struct length, is_list ? (size_t)elements + 1 : 1);
    for (int i = 0; i < counts->count; i++)
        is_list = is_list && ones[i];
    for (int64_t i = 0; is_list && i < elements; i++) {
        is_list = length_at(counts, none, ones, i, &list[i]);
        varying |= varies(&list[i]);
    }
    if (!is_list)
        return;
    struct lengths lengths = {(int)elements, list};
    if (!varying)
        call->outputs[output] = at_count(x, lengths, NULL);
    else
        with_lengths(call->importer, x, lengths);
}

static bool holds_lengths(struct tensor x) {
    return x.node && (tensor_dtype(x) == DTYPE_INT64 || tensor_dtype(x) == DTYPE_INT32);
}

void lengths_follow(struct call *call) {
    const struct linear_op *found = find_linear(call->op);
    struct found_counts counts;
    if (!found || !call->output_count || !holds_lengths(call->outputs[0]) ||
        !find_counts(call->importer, call->inputs, call->input_count, &counts) ||
        (found->is_product && counts.varying > 1))
        return;
    size_t outputs = (size_t)call->output_count;
    struct arena *arena = &call->importer->arena;
    const struct view **none = arena_array(arena, const struct view *, outputs);
    const struct view **ones =
        arena_array(arena, const struct view *, outputs *(size_t)counts.count);
    outputs_at(call, call->inputs, NULL, none);
    for (int k = 0; k < counts.count; k++)
        outputs_at(call, call->inputs, counts.list[k].count.node, ones + (size_t)k * outputs);
    for (size_t i = 0; i < outputs; i++) {
        const struct view *own[sizeof counts.list / sizeof counts.list[0]];
        for (int k = 0; k < counts.count; k++)
            own[k] = ones[(size_t)k * outputs + i];
        set_lengths(call, (int)i, &counts, none[i], own);
    }
}

/* ---- Operators that take lengths for a shape ---- */

/* Of those of an input that is taken for a shape: at most one says a count. */
struct asked_shape {
    struct lengths lengths;
    int axis;             /* of the one; -1: none */
    struct length length; /* that */
};

static bool read_asked(struct call *call, int input, struct asked_shape *asked) {
    asked->lengths = lengths_of(call->importer, call_input(call, input));
    asked->axis = -1;
    for (int i = 0; i < asked->lengths.count; i++) {
        if (!varies(&asked->lengths.list[i]))
            continue;
        if (asked->axis >= 0) {
            call_refuse(call, "a shape of which two extents depend on the data");
            return false;
        }
        asked->axis = i;
        asked->length = asked->lengths.list[i];
    }
    return true;
}

static int64_t most_of(const struct length *length) {
    return varies(length) ? length->factor * length->most + length->offset : length->offset;
}

/* The greatest that each can be, in the place of that input. */
static void ask_for_most(struct call *call, int input, struct lengths lengths) {
    int64_t values[MOST_LENGTHS];
    for (int i = 0; i < lengths.count; i++)
        values[i] = most_of(&lengths.list[i]);
    call->inputs[input] = list_like(call_input(call, input), lengths.count, values);
}

/* What a length is when the graph runs. */
static struct tensor count_of_length(const struct length *length) {
    struct tensor_context *context = length->count.context;
    struct tensor x = length->count;
    if (length->factor != 1)
        x = tensor_mul(x, number64(context, length->factor));
    return length->offset ? tensor_add(x, number64(context, length->offset)) : x;
}

static struct tensor reshape_by_lengths(struct call *call) {
    struct asked_shape asked;
    struct counted c = call_counted(call, 0);
    struct tensor x = call_input(call, 0);
    int64_t times = 0;
    if (!read_asked(call, 1, &asked))
        return NO_TENSOR;
    ask_for_most(call, 1, asked.lengths);
    struct tensor y = build_plain(call);
    if (!y.node)
        return y;
    if (!is_counted(c) || !counted_goes_to(x, c.axis, y, asked.axis, &times) ||
        !is_times(&asked.length, c.count, times))
        return call_refuse(call,
                           "%s to %s, of which an extent depends on the data: it is not that "
                           "of an axis which stays",
                           tensor_text(x).text, tensor_text(y).text);
    call_counts_output(call, 0, asked.axis, count_of_length(&asked.length));
    return y;
}

static struct tensor expand_by_lengths(struct call *call) {
    struct asked_shape asked;
    struct counted c = call_counted(call, 0);
    struct tensor x = call_input(call, 0);
    if (!read_asked(call, 1, &asked))
        return NO_TENSOR;
    int rank = tensor_rank(x) > asked.lengths.count ? tensor_rank(x) : asked.lengths.count;
    int to = asked.axis + rank - asked.lengths.count, own = to - (rank - tensor_rank(x));
    bool stays = c.axis == own && is_times(&asked.length, c.count, 1);
    if (is_counted(c) ? !stays : own >= 0 && tensor_extent(x, own) != 1)
        return call_refuse(call, "%s to an extent that depends on the data", tensor_text(x).text);
    ask_for_most(call, 1, asked.lengths);
    return build_along(call, to, count_of_length(&asked.length));
}

static struct tensor fill_by_lengths(struct call *call) {
    struct asked_shape asked;
    if (!read_asked(call, 0, &asked))
        return NO_TENSOR;
    ask_for_most(call, 0, asked.lengths);
    return build_along(call, asked.axis, count_of_length(&asked.length));
}

/* Up to a limit that depends on the data, from a number on that does not. */
static struct tensor range_by_lengths(struct call *call) {
    struct asked_shape asked;
    if (!read_asked(call, 1, &asked))
        return NO_TENSOR;
    if (asked.axis < 0 || !call_is_known(call, call_input(call, 0)) ||
        !call_is_known(call, call_input(call, 2)))
        return call_refuse(call, "a start or a delta that depends on the data");
    double first = call_known_number(call, call_input(call, 0), "the start");
    double step = call_known_number(call, call_input(call, 2), "the delta");
    if (step < 1 || step > 0x1p40 || fabs(first) > 0x1p40)
        return call_refuse(call, "a start or a delta out of their range, to a limit that depends "
                                 "on the data");
    int64_t start = (int64_t)first, delta = (int64_t)step;
    struct tensor distance =
        tensor_add(count_of_length(&asked.length), number64(call->context, delta - 1 - start));
    distance = tensor_max(distance, number64(call->context, 0));
    ask_for_most(call, 1, asked.lengths);
    return build_along(call, 0, tensor_div(distance, number64(call->context, delta)));
}

static const struct shaped_op {
    const char *name;
    int input; /* that is a shape */
    struct tensor (*build)(struct call *call);
} shaped_ops[] = {
    {"Reshape", 1, reshape_by_lengths},
    {"Expand", 1, expand_by_lengths},
    {"ConstantOfShape", 0, fill_by_lengths},
    {"Range", 1, range_by_lengths},
};

static const struct shaped_op *shaped_op_of(const struct call *call) {
    for (size_t i = 0; i < sizeof shaped_ops / sizeof shaped_ops[0]; i++)
        if (!call->op->domain[0] && strcmp(call->op->name, shaped_ops[i].name) == 0 &&
            lengths_of(call->importer, call_input(call, shaped_ops[i].input)).count)
            return &shaped_ops[i];
    return NULL;
}

bool takes_lengths(const struct call *call) {
    return shaped_op_of(call) != NULL;
}

struct tensor build_of_lengths(struct call *call) {
    return shaped_op_of(call)->build(call);
}
