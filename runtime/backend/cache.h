/* What is kept from one process to the next, below $XDG_CACHE_HOME, else ~/.cache, in a folder
 * `eigentensor` that belongs to this user alone. */
#ifndef EIGENTENSOR_CACHE_H
#define EIGENTENSOR_CACHE_H

#include "compiler/store/digest.h"

/* Adds the folder's path; false where there is none. `make`: it is made if it is not there. */
bool cache_folder(struct text *folder, bool make);

/* A folder, or a plain file, that is this user's, and that no one else may write to. */
bool cache_folder_is_ours(const char *path);

bool cache_file_is_ours(const char *path);

/* Small files that end with their own SHA-256: the bytes before it, of a whole file of this user's,
 * for et_release. And writes such a file under a name that it takes once it is whole. */
bool cache_read(const char *path, size_t limit, char **bytes, size_t *count);
bool cache_write(const char *path, const void *bytes, size_t count);
/* Writes a new file for this user alone, which ends with `seal` unless that is NULL. */
bool cache_write_part(const char *part, const void *bytes, size_t count, const struct digest *seal);

/* Marks a file as used now; and removes those files of the folder whose names end with `ending`
 * that were used longest ago, until all of them together take no more than so many bytes, each with
 * the file beside it that has its name but the ending `beside` (NULL: none has one). What has that
 * ending alone goes once it is old. A file that is in use may be removed: whoever has mapped it
 * keeps it. */
void cache_touch(const char *path);
void cache_trim(const char *folder, const char *ending, const char *beside, int64_t most_bytes);

/* What the CPU can do, as far as compiled code and its speed can depend on it. False, and
 * errno says why, when it cannot be read. */
bool cache_add_cpu(struct digest_stream *stream);
void cache_add_word(struct digest_stream *stream, const char *word);

#endif
