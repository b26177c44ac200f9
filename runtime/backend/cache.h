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

/* What the CPU can do, as far as compiled code and its speed can depend on it. False when it cannot
 * be read. */
bool cache_add_cpu(struct digest_stream *stream);
void cache_add_word(struct digest_stream *stream, const char *word);

#endif
