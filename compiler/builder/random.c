#include "compiler/builder/random.h"

#include "compiler/builder/layers.h"

enum { WORDS = 4, ROUNDS = 10 };

/* A word in 64 bits. */
static struct tensor word(struct tensor like, uint64_t value) {
    return scalar_like(like, (double)(value & UINT32_MAX));
}

static struct tensor low(struct tensor x) {
    return tensor_and(x, word(x, UINT32_MAX));
}

static struct tensor high(struct tensor x) {
    return tensor_shr(x, scalar_like(x, 32));
}

/* The four words of a counter become others; key has two. */
static void mix_round(struct tensor counter[WORDS], const struct tensor key[2]) {
    struct tensor first = tensor_mul(counter[0], word(counter[0], 0xd2511f53));
    struct tensor second = tensor_mul(counter[2], word(counter[2], 0xcd9e8d57));
    struct tensor mixed[WORDS] = {
        tensor_xor(tensor_xor(high(second), counter[1]), key[0]), low(second),
        tensor_xor(tensor_xor(high(first), counter[3]), key[1]), low(first)};
    for (int i = 0; i < WORDS; i++)
        counter[i] = mixed[i];
}

struct tensor random_bits(struct tensor seed, uint64_t stream, int64_t count) {
    int64_t blocks = count / WORDS + (count % WORDS != 0);
    struct tensor block = tensor_cast(tensor_iota(seed.context, DTYPE_INT64, blocks), DTYPE_UINT64);
    struct tensor key[2] = {low(seed), high(seed)};
    struct tensor counter[WORDS] = {low(block), high(block), word(block, stream),
                                    word(block, stream >> 32)};
    for (int round = 0; round < ROUNDS; round++) {
        if (round > 0) {
            key[0] = low(tensor_add(key[0], word(key[0], 0x9e3779b9)));
            key[1] = low(tensor_add(key[1], word(key[1], 0xbb67ae85)));
        }
        mix_round(counter, key);
    }
    struct tensor words = tensor_cast(stack(WORDS, counter, 1), DTYPE_UINT32);
    return tensor_shrink(tensor_reshape(words, SHAPE(blocks * WORDS)), RANGES({0, count}));
}

/* The upper 24 bits and `more`, which is 0 or 1, as a part of 2^24. */
static struct tensor part_of_one(struct tensor bits, double more) {
    struct tensor upper = tensor_shr(bits, scalar_like(bits, 8));
    struct tensor whole = tensor_cast(tensor_add(upper, scalar_like(upper, more)), DTYPE_FLOAT32);
    return tensor_mul(whole, scalar_like(whole, 0x1p-24));
}

/* -1 where they are too many. */
static int64_t count_of(int rank, const int64_t *shape) {
    int64_t count = elements_fit(rank, shape) ? 1 : -1;
    for (int i = 0; i < rank && count > 0; i++)
        count *= shape[i];
    return count;
}

struct tensor random_uniform(struct tensor seed, uint64_t stream, int rank, const int64_t *shape) {
    int64_t count = count_of(rank, shape);
    if (count < 0)
        return tensor_fail(seed.context, "random numbers: too many elements");
    struct tensor bits = random_bits(seed, stream, count);
    return tensor_reshape(part_of_one(bits, 0), rank, shape);
}

struct tensor random_normal(struct tensor seed, uint64_t stream, int rank, const int64_t *shape) {
    int64_t count = count_of(rank, shape), pairs = count / 2 + count % 2;
    if (count < 0)
        return tensor_fail(seed.context, "random numbers: too many elements");
    struct tensor bits = tensor_reshape(random_bits(seed, stream, 2 * pairs), SHAPE(pairs, 2));
    struct tensor u = part_of_one(tensor_shrink(bits, RANGES({0, pairs}, {0, 1})), 1);
    struct tensor v = part_of_one(tensor_shrink(bits, RANGES({0, pairs}, {1, 2})), 0);
    struct tensor log = tensor_log(u);
    struct tensor distance = tensor_sqrt(tensor_mul(log, scalar_like(log, -2)));
    struct tensor angle = tensor_mul(v, scalar(v.context, 6.28318530717958647692f));
    struct tensor both = tensor_concat(
        TENSORS(tensor_mul(distance, tensor_cos(angle)), tensor_mul(distance, tensor_sin(angle))),
        1);
    both = tensor_reshape(both, SHAPE(2 * pairs));
    return tensor_reshape(tensor_shrink(both, RANGES({0, count})), rank, shape);
}
