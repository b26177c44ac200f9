/* The shipped model in 8-bit integers: its identity, its bits in every mode, its accuracy. */
#include "tests/support/mnist_data.h"
#include "tests/support/sanitized.h"

#include "compiler/graph/graph.h"

TestSuite(mnist_int8, .timeout = 600);

#define INT8_GRAPH "models/mnist/mnist-int8.json"
#define INT8_DIGEST "8e701dde1166e8f9a40abdde83e088c76d67bc4eff5ccd7ea90c13573408980a"

static struct et_program *int8_open(void) {
    struct et_error error = {0};
    struct et_program *program = et_program_open(INT8_GRAPH, NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    return program;
}

Test(mnist_int8, has_its_identity_and_sums_integers) {
    struct et_program *program = int8_open();
    cr_expect_str_eq(et_program_name(program), "mnist-int8");
    cr_expect_str_eq(et_program_digest(program), INT8_DIGEST);
    const struct graph *graph = program_graph(program);
    int contractions = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        contractions += node->op == OP_CONTRACT;
        cr_expect(node->op != OP_CONTRACT || node->dtype == DTYPE_INT32, "node %d", i);
    }
    cr_expect_eq(contractions, 5);
    et_program_free(program);
}

Test(mnist_int8, reads_the_samples_with_the_same_bits_in_every_mode) {
    struct digits digits = sample_digits();
    struct et_program *program = int8_open(), *direct = mnist_open(NULL);
    struct logits *expected = digits_run(program, ET_EAGER, &digits);
    for (int mode = ET_JIT; mode < ET_MODE_COUNT; mode++) {
        struct logits *logits = digits_run(program, (enum et_mode)mode, &digits);
        check_same_logits(&digits, expected, logits, et_mode_name((enum et_mode)mode));
        et_release(logits);
    }
    struct logits *floats = digits_run(direct, ET_JIT, &digits);
    for (int i = 0; i < digits.count; i++) {
        cr_expect_eq(most_likely(&expected[i]), digits.labels[i]);
        for (int k = 0; k < MNIST_CLASSES; k++)
            cr_expect_float_eq(expected[i].of[k], floats[i].of[k], 1, "%d: %g, float32 %g", i,
                               (double)expected[i].of[k], (double)floats[i].of[k]);
    }
    et_release(floats);
    et_release(expected);
    et_program_free(direct);
    et_program_free(program);
    digits_free(&digits);
}

#if IS_SANITIZED
enum { STEP = 50, RIGHT = 200 };
#else
enum { STEP = 1, RIGHT = 9962 };
#endif

/* As many as models/mnist/README.md says. */
Test(mnist_int8, is_as_accurate_as_float32) {
    struct digits digits = mnist_digits(STEP);
    struct et_program *program = int8_open();
    struct logits *logits = digits_run(program, ET_AOT, &digits);
    int right = 0;
    for (int i = 0; i < digits.count; i++)
        right += most_likely(&logits[i]) == digits.labels[i];
    cr_expect_eq(right, RIGHT, "%d of %d", right, digits.count);
    et_release(logits);
    et_program_free(program);
    digits_free(&digits);
}
