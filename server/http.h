/* HTTP over libmicrohttpd: sockets, bodies, limits, headers. */
#ifndef EIGENTENSOR_SERVER_HTTP_H
#define EIGENTENSOR_SERVER_HTTP_H

#include "compiler/base/base.h"

struct server;
struct http;

/* Listens and answers in threads of its own. NULL and an error when it cannot. */
struct http *http_open(struct server *server, struct et_error *error);
/* The port it listens at. */
int http_port(const struct http *http);
/* Finishes the requests that have begun, within so many seconds. server->stopping is set: no new
 * connections are taken, and those that there are end with their next reply. */
void http_drain(struct http *http, int seconds);
void http_close(struct http *http);

#endif
