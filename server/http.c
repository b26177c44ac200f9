#include "server/http.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/connections.h"
#include "server/http_reply.h"
#include "server/listen.h"
#include "server/workers.h"

enum {
    HEADER_BYTES = 32 * 1024, /* of one connection: request line, headers, reply headers */
    SPARE_CONNECTIONS = 64,   /* beyond the limit, to be told so */
    DRAINED_BODIES = 8,       /* a body this many times too large is read and forgotten, so that
                                 its sender hears why; a larger one is cut off */
    WORKERS_OF_ONE = 16,      /* so many workers one of the library's threads keeps busy */
};

struct http {
    struct server *server;
    struct MHD_Daemon *daemon;
    struct connections *connections;
    struct workers *workers;
    atomic_size_t body_bytes;
    size_t most_body_bytes; /* of all requests together */
    int port;
};

/* One request on its way. The library's threads receive it and send the reply; in between they put
 * its connection aside, and a worker answers. */
struct exchange {
    struct task task; /* for the worker; first, so that it leads back here */
    struct http *http;
    struct MHD_Connection *socket;
    struct connection *connection;
    struct text body;
    size_t received, reserved;
    int refused; /* status, once it is known that the body is of no use; 0: none */
    double began, queued;
    char *path;
    char method[16];
    struct reply reply; /* what remains of it for the log */
    size_t reply_bytes;
    enum { UNANSWERED, ANSWERED, SENT } progress;
    struct MHD_Response *response; /* once answered; NULL: no memory for it */
};

static enum error_style style_of(const char *path) {
    return strncmp(path, "/v2", 3) == 0 ? STYLE_OIP : STYLE_DETAIL;
}

static void refuse(struct exchange *exchange) {
    const struct options *options = &exchange->http->server->options;
    struct reply *reply = &exchange->reply;
    enum error_style style = style_of(exchange->path);
    if (exchange->refused == 413) {
        reply_error(reply, style, 413, "the body is larger than %ld bytes", options->max_body);
        return;
    }
    reply_error(reply, style, 503,
                connection_is_spare(exchange->connection) ? "too many connections"
                                                          : "too many large requests at once");
}

/* Answering. */

static const char *lookup(void *context, enum request_part part, const char *name) {
    return MHD_lookup_connection_value(
        context, part == PART_HEADER ? MHD_HEADER_KIND : MHD_GET_ARGUMENT_KIND, name);
}

/* What every answer ends with: the reply becomes the library's. */
static void finish(struct exchange *exchange, int route) {
    struct http *http = exchange->http;
    struct reply *reply = &exchange->reply;
    exchange->reply_bytes = reply->file ? reply->file_bytes : reply->body.length;
    exchange->response =
        http_response(reply, http->server, connection_is_spare(exchange->connection));
    exchange->progress = ANSWERED;
    metrics_request(&http->server->metrics, route, reply->status,
                    now_microseconds() - exchange->began);
}

/* In a worker. From the resumption on, the exchange is the library's thread's. */
static void answer(struct task *task, struct worker *worker) {
    struct exchange *exchange = (struct exchange *)task;
    struct request request = {.method = exchange->method,
                              .path = exchange->path,
                              .body = exchange->body.bytes ? exchange->body.bytes : "",
                              .body_bytes = exchange->body.length,
                              .waited = now_microseconds() - exchange->queued,
                              .lookup = lookup,
                              .lookup_context = exchange->socket};
    if (strcmp(request.method, "HEAD") == 0)
        request.method = "GET";
    finish(exchange, server_answer(worker, &request, &exchange->reply));
    MHD_resume_connection(exchange->socket);
}

static void answer_refused(struct exchange *exchange) {
    refuse(exchange);
    finish(exchange, -1);
}

static enum MHD_Result send_reply(struct exchange *exchange) {
    struct MHD_Response *response = exchange->response;
    if (!response)
        return MHD_NO;
    connection_enter(exchange->http->connections, exchange->connection, CONNECTION_WRITING);
    enum MHD_Result result =
        MHD_queue_response(exchange->socket, (unsigned)exchange->reply.status, response);
    MHD_destroy_response(response); /* the library holds it until it is sent */
    exchange->response = NULL;
    exchange->progress = SENT;
    return result;
}

/* The request is complete: it waits for a worker. */
static enum MHD_Result hand_over(struct exchange *exchange) {
    struct http *http = exchange->http;
    connection_enter(http->connections, exchange->connection, CONNECTION_COMPUTING);
    exchange->queued = now_microseconds();
    MHD_suspend_connection(exchange->socket);
    if (workers_push(http->workers, &exchange->task))
        return MHD_YES;
    exchange->refused = 503; /* no worker is there any more */
    answer_refused(exchange);
    MHD_resume_connection(exchange->socket);
    return MHD_YES;
}

/* Bodies. */

/* Makes room in what all bodies together may take. */
static bool reserve(struct exchange *exchange, size_t bytes) {
    struct http *http = exchange->http;
    if (atomic_fetch_add(&http->body_bytes, bytes) + bytes > http->most_body_bytes) {
        atomic_fetch_sub(&http->body_bytes, bytes);
        return false;
    }
    exchange->reserved += bytes;
    return true;
}

static void forget_body(struct exchange *exchange) {
    text_free(&exchange->body);
    atomic_fetch_sub(&exchange->http->body_bytes, exchange->reserved);
    exchange->reserved = 0;
}

static void receive(struct exchange *exchange, const char *bytes, size_t count) {
    size_t most = (size_t)exchange->http->server->options.max_body;
    exchange->received += count;
    if (exchange->refused)
        return;
    if (count > most - exchange->body.length)
        exchange->refused = 413;
    else if (!reserve(exchange, count))
        exchange->refused = 503;
    else
        text_add_bytes(&exchange->body, bytes, count);
    if (exchange->body.failed)
        exchange->refused = 503;
    if (exchange->refused)
        forget_body(exchange);
}

/* Looks at the headers. True when the request is to be refused without reading its body. */
static bool refuse_at_once(struct exchange *exchange) {
    const struct options *options = &exchange->http->server->options;
    const char *length = MHD_lookup_connection_value(exchange->socket, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_CONTENT_LENGTH);
    unsigned long long bytes = length ? strtoull(length, NULL, 10) : 0;
    if (connection_is_spare(exchange->connection)) {
        exchange->refused = 503;
        atomic_fetch_add(&exchange->http->server->metrics.refused_connections, 1);
    } else if (bytes > (unsigned long long)options->max_body) {
        exchange->refused = 413;
    }
    bool asks = MHD_lookup_connection_value(exchange->socket, MHD_HEADER_KIND, "Expect") != NULL;
    return exchange->refused &&
           (asks || bytes > (unsigned long long)options->max_body * DRAINED_BODIES);
}

/* The library's callbacks. */

static enum MHD_Result begin_exchange(struct http *http, struct MHD_Connection *socket,
                                      const char *path, const char *method, void **context) {
    struct exchange *exchange = et_allocate(1, sizeof *exchange);
    if (!exchange)
        return MHD_NO;
    exchange->task.run = answer;
    exchange->http = http;
    exchange->socket = socket;
    exchange->began = now_microseconds();
    exchange->path = strdup(path);
    snprintf(exchange->method, sizeof exchange->method, "%s", method);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(socket, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    exchange->connection = info ? info->socket_context : NULL;
    atomic_fetch_add(&http->server->metrics.in_flight, 1);
    *context = exchange;
    if (!exchange->path)
        return MHD_NO;
    connection_enter(http->connections, exchange->connection, CONNECTION_READING);
    if (!refuse_at_once(exchange))
        return MHD_YES;
    answer_refused(exchange);
    return send_reply(exchange);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *socket, const char *path,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *count, void **context) {
    (void)version;
    if (!*context)
        return begin_exchange(cls, socket, path, method, context);
    struct exchange *exchange = *context;
    if (*count) {
        receive(exchange, bytes, *count);
        size_t limit = (size_t)exchange->http->server->options.max_body * DRAINED_BODIES;
        *count = 0;
        return exchange->received > limit ? MHD_NO : MHD_YES;
    }
    if (exchange->progress == SENT)
        return MHD_YES;
    if (exchange->progress == UNANSWERED && !exchange->refused)
        return hand_over(exchange);
    if (exchange->progress == UNANSWERED)
        answer_refused(exchange);
    forget_body(exchange);
    return send_reply(exchange);
}

static const char *remote_address(struct MHD_Connection *socket, char text[INET6_ADDRSTRLEN]) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(socket, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    const void *number = NULL;
    if (address && address->sa_family == AF_INET)
        number = &((const struct sockaddr_in *)address)->sin_addr;
    else if (address && address->sa_family == AF_INET6)
        number = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return number && inet_ntop(address->sa_family, number, text, INET6_ADDRSTRLEN) ? text : "";
}

static void on_completed(void *cls, struct MHD_Connection *socket, void **context,
                         enum MHD_RequestTerminationCode why) {
    (void)why;
    struct http *http = cls;
    struct exchange *exchange = *context;
    if (!exchange)
        return;
    struct metrics *metrics = &http->server->metrics;
    char address[INET6_ADDRSTRLEN];
    atomic_fetch_add(&metrics->bytes_in, exchange->received);
    atomic_fetch_add(&metrics->bytes_out, exchange->reply_bytes);
    if (!http->server->options.quiet)
        log_request(http->server->log,
                    &(struct log_line){.remote = remote_address(socket, address),
                                       .method = exchange->method,
                                       .path = exchange->path ? exchange->path : "",
                                       .status = exchange->reply.status, /* 0: it went away */
                                       .bytes_in = exchange->received,
                                       .bytes_out = exchange->reply_bytes,
                                       .microseconds = now_microseconds() - exchange->began,
                                       .model = exchange->reply.model,
                                       .mode = exchange->reply.mode});
    connection_enter(http->connections, exchange->connection, CONNECTION_WAITING);
    forget_body(exchange);
    if (exchange->response) /* its client went away meanwhile */
        MHD_destroy_response(exchange->response);
    reply_free(&exchange->reply);
    free(exchange->path);
    et_release(exchange);
    *context = NULL;
    atomic_fetch_sub(&metrics->in_flight, 1);
}

static void on_connection(void *cls, struct MHD_Connection *socket, void **context,
                          enum MHD_ConnectionNotificationCode what) {
    struct http *http = cls;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(socket, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = info ? connection_begin(http->connections, info->connect_fd) : NULL;
        atomic_fetch_add(&http->server->metrics.connections, 1);
        return;
    }
    connection_end(http->connections, *context);
    *context = NULL;
    atomic_fetch_sub(&http->server->metrics.connections, 1);
}

/* Opening. */

/* Who comes while the server stops is turned away. Taking the listening socket away instead would
 * not do: MHD_quiesce_daemon() and the library's threads may both remove it from an epoll set,
 * which they take for a fatal error, and when it is shut down they find it ready again and again.
 */
static enum MHD_Result may_connect(void *cls, const struct sockaddr *address, socklen_t bytes) {
    const struct http *http = cls;
    (void)address, (void)bytes;
    return atomic_load(&http->server->stopping) ? MHD_NO : MHD_YES;
}

static struct MHD_Daemon *start(struct http *http, int listener, long workers) {
    const struct options *options = &http->server->options;
    unsigned threads = 1 + (unsigned)workers / WORKERS_OF_ONE;
    unsigned most = (unsigned)options->max_connections + SPARE_CONNECTIONS;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    return MHD_start_daemon(flags, 0, may_connect, http, on_request, http, MHD_OPTION_LISTEN_SOCKET,
                            listener, MHD_OPTION_THREAD_POOL_SIZE, threads,
                            MHD_OPTION_CONNECTION_LIMIT, most, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)HEADER_BYTES, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

static bool open_parts(struct http *http, int listener, struct et_error *error) {
    const struct options *options = &http->server->options;
    long workers = options->threads ? options->threads : sysconf(_SC_NPROCESSORS_ONLN);
    http->port = listen_port(listener);
    http->most_body_bytes = 8 * (size_t)options->max_body;
    http->connections = connections_open((int)options->max_connections, SPARE_CONNECTIONS,
                                         options->timeout, &http->server->metrics);
    http->workers = workers_open(http->server, (int)workers);
    if (!http->connections || !http->workers)
        return et_fail(error, "no memory, or no threads: %ld workers were asked for", workers);
    http->daemon = start(http, listener, workers);
    return http->daemon || et_fail(error, "the HTTP library does not start");
}

struct http *http_open(struct server *server, struct et_error *error) {
    int listener = listen_open(server->options.host, server->options.port, error);
    if (listener < 0)
        return NULL;
    struct http *http = et_allocate(1, sizeof *http);
    if (http) {
        http->server = server;
        if (open_parts(http, listener, error))
            return http;
        http_close(http);
    } else {
        et_fail(error, "out of memory");
    }
    close(listener);
    return NULL;
}

int http_port(const struct http *http) {
    return http->port;
}

void http_drain(struct http *http, int seconds) {
    struct metrics *metrics = &http->server->metrics;
    for (int waited = 0; waited < seconds * 100; waited++) {
        if (atomic_load(&metrics->in_flight) == 0)
            return;
        usleep(10000);
    }
}

/* The workers go first, since the library cannot end while one of its connections is put aside. */
void http_close(struct http *http) {
    workers_stop(http->workers);
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    workers_close(http->workers);
    if (http->connections)
        connections_close(http->connections);
    et_release(http);
}
