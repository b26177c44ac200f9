#include "compiler/store/digest.h"

#include <stdio.h>
#include <string.h>

/* Elements are hashed as they lie in memory. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a little-endian machine");

void digest_begin(struct digest_stream *stream) {
    sha256_init(&stream->state);
}

void digest_add(struct digest_stream *stream, const void *bytes, size_t count) {
    if (count) /* an empty piece may be NULL */
        sha256_update(&stream->state, count, bytes);
}

struct digest digest_end(struct digest_stream *stream) {
    struct digest digest;
    sha256_digest(&stream->state, sizeof digest.bytes, digest.bytes);
    return digest;
}

struct digest digest_bytes(const void *bytes, size_t count) {
    struct digest_stream stream;
    digest_begin(&stream);
    digest_add(&stream, bytes, count);
    return digest_end(&stream);
}

struct digest digest_tensor(enum dtype dtype, int rank, const int64_t *shape,
                            const void *elements) {
    struct node tensor = {.dtype = dtype, .rank = rank};
    if (rank)
        memcpy(tensor.shape, shape, (size_t)rank * sizeof *shape);
    struct shape_text label = shape_text(&tensor);
    struct digest_stream stream;
    digest_begin(&stream);
    digest_add(&stream, label.text, strlen(label.text));
    digest_add(&stream, "\n", 1);
    digest_add(&stream, elements, (size_t)node_bytes(&tensor));
    return digest_end(&stream);
}

bool digest_equal(const struct digest *a, const struct digest *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static const char digits[] = "0123456789abcdef";

struct digest_hex digest_hex(const struct digest *digest) {
    struct digest_hex hex = {0};
    for (size_t i = 0; i < sizeof digest->bytes; i++) {
        hex.text[2 * i] = digits[digest->bytes[i] >> 4];
        hex.text[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    return hex;
}

bool digest_from_hex(const char *text, struct digest *digest) {
    for (size_t i = 0; i < 2 * sizeof digest->bytes; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        unsigned high = i % 2 ? digest->bytes[i / 2] : 0;
        digest->bytes[i / 2] = (uint8_t)(high << 4 | (unsigned)(digit - digits));
    }
    return text[2 * sizeof digest->bytes] == 0;
}

struct digest_uuid digest_uuid(const struct digest *digest) {
    uint8_t bytes[16];
    memcpy(bytes, digest->bytes, sizeof bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x80; /* version 8: made by the application's own rule */
    bytes[8] = (bytes[8] & 0x3f) | 0x80; /* the variant of RFC 9562 */
    struct digest_uuid uuid;
    char *end = uuid.text;
    for (int i = 0; i < 16; i++) {
        bool group = i == 4 || i == 6 || i == 8 || i == 10;
        end += sprintf(end, "%s%02x", group ? "-" : "", bytes[i]);
    }
    return uuid;
}
