/* Classifies the digit in digit.h on a RISC-V without operating system. picolibc is the C library:
 * what stands between a reset and main, and printf to the debugger by semihosting, are its own. */
#include "digit.h"
#include "mnist.h"

#include <stdio.h>

static float image[DIGIT_PIXELS];

int main(void) {
    float logits[DIGIT_CLASSES];
    const struct mnist_inputs inputs = {image};
    const struct mnist_outputs outputs = {logits};
    digit_draw(image);
    mnist_run(&inputs, &outputs);
    printf("This is a %d.\n", digit_class(logits));
    return 0;
}
