#include "server/connections.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "server/server.h"

struct connection {
    int socket; /* -1: this place is free */
    enum connection_state state;
    bool served; /* a request was answered before */
    bool spare;  /* one too many */
    double since;
    struct connection *next_free;
};

struct connections {
    pthread_mutex_t lock;
    pthread_cond_t ending;
    pthread_t reaper;
    bool end;
    double timeout; /* microseconds */
    struct metrics *metrics;
    int most, places, taken;
    struct connection *free, *items;
};

static const char too_slow[] = "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\n"
                               "Content-Length: 50\r\nConnection: close\r\n\r\n"
                               "{\"detail\": \"the request took too long to arrive\"}\n";

/* The library's thread that owns the socket sees its end and cleans up. */
static void cut(struct connections *connections, struct connection *connection) {
    bool tell = connection->state == CONNECTION_READING || !connection->served;
    if (tell && connection->state != CONNECTION_WRITING)
        send(connection->socket, too_slow, sizeof too_slow - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(connection->socket, SHUT_RDWR);
    if (connection->state != CONNECTION_WAITING || !connection->served)
        atomic_fetch_add(&connections->metrics->slow_clients, 1);
    connection->state = CONNECTION_COMPUTING; /* once is enough */
}

static void cut_slow(struct connections *connections) {
    double now = now_microseconds();
    for (int i = 0; i < connections->places; i++) {
        struct connection *connection = &connections->items[i];
        double allowed = connections->timeout * (connection->state == CONNECTION_WRITING ? 3 : 1);
        if (connection->socket >= 0 && connection->state != CONNECTION_COMPUTING &&
            now - connection->since > allowed)
            cut(connections, connection);
    }
}

static void *reap(void *context) {
    struct connections *connections = context;
    pthread_mutex_lock(&connections->lock);
    while (!connections->end) {
        struct timespec until = deadline_in(200);
        pthread_cond_timedwait(&connections->ending, &connections->lock, &until);
        cut_slow(connections);
    }
    pthread_mutex_unlock(&connections->lock);
    return NULL;
}

struct connections *connections_open(int most, int spare, long timeout, struct metrics *metrics) {
    struct connections *connections = et_allocate(1, sizeof *connections);
    if (!connections)
        return NULL;
    connections->items = et_allocate((size_t)most + (size_t)spare, sizeof *connections->items);
    connections->most = most;
    connections->places = connections->items ? most + spare : 0;
    connections->timeout = (double)timeout * 1e6;
    connections->metrics = metrics;
    for (int i = 0; i < connections->places; i++) {
        connections->items[i].socket = -1;
        connections->items[i].next_free = connections->free;
        connections->free = &connections->items[i];
    }
    pthread_mutex_init(&connections->lock, NULL);
    pthread_cond_init(&connections->ending, NULL);
    if (connections->items && pthread_create(&connections->reaper, NULL, reap, connections) == 0)
        return connections;
    et_release(connections->items);
    et_release(connections);
    return NULL;
}

void connections_close(struct connections *connections) {
    pthread_mutex_lock(&connections->lock);
    connections->end = true;
    pthread_cond_signal(&connections->ending);
    pthread_mutex_unlock(&connections->lock);
    pthread_join(connections->reaper, NULL);
    pthread_cond_destroy(&connections->ending);
    pthread_mutex_destroy(&connections->lock);
    et_release(connections->items);
    et_release(connections);
}

struct connection *connection_begin(struct connections *connections, int socket) {
    pthread_mutex_lock(&connections->lock);
    struct connection *connection = connections->free;
    if (connection) {
        connections->free = connection->next_free;
        *connection = (struct connection){.socket = socket,
                                          .since = now_microseconds(),
                                          .spare = connections->taken++ >= connections->most};
    }
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

bool connection_is_spare(const struct connection *connection) {
    return !connection || connection->spare;
}

void connection_end(struct connections *connections, struct connection *connection) {
    if (!connection)
        return;
    pthread_mutex_lock(&connections->lock);
    connection->socket = -1;
    connections->taken--;
    connection->next_free = connections->free;
    connections->free = connection;
    pthread_mutex_unlock(&connections->lock);
}

void connection_enter(struct connections *connections, struct connection *connection,
                      enum connection_state state) {
    if (!connection)
        return;
    pthread_mutex_lock(&connections->lock);
    connection->state = state;
    connection->since = now_microseconds();
    connection->served |= state == CONNECTION_WAITING;
    pthread_mutex_unlock(&connections->lock);
}
