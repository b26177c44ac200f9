/* The machine's C compiler: libraries that load, executables that run alone, errors that help,
 * nothing left behind. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/backend/aot.h"
#include "runtime/backend/process.h"
#include "runtime/kernels/cpu.h"

/* y = fma(x, w, -1), four times; the last shows whether it was rounded twice. */
static const char header_text[] =
    "void sample_run_array(const void *const *, void *const *, const void *, void *);\n";
static const char source_text[] =
    "#include \"sample.h\"\n"
    "#include <math.h>\n"
    "void sample_run_array(const void *const *inputs, void *const *outputs, const void *weights,\n"
    "                      void *arena) {\n"
    "    const float *x = inputs[0], *w = weights;\n"
    "    float *y = outputs[0];\n"
    "    (void)arena;\n"
    "    for (int i = 0; i < 4; i++)\n"
    "        y[i] = fmaf(x[i], w[i], -1.0f);\n"
    "}\n";
static const char main_text[] =
    "#include \"sample.h\"\n"
    "#include <stdint.h>\n"
    "#include <stdio.h>\n"
    "extern const unsigned char sample_weights[];\n"
    "int main(void) {\n"
    "    float x[4] = {1, 2, 3, 0x1.001p+0f}, y[4];\n"
    "    sample_run_array((const void *[]){x}, (void *[]){y}, sample_weights, 0);\n"
    "    printf(\"%a %a %a %a %d\\n\", y[0], y[1], y[2], y[3], (int)((uintptr_t)sample_weights % "
    "64));\n"
    "    return 0;\n"
    "}\n";
static float weights[4] = {10, 20, 30, 0x1.001p+0f};

static struct compiled sample(void) {
    return (struct compiled){.prefix = "sample",
                             .source = source_text,
                             .source_bytes = strlen(source_text),
                             .header = header_text,
                             .header_bytes = strlen(header_text),
                             .weights = weights,
                             .weights_bytes = sizeof weights};
}

/* A fresh directory for temporary files, so that leftovers show. */
static char temporary[] = "/tmp/test-aot-XXXXXX";

static void use_own_directory(void) {
    cr_assert_not_null(mkdtemp(temporary));
    setenv("TMPDIR", temporary, 1);
    unsetenv("EIGENTENSOR_CPU");
}

static int files_left(void) {
    DIR *directory = opendir(temporary);
    cr_assert_not_null(directory);
    int count = -2; /* . and .. */
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* Also the test that nothing is left behind. */
static void remove_own_directory(void) {
    cr_assert_eq(files_left(), 0);
    cr_assert_eq(rmdir(temporary), 0);
}

TestSuite(aot, .init = use_own_directory, .fini = remove_own_directory, .timeout = 60);

static bool build(const struct compiled *compiled, const struct build_options *options,
                  struct executable *aot, struct et_error *error) {
    return backend_build(&backends[BACKEND_AOT], compiled, options, aot, error);
}

static bool fails(const struct compiled *compiled, const struct build_options *options,
                  struct et_error *error) {
    struct executable aot;
    return !build(compiled, options, &aot, error) && !aot.entry && !aot.backend;
}

static void check_runs(const struct executable *aot) {
    const float x[4] = {1, 2, 3, 0x1.001p+0f};
    float y[4] = {0};
    aot->entry((const void *[]){x}, (void *[]){y}, weights, NULL);
    const float expected[4] = {9, 39, 89, 0x1.0008p-11f};
    cr_assert_arr_eq(y, expected, sizeof y);
}

/* Bit 63 of a page's entry says that it is present. */
static bool is_present(const char *address) {
    uint64_t entry = 0;
    const long page = sysconf(_SC_PAGESIZE);
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    cr_assert_geq(file, 0);
    ssize_t found =
        pread(file, &entry, sizeof entry, (off_t)((uintptr_t)address / (uintptr_t)page * 8));
    close(file);
    cr_assert_eq(found, sizeof entry);
    return entry >> 63;
}

/* Constants that are read under masks alone would never come into memory. */
Test(aot, brings_in_the_pages_of_constants) {
    enum { TABLE_BYTES = 1 << 20, STEP = 4096 };
    struct compiled compiled = sample();
    struct et_error error = {0};
    struct executable aot;
    char source[2048];
    int length = snprintf(source, sizeof source, "const char sample_table[%d] = {1};\n%s",
                          (int)TABLE_BYTES, source_text);
    compiled.source = source;
    compiled.source_bytes = (size_t)length;
    cr_assert(build(&compiled, NULL, &aot, &error), "%s", error.message);
    const char *table = dlsym(aot.code, "sample_table");
    cr_assert_not_null(table);
    for (int at = 0; at < TABLE_BYTES; at += STEP)
        cr_assert(is_present(table + at), "page at %d", at);
    executable_free(&aot);
}

Test(aot, builds_and_runs) {
    struct compiled compiled = sample();
    struct et_error error = {0};
    struct executable aot;
    cr_assert(build(&compiled, NULL, &aot, &error), "%s", error.message);
    cr_assert_eq(files_left(), 0, "removed while the library lives");
    check_runs(&aot);
    executable_free(&aot);
    executable_free(&aot);
}

Test(aot, clang_builds_too) {
    struct compiled compiled = sample();
    struct et_error error = {0};
    int status = 0;
    struct text said = {0};
    cr_assert(process_run((const char *[]){"clang", "--version", NULL}, &said, &status, &error) ||
              status == 127);
    text_free(&said);
    if (status == 127)
        cr_skip_test("clang is not installed");
    struct executable aot;
    cr_assert(build(&compiled, &(struct build_options){.cc = "clang"}, &aot, &error), "%s",
              error.message);
    check_runs(&aot);
    executable_free(&aot);
}

Test(aot, every_target_gives_the_same) {
    struct compiled compiled = sample();
    for (int i = 0; i < TARGET_COUNT; i++) {
        struct et_error error = {0};
        if (!cpu_runs(&targets[i]))
            continue;
        struct executable aot;
        cr_assert(build(&compiled, &(struct build_options){.target = &targets[i]}, &aot, &error),
                  "%s", error.message);
        check_runs(&aot);
        executable_free(&aot);
        setenv("EIGENTENSOR_CPU", targets[i].name, 1);
        cr_assert(build(&compiled, NULL, &aot, &error), "%s", error.message);
        check_runs(&aot);
        executable_free(&aot);
    }
    struct et_error error = {0};
    setenv("EIGENTENSOR_CPU", "fast", 1);
    cr_assert(fails(&compiled, NULL, &error));
    cr_assert_str_eq(error.message,
                     "EIGENTENSOR_CPU: expected avx512, avx2 or baseline, found fast");
}

Test(aot, missing_compiler) {
    struct compiled compiled = sample();
    struct et_error error = {0};
    struct build_options options = {.cc = "no-such-compiler"};
    cr_assert(fails(&compiled, &options, &error));
    cr_assert_str_eq(error.message, "no-such-compiler: not found; install gcc or name another "
                                    "compiler");
    options.cc = temporary; /* a directory */
    cr_assert(fails(&compiled, &options, &error));
    cr_assert_not_null(strstr(error.message, "cannot start: Permission denied"), "%s",
                       error.message);
    options.cc = "cat"; /* not a compiler */
    cr_assert(fails(&compiled, &options, &error));
    cr_assert_not_null(strstr(error.message, "cat: exit status 1:\ncat: "), "%s", error.message);
}

/* As a shell splits them, but nothing else is done to them. */
Test(aot, compiler_of_several_words) {
    static const char *const good[] = {"env gcc", " env  'gcc'\t", "env \"g\"c\\c",
                                       "env A='; $(b)\"' gcc"};
    static const char *const bad[] = {"", "  ", "env 'gcc", "\"gcc"};
    struct compiled compiled = sample();
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct build_options options = {.cc = good[i], .flags = (const char *[]){"-O0", NULL}};
        struct executable aot;
        struct et_error error = {0};
        cr_assert(build(&compiled, &options, &aot, &error), "%s", error.message);
        executable_free(&aot);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct build_options options = {.cc = bad[i]};
        struct et_error error = {0};
        cr_assert(fails(&compiled, &options, &error));
        cr_assert_not_null(strstr(error.message, "expected a compiler, quoted"), "%s",
                           error.message);
    }
}

/* Of a process that is no more, and old: gone with the next build. Nothing else is. */
Test(aot, directories_of_killed_processes_are_removed) {
    static const struct {
        const char *name;
        bool old, stays;
    } folders[] = {{"eigentensor-%ld-AbCdEf", true, false},
                   {"eigentensor-%ld-AbCdEg", false, true},
                   {"eigentensor-1-AbCdEf", true, true},
                   {"eigentensor-AbCdEf", true, true},
                   {"eigentensor-%ld-AbCdEfg", true, true}};
    enum { COUNT = sizeof folders / sizeof *folders };
    char paths[COUNT][128], inside[160];
    pid_t gone = fork();
    if (!gone)
        _exit(0);
    cr_assert_eq(waitpid(gone, NULL, 0), gone);
    const struct timespec old[2] = {{.tv_sec = time(NULL) - 3600}, {.tv_sec = time(NULL) - 3600}};
    for (size_t i = 0; i < COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, folders[i].name, (long)gone);
        snprintf(paths[i], sizeof paths[i], "%s/%s", temporary, name);
        snprintf(inside, sizeof inside, "%s/link", paths[i]);
        cr_assert_eq(mkdir(paths[i], 0700), 0);
        cr_assert_eq(symlink(temporary, inside), 0);
        if (folders[i].old)
            cr_assert_eq(utimensat(AT_FDCWD, paths[i], old, 0), 0);
    }
    char link[128];
    snprintf(link, sizeof link, "%s/eigentensor-%ld-linked", temporary, (long)gone);
    cr_assert_eq(symlink(paths[2], link), 0);
    cr_assert_eq(utimensat(AT_FDCWD, link, old, AT_SYMLINK_NOFOLLOW), 0);
    struct compiled compiled = sample();
    struct build_options options = {.flags = (const char *[]){"-O0", NULL}};
    struct executable aot;
    cr_assert(build(&compiled, &options, &aot, NULL));
    executable_free(&aot);
    for (size_t i = 0; i < COUNT; i++) {
        cr_expect_eq(access(paths[i], F_OK) == 0, folders[i].stays, "%s", paths[i]);
        snprintf(inside, sizeof inside, "%s/link", paths[i]);
        unlink(inside);
        rmdir(paths[i]);
    }
    cr_expect_eq(unlink(link), 0);
}

Test(aot, errors_of_the_compiler_are_told) {
    struct compiled compiled = sample();
    compiled.source = "int f(void) {\n    return unknown;\n}\n";
    compiled.source_bytes = strlen(compiled.source);
    struct et_error error = {0};
    cr_assert(fails(&compiled, NULL, &error));
    cr_assert_not_null(strstr(error.message, "gcc: exit status 1:\nsample.c:"), "%s",
                       error.message);
    cr_assert_not_null(strstr(error.message, "sample.c:2:12: error"), "%s", error.message);
    cr_assert_null(strstr(error.message, temporary));
    cr_assert(fails(&compiled, NULL, NULL));

    compiled.source = "int f(void) { return 1; }\n";
    compiled.source_bytes = strlen(compiled.source);
    cr_assert(fails(&compiled, NULL, &error));
    cr_assert_str_eq(error.message, "the C text has no function sample_run_array");
}

Test(aot, long_messages_are_cut_after_a_line) {
    struct text source = {0};
    for (int i = 0; i < 200; i++)
        text_add(&source, "int f%d(void) { return unknown_%d; }\n", i, i);
    struct compiled compiled = sample();
    compiled.source = source.bytes;
    compiled.source_bytes = source.length;
    struct et_error error = {0};
    cr_assert(fails(&compiled, NULL, &error));
    size_t length = strlen(error.message);
    cr_assert(length > 400 && length < 800, "%zu", length);
    cr_assert_not_null(strstr(error.message, "unknown_0"));
    text_free(&source);
}

Test(aot, flags_come_last) {
    struct compiled compiled = sample();
    compiled.source = "#if !defined GREETING || GREETING != 7 || defined __OPTIMIZE__\n"
                      "#error flags\n"
                      "#endif\n"
                      "void sample_run_array(void) {}\n";
    compiled.source_bytes = strlen(compiled.source);
    struct build_options options = {.flags = (const char *[]){"-DGREETING=7", "-O0", NULL}};
    struct et_error error = {0};
    struct executable aot;
    cr_assert(build(&compiled, &options, &aot, &error), "%s", error.message);
    executable_free(&aot);
}

Test(aot, unusable_temporary_directory) {
    struct compiled compiled = sample();
    struct et_error error = {0};
    setenv("TMPDIR", "/nowhere/at/all", 1);
    cr_assert(fails(&compiled, NULL, &error));
    cr_assert_str_eq(error.message, "/nowhere/at/all: cannot make a temporary directory in it: "
                                    "No such file or directory");
    setenv("TMPDIR", "/tmp/\"; #", 1);
    cr_assert(fails(&compiled, NULL, &error));
    cr_assert_not_null(strstr(error.message, "expected no quote"), "%s", error.message);
}

static void *cancel_soon(void *cancelled) {
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000 * 1000}, NULL);
    __atomic_store_n((int *)cancelled, 1, __ATOMIC_RELAXED);
    return NULL;
}

/* One that started another, and neither listens to SIGTERM. */
Test(aot, cancelled_compiler_is_ended) {
    struct compiled compiled = sample();
    struct et_error error = {0};
    int cancelled = 0;
    pthread_t other;
    const struct build_options options = {
        .cc = "sh -c 'trap \"\" TERM; sleep 3600 & sleep 3600; wait'", .cancelled = &cancelled};
    cr_assert_eq(pthread_create(&other, NULL, cancel_soon, &cancelled), 0);
    cr_assert(fails(&compiled, &options, &error));
    cr_assert_str_eq(error.message, "sh: it was cancelled");
    cr_assert_eq(pthread_join(other, NULL), 0);
    cr_assert(fails(&compiled, &options, &error)); /* it is not even started */
    cr_assert_str_eq(error.message, "sh: it was cancelled");
    cancelled = 0;
    struct executable aot;
    const struct build_options usual = {.cancelled = &cancelled};
    cr_assert(build(&compiled, &usual, &aot, &error), "%s", error.message);
    check_runs(&aot);
    executable_free(&aot);
}

/* Builds, runs, and compares what the executable prints; then removes it. */
static void check_executable(enum aot_kind kind) {
    struct compiled compiled = sample();
    struct et_error error = {0};
    char path[64];
    snprintf(path, sizeof path, "%s/program", temporary);
    const struct aot_text text = {.name = "main.c", .text = main_text};
    const struct aot_program program = {path, &text, 1, kind};
    cr_assert(aot_build_program(&compiled, &program, NULL, &error), "%s", error.message);
    cr_assert_eq(files_left(), 1);
    struct text said = {0};
    int status = -1;
    cr_assert(process_run((const char *[]){path, NULL}, &said, &status, &error));
    cr_assert_eq(status, 0);
    cr_assert_str_eq(said.bytes, "0x1.2p+3 0x1.38p+5 0x1.64p+6 0x1.0008p-11 0\n");
    text_free(&said);
    cr_assert_eq(unlink(path), 0);
}

Test(aot, executable_runs_alone) {
    check_executable(AOT_PROGRAM);
    check_executable(AOT_STATIC);
}

Test(aot, failed_executable_leaves_nothing) {
    struct compiled compiled = sample();
    struct et_error error = {0};
    char path[64];
    snprintf(path, sizeof path, "%s/program", temporary);
    struct aot_text text = {.name = "main.c", .text = "int main(void) { return missing(); }\n"};
    struct aot_program program = {.path = path, .texts = &text, .count = 1};
    cr_assert_not(aot_build_program(&compiled, &program, NULL, &error));
    cr_assert_not_null(strstr(error.message, "missing"), "%s", error.message);
    text.name = "../main.c";
    cr_assert_not(aot_build_program(&compiled, &program, NULL, &error));
    cr_assert_str_eq(error.message, "../main.c: expected the plain name of a file");
    text = (struct aot_text){.name = "main.c", .text = main_text};
    program.path = temporary;
    cr_assert_not(aot_build_program(&compiled, &program, NULL, &error));
    cr_assert_not_null(strstr(error.message, "Is a directory"), "%s", error.message);
}

static void *build_and_run(void *context) {
    struct compiled compiled = sample();
    const struct build_options options = {.flags = (const char *[]){"-O0", NULL}};
    struct executable aot;
    bool good = build(&compiled, &options, &aot, NULL);
    if (good)
        check_runs(&aot);
    executable_free(&aot);
    return good ? NULL : context;
}

Test(aot, threads_build_at_once) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, build_and_run, threads), 0);
    for (int i = 0; i < 4; i++) {
        void *verdict;
        pthread_join(threads[i], &verdict);
        cr_assert_null(verdict, "thread %d", i);
    }
}

Test(aot, every_failed_allocation_is_reported) {
    struct compiled compiled = sample();
    struct build_options options = {.flags = (const char *[]){"-O0", NULL}};
    struct executable aot = {0};
    unsigned long nth = 0;
    while (!aot.entry) {
        struct et_error error = {0};
        et_fail_allocation(++nth);
        build(&compiled, &options, &aot, &error);
        et_fail_allocation(0);
        if (!aot.entry)
            cr_assert_not_null(strstr(error.message, "out of memory"), "allocation %lu: %s", nth,
                               error.message);
        cr_assert_eq(files_left(), 0);
        cr_assert_lt(nth, 100);
    }
    cr_assert_gt(nth, 4);
    executable_free(&aot);
}
