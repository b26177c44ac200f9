/* The shipped model: what is stored, what weights it takes, and what it says of MNIST. */
#include "tests/support/mnist_data.h"
#include "tests/support/sanitized.h"

#include "models/mnist/mnist_model.c"

#include <math.h>

/* Worked out with Python's hashlib from what store.h says. */
#define GRAPH_DIGEST "ea41d113cc31f352748e8397daaaaa04bdfcbabdb60cd78294741bf8f8b760db"
#define GRAPH_UUID "ea41d113-cc31-8352-b48e-8397daaaaa04"
/* As models/mnist/TRAINING.md has it. */
#define WEIGHTS_SHA256 "27404c29f426192dd7aacda7d1a4b16fa9ea30fb371a83d07202e7f4402e67a7"

/* What is stored */

static const struct tensor_line {
    const char *name;
    int rank;
    int64_t shape[4];
} weight_lines[] = {
    {"layers.0.bias", 1, {32}},         {"layers.0.weight", 4, {32, 1, 5, 5}},
    {"layers.10.bias", 1, {64}},        {"layers.10.running_mean", 1, {64}},
    {"layers.10.running_var", 1, {64}}, {"layers.10.weight", 1, {64}},
    {"layers.13.bias", 1, {10}},        {"layers.13.weight", 2, {10, 576}},
    {"layers.2.bias", 1, {32}},         {"layers.2.weight", 4, {32, 32, 5, 5}},
    {"layers.4.bias", 1, {32}},         {"layers.4.running_mean", 1, {32}},
    {"layers.4.running_var", 1, {32}},  {"layers.4.weight", 1, {32}},
    {"layers.6.bias", 1, {64}},         {"layers.6.weight", 4, {64, 32, 3, 3}},
    {"layers.8.bias", 1, {64}},         {"layers.8.weight", 4, {64, 64, 3, 3}},
};
enum { WEIGHTS = sizeof weight_lines / sizeof *weight_lines };

Test(mnist, has_its_identity) {
    struct et_program *program = mnist_open(NULL);
    cr_expect_str_eq(et_program_name(program), "mnist");
    cr_expect_str_eq(et_program_digest(program), GRAPH_DIGEST);
    cr_expect_str_eq(et_program_uuid(program), GRAPH_UUID);
    cr_assert_eq(et_program_input_count(program), 1);
    struct et_tensor input = et_program_input(program, 0);
    cr_expect_str_eq(input.name, "input_image");
    cr_expect_str_eq(input.dtype, "float32");
    cr_expect(input.rank == 4 && input.shape[2] == 28 && input.shape[3] == 28);
    cr_expect_eq(input.bytes, DIGIT_PIXELS * sizeof(float));
    cr_assert_eq(et_program_output_count(program), 1);
    struct et_tensor output = et_program_output(program, 0);
    cr_expect_str_eq(output.name, "logits");
    cr_expect_str_eq(output.dtype, "float32");
    cr_expect(output.rank == 2 && output.shape[0] == 1 && output.shape[1] == MNIST_CLASSES);
    et_program_free(program);
}

Test(mnist, has_the_weights_of_its_training) {
    struct et_error error = {0};
    struct weights *weights = weights_load(MNIST_WEIGHTS, &error);
    cr_assert_not_null(weights, "%s", error.message);
    cr_expect_str_eq(digest_hex(&weights->sha256).text, WEIGHTS_SHA256);
    cr_assert_eq(weights->count, WEIGHTS);
    for (int i = 0; i < WEIGHTS; i++) {
        const struct weight *weight = &weights->tensors[i];
        cr_expect_str_eq(weight->name, weight_lines[i].name);
        cr_expect_eq(weight->dtype, DTYPE_FLOAT32, "%s", weight->name);
        cr_assert_eq(weight->rank, weight_lines[i].rank, "%s", weight->name);
        cr_expect_arr_eq(weight->shape, weight_lines[i].shape,
                         (size_t)weight->rank * sizeof *weight->shape, "%s: %s", weight->name,
                         weight_shape_text(weight).text);
    }
    weights_free(weights);
}

static struct text read_text(const char *path) {
    struct text text = {0};
    struct et_error error = {0};
    cr_assert(read_file(path, 1 << 20, &text.bytes, &text.length, &error), "%s", error.message);
    return text;
}

/* mnist-define is graph_store of mnist_graph. */
Test(mnist, is_stored_as_defined) {
    char path[] = "/tmp/test-mnist-XXXXXX";
    struct et_error error = {0};
    close(mkstemp(path));
    struct graph *graph = mnist_graph(&error);
    struct weights *weights = weights_load(MNIST_WEIGHTS, &error);
    cr_assert(graph && weights, "%s", error.message);
    cr_assert(graph_store(graph, "mnist.safetensors", weights, path, &error), "%s", error.message);
    struct text defined = read_text(path), stored = read_text(MNIST_GRAPH);
    unlink(path);
    cr_expect_str_eq(stored.bytes, defined.bytes, MNIST_GRAPH ": make it anew with mnist-define");
    et_release(defined.bytes);
    et_release(stored.bytes);
    graph_free(graph);
    weights_free(weights);
}

/* Each convolution takes in what follows it up to the next, and the last layer is a kernel. */
Test(mnist, is_five_kernels) {
    static const struct {
        enum et_mode mode;
        const char *what;
    } modes[] = {{ET_JIT, "jit"}, {ET_AOT, "aot"}};
    struct et_program *program = mnist_open(NULL);
    struct et_error error = {0};
    for (int i = 0; i < 2; i++) {
        cr_assert(et_program_prepare(program, modes[i].mode, &error), "%s", error.message);
        cr_expect_eq(program_compiled(program, modes[i].mode)->kernel_count, 5, "%s: %d kernels",
                     modes[i].what, program_compiled(program, modes[i].mode)->kernel_count);
    }
    et_program_free(program);
}

/* What weights it takes */

/* Weights with which every layer passes its input on, as channel 0: the middle tap of channel 0 is
 * 1, normalisation does nothing, and logit k is feature k of the nine of channel 0. */
static float passing_on(const struct weight *weight, int64_t element) {
    if (strstr(weight->name, "running_var"))
        return 0.99999f; /* + 1e-5 = 1 */
    if (strstr(weight->name, "running_mean"))
        return 0;
    if (strcmp(weight->name, "layers.13.bias") == 0)
        return element == 9 ? 0.25f : 0;
    if (strcmp(weight->name, "layers.13.weight") == 0)
        return element % 576 == element / 576 && element / 576 < 9 ? 1 : 0;
    if (weight->rank == 4)
        return element == weight->shape[2] * weight->shape[3] / 2 ? 1 : 0;
    return strstr(weight->name, ".weight") ? 1 : 0; /* of a normalisation; else a bias */
}

static void write_weights(const char *path) {
    struct et_error error = {0};
    struct weights *weights = weights_load(MNIST_WEIGHTS, &error);
    cr_assert_not_null(weights, "%s", error.message);
    struct weight tensors[WEIGHTS];
    for (int i = 0; i < WEIGHTS; i++) {
        tensors[WEIGHTS - 1 - i] = weights->tensors[i];
        struct weight *tensor = &tensors[WEIGHTS - 1 - i];
        float *elements = et_allocate(1, tensor->bytes);
        cr_assert_not_null(elements);
        for (size_t k = 0; k < tensor->bytes / sizeof *elements; k++)
            elements[k] = passing_on(tensor, (int64_t)k);
        tensor->data = elements;
    }
    const char *metadata[] = {"format", "pt", NULL};
    cr_assert(weights_save(path, tensors, WEIGHTS, metadata, &error), "%s", error.message);
    for (int i = 0; i < WEIGHTS; i++)
        et_release((void *)(uintptr_t)tensors[i].data);
    weights_free(weights);
}

/* The convolutions cut 2, 2, 1 and 1 pixels (1 after the first pooling is 2 of the picture) from
 * every side, 8 in all; then each feature is the greatest of 4x4 pixels. */
static struct logits blocks_of(const float pixels[DIGIT_PIXELS]) {
    struct logits logits = {{0}};
    logits.of[9] = 0.25f;
    for (int y = 8; y < 20; y++)
        for (int x = 8; x < 20; x++) {
            float *greatest = &logits.of[(y - 8) / 4 * 3 + (x - 8) / 4];
            *greatest = fmaxf(*greatest, pixels[y * DIGIT_SIDE + x]);
        }
    return logits;
}

Test(mnist, takes_other_weights_of_these_names_and_shapes, .timeout = 60) {
    char path[] = "/tmp/test-mnist-XXXXXX";
    close(mkstemp(path));
    write_weights(path);
    struct et_program *program = mnist_open(path);
    unlink(path);
    cr_expect_str_neq(et_program_digest(program), GRAPH_DIGEST, "other weights, other identity");
    struct digits digits = digits_new(3);
    for (int i = 0; i < digits.count * DIGIT_PIXELS; i++)
        digits.pixels[i / DIGIT_PIXELS][i % DIGIT_PIXELS] = (float)(i * 7919 % 1009) / 1009;
    for (int mode = ET_EAGER; mode < ET_MODE_COUNT; mode++) {
        struct logits *logits = digits_run(program, (enum et_mode)mode, &digits);
        for (int i = 0; i < digits.count; i++) {
            struct logits expected = blocks_of(digits.pixels[i]);
            for (int k = 0; k < MNIST_CLASSES; k++)
                cr_expect_eq(logits[i].of[k], expected.of[k],
                             "%s: picture %d: logit %d is %.9g, expected %.9g",
                             et_mode_name((enum et_mode)mode), i, k, (double)logits[i].of[k],
                             (double)expected.of[k]);
        }
        et_release(logits);
    }
    et_program_free(program);
    digits_free(&digits);
}

/* What it says of MNIST */

static const struct reference {
    int image, label;
    float logits[MNIST_CLASSES];
} references[] = {
#define LOGITS(image, label, ...) {image, label, {__VA_ARGS__}},
#include "tests/modes/mnist_logits.def"
#undef LOGITS
};
enum { REFERENCES = sizeof references / sizeof *references };

/* Sums in another order: PyTorch and NumPy differ by 4e-6 on the first thousand images, where the
 * greatest logit is 7.7. */
static const float tolerance = 1e-5f;

Test(mnist, says_what_pytorch_says, .timeout = 60) {
    struct digits all = mnist_digits(1), digits = digits_new(REFERENCES);
    for (int i = 0; i < REFERENCES; i++) {
        cr_assert_eq(all.labels[references[i].image], references[i].label);
        memcpy(digits.pixels[i], all.pixels[references[i].image], sizeof *digits.pixels);
    }
    struct et_program *program = mnist_open(NULL);
    struct logits *logits = digits_run(program, ET_JIT, &digits);
    for (int i = 0; i < REFERENCES; i++)
        for (int k = 0; k < MNIST_CLASSES; k++)
            cr_expect_float_eq(logits[i].of[k], references[i].logits[k], tolerance,
                               "image %d: logit %d is %.9g, expected %.9g", references[i].image, k,
                               (double)logits[i].of[k], (double)references[i].logits[k]);
    et_release(logits);
    et_program_free(program);
    digits_free(&digits);
    digits_free(&all);
}

/* The interpreter would take a quarter of a minute for all images on two CPUs, and ten times as
 * long when it is watched. Of each digit as many are right as PyTorch gets right: the diagonal of
 * TRAINING.md's table, 9,961 in all. The digest is of every bit of all logits. */
#if !IS_SANITIZED
enum { STEP = 1 };
static const int right_of_each[MNIST_CLASSES] = {979, 1128, 1029, 1008, 981,
                                                 888, 953,  1021, 973,  1001};
#define LOGITS_DIGEST "9ea85a3d63b8266dce0b84e690d60fad919134faccbf6ea578c0b76c460cfc1a"
#else
enum { STEP = 20 };
static const int right_of_each[MNIST_CLASSES] = {38, 57, 45, 54, 52, 46, 46, 58, 46, 56};
#define LOGITS_DIGEST "b42ab71566bfc00716b81e00fc77c75cdcb60f183865c118e519a9d3ab79627d"
#endif

static void check_accuracy(const struct digits *digits, const struct logits *logits,
                           const char *what) {
    int right[MNIST_CLASSES] = {0};
    for (int i = 0; i < digits->count; i++)
        right[digits->labels[i]] += most_likely(&logits[i]) == digits->labels[i];
    for (int k = 0; k < MNIST_CLASSES; k++)
        cr_expect_eq(right[k], right_of_each[k], "%s: %d of the %d are right, expected %d", what,
                     right[k], k, right_of_each[k]);
}

Test(mnist, whole_test_set_compiled, .timeout = 600) {
    struct digits digits = mnist_digits(STEP);
    struct et_program *program = mnist_open(NULL);
    struct logits *expected = digits_run(program, ET_JIT, &digits);
    cr_expect_str_eq(logits_digest(&digits, expected).text, LOGITS_DIGEST);
    check_accuracy(&digits, expected, "jit");
    for (int mode = ET_JIT + 1; mode < ET_MODE_COUNT; mode++) {
        struct logits *logits = digits_run(program, (enum et_mode)mode, &digits);
        check_same_logits(&digits, expected, logits, et_mode_name((enum et_mode)mode));
        check_accuracy(&digits, logits, et_mode_name((enum et_mode)mode));
        et_release(logits);
    }
    et_release(expected);
    et_program_free(program);
    digits_free(&digits);
}

Test(mnist, the_interpreter_on_a_part_of_the_test_set, .timeout = 600) {
    struct digits digits = mnist_digits(IS_SANITIZED ? 200 : 20);
    struct et_program *program = mnist_open(NULL);
    struct logits *expected = digits_run(program, ET_EAGER, &digits);
    struct logits *logits = digits_run(program, ET_JIT, &digits);
    check_same_logits(&digits, expected, logits, "jit");
    et_release(logits);
    et_release(expected);
    et_program_free(program);
    digits_free(&digits);
}
