/* Digits for the tests of the shipped model: its samples, and MNIST's test images where they are;
 * and how many of them are run at a time. Tests run in the repository's root. */
#ifndef TEST_MNIST_DATA_H
#define TEST_MNIST_DATA_H

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/et_program.h"
#include "runtime/formats/idx.h"
#include "runtime/formats/image.h"

#define MNIST_GRAPH "models/mnist/mnist.json"
#define MNIST_WEIGHTS "models/mnist/mnist.safetensors"

enum { MNIST_CLASSES = 10, MNIST_TEST_IMAGES = 10000, SAMPLES = 20 };

/* Pictures and what they show. */
struct digits {
    int count;
    float (*pixels)[DIGIT_PIXELS]; /* [count][28 * 28]: the network's input */
    unsigned char *labels;         /* [count] */
};

/* What the network says of one picture. */
struct logits {
    float of[MNIST_CLASSES];
};

static inline struct et_program *mnist_open(const char *weights_path) {
    struct et_error error = {0};
    struct et_program *program = et_program_open(MNIST_GRAPH, weights_path, &error);
    cr_assert_not_null(program, "%s", error.message);
    return program;
}

static inline struct digits digits_new(int count) {
    struct digits digits = {.count = count,
                            .pixels = et_allocate((size_t)count, sizeof *digits.pixels),
                            .labels = et_allocate((size_t)count, 1)};
    cr_assert(digits.pixels && digits.labels, "out of memory");
    return digits;
}

static inline void digits_free(struct digits *digits) {
    et_release(digits->pixels);
    et_release(digits->labels);
}

/* MNIST */

static inline const char *mnist_folder(void) {
    const char *folder = getenv("MNIST_DIR");
    return folder ? folder : "../shared/mnist";
}

static inline struct idx mnist_file(const char *name, size_t bytes) {
    char path[4096];
    struct idx idx = {0};
    struct et_error error = {0};
    snprintf(path, sizeof path, "%s/%s", mnist_folder(), name);
    cr_assert(idx_read(path, 16 << 20, &idx, &error), "%s", error.message);
    cr_assert(idx.type == IDX_UINT8 && idx.byte_count == bytes, "%s is not MNIST's", path);
    return idx;
}

/* Every `step`-th of the 10,000 test images, from the first on. Skips the test without them. */
static inline struct digits mnist_digits(int step) {
    char path[4096];
    snprintf(path, sizeof path, "%s/t10k-images-idx3-ubyte.gz", mnist_folder());
    if (access(path, R_OK) != 0)
        cr_skip_test("no MNIST in %s (set MNIST_DIR)", mnist_folder());
    struct idx images =
        mnist_file("t10k-images-idx3-ubyte.gz", (size_t)MNIST_TEST_IMAGES * DIGIT_PIXELS);
    struct idx labels = mnist_file("t10k-labels-idx1-ubyte.gz", MNIST_TEST_IMAGES);
    struct digits digits = digits_new(MNIST_TEST_IMAGES / step);
    for (int i = 0; i < digits.count; i++) {
        size_t at = (size_t)i * (size_t)step;
        image_digit_to_floats(images.bytes + at * DIGIT_PIXELS, digits.pixels[i]);
        digits.labels[i] = labels.bytes[at];
    }
    idx_free(&images);
    idx_free(&labels);
    return digits;
}

/* Samples: two of each digit */

static inline void sample_path(int sample, char path[static 64]) {
    snprintf(path, 64, "models/mnist/samples/%d-%s.png", sample / 2, sample % 2 ? "pen" : "canvas");
}

static inline struct digits sample_digits(void) {
    struct digits digits = digits_new(SAMPLES);
    for (int i = 0; i < SAMPLES; i++) {
        char path[64];
        unsigned char digit[DIGIT_PIXELS];
        struct image image;
        struct et_error error = {0};
        sample_path(i, path);
        cr_assert(image_read_png(path, &image, &error), "%s", error.message);
        cr_assert(image_prepare_digit(&image, digit, &error), "%s: %s", path, error.message);
        image_digit_to_floats(digit, digits.pixels[i]);
        digits.labels[i] = (unsigned char)(i / 2);
        image_free(&image);
    }
    return digits;
}

/* Running them */

/* Every second picture, from the first or the second on. */
struct half {
    struct et_program *program;
    enum et_mode mode;
    const struct digits *digits;
    struct logits *logits;
    int first;
    bool good;
    struct et_error error;
};

static inline void *run_half(void *argument) {
    struct half *half = argument;
    struct et_workspace *workspace = et_workspace_new(half->program);
    half->good = workspace;
    for (int i = half->first; half->good && i < half->digits->count; i += 2)
        half->good =
            et_program_run(half->program, half->mode, (const void *[]){half->digits->pixels[i]},
                           (void *[]){half->logits[i].of}, workspace, &half->error);
    et_workspace_free(workspace);
    return NULL;
}

/* The logits of all pictures, by two threads. The caller releases them with et_release. */
static inline struct logits *digits_run(struct et_program *program, enum et_mode mode,
                                        const struct digits *digits) {
    struct logits *logits = et_allocate((size_t)digits->count, sizeof *logits);
    cr_assert_not_null(logits, "out of memory");
    memset(logits, 0xa5 + (int)mode, (size_t)digits->count * sizeof *logits);
    struct half halves[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        halves[i] = (struct half){program, mode, digits, logits, i, false, {{0}}};
        cr_assert_eq(pthread_create(&threads[i], NULL, run_half, &halves[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++)
        cr_assert(halves[i].good, "%s: %s", et_mode_name(mode), halves[i].error.message);
    return logits;
}

static inline int most_likely(const struct logits *logits) {
    int best = 0;
    for (int i = 1; i < MNIST_CLASSES; i++)
        if (logits->of[i] > logits->of[best])
            best = i;
    return best;
}

/* Every bit of all logits. `what` tells the mode or the compiler. */
static inline void check_same_logits(const struct digits *digits, const struct logits *expected,
                                     const struct logits *found, const char *what) {
    for (int i = 0; i < digits->count; i++)
        cr_assert_arr_eq(found[i].of, expected[i].of, sizeof found[i].of,
                         "%s: picture %d, a %d: other bits than eager's", what, i,
                         digits->labels[i]);
}

/* SHA-256 of all logits, as they lie in memory: the same on every machine. */
static inline struct digest_hex logits_digest(const struct digits *digits,
                                              const struct logits *logits) {
    struct digest digest = digest_bytes(logits, (size_t)digits->count * sizeof *logits);
    return digest_hex(&digest);
}

#endif
