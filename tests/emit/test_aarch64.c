/* Emitted C on AArch64: built by a cross compiler and run by an emulator, it must give the bits
 * that the interpreter gives here. EIGENTENSOR_SEED and EIGENTENSOR_AARCH64_COUNT change the seeds
 * and the number of random graphs. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "runtime/backend/scratch.h"
#include "tests/support/collection.h"
#include "tests/support/random_graph.h"

#define COMPILER "aarch64-linux-gnu-gcc"
#define EMULATOR "qemu-aarch64"
#define COUNT "EIGENTENSOR_AARCH64_COUNT"

enum { USUAL_COUNT = 200, USUAL_SEED = 1, CLANG_SEED = 131, PATH_ROOM = 512 };

/* Skips the test where there is no compiler or no emulator. */
static void make_scratch(struct scratch *scratch) {
    struct et_error error = {0};
    cr_assert(scratch_make(scratch, &error), "%s", error.message);
    if (can_build_for(scratch->path, (const char *[]){COMPILER, "-static", NULL}, EMULATOR))
        return;
    scratch_remove(scratch);
    cr_skip(COMPILER " builds nothing that " EMULATOR " runs");
}

static void build(const struct collection *collection, const char *const *command,
                  const char *program) {
    struct text said = {0};
    int status = collection_build(collection, command, program, &said);
    cr_assert_eq(status, 0, "exit status %d\n%s", status, said.bytes ? said.bytes : "");
    text_free(&said);
}

/* By the command, of the usual seeds or others. */
static void check(const char *machine, const char *const *command, uint64_t first,
                  const char *filter) {
    struct scratch scratch;
    make_scratch(&scratch);
    struct collection collection = {
        .folder = scratch.path, .target = target_find("neon"), .in_units = true};
    collect_stored(&collection);
    collect_randoms(&collection, first, COUNT, USUAL_COUNT);
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s/all", scratch.path);
    build(&collection, command, path);
    expect_same_bits((const char *[]){EMULATOR, path, NULL}, COUNT, filter);
    report_machine(machine, collection.count);
    collection_end(&collection);
    scratch_remove(&scratch);
}

Test(aarch64, the_same_bits, .timeout = 900) {
    check("aarch64",
          (const char *[]){COMPILER, "-std=gnu11", "-O2", "-static", "-fno-math-errno",
                           "-fno-trapping-math", NULL},
          USUAL_SEED, "aarch64/the_same_bits");
}

/* clang finds the headers and libraries of the other compiler. The seeds are some that it made
 * mistakes of (findings/clang_choice_of_zero.sh). */
Test(aarch64, the_same_bits_by_clang, .timeout = 900) {
    check("aarch64 (clang)",
          (const char *[]){"clang", "--target=aarch64-linux-gnu", "-std=gnu11", "-O2", "-static",
                           "-fno-math-errno", NULL},
          CLANG_SEED, "aarch64/the_same_bits_by_clang");
}

/* Tiles of 8-bit integers: widened, and by each instruction that there may be. */
Test(aarch64, tiles_of_bytes_are_the_plain_loop, .timeout = 300) {
    static const char *const options[] = {"-march=armv8-a", "-march=armv8.2-a+dotprod",
                                          "-march=armv8.2-a+i8mm"};
    struct scratch scratch;
    char path[PATH_ROOM];
    make_scratch(&scratch);
    snprintf(path, sizeof path, "%s/dots", scratch.path);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        expect_success((const char *[]){COMPILER, "-std=gnu11", "-O2", "-static", "-Wall",
                                        "-Wextra", "-Werror", options[i], "-I.",
                                        "tests/emit/collection/dots.c",
                                        "runtime/kernels/dots_baseline.c", "-o", path, NULL});
        expect_success((const char *[]){EMULATOR, "-cpu", "max", path, NULL});
    }
    scratch_remove(&scratch);
}
