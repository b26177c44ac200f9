/* Choices of the scheduler made elsewhere: how they are printed, stored, read back from files that
 * nobody trusts, refused, kept, found again; and the tuner, which makes them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/builder/layers.h"
#include "compiler/emit/backend.h"
#include "runtime/et_program.h"
#include "runtime/kernels/cpu.h"
#include "runtime/tune/tune.h"
#include "runtime/tuning_cache.h"
#include "tests/support/golden.h"
#include "tests/support/random_graph.h"

/* ---- Graphs ---- */

static struct tensor input(struct tensor_context *c, const char *name, int rank,
                           const int64_t *shape) {
    return add_graph_input(c, name, DTYPE_FLOAT32, rank, shape);
}

/* A matrix product, twice of the same shape, and a narrow one. */
static struct tensor build_products(struct tensor_context *c) {
    struct tensor x = input(c, "x", SHAPE(40, 64));
    struct tensor y = relu(matmul(x, input(c, "a", SHAPE(64, 64))));
    struct tensor z = relu(matmul(y, input(c, "b", SHAPE(64, 64))));
    return matmul(z, input(c, "c", SHAPE(64, 10)));
}

/* A convolution with pooling, and a depthwise one: rows that are pooled, lanes, constants. */
static struct tensor build_convolutions(struct tensor_context *c) {
    static float values[16 * 3 * 3 * 3];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = (float)(i % 7) - 3;
    struct tensor weights = tensor_const(c, DTYPE_FLOAT32, SHAPE(16, 3, 3, 3), 432, values);
    struct tensor depthwise = tensor_const(c, DTYPE_FLOAT32, SHAPE(16, 1, 3, 3), 144, values);
    struct tensor x =
        conv2d(input(c, "x", SHAPE(1, 3, 18, 18)), weights, NO_TENSOR, (struct conv2d_options){0});
    x = max_pool2d(relu(x), (struct pool2d_options){.kernel = {2, 2}});
    return conv2d(x, depthwise, NO_TENSOR, (struct conv2d_options){.groups = 16});
}

/* Rows of the panel share sets of the first cache, and the second keeps them. */
static struct tensor build_square(struct tensor_context *c) {
    return matmul(input(c, "a", SHAPE(256, 256)), input(c, "b", SHAPE(256, 256)));
}

/* One row: the panel passes once, and nothing waits for the stream. */
static struct tensor build_row(struct tensor_context *c) {
    return matmul(input(c, "a", SHAPE(1, 4096)), input(c, "b", SHAPE(4096, 512)));
}

/* Channels of the result are whole pages apart: stored side by side they would share a set of the
 * first cache. */
static struct tensor build_transposed(struct tensor_context *c) {
    static float values[16 * 32 * 2 * 2];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = (float)(i % 7) - 3;
    struct tensor weights = tensor_const(c, DTYPE_FLOAT32, SHAPE(16, 32, 2, 2), 2048, values);
    return conv_transpose(input(c, "x", SHAPE(1, 16, 32, 32)), weights, NO_TENSOR,
                          (struct conv_transpose_options){.stride = {2, 2}, .dilation = {1, 1}});
}

/* Rows that no tile divides, and weights of which no panel fits into L1: not row by row. */
static struct tensor build_tokens(struct tensor_context *c) {
    static float values[768 * 64];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = (float)(i % 7) - 3;
    struct tensor weights =
        tensor_const(c, DTYPE_FLOAT32, SHAPE(768, 64), sizeof values / sizeof *values, values);
    return matmul(input(c, "x", SHAPE(2, 17, 768)), weights);
}

static struct et_program *program_of(struct tensor (*build)(struct tensor_context *context)) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("tuned");
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", build(context)}), &error);
    struct et_program *program = graph ? program_from_graph(graph, NULL, &error) : NULL;
    cr_assert_not_null(program, "%s", error.message);
    return program;
}

static struct compiled *compiled_with(const struct et_program *program, const struct tuning *tuning,
                                      struct et_error *error) {
    struct compile_options options = {
        .backend = &emit_calls, .tuning = tuning, .verify = true, .list_candidates = true};
    return compile(program_graph(program), &options, error);
}

/* ---- What is printed ---- */

static const struct {
    const char *path;
    struct tensor (*build)(struct tensor_context *context);
} costs[] = {{"tests/golden/products.cost", build_products},
             {"tests/golden/convolutions.cost", build_convolutions},
             {"tests/golden/square.cost", build_square},
             {"tests/golden/row.cost", build_row},
             {"tests/golden/transposed.cost", build_transposed},
             {"tests/golden/tokens.cost", build_tokens}};

Test(tuning, costs_are_golden) {
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        struct et_error error = {0};
        struct text text = {0};
        struct et_program *program = program_of(costs[i].build);
        struct compiled *compiled = compiled_with(program, NULL, &error);
        cr_assert_not_null(compiled, "%s", error.message);
        print_costs(compiled->contraction_count, compiled->contractions, compiled->kernels, &text);
        expect_golden(costs[i].path, text.bytes);
        text_free(&text);
        compiled_free(compiled);
        et_program_free(program);
    }
}

/* ---- What is chosen ---- */

/* The least likely choice for every contraction. */
static struct tuning worst_of(const struct et_program *program, const struct compiled *compiled) {
    static struct tuned_choice choices[8];
    struct tuning tuning = {.digest = et_program_digest(program),
                            .target = "avx512",
                            .cpu = "a CPU",
                            .mode = "jit",
                            .choices = choices};
    for (int i = 0; i < compiled->contraction_count; i++) {
        const struct contraction_facts *facts = &compiled->contractions[i];
        bool known = false;
        for (int k = 0; k < tuning.count; k++)
            known |= strcmp(choices[k].contraction, facts->contraction) == 0;
        if (known)
            continue;
        choices[tuning.count++] = (struct tuned_choice){
            facts->contraction, facts->tiles.items[facts->tiles.count - 1].text, NULL, 2.5, 1.25};
    }
    return tuning;
}

Test(tuning, every_contraction_takes_what_it_is_told) {
    struct et_error error = {0};
    struct et_program *program = program_of(build_products);
    struct compiled *plain = compiled_with(program, NULL, &error);
    cr_assert_eq(plain->contraction_count, 3);
    cr_assert_not(plain->tuned);
    struct tuning tuning = worst_of(program, plain);
    struct compiled *tuned = compiled_with(program, &tuning, &error);
    cr_assert_not_null(tuned, "%s", error.message);
    cr_assert(tuned->tuned);
    for (int i = 0; i < 3; i++) {
        const struct candidates *tiles = &tuned->contractions[i].tiles;
        cr_assert_eq(tiles->count, plain->contractions[i].tiles.count);
        cr_assert_eq(tiles->taken, tiles->count - 1);
        cr_assert_neq(plain->contractions[i].tiles.taken, tiles->count - 1);
    }
    cr_assert_str_neq(tuned->source, plain->source);
    compiled_free(tuned);
    compiled_free(plain);
    et_program_free(program);
}

/* Of all blocks around the tiles too, and nothing else changes. */
Test(tuning, blocks_are_chosen_with_a_tile) {
    struct et_error error = {0};
    struct et_program *program = program_of(build_products);
    struct compiled *plain = compiled_with(program, NULL, &error);
    const struct contraction_facts *facts = &plain->contractions[2];
    for (int i = 0; i < facts->blockings.count; i++) {
        struct tuned_choice choice = {.contraction = facts->contraction,
                                      .tile = facts->tiles.items[facts->tiles.taken].text,
                                      .blocking = facts->blockings.items[i].text};
        struct tuning tuning = {.count = 1, .choices = &choice};
        struct compiled *tuned = compiled_with(program, &tuning, &error);
        cr_assert_not_null(tuned, "%s", error.message);
        cr_assert_eq(tuned->contractions[2].blockings.taken, i);
        cr_assert_eq(tuned->contractions[2].tiles.taken, facts->tiles.taken);
        cr_assert_str_eq(tuned->kernels[0].source, plain->kernels[0].source);
        compiled_free(tuned);
    }
    compiled_free(plain);
    et_program_free(program);
}

static void expect_refusal(const struct et_program *program, const struct tuning *tuning,
                           const char *message) {
    struct et_error error = {0};
    struct compiled *compiled = compiled_with(program, tuning, &error);
    cr_expect_null(compiled);
    cr_expect_not_null(strstr(error.message, message), "expected \"%s\", found \"%s\"", message,
                       error.message);
}

Test(tuning, what_is_no_candidate_is_refused) {
    struct et_error error = {0};
    struct et_program *program = program_of(build_products);
    struct compiled *plain = compiled_with(program, NULL, &error);
    struct tuning tuning = worst_of(program, plain);
    struct tuned_choice choices[2] = {tuning.choices[0], tuning.choices[1]};
    tuning.choices = choices;
    tuning.count = 2;
    tuning.name = "f.json";
    choices[1].tile = "999x32 stream a columns i1 packed";
    expect_refusal(program, &tuning, "f.json: choices[1]: \"tile\" is none of the ");
    expect_refusal(program, &tuning, ": \"999x32 stream a columns i1 packed\"");
    choices[1] = tuning.choices[0];
    choices[1].contraction = "loops 7 sum 7 of input(1; 1) and input(0; 1) into (1)";
    expect_refusal(program, &tuning, "f.json: choices[1]: the graph has no such contraction: \"l");
    choices[1] = choices[0];
    choices[0].blocking = "sums 63 rows 40";
    tuning.count = 1;
    expect_refusal(program, &tuning, "f.json: choices[0]: \"blocking\" is none of the ");
    choices[0].blocking = "\n\033[2J";
    expect_refusal(program, &tuning, ": \"??[2J\"");
    choices[0].blocking = NULL;
    tuning.target = "avx2";
    expect_refusal(program, &tuning, "f.json: made for avx2, not for avx512");
    compiled_free(plain);
    et_program_free(program);
}

/* ---- Files ---- */

static char folder[] = "/tmp/test-tuning-XXXXXX";
static char path[100];

static void begin_files(void) {
    unsetenv("EIGENTENSOR_CPU");
    cr_assert_not_null(mkdtemp(folder));
    setenv("XDG_CACHE_HOME", folder, 1);
    snprintf(path, sizeof path, "%s/t.json", folder);
}

static void end_files(void) {
    char command[100];
    snprintf(command, sizeof command, "chmod -R u+rwx %s && rm -rf %s", folder, folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(tuning_files, .init = begin_files, .fini = end_files, .timeout = 120);

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

Test(tuning_files, what_is_saved_is_loaded) {
    struct et_error error = {0};
    static const struct tuned_choice choices[] = {
        {"loops 2 sum 3", "1x16 stream a", "sums 3 rows 1", 1.5, 0.25},
        {"loops \"\xc3\xa4\\", "1x16 stream b", NULL, 0, 0}};
    struct tuning tuning = {.digest = DIGEST,
                            .target = "neon",
                            .cpu = "a \"CPU\"",
                            .mode = "aot",
                            .count = 2,
                            .choices = choices};
    cr_assert(tuning_save(&tuning, path, &error), "%s", error.message);
    struct tuning *again = tuning_load(path, &error);
    cr_assert_not_null(again, "%s", error.message);
    cr_expect_str_eq(again->digest, tuning.digest);
    cr_expect_str_eq(again->target, tuning.target);
    cr_expect_str_eq(again->cpu, tuning.cpu);
    cr_expect_str_eq(again->mode, tuning.mode);
    cr_expect_str_eq(again->name, path);
    cr_assert_eq(again->count, 2);
    for (int i = 0; i < 2; i++) {
        cr_expect_str_eq(again->choices[i].contraction, choices[i].contraction);
        cr_expect_str_eq(again->choices[i].tile, choices[i].tile);
        cr_expect_eq(again->choices[i].before, choices[i].before);
        cr_expect_eq(again->choices[i].after, choices[i].after);
    }
    cr_expect_str_eq(again->choices[0].blocking, choices[0].blocking);
    cr_expect_null(again->choices[1].blocking);
    tuning_free(again);
    cr_assert_not(tuning_save(&tuning, "/dev/null/t.json", &error));
    tuning.cpu = "\xff";
    cr_assert_not(tuning_save(&tuning, path, &error));
}

#define HEAD "{\"format\": \"eigentensor tuning\", \"version\": 1, "
#define FACTS                                                                                      \
    HEAD "\"graph\": \"" DIGEST "\", \"target\": \"avx512\", \"cpu\": \"c\", \"mode\": \"jit\", "
#define CHOICE "{\"contraction\": \"c\", \"tile\": \"t\"}"

static const struct {
    const char *text, *message; /* NULL: it is fine */
} files[] = {
    {FACTS "\"choices\": []}", NULL},
    {FACTS "\"choices\": [" CHOICE "]}", NULL},
    {"", "line 1, column 0"},
    {"[", "line 1, column 1"},
    {"[]", "the document is an array, expected an object"},
    {"{}", "\"format\" is missing"},
    {"{\"format\": 1}", "\"format\" is an integer, expected a string"},
    {"{\"format\": \"eigentensor\"}",
     "\"format\" is \"eigentensor\", expected \"eigentensor tuning\""},
    {"{\"format\": \"eigentensor tuning\"}", "\"version\" is missing"},
    {"{\"format\": \"eigentensor tuning\", \"version\": 2}", "\"version\" is 2, expected 1"},
    {HEAD "\"more\": 1}", "unknown key \"more\""},
    {HEAD "\"choices\": []}", "\"graph\" is missing"},
    {HEAD "\"graph\": \"12\", \"target\": \"avx2\", \"cpu\": \"c\", \"mode\": \"jit\"}",
     "\"graph\" is \"12\", expected 64 digits of 0-9, a-f"},
    {HEAD "\"graph\": \"" DIGEST "\", \"target\": \"z80\", \"cpu\": \"c\", \"mode\": \"jit\"}",
     "\"target\" is \"z80\", which is none"},
    {HEAD "\"graph\": \"\"}", "\"graph\" has 0 bytes, expected 1 to 8192"},
    {FACTS "\"choices\": {}}", "\"choices\" is an object, expected an array"},
    {FACTS "\"mode\": \"aot\"}", "duplicate object key"},
    {FACTS "\"choices\": [1]}", "choices[0]: an integer, expected an object"},
    {FACTS "\"choices\": [{}]}", "choices[0]: \"contraction\" is missing"},
    {FACTS "\"choices\": [" CHOICE ", {\"contraction\": \"d\"}]}",
     "choices[1]: \"tile\" is missing"},
    {FACTS "\"choices\": [" CHOICE ", " CHOICE "]}",
     "choices[1]: the same contraction as in choices[0]"},
    {FACTS "\"choices\": [{\"contraction\": \"c\", \"tile\": \"t\", \"rows\": 3}]}",
     "choices[0]: unknown key \"rows\""},
    {FACTS "\"choices\": [{\"contraction\": \"c\", \"tile\": \"t\", \"blocking\": 3}]}",
     "choices[0]: \"blocking\" is an integer, expected a string"},
    {FACTS "\"choices\": [{\"contraction\": \"c\", \"tile\": \"t\", \"before\": \"3\"}]}",
     "choices[0]: \"before\" is a string, expected microseconds, 0 to 1e12"},
    {FACTS "\"choices\": [{\"contraction\": \"c\", \"tile\": \"t\", \"after\": -1}]}",
     "choices[0]: \"after\" is out of range, expected microseconds, 0 to 1e12"},
    {FACTS "\"choices\": [{\"contraction\": \"c\", \"tile\": \"t\\u0000\"}]}", "line 1, column"},
};

Test(tuning_files, malformed_files) {
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct et_error error = {0};
        cr_assert(write_file(path, files[i].text, strlen(files[i].text), NULL));
        struct tuning *tuning = tuning_load(path, &error);
        cr_expect_eq(tuning != NULL, files[i].message == NULL, "%s: %s", files[i].text,
                     error.message);
        if (files[i].message) {
            cr_expect_eq(strncmp(error.message, path, strlen(path)), 0, "%s", error.message);
            cr_expect_not_null(strstr(error.message, files[i].message),
                               "%s: expected \"%s\", found \"%s\"", files[i].text, files[i].message,
                               error.message);
        }
        tuning_free(tuning);
    }
    cr_expect_null(tuning_load("/nowhere.json", NULL));
}

/* Every byte of a file cut off, and every byte replaced: refused or loaded, never more. */
Test(tuning_files, cut_and_damaged_files) {
    static const char whole[] =
        FACTS "\"choices\": [{\"contraction\": \"c\", \"tile\": \"t\", \"before\": 2}]}";
    char text[sizeof whole];
    for (size_t kept = 0; kept + 1 < sizeof whole; kept++) {
        cr_assert(write_file(path, whole, kept, NULL));
        cr_assert_null(tuning_load(path, NULL), "%zu bytes", kept);
    }
    for (size_t i = 0; i + 1 < sizeof whole; i++) {
        memcpy(text, whole, sizeof whole);
        text[i] = (char)(text[i] ^ (1 << i % 8));
        cr_assert(write_file(path, text, sizeof whole - 1, NULL));
        tuning_free(tuning_load(path, NULL));
    }
}

/* ---- Programs ---- */

enum { ROWS = 40, DEPTH = 64, NARROW = 10 };
static float x[ROWS * DEPTH], a[DEPTH * DEPTH], b[DEPTH * DEPTH], c[DEPTH * NARROW];
static const void *const inputs[] = {x, a, b, c};

static void fill_inputs(void) {
    random_elements(1, "x", DTYPE_FLOAT32, ROWS * DEPTH, x);
    random_elements(1, "a", DTYPE_FLOAT32, DEPTH * DEPTH, a);
    random_elements(1, "b", DTYPE_FLOAT32, DEPTH * DEPTH, b);
    random_elements(1, "c", DTYPE_FLOAT32, DEPTH * NARROW, c);
}

/* The worst of choices, made for this CPU. */
static struct tuning worst_tuning(const struct et_program *program, struct compiled **compiled) {
    struct compile_options options = {.target = cpu_target(NULL), .list_candidates = true};
    *compiled = compile(program_graph(program), &options, NULL);
    cr_assert_not_null(*compiled);
    struct tuning tuning = worst_of(program, *compiled);
    tuning.target = options.target->name;
    return tuning;
}

static void expect_right_bits(struct et_program *program) {
    static float expected[ROWS * NARROW], found[ROWS * NARROW];
    struct et_error error = {0};
    fill_inputs();
    cr_assert(et_program_run(program, ET_EAGER, inputs, (void *[]){expected}, NULL, &error));
    cr_assert(et_program_run(program, ET_JIT, inputs, (void *[]){found}, NULL, &error), "%s",
              error.message);
    cr_assert_arr_eq(found, expected, sizeof found);
}

Test(tuning_files, programs_take_a_file) {
    struct et_error error = {0};
    struct et_program *program = program_of(build_products);
    struct compiled *plain;
    struct tuning tuning = worst_tuning(program, &plain);
    cr_assert(tuning_save(&tuning, path, &error), "%s", error.message);
    cr_assert(et_program_set_tuning(program, path, &error), "%s", error.message);
    expect_right_bits(program);
    cr_assert(program_compiled(program, ET_JIT)->tuned);
    struct et_program *other = program_of(build_convolutions);
    cr_assert_not(et_program_set_tuning(other, path, &error));
    cr_assert_not_null(strstr(error.message, ": made for the graph "), "%s", error.message);
    cr_assert_not(et_program_set_tuning(other, "/nowhere.json", &error));
    cr_assert(et_program_prepare(other, ET_JIT, &error), "%s", error.message);
    cr_assert_not(program_compiled(other, ET_JIT)->tuned);
    et_program_free(other);
    et_program_free(program);
    compiled_free(plain);
}

Test(tuning_files, a_file_that_does_not_fit_is_an_error) {
    struct et_error error = {0};
    struct et_program *program = program_of(build_products);
    struct compiled *plain;
    struct tuning tuning = worst_tuning(program, &plain);
    ((struct tuned_choice *)tuning.choices)[0].tile = "1x1";
    cr_assert(tuning_save(&tuning, path, &error), "%s", error.message);
    cr_assert(et_program_set_tuning(program, path, &error), "%s", error.message);
    cr_assert_not(et_program_prepare(program, ET_JIT, &error));
    cr_assert_not_null(strstr(error.message, path), "%s", error.message);
    cr_assert_not_null(strstr(error.message, "choices[0]: \"tile\" is none"), "%s", error.message);
    cr_assert(et_program_set_tuning(program, NULL, &error));
    expect_right_bits(program);
    et_program_free(program);
    compiled_free(plain);
}

/* ---- What is kept ---- */

static bool is_found(struct tensor (*build)(struct tensor_context *context), enum et_mode mode,
                     bool none) {
    struct et_error error = {0};
    struct et_program *program = program_of(build);
    if (none)
        cr_assert(et_program_set_tuning(program, NULL, NULL));
    cr_assert(et_program_prepare(program, mode, &error), "%s", error.message);
    bool tuned = program_compiled(program, mode)->tuned;
    et_program_free(program);
    return tuned;
}

Test(tuning_files, kept_choices_are_found_again) {
    struct et_error error = {0};
    struct text kept = {0};
    struct et_program *program = program_of(build_products);
    struct compiled *plain;
    struct tuning tuning = worst_tuning(program, &plain);
    cr_assert_not(is_found(build_products, ET_JIT, false));
    cr_assert_neq(access(folder, F_OK), -1);
    char name[100];
    snprintf(name, sizeof name, "%s/eigentensor", folder);
    cr_assert_eq(access(name, F_OK), -1, "looking makes no folder");
    cr_assert(tuning_cache_save(&tuning, cpu_target(NULL), &kept, &error), "%s", error.message);
    cr_assert(is_found(build_products, ET_JIT, false));
    cr_assert_not(is_found(build_products, ET_JIT, true));      /* none wanted */
    cr_assert_not(is_found(build_products, ET_AOT, false));     /* another mode */
    cr_assert_not(is_found(build_convolutions, ET_JIT, false)); /* another graph */
    if (cpu_target(NULL) != &targets[TARGET_BASELINE]) {
        setenv("EIGENTENSOR_CPU", "baseline", 1);
        cr_assert_not(is_found(build_products, ET_JIT, false)); /* another CPU */
        unsetenv("EIGENTENSOR_CPU");
    }
    expect_right_bits(program);
    cr_assert_eq(chmod(kept.bytes, 0622), 0); /* others may write to it */
    cr_assert_not(is_found(build_products, ET_JIT, false));
    cr_assert_eq(chmod(kept.bytes, 0600), 0);
    cr_assert(is_found(build_products, ET_JIT, false));
    cr_assert_eq(truncate(kept.bytes, 100), 0);
    cr_assert_not(is_found(build_products, ET_JIT, false));
    ((struct tuned_choice *)tuning.choices)[0].tile = "of another version";
    cr_assert(tuning_save(&tuning, kept.bytes, &error), "%s", error.message);
    cr_assert_not(is_found(build_products, ET_JIT, false));
    tuning.digest = DIGEST; /* under a wrong name */
    cr_assert(tuning_save(&tuning, kept.bytes, &error), "%s", error.message);
    cr_assert_not(is_found(build_products, ET_JIT, false));
    setenv("XDG_CACHE_HOME", "/proc/self", 1);
    cr_assert_not(is_found(build_products, ET_JIT, false));
    cr_assert_not(tuning_cache_save(&tuning, cpu_target(NULL), NULL, &error));
    cr_assert_not_null(strstr(error.message, "XDG_CACHE_HOME"), "%s", error.message);
    text_free(&kept);
    et_program_free(program);
    compiled_free(plain);
}

/* ---- The tuner ---- */

static void count_round(void *context, int done, int total) {
    int *last = context;
    cr_assert_gt(done, *last);
    cr_assert_leq(done, total);
    *last = done;
}

static void check_tuner(enum et_mode mode, int tries) {
    struct et_error error = {0};
    struct et_program *program = program_of(build_products);
    int last = 0;
    fill_inputs();
    struct tune_options options = {.backend = mode_backend(mode),
                                   .tries = tries,
                                   .seconds = 0.001,
                                   .inputs = inputs,
                                   .progress = count_round,
                                   .context = &last};
    struct tuned *tuned = tune(program, &options, &error);
    cr_assert_not_null(tuned, "%s", error.message);
    cr_assert_gt(last, 1);
    cr_assert_eq(tuned->count, 3);
    cr_assert_leq(tuned->tuning.count, 3);
    int changed = 0;
    for (int i = 0; i < tuned->count; i++) {
        cr_assert_gt(tuned->rows[i].before, 0);
        cr_assert_gt(tuned->rows[i].after, 0);
        changed += tuned->rows[i].changed;
    }
    cr_assert_eq(tuned->tuning.count, changed);
    cr_assert(tuning_save(&tuned->tuning, path, &error), "%s", error.message);
    cr_assert(et_program_set_tuning(program, path, &error), "%s", error.message);
    expect_right_bits(program);
    tuned_free(tuned);
    et_program_free(program);
}

Test(tuning_files, the_tuner_finds_choices_that_fit) {
    check_tuner(ET_JIT, 6);
}

Test(tuning_files, the_tuner_finds_choices_for_gcc) {
    check_tuner(ET_AOT, 1);
}

/* A graph without contractions has nothing to choose. */
static struct tensor build_sum(struct tensor_context *context) {
    struct tensor y = input(context, "x", SHAPE(ROWS, DEPTH));
    return tensor_add(y, y);
}

Test(tuning_files, nothing_to_tune) {
    struct et_error error = {0};
    struct et_program *program = program_of(build_sum);
    struct tune_options options = {.backend = mode_backend(ET_JIT), .tries = 3, .inputs = inputs};
    struct tuned *tuned = tune(program, &options, &error);
    cr_assert_not_null(tuned, "%s", error.message);
    cr_assert_eq(tuned->count, 0);
    cr_assert_eq(tuned->tuning.count, 0);
    tuned_free(tuned);
    et_program_free(program);
}
