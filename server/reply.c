#include "server/request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "compiler/base/json_read.h"

const char *request_header(const struct request *request, const char *name) {
    return request->lookup ? request->lookup(request->lookup_context, PART_HEADER, name) : NULL;
}

const char *request_query(const struct request *request, const char *name) {
    return request->lookup ? request->lookup(request->lookup_context, PART_QUERY, name) : NULL;
}

/* The length of a media type without its parameters. */
static size_t type_length(const char *type) {
    return strcspn(type, "; \t");
}

bool request_has_type(const struct request *request, const char *type) {
    const char *found = request_header(request, "Content-Type");
    return found && type_length(found) == strlen(type) &&
           strncasecmp(found, type, strlen(type)) == 0;
}

bool request_may_be_json(const struct request *request) {
    const char *found = request_header(request, "Content-Type");
    if (!found || request_has_type(request, "application/json"))
        return true;
    size_t length = type_length(found);
    return length > 5 && strncasecmp(found + length - 5, "+json", 5) == 0;
}

json_t *request_json(const struct request *request, size_t bytes, struct et_error *error) {
    size_t most = request->most_json_memory;
    return json_read_within(request->body, bytes, most ? most : SIZE_MAX, error);
}

void reply_of_model(struct reply *reply, const char *name) {
    snprintf(reply->model, sizeof reply->model, "%s", name);
}

void reply_free(struct reply *reply) {
    text_free(&reply->body);
    *reply = (struct reply){0};
}

void text_add_json(struct text *text, const char *string) {
    if (!json_write_string(text, string))
        text_fail(text);
}

/* Messages can quote what a client sent, which need not be UTF-8. */
static void write_message(struct text *body, char *message) {
    if (json_write_string(body, message))
        return;
    for (char *at = message; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    text_add_json(body, message);
}

void reply_error(struct reply *reply, enum error_style style, int status, const char *format, ...) {
    char message[ET_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    text_free(&reply->body);
    reply->file = NULL;
    reply->etag = NULL;
    reply->gzip = false;
    reply->header_length = 0;
    bool demo = style == STYLE_DEMO && status == 400;
    text_add(&reply->body, demo ? "{\"detail\": {\"status\": \"error\", \"message\": "
                           : style == STYLE_OIP ? "{\"error\": "
                                                : "{\"detail\": ");
    write_message(&reply->body, message);
    text_add(&reply->body, demo ? "}}" : "}");
    reply_finish_json(reply, status);
}

void reply_finish_json(struct reply *reply, int status) {
    reply->status = status;
    reply->type = "application/json";
    if (status == 503)
        reply->retry_after = 1;
    if (text_check(&reply->body, NULL))
        return;
    static const char message[] = "{\"detail\": \"out of memory\"}";
    text_free(&reply->body);
    reply->status = 503;
    reply->retry_after = 1;
    reply->file = message;
    reply->file_bytes = sizeof message - 1;
    reply->header_length = 0;
}

static int add_piece(const char *bytes, size_t count, void *text) {
    text_add_bytes(text, bytes, count);
    return 0;
}

void list_add_json(json_t **list, json_t *value) {
    if (json_array_append_new(*list, value) == 0)
        return;
    json_decref(*list);
    *list = NULL;
}

void object_set_json(json_t **object, const char *key, json_t *value) {
    if (json_object_set_new(*object, key, value) == 0)
        return;
    json_decref(*object);
    *object = NULL;
}

void reply_json(struct reply *reply, int status, json_t *value) {
    if (!value ||
        json_dump_callback(value, add_piece, &reply->body, JSON_COMPACT | JSON_REAL_PRECISION(9)))
        text_fail(&reply->body);
    json_decref(value);
    reply_finish_json(reply, status);
}
