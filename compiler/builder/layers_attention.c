/* Matrix products and what transformers make of them. */
#include "compiler/builder/layers.h"

#include <math.h>
#include <string.h>

static bool check_inner_extents(struct tensor a, struct tensor b) {
    int axis = tensor_rank(b) < 2 ? -1 : -2;
    if (tensor_rank(a) > 0 && tensor_rank(b) > 0 && tensor_extent(a, -1) == tensor_extent(b, axis))
        return true;
    tensor_fail(a.context, "%s does not multiply %s", tensor_text(a).text, tensor_text(b).text);
    return false;
}

/* x with an axis of extent 1 put before its last `after` axes. */
static struct tensor raise_before(struct tensor x, int after) {
    return unsqueeze(x, tensor_rank(x) - after);
}

/* dot: (.., m, k) and (.., k, n) as (.., m, 1, k) and (.., 1, n, k), multiplied, summed over k */
struct tensor matmul(struct tensor a, struct tensor b) {
    LAYER(a, b);
    if (!check_inner_extents(a, b))
        return (struct tensor){a.context, NULL};
    bool vectors = tensor_rank(a) == 1 || tensor_rank(b) == 1;
    bool b_is_matrix = tensor_rank(b) > 1;
    if (!vectors) {
        a = raise_before(a, 1);
        b = raise_before(b, 2);
    }
    if (b_is_matrix)
        b = transpose(b, -1, -2);
    return tensor_contract(a, b, AXES(-1));
}

/* nn.Linear: dot with the transposed weight, plus bias */
struct tensor linear(struct tensor x, struct tensor weight, struct tensor bias) {
    LAYER(x, weight);
    if (tensor_rank(weight) != 2)
        return tensor_fail(x.context, "weight: expected (outputs, inputs), found %s",
                           tensor_text(weight).text);
    struct tensor y = matmul(x, transpose(weight, 0, 1));
    return is_given(bias) ? tensor_add(y, bias) : y;
}

/* nn.Embedding compares positions with 0, 1, 2, .. and sums the rows that match: a gather */
struct tensor embedding(struct tensor table, struct tensor positions) {
    LAYER(table, positions);
    if (tensor_rank(table) != 2)
        return tensor_fail(table.context, "table: expected (entries, width), found %s",
                           tensor_text(table).text);
    return tensor_gather(table, 0, positions);
}

/* True where key <= query, in the shape of the scores (.., queries, keys): tril of all true. */
static struct tensor causal_mask(struct tensor scores) {
    struct tensor queries = tensor_iota(scores.context, DTYPE_INT32, tensor_extent(scores, -2));
    struct tensor keys = tensor_iota(scores.context, DTYPE_INT32, tensor_extent(scores, -1));
    struct tensor after = add_number(unsqueeze(queries, -1), 1);
    struct tensor hidden = tensor_not(tensor_lt(keys, after));
    struct tensor all = scalar_like(hidden, 1);
    if (scores.node)
        all = tensor_expand(all, scores.node->rank, scores.node->shape);
    return tensor_where(hidden, scalar_like(hidden, 0), all);
}

/* scaled_dot_product_attention: softmax(q k' / sqrt(d) + mask) v */
struct tensor scaled_dot_product_attention(struct tensor q, struct tensor k, struct tensor v,
                                           struct attention_options options) {
    LAYER(q, k, v);
    if (tensor_rank(q) < 2 || tensor_rank(k) < 2)
        return tensor_fail(q.context, "expected (.., rows, width), found %s and %s",
                           tensor_text(q).text, tensor_text(k).text);
    if (options.causal && is_given(options.mask))
        return tensor_fail(q.context, "causal and a mask are given: expected one of them");
    struct tensor scores = matmul(q, transpose(k, -2, -1));
    scores = divide_by(scores, sqrt((double)tensor_extent(q, -1)));
    struct tensor mask = options.causal ? causal_mask(scores) : options.mask;
    if (is_given(mask) && tensor_dtype(mask) == DTYPE_BOOL)
        mask = tensor_where(mask, scalar_like(scores, 0), scalar_like(scores, -INFINITY));
    if (is_given(mask))
        scores = tensor_add(scores, mask);
    return matmul(softmax(scores, -1), v);
}
