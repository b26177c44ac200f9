/* Files as a whole: read, mapped, written.
 *
 * What is read must be a regular file, links followed. Nothing here waits for another process: a
 * FIFO is refused. */
#ifndef EIGENTENSOR_FILE_H
#define EIGENTENSOR_FILE_H

#include "compiler/base/error.h"
#include "compiler/base/text.h"

#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* Reads a whole file of at most `limit` bytes (terminated by a zero byte that is not counted).
 * The caller releases *bytes with et_release. */
bool read_file(const char *path, size_t limit, char **bytes, size_t *count, struct et_error *error);

/* Its first bytes, up to `count`. */
bool read_beginning(const char *path, void *bytes, size_t count, size_t *got,
                    struct et_error *error);
/* Both are there, and one regular file, links followed. */
bool is_same_file(const char *path, const char *other);

/* A file's bytes, in pages that the system reads when they are first looked at. */
struct mapped_file {
    const char *bytes;
    size_t count;
    dev_t device; /* with `inode`: which file it is */
    ino_t inode;
    struct timespec modified, changed; /* when it was mapped: its elements, anything about it */
};
/* Requires that nothing writes into the file while it is mapped; another may take its name. The
 * caller gives it back with unmap_file. */
bool map_file(const char *path, size_t limit, struct mapped_file *file, struct et_error *error);
void unmap_file(struct mapped_file *file);
/* Gives back the memory of those pages of a file that lie within begin .. begin + count - 1, until
 * they are looked at again. What lies outside of the file is left alone. */
void forget_pages(const struct mapped_file *file, const void *begin, size_t count);
/* So much is made of a file's elements before the pages that it came from are given back. */
enum { FORGETTING_BYTES = 8 << 20 };

/* ---- file_write.c ---- */

/* Makes the folders of a file's path that are not there; *made is how many of the innermost. */
bool make_folders(const char *path, int *made, struct et_error *error);
/* Takes back as many, for a file that could not be made after all: those that are empty. */
void remove_folders(const char *path, int made);

/* Writes a whole file: into a sibling first, then renamed over `path`, so that no reader ever sees
 * half of it. Folders that are not there are made. */
bool write_file(const char *path, const void *bytes, size_t count, struct et_error *error);

/* The same for several, all or none: no file takes its name before all of them are written, so a
 * full disk leaves what was there before. */
struct new_file {
    const char *path;
    const void *bytes;
    size_t count;
};
bool write_files(const struct new_file *files, int count, struct et_error *error);

/* Writes all of it to a file that is open, however often that is interrupted. False: errno says
 * why.
 */
bool write_bytes(int descriptor, const void *bytes, size_t count);

/* Names the sibling in which the file `path` is made before it takes its name, NAME.PID-N.part; a
 * new one at each call. The caller frees `part`, also after an error. Removes those siblings that
 * processes which were killed left behind. */
bool begin_part(const char *path, struct text *part, struct et_error *error);
/* Removes, of all such siblings in a folder, those whose NAME begins so ("": any) and that are left
 * behind. */
void sweep_parts(const char *folder, const char *name);

/* Was it left behind, what lies under that name in an open folder and was made by that process? It
 * was if the process is no more, and if it is of that kind (S_IFREG, S_IFDIR), of this user, and
 * ten minutes old: processes are not all seen from everywhere. Links are not followed. */
bool is_left_behind(int folder, const char *name, long process, mode_t kind);

#endif
