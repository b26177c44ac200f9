/* Runs of minutes, ended from outside: in every mode, by any number of threads, wherever they are;
 * and the workspace goes on to work. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <unistd.h>

#include "compiler/builder/layers.h"
#include "compiler/graph/batch.h"
#include "runtime/et_program.h"

TestSuite(stop, .timeout = 300);

#ifdef __SANITIZE_ADDRESS__
enum { SLOW = 8 };
#else
enum { SLOW = 1 };
#endif
enum { ROWS = 6, IMAGES = 3 };
static const int64_t LONG = (int64_t)1 << 33;

/* Elements by the thousand million that nobody stores. */
static struct tensor wide(struct tensor x) {
    return tensor_expand(x, SHAPE(ROWS, LONG));
}

static struct tensor sum(struct tensor x) {
    return tensor_reduce_sum(wide(x), AXES(1));
}

static struct tensor argmax(struct tensor x) {
    return tensor_argmax(tensor_expand(x, SHAPE(ROWS, 1 << 30)), AXES(1));
}

static struct tensor product(struct tensor x) {
    struct tensor whole = tensor_cast(x, DTYPE_INT32); /* floats would be packed for tiles */
    return tensor_contract(wide(whole), wide(tensor_neg(whole)), AXES(1));
}

/* An axis that is no multiple of anything, and one inside it. */
static struct tensor integers(struct tensor x) {
    struct tensor elements = tensor_expand(
        tensor_cast(tensor_reshape(x, SHAPE(ROWS, 1, 1)), DTYPE_INT32), SHAPE(ROWS, 1000000007, 7));
    return tensor_reduce_max(elements, AXES(1, 2));
}

/* Each element is computed: what the interpreter refuses to store. */
static struct tensor exponentials(struct tensor x) {
    struct tensor places = tensor_cast(tensor_iota(x.context, DTYPE_INT64, LONG), DTYPE_FLOAT32);
    struct tensor rows = tensor_expand(tensor_reshape(places, SHAPE(1, LONG)), SHAPE(ROWS, LONG));
    return tensor_reduce_sum(tensor_exp(tensor_mul(wide(x), rows)), AXES(1));
}

static const struct {
    const char *name;
    struct tensor (*build)(struct tensor x);
    bool eager;
} graphs[] = {{"sum", sum, true},
              {"argmax", argmax, true},
              {"product", product, true},
              {"integers", integers, true},
              {"exponentials", exponentials, false}};
enum { GRAPHS = sizeof graphs / sizeof *graphs };

static struct et_program *program_of(int which, bool batched, int threads) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new(graphs[which].name);
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(ROWS, 1));
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", graphs[which].build(x)}), &error);
    cr_assert_not_null(graph, "%s: %s", graphs[which].name, error.message);
    if (batched) {
        struct graph *one = graph;
        graph = graph_add_batch(one, &error);
        graph_free(one);
        cr_assert_not_null(graph, "%s: %s", graphs[which].name, error.message);
    }
    struct et_program *program = program_from_graph(graph, NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    cr_assert(et_program_set_threads(program, threads, &error));
    return program;
}

static void *cancel_soon(void *flag) {
    usleep(30000);
    __atomic_store_n((int *)flag, 1, __ATOMIC_RELAXED);
    return NULL;
}

static float x[IMAGES * ROWS], y[IMAGES * ROWS];

/* Twice in the same workspace. */
static void expect_end(struct et_program *program, enum et_mode mode, int64_t batch, bool late) {
    struct et_workspace *workspace = et_workspace_new(program);
    const char *name = et_program_name(program);
    struct et_error error = {0};
    int cancelled = 0;
    pthread_t thread;
    cr_assert(et_program_prepare(program, mode, &error), "%s", error.message);
    for (int again = 0; again < 2; again++, cancelled = 0) {
        int64_t began = now_nanoseconds();
        et_workspace_set_limit(workspace, late ? began + 30000000 : 0, late ? NULL : &cancelled);
        if (!late)
            cr_assert_eq(pthread_create(&thread, NULL, cancel_soon, &cancelled), 0);
        cr_assert_not(et_program_run_batch(program, mode, batch, (const void *[]){x}, (void *[]){y},
                                           workspace, &error),
                      "%s, %s", name, et_mode_name(mode));
        double seconds = (double)(now_nanoseconds() - began) / 1e9;
        cr_expect_lt(seconds, 1.0 * SLOW, "%s, %s: %.2f s", name, et_mode_name(mode), seconds);
        cr_expect_eq(et_workspace_stopped(workspace), late ? ET_TOO_LATE : ET_CANCELLED, "%s",
                     error.message);
        if (!late)
            pthread_join(thread, NULL);
    }
    et_workspace_free(workspace);
}

static void expect_all_end(enum et_mode mode, int threads, bool batched) {
    for (int i = 0; i < ROWS * IMAGES; i++)
        x[i] = 1.0f / (float)(i + 1);
    for (int which = 0; which < GRAPHS; which++) {
        if (mode == ET_EAGER && !graphs[which].eager)
            continue;
        struct et_program *program = program_of(which, batched, threads);
        expect_end(program, mode, batched ? IMAGES : 1, which % 2 == 0);
        et_program_free(program);
    }
}

Test(stop, the_interpreter_ends) {
    expect_all_end(ET_EAGER, 1, false);
    expect_all_end(ET_EAGER, 1, true);
}

Test(stop, code_of_libtcc_ends) {
    expect_all_end(ET_JIT, 1, false);
    expect_all_end(ET_JIT, 3, false);
}

Test(stop, code_of_gcc_ends) {
    expect_all_end(ET_AOT, 1, false);
    expect_all_end(ET_AOT, 3, false);
}

Test(stop, batches_end) {
    expect_all_end(ET_JIT, 1, true);
    expect_all_end(ET_JIT, 3, true);
    expect_all_end(ET_AOT, 3, true);
}
