#include "server/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGERED_BODIES = 8
}; /* a body this many times too large is read to its end and forgotten,
      so that its sender hears why; a larger one is cut off */
static const size_t least_lingered = 1 << 20;

/* ---- Answering ---- */

static const char *lookup(void *context, enum request_part part, const char *name) {
    const struct http_head *head = context;
    return part == PART_HEADER ? http_head_header(head, name) : http_head_query(head, name);
}

/* For its own thread alone; what of it is as large as a name may be is not cleared. */
static void describe(struct exchange *exchange, struct request *request) {
    const struct http_head *head = &exchange->head;
    request->method = strcmp(head->method, "HEAD") == 0 ? "GET" : head->method;
    request->path = head->path;
    request->body = text_read(&exchange->body, NULL);
    request->body_bytes = exchange->body.length;
    request->waited = 0;
    request->limit = &exchange->limit;
    request->most_json_memory = 0;
    request->lookup = lookup;
    request->lookup_context = &exchange->head;
    for (int i = 0; i < ROUTE_MOST_VALUES; i++)
        *request->values[i] = 0;
}

/* Once it is in the list, the exchange is the loop's again. */
static void give_back(struct exchange *exchange, bool is_over) {
    struct http *http = exchange->http;
    pthread_mutex_lock(&http->lock);
    bool tells = (!is_over || exchange->is_awaited) && !http->is_told;
    http->is_told |= tells;
    exchange->next_done = http->done;
    http->done = exchange;
    pthread_mutex_unlock(&http->lock);
    if (tells)
        http_wake(http);
}

static bool closes_after(const struct connection *connection, const struct exchange *exchange) {
    return connection->is_last || !exchange->head.keeps_open ||
           atomic_load(&exchange->http->server->stopping);
}

/* In a worker: sends what the socket takes of the reply, unless the connection was given up. */
static void reply_here(void *context) {
    struct exchange *exchange = context;
    bool is_over = false;
    pthread_mutex_lock(&exchange->lock);
    const struct connection *connection = exchange->connection;
    if (connection && exchange_conclude(exchange, closes_after(connection, exchange)))
        is_over = exchange_send(exchange, connection->socket) == SENT_ALL;
    if (is_over)
        exchange_log(exchange, connection->remote);
    pthread_mutex_unlock(&exchange->lock);
    give_back(exchange, is_over && !exchange->closes);
}

/* In a worker. */
static void answer(struct task *task, struct worker *worker) {
    struct exchange *exchange = (struct exchange *)task;
    struct http *http = exchange->http;
    struct request request;
    describe(exchange, &request);
    enum et_stop stop = run_limit_passed(&exchange->limit); /* it waited for too long */
    request.waited = now_microseconds() - exchange->queued;
    if (stop == ET_NOT_STOPPED)
        exchange->route = server_answer(worker, &request, &exchange->reply);
    else
        reply_stopped(&exchange->reply, error_style_of(request.path), stop,
                      http->server->options.run_timeout);
    struct waiting *waiting = exchange->reply.waiting;
    if (!waiting) {
        reply_here(exchange);
        return;
    }
    waiting->done = reply_here;
    waiting->context = exchange;
    batcher_add(http->server->batcher, waiting, worker);
}

/* ---- Connections ---- */

static void enter(struct connection *connection, enum connection_state state) {
    connection->state = state;
    connection->since = now_microseconds();
}

/* Asks epoll for what the connection waits for, and for nothing else. */
static void ask(struct http *http, struct connection *connection, bool full) {
    enum connection_state state = connection->state;
    bool reads = state == WAITING || state == READING || state == LINGERING;
    unsigned events = (reads && !connection->is_ended ? EPOLLIN : 0u) | (full ? EPOLLOUT : 0u);
    if (events == connection->events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = connection};
    epoll_ctl(http->epoll, EPOLL_CTL_MOD, connection->socket, &event);
    connection->events = events;
}

/* The client's address as text; empty: it has none. */
static void write_address(const struct sockaddr_storage *address, char text[INET6_ADDRSTRLEN]) {
    const void *number = address->ss_family == AF_INET6
                             ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                             : &((const struct sockaddr_in *)address)->sin_addr;
    if (!inet_ntop(address->ss_family, number, text, INET6_ADDRSTRLEN))
        *text = 0;
}

/* The exchange is over. One that a worker has is freed when it comes back. */
void connection_end_exchange(struct connection *connection) {
    struct exchange *exchange = connection->exchange;
    if (!exchange)
        return;
    struct metrics *metrics = &exchange->http->server->metrics;
    bool is_with_worker = exchange->is_with_worker;
    connection->exchange = NULL;
    atomic_fetch_sub(&metrics->unsent, 1);
    pthread_mutex_lock(&exchange->lock);
    exchange->connection = NULL;
    if (!exchange->is_concluded)
        atomic_fetch_sub(&metrics->in_flight, 1);
    pthread_mutex_unlock(&exchange->lock);
    if (is_with_worker) {
        __atomic_store_n(&exchange->cancelled, 1, __ATOMIC_RELAXED);
        return;
    }
    exchange_log(exchange, connection->remote);
    exchange_free(exchange);
}

bool connection_withdraw(struct connection *connection) {
    struct exchange *exchange = connection->exchange;
    pthread_mutex_lock(&exchange->lock);
    bool good = !exchange->is_concluded;
    if (good) {
        exchange->connection = NULL;
        exchange->is_logged = true;
    }
    pthread_mutex_unlock(&exchange->lock);
    return good;
}

void connection_await(struct http *http, struct connection *connection) {
    pthread_mutex_lock(&http->lock);
    connection->exchange->is_awaited = true; /* if it is in the list, that is looked at next */
    pthread_mutex_unlock(&http->lock);
    ask(http, connection, false);
}

/* ---- Input ---- */

static bool take_buffer(struct http *http, struct connection *connection) {
    if (!connection->input && http->input_count)
        connection->input = http->inputs[--http->input_count];
    if (!connection->input)
        connection->input = et_allocate_unset(HTTP_INPUT_BYTES);
    return connection->input;
}

/* Idle connections have no buffer. */
static void drop_buffer(struct http *http, struct connection *connection) {
    if (connection->input && http->input_count < SPARE_INPUTS)
        http->inputs[http->input_count++] = connection->input;
    else
        et_release(connection->input);
    connection->input = NULL;
    connection->taken = connection->used = 0;
}

void connection_close(struct http *http, struct connection *connection) {
    connection_end_exchange(connection);
    /* A compiler that starts now may hold it, too: closing alone would leave it watched. */
    epoll_ctl(http->epoll, EPOLL_CTL_DEL, connection->socket, NULL);
    close(connection->socket);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        http->first = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    if (!connection->is_heard)
        atomic_fetch_sub(&http->unheard, 1);
    drop_buffer(http, connection);
    connection->state = GONE;
    connection->next = http->gone;
    http->gone = connection;
    http->connections--;
    atomic_fetch_sub(&http->server->metrics.connections, 1);
}

void connections_free(struct http *http) {
    for (struct connection *connection; (connection = http->gone);) {
        http->gone = connection->next;
        et_release(connection);
    }
    while (http->input_count && !http->connections)
        et_release(http->inputs[--http->input_count]);
}

bool connection_open(struct http *http, int socket, const struct sockaddr_storage *remote) {
    struct connection *connection = et_allocate(1, sizeof *connection);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (!connection || epoll_ctl(http->epoll, EPOLL_CTL_ADD, socket, &event) != 0) {
        et_release(connection);
        return false;
    }
    int one = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* replies are sent whole */
    write_address(remote, connection->remote);
    connection->socket = socket;
    connection->events = EPOLLIN;
    connection->is_spare = http->connections >= http->server->options.max_connections;
    connection->is_late = atomic_load(&http->server->stopping);
    atomic_fetch_add(&http->unheard, 1);
    connection->next = http->first;
    if (http->first)
        http->first->previous = connection;
    http->first = connection;
    http->connections++;
    atomic_fetch_add(&http->server->metrics.connections, 1);
    enter(connection, WAITING);
    return true;
}

/* ---- Sending ---- */

static enum outcome reply_is_sent(struct http *http, struct connection *connection) {
    connection_end_exchange(connection);
    connection->is_served = true;
    if (!connection->is_last) {
        enter(connection, WAITING);
        return GOES_ON;
    }
    if (connection->is_ended) {
        connection_close(http, connection);
        return CLOSED;
    }
    shutdown(connection->socket, SHUT_WR);
    enter(connection, LINGERING);
    connection->lingered = connection->used - connection->taken;
    connection->taken = connection->used;
    return GOES_ON;
}

/* Sends what is left of the reply. */
enum outcome connection_send(struct http *http, struct connection *connection) {
    switch (exchange_send(connection->exchange, connection->socket)) {
    case SENT_ALL:
        return reply_is_sent(http, connection);
    case SENT_PART:
        ask(http, connection, true);
        return WAITS;
    case SENT_NO_MORE:
        break;
    }
    connection_close(http, connection);
    return CLOSED;
}

enum outcome connection_reply(struct http *http, struct connection *connection) {
    struct exchange *exchange = connection->exchange;
    if (!exchange->is_concluded)
        exchange_conclude(exchange, closes_after(connection, exchange));
    connection->is_last = exchange->closes;
    if (!text_check(&exchange->reply_head, NULL)) {
        connection_close(http, connection);
        return CLOSED;
    }
    enter(connection, WRITING);
    return connection_send(http, connection);
}

/* Refuses what is at hand, or the connection itself, and ends it. */
enum outcome connection_refuse(struct http *http, struct connection *connection, int status,
                               const char *message) {
    if (!connection->exchange)
        connection->exchange = exchange_new(http, connection);
    if (!connection->exchange) {
        connection_close(http, connection);
        return CLOSED;
    }
    exchange_refuse(connection->exchange, status, message);
    connection->is_last = true;
    return connection_reply(http, connection);
}

/* ---- Receiving ---- */

static enum outcome refuse_body(struct http *http, struct connection *connection, int status) {
    char message[80];
    snprintf(message, sizeof message, "the body is larger than %ld bytes (--max-body)",
             http->server->options.max_body);
    return connection_refuse(http, connection, status,
                             status == 413 ? message : "too many large requests at once");
}

/* The request is complete: a worker gets it, or it is answered here. */
static enum outcome hand_over(struct http *http, struct connection *connection) {
    struct exchange *exchange = connection->exchange;
    struct request request;
    describe(exchange, &request);
    double seconds = (double)http->server->options.run_timeout;
    if (server_answer_at_once(http->own, &request, &exchange->reply, &exchange->route))
        return connection_reply(http, connection);
    if (connection->is_late)
        return connection_refuse(http, connection, 503, "the server is stopping");
    exchange->task.run = answer;
    exchange->queued = now_microseconds();
    exchange->limit.deadline = (int64_t)((exchange->queued + seconds * 1e6) * 1e3);
    exchange->limit.cancelled = &exchange->cancelled;
    exchange->is_with_worker = true;
    exchange->is_awaited = connection->is_ended || connection->taken < connection->used;
    enter(connection, COMPUTING); /* epoll goes on to watch for input: most often there is none */
    if (workers_push(http->workers, &exchange->task))
        return WAITS;
    exchange->is_with_worker = false;
    return connection_refuse(http, connection, 503, "the server is stopping");
}

/* Moves what is left of the input to the beginning of its place. */
static void compact(struct connection *connection) {
    size_t left = connection->used - connection->taken;
    if (connection->taken && left)
        memmove(connection->input, connection->input + connection->taken, left);
    connection->used = left;
    connection->taken = 0;
}

static enum outcome refuse_head(struct http *http, struct connection *connection) {
    const char *end = memchr(connection->input, '\r', HTTP_HEAD_BYTES);
    return end ? connection_refuse(http, connection, 431, "the headers are larger than 32 KiB")
               : connection_refuse(http, connection, 414, "the request line is larger than 32 KiB");
}

/* Whether its client may ask that; browsers ask without a token what they may ask with one. */
static bool is_allowed(const struct http *http, struct exchange *exchange) {
    const struct http_head *head = &exchange->head;
    struct tokens *tokens = http->server->tokens;
    return !tokens || route_is_open(head->path) || strcmp(head->method, "OPTIONS") == 0 ||
           tokens_know(tokens, http_head_header(head, "Authorization"), exchange->client);
}

/* Refuses what the headers alone are enough to refuse. */
static enum outcome check_head(struct http *http, struct connection *connection) {
    const struct http_head *head = &connection->exchange->head;
    static const char proceed[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (connection->is_spare) {
        atomic_fetch_add(&http->server->metrics.refused_connections, 1);
        return connection_refuse(http, connection, 503, "too many connections (--max-connections)");
    }
    if (!is_allowed(http, connection->exchange))
        return connection_refuse(http, connection, 401,
                                 "expected \"Authorization: Bearer TOKEN\" with a token of this "
                                 "server");
    if (head->body_bytes > (uint64_t)http->server->options.max_body)
        return refuse_body(http, connection, 413);
    bool has_body = head->is_chunked || head->body_bytes > 0;
    if (head->expects_continue && has_body && connection->taken == connection->used)
        send(connection->socket, proceed, sizeof proceed - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    return GOES_ON;
}

static enum outcome begin_exchange(struct http *http, struct connection *connection,
                                   size_t length) {
    struct exchange *exchange = exchange_new(http, connection);
    struct http_problem problem;
    connection->exchange = exchange;
    if (exchange)
        exchange->head_bytes = et_allocate(length + 1, 1);
    if (!exchange || !exchange->head_bytes) {
        connection_close(http, connection);
        return CLOSED;
    }
    if (!connection->is_heard)
        atomic_fetch_sub(&http->unheard, 1);
    connection->is_heard = true;
    memcpy(exchange->head_bytes, connection->input + connection->taken, length);
    connection->taken += length;
    connection->scanned = 0;
    if (!http_head_read(exchange->head_bytes, length, &exchange->head, &problem))
        return connection_refuse(http, connection, problem.status, problem.message);
    trace_begin(&exchange->trace, &exchange->head);
    connection->chunks = (struct http_chunks){0};
    connection->body_left = exchange->head.body_bytes;
    enter(connection, READING);
    return check_head(http, connection);
}

static enum outcome read_head(struct http *http, struct connection *connection) {
    compact(connection);
    while (connection->used >= 2 && memcmp(connection->input, "\r\n", 2) == 0) {
        connection->taken = 2; /* an empty line too many behind the request before */
        connection->scanned = 0;
        compact(connection);
    }
    if (connection->used && connection->state == WAITING)
        enter(connection, READING);
    long length = http_head_length(connection->input, connection->used, &connection->scanned);
    if (length < 0)
        return connection_refuse(http, connection, 400,
                                 "the head has a line that does not end with CR LF");
    if (length > HTTP_HEAD_BYTES || (length == 0 && connection->used > HTTP_HEAD_BYTES))
        return refuse_head(http, connection);
    return length ? begin_exchange(http, connection, (size_t)length) : WAITS;
}

static enum outcome read_chunks(struct http *http, struct connection *connection) {
    const char *bytes = connection->input + connection->taken, *data;
    size_t count = connection->used - connection->taken, data_bytes;
    enum http_chunk found;
    while ((found = http_chunks_next(&connection->chunks, &bytes, &count, &data, &data_bytes)) ==
           CHUNK_DATA) {
        int status = exchange_receive(connection->exchange, data, data_bytes);
        if (status) {
            connection->taken = connection->used - count;
            return refuse_body(http, connection, status);
        }
    }
    connection->taken = connection->used - count;
    if (found == CHUNK_BAD)
        return connection_refuse(http, connection, 400, "the body is not well-formed chunks");
    return found == CHUNK_END ? hand_over(http, connection) : WAITS;
}

static enum outcome read_body(struct http *http, struct connection *connection) {
    struct exchange *exchange = connection->exchange;
    if (exchange->head.is_chunked)
        return read_chunks(http, connection);
    size_t count = connection->used - connection->taken;
    if (count > connection->body_left)
        count = (size_t)connection->body_left;
    int status = exchange_receive(exchange, connection->input + connection->taken, count);
    connection->taken += count;
    connection->body_left -= count;
    if (status)
        return refuse_body(http, connection, status);
    return connection->body_left ? WAITS : hand_over(http, connection);
}

/* Reads requests from the input for as long as it has whole ones. */
enum outcome connection_take_input(struct http *http, struct connection *connection) {
    enum outcome outcome = GOES_ON;
    while (outcome == GOES_ON && (connection->state == WAITING || connection->state == READING))
        outcome = connection->exchange ? read_body(http, connection) : read_head(http, connection);
    if (outcome == CLOSED || connection->state == COMPUTING || connection->state == WRITING)
        return outcome;
    if (connection->is_ended) { /* in the middle of a request, or with nothing left to say */
        connection_close(http, connection);
        return CLOSED;
    }
    if (connection->taken == connection->used)
        drop_buffer(http, connection);
    ask(http, connection, false);
    return WAITS;
}

static void forget_input(struct http *http, struct connection *connection, size_t count) {
    size_t most = (size_t)http->server->options.max_body * LINGERED_BODIES;
    connection->lingered += count;
    connection->taken = connection->used = 0;
    if (connection->is_ended ||
        connection->lingered > (most > least_lingered ? most : least_lingered))
        connection_close(http, connection);
}

void connection_receive(struct http *http, struct connection *connection) {
    if (!take_buffer(http, connection)) {
        connection_close(http, connection);
        return;
    }
    compact(connection);
    ssize_t count = recv(connection->socket, connection->input + connection->used,
                         HTTP_INPUT_BYTES - connection->used, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count < 0) {
        connection_close(http, connection);
        return;
    }
    connection->is_ended = count == 0;
    connection->used += (size_t)count;
    if (connection->state == LINGERING)
        forget_input(http, connection, (size_t)count);
    else
        connection_take_input(http, connection);
}
