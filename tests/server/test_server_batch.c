/* A model with a batch axis, served: metadata says -1, requests carry any number of images. */
#include "tests/support/server_support.h"

#include <unistd.h>

enum { MOST_BATCH = 40, IMAGES = 5 };

static char folder[] = "/tmp/test-batch-XXXXXX";
static char graph_path[64], weights_path[64];

static void begin_batch_server(void) {
    struct et_error error = {0};
    cr_assert_not_null(mkdtemp(folder));
    snprintf(graph_path, sizeof graph_path, "%s/mnist.json", folder);
    snprintf(weights_path, sizeof weights_path, "%s/mnist.safetensors", folder);
    struct et_program *program = et_program_open_batched("models/mnist/mnist.json", NULL, &error);
    cr_assert(program && et_program_save(program, graph_path, &error), "%s", error.message);
    et_program_free(program);
    server.options.max_batch = MOST_BATCH;
    begin_server_with((char *[]){graph_path}, 1);
}

static void end_batch_server(void) {
    end_server();
    unlink(graph_path);
    unlink(weights_path);
    rmdir(folder);
}

TestSuite(server_batch, .init = begin_batch_server, .fini = end_batch_server, .timeout = 300);

static const char infer_path[] = "/v2/models/mnist/infer";

Test(server_batch, metadata_has_minus_one) {
    json_t *json = json_get("/v2/models/mnist", 200);
    cr_expect_eq(json_integer_value(at(json, "inputs.0.shape.0")), -1);
    cr_expect_eq(json_integer_value(at(json, "inputs.0.shape.3")), 28);
    cr_expect_eq(json_integer_value(at(json, "outputs.0.shape.0")), -1);
    cr_expect_eq(json_integer_value(at(json, "outputs.0.shape.1")), 10);
    json_decref(json);
}

/* {"inputs": ..} for so many images behind the JSON. */
static char *header_of(int images, const char *mode) {
    char *text;
    cr_assert_gt(asprintf(&text,
                          "{\"parameters\": {\"mode\": \"%s\", \"binary_data_output\": true}, "
                          "\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
                          "\"shape\": [%d, 1, 28, 28], \"parameters\": {\"binary_data_size\": "
                          "%zu}}]}",
                          mode, images, (size_t)images * DIGIT_PIXELS * sizeof(float)),
                 0);
    return text;
}

/* Runs the images in the server; `logits` gets 10 for each. */
static void run_images(const float *pixels, int images, const char *mode, float *logits) {
    char *json = header_of(images, mode), length[16];
    size_t count = strlen(json), bytes = (size_t)images * DIGIT_PIXELS * sizeof(float), got;
    char *body = malloc(count + bytes);
    memcpy(body, json, count);
    memcpy(body + count, pixels, bytes);
    snprintf(length, sizeof length, "%zu", count);
    struct asked asked = {.method = "POST",
                          .path = infer_path,
                          .headers = {"Inference-Header-Content-Length", length, "Content-Type",
                                      "application/octet-stream"},
                          .body = body,
                          .body_bytes = count + bytes};
    struct reply reply = answer_of(&asked);
    const char *answer = reply_bytes(&reply, &got);
    cr_assert_eq(reply.status, 200, "%.*s", (int)got, answer);
    size_t behind = (size_t)images * 10 * sizeof(float);
    cr_assert_eq(got - reply.header_length, behind);
    memcpy(logits, answer + reply.header_length, behind);
    json_t *head = json_loadb(answer, reply.header_length, 0, NULL);
    cr_expect_eq(json_integer_value(at(head, "outputs.0.shape.0")), images);
    json_decref(head);
    reply_free(&reply);
    free(body);
    free(json);
}

Test(server_batch, images_get_the_same_bits_in_any_batch) {
    static float pixels[IMAGES * DIGIT_PIXELS], together[IMAGES * 10], alone[10];
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++)
        pixels[i] = (float)(i * 7919 % 256) / 255;
    static const char *const modes[] = {"eager", "jit"};
    for (int mode = 0; mode < 2; mode++) {
        run_images(pixels, IMAGES, modes[mode], together);
        for (size_t i = 0; i < IMAGES; i++) {
            run_images(pixels + i * DIGIT_PIXELS, 1, modes[mode], alone);
            cr_expect_eq(memcmp(alone, together + i * 10, sizeof alone), 0);
        }
    }
}

Test(server_batch, batches_out_of_range_are_refused) {
    static const struct {
        const char *shape, *message;
    } cases[] = {
        {"[41, 1, 28, 28]", "input \"input_image\": a batch of 41, expected 1 to 40"},
        {"[0, 1, 28, 28]", "input \"input_image\": a batch of 0, expected 1 to 40"},
        {"[-1, 1, 28, 28]", "input \"input_image\": a batch of -1, expected 1 to 40"},
        {"[2, 1, 28, 27]", "input \"input_image\": another shape than [2, 1, 28, 28]"},
        {"[28, 28]", "input \"input_image\": another shape than [28, 1, 28, 28]"},
        {"[2, 1, 28, 28]", "input \"input_image\": data has 1567 elements fewer than the shape"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *body;
        cr_assert_gt(asprintf(&body,
                              "{\"inputs\": [{\"name\": \"input_image\", \"datatype\": \"FP32\", "
                              "\"shape\": %s, \"data\": [0.5]}]}",
                              cases[i].shape),
                     0);
        json_t *json = json_post(infer_path, body, 400);
        cr_expect_str_eq(text_at(json, "error"), cases[i].message);
        json_decref(json);
        free(body);
    }
}

/* The demo's contract draws one picture. */
Test(server_batch, pictures_are_batches_of_one) {
    char *body = infer_body(sample("7-pen"), "anytensor");
    json_t *json = json_post("/infer", body, 200);
    cr_expect_eq(json_integer_value(at(json, "data")), 7);
    json_decref(json);
    free(body);
    json = json_get("/api/kernels", 200);
    cr_expect_eq(json_array_size(at(json, "kernels")), 5);
    json_decref(json);
}
