/* Emitted C for machines without vectors: with weights and arena of its own or without, built here
 * and for cores that an emulator runs, it must give the interpreter's bits. EIGENTENSOR_SEED and
 * EIGENTENSOR_SMALL_COUNT change the seeds and the number of random graphs. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

#include "compiler/builder/builder.h"
#include "compiler/compile.h"
#include "compiler/emit/backend.h"
#include "runtime/backend/process.h"
#include "runtime/backend/scratch.h"
#include "tests/support/collection.h"
#include "tests/support/random_graph.h"

#define COUNT "EIGENTENSOR_SMALL_COUNT"

enum { COUNT_HERE = 3, USUAL_COUNT = 200, USUAL_SEED = 1, PATH_ROOM = 512 };

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
    collect_narrow(&build->collection);
    collect_randoms(&build->collection, USUAL_SEED, COUNT, COUNT_HERE);
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

/* ---- Cores without an operating system, on boards of QEMU's ---- */

#define CROSS "arm-none-eabi-gcc"
#define EMULATOR "qemu-system-arm"
#define RISCV_CROSS "riscv64-unknown-elf-gcc"
#define RISCV_EMULATOR "qemu-system-riscv32"

enum { MOST_WORDS = 20 };

/* The compiler with its options, and the emulator, of which -kernel and the program follow. */
struct board {
    const char *name, *target;
    const char *compiler[MOST_WORDS], *emulator[MOST_WORDS];
};

/* What a core takes besides its name: newlib, and files of the machine that emulates it. */
#define CORTEX_M(core, level, ...)                                                                 \
    {                                                                                              \
        CROSS, "-std=gnu11", level, "-mcpu=" core, "-mthumb", "--specs=rdimon.specs",              \
            "-nostartfiles", "-DMEASURES_STACK", "-Ttests/emit/collection/cortex_m.ld",            \
            __VA_ARGS__                                                                            \
    }
#define ON_MACHINE(emulator, ...)                                                                  \
    { emulator, "-nographic", "-semihosting-config", "enable=on,target=native", "-M", __VA_ARGS__ }
#define RISCV32(isa, abi)                                                                          \
    {                                                                                              \
        RISCV_CROSS, "-std=gnu11", "-O2", "-march=" isa, "-mabi=" abi, "-DMEASURES_STACK",         \
            "--specs=picolibc.specs", "--crt0=semihost", "--oslib=semihost",                       \
            "-Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=8M",                            \
            "-Wl,--defsym=__ram=0x80800000,--defsym=__ram_size=32M"                                \
    }
#define HARD "-mfloat-abi=hard"

/* There is no board with a Cortex-M0 and room for this: a Cortex-M3 runs its instructions, too. */
static const struct board boards[] = {
    {"cortex-m0", "cortex-m0", CORTEX_M("cortex-m0", "-O2"), ON_MACHINE(EMULATOR, "mps2-an385")},
    {"cortex-m3", "cortex-m3", CORTEX_M("cortex-m3", "-O2"), ON_MACHINE(EMULATOR, "mps2-an385")},
    {"cortex-m4", "cortex-m4", CORTEX_M("cortex-m4", "-O2", HARD),
     ON_MACHINE(EMULATOR, "mps2-an386")},
    {"cortex-m4 (-Os)", "cortex-m4", CORTEX_M("cortex-m4", "-Os", HARD),
     ON_MACHINE(EMULATOR, "mps2-an386")},
    {"cortex-m7", "cortex-m7", CORTEX_M("cortex-m7", "-O2", HARD),
     ON_MACHINE(EMULATOR, "mps2-an500")},
    {"cortex-m33", "cortex-m33",
     CORTEX_M("cortex-m33", "-O2", HARD, "-Wl,--defsym=start_at=0x10000000",
              "-Wl,--defsym=code_at=0x10000400,--defsym=data_at=0x38000000"),
     ON_MACHINE(EMULATOR, "mps2-an505")},
    {"cortex-m55", "cortex-m55",
     CORTEX_M("cortex-m55", "-O2", HARD,
              "-Wl,--defsym=code_at=0x70000000,--defsym=data_at=0x70400000"),
     ON_MACHINE(EMULATOR, "mps3-an547")},
    {"riscv32", "riscv32", RISCV32("rv32imafc", "ilp32f"),
     ON_MACHINE(RISCV_EMULATOR, "virt", "-bios", "none")},
    {"riscv32 (no FPU)", "riscv32", RISCV32("rv32imc", "ilp32"),
     ON_MACHINE(RISCV_EMULATOR, "virt", "-bios", "none")},
};
enum { BOARDS = sizeof boards / sizeof *boards };

static bool is_there(const char *tool) {
    struct text said = {0};
    int status = 1;
    bool good = process_run((const char *[]){tool, "--version", NULL}, &said, &status, NULL);
    text_free(&said);
    return good && status == 0;
}

static void need_tools(const char *compiler, const char *emulator) {
    if (!is_there(compiler) || !is_there(emulator))
        cr_skip("there is no %s or no %s", compiler, emulator);
}

static void run_on(const struct board *board, const char *program) {
    const char *run[MOST_WORDS + 3];
    int count = 0;
    while (board->emulator[count]) {
        run[count] = board->emulator[count];
        count++;
    }
    run[count++] = "-kernel";
    run[count++] = program;
    run[count] = NULL;
    expect_same_bits(run, COUNT, "small/boards");
}

static void begin_for(struct build *build, const struct board *board) {
    begin(build, board->target);
    build->collection.weights_form = WEIGHTS_ARRAY;
    build->collection.in_units = true;
    if (strcmp(board->compiler[0], CROSS) == 0)
        build->collection.start = "tests/emit/collection/cortex_m.c";
}

/* A board has room for so many graphs, so that there may be several programs. */
static void expect_bits_on(const struct board *board) {
    enum { MOST_ON_A_BOARD = 50 };
    const uint64_t seed = number_from_environment("EIGENTENSOR_SEED", USUAL_SEED);
    const uint64_t count = number_from_environment(COUNT, USUAL_COUNT);
    int done = 0;
    need_tools(board->compiler[0], board->emulator[0]);
    for (uint64_t first = 0; first < count; first += MOST_ON_A_BOARD) {
        struct build build;
        begin_for(&build, board);
        if (first == 0) {
            collect_stored(&build.collection);
            collect_narrow(&build.collection);
        }
        for (uint64_t i = first; i < count && i < first + MOST_ON_A_BOARD; i++)
            collect_random(&build.collection, seed + i);
        build_all(&build, board->compiler);
        run_on(board, build.program);
        done += build.collection.count;
        end(&build);
    }
    report_machine(board->name, done);
}

/* As C++, for which newlib's headers define some words of C, too. */
Test(small, cplusplus_on_a_core, .timeout = 300) {
    static const struct board board = {"cortex-m4 (C++20)",
                                       "cortex-m4",
                                       {CROSS, "-x", "c++", "-std=c++20", "-fno-exceptions", "-O2",
                                        WARNINGS, "-mcpu=cortex-m4", "-mthumb", HARD,
                                        "--specs=rdimon.specs", "-nostartfiles",
                                        "-Ttests/emit/collection/cortex_m.ld"},
                                       ON_MACHINE(EMULATOR, "mps2-an386")};
    need_tools(board.compiler[0], board.emulator[0]);
    struct build build;
    begin_for(&build, &board);
    build.collection.static_arena = true;
    collect_stored(&build.collection);
    collect_narrow(&build.collection);
    build_all(&build, board.compiler);
    run_on(&board, build.program);
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
    need_tools(CROSS, EMULATOR);
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

ParameterizedTestParameters(small, boards) {
    static int places[BOARDS];
    for (int i = 0; i < BOARDS; i++)
        places[i] = i;
    return cr_make_param_array(int, places, BOARDS);
}

ParameterizedTest(const int *place, small, boards, .timeout = 900) {
    expect_bits_on(&boards[*place]);
}
