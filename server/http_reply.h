/* A reply as HTTP's library wants it: its bytes, and the headers of every reply. */
#ifndef EIGENTENSOR_SERVER_HTTP_REPLY_H
#define EIGENTENSOR_SERVER_HTTP_REPLY_H

#include <microhttpd.h>

#include "server/server.h"

/* Takes the reply's body. `last`: the connection is closed behind it. NULL when memory ran out. */
struct MHD_Response *http_response(struct reply *reply, const struct server *server, bool last);

#endif
