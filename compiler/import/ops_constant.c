/* Operators that make tensors of numbers and shapes. */
#include "compiler/import/importer.h"
#include "compiler/import/movement.h"

#include <inttypes.h>
#include <math.h>

/* ---- Constant ---- */

static struct tensor constant_tensor(struct call *call, const char *attribute) {
    const Onnx__Tensor *tensor = call_tensor(call, attribute);
    return tensor ? import_tensor(call->importer, tensor, call->node->output[0])
                  : call_refuse(call, "attribute \"%s\" holds no tensor", attribute);
}

static struct tensor constant_int(struct call *call, const char *attribute) {
    int64_t value = call_int(call, attribute, 0);
    return tensor_const(call->context, DTYPE_INT64, SCALAR_SHAPE, 1, &value);
}

static struct tensor constant_ints(struct call *call, const char *attribute) {
    struct integers values = call_ints(call, attribute);
    return int64_list(call->context, values.count, values.values);
}

static struct tensor constant_float(struct call *call, const char *attribute) {
    return scalar(call->context, (float)call_float(call, attribute, 0));
}

static struct tensor constant_floats(struct call *call, const char *attribute) {
    struct floats values = call_floats(call, attribute);
    return tensor_const(call->context, DTYPE_FLOAT32, SHAPE(values.count), values.count,
                        values.values);
}

static struct tensor constant_refused(struct call *call, const char *attribute) {
    return call_refuse(call, "attribute \"%s\": graphs have neither texts nor sparse tensors",
                       attribute);
}

static const struct constant_kind {
    const char *attribute;
    struct tensor (*make)(struct call *call, const char *attribute);
} constant_kinds[] = {
    {"value", constant_tensor},         {"value_int", constant_int},
    {"value_ints", constant_ints},      {"value_float", constant_float},
    {"value_floats", constant_floats},  {"sparse_value", constant_refused},
    {"value_string", constant_refused}, {"value_strings", constant_refused},
};

struct tensor import_constant(struct call *call) {
    for (size_t i = 0; i < sizeof constant_kinds / sizeof constant_kinds[0]; i++)
        if (call_has(call, constant_kinds[i].attribute))
            return constant_kinds[i].make(call, constant_kinds[i].attribute);
    return call_refuse(call, "no value");
}

/* ---- Shapes ---- */

struct tensor import_constant_of_shape(struct call *call) {
    struct integers shape = call_known_shape(call, call_input(call, 0), 0);
    const Onnx__Tensor *tensor = call_tensor(call, "value");
    struct tensor value = tensor ? import_tensor(call->importer, tensor, call->node->output[0])
                                 : scalar(call->context, 0);
    if (elements_of(value) != 1)
        return call_refuse(call, "attribute \"value\" has %" PRId64 " elements, expected 1",
                           elements_of(value));
    return tensor_expand(tensor_reshape(value, SCALAR_SHAPE), shape.count, shape.values);
}

static int bound(int64_t position, int rank) {
    if (position < 0)
        position = position < -rank ? 0 : position + rank;
    return position > rank ? rank : (int)position;
}

struct range call_shown_axes(struct call *call, int rank) {
    int begin = bound(call_int(call, "start", 0), rank);
    int end = bound(call_int(call, "end", rank), rank);
    return (struct range){begin, end > begin ? end : begin};
}

struct tensor import_shape(struct call *call) {
    int64_t shape[MAX_RANK];
    int rank = shape_of(call_input(call, 0), shape);
    struct range axes = call_shown_axes(call, rank);
    return int64_list(call->context, (int)(axes.end - axes.begin), shape + axes.begin);
}

struct tensor import_size(struct call *call) {
    int64_t size = elements_of(call_input(call, 0));
    return tensor_const(call->context, DTYPE_INT64, SCALAR_SHAPE, 1, &size);
}

/* ---- Rows of numbers ---- */

/* ceil((limit - start) / delta) of integers; -1: too many. */
static int64_t integer_steps(int64_t start, int64_t limit, int64_t delta) {
    if (delta < 0 ? limit >= start : limit <= start)
        return 0;
    uint64_t distance =
        delta < 0 ? (uint64_t)start - (uint64_t)limit : (uint64_t)limit - (uint64_t)start;
    uint64_t step = delta < 0 ? 0 - (uint64_t)delta : (uint64_t)delta;
    uint64_t count = (distance - 1) / step + 1;
    return count > (uint64_t)MAX_ELEMENTS ? -1 : (int64_t)count;
}

static int64_t float_steps(struct call *call, const struct tensor *bounds) {
    float start = (float)call_known_number(call, bounds[0], "the start");
    float limit = (float)call_known_number(call, bounds[1], "the limit");
    float delta = (float)call_known_number(call, bounds[2], "the delta");
    double count = ceil((double)(limit - start) / (double)delta);
    if (!(count <= (double)MAX_ELEMENTS))
        return -1;
    return count > 0 ? (int64_t)count : 0;
}

static int64_t range_steps(struct call *call, const struct tensor *bounds) {
    int64_t numbers[3];
    if (tensor_dtype(bounds[0]) == DTYPE_FLOAT32)
        return float_steps(call, bounds);
    for (int i = 0; i < 3; i++) {
        struct integers number = call_known(call, bounds[i], "the range");
        if (number.count != 1)
            return -1;
        numbers[i] = number.values[0];
    }
    return numbers[2] ? integer_steps(numbers[0], numbers[1], numbers[2]) : -1;
}

/* start + i * delta, each computed by itself. */
struct tensor import_range(struct call *call) {
    struct tensor bounds[3];
    for (int i = 0; i < 3; i++)
        bounds[i] = tensor_reshape(call_input(call, i), SCALAR_SHAPE);
    call_ignore(call, "stash_type");
    int64_t count = range_steps(call, bounds);
    if (count < 0)
        return call_refuse(call, "the delta is 0, or the range too long");
    struct tensor i =
        tensor_cast(tensor_iota(call->context, DTYPE_INT64, count), tensor_dtype(bounds[0]));
    return tensor_add(bounds[0], tensor_mul(i, bounds[2]));
}

/* Positions in rows and columns of a matrix, or of the last two axes. */
struct tensor import_eye_like(struct call *call) {
    struct tensor x = call_input(call, 0);
    enum dtype dtype;
    int64_t k = call_int(call, "k", 0), rows = tensor_extent(x, 0), columns = tensor_extent(x, 1);
    if (!call_dtype(call, "dtype", tensor_dtype(x), &dtype))
        return NO_TENSOR;
    if (tensor_rank(x) != 2)
        return call_refuse(call, "rank %d, expected 2", tensor_rank(x));
    k = k > columns ? columns : k < -rows ? -rows : k;
    struct tensor row = positions_along(call->context, DTYPE_INT64, rows, 0, 2);
    struct tensor column = positions_along(call->context, DTYPE_INT64, columns, 1, 2);
    row = tensor_add(row, tensor_const(call->context, DTYPE_INT64, SCALAR_SHAPE, 1, &k));
    return tensor_cast(tensor_eq(row, column), dtype);
}

/* The last two axes above or below a diagonal, zeros elsewhere. */
struct tensor import_trilu(struct call *call) {
    struct tensor x = call_input(call, 0);
    bool upper = call_int(call, "upper", 1) != 0;
    if (tensor_rank(x) < 2)
        return call_refuse(call, "rank %d, expected at least 2", tensor_rank(x));
    int64_t rows = tensor_extent(x, -2), columns = tensor_extent(x, -1);
    struct tensor row = positions_along(call->context, DTYPE_INT64, rows, 0, 2);
    struct tensor column = positions_along(call->context, DTYPE_INT64, columns, 1, 2);
    if (call_has_input(call, 1)) {
        struct tensor k = tensor_reshape(call_input(call, 1), SCALAR_SHAPE);
        k = tensor_max(tensor_min(k, scalar_like(k, (double)columns)),
                       scalar_like(k, (double)-rows));
        row = tensor_add(row, k);
    }
    struct tensor inside = upper ? tensor_le(row, column) : tensor_le(column, row);
    return tensor_where(inside, x, zero_like(x));
}
