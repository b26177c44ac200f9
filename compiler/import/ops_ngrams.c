/* TfIdfVectorizer, of numbers: how often each n-gram of a pool is found. */
#include "compiler/import/importer.h"
#include "compiler/import/movement.h"

#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <string.h>

enum { MOST_LENGTH = 64 }; /* numbers of an n-gram */

struct ngrams {
    struct call *call;
    struct tensor x; /* int64 (rows, numbers) */
    int64_t shortest, longest, skips;
    struct integers pool, starts; /* where those of each length begin, from 1 on */
};

/* Numbers of the pool that are n-grams of that length. */
static struct integers pool_of(const struct ngrams *g, int length) {
    int64_t begin = g->starts.values[length - 1];
    int64_t end = length < g->starts.count ? g->starts.values[length] : g->pool.count;
    if (begin < 0 || end < begin || end > g->pool.count || (end - begin) % length) {
        call_refuse(g->call, "n-grams of length %d from %" PRId64 " to %" PRId64 " of a pool of %d",
                    length, begin, end, g->pool.count);
        return (struct integers){0};
    }
    return (struct integers){(int)(end - begin), g->pool.values + begin};
}

/* How often each of the pool (1, n-grams, 1, length) is found (rows, n-grams), with so many numbers
 * between its own. */
static struct tensor count_found(const struct ngrams *g, struct tensor grams, int length,
                                 int64_t skipped) {
    int64_t rows = tensor_extent(g->x, 0);
    struct tensor window = tensor_window(g->x, 1, length, 1, skipped + 1);
    window = tensor_reshape(window, SHAPE(rows, 1, tensor_extent(window, 1), length));
    struct tensor found = tensor_reduce_min(tensor_eq(window, grams), AXES(-1));
    return tensor_reduce_sum(tensor_cast(found, DTYPE_FLOAT32), AXES(-1));
}

static struct tensor count_length(const struct ngrams *g, int length) {
    struct integers pool = pool_of(g, length);
    int64_t rows = tensor_extent(g->x, 0), shape[] = {rows, pool.count / length};
    struct tensor sum = tensor_expand(scalar(g->call->context, 0), 2, shape);
    int64_t skips = length > 1 ? g->skips : 0;
    if (pool.count == 0 || length < g->shortest || length > g->longest)
        return sum;
    struct tensor grams = tensor_reshape(int64_list(g->call->context, pool.count, pool.values),
                                         SHAPE(1, shape[1], 1, length));
    for (int64_t skipped = 0; skipped <= skips; skipped++)
        if ((length - 1) * (skipped + 1) < tensor_extent(g->x, 1))
            sum = tensor_add(sum, count_found(g, grams, length, skipped));
    return sum;
}

/* Counts as the mode has them. */
static struct tensor weighed(struct call *call, struct tensor counts) {
    const char *mode = call_text(call, "mode", "TF");
    struct floats weights = call_floats(call, "weights");
    bool limited = strcmp(mode, "IDF") == 0, scaled = limited || strcmp(mode, "TFIDF") == 0;
    if (!scaled && strcmp(mode, "TF") != 0)
        return call_refuse(call, "mode \"%s\"", quoted(mode).text);
    if (limited)
        counts = tensor_min(counts, scalar_like(counts, 1));
    if (!scaled || !weights.values)
        return counts;
    if (weights.count != tensor_extent(counts, 1))
        return call_refuse(call, "%d weights for %" PRId64 " n-grams", weights.count,
                           tensor_extent(counts, 1));
    return tensor_mul(counts, tensor_const(call->context, DTYPE_FLOAT32, SHAPE(weights.count),
                                           weights.count, weights.values));
}

/* Each count at its place in the result; 0 where none is. */
static struct tensor placed(struct call *call, struct tensor counts) {
    struct integers places = call_ints(call, "ngram_indexes");
    int64_t count = tensor_extent(counts, 1), width = 0;
    if (places.count != count)
        return call_refuse(call, "%d places for %" PRId64 " n-grams", places.count, count);
    for (int i = 0; i < places.count; i++) {
        if (places.values[i] < 0 || places.values[i] >= MAX_CONSTANT)
            return call_refuse(call, "place %" PRId64 " of an n-gram", places.values[i]);
        width = places.values[i] >= width ? places.values[i] + 1 : width;
    }
    int64_t *from = arena_array(&call->importer->arena, int64_t, (size_t)width + 1);
    for (int64_t i = 0; i < width; i++)
        from[i] = count;
    for (int i = 0; i < places.count; i++) {
        if (from[places.values[i]] != count)
            return call_refuse(call, "two n-grams at place %" PRId64, places.values[i]);
        from[places.values[i]] = i;
    }
    struct range pads[] = {{0, 0}, {0, 1}};
    return take_positions(tensor_pad(counts, 2, pads, 0), 1, width, from);
}

struct tensor import_tf_idf(struct call *call) {
    struct tensor x = call_input(call, 0), parts[MOST_LENGTH];
    int64_t numbers = tensor_extent(x, -1), shape[2];
    struct ngrams g = {call,
                       tensor_reshape(tensor_cast(x, DTYPE_INT64), SHAPE(-1, numbers)),
                       call_int(call, "min_gram_length", 1),
                       call_int(call, "max_gram_length", 1),
                       call_int(call, "max_skip_count", 0),
                       call_ints(call, "pool_int64s"),
                       call_ints(call, "ngram_counts")};
    int rank = tensor_rank(x);
    if (call_has(call, "pool_strings"))
        return call_refuse(call, "graphs have no texts");
    if (g.pool.count < 1)
        return call_refuse(call, "a pool without numbers");
    if (rank < 1 || rank > 2 || g.starts.count < 1 || g.starts.count > MOST_LENGTH || g.skips < 0 ||
        g.skips > MOST_LENGTH)
        return call_refuse(call, "%d lengths of n-grams, %" PRId64 " skips, of %s", g.starts.count,
                           g.skips, tensor_text(x).text);
    for (int i = 0; i < g.starts.count; i++)
        parts[i] = count_length(&g, i + 1);
    struct tensor y = placed(call, weighed(call, tensor_concat(g.starts.count, parts, 1)));
    shape[0] = tensor_extent(y, 0);
    shape[rank - 1] = tensor_extent(y, 1);
    return tensor_reshape(y, rank, shape);
}
