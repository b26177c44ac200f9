/* Support vector machines of ai.onnx.ml. */
#include "compiler/import/meaning.h"
#include "compiler/import/ml_scores.h"
#include "compiler/import/positions.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    MOST_CLASSES = 256,    /* whose pairs are compared */
    MOST_PROBABLE = 32,    /* which have probabilities */
    MOST_ITERATIONS = 100, /* until the probabilities of classes agree */
};

/* ---- Kernels ---- */

/* The dot product, or what is made of it or of the distance, of each row with each vector. */
static struct tensor dots(struct tensor x, struct tensor vectors, double factor, double added) {
    return add_number(multiply_by(linear(x, vectors, NO_TENSOR), factor), added);
}

static struct tensor to_the_power(struct tensor x, double degree) {
    if (degree == 2)
        return tensor_mul(x, x);
    if (degree == 3)
        return tensor_mul(tensor_mul(x, x), x);
    return tensor_pow(x, scalar_like(x, degree));
}

static struct tensor by_distance(struct tensor x, struct tensor vectors, double gamma) {
    struct tensor apart = tensor_sub(unsqueeze(x, 1), vectors);
    return tensor_exp(multiply_by(tensor_contract(apart, apart, AXES(2)), -gamma));
}

/* The kernel that the attributes name, of each row with each vector: (rows, vectors). */
static struct tensor kernel(struct call *call, struct tensor x, struct tensor vectors) {
    const char *type = call_text(call, "kernel_type", "LINEAR");
    struct floats given = call_floats(call, "kernel_params");
    if (strcmp(type, "LINEAR") == 0)
        return linear(x, vectors, NO_TENSOR);
    if (given.count != 3)
        return call_refuse(call, "%d kernel_params, expected 3", given.count);
    double gamma = (double)given.values[0], added = (double)given.values[1];
    if (strcmp(type, "RBF") == 0)
        return by_distance(x, vectors, gamma);
    if (strcmp(type, "POLY") == 0)
        return to_the_power(dots(x, vectors, gamma, added), (double)given.values[2]);
    if (strcmp(type, "SIGMOID") == 0)
        return tensor_tanh(dots(x, vectors, gamma, added));
    return call_refuse(call, "kernel_type is none of the four that there are");
}

/* A list as a table of so many rows, and of as many columns as x has features. */
static struct tensor rows_like(struct call *call, const char *name, int64_t rows, struct tensor x) {
    struct floats list = call_floats(call, name);
    int64_t shape[2] = {rows, tensor_extent(x, 1)}, elements;
    if (rows < 1 || !checked_multiply(rows, shape[1], &elements) || elements < 1 ||
        elements != list.count)
        return call_refuse(call, "%d numbers in \"%s\", expected %" PRId64 " times %" PRId64,
                           list.count, name, rows, shape[1]);
    return float_table(call, name, 2, shape, list.values, tensor_dtype(x));
}

static void ignore_kernel(struct call *call) {
    call_ignore(call, "kernel_type");
    call_ignore(call, "kernel_params");
    call_ignore(call, "support_vectors");
}

/* ---- Regression ---- */

struct tensor import_svm_regressor(struct call *call) {
    struct tensor x = rows_of_features(call), y = x;
    int64_t vectors = call_int(call, "n_supports", 0);
    bool one_class = call_int(call, "one_class", 0) != 0;
    struct floats rho = call_floats(call, "rho");
    if (rho.count != 1 || post_transform(call) != TRANSFORM_NONE)
        return call_refuse(call, "expected one rho and no post_transform");
    if (vectors == 0)
        ignore_kernel(call);
    else
        y = kernel(call, x, rows_like(call, "support_vectors", vectors, x));
    y = linear(y, rows_like(call, "coefficients", 1, y), NO_TENSOR);
    y = add_number(y, (double)rho.values[0]);
    if (one_class)
        y = tensor_where(tensor_lt(scalar_like(y, 0), y), scalar_like(y, 1), scalar_like(y, -1));
    return tensor_cast(y, DTYPE_FLOAT32);
}

/* ---- Pairs of classes ---- */

/* Each pair i < j has a score that is positive for class i. */
struct pairs {
    int classes, count;
    int64_t *first, *second; /* i and j of each pair */
};

static struct pairs pairs_of(struct call *call, int classes) {
    struct arena *arena = &call->importer->arena;
    struct pairs pairs = {.classes = classes};
    size_t most = (size_t)classes * (size_t)(classes - 1) / 2;
    pairs.first = arena_array(arena, int64_t, most);
    pairs.second = arena_array(arena, int64_t, most);
    for (int i = 0; i < classes; i++)
        for (int j = i + 1; j < classes; j++) {
            pairs.first[pairs.count] = i;
            pairs.second[pairs.count++] = j;
        }
    return pairs;
}

static bool check_vectors(struct call *call, const struct classes *classes,
                          struct integers per_class, int64_t *vectors) {
    *vectors = 0;
    if (per_class.count != classes->count || classes->count > MOST_CLASSES) {
        call_refuse(call,
                    "%d classes and %d \"vectors_per_class\", expected as many, and at most %d",
                    classes->count, per_class.count, MOST_CLASSES);
        return false;
    }
    for (int i = 0; i < per_class.count; i++)
        if (per_class.values[i] < 0 || !checked_add(*vectors, per_class.values[i], vectors)) {
            call_refuse(call, "%" PRId64 " vectors of a class", per_class.values[i]);
            return false;
        }
    return true;
}

/* What the vectors of class c say against the others, for each c: (rows, classes * (classes - 1)).
 * The coefficients have a row for each other class, and a column for each vector. */
static struct tensor said_by_classes(struct call *call, struct tensor kernels,
                                     struct integers per_class) {
    struct tensor *parts =
        arena_array(&call->importer->arena, struct tensor, (size_t)per_class.count);
    struct tensor coefficients = rows_like(call, "coefficients", per_class.count - 1, kernels);
    int64_t begin = 0;
    for (int i = 0; i < per_class.count; i++) {
        int64_t end = begin + per_class.values[i];
        parts[i] = linear(cut_axis(kernels, 1, begin, end), cut_axis(coefficients, 1, begin, end),
                          NO_TENSOR);
        begin = end;
    }
    return tensor_concat(per_class.count, parts, 1);
}

/* The scores of pairs, (rows, pairs): what i says against j, what j says against i, and rho. */
static struct tensor scores_of_pairs(struct call *call, const struct pairs *pairs,
                                     struct tensor kernels, struct integers per_class) {
    struct arena *arena = &call->importer->arena;
    struct floats rho = call_floats(call, "rho");
    struct tensor said = said_by_classes(call, kernels, per_class);
    int64_t *against = arena_array(arena, int64_t, (size_t)pairs->count), count = pairs->count;
    int64_t *for_it = arena_array(arena, int64_t, (size_t)pairs->count),
            others = pairs->classes - 1;
    if (rho.count != pairs->count)
        return call_refuse(call, "%d numbers in \"rho\", expected %d", rho.count, pairs->count);
    for (int i = 0; i < pairs->count; i++) {
        for_it[i] = pairs->first[i] * others + pairs->second[i] - 1;
        against[i] = pairs->second[i] * others + pairs->first[i];
    }
    struct tensor sum =
        tensor_add(take_positions(said, 1, count, for_it), take_positions(said, 1, count, against));
    return tensor_add(sum, float_table(call, "rho", 1, &count, rho.values, tensor_dtype(sum)));
}

/* The class that wins most pairs; the first of equal ones. */
static struct tensor most_pairs(struct call *call, const struct pairs *pairs,
                                struct tensor scores) {
    int64_t shape[2] = {pairs->classes, pairs->count};
    float *signs = arena_array(&call->importer->arena, float, (size_t)(shape[0] * shape[1]));
    float *lost = arena_array(&call->importer->arena, float, (size_t)shape[0]);
    for (int i = 0; i < pairs->count; i++) {
        signs[pairs->first[i] * shape[1] + i] = 1;
        signs[pairs->second[i] * shape[1] + i] = -1;
        lost[pairs->second[i]] += 1; /* won, when the score is not positive */
    }
    struct tensor won = tensor_cast(tensor_lt(scalar_like(scores, 0), scores), DTYPE_FLOAT32);
    struct tensor votes = linear(won, float_table(call, "pairs", 2, shape, signs, DTYPE_FLOAT32),
                                 float_table(call, "second", 1, shape, lost, DTYPE_FLOAT32));
    return tensor_argmax(votes, AXES(1));
}

/* ---- Probabilities ---- */

/* Of class i against class j, for all of them: (rows, classes, classes), 0 for i = j. */
static struct tensor against_each_other(struct call *call, const struct pairs *pairs,
                                        struct tensor scores) {
    struct floats a = call_floats(call, "prob_a"), b = call_floats(call, "prob_b");
    int64_t count = pairs->count, classes = pairs->classes;
    int64_t *from = arena_array(&call->importer->arena, int64_t, (size_t)(classes * classes));
    if (classes > MOST_PROBABLE)
        return call_refuse(call, "probabilities of %" PRId64 " classes, expected at most %d",
                           classes, MOST_PROBABLE);
    if (a.count != count || b.count != count)
        return call_refuse(call, "%d numbers in \"prob_a\" and %d in \"prob_b\", expected %" PRId64,
                           a.count, b.count, count);
    enum dtype dtype = tensor_dtype(scores);
    struct tensor x =
        tensor_add(tensor_mul(scores, float_table(call, "prob_a", 1, &count, a.values, dtype)),
                   float_table(call, "prob_b", 1, &count, b.values, dtype));
    x = tensor_max(sigmoid(tensor_neg(x)), scalar_like(x, (double)1e-7F));
    x = tensor_min(x, scalar_like(x, (double)(1 - 1e-7F)));
    struct tensor zero = filled_like(cut_axis(x, 1, 0, 1), dtype, 0);
    struct tensor all = tensor_concat(TENSORS(zero, x, tensor_sub(scalar_like(x, 1), x)), 1);
    for (int i = 0; i < count; i++) {
        from[pairs->first[i] * classes + pairs->second[i]] = 1 + i;
        from[pairs->second[i] * classes + pairs->first[i]] = 1 + count + i;
    }
    all = take_positions(all, 1, classes * classes, from);
    return tensor_reshape(all, SHAPE(-1, classes, classes));
}

/* What the iteration below works on, for each row. */
struct coupling {
    int64_t classes;
    struct tensor q;     /* (rows, classes, classes) */
    struct tensor p, qp; /* the probabilities, and q times them: (rows, classes) */
    struct tensor pqp;   /* p times that: (rows, 1) */
};

static struct tensor dot(struct tensor a, struct tensor b) {
    return unsqueeze(tensor_contract(a, b, AXES(-1)), -1);
}

/* Sum over the others of (r[j, i] * p[i] - r[i, j] * p[j])^2, as a matrix. */
static struct tensor coupling_matrix(struct tensor r) {
    int64_t classes = tensor_extent(r, -1);
    struct tensor turned = transpose(r, 1, 2);
    struct tensor own = tensor_contract(turned, turned, AXES(2)), row, column;
    row = positions_along(r.context, DTYPE_INT32, classes, 0, 2);
    column = positions_along(r.context, DTYPE_INT32, classes, 1, 2);
    return tensor_where(tensor_eq(row, column), unsqueeze(own, 2),
                        tensor_neg(tensor_mul(turned, r)));
}

/* One probability is moved to where the others want it, and all are made to add up to 1 again. */
static void couple_class(struct coupling *c, int64_t i) {
    struct tensor row = tensor_reshape(cut_axis(c->q, 1, i, i + 1), SHAPE(-1, c->classes));
    struct tensor own = cut_axis(row, 1, i, i + 1), two = scalar_like(own, 2);
    struct tensor own_qp = cut_axis(c->qp, 1, i, i + 1);
    struct tensor step = tensor_div(tensor_sub(c->pqp, own_qp), own);
    struct tensor whole = tensor_add(scalar_like(step, 1), step);
    struct tensor here = tensor_eq(tensor_iota(step.context, DTYPE_INT32, c->classes),
                                   position(step.context, DTYPE_INT32, i));
    struct tensor slope = tensor_add(tensor_mul(step, own), tensor_mul(two, own_qp));
    struct tensor moved = tensor_add(c->pqp, tensor_mul(step, slope));
    c->pqp = tensor_div(tensor_div(moved, whole), whole);
    c->qp = tensor_div(tensor_add(c->qp, tensor_mul(step, row)), whole);
    c->p = tensor_div(tensor_where(here, tensor_add(c->p, step), c->p), whole);
}

/* Until no class is further from what its pairs say than a bound, or 100 times: as LIBSVM couples
 * the probabilities of pairs (Wu, Lin and Weng 2004, second method). A row that is done stays. */
static struct tensor coupled(struct tensor r) {
    struct coupling c = {.classes = tensor_extent(r, -1), .q = coupling_matrix(r)};
    float bound = 0.005F / (float)c.classes, equal = 1 / (float)c.classes;
    c.p = filled_like(squeeze(cut_axis(r, 1, 0, 1), 1), tensor_dtype(r), (double)equal);
    for (int i = 0; i < MOST_ITERATIONS; i++) {
        struct tensor before = c.p;
        c.qp = tensor_contract(c.q, unsqueeze(c.p, 1), AXES(2));
        c.pqp = dot(c.p, c.qp);
        struct tensor apart = tensor_abs(tensor_sub(c.qp, c.pqp));
        apart = unsqueeze(tensor_reduce_max(apart, AXES(1)), 1);
        for (int64_t k = 0; k < c.classes; k++)
            couple_class(&c, k);
        c.p = tensor_where(tensor_lt(apart, scalar_like(apart, (double)bound)), before, c.p);
    }
    return c.p;
}

/* ---- Classification ---- */

/* Scores of each class, without vectors: the greatest wins, but of two classes the second where the
 * greatest is positive (or at least 1/2 when no coefficient is negative). */
static struct tensor classify_linearly(struct call *call, const struct classes *classes,
                                       enum post_transform transform, struct tensor x) {
    struct floats rho = call_floats(call, "rho"), coefficients = call_floats(call, "coefficients");
    ignore_kernel(call);
    call_ignore(call, "prob_a");
    call_ignore(call, "prob_b");
    if (rho.count < 1)
        return call_refuse(call, "rho is missing");
    struct tensor scores = linear(x, rows_like(call, "coefficients", classes->count, x), NO_TENSOR);
    scores = add_number(scores, (double)rho.values[0]);
    struct tensor best = tensor_argmax(scores, AXES(1));
    if (classes->count == 2) {
        bool negative = false;
        for (int i = 0; i < coefficients.count; i++)
            negative |= coefficients.values[i] < 0;
        struct tensor greatest_score = tensor_reduce_max(scores, AXES(1));
        struct tensor second = negative ? tensor_lt(scalar_like(scores, 0), greatest_score)
                                        : tensor_le(scalar_like(scores, 0.5), greatest_score);
        best = tensor_where(second, scalar_like(best, 1), best);
    }
    call_output(call, 1, tensor_cast(transformed(scores, transform), DTYPE_FLOAT32));
    return labels_at(call, classes, best);
}

struct tensor import_svm_classifier(struct call *call) {
    enum post_transform transform = post_transform(call);
    struct classes classes = classes_of(call, "classlabels_ints", "classlabels_strings");
    struct integers per_class = call_ints(call, "vectors_per_class");
    struct tensor x = rows_of_features(call), scores;
    int64_t vectors = 0;
    if (per_class.count && !check_vectors(call, &classes, per_class, &vectors))
        return NO_TENSOR;
    if (vectors == 0)
        return classify_linearly(call, &classes, transform, x);
    struct pairs pairs = pairs_of(call, classes.count);
    struct tensor kernels = kernel(call, x, rows_like(call, "support_vectors", vectors, x));
    struct tensor of_pairs = scores_of_pairs(call, &pairs, kernels, per_class);
    if (call_has(call, "prob_a") || call_has(call, "prob_b"))
        scores = transformed(coupled(against_each_other(call, &pairs, of_pairs)), transform);
    else if (pairs.count == 1)
        scores = of_two_classes(of_pairs, transform, transform != TRANSFORM_NONE);
    else
        scores = transformed(of_pairs, transform);
    call_output(call, 1, tensor_cast(scores, DTYPE_FLOAT32));
    return labels_at(call, &classes, most_pairs(call, &pairs, of_pairs));
}
