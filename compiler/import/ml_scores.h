/* What the operators of ai.onnx.ml have in common: rows of features, the transforms that turn
 * scores into what is given, and class labels. */
#ifndef EIGENTENSOR_IMPORT_ML_SCORES_H
#define EIGENTENSOR_IMPORT_ML_SCORES_H

#include "compiler/import/importer.h"

/* x as what is computed with: float64 as it is, else float32. */
struct tensor as_features(struct tensor x);
/* Input 0 as features (rows, features); one axis is one row. What is made of them is float32 in the
 * end, even where it was computed in float64. */
struct tensor rows_of_features(struct call *call);

/* Applied to the scores of each row. In TreeEnsemble's numbers. */
enum post_transform {
    TRANSFORM_NONE,
    TRANSFORM_SOFTMAX,
    TRANSFORM_LOGISTIC,
    TRANSFORM_SOFTMAX_ZERO, /* softmax of those that are not 0 */
    TRANSFORM_PROBIT,
    TRANSFORMS
};
/* The attribute post_transform, a text. */
enum post_transform post_transform(struct call *call);
/* Scores (rows, scores). Of one score a row only PROBIT makes anything else, as in ONNX Runtime. */
struct tensor transformed(struct tensor scores, enum post_transform transform);
/* One score (rows, 1) as those of two classes (rows, 2): the second is the score itself. The first
 * is 1 less it, of a score which is a `share`, or its negative. */
struct tensor of_two_classes(struct tensor score, enum post_transform transform, bool share);

/* The classes of a classifier, of which it has at least two: numbers or texts. */
struct classes {
    int count;
    const int64_t *labels; /* NULL: they are texts */
};
struct classes classes_of(struct call *call, const char *numbers, const char *texts);
/* The labels of positions among the classes (rows), for output 0. Refuses texts. NO_TENSOR where
 * nothing reads them. */
struct tensor labels_at(struct call *call, const struct classes *classes, struct tensor positions);
/* 0 where the bool is false, 1 where it is true. */
struct tensor as_position(struct tensor condition);

/* A table of float32 or float64, to which the numbers are rounded; see import_table. */
struct tensor number_table(struct call *call, const char *what, enum dtype dtype, int rank,
                           const int64_t *shape, const double *numbers);
/* A table of floats of the file as elements of `dtype`; see import_table. */
struct tensor float_table(struct call *call, const char *what, int rank, const int64_t *shape,
                          const float *elements, enum dtype dtype);

#endif
