/* A server without sockets: requests are made here and handed to the handlers. */
#ifndef EIGENTENSOR_SERVER_SUPPORT_H
#define EIGENTENSOR_SERVER_SUPPORT_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/picture.h"
#include "server/server.h"

static struct server server;
static struct worker *worker;

/* These models, with libtcc's code alone; none: the shipped ones. */
static void begin_server_with(char *const *paths, int count) {
    struct et_error error = {0};
    unsetenv("EIGENTENSOR_CPU");
    watch_json_memory();
    files_begin();
    server.options.max_body = 1 << 20;
    cr_assert(models_open(&server.models, paths, count, &error), "%s", error.message);
    worker = worker_new(&server);
    cr_assert_not_null(worker);
}

static inline void begin_server(void) {
    begin_server_with(NULL, 0);
}

static void end_server(void) {
    worker_free(worker);
    models_free(&server.models);
    files_end();
}

/* What a request says beside its body: names and values, in turn, ending with NULL. */
struct asked {
    const char *method, *path;
    const char *headers[8], *query[8];
    const void *body;
    size_t body_bytes;
};

static const char *asked_lookup(void *context, enum request_part part, const char *name) {
    const struct asked *asked = context;
    const char *const *pairs = part == PART_HEADER ? asked->headers : asked->query;
    for (; *pairs; pairs += 2)
        if (strcasecmp(pairs[0], name) == 0)
            return pairs[1];
    return NULL;
}

/* The reply is the caller's. The body is copied, so that reading beyond it is found out. */
static struct reply answer_of(const struct asked *asked) {
    struct reply reply = {0};
    char *body = malloc(asked->body_bytes + 1);
    memcpy(body, asked->body ? asked->body : "", asked->body_bytes);
    body[asked->body_bytes] = 0;
    struct request request = {.method = asked->method,
                              .path = asked->path,
                              .body = body,
                              .body_bytes = asked->body_bytes,
                              .lookup = asked_lookup,
                              .lookup_context = (void *)asked};
    server_answer(worker, &request, &reply);
    free(body);
    return reply;
}

static const char *reply_bytes(const struct reply *reply, size_t *count) {
    *count = reply->file ? reply->file_bytes : reply->body.length;
    return reply->file ? reply->file : reply->body.bytes;
}

/* Answers; asserts the status; gives the JSON, which is the caller's. */
static json_t *json_of(const struct asked *asked, int status) {
    struct reply reply = answer_of(asked);
    size_t count;
    const char *bytes = reply_bytes(&reply, &count);
    cr_assert_eq(reply.status, status, "%s %s: status %d, expected %d: %.*s", asked->method,
                 asked->path, reply.status, status, (int)count, bytes);
    json_t *json = json_loadb(bytes, reply.header_length ? reply.header_length : count, 0, NULL);
    cr_assert_not_null(json, "%s: not JSON: %.*s", asked->path, (int)count, bytes);
    reply_free(&reply);
    return json;
}

static inline json_t *json_get(const char *path, int status) {
    return json_of(&(struct asked){.method = "GET", .path = path}, status);
}

static inline json_t *json_post(const char *path, const char *body, int status) {
    return json_of(
        &(struct asked){.method = "POST", .path = path, .body = body, .body_bytes = strlen(body)},
        status);
}

/* The value at a path of keys and positions, "outputs.0.data.3"; NULL when it is not there. */
static const json_t *at(const json_t *json, const char *path) {
    char copy[256], *rest;
    strncpy(copy, path, sizeof copy - 1);
    copy[sizeof copy - 1] = 0;
    for (char *key = strtok_r(copy, ".", &rest); key && json; key = strtok_r(NULL, ".", &rest))
        json = json_is_array(json) ? json_array_get(json, (size_t)atoi(key))
                                   : json_object_get(json, key);
    return json;
}

static inline const char *text_at(const json_t *json, const char *path) {
    const char *text = json_string_value(at(json, path));
    return text ? text : "(none)";
}

/* A sample as it is in the server. */
static inline const struct embedded_file *sample(const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/samples/%s.png", name);
    const struct embedded_file *file = files_find(path);
    cr_assert_not_null(file, "%s", path);
    return file;
}

/* {"image_bytes": the sample, "mode": mode}; the caller frees it. */
static inline char *infer_body(const struct embedded_file *file, const char *mode) {
    struct text body = {0};
    text_add(&body, "{\"image_bytes\": \"");
    base64_encode(file->bytes, file->count, &body);
    text_add(&body, mode ? "\", \"mode\": \"%s\"}" : "\"}", mode);
    char *copy = strdup(body.bytes);
    text_free(&body);
    return copy;
}

#endif
