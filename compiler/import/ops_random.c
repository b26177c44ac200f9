/* Random numbers, which are a function of a seed and of where they stand (builder/random.h): a
 * model gives the same in each run. The attribute `seed` is the key, by its bits as float32, and
 * the stream is 0; a node without has the key 0, and as stream its number among those, from 1 on.
 * Where an input was asked for, that is the key of all nodes, each with its number as stream.
 */
#include "compiler/builder/random.h"
#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"

#include <inttypes.h>
#include <string.h>

/* ---- Where numbers come from ---- */

struct random_source {
    struct tensor seed;
    uint64_t stream;
};

/* `key`: what the seed says, if there is one. */
static struct random_source source_of(struct call *call, bool seeded, uint64_t key) {
    struct importer *importer = call->importer;
    bool is_input = importer->options->random_seed != NULL;
    struct random_source source = {.stream = 0};
    source.seed = is_input ? importer->random_seed
                           : tensor_const(call->context, DTYPE_UINT64, SCALAR_SHAPE, 1, &key);
    if (importer->graph->around)
        source.seed = call_refuse(call, "its numbers would be the same in each of many steps");
    else if (!seeded || is_input)
        source.stream = ++importer->random_nodes;
    return source;
}

/* Of a node whose seed is a float32, by whose bits it counts. */
static struct random_source own_source(struct call *call) {
    const float seed = (float)call_float(call, "seed", 0);
    uint64_t key = 0;
    memcpy(&key, &seed, sizeof seed); /* little-endian machines only, as stated */
    return source_of(call, call_has(call, "seed"), call_has(call, "seed") ? key : 0);
}

/* ---- Uniform and normal ---- */

/* x * by + more */
static struct tensor scaled(struct tensor x, double by, double more) {
    return tensor_add(tensor_mul(x, scalar_like(x, by)), scalar_like(x, more));
}

static struct tensor uniform_between(struct call *call, int rank, const int64_t *shape,
                                     enum dtype dtype) {
    double least = call_float(call, "low", 0), most = call_float(call, "high", 1);
    struct random_source source = own_source(call);
    struct tensor x = random_uniform(source.seed, source.stream, rank, shape);
    return tensor_cast(scaled(x, most - least, least), dtype);
}

static struct tensor normal(struct call *call, int rank, const int64_t *shape, enum dtype dtype) {
    double mean = call_float(call, "mean", 0), scale = call_float(call, "scale", 1);
    struct random_source source = own_source(call);
    struct tensor x = random_normal(source.seed, source.stream, rank, shape);
    return tensor_cast(scaled(x, scale, mean), dtype);
}

typedef struct tensor random_tensor(struct call *call, int rank, const int64_t *shape,
                                    enum dtype dtype);

static struct tensor of_shape(struct call *call, random_tensor *make) {
    struct integers shape = call_ints(call, "shape");
    enum dtype dtype;
    bool fits = shape.count <= MAX_RANK;
    for (int i = 0; i < shape.count && fits; i++)
        fits = shape.values[i] >= 0;
    if (!fits)
        return call_refuse(call, "a shape of %d numbers, or of negative ones", shape.count);
    if (!call_dtype(call, "dtype", DTYPE_FLOAT32, &dtype))
        return NO_TENSOR;
    return make(call, shape.count, shape.values, dtype);
}

static struct tensor as_other(struct call *call, random_tensor *make) {
    struct tensor x = call_input(call, 0);
    int64_t shape[MAX_RANK];
    enum dtype dtype;
    int rank = shape_of(x, shape);
    if (!call_dtype(call, "dtype", tensor_dtype(x), &dtype))
        return NO_TENSOR;
    return make(call, rank, shape, dtype);
}

struct tensor import_random_uniform(struct call *call) {
    return of_shape(call, uniform_between);
}

struct tensor import_random_uniform_like(struct call *call) {
    return as_other(call, uniform_between);
}

struct tensor import_random_normal(struct call *call) {
    return of_shape(call, normal);
}

struct tensor import_random_normal_like(struct call *call) {
    return as_other(call, normal);
}

/* ---- Choices ---- */

/* Whether numbers for the elements of x are below the probability. */
static struct tensor falls_below(struct random_source source, struct tensor x,
                                 struct tensor probability) {
    int64_t shape[MAX_RANK];
    int rank = shape_of(x, shape);
    struct tensor number = random_uniform(source.seed, source.stream, rank, shape);
    enum dtype dtype = computing_dtype(tensor_dtype(probability));
    return tensor_lt(tensor_cast(number, dtype), tensor_cast(probability, dtype));
}

struct tensor import_bernoulli(struct call *call) {
    struct tensor x = call_input(call, 0);
    enum dtype dtype;
    if (!call_dtype(call, "dtype", tensor_dtype(x), &dtype))
        return NO_TENSOR;
    return tensor_cast(falls_below(own_source(call), x, x), dtype);
}

/* x (batch, classes) are logarithms of what is proportional to probabilities. The class whose
 * logarithm is greatest with -log(-log(u)) added has its probability. */
struct tensor import_multinomial(struct call *call) {
    struct tensor x = call_input(call, 0);
    int64_t samples = call_int(call, "sample_size", 1);
    enum dtype dtype;
    if (!call_dtype(call, "dtype", DTYPE_INT32, &dtype))
        return NO_TENSOR;
    if (tensor_rank(x) != 2 || tensor_extent(x, 1) < 1 || samples < 1 || samples > MAX_ELEMENTS)
        return call_refuse(call, "%" PRId64 " samples of %s", samples, tensor_text(x).text);
    struct random_source source = own_source(call);
    struct tensor u = random_uniform(source.seed, source.stream,
                                     SHAPE(tensor_extent(x, 0), samples, tensor_extent(x, 1)));
    u = tensor_sub(scalar_like(u, 1), u); /* not 0 */
    struct tensor rate = tensor_neg(tensor_log(u));
    rate = tensor_max(rate, scalar_like(rate, 0x1p-25)); /* not 0 */
    struct tensor sum = tensor_sub(unsqueeze(tensor_cast(x, DTYPE_FLOAT32), 1), tensor_log(rate));
    return tensor_cast(tensor_argmax(sum, AXES(2)), dtype);
}

/* ---- Dropout ---- */

static struct tensor keep_all(struct call *call, struct tensor x) {
    if (call_wants_output(call, 1))
        call_output(call, 1, filled_like(x, call->opset < 10 ? tensor_dtype(x) : DTYPE_BOOL, 1));
    return x;
}

struct tensor import_dropout(struct call *call) {
    struct tensor x = call_input(call, 0);
    call_ignore(call, "consumed_inputs");
    call_ignore(call, "is_test");
    call_ignore(call, "ratio");
    call_ignore_input(call, 1); /* the ratio, where nothing is dropped */
    call_ignore(call, "seed");
    bool drops = call_has_input(call, 2) &&
                 call_known_number(call, call_input(call, 2), "training_mode") != 0;
    double ratio = 0.5;
    if (drops && call_has_input(call, 1))
        ratio = call_known_number(call, call_input(call, 1), "ratio");
    if (!drops || ratio == 0)
        return keep_all(call, x);
    struct random_source source =
        source_of(call, call_has(call, "seed"), (uint64_t)call_int(call, "seed", 0));
    struct tensor below = falls_below(source, x, scalar(call->context, (float)ratio));
    struct tensor wide = tensor_cast(x, computing_dtype(tensor_dtype(x)));
    struct tensor kept =
        tensor_cast(tensor_mul(wide, scalar_like(wide, 1 / (1 - ratio))), tensor_dtype(x));
    call_output(call, 1, tensor_not(below));
    return tensor_where(below, zero_like(x), kept);
}
