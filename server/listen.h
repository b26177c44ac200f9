/* The socket that the server listens at. */
#ifndef EIGENTENSOR_SERVER_LISTEN_H
#define EIGENTENSOR_SERVER_LISTEN_H

#include "compiler/base/base.h"

/* A listening socket, or -1 and an error. Port 0 is any free one. */
int listen_open(const char *host, long port, struct et_error *error);
/* The listening socket that this process was started with, as systemd does it (sd_listen_fds(3)):
 * file 3, if LISTEN_FDS is 1 and LISTEN_PID this process. *is_inherited: there is one, which may be
 * -1 with an error. */
int listen_inherited(bool *is_inherited, struct et_error *error);
/* The port that the socket is bound to. */
int listen_port(int listener);

#endif
