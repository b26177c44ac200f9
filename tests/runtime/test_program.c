/* The public interface: stored graphs opened, described, prepared and run; every mode the same. */
#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/builder/builder.h"
#include "runtime/et_program.h"

static const float weight_values[3] = {0x1.8p+0f, -0x1p-149f, 0x1.fffffep+127f};

/* y = max over rows of (x * w + 0.5) where the mask is set, else x; p: where it lies. */
static struct graph *sample_graph(struct et_error *error) {
    struct tensor_context *context = tensor_context_new("sample");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(2, 3));
    struct tensor mask = add_graph_input(context, "mask", DTYPE_BOOL, SHAPE(2, 3));
    struct tensor w = add_weight(context, "w", DTYPE_FLOAT32, SHAPE(3));
    struct tensor scaled = tensor_add(tensor_mul(x, w), scalar(context, 0.5f));
    struct tensor chosen = tensor_where(mask, scaled, x);
    struct tensor y = tensor_reduce_max(chosen, AXES(1));
    struct tensor p = tensor_argmax(chosen, AXES(1));
    return compile_to_graph(context, OUTPUTS({"y", y}, {"p", p}), error);
}

static char folder[] = "/tmp/test-program-XXXXXX";
static char path[64], weights_path[64];

/* Stores the sample as sample.json and w.safetensors in a folder of its own. */
static void store_sample(void) {
    unsetenv("EIGENTENSOR_CPU");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/sample.json", folder);
    snprintf(weights_path, sizeof weights_path, "%s/w.safetensors", folder);
    struct et_error error = {0};
    struct weight w = {.name = "w",
                       .dtype = DTYPE_FLOAT32,
                       .rank = 1,
                       .shape = {3},
                       .data = weight_values,
                       .bytes = sizeof weight_values};
    cr_assert(weights_save(weights_path, &w, 1, NULL, &error), "%s", error.message);
    struct weights *weights = weights_load(weights_path, &error);
    struct graph *graph = sample_graph(&error);
    cr_assert(graph && weights, "%s", error.message);
    cr_assert(graph_store(graph, "w.safetensors", weights, path, &error), "%s", error.message);
    graph_free(graph);
    weights_free(weights);
}

static void remove_sample(void) {
    unlink(path);
    unlink(weights_path);
    rmdir(folder);
}

TestSuite(program, .init = store_sample, .fini = remove_sample, .timeout = 60);

static struct et_program *opened(void) {
    struct et_error error = {0};
    struct et_program *program = et_program_open(path, NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    return program;
}

static const float x[2][3] = {{1.0f, 2.0f, -3.0f}, {0x1p-20f, -7.0f, 0x1p-3f}};
static const uint8_t mask[2][3] = {{1, 0, 0}, {1, 1, 0}};
/* Row 0: 2 (1.5 + 0.5), 2, -3: the first greatest is at 0.  Row 1: 0.5 + 1.5 * 2^-20, 0.5 (the
 * product underflows by far), 0.125. */
static const float expected_y[2] = {2.0f, 0x1.00003p-1f};
static const int32_t expected_p[2] = {0, 0};

static void check_run(struct et_program *program, enum et_mode mode,
                      struct et_workspace *workspace) {
    float y[2] = {NAN, NAN};
    int32_t p[2] = {-1, -1};
    struct et_error error = {0};
    cr_assert(et_program_run(program, mode, (const void *[]){x, mask}, (void *[]){y, p}, workspace,
                             &error),
              "%s: %s", et_mode_name(mode), error.message);
    cr_assert_arr_eq(y, expected_y, sizeof y, "%s: %a %a", et_mode_name(mode), y[0], y[1]);
    cr_assert_arr_eq(p, expected_p, sizeof p, "%s: %d %d", et_mode_name(mode), p[0], p[1]);
}

Test(program, modes_have_names) {
    enum et_mode mode;
    cr_assert(et_mode_from_name("eager", &mode) && mode == ET_EAGER);
    cr_assert(et_mode_from_name("jit", &mode) && mode == ET_JIT);
    cr_assert(et_mode_from_name("aot", &mode) && mode == ET_AOT);
    cr_assert_not(et_mode_from_name("fast", &mode));
    cr_assert_str_eq(et_mode_name(ET_JIT), "jit");
    cr_assert_null(et_mode_name(ET_ALL_MODES));
    struct et_program *program = opened();
    struct et_error error = {0};
    cr_assert_not(et_program_prepare(program, ET_ALL_MODES, &error));
    cr_assert_str_eq(error.message, "mode 4: expected eager, jit, aot or cuda");
    et_program_free(program);
    et_program_free(NULL);
}

Test(program, describes_itself) {
    struct et_program *program = opened();
    cr_assert_str_eq(et_program_name(program), "sample");
    cr_assert_eq(et_program_input_count(program), 2);
    struct et_tensor tensor = et_program_input(program, 1);
    cr_assert_str_eq(tensor.name, "mask");
    cr_assert_str_eq(tensor.dtype, "bool");
    cr_assert(tensor.rank == 2 && tensor.shape[0] == 2 && tensor.shape[1] == 3);
    cr_assert_eq(tensor.bytes, 6);
    cr_assert_eq(et_program_output_count(program), 2);
    tensor = et_program_output(program, 0);
    cr_assert_str_eq(tensor.name, "y");
    cr_assert_str_eq(tensor.dtype, "float32");
    cr_assert(tensor.rank == 1 && tensor.shape[0] == 2 && tensor.bytes == 8);
    cr_assert_eq(et_program_find_input(program, "mask"), 1);
    cr_assert_eq(et_program_find_input(program, "y"), -1);
    cr_assert_eq(et_program_find_output(program, "p"), 1);
    cr_assert_eq(et_program_find_output(program, "x"), -1);
    cr_assert_null(et_program_source(program, ET_EAGER));
    cr_assert_null(et_program_source(program, ET_JIT), "not yet");
    et_program_free(program);
}

/* SHA-256 and UUID worked out by Python's hashlib from the text that store.h describes. */
Test(program, is_identified_by_graph_and_weights) {
    struct et_program *program = opened();
    cr_assert_str_eq(et_program_digest(program),
                     "b069e19e83045e90f5bb4c0f33461ca3d7bdbcf78ea86dee620df5d83d032fc6");
    cr_assert_str_eq(et_program_uuid(program), "b069e19e-8304-8e90-b5bb-4c0f33461ca3");
    et_program_free(program);
}

static void *ask_for_digest(void *program) {
    return (void *)et_program_digest(program);
}

/* It is found when it is asked for first, also after runs, by whichever thread. */
Test(program, is_identified_whenever_it_is_asked) {
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    struct et_program *program = opened();
    check_run(program, ET_JIT, NULL);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, ask_for_digest, program), 0);
    for (int i = 0; i < THREADS; i++) {
        void *digest;
        cr_assert_eq(pthread_join(threads[i], &digest), 0);
        cr_assert_str_eq(digest,
                         "b069e19e83045e90f5bb4c0f33461ca3d7bdbcf78ea86dee620df5d83d032fc6");
    }
    cr_assert_str_eq(et_program_uuid(program), "b069e19e-8304-8e90-b5bb-4c0f33461ca3");
    check_run(program, ET_EAGER, NULL);
    et_program_free(program);
}

/* By Python's hashlib, from the definition in eigentensor.h. */
Test(program, results_have_a_digest) {
    struct et_program *program = opened();
    struct et_digest digest =
        et_program_output_digest(program, (const void *[]){expected_y, expected_p});
    cr_assert_str_eq(digest.text,
                     "f9e168eb4d96fe5b9b1a7c3925fed0b0b2cb95bface7c101634cbc67637f63c9");
    et_program_free(program);
}

Test(program, eager_gives_what_was_worked_out) {
    struct et_program *program = opened();
    cr_assert(et_program_is_prepared(program, ET_EAGER));
    check_run(program, ET_EAGER, NULL);
    et_program_free(program);
}

Test(program, jit_gives_the_same) {
    struct et_program *program = opened();
    struct et_workspace *workspace = et_workspace_new(program);
    cr_assert_not(et_program_is_prepared(program, ET_JIT));
    check_run(program, ET_JIT, workspace); /* prepares */
    cr_assert(et_program_is_prepared(program, ET_JIT));
    const char *source = et_program_source(program, ET_JIT);
    cr_assert_not_null(source);
    cr_assert(et_program_prepare(program, ET_JIT, NULL));
    cr_assert_eq(et_program_source(program, ET_JIT), source, "not compiled again");
    check_run(program, ET_JIT, workspace);
    check_run(program, ET_JIT, NULL);
    et_program_free(program);
    et_workspace_free(workspace);
    et_workspace_free(NULL);
}

Test(program, aot_gives_the_same) {
    struct et_program *program = opened();
    struct et_workspace *workspace = et_workspace_new(program);
    cr_assert(et_program_prepare(program, ET_AOT, NULL));
    cr_assert_not_null(strstr(et_program_source(program, ET_AOT), et_program_digest(program)));
    check_run(program, ET_AOT, workspace);
    check_run(program, ET_JIT, workspace);
    check_run(program, ET_AOT, workspace);
    et_workspace_free(workspace);
    et_program_free(program);
}

Test(program, failed_compile_may_be_tried_again) {
    struct et_program *program = opened();
    struct et_error error = {0};
    cr_assert(et_program_set_compiler(program, "no-such-compiler", NULL, &error));
    cr_assert_not(et_program_prepare(program, ET_AOT, &error));
    cr_assert_str_eq(error.message, "sample: aot: no-such-compiler: not found; install gcc or name "
                                    "another compiler");
    cr_assert_null(et_program_source(program, ET_AOT));
    char flag[] = "-O1";
    cr_assert(et_program_set_compiler(program, NULL, (const char *[]){flag, NULL}, &error));
    memset(flag, 'x', 3); /* flags were copied */
    check_run(program, ET_AOT, NULL);
    et_program_free(program);
}

Test(program, wrong_buffers_are_refused) {
    struct et_program *program = opened();
    struct et_error error = {0};
    float y[2] = {7, 7};
    int32_t p[2] = {7, 7};
    uint8_t wrong[6] = {0, 1, 0, 0, 2, 0};
    for (int mode = ET_EAGER; mode <= ET_JIT; mode++) {
        cr_assert_not(et_program_run(program, (enum et_mode)mode, (const void *[]){x, wrong},
                                     (void *[]){y, p}, NULL, &error));
        cr_assert_str_eq(error.message, "sample: input mask: element 4: expected 0 or 1, found 2");
        cr_assert_not(et_program_run(program, (enum et_mode)mode, (const void *[]){NULL, mask},
                                     (void *[]){y, p}, NULL, &error));
        cr_assert_str_eq(error.message, "sample: input x: expected float32[2,3], found NULL");
        cr_assert_not(et_program_run(program, (enum et_mode)mode, (const void *[]){x, mask},
                                     (void *[]){y, NULL}, NULL, &error));
        cr_assert_str_eq(error.message, "sample: output p: expected room for int32[2], found NULL");
    }
    cr_assert(y[0] == 7 && y[1] == 7 && p[0] == 7 && p[1] == 7);
    et_program_free(program);
}

Test(program, opens_with_other_weights) {
    const float other[3] = {2.0f, 0.0f, 0.0f};
    struct weight w = {.name = "w",
                       .dtype = DTYPE_FLOAT32,
                       .rank = 1,
                       .shape = {3},
                       .data = other,
                       .bytes = sizeof other};
    struct et_error error = {0};
    char other_path[96];
    snprintf(other_path, sizeof other_path, "%s/other", folder);
    cr_assert(weights_save(other_path, &w, 1, NULL, &error), "%s", error.message);
    struct et_program *first = opened(), *second = et_program_open(path, other_path, &error);
    unlink(other_path);
    cr_assert_not_null(second, "%s", error.message);
    cr_assert_str_neq(et_program_digest(first), et_program_digest(second));
    float y[2];
    int32_t p[2];
    for (int mode = ET_EAGER; mode <= ET_JIT; mode++) {
        cr_assert(et_program_run(second, (enum et_mode)mode, (const void *[]){x, mask},
                                 (void *[]){y, p}, NULL, &error),
                  "%s", error.message);
        cr_assert(y[0] == 2.5f && p[0] == 0 && y[1] == 0x1.00004p-1f && p[1] == 0);
    }
    et_program_free(first);
    et_program_free(second);
    cr_assert_null(et_program_open("/nowhere.json", NULL, &error));
    cr_assert_not_null(strstr(error.message, "/nowhere.json"));
}

static void *prepare_and_run(void *program) {
    struct et_workspace *workspace = et_workspace_new(program);
    for (int i = 0; i < 200; i++)
        check_run(program, i % 2 ? ET_EAGER : ET_JIT, workspace);
    et_workspace_free(workspace);
    return NULL;
}

Test(program, threads_share_a_program) {
    struct et_program *program = opened();
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, prepare_and_run, program), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    et_program_free(program);
}

/* Opens, prepares and runs; true when all of it went well. */
static bool whole_life(struct et_error *error) {
    float y[2];
    int32_t p[2];
    struct et_program *program = et_program_open(path, NULL, error);
    bool good = program && et_program_run(program, ET_JIT, (const void *[]){x, mask},
                                          (void *[]){y, p}, NULL, error);
    et_program_free(program);
    return good;
}

Test(program, every_failed_allocation_is_reported) {
    unsigned long nth = 0;
    bool good = false;
    while (!good) {
        struct et_error error = {0};
        et_fail_allocation(++nth);
        good = whole_life(&error);
        et_fail_allocation(0);
        if (!good)
            cr_assert_not_null(strstr(error.message, "memory"), "allocation %lu: %s", nth,
                               error.message);
        cr_assert_lt(nth, 20000);
    }
    cr_assert_gt(nth, 10);
}
