/* Losses: what the right class was given. */
#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"

#include <inttypes.h>
#include <string.h>

/* Classes that do not count: NO_TENSOR, or bool in the shape of the targets. */
static struct tensor ignored_targets(struct call *call, struct tensor targets) {
    if (!call_has(call, "ignore_index"))
        return NO_TENSOR;
    int64_t index = call_int(call, "ignore_index", 0);
    struct tensor number = tensor_const(call->context, DTYPE_INT64, SCALAR_SHAPE, 1, &index);
    return tensor_eq(tensor_cast(targets, DTYPE_INT64), number);
}

/* x, or 0 where that does not count. */
static struct tensor unless(struct tensor ignored, struct tensor x) {
    return is_given(ignored) ? tensor_where(ignored, scalar_like(x, 0), x) : x;
}

/* The loss of each target: the negative of x (batch, classes, ..) at its class, weighted. */
static struct tensor each_loss(struct tensor x, struct tensor targets, struct tensor weights) {
    struct tensor classes = tensor_iota(x.context, tensor_dtype(targets), tensor_extent(x, 1));
    struct tensor is_class =
        tensor_eq(along_axis(classes, 1, tensor_rank(x)), unsqueeze(targets, 1));
    struct tensor picked = tensor_reduce_sum(tensor_where(is_class, x, scalar_like(x, 0)), AXES(1));
    return tensor_neg(is_given(weights) ? tensor_mul(picked, weights) : picked);
}

static struct tensor likelihood_loss(struct call *call, struct tensor x) {
    struct tensor targets = call_input(call, 1), classes = call_optional(call, 2);
    const char *kind = call_text(call, "reduction", "mean");
    bool mean = strcmp(kind, "mean") == 0;
    if (tensor_rank(x) < 2 || tensor_rank(targets) != tensor_rank(x) - 1)
        return call_refuse(call, "targets %s for %s", tensor_text(targets).text,
                           tensor_text(x).text);
    struct tensor ignored = ignored_targets(call, targets), weights = NO_TENSOR;
    if (is_given(classes))
        weights = tensor_gather(classes, 0, targets);
    struct tensor loss = unless(ignored, each_loss(x, targets, weights));
    if (strcmp(kind, "none") == 0)
        return loss;
    if (!mean && strcmp(kind, "sum") != 0)
        return call_refuse(call, "reduction is \"%s\"", kind);
    struct tensor sum = tensor_reduce_sum(loss, ALL_AXES);
    if (!mean)
        return sum;
    if (!is_given(weights) && !is_given(ignored))
        return divide_exactly(sum, (double)elements_of(targets));
    if (!is_given(weights))
        weights = filled_like(targets, tensor_dtype(x), 1);
    return tensor_div(sum, tensor_reduce_sum(unless(ignored, weights), ALL_AXES));
}

struct tensor import_negative_log_likelihood_loss(struct call *call) {
    return likelihood_loss(call, call_input(call, 0));
}

struct tensor import_softmax_cross_entropy_loss(struct call *call) {
    struct tensor x = log_softmax(call_input(call, 0), 1);
    call_output(call, 1, x);
    return likelihood_loss(call, x);
}
