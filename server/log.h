/* The access log: one JSON line a request on standard output. A slow reader never holds up a
 * request: lines wait in a bounded buffer, and those that find it full are dropped and counted. */
#ifndef EIGENTENSOR_SERVER_LOG_H
#define EIGENTENSOR_SERVER_LOG_H

#include <stdbool.h>
#include <stddef.h>

struct log;
struct trace;

/* NULL when there is no memory or no thread. */
struct log *log_open(int file);
/* Writes what waits, at most for a second, and frees. NULL is fine. */
void log_close(struct log *log);

struct log_line {
    const char *remote, *method, *path;
    int status;
    size_t bytes_in, bytes_out;
    double microseconds;
    const char *client; /* the name of its token; NULL or empty: none */
    const struct trace *trace;
    const char *model, *mode; /* NULL: none */
};
/* NULL logs nothing. */
void log_request(struct log *log, const struct log_line *facts);
unsigned long log_dropped(const struct log *log);

#endif
