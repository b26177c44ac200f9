/* The page, the samples and the texts of this interface, compiled into the server: the assembler
 * reads the files, files.def (which the Makefile writes) lists them. */
#include "server/server.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "compiler/store/digest.h"

#define FILE_ROW(symbol, source, url)                                                              \
    __asm__(".section .rodata\n.globl " #symbol "\n" #symbol ":\n.incbin \"" source                \
            "\"\n.globl " #symbol "_end\n" #symbol "_end:\n.byte 0\n.previous\n");                 \
    extern const unsigned char symbol[], symbol##_end[];
#include "files.def"
#undef FILE_ROW

static struct embedded_file files[] = {
#define FILE_ROW(symbol, source, url) {.path = url, .bytes = symbol},
#include "files.def"
#undef FILE_ROW
};

static const unsigned char *const ends[] = {
#define FILE_ROW(symbol, source, url) symbol##_end,
#include "files.def"
#undef FILE_ROW
};

static const char *type_of(const char *path) {
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".wasm", "application/wasm"},
        {".ico", "image/x-icon"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending && i < sizeof types / sizeof *types; i++)
        if (strcmp(ending, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* Texts are sent compressed; pictures are so already, and weights are as if they were. */
static void compress_file(struct embedded_file *file) {
    enum { GZIP = 16 };
    z_stream stream = {.next_in = (unsigned char *)file->bytes, .avail_in = (uInt)file->count};
    if (strcmp(file->type, "image/png") == 0 || strcmp(file->type, "application/wasm") == 0 ||
        deflateInit2(&stream, 9, Z_DEFLATED, GZIP + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return;
    uLong room = deflateBound(&stream, (uLong)file->count);
    char *bytes = et_allocate(room, 1);
    stream.next_out = (unsigned char *)bytes;
    stream.avail_out = (uInt)room;
    if (bytes && deflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out < file->count)
        text_add_bytes(&file->gzip, bytes, stream.total_out);
    if (!text_check(&file->gzip, NULL))
        text_free(&file->gzip); /* it is sent as it is */
    et_release(bytes);
    deflateEnd(&stream);
}

void files_begin(void) {
    for (int i = 0; i < files_count(); i++) {
        struct embedded_file *file = &files[i];
        file->count = (size_t)(ends[i] - file->bytes);
        file->type = type_of(file->path);
        struct digest digest = digest_bytes(file->bytes, file->count);
        snprintf(file->etag, sizeof file->etag, "\"%.32s\"", digest_hex(&digest).text);
        snprintf(file->gzip_etag, sizeof file->gzip_etag, "\"%.32s-gz\"", digest_hex(&digest).text);
        compress_file(file);
    }
}

void files_end(void) {
    for (int i = 0; i < files_count(); i++)
        text_free(&files[i].gzip);
}

void file_answer(const struct embedded_file *file, const struct request *request,
                 struct reply *reply) {
    const char *known = request_header(request, "If-None-Match");
    const char *takes = request_header(request, "Accept-Encoding");
    reply->gzip = file->gzip.length && takes && strcasestr(takes, "gzip");
    reply->etag = reply->gzip ? file->gzip_etag : file->etag;
    bool unchanged = known && (strstr(known, reply->etag) || strcmp(known, "*") == 0);
    reply->status = unchanged ? 304 : 200;
    reply->type = file->type;
    reply->file = reply->gzip ? (const void *)text_read(&file->gzip, NULL) : file->bytes;
    reply->file_bytes = unchanged ? 0 : reply->gzip ? file->gzip.length : file->count;
    reply->gzip &= !unchanged;
}

int files_count(void) {
    return sizeof files / sizeof *files;
}

const struct embedded_file *files_at(int index) {
    return &files[index];
}

const struct embedded_file *files_find(const char *path) {
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    if (strcmp(path, "/favicon.ico") ==
        0) /* clients that do not read the page's <link> ask for that */
        path = "/icon.svg";
    for (int i = 0; i < files_count(); i++)
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
    return NULL;
}
