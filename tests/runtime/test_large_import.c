/* Models with large initialisers in the .onnx file, which lie there at any alignment: the same bits
 * in every mode, and no more memory than the weights take as they are compiled, plus what a window
 * on the file takes. */
#include "runtime/eigentensor.h"
#include "tests/support/onnx_model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define IS_SANITIZED
#endif

enum { SIDE = 768 }; /* of a weight: 2.25 MB */
static char folder[] = "/tmp/test-large-XXXXXX";
static char path[64];

static void begin(void) {
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/large.onnx", folder);
}

static void end(void) {
    unlink(path);
    rmdir(folder);
}

TestSuite(large_import, .init = begin, .fini = end, .timeout = 120);

static const float *elements(void) {
    static float values[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++)
        values[i] = (float)(i % 7919 * 5 % 1009) / 20000;
    return values;
}

static void add_weight(struct onnx_model *model, const char *name, const float *values) {
    Onnx__Tensor *tensor = onnx_add_initializer(model, name, 1, SIDE);
    tensor->n_dims = 2;
    tensor->dims = arena_array(&model->arena, int64_t, 2);
    tensor->dims[0] = tensor->dims[1] = SIDE;
    tensor->has_raw_data = true;
    tensor->raw_data = (ProtobufCBinaryData){SIDE * SIDE * sizeof *values, (uint8_t *)values};
}

/* Names grow, so that data comes to lie at every alignment. The last weight is the sum of two,
 * which the compiler folds. */
static void write_layers(int layers) {
    const float *values = elements();
    struct onnx_model model;
    struct et_error error = {0};
    size_t count;
    onnx_model_begin(&model, 20);
    onnx_add_input(&model, "x0", 1, "1,768");
    for (int i = 0; i < layers; i++) {
        const char *name = arena_format(&model.arena, "w%.*s", i % 8, "........");
        name = arena_format(&model.arena, "%s%d", name, i);
        add_weight(&model, name, values);
        const char *x = arena_format(&model.arena, "x%d", i);
        const char *y = arena_format(&model.arena, "x%d", i + 1);
        const char *used = name;
        if (i + 1 == layers) {
            onnx_add_node(&model, "Add", arena_format(&model.arena, "w0,%s", name), "sum");
            used = "sum";
        }
        if (i % 2)
            used = onnx_add_node(&model, "Transpose", used, arena_format(&model.arena, "t%d", i))
                       ->output[0];
        onnx_add_node(&model, "MatMul", arena_format(&model.arena, "%s,%s", x, used), y);
    }
    onnx_add_output(&model, arena_format(&model.arena, "x%d", layers));
    const void *bytes = onnx_pack(&model, &count);
    cr_assert(write_file(path, bytes, count, &error), "%s", error.message);
    arena_free(&model.arena);
}

/* In another process: what it takes to make the file counts as nothing of this one. */
static void make_layers(int layers) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        write_layers(layers);
        _exit(0);
    }
    cr_assert(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void run(enum et_mode mode, float *y) {
    static float x[SIDE];
    struct et_error error = {0};
    for (int i = 0; i < SIDE; i++)
        x[i] = (float)(i % 13) - 6;
    struct et_program *program = et_program_open(path, NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    struct et_workspace *workspace = et_workspace_new(program);
    cr_assert(et_program_run(program, mode, (const void *[]){x}, (void *[]){y}, workspace, &error),
              "%s", error.message);
    et_workspace_free(workspace);
    et_program_free(program);
}

Test(large_import, has_the_same_bits_at_any_alignment) {
    static float eager[SIDE], jit[SIDE];
    make_layers(5);
    run(ET_EAGER, eager);
    run(ET_JIT, jit);
    cr_assert(memcmp(eager, jit, sizeof eager) == 0);
    cr_assert(eager[0] != 0 && eager[0] - eager[0] == 0);
}

#ifndef IS_SANITIZED
/* The most memory that this process had so far, mapped files too. */
static double peak_bytes(void) {
    char line[256];
    double peak = 0;
    FILE *status = fopen("/proc/self/status", "r");
    cr_assert_not_null(status);
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %lf kB", &peak) == 1)
            break;
    fclose(status);
    cr_assert(peak > 0);
    return peak * 1024;
}

/* 96 MB of weights. */
static void takes_little_more_than_weights(enum et_mode mode) {
    enum { LAYERS = 43 };
    static float y[SIDE];
    make_layers(LAYERS);
    double before = peak_bytes(), weights = (double)LAYERS * SIDE * SIDE * sizeof(float);
    run(mode, y);
    double taken = peak_bytes() - before;
    cr_expect_leq(taken, 1.3 * weights, "%.0f bytes for %.0f of weights", taken, weights);
    cr_expect_geq(taken, 0.5 * weights, "%.0f bytes for %.0f of weights", taken, weights);
}

Test(large_import, takes_little_more_than_its_weights_eagerly) {
    takes_little_more_than_weights(ET_EAGER);
}

Test(large_import, takes_little_more_than_its_weights_compiled) {
    takes_little_more_than_weights(ET_JIT);
}

/* Stored, and run from there. */
Test(large_import, is_stored_in_little_more_than_its_weights) {
    enum { LAYERS = 43 };
    static char stored[64];
    struct et_error error = {0};
    make_layers(LAYERS);
    double before = peak_bytes(), weights = (double)LAYERS * SIDE * SIDE * sizeof(float);
    struct et_program *program = et_program_open(path, NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    snprintf(stored, sizeof stored, "%s/stored.json", folder);
    bool good = et_program_save(program, stored, &error);
    et_program_free(program);
    unlink(stored);
    snprintf(stored, sizeof stored, "%s/stored.safetensors", folder);
    unlink(stored);
    cr_assert(good, "%s", error.message);
    double taken = peak_bytes() - before;
    cr_expect_leq(taken, 1.3 * weights, "%.0f bytes for %.0f of weights", taken, weights);
}
#endif
