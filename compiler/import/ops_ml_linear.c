/* Linear models of ai.onnx.ml. */
#include "compiler/import/ml_scores.h"

#include <inttypes.h>

/* Products of each row with each row of coefficients, and what is added to them; `count` is how
 * many rows of coefficients there are, 0: as many as the list holds. */
static struct tensor products(struct call *call, struct tensor x, int64_t count) {
    struct floats coefficients = call_floats(call, "coefficients");
    struct floats intercepts = call_floats(call, "intercepts");
    int64_t features = tensor_extent(x, 1), shape[2] = {count, features}, elements;
    if (count == 0 && features > 0)
        shape[0] = coefficients.count / features;
    if (shape[0] < 1 || !checked_multiply(shape[0], features, &elements) || elements < 1 ||
        elements != coefficients.count || (intercepts.count && intercepts.count != shape[0]))
        return call_refuse(call, "%d coefficients and %d intercepts for %" PRId64 " features",
                           coefficients.count, intercepts.count, features);
    struct tensor bias = NO_TENSOR;
    if (intercepts.count)
        bias = float_table(call, "intercepts", 1, shape, intercepts.values, tensor_dtype(x));
    struct tensor table =
        float_table(call, "coefficients", 2, shape, coefficients.values, tensor_dtype(x));
    return linear(x, table, bias);
}

struct tensor import_linear_regressor(struct call *call) {
    int64_t targets = call_int(call, "targets", 1);
    enum post_transform transform = post_transform(call);
    if (targets < 1)
        return call_refuse(call, "%" PRId64 " targets", targets);
    struct tensor scores = products(call, rows_of_features(call), targets);
    return tensor_cast(transformed(scores, transform), DTYPE_FLOAT32);
}

struct tensor import_linear_classifier(struct call *call) {
    enum post_transform transform = post_transform(call);
    struct classes classes = classes_of(call, "classlabels_ints", "classlabels_strings");
    call_ignore(call, "multi_class");
    struct tensor scores = products(call, rows_of_features(call), 0);
    int64_t count = tensor_extent(scores, 1);
    if (count == 1 && classes.count == 2) {
        struct tensor positive = tensor_lt(scalar_like(scores, 0), scores);
        call_output(call, 1, tensor_cast(of_two_classes(scores, transform, true), DTYPE_FLOAT32));
        return labels_at(call, &classes, as_position(tensor_reshape(positive, SHAPE(-1))));
    }
    if (count != classes.count)
        return call_refuse(call, "%" PRId64 " scores for %d classes", count, classes.count);
    call_output(call, 1, tensor_cast(transformed(scores, transform), DTYPE_FLOAT32));
    return labels_at(call, &classes, tensor_argmax(scores, AXES(1)));
}
