/* Attention, QAttention and MultiHeadAttention of com.microsoft. */
#include "compiler/import/attention.h"
#include "compiler/import/movement.h"
#include "compiler/import/quantised.h"

#include <inttypes.h>
#include <math.h>

/* ---- Masks ---- */

/* Which keys count by numbers, (batch): those before them, or (2 * batch), the second half of which
 * is of the first ones. */
static struct tensor keys_between(struct call *call, struct tensor mask, int64_t batch,
                                  int64_t keys) {
    struct tensor key = tensor_iota(call->context, tensor_dtype(mask), keys);
    struct tensor ends = tensor_reshape(cut_axis(mask, 0, 0, batch), SHAPE(batch, 1, 1, 1));
    struct tensor counts = tensor_lt(key, ends);
    if (tensor_extent(mask, 0) == batch)
        return counts;
    struct tensor begins =
        tensor_reshape(cut_axis(mask, 0, batch, 2 * batch), SHAPE(batch, 1, 1, 1));
    return tensor_and(counts, tensor_le(begins, key));
}

/* What is added to the scores for a mask of 1 (counts) and 0: the filter value, which is finite.
 * The mask: (batch, keys), (batch, queries, keys), or which keys count, (batch) or (2 * batch);
 * (batch, 1) and (1, 1) say nothing. */
static struct tensor padding_bias(struct call *call, struct tensor mask, struct tensor q,
                                  int64_t keys) {
    double filter = call_float(call, "mask_filter_value", -10000);
    int64_t batch = tensor_extent(q, 0);
    bool says_nothing = tensor_rank(mask) == 2 && tensor_extent(mask, 1) == 1 &&
                        (tensor_extent(mask, 0) == batch || tensor_extent(mask, 0) == 1);
    if (!is_given(mask) || says_nothing)
        return NO_TENSOR;
    int64_t count = tensor_rank(mask) == 1 ? tensor_extent(mask, 0) : 0;
    struct tensor counts;
    if (tensor_rank(mask) == 1 && (count == batch || count == 2 * batch)) {
        counts = keys_between(call, mask, batch, keys);
    } else if (tensor_rank(mask) == 2 && tensor_extent(mask, 1) == keys) {
        counts = tensor_ne(unsqueeze(unsqueeze(mask, 1), 1), scalar_like(mask, 0));
    } else if (tensor_rank(mask) == 3 && tensor_extent(mask, 2) == keys) {
        counts = tensor_ne(unsqueeze(mask, 1), scalar_like(mask, 0));
    } else {
        return call_refuse(call, "a mask %s for %" PRId64 " keys", tensor_text(mask).text, keys);
    }
    return tensor_where(counts, scalar_like(q, 0), scalar_like(q, filter));
}

static struct tensor sum_of(struct tensor a, struct tensor b) {
    if (!is_given(a) || !is_given(b))
        return is_given(a) ? a : b;
    return tensor_add(a, b);
}

/* Queries see no keys behind them, when the node says so: the lowest float, not -inf. */
static struct tensor causal_bias(struct call *call, struct tensor q, int64_t keys) {
    int64_t queries = tensor_extent(q, 2), past = keys - queries;
    if (!call_int(call, "unidirectional", 0))
        return NO_TENSOR;
    struct tensor offset = tensor_const(call->context, DTYPE_INT64, SCALAR_SHAPE, 1, &past);
    struct tensor allowed = keys_within(call->context, queries, keys, offset, -1, 0);
    return tensor_where(allowed, scalar_like(q, 0), scalar_like(q, -(double)0x1.fffffep127F));
}

/* ---- Common ---- */

/* Attends, and puts the heads together. `mask` and `bias` may be NO_TENSOR. */
static struct tensor attend_heads(struct call *call, struct attention attention, struct tensor mask,
                                  struct tensor bias, struct attended *result) {
    int64_t keys = tensor_extent(attention.k, 2);
    attention.scale = call_float(call, "scale", 0);
    if (attention.scale == 0)
        attention.scale = 1 / sqrt((double)tensor_extent(attention.q, 3));
    attention.bias =
        sum_of(causal_bias(call, attention.q, keys), padding_bias(call, mask, attention.q, keys));
    attention.bias = sum_of(attention.bias, bias);
    *result = attend(call, &attention);
    return merge_heads(result->y);
}

/* A part of the last axis. */
static struct tensor part_of(struct tensor x, int64_t begin, int64_t width) {
    return cut_axis(x, tensor_rank(x) - 1, begin, begin + width);
}

/* Both halves of a past (2, batch, heads, rows, width) before the new keys and values. */
static void take_past(struct tensor past, struct attention *attention) {
    if (!is_given(past))
        return;
    struct tensor k = squeeze(cut_axis(past, 0, 0, 1), 0);
    struct tensor v = squeeze(cut_axis(past, 0, 1, 2), 0);
    attention->k = tensor_concat(TENSORS(k, attention->k), 2);
    attention->v = tensor_concat(TENSORS(v, attention->v), 2);
}

/* ---- Attention ---- */

/* `all`: queries, keys and values of a row beside each other, made by `weight`. */
static struct tensor attend_all(struct call *call, struct tensor all, struct tensor weight,
                                const int64_t widths[3], struct tensor mask, struct tensor past,
                                struct tensor more_bias) {
    int64_t heads = call_int(call, "num_heads", 0);
    if (call_int(call, "do_rotary", 0) || call_int(call, "past_present_share_buffer", 0))
        return call_refuse(call, "rotation, or a past in the place of the present");
    bool fits = heads >= 1 && widths[0] == widths[1];
    for (int i = 0; i < 3; i++)
        fits &= widths[i] >= 1 && widths[i] <= tensor_extent(weight, -1);
    if (!fits || widths[0] + widths[1] + widths[2] != tensor_extent(weight, -1))
        return call_refuse(call, "weights %s for queries, keys and values",
                           tensor_text(weight).text);
    struct attention attention = {0};
    struct tensor *const parts[] = {&attention.q, &attention.k, &attention.v};
    struct attended result;
    for (int i = 0, begin = 0; i < 3; begin += (int)widths[i++])
        *parts[i] = split_heads(call, part_of(all, begin, widths[i]), heads);
    take_past(past, &attention);
    struct tensor y = attend_heads(call, attention, mask, more_bias, &result);
    if (call_wants_output(call, 1))
        call_output(call, 1, stack(2, (struct tensor[]){attention.k, attention.v}, 0));
    return y;
}

struct tensor import_attention_of_input(struct call *call) {
    struct tensor weight = call_input(call, 1), bias = call_optional(call, 2);
    struct integers sizes = call_ints(call, "qkv_hidden_sizes");
    int64_t third = tensor_extent(weight, -1) / 3, widths[] = {third, third, third};
    for (int i = 0; sizes.count == 3 && i < 3; i++)
        widths[i] = sizes.values[i];
    call_ignore(call, "rotary_embedding_dim");
    struct tensor all = matmul(call_input(call, 0), weight);
    all = is_given(bias) ? tensor_add(all, bias) : all;
    return attend_all(call, all, weight, widths, call_optional(call, 3), call_optional(call, 4),
                      call_optional(call, 5));
}

/* The input and the weight are integers that stand for real numbers. */
struct tensor import_qattention(struct call *call) {
    struct tensor weight = call_input(call, 1);
    int64_t third = tensor_extent(weight, -1) / 3;
    struct tensor x = centred(call, call_input(call, 0), by_column(call, 6));
    struct tensor sums = matmul(x, centred(call, weight, by_column(call, 7)));
    struct tensor scale = tensor_mul(by_column(call, 3), by_column(call, 4));
    struct tensor all = scaled_sums(sums, scale, call_input(call, 2));
    return attend_all(call, all, weight, (const int64_t[]){third, third, third},
                      call_optional(call, 5), call_optional(call, 8), NO_TENSOR);
}

/* ---- MultiHeadAttention ---- */

/* Part i of packed (batch, rows, heads, parts, width), as (batch, rows, heads * width). */
static struct tensor packed_part(struct tensor x, int64_t i) {
    int64_t width = tensor_extent(x, 2) * tensor_extent(x, 4);
    x = squeeze(cut_axis(x, 3, i, i + 1), 3);
    return reshape_axes(x, 2, 2, 1, &width);
}

/* Queries, keys and values as they are given, packed or not. */
static void read_packed(struct call *call, struct tensor parts[3]) {
    for (int i = 0; i < 3; i++)
        parts[i] = call_input(call, i);
    struct tensor q = parts[0], k = parts[1];
    for (int i = 0; tensor_rank(q) == 5 && i < 3; i++)
        parts[i] = packed_part(q, i);
    for (int i = 1; tensor_rank(k) == 5 && i < 3; i++)
        parts[i] = packed_part(k, i - 1);
}

/* Those that are not in heads already, with their part of the bias. */
static struct tensor biased_heads(struct call *call, struct tensor x, int64_t begin,
                                  int64_t heads) {
    struct tensor bias = call_optional(call, 3);
    if (tensor_rank(x) == 4)
        return x;
    if (is_given(bias))
        x = tensor_add(x, part_of(bias, begin, tensor_extent(x, -1)));
    return split_heads(call, x, heads);
}

struct tensor import_multi_head_attention(struct call *call) {
    int64_t heads = call_int(call, "num_heads", 0);
    struct tensor parts[3];
    read_packed(call, parts);
    if (!is_given(parts[1]) || !is_given(parts[2]) || tensor_rank(parts[0]) != 3)
        return call_refuse(call, "queries %s without keys and values", tensor_text(parts[0]).text);
    if (call_has_input(call, 8) || call_has_input(call, 9))
        return call_refuse(call, "a past in the place of the present");
    int64_t width = tensor_extent(parts[0], 2);
    struct attention attention = {.q = biased_heads(call, parts[0], 0, heads),
                                  .k = biased_heads(call, parts[1], width, heads),
                                  .v = biased_heads(call, parts[2], 2 * width, heads)};
    struct attended result;
    if (call_has_input(call, 6)) {
        attention.k = tensor_concat(TENSORS(call_input(call, 6), attention.k), 2);
        attention.v = tensor_concat(TENSORS(call_input(call, 7), attention.v), 2);
    }
    struct tensor y =
        attend_heads(call, attention, call_optional(call, 4), call_optional(call, 5), &result);
    call_output(call, 1, attention.k);
    call_output(call, 2, attention.v);
    call_output(call, 3, result.scores);
    return y;
}
