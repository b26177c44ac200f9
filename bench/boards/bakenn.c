/* From floats to the integers that BakeNN's C takes, and back. */
#include <stdint.h>

#include "bench/boards/mnist.h"
#include "bknn_mnist.h"

_Alignas(BKNN_MNIST_ARENA_ALIGNMENT) static uint8_t arena[BKNN_MNIST_ARENA_SIZE];
static int8_t input[BKNN_MNIST_INPUT_BYTES];
static int8_t output[BKNN_MNIST_OUTPUT_BYTES];

/* Nearest steps. Pixels are positive and in range, so that half a step is added without a look. */
static int8_t quantised(float pixel) {
    return (int8_t)((int)(pixel * (1.0f / BKNN_MNIST_INPUT_SCALE) + 0.5f) +
                    BKNN_MNIST_INPUT_ZERO_POINT);
}

void mnist_run(const struct mnist_inputs *inputs, const struct mnist_outputs *outputs) {
    for (unsigned i = 0; i < BKNN_MNIST_INPUT_SIZE; i++)
        input[i] = quantised(inputs->input_image[i]);
    bknn_mnist_infer(arena, input, output);
    for (unsigned i = 0; i < BKNN_MNIST_OUTPUT_SIZE; i++)
        outputs->logits[i] =
            (float)(output[i] - BKNN_MNIST_OUTPUT_ZERO_POINT) * BKNN_MNIST_OUTPUT_SCALE;
}
