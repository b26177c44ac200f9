/* What the server counts, for Prometheus. All of it is atomic: workers never wait for each other.
 */
#ifndef EIGENTENSOR_SERVER_METRICS_H
#define EIGENTENSOR_SERVER_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/model.h"
#include "server/request.h"

#define STATUSES(STATUS)                                                                           \
    STATUS(200)                                                                                    \
    STATUS(204)                                                                                    \
    STATUS(304)                                                                                    \
    STATUS(400)                                                                                    \
    STATUS(404)                                                                                    \
    STATUS(405)                                                                                    \
    STATUS(408)                                                                                    \
    STATUS(413)                                                                                    \
    STATUS(415)                                                                                    \
    STATUS(422)                                                                                    \
    STATUS(500)                                                                                    \
    STATUS(503)

enum { BUCKETS = 15, STATUS_KINDS = 16, ROUTES_MOST = 48 };

struct histogram {
    atomic_ulong buckets[BUCKETS + 1]; /* the last: slower than all bounds */
    atomic_ulong nanoseconds;
};

struct metrics {
    atomic_ulong requests[ROUTES_MOST][STATUS_KINDS]; /* by route, and one row for none */
    struct histogram durations[ROUTES_MOST];
    struct histogram stages[MODELS_MOST][ET_MODE_COUNT][STAGE_COUNT];
    atomic_ulong inferences[MODELS_MOST][ET_MODE_COUNT], failures[MODELS_MOST];
    atomic_ulong bytes_in, bytes_out, slow_clients, refused_connections;
    atomic_long connections, in_flight;
    double began; /* microseconds */
};

struct server;
void histogram_add(struct histogram *histogram, double microseconds);
/* `route` as server_answer() gives it. */
void metrics_request(struct metrics *metrics, int route, int status, double microseconds);
/* One stage, or all those of a reply that took any time. */
void metrics_stage(struct server *server, const struct model *model, enum et_mode mode,
                   enum stage stage, double microseconds);
void metrics_stages(struct server *server, const struct model *model, enum et_mode mode,
                    const double stages[STAGE_COUNT]);
void metrics_inference(struct server *server, const struct model *model, enum et_mode mode,
                       bool good);

#endif
