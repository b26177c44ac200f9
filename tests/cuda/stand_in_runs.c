/* The program `stand_in_runs`: the functions of runtime/eigentensor.h by ET_CUDA, where stand_in.c
 * is the driver. Its exit status is the number of things that are wrong. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/eigentensor.h"

static int wrong;

#define EXPECT(what, ...)                                                                          \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            wrong++;                                                                               \
            printf("line %d: " #what ": ", __LINE__);                                              \
            printf(__VA_ARGS__);                                                                   \
            printf("\n");                                                                          \
        }                                                                                          \
    } while (0)

enum { PIXELS = 28 * 28, CLASSES = 10, BATCH = 3, RUNS = 4 };

/* Memory of the device, by the driver's own functions. */
static void *device_memory(size_t bytes) {
    void *driver = dlopen("libcuda.so.1", RTLD_NOW);
    int (*allocate)(uint64_t *, size_t), (*push)(void *), (*retain)(void **, int);
    void *context = NULL;
    uint64_t address = 0;
    if (!driver)
        return NULL;
    *(void **)&allocate = dlsym(driver, "cuMemAlloc_v2");
    *(void **)&push = dlsym(driver, "cuCtxPushCurrent_v2");
    *(void **)&retain = dlsym(driver, "cuDevicePrimaryCtxRetain");
    return retain(&context, 0) || push(context) || allocate(&address, bytes)
               ? NULL
               : (void *)(uintptr_t)address;
}

static void fill(float *pixels, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        pixels[i] = (float)(i * 7919 % 1009) / 1009.0f;
}

/* The stand-in's memory can be read and written here. */
static void run_there(struct et_program *program, int64_t batch) {
    struct et_error error = {0};
    float *image = device_memory(sizeof *image * PIXELS * (size_t)batch);
    float *logits = device_memory(sizeof *logits * CLASSES * (size_t)batch + 16);
    float expected[CLASSES * BATCH];
    const void *const inputs[] = {image};
    void *const outputs[] = {logits}, *const shifted[] = {logits + 1}, *const here[] = {expected};
    fill(image, PIXELS * batch);
    EXPECT(et_program_run_batch(program, ET_JIT, batch, inputs, here, NULL, &error), "%s",
           error.message);
    for (int run = 0; run < RUNS; run++) { /* launches, then one graph of them */
        memset(logits, 0, sizeof *logits * CLASSES * (size_t)batch);
        EXPECT(et_program_run_on_gpu(program, batch, inputs, outputs, NULL, &error), "%s",
               error.message);
        EXPECT(memcmp(logits, expected, sizeof *logits * CLASSES * (size_t)batch) == 0,
               "run %d of %d images has other bits", run, (int)batch);
    }
    EXPECT(!et_program_run_on_gpu(program, batch, inputs, shifted, NULL, &error) &&
               strstr(error.message, "output logits: expected a multiple of 16 bytes"),
           "%s", error.message);
    static _Alignas(16) float elsewhere[CLASSES * BATCH];
    void *const none[] = {elsewhere};
    EXPECT(!et_program_run_on_gpu(program, batch, inputs, none, NULL, &error) &&
               strstr(error.message, "output logits: expected memory of the GPU"),
           "%s", error.message);
    EXPECT(!et_program_run_on_gpu(program, 0, inputs, outputs, NULL, &error), "no images");
}

/* Of more than there are graphs kept for. */
static void run_at_many_addresses(struct et_program *program) {
    enum { ADDRESSES = 12 };
    struct et_error error = {0};
    float *image = device_memory(sizeof *image * PIXELS), *logits[ADDRESSES];
    const void *const inputs[] = {image};
    fill(image, PIXELS);
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < ADDRESSES; i++) {
            logits[i] = turn ? logits[i] : device_memory(sizeof *logits[i] * CLASSES);
            void *const outputs[] = {logits[i]};
            memset(logits[i], 0, sizeof *logits[i] * CLASSES);
            EXPECT(et_program_run_on_gpu(program, 1, inputs, outputs, NULL, &error), "%s",
                   error.message);
            EXPECT(memcmp(logits[i], logits[0], sizeof *logits[i] * CLASSES) == 0, "address %d", i);
        }
    }
}

/* Threads take turns; numbers of images change. */
static void *run_often(void *of) {
    struct et_error error = {0};
    static float image[PIXELS * BATCH];
    float logits[CLASSES * BATCH], expected[CLASSES * BATCH];
    const void *const inputs[] = {image};
    void *const outputs[] = {logits}, *const wanted[] = {expected};
    for (int run = 0; run < RUNS; run++) {
        const int64_t batch = 1 + run % BATCH;
        EXPECT(et_program_run_batch(of, ET_JIT, batch, inputs, wanted, NULL, &error) &&
                   et_program_run_batch(of, ET_CUDA, batch, inputs, outputs, NULL, &error),
               "%s", error.message);
        EXPECT(memcmp(logits, expected, sizeof *logits * CLASSES * (size_t)batch) == 0,
               "%d images have other bits", (int)batch);
    }
    return NULL;
}

int main(int count, char **words) {
    struct et_error error = {0};
    struct et_program *program =
        count == 2 ? et_program_open_batched(words[1], NULL, &error) : NULL;
    if (!program || !et_mode_allowed(ET_CUDA, &error)) {
        printf("%s\n", error.message);
        return 1;
    }
    pthread_t threads[2];
    run_there(program, 1);
    run_there(program, BATCH);
    run_at_many_addresses(program);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, run_often, program);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    et_program_free(program);
    printf("%d wrong\n", wrong);
    return wrong;
}
