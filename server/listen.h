/* The socket that the server listens at. */
#ifndef EIGENTENSOR_SERVER_LISTEN_H
#define EIGENTENSOR_SERVER_LISTEN_H

#include "compiler/base/base.h"

/* A listening socket, or -1 and an error. Port 0 is any free one. */
int listen_open(const char *host, long port, struct et_error *error);
/* The port that the socket is bound to. */
int listen_port(int listener);

#endif
