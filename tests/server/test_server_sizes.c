/* A model with open axes, served: requests have the sizes of their tensors, and for each there is a
 * program, made once, of which those used last are kept. */
#include "compiler/import/model_file.h"
#include "tests/support/onnx_model.h"
#include "tests/support/server_support.h"

#include "server/sizes.h"

#include <pthread.h>
#include <unistd.h>

enum { KEPT = 4 };

static char folder[] = "/tmp/test-sizes-XXXXXX";
static char sums_path[64], tables_path[64];
static struct axis_sizes allowed[] = {
    {.name = "width", .range_count = 1, .ranges = {{1, 64, 1}}},
    {.name = "rows", .range_count = 2, .ranges = {{2, 2, 1}, {5, 5, 1}}}};

static void write_model(struct onnx_model *model, const char *path) {
    size_t count;
    const void *bytes = onnx_pack(model, &count);
    cr_assert(write_file(path, bytes, count, NULL));
    arena_free(&model->arena);
}

/* z = x + y, of shapes N x width; and one of 2 or 5 rows, each of which must be 3 elements. */
static void begin_sized_server(void) {
    struct onnx_model model;
    cr_assert_not_null(mkdtemp(folder));
    snprintf(sums_path, sizeof sums_path, "%s/sums.onnx", folder);
    snprintf(tables_path, sizeof tables_path, "%s/tables.onnx", folder);
    onnx_model_begin(&model, 20);
    onnx_add_input(&model, "x", 1, "N,width");
    onnx_add_input(&model, "y", 1, "N,width");
    onnx_add_node(&model, "Add", "x,y", "z");
    onnx_add_output(&model, "z");
    write_model(&model, sums_path);
    onnx_model_begin(&model, 20);
    onnx_add_input(&model, "x", 1, "rows,columns");
    onnx_add_input(&model, "y", 1, "1,3");
    onnx_add_node(&model, "Add", "x,y", "z");
    onnx_add_output(&model, "z");
    write_model(&model, tables_path);
    server.models.axes = allowed;
    server.models.axis_count = 2;
    server.models.most_sizes = KEPT;
    begin_server_with((char *[]){sums_path, tables_path}, 2);
}

static void end_sized_server(void) {
    end_server();
    unlink(sums_path);
    unlink(tables_path);
    rmdir(folder);
}

TestSuite(server_sizes, .init = begin_sized_server, .fini = end_sized_server, .timeout = 300);

static const char sums[] = "/v2/models/sums/infer", tables[] = "/v2/models/tables/infer";

static unsigned long made_of(int model) {
    return atomic_load(&server.models.items[model]->sizes->made);
}

/* x + y of a request by JSON, or by bytes behind it; `own` is the thread's worker. */
static void add_up(struct worker *own, int64_t n, int64_t width, bool binary) {
    size_t count = (size_t)(n * width), bytes = count * sizeof(float), json_bytes, got;
    struct text body = {0};
    float *elements = malloc(2 * bytes + 1);
    char length[24];
    text_add(&body, "{\"parameters\": {\"binary_data_output\": %s}, \"inputs\": [",
             binary ? "true" : "false");
    for (int i = 0; i < 2; i++) {
        text_add(&body, "%s{\"name\": \"%s\", \"datatype\": \"FP32\", \"shape\": [%lld, %lld], ",
                 i ? ", " : "", i ? "y" : "x", (long long)n, (long long)width);
        for (size_t k = 0; k < count; k++)
            elements[(size_t)i * count + k] = (float)k + 0.5F * (float)i;
        text_add(&body, binary ? "\"parameters\": {\"binary_data_size\": %zu}}" : "\"data\": [",
                 bytes);
        for (size_t k = 0; !binary && k < count; k++)
            text_add(&body, "%s%.1f", k ? ", " : "", (double)elements[(size_t)i * count + k]);
        text_add(&body, "%s", binary ? "" : "]}");
    }
    text_add(&body, "]}");
    json_bytes = body.length;
    if (binary)
        text_add_bytes(&body, (const char *)elements, 2 * bytes);
    snprintf(length, sizeof length, "%zu", json_bytes);
    const struct asked asked = {.headers = {"Inference-Header-Content-Length", length}};
    struct request request = {.method = "POST",
                              .path = sums,
                              .body = text_read(&body, NULL),
                              .body_bytes = body.length,
                              .lookup = asked_lookup,
                              .lookup_context = (void *)&asked};
    struct reply reply = {0};
    server_answer(own, &request, &reply);
    const char *answer = reply_bytes(&reply, &got);
    cr_assert_eq(reply.status, 200, "%.*s", (int)got, answer);
    json_t *json = json_loadb(answer, binary ? reply.header_length : got, 0, NULL);
    cr_expect_eq(json_integer_value(at(json, "outputs.0.shape.0")), n);
    cr_expect_eq(json_integer_value(at(json, "outputs.0.shape.1")), width);
    for (size_t k = 0; k < count; k++) {
        float found = 0;
        if (binary)
            memcpy(&found, answer + reply.header_length + k * sizeof found, sizeof found);
        else
            found = (float)json_number_value(json_array_get(at(json, "outputs.0.data"), k));
        cr_expect_eq(found, 2 * (float)k + 0.5F);
    }
    json_decref(json);
    reply_free(&reply);
    text_free(&body);
    free(elements);
}

Test(server_sizes, metadata_has_minus_one) {
    json_t *json = json_get("/v2/models/sums", 200);
    cr_expect_eq(json_integer_value(at(json, "inputs.0.shape.0")), -1);
    cr_expect_eq(json_integer_value(at(json, "inputs.1.shape.1")), -1);
    cr_expect_eq(json_integer_value(at(json, "outputs.0.shape.1")), -1);
    cr_expect_str_eq(text_at(json, "parameters.axes.width"), "1..64");
    cr_expect_str_eq(text_at(json, "parameters.axes.N"), "1 or more");
    json_decref(json);
    json = json_get("/v2/models/tables", 200);
    cr_expect_eq(json_integer_value(at(json, "inputs.1.shape.1")), 3);
    cr_expect_str_eq(text_at(json, "parameters.axes.rows"), "2,5");
    json_decref(json);
    json = json_get("/v2/models/sums/config", 200);
    cr_expect_eq(json_integer_value(at(json, "max_batch_size")), 0);
    cr_expect_eq(json_integer_value(at(json, "input.0.dims.1")), -1);
    json_decref(json);
}

Test(server_sizes, requests_of_any_size_are_answered) {
    for (int64_t width = 1; width <= 64; width += 9) {
        add_up(worker, 1, width, false);
        add_up(worker, 3, width, true);
        add_up(worker, 3, width, false);
    }
}

Test(server_sizes, a_program_is_made_once) {
    for (int i = 0; i < 3; i++)
        add_up(worker, 2, 7, i == 1);
    cr_expect_eq(made_of(0), 1);
    add_up(worker, 1, 1, false); /* the first size */
    cr_expect_eq(made_of(0), 1);
}

Test(server_sizes, those_used_last_are_kept) {
    for (int64_t width = 11; width < 11 + KEPT - 1; width++)
        add_up(worker, 1, width, false);
    add_up(worker, 1, 11, false);
    cr_expect_eq(made_of(0), KEPT - 1);
    add_up(worker, 1, 40, false); /* in the place of 12 */
    add_up(worker, 1, 11, false);
    cr_expect_eq(made_of(0), KEPT);
    cr_expect_eq(sizes_ready(server.models.items[0]->sizes), KEPT);
    cr_expect_eq(atomic_load(&server.models.items[0]->sizes->forgotten), 1);
    add_up(worker, 1, 12, false);
    cr_expect_eq(made_of(0), KEPT + 1);
}

/* ---- Many at once ---- */

enum { THREADS = 8, ROUNDS = 40 };

static void *ask_one_size(void *context) {
    add_up(context, 5, 33, false);
    return NULL;
}

static void *ask_many_sizes(void *context) {
    static atomic_int turn;
    for (int i = 0; i < ROUNDS; i++)
        add_up(context, 1 + i % 2, 1 + (7 * atomic_fetch_add(&turn, 1)) % 64, i % 3 == 0);
    return NULL;
}

static void in_threads(void *(*ask)(void *)) {
    pthread_t threads[THREADS];
    struct worker *workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = worker_new(&server);
        cr_assert_eq(pthread_create(&threads[i], NULL, ask, workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        worker_free(workers[i]);
    }
}

Test(server_sizes, those_who_wait_for_a_size_wait_for_one_compile) {
    in_threads(ask_one_size);
    cr_expect_eq(made_of(0), 1);
}

Test(server_sizes, threads_ask_for_many_sizes) {
    in_threads(ask_many_sizes);
    const struct sizes *sizes = server.models.items[0]->sizes;
    cr_expect_leq(sizes_ready(server.models.items[0]->sizes), KEPT);
    cr_expect_eq(atomic_load(&sizes->failed), 0);
    cr_expect_geq(made_of(0), 64);
}

/* ---- What is wrong ---- */

static void refused(const char *path, const char *body, const char *why) {
    json_t *json = json_post(path, body, 400);
    cr_expect_str_eq(text_at(json, "error"), why);
    json_decref(json);
}

#define TENSOR(name, shape)                                                                        \
    "{\"name\": \"" name "\", \"datatype\": \"FP32\", \"shape\": " shape ", \"data\": [0]}"
#define INPUTS(x, y) "{\"inputs\": [" TENSOR("x", x) ", " TENSOR("y", y) "]}"

Test(server_sizes, bad_sizes_are_refused_by_name) {
    refused(sums, INPUTS("[1, 65]", "[1, 65]"),
            "axis \"width\": input \"x\" has size 65, expected 1..64");
    refused(sums, INPUTS("[0, 4]", "[0, 4]"),
            "axis \"N\": input \"x\" has size 0, expected 1 or more");
    refused(sums, INPUTS("[-1, 4]", "[1, 4]"),
            "axis \"N\": input \"x\" has size -1, expected 1 or more");
    refused(sums, INPUTS("[1, 4]", "[1, 5]"),
            "axis \"width\": input \"y\" has size 5, input \"x\" 4");
    refused(tables, INPUTS("[3, 3]", "[1, 3]"),
            "axis \"rows\": input \"x\" has size 3, expected 2,5");
    cr_expect_eq(made_of(0) + made_of(1), 0);
}

/* No program is made for tensors that cannot be there. */
Test(server_sizes, sizes_beyond_the_request_are_refused) {
    static const char large[] = "input \"x\": a shape of more elements than the body has bytes";
    refused(sums, INPUTS("[1000000000, 64]", "[1, 64]"), large);
    refused(sums, INPUTS("[1000000000000, 64]", "[1, 64]"), large);
    refused(tables, INPUTS("[5, 1099511627777]", "[1, 3]"),
            "axis \"columns\": input \"x\" has size 1099511627777, expected 1 or more");
    cr_expect_eq(made_of(0) + made_of(1), 0);
}

/* A size that the model cannot have, and requests that are wrong beside their sizes. */
Test(server_sizes, what_fails_is_said_and_not_kept) {
    json_t *json = json_post(tables, INPUTS("[2, 4]", "[1, 3]"), 400);
    cr_expect(strstr(text_at(json, "error"), "cannot be imported"), "%s", text_at(json, "error"));
    json_decref(json);
    cr_expect_eq(atomic_load(&server.models.items[1]->sizes->failed), 1);
    cr_expect_eq(sizes_ready(server.models.items[1]->sizes), 1);
    refused(sums, INPUTS("[1, 4]", "[1, 4]"),
            "input \"x\": data has 3 elements fewer than the shape");
    refused(sums, INPUTS("[1, 4, 1]", "[1, 4]"), "input \"x\": another shape than [1, 4]");
    refused(sums, "{\"inputs\": [" TENSOR("x", "[1, 4]") "]}",
            "\"inputs\": expected an array of 2");
    refused(sums, "{\"inputs\": 3}", "\"inputs\": expected an array of 2");
    refused(sums, INPUTS("[1, \"4\"]", "[1, 4]"), "input \"x\": another shape than [1, 4]");
    refused(sums, INPUTS("{}", "[1, 4]"), "input \"x\": another shape than [1, 4]");
    add_up(worker, 1, 4, false);
}

Test(server_sizes, a_request_whose_time_is_over_gets_504) {
    static const char body[] = INPUTS("[1, 9]", "[1, 9]");
    const struct run_limit limit = {.deadline = 1};
    const struct asked asked = {0};
    struct request request = {.method = "POST",
                              .path = sums,
                              .body = body,
                              .body_bytes = sizeof body - 1,
                              .limit = &limit,
                              .lookup = asked_lookup,
                              .lookup_context = (void *)&asked};
    struct reply reply = {0};
    struct sizes_asked size = {{1, 9}};
    struct et_error error = {0};
    enum et_stop stop;
    int status;
    struct sizes *sizes = server.models.items[0]->sizes;
    server.models.limits.most[LIMIT_NODES] = 1; /* so that none can be made */
    cr_expect_null(sizes_take(sizes, &size, &limit, &stop, &status, &error));
    cr_expect_eq(stop, ET_TOO_LATE);
    cr_expect_eq(status, 504);
    server_answer(worker, &request, &reply);
    cr_expect_eq(reply.status, 504);
    reply_free(&reply);
}

Test(server_sizes, metrics_count_sizes) {
    add_up(worker, 1, 4, false);
    struct reply reply = answer_of(&(struct asked){.method = "GET", .path = "/metrics"});
    size_t count;
    const char *text = reply_bytes(&reply, &count);
    cr_expect(strstr(text, "eigentensor_sizes_ready{model=\"sums\"} 2\n"));
    cr_expect(strstr(text, "eigentensor_sizes_made_total{model=\"sums\"} 1\n"));
    cr_expect(strstr(text, "eigentensor_inference_success_total{model=\"sums\",mode=\"jit\"} 1\n"));
    reply_free(&reply);
}
