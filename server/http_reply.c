#include "server/http_reply.h"

#include <string.h>
#include <time.h>

#include "server/http.h"

static const char *reason(int status) {
    switch (status) {
#define STATUS_REASON(status, reason)                                                              \
    case status:                                                                                   \
        return reason;
        STATUSES(STATUS_REASON)
#undef STATUS_REASON
    default:
        return "Unknown";
    }
}

/* The line, made once in a second by each thread. */
static void add_date(struct text *text) {
    static _Thread_local time_t second = -1;
    static _Thread_local char line[64];
    static _Thread_local size_t length;
    time_t now = time(NULL);
    struct tm parts;
    if (now != second) {
        gmtime_r(&now, &parts); /* in the C locale */
        length = strftime(line, sizeof line, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
        second = now;
    }
    text_add_bytes(text, line, length);
}

static void add_line(struct text *text, const char *name, const char *value) {
    text_add_string(text, name);
    text_add_string(text, value);
    text_add_bytes(text, "\r\n", 2);
}

static void add_number(struct text *text, const char *name, size_t value) {
    text_add_string(text, name);
    text_add_integer(text, (long long)value);
    text_add_bytes(text, "\r\n", 2);
}

static void add_cross_origin(struct text *text, const struct options *options,
                             const struct reply *reply) {
    if (!*options->cors)
        return;
    text_add(text, "Access-Control-Allow-Origin: %s\r\n", options->cors);
    if (strcmp(options->cors, "*") != 0)
        text_add(text, "Vary: Origin\r\n");
    if (*reply->allow && reply->status == 204)
        text_add(text, "Access-Control-Allow-Methods: %s\r\n", reply->allow);
    text_add(text, "Access-Control-Allow-Headers: Authorization, Content-Type, "
                   "Content-Encoding, Inference-Header-Content-Length, X-Request-Id, traceparent, "
                   "tracestate\r\n"
                   "Access-Control-Expose-Headers: Inference-Header-Content-Length, Retry-After, "
                   "Server-Timing, X-Request-Id, traceresponse\r\n"
                   "Access-Control-Max-Age: 86400\r\n");
}

/* How the reply's time splits, in milliseconds: browsers show it beside the request. */
static void add_times(struct text *text, const struct reply *reply) {
    const char *before = "Server-Timing: ";
    for (int stage = 0; stage < STAGE_COUNT; stage++) {
        if (reply->stages[stage] <= 0)
            continue;
        text_add_string(text, before);
        text_add_string(text, stage_names[stage]);
        text_add_string(text, ";dur=");
        text_add_fixed(text, reply->stages[stage] / 1000, 3);
        before = ", ";
    }
    if (*before == ',')
        text_add_bytes(text, "\r\n", 2);
}

static size_t body_bytes(const struct reply *reply) {
    return reply->file ? reply->file_bytes : reply->body.length;
}

static bool has_body(int status) {
    return status != 204 && status != 304;
}

/* What every reply says, behind how it may be stored. */
static const char security[] =
    "Content-Security-Policy: default-src 'self'; img-src 'self' data: blob:; "
    "script-src 'self' 'wasm-unsafe-eval'; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n";

/* The server's span, as "traceresponse" of Trace Context Level 2 has it. */
static void add_trace(struct text *text, const struct trace *trace) {
    add_line(text, "X-Request-Id: ", trace->request_id);
    if (*trace->trace_id)
        text_add(text, "traceresponse: 00-%s-%s-%s\r\n", trace->trace_id, trace->span_id,
                 trace->flags);
}

void http_reply_head(struct text *text, const struct exchange *exchange, bool closes) {
    const struct reply *reply = &exchange->reply;
    const struct server *server = http_server(exchange->http);
    text_add_string(text, "HTTP/1.1 ");
    text_add_integer(text, reply->status);
    add_line(text, " ", reason(reply->status));
    add_line(text, "Connection: ", closes ? "close" : "keep-alive");
    add_date(text);
    if (has_body(reply->status))
        add_number(text, "Content-Length: ", body_bytes(reply));
    if (reply->type)
        add_line(text, "Content-Type: ", reply->type);
    if (*reply->allow)
        add_line(text, "Allow: ", reply->allow);
    if (reply->retry_after)
        add_number(text, "Retry-After: ", (size_t)reply->retry_after);
    if (reply->status == 401)
        add_line(text, "WWW-Authenticate: ", "Bearer realm=\"eigentensor\"");
    add_trace(text, &exchange->trace);
    if (reply->header_length)
        add_number(text, "Inference-Header-Content-Length: ", reply->header_length);
    if (reply->etag)
        text_add(text, "ETag: %s\r\nVary: Accept-Encoding\r\n", reply->etag);
    if (reply->gzip)
        add_line(text, "Content-Encoding: ", "gzip");
    add_line(text, "Cache-Control: ", reply->etag ? "no-cache" : "no-store");
    text_add_bytes(text, security, sizeof security - 1);
    add_times(text, reply);
    add_cross_origin(text, &server->options, reply);
    text_add_bytes(text, "\r\n", 2);
}

const char *http_reply_body(const struct reply *reply, bool is_head, size_t *count) {
    *count = is_head || !has_body(reply->status) ? 0 : body_bytes(reply);
    return reply->file ? reply->file : text_read(&reply->body, NULL);
}
