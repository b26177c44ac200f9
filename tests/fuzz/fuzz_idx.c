/* IDX files. Those that come as they are must give the same when they come gzipped. */
#include "tests/fuzz/fuzz.h"

#include "runtime/formats/idx.h"

#include <zlib.h>

enum { MOST_FILE = 1 << 16, MOST_PACKED = 1 << 17 };

static bool read_bytes(const uint8_t *data, size_t size, struct idx *idx) {
    struct et_error error = {0};
    bool good = idx_read(fuzz_file(data, size), 1 << 20, idx, &error);
    must(good || error.message[0], "no message");
    return good;
}

static uint8_t packed[MOST_PACKED];

/* In gzip's form, in `packed`; as little memory as deflate can do with, to be quick. */
static size_t pack(const uint8_t *data, size_t size) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)data,
                       .avail_in = (uInt)size,
                       .next_out = packed,
                       .avail_out = MOST_PACKED};
    must(deflateInit2(&stream, 1, Z_DEFLATED, 16 + 9, 1, Z_FIXED) == Z_OK, "deflateInit2");
    must(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflate");
    deflateEnd(&stream);
    return stream.total_out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct idx plain, gzipped;
    if (size > MOST_FILE)
        return -1;
    bool good = read_bytes(data, size, &plain);
    bool is_gzip = size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
    if (!is_gzip) {
        must(read_bytes(packed, pack(data, size), &gzipped) == good, "only one is read");
        must(!good || (plain.byte_count == gzipped.byte_count &&
                       memcmp(plain.bytes, gzipped.bytes, plain.byte_count) == 0),
             "other elements");
        idx_free(&gzipped);
    }
    idx_free(&plain);
    return 0;
}
