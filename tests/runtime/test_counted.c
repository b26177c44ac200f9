/* Outputs whose extent depends on the data: stored, run, and cut to what is true. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compiler/builder/builder.h"
#include "runtime/et_program.h"

/* y: the columns of x (2, 4) whose number is below n, zeros behind them; y.count: n. `n` comes as
 * it is given, within the extent or not. */
static struct graph *columns_graph(void) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("columns");
    struct tensor x = add_graph_input(context, "x", DTYPE_INT32, SHAPE(2, 4));
    struct tensor n = add_graph_input(context, "n", DTYPE_INT64, SCALAR_SHAPE);
    struct tensor before = tensor_lt(tensor_iota(context, DTYPE_INT64, 4), n);
    struct tensor y = tensor_where(before, x, scalar_like(x, 0));
    struct graph *graph =
        compile_to_graph(context,
                         OUTPUTS({"y", y}, {"total", tensor_reduce_sum(y, ALL_AXES)},
                                 {"y.count", tensor_add(n, scalar_like(n, 0))}),
                         &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_assert(graph_count_output(graph, 0, 1, 2, &error), "%s", error.message);
    return graph;
}

static struct et_program *columns(void) {
    struct et_error error = {0};
    struct et_program *program = program_from_graph(columns_graph(), NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    return program;
}

static void expect_counted(const struct et_program *program) {
    int axis = -1, count = -1;
    cr_expect(et_program_output_count_of(program, 0, &axis, &count));
    cr_expect_eq(axis, 1);
    cr_expect_eq(count, 2);
    cr_expect_not(et_program_output_count_of(program, 1, &axis, &count));
    cr_expect_not(et_program_output_count_of(program, 2, &axis, &count));
    cr_expect_not(et_program_output_counts(program, 0));
    cr_expect_not(et_program_output_counts(program, 1));
    cr_expect(et_program_output_counts(program, 2));
}

/* Runs with that count; `true_count` is what it comes to. */
static void expect_cut(struct et_program *program, enum et_mode mode, int64_t n,
                       int64_t true_count) {
    static const int32_t x[2][4] = {{1, 2, 3, 4}, {5, 6, 7, 8}};
    int32_t y[8], total;
    int64_t count, shape[2], total_shape = 7;
    const void *const inputs[] = {x, &n};
    void *const outputs[] = {y, &total, &count};
    struct et_error error = {0};
    cr_assert(et_program_run(program, mode, inputs, outputs, NULL, &error), "%s", error.message);
    et_program_true_shape(program, 0, (const void *const *)outputs, shape);
    et_program_true_shape(program, 1, (const void *const *)outputs, &total_shape);
    cr_expect_eq(shape[0], 2);
    cr_expect_eq(shape[1], true_count, "%s: %ld of %ld", et_mode_name(mode), (long)shape[1],
                 (long)n);
    cr_expect_eq(total_shape, 7, "a scalar has no extents");
    et_program_cut_output(program, 0, outputs);
    et_program_cut_output(program, 1, outputs);
    for (int64_t row = 0; row < 2; row++)
        for (int64_t i = 0; i < true_count; i++)
            cr_expect_eq(y[row * true_count + i], x[row][i], "%s", et_mode_name(mode));
}

Test(counted, is_cut_in_every_mode, .timeout = 60) {
    struct et_program *program = columns();
    expect_counted(program);
    for (int mode = 0; mode < ET_MODE_COUNT; mode++)
        for (int64_t n = 0; n <= 4; n++)
            expect_cut(program, (enum et_mode)mode, n, n);
    et_program_free(program);
}

/* Whoever wrote the graph may have it say anything. */
Test(counted, wrong_counts_are_the_nearest, .timeout = 60) {
    static const int64_t above[] = {5, INT64_MAX}, below[] = {-1, INT64_MIN};
    struct et_program *program = columns();
    for (int i = 0; i < 2; i++) {
        expect_cut(program, ET_EAGER, above[i], 4);
        expect_cut(program, ET_EAGER, below[i], 0);
    }
    et_program_free(program);
}

Test(counted, is_stored_and_part_of_the_digest) {
    char path[] = "/tmp/test-counted-XXXXXX.json";
    struct et_error error = {0};
    struct et_program *program = columns();
    close(mkstemps(path, 5));
    cr_assert(et_program_save(program, path, &error), "%s", error.message);
    struct et_program *again = et_program_open(path, NULL, &error);
    cr_assert_not_null(again, "%s", error.message);
    expect_counted(again);
    cr_expect_str_eq(et_program_digest(again), et_program_digest(program));
    struct graph *plain = columns_graph();
    plain->outputs[0].count = 0;
    struct et_program *other = program_from_graph(plain, NULL, &error);
    cr_assert_not_null(other, "%s", error.message);
    cr_expect_str_neq(et_program_digest(other), et_program_digest(program));
    cr_expect_null(et_program_open_batched(path, NULL, &error));
    cr_expect_not_null(strstr(error.message, "depends on the data"), "%s", error.message);
    et_program_free(program);
    et_program_free(again);
    et_program_free(other);
    unlink(path);
}

Test(counted, what_cannot_count_is_refused) {
    struct et_error error = {0};
    struct graph *graph = columns_graph();
    cr_expect_not(graph_count_output(graph, 0, 2, 2, &error));
    cr_expect_str_eq(error.message, "output \"y\" is int32[2,4], and counted along axis 2");
    error.message[0] = 0;
    cr_expect_not(graph_count_output(graph, 0, 1, 1, &error));
    cr_expect_str_eq(error.message,
                     "output \"total\" counts \"y\", and is int32[], expected int64[]");
    graph->outputs[0].count = 7;
    error.message[0] = 0;
    cr_expect_not(verify_graph(graph, &error));
    cr_expect_str_eq(error.message, "output \"y\": output 6, which is to count it, is not there");
    graph_free(graph);
}
