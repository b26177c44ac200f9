/* Random elements, and blocks of them, for the tests of row operations. */
#ifndef EIGENTENSOR_RANDOM_ROWS_H
#define EIGENTENSOR_RANDOM_ROWS_H

#include <stdlib.h>
#include <string.h>

#include "compiler/evaluate/scalar.h"
#include "compiler/graph/graph.h"

static uint64_t random_state;

static inline uint64_t random_bits(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    uint64_t x = random_state ^ random_state >> 29;
    return x * 0xbf58476d1ce4e5b9u ^ x >> 32;
}

static inline long random_below(long bound) {
    return (long)(random_bits() >> 33) % bound;
}

/* Small numbers, numbers at the limits of other dtypes, and any bits at all. */
static inline double random_number(void) {
    static const double limits[] = {
        127,    128,     255,      256,      65504,        65520,  0x1p31, 0x1p32,
        0x1p63, 0x1p-24, 0x1p-126, 0x1p-149, 3.4028234e38, 0x1p24, 0.5,    1e300,
    };
    double sign = random_below(2) ? 1 : -1;
    if (random_below(2))
        return sign * (double)random_below(5);
    if (random_below(2))
        return sign * limits[random_below(sizeof limits / sizeof *limits)];
    return sign * (double)random_below(1 << 20) / (double)(1 + random_below(1000));
}

static inline void random_element(enum dtype dtype, void *element) {
    uint64_t bits = random_bits();
    double number = random_number();
    bool any = random_below(3) == 0;
    if (dtype == DTYPE_BOOL)
        bits &= 1;
    else if (!any && dtype == DTYPE_FLOAT32)
        memcpy(&bits, &(float){(float)number}, 4);
    else if (!any && dtype == DTYPE_FLOAT64)
        memcpy(&bits, &number, 8);
    else if (!any && dtype_facts[dtype].letter == 'I')
        bits = (uint64_t)f64_to_i64(number);
    memcpy(element, &bits, dtype_facts[dtype].bytes);
}

/* The same; if `tame`, floats that add up to numbers instead of NaN, with many ties. */
static inline void random_element_of(enum dtype dtype, bool tame, void *element) {
    if (dtype == DTYPE_FLOAT32 && tame)
        *(float *)element = (float)(random_below(2000) - 1000) * (random_below(2) ? 0.25f : 0.1f);
    else
        random_element(dtype, element);
}

/* Elements (row, column), in memory that has room for no other element. */
struct block {
    enum dtype dtype;
    long rows, columns, row, step; /* extents, and what a step along each moves */
    char *memory, *first;
    size_t bytes;
};

static inline char *block_element(const struct block *block, long row, long column) {
    return block->first +
           (row * block->row + column * block->step) * (long)dtype_facts[block->dtype].bytes;
}

static inline struct block block_new(enum dtype dtype, long rows, long columns, long row, long step,
                                     bool tame) {
    struct block block = {dtype, rows, columns, row, step, NULL, NULL, 0};
    const long width = (long)dtype_facts[dtype].bytes;
    const long along = (rows - 1) * row, across = (columns - 1) * step;
    const long below = (along < 0 ? -along : 0) + (across < 0 ? -across : 0);
    block.bytes = (size_t)((1 + labs(along) + labs(across)) * width);
    block.memory = malloc(block.bytes);
    if (!block.memory)
        abort();
    block.first = block.memory + below * width;
    for (size_t i = 0; i < block.bytes; i += (size_t)width)
        random_element_of(dtype, tame, block.memory + i);
    return block;
}

static inline void block_free(struct block *block) {
    free(block->memory);
}

/* Rows behind one another, apart, backwards; the same row; or columns that are neighbours. */
static inline struct block random_block(enum dtype dtype, long rows, long columns, bool operand,
                                        bool tame) {
    static const long steps[] = {1, 1, 1, 2, -1, 3, 0};
    long step = steps[random_below(operand ? 7 : 6)];
    long length = columns * labs(step) + (step == 0);
    switch (random_below(operand ? 5 : 4)) {
    case 0:
        return block_new(dtype, rows, columns, step ? columns * step : length, step, tame);
    case 1:
        return block_new(dtype, rows, columns, length + 1 + random_below(5), step, tame);
    case 2:
        return block_new(dtype, rows, columns, -length - random_below(3), step, tame);
    case 3:
        return block_new(dtype, rows, columns, 1, rows + random_below(3), tame);
    default:
        return block_new(dtype, rows, columns, 0, step, tame);
    }
}

#endif
