/* Programs that are kept: the same digests and bits, from notes only while files are what they
 * were.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/base/file.h"
#include "runtime/backend/cache.h"
#include "runtime/et_program.h"

#define MODEL "models/mnist/mnist.json"
#define WEIGHTS "models/mnist/mnist.safetensors"

static char folder[] = "/tmp/test-kept-XXXXXX";
static char model[100], weights[100];

static void copy(const char *from, const char *to) {
    char *bytes;
    size_t count;
    cr_assert(read_file(from, SIZE_MAX / 2, &bytes, &count, NULL));
    cr_assert(write_file(to, bytes, count, NULL));
    free(bytes);
}

static void begin(void) {
    cr_assert_not_null(mkdtemp(folder));
    setenv("XDG_CACHE_HOME", folder, 1);
    snprintf(model, sizeof model, "%s/mnist.json", folder);
    snprintf(weights, sizeof weights, "%s/mnist.safetensors", folder);
    copy(MODEL, model);
    copy(WEIGHTS, weights);
}

static void end(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(kept, .init = begin, .fini = end, .timeout = 120);

/* Until what is written into a file now has another time than what was written before. */
static void settle(void) {
    sleep(3);
}

/* The digest of what it gives, by JIT; NULL and an error: it cannot be opened. */
static bool open_and_run(bool kept, char digest[65], struct et_digest *result,
                         struct et_error *error) {
    struct et_program *program = kept ? et_program_open_kept(model, NULL, NULL, 0, error)
                                      : et_program_open(model, NULL, error);
    if (!program)
        return false;
    static float image[28 * 28], logits[10];
    for (int i = 0; i < 28 * 28; i++)
        image[i] = (float)(i * 7919 % 101) / 101;
    void *outputs[] = {logits};
    cr_assert(et_program_run(program, ET_JIT, (const void *[]){image}, outputs, NULL, error), "%s",
              error->message);
    *result = et_program_output_digest(program, (const void *const *)outputs);
    snprintf(digest, 65, "%s", et_program_digest(program));
    et_program_free(program);
    return true;
}

static void expect_same(void) {
    struct et_error error = {0};
    struct et_digest expected, result;
    char digest[65], plain[65];
    cr_assert(open_and_run(false, plain, &expected, &error), "%s", error.message);
    cr_assert(open_and_run(true, digest, &result, &error), "%s", error.message);
    cr_expect_str_eq(digest, plain);
    cr_expect_str_eq(result.text, expected.text);
}

/* Up to two files with that ending. */
static int find(const char *ending, char paths[2][400]) {
    char name[100];
    int count = 0;
    snprintf(name, sizeof name, "%s/eigentensor", folder);
    DIR *directory = opendir(name);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strstr(entry->d_name, ending) && count < 2)
            snprintf(paths[count++], 400, "%s/%s", name, entry->d_name);
    if (directory)
        closedir(directory);
    return count;
}

Test(kept, gives_the_same_digests_and_bits) {
    char paths[2][400];
    expect_same();
    cr_expect_eq(find(".digest", paths), 0, "of files that may yet change");
    cr_expect_eq(find(".program", paths), 1);
    settle();
    expect_same();
    cr_expect_eq(find(".digest", paths), 2);
    expect_same();
    cr_expect_eq(find(".program", paths), 1);
}

/* Wrong notes are believed: so notes are what is looked at. Damaged ones are not. */
Test(kept, looks_at_notes) {
    static const char wrong[32] = {1};
    struct et_error error = {0};
    struct et_digest result;
    char paths[2][400], digest[65];
    int believed = 0;
    settle();
    expect_same();
    cr_assert_eq(find(".digest", paths), 2);
    for (int i = 0; i < 2; i++) {
        char *bytes;
        size_t count;
        cr_assert(cache_read(paths[i], 64, &bytes, &count));
        cr_assert(cache_write(paths[i], wrong, sizeof wrong));
        bool opened = open_and_run(true, digest, &result, &error);
        believed += !opened || strncmp(digest, "0100", 4) == 0;
        cr_assert(cache_write(paths[i], bytes, count));
        int file = open(paths[i], O_WRONLY);
        cr_assert_eq(pwrite(file, "?", 1, 3), 1);
        close(file);
        expect_same();
        free(bytes);
    }
    cr_expect_eq(believed, 2);
}

/* One bit more or less, the same size, and the time of the last change set back. */
Test(kept, sees_that_a_file_was_changed) {
    struct et_error error = {0};
    struct et_digest result;
    struct stat facts;
    char digest[65], byte;
    settle();
    expect_same();
    cr_assert_eq(stat(weights, &facts), 0);
    int file = open(weights, O_RDWR);
    cr_assert_eq(pread(file, &byte, 1, facts.st_size - 2), 1);
    byte ^= 1;
    cr_assert_eq(pwrite(file, &byte, 1, facts.st_size - 2), 1);
    cr_assert_eq(futimens(file, (struct timespec[]){facts.st_atim, facts.st_mtim}), 0);
    close(file);
    cr_expect_not(open_and_run(true, digest, &result, &error));
    cr_expect_not_null(strstr(error.message, "sha256"), "%s", error.message);
    settle();
    cr_expect_not(open_and_run(true, digest, &result, &error));
}

/* What was compiled within more is no way around a limit. */
Test(kept, heeds_limits) {
    static const struct compile_limits limits[] = {{{[LIMIT_NODES] = 10}},
                                                   {{[LIMIT_BYTES] = 1000}}};
    expect_same();
    for (int i = 0; i < 2; i++) {
        struct et_error error = {0};
        struct et_program *program = et_program_open_kept(model, NULL, NULL, 0, &error);
        cr_assert_not_null(program, "%s", error.message);
        program_set_limits(program, &limits[i]);
        cr_expect_not(et_program_prepare(program, ET_JIT, &error));
        cr_expect_not_null(strstr(error.message, "raises the limit"), "%s", error.message);
        et_program_free(program);
    }
    expect_same();
}

/* A model that is open keeps its programs as one that is opened alone does, and finds those. */
Test(kept, open_models_keep_the_same) {
    struct et_error error = {0};
    char paths[2][400];
    expect_same();
    struct et_model *open = model_open_kept(model, NULL, &error);
    cr_assert_not_null(open, "%s", error.message);
    struct et_program *program = et_model_program(open, NULL, 0, &error);
    cr_assert_not_null(program, "%s", error.message);
    cr_expect(et_program_prepare(program, ET_JIT, &error), "%s", error.message);
    cr_expect(program_compiled(program, ET_JIT)->mapped.count > 0, "compiled anew");
    cr_expect_eq(find(".program", paths), 1);
    et_model_give_back(open, program);
    et_model_free(open);
}

/* Other weights under the same name, which the graph does not ask to be its own. */
Test(kept, sees_other_weights) {
    struct et_error error = {0};
    char paths[2][400];
    settle();
    expect_same();
    cr_assert_eq(find(".digest", paths), 2);
    char other[120];
    snprintf(other, sizeof other, "%s/other.safetensors", folder);
    copy(weights, other);
    int file = open(other, O_WRONLY);
    struct stat facts;
    cr_assert_eq(fstat(file, &facts), 0);
    cr_assert_eq(pwrite(file, "\0\0\0\0", 4, facts.st_size - 4), 4);
    close(file);
    settle();
    for (int i = 0; i < 2; i++) {
        struct et_program *kept = et_program_open_kept(model, other, NULL, 0, &error);
        struct et_program *plain = et_program_open(model, other, &error);
        cr_assert(kept && plain, "%s", error.message);
        cr_expect_str_eq(et_program_digest(kept), et_program_digest(plain));
        et_program_free(kept);
        et_program_free(plain);
    }
    expect_same();
}
