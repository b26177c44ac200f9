/* Running sums and products, and the greatest elements in their order. */
#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"

#include <inttypes.h>

/* x with one axis last and the others joined to one before it, and back. */
struct layout {
    int rank, axis;
    int64_t shape[MAX_RANK]; /* of x with the axis last */
};

static struct tensor as_rows(struct tensor x, int axis, struct layout *layout) {
    int axes[MAX_RANK];
    int64_t shape[2] = {1, tensor_extent(x, axis)};
    *layout = (struct layout){.rank = tensor_rank(x), .axis = axis};
    for (int i = 0; i < layout->rank; i++) {
        axes[i] = i < axis ? i : i < layout->rank - 1 ? i + 1 : axis;
        layout->shape[i] = tensor_extent(x, axes[i]);
    }
    for (int i = 0; i < layout->rank - 1; i++)
        shape[0] *= layout->shape[i];
    return tensor_reshape(tensor_permute(x, layout->rank, axes), 2, shape);
}

static struct tensor from_rows(struct tensor x, const struct layout *layout) {
    int axes[MAX_RANK];
    int64_t shape[MAX_RANK];
    for (int i = 0; i < layout->rank; i++) {
        shape[i] = i < layout->rank - 1 ? layout->shape[i] : tensor_extent(x, 1);
        axes[i] = i < layout->axis ? i : i > layout->axis ? i - 1 : layout->rank - 1;
    }
    return tensor_permute(tensor_reshape(x, layout->rank, shape), layout->rank, axes);
}

/* ---- Running sums ---- */

struct running {
    struct tensor (*combine)(struct tensor a, struct tensor b);
    double identity; /* of combine, for every element */
    double nothing;  /* before the first element, where it is asked for */
};
static const struct running sums = {tensor_add, -0.0, 0};
static const struct running products = {tensor_mul, 1, 1};

/* The elements from `begin` to `end` of the last axis. */
static struct tensor part_of(struct tensor x, int64_t begin, int64_t end) {
    return cut_axis(x, tensor_rank(x) - 1, begin, end);
}

/* Of no elements, and then of all but the last. */
static struct tensor shifted_by_one(const struct running *f, struct tensor x) {
    return tensor_pad(part_of(x, 0, tensor_extent(x, -1) - 1), RANGES({0, 0}, {1, 0}), f->nothing);
}

/* Over the last of two axes: from its first element on, one after another. */
static struct tensor running(const struct running *f, struct tensor x) {
    int64_t rows = tensor_extent(x, 0);
    if (tensor_extent(x, 1) <= 1)
        return x;
    struct tensor_context *body = tensor_context_new("running");
    struct tensor before = add_graph_input(body, "before", tensor_dtype(x), SHAPE(rows));
    struct tensor element = add_graph_input(body, "element", tensor_dtype(x), SHAPE(rows));
    struct tensor initial = filled_like(pick_axis(x, 1, 0), tensor_dtype(x), f->identity);
    return tensor_scan(&(struct scan_options){.initial = initial,
                                              .axis = 1,
                                              .scanned_count = 1,
                                              .scanned = &x,
                                              .next = f->combine(before, element)});
}

static struct tensor cumulated(struct call *call, const struct running *f) {
    struct layout layout;
    struct tensor x = call_input(call, 0);
    bool exclusive = call_int(call, "exclusive", 0) != 0;
    bool reverse = call_int(call, "reverse", 0) != 0;
    struct integers given = call_known(call, call_input(call, 1), "the axis");
    if (given.count != 1)
        return call_refuse(call, "the axis is %d numbers, expected 1", given.count);
    struct tensor y = as_rows(x, call_axis(call, given.values[0], tensor_rank(x)), &layout);
    if (reverse)
        y = tensor_flip(y, AXES(1));
    y = running(f, y);
    if (exclusive && tensor_extent(y, 1) > 0)
        y = shifted_by_one(f, y);
    if (reverse)
        y = tensor_flip(y, AXES(1));
    return from_rows(y, &layout);
}

struct tensor import_cum_sum(struct call *call) {
    return cumulated(call, &sums);
}

struct tensor import_cum_prod(struct call *call) {
    return cumulated(call, &products);
}

/* ---- TopK ---- */

/* What argsort takes, in the order of x. */
static struct tensor sortable(struct tensor x) {
    if (op_accepts(OP_ARGSORT, tensor_dtype(x)))
        return x;
    return dtype_bytes(tensor_dtype(x)) == 2 ? tensor_cast(x, DTYPE_FLOAT32)
                                             : ordered_bits(bits_of(x));
}

/* The first k positions along the last axis of rows, int32, in the order of their elements; equal
 * ones by their positions, which is why the greatest are found from the end. */
static struct tensor first_positions(struct tensor x, int64_t k, bool largest) {
    if (k == 1) { /* NaN is never the least */
        struct tensor keys = holds_floats(x) && !largest ? ordered_bits(bits_of(x)) : x;
        return unsqueeze(position_of(keys, 1, !largest, false), 1);
    }
    if (!largest)
        return part_of(tensor_argsort(sortable(x), 1), 0, k);
    struct tensor order = tensor_argsort(tensor_flip(sortable(x), AXES(1)), 1);
    struct tensor last = scalar_like(order, (double)(tensor_extent(x, 1) - 1));
    return part_of(tensor_flip(tensor_sub(last, order), AXES(1)), 0, k);
}

/* The elements at positions (rows, k) of rows, none of which is there twice. Each row by itself, so
 * that a batch may be made of them: where each element goes, if anywhere, and then it is put there.
 */
static struct tensor elements_at(struct tensor x, struct tensor positions) {
    int64_t rows = tensor_extent(x, 0), k = tensor_extent(positions, 1);
    struct tensor place = tensor_iota(x.context, DTYPE_INT32, k);
    place = tensor_expand(unsqueeze(place, 0), SHAPE(rows, k));
    struct tensor nowhere = filled_like(x, DTYPE_INT32, -1);
    struct tensor places = tensor_scatter(nowhere, 1, positions, place);
    return tensor_scatter(zeros(x.context, tensor_dtype(x), SHAPE(rows, k)), 1, places, x);
}

static int64_t wanted_count(struct call *call, int64_t most) {
    int64_t count = call_int(call, "k", -1);
    if (call->opset >= 10) {
        struct integers given = call_known(call, call_input(call, 1), "k");
        count = given.count == 1 ? given.values[0] : -1;
    }
    if (count >= 0 && count <= most)
        return count;
    call_refuse(call, "k is %" PRId64 ", of %" PRId64 " elements", count, most);
    return 0;
}

struct tensor import_top_k(struct call *call) {
    struct layout layout;
    struct tensor x = call_input(call, 0);
    int axis = call_axis(call, call_int(call, "axis", -1), tensor_rank(x));
    bool largest = call_int(call, "largest", 1) != 0;
    call_ignore(call, "sorted"); /* else any order will do */
    x = as_rows(x, axis, &layout);
    struct tensor positions = first_positions(x, wanted_count(call, tensor_extent(x, 1)), largest);
    struct tensor values = elements_at(x, positions);
    call_output(call, 1, tensor_cast(from_rows(positions, &layout), DTYPE_INT64));
    return from_rows(values, &layout);
}
