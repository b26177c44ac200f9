#include "server/trace.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "compiler/base/base.h"

static const char lower_hex[] = "0123456789abcdef";

/* Random bytes, fetched by the thread for many ids at once. Where the system has none yet, those of
 * the clock: these are names, not secrets. */
static void random_bytes(unsigned char bytes[16]) {
    static _Thread_local unsigned char pool[256];
    static _Thread_local size_t left;
    if (left < 16 && getrandom(pool, sizeof pool, GRND_NONBLOCK) == (ssize_t)sizeof pool)
        left = sizeof pool;
    if (left >= 16) {
        left -= 16;
        memcpy(bytes, pool + left, 16);
        return;
    }
    int64_t now[2] = {clock_nanoseconds(CLOCK_REALTIME), now_nanoseconds()};
    memcpy(bytes, now, sizeof now);
}

/* So many random digits, not all of them 0. */
static void random_hex(char *to, size_t digits) {
    unsigned char bytes[16];
    random_bytes(bytes);
    bytes[0] |= 1;
    for (size_t i = 0; i < digits; i++)
        to[i] = lower_hex[(bytes[i / 2] >> (i % 2 ? 0 : 4)) & 15];
    to[digits] = 0;
}

/* Ids go into headers and logs, and so have no character that either would have to quote. */
static bool read_request_id(const char *text, char id[REQUEST_ID_BYTES]) {
    size_t length = text ? strlen(text) : 0;
    if (!length || length >= REQUEST_ID_BYTES)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-._~:/+=@|#", text[i]))
            return false;
    memcpy(id, text, length + 1);
    return true;
}

/* So many lower-case hexadecimal digits and then `end`; false where they are not, or all are 0
 * though they must not be. */
static bool read_hex(const char **at, size_t digits, char end, bool may_be_zero, char *to) {
    if (strspn(*at, lower_hex) != digits || (*at)[digits] != end)
        return false;
    memcpy(to, *at, digits);
    to[digits] = 0;
    *at += digits + (end != 0);
    return may_be_zero || strspn(to, "0") < digits;
}

/* "00-" trace "-" parent "-" flags. A later version may go on behind a further "-". */
static bool read_parent(const char *text, struct trace *trace) {
    char version[3];
    const char *at = text;
    if (!text || !read_hex(&at, 2, '-', true, version) || strcmp(version, "ff") == 0 ||
        !read_hex(&at, 32, '-', false, trace->trace_id) ||
        !read_hex(&at, 16, '-', false, trace->parent_id))
        return false;
    bool goes_on = strcmp(version, "00") != 0 && strlen(at) > 2 && at[2] == '-';
    return read_hex(&at, 2, goes_on ? '-' : 0, true, trace->flags);
}

static void read_state(const char *text, char state[TRACE_STATE_BYTES]) {
    size_t length = text ? strlen(text) : 0;
    if (!length || length >= TRACE_STATE_BYTES)
        return;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~')
            return;
    memcpy(state, text, length + 1);
}

void trace_begin(struct trace *trace, const struct http_head *head) {
    *trace = (struct trace){0};
    if (!head || !read_request_id(http_head_header(head, "X-Request-Id"), trace->request_id))
        random_hex(trace->request_id, 32);
    if (!head || !read_parent(http_head_header(head, "traceparent"), trace)) {
        *trace->trace_id = *trace->parent_id = 0;
        return;
    }
    random_hex(trace->span_id, 16);
    read_state(http_head_header(head, "tracestate"), trace->state);
}
