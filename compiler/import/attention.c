#include "compiler/import/attention.h"

#include "compiler/import/movement.h"

#include <inttypes.h>
#include <math.h>

/* ---- Heads ---- */

struct tensor split_heads(const struct call *call, struct tensor x, int64_t heads) {
    int64_t width = tensor_extent(x, -1);
    if (tensor_rank(x) != 3 || heads < 1 || width % heads != 0)
        return call_refuse(call, "%s does not divide into %" PRId64 " heads", tensor_text(x).text,
                           heads);
    x = reshape_axes(x, 2, 1, 2, (int64_t[]){heads, width / heads});
    return tensor_permute(x, AXES(0, 2, 1, 3));
}

struct tensor merge_heads(struct tensor x) {
    int64_t width = tensor_extent(x, 1) * tensor_extent(x, 3);
    x = tensor_permute(x, AXES(0, 2, 1, 3));
    return reshape_axes(x, 2, 2, 1, &width);
}

/* ---- Masks ---- */

struct tensor keys_within(struct tensor_context *context, int64_t queries, int64_t keys,
                          struct tensor offset, int64_t left, int64_t right) {
    struct tensor key = tensor_iota(context, DTYPE_INT64, keys);
    struct tensor query = unsqueeze(tensor_iota(context, DTYPE_INT64, queries), 1);
    struct tensor place = is_given(offset) ? tensor_add(query, offset) : query;
    struct tensor within = NO_TENSOR;
    if (left >= 0)
        within = tensor_le(add_number(place, -(double)left), key);
    if (right >= 0) {
        struct tensor before = tensor_le(key, right ? add_number(place, (double)right) : place);
        within = is_given(within) ? tensor_and(within, before) : before;
    }
    return within;
}

struct tensor bias_of(struct tensor mask, struct tensor allowed, struct tensor like) {
    if (is_given(mask) && tensor_dtype(mask) == DTYPE_BOOL) {
        allowed = is_given(allowed) ? tensor_and(mask, allowed) : mask;
        mask = NO_TENSOR;
    }
    if (!is_given(allowed))
        return mask;
    return tensor_where(allowed, is_given(mask) ? mask : scalar_like(like, 0),
                        scalar_like(like, -INFINITY));
}

/* ---- Attention ---- */

/* (batch, heads, ..) as (batch, groups, heads / groups, ..): each group shares a head of k and v.
 */
static struct tensor group_heads(struct tensor x, int64_t groups) {
    return reshape_axes(x, 1, 1, 2, (int64_t[]){groups, tensor_extent(x, 1) / groups});
}

struct tensor matmul_heads(struct tensor a, struct tensor b) {
    int64_t heads = tensor_extent(a, 1), groups = tensor_extent(b, 1);
    if (heads == groups)
        return matmul(a, b);
    return reshape_axes(matmul(group_heads(a, groups), unsqueeze(b, 2)), 1, 2, 1, &heads);
}

bool check_heads(const struct call *call, struct tensor q, struct tensor k, struct tensor v) {
    int64_t groups = tensor_extent(k, 1);
    if (tensor_rank(q) == 4 && tensor_rank(k) == 4 && tensor_rank(v) == 4 && groups > 0 &&
        tensor_extent(q, 1) % groups == 0 && tensor_extent(v, 1) == groups &&
        tensor_extent(q, 3) == tensor_extent(k, 3) && tensor_extent(k, 2) == tensor_extent(v, 2))
        return true;
    call_refuse(call, "queries %s, keys %s and values %s do not go together", tensor_text(q).text,
                tensor_text(k).text, tensor_text(v).text);
    return false;
}

/* limit * tanh(x / limit) */
static struct tensor cap(struct tensor x, double limit) {
    struct tensor number = scalar_like(x, limit);
    return tensor_mul(number, tensor_tanh(tensor_div(x, number)));
}

struct attended attend(const struct call *call, const struct attention *attention) {
    struct attended result = {0};
    if (!check_heads(call, attention->q, attention->k, attention->v))
        return result;
    double root = sqrt(attention->scale);
    struct tensor q = multiply_by(attention->q, root), k = multiply_by(attention->k, root);
    result.scores = matmul_heads(q, transpose(k, 2, 3));
    result.capped =
        attention->softcap != 0 ? cap(result.scores, attention->softcap) : result.scores;
    result.biased =
        is_given(attention->bias) ? tensor_add(result.capped, attention->bias) : result.capped;
    result.weights = softmax(result.biased, -1);
    if (is_given(attention->bias) && attention->rows_may_be_empty) {
        struct tensor greatest = tensor_reduce_max(attention->bias, AXES(-1));
        struct tensor empty = unsqueeze(tensor_eq(greatest, scalar_like(greatest, -INFINITY)), -1);
        result.weights = tensor_where(empty, scalar_like(result.weights, 0), result.weights);
    }
    result.y = matmul_heads(result.weights, attention->v);
    return result;
}

/* ---- Rotation ---- */

struct tensor rotate_pairs(struct tensor x, struct tensor cosines, struct tensor sines,
                           bool interleaved) {
    int last = tensor_rank(x) - 1, axis = interleaved ? last + 1 : last;
    int64_t width = tensor_extent(x, -1), half = width / 2;
    if (last < 0 || width % 2)
        return tensor_fail(x.context, "no pairs along the last axis of %s", tensor_text(x).text);
    x = reshape_axes(x, last, 1, 2, interleaved ? (int64_t[]){half, 2} : (int64_t[]){2, half});
    struct tensor a = squeeze(cut_axis(x, axis, 0, 1), axis);
    struct tensor b = squeeze(cut_axis(x, axis, 1, 2), axis);
    struct tensor first = tensor_sub(tensor_mul(cosines, a), tensor_mul(sines, b));
    struct tensor second = tensor_add(tensor_mul(sines, a), tensor_mul(cosines, b));
    return reshape_axes(stack(2, (struct tensor[]){first, second}, axis), last, 2, 1, &width);
}
