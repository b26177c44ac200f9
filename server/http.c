#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connections.h"
#include "server.h"

enum {
    HEADER_BYTES = 32 * 1024, /* of one connection: request line, headers, reply headers */
    SPARE_CONNECTIONS = 64,   /* beyond the limit, to be told so */
    DRAINED_BODIES = 8,       /* a body this many times too large is read and forgotten, so that
                                 its sender hears why; a larger one is cut off */
};

struct http {
    struct server *server;
    struct MHD_Daemon *daemon;
    struct connections *connections;
    pthread_key_t worker; /* of this thread */
    atomic_size_t body_bytes;
    size_t most_body_bytes; /* of all requests together */
    int port;
};

/* One request on its way. */
struct exchange {
    struct http *http;
    struct MHD_Connection *socket;
    struct connection *connection;
    struct text body;
    size_t received, reserved;
    int refused; /* status, once it is known that the body is of no use; 0: none */
    bool sent;
    double began;
    char *path;
    char method[16];
    struct reply reply; /* what remains of it for the log */
    size_t reply_bytes;
};

/* Headers of every reply. */

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
                            "Inference-Header-Content-Length, Retry-After");
    MHD_add_response_header(response, "Access-Control-Max-Age", "86400");
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
    if (last || atomic_load(&server->stopping))
        MHD_add_response_header(response, "Connection", "close");
    add_cross_origin(response, &server->options);
}

/* Hands the reply's bytes over to the library. */
static enum MHD_Result send_reply(struct exchange *exchange) {
    struct reply *reply = &exchange->reply;
    struct MHD_Response *response;
    exchange->sent = true;
    exchange->reply_bytes = reply->file ? reply->file_bytes : reply->body.length;
    if (reply->file || !reply->body.bytes) {
        text_free(&reply->body);
        response = MHD_create_response_from_buffer(reply->file ? reply->file_bytes : 0,
                                                   (void *)reply->file, MHD_RESPMEM_PERSISTENT);
    } else {
        response = MHD_create_response_from_buffer_with_free_callback(
            reply->body.length, reply->body.bytes, et_release);
        if (response)
            reply->body = (struct text){0};
    }
    if (!response)
        return MHD_NO;
    add_headers(response, reply, exchange->http->server, connection_is_spare(exchange->connection));
    connection_enter(exchange->http->connections, exchange->connection, CONNECTION_WRITING);
    enum MHD_Result queued =
        MHD_queue_response(exchange->socket, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return queued;
}

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

static struct worker *this_worker(struct http *http) {
    struct worker *worker = pthread_getspecific(http->worker);
    if (worker)
        return worker;
    worker = worker_new(http->server);
    if (worker && pthread_setspecific(http->worker, worker) != 0) {
        worker_free(worker);
        worker = NULL;
    }
    return worker;
}

static void answer(struct exchange *exchange) {
    struct http *http = exchange->http;
    struct reply *reply = &exchange->reply;
    struct request request = {.method = exchange->method,
                              .path = exchange->path,
                              .body = exchange->body.bytes ? exchange->body.bytes : "",
                              .body_bytes = exchange->body.length,
                              .lookup = lookup,
                              .lookup_context = exchange->socket};
    int route = -1;
    connection_enter(http->connections, exchange->connection, CONNECTION_COMPUTING);
    struct worker *worker = this_worker(http);
    if (strcmp(request.method, "HEAD") == 0)
        request.method = "GET";
    if (exchange->refused)
        refuse(exchange);
    else if (worker)
        route = server_answer(worker, &request, reply);
    else
        reply_error(reply, style_of(request.path), 503, "out of memory");
    metrics_request(&http->server->metrics, route, reply->status,
                    now_microseconds() - exchange->began);
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
    answer(exchange);
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
    if (exchange->sent)
        return MHD_YES;
    answer(exchange);
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

static void forget_worker(void *worker) {
    worker_free(worker);
}

/* Opening. */

static int open_socket(const char *host, long port, struct et_error *error) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    char service[16];
    snprintf(service, sizeof service, "%ld", port);
    int problem = getaddrinfo(host, service, &hints, &found);
    if (problem != 0) {
        et_fail(error, "%s: %s", host, gai_strerror(problem));
        return -1;
    }
    int one = 1, listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener >= 0)
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (listener < 0 || bind(listener, found->ai_addr, found->ai_addrlen) != 0 ||
        listen(listener, 1024) != 0) {
        et_fail(error, "%s, port %ld: %s", host, port, strerror(errno));
        if (listener >= 0)
            close(listener);
        listener = -1;
    }
    freeaddrinfo(found);
    return listener;
}

static int bound_port(int listener) {
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } address;
    socklen_t bytes = sizeof address;
    if (getsockname(listener, &address.any, &bytes) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.six.sin6_port : address.four.sin_port);
}

static struct MHD_Daemon *start(struct http *http, int listener) {
    const struct options *options = &http->server->options;
    long threads = options->threads ? options->threads : sysconf(_SC_NPROCESSORS_ONLN);
    unsigned most = (unsigned)(options->max_connections + SPARE_CONNECTIONS);
    if (most < (unsigned)threads)
        most = (unsigned)threads;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC;
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, http, MHD_OPTION_LISTEN_SOCKET,
                            listener, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)threads,
                            MHD_OPTION_CONNECTION_LIMIT, most, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)HEADER_BYTES, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

struct http *http_open(struct server *server, struct et_error *error) {
    const struct options *options = &server->options;
    int listener = open_socket(options->host, options->port, error);
    if (listener < 0)
        return NULL;
    struct http *http = et_allocate(1, sizeof *http);
    if (http) {
        http->server = server;
        http->port = bound_port(listener);
        http->most_body_bytes = 8 * (size_t)options->max_body;
        http->connections = connections_open((int)options->max_connections, SPARE_CONNECTIONS,
                                             options->timeout, &server->metrics);
    }
    bool good = http && http->connections && pthread_key_create(&http->worker, forget_worker) == 0;
    if (good && (http->daemon = start(http, listener)))
        return http;
    et_fail(error, good ? "the HTTP library does not start" : "out of memory");
    if (good)
        pthread_key_delete(http->worker);
    if (http && http->connections)
        connections_close(http->connections);
    et_release(http);
    close(listener);
    return NULL;
}

int http_port(const struct http *http) {
    return http->port;
}

void http_drain(struct http *http, int seconds) {
    struct metrics *metrics = &http->server->metrics;
    /* Not MHD_quiesce_daemon(): with a pool of epoll threads two of them may remove the listening
     * socket at once, which the library takes for a fatal error. */
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_LISTEN_FD);
    if (info)
        shutdown(info->listen_fd, SHUT_RDWR);
    for (int waited = 0; waited < seconds * 100; waited++) {
        if (atomic_load(&metrics->in_flight) == 0)
            return;
        usleep(10000);
    }
}

void http_close(struct http *http) {
    MHD_stop_daemon(http->daemon);
    pthread_key_delete(http->worker);
    connections_close(http->connections);
    et_release(http);
}
