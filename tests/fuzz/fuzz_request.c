/* Whole requests, head and body, to a server without sockets: any route answers anything, and what
 * it calls JSON is JSON. A body that is called gzip and is none is packed first, so that changes of
 * it are changes of what is packed. */
#include "tests/fuzz/fuzz.h"

#include "server/http_head.h"
#include "server/server.h"

#include <zlib.h>

enum { MOST_PACKED = 1 << 17, MOST_JSON = 1 << 16 };

static struct server server;

static struct worker *open_server(void) {
    static char *const models[] = {"tests/fuzz/models/digits.json", "tests/fuzz/models/batch.json"};
    struct et_error error = {0};
    watch_json_memory();
    files_begin();
    server.options.max_body = 1 << 16;
    server.options.max_batch = 16;
    server.options.run_timeout = 10;
    must(models_open(&server.models, models, 2, &error), "%s", error.message);
    return worker_new(&server);
}

static const char *lookup(void *context, enum request_part part, const char *name) {
    return part == PART_HEADER ? http_head_header(context, name) : http_head_query(context, name);
}

static void pack(struct text *body) {
    static uint8_t packed[MOST_PACKED];
    z_stream stream = {.next_in = (Bytef *)body->bytes,
                       .avail_in = (uInt)body->length,
                       .next_out = packed,
                       .avail_out = MOST_PACKED};
    must(deflateInit2(&stream, 1, Z_DEFLATED, 16 + 9, 1, Z_FIXED) == Z_OK, "deflateInit2");
    must(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflate");
    deflateEnd(&stream);
    text_free(body);
    text_add_bytes(body, (char *)packed, stream.total_out);
}

static void unchunk(const char *bytes, size_t count, struct text *body) {
    struct http_chunks chunks = {0};
    const char *data;
    size_t data_bytes;
    while (http_chunks_next(&chunks, &bytes, &count, &data, &data_bytes) == CHUNK_DATA)
        text_add_bytes(body, data, data_bytes);
}

static void check_reply(const struct reply *reply) {
    must(reply->status >= 200 && reply->status < 600, "%d", reply->status);
    const char *bytes = reply->file ? reply->file : reply->body.bytes;
    size_t count = reply->file ? reply->file_bytes : reply->body.length;
    must(!reply->body.failed, "a text is not whole");
    if (!reply->type || strcmp(reply->type, "application/json") != 0 || reply->gzip ||
        count > MOST_JSON || count == 0)
        return;
    json_t *json = json_loadb(bytes, count, JSON_DECODE_ANY, NULL);
    must(json, "no JSON: %.*s", (int)count, bytes);
    json_decref(json);
}

static void answer(const struct http_head *head, const char *body, size_t count) {
    static struct worker *worker;
    if (!worker)
        worker = open_server();
    must(worker, "no worker");
    struct reply reply = {0};
    struct request request = {.method = strcmp(head->method, "HEAD") ? head->method : "GET",
                              .path = head->path,
                              .body = body,
                              .body_bytes = count,
                              .lookup = lookup,
                              .lookup_context = (void *)head};
    server_answer(worker, &request, &reply);
    check_reply(&reply);
    reply_free(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct http_head head;
    struct http_problem problem;
    struct text body = {0};
    size_t scanned = 0;
    long length = http_head_length((const char *)data, size, &scanned);
    if (length <= 0)
        return -1;
    char *bytes = fuzz_text(data, size);
    if (http_head_read(bytes, (size_t)length, &head, &problem)) {
        size_t count = size - (size_t)length;
        if (head.is_chunked)
            unchunk(bytes + length, count, &body);
        else
            text_add_bytes(&body, bytes + length, count);
        const char *coding = http_head_header(&head, "Content-Encoding");
        if (coding && strcmp(coding, "gzip") == 0 && body.length && body.bytes[0] != 0x1f)
            pack(&body);
        char *copy = fuzz_text((const uint8_t *)body.bytes, body.length);
        answer(&head, copy, body.length);
        free(copy);
    }
    text_free(&body);
    free(bytes);
    return 0;
}
