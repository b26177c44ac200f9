/* et_program_fast: what it makes, that its bound holds, and what it leaves as it was. */
#include "tests/support/mnist_data.h"
#include "tests/support/rewrite_support.h"

TestSuite(fast, .timeout = 300);

/* A convolution and a factor for each channel, which can be folded into its weights. */
static struct tensor scaled(struct tensor_context *context) {
    struct tensor x = test_input(context, SHAPE(1, 3, 6, 6));
    struct tensor y = conv2d(x, test_weight(context, "w", SHAPE(4, 3, 3, 3)), NO_TENSOR,
                             (struct conv2d_options){.groups = 1});
    struct tensor factor = test_weight(context, "f", SHAPE(4));
    return tensor_mul(y, tensor_reshape(factor, SHAPE(1, 4, 1, 1)));
}
static struct tensor bits(struct tensor_context *context) {
    return tensor_bitcast(scaled(context), DTYPE_INT32);
}
static struct tensor position(struct tensor_context *context) {
    return tensor_argmax(tensor_reshape(scaled(context), SHAPE(64)), 1, (int[]){0});
}
static struct tensor not_numbers(struct tensor_context *context) {
    return tensor_log(tensor_sub(tensor_abs(scaled(context)), scalar(context, 1e6f)));
}
static struct tensor zeros(struct tensor_context *context) {
    return tensor_mul(scaled(context), scalar(context, 0));
}
static struct tensor nothing(struct tensor_context *context) {
    return relu(test_input(context, SHAPE(5)));
}

typedef struct tensor make_tensor(struct tensor_context *context);
static struct et_program *program_of(make_tensor *make) {
    struct tensor_context *context = tensor_context_new("test");
    struct graph *graph = test_graph(make(context));
    struct et_error error = {0};
    struct et_program *program = program_from_graph(graph, NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    return program;
}

static struct et_program *fast_of(const struct et_program *program, double bound, double *found) {
    struct et_error error = {0};
    struct et_program *fast;
    cr_assert(et_program_fast(program, bound, &fast, found, &error), "%s", error.message);
    return fast;
}

/* ---- The bound ---- */

/* The error of the samples' logits, as a share of the largest of each: more inputs than were
 * measured when it was made. */
static double error_of_samples(struct et_program *program, const struct et_program *direct) {
    struct digits digits = sample_digits();
    struct logits *logits = digits_run(program, ET_JIT, &digits);
    double worst = 0, expected[MNIST_CLASSES];
    struct et_error error = {0};
    for (int i = 0; i < digits.count; i++) {
        void *output = expected;
        double greatest = 0, largest = 0;
        cr_assert(
            wide_run(program_graph(direct), (const void *[]){digits.pixels[i]}, &output, &error),
            "%s", error.message);
        for (int k = 0; k < MNIST_CLASSES; k++) {
            greatest = fmax(greatest, fabs((double)logits[i].of[k] - expected[k]));
            largest = fmax(largest, fabs(expected[k]));
        }
        worst = fmax(worst, greatest / largest);
    }
    et_release(logits);
    digits_free(&digits);
    return worst;
}

Test(fast, keeps_within_its_bound_and_says_the_error) {
    struct et_program *direct = mnist_open(NULL);
    double found = 0, tight = 0;
    struct et_program *fast = fast_of(direct, 1e-4, &found);
    cr_assert_not_null(fast);
    cr_expect_str_neq(et_program_digest(fast), et_program_digest(direct));
    cr_expect(found > 0 && found <= 1e-4, "%g", found);
    cr_expect(!et_program_is_prepared(fast, ET_JIT), "measuring leaves something");
    cr_expect_leq(error_of_samples(fast, direct), 1e-4);
    struct et_program *careful = fast_of(direct, found / 2, &tight);
    cr_assert_not_null(careful);
    cr_expect_str_neq(et_program_digest(careful), et_program_digest(fast));
    cr_expect(tight > 0 && tight <= found / 2, "%g of %g", tight, found);
    cr_expect_null(fast_of(direct, 1e-9, NULL));
    et_program_free(careful);
    et_program_free(fast);
    et_program_free(direct);
}

Test(fast, has_the_same_bits_in_all_modes) {
    struct et_program *direct = mnist_open(NULL);
    struct et_program *fast = fast_of(direct, 1e-4, NULL);
    et_program_free(direct); /* which is not needed any more */
    struct digits digits = sample_digits();
    struct logits *eager = digits_run(fast, ET_EAGER, &digits);
    for (int mode = ET_JIT; mode < ET_MODE_COUNT; mode++) {
        struct logits *found = digits_run(fast, (enum et_mode)mode, &digits);
        check_same_logits(&digits, eager, found, et_mode_name((enum et_mode)mode));
        et_release(found);
    }
    et_release(eager);
    digits_free(&digits);
    et_program_free(fast);
}

/* ---- What can be had at all ---- */

struct kind {
    const char *name;
    make_tensor *make;
    bool fast;
};
static const struct kind kinds[] = {
    {"a factor that is folded", scaled, true},
    {"nothing to rewrite", nothing, false},
    {"a position, which stays", position, true},
    {"bits of float32, which do not", bits, false},
    {"outputs that are not numbers", not_numbers, false},
    {"zeros, which have no error", zeros, true},
};

Test(fast, changes_what_it_may) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct et_program *program = program_of(kinds[i].make);
        struct et_program *fast = fast_of(program, 1e-5, NULL);
        cr_expect_eq(fast != NULL, kinds[i].fast, "%s", kinds[i].name);
        et_program_free(fast);
        et_program_free(program);
    }
}

/* ---- Errors ---- */

Test(fast, needs_a_bound) {
    struct et_program *program = program_of(scaled), *fast;
    static const double bounds[] = {0, -1, NAN};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        struct et_error error = {0};
        cr_expect_not(et_program_fast(program, bounds[i], &fast, NULL, &error));
        cr_expect_null(fast);
        cr_expect_str_eq(error.message, "expected a bound of the error above 0");
    }
    et_program_free(program);
}

Test(fast, refuses_any_number_of_images) {
    struct et_error error = {0};
    struct et_program *program = et_program_open_batched(MNIST_GRAPH, NULL, &error), *fast;
    cr_assert_not_null(program, "%s", error.message);
    cr_expect_not(et_program_fast(program, 1e-4, &fast, NULL, &error));
    cr_expect_null(fast);
    cr_expect_str_eq(error.message, "the graph has a batch axis: rewrite the one for one image, "
                                    "then give that the axis");
    et_program_free(program);
}

Test(fast, every_failed_allocation_is_survived) {
    struct et_program *program = program_of(scaled), *fast = NULL;
    unsigned long nth = 0;
    while (!fast) {
        struct et_error error = {0};
        et_fail_allocation(++nth);
        bool good = et_program_fast(program, 1e-4, &fast, NULL, &error);
        et_fail_allocation(0);
        cr_assert_eq(good, fast != NULL, "allocation %lu", nth);
        if (!good)
            cr_assert_not_null(strstr(error.message, "out of memory"), "allocation %lu: %s", nth,
                               error.message);
    }
    cr_expect_gt(nth, 20);
    et_program_free(fast);
    et_program_free(program);
}
