/* The Open Inference Protocol: metadata, tensors as JSON and as bytes, errors; and what hostile
 * bodies and failing memory do to any route: nothing. */
#include "tests/support/server_support.h"

#include <unistd.h>

TestSuite(server_oip, .init = begin_server, .fini = end_server, .timeout = 300);

static const char infer_path[] = "/v2/models/mnist/infer";

/* What the library itself gives for an image of all 0.5. */
struct expected {
    float logits[10];
    struct et_digest digest;
};

static struct expected expected_half(void) {
    struct expected expected;
    struct et_error error = {0};
    float pixels[DIGIT_PIXELS];
    for (int i = 0; i < DIGIT_PIXELS; i++)
        pixels[i] = 0.5f;
    struct et_program *program = et_program_open("models/mnist/mnist.json", NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    cr_assert(et_program_run(program, ET_EAGER, (const void *[]){pixels},
                             (void *[]){expected.logits}, NULL, &error));
    expected.digest = et_program_output_digest(program, (const void *[]){expected.logits});
    et_program_free(program);
    return expected;
}

/* [0.5, 0.5, ...], the caller's. */
static char *half_list(int count) {
    struct text list = {0};
    text_add(&list, "[");
    for (int i = 0; i < count; i++)
        text_add(&list, i ? ",0.5" : "0.5");
    text_add(&list, "]");
    char *copy = strdup(list.bytes);
    text_free(&list);
    return copy;
}

static char *format(const char *template, const char *value) {
    char *text;
    cr_assert_gt(asprintf(&text, template, value), 0);
    return text;
}

static json_t *post_with(const char *template, const char *value, int status) {
    char *body = format(template, value);
    json_t *json = json_post(infer_path, body, status);
    free(body);
    return json;
}

Test(server_oip, metadata) {
    json_t *json = json_get("/v2", 200);
    cr_assert_str_eq(text_at(json, "extensions.0"), "binary_tensor_data");
    json_decref(json);
    json = json_get("/v2/models/mnist/versions/1", 200);
    cr_assert_str_eq(text_at(json, "versions.0"), "1");
    cr_assert_str_eq(text_at(json, "inputs.0.name"), "input_image");
    cr_assert_str_eq(text_at(json, "inputs.0.datatype"), "FP32");
    cr_assert_eq(json_integer_value(at(json, "inputs.0.shape.3")), 28);
    cr_assert_str_eq(text_at(json, "outputs.0.name"), "logits");
    json_decref(json);
    json = json_get("/v2/models/mnist/ready", 200);
    cr_assert(json_is_true(at(json, "ready")));
    json_decref(json);
}

Test(server_oip, json_tensors_give_the_librarys_bits) {
    struct expected expected = expected_half();
    char *list = half_list(DIGIT_PIXELS);
    static const char *const modes[] = {"eager", "jit", "aot"};
    static const char *const used[] = {"eager", "jit", "jit"}; /* AOT is not there */
    for (int i = 0; i < 3; i++) {
        char *template = format("{\"id\": \"a/b \\u00e9\", \"parameters\": {\"mode\": \"%s\"}, "
                                "\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
                                "\"shape\": [1, 1, 28, 28], \"data\": %%s}]}",
                                modes[i]);
        json_t *json = post_with(template, list, 200);
        cr_assert_str_eq(text_at(json, "model_name"), "mnist");
        cr_assert_str_eq(text_at(json, "model_version"), "1");
        cr_assert_str_eq(text_at(json, "id"), "a/b \xc3\xa9");
        cr_assert_str_eq(text_at(json, "parameters.mode"), used[i]);
        cr_assert_str_eq(text_at(json, "parameters.digest"), expected.digest.text);
        cr_assert_gt(json_real_value(at(json, "parameters.compute_us")), 0);
        for (size_t k = 0; k < 10; k++) {
            float value = (float)json_number_value(json_array_get(at(json, "outputs.0.data"), k));
            cr_assert_eq(memcmp(&value, &expected.logits[k], sizeof value), 0);
        }
        json_decref(json);
        free(template);
    }
    free(list);
}

/* ---- Receipts ---- */

#define INPUTS                                                                                     \
    "\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "                            \
    "\"shape\": [1, 1, 28, 28], \"data\": %s}]"

static char *receipt_of(const char *pixels) {
    char *body;
    cr_assert_gt(asprintf(&body, "{\"parameters\": {\"receipt\": true}, " INPUTS "}", pixels), 0);
    json_t *json = json_post("/v2/models/mnist/infer", body, 200);
    free(body);
    const json_t *receipt = at(json, "parameters.receipt");
    cr_assert_str_eq(text_at(receipt, "format"), "eigentensor-receipt");
    cr_assert_str_eq(text_at(receipt, "result"), text_at(json, "parameters.digest"));
    char *text = json_dumps(receipt, JSON_COMPACT);
    json_decref(json);
    return text;
}

static char *verify_body(const char *mode, const char *receipt, const char *pixels) {
    char *body;
    cr_assert_gt(asprintf(&body,
                          "{\"parameters\": {\"mode\": \"%s\"}, \"receipt\": %s, " INPUTS "}", mode,
                          receipt, pixels),
                 0);
    return body;
}

static json_t *verify(const char *mode, const char *receipt, const char *pixels, int status) {
    char *body = verify_body(mode, receipt, pixels);
    json_t *json = json_post("/v2/models/mnist/verify", body, status);
    free(body);
    return json;
}

Test(server_oip, a_run_repeated_from_its_receipt_is_the_same) {
    char *pixels = half_list(DIGIT_PIXELS), *receipt = receipt_of(pixels);
    static const char *const modes[] = {"eager", "jit", "aot"};
    for (int i = 0; i < 3; i++) {
        json_t *json = verify(modes[i], receipt, pixels, 200);
        cr_assert(json_is_true(at(json, "same")));
        cr_assert_null(json_object_get(json, "difference"));
        json_decref(json);
    }
    free(receipt);
    free(pixels);
}

Test(server_oip, what_differs_from_a_receipt_is_named) {
    char *pixels = half_list(DIGIT_PIXELS), *others = half_list(DIGIT_PIXELS),
         *receipt = receipt_of(pixels);
    others[3] = '2'; /* 0.2 */
    json_t *json = verify("jit", receipt, others, 200);
    cr_assert(json_is_false(at(json, "same")));
    cr_assert(strstr(text_at(json, "difference"), "input \"input_image\" differs"));
    json_decref(json);
    char *digest = strstr(strstr(receipt, "\"outputs\""), "\"digest\"") + 10;
    *digest = *digest == '0' ? '1' : '0';
    json = verify("jit", receipt, pixels, 200);
    cr_assert(strstr(text_at(json, "difference"), "output \"logits\" differs"));
    json_decref(json);
    free(receipt);
    free(pixels);
    free(others);
}

Test(server_oip, wrong_receipts_say_what_is_wrong) {
    static const struct {
        const char *receipt, *message;
    } cases[] = {
        {"7", "\"receipt\": expected an object"},
        {"{}", "\"format\": expected"},
        {"{\"format\": \"eigentensor-receipt\", \"version\": 9}", "\"version\""},
    };
    char *pixels = half_list(DIGIT_PIXELS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json = verify("jit", cases[i].receipt, pixels, 400);
        cr_assert(strstr(text_at(json, "error"), cases[i].message), "%s", text_at(json, "error"));
        json_decref(json);
    }
    char *body;
    cr_assert_gt(asprintf(&body, "{" INPUTS "}", pixels), 0);
    json_t *json = json_post("/v2/models/mnist/verify", body, 400);
    cr_assert(strstr(text_at(json, "error"), "\"receipt\": expected an object, found none"));
    json_decref(json);
    free(body);
    cr_assert_gt(asprintf(&body, "{\"parameters\": {\"receipt\": 1}, " INPUTS "}", pixels), 0);
    json = json_post("/v2/models/mnist/infer", body, 400);
    cr_assert(strstr(text_at(json, "error"), "parameter \"receipt\": expected true or false"));
    json_decref(json);
    free(body);
    free(pixels);
}

Test(server_oip, nested_lists_are_row_major) {
    struct expected expected = expected_half();
    char *row = half_list(28);
    struct text nested = {0};
    text_add(&nested, "[[[");
    for (int y = 0; y < 28; y++)
        text_add(&nested, "%s%s", y ? "," : "", row);
    text_add(&nested, "]]]");
    json_t *json = post_with("{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
                             "\"shape\": [1, 1, 28, 28], \"data\": %s}]}",
                             nested.bytes, 200);
    cr_assert_str_eq(text_at(json, "parameters.digest"), expected.digest.text);
    json_decref(json);
    text_free(&nested);
    free(row);
}

static const char binary_header[] =
    "{\"id\": \"7\", \"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
    "\"shape\": [1, 1, 28, 28], \"parameters\": {\"binary_data_size\": 3136}}], "
    "\"outputs\": [{\"name\": \"logits\", \"parameters\": {\"binary_data\": true}}]}";

/* A body of that JSON with the image behind it. */
struct binary {
    char bytes[4096];
    char length[16];
    struct asked asked;
};

static void binary_request(struct binary *binary, const char *json) {
    size_t count = strlen(json);
    float pixel = 0.5f;
    memcpy(binary->bytes, json, count);
    for (size_t i = 0; i < DIGIT_PIXELS; i++)
        memcpy(binary->bytes + count + i * sizeof pixel, &pixel, sizeof pixel);
    snprintf(binary->length, sizeof binary->length, "%zu", count);
    binary->asked = (struct asked){.method = "POST",
                                   .path = infer_path,
                                   .headers = {"Content-Type", "application/octet-stream",
                                               "Inference-Header-Content-Length", binary->length},
                                   .body = binary->bytes,
                                   .body_bytes = count + DIGIT_PIXELS * sizeof pixel};
}

Test(server_oip, binary_tensors_both_ways) {
    struct expected expected = expected_half();
    struct binary binary;
    binary_request(&binary, binary_header);
    struct reply reply = answer_of(&binary.asked);
    cr_assert_eq(reply.status, 200, "%s", reply.body.bytes);
    cr_assert_str_eq(reply.type, "application/octet-stream");
    cr_assert_eq(reply.body.length, reply.header_length + sizeof expected.logits);
    cr_assert_eq(
        memcmp(reply.body.bytes + reply.header_length, expected.logits, sizeof expected.logits), 0);
    json_t *json = json_loadb(reply.body.bytes, reply.header_length, 0, NULL);
    cr_assert_eq(json_integer_value(at(json, "outputs.0.parameters.binary_data_size")), 40);
    cr_assert_null(at(json, "outputs.0.data"));
    json_decref(json);
    reply_free(&reply);
}

Test(server_oip, binary_lengths_are_checked) {
    struct binary binary;
    struct asked *asked = &binary.asked;
    static const char *const lengths[] = {"-1", "",  "x",   "99999999999999999999999",
                                          "0",  "5", "5000"};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        binary_request(&binary, binary_header);
        asked->headers[3] = lengths[i];
        json_decref(json_of(asked, 400));
    }
    binary_request(&binary, binary_header);
    asked->body_bytes -= 1; /* one byte short */
    json_decref(json_of(asked, 400));
    asked->body_bytes += 2; /* one too many */
    json_decref(json_of(asked, 400));
}

/* Requests that are wrong, and a part of the message. %s is the list of 784 numbers. */
static const struct {
    const char *body, *says;
} wrong[] = {
    {"", "expected near end of file"},
    {"[]", "object"},
    {"{}", "\"inputs\""},
    {"{\"inputs\": {}}", "\"inputs\""},
    {"{\"inputs\": []}", "array of 1"},
    {"{\"inputs\": [3]}", "no input"},
    {"{\"inputs\": [{\"name\": \"x\"}]}", "no input \"x\""},
    {"{\"inputs\": [{\"name\": \"input_image\"}]}", "datatype"},
    {"{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP64\"}]}", "expected FP32"},
    {"{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\"}]}", "shape"},
    {"{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", \"shape\": [784]}]}",
     "[1, 1, 28, 28]"},
    {"{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
     "\"shape\": [1, 1, 28, -28]}]}",
     "[1, 1, 28, 28]"},
    {"{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
     "\"shape\": [1, 1, 28, 28]}]}",
     "binary_data_size"},
    {"{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
     "\"shape\": [1, 1, 28, 28], \"data\": []}]}",
     "784 elements fewer"},
    {"{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
     "\"shape\": [1, 1, 28, 28], \"data\": [%s, 1]}]}",
     "more elements"},
    {"{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
     "\"shape\": [1, 1, 28, 28], \"data\": [\"seven\"]}]}",
     "input_image"},
    {"{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
     "\"shape\": [1, 1, 28, 28], \"parameters\": {\"binary_data_size\": 3136}}]}",
     "behind the JSON"},
    {"{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
     "\"shape\": [1, 1, 28, 28], \"parameters\": {\"binary_data_size\": -1}}]}",
     "expected 3136"},
    {"{\"parameters\": {\"mode\": \"fast\"}, \"inputs\": []}", "mode"},
    {"{\"parameters\": 5, \"inputs\": []}", "parameters"},
    {"{\"id\": 5, \"inputs\": []}", "\"id\""},
    {"{\"outputs\": [{\"name\": \"nothing\"}], \"inputs\": []}", "no output \"nothing\""},
    {"{\"outputs\": [{\"name\": \"logits\"}, {\"name\": \"logits\"}], \"inputs\": []}",
     "at most 1"},
    {"{\"outputs\": 5, \"inputs\": []}", "\"outputs\""},
    {"{\"parameters\": {\"binary_data_output\": 1}, \"inputs\": []}", "binary_data_output"},
};

Test(server_oip, wrong_requests_say_what_is_wrong) {
    char *list = half_list(DIGIT_PIXELS);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *body =
            strstr(wrong[i].body, "%s") ? format(wrong[i].body, list) : strdup(wrong[i].body);
        json_t *json = json_post(infer_path, body, 400);
        cr_assert_not_null(strstr(text_at(json, "error"), wrong[i].says), "%s: \"%s\" is not in %s",
                           wrong[i].body, wrong[i].says, text_at(json, "error"));
        json_decref(json);
        free(body);
    }
    free(list);
}

/* ---- Hostile bodies, failing memory ---- */

static unsigned random_state = 12345;
static unsigned random_number(unsigned below) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

/* A body, with a few bytes changed, or cut, or doubled. */
static size_t mutate(char *to, const char *from, size_t count, size_t room) {
    memcpy(to, from, count);
    switch (random_number(4)) {
    case 0:
        return random_number((unsigned)count + 1);
    case 1:
        if (count * 2 < room)
            memcpy(to + count, from, count), count *= 2;
        break;
    default:
        for (unsigned i = random_number(8) + 1; i; i--)
            to[random_number((unsigned)count)] = (char)random_number(256);
    }
    return count;
}

#ifdef __SANITIZE_ADDRESS__
enum { RANDOM_BODIES = 1500 };
#else
enum { RANDOM_BODIES = 10000 };
#endif

Test(server_oip, thousands_of_random_bodies_change_nothing) {
    static const char *const paths[] = {"/infer", "/api/draw", infer_path, "/api/activations"};
    char *demo = infer_body(sample("1-pen"), "jit");
    const struct embedded_file *png = sample("1-pen");
    struct binary binary;
    binary_request(&binary, binary_header);
    static char body[32768];
    for (int i = 0; i < RANDOM_BODIES; i++) {
        const char *path = paths[i % 4], *seeds[] = {demo, (const char *)png->bytes, binary.bytes};
        size_t counts[] = {strlen(demo), png->count, binary.asked.body_bytes};
        unsigned seed = i % 4 == 0 ? 0 : i % 4 == 2 ? 2 : 1, count = 0;
        if (random_number(3) == 0)
            for (count = random_number(300); count && count < 300; count++)
                body[count] = (char)random_number(256);
        else
            count = (unsigned)mutate(body, seeds[seed], counts[seed], sizeof body);
        struct asked asked = {.method = "POST",
                              .path = path,
                              .headers = {"Content-Type",
                                          seed == 1 ? "image/png"
                                          : seed    ? "application/octet-stream"
                                                    : "application/json",
                                          seed == 2 ? "Inference-Header-Content-Length" : NULL,
                                          binary.length},
                              .body = body,
                              .body_bytes = count};
        struct reply reply = answer_of(&asked);
        cr_assert(reply.status == 200 || reply.status == 400 || reply.status == 422, "%s: %d", path,
                  reply.status);
        reply_free(&reply);
    }
    free(demo);
    json_decref(json_of(&binary.asked, 200));
}

/* Times differ; nothing else may. */
static void forget_times(json_t *json) {
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_real(json))
        json_real_set(json, 0);
    json_array_foreach(json, i, member) forget_times(member);
    json_object_foreach(json, key, member) forget_times(member);
}

/* The reply without times, to be compared; the caller's. */
static char *comparable(const struct reply *reply) {
    size_t count;
    const char *bytes = reply_bytes(reply, &count);
    json_t *json = json_loadb(bytes, reply->header_length ? reply->header_length : count, 0, NULL);
    char *text = NULL;
    if (json) {
        forget_times(json);
        char *dumped = json_dumps(json, JSON_COMPACT);
        text = strdup(dumped);
        et_release(dumped);
    } else if (strncmp(reply->type, "text/html", 9) == 0) {
        text = strndup(bytes, count);
    }
    json_decref(json);
    return text ? text : strdup("");
}

/* The first 400 allocations of a request, and some of the later ones, fail in turn: an error each
 * time, or the whole answer. */
enum { STEP = 61 };
static void fail_every_allocation(const struct asked *asked) {
    struct reply whole = answer_of(asked);
    cr_assert_eq(whole.status, 200);
    char *expected = comparable(&whole);
    for (unsigned long nth = 1;; nth += nth < 400 ? 1 : STEP) {
        worker_free(worker); /* so that its first memory is asked for again */
        worker = worker_new(&server);
        et_fail_allocation(nth);
        struct reply reply = answer_of(asked);
        bool reached = true; /* or is the failing one still to come? */
        for (int i = 0; reached && i < STEP; i++) {
            void *probe = et_allocate(1, 1);
            reached = probe != NULL;
            et_release(probe);
        }
        et_fail_allocation(0);
        cr_assert(reply.status == 200 || reply.status == 400 || reply.status == 422 ||
                      reply.status == 500 || reply.status == 503,
                  "%s: allocation %lu: status %d", asked->path, nth, reply.status);
        char *found = comparable(&reply);
        cr_assert(reply.status != 200 || strcmp(found, expected) == 0,
                  "%s: allocation %lu: a part of the answer: %s", asked->path, nth, found);
        free(found);
        reply_free(&reply);
        if (!reached || nth > 30000) {
            cr_assert_leq(nth, 30000);
            break;
        }
    }
    reply_free(&whole);
    free(expected);
}

Test(server_oip, failing_memory_is_an_error_and_nothing_leaks) {
    const struct embedded_file *png = sample("1-pen");
    struct binary binary;
    binary_request(&binary, binary_header);
    fail_every_allocation(&binary.asked);
    struct asked asked = {.method = "POST",
                          .path = "/api/draw",
                          .query = {"modes", "jit"},
                          .headers = {"Content-Type", "image/png"},
                          .body = png->bytes,
                          .body_bytes = png->count};
    fail_every_allocation(&asked);
    char *body = infer_body(png, "jit");
    asked = (struct asked){
        .method = "POST", .path = "/infer", .body = body, .body_bytes = strlen(body)};
    fail_every_allocation(&asked);
    free(body);
    char *pixels = half_list(DIGIT_PIXELS), *receipt = receipt_of(pixels);
    body = verify_body("jit", receipt, pixels);
    asked = (struct asked){.method = "POST",
                           .path = "/v2/models/mnist/verify",
                           .body = body,
                           .body_bytes = strlen(body)};
    fail_every_allocation(&asked);
    free(body);
    free(receipt);
    free(pixels);
    static const char *const paths[] = {"/api/model", "/api/kernels",     "/api/graph",  "/metrics",
                                        "/docs",      "/v2/models/mnist", "/api/samples"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        asked = (struct asked){.method = "GET", .path = paths[i]};
        fail_every_allocation(&asked);
    }
}

Test(server_oip, failing_memory_in_activations) {
    const struct embedded_file *png = sample("1-pen");
    struct asked asked = {.method = "POST",
                          .path = "/api/activations",
                          .headers = {"Content-Type", "image/png"},
                          .body = png->bytes,
                          .body_bytes = png->count};
    fail_every_allocation(&asked);
}

/* ---- What integers stand for ---- */

static char scales_folder[] = "/tmp/test-scales-XXXXXX";
static char scales_path[64];

static void begin_scales_server(void) {
    static const char graph[] =
        "{\"format\": \"eigentensor\", \"version\": 2, \"name\": \"codes\",\n"
        " \"inputs\": [{\"name\": \"x\", \"dtype\": \"uint8\", \"shape\": [2], \"scale\": 0.1, "
        "\"zero\": 7}],\n"
        " \"nodes\": [\n"
        "  {\"id\": 0, \"op\": \"input\", \"src\": [], \"name\": \"x\", \"dtype\": \"uint8\", "
        "\"shape\": [2]},\n"
        "  {\"id\": 1, \"op\": \"cast\", \"src\": [0], \"dtype\": \"int16\", \"shape\": [2]}],\n"
        " \"outputs\": [{\"name\": \"y\", \"node\": 1, \"scale\": 0.5, \"zero\": -300}, "
        "{\"name\": \"z\", \"node\": 0}]}\n";
    cr_assert_not_null(mkdtemp(scales_folder));
    snprintf(scales_path, sizeof scales_path, "%s/codes.json", scales_folder);
    cr_assert(write_file(scales_path, graph, strlen(graph), NULL));
    begin_server_with((char *[]){scales_path}, 1);
}

static void end_scales_server(void) {
    end_server();
    unlink(scales_path);
    rmdir(scales_folder);
}

Test(server_scales, metadata_tells_what_integers_stand_for, .init = begin_scales_server,
     .fini = end_scales_server, .timeout = 60) {
    json_t *json = json_get("/v2/models/codes", 200);
    cr_expect_eq((float)json_number_value(at(json, "inputs.0.parameters.scale")), 0.1F);
    cr_expect_eq(json_integer_value(at(json, "inputs.0.parameters.zero")), 7);
    cr_expect_eq(json_number_value(at(json, "outputs.0.parameters.scale")), 0.5);
    cr_expect_eq(json_integer_value(at(json, "outputs.0.parameters.zero")), -300);
    cr_expect_null(json_object_get(at(json, "outputs.1"), "parameters"));
    json_decref(json);
}
