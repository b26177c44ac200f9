/* Emitted C for machines without vectors: with weights and arena of its own or without, built here
 * and for cores that an emulator runs, it must give the interpreter's bits. EIGENTENSOR_SEED and
 * EIGENTENSOR_SMALL_COUNT change the seeds and the number of random graphs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "compiler/builder/builder.h"
#include "compiler/compile.h"
#include "compiler/emit/backend.h"
#include "runtime/backend/process.h"
#include "runtime/backend/scratch.h"
#include "tests/support/collection.h"
#include "tests/support/random_graph.h"

enum { USUAL_COUNT = 16, USUAL_SEED = 1, PATH_ROOM = 512 };

struct build {
    struct scratch scratch;
    struct collection collection;
    char program[PATH_ROOM];
};

static void begin(struct build *build, const char *target) {
    struct et_error error = {0};
    *build = (struct build){0};
    cr_assert(scratch_make(&build->scratch, &error), "%s", error.message);
    build->collection.folder = build->scratch.path;
    build->collection.target = target_find(target);
    cr_assert_not_null(build->collection.target);
    snprintf(build->program, sizeof build->program, "%s/all", build->scratch.path);
}

static void collect_all(struct build *build) {
    collect_stored(&build->collection);
    uint64_t seed = number_from_environment("EIGENTENSOR_SEED", USUAL_SEED);
    uint64_t count = number_from_environment("EIGENTENSOR_SMALL_COUNT", USUAL_COUNT);
    for (uint64_t i = 0; i < count && build->collection.count < MOST_COLLECTED; i++)
        collect_random(&build->collection, seed + i);
}

static void end(struct build *build) {
    collection_end(&build->collection);
    scratch_remove(&build->scratch);
}

static void build_all(struct build *build, const char *const *command) {
    struct text said = {0};
    int status = collection_build(&build->collection, command, build->program, &said);
    cr_assert_eq(status, 0, "exit status %d\n%s", status, said.bytes ? said.bytes : "");
    text_free(&said);
}

/* ---- Here ---- */

#define WARNINGS "-Wall", "-Wextra", "-Werror"

static void expect_bits(const char *target, enum weights_form form, bool static_arena,
                        const char *const *command) {
    struct build build;
    begin(&build, target);
    build.collection.weights_form = form;
    build.collection.static_arena = static_arena;
    collect_all(&build);
    build_all(&build, command);
    expect_success((const char *[]){build.program, NULL});
    end(&build);
}

Test(small, weights_in_a_file, .timeout = 900) {
    expect_bits("cortex-m4", WEIGHTS_FILE, false,
                (const char *[]){"gcc", "-std=gnu11", "-O2", "-march=native", WARNINGS, NULL});
}

Test(small, weights_as_an_array, .timeout = 900) {
    expect_bits("generic", WEIGHTS_ARRAY, true,
                (const char *[]){"gcc", "-std=gnu11", "-Os", WARNINGS, NULL});
}

Test(small, weights_by_the_assembler, .timeout = 900) {
    expect_bits("cortex-m0", WEIGHTS_ASSEMBLER, true,
                (const char *[]){"clang", "-O1", WARNINGS, NULL});
}

/* What vectors there are stays as it is. */
Test(small, weights_beside_vectors, .timeout = 900) {
    expect_bits("avx2", WEIGHTS_ASSEMBLER, false, (const char *[]){"gcc", "-O2", WARNINGS, NULL});
}

/* ---- What cannot be ---- */

static void expect_refusal(const char *path, struct compile_options options, const char *words) {
    struct et_error error = {0};
    struct weights *weights;
    struct graph *graph = graph_load(path, &weights, &error);
    cr_assert(graph, "%s", error.message);
    cr_expect_null(compile(graph, &options, &error));
    cr_expect(strstr(error.message, words), "%s", error.message);
    graph_free(graph);
    weights_free(weights);
}

Test(small, what_no_text_can_have) {
    const char *path = "models/mnist/mnist.json";
    expect_refusal(path, (struct compile_options){.static_arena = true, .threads = 2},
                   "not for 2 threads, expected one");
    expect_refusal(path, (struct compile_options){.static_arena = true, .backend = &emit_calls},
                   "the backend \"calls\" has none");
    expect_refusal(path, (struct compile_options){.static_arena = true, .backend = &emit_cuda},
                   "weights or an arena of its own");
    expect_refusal(path, (struct compile_options){.section = ".flash"}, "as array or assembler");
    expect_refusal(path,
                   (struct compile_options){.section = ".a\")))", .weights_form = WEIGHTS_ARRAY},
                   "section \".a\")))\": expected letters, digits and _.$,");
}

/* ---- Cortex-M, by QEMU ---- */

#define CROSS "arm-none-eabi-gcc"
#define EMULATOR "qemu-system-arm"

/* A board that QEMU has, and what compiles for its core. */
static const struct board {
    const char *target, *machine, *cpu, *floats;
} boards[] = {
    {"cortex-m4", "mps2-an386", "-mcpu=cortex-m4", "-mfloat-abi=hard"},
    {"cortex-m7", "mps2-an500", "-mcpu=cortex-m7", "-mfloat-abi=hard"},
    {"cortex-m33", "mps2-an505", "-mcpu=cortex-m33", "-mfloat-abi=hard"},
};

static void make_command(const struct board *board, const char *level, const char **command) {
    const char *const words[] = {CROSS,
                                 "-std=gnu11",
                                 level,
                                 board->cpu,
                                 "-mthumb",
                                 board->floats,
                                 "--specs=rdimon.specs",
                                 "-nostartfiles",
                                 "-DMEASURES_STACK",
                                 "-Ttests/emit/collection/cortex_m.ld",
                                 "tests/emit/collection/cortex_m.c",
                                 NULL};
    memcpy(command, words, sizeof words);
}

static bool has_tools(void) {
    struct text said = {0};
    int status = 1;
    bool compiler = process_run((const char *[]){CROSS, "--version", NULL}, &said, &status, NULL);
    bool good = compiler && status == 0 &&
                process_run((const char *[]){EMULATOR, "--version", NULL}, &said, &status, NULL) &&
                status == 0;
    text_free(&said);
    return good;
}

static void expect_bits_on(const struct board *board, const char *level) {
    const char *command[16];
    struct build build;
    if (!has_tools())
        cr_skip("there is no " CROSS " or no " EMULATOR);
    begin(&build, board->target);
    build.collection.weights_form = WEIGHTS_ARRAY;
    collect_all(&build);
    make_command(board, level, command);
    build_all(&build, command);
    expect_success((const char *[]){EMULATOR, "-M", board->machine, "-nographic",
                                    "-semihosting-config", "enable=on,target=native", "-kernel",
                                    build.program, NULL});
    end(&build);
}

/* ---- Cortex-M55, whose vectors of floats lose subnormals ---- */

static void put_file(const char *folder, const char *name, const char *text) {
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s", path);
}

/* products.c and .h: z = x * y, as planned for a target. */
static void write_products(const char *folder, const char *target) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("products");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(7));
    struct tensor y = add_graph_input(context, "y", DTYPE_FLOAT32, SHAPE(7));
    struct graph *graph = compile_to_graph(context, OUTPUTS({"z", tensor_mul(x, y)}), &error);
    cr_assert(graph, "%s", error.message);
    const struct compile_options options = {.target = target_find(target), .portable = true};
    struct compiled *compiled = compile(graph, &options, &error);
    cr_assert(compiled, "%s", error.message);
    put_file(folder, "products.c", compiled->source);
    put_file(folder, "products.h", compiled->header);
    compiled_free(compiled);
    graph_free(graph);
}

static void expect_subnormals(const char *target, const char *level) {
    struct build build;
    char source[PATH_ROOM];
    if (!has_tools())
        cr_skip("there is no " CROSS " or no " EMULATOR);
    begin(&build, target);
    write_products(build.scratch.path, target);
    snprintf(source, sizeof source, "%s/products.c", build.scratch.path);
    expect_success(
        (const char *[]){CROSS, "-std=gnu11", level, "-mcpu=cortex-m55", "-mthumb",
                         "-mfloat-abi=hard", "--specs=rdimon.specs", "-nostartfiles",
                         "-Wl,--defsym=small_stack=1", "-Ttests/emit/collection/cortex_m.ld",
                         "tests/emit/collection/cortex_m.c", "tests/emit/collection/subnormals.c",
                         "-I", build.scratch.path, source, "-o", build.program, NULL});
    expect_success((const char *[]){EMULATOR, "-M", "mps3-an547", "-nographic",
                                    "-semihosting-config", "enable=on,target=native", "-kernel",
                                    build.program, NULL});
    scratch_remove(&build.scratch);
}

Test(small, cortex_m55_keeps_subnormals, .timeout = 300) {
    expect_subnormals("cortex-m55", "-O3");
    expect_subnormals("avx512", "-O2");
}

Test(small, cortex_m4, .timeout = 900) {
    expect_bits_on(&boards[0], "-O2");
}

Test(small, cortex_m4_of_small_code, .timeout = 900) {
    expect_bits_on(&boards[0], "-Os");
}
