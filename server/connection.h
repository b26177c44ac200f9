/* A socket and what passes through it: requests are read, refused or handed to the workers, replies
 * are sent. All this happens in the thread of http.c's loop, except that a worker sends what it has
 * answered, as far as the socket takes it. */
#ifndef EIGENTENSOR_SERVER_CONNECTION_H
#define EIGENTENSOR_SERVER_CONNECTION_H

#include <netinet/in.h>

#include "server/exchange.h"
#include "server/http.h"

enum { HTTP_INPUT_BYTES = 2 * HTTP_HEAD_BYTES, SPARE_INPUTS = 16 };

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
    struct connection *first, *gone;
    double ticked;
    atomic_size_t body_bytes;
    size_t most_body_bytes; /* of all requests together */
    atomic_bool ending, cancelling;
    pthread_mutex_t lock;
    struct exchange *done;      /* answered by workers; under the lock */
    bool is_told;               /* the loop was woken for them; under the lock */
    char *inputs[SPARE_INPUTS]; /* HTTP_INPUT_BYTES each, for the connections that need one next */
    int input_count;
};

/* Waiting and reading may take the timeout each, writing three times as long, computing as long as
 * its deadline allows. A connection lingers once all is said: what its client still sends is read
 * and forgotten for a while, since closing at once could destroy the reply on its way. One that is
 * gone is freed once no event that epoll has told of can be about it. */
enum connection_state { WAITING, READING, COMPUTING, WRITING, LINGERING, GONE };

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
    uint64_t body_left;            /* bytes to come, unless chunked */
    size_t lingered;               /* bytes forgotten */
    char remote[INET6_ADDRSTRLEN]; /* its client's address */
    struct connection *previous, *next;
};

/* After a step: the connection can go on, waits for epoll or for a worker, or is closed and freed.
 */
enum outcome { GOES_ON, WAITS, CLOSED };

/* A new connection on that socket; false, and the socket stays the caller's: no memory. */
bool connection_open(struct http *http, int socket, const struct sockaddr_storage *remote);
/* Closes it; an exchange that a worker has is cancelled, and freed when it comes back. */
void connection_close(struct http *http, struct connection *connection);
/* Frees those that were closed, and the spare inputs once no connection is left. */
void connections_free(struct http *http);
/* Ends the exchange, with the same rule. */
void connection_end_exchange(struct connection *connection);
/* Takes the request back from its worker, whose reply will not be sent or logged. False: it is on
 * its way already. */
bool connection_withdraw(struct connection *connection);
/* Bytes came while a worker has a request: they wait, and the loop is woken once it is done. */
void connection_await(struct http *http, struct connection *connection);
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
