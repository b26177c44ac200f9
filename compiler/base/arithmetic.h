/* Arithmetic on sizes. */
#ifndef EIGENTENSOR_ARITHMETIC_H
#define EIGENTENSOR_ARITHMETIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* a * b or a + b in *result; false when it does not fit. */
static inline bool checked_multiply(int64_t a, int64_t b, int64_t *result) {
    return !__builtin_mul_overflow(a, b, result);
}

static inline bool checked_add(int64_t a, int64_t b, int64_t *result) {
    return !__builtin_add_overflow(a, b, result);
}

/* The quotient rounded up; a >= 0, b > 0. */
static inline int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* The quotient rounded down; b != 0. */
static inline int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

/* Not below 0; of 0 and b it is |b|. */
static inline int64_t greatest_common_divisor(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* Bytes, rounded up to whole cache lines: where blocks begin, and how far vectors may read. */
static inline size_t whole_lines(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

#endif
