/* The shipped model rewritten: what is done to it, its accuracy, and its bits in every mode. */
#include "tests/support/mnist_data.h"
#include "tests/support/sanitized.h"

#include "compiler/evaluate/float64.h"
#include "compiler/rewrite/rewrite.h"

#include <math.h>

TestSuite(rewrite_mnist, .timeout = 600);

#if IS_SANITIZED
enum { STEP = 20, LEAST_RIGHT = 495 }; /* of 500: directly 497 */
#else
enum { STEP = 1, LEAST_RIGHT = 9960 };
#endif

static struct et_program *rewritten_mnist(int count, const enum rewrite_kind *rewrites,
                                          struct rewritten *sites) {
    struct et_program *direct = mnist_open(NULL);
    struct et_error error = {0};
    cr_assert(rewrite_graph(program_graph(direct), NULL, count, rewrites, sites, &error), "%s",
              error.message);
    struct et_program *program = program_from_graph(sites->graph, sites->weights, &error);
    cr_assert_not_null(program, "%s", error.message);
    sites->graph = NULL;
    sites->weights = NULL;
    et_program_free(direct);
    return program;
}

static const enum rewrite_kind both[] = {REWRITE_fold_batchnorm, REWRITE_winograd};

/* ---- The sites ---- */

static void expect_sites(const struct rewritten *found, int count,
                         const char *const (*expected)[3]) {
    cr_assert_eq(found->site_count, count, "%d sites", found->site_count);
    for (int i = 0; i < count; i++) {
        cr_expect_str_eq(found->sites[i].name, expected[i][0]);
        cr_expect_str_eq(found->sites[i].what, expected[i][1]);
        cr_expect_str_eq(found->sites[i].shape, expected[i][2]);
    }
}

Test(rewrite_mnist, winograd_of_three_convolutions) {
    static const char *const expected[][3] = {
        {"layers.0.weight", "it would not be faster", "1x1x24x24 * 32x1x5x5"},
        {"layers.2.weight", "F(4x4, 5x5)", "1x32x20x20 * 32x32x5x5"},
        {"layers.6.weight", "F(4x4, 3x3)", "1x32x8x8 * 64x32x3x3"},
        {"layers.8.weight", "F(2x6, 3x3)", "1x64x6x6 * 64x64x3x3"},
    };
    struct rewritten sites;
    struct et_program *program = rewritten_mnist(1, &both[1], &sites);
    expect_sites(&sites, 4, expected);
    et_program_free(program);
    rewritten_free(&sites);
}

/* Behind their activations the normalisations cannot go back; forward they can, but for the scale
 * of the first: that of channel 3 is negative, and a maximum follows. */
Test(rewrite_mnist, folding_goes_forward) {
    static const char *const expected[][3] = {
        {"layers.4.running_mean", "4 operations: the shift forward into layers.6.weight",
         "float32[1,32,20,20]"},
        {"layers.10.running_mean", "4 operations: all forward into layers.13.weight",
         "float32[1,64,6,6]"},
        {"layers.6.weight.folded_bias", "2 operations: all back into layers.6.weight",
         "float32[1,64,8,8]"},
        {"layers.13.weight.folded_bias", "2 operations: all back into layers.13.weight.folded",
         "float32[1,10]"},
        {"layers.4.weight.folded",
         "a maximum or minimum follows, and some channel's scale is negative",
         "float32[1,32,20,20]"},
    };
    struct rewritten sites;
    struct et_program *program = rewritten_mnist(1, &both[0], &sites);
    expect_sites(&sites, 5, expected);
    et_program_free(program);
    rewritten_free(&sites);
}

/* ---- Bits ---- */

Test(rewrite_mnist, the_same_bits_in_all_modes) {
    struct digits digits = sample_digits();
    struct rewritten sites;
    struct et_program *program = rewritten_mnist(2, both, &sites);
    struct logits *eager = digits_run(program, ET_EAGER, &digits);
    for (int mode = ET_JIT; mode < ET_MODE_COUNT; mode++) {
        struct logits *found = digits_run(program, (enum et_mode)mode, &digits);
        check_same_logits(&digits, eager, found, et_mode_name((enum et_mode)mode));
        et_release(found);
    }
    for (int i = 0; i < digits.count; i++)
        cr_expect_eq(most_likely(&eager[i]), digits.labels[i]);
    et_release(eager);
    et_program_free(program);
    rewritten_free(&sites);
    digits_free(&digits);
}

/* ---- Errors ---- */

/* The greatest error of all logits of the samples against float64. */
static double greatest_error(struct et_program *program, struct et_program *direct,
                             const struct digits *digits) {
    struct logits *logits = digits_run(program, ET_JIT, digits);
    double greatest = 0, expected[MNIST_CLASSES];
    struct et_error error = {0};
    for (int i = 0; i < digits->count; i++) {
        void *output = expected;
        cr_assert(
            wide_run(program_graph(direct), (const void *[]){digits->pixels[i]}, &output, &error),
            "%s", error.message);
        for (int k = 0; k < MNIST_CLASSES; k++)
            greatest = fmax(greatest, fabs((double)logits[i].of[k] - expected[k]));
    }
    et_release(logits);
    return greatest;
}

Test(rewrite_mnist, errors_stay_small) {
    struct digits digits = sample_digits();
    struct rewritten sites;
    struct et_program *direct = mnist_open(NULL);
    struct et_program *program = rewritten_mnist(1, &both[1], &sites);
    double before = greatest_error(direct, direct, &digits);
    double after = greatest_error(program, direct, &digits);
    printf("greatest error of the samples' logits: %.3g directly, %.3g with winograd\n", before,
           after);
    cr_expect_lt(before, 1e-5);
    cr_expect_lt(after, 1e-5);
    et_program_free(program);
    et_program_free(direct);
    rewritten_free(&sites);
    digits_free(&digits);
}

/* ---- Predictions ---- */

struct comparison {
    int right, different;
};

/* Of all test images; lists those of which the rewritten graph says something else. */
static struct comparison compare(const struct digits *digits, const struct logits *direct,
                                 const struct logits *found, const char *what) {
    struct comparison comparison = {0};
    for (int i = 0; i < digits->count; i++) {
        int before = most_likely(&direct[i]), after = most_likely(&found[i]);
        comparison.right += after == digits->labels[i];
        if (before == after)
            continue;
        comparison.different++;
        printf("%s: image %d, a %d: %d (%.9g) before, %d (%.9g) after\n", what, i * STEP,
               digits->labels[i], before, (double)direct[i].of[before], after,
               (double)found[i].of[after]);
    }
    printf("%s: %d of %d are right, %d predictions differ\n", what, comparison.right, digits->count,
           comparison.different);
    return comparison;
}

Test(rewrite_mnist, accuracy_is_kept) {
    struct digits digits = mnist_digits(STEP);
    struct et_program *direct = mnist_open(NULL);
    struct logits *before = digits_run(direct, ET_AOT, &digits);
    for (int first = 1; first >= 0; first--) {
        struct rewritten sites;
        struct et_program *program = rewritten_mnist(2 - first, &both[first], &sites);
        struct logits *after = digits_run(program, ET_AOT, &digits);
        struct comparison found =
            compare(&digits, before, after, first ? "winograd" : "fold-batchnorm,winograd");
        cr_expect_geq(found.right, LEAST_RIGHT);
        cr_expect_leq(found.different, 2);
        et_release(after);
        et_program_free(program);
        rewritten_free(&sites);
    }
    et_release(before);
    et_program_free(direct);
    digits_free(&digits);
}
