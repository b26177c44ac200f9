/* A socket and what passes through it: requests are read, refused or handed to the workers, replies
 * are sent. All this happens in the thread of http.c's loop. */
#ifndef EIGENTENSOR_SERVER_CONNECTION_H
#define EIGENTENSOR_SERVER_CONNECTION_H

#include "server/exchange.h"
#include "server/http.h"

/* The server's side of HTTP, which all connections share. */
struct http {
    struct server *server;
    struct workers *workers;
    struct worker *own; /* for what the loop answers itself */
    pthread_t thread;
    bool has_thread;
    int listener, epoll, wake, port;
    bool listens;      /* the listener is in the epoll set */
    bool is_inherited; /* the listener: others accept from it, too */
    int connections;
    atomic_int unheard; /* connections that have not sent a request yet */
    struct connection *first;
    double ticked;
    atomic_size_t body_bytes;
    size_t most_body_bytes; /* of all requests together */
    atomic_bool ending, cancelling;
    pthread_mutex_t lock;
    struct exchange *done; /* answered by workers; under the lock */
};

/* Waiting and reading may take the timeout each, writing three times as long, computing as long as
 * its deadline allows. A connection lingers once all is said: what its client still sends is read
 * and forgotten for a while, since closing at once could destroy the reply on its way. */
enum connection_state { WAITING, READING, COMPUTING, WRITING, LINGERING };

struct connection {
    int socket;
    enum connection_state state;
    double since;       /* when it came into that state, microseconds */
    bool is_spare;      /* one too many */
    bool is_late;       /* it came when the server was stopping */
    bool is_heard;      /* it has sent a request */
    bool is_served;     /* a request was answered before */
    bool is_last;       /* closes after this reply */
    bool is_ended;      /* its client sends nothing any more */
    unsigned events;    /* that epoll was asked for */
    char *input;        /* HTTP_INPUT_BYTES, or NULL while nothing is there */
    size_t used, taken; /* bytes in it, and how many of them are done with */
    size_t scanned;     /* for http_head_length */
    struct exchange *exchange;
    struct http_chunks chunks;
    uint64_t body_left; /* bytes to come, unless chunked */
    size_t lingered;    /* bytes forgotten */
    struct text head;   /* of the reply */
    size_t sent;        /* of head and body together */
    struct connection *previous, *next;
};

enum { HTTP_INPUT_BYTES = 2 * HTTP_HEAD_BYTES };

/* After a step: the connection can go on, waits for epoll or for a worker, or is closed and freed.
 */
enum outcome { GOES_ON, WAITS, CLOSED };

/* A new connection on that socket; false, and the socket stays the caller's: no memory. */
bool connection_open(struct http *http, int socket);
/* Frees it; an exchange that a worker has is cancelled, and freed when it comes back. */
void connection_close(struct http *http, struct connection *connection);
/* Ends the exchange, with the same rule. */
void connection_end_exchange(struct connection *connection);
/* Reads once from the socket, and goes on with what is there. */
void connection_receive(struct http *http, struct connection *connection);
/* Goes on with the bytes that are there already. */
enum outcome connection_take_input(struct http *http, struct connection *connection);
/* Begins to send the exchange's reply, and goes on sending it. */
enum outcome connection_reply(struct http *http, struct connection *connection);
enum outcome connection_send(struct http *http, struct connection *connection);
/* Answers with an error, and closes the connection after it. */
enum outcome connection_refuse(struct http *http, struct connection *connection, int status,
                               const char *message);
/* Lets the loop look at what workers have done. */
void http_wake(struct http *http);

#endif
