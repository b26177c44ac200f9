#include "server/inflate.h"

#include <string.h>
#include <strings.h>
#include <zlib.h>

enum { GZIP_OR_ZLIB = 32 + MAX_WBITS, PIECE_BYTES = 64 * 1024 };

/* Zeros may pad what comes after a member. */
static void skip_zeros(z_stream *stream) {
    while (stream->avail_in && !*stream->next_in) {
        stream->next_in++;
        stream->avail_in--;
    }
}

/* The status of a refusal, or 0. A body may have several members, one behind the other. */
static int inflate_all(z_stream *stream, struct text *inflated, size_t most) {
    char piece[PIECE_BYTES];
    for (int result = Z_OK; result != Z_STREAM_END || stream->avail_in;) {
        if (result == Z_STREAM_END && inflateReset(stream) != Z_OK)
            return 400;
        stream->next_out = (unsigned char *)piece;
        stream->avail_out = sizeof piece;
        result = inflate(stream, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END)
            return result == Z_MEM_ERROR ? 503 : 400; /* Z_BUF_ERROR: it is cut short */
        size_t count = sizeof piece - stream->avail_out;
        if (result == Z_STREAM_END)
            skip_zeros(stream);
        if (count > most - inflated->length)
            return 413;
        text_add_bytes(inflated, piece, count);
        if (!text_check(inflated, NULL))
            return 503;
    }
    return 0;
}

static void *allocate(void *context, unsigned count, unsigned size) {
    (void)context;
    return et_allocate(count, size);
}

static void release(void *context, void *memory) {
    (void)context;
    et_release(memory);
}

bool request_inflate(struct request *request, struct text *inflated, const struct options *options,
                     enum error_style style, struct reply *reply) {
    const char *coding = request_header(request, "Content-Encoding");
    if (!coding || strcasecmp(coding, "identity") == 0)
        return true;
    if (strcasecmp(coding, "gzip") != 0 && strcasecmp(coding, "x-gzip") != 0 &&
        strcasecmp(coding, "deflate") != 0) {
        reply_error(reply, style, 415, "Content-Encoding: expected gzip or deflate, found %.40s",
                    coding);
        return false;
    }
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)request->body,
                       .avail_in = (uInt)request->body_bytes,
                       .zalloc = allocate,
                       .zfree = release};
    int status = inflateInit2(&stream, GZIP_OR_ZLIB) == Z_OK
                     ? inflate_all(&stream, inflated, (size_t)options->max_body)
                     : 503;
    inflateEnd(&stream);
    request->body = status ? "" : text_read(inflated, NULL);
    request->body_bytes = status ? 0 : inflated->length;
    if (status == 413)
        reply_error(reply, style, 413,
                    "the body is larger than %ld bytes (--max-body) once it is "
                    "inflated",
                    options->max_body);
    else if (status)
        reply_error(reply, style, status,
                    status == 400 ? "Content-Encoding: the body is not %.40s" : "out of memory",
                    coding);
    return status == 0;
}
