/* What becomes of counts: reductions, what goes along an axis, and products of matrices. */
#include "compiler/import/counted_rules.h"
#include "compiler/import/lengths.h"
#include "compiler/import/movement.h"

/* ---- Reductions ---- */

/* The axes that a node reduces. */
static void reduced_axes(struct call *call, bool reduced[MAX_RANK]) {
    int rank = tensor_rank(call_input(call, 0));
    bool none = call_int(call, "noop_with_empty_axes", 0) != 0;
    struct integers axes = call_ints_or_input(call, "axes", 1);
    for (int i = 0; i < rank; i++)
        reduced[i] = axes.count == 0 && !none;
    mark_listed(call, axes, rank, reduced);
}

/* Where an axis that stays is in the result. */
static int axis_left(struct call *call, const bool *reduced, int axis) {
    int before = 0;
    for (int i = 0; i < axis; i++)
        before += reduced[i];
    return call_int(call, "keepdims", 1) != 0 ? axis : axis - before;
}

struct tensor count_reduce(struct call *call) {
    struct counted c = call_counted(call, 0);
    bool reduced[MAX_RANK] = {false};
    reduced_axes(call, reduced);
    if (!reduced[c.axis])
        return build_along(call, axis_left(call, reduced, c.axis), c.count);
    call->inputs[0] = filled_behind(call->inputs[0], c, fill_of(call));
    return build_plain(call);
}

/* The sum, divided by how many there are. */
struct tensor count_reduce_mean(struct call *call) {
    struct counted c = call_counted(call, 0);
    struct tensor x = call_input(call, 0);
    bool reduced[MAX_RANK] = {false};
    int64_t others = 1;
    reduced_axes(call, reduced);
    if (!reduced[c.axis])
        return count_reduce(call);
    for (int i = 0; i < tensor_rank(x); i++)
        if (reduced[i] && i != c.axis)
            others *= tensor_extent(x, i);
    call->op = onnx_op_find("", "ReduceSum");
    call->inputs[0] = filled_behind(x, c, FILL_ZERO);
    struct tensor sum = build_plain(call);
    struct tensor count = tensor_mul(c.count, number64(call->context, others));
    return tensor_div(sum, tensor_cast(count, tensor_dtype(sum)));
}

struct tensor count_position(struct call *call) {
    struct counted c = call_counted(call, 0);
    int rank = tensor_rank(call_input(call, 0));
    int axis = call_axis(call, call_int(call, "axis", 0), rank);
    bool reduced[MAX_RANK] = {false};
    reduced[axis] = true;
    if (axis != c.axis)
        return build_along(call, axis_left(call, reduced, c.axis), c.count);
    if (call_int(call, "select_last_index", 0) != 0)
        return refuse_counted(call, "the last of equal ones");
    call->inputs[0] = filled_behind(call->inputs[0], c, fill_of(call));
    return build_plain(call);
}

/* ---- Along an axis ---- */

/* What is behind the count changes nothing before it: a sum may run backwards, and before opset 13
 * the axes from Softmax's on are one. */
struct tensor count_filled(struct call *call) {
    struct counted c = call_counted(call, 0);
    if (!only_counted_below(call, 1))
        return NO_TENSOR;
    call->inputs[0] = filled_behind(call->inputs[0], c, fill_of(call));
    return build_along(call, c.axis, c.count);
}

/* An axis that is not counted is divided. */
struct tensor count_along_another(struct call *call) {
    struct counted c = call_counted(call, 0);
    int rank = tensor_rank(call_input(call, 0));
    if (call_axis(call, call_int(call, "axis", 0), rank) == c.axis)
        return refuse_counted(call, "along the axis that is counted");
    return only_counted_below(call, 1) ? build_along(call, c.axis, c.count) : NO_TENSOR;
}

/* The axes from `axis` on are looked at together. */
struct tensor count_along_last(struct call *call) {
    struct counted c = call_counted(call, 0);
    int rank = tensor_rank(call_input(call, 0));
    if (call_axis(call, call_int(call, "axis", -1), rank) <= c.axis)
        return refuse_counted(call, "along the axis that is counted");
    return only_counted_below(call, 1) ? build_along(call, c.axis, c.count) : NO_TENSOR;
}

/* ---- Order ---- */

/* k as an int64 of rank 0, known or not. */
static struct tensor wanted_of(struct call *call) {
    if (call->opset < 10)
        return number64(call->context, call_int(call, "k", 0));
    return tensor_reshape(tensor_cast(call_input(call, 1), DTYPE_INT64), SCALAR_SHAPE);
}

/* How many elements are taken: of fewer than k all. */
static struct tensor taken_of(struct call *call, struct tensor k, struct tensor count) {
    struct lengths lengths = lengths_of(call->importer, call_input(call, 1));
    if (lengths.count == 1 && is_times(lengths.list, count, 1))
        return count;
    return tensor_min(tensor_max(k, number64(call->context, 0)), count);
}

struct tensor count_top_k(struct call *call) {
    struct counted c = call_counted(call, 0);
    struct tensor x = call_input(call, 0), k = wanted_of(call);
    int axis = call_axis(call, call_int(call, "axis", -1), tensor_rank(x));
    bool largest = call_int(call, "largest", 1) != 0;
    if (!only_counted_below(call, 1))
        return NO_TENSOR;
    if (axis != c.axis)
        return build_along(call, c.axis, c.count);
    struct tensor count = taken_of(call, k, c.count);
    int64_t most = tensor_extent(x, axis);
    if (call_is_known(call, k)) {
        double number = call_known_number(call, k, "k");
        most = number < (double)most ? (int64_t)number : most;
    }
    if (call->opset >= 10)
        call->inputs[1] = int64_list(call->context, 1, &most);
    call->inputs[0] = filled_behind(x, c, largest ? FILL_LEAST : FILL_LAST);
    return build_along(call, c.axis, count);
}

/* ---- Products of matrices ---- */

/* An axis of an operand of rank `rank` of a product: a row, a column, what is summed over, or one
 * of the axes before them. */
enum role { ROLE_FREE, ROLE_SUMMED, ROLE_BATCH };

static enum role role_of(int axis, int rank, bool is_left) {
    int summed = is_left || rank == 1 ? rank - 1 : rank - 2;
    if (axis == summed)
        return ROLE_SUMMED;
    return axis >= rank - 2 ? ROLE_FREE : ROLE_BATCH;
}

/* Where it is in the product; -1: the other operand has more than one element along it. */
static int axis_of_product(struct call *call, int input, struct tensor y) {
    struct tensor x = call_input(call, input), other = call_input(call, 1 - input);
    int axis = call_counted(call, input).axis, rank = tensor_rank(x);
    int other_rank = tensor_rank(other), rank_of_y = tensor_rank(y);
    if (role_of(axis, rank, input == 0) == ROLE_FREE)
        return input == 0 && other_rank > 1 ? rank_of_y - 2 : rank_of_y - 1;
    int from_end = rank - axis, own = other_rank - from_end;
    if (own >= 0 && other_rank > 1 && tensor_extent(other, own) != 1)
        return -1;
    int matrix = 2 - (rank == 1) - (other_rank == 1); /* axes of y that are rows and columns */
    return rank_of_y - matrix - (from_end - 2);
}

/* Both are counted: over the same axis of either, or as the same axis before the matrices. */
static struct tensor product_of_counted(struct call *call, struct counted a, struct counted b) {
    struct tensor left = call_input(call, 0), right = call_input(call, 1);
    enum role role = role_of(a.axis, tensor_rank(left), true);
    if (a.count.node != b.count.node || role != role_of(b.axis, tensor_rank(right), false) ||
        role == ROLE_FREE)
        return refuse_counted(call, "and of another such");
    if (role == ROLE_SUMMED) {
        call->inputs[0] = filled_behind(left, a, FILL_ZERO);
        call->inputs[1] = filled_behind(right, b, FILL_ZERO);
        return build_plain(call);
    }
    if (tensor_rank(left) - a.axis != tensor_rank(right) - b.axis)
        return refuse_counted(call, "and of another such");
    struct tensor y = build_plain(call);
    call_counts_output(call, 0, tensor_rank(y) - (tensor_rank(left) - a.axis), a.count);
    return y;
}

struct tensor count_matmul(struct call *call) {
    struct counted a = call_counted(call, 0), b = call_counted(call, 1);
    if (is_counted(a) && is_counted(b))
        return product_of_counted(call, a, b);
    int input = is_counted(a) ? 0 : 1;
    struct counted c = input ? b : a;
    if (role_of(c.axis, tensor_rank(call_input(call, input)), input == 0) == ROLE_SUMMED)
        return refuse_counted(call, "the sum over its axis");
    struct tensor y = build_plain(call);
    int to = y.node ? axis_of_product(call, input, y) : 0;
    if (to < 0)
        return refuse_counted(call, "beside an axis of many elements");
    call_counts_output(call, 0, to, c.count);
    return y;
}

/* Rows of the first, or columns of the second. */
struct tensor count_gemm(struct call *call) {
    struct counted a = call_counted(call, 0), b = call_counted(call, 1);
    bool rows = is_counted(a) && a.axis == (call_int(call, "transA", 0) ? 1 : 0);
    bool columns = is_counted(b) && b.axis == (call_int(call, "transB", 0) ? 0 : 1);
    if (is_counted(a) != rows || is_counted(b) != columns || rows == columns)
        return refuse_counted(call, "the sum over its axis");
    struct tensor c = call_input(call, 2);
    int own = tensor_rank(c) - (rows ? 2 : 1);
    if (!only_counted_below(call, 2))
        return NO_TENSOR;
    if (is_given(c) && own >= 0 && tensor_extent(c, own) != 1)
        return refuse_counted(call, "plus a matrix");
    return build_along(call, rows ? 0 : 1, rows ? a.count : b.count);
}

/* ---- Rows by themselves ---- */

/* Each element of the first axis gives one, whatever the others are. */
struct tensor count_first_axis(struct call *call) {
    struct counted c = call_counted(call, 0);
    if (!only_counted_below(call, 1))
        return NO_TENSOR;
    if (c.axis != 0)
        return refuse_counted(call, "but along its first axis");
    return build_along(call, 0, c.count);
}

/* One scale for all, or one for each element of another axis. */
struct tensor count_by_scale(struct call *call) {
    struct counted c = call_counted(call, 0);
    struct tensor scale = call_input(call, 1);
    int rank = tensor_rank(call_input(call, 0));
    if (!only_counted_below(call, 1))
        return NO_TENSOR;
    bool is_one = elements_of(scale) == 1;
    if (tensor_rank(scale) > 1 ||
        (!is_one && call_axis(call, call_int(call, "axis", 1), rank) == c.axis))
        return refuse_counted(call, "with scales along its axis");
    return build_along(call, c.axis, c.count);
}
