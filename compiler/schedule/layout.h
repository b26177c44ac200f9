/* In which order the elements of a buffer lie. */
#ifndef EIGENTENSOR_LAYOUT_H
#define EIGENTENSOR_LAYOUT_H

#include "compiler/ir/buffer.h"

/* The same order of axes, after some of them became sliced. */
void lay_out_again(struct buffer *buffer);

#endif
