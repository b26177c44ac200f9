/* POST /infer: the demo's contract, with the errors of the framework it was first written in. */
#include <string.h>

#include "compiler/base/json_read.h"
#include "server/picture.h"

/* One entry of a 422's list; takes `input`. */
static json_t *complaint(const char *type, const char *field, const char *message, json_t *input) {
    json_t *place = field ? json_pack("[ss]", "body", field) : json_pack("[s]", "body");
    return json_pack("{sssossso}", "type", type, "loc", place, "msg", message, "input", input);
}

static void reply_complaint(struct reply *reply, json_t *entry) {
    reply_json(reply, 422, json_pack("{s[o]}", "detail", entry));
}

/* What was sent, unless it is long. */
static json_t *echo(json_t *value) {
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    bool is_short = text && strlen(text) <= 1000;
    et_release(text);
    return is_short ? json_incref(value) : json_string("...");
}

/* The body as a JSON object; NULL with a finished reply. */
static json_t *read_body(const struct request *request, struct reply *reply) {
    struct et_error error = {0};
    if (!request_may_be_json(request)) {
        reply_error(reply, STYLE_DETAIL, 415,
                    "expected Content-Type application/json, found %.100s",
                    request_header(request, "Content-Type"));
        return NULL;
    }
    if (request->body_bytes == 0) {
        reply_complaint(reply, complaint("missing", NULL, "Field required", json_null()));
        return NULL;
    }
    json_t *document = request_json(request, request->body_bytes, &error);
    if (!document) {
        json_t *entry = complaint("json_invalid", NULL, "JSON decode error", json_object());
        object_set_json(&entry, "ctx", json_pack("{ss}", "error", error.message));
        reply_complaint(reply, entry);
        return NULL;
    }
    if (json_is_object(document))
        return document;
    reply_complaint(reply, complaint("model_attributes_type", NULL,
                                     "Input should be a valid dictionary or object to extract "
                                     "fields from",
                                     echo(document)));
    json_decref(document);
    return NULL;
}

static const char *read_picture_text(json_t *document, struct reply *reply) {
    json_t *text = json_object_get(document, "image_bytes");
    if (json_is_string(text))
        return json_string_value(text);
    reply_complaint(
        reply,
        text ? complaint("string_type", "image_bytes", "Input should be a valid string", echo(text))
             : complaint("missing", "image_bytes", "Field required", echo(document)));
    return NULL;
}

static bool read_mode(json_t *document, enum et_mode *mode, struct reply *reply) {
    static const struct {
        const char *name;
        enum et_mode mode;
    } names[] = {{"regular", ET_EAGER},   {"eager", ET_EAGER}, {"anytensor", ET_AOT},
                 {"eigentensor", ET_AOT}, {"jit", ET_JIT},     {"aot", ET_AOT}};
    json_t *text = json_object_get(document, "mode");
    *mode = ET_AOT;
    for (size_t i = 0; json_is_string(text) && i < sizeof names / sizeof *names; i++) {
        if (strcmp(json_string_value(text), names[i].name) != 0)
            continue;
        *mode = names[i].mode;
        return true;
    }
    if (!text)
        return true;
    static const char expected[] = "'regular', 'eager', 'anytensor', 'eigentensor', 'jit' or 'aot'";
    json_t *entry = complaint("literal_error", "mode",
                              "Input should be 'regular', 'eager', 'anytensor', 'eigentensor', "
                              "'jit' or 'aot'",
                              echo(text));
    object_set_json(&entry, "ctx", json_pack("{ss}", "expected", expected));
    reply_complaint(reply, entry);
    return false;
}

static void classify(struct worker *worker, const struct request *request, struct reply *reply,
                     const struct drawing *drawing, enum et_mode mode) {
    struct model_memory *memory;
    struct et_error error = {0};
    struct model *model = drawing_model(worker, request, reply, &memory);
    if (!model)
        return;
    drawing_to_input(drawing, memory);
    struct model_run run;
    bool good = model_run(model, memory, mode, request->limit, &run, &error);
    metrics_inference(worker->server, model, run.mode, good);
    if (!good) {
        reply_failed_run(reply, STYLE_DEMO, &run, &worker->server->options, &error);
        return;
    }
    reply->stages[STAGE_compute] = run.microseconds;
    reply->mode = et_mode_name(run.mode);
    metrics_run(worker->server, model, 1);
    metrics_stages(worker->server, model, run.mode, reply->stages);
    text_add(&reply->body, "{\"status\":\"success\",\"data\":%d}", predicted(model, memory));
    reply_finish_json(reply, 200);
}

void handle_infer(struct worker *worker, const struct request *request, struct reply *reply) {
    double began = now_microseconds();
    struct drawing drawing;
    struct et_error error = {0};
    struct text png = {0};
    enum et_mode mode;
    bool blank;
    json_t *document = read_body(request, reply);
    if (!document)
        return;
    const char *text = read_picture_text(document, reply);
    if (text && read_mode(document, &mode, reply)) {
        bool good = base64_decode(text, &png, &error) &&
                    drawing_decode(&drawing, text_read(&png, NULL), png.length, reply->stages,
                                   &blank, &error);
        finish_parse(reply->stages, began);
        if (good)
            classify(worker, request, reply, &drawing, mode);
        else
            reply_error(reply, STYLE_DEMO, 400, "%s", error.message);
    }
    text_free(&png);
    json_decref(document);
}
