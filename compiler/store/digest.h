/* SHA-256 digests: of bytes, of a tensor's value; as hexadecimal text and as a UUID. */
#ifndef EIGENTENSOR_DIGEST_H
#define EIGENTENSOR_DIGEST_H

#include "compiler/graph/graph.h"

#include <nettle/sha2.h>

struct digest {
    uint8_t bytes[32];
};

/* One digest of many pieces: begin, add each, end. */
struct digest_stream {
    struct sha256_ctx state;
};
void digest_begin(struct digest_stream *stream);
void digest_add(struct digest_stream *stream, const void *bytes, size_t count);
struct digest digest_end(struct digest_stream *stream);

struct digest digest_bytes(const void *bytes, size_t count);

/* The digest of a tensor's value: of the text "float32[1,28,28]" (shape_text), one newline, and the
 * elements, row-major and little-endian. */
struct digest digest_tensor(enum dtype dtype, int rank, const int64_t *shape, const void *elements);

bool digest_equal(const struct digest *a, const struct digest *b);

/* 64 lower-case hexadecimal digits. */
struct digest_hex {
    char text[65];
};
struct digest_hex digest_hex(const struct digest *digest);
/* Reads exactly what digest_hex writes; false for any other text. */
bool digest_from_hex(const char *text, struct digest *digest);

/* The digest's first 16 bytes as a UUID of RFC 9562 version 8 (6 of its bits say so). */
struct digest_uuid {
    char text[37];
};
struct digest_uuid digest_uuid(const struct digest *digest);

#endif
