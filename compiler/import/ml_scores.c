#include "compiler/import/ml_scores.h"

#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"

#include <string.h>

/* ---- Features ---- */

struct tensor as_features(struct tensor x) {
    return tensor_cast(x, computing_dtype(tensor_dtype(x)));
}

struct tensor rows_of_features(struct call *call) {
    struct tensor x = call_input(call, 0);
    int rank = tensor_rank(x);
    if (rank < 1 || rank > 2)
        return call_refuse(call, "%s, expected rows of features", tensor_text(x).text);
    x = as_features(x);
    return rank == 2 ? x : unsqueeze(x, 0);
}

/* ---- Transforms ---- */

enum post_transform post_transform(struct call *call) {
    static const char *const names[TRANSFORMS] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO",
                                                  "PROBIT"};
    const char *name = call_text(call, "post_transform", "NONE");
    for (int i = 0; i < TRANSFORMS; i++)
        if (strcmp(names[i], name) == 0)
            return (enum post_transform)i;
    call_refuse(call, "post_transform is none of the five that there are");
    return TRANSFORM_NONE;
}

/* The inverse of the error function, by the approximation that ONNX Runtime has: float32 all over,
 * and NaN for -1 and 1, where it is infinite. */
static struct tensor inverse_erf(struct tensor x) {
    struct tensor one = scalar_like(x, 1);
    struct tensor log = tensor_log(tensor_mul(tensor_sub(one, x), tensor_add(one, x)));
    struct tensor half = tensor_mul(scalar_like(x, 0.5), log);
    struct tensor v = tensor_add(scalar_like(x, (double)(2 / (3.14159F * 0.147F))), half);
    struct tensor v2 = tensor_mul(scalar_like(x, (double)(1 / 0.147F)), log);
    struct tensor root = tensor_sqrt(tensor_sub(tensor_mul(v, v), v2));
    struct tensor size = tensor_sqrt(tensor_sub(root, v));
    return tensor_where(tensor_lt(x, scalar_like(x, 0)), tensor_neg(size), size);
}

static struct tensor probit(struct tensor x) {
    struct tensor twice = tensor_sub(tensor_mul(scalar_like(x, 2), x), scalar_like(x, 1));
    return tensor_mul(scalar_like(x, (double)1.41421356F), inverse_erf(twice));
}

static struct tensor over_scores(struct tensor (*reduce)(struct tensor, int, const int *),
                                 struct tensor x) {
    return unsqueeze(reduce(x, AXES(-1)), -1);
}

/* Scores that are 0 have no share in the sum and stay 0. */
static struct tensor softmax_zero(struct tensor x) {
    struct tensor greatest_score = over_scores(tensor_reduce_max, x), zero = scalar_like(x, 0);
    struct tensor counts = tensor_lt(scalar_like(x, (double)0.0000001F), tensor_abs(x));
    struct tensor powers = tensor_exp(tensor_sub(x, greatest_score));
    struct tensor sum = over_scores(tensor_reduce_sum, tensor_where(counts, powers, zero));
    struct tensor scaled = tensor_mul(x, tensor_exp(tensor_neg(greatest_score)));
    return tensor_div(tensor_where(counts, powers, scaled), sum);
}

struct tensor transformed(struct tensor scores, enum post_transform transform) {
    if (transform == TRANSFORM_PROBIT)
        return probit(scores);
    if (tensor_extent(scores, 1) < 2)
        return scores;
    switch (transform) {
    case TRANSFORM_SOFTMAX:
        return softmax(scores, 1);
    case TRANSFORM_LOGISTIC:
        return sigmoid(scores);
    case TRANSFORM_SOFTMAX_ZERO:
        return softmax_zero(scores);
    default:
        return scores;
    }
}

struct tensor of_two_classes(struct tensor score, enum post_transform transform, bool share) {
    struct tensor one = scalar_like(score, 1), other;
    bool is_logistic = transform == TRANSFORM_LOGISTIC;
    other = is_logistic || !share ? tensor_neg(score) : tensor_sub(one, score);
    if (is_logistic)
        return tensor_concat(TENSORS(sigmoid(other), sigmoid(score)), 1);
    if (transform == TRANSFORM_PROBIT)
        return tensor_concat(TENSORS(probit(other), probit(score)), 1);
    return tensor_concat(TENSORS(other, score), 1);
}

/* ---- Labels ---- */

struct classes classes_of(struct call *call, const char *numbers, const char *texts) {
    struct integers labels = call_ints(call, numbers);
    struct texts names = call_texts(call, texts);
    int count = names.count ? names.count : labels.count;
    if (labels.count && names.count)
        call_refuse(call, "labels of both kinds, numbers and texts");
    else if (count < 2)
        call_refuse(call, "labels of %d classes, expected at least 2", count);
    return (struct classes){count, names.count ? NULL : labels.values};
}

struct tensor labels_at(struct call *call, const struct classes *classes, struct tensor positions) {
    if (!call_wants_output(call, 0))
        return NO_TENSOR;
    if (!classes->labels)
        return call_refuse(call, "its labels are texts, which graphs do not have; where nothing "
                                 "reads them, its scores can be imported");
    int64_t count = classes->count;
    struct tensor labels = import_table(call, "labels", DTYPE_INT64, 1, &count, classes->labels);
    return tensor_gather(labels, 0, positions);
}

struct tensor as_position(struct tensor condition) {
    return tensor_cast(condition, DTYPE_INT32);
}

struct tensor number_table(struct call *call, const char *what, enum dtype dtype, int rank,
                           const int64_t *shape, const double *numbers) {
    int64_t count = 1;
    if (dtype == DTYPE_FLOAT64)
        return import_table(call, what, dtype, rank, shape, numbers);
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    float *narrow = arena_array(&call->importer->arena, float, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++)
        narrow[i] = (float)numbers[i];
    return import_table(call, what, dtype, rank, shape, narrow);
}

struct tensor float_table(struct call *call, const char *what, int rank, const int64_t *shape,
                          const float *elements, enum dtype dtype) {
    return tensor_cast(import_table(call, what, DTYPE_FLOAT32, rank, shape, elements), dtype);
}
