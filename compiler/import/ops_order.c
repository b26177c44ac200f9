/* Running sums and products, and the greatest elements in their order. */
#include "compiler/import/meaning.h"

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

enum { BLOCK = 64 }; /* elements that are accumulated together */

struct running {
    struct tensor (*reduce)(struct tensor x, int axis_count, const int *axes);
    struct tensor (*combine)(struct tensor a, struct tensor b);
    double identity;
};
static const struct running sums = {tensor_reduce_sum, tensor_add, 0};
static const struct running products = {tensor_reduce_prod, tensor_mul, 1};

/* The identity before and after the elements of the last axis. */
static struct tensor padded(const struct running *f, struct tensor x, int64_t before,
                            int64_t after) {
    struct range padding[MAX_RANK] = {{0, 0}};
    int rank = tensor_rank(x);
    if (rank > 0)
        padding[rank - 1] = (struct range){before, after};
    return tensor_pad(x, rank, padding, f->identity);
}

/* The elements from `begin` to `end` of the last axis. */
static struct tensor part_of(struct tensor x, int64_t begin, int64_t end) {
    struct range ranges[MAX_RANK];
    int rank = tensor_rank(x);
    for (int i = 0; i < rank; i++)
        ranges[i] =
            i < rank - 1 ? (struct range){0, tensor_extent(x, i)} : (struct range){begin, end};
    return tensor_shrink(x, rank, ranges);
}

/* Over the last axis, each element with all before it, of which there are few. */
static struct tensor within_block(const struct running *f, struct tensor x) {
    int64_t count = tensor_extent(x, -1);
    int axis = tensor_rank(x) - 1;
    return f->reduce(tensor_window(padded(f, x, count - 1, 0), axis, count, 1, 1), AXES(-1));
}

static struct tensor shifted_by_one(const struct running *f, struct tensor x) {
    return part_of(padded(f, x, 1, 0), 0, tensor_extent(x, -1));
}

/* Over the last of two axes: within blocks, and then what the blocks before one add to it. */
static struct tensor running(const struct running *f, struct tensor x) {
    int64_t rows = tensor_extent(x, 0), count = tensor_extent(x, 1);
    int64_t blocks = count / BLOCK + (count % BLOCK != 0);
    if (count <= 1)
        return x;
    if (blocks == 1)
        return within_block(f, x);
    struct tensor whole = padded(f, x, 0, blocks * BLOCK - count);
    struct tensor inner = within_block(f, tensor_reshape(whole, SHAPE(rows, blocks, BLOCK)));
    struct tensor totals = tensor_reshape(part_of(inner, BLOCK - 1, BLOCK), SHAPE(rows, blocks));
    struct tensor before = shifted_by_one(f, running(f, totals));
    struct tensor y = f->combine(unsqueeze(before, -1), inner);
    return part_of(tensor_reshape(y, SHAPE(rows, blocks * BLOCK)), 0, count);
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

/* What is to be sorted, each (rows, elements). */
struct order_candidates {
    struct tensor bits; /* bits_of them */
    bool are_floats;
    struct tensor positions; /* along the axis, int32; they ascend among equals */
};

/* The place of each element of rows, int32, when they are sorted; equal ones keep their order. */
static struct tensor places(struct tensor keys, bool largest) {
    int64_t count = tensor_extent(keys, 1);
    struct tensor own = unsqueeze(keys, 2), other = unsqueeze(keys, 1);
    struct tensor position = tensor_iota(keys.context, DTYPE_INT32, count);
    struct tensor own_position = tensor_reshape(position, SHAPE(count, 1));
    struct tensor before = largest ? tensor_lt(own, other) : tensor_lt(other, own);
    struct tensor tied = tensor_and(tensor_eq(own, other), tensor_lt(position, own_position));
    before = tensor_cast(tensor_or(before, tied), DTYPE_INT32);
    return tensor_reduce_sum(before, AXES(-1));
}

/* bool (rows, k, elements): which element is which of the first k. */
static struct tensor chosen(struct tensor keys, int64_t k, bool largest) {
    if (k != 1) {
        struct tensor order = tensor_iota(keys.context, DTYPE_INT32, k);
        return tensor_eq(unsqueeze(places(keys, largest), 1), tensor_reshape(order, SHAPE(k, 1)));
    }
    struct tensor elements = tensor_iota(keys.context, DTYPE_INT32, tensor_extent(keys, 1));
    struct tensor first = largest ? tensor_argmax(keys, AXES(1)) : tensor_argmin(keys, AXES(1));
    return tensor_eq(elements, tensor_reshape(first, SHAPE(-1, 1, 1)));
}

/* Of integers (rows, elements), those which are chosen: (rows, k). */
static struct tensor take(struct tensor which, struct tensor integers) {
    struct tensor some = tensor_where(which, unsqueeze(integers, 1), scalar_like(integers, 0));
    return tensor_reduce_sum(some, AXES(-1));
}

static struct order_candidates best(struct order_candidates c, int64_t k, bool largest) {
    struct tensor which = chosen(c.are_floats ? ordered_bits(c.bits) : c.bits, k, largest);
    c.bits = take(which, c.bits);
    c.positions = take(which, c.positions);
    return c;
}

static struct tensor blocks_of(struct tensor x, int64_t blocks, int64_t block) {
    struct tensor whole = part_of(x, 0, blocks * block);
    return tensor_reshape(whole, SHAPE(tensor_extent(x, 0) * blocks, block));
}

/* The best of each block, and what is left of the blocks. */
static struct tensor joined(struct tensor x, struct tensor best, int64_t done) {
    int64_t rows = tensor_extent(x, 0), count = tensor_extent(x, 1);
    int64_t chosen_count = rows > 0 ? tensor_extent(best, 0) / rows * tensor_extent(best, 1) : 0;
    best = tensor_reshape(best, SHAPE(rows, chosen_count));
    return count == done ? best : tensor_concat(TENSORS(best, part_of(x, done, count)), 1);
}

enum { LEAST_BLOCK = 128 };

/* All pairs are compared, so many elements are sorted in blocks first, and then the best of those.
 */
static struct order_candidates best_by_blocks(struct order_candidates c, int64_t k, bool largest) {
    int64_t block = k < LEAST_BLOCK / 4 ? LEAST_BLOCK : 4 * k;
    for (int64_t count; (count = tensor_extent(c.bits, 1)) / 4 > block && k > 1;) {
        int64_t blocks = count / block, done = blocks * block;
        struct order_candidates part = c;
        part.bits = blocks_of(c.bits, blocks, block);
        part.positions = blocks_of(c.positions, blocks, block);
        part = best(part, k, largest);
        c.bits = joined(c.bits, part.bits, done);
        c.positions = joined(c.positions, part.positions, done);
    }
    return best(c, k, largest);
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
    int64_t rows = tensor_extent(x, 0), count = tensor_extent(x, 1);
    int64_t k = wanted_count(call, count);
    struct tensor positions = tensor_iota(call->context, DTYPE_INT32, count);
    positions = tensor_expand(unsqueeze(positions, 0), SHAPE(rows, count));
    struct order_candidates c = {bits_of(x), holds_floats(x), positions};
    c = best_by_blocks(c, k, largest);
    call_output(call, 1, tensor_cast(from_rows(c.positions, &layout), DTYPE_INT64));
    struct tensor values = c.are_floats ? tensor_bitcast(c.bits, tensor_dtype(x)) : c.bits;
    return from_rows(values, &layout);
}
