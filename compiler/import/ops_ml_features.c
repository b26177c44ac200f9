/* Operators of ai.onnx.ml that prepare features. */
#include "compiler/import/meaning.h"
#include "compiler/import/ml_scores.h"
#include "compiler/import/positions.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* How many numbers are to be given: one, or one for each element of the last axis. */
static bool goes_with(struct call *call, const char *name, int count, struct tensor x) {
    if (count == 1 || (count > 0 && count == tensor_extent(x, -1)))
        return true;
    call_refuse(call, "%d numbers in \"%s\", expected 1 or %" PRId64, count, name,
                tensor_extent(x, -1));
    return false;
}

/* ---- Numbers ---- */

/* The list along the last axis of x, or what stands for it. */
static struct tensor along_features(struct call *call, const char *name, struct tensor x,
                                    double otherwise) {
    struct floats list = call_floats(call, name);
    int64_t count = list.count;
    if (!list.values)
        return scalar_like(x, otherwise);
    if (!goes_with(call, name, list.count, x))
        return NO_TENSOR;
    return float_table(call, name, 1, &count, list.values, tensor_dtype(x));
}

struct tensor import_scaler(struct call *call) {
    struct tensor x = as_features(call_input(call, 0));
    if (tensor_rank(x) < 1 || tensor_rank(x) > 2)
        return call_refuse(call, "%s, expected rows of features", tensor_text(x).text);
    struct tensor offset = along_features(call, "offset", x, 0);
    struct tensor y = tensor_mul(tensor_sub(x, offset), along_features(call, "scale", x, 1));
    return tensor_cast(y, DTYPE_FLOAT32);
}

/* x / divisor of its row; x where that is 0. */
static struct tensor divided(struct tensor x, struct tensor divisor) {
    divisor = unsqueeze(divisor, -1);
    struct tensor zero = tensor_eq(divisor, scalar_like(x, 0));
    return tensor_div(x, tensor_where(zero, scalar_like(x, 1), divisor));
}

/* By the root of x^2 / sum, as ONNX Runtime does, and not by the root of the sum. */
static struct tensor divided_by_norm(struct tensor x) {
    struct tensor sum = squared_sum(x, AXES(-1)), zero = scalar_like(x, 0);
    struct tensor size = tensor_sqrt(divided(tensor_mul(x, x), sum));
    struct tensor y = tensor_where(tensor_lt(x, zero), tensor_neg(size), size);
    return tensor_where(tensor_eq(unsqueeze(sum, -1), zero), x, y);
}

static struct tensor normalised_rows(struct call *call, struct tensor x) {
    const char *norm = call_text(call, "norm", "MAX");
    if (tensor_rank(x) < 1 || tensor_rank(x) > 2)
        return call_refuse(call, "%s, expected rows of features", tensor_text(x).text);
    if (strcmp(norm, "MAX") == 0)
        return divided(x, tensor_reduce_max(x, AXES(-1)));
    if (strcmp(norm, "L1") == 0)
        return divided(x, tensor_reduce_sum(tensor_abs(x), AXES(-1)));
    if (strcmp(norm, "L2") == 0)
        return divided_by_norm(x);
    return call_refuse(call, "norm is neither MAX nor L1 nor L2");
}

struct tensor import_normalizer(struct call *call) {
    return tensor_cast(normalised_rows(call, as_features(call_input(call, 0))), DTYPE_FLOAT32);
}

/* Of integers, x > threshold is x > its floor. */
struct tensor import_binarizer(struct call *call) {
    double threshold = call_float(call, "threshold", 0);
    struct tensor x = call_input(call, 0);
    if (!holds_floats(x))
        threshold = floor(threshold);
    struct tensor above = tensor_lt(scalar_like(x, threshold), x);
    return tensor_cast(above, tensor_dtype(x));
}

/* ---- Imputer ---- */

/* `imputed` where x is `replaced`, which NaN is, too, when that is NaN. */
static struct tensor replaced_by(struct tensor x, struct tensor replaced, bool is_nan,
                                 struct tensor imputed) {
    return tensor_where(is_nan ? tensor_ne(x, x) : tensor_eq(x, replaced), imputed, x);
}

static struct tensor impute_floats(struct call *call) {
    struct tensor given = call_input(call, 0), x = as_features(given);
    double replaced = call_float(call, "replaced_value_float", 0);
    struct tensor imputed = along_features(call, "imputed_value_floats", x, 0);
    struct tensor y = replaced_by(x, scalar_like(x, replaced), isnan(replaced), imputed);
    return tensor_cast(y, tensor_dtype(given));
}

static bool fit_in(enum dtype dtype, int count, const int64_t *values) {
    for (int i = 0; dtype == DTYPE_INT32 && i < count; i++)
        if (values[i] < INT32_MIN || values[i] > INT32_MAX)
            return false;
    return dtype == DTYPE_INT32 || dtype == DTYPE_INT64;
}

static struct tensor impute_integers(struct call *call) {
    struct tensor x = call_input(call, 0);
    enum dtype dtype = tensor_dtype(x);
    int64_t replaced = call_int(call, "replaced_value_int64", 0);
    struct integers list = call_ints(call, "imputed_value_int64s");
    if (!goes_with(call, "imputed_value_int64s", list.count, x))
        return NO_TENSOR;
    if (!fit_in(dtype, list.count, list.values) || !fit_in(dtype, 1, &replaced))
        return call_refuse(call, "values that %s does not hold", dtype_facts[dtype].name);
    struct tensor imputed = tensor_cast(int64_list(call->context, list.count, list.values), dtype);
    return replaced_by(x, position(call->context, dtype, replaced), false, imputed);
}

struct tensor import_imputer(struct call *call) {
    bool floats = call_has(call, "imputed_value_floats");
    bool integers = call_has(call, "imputed_value_int64s");
    struct tensor x = call_input(call, 0);
    call_ignore(call, floats ? "replaced_value_int64" : "replaced_value_float");
    if (floats == integers || floats != holds_floats(x) || tensor_rank(x) < 1)
        return call_refuse(call, "%s, and imputed values of %s", tensor_text(x).text,
                           floats == integers ? "both kinds or none" : "another type");
    return floats ? impute_floats(call) : impute_integers(call);
}

/* ---- Columns ---- */

struct tensor import_array_feature_extractor(struct call *call) {
    struct tensor x = call_input(call, 0), positions = call_input(call, 1);
    int rank = tensor_rank(x);
    if (rank < 1)
        return call_refuse(call, "%s, expected an axis of features", tensor_text(x).text);
    positions = tensor_reshape(positions, SHAPE(elements_of(positions)));
    struct tensor y = gather_at(call, x, rank - 1, positions);
    return rank == 1 ? unsqueeze(y, 0) : y;
}

/* The columns that a row of one input has, without what follows them and with zeros if there are
 * fewer. */
static struct tensor columns_of(struct call *call, struct tensor x, int64_t count) {
    if (tensor_rank(x) < 1 || count < 0 || count > MAX_ELEMENTS)
        return call_refuse(call, "%" PRId64 " columns of %s", count, tensor_text(x).text);
    x = tensor_cast(tensor_rank(x) == 1 ? unsqueeze(x, 0) : x, DTYPE_FLOAT32);
    int64_t rows = tensor_extent(x, 0), columns = 1;
    for (int i = 1; i < tensor_rank(x); i++)
        columns *= tensor_extent(x, i);
    x = tensor_reshape(x, SHAPE(rows, columns));
    if (columns > count)
        return cut_axis(x, 1, 0, count);
    return tensor_pad(x, RANGES({0, 0}, {0, count - columns}), 0);
}

struct tensor import_feature_vectorizer(struct call *call) {
    struct integers counts = call_ints(call, "inputdimensions");
    struct tensor *parts =
        arena_array(&call->importer->arena, struct tensor, (size_t)call->input_count + 1);
    if (counts.count != call->input_count || counts.count < 1)
        return call_refuse(call, "%d inputs and %d \"inputdimensions\"", call->input_count,
                           counts.count);
    for (int i = 0; i < counts.count; i++)
        parts[i] = columns_of(call, call_input(call, i), counts.values[i]);
    return tensor_concat(counts.count, parts, 1);
}

/* Sequences of maps are tensors here: a row for each map, whose keys are the file's classes. */
struct tensor import_zip_map(struct call *call) {
    struct tensor x = call_input(call, 0);
    int numbers = call_ints(call, "classlabels_int64s").count;
    int texts = call_texts(call, "classlabels_strings").count;
    if (tensor_rank(x) < 1 || tensor_extent(x, -1) != numbers + texts)
        return call_refuse(call, "%s for %d keys", tensor_text(x).text, numbers + texts);
    return x;
}
