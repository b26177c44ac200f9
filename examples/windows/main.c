/* Says which digits are in bitmaps that Paint wrote: of 28 by 28 pixels and 24 bits, drawn in black
 * on white. */
#include <stdint.h>
#include <stdio.h>

#include "digit.h"
#include "mnist.h"

enum { SIDE = 28, HEADER = 54, ROW = SIDE * 3, BYTES = HEADER + SIDE * ROW };

static uint32_t read_u32(const unsigned char *at) {
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Rows come from the bottom up; ink is what a pixel lacks of white. 0: another kind of file. */
static int read_bitmap(const char *path, float image[SIDE * SIDE]) {
    static unsigned char bytes[BYTES];
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    const size_t count = fread(bytes, 1, BYTES, file);
    fclose(file);
    if (count < BYTES || bytes[0] != 'B' || bytes[1] != 'M' || read_u32(bytes + 10) != HEADER ||
        read_u32(bytes + 18) != SIDE || read_u32(bytes + 22) != SIDE || bytes[28] != 24 ||
        read_u32(bytes + 30) != 0)
        return 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const unsigned char *pixel = bytes + HEADER + (SIDE - 1 - y) * ROW + 3 * x;
            const int white = pixel[0] + pixel[1] + pixel[2];
            image[y * SIDE + x] = (float)(3 * 255 - white) / (3 * 255.0f);
        }
    return 1;
}

static int classify(const float *image) {
    float logits[DIGIT_CLASSES];
    const struct mnist_inputs inputs = {image};
    const struct mnist_outputs outputs = {logits};
    mnist_run(&inputs, &outputs);
    return digit_class(logits);
}

int main(int count, char **paths) {
    static float image[SIDE * SIDE];
    int failed = 0;
    if (count < 2) {
        fprintf(stderr, "usage: digit BITMAP...\n");
        return 2;
    }
    for (int i = 1; i < count; i++) {
        if (read_bitmap(paths[i], image)) {
            printf("%s: this is a %d\n", paths[i], classify(image));
        } else {
            fprintf(stderr, "%s: expected a bitmap of 28x28 pixels and 24 bits\n", paths[i]);
            failed = 1;
        }
    }
    return failed;
}
