/* Emitted C is safe by itself: whoever compiles it, with what options of its own, gets the bits of
 * the interpreter, or a message. EIGENTENSOR_SEED and EIGENTENSOR_SAFE_COUNT change the seeds and
 * the number of random graphs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "runtime/backend/scratch.h"
#include "tests/support/collection.h"
#include "tests/support/random_graph.h"

#define EMULATOR "qemu-x86_64"

enum { USUAL_COUNT = 5, USUAL_SEED = 1, PATH_ROOM = 512 };

struct build {
    struct scratch scratch;
    struct collection collection;
    char program[PATH_ROOM];
};

static void begin(struct build *build) {
    struct et_error error = {0};
    *build = (struct build){0};
    cr_assert(scratch_make(&build->scratch, &error), "%s", error.message);
    build->collection.folder = build->scratch.path;
    snprintf(build->program, sizeof build->program, "%s/all", build->scratch.path);
    collect_stored(&build->collection);
}

static void add_random(struct build *build) {
    uint64_t seed = number_from_environment("EIGENTENSOR_SEED", USUAL_SEED);
    uint64_t count = number_from_environment("EIGENTENSOR_SAFE_COUNT", USUAL_COUNT);
    for (uint64_t i = 0; i < count && build->collection.count < MOST_COLLECTED; i++)
        collect_random(&build->collection, seed + i);
}

static void end(struct build *build) {
    collection_end(&build->collection);
    scratch_remove(&build->scratch);
}

static void expect_bits(const char *const *command) {
    struct build build;
    struct text said = {0};
    begin(&build);
    add_random(&build);
    int status = collection_build(&build.collection, command, build.program, &said);
    cr_assert_eq(status, 0, "exit status %d\n%s", status, said.bytes ? said.bytes : "");
    expect_success((const char *[]){build.program, NULL});
    text_free(&said);
    end(&build);
}

Test(safe, gcc, .timeout = 900) {
    expect_bits((const char *[]){"gcc", "-O3", "-march=native", NULL});
}

Test(safe, gcc_told_to_contract, .timeout = 900) {
    expect_bits(
        (const char *[]){"gcc", "-O2", "-march=native", "-ffp-contract=fast", "-flto", NULL});
}

/* For any x86-64 CPU, which on this one takes what vectors it has; for one without fused
 * multiply-adds, and for a machine that has not even float64. */
Test(safe, gcc_for_all, .timeout = 900) {
    expect_bits((const char *[]){"gcc", "-O2", NULL});
    expect_bits((const char *[]){"gcc", "-O2", "-DONE_VERSION", NULL});
    expect_bits((const char *[]){"gcc", "-O2", "-DONE_VERSION", "-DFMA_BY_INTEGERS", NULL});
}

Test(safe, clang_for_all, .timeout = 900) {
    expect_bits((const char *[]){"clang", "-O2", NULL});
}

#if defined __x86_64__
/* The same program on CPUs of which one has AVX2 alone and one has neither. */
Test(safe, other_vectors, .timeout = 900) {
    static const char *const cpus[] = {"max,-avx512f", "qemu64"};
    struct build build;
    struct text said = {0};
    begin(&build);
    if (!can_build_for(build.scratch.path, (const char *[]){"gcc", NULL}, EMULATOR)) {
        end(&build);
        cr_skip("there is no " EMULATOR);
    }
    add_random(&build);
    int status = collection_build(&build.collection, (const char *[]){"gcc", "-O2", NULL},
                                  build.program, &said);
    cr_assert_eq(status, 0, "exit status %d\n%s", status, said.bytes ? said.bytes : "");
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++)
        expect_success((const char *[]){EMULATOR, "-cpu", cpus[i], build.program, NULL});
    text_free(&said);
    end(&build);
}
#endif

Test(safe, clang, .timeout = 900) {
    expect_bits((const char *[]){"clang", "-O2", "-march=native", NULL});
}

Test(safe, cplusplus, .timeout = 900) {
    expect_bits((const char *[]){"g++", "-x", "c++", "-std=c++20", "-O2", "-march=native", NULL});
}

Test(safe, cplusplus_of_clang, .timeout = 900) {
    expect_bits(
        (const char *[]){"clang++", "-x", "c++", "-std=c++20", "-O1", "-march=native", NULL});
}

#if defined __x86_64__
#define CROSS "i686-linux-gnu-gcc"

/* How code for 32 bits can be built here; NULL: it cannot. */
static const char *const *narrow_compiler(void) {
    static const char *const commands[][8] = {
        {"gcc", "-m32", "-O2", "-msse2", "-mfpmath=sse", NULL},
        {CROSS, "-static", "-O2", "-msse2", "-mfpmath=sse", NULL},
    };
    struct scratch scratch;
    const char *const *found = NULL;
    cr_assert(scratch_make(&scratch, NULL));
    for (size_t i = 0; i < sizeof commands / sizeof *commands && !found; i++)
        if (can_build_for(scratch.path, commands[i], NULL))
            found = commands[i];
    scratch_remove(&scratch);
    return found;
}

Test(safe, narrow, .timeout = 900) {
    const char *const *command = narrow_compiler();
    if (!command)
        cr_skip("neither gcc -m32 nor " CROSS " builds what runs here");
    expect_bits(command);
}
#endif

/* ---- Refused ---- */

static void expect_refused(const char *const *command, const char *message) {
    struct build build;
    struct text said = {0};
    begin(&build);
    int status = collection_build(&build.collection, command, build.program, &said);
    cr_expect_neq(status, 0);
    cr_expect(said.bytes && strstr(said.bytes, message), "%s", said.bytes);
    text_free(&said);
    end(&build);
}

Test(safe, fast_math_is_refused) {
    static const char *const options[] = {"-ffast-math", "-Ofast", "-ffinite-math-only"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        expect_refused((const char *[]){"gcc", options[i], NULL}, "leave out -ffast-math");
        expect_refused((const char *[]){"clang", options[i], NULL}, "leave out -ffast-math");
    }
    expect_refused((const char *[]){"gcc", "-funsafe-math-optimizations", NULL},
                   "leave out -ffast-math");
}

#if defined __x86_64__
Test(safe, wider_floats_are_refused) {
    expect_refused((const char *[]){"gcc", "-mfpmath=387", NULL}, "add -msse2 -mfpmath=sse");
}
#endif

Test(safe, other_orders_of_bytes_are_refused) {
    expect_refused((const char *[]){"gcc", "-U__BYTE_ORDER__", "-D__BYTE_ORDER__=4321", NULL},
                   "little-endian order");
    expect_refused((const char *[]){"clang", "-U__BYTE_ORDER__", "-D__BYTE_ORDER__=4321", NULL},
                   "little-endian order");
}
