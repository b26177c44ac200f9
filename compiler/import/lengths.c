#include "compiler/import/lengths.h"

#include "compiler/base/arithmetic.h"
#include "compiler/import/counted_rules.h"
#include "compiler/import/movement.h"

#include <math.h>
#include <string.h>

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

int64_t length_most(const struct length *length) {
    return length_varies(length) ? length->factor * length->most + length->offset : length->offset;
}

struct tensor length_now(const struct length *length) {
    struct tensor_context *context = length->count.context;
    struct tensor x = length->count;
    if (length->factor != 1)
        x = tensor_mul(x, number64(context, length->factor));
    return length->offset ? tensor_add(x, number64(context, length->offset)) : x;
}

bool is_times(const struct length *length, struct tensor count, int64_t times) {
    return length->count.node == count.node && length->factor == times && length->offset == 0;
}

struct tensor list_like(struct tensor x, int count, const int64_t *values) {
    struct tensor list = int64_list(x.context, count, values);
    return tensor_cast(tensor_rank(x) ? list : tensor_reshape(list, SCALAR_SHAPE), tensor_dtype(x));
}

/* ---- Operators that hand lengths on ---- */

/* Those whose results are sums of multiples of their operands' elements. What follows the operands
 * (positions, axes, sizes) must have no count in it; of a product at most one element may. */
static const struct linear_op {
    const char *name;
    int operands; /* 0: all inputs */
    bool is_product;
} linear_ops[] = {
    {"Identity", 1, false},  {"Cast", 1, false},    {"Gather", 1, false},  {"Slice", 1, false},
    {"Concat", 0, false},    {"Squeeze", 1, false}, {"Reshape", 1, false}, {"Unsqueeze", 1, false},
    {"Split", 1, false},     {"Add", 0, false},     {"Sub", 0, false},     {"Neg", 1, false},
    {"ReduceSum", 1, false}, {"Where", 0, false},   {"Mul", 0, true},      {"ReduceProd", 1, true},
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

/* False: none, or too many, or in an input that is no operand. */
static bool find_counts(struct call *call, int operands, struct found_counts *counts) {
    memset(counts, 0, sizeof *counts);
    for (int i = 0; i < call->input_count; i++) {
        struct lengths lengths = lengths_of(call->importer, call->inputs[i]);
        for (int k = 0; k < lengths.count; k++) {
            const struct length *length = &lengths.list[k];
            counts->varying += length_varies(length);
            if (length_varies(length) &&
                ((operands && i >= operands) || !add_count(counts, length)))
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
        bool is_one = length_varies(length) && length->count.node == one;
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
        varying |= length_varies(&list[i]);
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

static void follow_linear(struct call *call) {
    const struct linear_op *found = find_linear(call->op);
    struct found_counts counts;
    if (!found || !call->output_count || !holds_lengths(call->outputs[0]) ||
        !find_counts(call, found->operands, &counts) || (found->is_product && counts.varying > 1))
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

/* ---- Comparisons that are decided whatever the counts are ---- */

/* What each element of an operand can be. */
struct bounds {
    int count;
    int64_t least[MOST_LENGTHS], most[MOST_LENGTHS];
};

static bool find_bounds(struct importer *importer, struct tensor x, struct bounds *bounds) {
    struct lengths lengths = lengths_of(importer, x);
    const struct view *known = NULL;
    if (!lengths.count) {
        if (!x.node || tensor_rank(x) > 1 || elements_of(x) > MOST_LENGTHS)
            return false;
        known = known_elements(importer, tensor_cast(x, DTYPE_INT64));
        if (!known)
            return false;
    }
    bounds->count = known ? (int)elements_of(x) : lengths.count;
    for (int i = 0; i < bounds->count; i++) {
        bounds->least[i] = known ? element_at(known, i) : lengths.list[i].offset;
        bounds->most[i] = known ? element_at(known, i) : length_most(&lengths.list[i]);
    }
    return true;
}

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_OPEN };

static enum answer is_equal(int64_t a, int64_t most_a, int64_t b, int64_t most_b) {
    if (most_a < b || most_b < a)
        return ANSWER_NO;
    return a == most_a && b == most_b ? ANSWER_YES : ANSWER_OPEN;
}

static enum answer is_less(int64_t a, int64_t most_a, int64_t b, int64_t most_b) {
    if (most_a < b)
        return ANSWER_YES;
    return a >= most_b ? ANSWER_NO : ANSWER_OPEN;
}

static const struct length_comparison {
    const char *name;
    enum answer (*answer)(int64_t a, int64_t most_a, int64_t b, int64_t most_b);
    bool turned, negated; /* b is compared with a; the answer is the other one */
} comparisons[] = {
    {"Equal", is_equal, false, false},        {"Less", is_less, false, false},
    {"Greater", is_less, true, false},        {"LessOrEqual", is_less, true, true},
    {"GreaterOrEqual", is_less, false, true},
};

static const struct length_comparison *find_comparison(const struct onnx_op *op) {
    for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++)
        if (!op->domain[0] && strcmp(op->name, comparisons[i].name) == 0)
            return &comparisons[i];
    return NULL;
}

static enum answer compare_at(const struct length_comparison *how, const struct bounds *a,
                              const struct bounds *b, int i) {
    int own = a->count == 1 ? 0 : i, other = b->count == 1 ? 0 : i;
    if (how->turned)
        return how->answer(b->least[other], b->most[other], a->least[own], a->most[own]);
    return how->answer(a->least[own], a->most[own], b->least[other], b->most[other]);
}

/* The output as a constant, if each of its elements is decided. */
static void decide(struct call *call, const struct length_comparison *how) {
    struct bounds a, b;
    uint8_t truths[MOST_LENGTHS];
    struct tensor y = call->outputs[0];
    if (!lengths_of(call->importer, call_input(call, 0)).count &&
        !lengths_of(call->importer, call_input(call, 1)).count)
        return;
    if (!y.node || tensor_rank(y) > 1 || !find_bounds(call->importer, call_input(call, 0), &a) ||
        !find_bounds(call->importer, call_input(call, 1), &b) || elements_of(y) > MOST_LENGTHS)
        return;
    int count = (int)elements_of(y);
    for (int i = 0; i < count; i++) {
        enum answer answer = compare_at(how, &a, &b, i);
        if (answer == ANSWER_OPEN)
            return;
        truths[i] = (answer == ANSWER_YES) != how->negated;
    }
    int64_t shape[MAX_RANK];
    int rank = shape_of(y, shape);
    call->outputs[0] = tensor_const(call->context, DTYPE_BOOL, rank, shape, count, truths);
}

void lengths_follow(struct call *call) {
    const struct length_comparison *how = find_comparison(call->op);
    if (how && call->output_count)
        decide(call, how);
    else
        follow_linear(call);
}
