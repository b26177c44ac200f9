/* Attention and RotaryEmbedding. */
#include "compiler/import/attention.h"
#include "compiler/import/movement.h"

#include <inttypes.h>
#include <math.h>

/* The keys that an own cache already holds come first. */
static struct tensor after_past(struct call *call, int past, struct tensor x) {
    if (!call_has_input(call, past))
        return x;
    return tensor_concat(TENSORS(call_input(call, past), x), 2);
}

/* Where the first query stands among the keys: int64, a scalar or (batch, 1, 1, 1); NO_TENSOR: at
 * 0. */
static struct tensor first_place(struct call *call, int64_t queries) {
    if (call_has_input(call, 4)) {
        struct tensor past = call_input(call, 4);
        int64_t place = tensor_extent(past, 2);
        return tensor_const(call->context, DTYPE_INT64, SCALAR_SHAPE, 1, &place);
    }
    if (!call_has_input(call, 6))
        return NO_TENSOR;
    struct tensor valid = tensor_cast(call_input(call, 6), DTYPE_INT64);
    return tensor_reshape(add_number(valid, -(double)queries), SHAPE(-1, 1, 1, 1));
}

/* The mask of input 3, filled up to `keys` with what does not count. */
static struct tensor whole_mask(struct call *call, int64_t keys) {
    struct tensor mask = call_optional(call, 3);
    if (!is_given(mask) || tensor_rank(mask) < 1 || tensor_extent(mask, -1) >= keys ||
        tensor_extent(mask, -1) == 1)
        return mask;
    struct range padding[MAX_RANK] = {0};
    padding[tensor_rank(mask) - 1].end = keys - tensor_extent(mask, -1);
    double nothing = tensor_dtype(mask) == DTYPE_BOOL ? 0 : -INFINITY;
    return tensor_pad(mask, tensor_rank(mask), padding, nothing);
}

/* Which keys the attributes and the number of valid keys let count. */
static struct tensor allowed_keys(struct call *call, int64_t queries, int64_t keys) {
    int64_t left = call_int(call, "left_window_size", -1);
    int64_t right = call_int(call, "right_window_size", -1);
    if (left < -1 || left > INT32_MAX || right < -1 || right > INT32_MAX)
        call_refuse(call, "windows of %" PRId64 " and %" PRId64 " keys", left, right);
    if (call_int(call, "is_causal", 0))
        right = 0;
    struct tensor allowed =
        keys_within(call->context, queries, keys, first_place(call, queries), left, right);
    if (!call_has_input(call, 6))
        return allowed;
    struct tensor valid =
        tensor_reshape(tensor_cast(call_input(call, 6), DTYPE_INT64), SHAPE(-1, 1, 1, 1));
    struct tensor is_valid = tensor_lt(tensor_iota(call->context, DTYPE_INT64, keys), valid);
    return is_given(allowed) ? tensor_and(allowed, is_valid) : is_valid;
}

static struct tensor with_heads(struct call *call, int index, const char *heads) {
    struct tensor x = call_input(call, index);
    return tensor_rank(x) == 3 ? split_heads(call, x, call_int(call, heads, 0)) : x;
}

struct tensor import_attention(struct call *call) {
    struct attention attention = {.q = with_heads(call, 0, "q_num_heads"),
                                  .k = with_heads(call, 1, "kv_num_heads"),
                                  .v = with_heads(call, 2, "kv_num_heads")};
    int64_t mode = call_int(call, "qk_matmul_output_mode", 0);
    call_ignore(call, "softmax_precision"); /* it is float32 */
    call_ignore(call, "q_num_heads");
    call_ignore(call, "kv_num_heads");
    attention.k = after_past(call, 4, attention.k);
    attention.v = after_past(call, 5, attention.v);
    int64_t queries = tensor_extent(attention.q, 2), keys = tensor_extent(attention.k, 2);
    attention.scale = call_float(call, "scale", 1 / sqrt((double)tensor_extent(attention.q, 3)));
    attention.softcap = call_float(call, "softcap", 0);
    struct tensor allowed = allowed_keys(call, queries, keys);
    attention.bias = bias_of(whole_mask(call, keys), allowed, attention.q);
    bool windows = call_has(call, "left_window_size") || call_has(call, "right_window_size");
    attention.rows_may_be_empty = call_has_input(call, 3) || call_has_input(call, 6) || windows;
    struct attended result = attend(call, &attention);
    struct tensor shown[] = {result.scores, result.capped, result.biased, result.weights};
    if (mode < 0 || mode > 3)
        return call_refuse(call, "qk_matmul_output_mode %" PRId64, mode);
    call_output(call, 1, attention.k);
    call_output(call, 2, attention.v);
    call_output(call, 3, shown[mode]);
    return tensor_rank(call_input(call, 0)) == 3 ? merge_heads(result.y) : result.y;
}

/* ---- FlexAttention ---- */

/* x after the graph that an attribute holds, of one input and one output, if it is there. */
static struct tensor modified(struct call *call, const char *attribute, struct tensor x) {
    const Onnx__Graph *graph = call_graph(call, attribute);
    struct tensor y = NO_TENSOR;
    if (!graph)
        return x;
    if (graph->n_input != 1 || graph->n_output != 1)
        return call_refuse(call, "%s: expected a graph of one input and one output", attribute);
    if (!import_graph(call->importer, graph, call->scope, &x, &y))
        return NO_TENSOR;
    return is_given(y) ? y : call_refuse(call, "%s cannot be imported", attribute);
}

struct tensor import_flex_attention(struct call *call) {
    struct tensor q = call_input(call, 0), k = call_input(call, 1), v = call_input(call, 2);
    double scale = call_float(call, "scale", 1 / sqrt((double)tensor_extent(q, -1)));
    call_ignore(call, "softmax_precision"); /* it is float32 */
    if (!check_heads(call, q, k, v))
        return NO_TENSOR;
    struct tensor scores = multiply_by(matmul_heads(q, transpose(k, 2, 3)), scale);
    struct tensor weights = softmax(modified(call, "score_mod", scores), -1);
    return matmul_heads(modified(call, "prob_mod", weights), v);
}

/* ---- RotaryEmbedding ---- */

/* Positions of com.microsoft's: (batch, rows), or where the first row stands, in one number. */
static struct tensor own_positions(struct call *call, int64_t rows) {
    struct tensor positions = call_input(call, 1);
    if (call_float(call, "scale", 1) != 1 || call_int(call, "is_packed_batching", 0))
        return call_refuse(call, "a scale, or sentences of several lengths in one batch");
    if (tensor_rank(positions) != 1)
        return positions;
    struct tensor row = tensor_iota(call->context, tensor_dtype(positions), rows);
    return unsqueeze(tensor_add(row, positions), 0);
}

/* Rows of a table of cosines or sines, (batch, rows, width / 2), with an axis for heads. */
static struct tensor angles(struct tensor table, struct tensor positions, int heads_axis) {
    if (is_given(positions))
        table = tensor_gather(table, 0, positions);
    return unsqueeze(table, heads_axis);
}

struct tensor import_rotary_embedding(struct call *call) {
    bool own = call->op->domain[0] == 0;
    struct tensor x = call_input(call, 0);
    struct tensor positions = own ? call_input(call, 3) : own_positions(call, tensor_extent(x, -2));
    struct tensor cosines = call_input(call, own ? 1 : 2), sines = call_input(call, own ? 2 : 3);
    int64_t heads = call_int(call, "num_heads", 0), width = tensor_extent(x, -1), all;
    int64_t half = tensor_extent(cosines, -1); /* of what is rotated */
    int64_t rotated = call_int(call, "rotary_embedding_dim", 0);
    int heads_axis = tensor_rank(x) == 4 ? 1 : 2;
    bool interleaved = call_int(call, "interleaved", 0) != 0;
    if (tensor_rank(x) == 3 && heads == 0 && !own && rotated == 0)
        heads = half > 0 ? width / (2 * half) : 0;
    if (tensor_rank(x) == 3 && (heads < 1 || width % heads))
        return call_refuse(call, "%s does not divide into %" PRId64 " heads", tensor_text(x).text,
                           heads);
    if (tensor_rank(x) == 3)
        x = reshape_axes(x, 2, 1, 2, (int64_t[]){heads, width / heads});
    all = tensor_extent(x, 3);
    if (rotated == 0)
        rotated = all;
    if (tensor_rank(x) != 4 || rotated < 0 || rotated > all)
        return call_refuse(call, "rotary_embedding_dim %" PRId64 " for %s", rotated,
                           tensor_text(x).text);
    struct tensor y =
        rotate_pairs(cut_axis(x, 3, 0, rotated), angles(cosines, positions, heads_axis),
                     angles(sines, positions, heads_axis), interleaved);
    if (rotated < all)
        y = tensor_concat(TENSORS(y, cut_axis(x, 3, rotated, all)), 3);
    return heads_axis == 2 ? reshape_axes(y, 2, 2, 1, &width) : y;
}
