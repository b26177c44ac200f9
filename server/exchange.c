#include "server/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "server/http.h"
#include "server/http_reply.h"

struct exchange *exchange_new(struct http *http, struct connection *connection) {
    struct exchange *exchange = et_allocate(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    pthread_mutex_init(&exchange->lock, NULL);
    exchange->http = http;
    exchange->connection = connection;
    exchange->began = now_microseconds();
    exchange->route = -1;
    exchange->head.method = exchange->head.path = "";
    atomic_fetch_add(&http_server(http)->metrics.in_flight, 1);
    atomic_fetch_add(&http_server(http)->metrics.unsent, 1);
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

bool exchange_conclude(struct exchange *exchange, bool closes) {
    struct metrics *metrics = &http_server(exchange->http)->metrics;
    exchange_forget_body(exchange);
    metrics_request(metrics, exchange->route, exchange->reply.status,
                    now_microseconds() - exchange->began);
    atomic_fetch_sub(&metrics->in_flight, 1);
    if (!*exchange->trace.request_id)
        trace_begin(&exchange->trace, NULL); /* its head could not be read */
    exchange->is_concluded = true;
    exchange->closes = closes;
    http_reply_head(&exchange->reply_head, exchange, closes);
    return text_check(&exchange->reply_head, NULL);
}

enum sending exchange_send(struct exchange *exchange, int socket) {
    bool is_head = strcmp(exchange->head.method, "HEAD") == 0;
    size_t body_bytes, head_bytes = exchange->reply_head.length;
    const char *head = text_read(&exchange->reply_head, NULL);
    const char *body = http_reply_body(&exchange->reply, is_head, &body_bytes);
    while (exchange->sent < head_bytes + body_bytes) {
        size_t of_head = exchange->sent < head_bytes ? exchange->sent : head_bytes;
        size_t of_body = exchange->sent - of_head;
        struct iovec parts[2] = {{(char *)head + of_head, head_bytes - of_head},
                                 {(char *)body + of_body, body_bytes - of_body}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = body_bytes ? 2 : 1};
        ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? SENT_PART : SENT_NO_MORE;
        exchange->sent += (size_t)sent;
    }
    return SENT_ALL;
}

void exchange_log(struct exchange *exchange, const char *remote) {
    struct server *server = http_server(exchange->http);
    struct metrics *metrics = &server->metrics;
    size_t head = exchange->reply_head.length;
    size_t sent = exchange->sent > head ? exchange->sent - head : 0;
    char path[256];
    if (exchange->is_logged)
        return;
    exchange->is_logged = true;
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
    text_free(&exchange->reply_head);
    pthread_mutex_destroy(&exchange->lock);
    et_release(exchange->head_bytes);
    et_release(exchange);
}
