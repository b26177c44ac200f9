/* What the server counts, for Prometheus. All of it is atomic: workers never wait for each other.
 */
#ifndef EIGENTENSOR_SERVER_METRICS_H
#define EIGENTENSOR_SERVER_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/models.h"
#include "server/request.h"

/* Every status that replies have, with its reason. */
#define STATUSES(STATUS)                                                                           \
    STATUS(200, "OK")                                                                              \
    STATUS(204, "No Content")                                                                      \
    STATUS(304, "Not Modified")                                                                    \
    STATUS(400, "Bad Request")                                                                     \
    STATUS(401, "Unauthorized")                                                                    \
    STATUS(404, "Not Found")                                                                       \
    STATUS(405, "Method Not Allowed")                                                              \
    STATUS(408, "Request Timeout")                                                                 \
    STATUS(413, "Content Too Large")                                                               \
    STATUS(414, "URI Too Long")                                                                    \
    STATUS(415, "Unsupported Media Type")                                                          \
    STATUS(417, "Expectation Failed")                                                              \
    STATUS(422, "Unprocessable Content")                                                           \
    STATUS(431, "Request Header Fields Too Large")                                                 \
    STATUS(500, "Internal Server Error")                                                           \
    STATUS(501, "Not Implemented")                                                                 \
    STATUS(503, "Service Unavailable")                                                             \
    STATUS(504, "Gateway Timeout")                                                                 \
    STATUS(505, "HTTP Version Not Supported")

enum { BUCKETS = 15, IMAGE_BUCKETS = 11, STATUS_KINDS = 24, ROUTES_MOST = 48 };

struct histogram {
    atomic_ulong buckets[BUCKETS + 1]; /* the last: slower than all bounds */
    atomic_ulong nanoseconds;
};

struct metrics {
    atomic_ulong requests[ROUTES_MOST][STATUS_KINDS]; /* by route, and one row for none */
    struct histogram durations[ROUTES_MOST];
    struct histogram stages[MODELS_MOST][ET_ALL_MODES][STAGE_COUNT];
    atomic_ulong inferences[MODELS_MOST][ET_ALL_MODES], failures[MODELS_MOST];
    atomic_ulong images[MODELS_MOST];                  /* of successful inferences */
    atomic_ulong runs[MODELS_MOST][IMAGE_BUCKETS + 1]; /* by how many images: the last has more */
    _Atomic(int64_t) last_inference[MODELS_MOST]; /* milliseconds since 1970; 0: there was none */
    atomic_ulong bytes_in, bytes_out, slow_clients, refused_connections;
    atomic_long connections, in_flight;
    atomic_long unsent; /* requests, also with a reply that is on its way */
    double began;       /* microseconds */
};

/* Counts anew for whichever model gets that index. */
void metrics_forget(struct metrics *metrics, int model);
struct server;
void histogram_add(struct histogram *histogram, double microseconds);
/* `route` as server_answer() gives it. */
void metrics_request(struct metrics *metrics, int route, int status, double microseconds);
/* One stage, or all those of a reply that took any time. */
void metrics_stage(struct server *server, const struct model *model, enum et_mode mode,
                   enum request_stage stage, double microseconds);
void metrics_stages(struct server *server, const struct model *model, enum et_mode mode,
                    const double stages[STAGE_COUNT]);
void metrics_inference(struct server *server, const struct model *model, enum et_mode mode,
                       bool good);
/* One run on so many images went well. */
void metrics_run(struct server *server, const struct model *model, int64_t images);
/* How often a model has run. */
unsigned long metrics_runs(const struct metrics *metrics, int model);

#endif
