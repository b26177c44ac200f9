// Sorting as emitted C does it: by the bytes of unsigned keys, so that its time depends on little
// but their number.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_SORT_H
#define ET_TEMPLATES_SORT_H

#include "templates/math.h"

//: section f32_sort_keys needs f32_bits
//: names f32_sort_key
// Keys in the order of the numbers: zeros are equal, NaN is greatest.
static inline uint64_t f32_sort_key(float a) {
    uint32_t bits = f32_bits(a);
    if (a != a)
        return UINT32_MAX;
    return a == 0 ? 0x80000000u : bits >> 31 ? ~bits : bits | 0x80000000u;
}
static inline void f32_sort_keys(uint64_t *keys, const float *elements, long count) {
    for (long i = 0; i < count; i++)
        keys[i] = f32_sort_key(elements[i]);
}

//: section f64_sort_keys needs f64_bits
//: names f64_sort_key
// Keys in the order of the numbers: zeros are equal, NaN is greatest.
static inline uint64_t f64_sort_key(double a) {
    uint64_t bits = f64_bits(a);
    if (a != a)
        return UINT64_MAX;
    return a == 0 ? (uint64_t)1 << 63 : bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}
static inline void f64_sort_keys(uint64_t *keys, const double *elements, long count) {
    for (long i = 0; i < count; i++)
        keys[i] = f64_sort_key(elements[i]);
}

//: section sort_keys
//: names insert_keys set_greatest_apart
// Positions in the ascending order of their keys; equal keys keep theirs. Those with the greatest
// key, often many, such as NaN for what does not count, are put last as they stand. Of the others
// few are inserted one by one, many are dealt out by one byte after another, the lowest first,
// unless all have the same. Behind the keys there is room for as many again and a position each.
static inline void insert_keys(int32_t *positions, uint64_t *keys, long count) {
    for (long i = 1; i < count; i++) {
        uint64_t key = keys[i];
        int32_t position = positions[i];
        long place = i;
        for (; place > 0 && keys[place - 1] > key; place--) {
            keys[place] = keys[place - 1];
            positions[place] = positions[place - 1];
        }
        keys[place] = key;
        positions[place] = position;
    }
}
// Gives how many keys are not the greatest; they and their positions come first.
static inline long set_greatest_apart(int32_t *positions, int32_t *last, uint64_t *keys,
                                      long count) {
    uint64_t greatest = 0;
    long others = 0, apart = 0;
    for (long i = 0; i < count; i++)
        greatest = keys[i] > greatest ? keys[i] : greatest;
    for (long i = 0; i < count; i++) {
        const uint64_t key = keys[i];
        keys[others] = key;
        positions[others] = last[apart] = (int32_t)i;
        others += key != greatest;
        apart += key == greatest;
    }
    memcpy(positions + others, last, (size_t)apart * sizeof *positions);
    return others;
}
static inline void sort_keys(int32_t *positions, uint64_t *keys, long count) {
    uint64_t *from = keys, *to = keys + count, differ = 0;
    int32_t *at = positions, *next = (int32_t *)(keys + 2 * count);
    count = set_greatest_apart(positions, next, keys, count);
    for (long i = 0; i < count; i++)
        differ |= keys[i] ^ keys[0];
    if (count <= 32) {
        insert_keys(positions, keys, count);
        return;
    }
    for (int shift = 0; shift < 64; shift += 8) {
        // How many have the byte before; then where the next that has it goes.
        long place[257] = {0};
        if (!(differ >> shift & 255))
            continue;
        for (long i = 0; i < count; i++)
            place[(from[i] >> shift & 255) + 1]++;
        for (int i = 0; i < 256; i++)
            place[i + 1] += place[i];
        for (long i = 0; i < count; i++) {
            long where = place[from[i] >> shift & 255]++;
            to[where] = from[i];
            next[where] = at[i];
        }
        uint64_t *sorted = to;
        int32_t *ordered = next;
        to = from, next = at;
        from = sorted, at = ordered;
    }
    if (at != positions)
        memcpy(positions, at, (size_t)count * sizeof *positions);
}

//: end
#endif
