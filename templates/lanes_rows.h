// Reductions of rows that lie anywhere, of neighbouring results at once: lanes.h beside each other.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section, and "needs" names the sections that must stand before it.

#ifndef ET_TEMPLATES_LANES_ROWS_H
#define ET_TEMPLATES_LANES_ROWS_H

#include "templates/lanes.h"

//: section lanes_of_rows needs lanes
//: names lanes_of_vectors lanes_of_block ROWS_BLOCK ROWS_VECTORS
//: macros LANES_UNROLL
// Reductions down the columns of rows that lie anywhere: row k of all goes to lane k % 16.
#if defined __clang__
#define LANES_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LANES_UNROLL _Pragma("GCC unroll 16")
#endif
// So many vectors of columns keep their unfinished lanes in registers.
enum { ROWS_BLOCK = 64, ROWS_VECTORS = VECTOR_BITS == 512 || VECTOR_BITS == 128 ? 4 : 2 };

// The lanes come in the order in which the tree joins them: at most four wait for another.
LANES_INLINE void lanes_of_vectors(enum lanes_op op, int vectors, lanes_vector identity, float *to,
                                   const float *const *from, long rows, long column) {
    lanes_vector waiting[5][ROWS_VECTORS];
    int depth = 0;
    LANES_UNROLL
    for (int turn = 0; turn < 16; turn++) {
        const int lane = (turn & 1) << 3 | (turn & 2) << 1 | (turn & 4) >> 1 | turn >> 3;
        lanes_vector sum[ROWS_VECTORS];
        for (int v = 0; v < vectors; v++)
            sum[v] = identity;
        for (long row = lane; row < rows; row += 16)
            for (int v = 0; v < vectors; v++)
                sum[v] = lanes_join(op, sum[v], lanes_load(from[row] + column + v * LANES_WIDTH));
        for (int bits = turn; bits & 1; bits >>= 1) {
            depth--;
            for (int v = 0; v < vectors; v++)
                sum[v] = lanes_join(op, waiting[depth][v], sum[v]);
        }
        for (int v = 0; v < vectors; v++)
            waiting[depth][v] = sum[v];
        depth++;
    }
    for (int v = 0; v < vectors; v++)
        lanes_store(to + column + v * LANES_WIDTH, waiting[0][v]);
}

// Where there are no vectors, or fewer columns than one has: lanes in memory.
LANES_INLINE void lanes_of_block(enum lanes_op op, float identity, float *to,
                                 const float *const *from, long rows, long column, long count) {
    float lanes[16][ROWS_BLOCK];
    for (long lane = 0; lane < 16; lane++)
        for (long c = 0; c < count; c++)
            lanes[lane][c] = identity;
    for (long row = 0; row < rows; row++)
        for (long c = 0; c < count; c++)
            lanes[row % 16][c] = lane_join(op, lanes[row % 16][c], from[row][column + c]);
    for (long half = 8; half > 0; half /= 2)
        for (long lane = 0; lane < half; lane++)
            for (long c = 0; c < count; c++)
                lanes[lane][c] = lane_join(op, lanes[lane][c], lanes[lane + half][c]);
    for (long c = 0; c < count; c++)
        to[column + c] = lanes[0][c];
}

// to[c] = what from[0][c], from[1][c], ... are reduced to. The last vector overlaps the one before.
LANES_INLINE void lanes_of_rows(enum lanes_op op, float identity, float *to,
                                const float *const *from, long rows, long columns) {
    const lanes_vector none = lanes_begin(identity).part[0];
    long column = 0;
    if (LANES_WIDTH == 1 || columns < LANES_WIDTH) {
        for (; column < columns; column += ROWS_BLOCK)
            lanes_of_block(op, identity, to, from, rows, column,
                           columns - column < ROWS_BLOCK ? columns - column : (long)ROWS_BLOCK);
        return;
    }
    for (; column + ROWS_VECTORS * LANES_WIDTH <= columns; column += ROWS_VECTORS * LANES_WIDTH)
        lanes_of_vectors(op, ROWS_VECTORS, none, to, from, rows, column);
    for (; column < columns; column += LANES_WIDTH)
        lanes_of_vectors(op, 1, none, to, from, rows,
                         column + LANES_WIDTH <= columns ? column : columns - LANES_WIDTH);
}

//: end

#endif
