/* et_program_quantize: what it makes of samples in memory, and what it refuses. */
#include "tests/support/mnist_data.h"

TestSuite(quantize_program, .timeout = 300);

static struct et_program *quantized(const struct et_program *program,
                                    const struct et_samples *samples) {
    struct et_error error = {0};
    struct et_program *made = NULL;
    cr_assert(et_program_quantize(program, samples, &made, &error), "%s", error.message);
    return made;
}

/* The digest is that which the rewrite has by the same samples (tests/rewrite). */
Test(quantize_program, makes_what_the_rewrite_makes) {
    struct digits digits = sample_digits();
    struct et_program *direct = mnist_open(NULL);
    const struct et_samples samples = {.count = digits.count,
                                       .inputs = (const void *[]){digits.pixels}};
    struct et_program *program = quantized(direct, &samples);
    cr_assert_not_null(program);
    cr_expect_str_eq(et_program_digest(program),
                     "92440b03216a86837cf27e9e194182ee16e350e16cf59cda179b37bb6fa75f4e");
    et_program_free(direct);
    struct logits *logits = digits_run(program, ET_JIT, &digits);
    for (int i = 0; i < digits.count; i++)
        cr_expect_eq(most_likely(&logits[i]), digits.labels[i]);
    et_release(logits);
    et_program_free(program);
    digits_free(&digits);
}

Test(quantize_program, heeds_range_labels_and_cost) {
    struct digits digits = sample_digits();
    struct et_program *direct = mnist_open(NULL);
    int64_t labels[SAMPLES];
    for (int i = 0; i < digits.count; i++)
        labels[i] = digits.labels[i];
    struct et_samples samples = {
        .count = digits.count, .inputs = (const void *[]){digits.pixels}, .labels = labels};
    struct et_program *plain = quantized(direct, &samples);
    samples.accuracy = 0.01;
    struct et_program *accurate = quantized(direct, &samples);
    cr_expect_str_eq(et_program_digest(accurate), et_program_digest(plain));
    samples.range = "squares";
    struct et_program *narrow = quantized(direct, &samples);
    cr_expect_str_neq(et_program_digest(narrow), et_program_digest(plain));
    samples.error = 1e-9;
    cr_expect_null(quantized(direct, &samples));
    et_program_free(narrow);
    et_program_free(accurate);
    et_program_free(plain);
    et_program_free(direct);
    digits_free(&digits);
}

static void expect_refused(const struct et_program *program, struct et_samples samples,
                           const char *why) {
    static const float pixels[DIGIT_PIXELS];
    struct et_error error = {0};
    struct et_program *made = (struct et_program *)&error;
    samples.inputs = (const void *[]){pixels};
    cr_expect_not(et_program_quantize(program, &samples, &made, &error));
    cr_expect_null(made);
    cr_expect_str_eq(error.message, why);
}

Test(quantize_program, says_what_is_wrong) {
    struct et_program *direct = mnist_open(NULL);
    expect_refused(direct, (struct et_samples){0}, "expected at least one sample of the inputs");
    expect_refused(direct, (struct et_samples){.count = 1, .range = "wide"},
                   "range \"wide\": there is no such");
    expect_refused(direct, (struct et_samples){.count = 1, .error = -1},
                   "expected shares from 0 to 1 of error and accuracy");
    expect_refused(direct, (struct et_samples){.count = 1, .accuracy = 0.5},
                   "quantize: expected labels of the data, for its accuracy");
    et_program_free(direct);
}
