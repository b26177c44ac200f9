/* What the fuzz targets share. Each is a program that libFuzzer links with its own main: it calls
 * LLVMFuzzerTestOneInput with bytes of its making, again and again, and reports what crashes, hangs
 * or leaks. Wrong answers abort. `make fuzz` builds them; tests/fuzz/corpus/NAME has the first
 * inputs of each, tests/fuzz/NAME.dict words for it to put in. */
#ifndef EIGENTENSOR_FUZZ_H
#define EIGENTENSOR_FUZZ_H

#include "compiler/base/base.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, with the message, where what must hold does not. */
#define must(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s: ", __FILE__, __LINE__, #condition);                \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The path of a file in memory that has these bytes, until the next call. */
static inline const char *fuzz_file(const uint8_t *data, size_t size) {
    static char path[64];
    static int file = -1;
    if (file < 0) {
        file = memfd_create("fuzz", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    must(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size, "%s", path);
    return path;
}

/* The bytes with a zero byte behind them, the caller's: reading beyond that is found out. */
static inline char *fuzz_text(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    must(text, "no memory");
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    return text;
}

#endif
