/* One thread with epoll moves all bytes: it accepts, reads heads and bodies, hands requests to the
 * workers, takes their replies back and sends them, and cuts off what is too slow. Health, metrics
 * and files it answers itself, so that they never wait behind inferences.
 *
 * No HTTP library stands in between. RFC 9112 wants requests refused whose length is ambiguous, and
 * libmicrohttpd 0.9.75, which Debian 12 has and which served here before, cannot be made to: it
 * lets Content-Length stand beside Transfer-Encoding, takes an unknown coding for "until the client
 * closes", ends names and targets at a zero byte, and answers a bad Content-Length twice, all
 * before a program has a say. Its newer releases are not in Debian 12. What is needed of the
 * protocol is small, and stands in http_head.c as functions without state or sockets, which tests
 * feed. */
#include "server/http.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/kernels/cpu.h"
#include "server/connection.h"
#include "server/listen.h"

enum {
    SPARE_CONNECTIONS = 64, /* beyond the limit, to be told so */
    SECONDS_TO_END = 3,     /* of what is told to */
    EVENTS_AT_ONCE = 64,
    TICK_MILLISECONDS = 200, /* how often is looked for what is too slow */
    REST_MICROSECONDS = 1000,
};
static const double linger_microseconds = 2e6, grace_microseconds = 1e6;

struct server *http_server(const struct http *http) {
    return http->server;
}

bool http_take_body_bytes(struct http *http, size_t bytes) {
    if (atomic_fetch_add(&http->body_bytes, bytes) + bytes <= http->most_body_bytes)
        return true;
    atomic_fetch_sub(&http->body_bytes, bytes);
    return false;
}

void http_give_body_bytes(struct http *http, size_t bytes) {
    atomic_fetch_sub(&http->body_bytes, bytes);
}

void http_wake(struct http *http) {
    uint64_t one = 1;
    if (write(http->wake, &one, sizeof one) < 0)
        return; /* it counts too many wakes already: it is awake; else the next tick sees to it */
}

/* ---- Listening ---- */

/* Whether what comes now is for the process that takes over. */
static bool leaves_to_next(const struct http *http) {
    return http->is_inherited && atomic_load(&http->server->stopping);
}

static void listen_again(struct http *http) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = http};
    int most = (int)http->server->options.max_connections + SPARE_CONNECTIONS;
    if (!http->listens && http->connections < most && !leaves_to_next(http))
        http->listens = epoll_ctl(http->epoll, EPOLL_CTL_ADD, http->listener, &event) == 0;
}

static void stop_listening(struct http *http) {
    epoll_ctl(http->epoll, EPOLL_CTL_DEL, http->listener, NULL);
    http->listens = false;
}

static void accept_connections(struct http *http) {
    int most = (int)http->server->options.max_connections + SPARE_CONNECTIONS;
    while (http->connections < most && !leaves_to_next(http)) {
        struct sockaddr_storage remote = {0};
        socklen_t bytes = sizeof remote;
        int socket = accept4(http->listener, (struct sockaddr *)&remote, &bytes,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS))
            break; /* until the next tick, or the loop would turn without end */
        if (socket < 0)
            return;
        if (!connection_open(http, socket, &remote))
            close(socket);
    }
    stop_listening(http);
}

/* ---- The loop ---- */

/* A request's time is over, and its worker does not come back: it is answered without it. */
static void give_up(struct http *http, struct connection *connection) {
    struct exchange *stuck = connection->exchange, *instead;
    char message[96];
    if (!connection_withdraw(connection))
        return; /* it is done in this moment */
    instead = exchange_new(http, connection);
    snprintf(message, sizeof message, "the request took longer than %ld s (--run-timeout)",
             http->server->options.run_timeout);
    if (!instead) {
        connection_close(http, connection);
        return;
    }
    if ((instead->head_bytes = et_allocate(HTTP_HEAD_BYTES, 2))) {
        char *method = instead->head_bytes, *path = method + HTTP_HEAD_BYTES;
        instead->head.method = strcpy(method, stuck->head.method);
        instead->head.path = strcpy(path, stuck->head.path);
    }
    instead->trace = stuck->trace;
    memcpy(instead->client, stuck->client, sizeof instead->client);
    instead->began = stuck->began;
    instead->received = stuck->received;
    connection_end_exchange(connection);
    connection->exchange = instead;
    if (connection_refuse(http, connection, 504, message) == GOES_ON)
        connection_take_input(http, connection);
}

/* What its client has to hear of being too slow. */
static void cut(struct http *http, struct connection *connection) {
    if (connection->state != WAITING || !connection->is_served)
        atomic_fetch_add(&http->server->metrics.slow_clients, 1);
    if (connection->state == WRITING || (connection->state == WAITING && connection->is_served))
        connection_close(http, connection);
    else if (connection_refuse(http, connection, 408, "the request took too long to arrive") ==
             GOES_ON)
        connection_take_input(http, connection);
}

static void check_time(struct http *http, struct connection *connection, double now) {
    double timeout = (double)http->server->options.timeout * 1e6, past = now - connection->since;
    switch (connection->state) {
    case WAITING:
    case READING:
        if (past > timeout)
            cut(http, connection);
        return;
    case WRITING:
        if (past > timeout * 3)
            cut(http, connection);
        return;
    case LINGERING:
        if (past > linger_microseconds)
            connection_close(http, connection);
        return;
    case GONE:
        return;
    case COMPUTING:
        if (atomic_load(&http->cancelling))
            __atomic_store_n(&connection->exchange->cancelled, 1, __ATOMIC_RELAXED);
        if (now > (double)connection->exchange->limit.deadline / 1e3 + grace_microseconds)
            give_up(http, connection);
        return;
    }
}

static void take_done(struct http *http) {
    pthread_mutex_lock(&http->lock);
    struct exchange *done = http->done;
    http->done = NULL;
    http->is_told = false;
    pthread_mutex_unlock(&http->lock);
    for (struct exchange *exchange = done, *next; exchange; exchange = next) {
        next = exchange->next_done;
        exchange->is_with_worker = false;
        struct connection *connection = exchange->connection;
        if (!connection) {
            exchange_log(exchange, "");
            exchange_free(exchange);
        } else if (connection_reply(http, connection) == GOES_ON)
            connection_take_input(http, connection);
    }
}

static void tick(struct http *http) {
    double now = now_microseconds();
    if (now - http->ticked < TICK_MILLISECONDS * 1e3)
        return;
    http->ticked = now;
    take_done(http); /* of which no wake has told */
    for (struct connection *connection = http->first, *next; connection; connection = next) {
        next = connection->next;
        check_time(http, connection, now);
    }
    listen_again(http);
}

static void take_event(struct http *http, struct connection *connection, unsigned events) {
    if (connection->state == GONE) {
        return;
    } else if (events & EPOLLOUT) {
        if (connection_send(http, connection) == GOES_ON)
            connection_take_input(http, connection);
    } else if ((events & EPOLLIN) && connection->state == COMPUTING) {
        connection_await(http, connection);
        take_done(http);
    } else if (events & EPOLLIN) {
        connection_receive(http, connection);
    } else { /* gone, or reset */
        connection_close(http, connection);
    }
}

/* Before anything is taken that a wake tells of, or a later one would be lost. */
static void hear_wake(struct http *http) {
    uint64_t wakes;
    while (read(http->wake, &wakes, sizeof wakes) < 0 && errno == EINTR)
        ;
}

static void *loop(void *context) {
    struct http *http = context;
    struct epoll_event events[EVENTS_AT_ONCE];
    while (!atomic_load(&http->ending)) {
        int count = epoll_wait(http->epoll, events, EVENTS_AT_ONCE, TICK_MILLISECONDS);
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr == &http->wake)
                hear_wake(http);
        take_done(http); /* most often the reply before this request */
        bool called = false;
        for (int i = 0; i < count; i++) {
            called |= events[i].data.ptr == http;
            if (events[i].data.ptr != &http->wake && events[i].data.ptr != http)
                take_event(http, events[i].data.ptr, events[i].events);
        }
        if (called || (http->listens && leaves_to_next(http)))
            accept_connections(http);
        tick(http);
        connections_free(http);
        /* While all workers are busy and will be so, what comes is taken together, rather than each
         * request by waking up, which interrupts a worker. */
        workers_await_need(http->workers, REST_MICROSECONDS);
    }
    while (http->first)
        connection_close(http, http->first);
    connections_free(http);
    return NULL;
}

/* ---- Opening and closing ---- */

static bool open_parts(struct http *http, struct et_error *error) {
    const struct options *options = &http->server->options;
    long workers = options->threads ? options->threads : cpu_allowed_count();
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &http->wake};
    http->port = listen_port(http->listener);
    http->most_body_bytes = 8 * (size_t)options->max_body;
    http->epoll = epoll_create1(EPOLL_CLOEXEC);
    http->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    http->own = worker_new(http->server);
    http->workers = workers_open(http->server, (int)workers);
    if (!http->own || !http->workers)
        return et_fail(error, "no memory, or no threads: %ld workers were asked for", workers);
    if (options->max_delay &&
        !(http->server->batcher = batcher_open(http->server, http->workers, error)))
        return false;
    listen_again(http);
    if (!http->listens || epoll_ctl(http->epoll, EPOLL_CTL_ADD, http->wake, &event) != 0)
        return et_fail(error, "epoll: %s", strerror(errno));
    http->has_thread = pthread_create(&http->thread, NULL, loop, http) == 0;
    return http->has_thread || et_fail(error, "no thread for HTTP");
}

struct http *http_open(struct server *server, struct et_error *error) {
    bool is_inherited;
    int listener = listen_inherited(&is_inherited, error);
    if (!is_inherited)
        listener = listen_open(server->options.host, server->options.port, error);
    if (listener < 0)
        return NULL;
    struct http *http = et_allocate(1, sizeof *http);
    if (!http) {
        close(listener);
        et_fail(error, "out of memory");
        return NULL;
    }
    http->server = server;
    http->listener = listener;
    http->is_inherited = is_inherited;
    http->epoll = http->wake = -1;
    pthread_mutex_init(&http->lock, NULL);
    if (open_parts(http, error))
        return http;
    http_close(http);
    return NULL;
}

int http_port(const struct http *http) {
    return http->port;
}

/* Who has just come may still say what for, within a second. */
static bool has_work(struct http *http, double began) {
    return atomic_load(&http->server->metrics.unsent) > 0 ||
           (atomic_load(&http->unheard) > 0 && now_microseconds() < began + grace_microseconds);
}

/* Waits until nothing is in flight; false: a signal came, or the time is over. */
static bool wait_for_replies(struct http *http, double seconds, const sigset_t *hurry,
                             bool *hurried) {
    double began = now_microseconds(), end = began + seconds * 1e6;
    struct timespec moment = {.tv_nsec = 10000000};
    while (has_work(http, began)) {
        *hurried = sigtimedwait(hurry, NULL, &moment) > 0;
        if (*hurried || now_microseconds() > end)
            return false;
    }
    return true;
}

bool http_drain(struct http *http, long seconds, const sigset_t *hurry) {
    bool hurried = false;
    http_wake(http);
    if (wait_for_replies(http, (double)seconds, hurry, &hurried))
        return true;
    atomic_store(&http->cancelling, true);
    batcher_cancel(http->server->batcher);
    return !hurried && wait_for_replies(http, SECONDS_TO_END, hurry, &hurried);
}

bool http_close(struct http *http) {
    if (http->has_thread) {
        atomic_store(&http->ending, true);
        http_wake(http);
        pthread_join(http->thread, NULL);
    }
    batcher_stop(http->server->batcher);
    if (!workers_stop(http->workers, 1))
        return false;
    for (struct exchange *exchange = http->done, *next; exchange; exchange = next) {
        next = exchange->next_done;
        exchange_free(exchange);
    }
    workers_close(http->workers);
    batcher_free(http->server->batcher);
    worker_free(http->own);
    close(http->listener);
    if (http->wake >= 0)
        close(http->wake);
    if (http->epoll >= 0)
        close(http->epoll);
    pthread_mutex_destroy(&http->lock);
    et_release(http);
    return true;
}
