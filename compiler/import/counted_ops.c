/* What becomes of counts: elementwise operators, and those that give the same elements another
 * shape. */
#include "compiler/import/counted_rules.h"
#include "compiler/import/lengths.h"
#include "compiler/import/movement.h"

#include <stdlib.h>
#include <string.h>

static const struct counted_op counted_ops[] = {
#define COUNTED(domain, name, rule, axes, fill)                                                    \
    {domain, #name, count_##rule, RULE_##axes, FILL_##fill},
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
        if (call_counts(call, i).count) {
            call_refuse(call, "the extent of input %d depends on the data", i);
            return false;
        }
    return true;
}

/* ---- Elementwise ---- */

/* What inputs say of an axis of their result, of that rank, all alike; refuses the node where they
 * differ, or where one that is not counted has many elements there. */
static bool agreed(struct call *call, int rank, int axis, struct counted *c) {
    struct tensor many = NO_TENSOR;
    *c = (struct counted){NO_TENSOR, axis};
    for (int i = 0; i < call->input_count; i++) {
        struct tensor x = call_input(call, i);
        struct axis_counts counts = call_counts(call, i);
        int own = axis - (rank - tensor_rank(x));
        struct counted other = counted_along(&counts, own);
        if (is_counted(other) && is_counted(*c) && other.count.node != c->count.node) {
            refuse_counted(call, "with another count");
            return false;
        }
        if (is_counted(other))
            c->count = other.count;
        else if (is_given(x) && own >= 0 && tensor_extent(x, own) != 1)
            many = x;
    }
    if (is_given(many) && is_counted(*c)) {
        call_refuse(call, "%s beside a tensor whose extent depends on the data",
                    tensor_text(many).text);
        return false;
    }
    return true;
}

struct tensor count_elementwise(struct call *call) {
    struct counted c;
    int rank = 0;
    for (int i = 0; i < call->input_count; i++)
        rank = tensor_rank(call_input(call, i)) > rank ? tensor_rank(call_input(call, i)) : rank;
    if (call->opset < 7 && call->input_count > 1)
        return refuse_counted(call, "broadcast as before opset 7");
    for (int axis = 0; axis < rank; axis++) {
        if (!agreed(call, rank, axis, &c))
            return NO_TENSOR;
        call_counts_output(call, 0, axis, c.count);
    }
    if (call_wants_output(call, 1))
        return refuse_counted(call, "more than one output");
    return build_plain(call);
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

/* What a shape says of an axis of a reshaped tensor. */
struct asked_axis {
    bool unsaid, stays;          /* -1; 0, which is the same axis of what is reshaped */
    const struct length *length; /* NULL: not that */
};

/* A Reshape on its way: x becomes y. */
struct reshaping {
    struct call *call;
    struct tensor x, y;
    struct axis_counts counts; /* of x */
    struct asked_axis asked[MAX_RANK];
    bool placed[MAX_RANK]; /* axes of x of which it is known which of y they are */
};

/* The axes [begin, end) of x that become axis `to` of y; false: none do. */
static bool axes_joined(const struct reshaping *r, int to, struct range *axes) {
    int64_t before = product_of(r->y, 0, to);
    int64_t after = product_of(r->y, to + 1, tensor_rank(r->y));
    int rank = tensor_rank(r->x), begin = 0, end = rank;
    while (begin < rank && product_of(r->x, 0, begin) < before)
        begin++;
    while (end > begin && product_of(r->x, end, rank) < after)
        end--;
    if (product_of(r->x, 0, begin) != before || product_of(r->x, end, rank) != after)
        return false;
    while (begin < end && r->placed[begin] && tensor_extent(r->x, begin) == 1)
        begin++;
    while (end > begin && r->placed[end - 1] && tensor_extent(r->x, end - 1) == 1)
        end--;
    *axes = (struct range){begin, end};
    return true;
}

/* Whether another counted axis becomes a part of the same axis of y. */
static bool has_company(const struct reshaping *r, struct counted c, int to) {
    struct range axes;
    if (!axes_joined(r, to, &axes))
        return true;
    for (int i = 0; i < r->counts.count; i++) {
        int other = r->counts.list[i].axis;
        if (other != c.axis && other >= axes.begin && other < axes.end)
            return true;
    }
    return false;
}

/* How an axis of y may be that of a count. */
enum reshape_fit { FIT_STAYS, FIT_LENGTH, FIT_UNSAID, FIT_COUNT };

static bool fits(const struct reshaping *r, enum reshape_fit fit, struct counted c, int to,
                 int64_t *times) {
    const struct asked_axis *asked = &r->asked[to];
    if (!counted_goes_to(r->x, c.axis, r->y, to, times))
        return false;
    switch (fit) {
    case FIT_STAYS:
        return asked->stays && to == c.axis;
    case FIT_LENGTH:
        return asked->length && is_times(asked->length, c.count, *times);
    default:
        return asked->unsaid && !has_company(r, c, to);
    }
}

/* Finds the axis of y that is this one with what stood behind it. */
static void place_whole(struct reshaping *r, enum reshape_fit fit, struct counted c) {
    int64_t times = 1;
    for (int i = 0; i < tensor_rank(r->y) && !r->placed[c.axis]; i++)
        if (fits(r, fit, c, i, &times)) {
            call_counts_output(r->call, 0, i, times64(c.count, times));
            r->placed[c.axis] = true;
        }
}

/* Axes of x as one, of which the true elements stand first, and their count. */
static struct tensor join_counted(struct reshaping *r, struct range axes, struct tensor *count) {
    struct tensor_context *context = r->x.context;
    int64_t shape[MAX_RANK], extent = product_of(r->x, (int)axes.begin, (int)axes.end), stride = 1;
    struct tensor place = tensor_iota(context, DTYPE_INT64, extent), source = NO_TENSOR;
    int rank = 0;
    *count = number64(context, 1);
    for (int i = (int)axes.end; i-- > axes.begin;) {
        struct counted c = counted_along(&r->counts, i);
        int64_t own = tensor_extent(r->x, i);
        struct tensor length = is_counted(c) ? c.count : number64(context, own);
        struct tensor at = i > axes.begin ? tensor_mod(place, length) : place;
        at = tensor_mul(at, number64(context, stride));
        source = is_given(source) ? tensor_add(source, at) : at;
        place = tensor_div(place, length);
        *count = tensor_mul(*count, length);
        stride *= own;
    }
    for (int i = 0; i <= axes.begin; i++)
        shape[rank++] = i < axes.begin ? tensor_extent(r->x, i) : extent;
    for (int i = (int)axes.end; i < tensor_rank(r->x); i++)
        shape[rank++] = tensor_extent(r->x, i);
    return tensor_gather(tensor_reshape(r->x, rank, shape), (int)axes.begin, source);
}

/* Joins it with others in an axis of y. False: there is none. */
static bool place_joined(struct reshaping *r, struct counted c) {
    for (int i = 0; i < tensor_rank(r->y); i++) {
        struct tensor count;
        struct range axes;
        int64_t shape[MAX_RANK];
        if (r->asked[i].unsaid &&
            tensor_extent(r->y, i) == 0) /* however many there are of nothing */
            return true;
        if (!r->asked[i].unsaid || !axes_joined(r, i, &axes) || c.axis < axes.begin ||
            c.axis >= axes.end)
            continue;
        struct tensor x = join_counted(r, axes, &count);
        r->y = tensor_reshape(x, shape_of(r->y, shape), shape);
        call_counts_output(r->call, 0, i, count);
        for (int k = (int)axes.begin; k < axes.end; k++)
            r->placed[k] = true;
        return true;
    }
    return false;
}

static struct tensor place_counts(struct reshaping *r) {
    struct call *call = r->call;
    bool good = true;
    for (int fit = 0; fit < FIT_COUNT; fit++)
        for (int i = 0; i < r->counts.count; i++)
            place_whole(r, (enum reshape_fit)fit, r->counts.list[i]);
    for (int i = 0; i < r->counts.count && good; i++)
        good = r->placed[r->counts.list[i].axis] || place_joined(r, r->counts.list[i]);
    for (int i = 0; i < tensor_rank(r->y) && good; i++)
        good = !r->asked[i].length || !length_varies(r->asked[i].length) ||
               is_counted(counted_along(&call->output_counted[0], i));
    if (good)
        return r->y;
    return call_refuse(call,
                       "%s to %s, of which an extent depends on the data: it must stay an axis, of "
                       "which the shape says 0 or -1",
                       tensor_text(r->x).text, tensor_text(r->y).text);
}

struct tensor reshape_counted(struct call *call, const struct length *lengths) {
    struct reshaping r = {.call = call, .x = call_input(call, 0), .counts = call_counts(call, 0)};
    bool zero_is_zero = call_int(call, "allowzero", 0) != 0;
    struct integers shape = call_ints(call, "shape");
    if (!shape.values)
        shape = call_known_shape(call, call_input(call, 1), -1);
    r.y = build_plain(call);
    for (int i = 0; i < shape.count && r.y.node; i++) {
        bool varies = lengths && length_varies(&lengths[i]);
        r.asked[i] = (struct asked_axis){.unsaid = !varies && shape.values[i] == -1,
                                         .stays = !varies && !zero_is_zero && shape.values[i] == 0,
                                         .length = varies ? &lengths[i] : NULL};
    }
    return r.y.node ? place_counts(&r) : r.y;
}

struct tensor count_reshape(struct call *call) {
    return only_counted_below(call, 1) ? reshape_counted(call, NULL) : NO_TENSOR;
}

struct tensor count_flatten(struct call *call) {
    struct reshaping r = {.call = call, .x = call_input(call, 0), .counts = call_counts(call, 0)};
    r.y = build_plain(call);
    r.asked[0].unsaid = r.asked[1].unsaid = true;
    return r.y.node ? place_counts(&r) : r.y;
}

/* ---- How many there are ---- */

struct tensor count_shape(struct call *call) {
    struct axis_counts counts = call_counts(call, 0);
    struct tensor x = call_input(call, 0), extents[MAX_RANK];
    int count = 0;
    bool known = true;
    struct length *lengths = arena_array(&call->importer->arena, struct length, MAX_RANK);
    struct range axes = call_shown_axes(call, tensor_rank(x));
    for (int i = (int)axes.begin; i < axes.end; i++) {
        struct counted c = counted_along(&counts, i);
        int64_t most = tensor_extent(x, i);
        struct tensor extent = is_counted(c) ? c.count : number64(call->context, most);
        lengths[count] =
            is_counted(c) ? (struct length){c.count, 1, 0, most} : (struct length){.offset = most};
        extents[count++] = tensor_reshape(extent, SHAPE(1));
        known = known && !is_counted(c);
    }
    struct tensor y = count ? tensor_concat(count, extents, 0) : int64_list(call->context, 0, NULL);
    return known ? y : with_lengths(call->importer, y, (struct lengths){count, lengths});
}

/* Of which one is counted, it is a length; a product of several counts is none. */
struct tensor count_size(struct call *call) {
    struct axis_counts counts = call_counts(call, 0);
    struct tensor x = call_input(call, 0), size = NO_TENSOR;
    int64_t others = 1;
    for (int i = 0; i < tensor_rank(x); i++) {
        struct counted c = counted_along(&counts, i);
        if (!is_counted(c))
            others *= tensor_extent(x, i);
        else
            size = is_given(size) ? tensor_mul(size, c.count) : c.count;
    }
    if (others == 0) /* it is known */
        return number64(call->context, 0);
    if (counts.count > 1)
        return times64(size, others);
    struct length *length = arena_new(&call->importer->arena, struct length);
    *length = (struct length){size, others, 0, tensor_extent(x, counts.list[0].axis)};
    return with_lengths(call->importer, times64(size, others), (struct lengths){1, length});
}
