#include "server/picture.h"

#include <nettle/base64.h>
#include <string.h>

#include "compiler/base/json_read.h"

bool base64_decode(const char *text, struct text *bytes, struct et_error *error) {
    if (strncmp(text, "data:", 5) == 0) {
        const char *comma = strstr(text, ";base64,");
        if (!comma)
            return et_fail(error, "a data: URL without \";base64,\"");
        text = comma + 8;
    }
    size_t length = strlen(text), count = BASE64_DECODE_LENGTH(length);
    uint8_t *decoded = et_allocate(count + 1, 1);
    if (!decoded)
        return et_fail(error, "out of memory");
    struct base64_decode_ctx state;
    base64_decode_init(&state);
    bool good =
        base64_decode_update(&state, &count, decoded, length, text) && base64_decode_final(&state);
    if (good)
        text_add_bytes(bytes, (const char *)decoded, count);
    et_release(decoded);
    return good ? text_check(bytes, error) : et_fail(error, "not valid base64");
}

void base64_encode(const void *bytes, size_t count, struct text *text) {
    size_t length = BASE64_ENCODE_RAW_LENGTH(count);
    char *encoded = et_allocate(length + 1, 1);
    if (!encoded) {
        text_fail(text);
        return;
    }
    base64_encode_raw(encoded, count, bytes);
    text_add_bytes(text, encoded, length);
    et_release(encoded);
}

bool drawing_decode(struct drawing *drawing, const void *png, size_t count,
                    double stages[STAGE_COUNT], bool *blank, struct et_error *error) {
    struct image image;
    double began = now_microseconds();
    *blank = false;
    if (!image_decode_png(png, count, "the picture", &image, error))
        return false;
    double decoded = now_microseconds();
    bool good = image_prepare_digit(&image, drawing->digit, error);
    *blank = !good;
    image_free(&image);
    stages[STAGE_decode] = decoded - began;
    stages[STAGE_prepare] = now_microseconds() - decoded;
    return good;
}

void finish_parse(double stages[STAGE_COUNT], double began) {
    stages[STAGE_parse] = now_microseconds() - began - stages[STAGE_decode] - stages[STAGE_prepare];
}

/* The PNG in {"image_bytes": ".."}. */
static bool read_json_picture(const struct request *request, struct text *png,
                              struct et_error *error) {
    json_t *document = request_json(request, request->body_bytes, error);
    if (!document)
        return false;
    const json_t *text = json_object_get(document, "image_bytes");
    bool good = json_is_string(text) ? base64_decode(json_string_value(text), png, error)
                                     : et_fail(error, "expected {\"image_bytes\": \"base64\"}");
    json_decref(document);
    return good;
}

static void reply_bad_picture(struct reply *reply, bool blank, const struct et_error *error) {
    if (blank)
        reply_json(reply, 422, json_pack("{ssss}", "detail", error->message, "reason", "blank"));
    else
        reply_error(reply, STYLE_DETAIL, 400, "%s", error->message);
}

bool drawing_read(struct drawing *drawing, const struct request *request, struct reply *reply) {
    double began = now_microseconds();
    struct et_error error = {0};
    struct text png = {0};
    bool blank = false, good;
    if (request_has_type(request, "image/png")) {
        good = drawing_decode(drawing, request->body, request->body_bytes, reply->stages, &blank,
                              &error);
    } else if (request_may_be_json(request)) {
        good = read_json_picture(request, &png, &error) &&
               drawing_decode(drawing, text_read(&png, NULL), png.length, reply->stages, &blank,
                              &error);
    } else {
        reply_error(reply, STYLE_DETAIL, 415,
                    "expected Content-Type image/png or application/json, found %.100s",
                    request_header(request, "Content-Type"));
        return false;
    }
    text_free(&png);
    finish_parse(reply->stages, began);
    if (!good)
        reply_bad_picture(reply, blank, &error);
    return good;
}

struct model *asked_model(struct worker *worker, const struct request *request,
                          struct reply *reply) {
    const char *name = request_query(request, "model");
    struct model *model = worker_hold(worker, name);
    if (model)
        reply_of_model(reply, model->name);
    else if (name)
        reply_error(reply, STYLE_DETAIL, 404, "there is no model \"%s\"", quoted(name).text);
    else
        reply_error(reply, STYLE_DETAIL, 404, "there is no model");
    return model;
}

/* The first that takes pictures, held instead of that one; where there is none, that one. */
static struct model *first_of_pictures(struct worker *worker, struct model *model) {
    struct models *models = &worker->server->models;
    struct model_list all = models_take_all(models);
    int i = 0;
    while (i < all.count && !all.items[i]->takes_pictures)
        i++;
    if (i < all.count) {
        worker_let_go(worker);
        model = worker->held = all.items[i];
        all.items[i] = all.items[--all.count];
    }
    models_give_back_all(models, &all);
    return model;
}

struct model *drawing_model(struct worker *worker, const struct request *request,
                            struct reply *reply, struct model_memory **memory) {
    struct model *model = asked_model(worker, request, reply);
    if (!model)
        return NULL;
    if (!request_query(request, "model"))
        model = first_of_pictures(worker, model);
    if (!model->takes_pictures) {
        reply_error(reply, STYLE_DETAIL, 422, "no model here takes one picture of 28x28 float32");
        return NULL;
    }
    reply_of_model(reply, model->name);
    *memory = &worker->memory[model->index];
    struct et_error error = {0};
    if (model_memory_fill(*memory, model, &error))
        return model;
    reply_error(reply, STYLE_DETAIL, 503, "%s", error.message);
    return NULL;
}

void drawing_to_input(const struct drawing *drawing, struct model_memory *memory) {
    image_digit_to_floats(drawing->digit, memory->inputs[0]);
}

int predicted(const struct model *model, const struct model_memory *memory) {
    const float *scores = memory->outputs[0];
    size_t count = et_program_output(model->program, 0).bytes / sizeof *scores;
    int best = 0;
    for (size_t i = 1; i < count; i++)
        if (scores[i] > scores[best])
            best = (int)i;
    return best;
}
