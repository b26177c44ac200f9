/* What operators of other files need of convolutions. */
#ifndef EIGENTENSOR_IMPORT_CONVOLUTION_H
#define EIGENTENSOR_IMPORT_CONVOLUTION_H

#include "compiler/import/spatial.h"

/* The attributes of Conv and its like, for an input and a weight. False: they were refused. */
bool call_convolution(struct call *call, struct tensor x, struct tensor weight,
                      struct conv_options *options);

#endif
