#include "server/log.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compiler/base/base.h"
#include "server/trace.h"

enum { BUFFER_BYTES = 256 * 1024, LINE_BYTES = 8192, PATH_SHOWN = 256, PATH_BYTES = 624 };

/* Two buffers: requests fill one while the thread writes the other. */
struct log {
    int file;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    char *filling, *writing;
    size_t filled;
    bool closing;
    atomic_ulong dropped;
    atomic_bool hurry; /* closing: a reader that does not read is not waited for */
};

/* Waits for the reader a moment at a time, so that closing can end it. */
static bool wait_for_reader(struct log *log) {
    for (int waited = 0; !(atomic_load(&log->hurry) && waited >= 10); waited++) {
        struct pollfd ready = {.fd = log->file, .events = POLLOUT};
        if (poll(&ready, 1, 100) > 0)
            return !(ready.revents & (POLLERR | POLLNVAL));
    }
    return false;
}

static void write_lines(struct log *log, const char *bytes, size_t count) {
    while (count) {
        size_t piece = count < 4096 ? count : 4096; /* fits once a pipe is ready to take some */
        if (!wait_for_reader(log))
            return;
        ssize_t written = write(log->file, bytes, piece);
        if (written <= 0)
            return;
        bytes += written;
        count -= (size_t)written;
    }
}

static void *write_log(void *context) {
    struct log *log = context;
    pthread_mutex_lock(&log->lock);
    while (log->filled || !log->closing) {
        if (!log->filled) {
            pthread_cond_wait(&log->more, &log->lock);
            continue;
        }
        char *bytes = log->filling;
        size_t count = log->filled;
        log->filling = log->writing;
        log->writing = bytes;
        log->filled = 0;
        pthread_mutex_unlock(&log->lock);
        write_lines(log, bytes, count);
        pthread_mutex_lock(&log->lock);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

struct log *log_open(int file) {
    struct log *log = et_allocate(1, sizeof *log);
    if (!log)
        return NULL;
    log->file = file;
    log->filling = et_allocate(1, BUFFER_BYTES);
    log->writing = et_allocate(1, BUFFER_BYTES);
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->more, NULL);
    if (log->filling && log->writing && pthread_create(&log->thread, NULL, write_log, log) == 0)
        return log;
    et_release(log->filling);
    et_release(log->writing);
    et_release(log);
    return NULL;
}

void log_close(struct log *log) {
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    log->closing = true;
    atomic_store(&log->hurry, true);
    pthread_cond_signal(&log->more);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->thread, NULL);
    pthread_cond_destroy(&log->more);
    pthread_mutex_destroy(&log->lock);
    et_release(log->filling);
    et_release(log->writing);
    et_release(log);
}

/* As a JSON string of at most PATH_SHOWN characters, with nothing but printable ASCII in it. */
static int add_string(char *to, size_t room, const char *text) {
    size_t length = 0;
    to[length++] = '"';
    for (int i = 0; text[i] && i < PATH_SHOWN && length + 8 < room; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\' || byte < 0x20 || byte > 0x7e)
            length += (size_t)snprintf(to + length, room - length, "\\u%04x", byte);
        else
            to[length++] = (char)byte;
    }
    to[length++] = '"';
    to[length] = 0;
    return (int)length;
}

/* ,"key":"text", unless that is empty. */
static size_t add_member(char *line, size_t length, const char *key, const char *text) {
    if (!text || !*text)
        return length;
    length += (size_t)snprintf(line + length, LINE_BYTES - length, ",\"%s\":", key);
    return length + (size_t)add_string(line + length, LINE_BYTES - length, text);
}

static size_t add_trace(char *line, size_t length, const struct trace *trace) {
    length = add_member(line, length, "request_id", trace->request_id);
    length = add_member(line, length, "trace_id", trace->trace_id);
    length = add_member(line, length, "span_id", trace->span_id);
    length = add_member(line, length, "parent_span_id", trace->parent_id);
    return add_member(line, length, "trace_state", trace->state);
}

/* Everything has a bound, so that all of it fits. */
static size_t format_line(char line[LINE_BYTES], const struct log_line *facts) {
    int64_t now = clock_nanoseconds(CLOCK_REALTIME) / 1000000;
    time_t seconds = now / 1000;
    struct tm parts;
    gmtime_r(&seconds, &parts);
    char day[32], method[64], path[PATH_BYTES];
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    add_string(method, sizeof method, facts->method);
    add_string(path, sizeof path, facts->path);
    size_t length =
        (size_t)snprintf(line, LINE_BYTES,
                         "{\"time\":\"%s.%03ldZ\",\"remote\":\"%s\",\"method\":%s,\"path\":%s,"
                         "\"status\":%d,\"bytes_in\":%zu,\"bytes_out\":%zu,\"us\":%.0f",
                         day, (long)(now % 1000), facts->remote, method, path, facts->status,
                         facts->bytes_in, facts->bytes_out, facts->microseconds);
    length = add_member(line, length, "client", facts->client);
    if (facts->trace)
        length = add_trace(line, length, facts->trace);
    if (facts->model && *facts->model && facts->mode) {
        length = add_member(line, length, "model", facts->model);
        length = add_member(line, length, "mode", facts->mode);
    }
    return length + (size_t)snprintf(line + length, LINE_BYTES - length, "}\n");
}

void log_request(struct log *log, const struct log_line *facts) {
    if (!log)
        return;
    char line[LINE_BYTES];
    size_t count = format_line(line, facts);
    pthread_mutex_lock(&log->lock);
    if (log->filled + count <= BUFFER_BYTES) {
        memcpy(log->filling + log->filled, line, count);
        log->filled += count;
    } else {
        atomic_fetch_add(&log->dropped, 1);
    }
    pthread_cond_signal(&log->more);
    pthread_mutex_unlock(&log->lock);
}

unsigned long log_dropped(const struct log *log) {
    return log ? atomic_load(&log->dropped) : 0;
}
