/* Products of random graphs with weights of 4 or 8 bits. */
#include "tests/support/random_graph.h"

#include <string.h>

/* Bytes (rows, n) as codes of 4 bits, (rows, 2 n), the lower ones first; or rarely otherwise. */
static struct node *codes_of(struct generator *generator, struct node *bytes) {
    static const uint8_t shifts[][2] = {{0, 4}, {0, 4}, {0, 4}, {0, 4}, {4, 0}, {0, 3}};
    const int64_t space[3] = {bytes->shape[0], bytes->shape[1], 2};
    struct node shift = {
        .op = OP_CONST, .dtype = DTYPE_UINT8, .rank = 1, .shape = {2}, .value_count = 2};
    struct node mask = {.op = OP_CONST, .dtype = DTYPE_UINT8, .rank = 3, .value_count = 1};
    shift.value = generator_pick(generator, shifts);
    mask.value = &(uint8_t){generator_chance(generator, 95) ? 15 : 7};
    memcpy(mask.shape, space, sizeof space);
    bytes = append_reshape(generator, bytes, 3, (int64_t[]){space[0], space[1], 1});
    bytes = append_expand(generator, bytes, space);
    struct node *by = append_reshape(generator, append(generator, &shift), 3, (int64_t[]){1, 1, 2});
    bytes = append_binary(generator, OP_SHR, bytes, append_expand(generator, by, space));
    bytes = append_binary(generator, OP_AND, bytes, append(generator, &mask));
    return append_reshape(generator, append_cast(generator, bytes, DTYPE_FLOAT32), 2,
                          (int64_t[]){space[0], 2 * space[1]});
}

/* A scale, or an offset, for each block of a weight. */
static struct node *block_scales(struct generator *generator, const int64_t *parts) {
    static const enum dtype dtypes[] = {DTYPE_FLOAT32, DTYPE_FLOAT32, DTYPE_FLOAT16,
                                        DTYPE_BFLOAT16};
    struct node *scale = append_weight(generator, generator_pick(generator, dtypes), 2, parts);
    if (scale->dtype != DTYPE_FLOAT32)
        scale = append_cast(generator, scale, DTYPE_FLOAT32);
    scale = append_reshape(generator, scale, 3, (int64_t[]){parts[0], parts[1], 1});
    return append_expand(generator, scale, parts);
}

/* A zero for each block, of codes or of float32. */
static struct node *block_zeros(struct generator *generator, const int64_t *parts) {
    const int64_t packed[] = {parts[0], parts[1] / 2};
    bool coded = parts[1] % 2 == 0 && generator_chance(generator, 50);
    struct node *zero = coded
                            ? codes_of(generator, append_weight(generator, DTYPE_UINT8, 2, packed))
                            : append_weight(generator, DTYPE_FLOAT32, 2, parts);
    zero = append_reshape(generator, zero, 3, (int64_t[]){parts[0], parts[1], 1});
    return append_expand(generator, zero, parts);
}

/* Rows, blocks, and elements of 4 or 8 bits, less a zero or not. */
static struct node *differences(struct generator *generator, const int64_t *parts, bool centred) {
    bool whole = generator_chance(generator, 30);
    const int64_t packed[] = {parts[0], parts[1] * parts[2] / (whole ? 1 : 2)};
    struct node *w = append_weight(generator, DTYPE_UINT8, 2, packed);
    w = whole ? append_cast(generator, w, DTYPE_FLOAT32) : codes_of(generator, w);
    w = append_reshape(generator, w, 3, parts);
    struct node *zero = generator_chance(generator, 50) ? append_number(generator, 8, w)
                                                        : block_zeros(generator, parts);
    return centred ? append_binary(generator, OP_SUB, w, zero) : w;
}

/* The same with a scale, and perhaps an offset, of each block. */
static struct node *coded_weight(struct generator *generator, const int64_t *parts) {
    bool centred = generator_chance(generator, 70);
    struct node *w = differences(generator, parts, centred);
    struct node *scale = block_scales(generator, parts);
    w = generator_chance(generator, 50) ? append_binary(generator, OP_MUL, w, scale)
                                        : append_binary(generator, OP_MUL, scale, w);
    if (generator_chance(generator, centred ? 95 : 20))
        return w;
    return append_binary(generator, generator_chance(generator, 50) ? OP_SUB : OP_ADD, w,
                         block_scales(generator, parts));
}

static struct node *contract_either(struct generator *generator, struct node *a, struct node *b,
                                    int axis) {
    return generator_chance(generator, 50) ? append_contract(generator, a, b, 1, &axis)
                                           : append_contract(generator, b, a, 1, &axis);
}

/* x (rows, depth), by blocks: a scale multiplies the sum over its own. */
static struct node *block_sums(struct generator *generator, struct node *x, const int64_t *parts) {
    const int64_t space[] = {x->shape[0], parts[0], parts[1], parts[2]};
    struct node *w = differences(generator, parts, generator_chance(generator, 80));
    struct node *scale = block_scales(generator, (int64_t[]){parts[0], parts[1], 1});
    w = append_reshape(generator, w, 4, (int64_t[]){1, parts[0], parts[1], parts[2]});
    x = append_reshape(generator, x, 4, (int64_t[]){space[0], 1, parts[1], parts[2]});
    struct node *sums = contract_either(generator, append_expand(generator, x, space),
                                        append_expand(generator, w, space), 3);
    scale = append_reshape(generator, scale, 3, (int64_t[]){1, parts[0], parts[1]});
    return contract_either(generator, sums, append_expand(generator, scale, space), 2);
}

struct node *append_coded_product(struct generator *generator) {
    static const int64_t blocks[] = {8, 16, 32, 32, 64, 128}, widths[] = {5, 8, 17, 48, 65, 100};
    int64_t rows = generator_between(generator, 1, generator_chance(generator, 60) ? 3 : 13);
    int64_t width = generator_pick(generator, widths), block = generator_pick(generator, blocks);
    int64_t count = generator_between(generator, 1, 4), depth = count * block;
    const int64_t parts[3] = {width, count, block}, space[3] = {rows, width, depth};
    struct node *x = append_leaf(generator, DTYPE_FLOAT32, 2, (int64_t[]){rows, depth});
    if (generator_chance(generator, 40))
        return block_sums(generator, x, parts);
    struct node *w = generator_chance(generator, 70)
                         ? coded_weight(generator, parts)
                         : append_weight(generator, DTYPE_FLOAT32, 2, (int64_t[]){width, depth});
    w = append_reshape(generator, w, 3, (int64_t[]){1, width, depth});
    w = append_expand(generator, w, space);
    x = append_reshape(generator, x, 3, (int64_t[]){rows, 1, depth});
    return contract_either(generator, append_expand(generator, x, space), w, 2);
}
