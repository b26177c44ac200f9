/* et_program_quantize: what it makes of samples in memory, and what it refuses. */
#include "tests/support/mnist_data.h"

#include <math.h>

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

/* Pixels go in as bytes, a step each, and logits come out as such. */
Test(quantize_program, makes_integers_of_inputs_and_outputs) {
    struct digits digits = sample_digits();
    struct et_program *direct = mnist_open(NULL);
    const struct et_samples samples = {
        .count = digits.count, .inputs = (const void *[]){digits.pixels}, .io = "uint8"};
    struct et_program *program = quantized(direct, &samples);
    float scale[2] = {0};
    int64_t zero[2] = {-1, -1};
    cr_assert_not_null(program);
    cr_expect_str_eq(et_program_input(program, 0).dtype, "uint8");
    cr_expect_str_eq(et_program_output(program, 0).dtype, "uint8");
    cr_expect(et_program_input_scale(program, 0, &scale[0], &zero[0]));
    cr_expect(et_program_output_scale(program, 0, &scale[1], &zero[1]));
    cr_expect_gt(scale[0], 0);
    cr_expect_gt(scale[1], 0);
    struct et_error error = {0};
    for (int i = 0; i < digits.count; i++) {
        uint8_t codes[DIGIT_PIXELS], logits[10];
        for (int k = 0; k < DIGIT_PIXELS; k++)
            codes[k] = (uint8_t)(lrintf(digits.pixels[i][k] / scale[0]) + zero[0]);
        cr_assert(et_program_run(program, ET_EAGER, (const void *[]){codes}, (void *[]){logits},
                                 NULL, &error),
                  "%s", error.message);
        for (int k = 0; k < 10; k++)
            cr_expect(k == digits.labels[i] || logits[k] < logits[digits.labels[i]]);
    }
    struct et_program *same = program;
    cr_expect(et_program_integers(program, "uint8", false, &same, &error));
    cr_expect_null(same, "integers already");
    cr_expect_not(et_program_integers(program, "int16", false, &same, &error));
    cr_expect_str_eq(error.message, "inputs and outputs of \"int16\": expected int8 or uint8");
    et_program_free(program);
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
    expect_refused(direct, (struct et_samples){.count = 1, .io = "float32"},
                   "inputs and outputs of \"float32\": expected int8 or uint8");
    expect_refused(direct, (struct et_samples){.count = 1, .accuracy = 0.5},
                   "quantize: expected labels of the data, for its accuracy");
    et_program_free(direct);
}
