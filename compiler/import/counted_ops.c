/* What becomes of counts: elementwise operators, and those that give the same elements another
 * shape. */
#include "compiler/import/counted_rules.h"
#include "compiler/import/lengths.h"
#include "compiler/import/movement.h"

#include <stdlib.h>
#include <string.h>

static const struct counted_op counted_ops[] = {
#define COUNTED(domain, name, rule, fill) {domain, #name, count_##rule, FILL_##fill},
#include "compiler/import/counted_ops.def"
#undef COUNTED
};

enum { COUNT = sizeof counted_ops / sizeof counted_ops[0] };

const struct counted_op *counted_op_find(const char *domain, const char *name) {
    for (int i = 0; i < COUNT; i++)
        if (strcmp(counted_ops[i].name, name) == 0 && strcmp(counted_ops[i].domain, domain) == 0)
            return &counted_ops[i];
    return NULL;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const struct counted_op *)a)->name, ((const struct counted_op *)b)->name);
}

void counted_describe(struct text *text) {
    struct counted_op sorted[COUNT];
    memcpy(sorted, counted_ops, sizeof sorted);
    qsort(sorted, COUNT, sizeof sorted[0], compare_names);
    int column = 0;
    for (int i = 0; i < COUNT; i++) {
        int width = (int)strlen(sorted[i].name) + 2;
        bool breaks = column + width > 98;
        text_add(text, "%s%s%s",
                 breaks ? "\n"
                 : i    ? " "
                        : "",
                 sorted[i].name, i + 1 < COUNT ? "," : ".\n");
        column = breaks ? width : column + width;
    }
}

/* ---- What rules have in common ---- */

struct tensor build_along(struct call *call, int axis, struct tensor count) {
    struct tensor y = build_plain(call);
    for (int i = 0; i < call->output_count; i++)
        call_counts_output(call, i, axis, count);
    return y;
}

struct tensor refuse_counted(struct call *call, const char *why) {
    return call_refuse(call, "%s, of a tensor whose extent depends on the data", why);
}

enum fill fill_of(const struct call *call) {
    return counted_op_find(call->op->domain, call->op->name)->fill;
}

bool only_counted_below(struct call *call, int most) {
    for (int i = most; i < call->input_count; i++)
        if (is_counted(call_counted(call, i))) {
            call_refuse(call, "the extent of input %d depends on the data", i);
            return false;
        }
    return true;
}

/* ---- Elementwise ---- */

/* The counted axis of an input, as its results have it. */
static int axis_of_result(const struct call *call, int input, int rank) {
    return call_counted(call, input).axis + rank - tensor_rank(call_input(call, input));
}

/* What all inputs that are counted agree in; refuses the node where they do not. */
static bool agreed(struct call *call, int rank, struct counted *c) {
    *c = (struct counted){NO_TENSOR, 0};
    for (int i = 0; i < call->input_count; i++) {
        struct counted own = call_counted(call, i);
        if (!is_counted(own))
            continue;
        own.axis = axis_of_result(call, i, rank);
        if (is_counted(*c) && !same_counted(*c, own)) {
            refuse_counted(call, "with another count or along another axis");
            return false;
        }
        *c = own;
    }
    return true;
}

/* Whether what is not counted is the same for all elements of the axis. */
static bool is_repeated(const struct call *call, int input, int rank, int axis) {
    struct tensor x = call_input(call, input);
    int own = axis - (rank - tensor_rank(x));
    return is_counted(call_counted(call, input)) || !is_given(x) || own < 0 ||
           tensor_extent(x, own) == 1;
}

struct tensor count_elementwise(struct call *call) {
    struct counted c;
    int rank = 0;
    for (int i = 0; i < call->input_count; i++)
        rank = tensor_rank(call_input(call, i)) > rank ? tensor_rank(call_input(call, i)) : rank;
    if (call->opset < 7 && call->input_count > 1)
        return refuse_counted(call, "broadcast as before opset 7");
    if (!agreed(call, rank, &c))
        return NO_TENSOR;
    for (int i = 0; i < call->input_count; i++)
        if (!is_repeated(call, i, rank, c.axis))
            return call_refuse(call, "%s beside a tensor whose extent depends on the data",
                               tensor_text(call_input(call, i)).text);
    if (call_wants_output(call, 1))
        return refuse_counted(call, "more than one output");
    return build_along(call, c.axis, c.count);
}

/* ---- Order and shape ---- */

struct tensor count_transpose(struct call *call) {
    struct counted c = call_counted(call, 0);
    struct integers order = call_ints(call, "perm");
    int rank = tensor_rank(call_input(call, 0)), to = rank - 1 - c.axis;
    for (int i = 0; i < order.count && i < rank; i++)
        if (call_axis(call, order.values[i], rank) == c.axis)
            to = i;
    return build_along(call, to, c.count);
}

void mark_listed(struct call *call, struct integers axes, int rank, bool listed[MAX_RANK]) {
    for (int i = 0; i < axes.count && rank <= MAX_RANK; i++)
        listed[call_axis(call, axes.values[i], rank)] = true;
}

struct tensor count_squeeze(struct call *call) {
    struct counted c = call_counted(call, 0);
    struct tensor x = call_input(call, 0);
    struct integers axes = call_ints_or_input(call, "axes", 1);
    bool gone[MAX_RANK] = {false};
    int before = 0;
    mark_listed(call, axes, tensor_rank(x), gone);
    for (int i = 0; i < c.axis; i++)
        before += axes.values ? gone[i] : tensor_extent(x, i) == 1;
    if (axes.values ? gone[c.axis] : tensor_extent(x, c.axis) == 1)
        return refuse_counted(call, "along the axis that is counted");
    return only_counted_below(call, 1) ? build_along(call, c.axis - before, c.count) : NO_TENSOR;
}

struct tensor count_unsqueeze(struct call *call) {
    struct counted c = call_counted(call, 0);
    struct integers axes = call_ints_or_input(call, "axes", 1);
    int rank = tensor_rank(call_input(call, 0)) + axes.count, to = 0;
    bool added[MAX_RANK] = {false};
    mark_listed(call, axes, rank, added);
    for (int own = 0; to < rank && to < MAX_RANK; to++)
        if (!added[to] && own++ == c.axis)
            break;
    return only_counted_below(call, 1) ? build_along(call, to, c.count) : NO_TENSOR;
}

static int64_t product_of(struct tensor x, int begin, int end) {
    int64_t product = 1;
    for (int i = begin; i < end; i++)
        product *= tensor_extent(x, i);
    return product;
}

bool counted_goes_to(struct tensor x, int axis, struct tensor y, int to, int64_t *times) {
    int64_t extent = tensor_extent(x, axis), wide = tensor_extent(y, to);
    if (extent == 0 ? wide != 0 : wide % extent != 0)
        return false;
    *times = extent ? wide / extent : 1;
    if (extent == 0) /* nothing stands anywhere */
        return true;
    return product_of(x, 0, axis) == product_of(y, 0, to) &&
           product_of(x, axis + 1, tensor_rank(x)) ==
               *times * product_of(y, to + 1, tensor_rank(y));
}

static struct tensor times64(struct tensor count, int64_t times) {
    return times == 1 ? count : tensor_mul(count, number64(count.context, times));
}

/* The axis of a reshaped tensor that may be counted: one whose extent was not said. */
static int unsaid_axis(struct tensor x, int axis, struct tensor y, struct integers asked,
                       bool zero_is_zero, int64_t *times) {
    if (!zero_is_zero && axis < asked.count && asked.values[axis] == 0 &&
        counted_goes_to(x, axis, y, axis, times))
        return axis;
    for (int i = 0; i < asked.count; i++)
        if (asked.values[i] == -1 && counted_goes_to(x, axis, y, i, times))
            return i;
    return -1;
}

struct tensor count_reshape(struct call *call) {
    struct counted c = call_counted(call, 0);
    struct tensor x = call_input(call, 0);
    int64_t times = 1;
    if (!only_counted_below(call, 1))
        return NO_TENSOR;
    struct integers asked = call_ints(call, "shape");
    if (!asked.values)
        asked = call_known_shape(call, call_input(call, 1), -1);
    struct tensor y = build_plain(call);
    if (!y.node)
        return y;
    int to = unsaid_axis(x, c.axis, y, asked, call_int(call, "allowzero", 0) != 0, &times);
    if (to < 0)
        return call_refuse(call,
                           "%s to %s, of which axis %d depends on the data: it must stay an axis, "
                           "of which the shape says 0 or -1",
                           tensor_text(x).text, tensor_text(y).text, c.axis);
    call_counts_output(call, 0, to, times64(c.count, times));
    return y;
}

struct tensor count_flatten(struct call *call) {
    struct counted c = call_counted(call, 0);
    struct tensor x = call_input(call, 0), y = build_plain(call);
    int64_t times = 1;
    for (int i = 0; i < 2 && y.node; i++)
        if (counted_goes_to(x, c.axis, y, i, &times)) {
            call_counts_output(call, 0, i, times64(c.count, times));
            return y;
        }
    return refuse_counted(call, "flattened with axes before the one that is counted");
}

/* ---- How many there are ---- */

struct tensor count_shape(struct call *call) {
    struct counted c = call_counted(call, 0);
    struct tensor x = call_input(call, 0), extents[MAX_RANK];
    int count = 0;
    struct length *lengths = arena_array(&call->importer->arena, struct length, MAX_RANK);
    struct range axes = call_shown_axes(call, tensor_rank(x));
    for (int i = (int)axes.begin; i < axes.end; i++) {
        struct tensor extent = i == c.axis ? c.count : number64(call->context, tensor_extent(x, i));
        lengths[count] = i == c.axis ? (struct length){c.count, 1, 0, tensor_extent(x, i)}
                                     : (struct length){.offset = tensor_extent(x, i)};
        extents[count++] = tensor_reshape(extent, SHAPE(1));
    }
    struct tensor y = count ? tensor_concat(count, extents, 0) : int64_list(call->context, 0, NULL);
    if (axes.begin > c.axis || axes.end <= c.axis) /* it is known */
        return y;
    return with_lengths(call->importer, y, (struct lengths){count, lengths});
}

struct tensor count_size(struct call *call) {
    struct counted c = call_counted(call, 0);
    struct tensor x = call_input(call, 0);
    int rank = tensor_rank(x);
    int64_t others = product_of(x, 0, c.axis) * product_of(x, c.axis + 1, rank);
    if (others == 0) /* it is known */
        return number64(call->context, 0);
    struct length *length = arena_new(&call->importer->arena, struct length);
    *length = (struct length){c.count, others, 0, tensor_extent(x, c.axis)};
    return with_lengths(call->importer, times64(c.count, others), (struct lengths){1, length});
}
