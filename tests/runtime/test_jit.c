/* libtcc in this process: code that runs, errors that help, pages that are safe, nothing leaked. */
#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "runtime/backend/backend.h"

static struct compiled text_of(const char *source) {
    return (struct compiled){.prefix = "sample", .source = source, .source_bytes = strlen(source)};
}

#define SIGNATURE                                                                                  \
    "void sample_run_array(const void *const *inputs, void *const *outputs, const void *weights, " \
    "void *arena)"

static bool build(const struct compiled *compiled, struct executable *jit, struct et_error *error) {
    return backend_build(&backends[BACKEND_JIT], compiled, NULL, jit, error);
}

/* Compiles or fails the test. */
static struct executable built(const char *source) {
    struct compiled compiled = text_of(source);
    struct et_error error = {0};
    struct executable jit;
    cr_assert(build(&compiled, &jit, &error), "%s", error.message);
    cr_assert_str_empty(error.message);
    return jit;
}

static void cr_assert_fails_with(const char *source, const char *message) {
    struct compiled compiled = text_of(source);
    struct et_error error = {0};
    struct executable jit;
    cr_assert_not(build(&compiled, &jit, &error));
    cr_assert_str_eq(error.message, message);
    cr_assert_not(build(&compiled, &jit, NULL)); /* no error is asked for */
    cr_assert_null(jit.entry);
}

Test(jit, binds_the_functions_that_a_text_says_it_calls) {
    static const char *const names[] = {"row_f32_neg", "row_f32_nothing"};
    struct compiled compiled =
        text_of("void row_f32_neg(long rows, long columns, float *result, long result_row,\n"
                "        long result_step, const float *a, long a_row, long a_step);\n" SIGNATURE
                "{ row_f32_neg(1, 2, outputs[0], 2, 1, inputs[0], 2, 1); }\n");
    struct et_error error = {0};
    struct executable jit;
    compiled.runtime_functions = names;
    compiled.runtime_function_count = 1;
    cr_assert(build(&compiled, &jit, &error), "%s", error.message);
    float in[2] = {1.5f, -2.0f}, out[2];
    jit.entry((const void *[]){in}, (void *[]){out}, NULL, NULL);
    cr_expect(out[0] == -1.5f && out[1] == 2.0f);
    executable_free(&jit);
    compiled.runtime_function_count = 2;
    cr_assert_not(build(&compiled, &jit, &error));
    cr_expect_str_eq(error.message, "the runtime has no function row_f32_nothing");
}

Test(jit, runs_what_it_compiled_and_forgets_the_text) {
    char source[512];
    snprintf(source, sizeof source,
             "float f32_fma(float a, float b, float c);\n"
             "static const float step[2] = {0x1.8p+1f, 0x1p-2f};\n" SIGNATURE "{\n"
             "    const float *x = inputs[0], *w = weights;\n"
             "    float *y = outputs[0], *room = arena;\n"
             "    room[0] = x[1] * step[0];\n"
             "    y[0] = f32_fma(x[0], w[0], room[0]) + step[1];\n"
             "}\n");
    struct executable jit = built(source);
    memset(source, 'x', sizeof source - 1);
    const float x[2] = {2.0f, 5.0f}, w[1] = {7.0f};
    float y[1] = {0}, room[1];
    jit.entry((const void *[]){x}, (void *[]){y}, w, room);
    cr_assert_eq(y[0], 2.0f * 7.0f + 5.0f * 3.0f + 0.25f);
    cr_assert_gt(jit.code_bytes, 0);
    executable_free(&jit);
}

/* Bits of correctly rounded results, worked out with exact rational arithmetic. */
Test(jit, conversions_without_libtcc1_are_exact) {
    struct executable jit =
        built("typedef unsigned long long u64;\n" SIGNATURE "{\n"
              "    const u64 *a = inputs[0];\n"
              "    float *f = outputs[0]; double *d = outputs[1]; u64 *u = outputs[2];\n"
              "    f[0] = (float)a[0]; f[1] = (float)a[1]; f[2] = (float)a[2];\n"
              "    d[0] = (double)a[0]; d[1] = (double)a[1]; d[2] = (double)a[2];\n"
              "    u[0] = (u64)f[1]; u[1] = (u64)d[1];\n"
              "    (void)weights; (void)arena;\n"
              "}\n");
    /* Just above, exactly at, and far from the middle between two floats; the second has its top
     * bit set. */
    const uint64_t a[3] = {0x0000000001000001u, 0x8000008000000001u, 0xffffffffffffffffu};
    float f[3];
    double d[3];
    uint64_t u[2];
    jit.entry((const void *[]){a}, (void *[]){f, d, u}, NULL, NULL);
    cr_assert_eq(f[0], 0x1p+24f); /* a tie: to even */
    cr_assert_eq(f[1], 0x1.000002p+63f);
    cr_assert_eq(f[2], 0x1p+64f);
    cr_assert_eq(d[0], 0x1.000001p+24);
    cr_assert_eq(d[1], 0x1.000001p+63);
    cr_assert_eq(d[2], 0x1p+64);
    cr_assert_eq(u[0], 0x8000010000000000u);
    cr_assert_eq(u[1], 0x8000008000000000u);
    executable_free(&jit);
}

Test(jit, comparisons_know_nan_and_negation_knows_zero) {
    struct executable jit = built(SIGNATURE "{\n"
                                            "    const float *x = inputs[0];\n"
                                            "    float a = x[0], b = x[1];\n"
                                            "    unsigned char *y = outputs[0];\n"
                                            "    y[0] = a < b; y[1] = a <= b; y[2] = a == b;\n"
                                            "    y[3] = a != b; y[4] = b < a; y[5] = a != a;\n"
                                            "    float *z = outputs[1];\n"
                                            "    z[0] = -x[2]; z[1] = a < b ? 1.0f : 2.0f;\n"
                                            "    z[2] = x[3] * 0.5f;\n"
                                            "    (void)weights; (void)arena;\n"
                                            "}\n");
    const float x[4] = {NAN, 1.0f, 0.0f, 0x1p-148f};
    unsigned char y[6];
    float z[3];
    jit.entry((const void *[]){x}, (void *[]){y, z}, NULL, NULL);
    cr_assert_arr_eq(y, ((unsigned char[]){0, 0, 0, 1, 0, 1}), 6);
    cr_assert(signbit(z[0]) && z[0] == 0.0f);
    cr_assert_eq(z[1], 2.0f);
    cr_assert_eq(z[2], 0x1p-149f, "subnormals are kept");
    executable_free(&jit);
}

/* Every name of the table links. */
Test(jit, every_symbol_of_the_table_links) {
    struct text source = {0};
#define JIT_SYMBOL(name) JIT_SYMBOL_AS(name, name)
#define JIT_SYMBOL_AS(name, function) text_add(&source, "extern char " #name "[];\n");
#include "runtime/backend/jit_symbols.def"
#undef JIT_SYMBOL_AS
    text_add(&source, SIGNATURE "{\n    void **y = (void **)outputs[0];\n");
#define JIT_SYMBOL_AS(name, function) text_add(&source, "    *y++ = " #name ";\n");
#include "runtime/backend/jit_symbols.def"
#undef JIT_SYMBOL_AS
    text_add(&source, "    (void)inputs; (void)weights; (void)arena;\n}\n");
    cr_assert_not(source.failed);
    struct executable jit = built(source.bytes);
    void *addresses[512];
    int count = 0;
#define JIT_SYMBOL_AS(name, function) count++;
#include "runtime/backend/jit_symbols.def"
#undef JIT_SYMBOL_AS
#undef JIT_SYMBOL
    cr_assert_leq(count, 512);
    jit.entry(NULL, (void *[]){addresses}, NULL, NULL);
    for (int i = 0; i < count; i++)
        cr_assert_not_null(addresses[i]);
    executable_free(&jit);
    text_free(&source);
}

Test(jit, errors_quote_the_line) {
    cr_assert_fails_with("int f(void) {\n    return 1 +; }\nint more = ;\n",
                         "libtcc: line 2: identifier expected: return 1 +; }");
    cr_assert_fails_with("int f(void) {\n    return g();\n}\n",
                         "libtcc: line 2: implicit declaration of function 'g': return g();");
    cr_assert_fails_with(
        "typedef float four __attribute__((vector_size(16)));\nint f(void) { return 1; }\n",
        "libtcc: line 1: 'vector_size' attribute ignored: "
        "typedef float four __attribute__((vector_size(16)));");
    cr_assert_fails_with("#include <stdio.h>\n",
                         "libtcc: line 1: include file 'stdio.h' not found: #include <stdio.h>");
    cr_assert_fails_with("int f(void) { return 1; }\n",
                         "libtcc: the C text has no function sample_run_array");
}

Test(jit, only_listed_symbols_link) {
    cr_assert_fails_with("int system(const char *);\n" SIGNATURE "{ system(\"true\"); }\n",
                         "libtcc: undefined symbol 'system'");
    cr_assert_fails_with("float expf(float);\n" SIGNATURE
                         "{ *(float *)outputs[0] = expf(1.0f); }\n",
                         "libtcc: undefined symbol 'expf'");
}

/* The protection of the mapping around `address`, as /proc/self/maps says it. */
static void protection_of(const void *address, char protection[5]) {
    FILE *maps = fopen("/proc/self/maps", "r");
    cr_assert_not_null(maps);
    char line[512], found[5];
    unsigned long begin, end;
    protection[0] = 0;
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &begin, &end, found) != 3)
            continue;
        cr_assert(!strchr(found, 'w') || !strchr(found, 'x'), "writable and executable: %s", line);
        if (begin <= (uintptr_t)address && (uintptr_t)address < end)
            memcpy(protection, found, 5);
    }
    fclose(maps);
}

Test(jit, finished_code_is_not_writable) {
    struct executable jit = built("static const int answer[1] = {42};\n" SIGNATURE
                                  "{ *(const int **)outputs[0] = answer; }\n");
    const int *answer = NULL;
    jit.entry(NULL, (void *[]){&answer}, NULL, NULL);
    cr_assert_eq(*answer, 42);
    char protection[5];
    protection_of((const void *)jit.entry, protection);
    cr_assert_str_eq(protection, "r-xp");
    protection_of(answer, protection);
    cr_assert_str_eq(protection, "r-xp", "constants lie with the code");
    executable_free(&jit);
}

static long resident_kilobytes(void) {
    FILE *status = fopen("/proc/self/status", "r");
    cr_assert_not_null(status);
    char line[256];
    long kilobytes = -1;
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "VmRSS: %ld", &kilobytes) == 1)
            break;
    fclose(status);
    cr_assert_gt(kilobytes, 0);
    return kilobytes;
}

/* A leak of as little as 2 kB a compile would show. */
Test(jit, a_thousand_compiles_leak_nothing, .timeout = 60) {
    const char *texts[] = {
        SIGNATURE "{ int a[64]; for (int i = 0; i < 64; i++) { a[i] = i } }\n",
        "float expf(float);\n" SIGNATURE "{ *(float *)outputs[0] = expf(1.0f); }\n",
        "#define TWICE(x) x, x\nint f(int a) { return TWICE(1; }\n",
        "int f(void) { return 1; }\n",
        SIGNATURE "{ *(float *)outputs[0] = 1.0f; }\n",
    };
    long before = 0;
    for (int i = 0; i < 1100; i++) {
        if (i == 100)
            before = resident_kilobytes();
        struct compiled compiled = text_of(texts[i % 5]);
        struct executable jit;
        cr_assert_eq(build(&compiled, &jit, NULL), i % 5 == 4);
        executable_free(&jit);
    }
    long grown = resident_kilobytes() - before;
#ifndef __SANITIZE_ADDRESS__ /* which keeps freed memory for a while, and finds leaks by itself */
    cr_assert_lt(grown, 2048);
#endif
    (void)grown;
}

static void *build_and_run(void *context) {
    int number = *(int *)context;
    char good[256], bad[256];
    snprintf(good, sizeof good, SIGNATURE "{ *(int *)outputs[0] = %d; }\n", number);
    snprintf(bad, sizeof bad, "int f(void) { return unknown%d; }\n", number);
    for (int i = 0; i < 50; i++) {
        struct compiled compiled = text_of(good), broken = text_of(bad);
        struct et_error error = {0};
        struct executable jit;
        int found = -1;
        if (build(&compiled, &jit, &error))
            jit.entry(NULL, (void *[]){&found}, NULL, NULL);
        executable_free(&jit);
        char expected[32];
        snprintf(expected, sizeof expected, "unknown%d", number);
        if (found != number || build(&broken, &jit, &error) || !strstr(error.message, expected))
            return "failed";
    }
    return NULL;
}

Test(jit, eight_threads_build_at_once, .timeout = 60) {
    pthread_t threads[8];
    int numbers[8];
    for (int i = 0; i < 8; i++) {
        numbers[i] = 1000 + i;
        cr_assert_eq(pthread_create(&threads[i], NULL, build_and_run, &numbers[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        void *verdict;
        pthread_join(threads[i], &verdict);
        cr_assert_null(verdict, "thread %d", i);
    }
}

Test(jit, every_failed_allocation_is_reported) {
    struct compiled compiled = text_of(SIGNATURE "{ *(int *)outputs[0] = 7; }\n");
    struct executable jit = {0};
    unsigned long nth = 0;
    while (!jit.entry) {
        struct et_error error = {0};
        et_fail_allocation(++nth);
        build(&compiled, &jit, &error);
        et_fail_allocation(0);
        if (!jit.entry)
            cr_assert_str_eq(error.message, "out of memory", "allocation %lu", nth);
        cr_assert_lt(nth, 100);
    }
    cr_assert_gt(nth, 1);
    executable_free(&jit);
    executable_free(&jit);
}
