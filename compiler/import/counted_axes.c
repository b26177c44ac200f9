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
    struct axis_counts counts = call_counts(call, 0);
    struct tensor x = call_input(call, 0), number = NO_TENSOR;
    bool reduced[MAX_RANK] = {false};
    int64_t others = 1;
    reduced_axes(call, reduced);
    for (int i = 0; i < tensor_rank(x); i++) {
        struct counted c = counted_along(&counts, i);
        if (is_counted(c) && !reduced[i])
            call_counts_output(call, 0, axis_left(call, reduced, i), c.count);
        else if (is_counted(c))
            number = is_given(number) ? tensor_mul(number, c.count) : c.count;
        else if (reduced[i])
            others *= tensor_extent(x, i);
        if (reduced[i])
            x = filled_behind(x, c, FILL_ZERO);
    }
    if (!is_given(number)) /* it is the same for all */
        return build_plain(call);
    call->op = onnx_op_find("", "ReduceSum");
    call->inputs[0] = x;
    struct tensor sum = build_plain(call);
    number = tensor_mul(number, number64(call->context, others));
    return tensor_div(sum, tensor_cast(number, tensor_dtype(sum)));
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
    struct axis_counts counts = call_counts(call, 0);
    struct tensor x = call_input(call, 0), k = wanted_of(call);
    int axis = call_axis(call, call_int(call, "axis", -1), tensor_rank(x));
    bool largest = call_int(call, "largest", 1) != 0;
    if (!only_counted_below(call, 1))
        return NO_TENSOR;
    for (int i = 0; i < counts.count; i++) {
        struct counted c = counts.list[i];
        int64_t most = tensor_extent(x, c.axis);
        if (c.axis == axis) {
            c.count = taken_of(call, k, c.count);
            if (call_is_known(call, k)) {
                double number = call_known_number(call, k, "k");
                most = number < (double)most ? (int64_t)number : most;
            }
            if (call->opset >= 10)
                call->inputs[1] = int64_list(call->context, 1, &most);
            call->inputs[0] = filled_behind(x, counts.list[i], largest ? FILL_LEAST : FILL_LAST);
        }
        for (int output = 0; output < call->output_count; output++)
            call_counts_output(call, output, c.axis, c.count);
    }
    return build_plain(call);
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

/* The axis of the other operand of a product that meets this one, which is before the matrices; -1:
 * none does, or one of a single element. */
static int axis_met(struct call *call, int input, int axis) {
    struct tensor other = call_input(call, 1 - input);
    int other_rank = tensor_rank(other);
    int own = other_rank - (tensor_rank(call_input(call, input)) - axis);
    return own >= 0 && other_rank > 1 && tensor_extent(other, own) != 1 ? own : -1;
}

/* Where an axis of an operand is in the product. */
static int axis_of_product(struct call *call, int input, int axis, struct tensor y) {
    int rank = tensor_rank(call_input(call, input)), rank_of_y = tensor_rank(y);
    int other_rank = tensor_rank(call_input(call, 1 - input));
    if (role_of(axis, rank, input == 0) == ROLE_FREE)
        return input == 0 && other_rank > 1 ? rank_of_y - 2 : rank_of_y - 1;
    int matrix = 2 - (rank == 1) - (other_rank == 1); /* axes of y that are rows and columns */
    return rank_of_y - matrix - (rank - axis - 2);
}

/* Whether the other operand has the same count where a counted axis meets it; refuses the node
 * otherwise. What is summed over gets zeros. */
static bool meets_same(struct call *call, int input, struct counted c) {
    struct axis_counts others = call_counts(call, 1 - input);
    struct tensor x = call_input(call, input), other = call_input(call, 1 - input);
    enum role role = role_of(c.axis, tensor_rank(x), input == 0);
    int own = axis_met(call, input, c.axis);
    if (role == ROLE_SUMMED) {
        int rank = tensor_rank(other);
        own = input == 1 || rank == 1 ? rank - 1 : rank - 2;
        call->inputs[input] = filled_behind(x, c, FILL_ZERO);
    } else if (role == ROLE_FREE || own < 0) {
        return true;
    }
    if (own >= 0 && counted_along(&others, own).count.node == c.count.node)
        return true;
    refuse_counted(call, role == ROLE_SUMMED ? "the sum over its axis"
                                             : "beside an axis of many elements");
    return false;
}

struct tensor count_matmul(struct call *call) {
    struct axis_counts counts[] = {call_counts(call, 0), call_counts(call, 1)};
    for (int input = 0; input < 2; input++)
        for (int i = 0; i < counts[input].count; i++)
            if (!meets_same(call, input, counts[input].list[i]))
                return NO_TENSOR;
    struct tensor y = build_plain(call);
    for (int input = 0; y.node && input < 2; input++) {
        int rank = tensor_rank(call_input(call, input));
        for (int i = 0; i < counts[input].count; i++) {
            struct counted c = counts[input].list[i];
            if (role_of(c.axis, rank, input == 0) != ROLE_SUMMED)
                call_counts_output(call, 0, axis_of_product(call, input, c.axis, y), c.count);
        }
    }
    return y;
}

/* Rows of the first, and columns of the second. */
struct tensor count_gemm(struct call *call) {
    struct tensor c = call_input(call, 2);
    if (!only_counted_below(call, 2))
        return NO_TENSOR;
    for (int input = 0; input < 2; input++) {
        struct axis_counts counts = call_counts(call, input);
        int free = call_int(call, input ? "transB" : "transA", 0) ? 1 - input : input;
        struct counted own = counted_along(&counts, free);
        int axis_of_c = tensor_rank(c) - 2 + input;
        if (counts.count > (is_counted(own) ? 1 : 0))
            return refuse_counted(call, "the sum over its axis");
        if (is_counted(own) && is_given(c) && axis_of_c >= 0 && tensor_extent(c, axis_of_c) != 1)
            return refuse_counted(call, "plus a matrix");
        call_counts_output(call, 0, input, own.count);
    }
    return build_plain(call);
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
