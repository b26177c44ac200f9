/* The cache of compiled libraries: kept, found again, distrusted when damaged, done without. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/builder/builder.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/cache.h"

static char folder[] = "/tmp/test-aot-cache-XXXXXX";
static struct graph *graph;
static struct compiled *compiled;
static const char digest[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static void begin(void) {
    struct et_error error = {0};
    unsetenv("EIGENTENSOR_CPU");
    cr_assert_not_null(mkdtemp(folder));
    setenv("XDG_CACHE_HOME", folder, 1);
    struct tensor_context *context = tensor_context_new("twice");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(4));
    graph = compile_to_graph(context, OUTPUTS({"y", tensor_add(x, x)}), &error);
    struct compile_options options = {.backend = &emit_loops};
    compiled = graph ? compile(graph, &options, &error) : NULL;
    cr_assert_not_null(compiled, "%s", error.message);
}

static void end(void) {
    char command[100];
    snprintf(command, sizeof command, "chmod -R u+w %s && rm -rf %s", folder, folder);
    cr_assert_eq(system(command), 0);
    compiled_free(compiled);
    graph_free(graph);
}

TestSuite(aot_cache, .init = begin, .fini = end, .timeout = 120);

static const struct build_options none;

/* Opens the library and runs it; whether it came from the cache. */
static bool open_and_run(struct build_options options) {
    struct et_error error = {0};
    struct executable library;
    options.keep_for = digest;
    cr_assert(backend_build(&backends[BACKEND_AOT], compiled, &options, &library, &error), "%s",
              error.message);
    bool from_cache = library.from_cache;
    float x[4] = {1, -2, 0.25f, 1e30f}, y[4] = {0};
    static _Alignas(64) char arena[4096];
    cr_assert_leq(compiled->arena_bytes, sizeof arena);
    library.entry((const void *[]){x}, (void *[]){y}, compiled->weights, arena);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(y[i], x[i] + x[i]);
    executable_free(&library);
    return from_cache;
}

/* The files in the cache; the path of the last one. */
static int kept(char path[600]) {
    char name[100];
    int count = 0;
    snprintf(name, sizeof name, "%s/eigentensor", folder);
    DIR *directory = opendir(name);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (*entry->d_name != '.') {
            snprintf(path, 600, "%s/%s", name, entry->d_name);
            count++;
        }
    if (directory)
        closedir(directory);
    return count;
}

Test(aot_cache, what_was_built_is_found_again) {
    char path[600];
    cr_assert_not(open_and_run(none));
    cr_assert_eq(kept(path), 1);
    cr_assert_not_null(strstr(path, "/0011223344556677-"));
    cr_assert(open_and_run(none));
    cr_assert_eq(kept(path), 1);
}

Test(aot_cache, other_options_and_other_texts_are_others) {
    char path[600];
    const char *flags[] = {"-DANYTHING", NULL};
    const struct build_options options = {.flags = flags};
    cr_assert_not(open_and_run(none));
    cr_assert_not(open_and_run(options));
    setenv("EIGENTENSOR_CPU", "baseline", 1);
    cr_assert_not(open_and_run(none));
    unsetenv("EIGENTENSOR_CPU");
    cr_assert_eq(kept(path), 3);
    cr_assert(open_and_run(options));
}

Test(aot_cache, damaged_files_are_built_anew) {
    char path[600];
    cr_assert_not(open_and_run(none));
    cr_assert_eq(kept(path), 1);
    int file = open(path, O_RDWR);
    cr_assert_eq(pwrite(file, "?", 1, 5000), 1); /* one byte of it */
    cr_assert_not(open_and_run(none));
    cr_assert(open_and_run(none));
    cr_assert_eq(truncate(path, 4000), 0);
    cr_assert_not(open_and_run(none));
    cr_assert_eq(truncate(path, 0), 0);
    cr_assert_not(open_and_run(none));
    cr_assert_eq(chmod(path, 0722), 0); /* others may write to it */
    cr_assert_not(open_and_run(none));
    cr_assert(open_and_run(none));
    close(file);
}

Test(aot_cache, no_cache_is_no_obstacle) {
    char path[600], name[100];
    snprintf(name, sizeof name, "%s/eigentensor", folder);
    cr_assert_eq(mkdir(name, 0777), 0);
    cr_assert_eq(chmod(name, 0777), 0); /* anybody's: not used */
    cr_assert_not(open_and_run(none));
    cr_assert_not(open_and_run(none));
    cr_assert_eq(kept(path), 0);
    cr_assert_eq(rmdir(name), 0);
    cr_assert_eq(close(open(name, O_CREAT | O_WRONLY, 0600)), 0); /* no folder at all */
    cr_assert_not(open_and_run(none));
    unlink(name);
    setenv("XDG_CACHE_HOME", "/proc/self", 1); /* not even root writes there */
    cr_assert_not(open_and_run(none));
    cr_assert_eq(chdir(folder), 0); /* a compiler that keeps a cache, too, would leave one here */
    setenv("XDG_CACHE_HOME", "relative", 1); /* as if it were not set */
    setenv("HOME", "", 1);
    cr_assert_not(open_and_run(none));
}

Test(aot_cache, a_kept_library_needs_no_compiler) {
    struct et_error error = {0};
    struct executable library;
    cr_assert_not(open_and_run(none));
    setenv("PATH", "/nowhere", 1);
    cr_assert(open_and_run(none));
    const struct build_options options = {.cc = "no-such-compiler", .keep_for = digest};
    cr_assert_not(backend_build(&backends[BACKEND_AOT], compiled, &options, &library, &error));
    cr_assert_not_null(strstr(error.message, "no-such-compiler"), "%s", error.message);
    setenv("PATH", "/usr/bin:/bin", 1); /* for the end of the test */
}

/* ---- The bound ---- */

static void add_file(const char *name, size_t bytes, time_t used) {
    char path[160];
    const struct timespec times[] = {{.tv_sec = used}, {.tv_sec = used}};
    char *content = calloc(bytes, 1);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert(write_file(path, content, bytes, NULL));
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    free(content);
}

static bool is_there(const char *name) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

Test(aot_cache, what_was_used_longest_ago_goes) {
    char path[160];
    add_file("a.so", 300, 1000);
    add_file("b.so", 300, 3000);
    add_file("c.so", 300, 2000);
    add_file("d.json", 5000, 1);
    cache_trim(folder, ".so", NULL, 900);
    cr_expect(is_there("a.so") && is_there("b.so") && is_there("c.so"));
    snprintf(path, sizeof path, "%s/a.so", folder);
    cache_touch(path);
    cache_trim(folder, ".so", NULL, 899);
    cr_expect(is_there("a.so") && is_there("b.so") && !is_there("c.so"));
    cache_trim(folder, ".so", NULL, 0);
    cr_expect(!is_there("a.so") && !is_there("b.so") && is_there("d.json"));
    cache_trim("/no/such/folder", ".so", NULL, 0);
}
