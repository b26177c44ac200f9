#ifndef EIGENTENSOR_MNIST_MODEL_H
#define EIGENTENSOR_MNIST_MODEL_H

#include "compiler/graph/graph.h"

/* The MNIST network of TinyGrad's tutorial: input_image float32 (1, 1, 28, 28) to logits (1, 10).
 * Weights have TinyGrad's names (layers.0.weight, ..) and are not bound yet.  The caller owns the
 * graph; NULL and an error only when memory is exhausted. */
struct graph *mnist_graph(struct et_error *error);

#endif
