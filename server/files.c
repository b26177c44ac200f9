/* The page, the samples and the texts of this interface, compiled into the server: the assembler
 * reads the files, files.def (which the Makefile writes) lists them. */
#include "server.h"

#include <stdio.h>
#include <string.h>

#include "digest.h"

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
        {".ico", "image/x-icon"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending && i < sizeof types / sizeof *types; i++)
        if (strcmp(ending, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

void files_begin(void) {
    for (int i = 0; i < files_count(); i++) {
        files[i].count = (size_t)(ends[i] - files[i].bytes);
        files[i].type = type_of(files[i].path);
        struct digest digest = digest_bytes(files[i].bytes, files[i].count);
        snprintf(files[i].etag, sizeof files[i].etag, "\"%.32s\"", digest_hex(&digest).text);
    }
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
    for (int i = 0; i < files_count(); i++)
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
    return NULL;
}
