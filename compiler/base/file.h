/* Files as a whole: read, mapped, written. */
#ifndef EIGENTENSOR_FILE_H
#define EIGENTENSOR_FILE_H

#include "compiler/base/error.h"

#include <stddef.h>

/* Reads a whole file of at most `limit` bytes (terminated by a zero byte that is not counted).
 * The caller releases *bytes with et_release. */
bool read_file(const char *path, size_t limit, char **bytes, size_t *count, struct et_error *error);

/* A file's bytes, in pages that the system reads when they are first looked at. */
struct mapped_file {
    const char *bytes;
    size_t count;
};
/* Requires that nothing writes into the file while it is mapped; another may take its name. The
 * caller gives it back with unmap_file. */
bool map_file(const char *path, size_t limit, struct mapped_file *file, struct et_error *error);
void unmap_file(struct mapped_file *file);
/* Gives back the memory of those pages of a file that lie within begin .. begin + count - 1, until
 * they are looked at again. What lies outside of the file is left alone. */
void forget_pages(const struct mapped_file *file, const void *begin, size_t count);

/* Writes a whole file: into a sibling first, then renamed over `path`, so that no reader ever sees
 * half of it. */
bool write_file(const char *path, const void *bytes, size_t count, struct et_error *error);

#endif
