/* Convolution and attention that carry a state from one call to the next. */
#include "compiler/import/attention.h"
#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"
#include "compiler/import/unrolled.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- CausalConvWithState ---- */

struct tensor import_causal_conv_with_state(struct call *call) {
    struct tensor x = call_input(call, 0), weight = call_input(call, 1);
    const char *activation = call_text(call, "activation", "none");
    int64_t before = tensor_extent(weight, 2) - 1;
    bool gated = strcmp(activation, "silu") == 0 || strcmp(activation, "swish") == 0;
    if (tensor_rank(x) != 3 || tensor_rank(weight) != 3)
        return call_refuse(call, "expected (batch, channels, length), found %s",
                           tensor_text(x).text);
    if (!gated && strcmp(activation, "none") != 0)
        return call_refuse(call, "activation is \"%s\"", activation);
    if (call_has_input(call, 3))
        x = tensor_concat(TENSORS(call_input(call, 3), x), 2);
    else
        x = tensor_pad(x, RANGES({0, 0}, {0, 0}, {before, 0}), 0);
    struct conv_options options = {.stride = {1}, .dilation = {1}, .groups = tensor_extent(x, 1)};
    struct tensor y = conv(x, weight, call_optional(call, 2), options);
    int64_t end = tensor_extent(x, 2);
    call_output(call, 1, cut_axis(x, 2, end - before, end));
    return gated ? silu(y) : y;
}

/* ---- LinearAttention ---- */

/* What one update of the state reads; all (batch, heads, steps, width), or NO_TENSOR. */
struct linear_attention {
    struct tensor q, k, v;
    struct tensor decay, rate;
    double scale;
};

/* Step i of a tensor of all steps: (batch, heads, width). */
static struct tensor step_of(struct tensor x, int64_t i) {
    return squeeze(cut_axis(x, 2, i, i + 1), 2);
}

/* state (batch, heads, width of k, width of v) after step i. */
static struct tensor next_state(const struct linear_attention *a, struct tensor state, int64_t i) {
    struct tensor k = step_of(a->k, i), v = step_of(a->v, i);
    if (is_given(a->decay))
        state = tensor_mul(state, unsqueeze(tensor_exp(step_of(a->decay, i)), 3));
    if (is_given(a->rate)) {
        struct tensor held = tensor_contract(state, unsqueeze(k, 3), AXES(2));
        v = tensor_mul(step_of(a->rate, i), tensor_sub(v, held));
    }
    return tensor_add(state, tensor_mul(unsqueeze(k, 3), unsqueeze(v, 2)));
}

/* What the queries of step i read: (batch, heads of q, width of v). Several share a state. */
static struct tensor read_state(const struct linear_attention *a, struct tensor state, int64_t i) {
    int64_t heads = tensor_extent(a->q, 1), groups = tensor_extent(state, 1);
    struct tensor q = reshape_axes(step_of(a->q, i), 1, 1, 2, (int64_t[]){groups, heads / groups});
    struct tensor y = tensor_contract(unsqueeze(q, 4), unsqueeze(state, 2), AXES(3));
    return multiply_by(reshape_axes(y, 1, 2, 1, &heads), a->scale);
}

/* Decay and rate, one a head or (decay only) one an element of the keys. */
static struct tensor by_head(struct call *call, int index, int64_t heads) {
    struct tensor x = call_input(call, index);
    if (!is_given(x))
        return x;
    x = tensor_cast(x, computing_dtype(tensor_dtype(call_input(call, 0))));
    return split_heads(call, x, tensor_extent(x, -1) == 1 ? 1 : heads);
}

static bool check_rule(struct call *call) {
    const char *rule = call_text(call, "update_rule", "gated_delta");
    bool gated = strncmp(rule, "gated", 5) == 0, delta = strstr(rule, "delta") != NULL;
    bool known = strcmp(rule, "linear") == 0 || strcmp(rule, "gated") == 0 ||
                 strcmp(rule, "delta") == 0 || strcmp(rule, "gated_delta") == 0;
    if (known && call_has_input(call, 4) == gated && call_has_input(call, 5) == delta)
        return true;
    call_refuse(call, "update_rule \"%s\" with%s decay and with%s beta", rule,
                call_has_input(call, 4) ? "" : "out", call_has_input(call, 5) ? "" : "out");
    return false;
}

static struct tensor first_state(struct call *call, const struct linear_attention *a) {
    if (call_has_input(call, 3))
        return tensor_cast(call_input(call, 3), tensor_dtype(a->k));
    return tensor_expand(scalar_like(a->k, 0),
                         SHAPE(tensor_extent(a->k, 0), tensor_extent(a->k, 1),
                               tensor_extent(a->k, 3), tensor_extent(a->v, 3)));
}

struct tensor import_linear_attention(struct call *call) {
    int64_t heads = call_int(call, "q_num_heads", 0), groups = call_int(call, "kv_num_heads", 0);
    struct tensor parts[MOST_UNROLLED], x = call_input(call, 0);
    enum dtype dtype = tensor_dtype(x), computing = computing_dtype(dtype);
    call_ignore(call, "chunk_size");
    struct linear_attention a = {
        .q = split_heads(call, tensor_cast(x, computing), heads),
        .k = split_heads(call, tensor_cast(call_input(call, 1), computing), groups),
        .v = split_heads(call, tensor_cast(call_input(call, 2), computing), groups),
        .decay = by_head(call, 4, groups),
        .rate = by_head(call, 5, groups)};
    int64_t steps = tensor_extent(a.k, 2);
    a.scale = call_float(call, "scale", 0);
    if (a.scale == 0)
        a.scale = 1 / sqrt((double)tensor_extent(a.q, 3));
    if (!check_rule(call))
        return NO_TENSOR;
    if (groups < 1 || heads % groups || steps < 1 || steps > MOST_UNROLLED)
        return call_refuse(call,
                           "%" PRId64 " steps of %" PRId64 " heads over %" PRId64
                           "; steps are written one after another, up to %d",
                           steps, heads, groups, MOST_UNROLLED);
    struct tensor state = first_state(call, &a);
    for (int64_t i = 0; i < steps; i++) {
        state = next_state(&a, state, i);
        parts[i] = read_state(&a, state, i);
    }
    enum dtype kept = call_has_input(call, 3) ? tensor_dtype(call_input(call, 3)) : dtype;
    call_output(call, 1, tensor_cast(state, kept));
    return tensor_cast(merge_heads(stack((int)steps, parts, 2)), dtype);
}
