/* The server's handlers: routes, the demo's contract, the page's interface, files, metrics. */
#include <zlib.h>

#include "tests/support/server_support.h"

TestSuite(server, .init = begin_server, .fini = end_server, .timeout = 300);

/* ---- Routes ---- */

static void check_status(const char *method, const char *path, int status, const char *allow) {
    struct reply reply = answer_of(&(struct asked){.method = method, .path = path});
    cr_assert_eq(reply.status, status, "%s %s: %d", method, path, reply.status);
    cr_assert_str_eq(reply.allow, allow, "%s %s: allow \"%s\"", method, path, reply.allow);
    reply_free(&reply);
}

Test(server, paths_lead_to_handlers_or_say_why_not) {
    check_status("GET", "/healthz", 200, "");
    check_status("POST", "/healthz", 405, "GET, HEAD, OPTIONS");
    check_status("DELETE", "/infer", 405, "POST, OPTIONS");
    check_status("OPTIONS", "/infer", 204, "POST, OPTIONS");
    check_status("BREW", "/v2", 405, "GET, HEAD, OPTIONS");
    check_status("GET", "/v2/", 404, "");
    check_status("OPTIONS", "/nothing", 404, "");
    check_status("GET", "", 404, "");
    check_status("GET", "/../server/main.c", 404, "");
    check_status("GET", "/v2/models//ready", 404, "");
    check_status("GET", "/v2/models/mnist/versions/1/ready/more", 404, "");
    check_status("POST", "/index.html", 405, "GET, HEAD, OPTIONS");
    check_status("GET", "/v2/models/mnist/infer", 405, "POST, OPTIONS");
    check_status("GET", "/docs/", 200, "");
    check_status("GET", "/favicon.ico", 200, "");
    check_status("OPTIONS", "*", 204, "GET, HEAD, POST, OPTIONS");
    check_status("GET", "/v2/models/%6dnist/ready", 200, "");
    check_status("GET", "/v2%2Fmodels/mnist/ready", 404, "");
    check_status("GET", "/v2/models/mnist%2Fready", 404, "");
}

Test(server, a_path_longer_than_its_place_is_not_found) {
    char path[15000] = "/v2/models/";
    memset(path + 11, 'm', 14900);
    check_status("GET", path, 404, "");
}

Test(server, errors_have_the_shape_of_their_interface) {
    json_t *json = json_get("/v2/models/none", 404);
    cr_assert_str_eq(text_at(json, "error"), "there is no model \"none\"");
    json_decref(json);
    json = json_get("/v2/models/mnist/versions/7", 404);
    cr_assert_str_eq(text_at(json, "error"), "model \"mnist\" has no version \"7\", only 1");
    json_decref(json);
    json = json_get("/nothing", 404);
    cr_assert_str_eq(text_at(json, "detail"), "there is nothing at /nothing");
    json_decref(json);
    json = json_get("/no\xff\"\\\x01thing", 404); /* whatever the path has, the reply is JSON */
    json_decref(json);
}

/* ---- Files ---- */

Test(server, files_have_types_and_etags) {
    struct reply page = answer_of(&(struct asked){.method = "GET", .path = "/"});
    cr_assert_eq(page.status, 200);
    cr_assert_str_eq(page.type, "text/html; charset=utf-8");
    cr_assert_eq(memcmp(page.file, "<!doctype", 9), 0);
    struct asked again = {.method = "GET", .path = "/", .headers = {"If-None-Match", page.etag}};
    struct reply unchanged = answer_of(&again);
    cr_assert_eq(unchanged.status, 304);
    cr_assert_eq(unchanged.file_bytes, 0);
    again.headers[1] = "\"another\"";
    struct reply changed = answer_of(&again);
    cr_assert_eq(changed.status, 200);
    cr_assert_eq(changed.file_bytes, page.file_bytes);
    struct reply png = answer_of(&(struct asked){.method = "GET", .path = "/samples/3-pen.png"});
    cr_assert_str_eq(png.type, "image/png");
    cr_assert_eq(memcmp(png.file, "\x89PNG\r\n\x1a\n", 8), 0);
}

Test(server, texts_are_compressed_for_those_who_take_it) {
    struct asked asked = {
        .method = "GET", .path = "/docs.css", .headers = {"Accept-Encoding", "br, gzip"}};
    struct reply reply = answer_of(&asked);
    const struct embedded_file *file = files_find("/docs.css");
    cr_assert(reply.gzip);
    cr_assert_str_neq(reply.etag, file->etag);
    static unsigned char text[65536];
    z_stream stream = {.next_in = (unsigned char *)reply.file,
                       .avail_in = (uInt)reply.file_bytes,
                       .next_out = text,
                       .avail_out = sizeof text};
    cr_assert_eq(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
    cr_assert_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
    cr_assert_eq(stream.total_out, file->count);
    cr_assert_eq(memcmp(text, file->bytes, file->count), 0);
    inflateEnd(&stream);
    asked.path = "/samples/3-pen.png";
    cr_assert_not(answer_of(&asked).gzip);
}

Test(server, the_page_keeps_to_its_policy) {
    size_t total = 0;
    for (int i = 0; i < files_count(); i++) {
        const struct embedded_file *file = files_at(i);
        if (strncmp(file->path, "/samples/", 9) == 0 || strcmp(file->path, "/openapi.json") == 0)
            continue;
        if (strncmp(file->path, "/modules/", 9) != 0) /* they come once the page is there */
            total += file->gzip.length ? file->gzip.length : file->count;
        cr_assert_str_neq(file->type, "application/octet-stream", "%s", file->path);
        if (!strstr(file->path, ".html"))
            continue;
        const char *text = (const char *)file->bytes; /* ends with a zero byte */
        cr_assert_null(strstr(text, "<style"), "%s", file->path);
        cr_assert_null(strstr(text, " style="), "%s", file->path);
        cr_assert_null(strstr(text, " onclick="), "%s", file->path);
        cr_assert_null(strstr(text, "<script>"), "%s", file->path);
    }
    cr_assert_lt(total, 60000, "the page is %zu bytes", total);
    cr_assert_not_null(files_find("/modules/index.js"), "also where there are no modules");
}

/* ---- The demo's contract ---- */

Test(server, every_sample_is_read_in_every_mode) {
    static const char *const modes[] = {"regular", "anytensor", "eigentensor", "jit", NULL};
    for (int i = 0; i < files_count(); i++) {
        const struct embedded_file *file = files_at(i);
        if (strncmp(file->path, "/samples/", 9) != 0)
            continue;
        for (int mode = 0; mode < 5; mode++) {
            char *body = infer_body(file, modes[mode]);
            json_t *json = json_post("/infer", body, 200);
            cr_assert_str_eq(text_at(json, "status"), "success");
            cr_assert_eq(json_integer_value(at(json, "data")), file->path[9] - '0', "%s, mode %s",
                         file->path, modes[mode]);
            json_decref(json);
            free(body);
        }
    }
}

/* body, status, type of the complaint (of a 422) or part of the message (of a 400) */
static const struct {
    const char *body;
    int status;
    const char *says;
} bad_bodies[] = {
    {"", 422, "missing"},
    {"{", 422, "json_invalid"},
    {"[]", 422, "model_attributes_type"},
    {"\"x\"", 422, "json_invalid"},
    {"{}", 422, "missing"},
    {"{\"image_bytes\": 5}", 422, "string_type"},
    {"{\"image_bytes\": null}", 422, "string_type"},
    {"{\"image_bytes\": \"\", \"mode\": \"fast\"}", 422, "literal_error"},
    {"{\"image_bytes\": \"\", \"mode\": 3}", 422, "literal_error"},
    {"{\"image_bytes\": \"a\", \"image_bytes\": \"b\"}", 422, "json_invalid"},
    {"{\"a\": [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}", 422, "json_invalid"},
    {"{\"image_bytes\": \"\"}", 400, "picture"},
    {"{\"image_bytes\": \"!!!!\"}", 400, "base64"},
    {"{\"image_bytes\": \"abc\"}", 400, "base64"},
    {"{\"image_bytes\": \"data:image/png,abcd\"}", 400, "base64"},
    {"{\"image_bytes\": \"aGVsbG8=\"}", 400, "picture"},
};

Test(server, bad_bodies_get_the_demos_errors) {
    for (size_t i = 0; i < sizeof bad_bodies / sizeof *bad_bodies; i++) {
        json_t *json = json_post("/infer", bad_bodies[i].body, bad_bodies[i].status);
        if (bad_bodies[i].status == 422) {
            cr_assert_str_eq(text_at(json, "detail.0.type"), bad_bodies[i].says, "%s: %s",
                             bad_bodies[i].body, text_at(json, "detail.0.type"));
            cr_assert_str_eq(text_at(json, "detail.0.loc.0"), "body");
            cr_assert_not_null(at(json, "detail.0.input"));
        } else {
            cr_assert_str_eq(text_at(json, "detail.status"), "error");
            cr_assert_not_null(strstr(text_at(json, "detail.message"), bad_bodies[i].says),
                               "%s: %s", bad_bodies[i].body, text_at(json, "detail.message"));
        }
        json_decref(json);
    }
}

Test(server, other_content_types_are_refused) {
    struct asked asked = {.method = "POST", .path = "/infer", .headers = {"Content-Type", "x/y"}};
    json_decref(json_of(&asked, 415));
    asked.path = "/api/draw";
    json_decref(json_of(&asked, 415));
    asked.path = "/v2/models/mnist/infer";
    json_decref(json_of(&asked, 415));
    asked.path = "/infer";
    asked.headers[1] = "application/problem+JSON; charset=utf-8"; /* JSON all the same */
    json_decref(json_of(&asked, 422));
}

Test(server, other_encodings_are_refused) {
    struct asked asked = {
        .method = "POST", .path = "/infer", .headers = {"Content-Encoding", "br"}};
    json_decref(json_of(&asked, 415));
    asked.headers[1] = "identity";
    json_decref(json_of(&asked, 422));
}

/* The bytes in gzip's form, or in zlib's; the caller's. */
static struct text deflated(const void *bytes, size_t count, int window) {
    struct text text = {0};
    z_stream stream = {.next_in = (unsigned char *)bytes, .avail_in = (uInt)count};
    cr_assert_eq(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&stream, (uLong)count);
    unsigned char *out = malloc(room);
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    cr_assert_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    text_add_bytes(&text, (char *)out, stream.total_out);
    deflateEnd(&stream);
    free(out);
    return text;
}

Test(server, compressed_bodies_are_inflated) {
    char *body = infer_body(sample("7-pen"), "jit");
    static const char *const codings[] = {"gzip", "deflate", "GZIP"};
    static const int windows[] = {16 + MAX_WBITS, MAX_WBITS, 16 + MAX_WBITS};
    for (int i = 0; i < 3; i++) {
        struct text small = deflated(body, strlen(body), windows[i]);
        struct asked asked = {.method = "POST",
                              .path = "/infer",
                              .headers = {"Content-Encoding", codings[i]},
                              .body = small.bytes,
                              .body_bytes = small.length};
        json_t *json = json_of(&asked, 200);
        cr_assert_eq(json_integer_value(at(json, "data")), 7);
        json_decref(json);
        for (size_t cut = 0; cut < small.length; cut += 97) { /* never a part of the answer */
            asked.body_bytes = cut;
            json_decref(json_of(&asked, 400));
        }
        text_free(&small);
    }
    free(body);
}

Test(server, compressed_bodies_are_bounded_once_inflated) {
    size_t most = (size_t)server.options.max_body;
    char *zeros = calloc(1, most + 1);
    for (size_t count = most; count <= most + 1; count++) {
        struct text small = deflated(zeros, count, 16 + MAX_WBITS);
        cr_assert_lt(small.length, 10000);
        struct asked asked = {.method = "POST",
                              .path = "/infer",
                              .headers = {"Content-Encoding", "gzip"},
                              .body = small.bytes,
                              .body_bytes = small.length};
        json_decref(json_of(&asked, count > most ? 413 : 422));
        text_free(&small);
    }
    free(zeros);
}

/* ---- The page's interface ---- */

static struct asked draw(const char *path, const struct embedded_file *file) {
    return (struct asked){.method = "POST",
                          .path = path,
                          .headers = {"content-type", "image/png"},
                          .body = file->bytes,
                          .body_bytes = file->count};
}

Test(server, a_drawing_tells_what_every_mode_gave) {
    struct asked asked = draw("/api/draw", sample("7-canvas"));
    json_t *json = json_of(&asked, 200);
    cr_assert_eq(json_integer_value(at(json, "prediction")), 7);
    cr_assert(json_is_true(at(json, "agree")));
    double sum = 0;
    for (size_t i = 0; i < 10; i++)
        sum += json_number_value(json_array_get(at(json, "probabilities"), i));
    cr_assert_float_eq(sum, 1, 1e-6);
    cr_assert_str_eq(text_at(json, "modes.eager.digest"), text_at(json, "modes.jit.digest"));
    cr_assert_eq(strlen(text_at(json, "modes.jit.digest")), 64);
    cr_assert_gt(json_real_value(at(json, "modes.jit.microseconds")), 0);
    cr_assert_str_eq(text_at(json, "modes.aot.state"), "absent");

    /* The same from the library alone. */
    struct image image;
    unsigned char digit[DIGIT_PIXELS];
    float pixels[DIGIT_PIXELS], logits[10];
    struct et_error error = {0};
    struct text shown = {0};
    cr_assert(image_decode_png(asked.body, asked.body_bytes, "sample", &image, &error));
    cr_assert(image_prepare_digit(&image, digit, &error));
    image_free(&image);
    image_digit_to_floats(digit, pixels);
    struct et_program *program = et_program_open("models/mnist/mnist.json", NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    cr_assert(et_program_run(program, ET_EAGER, (const void *[]){pixels}, (void *[]){logits}, NULL,
                             &error));
    struct et_digest digest = et_program_output_digest(program, (const void *[]){logits});
    cr_assert_str_eq(text_at(json, "modes.eager.digest"), digest.text);
    cr_assert_str_eq(et_program_digest(server.models.items[0]->program),
                     et_program_digest(program));
    base64_encode(digit, sizeof digit, &shown);
    cr_assert_str_eq(text_at(json, "prepared.pixels"), shown.bytes);
    for (size_t i = 0; i < 10; i++)
        cr_assert_float_eq(json_number_value(json_array_get(at(json, "outputs"), i)), logits[i],
                           1e-6);
    text_free(&shown);
    et_program_free(program);
    json_decref(json);
}

Test(server, modes_of_a_drawing_can_be_chosen) {
    struct asked asked = draw("/api/draw", sample("1-pen"));
    asked.query[0] = "modes";
    asked.query[1] = "jit";
    json_t *json = json_of(&asked, 200);
    cr_assert_eq(json_object_size(at(json, "modes")), 1);
    cr_assert_not_null(at(json, "modes.jit.digest"));
    json_decref(json);
    asked.query[1] = "aot"; /* which is not there: the prediction is, all the same */
    json = json_of(&asked, 200);
    cr_assert_eq(json_integer_value(at(json, "prediction")), 1);
    json_decref(json);
    static const char *const wrong[] = {"fast", "jit,", "jit,fast", ",", "eagerly-and-slowly-so"};
    static const int statuses[] = {422, 200, 422, 422, 422};
    for (int i = 0; i < 5; i++) {
        asked.query[1] = wrong[i];
        json_decref(json_of(&asked, statuses[i]));
    }
    asked.query[0] = "model";
    asked.query[1] = "none";
    json_decref(json_of(&asked, 404));
}

Test(server, a_blank_picture_is_told_apart) {
    unsigned char white[16] = {255, 255, 255, 255, 255, 255, 255, 255,
                               255, 255, 255, 255, 255, 255, 255, 255};
    struct text png = {0};
    cr_assert(image_encode_png(white, 4, 4, &png, NULL));
    struct asked asked = {.method = "POST",
                          .path = "/api/draw",
                          .headers = {"Content-Type", "image/png"},
                          .body = png.bytes,
                          .body_bytes = png.length};
    json_t *json = json_of(&asked, 422);
    cr_assert_str_eq(text_at(json, "reason"), "blank");
    json_decref(json);
    asked.body_bytes -= 20; /* truncated: another matter */
    json_decref(json_of(&asked, 400));
    text_free(&png);
}

Test(server, activations_are_pictures_of_every_kernel) {
    struct asked asked = draw("/api/activations", sample("3-pen"));
    json_t *json = json_of(&asked, 200);
    const json_t *kernels = at(json, "kernels");
    cr_assert_eq(json_array_size(kernels), 5);
    static const int tiles[5] = {32, 32, 64, 64, 10}, sides[5] = {24, 10, 8, 3, 1};
    for (size_t i = 0; i < 5; i++) {
        const json_t *kernel = json_array_get(kernels, i);
        cr_assert_eq(json_integer_value(at(kernel, "tiles")), tiles[i]);
        cr_assert_eq(json_integer_value(at(kernel, "width")), sides[i]);
        cr_assert_eq(json_integer_value(at(kernel, "height")), sides[i]);
        int columns = (int)json_integer_value(at(kernel, "columns"));
        struct text png = {0};
        struct image image;
        struct et_error error = {0};
        cr_assert(base64_decode(text_at(kernel, "png"), &png, &error));
        cr_assert(image_decode_png(png.bytes, png.length, "sheet", &image, &error), "%s",
                  error.message);
        cr_assert_eq(image.width, columns * (sides[i] + 1) - 1);
        cr_assert_eq(image.height, (tiles[i] + columns - 1) / columns * (sides[i] + 1) - 1);
        int darkest = 255, brightest = 0;
        for (int pixel = 0; pixel < image.width * image.height; pixel++) {
            int grey = image.rgba[pixel * 4];
            darkest = grey < darkest ? grey : darkest;
            brightest = grey > brightest ? grey : brightest;
        }
        cr_assert_eq(darkest, 0);
        cr_assert_eq(brightest, 255); /* the greatest value is somewhere */
        image_free(&image);
        text_free(&png);
    }
    cr_assert_eq(json_real_value(at(kernels, "0.minimum")), 0); /* behind a relu */
    json_decref(json);
}

Test(server, facts_of_the_model) {
    json_t *json = json_get("/api/model", 200);
    cr_assert_str_eq(text_at(json, "name"), "mnist");
    /* 32*25+32 + 32*32*25+32 + 4*32 + 64*32*9+64 + 64*64*9+64 + 4*64 + 576*10+10 */
    cr_assert_eq(json_integer_value(at(json, "parameters")), 88042);
    cr_assert_eq(json_integer_value(at(json, "inputs.0.bytes")), 784 * 4);
    cr_assert_eq(json_integer_value(at(json, "kernels")), 5);
    cr_assert(json_is_true(at(json, "takes_pictures")));
    json_decref(json);
    json = json_get("/api/kernels", 200);
    cr_assert_eq(json_array_size(at(json, "kernels")), 5);
    for (size_t i = 0; i < 5; i++) {
        const json_t *kernel = json_array_get(at(json, "kernels"), i);
        cr_assert_not_null(strstr(text_at(kernel, "source"), text_at(kernel, "name")));
        cr_assert_gt(json_integer_value(at(kernel, "flops")), 1000);
        cr_assert_gt(json_array_size(at(kernel, "nodes")), 0);
    }
    json_decref(json);
    json = json_get("/api/graph", 200);
    cr_assert_str_eq(text_at(json, "format"), "eigentensor");
    cr_assert_null(at(json, "weights.file"));
    json_decref(json);
    struct reply source = answer_of(&(struct asked){.method = "GET", .path = "/api/source"});
    cr_assert_eq(source.status, 200);
    cr_assert_not_null(strstr(source.body.bytes, "mnist_run_array"));
    reply_free(&source);
    struct asked asked = {.method = "GET", .path = "/api/source", .query = {"mode", "aot"}};
    json_decref(json_of(&asked, 404));
    asked.query[1] = "eager";
    json_decref(json_of(&asked, 422));
}

/* ---- Metrics, health, OpenAPI ---- */

Test(server, metrics_count_what_happened) {
    char *body = infer_body(sample("5-pen"), "jit");
    for (int i = 0; i < 3; i++)
        json_decref(json_post("/infer", body, 200));
    free(body);
    metrics_request(&server.metrics, 3, 200, 120); /* the HTTP layer does this */
    metrics_request(&server.metrics, -1, 404, 20);
    struct reply reply = answer_of(&(struct asked){.method = "GET", .path = "/metrics"});
    static const char *const lines[] = {
        "eigentensor_inference_success_total{model=\"mnist\",mode=\"jit\"} 3\n",
        "eigentensor_inference_success_total{model=\"mnist\",mode=\"eager\"} 0\n",
        "eigentensor_mode_ready{model=\"mnist\",mode=\"aot\"} 0\n",
        "_seconds_count{model=\"mnist\",mode=\"jit\",stage=\"compute\"} 3\n",
        "eigentensor_http_requests_total{route=\"/infer\",method=\"POST\",status=\"200\"} 1\n",
        "eigentensor_http_requests_total{route=\"other\",method=\"any\",status=\"404\"} 1\n",
        "_bucket{route=\"/infer\",method=\"POST\",le=\"0.0001\"} 0\n",
        "_bucket{route=\"/infer\",method=\"POST\",le=\"0.00025\"} 1\n",
        "_bucket{route=\"/infer\",method=\"POST\",le=\"+Inf\"} 1\n",
        "eigentensor_build_info{version=\"1.0.0\"",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_assert_not_null(strstr(reply.body.bytes, lines[i]), "%s is not in\n%s", lines[i],
                           reply.body.bytes);
    reply_free(&reply);
}

Test(server, health_ends_before_the_process_does) {
    json_decref(json_get("/healthz", 200));
    json_decref(json_get("/v2/health/ready", 200));
    atomic_store(&server.stopping, true);
    json_decref(json_get("/healthz", 503));
    json_decref(json_get("/v2/health/live", 200));
    json_t *json = json_get("/v2/health/ready", 503);
    cr_assert(json_is_false(at(json, "ready")));
    json_decref(json);
    atomic_store(&server.stopping, false);
}

Test(server, openapi_has_every_route_and_no_other) {
    json_t *json = json_get("/openapi.json", 200);
    cr_assert_str_eq(text_at(json, "openapi"), "3.1.0");
    const json_t *paths = at(json, "paths");
    for (int i = 0; i < route_count; i++) {
        const json_t *path = json_object_get(paths, routes[i].pattern);
        const char *method = strcmp(routes[i].method, "GET") == 0 ? "get" : "post";
        cr_assert_not_null(json_object_get(path, method), "%s", routes[i].pattern);
        cr_assert_str_eq(text_at(json_object_get(path, method), "summary"), routes[i].summary);
    }
    const char *path, *method;
    json_t *item, *operation;
    size_t operations = 0;
    json_object_foreach((json_t *)paths, path, item) json_object_foreach(item, method, operation)
        operations++;
    cr_assert_eq(operations, (size_t)route_count + 2); /* and files: a sample, openapi.json */
    json_decref(json);
}

Test(server, docs_are_the_same_for_people) {
    struct reply reply = answer_of(&(struct asked){.method = "GET", .path = "/docs"});
    cr_assert_str_eq(reply.type, "text/html; charset=utf-8");
    for (int i = 0; i < route_count; i++)
        cr_assert_not_null(strstr(reply.body.bytes, routes[i].pattern), "%s", routes[i].pattern);
    cr_assert_null(strstr(reply.body.bytes, "style="));
    reply_free(&reply);
}
