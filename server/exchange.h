/* One request and its reply, on their way through the server. The event loop owns it, except while
 * a worker has it. The worker that answered sends the reply, too, if the connection is still there:
 * the loop need not wake for that, and finds the exchange done when the client's next request
 * wakes it. */
#ifndef EIGENTENSOR_SERVER_EXCHANGE_H
#define EIGENTENSOR_SERVER_EXCHANGE_H

#include <pthread.h>

#include "server/http_head.h"
#include "server/server.h"
#include "server/trace.h"
#include "server/workers.h"

struct http;
struct connection;

struct exchange {
    struct task task; /* for the worker; first, so that it leads back here */
    struct http *http;
    pthread_mutex_t lock;          /* while a worker has it: the connection stays what it is */
    struct connection *connection; /* NULL: it was given up, and whoever has it frees it */
    char *head_bytes;              /* what `head` points into */
    struct http_head head;
    struct trace trace;
    char client[TOKEN_NAME_BYTES]; /* the name of its token; empty: it has none */
    struct text body;
    size_t received, reserved; /* bytes: of the body, and of the share of all bodies' memory */
    double began, queued;      /* microseconds */
    bool is_with_worker;
    bool is_awaited;   /* the loop is to be woken once it is done; under the lock of `done` */
    bool is_concluded; /* its reply has a head, and may be on its way */
    bool is_logged;    /* or is to have no line: another exchange got its reply */
    bool closes;       /* the connection, after the reply */
    int cancelled;     /* set, atomically, once the reply is not wanted any more */
    struct run_limit limit;
    int route;
    struct reply reply;
    struct text reply_head;
    size_t sent; /* of the reply's head and body together */
    struct exchange *next_done;
};

/* Begins one; NULL: no memory. */
struct exchange *exchange_new(struct http *http, struct connection *connection);
/* The reply is what it is: counts it, and writes its head. False: no memory. */
bool exchange_conclude(struct exchange *exchange, bool closes);
/* Sends as much of the reply as the socket takes. */
enum sending {
    SENT_ALL,
    SENT_PART,
    SENT_NO_MORE
} exchange_send(struct exchange *exchange, int socket);
/* Counts its bytes and writes its line, once, when its reply was sent or the client has gone. */
void exchange_log(struct exchange *exchange, const char *remote);
void exchange_free(struct exchange *exchange); /* NULL is fine */
/* Appends to its body. The status of a refusal when that is too large or there is no memory; 0. */
int exchange_receive(struct exchange *exchange, const char *bytes, size_t count);
/* Gives back what the body took. */
void exchange_forget_body(struct exchange *exchange);
/* Makes its reply an error in the style of its path. */
void exchange_refuse(struct exchange *exchange, int status, const char *message);

#endif
