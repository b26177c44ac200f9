/* Classifies the digit in digit.txt on a microcontroller: no files, no allocation. */
#include "mnist.h"

void say(const char *text);

enum { SIDE = 28, CLASSES = 10 };
static const char drawing[] =
#include "digit.txt"
    ;
static float image[SIDE * SIDE];

/* Draws with as much ink as the characters have. */
static void draw(void) {
    static const char ink[] = " .:-=+*#%@";
    for (int i = 0; i < SIDE * SIDE; i++) {
        int level = 0;
        while (ink[level] != drawing[i] && ink[level + 1])
            level++;
        image[i] = (float)level / 9.0f;
    }
}

int main(void) {
    float logits[CLASSES];
    const struct mnist_inputs inputs = {image};
    const struct mnist_outputs outputs = {logits};
    char answer[] = "This is a 0.\n";
    int best = 0;
    draw();
    mnist_run(&inputs, &outputs);
    for (int i = 1; i < CLASSES; i++)
        if (logits[i] > logits[best])
            best = i;
    answer[10] = (char)('0' + best);
    say(answer);
    return 0;
}
