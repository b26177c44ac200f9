/* HTTP/1.1 over sockets: one thread moves all bytes, workers answer. */
#ifndef EIGENTENSOR_SERVER_HTTP_H
#define EIGENTENSOR_SERVER_HTTP_H

#include <signal.h>

#include "compiler/base/base.h"

struct server;
struct http;

/* Listens and answers in threads of its own. NULL and an error when it cannot. */
struct http *http_open(struct server *server, struct et_error *error);
/* The port it listens at. */
int http_port(const struct http *http);
/* Finishes the requests that have begun, within so many seconds; then what is still running is told
 * to end, and has three seconds for that. One of `hurry` coming in ends the wait at once. False:
 * something is still running. server->stopping is set: what comes on new connections is told so. */
bool http_drain(struct http *http, long seconds, const sigset_t *hurry);
/* Requires that http_drain() was true, or that nothing was ever asked. False: a worker does not
 * end, and nothing that it uses was freed. */
bool http_close(struct http *http);

/* For exchanges: the memory of all bodies together is bounded. */
struct server *http_server(const struct http *http);
bool http_take_body_bytes(struct http *http, size_t bytes);
void http_give_body_bytes(struct http *http, size_t bytes);

#endif
