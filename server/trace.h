/* What one request is called in logs, here and elsewhere: X-Request-Id, and the trace of W3C Trace
 * Context that OpenTelemetry follows. */
#ifndef EIGENTENSOR_SERVER_TRACE_H
#define EIGENTENSOR_SERVER_TRACE_H

#include "server/http_head.h"

enum { REQUEST_ID_BYTES = 129, TRACE_STATE_BYTES = 513 };

/* Texts; empty: there is none. */
struct trace {
    char request_id[REQUEST_ID_BYTES]; /* the client's, or one made here */
    char trace_id[33], parent_id[17];  /* of traceparent, in hexadecimal digits */
    char span_id[17];                  /* this request's own, where there is a trace */
    char flags[3];
    char state[TRACE_STATE_BYTES]; /* of tracestate */
};

/* What the head says; NULL: it could not be read. What is not well-formed is as if it were not
 * there. */
void trace_begin(struct trace *trace, const struct http_head *head);

#endif
