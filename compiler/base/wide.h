/* Integers of 128 bits, of which not every C compiler has a type: what is computed of a few int64_t
 * is exact. */
#ifndef EIGENTENSOR_WIDE_H
#define EIGENTENSOR_WIDE_H

#include <stdbool.h>
#include <stdint.h>

/* high * 2^64 + low, in two's complement. */
struct wide {
    uint64_t high, low;
};

static inline struct wide wide_of(int64_t a) {
    return (struct wide){a < 0 ? UINT64_MAX : 0, (uint64_t)a};
}

static inline struct wide wide_sum(struct wide a, struct wide b) {
    const uint64_t low = a.low + b.low;
    return (struct wide){a.high + b.high + (low < a.low), low};
}

static inline struct wide wide_difference(struct wide a, struct wide b) {
    return (struct wide){a.high - b.high - (a.low < b.low), a.low - b.low};
}

static inline bool wide_equal(struct wide a, struct wide b) {
    return a.high == b.high && a.low == b.low;
}

/* By halves; a negative operand counts 2^64 too much of the other. */
static inline struct wide wide_product(int64_t a, int64_t b) {
    const uint64_t half = UINT32_MAX, x = (uint64_t)a, y = (uint64_t)b;
    const uint64_t lows = (x & half) * (y & half), highs = (x >> 32) * (y >> 32);
    const uint64_t middle = (x >> 32) * (y & half) + (lows >> 32);
    const uint64_t other = (x & half) * (y >> 32) + (middle & half);
    return (struct wide){highs + (middle >> 32) + (other >> 32) - (a < 0 ? y : 0) - (b < 0 ? x : 0),
                         other << 32 | (lows & half)};
}

/* Within a few units in the last place. */
static inline double wide_about(struct wide a) {
    const bool negative = a.high >> 63;
    const struct wide size = negative ? wide_difference(wide_of(0), a) : a;
    const double about = (double)size.high * 0x1p64 + (double)size.low;
    return negative ? -about : about;
}

#endif
