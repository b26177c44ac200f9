/* The head of a request and the framing of its body, as RFC 9112 has them: pure functions over
 * bytes, strict where leniency would let two readers see two different requests. */
#ifndef EIGENTENSOR_SERVER_HTTP_HEAD_H
#define EIGENTENSOR_SERVER_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_HEAD_BYTES = 32 * 1024, /* request line and headers together */
    HTTP_MOST_HEADERS = 100,
    HTTP_MOST_QUERIES = 32,
    HTTP_CHUNK_EXTRA_BYTES =
        4096, /* chunk extensions and trailers of one body, which are skipped */
};

/* A name and its value, each ended by a zero byte. */
struct http_pair {
    const char *name, *value;
};

/* What a head says. Strings lie in the bytes that it was read from. */
struct http_head {
    const char *method;
    const char *path; /* still percent-encoded: every %XX is well-formed and none is %00 */
    int query_count, header_count;
    struct http_pair queries[HTTP_MOST_QUERIES]; /* decoded */
    struct http_pair headers[HTTP_MOST_HEADERS];
    int minor; /* of HTTP/1.minor: 0 or 1 */
    bool keeps_open, expects_continue, is_chunked;
    uint64_t body_bytes; /* unless it is chunked */
};

/* Why a request is refused; its connection must be closed then, since where it ends is not known.
 */
struct http_problem {
    int status;
    const char *message;
};

/* How many bytes the head has, with the empty line that ends it; 0: there are more to come; -1: it
 * can be none (a line ends otherwise than by CR LF, or there is a zero byte). *scanned begins as 0
 * and is kept between calls for the same bytes, of which there may be more each time. */
long http_head_length(const char *bytes, size_t count, size_t *scanned);

/* Reads a whole head, whose bytes it changes. False with the problem; `method` and `path` are set
 * all the same, to "" where they could not be read. */
bool http_head_read(char *bytes, size_t count, struct http_head *head,
                    struct http_problem *problem);

/* The value of the header, in any case, or of the query parameter; NULL: there is none. */
const char *http_head_header(const struct http_head *head, const char *name);
const char *http_head_query(const struct http_head *head, const char *name);

/* Replaces each %XX by its byte, in place; false when one is not well-formed or is %00. */
bool percent_decode(char *text);

/* A chunked body on its way. Begin with all zero. */
struct http_chunks {
    int state;
    uint64_t left; /* of this chunk */
    int digits;    /* of its size */
    size_t extra;  /* bytes of extensions and trailers so far */
};
enum http_chunk { CHUNK_MORE, CHUNK_DATA, CHUNK_END, CHUNK_BAD };
/* Takes *count bytes from *bytes on, at most to the end of one piece of data. CHUNK_MORE: all were
 * taken; CHUNK_DATA: `data` holds some; CHUNK_END: the body is complete. *bytes and *count become
 * what is left. */
enum http_chunk http_chunks_next(struct http_chunks *chunks, const char **bytes, size_t *count,
                                 const char **data, size_t *data_bytes);

#endif
