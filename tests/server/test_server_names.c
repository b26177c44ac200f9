/* A model whose names are as long as names may be: its own, its input's, its output's. */
#include "tests/support/server_support.h"

#include <math.h>
#include <unistd.h>

#include "compiler/graph/graph.h"

static char graph_path[] = "/tmp/test-names-XXXXXX";
static char model[MAX_GRAPH_NAME + 1], input[MAX_NAME + 1], output[MAX_NAME + 1];

static void begin_long_names(void) {
    memset(model, 'm', MAX_GRAPH_NAME);
    memset(input, 'i', MAX_NAME);
    memset(output, 'o', MAX_NAME);
    model[0] = '/';
    int file = mkstemp(graph_path);
    cr_assert(file >= 0);
    dprintf(file,
            "{\"format\": \"eigentensor\", \"version\": 2, \"name\": \"%s\", \"inputs\": "
            "[{\"name\": \"%s\", \"dtype\": \"float32\", \"shape\": [2]}], \"nodes\": ["
            "{\"id\": 0, \"op\": \"input\", \"src\": [], \"name\": \"%s\", \"dtype\": \"float32\", "
            "\"shape\": [2]}, {\"id\": 1, \"op\": \"neg\", \"src\": [0], \"dtype\": \"float32\", "
            "\"shape\": [2]}], \"outputs\": [{\"name\": \"%s\", \"node\": 1}]}\n",
            model, input, input, output);
    close(file);
    begin_server_with((char *[]){graph_path}, 1);
}

static void end_long_names(void) {
    end_server();
    unlink(graph_path);
}

TestSuite(server_names, .init = begin_long_names, .fini = end_long_names, .timeout = 60);

Test(server_names, requests_may_carry_them) {
    static char path[3 * MAX_GRAPH_NAME + 40], body[3 * MAX_NAME];
    char *end = stpcpy(path, "/v2/models/");
    for (const char *at = model; *at; at++)
        end += sprintf(end, "%%%02X", (unsigned)*at);
    json_t *metadata = json_get(path, 200);
    cr_assert_str_eq(text_at(metadata, "name"), model);
    cr_assert_str_eq(text_at(metadata, "inputs.0.name"), input);
    json_decref(metadata);
    strcpy(end, "/infer");
    snprintf(body, sizeof body,
             "{\"inputs\": [{\"name\": \"%s\", \"shape\": [2], \"datatype\": \"FP32\", "
             "\"data\": [-0, 2]}], \"outputs\": [{\"name\": \"%s\"}]}",
             input, output);
    json_t *reply = json_post(path, body, 200);
    cr_assert_str_eq(text_at(reply, "outputs.0.name"), output);
    const json_t *first = at(reply, "outputs.0.data.0");
    cr_assert(json_is_number(first) && json_number_value(first) == 0);
    cr_assert_eq(signbit(json_number_value(first)), 0, "neg of -0 is +0");
    cr_assert_eq(json_number_value(at(reply, "outputs.0.data.1")), -2);
    json_decref(reply);
}
