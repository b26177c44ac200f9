/* Files of version 1 keep their bits: random graphs of max, min and their reductions over NaN,
 * zeros of both signs and infinities, and casts that rounded twice, each with the digest that the
 * last release with version 1 gave. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/base/base.h"
#include "runtime/et_program.h"

enum { DIGEST = 64 };

/* The digest of a graph without inputs, stored in that file. */
static struct et_digest run(const char *path, enum et_mode mode) {
    struct et_error error = {0};
    struct et_program *program = et_program_open(path, NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    int count = et_program_output_count(program);
    void **outputs = calloc((size_t)count, sizeof *outputs);
    for (int i = 0; i < count; i++)
        outputs[i] = calloc(1, (size_t)et_program_output(program, i).bytes + 1);
    struct et_workspace *workspace = et_workspace_new(program);
    cr_assert(et_program_run(program, mode, NULL, outputs, workspace, &error), "%s", error.message);
    struct et_digest digest = et_program_output_digest(program, (const void *const *)outputs);
    for (int i = 0; i < count; i++)
        free(outputs[i]);
    free(outputs);
    et_workspace_free(workspace);
    et_program_free(program);
    return digest;
}

static void store(const char *path, const char *text, size_t count) {
    struct et_error error = {0};
    cr_assert(write_file(path, text, count, &error), "%s", error.message);
}

Test(version_1, graphs_keep_their_bits, .timeout = 120) {
    struct et_error error = {0};
    char *text, path[] = "/tmp/test-version-1-XXXXXX";
    size_t count;
    int graphs = 0, changed = 0, file = mkstemp(path);
    cr_assert(file >= 0 && close(file) == 0);
    cr_assert(read_file("tests/runtime/version_1.txt", (size_t)1 << 24, &text, &count, &error),
              "%s", error.message);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, graphs++) {
        *end = 0;
        char *json = line + DIGEST + 1, *version = strstr(json, "\"version\":1");
        line[DIGEST] = 0;
        store(path, json, strlen(json));
        for (int mode = ET_EAGER; mode <= ET_JIT; mode++)
            cr_expect_str_eq(run(path, (enum et_mode)mode).text, line, "graph %d, %s", graphs,
                             et_mode_name((enum et_mode)mode));
        cr_assert_not_null(version);
        version[strlen("\"version\":1") - 1] = '2';
        store(path, json, strlen(json));
        changed += strcmp(run(path, ET_EAGER).text, line) != 0;
    }
    unlink(path);
    et_release(text);
    cr_expect_gt(graphs, 30);
    cr_expect_gt(changed, 30, "as version 2 nearly all of them mean something else: %d", changed);
}
