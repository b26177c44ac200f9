#include "server/http_reply.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char policy[] = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
                             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static void add_cross_origin(struct MHD_Response *response, const struct options *options) {
    if (!*options->cors)
        return;
    MHD_add_response_header(response, "Access-Control-Allow-Origin", options->cors);
    if (strcmp(options->cors, "*") != 0)
        MHD_add_response_header(response, "Vary", "Origin");
    MHD_add_response_header(response, "Access-Control-Allow-Headers",
                            "Content-Type, Inference-Header-Content-Length");
    MHD_add_response_header(response, "Access-Control-Expose-Headers",
                            "Inference-Header-Content-Length, Retry-After, Server-Timing");
    MHD_add_response_header(response, "Access-Control-Max-Age", "86400");
}

/* How the reply's time splits, in milliseconds: browsers show it beside the request. */
static void add_times(struct MHD_Response *response, const struct reply *reply) {
    char line[48 * (STAGE_COUNT + 1)];
    size_t length = 0;
    for (int stage = 0; stage < STAGE_COUNT; stage++)
        if (reply->stages[stage] > 0)
            length += (size_t)snprintf(line + length, sizeof line - length, "%s%s;dur=%.3f",
                                       length ? ", " : "", stage_names[stage],
                                       fmin(reply->stages[stage], 1e15) / 1000);
    if (length)
        MHD_add_response_header(response, "Server-Timing", line);
}

static void add_headers(struct MHD_Response *response, const struct reply *reply,
                        const struct server *server, bool last) {
    char number[32];
    if (reply->type)
        MHD_add_response_header(response, "Content-Type", reply->type);
    if (*reply->allow) {
        MHD_add_response_header(response, "Allow", reply->allow);
        if (reply->status == 204 && *server->options.cors)
            MHD_add_response_header(response, "Access-Control-Allow-Methods", reply->allow);
    }
    if (reply->retry_after) {
        snprintf(number, sizeof number, "%d", reply->retry_after);
        MHD_add_response_header(response, "Retry-After", number);
    }
    if (reply->header_length) {
        snprintf(number, sizeof number, "%zu", reply->header_length);
        MHD_add_response_header(response, "Inference-Header-Content-Length", number);
    }
    if (reply->etag) {
        MHD_add_response_header(response, "ETag", reply->etag);
        MHD_add_response_header(response, "Vary", "Accept-Encoding");
    }
    if (reply->gzip)
        MHD_add_response_header(response, "Content-Encoding", "gzip");
    MHD_add_response_header(response, "Cache-Control", reply->etag ? "no-cache" : "no-store");
    MHD_add_response_header(response, "Content-Security-Policy", policy);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
    add_times(response, reply);
    if (last || atomic_load(&server->stopping))
        MHD_add_response_header(response, "Connection", "close");
    add_cross_origin(response, &server->options);
}

/* The library reads the bytes and gives them back when they are sent. */
static struct MHD_Response *body_of(struct reply *reply) {
    if (reply->file || !reply->body.bytes) {
        text_free(&reply->body);
        return MHD_create_response_from_buffer(reply->file ? reply->file_bytes : 0,
                                               (void *)reply->file, MHD_RESPMEM_PERSISTENT);
    }
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
        reply->body.length, reply->body.bytes, et_release);
    if (response)
        reply->body = (struct text){0};
    return response;
}

struct MHD_Response *http_response(struct reply *reply, const struct server *server, bool last) {
    struct MHD_Response *response = body_of(reply);
    if (response)
        add_headers(response, reply, server, last);
    return response;
}
