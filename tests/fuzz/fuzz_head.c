/* Heads of requests and chunked bodies: the same however their bytes arrive, and all strings end
 * inside of the bytes. */
#include "tests/fuzz/fuzz.h"

#include "server/http_head.h"
#include "server/trace.h"

/* The length of the head, given all bytes at once or one more each time. */
static long head_length(const char *bytes, size_t count) {
    size_t scanned = 0, piecewise = 0;
    long whole = http_head_length(bytes, count, &scanned), length = 0;
    for (size_t i = 0; i <= count && length == 0; i++)
        length = http_head_length(bytes, i, &piecewise);
    must(length == whole, "%ld and %ld bytes", length, whole);
    must(whole <= (long)count, "%ld of %zu bytes", whole, count);
    return whole;
}

static void check_inside(const struct http_pair *pairs, int count, const char *bytes,
                         size_t length) {
    for (int i = 0; i < count; i++) {
        must(pairs[i].name >= bytes && pairs[i].name + strlen(pairs[i].name) < bytes + length,
             "name %d", i);
        must(pairs[i].value >= bytes && pairs[i].value + strlen(pairs[i].value) < bytes + length,
             "value %d", i);
    }
}

static bool is_hex(const char *text, size_t digits) {
    return strspn(text, "0123456789abcdef") == digits && !text[digits];
}

/* What goes into headers and logs has no character that could end them. */
static void check_trace(const struct http_head *head) {
    struct trace trace;
    trace_begin(&trace, head);
    for (const char *at = trace.request_id; *at; at++)
        must(*at > ' ' && *at < 0x7f && *at != '"' && *at != '\\', "request id %s",
             trace.request_id);
    for (const char *at = trace.state; *at; at++)
        must(*at >= ' ' && *at < 0x7f, "state %s", trace.state);
    must(*trace.request_id, "no request id");
    if (*trace.trace_id)
        must(is_hex(trace.trace_id, 32) && is_hex(trace.parent_id, 16) &&
                 is_hex(trace.span_id, 16) && is_hex(trace.flags, 2),
             "trace %s", trace.trace_id);
    else
        must(!*trace.parent_id && !*trace.span_id, "half a trace");
}

static void read_head(const uint8_t *data, size_t length) {
    struct http_head head;
    struct http_problem problem = {0};
    char *bytes = malloc(length); /* without a zero byte behind it */
    must(bytes, "no memory");
    memcpy(bytes, data, length);
    if (http_head_read(bytes, length, &head, &problem)) {
        check_inside(head.headers, head.header_count, bytes, length);
        check_inside(head.queries, head.query_count, bytes, length);
        must(http_head_header(&head, "host") || head.minor == 0, "no host");
        must(!head.is_chunked || !http_head_header(&head, "content-length"), "two lengths");
        char *path = strdup(head.path);
        must(path && percent_decode(path), "%s", head.path);
        free(path);
        check_trace(&head);
    } else {
        must(problem.status >= 400 && problem.status < 600 && problem.message, "%d",
             problem.status);
        must(strlen(head.method) < length && strlen(head.path) < length, "no end");
    }
    free(bytes);
}

/* A body taken in pieces of that size; how it ended, and how many bytes of the text were left. */
struct taken {
    enum http_chunk end;
    size_t left, length;
    char *body;
};

static struct taken take(const char *bytes, size_t count, size_t piece) {
    struct http_chunks chunks = {0};
    struct taken taken = {.end = CHUNK_MORE, .body = malloc(count + 1)};
    must(taken.body, "no memory");
    for (size_t at = 0; at < count && taken.end == CHUNK_MORE; at += piece) {
        const char *from = bytes + at, *data;
        size_t left = count - at < piece ? count - at : piece, data_bytes;
        while ((taken.end = http_chunks_next(&chunks, &from, &left, &data, &data_bytes)) ==
               CHUNK_DATA) {
            must(data_bytes <= count - taken.length, "%zu bytes", data_bytes);
            memcpy(taken.body + taken.length, data, data_bytes);
            taken.length += data_bytes;
        }
        taken.left = (size_t)(bytes + count - from);
    }
    return taken;
}

static void read_chunks(const uint8_t *data, size_t size) {
    struct taken whole = take((const char *)data, size, size + 1);
    for (size_t piece = 1; piece < 8; piece += 3) {
        struct taken taken = take((const char *)data, size, piece);
        must(taken.end == whole.end, "pieces of %zu end with %d and %d", piece, (int)taken.end,
             (int)whole.end);
        must(taken.length == whole.length || whole.end == CHUNK_BAD, "%zu bytes", taken.length);
        must(taken.left == whole.left || whole.end != CHUNK_END, "%zu bytes left", taken.left);
        must(memcmp(taken.body, whole.body,
                    taken.length < whole.length ? taken.length : whole.length) == 0,
             "other bytes");
        free(taken.body);
    }
    free(whole.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    long length = head_length((const char *)data, size);
    if (length > 0)
        read_head(data, (size_t)length);
    size_t head = length > 0 ? (size_t)length : 0; /* chunks alone, or those behind a head */
    read_chunks(data + head, size - head);
    return 0;
}
