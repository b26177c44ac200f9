/* Classifies the digit in digit.h on a microcontroller: no files, no allocation. */
#include "digit.h"
#include "mnist.h"

void say(const char *text);

static float image[DIGIT_PIXELS];

int main(void) {
    float logits[DIGIT_CLASSES];
    const struct mnist_inputs inputs = {image};
    const struct mnist_outputs outputs = {logits};
    char answer[] = "This is a 0.\n";
    digit_draw(image);
    mnist_run(&inputs, &outputs);
    answer[10] = (char)('0' + digit_class(logits));
    say(answer);
    return 0;
}
