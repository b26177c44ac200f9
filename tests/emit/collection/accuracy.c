/* How many of the first 1,000 pictures in the file "images" the model takes for what "labels" says:
 * MNIST's test files, which an emulated board reads by semihosting. */
#include <stdint.h>
#include <stdio.h>

#include "mnist.h"

enum { PIXELS = 28 * 28, CLASSES = 10, PICTURES = 1000 };
enum { IMAGES_AT = 16, LABELS_AT = 8 }; /* behind the headers of IDX files */
static uint8_t bytes[PIXELS], labels[PICTURES];
static float image[PIXELS];

static int class_of(const float *logits) {
    int best = 0;
    for (int i = 1; i < CLASSES; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

int main(void) {
    FILE *images_file = fopen("images", "rb"), *labels_file = fopen("labels", "rb");
    if (!images_file || !labels_file || fseek(images_file, IMAGES_AT, SEEK_SET) ||
        fseek(labels_file, LABELS_AT, SEEK_SET) ||
        fread(labels, 1, PICTURES, labels_file) != PICTURES)
        return 1;
    int right = 0;
    for (int n = 0; n < PICTURES; n++) {
        float logits[CLASSES];
        const struct mnist_inputs inputs = {image};
        const struct mnist_outputs outputs = {logits};
        if (fread(bytes, 1, PIXELS, images_file) != PIXELS)
            return 1;
        for (int i = 0; i < PIXELS; i++)
            image[i] = (float)bytes[i] / 255.0f;
        mnist_run(&inputs, &outputs);
        right += class_of(logits) == labels[n];
    }
    printf("%d\n", right);
    return 0;
}
