/* What operators of other files need of convolutions and products. */
#ifndef EIGENTENSOR_IMPORT_CONVOLUTION_H
#define EIGENTENSOR_IMPORT_CONVOLUTION_H

#include "compiler/import/spatial.h"

/* The attributes of Conv and its like, for an input and a weight. False: they were refused. */
bool call_convolution(struct call *call, struct tensor x, struct tensor weight,
                      struct conv_options *options);

/* alpha * a * b + beta * c, transposed as the attributes of Gemm say; c may be NO_TENSOR. */
struct tensor gemm(struct call *call, struct tensor a, struct tensor b, struct tensor c);

#endif
