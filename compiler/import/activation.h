/* Activations, as operators of their own and as recurrent layers have them inside. */
#ifndef EIGENTENSOR_ACTIVATION_H
#define EIGENTENSOR_ACTIVATION_H

#include "compiler/builder/layers.h"

struct tensor leaky_relu(struct tensor x, double alpha);
struct tensor thresholded_relu(struct tensor x, double alpha);
struct tensor elu(struct tensor x, double alpha);
struct tensor hard_sigmoid(struct tensor x, double alpha, double beta);
struct tensor softsign(struct tensor x);
struct tensor softplus(struct tensor x);

/* x, at least `low` and at most `high`; NaN stays. */
struct tensor clamped(struct tensor x, double low, double high);

#endif
