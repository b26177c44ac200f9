/* Normalisation over channels, groups of them, or the last axes. */
#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"
#include "compiler/import/spatial.h"
#include "compiler/import/statistics.h"

#include <inttypes.h>

/* (channels) as (1, channels, 1, ..), to go with x. */
static struct tensor along_channels(struct tensor values, struct tensor x) {
    return along_axis(values, 1, tensor_rank(x));
}

/* ---- BatchNormalization ---- */

static bool trains(struct call *call) {
    static const char *const outputs[] = {"Y", "mean", "variance", "saved mean", "saved variance"};
    call_ignore(call, "momentum");
    call_ignore(call, "is_test"); /* the oldest files leave it at 0 */
    call_ignore(call, "consumed_inputs");
    if (call_int(call, "training_mode", 0)) {
        call_refuse(call, "training_mode: statistics of a batch are for training");
        return true;
    }
    for (int i = 1; i < 5; i++)
        if (call_wants_output(call, i)) {
            call_refuse(call, "output \"%s\" is for training", outputs[i]);
            return true;
        }
    return false;
}

struct tensor import_batch_normalization(struct call *call) {
    struct tensor x = call_input(call, 0), flat = x;
    struct batch_norm_parameters parameters = {call_input(call, 1), call_input(call, 2),
                                               call_input(call, 3), call_input(call, 4)};
    int64_t shape[MAX_RANK];
    int rank = shape_of(x, shape);
    double epsilon = call_float(call, "epsilon", 1e-5);
    if (trains(call))
        return NO_TENSOR;
    if (call_int(call, "spatial", 1) == 0) { /* a statistic for each element of an image */
        flat = flatten(x, 1);
        struct tensor *each[] = {&parameters.weight, &parameters.bias, &parameters.running_mean,
                                 &parameters.running_var};
        for (int i = 0; i < 4; i++)
            *each[i] = tensor_reshape(*each[i], SHAPE(-1));
    } else if (rank == 1) {
        flat = unsqueeze(x, 1);
    }
    return tensor_reshape(batch_norm(flat, parameters, epsilon), rank, shape);
}

/* ---- Over the spatial axes ---- */

struct tensor import_instance_normalization(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct axes axes = last_axes(x, tensor_rank(x) - 2);
    call_ignore(call, "consumed_inputs");
    if (tensor_rank(x) < 3)
        return call_refuse(call, "expected (batch, channels, d1, ..), found %s",
                           tensor_text(x).text);
    struct tensor y = standardise(x, axes.count, axes.list, call_float(call, "epsilon", 1e-5)).x;
    y = tensor_mul(y, along_channels(call_input(call, 1), x));
    return tensor_add(y, along_channels(call_input(call, 2), x));
}

struct tensor import_group_normalization(struct call *call) {
    struct tensor x = call_input(call, 0), scale = call_input(call, 1),
                  bias = call_optional(call, 2);
    int64_t groups = call_int(call, "num_groups", 0), shape[MAX_RANK];
    int rank = shape_of(x, shape);
    double epsilon = call_float(call, "epsilon", 1e-5);
    call_ignore(call, "stash_type"); /* everything is computed in float32 */
    if (rank < 2 || groups < 1 || shape[1] % groups != 0)
        return call_refuse(call, "%s does not divide into %" PRId64 " groups of channels",
                           tensor_text(x).text, groups);
    struct tensor grouped = tensor_reshape(x, SHAPE(shape[0], groups, -1));
    struct tensor y = standardise(grouped, AXES(2), epsilon).x;
    if (call->opset < 21) { /* a number each group */
        y = tensor_mul(y, along_channels(scale, y));
        y = tensor_add(y, along_channels(bias, y));
        return tensor_reshape(y, rank, shape);
    }
    y = tensor_mul(tensor_reshape(y, rank, shape), along_channels(scale, x));
    return tensor_add(y, along_channels(bias, x));
}

/* ---- Over the last axes ---- */

/* The axes from `axis` on. */
static struct axes normalised_axes(struct call *call, struct tensor x) {
    int axis = call_axis(call, call_int(call, "axis", -1), tensor_rank(x));
    return last_axes(x, tensor_rank(x) - axis);
}

/* The dtype of statistics; what is computed is in float32, or in float64 of that. */
static enum dtype stash_type(struct call *call) {
    enum dtype dtype = DTYPE_FLOAT32;
    int64_t number = call_int(call, "stash_type", 1);
    if (!onnx_dtype((int32_t)number, &dtype))
        call_refuse(call, "stash_type %" PRId64, number);
    return dtype;
}

struct tensor import_layer_normalization(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct axes axes = normalised_axes(call, x);
    enum dtype stash = stash_type(call);
    enum dtype computing = computing_dtype(tensor_dtype(x));
    struct standardised y = standardise(tensor_cast(x, computing), axes.count, axes.list,
                                        call_float(call, "epsilon", 1e-5));
    call_output(call, 1, tensor_cast(y.mean, stash));
    call_output(call, 2, tensor_cast(y.inverse, stash));
    struct tensor scaled = tensor_mul(y.x, tensor_cast(call_input(call, 1), computing));
    if (call_has_input(call, 2))
        scaled = tensor_add(scaled, tensor_cast(call_input(call, 2), computing));
    return tensor_cast(scaled, tensor_dtype(x));
}

struct tensor import_rms_normalization(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct axes axes = normalised_axes(call, x);
    stash_type(call);
    struct tensor y = root_normalised(x, axes.count, axes.list, call_float(call, "epsilon", 1e-5));
    return tensor_mul(y, call_input(call, 1));
}

/* ---- LRN ---- */

/* x / (bias + alpha / size * the sum of squares over `size` channels) ^ beta */
struct tensor import_lrn(struct call *call) {
    struct tensor x = call_input(call, 0);
    int64_t size = call_int(call, "size", 0);
    float scale = (float)call_float(call, "alpha", 1e-4) / (float)size;
    double beta = call_float(call, "beta", 0.75), bias = call_float(call, "bias", 1);
    if (size < 1 || size > INT32_MAX || tensor_rank(x) < 2)
        return call_refuse(call, "size %" PRId64 " for the channels of %s", size,
                           tensor_text(x).text);
    if (elements_of(x) == 0) /* no channels: a window would not fit */
        return x;
    struct range padding[MAX_RANK] = {{0, 0}, {(size - 1) / 2, size / 2}};
    struct tensor windows = tensor_pad(x, tensor_rank(x), padding, 0);
    windows = tensor_window(windows, 1, size, 1, 1);
    struct tensor sum = tensor_contract(windows, windows, AXES(-1));
    struct tensor base = tensor_add(scalar_like(x, bias), tensor_mul(scalar_like(x, scale), sum));
    return tensor_div(x, tensor_pow(base, scalar_like(x, beta)));
}
