/* The cache of compiled graphs: kept, found again, distrusted when damaged, done without. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/base/allocate.h"
#include "compiler/builder/layers.h"
#include "compiler/emit/backend.h"
#include "compiler/store/store.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/cache.h"
#include "runtime/compiled_cache.h"
#include "runtime/compiled_record.h"
#include "tests/support/random_graph.h"

enum { ROWS = 5, SIDE = 72 };
static char folder[] = "/tmp/test-compiled-cache-XXXXXX";
static struct graph *graph;
static float weight[SIDE * SIDE], bias[SIDE], x[ROWS * SIDE];
static const char digest[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static const struct compile_options plain = {.backend = &emit_calls, .digest = digest};

static void begin(void) {
    struct et_error error = {0};
    unsetenv("EIGENTENSOR_CPU");
    cr_assert_not_null(mkdtemp(folder));
    setenv("XDG_CACHE_HOME", folder, 1);
    random_elements(1, "w", DTYPE_FLOAT32, SIDE * SIDE, weight);
    random_elements(2, "b", DTYPE_FLOAT32, SIDE, bias);
    random_elements(3, "x", DTYPE_FLOAT32, ROWS * SIDE, x);
    struct tensor_context *context = tensor_context_new("layer");
    struct tensor w = add_weight(context, "w", DTYPE_FLOAT32, SHAPE(SIDE, SIDE));
    struct tensor b = add_weight(context, "b", DTYPE_FLOAT32, SHAPE(SIDE));
    struct tensor y = linear(add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(ROWS, SIDE)), w, b);
    graph = compile_to_graph(context, OUTPUTS({"y", tensor_tanh(y)}), &error);
    cr_assert(graph && graph_canonicalize(graph, &error), "%s", error.message);
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            graph->nodes[i]->value = graph->nodes[i]->name[0] == 'w' ? weight : bias;
}

static void end(void) {
    char command[100];
    snprintf(command, sizeof command, "chmod -R u+w %s && rm -rf %s", folder, folder);
    cr_assert_eq(system(command), 0);
    graph_free(graph);
}

TestSuite(compiled_cache, .init = begin, .fini = end, .timeout = 120);

/* ---- What is kept ---- */

/* Runs what was compiled. */
static void run(const struct compiled *compiled, float *y) {
    struct et_error error = {0};
    struct executable code;
    static _Alignas(64) char arena[1 << 16];
    cr_assert_leq(compiled->arena_bytes, sizeof arena);
    cr_assert(backend_build(&backends[BACKEND_JIT], compiled, NULL, &code, &error), "%s",
              error.message);
    code.entry((const void *[]){x}, (void *[]){y}, compiled->weights, arena);
    executable_free(&code);
}

/* The files of weights that are there. */
struct weights_files {
    ino_t inodes[32];
    int count;
};

static struct weights_files weights_files(void) {
    struct weights_files files = {.count = 0};
    char name[100];
    snprintf(name, sizeof name, "%s/eigentensor", folder);
    DIR *directory = opendir(name);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strstr(entry->d_name, ".weights") && files.count < 32)
            files.inodes[files.count++] = entry->d_ino;
    if (directory)
        closedir(directory);
    return files;
}

/* Whether it maps one of these, rather than what it wrote itself. */
static bool maps_one_of(const struct compiled *compiled, const struct weights_files *files) {
    for (int i = 0; i < files->count; i++)
        if (compiled->mapped.count > 0 && (ino_t)compiled->mapped.inode == files->inodes[i])
            return true;
    return false;
}

/* Whether it comes from the cache; it gives the bits of what is compiled without one. */
static bool from_cache(const struct compile_options *options) {
    struct et_error error = {0};
    float y[ROWS * SIDE], expected[ROWS * SIDE];
    struct weights_files before = weights_files();
    struct compiled *compiled = compiled_cache_compile(graph, options, &error);
    struct compiled *fresh = compile(graph, options, &error);
    cr_assert(compiled && fresh, "%s", error.message);
    cr_expect_str_eq(compiled->source, fresh->source);
    cr_assert_eq(compiled->weights_bytes, fresh->weights_bytes);
    cr_expect_arr_eq(compiled->weights, fresh->weights, fresh->weights_bytes);
    run(compiled, y);
    run(fresh, expected);
    cr_expect_arr_eq(y, expected, sizeof y);
    bool found = maps_one_of(compiled, &before);
    compiled_free(compiled);
    compiled_free(fresh);
    return found;
}

/* How many files have that ending; the path of the last one. */
static int kept(const char *ending, char path[600]) {
    char name[100];
    int count = 0;
    snprintf(name, sizeof name, "%s/eigentensor", folder);
    DIR *directory = opendir(name);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strlen(entry->d_name) > strlen(ending) &&
            strcmp(entry->d_name + strlen(entry->d_name) - strlen(ending), ending) == 0) {
            snprintf(path, 600, "%s/%s", name, entry->d_name);
            count++;
        }
    if (directory)
        closedir(directory);
    return count;
}

Test(compiled_cache, what_was_compiled_is_found_again) {
    char path[600];
    cr_assert_not(from_cache(&plain));
    cr_assert_eq(kept(".program", path), 1);
    cr_assert_not_null(strstr(path, "/0011223344556677-"));
    cr_assert_eq(kept(".weights", path), 1);
    cr_assert(from_cache(&plain));
    cr_assert_eq(kept("", path), 5); /* with the lock, . and .. */
}

Test(compiled_cache, other_options_are_others) {
    char path[600];
    struct compile_options options[] = {plain, plain, plain, plain, plain,
                                        plain, plain, plain, plain};
    options[0].target = &targets[TARGET_AVX2];
    options[1].threads = 3;
    options[2].stop_every = 1000;
    options[3].backend = &emit_loops;
    options[4].digest = "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    options[5].portable = true;
    options[6].portable = options[6].versions = true;
    options[7].backend = options[8].backend = &emit_loops;
    options[7].weights_form = WEIGHTS_ASSEMBLER;
    options[8].static_arena = true;
    cr_assert_not(from_cache(&plain));
    for (int again = 0; again < 2; again++)
        for (int i = 0; i < 9; i++) {
            struct weights_files before = weights_files();
            struct compiled *compiled = compiled_cache_compile(graph, &options[i], NULL);
            cr_assert_not_null(compiled);
            cr_expect_gt(compiled->mapped.count, 0, "%d: the weights are not those kept", i);
            cr_expect_eq(maps_one_of(compiled, &before), again, "%d", i);
            compiled_free(compiled);
        }
    cr_expect_eq(kept(".program", path), 10);
    cr_expect(from_cache(&plain));
}

/* What only a compile can show is compiled. */
static void no_dump(void *context, const char *pass, const char *text, bool changed, double took) {
    (void)pass, (void)text, (void)changed, (void)took;
    ++*(int *)context;
}

Test(compiled_cache, dumps_are_of_a_compile) {
    int passes = 0;
    struct compile_options options = plain;
    options.dump = no_dump;
    options.dump_context = &passes;
    cr_assert_not(from_cache(&plain));
    compiled_free(compiled_cache_compile(graph, &options, NULL));
    cr_expect_gt(passes, 5);
}

/* ---- What is damaged ---- */

static void change_byte(const char *path, off_t at) {
    char byte;
    int file = open(path, O_RDWR);
    cr_assert_eq(pread(file, &byte, 1, at), 1);
    byte ^= 1;
    cr_assert_eq(pwrite(file, &byte, 1, at), 1);
    close(file);
}

Test(compiled_cache, damaged_files_are_made_anew) {
    char record[600], block[600];
    cr_assert_not(from_cache(&plain));
    kept(".program", record);
    kept(".weights", block);
    change_byte(record, 700);
    cr_expect_not(from_cache(&plain));
    change_byte(block, 900); /* written later than the record says, and with other bytes */
    cr_expect_not(from_cache(&plain));
    cr_assert_eq(truncate(block, 4096), 0);
    cr_expect_not(from_cache(&plain));
    cr_assert_eq(truncate(block, 0), 0);
    cr_expect_not(from_cache(&plain));
    cr_assert_eq(truncate(record, 10), 0);
    cr_expect_not(from_cache(&plain));
    cr_assert_eq(unlink(block), 0);
    cr_expect_not(from_cache(&plain));
    cr_assert_eq(chmod(block, 0620), 0); /* others may write to it */
    cr_expect_not(from_cache(&plain));
    cr_assert_eq(chmod(record, 0602), 0);
    cr_expect_not(from_cache(&plain));
    cr_expect(from_cache(&plain));
}

/* Another file with the same bytes: they are compared, and then known. */
Test(compiled_cache, a_copy_of_the_weights_is_as_good) {
    char record[600], block[600], command[1400];
    struct stat before, after;
    cr_assert_not(from_cache(&plain));
    kept(".program", record);
    kept(".weights", block);
    snprintf(command, sizeof command, "cp -p %s %s/copy && mv %s/copy %s", block, folder, folder,
             block);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(stat(record, &before), 0);
    cr_expect(from_cache(&plain));
    cr_assert_eq(stat(record, &after), 0);
    cr_expect_neq(before.st_ino, after.st_ino, "what it is now was not noted");
    cr_expect(from_cache(&plain));
}

Test(compiled_cache, no_cache_is_no_obstacle) {
    char path[600], name[100];
    snprintf(name, sizeof name, "%s/eigentensor", folder);
    cr_assert_eq(mkdir(name, 0777), 0);
    cr_assert_eq(chmod(name, 0777), 0); /* anybody's: not used */
    cr_assert_not(from_cache(&plain));
    cr_assert_not(from_cache(&plain));
    cr_assert_eq(kept(".program", path), 0);
    cr_assert_eq(rmdir(name), 0);
    cr_assert_eq(close(open(name, O_CREAT | O_WRONLY, 0600)), 0); /* no folder at all */
    cr_assert_not(from_cache(&plain));
    unlink(name);
    setenv("XDG_CACHE_HOME", "/proc/self", 1); /* not even root writes there */
    cr_assert_not(from_cache(&plain));
}

/* ---- The record ---- */

static void expect_same_text(const char *a, const char *b) {
    cr_expect(a == b || (a && b && strcmp(a, b) == 0), "\"%s\" and \"%s\"", a, b);
}

static void expect_same_facts(const struct kernel_facts *a, const struct kernel_facts *b) {
    expect_same_text(a->name, b->name);
    expect_same_text(a->formula, b->formula);
    expect_same_text(a->nodes, b->nodes);
    expect_same_text(a->source, b->source);
    expect_same_text(a->output, b->output);
    cr_expect_eq(a->images, b->images);
    cr_expect_eq(a->steps, b->steps);
    cr_expect_eq(a->may_end, b->may_end);
    cr_expect_eq(a->flops, b->flops);
    cr_expect_eq(a->bytes_read, b->bytes_read);
    cr_expect_eq(a->bytes_written, b->bytes_written);
}

static void expect_same(const struct compiled *a, const struct compiled *b) {
    expect_same_text(a->prefix, b->prefix);
    expect_same_text(a->source, b->source);
    expect_same_text(a->header, b->header);
    expect_same_text(a->plan, b->plan);
    expect_same_text(a->kernel_dot, b->kernel_dot);
    cr_expect_eq(a->source_bytes, b->source_bytes);
    cr_expect_eq(a->header_bytes, b->header_bytes);
    cr_expect_eq(a->weights_bytes, b->weights_bytes);
    cr_expect_eq(a->block_count, b->block_count);
    cr_expect_arr_eq(a->blocks, b->blocks, sizeof a->blocks);
    cr_expect_eq(a->arena_bytes, b->arena_bytes);
    cr_expect_eq(a->arena_lower_bound, b->arena_lower_bound);
    cr_expect_eq(a->stack_bytes, b->stack_bytes);
    cr_expect_eq(a->code_bytes, b->code_bytes);
    cr_expect_eq(a->multiply_adds, b->multiply_adds);
    cr_assert_eq(!a->assembly, !b->assembly);
    if (a->assembly)
        expect_same_text(a->assembly, b->assembly);
    cr_expect_eq(a->threads, b->threads);
    cr_expect_eq(a->steps, b->steps);
    cr_expect_eq(a->variant_count, b->variant_count);
    cr_expect_eq(a->variants[0].arena_bytes, b->variants[0].arena_bytes);
    cr_expect_eq(a->variants[0].kernel_count, b->variants[0].kernel_count);
    cr_assert_eq(a->kernel_count, b->kernel_count);
    for (int i = 0; i < a->kernel_count; i++)
        expect_same_facts(&a->kernels[i], &b->kernels[i]);
    cr_assert_eq(a->runtime_function_count, b->runtime_function_count);
    for (int i = 0; i < a->runtime_function_count; i++)
        expect_same_text(a->runtime_functions[i], b->runtime_functions[i]);
}

/* A copy of just so many bytes, so that a sanitizer sees what is read behind them. */
static struct compiled *read_some(const char *bytes, size_t count) {
    char *copy = malloc(count ? count : 1);
    memcpy(copy, bytes, count);
    struct compiled *compiled = compiled_record_read(copy, count);
    free(copy);
    return compiled;
}

Test(compiled_cache, a_record_says_all_and_no_less) {
    struct et_error error = {0};
    struct text text = {0};
    struct compile_options options = plain;
    options.threads = 2;
    struct compiled *compiled = compile(graph, &options, &error), *again;
    cr_assert_not_null(compiled, "%s", error.message);
    compiled_record_write(compiled, &text);
    const char *bytes = text_read(&text, &error);
    cr_assert_not_null(bytes);
    again = read_some(bytes, text.length);
    cr_assert_not_null(again);
    expect_same(compiled, again);
    compiled_free(again);
    for (size_t count = 0; count < text.length; count++)
        cr_assert_null(read_some(bytes, count), "%zu bytes", count);
    compiled_free(compiled);
    text_free(&text);
}

/* Whatever a record's bytes are, they are read or refused. */
Test(compiled_cache, a_record_of_any_bytes_is_harmless) {
    struct et_error error = {0};
    struct text text = {0};
    struct compiled *compiled = compile(graph, &plain, &error);
    cr_assert_not_null(compiled, "%s", error.message);
    compiled_record_write(compiled, &text);
    const char *bytes = text_read(&text, &error);
    char *changed = malloc(text.length);
    for (size_t at = 0; at < text.length; at += at < 2000 ? 1 : 13) {
        memcpy(changed, bytes, text.length);
        changed[at] = (char)(changed[at] ^ (0x80 >> at % 8));
        compiled_free(read_some(changed, text.length));
    }
    free(changed);
    compiled_free(compiled);
    text_free(&text);
}

/* Every allocation fails once: what is found is whole, or compiled. */
Test(compiled_cache, survives_without_memory) {
    cr_assert_not(from_cache(&plain));
    for (unsigned long nth = 1; nth < 40; nth++) {
        struct et_error error = {0};
        et_fail_allocation(nth);
        struct compiled *compiled = compiled_cache_compile(graph, &plain, &error);
        et_fail_allocation(0);
        cr_assert(compiled || error.message[0]);
        compiled_free(compiled);
    }
    cr_expect(from_cache(&plain));
}

/* ---- The bound ---- */

static void make_file(const char *name, size_t bytes, time_t age) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    const struct timespec times[] = {{time(NULL) - age, 0}, {time(NULL) - age, 0}};
    cr_assert_eq(ftruncate(file, (off_t)bytes), 0);
    cr_assert_eq(futimens(file, times), 0);
    close(file);
}

static bool is_there(const char *name) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

Test(compiled_cache, pairs_go_together) {
    make_file("old.program", 10, 100);
    make_file("old.weights", 1000, 5); /* when it was written does not count */
    make_file("new.program", 10, 50);
    make_file("new.weights", 1000, 5000);
    make_file("bare.program", 10, 20);
    make_file("alone.weights", 10, 5000); /* of a process that was ended in between */
    make_file("coming.weights", 10, 5);
    cache_trim(folder, ".program", ".weights", 1020);
    cr_expect(is_there("new.program") && is_there("new.weights") && is_there("bare.program"));
    cr_expect(is_there("coming.weights"));
    cr_expect_not(is_there("old.program") || is_there("old.weights") || is_there("alone.weights"));
    cache_trim(folder, ".program", ".weights", 1019);
    cr_expect(is_there("bare.program"));
    cr_expect_not(is_there("new.program") || is_there("new.weights"));
}
