/* Small graphs that contract 8-bit integers, and floats by weights of 4 and 8 bits. */
#ifndef EIGENTENSOR_TESTS_NARROW_GRAPHS_H
#define EIGENTENSOR_TESTS_NARROW_GRAPHS_H

#include "compiler/builder/builder.h"

/* Constants that fit into int8 less their zero point and ones that do not; operands that are both
 * computed; zero points that are known when the program runs; sums of any length. */
struct graph *byte_products(struct tensor_context *context, struct et_error *error);

/* Padded, strided, in groups, one after another: layouts and zero points in padding. */
struct graph *byte_convolutions(struct tensor_context *context, struct et_error *error);

/* What is pooled of scaled sums: where the function that scales rises, where it does not in some
 * channels, and where sums wrap around. */
struct graph *byte_pools(struct tensor_context *context, struct et_error *error);

/* Weights of 4 and 8 bits, which tiles decode; and such as they cannot: of short blocks, and of few
 * columns. */
struct graph *coded_weights(struct tensor_context *context, struct et_error *error);

/* The same of which scales multiply sums over blocks. */
struct graph *coded_block_sums(struct tensor_context *context, struct et_error *error);

#endif
