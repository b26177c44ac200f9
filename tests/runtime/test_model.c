/* Models with open axes: a program for each size, of which those used last are kept. */
#include "tests/support/onnx_model.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/eigentensor.h"

static char folder[] = "/tmp/test-model-XXXXXX";
static char path[64];

/* y = -x, of any shape N x 2 x width. */
static void prepare(void) {
    struct onnx_model model;
    size_t count;
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/negation.onnx", folder);
    onnx_model_begin(&model, 20);
    onnx_add_input(&model, "x", 1, "N,2,width");
    onnx_add_node(&model, "Neg", "x", "y");
    onnx_add_output(&model, "y");
    const void *bytes = onnx_pack(&model, &count);
    cr_assert(write_file(path, bytes, count, NULL));
    arena_free(&model.arena);
}

static void clean(void) {
    unlink(path);
    rmdir(folder);
}

TestSuite(model, .init = prepare, .fini = clean, .timeout = 60);

static struct et_program *at_width(struct et_model *model, int64_t width, struct et_error *error) {
    const struct et_axis axis = {"width", width};
    return et_model_program(model, &axis, 1, error);
}

static void runs_at_width(struct et_model *model, int64_t width) {
    struct et_error error = {0};
    struct et_program *program = at_width(model, width, &error);
    cr_assert_not_null(program, "%s", error.message);
    cr_assert_eq(et_program_input(program, 0).shape[2], width);
    float *x = calloc((size_t)width, 2 * sizeof *x), *y = calloc((size_t)width, 2 * sizeof *y);
    for (int64_t i = 0; i < 2 * width; i++)
        x[i] = (float)i;
    struct et_workspace *workspace = et_workspace_new(program);
    cr_assert(
        et_program_run(program, ET_JIT, (const void *[]){x}, (void *[]){y}, workspace, &error),
        "%s", error.message);
    for (int64_t i = 0; i < 2 * width; i++)
        cr_assert_eq(y[i], -x[i]);
    et_workspace_free(workspace);
    free(x);
    free(y);
    et_model_give_back(model, program);
}

Test(model, says_what_is_open) {
    struct et_model *model = et_model_open(path, NULL, NULL);
    cr_assert_not_null(model);
    cr_assert_eq(et_model_input_count(model), 1);
    cr_assert_str_eq(et_model_input_name(model, 0), "x");
    cr_assert_eq(et_model_input_rank(model, 0), 3);
    cr_assert_str_eq(et_model_axis(model, 0, 0), "N");
    cr_assert_null(et_model_axis(model, 0, 1));
    cr_assert_str_eq(et_model_axis(model, 0, 2), "width");
    et_model_free(model);
}

Test(model, one_program_a_size) {
    struct et_model *model = et_model_open(path, NULL, NULL);
    struct et_program *first = at_width(model, 3, NULL), *other = at_width(model, 4, NULL);
    struct et_program *again = at_width(model, 3, NULL);
    cr_assert_eq(first, again);
    cr_assert_neq(first, other);
    et_model_give_back(model, first);
    et_model_give_back(model, other);
    et_model_give_back(model, again);
    et_model_free(model);
}

Test(model, order_of_axes_does_not_matter) {
    struct et_model *model = et_model_open(path, NULL, NULL);
    const struct et_axis axes[] = {{"width", 5}, {"N", 2}}, turned[] = {{"N", 2}, {"width", 5}};
    struct et_program *first = et_model_program(model, axes, 2, NULL);
    cr_assert_not_null(first);
    cr_assert_eq(first, et_model_program(model, turned, 2, NULL));
    et_model_give_back(model, first);
    et_model_give_back(model, first);
    et_model_free(model);
}

/* A program that is held stays, however few are to be kept. */
Test(model, keeps_what_is_held) {
    struct et_model *model = et_model_open(path, NULL, NULL);
    et_model_keep(model, 0);
    struct et_program *held = at_width(model, 7, NULL);
    for (int64_t width = 1; width < 20; width++)
        runs_at_width(model, width);
    cr_assert_eq(held, at_width(model, 7, NULL));
    et_model_give_back(model, held);
    et_model_give_back(model, held);
    et_model_free(model);
}

Test(model, refuses_sizes_that_are_missing) {
    struct et_error error = {0};
    struct et_model *model = et_model_open(path, NULL, &error);
    cr_assert_null(et_model_program(model, NULL, 0, &error));
    cr_assert_not_null(strstr(error.message, "open axes without a size: width"), "%s",
                       error.message);
    et_model_free(model);
}

Test(model, a_stored_graph_has_one_size) {
    struct et_error error = {0};
    struct et_model *model = et_model_open("models/mnist/mnist.json", NULL, &error);
    cr_assert_not_null(model, "%s", error.message);
    cr_assert_eq(et_model_input_count(model), 0);
    struct et_program *program = et_model_program(model, NULL, 0, &error);
    cr_assert_not_null(program, "%s", error.message);
    et_model_give_back(model, program);
    cr_assert_null(at_width(model, 3, &error));
    et_model_free(model);
}

static void *run_many(void *argument) {
    for (int64_t i = 0; i < 40; i++)
        runs_at_width(argument, 1 + i % 5);
    return NULL;
}

Test(model, threads_may_share_it) {
    struct et_model *model = et_model_open(path, NULL, NULL);
    pthread_t threads[4];
    et_model_keep(model, 2);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, run_many, model), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    et_model_free(model);
}

/* ---- Builds of programs, kept on disk ---- */

static int kept_libraries(const char *cache) {
    char command[160], line[16];
    snprintf(command, sizeof command, "ls %s/eigentensor/*.so | wc -l", cache);
    FILE *count = popen(command, "r");
    cr_assert(count && fgets(line, sizeof line, count));
    pclose(count);
    return atoi(line);
}

/* Once built, the program of a size needs no compiler. */
Test(model, builds_are_kept_for_other_processes) {
    char cache[100], command[120];
    struct et_error error = {0};
    struct et_model *model = et_model_open(path, NULL, NULL);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    setenv("XDG_CACHE_HOME", cache, 1);
    et_model_keep(model, 0);
    for (int64_t width = 3; width <= 4; width++) {
        struct et_program *program = at_width(model, width, NULL);
        cr_assert(et_program_prepare(program, ET_AOT, &error), "%s", error.message);
        et_model_give_back(model, program);
    }
    cr_expect_eq(kept_libraries(cache), 2);
    setenv("PATH", "/nonexistent", 1);
    struct et_program *again = at_width(model, 3, NULL);
    cr_expect(et_program_prepare(again, ET_AOT, &error), "%s", error.message);
    et_model_give_back(model, again);
    struct et_program *other = at_width(model, 5, NULL);
    cr_expect_not(et_program_prepare(other, ET_AOT, NULL));
    et_model_give_back(model, other);
    et_model_free(model);
    setenv("PATH", "/usr/bin:/bin", 1);
    snprintf(command, sizeof command, "rm -r %s", cache);
    cr_assert_eq(system(command), 0);
}
