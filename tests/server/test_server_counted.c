/* A model whose results depend in their extent on the data, served: what clients see is cut. */
#include "tests/support/onnx_model.h"
#include "tests/support/server_support.h"

#include <unistd.h>

static char folder[] = "/tmp/test-counted-XXXXXX";
static char path[64];

/* places: where x (2, 3) is not 0. */
static void begin_counted_server(void) {
    struct onnx_model model;
    size_t count;
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/find.onnx", folder);
    onnx_model_begin(&model, 20);
    onnx_add_input(&model, "x", 1, "2,3");
    onnx_add_node(&model, "NonZero", "x", "places");
    onnx_add_output(&model, "places");
    const void *bytes = onnx_pack(&model, &count);
    cr_assert(write_file(path, bytes, count, NULL));
    arena_free(&model.arena);
    begin_server_with((char *[]){path}, 1);
}

static void end_counted_server(void) {
    end_server();
    unlink(path);
    rmdir(folder);
}

TestSuite(server_counted, .init = begin_counted_server, .fini = end_counted_server, .timeout = 60);

static const char infer_path[] = "/v2/models/find/infer";

Test(server_counted, metadata_leaves_the_extent_open) {
    json_t *json = json_get("/v2/models/find", 200);
    cr_expect_eq(json_array_size(at(json, "outputs")), 1);
    cr_expect_str_eq(text_at(json, "outputs.0.name"), "places");
    cr_expect_eq(json_integer_value(at(json, "outputs.0.shape.0")), 2);
    cr_expect_eq(json_integer_value(at(json, "outputs.0.shape.1")), -1);
    json_decref(json);
    json = json_get("/v2/models/find/config", 200);
    cr_expect_eq(json_array_size(at(json, "output")), 1);
    cr_expect_eq(json_integer_value(at(json, "output.0.dims.1")), -1);
    json_decref(json);
}

/* What the model finds in x, and what else is asked. */
static char *request_of(const char *x, const char *more) {
    char *body;
    cr_assert_gt(asprintf(&body,
                          "{\"inputs\": [{\"name\": \"x\", \"datatype\": \"FP32\", \"shape\": [2, "
                          "3], \"data\": [%s]}]%s}",
                          x, more),
                 0);
    return body;
}

static json_t *found(const char *x, const char *more) {
    char *body = request_of(x, more);
    json_t *json = json_post(infer_path, body, 200);
    free(body);
    return json;
}

Test(server_counted, json_answers_are_cut) {
    static const struct {
        const char *x;
        int count;
        int64_t places[12];
    } cases[] = {{"0, 5, 0, 7, 0, 9", 3, {0, 1, 1, 1, 0, 2}},
                 {"0, 0, 0, 0, 0, 0", 0, {0}},
                 {"1, 1, 1, 1, 1, 1", 6, {0, 0, 0, 1, 1, 1, 0, 1, 2, 0, 1, 2}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json = found(cases[i].x, "");
        cr_expect_eq(json_array_size(at(json, "outputs")), 1);
        cr_expect_eq(json_integer_value(at(json, "outputs.0.shape.0")), 2);
        cr_expect_eq(json_integer_value(at(json, "outputs.0.shape.1")), cases[i].count);
        const json_t *data = at(json, "outputs.0.data");
        cr_expect_eq(json_array_size(data), (size_t)(2 * cases[i].count), "%s", cases[i].x);
        for (int k = 0; k < 2 * cases[i].count; k++)
            cr_expect_eq(json_integer_value(json_array_get(data, (size_t)k)), cases[i].places[k]);
        json_decref(json);
    }
}

Test(server_counted, the_count_itself_can_be_asked_for) {
    json_t *json = found("0, 5, 0, 7, 0, 9", ", \"outputs\": [{\"name\": \"places.count\"}]");
    cr_expect_str_eq(text_at(json, "outputs.0.name"), "places.count");
    cr_expect_eq(json_integer_value(at(json, "outputs.0.data.0")), 3);
    json_decref(json);
}

Test(server_counted, bytes_are_cut) {
    char *body = request_of("0, 5, 0, 7, 0, 9", ", \"parameters\": {\"binary_data_output\": true}");
    struct asked asked = {
        .method = "POST", .path = infer_path, .body = body, .body_bytes = strlen(body)};
    struct reply reply = answer_of(&asked);
    static const int64_t expected[] = {0, 1, 1, 1, 0, 2};
    size_t count;
    const char *bytes = reply_bytes(&reply, &count);
    cr_assert_eq(reply.status, 200);
    cr_assert_eq(count - reply.header_length, sizeof expected);
    cr_expect_eq(memcmp(bytes + reply.header_length, expected, sizeof expected), 0);
    reply_free(&reply);
    free(body);
}
