/* Emitted C on other machines: built by a cross compiler and run by an emulator, it must give the
 * bits that the interpreter gives here; tests/emit/test_aarch64.c has AArch64, test_small.c cores
 * without an operating system, test_wasm.c WebAssembly. EIGENTENSOR_SEED and
 * EIGENTENSOR_CROSS_COUNT change the seeds and the number of random graphs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "runtime/backend/process.h"
#include "runtime/backend/scratch.h"
#include "tests/support/collection.h"
#include "tests/support/random_graph.h"

#define COUNT "EIGENTENSOR_CROSS_COUNT"

enum { USUAL_COUNT = 200, USUAL_SEED = 1, PATH_ROOM = 512, MOST_OPTIONS = 12 };

struct machine {
    const char *name, *emulator;
    bool big_endian;
    const struct target *target;        /* all graphs are for it; NULL: each for the next */
    const char *compiler[MOST_OPTIONS]; /* and its options */
};

/* With instructions for fused multiply-adds, and the bytes in the other order. */
static const struct machine s390x = {
    .name = "s390x",
    .emulator = "qemu-s390x",
    .big_endian = true,
    .compiler = {"s390x-linux-gnu-gcc", "-std=gnu11", "-O2", "-static", NULL}};

/* In the other order, without those instructions, with some for float64. */
static const struct machine mips = {
    .name = "mips",
    .emulator = "qemu-mips",
    .big_endian = true,
    .compiler = {"mips-linux-gnu-gcc", "-std=gnu11", "-O2", "-static", NULL}};

/* Of 32 bits, without those instructions. */
static const struct machine armhf = {
    .name = "armhf",
    .emulator = "qemu-arm",
    .compiler = {"arm-linux-gnueabihf-gcc", "-std=gnu11", "-O2", "-static", NULL}};

static const struct machine riscv64 = {
    .name = "riscv64",
    .emulator = "qemu-riscv64",
    .compiler = {"riscv64-linux-gnu-gcc", "-std=gnu11", "-O2", "-static", NULL}};

/* With vectors, of 128 bits in a first run and of 512 in a second: the scripts have the options for
 * that. Loops that are none of our vectors stay so: QEMU 7.2 ends where a block of code begins with
 * a conversion to integers. */
static const struct machine riscv64_v = {.name = "riscv64-v (clang)",
                                         .emulator = "tests/support/riscv64_v_qemu.sh",
                                         .target = &targets[TARGET_RISCV64_V],
                                         .compiler = {"tests/support/riscv64_v_clang.sh",
                                                      "-std=gnu11", "-O2", "-static",
                                                      "-fno-math-errno", "-fno-vectorize", NULL}};

/* Without an FPU, by newlib, as small cores are: one whose programs the emulator runs alone. */
static const struct machine newlib = {.name = "arm926 (newlib)",
                                      .emulator = "qemu-arm",
                                      .compiler = {"arm-none-eabi-gcc", "-std=gnu11", "-O2",
                                                   "-mcpu=arm926ej-s", "-marm",
                                                   "--specs=rdimon.specs", NULL}};

/* Whose floats are right by SSE only; without, the text does not compile (test_safe.c). */
static const struct machine i686 = {.name = "i686",
                                    .emulator = "qemu-i386",
                                    .compiler = {"i686-linux-gnu-gcc", "-std=gnu11", "-O2",
                                                 "-msse2", "-mfpmath=sse", "-static", NULL}};

/* Where `long` has 32 bits, and the C library's products and sums are not rounded once. */
static const struct machine windows = {
    .name = "x86-64 (Windows)",
    .emulator = "tests/support/wine.sh",
    .compiler = {"x86_64-w64-mingw32-gcc", "-std=gnu11", "-O2", "-static", NULL}};

/* Skips the test where there is no compiler or no emulator. */
static void make_scratch(const struct machine *machine, struct scratch *scratch) {
    struct et_error error = {0};
    cr_assert(scratch_make(scratch, &error), "%s", error.message);
    if (can_build_for(scratch->path, machine->compiler, machine->emulator))
        return;
    scratch_remove(scratch);
    cr_skip("%s builds nothing that %s runs", machine->compiler[0], machine->emulator);
}

static void expect_bits(const struct machine *machine, const char *filter) {
    struct scratch scratch;
    struct text said = {0};
    char path[PATH_ROOM];
    make_scratch(machine, &scratch);
    struct collection collection = {.folder = scratch.path,
                                    .target = machine->target,
                                    .big_endian = machine->big_endian,
                                    .in_units = true};
    collect_stored(&collection);
    collect_randoms(&collection, USUAL_SEED, COUNT, USUAL_COUNT);
    snprintf(path, sizeof path, "%s/all", scratch.path);
    int status = collection_build(&collection, machine->compiler, path, &said);
    cr_assert_eq(status, 0, "exit status %d\n%s", status, said.bytes ? said.bytes : "");
    expect_same_bits((const char *[]){machine->emulator, path, NULL}, COUNT, filter);
    report_machine(machine->name, collection.count);
    text_free(&said);
    collection_end(&collection);
    scratch_remove(&scratch);
}

Test(cross, s390x, .timeout = 900) {
    expect_bits(&s390x, "cross/s390x");
}

Test(cross, mips, .timeout = 900) {
    expect_bits(&mips, "cross/mips");
}

Test(cross, armhf, .timeout = 900) {
    expect_bits(&armhf, "cross/armhf");
}

Test(cross, newlib, .timeout = 900) {
    expect_bits(&newlib, "cross/newlib");
}

Test(cross, riscv64, .timeout = 900) {
    expect_bits(&riscv64, "cross/riscv64");
}

Test(cross, riscv64_v, .timeout = 900) {
    expect_bits(&riscv64_v, "cross/riscv64_v");
}

Test(cross, i686, .timeout = 900) {
    expect_bits(&i686, "cross/i686");
}

Test(cross, windows, .timeout = 900) {
    expect_bits(&windows, "cross/windows");
}

/* ---- Products and sums rounded once ---- */

/* What tests/templates/fma_hard.c says of its results: a line, which ends otherwise on Windows. */
static void digest_of(const char *const *run, struct text *digest) {
    struct et_error error = {0};
    int status;
    cr_assert(process_run(run, digest, &status, &error), "%s", error.message);
    cr_assert_eq(status, 0, "%s: exit status %d\n%s", run[0], status,
                 digest->bytes ? digest->bytes : "");
    cr_assert_gt(digest->length, 16);
    digest->bytes[strcspn(digest->bytes, "\r\n")] = 0;
}

static void build_hard(const char *const *compiler, const char *program) {
    const char *command[MOST_OPTIONS + 8];
    int count = 0;
    while (*compiler)
        command[count++] = *compiler++;
    const char *const rest[] = {"-I.", "tests/templates/fma_hard.c", "-o", program, "-lm", NULL};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        command[count++] = rest[i];
    expect_success(command);
}

Test(cross, fused_multiply_add, .timeout = 900) {
    static const struct machine *const machines[] = {&s390x,   &mips, &armhf,  &newlib,
                                                     &riscv64, &i686, &windows};
    static const char cases[] = "100000";
    struct et_error error = {0};
    struct scratch scratch;
    struct text here = {0};
    char program[PATH_ROOM];
    int built = 0;
    cr_assert(scratch_make(&scratch, &error), "%s", error.message);
    snprintf(program, sizeof program, "%s/hard", scratch.path);
    build_hard((const char *[]){"gcc", "-std=gnu11", "-O2", NULL}, program);
    digest_of((const char *[]){program, cases, NULL}, &here);
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        const struct machine *machine = machines[i];
        if (!can_build_for(scratch.path, machine->compiler, machine->emulator))
            continue;
        struct text there = {0};
        build_hard(machine->compiler, program);
        digest_of((const char *[]){machine->emulator, program, cases, NULL}, &there);
        cr_expect_str_eq(there.bytes, here.bytes, "%s", machine->compiler[0]);
        text_free(&there);
        built++;
    }
    text_free(&here);
    scratch_remove(&scratch);
    if (!built)
        cr_skip("there is no cross compiler");
}
