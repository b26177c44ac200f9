/* What BakeNN compiled, behind the interface that `emit --prefix=mnist` gives a model, so that the
 * same programs run both. */
#pragma once

struct mnist_inputs {
    const float *input_image;
};
struct mnist_outputs {
    float *logits;
};

void mnist_run(const struct mnist_inputs *inputs, const struct mnist_outputs *outputs);
