/* Random numbers: no operation of their own, but integers and what becomes of them, so that a graph
 * has the same numbers for the same seed wherever it runs.
 *
 * They are those of Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3",
 * 2011): number i of a stream is word i % 4 of the block whose counter is i / 4 in its lower 64
 * bits and the stream in its upper ones, with the seed as key; of either, lower words come first.
 */
#ifndef EIGENTENSOR_BUILDER_RANDOM_H
#define EIGENTENSOR_BUILDER_RANDOM_H

#include "compiler/builder/builder.h"

/* `seed` is uint64 of rank 0, and may be an input. */

/* [count], uint32: all of their bits are random. */
struct tensor random_bits(struct tensor seed, uint64_t stream, int64_t count);
/* float32 from 0 to below 1, of the upper 24 of 32 bits. */
struct tensor random_uniform(struct tensor seed, uint64_t stream, int rank, const int64_t *shape);
/* float32 of mean 0 and variance 1 (Box and Muller): of each two numbers u and v, of which u has no
 * 0, the square root of -2 log(u) times the cosine and times the sine of 2 pi v. */
struct tensor random_normal(struct tensor seed, uint64_t stream, int rank, const int64_t *shape);

#endif
