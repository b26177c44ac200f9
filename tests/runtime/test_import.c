/* Graphs that another tool wrote, put in order; programs stored and opened again. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/et_program.h"

/* y = sum over rows of x * w + 1, in an order of its own: the weight and a node without use first,
 * the constant twice, and no name of a weights file. */
static const char foreign[] =
    "{\"format\": \"eigentensor\", \"version\": 2, \"name\": \"foreign\","
    " \"inputs\": [{\"name\": \"x\", \"dtype\": \"float32\", \"shape\": [2, 2]}],"
    " \"weights\": {\"tensors\": [{\"name\": \"w\", \"dtype\": \"float32\", \"shape\": [2, 2]}]},"
    " \"nodes\": ["
    "{\"id\": 0, \"op\": \"weight\", \"src\": [], \"name\": \"w\", \"dtype\": \"float32\","
    " \"shape\": [2, 2]},"
    "{\"id\": 1, \"op\": \"neg\", \"src\": [0], \"dtype\": \"float32\", \"shape\": [2, 2]},"
    "{\"id\": 2, \"op\": \"input\", \"src\": [], \"name\": \"x\", \"dtype\": \"float32\","
    " \"shape\": [2, 2]},"
    "{\"id\": 3, \"op\": \"const\", \"src\": [], \"value\": [1.0, 1.0], \"dtype\": \"float32\","
    " \"shape\": [2]},"
    "{\"id\": 4, \"op\": \"const\", \"src\": [], \"value\": [1.0, 1.0], \"dtype\": \"float32\","
    " \"shape\": [2]},"
    "{\"id\": 5, \"op\": \"mul\", \"src\": [2, 0], \"dtype\": \"float32\", \"shape\": [2, 2]},"
    "{\"id\": 6, \"op\": \"reduce_sum\", \"src\": [5], \"axes\": [1], \"dtype\": \"float32\","
    " \"shape\": [2]},"
    "{\"id\": 7, \"op\": \"add\", \"src\": [6, 3], \"dtype\": \"float32\", \"shape\": [2]},"
    "{\"id\": 8, \"op\": \"add\", \"src\": [6, 4], \"dtype\": \"float32\", \"shape\": [2]}],"
    " \"outputs\": [{\"name\": \"y\", \"node\": 7}, {\"name\": \"z\", \"node\": 8}]}";

static const char *const operations_in_order[] = {"input",      "weight", "mul",
                                                  "reduce_sum", "const",  "add"};

static char folder[] = "/tmp/test-import-XXXXXX";
static char graph_path[64], weights_path[64], foreign_weights[64];
static const float w[4] = {1.0f, 2.0f, 3.0f, 4.0f};

static void prepare(void) {
    cr_assert_not_null(mkdtemp(folder));
    snprintf(graph_path, sizeof graph_path, "%s/g.json", folder);
    snprintf(weights_path, sizeof weights_path, "%s/g.safetensors", folder);
    snprintf(foreign_weights, sizeof foreign_weights, "%s/f.safetensors", folder);
    struct weight weight = {"w", DTYPE_FLOAT32, 2, {2, 2}, w, sizeof w, NULL};
    struct et_error error = {0};
    cr_assert(weights_save(foreign_weights, &weight, 1, NULL, &error), "%s", error.message);
}

static void clean(void) {
    unlink(graph_path);
    unlink(weights_path);
    unlink(foreign_weights);
    rmdir(folder);
}

TestSuite(import, .init = prepare, .fini = clean, .timeout = 60);

static struct et_program *imported(struct et_error *error) {
    return et_program_import(foreign, sizeof foreign - 1, foreign_weights, error);
}

Test(import, order_is_that_of_graphs_made_here) {
    struct et_error error = {0};
    struct et_program *program = imported(&error);
    cr_assert_not_null(program, "%s", error.message);
    const struct graph *graph = program_graph(program);
    int count = sizeof operations_in_order / sizeof *operations_in_order;
    cr_assert_eq(graph->node_count, count, "%d nodes", graph->node_count);
    for (int i = 0; i < count; i++)
        cr_assert_str_eq(op_facts[graph->nodes[i]->op].name, operations_in_order[i]);
    cr_assert_eq(graph->outputs[0].node, graph->outputs[1].node);
    et_program_free(program);
}

Test(import, runs) {
    struct et_error error = {0};
    struct et_program *program = imported(&error);
    cr_assert_not_null(program, "%s", error.message);
    const float x[4] = {1.0f, 10.0f, 100.0f, 1000.0f};
    const float expected[2] = {22.0f, 4301.0f}; /* 1 + 20 + 1, 300 + 4000 + 1 */
    for (int mode = 0; mode < ET_MODE_COUNT; mode++) {
        float y[2], z[2];
        cr_assert(et_program_run(program, (enum et_mode)mode, (const void *[]){x}, (void *[]){y, z},
                                 NULL, &error),
                  "%s", error.message);
        cr_assert_arr_eq(y, expected, sizeof y);
        cr_assert_arr_eq(z, expected, sizeof z);
    }
    et_program_free(program);
}

Test(import, saved_and_opened_it_is_the_same) {
    struct et_error error = {0};
    struct et_program *program = imported(&error);
    cr_assert_not_null(program, "%s", error.message);
    cr_assert(et_program_save(program, graph_path, &error), "%s", error.message);
    struct et_program *again = et_program_open(graph_path, NULL, &error);
    cr_assert_not_null(again, "%s", error.message);
    cr_assert_str_eq(et_program_digest(again), et_program_digest(program));
    et_program_free(again);
    et_program_free(program);
}

Test(import, errors_say_what_and_where) {
    struct et_error error = {0};
    cr_assert_null(et_program_import("{}", 2, NULL, &error));
    cr_assert(strstr(error.message, "graph: "), "%s", error.message);
    cr_assert_null(et_program_import(foreign, sizeof foreign - 1, "/nowhere", &error));
    cr_assert(strstr(error.message, "/nowhere"), "%s", error.message);
    struct et_program *program = imported(&error);
    cr_assert_not_null(program, "%s", error.message);
    cr_assert_not(et_program_save(program, "g.txt", &error));
    cr_assert_str_eq(error.message, "g.txt: expected a name that ends with .json");
    cr_assert_not(et_program_save(program, ".json", &error));
    cr_assert_not(et_program_save(program, "/dev/null/at/all.json", &error));
    cr_assert(strstr(error.message, "/dev/null"), "%s", error.message);
    et_program_free(program);
}

Test(import, every_allocation_fails_once) {
    bool done = false;
    for (unsigned long nth = 1; !done; nth++) {
        struct et_error error = {0};
        et_fail_allocation(nth);
        struct et_program *program = imported(&error);
        done = program && et_program_save(program, graph_path, &error);
        et_fail_allocation(0);
        cr_assert(done || error.message[0], "allocation %lu", nth);
        et_program_free(program);
    }
}
