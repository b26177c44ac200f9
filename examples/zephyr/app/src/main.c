/* Classifies the digit in digit.h, on Zephyr. */
#include "digit.h"
#include "mnist.h"

#include <zephyr/sys/printk.h>

static float image[DIGIT_PIXELS];

int main(void) {
    float logits[DIGIT_CLASSES];
    const struct mnist_inputs inputs = {image};
    const struct mnist_outputs outputs = {logits};
    digit_draw(image);
    mnist_run(&inputs, &outputs);
    printk("This is a %d.\n", digit_class(logits));
    return 0;
}
