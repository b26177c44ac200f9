/* The drawn sample digits, from PNG to prediction: right, and with the same bits, in every mode,
 * for every target and from every compiler. */
#include "tests/support/mnist_data.h"

#include "runtime/backend/process.h"
#include "runtime/kernels/cpu.h"

/* Of the logits of all twenty, in order. */
#define SAMPLES_DIGEST "332c12bcfc46dd27439058519579c62ac439622a0ce884c0b4bb571d6b43add9"

/* The target's name; NULL: the best. */
static void use_cpu(const char *name) {
    if (name)
        setenv("EIGENTENSOR_CPU", name, 1);
    else
        unsetenv("EIGENTENSOR_CPU");
}

Test(samples, predicted_right_with_the_same_bits, .timeout = 60) {
    use_cpu(NULL);
    struct digits digits = sample_digits();
    struct et_program *program = mnist_open(NULL);
    struct logits *expected = digits_run(program, ET_EAGER, &digits);
    cr_expect_str_eq(logits_digest(&digits, expected).text, SAMPLES_DIGEST);
    for (int mode = ET_EAGER; mode < ET_MODE_COUNT; mode++) {
        struct logits *logits = digits_run(program, (enum et_mode)mode, &digits);
        check_same_logits(&digits, expected, logits, et_mode_name((enum et_mode)mode));
        for (int i = 0; i < digits.count; i++) {
            char path[64];
            sample_path(i, path);
            cr_expect_eq(most_likely(&logits[i]), digits.labels[i], "%s: %s is taken for %d", path,
                         et_mode_name((enum et_mode)mode), most_likely(&logits[i]));
        }
        et_release(logits);
    }
    et_release(expected);
    et_program_free(program);
    digits_free(&digits);
}

/* One more way to build the network, held against eager. */
struct network_way {
    const char *what;
    enum et_mode mode;
    const char *cpu;               /* NULL: the best */
    const char *cc, *const *flags; /* for ET_AOT */
};

static void check_way(const struct network_way *way) {
    use_cpu(way->cpu);
    struct et_error error = {0};
    struct digits digits = sample_digits();
    struct et_program *program = mnist_open(NULL);
    cr_assert(et_program_set_compiler(program, way->cc, way->flags, &error), "%s", error.message);
    struct logits *expected = digits_run(program, ET_EAGER, &digits);
    struct logits *found = digits_run(program, way->mode, &digits);
    check_same_logits(&digits, expected, found, way->what);
    et_release(expected);
    et_release(found);
    et_program_free(program);
    digits_free(&digits);
}

static void check_cpu(enum target_id target) {
    const char *name = targets[target].name;
    if (!cpu_runs(&targets[target]))
        cr_skip_test("this CPU has no %s", name);
    check_way(&(struct network_way){.what = name, .mode = ET_JIT, .cpu = name});
    check_way(&(struct network_way){.what = name, .mode = ET_AOT, .cpu = name});
}

Test(samples, same_bits_without_vector_extensions, .timeout = 120) {
    check_cpu(TARGET_BASELINE);
}

Test(samples, same_bits_with_avx2, .timeout = 120) {
    check_cpu(TARGET_AVX2);
}

Test(samples, same_bits_with_avx512, .timeout = 120) {
    check_cpu(TARGET_AVX512);
}

Test(samples, same_bits_from_gcc_without_optimisation, .timeout = 120) {
    check_way(&(struct network_way){
        .what = "gcc -O0", .mode = ET_AOT, .cc = "gcc", .flags = (const char *[]){"-O0", NULL}});
}

Test(samples, same_bits_from_clang, .timeout = 120) {
    int status = 0;
    struct text said = {0};
    bool ran = process_run((const char *[]){"clang", "--version", NULL}, &said, &status, NULL);
    text_free(&said);
    if (!ran || status != 0)
        cr_skip_test("no clang");
    check_way(&(struct network_way){.what = "clang -O3", .mode = ET_AOT, .cc = "clang"});
}
