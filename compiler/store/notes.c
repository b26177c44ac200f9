#include "compiler/store/notes.h"

enum { SETTLED_SECONDS = 2 }; /* the coarsest clock of a file system in use */

bool notes_add_file(struct digest_stream *stream, const struct mapped_file *file) {
    const int64_t facts[] = {(int64_t)file->device, (int64_t)file->inode,   (int64_t)file->count,
                             file->modified.tv_sec, file->modified.tv_nsec, file->changed.tv_sec,
                             file->changed.tv_nsec};
    int64_t latest =
        file->modified.tv_sec > file->changed.tv_sec ? file->modified.tv_sec : file->changed.tv_sec;
    digest_add(stream, facts, sizeof facts);
    return file->count && time(NULL) - latest >= SETTLED_SECONDS;
}
