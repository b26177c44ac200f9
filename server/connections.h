/* Open connections, and how long each may take: a thread of its own cuts those that are too slow.
 * HTTP's library knows idle connections only, not ones that send a byte now and then. */
#ifndef EIGENTENSOR_SERVER_CONNECTIONS_H
#define EIGENTENSOR_SERVER_CONNECTIONS_H

#include <stdbool.h>

struct metrics;
struct connections;
struct connection;

/* At most `most` connections, and `spare` more that are to be told so; `timeout` in seconds. NULL
 * when there is no memory or thread. */
struct connections *connections_open(int most, int spare, long timeout, struct metrics *metrics);
void connections_close(struct connections *connections); /* requires that none is open */

/* A new connection on that socket; NULL when even the spare ones are taken. */
struct connection *connection_begin(struct connections *connections, int socket);
/* Was it opened when there were already `most` others? NULL: yes. */
bool connection_is_spare(const struct connection *connection);
/* To be called before the socket is closed. NULL is fine for all below. */
void connection_end(struct connections *connections, struct connection *connection);

/* Where a connection's request stands. Waiting and reading may take the timeout each, writing
 * three times as long, computing as long as it takes. */
enum connection_state {
    CONNECTION_WAITING,
    CONNECTION_READING,
    CONNECTION_COMPUTING,
    CONNECTION_WRITING
};
void connection_enter(struct connections *connections, struct connection *connection,
                      enum connection_state state);

#endif
