/* HTTP over libmicrohttpd: sockets, bodies, limits, headers. */
#ifndef EIGENTENSOR_SERVER_HTTP_H
#define EIGENTENSOR_SERVER_HTTP_H

#include "base.h"

struct server;
struct http;

/* Listens and answers in threads of its own. NULL and an error when it cannot. */
struct http *http_open(struct server *server, struct et_error *error);
/* The port it listens at. */
int http_port(const struct http *http);
/* Takes no new connections, finishes the requests that have begun, within so many seconds. */
void http_drain(struct http *http, int seconds);
void http_close(struct http *http);

#endif
