// Sorting as emitted C does it: by the bytes of unsigned keys, so that its time depends on little
// but their number.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_SORT_H
#define ET_TEMPLATES_SORT_H

#include "templates/math.h"

//: section f32_sort_key needs f32_bits
// In the order of the numbers: zeros are equal, NaN is greatest.
static inline uint64_t f32_sort_key(float a) {
    uint32_t bits = f32_bits(a);
    if (a != a)
        return UINT32_MAX;
    return a == 0 ? 0x80000000u : bits >> 31 ? ~bits : bits | 0x80000000u;
}

//: section f64_sort_key needs f64_bits
static inline uint64_t f64_sort_key(double a) {
    uint64_t bits = f64_bits(a);
    if (a != a)
        return UINT64_MAX;
    return a == 0 ? (uint64_t)1 << 63 : bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

//: section sort_keys
//: names insert_keys
// Positions in the ascending order of their keys; equal keys keep theirs. Few keys are inserted one
// by one, many are dealt out by one byte after another, the lowest first, unless all have the same.
// Behind the keys there is room for as many again and for a position each.
static inline void insert_keys(int32_t *positions, uint64_t *keys, long count) {
    for (long i = 1; i < count; i++) {
        uint64_t key = keys[i];
        long place = i;
        for (; place > 0 && keys[place - 1] > key; place--) {
            keys[place] = keys[place - 1];
            positions[place] = positions[place - 1];
        }
        keys[place] = key;
        positions[place] = (int32_t)i;
    }
}
static inline void sort_keys(int32_t *positions, uint64_t *keys, long count) {
    uint64_t *from = keys, *to = keys + count, differ = 0;
    int32_t *at = positions, *next = (int32_t *)(keys + 2 * count);
    for (long i = 0; i < count; i++) {
        positions[i] = (int32_t)i;
        differ |= keys[i] ^ keys[0];
    }
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
