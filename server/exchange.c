#include "server/exchange.h"

#include <stdio.h>
#include <string.h>

#include "server/http.h"

struct exchange *exchange_new(struct http *http, struct connection *connection) {
    struct exchange *exchange = et_allocate(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    exchange->http = http;
    exchange->connection = connection;
    exchange->began = now_microseconds();
    exchange->route = -1;
    exchange->head.method = exchange->head.path = "";
    atomic_fetch_add(&http_server(http)->metrics.in_flight, 1);
    return exchange;
}

void exchange_forget_body(struct exchange *exchange) {
    text_free(&exchange->body);
    http_give_body_bytes(exchange->http, exchange->reserved);
    exchange->reserved = 0;
}

int exchange_receive(struct exchange *exchange, const char *bytes, size_t count) {
    size_t most = (size_t)http_server(exchange->http)->options.max_body;
    exchange->received += count;
    if (count > most - exchange->body.length)
        return 413;
    if (!http_take_body_bytes(exchange->http, count))
        return 503;
    exchange->reserved += count;
    text_add_bytes(&exchange->body, bytes, count);
    return text_check(&exchange->body, NULL) ? 0 : 503;
}

void exchange_refuse(struct exchange *exchange, int status, const char *message) {
    exchange_forget_body(exchange);
    reply_error(&exchange->reply, error_style_of(exchange->head.path), status, "%s", message);
}

void exchange_log(struct exchange *exchange, const char *remote, size_t sent) {
    struct server *server = http_server(exchange->http);
    struct metrics *metrics = &server->metrics;
    char path[256];
    snprintf(path, sizeof path, "%s", exchange->head.path);
    for (size_t length = strlen(path); !percent_decode(path) && length;)
        path[--length] = 0; /* it was cut in the middle of a %XX */
    atomic_fetch_add(&metrics->bytes_in, exchange->received);
    atomic_fetch_add(&metrics->bytes_out, sent);
    if (!server->options.quiet)
        log_request(server->log,
                    &(struct log_line){.remote = remote,
                                       .method = exchange->head.method,
                                       .path = path,
                                       .status = exchange->reply.status,
                                       .bytes_in = exchange->received,
                                       .bytes_out = sent,
                                       .microseconds = now_microseconds() - exchange->began,
                                       .client = exchange->client,
                                       .trace = &exchange->trace,
                                       .model = exchange->reply.model,
                                       .mode = exchange->reply.mode});
}

void exchange_free(struct exchange *exchange) {
    if (!exchange)
        return;
    exchange_forget_body(exchange);
    reply_free(&exchange->reply);
    et_release(exchange->head_bytes);
    et_release(exchange);
}
