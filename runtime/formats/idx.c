/* IDX files: reading, gzipped or not. */
#include "runtime/formats/idx.h"

#include <string.h>
#include <zlib.h>

/* A file's bytes, unpacked on the way when they are gzipped. */
struct source {
    const char *path;
    struct et_error *error;
    const unsigned char *bytes; /* not gzipped: what is left */
    size_t count;
    bool gzipped, ended;
    z_stream stream;
};

static voidpf stream_allocate(voidpf opaque, uInt count, uInt size) {
    (void)opaque;
    return et_allocate(count, size);
}

static void stream_release(voidpf opaque, voidpf memory) {
    (void)opaque;
    et_release(memory);
}

static bool no_memory(const struct source *source) {
    return et_fail(source->error, "%s: out of memory for an IDX file", source->path);
}

static bool source_open(struct source *source) {
    source->gzipped = source->count >= 2 && source->bytes[0] == 0x1f && source->bytes[1] == 0x8b;
    if (!source->gzipped)
        return true;
    if (source->count > UINT32_MAX)
        return et_fail(source->error, "%s: gzipped files of 4 GiB and more are not supported",
                       source->path);
    source->stream = (z_stream){.zalloc = stream_allocate, .zfree = stream_release};
    source->stream.next_in = (Bytef *)(uintptr_t)source->bytes;
    source->stream.avail_in = (uInt)source->count;
    return inflateInit2(&source->stream, 16 + MAX_WBITS) == Z_OK || no_memory(source);
}

static void source_close(struct source *source) {
    if (source->gzipped)
        inflateEnd(&source->stream);
}

static bool inflate_failed(const struct source *source, int status) {
    if (status == Z_MEM_ERROR)
        return no_memory(source);
    return et_fail(source->error, "%s: damaged gzip: %s", source->path,
                   source->stream.msg      ? source->stream.msg
                   : status == Z_BUF_ERROR ? "the file ends too early"
                                           : "not understood");
}

/* After a member: the next, if there is one (RFC 1952, 2.2), behind zeros that pad a file. */
static bool next_member(struct source *source) {
    z_stream *stream = &source->stream;
    const unsigned char *at = stream->next_in, *end = at + stream->avail_in;
    while (at < end && !*at)
        at++;
    source->ended = at == end || end - at < 2 || at[0] != 0x1f || at[1] != 0x8b;
    if (source->ended && at < end)
        return true; /* source_at_end() tells */
    stream->next_in = (Bytef *)(uintptr_t)at;
    stream->avail_in = (uInt)(end - at);
    return source->ended || inflateReset(stream) == Z_OK;
}

/* Unpacks up to `count` bytes; fewer only at the end of the packed data. */
static bool unpack(struct source *source, unsigned char *bytes, size_t count, size_t *got) {
    z_stream *stream = &source->stream;
    *got = 0;
    while (*got < count && !source->ended) {
        size_t wanted = count - *got;
        uInt room = wanted > UINT32_MAX ? UINT32_MAX : (uInt)wanted;
        stream->next_out = bytes + *got;
        stream->avail_out = room;
        int status = inflate(stream, Z_NO_FLUSH);
        *got += room - stream->avail_out;
        if (status == Z_STREAM_END ? !next_member(source) : status != Z_OK)
            return inflate_failed(source, status);
    }
    return true;
}

/* The next `count` bytes, or as many as there are. */
static bool source_read(struct source *source, unsigned char *bytes, size_t count, size_t *got) {
    if (source->gzipped)
        return unpack(source, bytes, count, got);
    *got = count < source->count ? count : source->count;
    memcpy(bytes, source->bytes, *got);
    source->bytes += *got;
    source->count -= *got;
    return true;
}

/* No more elements, and nothing behind the packed data either. */
static bool source_at_end(struct source *source) {
    unsigned char more;
    size_t got;
    if (!source_read(source, &more, 1, &got))
        return false;
    if (got || (source->gzipped && source->stream.avail_in))
        return et_fail(source->error, "%s: %s after the last element", source->path,
                       got ? "more bytes" : "bytes that are not gzip's");
    return true;
}

/* 0: not a type. */
static size_t bytes_of(unsigned char type) {
    switch (type) {
    case IDX_UINT8:
    case IDX_INT8:
        return 1;
    case IDX_INT16:
        return 2;
    case IDX_INT32:
    case IDX_FLOAT32:
        return 4;
    case IDX_FLOAT64:
        return 8;
    default:
        return 0;
    }
}

static bool read_magic(struct source *source, struct idx *idx) {
    unsigned char magic[4];
    size_t got;
    if (!source_read(source, magic, 4, &got))
        return false;
    if (got < 4)
        return et_fail(source->error, "%s: expected an IDX file, found %zu bytes", source->path,
                       got);
    if (magic[0] || magic[1])
        return et_fail(source->error,
                       "%s: expected an IDX file, which starts with 00 00, found %02x %02x",
                       source->path, magic[0], magic[1]);
    idx->element_bytes = bytes_of(magic[2]);
    if (!idx->element_bytes)
        return et_fail(source->error,
                       "%s: unknown IDX element type 0x%02x, expected 08, 09, 0b, 0c, 0d or 0e",
                       source->path, magic[2]);
    if (magic[3] < 1 || magic[3] > IDX_MAX_RANK)
        return et_fail(source->error, "%s: IDX rank %d, expected 1 to %d", source->path, magic[3],
                       IDX_MAX_RANK);
    idx->type = (enum idx_type)magic[2];
    idx->rank = magic[3];
    return true;
}

static bool read_shape(struct source *source, size_t limit, struct idx *idx) {
    unsigned char sizes[IDX_MAX_RANK * 4];
    size_t expected = (size_t)idx->rank * 4, got;
    if (!source_read(source, sizes, expected, &got))
        return false;
    if (got < expected)
        return et_fail(source->error, "%s: an IDX shape of %d sizes ends after %zu bytes",
                       source->path, idx->rank, got);
    int64_t bytes = (int64_t)idx->element_bytes;
    for (int axis = 0; axis < idx->rank; axis++) {
        const unsigned char *size = sizes + axis * 4;
        idx->shape[axis] = (int64_t)size[0] << 24 | size[1] << 16 | size[2] << 8 | size[3];
        if (!checked_multiply(bytes, idx->shape[axis], &bytes))
            return et_fail(source->error, "%s: the IDX shape is too large: axis %d of %d overflows",
                           source->path, axis, idx->rank);
    }
    if ((uint64_t)bytes > limit)
        return et_fail(source->error, "%s: %jd bytes of elements, expected at most %zu",
                       source->path, (intmax_t)bytes, limit);
    idx->byte_count = (size_t)bytes;
    return true;
}

static void to_machine_order(struct idx *idx) {
    const union {
        uint16_t number;
        unsigned char first;
    } order = {1};
    if (!order.first)
        return;
    size_t size = idx->element_bytes;
    for (size_t start = 0; start < idx->byte_count; start += size)
        for (size_t low = 0; low < size / 2; low++) {
            unsigned char *element = idx->bytes + start, byte = element[low];
            element[low] = element[size - 1 - low];
            element[size - 1 - low] = byte;
        }
}

static bool read_elements(struct source *source, struct idx *idx) {
    size_t packed = source->gzipped ? source->stream.avail_in : 0, got = source->count;
    /* Deflate shrinks at most 1032 times: no memory is taken for elements that cannot come. */
    if (source->gzipped && idx->byte_count > packed * 1032 + 65536)
        return et_fail(source->error, "%s: expected %zu bytes of elements in %zu gzipped bytes",
                       source->path, idx->byte_count, packed);
    if (source->gzipped || idx->byte_count <= source->count) {
        idx->bytes = et_allocate_aligned(idx->byte_count);
        if (!idx->bytes)
            return no_memory(source);
        if (!source_read(source, idx->bytes, idx->byte_count, &got))
            return false;
    }
    if (got < idx->byte_count)
        return et_fail(source->error, "%s: expected %zu bytes of elements, found %zu", source->path,
                       idx->byte_count, got);
    to_machine_order(idx);
    return true;
}

bool idx_read(const char *path, size_t limit, struct idx *idx, struct et_error *error) {
    char *bytes;
    struct source source = {.path = path, .error = error};
    *idx = (struct idx){0};
    if (!read_file(path, limit, &bytes, &source.count, error))
        return false;
    source.bytes = (const unsigned char *)bytes;
    bool good = source_open(&source);
    if (good) {
        good = read_magic(&source, idx) && read_shape(&source, limit, idx) &&
               read_elements(&source, idx) && source_at_end(&source);
        source_close(&source);
    }
    et_release(bytes);
    if (!good)
        idx_free(idx);
    return good;
}

void idx_free(struct idx *idx) {
    et_release(idx->bytes);
    *idx = (struct idx){0};
}
